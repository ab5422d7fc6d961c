"""Real fragmented MP4 files, as the recorder writes them, and facts about them; encoded once, muxed as often as needed."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import os
from fractions import Fraction
from typing import Any

import av
import numpy as np

from holdshelf_storage import layout
from holdshelf_storage.footage.footage import Footage, OpenSegment, SegmentFacts
from holdshelf_storage.mp4 import fragments as fmp4
from holdshelf_storage.volume.journal import Segment

NS = 1_000_000_000
BOOT = "5b8f7f0c-7b0e-4a53-9d5e-2f3f4d1c9a10"
NOON = layout.day_start_ns("2026-11-24") + 12 * 3600 * NS
OPTIONS = {"movflags": "empty_moov+default_base_moof+skip_trailer", "frag_duration": "900000", "flush_packets": "1"}


@functools.cache
def mp4(seconds: int = 3, *, fps: int = 10, codec: str = "libx264", comment: str = "", audio: bool = False) -> bytes:
    """A fragmented MP4 of `seconds` of moving picture."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4", options=OPTIONS) as container:
        if comment:
            container.metadata["comment"] = comment
        x265 = {"x265-params": "log-level=none:keyint=20"} if codec == "libx265" else {}
        stream = container.add_stream(codec, rate=fps, options={"preset": "ultrafast", "g": str(fps), **x265})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.time_base = Fraction(1, fps)
        sound = container.add_stream("aac", rate=8000, layout="mono") if audio else None
        for number in range(seconds * fps):
            picture = np.full((48, 64, 3), number * 7 % 256, dtype=np.uint8)
            picture[:, number % 64] = 255
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
            if sound is not None:
                frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000 // fps), dtype=np.float32), "fltp", "mono")
                frame.sample_rate, frame.pts = 8000, number * 8000 // fps
                for packet in sound.encode(frame):
                    container.mux(packet)
        for one in (stream, sound):
            if one is not None:
                for packet in one.encode():
                    container.mux(packet)
    return out.getvalue()


def comment_of(camera: str, seq: int, start_utc_ns: int = NOON, **other: Any) -> str:
    """The comment that the recorder writes."""
    facts = {
        "holdshelf": 1,
        "seq": seq,
        "camera": camera,
        "start_utc_ns": start_utc_ns,
        "start_boot_ns": max(0, start_utc_ns - NOON + 1000 * NS),
        "boot": BOOT,
        "run": "run-1",
        "codec": "h264",
    }
    return json.dumps({**facts, **other})


def segment_bytes(camera: str, seq: int, start_utc_ns: int = NOON, *, seconds: int = 3) -> bytes:
    """The bytes of a segment that explains itself: three seconds, thirty frames."""
    return mp4(seconds, comment=comment_of(camera, seq, start_utc_ns))


def write(segment: OpenSegment, data: bytes, *, synced: bool = True) -> None:
    """Writes as a worker does: through the descriptor, synced from time to time."""
    view = memoryview(data)
    while view:
        view = view[os.write(segment.fd, view) :]
    if synced:
        os.fdatasync(segment.fd)


def facts_of(
    data: bytes, start_utc_ns: int = NOON, *, seconds: int = 3, run: str = "run-1", boot: str = BOOT
) -> SegmentFacts:
    """What a worker reports of `data`."""
    return SegmentFacts(
        start_utc_ns=start_utc_ns,
        duration_ns=seconds * NS,
        run=run,
        boot=boot,
        start_boot_ns=max(0, start_utc_ns - NOON + 1000 * NS),
        sha256=hashlib.sha256(data).hexdigest(),
        bytes=len(data),
        codec="h264",
        width=64,
        height=48,
        frames=seconds * 10,
        activity=[1000] * seconds,
    )


def record(
    footage: Footage,
    camera: str,
    start_utc_ns: int = NOON,
    *,
    seconds: int = 3,
    run: str = "run-1",
    boot: str = BOOT,
) -> Segment:
    """Opens, writes and closes one segment."""
    segment = footage.open_segment(camera)
    data = segment_bytes(camera, segment.seq, start_utc_ns, seconds=seconds)
    write(segment, data)
    return footage.close_segment(segment, facts_of(data, start_utc_ns, seconds=seconds, run=run, boot=boot))


def decodes(path: os.PathLike[str] | str) -> int:
    """How many frames a real decoder gets out of a file."""
    with av.open(os.fspath(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def fragment_ends(data: bytes) -> list[int]:
    """Where each moof + mdat pair ends, by a reader of its own (sizes of top-level boxes, nothing else)."""
    ends, position = [], 0
    while position + 8 <= len(data):
        size = int.from_bytes(data[position : position + 4])
        kind = data[position + 4 : position + 8]
        position += size
        if kind == b"mdat" and position <= len(data):
            ends.append(position)
    return ends


def scan_bytes(data: bytes) -> fmp4.Scan:
    """`fmp4.scan` of bytes."""
    fd = memory_file(data)
    try:
        return fmp4.scan(fd)
    finally:
        os.close(fd)


def memory_file(data: bytes) -> int:
    """A descriptor of a file in memory with `data` in it."""
    fd = os.memfd_create("segment")
    os.write(fd, data)
    return fd
