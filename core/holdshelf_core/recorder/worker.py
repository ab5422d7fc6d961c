"""A recorder worker: a process that dials cameras, one thread each, and writes to descriptors it is handed.

It opens no file and knows no path: once warm it is confined (``confinement``, ADR 15), and only then hears of a camera.
Its control socket is its life: when the service is gone, it flushes what it holds and ends, and with it the lock on the
volume that it inherited. ``python -m holdshelf_core.recorder.worker FD CORE KIND``.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import pkgutil
import signal
import socket
import ssl
import sys
import threading

import av
import av.codec
import av.logging

from holdshelf_core.confinement import Confined, confine
from holdshelf_core.confinement_filter import Work
from holdshelf_core.recorder import protocol as wire
from holdshelf_core.recorder import worker_names
from holdshelf_core.recorder.worker_camera import Camera, Link
from holdshelf_core.recorder.worker_segment import Sink, Syncer

MORE_MEMORY_BYTES = {"rtsp": 2 << 30, "libav": 768 << 20, "whep": 2 << 30}
"""Address space beyond what it takes when warm: stacks, arenas, and all cameras' pictures at their largest. libavformat takes
as much for an answer as a camera announces; it has few cameras to a worker."""
OPEN_FILES = 512
MAX_FILE_BYTES = 4 << 30
"""Of one segment: far beyond what a camera fills a minute with, and no disk is filled by one mistake."""
# What libraries import at their first use, when no file can be opened any more.
_LATE = ("encodings.idna", "stringprep", "linecache", "traceback", "ssl", "tempfile", "random", "http.client", "select")
_WHEP = "holdshelf_core.recorder.worker_whep"


def warm(kind: str) -> None:
    """Import and load whatever is needed later: once confined, this process opens nothing.

    For ``whep`` that is also ``worker_whep``, and what its ``preload()`` loads. No thread may be left running.
    """
    # PyAV imports its own parts when it first meets a stream, or an error, of their kind.
    for name in (*_LATE, *(module.name for module in pkgutil.walk_packages(av.__path__, "av."))):
        importlib.import_module(name)
    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # has OpenSSL read its configuration
    av.codec.Codec("h264", "r")
    av.codec.Codec("hevc", "r")
    if kind == "whep":
        importlib.import_module(_WHEP).preload()


def confine_recorder(kind: str) -> Confined:
    """Confine this process for good, for a kind of camera (``worker_names.kind_of``)."""
    work = Work.PEERING if kind == "whep" else Work.RECORDING
    return confine(
        more_memory_bytes=MORE_MEMORY_BYTES[kind], open_files=OPEN_FILES, work=work, file_bytes=MAX_FILE_BYTES
    )


class Worker:
    """The process: the control thread, the syncer and the cameras."""

    def __init__(self, link: socket.socket, kind: str) -> None:
        self._link = Link(link)
        self._may_use_libav = kind == "libav"
        self._cameras: dict[str, Camera] = {}
        self._syncer = Syncer(self._open_sinks, self._torn)
        self._names = worker_names.Names(lambda host: self._link.send(wire.Resolve(host)))
        worker_names.install(self._names.look_up)

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
        if whep := sys.modules.get(_WHEP):
            whep.WhepSource.leave_all()

    def _obey(self, message: wire.ToWorker, fd: int | None) -> None:
        match message:
            case wire.Record():
                self._forget(message.camera)
                camera = Camera(message, self._link, may_use_libav=self._may_use_libav)
                self._cameras[message.camera] = camera
                camera.start()
            case wire.Named():
                self._names.answered(message.host, message.addresses)
            case wire.Grant() if fd is None:  # no descriptor was left to take it: out of them
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
    """Entry: argv[1] is the control socket's descriptor, argv[2] the core to stay on ('-' for any), argv[3] the kind."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the service decides when to end; a terminal's Ctrl+C reaches all
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    av.logging.set_level(av.logging.ERROR)
    logging.getLogger("libav").setLevel(logging.CRITICAL)  # a camera's words reach the service as a Lost detail
    if sys.argv[2] != "-":
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, {int(sys.argv[2])})
    link = socket.socket(fileno=int(sys.argv[1]))
    kind = sys.argv[3] if len(sys.argv) > 3 else "rtsp"
    warm(kind)
    confined = confine_recorder(kind)
    with contextlib.suppress(OSError):
        wire.send(link, wire.Ready(confined.landlock_abi, confined.seccomp))
    Worker(link, kind).run()
    os._exit(0)  # threads may still wait for a silent camera; everything they held is finished


if __name__ == "__main__":
    main()
