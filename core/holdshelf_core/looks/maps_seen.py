"""Tracks which log entries already cover a person's view of the movement map.

The map of movement contains no pictures. It is logged when somebody first views a camera's map in a session, and again for each
other day of it; repeated requests of the same session, as from a screen left open, are covered by that entry.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from tzlocal import get_localzone

from holdshelf_core.actions.caller import Caller
from holdshelf_core.looks.grants import holder_of
from holdshelf_core.times import HOUR_NS, NS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LOCAL_COVERS_NS = HOUR_NS
"""A local account has no session that ends: its entries cover an hour."""
REMEMBERED = 1_000
"""Entries kept per person and camera; after that, the one unused for longest is logged again."""


@dataclass(slots=True)
class _Seen:
    """One person in one session, at one camera: the entry of each local day, and until when it covers (boot ns)."""

    entries: dict[date, tuple[int, int | None]] = field(default_factory=dict)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class MapsSeen:
    """The covering entries. Methods run on the loop."""

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[str, str, str], _Seen] = OrderedDict()

    def lock(self, caller: Caller, camera: str) -> asyncio.Lock:
        """Return the lock to hold from ``entry_of`` to ``add``, so that two concurrent requests leave one entry."""
        return self._of(caller, camera).lock

    def entry_of(self, caller: Caller, camera: str, days: Iterable[date], boot_ns: int) -> int | None:
        """Return the entry that covers all these days; None: a new one is needed."""
        found = 0
        entries = self._of(caller, camera).entries
        for one in days:
            seq, ends = entries.get(one, (0, None))
            if not seq or (ends is not None and boot_ns >= ends):
                return None
            found = max(found, seq)
        return found or None

    def add(self, caller: Caller, camera: str, days: Iterable[date], seq: int, boot_ns: int) -> None:
        """Add an entry that is on disk."""
        ends = None if caller.via == "ssh" else boot_ns + LOCAL_COVERS_NS
        self._of(caller, camera).entries.update(dict.fromkeys(days, (seq, ends)))

    def forget(self, session: str) -> None:
        """Forget the entries of a session that ended."""
        for key in [key for key in self._seen if key[1] == session]:
            del self._seen[key]

    def _of(self, caller: Caller, camera: str) -> _Seen:
        key = (caller.who, holder_of(caller), camera)
        seen = self._seen.setdefault(key, _Seen())
        self._seen.move_to_end(key)
        while len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return seen


def local_days(start_utc_ns: int, end_utc_ns: int) -> tuple[list[date], int, int]:
    """Return the library's local days that a span touches, and their start and end (UTC ns). Raises ValueError, OverflowError."""
    zone = get_localzone()
    first, last = (
        (_EPOCH + timedelta(seconds=at // NS)).astimezone(zone).date() for at in (start_utc_ns, end_utc_ns - 1)
    )
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    start, end = (datetime.combine(one, time(), zone) for one in (first, last + timedelta(days=1)))
    return days, _ns(start), _ns(end)


def _ns(at: datetime) -> int:
    since = at.astimezone(UTC) - _EPOCH
    return (since.days * 86_400 + since.seconds) * NS
