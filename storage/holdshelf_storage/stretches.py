"""What became of a span of time, in stretches: recorded, erased, in a gap. To the nanosecond, from the journals.

Where `query` hands out each segment, this adds them up: a month of a camera is 43,200 segments and a handful of stretches.
Days whose folders have gone are told by the ledger and by the shelf's copy of its lines; files that only the shelf has
left count as recorded. Reads only.
"""

import bisect
import os
from collections.abc import Iterable

import msgspec

from holdshelf_storage import fmp4, journal, layout, ledger_lines
from holdshelf_storage.atomic import whole_lines
from holdshelf_storage.days import Days
from holdshelf_storage.errors import FootageError, StorageError
from holdshelf_storage.ledger import DayGone, Ledger
from holdshelf_storage.ledger_lines import merged
from holdshelf_storage.recovery import read_origin
from holdshelf_storage.shelf_index import ShelfIndex


class GapStretch(msgspec.Struct, frozen=True):
    """A gap; `end_utc_ns` None: it has not ended. After a step back of the clock its end lies before its start."""

    start_utc_ns: int
    end_utc_ns: int | None
    reason: str


class Stretches(msgspec.Struct, kw_only=True):
    """What became of a camera's time. Stretches that touch the span asked for, ascending, not clipped to it."""

    recorded: list[tuple[int, int]]
    """Lies on the volume."""
    erased: list[tuple[int, int]]
    """Was recorded and has been erased."""
    gaps: list[GapStretch]
    unsure_days: list[tuple[int, int]]
    """Days that have gone without a record of when what was recorded (lines of older versions)."""
    open_start_utc_ns: int | None = None
    """Start of the segment that is being written."""
    bytes: int = 0
    """Allocated by the segments that touch the span and lie on the volume."""


def stretches(
    days: Days, ledger: Ledger, shelf: ShelfIndex, camera: str, start_utc_ns: int, end_utc_ns: int
) -> Stretches:
    """What became of [start_utc_ns, end_utc_ns) of a camera. Raises BadCameraId, FootageError, DiskWriteError."""
    layout.check_camera(camera)
    if end_utc_ns < start_utc_ns:
        raise FootageError("The span ends before it begins; give the earlier time first.")
    last = layout.day_of(max(start_utc_ns, end_utc_ns - 1))
    gone = ledger.days_gone(camera, "", last)
    shelved = shelf.days_of(camera, "", last)
    for hold in shelf.holds():
        gone.update(_gone_on_shelf(shelf, hold, camera))
    existing = days.days(camera)
    known = sorted({*existing, *shelved})
    first = layout.day_of(start_utc_ns)
    wanted = [day for day in known if day < first][-1:] + [day for day in known if first <= day <= last]
    reader = _Reader(days, shelf, camera, start_utc_ns, end_utc_ns)
    for day in wanted:
        reader.day(day, in_days=day in existing, on_shelf=day in shelved)
    if reader.has_open_gap:
        for day in [day for day in known if day > last][:1]:
            reader.numbers_of(day)
    for day, entry in gone.items():
        if day not in existing:
            reader.gone(entry, whole=day not in shelved)
    result = reader.result()
    result.open_start_utc_ns = _open_start(days, camera)
    return result


class _Reader:
    def __init__(self, days: Days, shelf: ShelfIndex, camera: str, start_utc_ns: int, end_utc_ns: int) -> None:
        self._days, self._shelf, self._camera = days, shelf, camera
        self._start, self._end = start_utc_ns, end_utc_ns
        self._recorded: list[tuple[int, int]] = []
        self._erased: list[tuple[int, int]] = []
        self._gaps: dict[int, journal.Gap] = {}
        self._ends: dict[int, journal.GapEnd] = {}
        self._gone_gaps: set[GapStretch] = set()
        self._unsure: list[tuple[int, int]] = []
        self._numbers: list[tuple[int, int]] = []
        self._seen: set[int] = set()
        self._bytes = 0

    @property
    def has_open_gap(self) -> bool:
        return any(gap not in self._ends for gap in self._gaps)

    def day(self, day: str, *, in_days: bool, on_shelf: bool) -> None:
        """Takes one day in, with whatever of it only the shelf has."""
        names = set(self._days.names(self._camera, day)) if in_days else set()
        lines = self._days.slim(self._camera, day) if in_days else []
        holds = self._shelf.holds_of(self._camera, day) if on_shelf else []
        for hold in holds:
            kept = self._shelf.names(hold, self._camera, day)
            if not in_days or kept - names:
                names |= kept
                lines += journal.decode_slim(self._shelf.read_journal(hold, self._camera, day))
        for line in lines:
            self._line(line, names)

    def _line(self, line: journal.SlimLine, names: set[str]) -> None:
        match line:
            case journal.SlimSegment():
                self._numbers.append((line.seq, line.start_utc_ns))
                end = line.start_utc_ns + line.duration_ns
                if line.seq in self._seen or not self._touches(line.start_utc_ns, end):
                    return
                self._seen.add(line.seq)
                if line.name in names:
                    self._recorded.append((line.start_utc_ns, end))
                    self._bytes += line.allocated_bytes
                else:
                    self._erased.append((line.start_utc_ns, end))
            case journal.Gap():
                self._numbers.append((line.gap, line.start_utc_ns))
                self._gaps[line.gap] = line
            case journal.GapEnd():
                self._ends.setdefault(line.gap, line)
            case _:
                pass

    def numbers_of(self, day: str) -> None:
        """What is numbered on a later day: where a gap ends whose end could not be written."""
        for line in self._days.slim(self._camera, day):
            if isinstance(line, journal.SlimSegment):
                self._numbers.append((line.seq, line.start_utc_ns))
            elif isinstance(line, journal.Gap):
                self._numbers.append((line.gap, line.start_utc_ns))

    def gone(self, entry: DayGone, *, whole: bool) -> None:
        """Takes a day in that has gone; not `whole`: the shelf's journal tells of its segments better."""
        for start, end, reason in entry.gap_spans:
            if self._touches(start, end):
                self._gone_gaps.add(GapStretch(start, end, reason))
        if not whole:
            return
        self._erased += [(start, end) for start, end in entry.recorded if self._touches(start, end)]
        start = layout.day_start_ns(entry.day)
        if entry.segments and not entry.recorded and self._touches(start, start + layout.DAY_NS):
            self._unsure.append((start, start + layout.DAY_NS))

    def result(self) -> Stretches:
        numbers = sorted(self._numbers)
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
            erased=merged(self._erased),
            gaps=sorted(gaps, key=lambda gap: (gap.start_utc_ns, gap.end_utc_ns or layout.MAX_TIME_NS)),
            unsure_days=sorted(self._unsure),
            bytes=self._bytes,
        )

    def _touches(self, start: int, end: int) -> bool:
        return start < self._end and max(end, start + 1) > self._start


def _gone_on_shelf(shelf: ShelfIndex, hold: str, camera: str) -> Iterable[tuple[str, DayGone]]:
    data = shelf.read(f"{layout.hold_path(hold)}/{camera}/{layout.GONE_FILE}", 1 << 28) or b""
    for line in whole_lines(data):
        entry = ledger_lines.decode(line)
        if isinstance(entry, DayGone) and entry.camera == camera:
            yield entry.day, entry


def _open_start(days: Days, camera: str) -> int | None:
    """When the segment began that is being written; None when there is none, or it does not say yet."""
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
