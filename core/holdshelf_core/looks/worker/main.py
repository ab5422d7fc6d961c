"""The picture worker: a confined process that makes JPEGs from frames of the descriptors it is given.

Once ready it gives up files, network, programs and most of its memory (``confinement``), and only then reads what cameras sent.
It never writes a file, and exits with its control socket. A job that takes too long ends it: the service kills it, and its own
alarm does if the service is gone. ``python -m holdshelf_core.looks.worker.main FD TIMEOUT_S``.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
from collections import OrderedDict
from dataclasses import dataclass

import av.logging
from PIL import Image

from holdshelf_core.looks import picture_protocol as wire
from holdshelf_core.looks.legend import load_font
from holdshelf_core.looks.worker.decode import Decoded, Decoder, Decoders, Painter, TooLarge, Undecodable
from holdshelf_core.looks.worker.index import Empty, FramePlan, NoKey, Outside, find
from holdshelf_core.processes import worker_link
from holdshelf_core.processes.confinement import confine
from holdshelf_core.times import local_time_words
from holdshelf_storage.errors import BadMp4, DiskWriteError

MORE_MEMORY_BYTES = 1 << 30
"""Beyond its use when ready: enough for an 8K stream's reference frames, but not for false sizes."""
OPEN_FILES = 32
MAX_LIVE = 8
MAX_LIVE_PIXELS = MAX_LIVE * 1920 * 1088
"""For all live views' frames together; each keeps several."""
_NICENESS = 5  # recording comes first


@dataclass(slots=True)
class _Live:
    """A live view's decoder: its file, and the last frame decoded."""

    file: tuple[int, int]
    decoder: Decoder
    last_offset: int
    pixels: int = 0


class PictureWorker:
    """The process: one job after another."""

    def __init__(self, link: socket.socket, timeout_s: float) -> None:
        self._link = link
        self._timeout_s = timeout_s
        self._painter = Painter()
        self._decoders = Decoders(len(os.sched_getaffinity(0)))
        self._live: OrderedDict[str, _Live] = OrderedDict()

    def run(self) -> None:
        """Serve until the service says Quit or is gone."""
        while True:
            try:
                received = wire.receive_in_worker(self._link)
            except OSError:
                return
            if received is None or isinstance(received[0], worker_link.Quit):
                return
            message, fd = received
            try:
                if isinstance(message, wire.Leave):
                    self._live.pop(message.viewer, None)
                elif isinstance(message, wire.Show) and fd is not None:
                    self._obey(message, fd)
            finally:
                if fd is not None:
                    os.close(fd)

    def _obey(self, order: wire.Show, fd: int) -> None:
        signal.setitimer(signal.ITIMER_REAL, self._timeout_s + 1.0)  # its default action ends the process
        try:
            self._show(order, fd)
        except Outside as outside:
            self._say(wire.Failed(order.job, "outside", outside.first_utc_ns, outside.last_utc_ns))
        except Empty:
            self._say(wire.Failed(order.job, "empty"))
        except (BadMp4, NoKey, Undecodable):
            # A file being written has no header in its first moments.
            self._say(wire.Failed(order.job, "empty" if order.growing and _is_small(fd) else "damaged"))
        except TooLarge:
            self._say(wire.Failed(order.job, "too large"))
        except DiskWriteError:
            self._say(wire.Failed(order.job, "disk"))
        except MemoryError:
            self._say(
                wire.Failed(order.job, "memory")
            )  # the service ends this process: other state may be incomplete too
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _show(self, order: wire.Show, fd: int) -> None:
        found = find(
            fd, order.start_utc_ns, order.at_utc_ns, growing=order.growing, key_from_utc_ns=order.key_from_utc_ns
        )
        if order.after_utc_ns is not None and found.utc_ns(found.pts) <= order.after_utc_ns:
            self._say(wire.Failed(order.job, "nothing new"))
            return
        camera = order.burn.camera
        decoded = self._follow(order.viewer, fd, found) if order.viewer else self._decoders.decode(fd, found, camera)
        shown_utc_ns = found.utc_ns(decoded.pts)
        made = self._painter.paint(decoded, order.burn, shown_utc_ns, order.max_width)
        self._say(
            wire.Shown(
                order.job,
                shown_utc_ns,
                made.width,
                made.height,
                made.picture_height,
                decoded.damaged,
                len(made.jpeg),
            )
        )
        for start in range(0, len(made.jpeg), wire.CHUNK_BYTES):
            self._say(wire.Chunk(order.job, made.jpeg[start : start + wire.CHUNK_BYTES]))

    def _follow(self, viewer: str, fd: int, found: FramePlan) -> Decoded:
        """Decode for a live view: from its decoder's position, or again from the last key frame."""
        status = os.fstat(fd)
        file = (status.st_dev, status.st_ino)
        live = self._live.pop(viewer, None)
        at = -1
        if live is not None and live.file == file:
            at = next((i for i, s in enumerate(found.chain) if s.offset == live.last_offset), -1)
        if live is None or at < 0:
            live = _Live(file, Decoder(found.track, 1), 0)
        decoded = live.decoder.decode_more(fd, found.chain[at + 1 :], found.pts, finish=False)
        live.last_offset = found.chain[-1].offset
        live.pixels = decoded.frame.width * decoded.frame.height
        self._live[viewer] = live
        while len(self._live) > 1 and (
            len(self._live) > MAX_LIVE or sum(one.pixels for one in self._live.values()) > MAX_LIVE_PIXELS
        ):
            self._live.popitem(last=False)
        return decoded

    def _say(self, message: wire.ToService) -> None:
        self._link.sendall(wire.encode(message))


def _is_small(fd: int) -> bool:
    return os.fstat(fd).st_size < 64 * 1024


def warm() -> None:
    """Load everything that loads lazily: after confinement nothing can be opened."""
    Image.preinit()
    load_font()
    local_time_words(0)


def main() -> None:
    """Entry point: argv[1] is the control socket's descriptor, argv[2] the time limit of a job, in seconds."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the service decides when to end; a terminal's Ctrl+C reaches all
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    link = socket.socket(fileno=int(sys.argv[1]))
    av.logging.set_level(av.logging.ERROR)  # counted (``worker.decode``), never printed: a camera determines their text
    logging.disable(logging.CRITICAL)
    os.nice(_NICENESS)
    warm()
    # From here on no message may reach a file: this process cannot know what stderr is.
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    confined = confine(more_memory_bytes=MORE_MEMORY_BYTES, open_files=OPEN_FILES)
    link.sendall(wire.encode(worker_link.Ready(confined.landlock_abi, confined.seccomp)))
    PictureWorker(link, float(sys.argv[2])).run()
    os._exit(0)


if __name__ == "__main__":
    main()
