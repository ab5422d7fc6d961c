"""The errors that a client of the API may meet (``holdshelf_core.errors``)."""

from holdshelf_core.errors import (
    BadRequest,
    Conflict,
    HoldshelfError,
    NotFound,
    NotPermitted,
    Refused,
    Unavailable,
    UnknownKey,
    Unreachable,
)

__all__ = [
    "BadRequest",
    "Conflict",
    "HoldshelfError",
    "NotFound",
    "NotPermitted",
    "Refused",
    "Unavailable",
    "UnknownKey",
    "Unreachable",
    "refused_there",
]


def refused_there(clause: str, sentence: str, next_step: str, who: str = "") -> Refused:
    """A refusal of the service's, as it was there: its sentence quotes the clause already."""
    error = Refused("", sentence, who)
    error.clause = clause
    error.next_step = next_step
    return error
