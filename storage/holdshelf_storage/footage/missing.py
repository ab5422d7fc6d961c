"""Finds missing footage: segments in no folder, whose number no ledger line names, or only a line that breaks a rule.

"Erased" is what the ledger erased (`footage.judge`); anything else that is gone is *missing*, reported with its name and span.
Four ways to find it: a journal line without a file; an anchored line that is no longer in its journal; a day with anchored lines
but no folder and no ledger line; anchored lines of a day that the ledger ended against the rules. `Missing` checks all days: an
unchanged one costs two stat calls.
"""

import os
import threading
import time
from collections.abc import Callable, Collection, Iterable

import msgspec

from holdshelf_storage import layout
from holdshelf_storage.anchors import anchors
from holdshelf_storage.anchors.book import AnchorBook, FoundSegment, segments_of
from holdshelf_storage.atomic import whole_lines
from holdshelf_storage.footage.judge import Facts, Judge, Key, lowest, shelved_names
from holdshelf_storage.ledger.erased import ErasedDay
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.volume import journal, query
from holdshelf_storage.volume.days import Days
from holdshelf_storage.volume.journal import SlimSegment, StoredSegment
from holdshelf_storage.volume.shelf_index import ShelfIndex

_LONGEST_PAUSE_S = 0.05


class MissingSegment(msgspec.Struct, frozen=True):
    """A segment that is gone without having been erased."""

    camera: str
    day: str
    seq: int
    name: str
    start_utc_ns: int
    end_utc_ns: int
    against: str = ""
    """The rule that it breaks, where the ledger says that it was erased on schedule."""

    @property
    def path(self) -> str:
        """The path where its file would be, below MEDIA."""
        return f"{layout.day_path(self.camera, self.day)}/{self.name}"


class _Seen(msgspec.Struct, frozen=True):
    """A day as it was looked at."""

    state: tuple[int, ...]
    held: Key
    found: tuple[MissingSegment, ...]
    has_gone: bool
    """Whether a file is gone."""
    first_number: int | None
    too_early: bool
    """Whether something stood that had to go before all of this day."""
    in_doubt: bool | None
    """Where a file is gone: whether everything was protected, so that nothing spoke for an order."""
    anchors: int | None
    """How many anchors there were, where the next may tell more."""


class Missing:
    """The missing segments of a volume, as of the last call of `look`. Thread-safe."""

    def __init__(self, days: Days, ledger: Ledger, shelf: ShelfIndex) -> None:
        self._days, self._ledger, self._shelf = days, ledger, shelf
        self.judge = Judge(days, ledger.erased, shelf)
        ledger.judged = self.judge.day
        self._guard = threading.Lock()
        self._seen: dict[tuple[str, str], _Seen] = {}
        self._lost: dict[tuple[str, str], dict[int, StoredSegment]] = {}
        self._why: dict[tuple[str, int], str] = {}

    def follow(self, facts: Facts, now_utc_ns: Callable[[], int] = time.time_ns) -> None:
        """Sets where the access log's word on holds comes from: without it, the ledger is taken at its word."""
        self.judge.follow(facts, now_utc_ns)
        with self._guard:
            self._seen = {}

    def lost(self, camera: str) -> list[StoredSegment]:
        """Missing segments that are in no journal any more, by start: only the anchors have them."""
        with self._guard:
            found = [one for (of, _), lost in self._lost.items() if of == camera for one in lost.values()]
        return sorted(found, key=lambda one: one.start_utc_ns)

    def cameras(self) -> set[str]:
        """Cameras with missing segments that are in no journal."""
        with self._guard:
            return {camera for camera, _ in self._lost}

    def all(self) -> list[MissingSegment]:
        """The result of the last `look`, by camera and number."""
        with self._guard:
            found = [one for seen in self._seen.values() for one in seen.found]
            found += [
                missing_row(one, against=self._why.get((one.camera, one.seq), ""))
                for lost in self._lost.values()
                for one in lost.values()
            ]
        return sorted(found, key=lambda one: (one.camera, one.seq))

    def tell_apart(self, camera: str, start_utc_ns: int, end_utc_ns: int, found: list[query.Span]) -> list[query.Span]:
        """Marks a query's segments as missing or erased, and adds those that only the anchors have."""
        days: dict[str, ErasedDay] = {}
        moving: set[int] | None = None
        for one in found:
            if not isinstance(one, StoredSegment) or not one.erased:
                continue
            if one.day not in days:
                days[one.day] = self._ledger.judged(camera, one.day)
            if one.seq in days[one.day]:
                continue
            if moving is None:
                moving = set(self._days.open_sequences(camera))
            one.erased, one.missing = False, one.seq not in moving
        with self._guard:
            lost = self._lost
        if lost:
            known = {one.seq for one in found if isinstance(one, StoredSegment)}
            more = [
                one
                for one in self.lost(camera)
                if one.seq not in known and query.touches(one, start_utc_ns, end_utc_ns)
            ]
            if more:
                found = sorted([*found, *more], key=lambda span: span.start_utc_ns)
        return found

    def may_have_lost(self, known: anchors.Known | None) -> bool:
        """Whether a journal is shorter than when it was anchored, or gone without a ledger entry. Costs one stat each."""
        if known is None:
            return False
        for path, end in known.ends.items():
            found = anchors.camera_day(path)
            if found is None:
                continue
            try:
                size = os.stat(path, dir_fd=self._days.volume.root_fd, follow_symlinks=False).st_size
            except OSError:
                named = self._ledger.erased.day(*found)
                if not named.is_whole or self.judge.doubts(*found, named):
                    return True
                continue
            if size < end or path in known.shrunk:
                return True
        return False

    def forget_lost(self) -> None:
        """Every journal is as long as when it was anchored."""
        with self._guard:
            self._lost, self._why = {}, {}

    def look(self, book: AnchorBook | None, stop: threading.Event) -> list[MissingSegment]:
        """Checks every day again; `book` has lines that journals have lost. Raises StorageError."""
        there: set[tuple[str, str]] = set()
        for camera in self._days.cameras():
            for day in self._days.days(camera):
                if stop.is_set():
                    return self.all()
                there.add((camera, day))
                self._look_at(camera, day)
        self.judge.settle(there)
        self._look_again()
        lost, why = self._look_for_lost(book, stop) if book is not None else ({}, {})
        with self._guard:
            for key in self._seen.keys() - there:
                del self._seen[key]
            if book is not None and not stop.is_set():
                self._lost, self._why = lost, why
        return self.all()

    def _look_at(self, camera: str, day: str) -> None:
        state, held, facts = self._state(camera, day), self.judge.key(camera, day), self.judge.facts()
        in_doubt = facts is None or facts.in_doubt
        with self._guard:
            seen = self._seen.get((camera, day))
        if (
            seen is not None
            and state
            and (seen.state, seen.held) == (state, held)
            and seen.in_doubt in (None, in_doubt)
            and (seen.anchors is None or (facts is not None and facts.anchors == seen.anchors))
        ):
            return
        began_s = time.perf_counter()
        with self._days.lock(camera):  # no segment is half-way between journal and folder
            lines, names = self._days.slim(camera, day), set(self._days.names(camera, day))
            absent = _absent(lines, names)
            moving = set(self._days.open_sequences(camera)) if absent else set()
        self.judge.note(camera, day, lines, names)
        first = lowest(lines)
        too_early = bool(absent) and self.judge.has_older(first)
        # Checked afterwards: the ledger names a file before it is unlinked.
        erased = self._ledger.judged(camera, day) if absent else None
        found = self._missing_of(camera, day, [line for line in absent if line.seq not in moving], erased)
        anchors_seen = facts.anchors if facts is not None and erased is not None and erased.may_change else None
        doubt = in_doubt if absent else None
        with self._guard:
            self._seen[camera, day] = _Seen(state, held, found, bool(absent), first, too_early, doubt, anchors_seen)
        time.sleep(min(_LONGEST_PAUSE_S, time.perf_counter() - began_s))  # other threads need the interpreter too

    def _look_again(self) -> None:
        """Now that all witnesses are known: looks again at days to which they say something else."""
        with self._guard:
            seen = [(key, one) for key, one in self._seen.items() if one.has_gone]
        for (camera, day), one in seen:
            if self.judge.has_older(one.first_number) != one.too_early:
                with self._guard:
                    self._seen.pop((camera, day), None)
                self._look_at(camera, day)

    def _missing_of(
        self, camera: str, day: str, absent: list[SlimSegment], erased: ErasedDay | None
    ) -> tuple[MissingSegment, ...]:
        absent = [line for line in absent if erased is None or line.seq not in erased]
        if not absent:
            return ()
        kept = shelved(self._shelf, camera, day)
        against = {} if erased is None else erased.against
        return tuple(
            missing_row(line, camera, day, against.get(line.seq, "")) for line in absent if line.name not in kept
        )

    def _lost_lines(self, book: AnchorBook, erased: ErasedDay, camera: str, day: str) -> list[StoredSegment]:
        return lost_lines(self._days, book, erased, self._shelf, camera, day)

    def _state(self, camera: str, day: str) -> tuple[int, ...]:
        """A value that changes whenever a name is added or removed, or the journal changes: ctimes cannot be set."""
        folder = layout.day_path(camera, day)
        try:
            root = self._days.volume.root_fd
            inside = os.stat(folder, dir_fd=root, follow_symlinks=False)
            lines = os.stat(f"{folder}/{layout.JOURNAL}", dir_fd=root, follow_symlinks=False)
        except OSError:
            return ()
        return inside.st_ctime_ns, lines.st_ctime_ns, lines.st_size

    def _look_for_lost(
        self, book: AnchorBook, stop: threading.Event
    ) -> tuple[dict[tuple[str, str], dict[int, StoredSegment]], dict[tuple[str, int], str]]:
        known = book.known()
        lost: dict[tuple[str, str], dict[int, StoredSegment]] = {}
        why: dict[tuple[str, int], str] = {}
        for camera, day in book.camera_days():
            if stop.is_set():
                break
            path = anchors.journal_path(camera, day)
            try:
                size = os.stat(path, dir_fd=self._days.volume.root_fd, follow_symlinks=False).st_size
            except OSError:
                size = -1
            if size >= known.ends.get(path, 0) and path not in known.shrunk:
                continue
            erased = self._ledger.judged(camera, day)
            ended = size < 0 and erased.is_whole
            if ended and not self.judge.doubts(camera, day, erased):
                continue
            found = {} if ended else {one.seq: one for one in self._lost_lines(book, erased, camera, day)}
            for one, rule in self.judge.lost(book, camera, day, erased):
                found[one.segment.seq] = stored(one, camera, day)
                why[camera, one.segment.seq] = rule
            if found:
                lost[camera, day] = found
        return lost, why


def missing_row(
    segment: journal.Segment | SlimSegment, camera: str = "", day: str = "", against: str = ""
) -> MissingSegment:
    """A missing segment's row; one found by a query has its own camera and day."""
    end = segment.start_utc_ns + segment.duration_ns
    if isinstance(segment, StoredSegment):
        camera, day = segment.camera, segment.day
    return MissingSegment(camera, day, segment.seq, segment.name, segment.start_utc_ns, end, against)


def _absent(lines: Iterable[object], names: Collection[str]) -> list[SlimSegment]:
    there = set(names)
    return [line for line in lines if isinstance(line, SlimSegment) and line.name not in there]


def shelved(shelf: ShelfIndex, camera: str, day: str) -> set[str]:
    """The names of a camera-day that any hold keeps."""
    return shelved_names(shelf, camera, day)


def lost_lines(
    days: Days, book: AnchorBook, erased: ErasedDay, shelf: ShelfIndex, camera: str, day: str
) -> list[StoredSegment]:
    """Segments in the anchors that their journal lacks and the ledger did not erase. Raises StorageError."""
    compared, _ = book.compare(camera, day, whole_lines(days.read_journal(camera, day)))
    if not compared.gone:
        return []
    there = set(days.names(camera, day)) | shelved(shelf, camera, day)
    gone = {one.line for one in compared.gone}
    return [
        stored(found, camera, day)
        for seq, found in segments_of(compared.anchored).items()
        if found.line.line in gone and seq not in erased and found.segment.name not in there
    ]


def stored(found: FoundSegment, camera: str, day: str) -> StoredSegment:
    """A missing segment in a query's form."""
    return StoredSegment(
        **{name: getattr(found.segment, name) for name in journal.Segment.__struct_fields__},
        camera=camera,
        day=day,
        missing=True,
    )


def told(missing: MissingSegment) -> str:
    """A sentence for a person."""
    start, end = (layout.clock_words(at) for at in (missing.start_utc_ns, missing.end_utc_ns))
    why = missing.against or "was not erased on schedule"
    return f"{missing.path} is missing: it was recorded from {start} to {end}, and {why}."
