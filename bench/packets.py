"""From RTP packets to bytes in a file, beside SHA-256 of the same bytes: what recording computes, without the waiting.

`python bench/packets.py --help`. One thread, no network: batches of packets as they gather in a socket in 0.4 s are taken apart,
put in order, hashed (the file's hash and each frame's leaf) and written as fragments. The peer hashes the packets once.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.parts.compiled import is_compiled
from bench.parts.rows import Row, add_options, median_row, report
from holdshelf_core.recorder.worker import rtp
from holdshelf_core.recorder.worker.nal import split_annexb
from holdshelf_core.recorder.worker.segment import SegmentWriter, template_from_key_frame
from tests.rig.media import media
from tests.rig.scripted_rtsp import RtpSender

TICKS_PER_S = 90_000
BATCH_FRAMES = 6  # 0.4 s of 15 frames a second
BAR = 4.5


def packets(name: str) -> list[bytes]:
    """Return interleaved RTP packets of a medium, in batches."""
    medium = media(name)
    data, sender, pictures = medium.data.read_bytes(), RtpSender(), []
    for unit in medium.units:
        pictures.append(b"".join(sender.picture(split_annexb(data[unit.offset : unit.offset + unit.size]))))
        sender.next()
    return [b"".join(pictures[at : at + BATCH_FRAMES]) for at in range(0, len(pictures), BATCH_FRAMES)]


def ours_s(batches: list[bytes], folder: Path) -> tuple[float, int]:
    """Return CPU seconds from the batches to a file, and how many frames it has."""
    began_s = time.thread_time()
    depacketizer = rtp.Depacketizer("h264", 96, doubt_markers=True)
    writer: SegmentWriter | None = None
    for batch in batches:
        for picture in depacketizer.drain(batch, 0)[1]:
            if writer is None:
                fd = os.open(folder / "segment.mp4", os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
                with template_from_key_frame(picture, "h264", frozenset()) as template:
                    writer = SegmentWriter(fd, template.streams.video[0], {}, picture.ticks, TICKS_PER_S)
                    described_s = time.thread_time() - began_s  # once in ten minutes: not what this measures
                    began_s += described_s
            writer.write(picture)
    assert writer is not None
    writer.finish()
    writer.sink.close_fd()
    return time.thread_time() - began_s, writer.frames


def peer_s(batches: list[bytes]) -> float:
    """Return CPU seconds of one SHA-256 over all of them."""
    began_s = time.thread_time()
    found = hashlib.sha256()
    for batch in batches:
        found.update(batch)
    return time.thread_time() - began_s


def main() -> int:
    """Exit code: 1 when --bars was given and a bar was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=9, help="turns; medians are reported (default 9)")
    parser.add_argument("--media", default="h264_720p", help="what the cameras send (default h264_720p)")
    parser.add_argument("--folder", type=Path, help="where to write to (default: the system's temporary folder)")
    add_options(parser)
    options = parser.parse_args()
    batches = packets(options.media)
    pairs: list[tuple[float, float | None]] = []
    with tempfile.TemporaryDirectory(prefix="holdshelf-bench-", dir=options.folder) as folder:
        for _ in range(options.repeat):
            spent_s, frames = ours_s(batches, Path(folder))
            pairs.append((spent_s / frames * 1e6, peer_s(batches) / frames * 1e6))
    row: Row = median_row("a frame, from packets to the file", "µs", pairs, bar=BAR, compiled=is_compiled())
    return report("packets", [row], options, repeat=options.repeat)


if __name__ == "__main__":
    sys.exit(main())
