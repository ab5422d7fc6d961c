"""After a kill or a power cut: brings what lies in `open` into its day, or gives it up. Idempotent at every step.

Looks only at each camera's `open` folder and at the journals of the few days that can matter: the days last written
(the camera's `latest` note), the two newest by name, and the days that files in `open` name. Whatever step a crash
interrupts, the next recovery finds one of the states that docs/disk-format.md lists and goes on from there:

    file in `open`, no journal line     cut to the last whole fragment, sync, line, checksum list, rename
    file in `open`, journal line there  checksum list, rename
    file without a whole fragment       given up (ledger line, unless it is empty)
"""

import logging
import os
import stat
from concurrent.futures import ThreadPoolExecutor

import msgspec

from holdshelf_storage import fmp4, journal, layout
from holdshelf_storage.atomic import sync
from holdshelf_storage.days import Days
from holdshelf_storage.errors import (
    AudioFound,
    BadMp4,
    DiskFull,
    FootageError,
    StorageError,
    VolumeError,
    translating,
)
from holdshelf_storage.ledger import Ledger

_log = logging.getLogger(__name__)


class Origin(msgspec.Struct, kw_only=True):
    """What the recorder wrote into the file's comment, so that a file explains itself."""

    holdshelf: int
    """Version of this record: 1."""
    seq: int
    camera: str
    start_utc_ns: int
    start_boot_ns: int
    boot: str
    run: str
    codec: str = ""


class CameraRecovery(msgspec.Struct, kw_only=True):
    """Where a camera's record stopped."""

    camera: str
    recovered: list[journal.Segment] = []
    """Segments brought in from `open`, by ascending sequence."""
    last_seq: int | None = None
    """Highest sequence that a journal line tells of."""
    last_end_utc_ns: int | None = None
    """End of the last segment or gap, by the wall clock of then; None for a camera that has neither."""
    last_boot: str | None = None
    """Boot id that `last_end_boot_ns` belongs to."""
    last_end_boot_ns: int | None = None
    open_gap: journal.Gap | None = None
    """A gap that has begun and not ended. It goes on until `end_gap`."""


class Recovery(msgspec.Struct, kw_only=True):
    """What `Footage.recover` found and did."""

    cameras: dict[str, CameraRecovery]
    problems: list[str]
    """One sentence each: what could not be brought in. Such files stay where they are."""


def recover(days: Days, ledger: Ledger, *, max_workers: int = 8) -> tuple[Recovery, list[tuple[str, str, int]]]:
    """(what was found, recovered segments that want hashing as (camera, day, sequence)).

    Raises VolumeError when the volume as a whole cannot be used; a single file's trouble is a problem in the answer.
    """
    for entry in ledger.abandoned():
        ledger.finish_abandon(entry)
    cameras = days.cameras()
    busy = [camera for camera in cameras if days.open_sequences(camera)]
    done: dict[str, _Camera] = {camera: _Camera(days, ledger, camera) for camera in cameras}
    if len(busy) > 1 and max_workers > 1:  # each camera waits for several fsyncs, which the disk can do together
        with ThreadPoolExecutor(min(max_workers, len(busy)), thread_name_prefix="recover") as pool:
            list(pool.map(lambda camera: done[camera].run(), busy))
    else:
        for camera in busy:
            done[camera].run()
    for camera in cameras:
        if camera not in busy:
            done[camera].run()
    unhashed = [item for camera in cameras for item in done[camera].unhashed]
    problems = [problem for camera in cameras for problem in done[camera].problems]
    return Recovery(cameras={camera: done[camera].result for camera in cameras}, problems=problems), unhashed


class _Camera:
    """Recovery of one camera."""

    def __init__(self, days: Days, ledger: Ledger, camera: str) -> None:
        self.result = CameraRecovery(camera=camera)
        self.problems: list[str] = []
        self.unhashed: list[tuple[str, str, int]] = []
        self._days = days
        self._ledger = ledger

    def run(self) -> None:
        """Recovers the camera. Raises VolumeError; another trouble becomes a problem in the answer."""
        try:
            with self._days.lock(self.result.camera):
                self._run()
        except VolumeError:
            raise
        except StorageError as error:
            self.problems.append(f"{layout.camera_path(self.result.camera)}: {error}")

    def _run(self) -> None:
        camera = self.result.camera
        candidates = candidate_days(self._days, camera)
        for day in candidates:
            self._days.cut_torn_journal(camera, day)
        touched = set()
        for seq in self._days.open_sequences(camera):
            self._days.volume.observe_sequence(seq)
            try:
                segment = bring_in(self._days, self._ledger, camera, seq)
            except VolumeError:
                raise
            except StorageError as error:
                self.problems.append(f"{layout.open_path(camera, seq)}: {error}")
                continue
            if segment is not None:
                self.result.recovered.append(segment)
                touched.add(layout.day_of(segment.start_utc_ns))
        for day in sorted({*candidates, *touched}):
            try:
                if not self._days.sums_agree(camera, day, whole=day in touched):
                    self._days.rebuild_sums(camera, day)
            except DiskFull as error:
                self.problems.append(str(error))
        self._read_tails(sorted({*candidates, *touched}))

    def _read_tails(self, days: list[str]) -> None:
        """Fills the answer from the last lines of the days that matter."""
        camera, result = self.result.camera, self.result
        segments: list[journal.Segment] = []
        gaps: dict[int, journal.Gap] = {}
        ends: dict[int, journal.GapEnd] = {}
        for day in days:
            lines, _ = journal.decode(self._days.read_journal_tail(camera, day))
            hashed = {line.seq for line in lines if isinstance(line, journal.Hash)}
            for line in lines:
                if isinstance(line, journal.Segment):
                    segments.append(line)
                    if line.sha256 is None and line.seq not in hashed:
                        self.unhashed.append((camera, day, line.seq))
                elif isinstance(line, journal.Gap):
                    gaps[line.gap] = line
                elif isinstance(line, journal.GapEnd):
                    ends.setdefault(line.gap, line)
        last = max(segments, key=lambda line: line.seq, default=None)
        if last is not None:
            result.last_seq, result.last_end_utc_ns = last.seq, last.end_utc_ns
            result.last_boot, result.last_end_boot_ns = last.boot, last.end_boot_ns
        if gaps:
            number = max(gaps)
            self._days.volume.observe_sequence(number)
            result.open_gap = gaps[number] if number not in ends else None
            if number in ends and _is_later(ends[number], gaps[number], last):
                end = ends[number]
                result.last_seq = max(number, result.last_seq or 0)
                result.last_end_utc_ns = end.end_utc_ns
                result.last_boot, result.last_end_boot_ns = end.boot or None, end.end_boot_ns if end.boot else None
        if result.last_seq is not None:
            self._days.volume.observe_sequence(result.last_seq)


def _is_later(end: journal.GapEnd, gap: journal.Gap, last: journal.Segment | None) -> bool:
    """Whether a gap's end is later than the last segment's. A spare is numbered before it is used, so numbers of gaps
    and segments do not compare; boottime does, within one boot; the wall clock is what is left."""
    if last is None:
        return True
    if end.boot and end.boot == last.boot:
        return end.end_boot_ns > last.end_boot_ns
    if gap.boot == last.boot:
        return gap.start_boot_ns + end.elapsed_ns > last.end_boot_ns
    return end.end_utc_ns > last.end_utc_ns


def candidate_days(days: Days, camera: str) -> list[str]:
    """The days whose journals can hold a camera's last lines."""
    existing = days.days(camera)
    return sorted({*days.latest(camera), *existing[-2:]}.intersection(existing))


def bring_in(days: Days, ledger: Ledger, camera: str, seq: int) -> journal.Segment | None:
    """Takes one file from `open` into its day; None when there was nothing in it to keep. Idempotent.

    Raises AudioFound (the file was given up: sound is never kept), DiskFull (it stays, try again), SyncFailed (it
    stays and must be abandoned), DiskWriteError, VolumeReadOnly. The camera's lock is taken.
    """
    with days.lock(camera):
        path = layout.open_path(camera, seq)
        with translating(f"{path} could not be read"):
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=days.volume.root_fd)
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise BadMp4("it is not a file; remove it by hand.")
            if status.st_size == 0:
                ledger.discard_spare(camera, seq)
                return None
            whole_bytes = fmp4.last_whole_fragment(fd)
            if not whole_bytes:
                ledger.abandon(camera, seq, "no whole fragment")
                return None
            header = fmp4.read_header(fd)
            if header.video is None:
                ledger.abandon(camera, seq, "not exactly one video track")
                raise AudioFound(
                    f"{path} held something other than one video track; it was not kept. "
                    "Switch the sound off in the camera."
                )
            origin = read_origin(header.comment)
            existing = find_line(days, camera, seq, origin)
            if existing is None:
                existing = _cut(days, camera, seq, fd, whole_bytes=whole_bytes, header=header, origin=origin)
        finally:
            os.close(fd)
        move(days, ledger, camera, existing)
        sync_folders(days, camera, existing)
        return existing


def read_origin(comment: str | None) -> Origin | None:
    """The recorder's facts from a file's comment; None when they are missing or make no sense."""
    try:
        origin = msgspec.json.decode((comment or "").encode("utf-8", "replace"), type=Origin)
        layout.check_time_ns(origin.start_utc_ns, "The start")
        layout.check_time_ns(origin.start_boot_ns, "The start")
    except (*journal.UNREADABLE, StorageError):
        return None
    return origin if origin.holdshelf == 1 else None


def find_line(days: Days, camera: str, seq: int, origin: Origin | None) -> journal.Segment | None:
    """The journal line of a file in `open`, if it got one before the crash."""
    candidates = set(candidate_days(days, camera))
    if origin is not None:
        candidates.add(layout.day_of(origin.start_utc_ns))
    for day in sorted(candidates, reverse=True):
        line = journal.find_segment(days.read_journal(camera, day), seq)
        if line is not None:
            return line
    return None


def _cut(
    days: Days, camera: str, seq: int, fd: int, *, whole_bytes: int, header: fmp4.Header, origin: Origin | None
) -> journal.Segment:
    """Cuts the file to its whole fragments, makes it durable and read-only, and writes its journal line."""
    path = layout.open_path(camera, seq)
    track = header.video
    assert track is not None
    with translating(f"{path} could not be cut to its last whole fragment"):
        if os.fstat(fd).st_size != whole_bytes:
            os.fchmod(fd, 0o600)  # a crash may have come between chmod and journal line
            writable = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=days.volume.root_fd)
            try:
                os.ftruncate(writable, whole_bytes)
            finally:
                os.close(writable)
        os.fchmod(fd, 0o400)
    sync(fd, path)
    scan = fmp4.scan(fd)
    status = os.fstat(fd)
    if origin is None:
        start_utc_ns = max(0, min(status.st_mtime_ns, layout.MAX_TIME_NS) - scan.duration_ns)
        origin = Origin(
            holdshelf=1,
            seq=seq,
            camera=camera,
            start_utc_ns=start_utc_ns,
            start_boot_ns=0,
            boot="",
            run=f"recovered-{seq}",
        )
        _log.warning("%s does not say when it was recorded; the file's own time is taken", path)
    segment = journal.Segment(
        seq=seq,
        name=layout.segment_name(seq, origin.start_utc_ns),
        start_utc_ns=origin.start_utc_ns,
        duration_ns=scan.duration_ns,
        run=origin.run[:200],
        boot=origin.boot[:200],
        start_boot_ns=origin.start_boot_ns,
        bytes=status.st_size,
        allocated_bytes=status.st_blocks * 512,
        sha256=None,
        codec=track.codec,
        width=track.width,
        height=track.height,
        frames=scan.frames,
        audio_tracks=0,
        activity=journal.activity(scan.bytes_per_second[: 4 * 3600]),
        recovered=True,
    )
    days.append(camera, layout.day_of(segment.start_utc_ns), segment)
    return segment


def move(days: Days, ledger: Ledger, camera: str, segment: journal.Segment) -> None:
    """Renames a journalled file from `open` into its day. The folders are not synced yet. Raises StorageError."""
    root = days.volume.root_fd
    source = layout.open_path(camera, segment.seq)
    target = f"{layout.day_path(camera, layout.day_of(segment.start_utc_ns))}/{segment.name}"
    with translating(f"{source} could not be moved into its day"):
        try:
            there = os.stat(target, dir_fd=root, follow_symlinks=False)
        except FileNotFoundError:
            os.rename(source, target, src_dir_fd=root, dst_dir_fd=root)
            return
        here = os.stat(source, dir_fd=root, follow_symlinks=False)
    if (here.st_dev, here.st_ino) != (there.st_dev, there.st_ino):
        raise FootageError(f"{source} and {target} claim the same sequence; look at both and move one away by hand.")
    ledger.drop_second_name(camera, segment.seq)  # a crash between the two halves of a rename left both names


def sync_folders(days: Days, camera: str, segment: journal.Segment) -> None:
    """Makes the rename durable. A failure is logged, no more: wherever the rename ends after a crash, the journal line
    that is already on disk makes it whole again, and giving the segment up now would lose it."""
    try:
        days.sync(camera, layout.day_of(segment.start_utc_ns))
    except StorageError as error:
        _log.error("%s", error)
