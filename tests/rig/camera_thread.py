"""One recording camera without its worker process: the camera's thread of `worker_camera`, and a service that grants it
files and writes down what it says. For what a stream must become on disk; processes, disks and journals are elsewhere.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

import av

from holdshelf_core.recorder.worker import protocol as wire
from holdshelf_core.recorder.worker.camera import Camera
from holdshelf_core.recorder.worker.link import Link
from holdshelf_core.recorder.worker.nal import split_sample
from holdshelf_core.recorder.worker.reading import ReadingLoop
from holdshelf_core.recorder.worker.rtsp import RECEIVE_BYTES
from tests.rig.hang import HANG_S
from tests.service import wait_for

QUIET_TURNS = 32
"""Each 20 ms: longer than a last picture waits for its marker to be settled."""


class CameraThread:
    """Records `url` into `folder` from `__enter__` to `__exit__` (or `finish`)."""

    def __init__(self, url: str, folder: Path, *, segment_s: float = 60.0, transport: str = "tcp") -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.said: list[wire.ToService] = []
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._order = wire.Record(
            camera="door", url=url, username=None, password=None, transport=transport, boot="boot", segment_s=segment_s
        )
        self._loop = ReadingLoop(RECEIVE_BYTES)
        self._link = Link(theirs)
        self.camera = Camera(self._order, self._link, self._loop)
        self._granted = 0
        self._theirs = theirs

    def __enter__(self) -> Self:
        threading.Thread(target=self._listen, daemon=True).start()
        self._loop.start()
        self.camera.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.finish()
        self._ours.close()
        self._theirs.close()

    def _listen(self) -> None:
        while True:
            try:
                packet = self._ours.recv(1 << 20)
            except OSError:
                return
            if not packet:
                return
            message = wire.decode_to_service(packet)
            self.said.append(message)
            if isinstance(message, wire.Want):
                self._granted += 1
                path = self.folder / f"{self._granted:03}.mp4"
                self.camera.granted(self._granted, os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600))

    def finish(self) -> None:
        """Ends the recording. Its thread may wait for the camera's next bytes a little longer."""
        self.camera.stop()
        self._loop.stop()
        self._link.send(wire.Ended("door"))
        self.wait_for("its last words", lambda: self.heard(wire.Ended))

    def heard[T](self, kind: type[T]) -> list[T]:
        """What it said of one kind."""
        return [message for message in list(self.said) if isinstance(message, kind)]

    def wait_for(self, what: str, probe: Callable[[], object], seconds: float = HANG_S) -> None:
        wait_for(what, lambda: probe() or None, seconds, 0.02)

    def wait_idle(self) -> None:
        """Until nothing has come for some turns of this process. Not for a time: the machine may have stopped all of it."""
        seen, quiet = (-1, -1), 0

        def is_idle() -> bool:
            nonlocal seen, quiet
            came = (self.camera.received_bytes, self.camera.last_frame_boot_ns)
            seen, quiet = came, quiet + 1 if came == seen else 0
            return quiet > QUIET_TURNS

        self.wait_for("nothing more comes", is_idle)

    def files(self) -> list[Path]:
        """Its recordings, in order; those that stayed empty are left out."""
        return [path for path in sorted(self.folder.iterdir()) if path.stat().st_size]

    def pictures(self) -> list[list[list[bytes]]]:
        """NAL units of each picture of each recording, in decoding order."""
        return [[split_sample(data) for _pts, _dts, data in samples(path)] for path in self.files()]


def samples(path: Path) -> list[tuple[int, int, bytes]]:
    """(pts, dts, bytes) of each sample of a recording, in its order."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [(p.pts or 0, p.dts or 0, bytes(p)) for p in container.demux(stream) if p.size]


def shown_pictures(path: Path) -> list[int]:
    """Time stamps of the pictures that a decoder makes of a recording. Raises when it finds something wrong."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.options = {"err_detect": "explode"}
        return [frame.pts or 0 for frame in container.decode(stream)]
