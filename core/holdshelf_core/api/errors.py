"""The errors that an API client may see (``holdshelf_core.errors``)."""

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
    """Return a refusal received from the service unchanged: its sentence quotes the clause already."""
    error = Refused("", sentence, who)
    error.clause = clause
    error.next_step = next_step
    return error
