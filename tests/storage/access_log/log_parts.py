"""Entries, and logs made of them, for the tests of the access log."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.access_log.lines import time_text
from holdshelf_storage.access_log.verify import verify_log

NS = 10**9
NOVEMBER = 1_795_579_200 * NS
"""2026-11-25T04:00:00Z."""
MONTH_NS = 31 * 86_400 * NS

Made = tuple[dict[str, Any], dict[str, str]]


def entry(number: int, utc_ns: int | None = None, private: bool | None = None) -> Made:
    """(public, private) of one entry; every third is without private texts unless `private` says otherwise."""
    public = {
        "at": time_text(NOVEMBER + number * 60 * NS if utc_ns is None else utc_ns),
        "offset_s": -18000,
        "action": "look.open",
        "outcome": "done",
        "person": f"p{number}",
        "cameras": ["front", "parking"],
        "facts": {"pictures": 64, "wide": False, "of": None},
    }
    with_private = bool(number % 3) if private is None else private
    return public, {"source": f"192.0.2.{number}:50022", "note": "Ünïcode \u2028 “x” \\ \n"} if with_private else {}


@contextmanager
def opened(state: Path, **options: Any) -> Iterator[AccessLog]:
    """A log that is closed at the end."""
    state.mkdir(parents=True, exist_ok=True)
    log = AccessLog.open(state, **options)
    try:
        yield log
    finally:
        log.close()


def made(state: Path, numbers: Iterable[int], step_ns: int = 60 * NS) -> str:
    """A closed log with these entries; its signed head."""
    with opened(state) as log:
        for number in numbers:
            log.append(*entry(number, NOVEMBER + number * step_ns))
        return log.head()


def lines_of(state: Path) -> list[bytes]:
    """Every line of the log's months, newlines included, in the order of their names."""
    return [
        line
        for path in sorted((state / "access").glob("*.jsonl"))
        for line in path.read_bytes().splitlines(keepends=True)
    ]


def copied(state: Path, to: Path) -> Path:
    """A copy of the state folder at `to`, in place of what was there."""
    shutil.rmtree(to, ignore_errors=True)
    return shutil.copytree(state, to)


def problems(path: Path, against: str | None = None, **options: Any) -> list[str]:
    """What `verify_log` finds wrong."""
    return verify_log(path, against, **options).problems


def publics(log: AccessLog) -> list[dict[str, Any]]:
    """What was appended, as it reads back."""
    return [
        {name: value for name, value in found.public.items() if name not in ("v", "seq", "commit")}
        for found in log.read()
    ]
