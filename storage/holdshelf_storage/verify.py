"""Is everything there that the journals tell of, unchanged, and nothing else? Reads only.

Without `deep`: journals, names, sizes, checksum lists, and the structure of each file (headers and frame tables, a few
kilobytes a file). With `deep` also every byte: SHA-256, and that each frame is a whole number of NAL units.
A problem is one sentence that names the file. What cannot be read is a problem, too; it never ends the verification.
"""

import array
import os
import stat
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise

import msgspec

from holdshelf_storage import fmp4, journal, layout
from holdshelf_storage.atomic import read_all
from holdshelf_storage.days import Days, wanted_sums
from holdshelf_storage.errors import StorageError
from holdshelf_storage.footage import Footage
from holdshelf_storage.hashing import sha256_of
from holdshelf_storage.query import open_file

MAX_PROBLEMS = 10_000
_DRIFT_NS = 1_000_000_000
"""A camera's clock may drift this far from ours within a run before the run is ended."""


class Report(msgspec.Struct, kw_only=True):
    """What was looked at and what is wrong."""

    segments: int = 0
    """Segments looked at: journalled and not erased."""
    bytes: int = 0
    problems: list[str] = msgspec.field(default_factory=list)


def verify(
    footage: Footage,
    camera: str | None = None,
    start_utc_ns: int | None = None,
    end_utc_ns: int | None = None,
    deep: bool = False,
    *,
    progress: Callable[[str, str, int], None] | None = None,
    stop: threading.Event | None = None,
) -> Report:
    """Verifies one camera or all, over the days that touch [start, end) or all. May run while cameras record.

    `progress(camera, day, segments so far)` is called before each camera-day; `stop` ends early. Raises BadCameraId.
    """
    report = Report()
    known = footage.cameras()
    cameras = known if camera is None else [layout.check_camera(camera)]
    first = layout.day_of(start_utc_ns) if start_utc_ns is not None else ""
    last = layout.day_of(max(end_utc_ns - 1, -layout.MAX_TIME_NS)) if end_utc_ns is not None else "9999-99-99"
    seen = array.array("Q")
    report.problems += _strangers_of(footage.folders, None)
    for one in cameras:
        if one not in known:
            report.problems.append(f"footage/{one} is not there: no footage of this camera is on the volume.")
            continue
        report.problems += _strangers_of(footage.folders, one)
        runs: dict[str, tuple[int, str]] = {}
        for day in footage.days(one):
            if not first <= day <= last:
                continue
            if stop is not None and stop.is_set():
                return report
            if progress is not None:
                progress(one, day, report.segments)
            check = _DayCheck(footage, one, day, deep=deep, seen=seen, runs=runs, stop=stop)
            try:
                check.run(report)
            except StorageError as error:
                report.problems.append(f"{layout.day_path(one, day)}: {error}")
            if len(report.problems) > MAX_PROBLEMS:
                report.problems.append("More problems were found than can be listed; mend these first.")
                return report
    report.problems += _given_twice(seen)
    return report


def _given_twice(seen: "array.array[int]") -> Iterator[str]:
    ordered = sorted(seen)
    for one, other in pairwise(ordered):
        if one == other:
            yield f"Sequence {one} was given to more than one segment; look for it in the journals."


def _strangers_of(days: Days, camera: str | None) -> Iterator[str]:
    """Names in `footage`, or in a camera's folder and its `open`, that are none of ours."""
    if camera is None:
        folder, ours = layout.FOOTAGE, layout.is_camera
        folders = [(folder, ours)]
    else:
        folder = layout.camera_path(camera)
        known = {layout.OPEN, layout.LATEST, f".{layout.LATEST}.tmp"}
        folders = [
            (folder, lambda name: name in known or layout.is_day(name)),
            (f"{folder}/{layout.OPEN}", lambda name: layout.parse_open_name(name) is not None),
        ]
    for path, ours in folders:
        for name in sorted(days.list_folder(path)):
            if not ours(name):
                yield f"{path}/{name!r:.80} is a stranger's file."


class _DayCheck:
    """The checks of one camera-day."""

    def __init__(
        self,
        footage: Footage,
        camera: str,
        day: str,
        *,
        deep: bool,
        seen: "array.array[int]",
        runs: dict[str, tuple[int, str]],
        stop: threading.Event | None,
    ) -> None:
        self._footage = footage
        self._days: Days = footage.folders
        self._camera = camera
        self._day = day
        self._deep = deep
        self._seen = seen
        self._runs = runs
        self._stop = stop
        self._folder = layout.day_path(camera, day)

    def run(self, report: Report) -> None:
        """Adds to `report`. Raises StorageError when the day as a whole cannot be read."""
        with self._days.lock(self._camera):  # so that no segment is half-way between journal and folder
            data = self._days.read_journal(self._camera, self._day)
            names = set(self._days.names(self._camera, self._day))
            sums = self._sums()
            torn = not self._ends_whole()
        lines, bad = journal.decode(data)
        say = report.problems.append
        if bad:
            say(f"{self._folder}/{layout.JOURNAL} has {bad} lines that cannot be read.")
        if torn:
            say(f"{self._folder}/{layout.JOURNAL} ends within a line; recovery cuts it at the next start.")
        if sorted(sums) != sorted(wanted_sums(data)):
            say(f"{self._folder}/{layout.SUMS} does not say what the journal says.")
        segments = [line for line in lines if isinstance(line, journal.Segment)]
        hashes = {line.seq: line.sha256 for line in lines if isinstance(line, journal.Hash)}
        told = {segment.name for segment in segments}
        report.problems += self._strangers(names, told)
        for segment in segments:
            if self._stop is not None and self._stop.is_set():
                return
            report.problems += self._told_wrongly(segment)
            if segment.name in names:
                problems = list(self._file(segment, segment.sha256 or hashes.get(segment.seq)))
                report.segments += 1
                report.bytes += segment.bytes
                report.problems += problems
        report.problems += self._overlaps(segments)
        report.problems += self._gaps(lines)

    def _sums(self) -> list[bytes]:
        try:
            fd = os.open(f"{self._folder}/{layout.SUMS}", os.O_RDONLY | os.O_NOFOLLOW, dir_fd=self._root)
        except OSError:
            return []
        try:
            return read_all(fd).splitlines(keepends=True)
        finally:
            os.close(fd)

    def _ends_whole(self) -> bool:
        try:
            fd = os.open(f"{self._folder}/{layout.JOURNAL}", os.O_RDONLY | os.O_NOFOLLOW, dir_fd=self._root)
        except OSError:
            return True
        try:
            size = os.fstat(fd).st_size
            return size == 0 or os.pread(fd, 1, size - 1) == b"\n"
        finally:
            os.close(fd)

    @property
    def _root(self) -> int:
        return self._days.volume.root_fd

    def _strangers(self, names: set[str], told: set[str]) -> Iterator[str]:
        ours = {layout.JOURNAL, layout.SUMS, f".{layout.SUMS}.tmp"}
        for name in sorted(names - told - ours):
            if layout.parse_segment_name(name) is not None:
                yield f"{self._folder}/{name} has no line in the journal."
            else:
                yield f"{self._folder}/{name!r:.80} is a stranger's file."
        if names and layout.JOURNAL not in names:
            yield f"{self._folder} has no journal."

    def _told_wrongly(self, segment: journal.Segment) -> Iterator[str]:
        """What a journal line alone gives away."""
        shown = f"{self._folder}/{segment.name:.80}"
        if segment.name != layout.segment_name(segment.seq, segment.start_utc_ns):
            yield f"{shown} is not the name that its journal line asks for."
        if layout.day_of(segment.start_utc_ns) != self._day:
            yield f"{shown} lies in the journal of another day than it began on."
        if segment.audio_tracks:
            yield f"{shown} is journalled with {segment.audio_tracks} audio tracks."
        if not 0 < segment.seq <= layout.MAX_SEQUENCE:
            yield f"{shown} has a sequence that no volume gives."
        else:
            self._seen.append(segment.seq)

    def _overlaps(self, segments: list[journal.Segment]) -> Iterator[str]:
        """Segments of one run must follow one another: what was recorded twice lies twice at the same boottime."""
        for segment in sorted(segments, key=lambda one: one.start_boot_ns):
            run = f"{segment.boot}/{segment.run}"
            end, earlier = self._runs.get(run, (segment.start_boot_ns, ""))
            if segment.start_boot_ns < end - _DRIFT_NS:
                over_s = (end - segment.start_boot_ns) / 1e9
                yield f"{self._folder}/{segment.name:.80} overlaps {earlier:.80} of the same run by {over_s:.3f} s."
            if segment.end_boot_ns >= end:
                self._runs[run] = (segment.end_boot_ns, segment.name)

    def _file(self, segment: journal.Segment, sha256: str | None) -> Iterator[str]:
        shown = f"{self._folder}/{segment.name:.80}"
        try:
            fd = open_file(self._days, self._camera, segment)
        except StorageError as error:
            # Between listing and opening the sweeper may have passed.
            if segment.name in self._days.names(self._camera, self._day):
                yield f"{shown}: {error}"
            return
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                yield f"{shown} is not a file."
                return
            if stat.S_IMODE(status.st_mode) != 0o400:
                yield f"{shown} has mode {stat.S_IMODE(status.st_mode):04o}, not 0400: it may have been written to."
            if status.st_size != segment.bytes:
                yield f"{shown} has {status.st_size} bytes, not {segment.bytes}."
            yield from self._structure(fd, segment, shown)
            if self._deep:
                yield from self._content(fd, sha256, shown)
        except StorageError as error:
            yield f"{shown}: {error}"
        finally:
            os.close(fd)

    def _structure(self, fd: int, segment: journal.Segment, shown: str) -> Iterator[str]:
        scan = fmp4.scan(fd)
        sound = [track for track in scan.header.tracks if track.handler == "soun"]
        if sound:
            yield f"{shown} has {len(sound)} audio tracks."
        elif scan.header.video is None:
            yield f"{shown} has other tracks than one of video."
        if scan.whole_bytes != scan.file_bytes:
            yield f"{shown} is damaged from byte {scan.whole_bytes} on."
        if scan.frames != segment.frames:
            yield f"{shown} has {scan.frames} frames, not {segment.frames}."
        if not scan.starts_on_key and scan.frames:
            yield f"{shown} does not begin with a key frame."

    def _content(self, fd: int, sha256: str | None, shown: str) -> Iterator[str]:
        broken = fmp4.broken_frame(fd)
        if broken is not None:
            yield f"{shown} has a frame at byte {broken} that is not whole."
        if sha256 is None:
            return  # recovered, and still to be hashed
        found = sha256_of(fd, self._stop)
        if found is not None and found != sha256:
            yield f"{shown} was changed: its SHA-256 is {found}, not {sha256}."

    def _gaps(self, lines: list[journal.Line]) -> Iterator[str]:
        begun = {line.gap for line in lines if isinstance(line, journal.Gap)}
        for line in lines:
            if isinstance(line, journal.GapEnd) and line.gap not in begun:
                yield f"{self._folder}/{layout.JOURNAL} ends gap {line.gap}, which never began there."
