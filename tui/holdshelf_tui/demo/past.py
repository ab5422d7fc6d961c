"""An hour of footage behind a demo that has just begun: drawn for the seconds that it says it shows, one picture each.

Only a demo's own new data folder is written, before its service runs. Every file is made by storage's own hands, so that
what reads it cannot tell it from footage by its form; its run is called ``demo``.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import io
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from pathlib import Path

import av

from holdshelf_storage.footage import Footage, SegmentFacts
from holdshelf_storage.journal import Gap, GapEnd
from holdshelf_storage.ledger import Ledger
from holdshelf_storage.volume import Volume
from holdshelf_tui.demo.picture import Picture

NS = 1_000_000_000
MINUTE_S = 60
# Smaller than what the cameras send: it is drawn while somebody waits.
WIDTH, HEIGHT = 480, 270
RUN = "demo"
OPTIONS = {"movflags": "empty_moov+default_base_moof+skip_trailer", "frag_duration": "1000000"}
GAP_REASON = "camera unreachable"
_PR_SET_PDEATHSIG = 1


@functools.cache
def _picture(number: int, name: str) -> Picture:
    """Its room is drawn once a process."""
    return Picture(number, name, WIDTH, HEIGHT)


def minute(number: int, name: str, start_s: int, seconds: int = MINUTE_S) -> tuple[bytes, list[int]]:
    """(file, encoded bytes of each second) of what camera ``number`` saw from ``start_s`` (UTC seconds) on."""
    picture = _picture(number, name)
    activity = [0] * seconds
    out = io.BytesIO()
    with av.open(out, "w", format="mp4", options=OPTIONS) as container:
        encoder = {"preset": "ultrafast", "tune": "zerolatency", "g": "1", "crf": "34"}
        stream = container.add_stream("libx264", rate=1, options=encoder)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.time_base = Fraction(1, 90_000)
        stream.thread_count = 1

        def put(frame: av.VideoFrame | None) -> None:
            for packet in stream.encode(frame):
                if packet.pts is not None:
                    activity[min(seconds - 1, int(packet.pts * packet.time_base))] += packet.size
                container.mux(packet)

        for second in range(seconds):
            frame = av.VideoFrame.from_ndarray(picture.frame((start_s + second) * NS), format="rgb24")
            frame.pts, frame.time_base = second, Fraction(1, 1)
            put(frame)
        put(None)
    return out.getvalue(), activity


def _begin() -> None:
    """A process that draws: Ctrl+C is the demo's to answer, and it ends when the demo does, however that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Its parent is the fork server, which ends with the demo.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class Past:
    """Drawn by processes of its own from the moment it is made, while the demo starts its cameras."""

    def __init__(self, cameras: Sequence[tuple[str, int, str]], minutes: int = 60) -> None:
        """``cameras``: (id, number, name)."""
        # Whole minutes that end before the service can record anything.
        self._end_s = int(time.time()) // MINUTE_S * MINUTE_S
        self._cameras = cameras
        self._starts = [self._end_s - (left + 1) * MINUTE_S for left in reversed(range(minutes))]
        # A minute of every second camera is missing, so that a gap can be looked at.
        self._gap = self._starts[len(self._starts) // 3]
        context = multiprocessing.get_context("forkserver")
        self._pool = ProcessPoolExecutor(os.cpu_count() or 1, mp_context=context, initializer=_begin)
        self._files = {
            (camera, start): self._pool.submit(minute, number, name, start)
            for start in self._starts
            for camera, number, name in cameras
            if not self._is_gap(number, start)
        }

    def _is_gap(self, number: int, start_s: int) -> bool:
        return number % 2 == 0 and start_s == self._gap

    def write(self, data: Path) -> None:
        """All of it into a set-up data folder that has no footage yet; waits for what is still being drawn."""
        volume = Volume.attach(data / "state", data / "media")
        try:
            footage = Footage(volume, Ledger(volume))
            footage.recover()
            for start in self._starts:
                for camera, number, _name in self._cameras:
                    if self._is_gap(number, start):
                        self._write_gap(footage, camera, start)
                    else:
                        self._write_file(footage, camera, start, *self._files[camera, start].result())
        finally:
            volume.detach()
            self.close()

    def close(self) -> None:
        """Draws no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _boot_ns(self, start_s: int) -> int:
        return max(0, time.clock_gettime_ns(time.CLOCK_BOOTTIME) - (time.time_ns() - start_s * NS))

    def _write_file(self, footage: Footage, camera: str, start_s: int, data: bytes, activity: list[int]) -> None:
        segment = footage.open_segment(camera)
        with open(segment.fd, "wb", closefd=False) as file:
            file.write(data)
        facts = SegmentFacts(
            start_utc_ns=start_s * NS,
            duration_ns=MINUTE_S * NS,
            run=RUN,
            boot=_boot(),
            start_boot_ns=self._boot_ns(start_s),
            sha256=hashlib.sha256(data).hexdigest(),
            bytes=len(data),
            codec="h264",
            width=WIDTH,
            height=HEIGHT,
            frames=MINUTE_S,
            activity=activity,
        )
        footage.close_segment(segment, facts)

    def _write_gap(self, footage: Footage, camera: str, start_s: int) -> None:
        gap = footage.start_gap(
            camera,
            Gap(start_utc_ns=start_s * NS, start_boot_ns=self._boot_ns(start_s), boot=_boot(), reason=GAP_REASON),
        )
        footage.end_gap(camera, gap, GapEnd(end_utc_ns=(start_s + MINUTE_S) * NS, elapsed_ns=MINUTE_S * NS))


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def has_footage(data: Path) -> bool:
    """Whether anything was recorded in that folder before."""
    return any(_days(data))


def _days(data: Path) -> Iterator[Path]:
    yield from (data / "media" / "footage").glob("*/2*")
