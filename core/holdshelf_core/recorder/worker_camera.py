"""One camera in a recorder worker: its thread, from dialling to handing back the facts of a finished segment."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import socket
import threading
import time
from collections import deque

import av.container

from holdshelf_core.reasons import (
    AUTH_REFUSED,
    CERTIFICATE_CHANGED,
    FRAMES_LOST,
    NO_PARAMETER_SETS,
    NOT_RECORDABLE,
    RECORDER_FAULT,
    STREAM_MOVED,
    TRANSPORT_REFUSED,
)
from holdshelf_core.recorder import protocol as wire
from holdshelf_core.recorder.timeline import NS, Timeline, now_ns
from holdshelf_core.recorder.worker_bounds import MAX_SEGMENT_BYTES, SegmentRate
from holdshelf_core.recorder.worker_libav import LibavSource
from holdshelf_core.recorder.worker_nal import completed
from holdshelf_core.recorder.worker_names import kind_of
from holdshelf_core.recorder.worker_rtsp import RtspSource
from holdshelf_core.recorder.worker_segment import (
    SegmentWriter,
    Sink,
    WriteFailed,
    template_from_key_frame,
)
from holdshelf_core.recorder.worker_source import Hole, NotUnderstoodError, Picture, Source, SourceError

_LOGGER = logging.getLogger("holdshelf.worker")

# The next segment is asked for this long before it is needed (DESIGN § 3, "one spare ahead").
SPARE_AHEAD_S = 15
GRANT_WAIT_S = 2.0
ASK_AGAIN_NS = 2 * NS
# Reading in batches: see Camera._set_pace.
PACE_CAP_S = 0.4
PACE_AFTER_NS = 3 * NS
DRAINED_S = 0.003
# Why a new run begins in the last one's time: none is missing between them, or the stream's own clock tells how many.
GOES_ON = frozenset({"clock stepped", "stream clock drifted", FRAMES_LOST})
BACKOFF_FIRST_S = 1.0
BACKOFF_CAP_S = 10.0
# Cameras lock accounts out after a few wrong passwords, and a guess every ten seconds would keep them locked.
REFUSED_FIRST_S = 30.0
REFUSED_CAP_S = 120.0
# A held session that recorded this long was a good one: the next dial starts from the shortest wait again.
GOOD_SESSION_NS = 10 * NS


class Backoff:
    """Capped exponential waits with ± 25 % jitter, so that cameras behind one switch do not return in step."""

    def __init__(self) -> None:
        self._next_s = BACKOFF_FIRST_S

    def next_s(self, reason: str) -> float:
        """The wait before the next dial: short for what mends itself, long for what needs a person."""
        needs_person = reason in (AUTH_REFUSED, CERTIFICATE_CHANGED, NOT_RECORDABLE, STREAM_MOVED, TRANSPORT_REFUSED)
        first_s, cap_s = (REFUSED_FIRST_S, REFUSED_CAP_S) if needs_person else (BACKOFF_FIRST_S, BACKOFF_CAP_S)
        wait_s = min(cap_s, max(first_s, self._next_s))
        self._next_s = wait_s * 2
        return wait_s * random.uniform(0.75, 1.25)  # noqa: S311  (jitter, not a secret)

    def reset(self) -> None:
        """Start over after a good session."""
        self._next_s = BACKOFF_FIRST_S


class Spares:
    """Segments that were granted and are not written yet, and what was last answered. Thread-safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._granted: deque[tuple[int, int]] = deque()
        self._asked_boot_ns = 0
        self._waiting = False
        self.denied = ""

    @property
    def available(self) -> bool:
        """Is there one to write to now?"""
        return bool(self._granted)

    def may_ask(self, boot_ns: int) -> bool:
        """Not while there is one, nor while an answer is awaited; and after a refusal not at once."""
        if self._granted or self._waiting:
            return False
        return not self.denied or boot_ns - self._asked_boot_ns >= ASK_AGAIN_NS

    def asked(self, boot_ns: int) -> None:
        """One was just asked for."""
        with self._changed:
            self._waiting, self._asked_boot_ns = True, boot_ns

    def put(self, seq: int, fd: int) -> None:
        """One was granted."""
        with self._changed:
            self._granted.append((seq, fd))
            self._waiting, self.denied = False, ""
            self._changed.notify_all()

    def deny(self, reason: str) -> None:
        """It was refused."""
        with self._changed:
            self._waiting, self.denied = False, reason
            self._changed.notify_all()

    def take(self, timeout_s: float) -> tuple[int, int] | None:
        """The oldest one; waits for an answer that is under way. None when there is none."""
        with self._changed:
            self._changed.wait_for(lambda: self._granted or not self._waiting, timeout_s)
            return self._granted.popleft() if self._granted else None

    def forget(self) -> None:
        """A new session asks anew."""
        with self._changed:
            self._waiting, self.denied = False, ""


class Link:
    """The control socket's sending end, shared by all threads. A packet goes whole or not at all."""

    def __init__(self, link: socket.socket) -> None:
        self.socket = link

    def send(self, message: wire.ToService) -> None:
        """Tell the service; when it is gone the main thread ends the process, so nothing is raised here."""
        with contextlib.suppress(OSError):
            wire.send(self.socket, message)


class Camera(threading.Thread):
    """One camera: dial, record, hang up, wait, again. Its state is guarded by ``_lock``."""

    def __init__(self, order: wire.Record, link: Link, *, may_use_libav: bool = False) -> None:
        super().__init__(name=f"camera-{order.camera}", daemon=True)
        self.order = order
        self.camera = order.camera
        self._link = link
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._spares = Spares()
        self._writer: SegmentWriter | None = None
        self._seq = 0
        self._timeline = Timeline(90_000)
        self._why = ""
        self._sets: frozenset[bytes] = frozenset()
        self._template: av.container.InputContainer | None = None
        self.last_frame_boot_ns = 0
        self.received_bytes = 0
        self._waiting_told = ""
        self._pace_s = 0.0
        self._pace_from = (0, 0)
        self._may_use_libav, self._through_libav = may_use_libav, False
        self._rate = SegmentRate(order.segment_s)

    # --- called by the control thread -------------------------------------------------------------------------

    def granted(self, seq: int, fd: int) -> None:
        """A segment to write to."""
        self._spares.put(seq, fd)

    def denied(self, reason: str) -> None:
        """No segment now: a waiting thread stops waiting."""
        self._spares.deny(reason)

    def cut(self, seq: int) -> None:
        """Close that segment now."""
        with self._lock:
            if self._writer is not None and self._seq == seq:
                self._close_segment(None)

    def stop(self) -> None:
        """Finish the segment now, even when the thread waits for a silent camera, and let the thread end."""
        self._stopping.set()
        with self._lock:
            self._close_segment(None)
            self._return_grants()

    def open_sink(self) -> tuple[str, int, Sink] | None:
        """For the syncer."""
        writer, seq = self._writer, self._seq
        return (self.camera, seq, writer.sink) if writer is not None else None

    def beat(self) -> wire.Beat:
        """How it fares now."""
        writer = self._writer
        return wire.Beat(
            self.camera,
            self._seq if writer else 0,
            writer.sink.written_bytes if writer else 0,
            writer.frames if writer else 0,
            self.last_frame_boot_ns,
            self.received_bytes,
        )

    # --- the camera's thread ----------------------------------------------------------------------------------

    def run(self) -> None:
        """Until stopped."""
        backoff = Backoff()
        while not self._stopping.is_set():
            began_ns = now_ns()[0]
            try:
                self._session()
            except SourceError as error:
                end = error
                if isinstance(error, NotUnderstoodError):
                    self._through_libav = self._may_use_libav
                    if not self._may_use_libav:
                        self._link.send(wire.Elsewhere(self.camera))
            except Exception as error:  # a fault of ours must cost this camera one reconnect, not its recording
                _LOGGER.exception("camera %s: the recording thread failed", self.camera)
                end = SourceError(RECORDER_FAULT, type(error).__name__)
            with self._lock:
                self._close_segment(None)
                self._return_grants()
            if now_ns()[0] - began_ns > GOOD_SESSION_NS and self.last_frame_boot_ns > began_ns:
                backoff.reset()
            if self._stopping.is_set():
                break
            wait_s = backoff.next_s(end.reason)
            self._link.send(wire.Lost(self.camera, end.reason, end.detail[:300], wait_s))
            self._stopping.wait(wait_s)

    def _session(self) -> None:
        self._link.send(wire.Dialling(self.camera))
        source = self._dial()
        try:
            with self._lock:
                self._sets = source.parameter_sets
                self._timeline = Timeline(source.ticks_per_s)
                self._why = "reconnected"
                self._waiting_told = ""
                self._pace_s = 0.0
                self._pace_from = (began_ns := now_ns()[0], self.received_bytes)
                self._drop_template()
                if self._spares.may_ask(began_ns):
                    self._ask(began_ns)
            before_s = time.monotonic()
            for picture in source.pictures():
                # A read that had to wait found the socket empty.
                drained = time.monotonic() - before_s > DRAINED_S
                with self._lock:
                    if self._stopping.is_set():
                        return
                    if isinstance(picture, Hole):
                        self._leave_hole(picture)
                    else:
                        self._take(picture, source)
                if drained and self._pace_s:
                    self._stopping.wait(self._pace_s)
                before_s = time.monotonic()
        finally:
            with self._lock:
                self._close_segment(None)
                self._drop_template()
            source.close()

    def _dial(self) -> Source:
        """Our own client over TCP and TLS; libavformat for UDP, and for a camera that ours did not understand."""
        order = self.order
        if kind_of(order.url) == "whep":
            from holdshelf_core.recorder.worker_whep import WhepSource  # noqa: PLC0415 - 25 MB, for who has such a camera

            return WhepSource(order.url, order.username, order.password, order.certificate_sha256)
        # libavformat cannot hold a camera to its certificate.
        ours = order.transport == "tcp" and not self._through_libav
        if order.certificate_sha256 or ours or not self._may_use_libav:
            return RtspSource(order.url, order.username, order.password, order.certificate_sha256)
        return LibavSource(order.url, order.username, order.password, order.transport)

    def _take(self, picture: Picture, source: Source) -> None:
        boot_ns, utc_ns = now_ns()
        self.last_frame_boot_ns = boot_ns
        self.received_bytes += len(picture.data)
        pts = picture.ticks
        ended = self._timeline.follow(pts, boot_ns, utc_ns)
        if ended == "stream jumped":
            self._close_segment(None)
            self._why = ended
        elif ended and not self._why:
            self._why = ended  # takes effect at the next key frame; until then frames keep the run's times
        if self._writer is not None and self._writer.sink.written_bytes > MAX_SEGMENT_BYTES:
            self._close_segment(None)  # a clock that stands still, or never a key frame
            self._why = self._why or NOT_RECORDABLE
        if picture.is_key:
            self._set_pace(source, boot_ns)
            self._at_key_frame(picture, source, pts, boot_ns, utc_ns)
        writer = self._writer
        if writer is not None and self._spares.may_ask(boot_ns):
            age_s = self._timeline.ticks_to_ns(writer.age_ticks(pts)) / NS
            if age_s >= max(self.order.segment_s / 2, self.order.segment_s - SPARE_AHEAD_S):
                self._ask(boot_ns)
        if self._writer is not None:
            try:
                self._writer.write(picture)
            except WriteFailed as error:
                self._tear(error.errno)

    def _leave_hole(self, hole: Hole) -> None:
        """Pictures are lost: the segment ends before them, and the next one begins with the next key frame."""
        self._close_segment(None)
        self._why = self._why or FRAMES_LOST
        boot_ns = now_ns()[0]
        if self._spares.may_ask(boot_ns):
            self._ask(boot_ns)
        if hole.lasting:
            self._link.send(wire.Lost(self.camera, FRAMES_LOST, "no whole key frame has come since", 0.0))

    def _set_pace(self, source: Source, boot_ns: int) -> None:
        """How long frames may gather in the socket before they are read together.

        Each read of one frame costs a wake-up; reading several at once costs a third less CPU (ADR 7). Bounded so that
        what gathers is a sixth of the socket's buffer: a full one would make the camera wait, or drop frames.
        """
        began_ns, began_bytes = self._pace_from
        elapsed_ns = boot_ns - began_ns
        if source.gather_bytes and elapsed_ns >= PACE_AFTER_NS:
            bytes_per_s = (self.received_bytes - began_bytes) * NS / elapsed_ns
            self._pace_s = min(PACE_CAP_S, source.gather_bytes / max(1.0, bytes_per_s))
            self._pace_from = (boot_ns, self.received_bytes)

    def _at_key_frame(self, picture: Picture, source: Source, pts: int, boot_ns: int, utc_ns: int) -> None:
        sets = picture.sets or source.parameter_sets  # the latter may have come between two key frames
        changed = bool(sets) and not sets <= self._sets
        writer = self._writer
        if writer is not None:
            due = self._timeline.ticks_to_ns(writer.age_ticks(pts)) >= self.order.segment_s * NS
            if not (changed or due or self._why):
                return
            if due and not (changed or self._why) and not self._spares.available:
                # The next segment is not here, or was refused: this one goes on, for as long as its room lasts.
                if self._spares.may_ask(boot_ns):
                    self._ask(boot_ns)
                return
        if changed or (self._template is None and source.template is None):
            try:
                self._drop_template()
                self._template = template_from_key_frame(picture, source.codec, source.parameter_sets)
                self._sets = completed(sets or self._sets, source.parameter_sets, source.codec)
            except ValueError:
                self._close_segment(None)
                self._tell_waiting(NO_PARAMETER_SETS, "the camera has not sent its parameter sets yet")
                return
        self._close_segment(pts)
        grant = self._next_grant(boot_ns)
        if grant is None:
            self._tell_waiting(self._spares.denied or RECORDER_FAULT, "")
            self._why = self._why or "no room"
            return
        self._open_segment(grant, source, pts, boot_ns, utc_ns)

    def _open_segment(self, grant: tuple[int, int], source: Source, pts: int, boot_ns: int, utc_ns: int) -> None:
        self._seq, fd = grant
        try:
            self._rate.opens(boot_ns, lost=self._why == FRAMES_LOST)
        except SourceError:
            os.close(fd)
            self._link.send(wire.Returned(self.camera, self._seq))
            raise
        if self._why in GOES_ON and self._timeline.run:
            self._timeline.go_on(pts, boot_ns, utc_ns)
        elif self._why or not self._timeline.run:
            self._timeline.begin(pts, boot_ns, utc_ns)
        start_utc_ns, start_boot_ns = self._timeline.at(pts)
        template = self._template.streams.video[0] if self._template else source.template
        assert template is not None
        facts = {
            "holdshelf": 1,
            "seq": self._seq,
            "camera": self.camera,
            "start_utc_ns": start_utc_ns,
            "start_boot_ns": start_boot_ns,
            "boot": self.order.boot,
            "run": self._timeline.run,
            "codec": source.codec,
        }
        try:
            self._writer = SegmentWriter(fd, template, facts, pts, source.ticks_per_s)
        except WriteFailed as error:
            os.close(fd)
            self._link.send(wire.Torn(self.camera, self._seq, error.errno, sync=False))
            return
        except ValueError as error:
            os.close(fd)
            self._link.send(wire.Returned(self.camera, self._seq))
            raise SourceError(NOT_RECORDABLE, f"its video cannot be described: {error}") from None
        context = template.codec_context
        self._link.send(
            wire.Started(
                self.camera,
                self._seq,
                start_utc_ns,
                start_boot_ns,
                self._timeline.run,
                source.codec,
                context.width,
                context.height,
                self._why,
            )
        )
        self._why = self._waiting_told = ""

    def _close_segment(self, next_pts: int | None) -> None:
        """Finish the open segment, if any, and tell the service. ``next_pts``: it goes on in another one."""
        writer, self._writer = self._writer, None
        if writer is None:
            return
        failed = 0
        try:
            writer.finish(next_pts)
        except WriteFailed as error:
            failed = error.errno
        writer.sink.close_fd()
        if failed:
            self._link.send(wire.Torn(self.camera, self._seq, failed, sync=False))
            return
        facts = writer.facts
        self._link.send(
            wire.Closed(
                self.camera,
                self._seq,
                facts["start_utc_ns"],
                facts["start_boot_ns"],
                self._timeline.ticks_to_ns(writer.duration_ticks(next_pts)),
                facts["run"],
                facts["boot"],
                writer.sink.written_bytes,
                writer.sink.sha256(),
                facts["codec"],
                writer.width,
                writer.height,
                writer.frames,
                writer.activity,
            )
        )

    def _tear(self, errno: int) -> None:
        writer, self._writer = self._writer, None
        if writer is None:
            return
        writer.abort()
        writer.sink.close_fd()
        self._link.send(wire.Torn(self.camera, self._seq, errno, sync=False))
        self._why = "write failed"

    def torn_by_sync(self, seq: int) -> None:
        """The syncer found this segment's disk failing: write no more of it."""
        with self._lock:
            if self._writer is not None and self._seq == seq:
                self._writer.abort()
                self._writer.sink.close_fd()
                self._writer = None
                self._why = "write failed"

    # --- grants -----------------------------------------------------------------------------------------------

    def _ask(self, boot_ns: int) -> None:
        self._spares.asked(boot_ns)
        self._link.send(wire.Want(self.camera))

    def _next_grant(self, boot_ns: int) -> tuple[int, int] | None:
        """The segment to write to next; waits a little for one just asked for, since a key frame is here now."""
        if not self._spares.available and self._spares.may_ask(boot_ns):
            self._ask(boot_ns)
        return self._spares.take(GRANT_WAIT_S)

    def _return_grants(self) -> None:
        while (spare := self._spares.take(0)) is not None:
            os.close(spare[1])
            self._link.send(wire.Returned(self.camera, spare[0]))
        self._spares.forget()

    def _tell_waiting(self, reason: str, detail: str) -> None:
        if self._waiting_told != reason:
            self._waiting_told = reason
            self._link.send(wire.Lost(self.camera, reason, detail, ASK_AGAIN_NS / NS))

    def _drop_template(self) -> None:
        if self._template is not None:
            self._template.close()
            self._template = None
