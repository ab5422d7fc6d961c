"""The sentences of strings.json, filled in. The only place where text for people is composed.

A camera's texts in placeholders must have gone through ``text.clean_text`` before.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple


class Words(NamedTuple):
    """One sentence (what, where) and one next step."""

    sentence: str
    next_step: str


@cache
def load() -> dict[str, Any]:
    """Return all of strings.json; read once, at package import and not on a running loop."""
    loaded: dict[str, Any] = json.loads((files(__package__) / "strings.json").read_text(encoding="utf-8"))
    return loaded


def error(key: str, **placeholders: object) -> Words:
    """Return an error's text; ``key`` is one of ``errors`` in strings.json."""
    return _fill(load()["errors"][key], placeholders)


def issue(key: str, **placeholders: object) -> Words:
    """Return a repair's text; ``key`` is one of ``issues`` in strings.json."""
    return _fill(load()["issues"][key], placeholders)


def warning(key: str, **placeholders: object) -> str:
    """Return the note shown on adding a camera that works but has a flaw; ``key`` is one of ``warnings`` in strings.json."""
    text: str = load()["warnings"][key]
    return text.format(**placeholders)


def _fill(entry: dict[str, str], placeholders: dict[str, object]) -> Words:
    return Words(entry["sentence"].format(**placeholders), entry["next_step"].format(**placeholders))


load()
