"""What comes of a broker, held against what a recorder tells. Others may write there, too, and a newer recorder tells more.

A field that is missing, of another type or beyond all measure is left out, and named; what is not known here is left out and not
named. Nothing of Home Assistant is imported: these are pure functions.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

FORMAT: Final = 1
"""Of the topics that this integration understands."""
MOST_CHARACTERS: Final = 1 << 20
"""Of a payload. That of a recorder with 1,000 cameras has a fifth."""
MOST_CAMERAS: Final = 1024
MOST_CONDITIONS: Final = 1024
_MOST_TEXT: Final = 512
_MOST_DAYS: Final = 100_000
_MOST_COUNT: Final = 1 << 63
_MOST_EXPIRE_S: Final = 86_400
_ID: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}", re.ASCII)
_CAMERA: Final = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)
_KIND: Final = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)


class Bad(ValueError):
    """A field is not as a recorder tells it."""


type Check = Callable[[Any], Any]
"""Returns the value as entities take it. Raises Bad, or another ValueError."""


class Told(NamedTuple):
    """``fields``: those that are as they should be. ``bad``: the names of the others."""

    fields: dict[str, Any]
    bad: tuple[str, ...]


def read(payload: Any) -> dict[str, Any] | None:
    """Return a payload's object; None for what is none."""
    if not isinstance(payload, str) or len(payload) > MOST_CHARACTERS:
        return None
    try:
        told = json.loads(payload, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def about(topic: str, told: Mapping[str, Any]) -> Told:
    """What a recorder tells of itself. A field of `NEEDED` that is bad leaves nothing to go by."""
    fields, bad = _pick(told, _ABOUT)
    if "id" in fields and topic != f"holdshelf/{fields['id']}/about":
        del fields["id"]
        bad = (*bad, "id")
    return Told(fields, bad)


NEEDED: Final = frozenset({"format", "id", "title", "discovery"})


def recorder(told: Mapping[str, Any]) -> Told:
    """A recorder's state. Of its conditions those that are whole are there, also where others are not."""
    fields, bad = _pick(told, _RECORDER)
    rows = told.get("conditions")
    listed = rows[:MOST_CONDITIONS] if isinstance(rows, list) else []
    picked = [_pick(one, _CONDITION) for one in listed if isinstance(one, dict)]
    fields["conditions"] = [one.fields for one in picked if not one.bad]
    if not isinstance(rows, list) or len(fields["conditions"]) != len(rows):
        bad = (*bad, "conditions")
    return Told(fields, bad)


def camera(told: Mapping[str, Any]) -> Told:
    """A camera's state."""
    return _pick(told, _CAMERA_STATE)


def camera_of(topic: str) -> str | None:
    """Return the camera whose state a topic carries; None where it names none that there can be."""
    parts = topic.split("/")
    return parts[3] if len(parts) == 5 and _CAMERA.fullmatch(parts[3]) else None


def log_head(told: Mapping[str, Any]) -> Told:
    """A new head of the log."""
    return _pick(told, _LOG_HEAD)


def _pick(told: Mapping[str, Any], checks: Mapping[str, Check]) -> Told:
    fields: dict[str, Any] = {}
    bad = []
    for name, check in checks.items():
        try:
            fields[name] = check(told[name])
        except (KeyError, ValueError):
            bad.append(name)
    return Told(fields, tuple(bad))


def _refuse(_constant: str) -> None:
    raise Bad("NaN and Infinity are no JSON")


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value or len(value) > _MOST_TEXT:
        raise Bad
    value.encode()  # half a surrogate pair can be written nowhere
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Bad
    return value


def _up_to(most: int, least: int = 0) -> Check:
    def check(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value < most:
            raise Bad
        return value

    return check


def _days(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= _MOST_DAYS:
        raise Bad
    if not math.isfinite(value):
        raise Bad
    return value


def _time(value: Any) -> datetime:
    if not isinstance(value, str) or len(value) > _MOST_TEXT:
        raise Bad
    try:
        at = datetime.fromisoformat(value)
        if at.tzinfo is None or not 1970 <= at.year < 9999:
            raise Bad
        return at.astimezone(UTC)
    except OverflowError:
        raise Bad from None


def _time_text(value: Any) -> str:
    _time(value)
    return str(value)


def _or_none(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


def _matches(pattern: re.Pattern[str]) -> Check:
    def check(value: Any) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise Bad
        return value

    return check


def _cameras(value: Any) -> list[str]:
    if not isinstance(value, list) or len(value) > MOST_CAMERAS:
        raise Bad
    return [_matches(_CAMERA)(one) for one in value]


def _of_camera(value: Any) -> str:
    return "" if value == "" else str(_matches(_CAMERA)(value))


def _name(value: Any) -> str:
    """That of the whole recorder is ''."""
    return "" if value == "" else _text(value)


_ABOUT: Final[dict[str, Check]] = {
    "format": _up_to(FORMAT + 1, FORMAT),
    "id": _matches(_ID),
    "title": _text,
    "version": _text,
    "discovery": _flag,
    "expire_after_s": _up_to(_MOST_EXPIRE_S, 1),
}
_RECORDER: Final[dict[str, Check]] = {
    "days_kept": _days,
    "oldest": _or_none(_time),
    "free_bytes": _up_to(_MOST_COUNT),
    "days_forecast": _or_none(_days),
    "problem": _flag,
    "reviews_overdue": _up_to(_MOST_COUNT),
    "cameras": _cameras,
}
_CONDITION: Final[dict[str, Check]] = {
    "kind": _matches(_KIND),
    "severity": _text,
    "camera": _of_camera,
    "name": _name,
    "since": _time_text,
    "count": _up_to(_MOST_COUNT),
    "words": _text,
}
_CAMERA_STATE: Final[dict[str, Check]] = {
    "name": _text,
    "recording": _flag,
    "connected": _flag,
    "reason": _text,
    "days_kept": _days,
}
_LOG_HEAD: Final[dict[str, Check]] = {"head": _text, "entries": _up_to(_MOST_COUNT), "at": _time_text}
