"""What every command needs at once and is cheap to import; `local` has the other parts that need no service."""

from __future__ import annotations

from pathlib import Path

from holdshelf_core.errors import BadRequest
from holdshelf_core.paths import default_data
from holdshelf_core.policy.areas import questionable_name
from holdshelf_core.version import VERSION

__all__ = ["VERSION", "default_data", "questionable_name", "read_secret"]

MAX_SECRET_BYTES = 4096


def read_secret(path: Path, what: str = "password") -> str:
    """Return the first line of a file with a password, or with ``what`` else. Raises BadRequest."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_SECRET_BYTES)
        text = raw.decode("utf-8-sig")
    except OSError as error:
        raise BadRequest(f"The {what} file {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise BadRequest(f"The {what} file {path} is not text.", f"Its first line must be the {what}.") from None
    line = text.split("\n", 1)[0].rstrip("\r")
    if "\0" in line:
        raise BadRequest(f"The {what} file {path} is not text.", f"Its first line must be the {what}.")
    if not line:
        raise BadRequest(f"The first line of the {what} file {path} is empty.", f"Put the {what} there.")
    return line
