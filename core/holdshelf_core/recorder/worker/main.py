"""A recorder worker: a process that connects to cameras, reads them and writes to descriptors it is given.

It opens no file and knows no path: once ready it is confined (``confinement``, ADR 15), and only then gets cameras. It ends with
its control socket: when the service is gone, it flushes its data and exits, releasing the inherited lock on the volume. ``python
-m holdshelf_core.recorder.worker.main FD CORE KIND``.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import sys
import threading

import av.logging

from holdshelf_core import service_log
from holdshelf_core.integration.reasons import RECORDER_BUSY
from holdshelf_core.processes import worker_link
from holdshelf_core.recorder.worker import names as worker_names
from holdshelf_core.recorder.worker import protocol as wire
from holdshelf_core.recorder.worker.camera import Camera
from holdshelf_core.recorder.worker.fetch import Fetch
from holdshelf_core.recorder.worker.link import Link
from holdshelf_core.recorder.worker.preparation import WHEP, confine_recorder, warm
from holdshelf_core.recorder.worker.reading import ReadingLoop
from holdshelf_core.recorder.worker.rtsp import RECEIVE_BYTES
from holdshelf_core.recorder.worker.segment import Sink
from holdshelf_core.recorder.worker.segment_thread import SegmentThread
from holdshelf_core.recorder.worker.syncer import Syncer

STACK_BYTES = 1 << 20
"""Of each thread; a camera has one. With the usual 8 MB, 256 cameras took all of that memory, and none was recorded."""


class Worker:
    """The process: the control thread, the reading loop, the syncer and the cameras."""

    def __init__(self, link: socket.socket, reading: ReadingLoop) -> None:
        self._link = Link(link)
        self._cameras: dict[str, SegmentThread] = {}
        self._starting = threading.Lock()
        self._syncer = Syncer(self._open_sinks, self._torn)
        self._reading = reading
        self._names = worker_names.Names(lambda host: self._link.send(wire.Resolve(host)))
        worker_names.install(self._names.look_up)

    def _open_sinks(self) -> list[tuple[str, int, Sink]]:
        return [sink for camera in list(self._cameras.values()) if (sink := camera.open_sink()) is not None]

    def _torn(self, camera: str, seq: int, errno: int) -> None:
        known = self._cameras.get(camera)
        if known is not None:
            known.torn_by_sync(seq, errno)
        else:
            self._link.send(wire.Torn(camera, seq, errno, sync=True))

    def run(self) -> None:
        """Serve the control socket until the service says Quit or is gone."""
        self._syncer.start()
        self._reading.start()
        threading.Thread(target=self._report, name="report", daemon=True).start()
        while True:
            try:
                received = wire.receive_in_worker(self._link.socket)
            except OSError:
                received = None
            if received is None or isinstance(received[0], worker_link.Quit):
                break
            self._obey(*received)
        for camera in self._cameras.values():
            camera.stop()
        self._reading.stop()
        if whep := sys.modules.get(WHEP):
            whep.WhepSource.leave_all()

    def _obey(self, message: wire.ToWorker, fd: int | None) -> None:
        match message:
            case wire.Record(replay=wire.Replay() as replay):
                self._forget(message.camera)
                fetch = Fetch(message, replay, self._link)
                self._cameras[message.camera] = fetch
                self._start(fetch)
            case wire.Record():
                told_ns = self._forget(message.camera)
                camera = Camera(message, self._link, self._reading)
                camera.told_ns = max(camera.told_ns, told_ns)
                self._cameras[message.camera] = camera
                self._start(camera)
            case wire.Named():
                self._names.answered(message.host, message.addresses)
            case wire.Grant() if fd is None:  # no descriptor was left to receive it
                self._link.send(wire.Returned(message.camera, message.seq))
            case wire.Grant():
                assert fd is not None
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

    def _start(self, thread: SegmentThread) -> None:
        """Start a camera's thread. Where the system has none left, ``_report`` tries again: the other cameras go on."""
        with self._starting:
            if thread.is_started:
                return
            try:
                thread.start()
            except RuntimeError:
                if isinstance(thread, Camera):
                    self._link.send(wire.Lost(thread.camera, RECORDER_BUSY, "no thread can be started", 1.0))

    def _forget(self, camera: str) -> int:
        """Finish its segment; return up to when its time is accounted for (boottime)."""
        known = self._cameras.pop(camera, None)
        if known is None:
            return 0
        known.stop()
        return known.told_ns

    def _report(self) -> None:
        tick = threading.Event()
        while not tick.wait(1.0):
            cameras = list(self._cameras.values())
            for camera in cameras:
                self._start(camera)
            for start in range(0, len(cameras), 64):
                self._link.send(wire.Progress([c.beat() for c in cameras[start : start + 64]]))


def main() -> None:
    """Entry point: argv[1] is the control socket's descriptor, argv[2] the core to stay on ('-' for any), argv[3] the kind."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the service decides when to end; a terminal's Ctrl+C reaches all
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    service_log.configure(times=False)  # once it is confined, it does not know the time zone
    av.logging.set_level(av.logging.ERROR)
    logging.getLogger("libav").setLevel(logging.CRITICAL)  # a camera's text reaches the service as a Lost detail
    if sys.argv[2] != "-":
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, {int(sys.argv[2])})
    threading.stack_size(STACK_BYTES)
    link = socket.socket(fileno=int(sys.argv[1]))
    kind = sys.argv[3] if len(sys.argv) > 3 else "rtsp"
    warm(kind)
    reading = ReadingLoop(RECEIVE_BYTES)
    confined = confine_recorder(kind)
    with contextlib.suppress(OSError):
        wire.send(link, worker_link.Ready(confined.landlock_abi, confined.seccomp))
    Worker(link, reading).run()
    os._exit(0)  # threads may still wait for a silent camera; everything they held is finished


if __name__ == "__main__":
    main()
