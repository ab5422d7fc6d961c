"""Footage on disk: moves an open segment to its day, records gaps, and finds all of it again.

`Footage` is the entry point to the modules behind it: `days` (folders and journals), `recovery`, `query`, `index`, `hashing`;
everything is erased through `ledger`. All methods block and are called from threads. Calls for one camera come one after another;
different cameras may be served at once.

The order of closing is essential, and every step may be the last before a power cut:

    fsync file → journal line, fdatasync → checksum list → rename into the day → fsync day folder, `open` folder

This module must never unlink a file.
"""

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec

from holdshelf_storage import layout
from holdshelf_storage.atomic import sync
from holdshelf_storage.errors import (
    AudioFound,
    FootageError,
    SegmentGone,
    SegmentMismatch,
    StorageError,
    SyncFailed,
    translating,
)
from holdshelf_storage.footage import recovery
from holdshelf_storage.footage.hashing import Hashing
from holdshelf_storage.footage.missing import Missing
from holdshelf_storage.footage.recovery import Recovery
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.mp4 import fragments as fmp4
from holdshelf_storage.volume import journal, query, recovered
from holdshelf_storage.volume.days import Days, SegmentRef, ref_of
from holdshelf_storage.volume.gap_lines import Moment
from holdshelf_storage.volume.index import DayUsage, Index, Usage
from holdshelf_storage.volume.journal import Gap, GapEnd, GapSpan, Segment, StoredSegment
from holdshelf_storage.volume.shelf_index import ShelfIndex
from holdshelf_storage.volume.volume import Volume

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class OpenSegment:
    """A segment being written. `fd` is read-write; a worker gets a duplicate of it."""

    camera: str
    seq: int
    fd: int
    failed: bool = False
    """A sync of it failed: it can only be abandoned."""
    journalled: Segment | None = field(default=None, repr=False)
    """Its line, when closing got no further than that."""


class SegmentFacts(msgspec.Struct, kw_only=True):
    """What the recorder knows about a finished segment."""

    start_utc_ns: int
    duration_ns: int
    run: str
    boot: str
    start_boot_ns: int
    sha256: str
    bytes: int
    codec: str
    width: int
    height: int
    frames: int
    activity: list[int] = []
    """Encoded bytes in each second."""
    frames_root: str = ""
    """Root of the tree over its frames, hex."""
    from_camera: journal.FromCamera | msgspec.UnsetType = msgspec.UNSET
    """Set when it was recovered from the camera; `boot` is empty then."""


class Footage:
    """The footage of an attached volume."""

    def __init__(self, volume: Volume, ledger: Ledger) -> None:
        self._volume = volume
        self._ledger = ledger
        self._days = ledger.days
        self._hashing = Hashing(self._days)
        self._index = Index(self._days, self._hashing.want)
        self.shelved = ShelfIndex(self._days)
        """Held footage on the shelf: a segment missing from its day is found and opened there."""
        self.missing = Missing(self._days, ledger, self.shelved)
        """Segments that are gone without having been erased by the ledger."""
        ledger.listen(self._index.erased, self._index.mend, self._index.day_gone)

    @property
    def index(self) -> Index:
        """The totals, for code that changes days from outside (restoring footage from the shelf)."""
        return self._index

    @property
    def folders(self) -> Days:
        """The folders and journals, for `verify` and for reads that this class has no method for."""
        return self._days

    @property
    def ledger(self) -> Ledger:
        """What was erased."""
        return self._ledger

    # -- at start ---------------------------------------------------------------------------------------------------

    def recover(self, *, max_workers: int = 8) -> Recovery:
        """Moves what a crash left in `open` into its day. Call it before any segment is opened; idempotent.

        Raises VolumeError; errors of single files are in the answer's `problems`.
        """
        found, unhashed = recovery.recover(self._days, self._ledger, max_workers=max_workers)
        for item in unhashed:
            self._hashing.want(*item)
        return found

    def hash_pending(self, stop: threading.Event | None = None) -> int:
        """Computes missing checksums of recovered segments; returns how many. For a background thread.

        Raises VolumeError; what could not be done is retried after the next start.
        """
        return self._hashing.run(stop or threading.Event())

    def build_index(self, stop: threading.Event) -> bool:
        """Counts all days, for `usage`. For a background thread; False when `stop` ended it. Raises DiskWriteError."""
        return self._index.build(stop)

    # -- a segment's life -------------------------------------------------------------------------------------------

    def open_segment(self, camera: str) -> OpenSegment:
        """Creates an empty file in the camera's `open` folder, durably. Raises BadCameraId, StorageError."""
        self._days.make_camera(camera)
        seq = self._volume.next_sequence()
        path = layout.open_path(camera, seq)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with translating(f"{path} could not be opened"):
            fd = os.open(path, flags, 0o600, dir_fd=self._volume.root_fd)
        try:
            self._days.sync_open(camera)
        except BaseException:
            os.close(fd)
            with suppress(OSError):  # nobody was given it; the next `recover` finds what cannot be removed now
                os.unlink(path, dir_fd=self._volume.root_fd)
            raise
        return OpenSegment(camera, seq, fd)

    def close_segment(self, segment: OpenSegment, facts: SegmentFacts) -> Segment:
        """Finishes a segment: checks it, makes it durable and read-only, journals it, moves it into its day.

        Closes the descriptor. On an error the descriptor stays open and the file in `open`:
        DiskFull: nothing is lost, call again (or `cut_segment`) when there is room.
        SyncFailed on the file: call `abandon_segment`; closing again is refused.
        AudioFound: more than one video track; call `abandon_segment`.
        SegmentMismatch: the facts are not those of the file; call `cut_segment`.
        """
        with self._days.lock(segment.camera):
            self._refuse_failed(segment)
            line = segment.journalled
            if line is None:
                line = self._line(segment, facts)
                self._days.append(segment.camera, layout.day_of(line.start_utc_ns), line)
                segment.journalled = line
                self._add_sum(segment.camera, line)
            recovery.move(self._days, self._ledger, segment.camera, line)
            recovery.sync_folders(self._days, segment.camera, line)
            self._closed(segment.camera, line)
        self._release(segment)
        return line

    def cut_segment(self, segment: OpenSegment, until: Moment | None = None) -> Segment | None:
        """Finishes a segment that has no facts (its worker died, the disk was full): as recovery does with one file.

        `until`: it had ended by then, whatever its frames' own time stamps say.
        None when it held no whole fragment (the file is gone then). Closes the descriptor, but not on an error:
        DiskFull: call again when there is room. SyncFailed: call `abandon_segment`. AudioFound: it was given up.
        """
        with self._days.lock(segment.camera):
            self._refuse_failed(segment)
            try:
                line = recovery.bring_in(self._days, self._ledger, segment.camera, segment.seq, _by(until))
            except SyncFailed:
                segment.failed = True
                raise
            except AudioFound:
                self._release(segment)
                raise
            if line is not None:
                day = layout.day_of(line.start_utc_ns)
                if line.sha256 is not None and not self._days.sums_agree(segment.camera, day):
                    self._add_sum(segment.camera, line)
                self._closed(segment.camera, line)
                if line.sha256 is None:
                    self._hashing.want(segment.camera, day, line.seq)
        self._release(segment)
        return line

    def whole_until(self, segment: OpenSegment, until: Moment | None = None) -> Moment | None:
        """Return where the part that `cut_segment` would keep ends; None if nothing. Changes nothing. Raises StorageError."""
        with self._days.lock(segment.camera):
            return recovery.whole_until(self._days, segment.camera, segment.seq, _by(until))

    def return_spare(self, segment: OpenSegment) -> bool:
        """Removes an unused segment. False when it has bytes: then call `cut_segment`; it stays open.

        After an error (StorageError) an empty one is closed anyway, so that a broken disk can be unmounted: the next `recover`
        unlinks it.
        """
        try:
            if not self._ledger.discard_spare(segment.camera, segment.seq) and os.fstat(segment.fd).st_size:
                return False
        except StorageError:
            if not os.fstat(segment.fd).st_size:
                self._release(segment)
            raise
        self._release(segment)
        return True

    def abandon_segment(self, segment: OpenSegment, reason: str, at_utc_ns: int | None = None) -> None:
        """Gives up a segment after a failed sync or because of sound: ledger line, unlink. Closes the descriptor.

        After an error (StorageError) the next `recover` finishes it, if the ledger line could be written.
        """
        try:
            self._ledger.abandon(segment.camera, segment.seq, reason, at_utc_ns)
        finally:
            self._release(segment)

    # -- gaps -------------------------------------------------------------------------------------------------------

    def start_gap(self, camera: str, gap: Gap) -> Gap:
        """Writes that a gap begins, durably. Its number is given when it has none. Raises DiskFull, StorageError."""
        layout.check_time_ns(gap.start_utc_ns, "The gap's start")
        if not gap.gap:
            gap = msgspec.structs.replace(gap, gap=self._volume.next_sequence())
        self._days.append(camera, layout.day_of(gap.start_utc_ns), gap)
        return gap

    def end_gap(self, camera: str, gap: Gap, end: GapEnd) -> GapEnd:
        """Writes that `gap` has ended, beside its beginning, durably. Raises FootageError, DiskFull, StorageError."""
        layout.check_time_ns(end.end_utc_ns, "The gap's end")
        if not gap.gap or end.gap not in {0, gap.gap}:
            raise FootageError(f"The end of gap {end.gap} of {camera} does not belong to gap {gap.gap}.")
        if not end.gap:
            end = msgspec.structs.replace(end, gap=gap.gap)
        self._days.append(camera, layout.day_of(gap.start_utc_ns), end)
        return end

    # -- finding ----------------------------------------------------------------------------------------------------

    def query(self, camera: str, start_utc_ns: int, end_utc_ns: int) -> list[StoredSegment | GapSpan]:
        """Segments and gaps that touch [start_utc_ns, end_utc_ns), by start, see `query.query`. Of a gap, the pieces that what
        was recovered from the camera leaves.

        Files that are gone are marked as erased by the ledger, or missing.
        """
        found = query.query(self._days, camera, start_utc_ns, end_utc_ns)
        found = self.shelved.complete(camera, start_utc_ns, end_utc_ns, found)
        found = recovered.out_of_gaps(found, recovered.outside(self._days, camera, found, start_utc_ns, end_utc_ns))
        found = [span for span in found if query.touches(span, start_utc_ns, end_utc_ns)]
        return self.missing.tell_apart(camera, start_utc_ns, end_utc_ns, found)

    def cameras(self) -> list[str]:
        """The cameras that have a folder, alphabetically. Raises DiskWriteError."""
        return self._days.cameras()

    def days(self, camera: str) -> list[str]:
        """The days (YYYY-MM-DD, UTC) that a camera has a folder of, newest last. Raises BadCameraId, DiskWriteError."""
        return self._days.days(camera)

    def recorded_days(self, camera: str) -> list[str]:
        """The days that have footage of a camera, ascending: from memory once everything is counted. Raises as `days`."""
        counted = self._index.days(camera)
        return self.days(camera) if counted is None else counted

    def path_of(self, camera: str, segment: Segment) -> str:
        """The path of a closed segment below MEDIA, to be resolved below `Volume.root_fd`."""
        return query.file_path(camera, segment)

    def open_closed(self, camera: str, segment: Segment) -> int:
        """A read-only descriptor of a closed segment, from its day or, when missing there, from the shelf.

        Raises SegmentGone when there is none, saying whether it was erased or is missing; DiskWriteError.
        """
        try:
            return query.open_file(self._days, camera, segment)
        except FootageError as error:
            fd = self.shelved.open_file(camera, segment)
            if fd is not None:
                return fd
            day = layout.day_of(segment.start_utc_ns)
            missing = segment.seq not in self._ledger.judged(camera, day)
            why = "is missing" if missing else "was erased on schedule"
            raise SegmentGone(f"{query.file_path(camera, segment)} {why}.", missing=missing) from error

    def usage(self) -> Usage:
        """The current totals of everything on disk. In memory: may be called often, and on an event loop."""
        return self._index.usage()

    def day_usage(self, camera: str, day: str) -> DayUsage | None:
        """The totals of one camera-day; None while it is not counted, or has no footage. In memory."""
        return self._index.day(camera, day)

    def oldest(self, skip: Callable[[str, str], bool] | None = None) -> Iterator[SegmentRef]:
        """Closed segments by ascending sequence over all cameras and days; see `Index.oldest`."""
        return self._index.oldest(skip)

    @property
    def late(self) -> int:
        """Incremented when a kept iterator of `oldest` may have missed a segment."""
        return self._index.late

    # -- steps of closing -------------------------------------------------------------------------------------------

    def _line(self, segment: OpenSegment, facts: SegmentFacts) -> Segment:
        """Checks and syncs the file; its journal line."""
        layout.check_time_ns(facts.start_utc_ns, "The segment's start")
        layout.check_time_ns(facts.start_boot_ns, "The segment's start")
        path = layout.open_path(segment.camera, segment.seq)
        with translating(f"{path} could not be read"):
            size = os.fstat(segment.fd).st_size
        if size != facts.bytes or facts.duration_ns < 0:
            raise SegmentMismatch(f"{path} has {size} bytes, not {facts.bytes}; it will be read again and cut.")
        header = fmp4.read_header(segment.fd)
        if header.video is None:
            kinds = ", ".join(track.handler for track in header.tracks) or "none"
            raise AudioFound(f"{path} holds other tracks than one of video ({kinds}); switch the camera's sound off.")
        with translating(f"{path} could not be made read-only"):
            os.fchmod(segment.fd, 0o400)
        try:
            sync(segment.fd, path)
        except SyncFailed:
            segment.failed = True
            raise
        return Segment(
            seq=segment.seq,
            name=layout.segment_name(segment.seq, facts.start_utc_ns),
            start_utc_ns=facts.start_utc_ns,
            duration_ns=facts.duration_ns,
            run=facts.run,
            boot=facts.boot,
            start_boot_ns=facts.start_boot_ns,
            bytes=size,
            allocated_bytes=os.fstat(segment.fd).st_blocks * 512,
            sha256=facts.sha256,
            codec=facts.codec,
            width=facts.width,
            height=facts.height,
            frames=facts.frames,
            audio_tracks=0,
            activity=journal.activity(facts.activity),
            frames_root=facts.frames_root,
            from_camera=facts.from_camera,
        )

    def _add_sum(self, camera: str, line: Segment) -> None:
        """Adds a copy of the journal's checksum: recovery rebuilds it, so an error is ignored."""
        if line.sha256 is not None:
            try:
                self._days.add_sum(camera, layout.day_of(line.start_utc_ns), line.name, line.sha256)
            except StorageError as error:
                _log.warning("the checksum list is behind the journal: %s", error)

    def _closed(self, camera: str, line: Segment) -> None:
        """Counts a segment that is in its day. What is on disk is right whatever happens here."""
        day = layout.day_of(line.start_utc_ns)
        try:
            self._index.added(ref_of(camera, day, line))
        except StorageError as error:
            _log.warning("segment %d of %s is not counted until the next start: %s", line.seq, camera, error)

    @staticmethod
    def _refuse_failed(segment: OpenSegment) -> None:
        if segment.failed:
            raise SyncFailed(f"Segment {segment.seq} of {segment.camera} failed to sync before; abandon it.")
        if segment.fd < 0:
            raise FootageError(f"Segment {segment.seq} of {segment.camera} is closed already.")

    @staticmethod
    def _release(segment: OpenSegment) -> None:
        fd, segment.fd = segment.fd, -1
        if fd >= 0:
            try:
                os.close(fd)
            except OSError as error:
                _log.warning("closing segment %d of %s: %s", segment.seq, segment.camera, error.strerror)


def _by(until: Moment | None) -> recovery.EndsBy:
    return lambda origin: until.boot_ns if until is not None and until.boot == origin.boot else None
