"""What happened in a span of time, in stretches: recorded, erased, in a gap. To the nanosecond, from the journals.

`query` returns each segment; this adds them up: a month of a camera is 43,200 segments and a handful of stretches. Deleted days
come from the ledger and from the shelf's copy of their lines; files left only on the shelf count as recorded. Only reads.
"""

import bisect
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import msgspec

from holdshelf_storage import layout
from holdshelf_storage.atomic import whole_lines
from holdshelf_storage.errors import FootageError, StorageError
from holdshelf_storage.footage.recovery import read_origin
from holdshelf_storage.ledger import lines as ledger_lines
from holdshelf_storage.ledger.erased import ErasedDay
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.ledger.lines import DayGone, merged
from holdshelf_storage.mp4 import fragments as fmp4
from holdshelf_storage.volume import journal, recovered
from holdshelf_storage.volume.days import Days
from holdshelf_storage.volume.journal import StoredSegment
from holdshelf_storage.volume.shelf_index import ShelfIndex


class GapStretch(msgspec.Struct, frozen=True):
    """A gap; `end_utc_ns` None: ongoing. After a backward step of the clock its end precedes its start."""

    start_utc_ns: int
    end_utc_ns: int | None
    reason: str


class Stretches(msgspec.Struct, kw_only=True):
    """A camera's time. Stretches that touch the requested span, ascending, not clipped to it."""

    recorded: list[tuple[int, int]]
    """Present on the volume."""
    recovered: list[tuple[int, int]] = []
    """What was recovered from the camera, of recorded, erased and missing."""
    erased: list[tuple[int, int]]
    """Was recorded and has been erased."""
    missing: list[tuple[int, int]]
    """Was recorded and is gone without having been erased by the ledger."""
    gaps: list[GapStretch]
    """What recovered footage leaves of them."""
    unsure_days: list[tuple[int, int]]
    """Deleted days without a record of their times (lines of older versions)."""
    open_start_utc_ns: int | None = None
    """Start of the segment being written."""
    bytes: int = 0
    """Allocated by segments on the volume that touch the span."""


def stretches(
    days: Days,
    ledger: Ledger,
    shelf: ShelfIndex,
    camera: str,
    start_utc_ns: int,
    end_utc_ns: int,
    lost: Sequence[StoredSegment] = (),
) -> Stretches:
    """Return what happened in [start_utc_ns, end_utc_ns) of a camera. `lost`: missing segments that are in no journal.

    Raises BadCameraId, FootageError, DiskWriteError.
    """
    layout.check_camera(camera)
    if end_utc_ns < start_utc_ns:
        raise FootageError("The span ends before it begins; give the earlier time first.")
    last = layout.day_of(max(start_utc_ns, end_utc_ns - 1))
    gone = {(entry.day, entry.journal_sha256): entry for entry in ledger.days_gone(camera, "", last)}
    shelved = shelf.days_of(camera, "", last)
    for hold in shelf.tellers_of(camera):
        gone.update(_gone_on_shelf(shelf, hold, camera))
    existing = days.days(camera)
    known = sorted({*existing, *shelved})
    first = layout.day_of(start_utc_ns)
    wanted = [day for day in known if day < first][-1:] + [day for day in known if first <= day <= last]
    reader = _Reader(days, ledger, shelf, camera, start_utc_ns, end_utc_ns)
    for day in wanted:
        reader.day(day, in_days=day in existing, on_shelf=day in shelved)
    if reader.has_open_gap:
        for day in [day for day in known if day > last][:1]:
            reader.numbers_of(day)
    reader.lost(lost)
    for entry in gone.values():
        if entry.day in existing and ledger.is_left(entry):
            continue  # told by the shelf, and there
        reader.gone(entry, whole=entry.day not in shelved, lost=[one for one in lost if one.day == entry.day])
    result = reader.result()
    result.open_start_utc_ns = _open_start(days, camera)
    return result


class _Reader:
    def __init__(
        self, days: Days, ledger: Ledger, shelf: ShelfIndex, camera: str, start_utc_ns: int, end_utc_ns: int
    ) -> None:
        self._days, self._ledger, self._shelf, self._camera = days, ledger, shelf, camera
        self._start, self._end = start_utc_ns, end_utc_ns
        self._recorded: list[tuple[int, int]] = []
        self._recovered: list[tuple[int, int]] = []
        self._closed: set[tuple[int, int]] = set()
        """What was recovered from the camera, there or erased: no gap any more."""
        self._erased: list[tuple[int, int]] = []
        self._missing: list[tuple[int, int]] = []
        self._by_ledger: ErasedDay | None = None
        self._moving: set[int] | None = None
        self._gaps: dict[int, journal.Gap] = {}
        self._ends: dict[int, journal.GapEnd] = {}
        self._gone_gaps: set[GapStretch] = set()
        self._unsure: list[tuple[int, int]] = []
        self._lines: list[list[journal.SlimLine]] = []
        """Of each day read: their numbers tell where a gap ends whose end could not be written."""
        self._unread: list[bytes] = []
        """Journals that say nothing else about the span."""
        self._seen: set[int] = set()
        self._bytes = 0

    @property
    def has_open_gap(self) -> bool:
        return any(gap not in self._ends for gap in self._gaps)

    def day(self, day: str, *, in_days: bool, on_shelf: bool) -> None:
        """Adds one day, including what only the shelf has of it."""
        data = self._days.read_journal(self._camera, day) if in_days else b""
        if not on_shelf and self._is_over(day, data):
            self._unread.append(data)
            return
        lines = journal.decode_slim(data)
        names: set[str] | None = None
        for hold in self._shelf.holds_of(self._camera, day) if on_shelf else ():
            if names is None:
                names = set(self._days.names(self._camera, day)) if in_days else set()
            kept = self._shelf.names(hold, self._camera, day)
            if not in_days or kept - names:
                names |= kept
                lines += journal.decode_slim(self._shelf.read_journal(hold, self._camera, day))
        self._by_ledger = None
        self._lines.append(lines)
        first, last = self._start, self._end
        touching: list[journal.SlimSegment] = []
        for line in lines:
            if type(line) is journal.SlimSegment:
                start = line.start_utc_ns
                if line.from_camera is not msgspec.UNSET:
                    self._closed.add((start, start + line.duration_ns))
                if start < last and (start + line.duration_ns > first or start >= first):  # as `_touches`
                    touching.append(line)
            elif isinstance(line, journal.Gap):
                self._gaps[line.gap] = line
            elif isinstance(line, journal.GapEnd):
                self._ends.setdefault(line.gap, line)
        self._segments(touching, names, day)

    def _is_over(self, day: str, data: bytes) -> bool:
        """Whether nothing in this journal can reach into the span: it is of an earlier day, and has no gaps."""
        ends = layout.day_start_ns(day) + layout.DAY_NS
        return ends + layout.LONGEST_SEGMENT_NS <= self._start and b'"gap' not in data

    def _segments(self, lines: list[journal.SlimSegment], names: set[str] | None, day: str) -> None:
        """Adds those that touch the span. `names`: of the day's files; None: they are looked at now."""
        if names is None and lines:
            names = self._days.present(self._camera, day, [line.name for line in lines])
        for line in lines:
            if line.seq in self._seen:
                continue
            self._seen.add(line.seq)
            stretch = line.start_utc_ns, line.start_utc_ns + line.duration_ns
            if recovered.is_recovered(line):
                self._recovered.append(stretch)
            if names is not None and line.name in names:
                self._recorded.append(stretch)
                self._bytes += line.allocated_bytes
            elif self._is_erased(line.seq, day):
                self._erased.append(stretch)
            elif not self._is_moving(line.seq):
                self._missing.append(stretch)

    def _is_erased(self, seq: int, day: str) -> bool:
        if self._by_ledger is None:
            self._by_ledger = self._ledger.judged(self._camera, day)
        return seq in self._by_ledger

    def _is_moving(self, seq: int) -> bool:
        """Whether its line is written but its file is not in its day yet."""
        if self._moving is None:
            self._moving = set(self._days.open_sequences(self._camera))
        return seq in self._moving

    def lost(self, segments: Sequence[StoredSegment]) -> None:
        """Adds missing segments that are in no journal."""
        for one in segments:
            if one.seq not in self._seen and self._touches(one.start_utc_ns, one.end_utc_ns):
                self._seen.add(one.seq)
                self._missing.append((one.start_utc_ns, one.end_utc_ns))

    def numbers_of(self, day: str) -> None:
        """The numbers on a later day."""
        self._lines.append(self._days.slim(self._camera, day))

    def gone(self, entry: DayGone, *, whole: bool, lost: Sequence[StoredSegment]) -> None:
        """Adds a deleted day; not `whole`: the shelf's journal describes its segments better. `lost`: what was not erased of
        it, whatever the ledger says."""
        self._closed.update(entry.recovered)
        self._recovered += [(start, end) for start, end in entry.recovered if self._touches(start, end)]
        for start, end, reason in entry.gap_spans:
            if self._touches(start, end):
                self._gone_gaps.add(GapStretch(start, end, reason))
        if not whole:
            return
        missing = [(start, end) for _, start, end in entry.missing if self._touches(start, end)]
        self._missing += missing
        recorded = [(start, end) for start, end in entry.recorded if self._touches(start, end)]
        missing += [(one.start_utc_ns, one.end_utc_ns) for one in lost]
        self._erased += recovered.without(recorded, sorted(missing))
        start = layout.day_start_ns(entry.day)
        if entry.segments and not entry.recorded and self._touches(start, start + layout.DAY_NS):
            self._unsure.append((start, start + layout.DAY_NS))

    def result(self) -> Stretches:
        numbers = self._numbers() if self.has_open_gap else []
        gaps = set(self._gone_gaps)
        for number, gap in self._gaps.items():
            end: int | None
            if number in self._ends:
                end = self._ends[number].end_utc_ns
            else:
                following = bisect.bisect_right(numbers, (number, layout.MAX_TIME_NS))
                end = numbers[following][1] if following < len(numbers) else None
            if self._touches(gap.start_utc_ns, layout.MAX_TIME_NS if end is None else end):
                gaps.add(GapStretch(gap.start_utc_ns, end, gap.reason))
        return Stretches(
            recorded=merged(self._recorded),
            recovered=merged(self._recovered),
            erased=merged(self._erased),
            missing=merged(self._missing),
            gaps=sorted(self._left_of(gaps), key=lambda gap: (gap.start_utc_ns, gap.end_utc_ns or layout.MAX_TIME_NS)),
            unsure_days=sorted(set(self._unsure)),
            bytes=self._bytes,
        )

    def _numbers(self) -> list[tuple[int, int]]:
        """(number, start) of every segment and gap that was read, ascending."""
        found = []
        for line in chain(*self._lines, *map(journal.decode_slim, self._unread)):
            if isinstance(line, journal.SlimSegment):
                if not recovered.is_recovered(line):
                    found.append((line.seq, line.start_utc_ns))
            elif isinstance(line, journal.Gap):
                found.append((line.gap, line.start_utc_ns))
        return sorted(found)

    def _left_of(self, gaps: Iterable[GapStretch]) -> Iterator[GapStretch]:
        """The gaps without what was recovered, also on later days that they reach into."""
        gaps = list(gaps)
        closed = sorted(self._closed)
        for gap in gaps:
            if gap.end_utc_ns is None or gap.end_utc_ns <= gap.start_utc_ns or not closed:
                yield gap
                continue
            for start, end in recovered.without([(gap.start_utc_ns, gap.end_utc_ns)], closed):
                if self._touches(start, end):
                    yield GapStretch(start, end, gap.reason)

    def _touches(self, start: int, end: int) -> bool:
        return start < self._end and max(end, start + 1) > self._start


def _gone_on_shelf(shelf: ShelfIndex, hold: str, camera: str) -> Iterable[tuple[tuple[str, str], DayGone]]:
    data = shelf.read(f"{layout.hold_path(hold)}/{camera}/{layout.GONE_FILE}", 1 << 28) or b""
    for line in whole_lines(data):
        entry = ledger_lines.decode(line)
        if isinstance(entry, DayGone) and entry.camera == camera:
            yield (entry.day, entry.journal_sha256), entry


def _open_start(days: Days, camera: str) -> int | None:
    """Start of the segment being written; None when there is none, or it is not known yet."""
    for seq in reversed(days.open_sequences(camera)):
        try:
            fd = os.open(
                layout.open_path(camera, seq), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=days.volume.root_fd
            )
        except OSError:
            continue
        try:
            if os.fstat(fd).st_size:
                origin = read_origin(fmp4.read_header(fd).comment)
                return origin.start_utc_ns if origin is not None else None
        except (StorageError, OSError):
            continue
        finally:
            os.close(fd)
    return None
