"""Which entries of the access log tell already that somebody sees when something moved.

The map of movement holds no picture. It is written down when somebody first sees a camera's in a session, and again for each
other day of it; what the same session asks again, as a screen does that is left open, is covered by that entry.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from tzlocal import get_localzone

from holdshelf_core.caller import Caller
from holdshelf_core.looking.grants import holder_of

NS = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LOCAL_COVERS_NS = 3600 * NS
"""A local account has no session that ends: its entries cover an hour."""
REMEMBERED = 1_000
"""Maps of one person and camera; the one not seen for longest is written down anew."""


@dataclass(slots=True)
class _Seen:
    """Of one person in one session, at one camera: the entry of each local day, and until when it covers (boot ns)."""

    entries: dict[date, tuple[int, int | None]] = field(default_factory=dict)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class MapsSeen:
    """Methods run on the loop."""

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[str, str, str], _Seen] = OrderedDict()

    def lock(self, caller: Caller, camera: str) -> asyncio.Lock:
        """Held from asking to adding, so that two questions at once leave one entry."""
        return self._of(caller, camera).lock

    def entry_of(self, caller: Caller, camera: str, days: Iterable[date], boot_ns: int) -> int | None:
        """The entry that covers all these days; None: it is to be written."""
        found = 0
        entries = self._of(caller, camera).entries
        for one in days:
            seq, ends = entries.get(one, (0, None))
            if not seq or (ends is not None and boot_ns >= ends):
                return None
            found = max(found, seq)
        return found or None

    def add(self, caller: Caller, camera: str, days: Iterable[date], seq: int, boot_ns: int) -> None:
        """An entry that is on disk."""
        ends = None if caller.via == "ssh" else boot_ns + LOCAL_COVERS_NS
        self._of(caller, camera).entries.update(dict.fromkeys(days, (seq, ends)))

    def forget(self, session: str) -> None:
        """It has ended."""
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
    """The library's days that a span touches, and from when to when (UTC ns) they reach. Raises ValueError, OverflowError."""
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
