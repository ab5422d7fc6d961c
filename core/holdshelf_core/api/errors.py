"""The errors that a client of the API may meet (``holdshelf_core.errors``)."""

from holdshelf_core.errors import BadRequest, Conflict, HoldshelfError, NotFound, NotPermitted, Unavailable

__all__ = ["BadRequest", "Conflict", "HoldshelfError", "NotFound", "NotPermitted", "Unavailable"]
