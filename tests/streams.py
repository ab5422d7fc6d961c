"""Cameras that a service has from its start: rows of the register, for tests in which a camera is not what is tried.

`Service.add` has a process of its own try the stream, which takes as much of a processor as ten seconds of recording.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from tests.looking import seed


class Entry(msgspec.Struct):
    """A camera's row in the register."""

    entry_id: str
    title: str
    data: dict[str, Any]
    unique_id: str
    added_utc_ns: int
    area_kind: str = "seating"
    area_note: str = ""
    domain: str = "stream"


def furnish(data: Path, urls: Mapping[str, str]) -> list[str]:
    """Gives a service that does not run bare streams without a password; their ids are their names. Returns these."""
    rows: list[tuple[str, str, msgspec.Struct]] = []
    for name, url in urls.items():
        assert "_" not in name, "a camera's id is made of letters, digits and dashes"
        told = {"address": urlsplit(url).hostname, "stream": {"url": url}}
        rows.append(("entries", name, Entry(name, name, told, f"stream-{name}", time.time_ns())))
    seed(data, rows)
    return list(urls)
