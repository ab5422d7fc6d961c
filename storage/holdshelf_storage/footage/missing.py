"""Finds missing footage: segments in no folder, whose number no ledger line names.

"Erased" is what the ledger erased; anything else that is gone is *missing*, reported with its name and span. Three ways to find
it: a journal line without a file; an anchored line that is no longer in its journal; a day with anchored lines but no folder and
no ledger line. `Missing` checks all days: an unchanged one costs two stat calls.
"""

import os
import threading
import time
from collections.abc import Collection, Iterable, Iterator

import msgspec

from holdshelf_storage import layout
from holdshelf_storage.anchors import anchors
from holdshelf_storage.anchors.book import AnchorBook, FoundSegment, segments_of
from holdshelf_storage.atomic import whole_lines
from holdshelf_storage.ledger.erased import ErasedDay, ErasedIndex
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

    @property
    def path(self) -> str:
        """The path where its file would be, below MEDIA."""
        return f"{layout.day_path(self.camera, self.day)}/{self.name}"


class Missing:
    """The missing segments of a volume, as of the last call of `look`. Thread-safe."""

    def __init__(self, days: Days, ledger: Ledger, shelf: ShelfIndex) -> None:
        self._days, self._ledger, self._shelf = days, ledger, shelf
        self._guard = threading.Lock()
        self._seen: dict[tuple[str, str], tuple[tuple[int, ...], tuple[MissingSegment, ...]]] = {}
        self._lost: dict[tuple[str, str], dict[int, StoredSegment]] = {}

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
            found = [one for _, seen in self._seen.values() for one in seen]
            found += [missing_row(one) for lost in self._lost.values() for one in lost.values()]
        return sorted(found, key=lambda one: (one.camera, one.seq))

    def tell_apart(self, camera: str, start_utc_ns: int, end_utc_ns: int, found: list[query.Span]) -> list[query.Span]:
        """Marks a query's segments as missing or erased, and adds those that only the anchors have."""
        days: dict[str, ErasedDay] = {}
        moving: set[int] | None = None
        for one in found:
            if not isinstance(one, StoredSegment) or not one.erased:
                continue
            if one.day not in days:
                days[one.day] = self._ledger.erased.day(camera, one.day)
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
                if not self._ledger.erased.day(*found).is_whole:
                    return True
                continue
            if size < end or path in known.shrunk:
                return True
        return False

    def forget_lost(self) -> None:
        """Every journal is as long as when it was anchored."""
        with self._guard:
            self._lost = {}

    def look(self, book: AnchorBook | None, stop: threading.Event) -> list[MissingSegment]:
        """Checks every day again; `book` has lines that journals have lost. Raises StorageError."""
        there: set[tuple[str, str]] = set()
        for camera in self._days.cameras():
            for day in self._days.days(camera):
                if stop.is_set():
                    return self.all()
                there.add((camera, day))
                self._look_at(camera, day)
        lost = self._look_for_lost(book, stop) if book is not None else {}
        with self._guard:
            for key in self._seen.keys() - there:
                del self._seen[key]
            if book is not None and not stop.is_set():
                self._lost = lost
        return self.all()

    def _look_at(self, camera: str, day: str) -> None:
        before = self._state(camera, day)
        with self._guard:
            seen = self._seen.get((camera, day))
        if seen is not None and seen[0] == before and before:
            return
        began_s = time.perf_counter()
        found = tuple(missing_in(self._days, self._ledger.erased, self._shelf, camera, day))
        with self._guard:
            self._seen[camera, day] = before, found
        time.sleep(min(_LONGEST_PAUSE_S, time.perf_counter() - began_s))  # other threads need the interpreter too

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
    ) -> dict[tuple[str, str], dict[int, StoredSegment]]:
        known = book.known()
        lost: dict[tuple[str, str], dict[int, StoredSegment]] = {}
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
            erased = self._ledger.erased.day(camera, day)
            if size < 0 and erased.is_whole:
                continue
            found = {one.seq: one for one in lost_lines(self._days, book, erased, self._shelf, camera, day)}
            if found:
                lost[camera, day] = found
        return lost


def missing_row(segment: journal.Segment | SlimSegment, camera: str = "", day: str = "") -> MissingSegment:
    """A missing segment's row; one found by a query has its own camera and day."""
    end = segment.start_utc_ns + segment.duration_ns
    if isinstance(segment, StoredSegment):
        camera, day = segment.camera, segment.day
    return MissingSegment(camera, day, segment.seq, segment.name, segment.start_utc_ns, end)


def missing_in(days: Days, ledger: ErasedIndex, shelf: ShelfIndex, camera: str, day: str) -> Iterator[MissingSegment]:
    """moving a segment from journal to folder is one step under it"""
    with days.lock(camera):  # no segment is half-way between journal and folder
        lines = days.slim(camera, day)
        absent = _absent(lines, days.names(camera, day))
        moving = set(days.open_sequences(camera)) if absent else set()
    # Checked afterwards: the ledger names a file before it is unlinked.
    erased = ledger.day(camera, day) if absent else ()
    absent = [line for line in absent if line.seq not in erased and line.seq not in moving]
    if absent:
        kept = shelved(shelf, camera, day)
        yield from (missing_row(line, camera, day) for line in absent if line.name not in kept)


def _absent(lines: Iterable[object], names: Collection[str]) -> list[SlimSegment]:
    there = set(names)
    return [line for line in lines if isinstance(line, SlimSegment) and line.name not in there]


def shelved(shelf: ShelfIndex, camera: str, day: str) -> set[str]:
    """The names of a camera-day that any hold keeps."""
    return {name for hold in shelf.holds_of(camera, day) for name in shelf.names(hold, camera, day)}


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
    return f"{missing.path} is missing: it was recorded from {start} to {end}, and was not erased on schedule."
