"""Holds what the ledger says was erased against the rules of erasing (`ledger.rules`): the one place that says "erased".

Whoever asks whether a segment was erased on schedule asks `Judge.day`. Without the access log nothing can be judged, and the
ledger is taken at its word.

*Older* goes by numbers, which no clock moves. Either both lie in one camera's day: then the line of the older one stands before
the other's in their journal. Or the older one was closed before the other's day began: two segments that its camera closed after
it have lower numbers than everything in that day. The rolling buffer cannot have passed such a one over, whenever it began its
walk and listed a day. One that came late is no witness: cut after a crash, recovered from the camera, or put back from the shelf.
What was recovered from the camera has no place in the order, and may go before its turn: a limit in days goes by its time. Only
reads.
"""

import os
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple

from holdshelf_storage import layout
from holdshelf_storage.anchors import anchors
from holdshelf_storage.anchors.book import AnchorBook, FoundSegment, decoded, segments_of
from holdshelf_storage.ledger.erased import ErasedDay, ErasedIndex
from holdshelf_storage.ledger.rules import OUT_OF_ORDER, WHILE_HELD, Held, LogFacts, Written
from holdshelf_storage.volume import journal, recovered
from holdshelf_storage.volume.days import Days
from holdshelf_storage.volume.journal import SlimSegment
from holdshelf_storage.volume.shelf_index import ShelfIndex

_TRIES = 8
"""Witnesses asked about one day: those that were erased meanwhile are few."""
type Facts = Callable[[], LogFacts | None]
type Key = tuple[Held, ...]


class Witness(NamedTuple):
    """A segment that stands, that no hold ever kept and that no line of the ledger names."""

    bar: int
    """A day whose numbers are all above this one began after it was closed."""
    camera: str
    day: str
    segment: SlimSegment


class Judge:
    """The rules, applied to one volume. Thread-safe."""

    def __init__(self, days: Days, index: ErasedIndex, shelf: ShelfIndex) -> None:
        self._days, self._index, self._shelf = days, index, shelf
        self._facts: Facts = lambda: None
        self._now: Callable[[], int] = time.time_ns
        self._guard = threading.Lock()
        self._witnesses: dict[tuple[str, str], Witness] = {}
        self._sorted: list[Witness] = []
        self._keys: dict[tuple[str, str], tuple[LogFacts, int, Key]] = {}
        self._clean: set[tuple[str, str, Written]] = set()

    def follow(self, facts: Facts, now_utc_ns: Callable[[], int]) -> None:
        """Sets where the access log's facts come from; None of them: it cannot be read, or is damaged."""
        self._facts, self._now = facts, now_utc_ns
        self._index.keep_lines(self.keeps)

    def facts(self) -> LogFacts | None:
        """What the access log says by now; None where nothing can be judged."""
        return self._facts()

    def keeps(self, camera: str, day: str) -> bool:
        """Whether any hold ever kept something of a day."""
        facts = self._facts()
        return facts is not None and bool(facts.touching(camera, *_reach(day)))

    # -- a day that has a folder --------------------------------------------------------------------------------------

    def day(self, camera: str, day: str, index: ErasedIndex | None = None) -> ErasedDay:
        """What was erased on schedule of one camera-day. `index`: another reading of the ledger. Raises StorageError."""
        index = self._index if index is None else index
        named = index.day(camera, day)
        if not named.names_any:
            return named
        facts = self._facts()  # after the ledger: a lift that a line follows is known by then
        if facts is None:
            return named
        lines = self._days.slim(camera, day)
        return self._judged(named, facts, index, camera, day, lines) if lines else named

    def _judged(
        self,
        named: ErasedDay,
        facts: LogFacts,
        index: ErasedIndex,
        camera: str,
        day: str,
        lines: Sequence[journal.SlimLine],
    ) -> ErasedDay:
        names = set(self._days.names(camera, day))
        segments = [line for line in lines if isinstance(line, SlimSegment)]
        if all(line.name in names or not named.names(line.seq) for line in segments):
            return named
        all_too_early = self.has_older(lowest(lines))
        shelved = shelved_names(self._shelf, camera, day)
        older: int | None = None
        found: dict[int, str] = {}
        may_change = False
        for line in segments:
            if line.name in names:
                if (older is None or line.seq < older) and _stands(line, camera, named, facts, shelved):
                    older = line.seq
            elif line.seq not in found and named.names(line.seq) and facts.is_older(named.newest_line(line.seq)):
                held = self._was_held(line, camera, named, facts, index)
                may_change = may_change or held is None
                if held:
                    found[line.seq] = WHILE_HELD
                elif recovered.is_recovered(line):
                    continue  # its number is when it was fetched: a limit in days reaches it before those around it
                elif all_too_early or (older is not None and older < line.seq):
                    found[line.seq] = OUT_OF_ORDER
        return named.judged(found, may_change=may_change)

    def _was_held(
        self, line: SlimSegment | journal.Segment, camera: str, named: ErasedDay, facts: LogFacts, index: ErasedIndex
    ) -> bool | None:
        written = named.line(line.seq)
        end = line.start_utc_ns + line.duration_ns
        if written is None or not facts.ever_held(camera, line.start_utc_ns, end, by_log=True):
            return False
        is_clear = index.is_clear(written, self._now())
        return facts.was_held(camera, line.start_utc_ns, end, written, is_clear=is_clear)

    def key(self, camera: str, day: str) -> Key:
        """A value that changes whenever the log says something new of holds over a day. Raises StorageError."""
        facts = self._facts()
        if facts is None:
            return ()
        version = facts.version(camera)
        known = self._keys.get((camera, day))
        if known is None or known[0] is not facts or known[1] != version:
            known = self._keys[camera, day] = facts, version, facts.touching(camera, *_reach(day))
        return known[2]

    # -- witnesses ----------------------------------------------------------------------------------------------------

    def note(self, camera: str, day: str, lines: Sequence[journal.SlimLine], names: set[str]) -> None:
        """Looks for a witness in a day: the youngest, which stands longest. Raises StorageError."""
        found = self._find(camera, day, lines, names)
        with self._guard:
            if found is None:
                self._witnesses.pop((camera, day), None)
            else:
                self._witnesses[camera, day] = found

    def settle(self, there: Iterable[tuple[str, str]]) -> None:
        """All days were looked at, and these are there."""
        there = set(there)
        with self._guard:
            self._keys = {key: known for key, known in list(self._keys.items()) if key in there}
            self._witnesses = {key: self._witnesses[key] for key in there if key in self._witnesses}
            self._sorted = sorted(self._witnesses.values(), key=lambda one: one.bar)

    def _find(self, camera: str, day: str, lines: Sequence[journal.SlimLine], names: set[str]) -> Witness | None:
        segments = [line for line in lines if isinstance(line, SlimSegment) and not recovered.is_recovered(line)]
        if len(segments) < 3 or not any(line.name in names for line in segments[:-2]):
            return None
        named, facts = self._index.day(camera, day), self._facts()
        if facts is None:
            return None
        shelved = shelved_names(self._shelf, camera, day)
        for at in range(len(segments) - 3, -1, -1):
            line, first, second = segments[at : at + 3]
            if line.name not in names or not line.seq < first.seq < second.seq:
                continue
            if _stands(line, camera, named, facts, shelved, by_log=True):
                return Witness(second.seq, camera, day, line)
        return None

    def has_older(self, first_number: int | None) -> bool:
        """Whether something stands that was closed before a day began whose lowest number this is, and that must have gone
        before all of it. Raises StorageError."""
        if first_number is None:
            return False
        with self._guard:
            found = self._sorted[: bisect_left(self._sorted, first_number, key=lambda one: one.bar)]
        return any(self._still_stands(one) for one in reversed(found[-_TRIES:]))

    def _still_stands(self, witness: Witness) -> bool:
        camera, day, line = witness.camera, witness.day, witness.segment
        try:
            path = f"{layout.day_path(camera, day)}/{line.name}"
            os.stat(path, dir_fd=self._days.volume.root_fd, follow_symlinks=False)
        except OSError:
            return False
        named, facts = self._index.day(camera, day), self._facts()
        return facts is not None and _stands(line, camera, named, facts, shelved_names(self._shelf, camera, day))

    # -- by what the log anchored -------------------------------------------------------------------------------------

    def doubts(self, camera: str, day: str, named: ErasedDay) -> bool:
        """Whether the ledger's word that it ended a day must be held against the anchored lines. Raises StorageError."""
        gone, facts = named.gone, self._facts()
        if gone is None or facts is None or (camera, day, gone.line) in self._clean:
            return False
        if self.has_older(named.first_ended):
            return True
        span = _reach(day)
        return any(
            facts.was_held(camera, *span, line, is_clear=True) is not False
            for one in named.ends
            if one.named is not None
            for line in {one.line, *one.named.values()}
        )

    def lost(
        self, book: AnchorBook, camera: str, day: str, named: ErasedDay, index: ErasedIndex | None = None
    ) -> list[tuple[FoundSegment, str]]:
        """Anchored segments that are gone, and that the ledger names against a rule. Raises StorageError."""
        facts, gone = self._facts(), named.gone
        if facts is None or not named.names_any:
            return []
        anchored, problems = book.lines(anchors.journal_path(camera, day))
        too_early = not problems and self.has_older(lowest(line for _, line in decoded(anchored)))
        there = shelved_names(self._shelf, camera, day) | set(self._days.names(camera, day))
        found: list[tuple[FoundSegment, str]] = []
        may_change = False
        for one in segments_of(anchored).values():
            segment = one.segment
            if not named.names(segment.seq) or segment.name in there:
                continue
            if not facts.is_older(named.newest_line(segment.seq)):
                continue
            held = self._was_held(segment, camera, named, facts, self._index if index is None else index)
            may_change = may_change or held is None
            if held or (too_early and not recovered.is_recovered(segment)):
                found.append((one, WHILE_HELD if held else OUT_OF_ORDER))
        if gone is not None and not found and not may_change and not facts.in_doubt:
            self._clean.add((camera, day, gone.line))
        return found


def _stands(
    line: SlimSegment, camera: str, named: ErasedDay, facts: LogFacts, shelved: set[str], *, by_log: bool = False
) -> bool:
    """Whether a segment that is there would have been the next to go; `by_log`: as far as the log's holds say."""
    if line.sha256 is None or recovered.is_recovered(line) or line.name in shelved:
        return False
    if named.names(line.seq) or line.seq in named.kept:
        return False
    return not facts.ever_held(camera, line.start_utc_ns, line.start_utc_ns + line.duration_ns, by_log=by_log)


def _reach(day: str) -> tuple[int, int]:
    """The time that segments of a day may fill."""
    start = layout.day_start_ns(day)
    return start, start + layout.DAY_NS + layout.LONGEST_SEGMENT_NS


def lowest(lines: Iterable[object]) -> int | None:
    """The lowest number in a journal's lines."""
    return min((n for line in lines if (n := _number(line)) is not None), default=None)


def _number(line: object) -> int | None:
    if isinstance(line, SlimSegment | journal.Segment):
        return line.seq
    return line.gap if isinstance(line, journal.Gap) else None


def shelved_names(shelf: ShelfIndex, camera: str, day: str) -> set[str]:
    """The names of a camera-day that any hold keeps."""
    found: set[str] = set()
    for hold in shelf.holds_of(camera, day):
        with suppress(FileNotFoundError):
            found |= shelf.names(hold, camera, day)
    return found
