"""Segments for the pictures' tests: frames that tell their number, written by the recorder's own muxer.

The left half of each frame is whatever the test puts there; the right half shows the frame's number in twelve squares,
black or white, which any JPEG of it keeps. Needs ffmpeg with libx264 and libx265.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from holdshelf_core.looks.pictures import OpenPicture, Picture
from holdshelf_core.recorder.worker.segment import SegmentWriter
from holdshelf_core.recorder.worker.source import Picture as Encoded

NS = 1_000_000_000
T0 = 1_793_507_400 * NS
"""2026-11-01T04:30:00Z: an hour and a half before clocks fall back in New England."""
TICKS = 90_000
COLUMNS, ROWS = 4, 3

type Frame = NDArray[np.uint8]


def numbered(width: int, height: int, number: int) -> Frame:
    """A frame (height, width, 3) RGB that shows its number."""
    frame = np.full((height, width, 3), 128, np.uint8)
    for bit in range(COLUMNS * ROWS):
        row, column = divmod(bit, COLUMNS)
        x0, x1 = (width // 2 + width // 2 * c // COLUMNS for c in (column, column + 1))
        y0, y1 = (height * r // ROWS for r in (row, row + 1))
        frame[y0:y1, x0:x1] = 235 if number >> bit & 1 else 20
    return frame


def number_shown(picture: Picture) -> int:
    """The number of the frame that a JPEG shows."""
    gray = np.asarray(pixels(picture).convert("L"), np.int16)
    height, width = gray.shape
    number = 0
    for bit in range(COLUMNS * ROWS):
        row, column = divmod(bit, COLUMNS)
        x, y = width // 2 + width // 2 * (2 * column + 1) // (2 * COLUMNS), height * (2 * row + 1) // (2 * ROWS)
        number |= int(gray[y, x] > 128) << bit
    return number


def pixels(picture: Picture) -> Image.Image:
    """The picture without its legend."""
    with Image.open(BytesIO(picture.jpeg)) as image:
        assert image.size == (picture.width, picture.height)
        return image.convert("RGB").crop((0, 0, picture.width, picture.picture_height))


@dataclass(frozen=True)
class Clip:
    """Encoded frames in decoding order: (time stamp, decoding time stamp, data, key) in ticks of 1/90000 s."""

    container: bytes
    frames: tuple[tuple[int, int, bytes, bool], ...]

    def write(self, path: Path, frames: Iterable[tuple[int, int, bytes, bool]] | None = None) -> Path:
        """A finished segment of these frames (by default all of them)."""
        writer = self.writer(path)
        for pts, dts, data, key in self.frames if frames is None else frames:
            writer.write(Encoded(data, pts, dts, key, frozenset()))
        writer.finish()
        writer.sink.close_fd()
        return path

    def writer(self, path: Path) -> SegmentWriter:
        """The recorder's writer on a new file."""
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        with av.open(BytesIO(self.container)) as container:
            return SegmentWriter(fd, container.streams.video[0], {"holdshelf": 1}, 0, TICKS)


def encode(
    frames: Iterable[Frame],
    *,
    codec: str = "libx264",
    fps: int = 10,
    gop: int = 10,
    options: tuple[str, ...] = (),
    pixel_format: str = "yuv420p",
) -> Clip:
    """Encode RGB frames. ``options`` for ffmpeg's encoder."""
    raw = list(frames)
    height, width, _ = raw[0].shape
    x265 = () if codec != "libx265" else ("-x265-params", "log-level=none:pools=none:frame-threads=1", "-tag:v", "hvc1")
    command = [
        *("ffmpeg", "-nostdin", "-loglevel", "error"),
        *("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(fps), "-i", "pipe:0"),
        *("-pix_fmt", pixel_format, "-c:v", codec, "-preset", "ultrafast", "-g", str(gop), "-keyint_min", str(gop)),
        *("-sc_threshold", "0", "-bf", "0", *x265, *options),
        *("-video_track_timescale", str(TICKS), "-f", "mp4", "-movflags", "frag_keyframe+empty_moov", "pipe:1"),
    ]
    made = subprocess.run(command, input=b"".join(frame.tobytes() for frame in raw), capture_output=True, check=False)
    assert made.returncode == 0, made.stderr.decode()
    with av.open(BytesIO(made.stdout)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        first = min(packet.pts or 0 for packet in packets)
        encoded = [((p.pts or 0) - first, (p.dts or 0) - first, bytes(p), p.is_keyframe) for p in packets]
    assert len(encoded) == len(raw)
    return Clip(made.stdout, tuple(encoded))


def counting(
    seconds: float = 3, width: int = 320, height: int = 180, fps: int = 10, paint: Callable[[Frame], None] | None = None
) -> list[Frame]:
    """Frames 0, 1, 2, …"""
    frames = [numbered(width, height, number) for number in range(round(seconds * fps))]
    for frame in frames if paint else ():
        paint(frame)  # type: ignore[misc]
    return frames


def opened(path: Path, seconds: float | None, start_utc_ns: int = T0, seq: int = 1) -> OpenPicture:
    """A segment as the service opens it. ``seconds`` None: it is being written. The descriptor lives as long as the process."""
    fd = os.open(path, os.O_RDONLY)
    return OpenPicture(fd, start_utc_ns, None if seconds is None else start_utc_ns + round(seconds * NS), seq)
