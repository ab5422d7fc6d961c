"""Two rules that every erasing of the rolling buffer keeps. A line of the ledger that breaks one is not believed.

Root can remove footage and write a line about it. The access log, which root cannot sign, and what still stands on the disk
tell when that line is false:

* what was on hold, by the access log, is not erased before its hold has ended
* the oldest goes first: nothing is erased while something older that no hold keeps stands

`LogFacts` has what the log says. Pure, without I/O. What cannot be decided breaks no rule.
"""

import threading
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from holdshelf_storage.ledger.lines import merged
from holdshelf_storage.volume.recovered import without

WHILE_HELD = "was erased while it was on hold"
OUT_OF_ORDER = "was erased out of order: older footage that no hold keeps is still there"

SLACK_NS = 2_000_000_000
"""Two clock readings closer than this have no order."""


class Written(NamedTuple):
    """Where a line of the ledger stands."""

    month: str
    """Name of its file."""
    offset: int
    order: int
    """How many lines were read before it."""
    at_utc_ns: int


class Held(NamedTuple):
    """A span that a hold keeps, from log entry `from_seq` until entry `until_seq` (None: it still does)."""

    start_utc_ns: int
    end_utc_ns: int
    from_seq: int
    from_utc_ns: int | None
    """When that was; None where the log shows that the clock had been ahead."""
    until_seq: int | None = None


class LogFacts:
    """What the access log says of holds, and how far the ledger reached at each anchor. Thread-safe."""

    def __init__(self, protects: Callable[[str, int, int], bool] = lambda _camera, _start, _end: False) -> None:
        """`protects(camera, start, end)`: whether a hold keeps that by now, even one that the log does not have yet."""
        self._protects = protects
        self._guard = threading.RLock()
        self._active: dict[str, dict[str, list[Held]]] = {}
        self._over: dict[str, list[Held]] = {}
        self._held: dict[str, list[Held]] = {}
        self._ever: dict[str, tuple[list[int], list[int]]] = {}
        self._anchors: list[tuple[int, int]] = []
        """(entry, its time) of each."""
        self._sizes: dict[str, tuple[list[int], list[int]]] = {}
        """By file of the ledger: (which anchor, its bytes then), ascending."""
        self._shrunk: set[str] = set()
        self._versions: dict[str, int] = {}
        self._latest_utc_ns = 0
        self.ledger_bytes: Mapping[str, int] | None = None
        """By file of the ledger, its size before the log was read; None: the log is read again whenever that is asked."""

    # -- telling, in the order of the log -----------------------------------------------------------------------------

    def anchored(self, seq: int, at_utc_ns: int, sizes: Iterable[tuple[str, int]]) -> None:
        """Entry `seq` says how many bytes the ledger's files had just before it."""
        with self._guard:
            self._latest_utc_ns = max(self._latest_utc_ns, at_utc_ns)
            for name, size in sizes:
                which, known = self._sizes.setdefault(name, ([], []))
                if known and size < known[-1]:
                    self._shrunk.add(name)  # a ledger from a backup: where its lines stand proves nothing
                which.append(len(self._anchors))
                known.append(size)
            self._anchors.append((seq, at_utc_ns))

    def hold(self, seq: int, at_utc_ns: int, hold: str, spans: Mapping[str, Iterable[tuple[int, int]]]) -> None:
        """From entry `seq` on, a hold keeps these spans by camera, and no others."""
        with self._guard:
            since = at_utc_ns if at_utc_ns >= self._latest_utc_ns - SLACK_NS else None
            self._latest_utc_ns = max(self._latest_utc_ns, at_utc_ns)
            before = self._active.get(hold, {})
            after: dict[str, list[Held]] = {}
            for camera in {*before, *spans}:
                wanted = merged(spans.get(camera, ()), 1)
                kept: list[Held] = []
                for piece in before.get(camera, ()):
                    span = [(piece.start_utc_ns, piece.end_utc_ns)]
                    for start, end in without(span, wanted):
                        ended = piece._replace(start_utc_ns=start, end_utc_ns=end, until_seq=seq)
                        self._over.setdefault(camera, []).append(ended)
                    for start, end in wanted:
                        first, last = max(start, piece.start_utc_ns), min(end, piece.end_utc_ns)
                        if first < last:
                            kept.append(piece._replace(start_utc_ns=first, end_utc_ns=last))
                there = sorted((piece.start_utc_ns, piece.end_utc_ns) for piece in kept)
                kept += [Held(start, end, seq, since) for start, end in without(wanted, there)]
                if kept:
                    after[camera] = kept
                self._versions[camera] = self._versions.get(camera, 0) + 1
                self._held.pop(camera, None)
                self._ever.pop(camera, None)
            self._active[hold] = after

    # -- asking -------------------------------------------------------------------------------------------------------

    @property
    def anchors(self) -> int:
        """How many there are."""
        return len(self._anchors)

    def is_older(self, line: Written | None) -> bool:
        """Whether the log was read after that line was written: else it may have allowed that since."""
        if line is None or self.ledger_bytes is None:
            return line is not None
        return line.offset < self.ledger_bytes.get(line.month, 0)

    def version(self, camera: str) -> int:
        """A number that changes whenever a hold on this camera does."""
        return self._versions.get(camera, 0)

    @property
    def in_doubt(self) -> bool:
        """Whether everything is protected for now, whatever holds there are."""
        return self._protects("", 0, 1)

    def ever_held(self, camera: str, start_utc_ns: int, end_utc_ns: int, *, by_log: bool = False) -> bool:
        """Whether any hold ever kept something of a stretch: it says nothing about the order of erasing. `by_log`: not asking
        what is protected by now."""
        with self._guard:
            if camera not in self._ever:
                spans = merged(((one.start_utc_ns, one.end_utc_ns) for one in self._of(camera)), 1)
                self._ever[camera] = [start for start, _ in spans], [end for _, end in spans]
            starts, ends = self._ever[camera]
            end = max(end_utc_ns, start_utc_ns + 1)
            found = bisect_right(starts, end - 1) - 1
            if found >= 0 and ends[found] > start_utc_ns:
                return True
        return not by_log and self._protects(camera, start_utc_ns, end)

    def touching(self, camera: str, start_utc_ns: int, end_utc_ns: int) -> tuple[Held, ...]:
        """All that was ever held of a stretch."""
        with self._guard:
            return tuple(
                one for one in self._of(camera) if one.start_utc_ns < end_utc_ns and one.end_utc_ns > start_utc_ns
            )

    def was_held(
        self, camera: str, start_utc_ns: int, end_utc_ns: int, line: Written, *, is_clear: bool
    ) -> bool | None:
        """Whether a segment was on hold when the ledger's line about it was written; None: a later anchor may tell.

        `is_clear`: no clock speaks against the time that the line itself says.
        """
        verdicts = [self._within(one, line, is_clear) for one in self.touching(camera, start_utc_ns, end_utc_ns)]
        return True if True in verdicts else None if None in verdicts else False

    def _within(self, held: Held, line: Written, is_clear: bool) -> bool | None:
        after, before = self._between(line)
        if held.until_seq is not None and (before is None or before[0] > held.until_seq):
            return False  # it may have come after the hold's end
        if held.from_seq <= after:
            return True
        if before is not None and before[0] <= held.from_seq:
            return False
        if is_clear and before is not None and line.at_utc_ns > before[1] + SLACK_NS:
            is_clear = False  # dated after the anchor that has it: the clock was ahead
        if is_clear and held.from_utc_ns is not None and line.at_utc_ns > held.from_utc_ns + SLACK_NS:
            return True
        return None if before is None else False

    def _between(self, line: Written) -> tuple[int, tuple[int, int] | None]:
        """(the last entry that was surely in the log before that line was written, the first anchor that has it or None).

        An anchor's sizes are read before its entry is written, and after the entry of the anchor before it.
        """
        with self._guard:
            if line.month in self._shrunk:
                return 0, None
            which, sizes = self._sizes.get(line.month, ([], []))
            found = bisect_right(sizes, line.offset)  # the first anchor that already has the line
            at = which[found] if found < len(which) else len(self._anchors)
            return self._anchors[at - 2][0] if at >= 2 else 0, self._anchors[at] if at < len(self._anchors) else None

    def _of(self, camera: str) -> list[Held]:
        found = self._held.get(camera)
        if found is None:
            active = (one for holds in self._active.values() for one in holds.get(camera, ()))
            found = self._held[camera] = [*self._over.get(camera, ()), *active]
        return found
