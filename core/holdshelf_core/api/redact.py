"""What a person (other than the admin) may know about the machine: no camera addresses, file paths or process numbers.

Known hosts and folders are removed from sentences, and so is anything that looks like one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

import msgspec

from holdshelf_core.api import types
from holdshelf_core.integration.entry import ConfigEntry
from holdshelf_core.paths import DataPaths

GONE = "…"
_LOOKS_LIKE_ONE = re.compile(
    r"\b[a-z][a-z0-9+.-]*://\S+"  # a URL
    r"|\b\d{1,3}(?:\.\d{1,3}){3}\b(?::\d+)?"  # IPv4
    r"|\[?(?<![\w:])(?:[0-9a-f]{0,4}:){3,7}[0-9a-f]{0,4}(?![\w:])\]?"  # IPv6; a time of day has two colons
    r"|(?<![\w/])/[\w.@+-]+(?:/[\w.@+-]*)+",  # a path of two names or more
    re.ASCII | re.IGNORECASE,
)


def scrub(text: str, known: Iterable[str] = ()) -> str:
    """Return the text without hosts and paths."""
    for secret in sorted((k for k in known if len(k) > 2), key=len, reverse=True):
        text = text.replace(secret, GONE)
    return _LOOKS_LIKE_ONE.sub(GONE, text)


def known_secrets(paths: DataPaths, entries: Iterable[ConfigEntry[Any]]) -> list[str]:
    """Return the hosts of all cameras and the folders of this installation."""
    found = {str(paths.data), str(paths.media), str(paths.media.resolve())}
    for entry in entries:
        stream = entry.data.get("stream")
        for address in (entry.data.get("address"), stream.get("url") if isinstance(stream, dict) else None):
            if isinstance(address, str) and address:
                found.add(address)
                try:
                    found.add(urlsplit(address).hostname or "")
                except ValueError:
                    continue
    return [secret for secret in found if secret]


def status_for_person(
    status: types.Status,
    may_see: Callable[[str], bool],
    is_told: Callable[[types.RepairRow], bool],
    known: Iterable[str],
) -> types.Status:
    """Return the status as a person may see it. ``may_see`` tells whether they may see a camera, by its id; ``is_told`` whether
    they may know of a repair."""
    secrets = list(known)
    cameras = [
        msgspec.structs.replace(
            row,
            address="",
            detail=scrub(row.detail, secrets),
            reason=scrub(row.reason, secrets),
            last_gap=gap_for_person(row.last_gap, secrets) if row.last_gap else None,
        )
        for row in status.cameras
        if may_see(row.id)
    ]
    repairs = [
        msgspec.structs.replace(row, sentence=scrub(row.sentence, secrets), next_step=scrub(row.next_step, secrets))
        for row in status.repairs
        if is_told(row)
    ]
    disk = msgspec.structs.replace(status.disk, media="", problem=scrub(status.disk.problem, secrets))
    return msgspec.structs.replace(
        status, pid=0, worker_pids=[], disk=disk, cameras=cameras, repairs=repairs, elsewhere="", backups=""
    )


def gap_for_person(row: types.GapRow, known: Iterable[str]) -> types.GapRow:
    """Return a gap without addresses in its detail."""
    return msgspec.structs.replace(row, detail=scrub(row.detail, known))
