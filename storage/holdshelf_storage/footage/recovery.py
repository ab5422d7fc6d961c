"""After a kill or a power cut: brings what lies in `open` into its day, or gives it up. Idempotent at every step.

Looks only at each camera's `open` folder and at the journals of the few days that can matter: the days last written
(the camera's `latest` note), the two newest by name, and the days that files in `open` name. Whatever step a crash
interrupts, the next recovery finds one of the states that docs/disk-format.md lists and goes on from there:

    file in `open`, no journal line     cut to the last whole fragment, sync, line, checksum list, rename
    file in `open`, journal line there  checksum list, rename
    file without a whole fragment       given up (ledger line, unless it is empty)
"""

import bisect
import logging
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import msgspec

from holdshelf_storage import layout
from holdshelf_storage.atomic import sync
from holdshelf_storage.errors import (
    AudioFound,
    BadMp4,
    DiskFull,
    FootageError,
    StorageError,
    VolumeError,
    translating,
)
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.mp4 import fragments as fmp4
from holdshelf_storage.volume import gap_lines, journal
from holdshelf_storage.volume.days import Days
from holdshelf_storage.volume.gap_lines import Item, Moment

_log = logging.getLogger(__name__)


class Origin(msgspec.Struct, kw_only=True):
    """The recorder's facts in the file's comment, so that a file can be recovered by itself."""

    holdshelf: int
    """Version of this record: 1."""
    seq: int
    camera: str
    start_utc_ns: int
    start_boot_ns: int
    boot: str
    run: str
    codec: str = ""
    from_camera: journal.FromCamera | msgspec.UnsetType = msgspec.UNSET
    until_utc_ns: int = 0
    """Of footage recovered from the camera: its gap ends there, and no picture of it lasts longer."""
    signing: str = ""
    """An SEI in which the camera sent its signing certificates before this file began, Base64; '' for none."""


class CameraRecovery(msgspec.Struct, kw_only=True):
    """How far a camera's record is complete."""

    camera: str
    recovered: list[journal.Segment] = []
    """Segments moved out of `open`, by ascending sequence."""
    last_seq: int | None = None
    """Highest sequence in a journal line."""
    last_end_utc_ns: int | None = None
    """Up to here its record is complete: every second is in a segment or a gap that has ended. By the wall clock of then; None
    for a camera without either."""
    last_boot: str | None = None
    """Boot id of `last_end_boot_ns`."""
    last_end_boot_ns: int | None = None
    open_gap: journal.Gap | None = None
    """A gap that has not ended. It lasts until `end_gap`; nothing was recorded after it."""
    bytes_per_s: float = 0.0
    """Of its last segments; 0 when there are none."""


class Recovery(msgspec.Struct, kw_only=True):
    """What `Footage.recover` found and did."""

    cameras: dict[str, CameraRecovery]
    problems: list[str]
    """One sentence each: what could not be recovered. Such files stay where they are."""


def recover(days: Days, ledger: Ledger, *, max_workers: int = 8) -> tuple[Recovery, list[tuple[str, str, int]]]:
    """Return (what was found, recovered segments to be hashed as (camera, day, sequence)).

    Raises VolumeError when the volume as a whole cannot be used; an error of a single file is a problem in the answer.
    """
    refused: list[str] = []
    for entry in ledger.abandoned():
        try:
            ledger.finish_abandon(entry)
        except StorageError as error:
            if entry.seq in days.open_sequences(entry.camera):
                raise
            refused.append(str(error))  # the file is gone; only the ledger cannot record that yet
    cameras = days.cameras()
    busy = [camera for camera in cameras if days.open_sequences(camera)]
    done: dict[str, _Camera] = {camera: _Camera(days, ledger, camera) for camera in cameras}
    if len(busy) > 1 and max_workers > 1:  # each camera waits for several fsyncs, which the disk can do in parallel
        with ThreadPoolExecutor(min(max_workers, len(busy)), thread_name_prefix="recover") as pool:
            list(pool.map(lambda camera: done[camera].run(), busy))
    else:
        for camera in busy:
            done[camera].run()
    for camera in cameras:
        if camera not in busy:
            done[camera].run()
    unhashed = [item for camera in cameras for item in done[camera].unhashed]
    problems = refused + [problem for camera in cameras for problem in done[camera].problems]
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
        """Recovers the camera. Raises VolumeError; other errors become problems in the answer."""
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
        waiting = self._days.open_sequences(camera)
        begun = self._begun(candidates, waiting) if waiting else {}
        for seq in waiting:
            self._days.volume.observe_sequence(seq)
            try:
                segment = bring_in(self._days, self._ledger, camera, seq, lambda origin: _next(begun, origin))
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

    def _begun(self, days: list[str], waiting: list[int]) -> dict[str, list[int]]:
        """When (boottime, by boot) every known item began, ascending: a segment has ended where the next item begins."""
        found: dict[str, list[int]] = {}
        for day in days:
            for line in journal.decode(self._days.read_journal_tail(self.result.camera, day))[0]:
                if isinstance(line, journal.Segment | journal.Gap):
                    found.setdefault(line.boot, []).append(line.start_boot_ns)
        for seq in waiting:
            origin = _peek_origin(self._days, self.result.camera, seq)
            if origin is not None:
                found.setdefault(origin.boot, []).append(origin.start_boot_ns)
        return {boot: sorted(starts) for boot, starts in found.items()}

    def _read_tails(self, days: list[str]) -> None:
        """Fills the answer from the last lines of the days that matter, and writes the lines of gaps that they lack."""
        camera, result = self.result.camera, self.result
        lines: list[journal.Line] = []
        for day in days:
            told, _ = journal.decode(self._days.read_journal_tail(camera, day))
            hashed = {line.seq for line in told if isinstance(line, journal.Hash)}
            for line in told:
                if isinstance(line, journal.Segment) and line.sha256 is None and line.seq not in hashed:
                    self.unhashed.append((camera, day, line.seq))
            lines += told
        for line in lines:
            if isinstance(line, journal.Segment):
                self._days.volume.observe_sequence(line.seq)  # also what has no place in the order of recording
        items = gap_lines.items_of(lines)
        if not items:
            return
        for item in items:
            self._days.volume.observe_sequence(item.number)
        result.last_seq = max(item.number for item in items)
        result.bytes_per_s = _bytes_per_s([line for line in lines if isinstance(line, journal.Segment)])
        self._write_missing(items)
        last = items[-1]
        if last.end is None:
            result.open_gap = last.gap
        stands: Moment | None = None
        for item in items:
            end = item.end or item.start
            if stands is None or stands.boot != end.boot or not stands.is_after(end):
                stands = end
        assert stands is not None
        result.last_end_utc_ns = stands.utc_ns
        result.last_boot, result.last_end_boot_ns = stands.boot or None, stands.boot_ns if stands.boot else None

    def _write_missing(self, items: list[Item]) -> None:
        """Ends of gaps, and gaps, that could not be written before the service was killed."""
        camera = self.result.camera
        for gap, told in gap_lines.missing(items, frozenset(segment.seq for segment in self.result.recovered)):
            try:
                day = layout.day_of(gap.start_utc_ns)
                if not gap.gap:
                    gap.gap = self._days.volume.next_sequence()
                    self._days.append(camera, day, gap)
                self._days.append(camera, day, gap_lines.end_line(gap.gap, told))
            except VolumeError:
                raise
            except StorageError as error:
                # Readers know where such a gap ends, and the next recovery retries.
                _log.warning("the end of a gap of %s could not be written: %s", camera, error)
                return


def _next(begun: dict[str, list[int]], origin: Origin) -> int | None:
    starts = begun.get(origin.boot, [])
    at = bisect.bisect_right(starts, origin.start_boot_ns)
    return starts[at] if origin.boot and at < len(starts) else None


def _bytes_per_s(segments: list[journal.Segment]) -> float:
    latest = sorted(segments, key=lambda line: line.seq)[-5:]
    lasted_ns = sum(line.duration_ns for line in latest)
    return sum(line.bytes for line in latest) * 1e9 / lasted_ns if lasted_ns > 0 else 0.0


def _peek_origin(days: Days, camera: str, seq: int) -> Origin | None:
    """An open file's facts; None when it is empty or has none."""
    try:
        fd = _open_file(days, camera, seq)
        try:
            return read_origin(fmp4.read_header(fd).comment) if os.fstat(fd).st_size else None
        finally:
            os.close(fd)
    except (StorageError, OSError):
        return None


def _open_file(days: Days, camera: str, seq: int) -> int:
    path = layout.open_path(camera, seq)
    with translating(f"{path} could not be read"):
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        return os.open(path, flags, dir_fd=days.volume.root_fd)


def candidate_days(days: Days, camera: str) -> list[str]:
    """The days whose journals may contain a camera's last lines."""
    existing = days.days(camera)
    return sorted({*days.latest(camera), *existing[-2:]}.intersection(existing))


type EndsBy = Callable[[Origin], int | None]
"""Returns when (boottime) a segment had ended at the latest, whatever its frames' timestamps say; None when unknown."""


def bring_in(
    days: Days, ledger: Ledger, camera: str, seq: int, ends_by: EndsBy = lambda _origin: None
) -> journal.Segment | None:
    """Moves one file from `open` into its day; None when it contained nothing to keep. Idempotent.

    Raises AudioFound (the file was given up: sound is never kept), DiskFull (it stays, retry), SyncFailed (it stays and must be
    abandoned), DiskWriteError, VolumeReadOnly. Takes the camera's lock.
    """
    with days.lock(camera):
        path = layout.open_path(camera, seq)
        fd = _open_file(days, camera, seq)
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise BadMp4("it is not a file; remove it by hand.")
            if status.st_size == 0:
                ledger.discard_spare(camera, seq)
                return None
            whole_bytes = fmp4.last_whole_fragment(fd)
            if not whole_bytes:
                _give_up(ledger, camera, seq, "no whole fragment")
                return None
            header = fmp4.read_header(fd)
            if header.video is None:
                _give_up(ledger, camera, seq, "not exactly one video track")
                raise AudioFound(
                    f"{path} held something other than one video track; it was not kept. "
                    "Switch the sound off in the camera."
                )
            origin = read_origin(header.comment)
            existing = find_line(days, camera, seq, origin)
            if existing is None:
                existing = _cut(
                    days, camera, seq, fd, whole_bytes=whole_bytes, header=header, origin=origin, ends_by=ends_by
                )
        finally:
            os.close(fd)
        move(days, ledger, camera, existing)
        sync_folders(days, camera, existing)
        return existing


def _give_up(ledger: Ledger, camera: str, seq: int, reason: str) -> None:
    """Gives up a file. Raises FootageError when the ledger cannot be written: the file stays, and nothing else waits for that."""
    try:
        ledger.abandon(camera, seq, reason)
    except VolumeError as error:
        raise FootageError(
            f"{layout.open_path(camera, seq)} holds nothing to keep ({reason}) and stays: {error}"
        ) from None


def whole_until(days: Days, camera: str, seq: int, ends_by: EndsBy) -> Moment | None:
    """Where the complete part of an open file ends; None if there is none, or it is unknown. Only reads. Raises StorageError."""
    fd = _open_file(days, camera, seq)
    try:
        if not fmp4.last_whole_fragment(fd):
            return None
        origin = read_origin(fmp4.read_header(fd).comment)
        if origin is None:
            return None
        duration_ns = _duration_ns(fmp4.scan(fd).duration_ns, origin, ends_by)
    finally:
        os.close(fd)
    return Moment(origin.start_utc_ns + duration_ns, origin.start_boot_ns + duration_ns, origin.boot)


def _duration_ns(by_frames_ns: int, origin: Origin, ends_by: EndsBy) -> int:
    if origin.until_utc_ns:
        return max(0, min(by_frames_ns, origin.until_utc_ns - origin.start_utc_ns))
    until_ns = ends_by(origin) if origin.boot else None
    return by_frames_ns if until_ns is None else max(0, min(by_frames_ns, until_ns - origin.start_boot_ns))


def read_origin(comment: str | None) -> Origin | None:
    """The recorder's facts from a file's comment; None when they are missing or invalid."""
    try:
        origin = msgspec.json.decode((comment or "").encode("utf-8", "replace"), type=Origin)
        layout.check_time_ns(origin.start_utc_ns, "The start")
        layout.check_time_ns(origin.start_boot_ns, "The start")
    except (*journal.UNREADABLE, StorageError):
        return None
    return origin if origin.holdshelf == 1 else None


def find_line(days: Days, camera: str, seq: int, origin: Origin | None) -> journal.Segment | None:
    """The journal line of a file in `open`, if written before the crash."""
    candidates = set(candidate_days(days, camera))
    if origin is not None:
        candidates.add(layout.day_of(origin.start_utc_ns))
    for day in sorted(candidates, reverse=True):
        line = journal.find_segment(days.read_journal(camera, day), seq)
        if line is not None:
            return line
    return None


def _cut(
    days: Days,
    camera: str,
    seq: int,
    fd: int,
    *,
    whole_bytes: int,
    header: fmp4.Header,
    origin: Origin | None,
    ends_by: EndsBy,
) -> journal.Segment:
    """Truncates the file to its whole fragments, makes it durable and read-only, and writes its journal line."""
    path = layout.open_path(camera, seq)
    track = header.video
    assert track is not None
    with translating(f"{path} could not be cut to its last whole fragment"):
        if os.fstat(fd).st_size != whole_bytes:
            os.fchmod(fd, 0o600)  # a crash may have happened between chmod and journal line
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
        duration_ns=_duration_ns(scan.duration_ns, origin, ends_by),
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
        from_camera=origin.from_camera,
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
    ledger.drop_second_name(camera, segment.seq)  # a crash in the middle of a rename left both names


def sync_folders(days: Days, camera: str, segment: journal.Segment) -> None:
    """Makes the rename durable. A failure is only logged: wherever the rename ends after a crash, the journal line already on
    disk repairs it, and giving up the segment now would lose it."""
    try:
        days.sync(camera, layout.day_of(segment.start_utc_ns))
    except StorageError as error:
        _log.error("%s", error)
