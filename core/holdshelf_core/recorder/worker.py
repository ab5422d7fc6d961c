"""A recorder worker: a process that dials cameras, one thread each, and writes to descriptors it is handed.

It opens no file and knows no path. Its control socket is its life: when the service is gone, it flushes what it
holds and ends, and with it the lock on the volume that it inherited. ``python -m holdshelf_core.recorder.worker FD``.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import random
import signal
import socket
import sys
import threading

import av
import av.container
import av.error
import av.logging

from holdshelf_core.recorder import protocol as wire
from holdshelf_core.recorder.timeline import NS, Timeline, now_ns
from holdshelf_core.recorder.worker_segment import (
    SegmentWriter,
    Sink,
    Syncer,
    WriteFailed,
    parameter_sets,
    template_from_key_frame,
)
from holdshelf_core.recorder.worker_source import NOT_RECORDABLE, RtspSource, SourceError, VideoPacket

_LOGGER = logging.getLogger("holdshelf.worker")

SEGMENT_S = 60
SPARE_AFTER_S = 45
GRANT_WAIT_S = 2.0
ASK_AGAIN_NS = 2 * NS
BACKOFF_FIRST_S = 1.0
BACKOFF_CAP_S = 30.0
# A held session that recorded this long was a good one: the next dial starts from the shortest wait again.
GOOD_SESSION_NS = 10 * NS


class Backoff:
    """Capped exponential waits with ± 25 % jitter, so that cameras behind one switch do not return in step."""

    def __init__(self) -> None:
        self._next_s = BACKOFF_FIRST_S

    def next_s(self) -> float:
        """The wait before the next dial."""
        wait_s, self._next_s = self._next_s, min(BACKOFF_CAP_S, self._next_s * 2)
        return wait_s * random.uniform(0.75, 1.25)  # noqa: S311  (jitter, not a secret)

    def reset(self) -> None:
        """Start over after a good session."""
        self._next_s = BACKOFF_FIRST_S


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

    def __init__(self, order: wire.Record, link: Link) -> None:
        super().__init__(name=f"camera-{order.camera}", daemon=True)
        self.order = order
        self.camera = order.camera
        self._link = link
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._grants: queue.SimpleQueue[tuple[int, int]] = queue.SimpleQueue()
        self._denied = ""
        self._asked = False
        self._asked_boot_ns = 0
        self._writer: SegmentWriter | None = None
        self._seq = 0
        self._timeline = Timeline(90_000)
        self._why = ""
        self._sets: frozenset[bytes] = frozenset()
        self._template: av.container.InputContainer | None = None
        self.last_frame_boot_ns = 0
        self.received_bytes = 0
        self._waiting_told = ""

    # --- called by the control thread -------------------------------------------------------------------------

    def granted(self, seq: int, fd: int) -> None:
        """A segment to write to."""
        self._grants.put((seq, fd))

    def denied(self, reason: str) -> None:
        """No segment now: a waiting thread stops waiting."""
        self._denied = reason
        self._grants.put((0, -1))

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
            except Exception as error:  # a fault of ours must cost this camera one reconnect, not its recording
                _LOGGER.exception("camera %s: the recording thread failed", self.camera)
                end = SourceError("recorder fault", type(error).__name__)
            with self._lock:
                self._close_segment(None)
                self._return_grants()
            if now_ns()[0] - began_ns > GOOD_SESSION_NS and self.last_frame_boot_ns > began_ns:
                backoff.reset()
            if self._stopping.is_set():
                break
            wait_s = BACKOFF_CAP_S if end.reason == NOT_RECORDABLE else backoff.next_s()
            self._link.send(wire.Lost(self.camera, end.reason, end.detail[:300], wait_s))
            self._stopping.wait(wait_s)

    def _session(self) -> None:
        self._link.send(wire.Dialling(self.camera))
        order = self.order
        source = RtspSource(order.url, order.username, order.password, order.transport)
        try:
            with self._lock:
                self._sets = parameter_sets(source.stream.codec_context.extradata or b"", source.codec)
                self._timeline = Timeline(source.ticks_per_s)
                self._why = "reconnected"
                self._waiting_told = ""
                self._drop_template()
                self._ask()
            for packet in source.packets():
                with self._lock:
                    if self._stopping.is_set():
                        return
                    self._take(packet, source)
        finally:
            with self._lock:
                self._close_segment(None)
                self._drop_template()
            source.close()

    def _take(self, packet: VideoPacket, source: RtspSource) -> None:
        boot_ns, utc_ns = now_ns()
        self.last_frame_boot_ns = boot_ns
        self.received_bytes += packet.size
        pts = packet.pts or 0
        ended = self._timeline.follow(pts, boot_ns, utc_ns)
        if ended == "stream jumped":
            self._close_segment(None)
            self._why = ended
        elif ended and not self._why:
            self._why = ended  # takes effect at the next key frame; until then frames keep the run's times
        writer = self._writer
        if packet.is_keyframe:
            self._at_key_frame(packet, source, pts, boot_ns, utc_ns)
        elif writer is not None and not self._asked:
            age_s = self._timeline.ticks_to_ns(writer.age_ticks(pts)) / NS
            if age_s >= SPARE_AFTER_S:
                self._ask()
        if self._writer is not None:
            try:
                self._writer.write(packet)
            except WriteFailed as error:
                self._tear(error.errno)

    def _at_key_frame(self, packet: VideoPacket, source: RtspSource, pts: int, boot_ns: int, utc_ns: int) -> None:
        sets = parameter_sets(memoryview(packet), source.codec)
        changed = bool(sets) and not sets <= self._sets
        writer = self._writer
        if writer is not None:
            due = self._timeline.ticks_to_ns(writer.age_ticks(pts)) >= SEGMENT_S * NS
            if not (changed or due or self._why):
                return
            if due and not (changed or self._why) and self._grants.empty():
                # The next segment is not here yet: this one goes on to the next key frame, and nothing is lost.
                self._ask_again(boot_ns)
                return
        if changed or (not self._template and not source.stream.codec_context.width):
            try:
                self._drop_template()
                self._template = template_from_key_frame(packet, source.codec)
                self._sets = sets
            except (ValueError, av.error.FFmpegError):
                self._close_segment(None)
                self._tell_waiting("no parameter sets", "the camera has not sent its parameter sets yet")
                return
        self._close_segment(pts)
        grant = self._next_grant(boot_ns)
        if grant is None:
            self._tell_waiting(self._denied or "no room", "")
            self._why = self._why or "no room"
            return
        self._open_segment(grant, source, pts, boot_ns, utc_ns)

    def _open_segment(self, grant: tuple[int, int], source: RtspSource, pts: int, boot_ns: int, utc_ns: int) -> None:
        self._seq, fd = grant
        if self._why or not self._timeline.run:
            self._timeline.begin(pts, boot_ns, utc_ns)
        start_utc_ns, start_boot_ns = self._timeline.at(pts)
        template = self._template.streams.video[0] if self._template else source.stream
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
            writer.finish()
        except WriteFailed as error:
            failed = error.errno
        writer.sink.close_fd()
        if failed:
            self._link.send(wire.Torn(self.camera, self._seq, failed, sync=False))
            return
        if self._why:
            next_pts = None
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
        self._asked = False

    def torn_by_sync(self, seq: int) -> None:
        """The syncer found this segment's disk failing: write no more of it."""
        with self._lock:
            if self._writer is not None and self._seq == seq:
                self._writer.abort()
                self._writer.sink.close_fd()
                self._writer = None
                self._why = "write failed"
                self._asked = False

    # --- grants -----------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        self._asked, self._denied = True, ""
        self._asked_boot_ns = now_ns()[0]
        self._link.send(wire.Want(self.camera))

    def _ask_again(self, boot_ns: int) -> None:
        if not self._asked or (self._denied and boot_ns - self._asked_boot_ns >= ASK_AGAIN_NS):
            self._ask()

    def _next_grant(self, boot_ns: int) -> tuple[int, int] | None:
        """The segment to write to next; waits a little for one just asked for, since a key frame is here now."""
        if self._grants.empty():
            self._ask_again(boot_ns)
            if self._denied:
                return None
        try:
            seq, fd = self._grants.get(timeout=GRANT_WAIT_S)
        except queue.Empty:
            return None
        if fd < 0:
            return None
        self._asked = False
        return seq, fd

    def _return_grants(self) -> None:
        while not self._grants.empty():
            seq, fd = self._grants.get()
            if fd >= 0:
                os.close(fd)
                self._link.send(wire.Returned(self.camera, seq))
        self._asked = False

    def _tell_waiting(self, reason: str, detail: str) -> None:
        if self._waiting_told != reason:
            self._waiting_told = reason
            self._link.send(wire.Lost(self.camera, reason, detail, ASK_AGAIN_NS / NS))

    def _drop_template(self) -> None:
        if self._template is not None:
            self._template.close()
            self._template = None


class Worker:
    """The process: the control thread, the syncer and the cameras."""

    def __init__(self, link: socket.socket) -> None:
        self._link = Link(link)
        self._cameras: dict[str, Camera] = {}
        self._syncer = Syncer(self._open_sinks, self._torn)

    def _open_sinks(self) -> list[tuple[str, int, Sink]]:
        return [sink for camera in list(self._cameras.values()) if (sink := camera.open_sink()) is not None]

    def _torn(self, camera: str, seq: int, errno: int) -> None:
        known = self._cameras.get(camera)
        if known is not None:
            known.torn_by_sync(seq)
        self._link.send(wire.Torn(camera, seq, errno, sync=True))

    def run(self) -> None:
        """Serve the control socket until the service says Quit or is gone."""
        self._syncer.start()
        threading.Thread(target=self._report, name="report", daemon=True).start()
        while True:
            try:
                received = wire.receive_in_worker(self._link.socket)
            except OSError:
                received = None
            if received is None or isinstance(received[0], wire.Quit):
                break
            self._obey(*received)
        for camera in self._cameras.values():
            camera.stop()

    def _obey(self, message: wire.ToWorker, fd: int | None) -> None:
        match message:
            case wire.Record():
                self._forget(message.camera)
                camera = Camera(message, self._link)
                self._cameras[message.camera] = camera
                camera.start()
            case wire.Grant() if fd is not None:
                known = self._cameras.get(message.camera)
                if known is None:
                    os.close(fd)
                    self._link.send(wire.Returned(message.camera, message.seq))
                else:
                    known.granted(message.seq, fd)
            case wire.Deny():
                if message.camera in self._cameras:
                    self._cameras[message.camera].denied(message.reason)
            case wire.Cut():
                if message.camera in self._cameras:
                    self._cameras[message.camera].cut(message.seq)
            case wire.Forget():
                self._forget(message.camera)
                self._link.send(wire.Ended(message.camera))

    def _forget(self, camera: str) -> None:
        known = self._cameras.pop(camera, None)
        if known is not None:
            known.stop()

    def _report(self) -> None:
        tick = threading.Event()
        while not tick.wait(1.0):
            cameras = list(self._cameras.values())
            for start in range(0, len(cameras), 64):
                self._link.send(wire.Progress([c.beat() for c in cameras[start : start + 64]]))


def main() -> None:
    """Entry: argv[1] is the control socket's descriptor, argv[2] the core to stay on ('-' for any)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the service decides when to end; a terminal's Ctrl+C reaches all
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    av.logging.set_level(av.logging.ERROR)
    logging.getLogger("libav").setLevel(logging.CRITICAL)  # a camera's words reach the service as a Lost detail
    if sys.argv[2] != "-":
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, {int(sys.argv[2])})
    Worker(socket.socket(fileno=int(sys.argv[1]))).run()
    os._exit(0)  # threads may still wait for a silent camera; everything they held is finished


if __name__ == "__main__":
    main()
