"""Makes the masked copy of a clip in a confined process: this side passes it files and receives encoded frames.

Blocks; runs in a thread. The worker is killed when silent for too long, when the build is canceled, and at the end; it exits by
itself when this process is gone. It masks before it encodes; this side sees no picture.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

import msgspec

from holdshelf_core.errors import HoldshelfError, Unavailable
from holdshelf_core.looks.picture_protocol import Burn
from holdshelf_core.processes import worker_link
from holdshelf_core.releases import worker_protocol as wire
from holdshelf_core.releases.clips import Clip, frames

SILENCE_S = 60.0
"""Time limit of one step: a minute of 8K is decoded and encoded frame by frame, and each frame is a message."""
_POLL_S = 0.5
_WORDS: dict[wire.Reason, str] = {
    "damaged": "the recording is damaged where it begins",
    "too large": "its pictures are larger than any that are ever shown",
    "memory": "there is not enough memory for it",
    "disk": "a file of it cannot be read",
    "no encoder": "this installation has no encoder for H.264 (PyAV without libx264)",
}


class Cancelled(HoldshelfError):
    """The build was canceled, by a person or because the service is stopping."""


@dataclass(frozen=True, slots=True)
class Derived:
    """What the encoder reported before the first frame."""

    width: int
    height: int
    configuration: bytes


type OnFrame = Callable[[wire.Encoded, bytes], None]


def derive(clip: Clip, root_fd: int, burn: Burn, stop: threading.Event, on_frame: OnFrame) -> Derived | None:
    """Encode the clip; each frame goes to ``on_frame`` in order. None: nothing could be decoded.

    Raises Unavailable, Cancelled, StorageError, and whatever ``on_frame`` does.
    """
    worker = _Worker(stop)
    try:
        worker.begin(burn)
        first = next(islice(frames(clip, root_fd), 1), None)
        if first is None:
            return None
        for number, source in enumerate(clip.sources):
            fd = source.open(root_fd)
            try:
                offset = first.sample.offset if number == first.source else 0
                order = wire.Take(source.segment.start_utc_ns, offset, clip.asked_start_utc_ns, clip.asked_end_utc_ns)
                worker.send(order, fd)
            finally:
                os.close(fd)
            worker.take(wire.Taken, on_frame)
        worker.send(wire.Finish())
        worker.take(wire.Finished, on_frame)
        return worker.derived
    finally:
        worker.end()


class _Worker:
    """The process and its socket."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self.derived: Derived | None = None
        self._link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._link.settimeout(_POLL_S)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "holdshelf_core.releases.worker", str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                env={**os.environ, "MALLOC_ARENA_MAX": "2"},
            )
        except OSError as error:
            self._link.close()
            raise Unavailable(
                f"The masked copy cannot be made: the system cannot start a process ({error.strerror})."
            ) from None
        finally:
            theirs.close()

    def begin(self, burn: Burn) -> None:
        """Wait until it is ready and confined, and tell it what to hide."""
        if not isinstance(self._hear(), worker_link.Ready):
            raise self._wrong()
        self.send(wire.Begin(burn, max(1, len(os.sched_getaffinity(0)))))

    def send(self, message: wire.ToWorker, fd: int | None = None) -> None:
        """Send one message, with a descriptor."""
        try:
            socket.send_fds(self._link, [wire.encode(message)], [fd] if fd is not None else [])
        except OSError:
            raise self._gone() from None

    def take(self, until: type[wire.Taken] | type[wire.Finished], on_frame: OnFrame) -> None:
        """Receive frames until it reports the end of this step."""
        while not isinstance(message := self._hear(), until):
            match message:
                case wire.Configured() if self.derived is None:
                    sides = (message.width, message.height)
                    if not all(0 < side <= wire.MAX_SIDE_PX for side in sides):
                        raise self._wrong()
                    if len(message.configuration) > wire.MAX_CONFIGURATION_BYTES:
                        raise self._wrong()
                    self.derived = Derived(*sides, message.configuration)
                case wire.Encoded() if self.derived is not None and 0 < message.size <= wire.MAX_FRAME_BYTES:
                    on_frame(message, self._data(message.size))
                case wire.Failed():
                    raise Unavailable(
                        f"The masked copy cannot be made: {_WORDS[message.reason]}.",
                        "The original may be released if the paper asks for it and the approver agrees.",
                    )
                case _:
                    raise self._wrong()

    def _data(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            chunk = self._hear()
            if not isinstance(chunk, wire.Chunk) or not chunk.data:
                raise self._wrong()
            data += chunk.data
        if len(data) != size:
            raise self._wrong()
        return bytes(data)

    def _hear(self) -> wire.ToMaker:
        deadline = time.monotonic() + SILENCE_S
        while True:
            if self._stop.is_set():
                raise Cancelled("The bundle was not made because it was canceled.")
            try:
                packet = self._link.recv(worker_link.MAX_MESSAGE_BYTES)
            except TimeoutError:
                if time.monotonic() > deadline:
                    raise Unavailable("The masked copy took too long and was stopped.", "Try again.") from None
                continue
            except OSError:
                packet = b""
            if not packet:
                raise self._gone()
            try:
                return wire.decode_to_maker(packet)
            except msgspec.MsgspecError:
                raise self._wrong() from None

    def _gone(self) -> Unavailable:
        return Unavailable(
            "The masked copy cannot be made: the process that was decoding the recording ended.",
            "Try again. If it fails again, the recording itself is the cause.",
        )

    def _wrong(self) -> Unavailable:
        return Unavailable("The masked copy cannot be made: the process that decodes the recording failed.")

    def end(self) -> None:
        """End the process and wait for it."""
        self._link.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()
