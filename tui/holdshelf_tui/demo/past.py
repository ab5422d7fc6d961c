"""An hour of footage behind a demo that has just begun: drawn for the seconds that it says it shows.

One picture a second while nobody is there, and more while somebody moves, as cameras send that save room: so the bytes of a
second tell that something moved, as they do of a real camera.

Only a demo's own new data folder is written, before its service runs. Every file is made by storage's own hands, so that
what reads it cannot tell it from footage by its form; its run is called ``demo``.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import io
import json
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from pathlib import Path

import av
from av.video.frame import PictureType

from holdshelf_storage.footage.footage import Footage, SegmentFacts
from holdshelf_storage.footage.hashing import frames_tree
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.volume.journal import Gap, GapEnd
from holdshelf_storage.volume.volume import Volume
from holdshelf_tui.demo.picture import PicturePainter
from holdshelf_tui.text.time_format import NS

MINUTE_S = 60
# Smaller than what the cameras send: it is drawn while somebody waits.
WIDTH, HEIGHT = 480, 270
MOVING_FPS = 5
RUN = "demo"
OPTIONS = {"movflags": "empty_moov+default_base_moof+skip_trailer", "frag_duration": "1000000"}
GAP_REASON = "camera unreachable"
_PR_SET_PDEATHSIG = 1
_TICK = Fraction(1, 90_000)
_TAG = "@" * 400
"""Where the comment goes: a file is drawn before its number is known. JSON takes the blanks that are left behind it."""


@functools.cache
def _picture(number: int, name: str) -> PicturePainter:
    """Its room is drawn once a process."""
    return PicturePainter(number, name, WIDTH, HEIGHT)


def minute(number: int, name: str, start_s: int, seconds: int = MINUTE_S) -> tuple[bytes, list[int], int]:
    """(file, encoded bytes of each second, pictures) of what camera ``number`` saw from ``start_s`` (UTC seconds) on."""
    picture = _picture(number, name)
    activity, count = [0] * seconds, 0
    out = io.BytesIO()
    with av.open(out, "w", format="mp4", options=OPTIONS) as container:
        container.metadata["comment"] = _TAG
        encoder = {"preset": "ultrafast", "tune": "zerolatency", "g": "600", "forced-idr": "1", "crf": "34"}
        stream = container.add_stream("libx264", rate=MOVING_FPS, options=encoder)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.time_base = stream.codec_context.time_base = _TICK
        stream.thread_count = 1

        def put(frame: av.VideoFrame | None) -> None:
            for packet in stream.encode(frame):
                if packet.pts is not None:
                    activity[min(seconds - 1, int(packet.pts * packet.time_base))] += packet.size
                container.mux(packet)

        for second in range(seconds):
            at_ns = (start_s + second) * NS
            pictures = MOVING_FPS if picture.is_somebody_there(at_ns) else 1
            for part in range(pictures):
                frame = av.VideoFrame.from_ndarray(picture.frame(at_ns + part * NS // pictures), format="rgb24")
                frame.pts, frame.time_base = int((second + Fraction(part, pictures)) / _TICK), _TICK
                # Any second can be gone to.
                frame.pict_type = PictureType.NONE if part else PictureType.I
                put(frame)
                count += 1
        put(None)
    return out.getvalue(), activity, count


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
        """End the threads that draw."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _boot_ns(self, start_s: int) -> int:
        return max(0, time.clock_gettime_ns(time.CLOCK_BOOTTIME) - (time.time_ns() - start_s * NS))

    def _write_file(
        self, footage: Footage, camera: str, start_s: int, data: bytes, activity: list[int], frames: int
    ) -> None:
        segment = footage.open_segment(camera)
        boot_ns = self._boot_ns(start_s)
        data = data.replace(_TAG.encode(), _comment(camera, segment.seq, start_s, boot_ns), 1)
        with open(segment.fd, "wb", closefd=False) as file:
            file.write(data)
        facts = SegmentFacts(
            start_utc_ns=start_s * NS,
            duration_ns=MINUTE_S * NS,
            run=RUN,
            boot=_boot(),
            start_boot_ns=boot_ns,
            sha256=hashlib.sha256(data).hexdigest(),
            bytes=len(data),
            codec="h264",
            width=WIDTH,
            height=HEIGHT,
            frames=frames,
            activity=activity,
            frames_root=frames_tree(segment.fd).root().hex(),
        )
        footage.close_segment(segment, facts)

    def _write_gap(self, footage: Footage, camera: str, start_s: int) -> None:
        gap = footage.start_gap(
            camera,
            Gap(start_utc_ns=start_s * NS, start_boot_ns=self._boot_ns(start_s), boot=_boot(), reason=GAP_REASON),
        )
        footage.end_gap(camera, gap, GapEnd(end_utc_ns=(start_s + MINUTE_S) * NS, elapsed_ns=MINUTE_S * NS))


def _comment(camera: str, seq: int, start_s: int, boot_ns: int) -> bytes:
    """What every segment says of itself (docs/disk-format.md), as long as what it replaces."""
    told = {
        "holdshelf": 1,
        "seq": seq,
        "camera": camera,
        "start_utc_ns": start_s * NS,
        "start_boot_ns": boot_ns,
        "boot": _boot(),
        "run": RUN,
        "codec": "h264",
    }
    return json.dumps(told, separators=(",", ":")).encode().ljust(len(_TAG))


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def has_footage(data: Path) -> bool:
    """Whether anything was recorded in that folder before."""
    return any(_days(data))


def _days(data: Path) -> Iterator[Path]:
    yield from (data / "media" / "footage").glob("*/2*")
