"""A thread that writes one camera's segments: what a live camera and a fetch of its own recording have in common.

The service grants it segments, the control thread stops it, and the syncer has what it wrote reach the disk. What it writes with
is guarded by ``_lock``.
"""

from __future__ import annotations

import base64
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import av.container
import av.video.stream

from holdshelf_core.integration.reasons import NOT_RECORDABLE
from holdshelf_core.recorder.worker import protocol as wire
from holdshelf_core.recorder.worker.link import Link
from holdshelf_core.recorder.worker.nal import completed
from holdshelf_core.recorder.worker.segment import (
    SegmentWriter,
    Sink,
    WriteFailed,
    reorder_depth,
    template_from_key_frame,
)
from holdshelf_core.recorder.worker.shown import MOST_AHEAD, ShownOrder
from holdshelf_core.recorder.worker.source import Picture, Source, SourceError
from holdshelf_core.recorder.worker.spares import Spares
from holdshelf_core.recorder.worker.timeline import now_ns


@dataclass(frozen=True, slots=True)
class Turn:
    """A key frame that begins the next segment as soon as all that is shown before it has come.

    Those are sent behind it (an open group of pictures), and one that is lost is shown in the segment before: that one must not
    have ended by then. So they are kept with it, unwritten.
    """

    picture: Picture
    boot_ns: int
    utc_ns: int
    """When it came."""
    frames: int
    """Of the open segment, with it."""
    drift_ns: int
    """Of the stream's clock, when it came."""

    def is_due(self, picture: Picture, frames: int) -> bool:
        """Return whether it is time, with this picture to come. ``frames``: of the open segment."""
        return picture.is_key or picture.ticks > self.picture.ticks or frames >= self.frames + MOST_AHEAD


class SegmentThread(ABC):
    """One camera's segments, written one after another."""

    def __init__(self, order: wire.Record, link: Link, *, kind: str) -> None:
        """``kind`` names the thread, before the camera."""
        self.name = f"{kind}-{order.camera}"
        self.is_started = False
        self.order = order
        self.camera = order.camera
        self.told_ns = 0
        """Boottime up to which this camera's time is accounted for: in segments, or as missing for a reason."""
        self._link = link
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._spares = Spares()
        self._writer: SegmentWriter | None = None
        self._seq = 0
        self._shown = ShownOrder()
        """How the pictures of this connection are out of order."""
        self._turn: Turn | None = None
        self._sets: frozenset[bytes] = frozenset()
        self._template: av.container.InputContainer | None = None
        self._certificate_sei = b""

    # --- called by the control thread and the syncer ----------------------------------------------------------

    def start(self) -> None:
        """Start the thread. Raises RuntimeError when the system has none left; to be called again then."""
        threading.Thread(
            target=self.run, name=self.name, daemon=True
        ).start()  # one that failed cannot be started again
        self.is_started = True

    def granted(self, seq: int, fd: int) -> None:
        """Accept a segment to write to."""
        self._spares.put(seq, fd)

    def denied(self, reason: str) -> None:
        """Note that no segment is granted now, which ends the wait for one."""
        self._spares.deny(reason)

    def cut(self, seq: int) -> None:
        """Close that segment now: its room is used up."""
        with self._lock:
            if self._writer is not None and self._seq == seq:
                self._close_segment(None)
                self._ran_out_of_room()

    def stop(self) -> None:
        """Finish the segment now, even when the thread waits for a silent camera, and let the thread end."""
        self._stopping.set()
        with self._lock:
            self._close_segment(None)
            self._return_grants()

    def open_sink(self) -> tuple[str, int, Sink] | None:
        """Return the open segment's camera, number and sink; None while none is open."""
        writer, seq = self._writer, self._seq
        return (self.camera, seq, writer.sink) if writer is not None else None

    def torn_by_sync(self, seq: int, errno: int) -> None:
        """Stop writing this segment: the syncer found its disk failing."""
        with self._lock:
            if self._writer is not None and self._seq == seq:
                self._abort(errno)
            self._tell_torn(seq, errno, sync=True)

    @abstractmethod
    def run(self) -> None:
        """Record until it is stopped. Raises nothing."""

    @abstractmethod
    def beat(self) -> wire.Beat:
        """Return its current progress."""

    # --- what differs -----------------------------------------------------------------------------------------

    @abstractmethod
    def _close_segment(self, next_pts: int | None) -> None:
        """Finish the open segment, if any, and report it.

        ``next_pts``: the picture that follows without a missing one. Without it the segment ends before the first picture, in the
        order of showing, that may be missing.
        """

    @abstractmethod
    def _ran_out_of_room(self) -> None:
        """Note why the segment just closed ended."""

    @abstractmethod
    def _disk_failed(self, errno: int) -> None:
        """Note why the segment just given up ended."""

    # --- segments ---------------------------------------------------------------------------------------------

    def _describe(self, picture: Picture, source: Source) -> None:
        """Learn the stream's form from a key frame. Raises ValueError before the camera has sent its parameter sets."""
        self._drop_template()
        self._template = template_from_key_frame(picture, source.codec, source.parameter_sets)
        self._shown.said(reorder_depth(self._template.streams.video[0]))
        self._sets = completed(picture.sets or source.parameter_sets or self._sets, source.parameter_sets, source.codec)

    def _begin_segment(
        self,
        grant: tuple[int, int],
        template: av.video.stream.VideoStream,
        facts: Mapping[str, object],
        pts: int,
        source: Source,
        why: str = "",
        *,
        follows: bool = False,
    ) -> int:
        """Open a granted segment and report it: it is ``_writer`` now. Returns 0, or the errno that is reported in its place.

        ``facts``: of the file's own comment, beside its number and camera. ``follows``: no picture is missing between it and the
        segment before. Raises SourceError.
        """
        self._seq, fd = grant
        self._certificate_sei = source.certificate_sei or self._certificate_sei
        own = {"holdshelf": 1, "seq": self._seq, "camera": self.camera}
        if self._certificate_sei:  # it comes once in a stream, and a file must be verifiable without the ones before it
            own["signing"] = base64.b64encode(self._certificate_sei).decode()
        try:
            self._writer = writer = SegmentWriter(
                fd, template, {**own, **facts}, pts, source.ticks_per_s, self._shown, follows=follows
            )
        except WriteFailed as error:
            os.close(fd)
            self._tell_torn(self._seq, error.errno, sync=False)
            return error.errno
        except ValueError as error:
            self._give_back(grant)
            raise SourceError(NOT_RECORDABLE, f"its video cannot be described: {error}") from None
        told = writer.facts
        self._link.send(
            wire.Started(
                self.camera,
                self._seq,
                told["start_utc_ns"],
                told["start_boot_ns"],
                told["run"],
                told["codec"],
                writer.width,
                writer.height,
                why,
            )
        )
        return 0

    def _finish_segment(self, next_pts: int | None) -> SegmentWriter | None:
        """Write the rest of the open segment. Returns its writer, to be reported by ``_tell_closed``; None: none was open, or it
        is reported as torn."""
        writer, self._writer = self._writer, None
        self._turn = None
        if writer is None:
            return None
        failed = 0
        try:
            writer.finish(next_pts)
        except WriteFailed as error:
            failed = error.errno
        writer.sink.close_fd()
        if failed:
            self._tell_torn(self._seq, failed, sync=False)
            return None
        return writer

    def _tell_closed(self, writer: SegmentWriter, duration_ns: int) -> None:
        facts = writer.facts
        self._link.send(
            wire.Closed(
                self.camera,
                self._seq,
                facts["start_utc_ns"],
                facts["start_boot_ns"],
                duration_ns,
                facts["run"],
                facts["boot"],
                writer.sink.written_bytes,
                writer.sink.sha256(),
                facts["codec"],
                writer.width,
                writer.height,
                writer.frames,
                writer.activity,
                writer.frames_root(),
            )
        )

    def _write(self, picture: Picture) -> None:
        """Write it to the open segment, if any."""
        if self._writer is not None:
            try:
                self._writer.write(picture)
            except WriteFailed as error:
                self._tear(error.errno)

    def _write_turn(self, picture: Picture, boot_ns: int = 0, utc_ns: int = 0, drift_ns: int = 0) -> None:
        """Write a key frame that the open segment is to end before, once that is certain."""
        writer = self._writer
        assert writer is not None
        try:
            writer.write_turn(picture)
        except WriteFailed as error:
            self._tear(error.errno)
        else:
            self._turn = Turn(picture, boot_ns, utc_ns, writer.frames, drift_ns)

    def _tear(self, errno: int) -> None:
        """Give the open segment up: it could not be written to."""
        self._abort(errno)
        self._tell_torn(self._seq, errno, sync=False)

    def _abort(self, errno: int) -> None:
        writer, self._writer = self._writer, None
        self._turn = None
        if writer is not None:
            writer.abort()
            writer.sink.close_fd()
        self._disk_failed(errno)

    def _tell_torn(self, seq: int, errno: int, *, sync: bool) -> None:
        """Report that the complete part of the segment ends by now, and the next one begins later."""
        at_ns = now_ns()[0]
        self.told_ns = max(self.told_ns, at_ns)
        self._link.send(wire.Torn(self.camera, seq, errno, sync=sync, at_boot_ns=at_ns))

    # --- grants -----------------------------------------------------------------------------------------------

    def _give_back(self, grant: tuple[int, int]) -> None:
        """Return a segment that nothing was written to."""
        seq, fd = grant
        os.close(fd)
        self._link.send(wire.Returned(self.camera, seq))

    def _return_grants(self) -> None:
        while (spare := self._spares.take()) is not None:
            self._give_back(spare)
        self._spares.forget()

    def _drop_template(self) -> None:
        if self._template is not None:
            self._template.close()
            self._template = None
