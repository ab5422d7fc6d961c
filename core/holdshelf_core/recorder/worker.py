"""A recorder worker: a process that dials cameras, one thread each, and writes to descriptors it is handed.

It opens no file and knows no path. Its control socket is its life: when the service is gone, it flushes what it
holds and ends, and with it the lock on the volume that it inherited. ``python -m holdshelf_core.recorder.worker FD``.
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

from holdshelf_core.recorder import protocol as wire
from holdshelf_core.recorder.worker_camera import Camera, Link
from holdshelf_core.recorder.worker_segment import Sink, Syncer


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
