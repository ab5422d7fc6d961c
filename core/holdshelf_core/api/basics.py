"""What every command wants at once, and costs nothing to import; `local` has the rest of what needs no service."""

from __future__ import annotations

from pathlib import Path

from holdshelf_core.areas import PERMITTED, check_area, questionable_name
from holdshelf_core.errors import BadRequest
from holdshelf_core.paths import default_data
from holdshelf_core.version import VERSION

__all__ = ["AREA_KINDS", "VERSION", "check_area", "default_data", "questionable_name", "read_secret"]

AREA_KINDS = tuple(area.kind for area in PERMITTED)
MAX_SECRET_BYTES = 4096


def read_secret(path: Path) -> str:
    """A password's file: its first line. Raises BadRequest."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_SECRET_BYTES)
        text = raw.decode("utf-8-sig")
    except OSError as error:
        raise BadRequest(f"The password file {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise BadRequest(f"The password file {path} is not text.", "Its first line is the password.") from None
    line = text.split("\n", 1)[0].rstrip("\r")
    if "\0" in line:
        raise BadRequest(f"The password file {path} is not text.", "Its first line is the password.")
    if not line:
        raise BadRequest(f"The first line of the password file {path} is empty.", "It is to be the password.")
    return line
