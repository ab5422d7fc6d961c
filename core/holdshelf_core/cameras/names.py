"""Cameras' names: what a person may call one, which are the same, and the id that is made from one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from holdshelf_core.errors import BadRequest
from holdshelf_core.policy.areas import questionable_name

MAX_NAME_CHARS = 64


def camera_id(name: str, taken: Iterable[str]) -> str:
    """A short, safe folder name made from a camera's name: 'Café entrance' → 'cafe-entrance'."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    base = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "camera"
    known = set(taken)
    if base not in known:
        return base
    return next(f"{base}-{number}" for number in range(2, 10_000) if f"{base}-{number}" not in known)


def same_name(name: str) -> str:
    """Return a form of the name that is equal for names a person would consider the same."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def check_name(name: str) -> str:
    """Check and return a camera's name: printable, 1 to 64 characters. Raises BadRequest."""
    clean = " ".join(name.split())
    if not clean or len(clean) > MAX_NAME_CHARS or not clean.isprintable():
        raise BadRequest(
            f"A camera's name has 1 to {MAX_NAME_CHARS} printable characters.", "Give another with --name."
        )
    return clean


def check_questioned(title: str, *, questioned: bool) -> None:
    """Raise BadRequest for a name that sounds like a private area, unless a person confirmed that the camera sees none (P5)."""
    word = questionable_name(title)
    if word and not questioned:
        raise BadRequest(
            f"The name {title!r} sounds like a private area ({word!r}), where cameras are not allowed (P5).",
            "If the camera does not see a private area, add --not-private.",
        )
