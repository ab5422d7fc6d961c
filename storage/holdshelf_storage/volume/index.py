"""Totals of what is on the volume, for the budget. In memory only, counted again at each start.

Per camera-day: segments, allocated bytes, recorded time, first and last sequence. `build` counts in a background thread; closing
and erasing update the totals from the first moment on. `oldest` returns segments by ascending sequence over all cameras and days:
whatever the wall clock did, what was recorded first is erased first. This module reads and counts; it changes nothing on disk.
"""

import heapq
import threading
import time
from collections.abc import Callable, Iterator

import msgspec

from holdshelf_storage import layout
from holdshelf_storage.volume import journal
from holdshelf_storage.volume.days import Days, SegmentRef

_PAUSE_S = 0.001
"""Between two camera-days, so that other threads get the interpreter."""


def days_kept(since_utc_ns: int | None, now_utc_ns: int) -> float:
    """Return how many days back footage goes; 0 when there is none (None) or the clock is behind it."""
    return max(0, now_utc_ns - since_utc_ns) / layout.DAY_NS if since_utc_ns else 0.0


class CameraUsage(msgspec.Struct, kw_only=True, frozen=True):
    """Sums over the closed segments of a camera that lie on disk."""

    allocated_bytes: int = 0
    segments: int = 0
    recorded_ns: int = 0
    oldest_utc_ns: int | None = None
    """Start of the segment with the lowest sequence."""
    newest_utc_ns: int | None = None
    """End of the segment with the highest sequence."""
    earliest_utc_ns: int | None = None
    latest_utc_ns: int | None = None
    """The least start and the greatest end by the calendar: others than those above where the wall clock was set meanwhile."""

    def since_utc_ns(self, now_utc_ns: int) -> int | None:
        """Since when there is footage: the oldest's start, or the earliest where the oldest was recorded by a clock ahead."""
        is_ahead = self.oldest_utc_ns is not None and self.oldest_utc_ns > now_utc_ns
        return self.earliest_utc_ns if is_ahead else self.oldest_utc_ns


class Usage(msgspec.Struct, kw_only=True, frozen=True):
    """Sums over the volume. While not `complete`, days that have not been counted yet are missing."""

    complete: bool
    allocated_bytes: int
    """Of all footage, including what is only on the shelf: each file counts once, however many links it has."""
    cameras: dict[str, CameraUsage]
    shelf_only_bytes: int = 0
    """Held files that are missing from their days."""


class DayUsage(msgspec.Struct, frozen=True):
    """Sums over the closed segments of one camera-day that lie on disk."""

    segments: int
    allocated_bytes: int
    recorded_ns: int
    last_seq: int
    recovered: int = 0
    """How many of them were recovered from the camera."""


class _Day:
    """The sums of one camera-day."""

    __slots__ = (
        "allocated_bytes",
        "earliest_utc_ns",
        "first_seq",
        "first_utc_ns",
        "last_seq",
        "last_utc_ns",
        "latest_utc_ns",
        "recorded_ns",
        "recovered",
        "segments",
    )

    def __init__(self) -> None:
        self.segments = 0
        self.allocated_bytes = 0
        self.recorded_ns = 0
        self.recovered = 0
        self.first_seq: int | None = None
        """The lowest sequence; never too high, and too low only while `first_utc_ns` is None."""
        self.first_utc_ns: int | None = None
        self.last_seq: int | None = None
        self.last_utc_ns: int | None = None
        self.earliest_utc_ns: int | None = None
        """By the calendar: the clock may have been set back within the day. None after that segment was erased, as the others."""
        self.latest_utc_ns: int | None = None

    def add(self, ref: SegmentRef) -> None:
        self.segments += 1
        self.allocated_bytes += ref.allocated_bytes
        self.recorded_ns += ref.end_utc_ns - ref.start_utc_ns
        self.recovered += ref.is_recovered
        if self.segments == 1 or (self.earliest_utc_ns is not None and ref.start_utc_ns < self.earliest_utc_ns):
            self.earliest_utc_ns = ref.start_utc_ns
        if self.segments == 1 or (self.latest_utc_ns is not None and ref.end_utc_ns > self.latest_utc_ns):
            self.latest_utc_ns = ref.end_utc_ns
        if self.first_seq is None or ref.seq <= self.first_seq:
            self.first_seq, self.first_utc_ns = ref.seq, ref.start_utc_ns
        if self.last_seq is None or ref.seq >= self.last_seq:
            self.last_seq, self.last_utc_ns = ref.seq, ref.end_utc_ns

    def take(self, ref: SegmentRef) -> None:
        self.segments -= 1
        self.allocated_bytes -= ref.allocated_bytes
        self.recorded_ns -= ref.end_utc_ns - ref.start_utc_ns
        self.recovered -= ref.is_recovered
        if ref.seq == self.first_seq:
            self.first_utc_ns = None
        if ref.seq == self.last_seq:
            self.last_utc_ns = None
        if ref.start_utc_ns == self.earliest_utc_ns:
            self.earliest_utc_ns = None
        if ref.end_utc_ns == self.latest_utc_ns:
            self.latest_utc_ns = None

    def is_whole(self) -> bool:
        """Whether the first and the last of it are known, by sequence and by the calendar."""
        return None not in (self.first_utc_ns, self.last_utc_ns, self.earliest_utc_ns, self.latest_utc_ns)


class Index:
    """The sums of one attached volume. Safe from several threads."""

    def __init__(self, days: Days, on_unhashed: Callable[[str, str, int], None]) -> None:
        """`on_unhashed(camera, day, seq)` is called for recovered segments without a checksum that `build` finds."""
        self._days = days
        self._on_unhashed = on_unhashed
        self._guard = threading.Lock()
        self._counted: dict[str, dict[str, _Day]] = {}
        self._complete = False
        self._usages: dict[str, CameraUsage] = {}
        self._usage: Usage | None = None
        self._shelf_only_bytes = 0
        self._handed_out = 0
        self.late = 0
        """Incremented when a segment is added that `oldest` may already have passed: a kept iterator would miss it."""

    def build(self, stop: threading.Event) -> bool:
        """Counts every camera-day not counted yet; False when `stop` was set before the end. Raises DiskWriteError."""
        for camera in self._days.cameras():
            for day in self._days.days(camera):
                if stop.is_set():
                    return False
                with self._days.lock(camera):
                    if self._get(camera, day) is None:
                        self._count(camera, day)
                time.sleep(_PAUSE_S)
        with self._guard:
            self._complete = True
            self._usage = None
        return True

    def added(self, ref: SegmentRef) -> None:
        """A segment was closed. Called with the camera's lock held, after its rename."""
        if ref.seq <= self._handed_out:
            self.late += 1
        counted = self._get(ref.camera, ref.day)
        if counted is None:
            self._count(ref.camera, ref.day)  # this segment among the others
            return
        with self._guard:
            counted.add(ref)
            self._changed(ref.camera)

    def erased(self, ref: SegmentRef) -> None:
        """A segment was erased. Called with the camera's lock held, after its unlink."""
        counted = self._get(ref.camera, ref.day)
        if counted is not None:
            with self._guard:
                counted.take(ref)
                self._changed(ref.camera)

    def day_gone(self, camera: str, day: str) -> None:
        """A day's folder has ended."""
        with self._guard:
            self._counted.get(camera, {}).pop(day, None)
            self._changed(camera)

    def mend(self, camera: str, day: str) -> None:
        """Updates a day's first and last segment after one of them was erased. Raises DiskWriteError."""
        with self._days.lock(camera):
            counted = self._get(camera, day)
            if counted is None or counted.is_whole():
                return
            refs = self._days.refs(camera, day)
            with self._guard:
                self._changed(camera)
                if refs:
                    counted.first_seq, counted.first_utc_ns = refs[0].seq, refs[0].start_utc_ns
                    counted.last_seq, counted.last_utc_ns = refs[-1].seq, refs[-1].end_utc_ns
                    counted.earliest_utc_ns = min(ref.start_utc_ns for ref in refs)
                    counted.latest_utc_ns = max(ref.end_utc_ns for ref in refs)

    def usage(self) -> Usage:
        """The current totals. Cached in memory until something changes: may be called often, and on a loop."""
        with self._guard:
            if self._usage is None:
                for camera, days in self._counted.items():
                    if camera not in self._usages:
                        self._usages[camera] = _sum(list(days.values()))
                self._usage = Usage(
                    complete=self._complete,
                    allocated_bytes=sum(usage.allocated_bytes for usage in self._usages.values())
                    + self._shelf_only_bytes,
                    cameras=dict(sorted(self._usages.items())),
                    shelf_only_bytes=self._shelf_only_bytes,
                )
            return self._usage

    def _changed(self, camera: str) -> None:
        """Drops the cached totals. Called with the guard held."""
        self._usages.pop(camera, None)
        self._usage = None

    def forget_lost(self) -> int:
        """Stops counting days whose folders were removed without the ledger, as they use no room. Returns how many. Raises
        DiskWriteError."""
        lost = 0
        with self._guard:
            counted = {camera: set(days) for camera, days in self._counted.items()}
        for camera, days in counted.items():
            with self._days.lock(camera):
                for day in days.difference(self._days.days(camera)):
                    self.day_gone(camera, day)
                    lost += 1
        return lost

    def recount(self, camera: str, day: str) -> None:
        """Recounts a day after names were restored to it. Called with the camera's lock held. Raises DiskWriteError."""
        self.late += 1
        self._count(camera, day)

    def set_shelf_only(self, allocated_bytes: int) -> None:
        """Sets the bytes of files that are only on the shelf."""
        with self._guard:
            self._shelf_only_bytes = allocated_bytes
            self._usage = None

    def day(self, camera: str, day: str) -> DayUsage | None:
        """The sums of one camera-day; None while it is not counted, or has no footage."""
        with self._guard:
            counted = self._counted.get(camera, {}).get(day)
            if counted is None or counted.segments <= 0:
                return None
            return DayUsage(
                counted.segments,
                counted.allocated_bytes,
                counted.recorded_ns,
                counted.last_seq or 0,
                counted.recovered,
            )

    def days(self, camera: str) -> list[str] | None:
        """The days of a camera that have footage, ascending, from memory; None while not everything is counted."""
        with self._guard:
            if not self._complete:
                return None
            return sorted(day for day, counted in self._counted.get(camera, {}).items() if counted.segments > 0)

    def oldest(self, skip: Callable[[str, str], bool] | None = None) -> Iterator[SegmentRef]:
        """Closed segments by ascending sequence over all cameras and days, as of its start.

        Days may interleave: each is opened when its lowest sequence is due, and they are merged. A day for which `skip` (camera,
        day) returns True is not opened, so an archive full of held days costs nothing. The iterator may be kept and continued
        later; segments erased meanwhile may still be returned, and those that `late` counts are not. Never returns open segments.
        Raises DiskWriteError.
        """
        heap: list[tuple[int, str, str, Iterator[SegmentRef] | None, SegmentRef | None]] = []
        for camera in self._days.cameras():
            for day in self._days.days(camera):
                if skip is not None and skip(camera, day):
                    continue
                seq = self._lowest(camera, day)
                if seq is not None:
                    heap.append((seq, camera, day, None, None))
        heapq.heapify(heap)  # sequences are unique on a volume; camera and day decide where damage made two alike
        while heap:
            seq, camera, day, rest, ref = heapq.heappop(heap)
            if ref is not None:
                self._handed_out = max(self._handed_out, ref.seq)
                yield ref
            if rest is None:
                if skip is not None and skip(camera, day):
                    continue
                rest = iter(self._refs(camera, day))
            following = next(rest, None)
            if following is not None:
                heapq.heappush(heap, (following.seq, camera, day, rest, following))

    def _refs(self, camera: str, day: str) -> list[SegmentRef]:
        refs = self._days.refs(camera, day)
        if not refs and self.day(camera, day) is not None:
            # The files were removed without the ledger: they use no room.
            with self._days.lock(camera):
                if not self._days.refs(camera, day):
                    self.day_gone(camera, day)
        return refs

    def _lowest(self, camera: str, day: str) -> int | None:
        """A bound below all sequences of a day; None when it has none."""
        counted = self._get(camera, day)
        if counted is not None:
            with self._guard:
                return counted.first_seq if counted.segments > 0 else None
        parsed = map(layout.parse_segment_name, self._days.names(camera, day))
        return min((found[0] for found in parsed if found is not None), default=None)

    def _get(self, camera: str, day: str) -> _Day | None:
        with self._guard:
            return self._counted.get(camera, {}).get(day)

    def _count(self, camera: str, day: str) -> None:
        counted = _Day()
        present = set()
        lines = self._days.slim(camera, day)
        for ref in self._days.refs(camera, day, lines):
            counted.add(ref)
            present.add(ref.seq)
        hashed = {line.seq for line in lines if isinstance(line, journal.Hash)}
        unhashed = present - hashed
        with self._guard:
            self._counted.setdefault(camera, {})[day] = counted
            self._changed(camera)
        for line in lines:
            if isinstance(line, journal.SlimSegment) and line.sha256 is None and line.seq in unhashed:
                self._on_unhashed(camera, day, line.seq)


def _sum(days: list[_Day]) -> CameraUsage:
    filled = [day for day in days if day.segments > 0]
    if not filled:
        return CameraUsage()
    return CameraUsage(
        allocated_bytes=sum(day.allocated_bytes for day in filled),
        segments=sum(day.segments for day in filled),
        recorded_ns=sum(day.recorded_ns for day in filled),
        oldest_utc_ns=min(filled, key=lambda day: day.first_seq or 0).first_utc_ns,
        newest_utc_ns=max(filled, key=lambda day: day.last_seq or 0).last_utc_ns,
        earliest_utc_ns=min((day.earliest_utc_ns for day in filled if day.earliest_utc_ns is not None), default=None),
        latest_utc_ns=max((day.latest_utc_ns for day in filled if day.latest_utc_ns is not None), default=None),
    )
