"""What came of an entry that let something out: said on its own line, from the later entry that counts what left.

Where the later entry is missing, because the service was killed, the line says "unknown, at most N" and never less.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from holdshelf_core.access_log.types import LogEntryRow
from holdshelf_core.looks import leases
from holdshelf_core.outbox import fetches
from holdshelf_storage.access_log.access_log import AccessLog

type Public = Mapping[str, Any]
"""The public line of an entry."""


@dataclass(frozen=True, slots=True)
class _Ending:
    """Words for an opening entry and its closing one, and for an opening one that is not over yet."""

    words: Callable[[Public, Public | None], str]
    going_on: str


_BY_OPENING = {
    fetches.FETCH: _Ending(fetches.fetched_words, "being fetched"),
    leases.OPEN: _Ending(leases.delivered_words, "being shown"),
}
_NUMBER_IN = {fetches.CLOSE: "fetch", leases.CLOSE: "lease"}
"""The fact of a closing entry that has the number of its opening one."""


BEHIND, WIDER = 256, 8
"""Entries behind the last opening one that are searched for the closing ones at first, and how many times as many next."""
_CLOSING = b'.close"'
"""In each closing entry."""


def is_opening(row: LogEntryRow) -> bool:
    """Return whether this entry let something out, so that another one counts what left."""
    return str(row.entry.get("action", "")) in _BY_OPENING and row.entry.get("outcome") == "done"


class Endings:
    """Closing entries by the number of their opening one: noted while the log is read, or looked for."""

    def __init__(self, under_way: frozenset[int], size: int) -> None:
        """``under_way``: openings that are not over yet; ``size``: entries in the log when that was asked."""
        self._under_way, self._size = under_way, size
        self._closed: dict[int, Public] = {}

    def note(self, entry: Public) -> None:
        """Keep an entry if it is a closing one."""
        number = _NUMBER_IN.get(str(entry.get("action", "")))
        if number is not None:
            self._closed[int(entry.get("facts", {}).get(number, 0))] = entry

    def find(self, log: AccessLog, openings: Iterable[int], go_on: Callable[[], None]) -> None:
        """Look for the closing entries of these: they follow soon, so hardly anything is read. Blocks. Raises StorageError."""
        missing = set(openings)
        first = min(missing, default=0) + 1
        window = max(missing, default=0) - first + BEHIND
        while missing and first <= log.size:
            words = [b'"%s":%d' % (fact.encode(), number) for fact in _NUMBER_IN.values() for number in missing]

            def may_have(lines: bytes, words: list[bytes] = words) -> bool:
                go_on()
                return _CLOSING in lines and any(word in lines for word in words)

            for entry in log.read_back(first, first + window - 1, may_have=may_have):
                self.note(entry.public)
            missing -= self._closed.keys()
            first, window = first + window, window * WIDER

    def told(self, row: LogEntryRow) -> LogEntryRow:
        """Return the row with what came of it; as it is when it lets nothing out."""
        if not is_opening(row):
            return row
        ending = _BY_OPENING[str(row.entry["action"])]
        closed = self._closed.get(row.seq)
        going_on = closed is None and (row.seq in self._under_way or row.seq > self._size)
        end = ending.going_on if going_on else ending.words(row.entry, closed)
        return msgspec.structs.replace(row, came_of=end)
