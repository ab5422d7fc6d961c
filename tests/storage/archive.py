"""Makes large synthetic archives fast, from docs/disk-format.md alone: it imports nothing of Holdshelf's.

    python -m tests.storage.archive DATA --cameras 16 --days 44 --per-day 1420

One tiny real MP4 is hard-linked into every day, so a million segments take about half a minute and little room.
"""

from __future__ import annotations

import argparse
import base64
import datetime as dt
import hashlib
import json
import os
import uuid
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

NS = 1_000_000_000
MAX_LINKS = 60_000
"""ext4 allows 65,000 names of one inode."""


@dataclass(frozen=True)
class Archive:
    """What was made."""

    state: Path
    media: Path
    cameras: list[str]
    days: list[str]
    segments: int
    first_utc_ns: int
    next_seq: int


def tiny_mp4(path: Path) -> int:
    """Writes a real fragmented H.264 file of a few frames to `path`; returns the number of frames."""
    options = {"movflags": "empty_moov+default_base_moof+skip_trailer", "frag_duration": "900000", "flush_packets": "1"}
    frames = 4
    with av.open(str(path), "w", format="mp4", options=options) as container:
        stream = container.add_stream("libx264", rate=2, options={"preset": "ultrafast", "g": "8"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.time_base = Fraction(1, 2)
        for number in range(frames):
            picture = np.full((48, 64, 3), number * 40, dtype=np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return frames


def make_archive(
    root: Path,
    cameras: int = 1,
    days: int = 1,
    per_day: int = 1440,
    *,
    first_day: dt.date = dt.date(2026, 1, 1),
    linked: bool = True,
    activity_seconds: int = 60,
) -> Archive:
    """Fills ROOT/state and ROOT/media with `cameras` × `days` × `per_day` segments, in sequence by time.

    Segments of a day follow one another without a gap. With `linked`, they are names of few files (erasing one frees
    nothing); otherwise each is a file of its own.
    """
    state, media = root / "state", root / "media"
    for folder in (state / "ledger", state / "keys", media / "footage", media / "shelf"):
        folder.mkdir(parents=True, mode=0o700)
    identity = {"format": 1, "volume": str(uuid.uuid4()), "created_utc_ns": 0}
    (state / "volume.json").write_text(json.dumps({"side": "state", **identity}) + "\n")
    (media / "volume.json").write_text(json.dumps({"side": "media", **identity}) + "\n")
    frames = tiny_mp4(media / "footage" / ".tiny.tmp")
    content = (media / "footage" / ".tiny.tmp").read_bytes()
    (media / "footage" / ".tiny.tmp").unlink()
    names = [f"camera-{number + 1:02d}" for number in range(cameras)]
    dates = [(first_day + dt.timedelta(days=number)).isoformat() for number in range(days)]
    for camera in names:
        (media / "footage" / camera / "open").mkdir(parents=True, mode=0o700)
        latest = "".join(f"{day}\n" for day in dates[:-5:-1])
        (media / "footage" / camera / "latest").write_text(latest)
    seq = 1
    source = _Source(content, linked=linked)
    for day in dates:
        for number, camera in enumerate(names):
            folder = media / "footage" / camera / day
            folder.mkdir(mode=0o700)
            # Sequences as they are given: camera after camera, minute after minute.
            _fill_day(folder, day, per_day, seq + number, cameras, source, frames, activity_seconds)
        seq += cameras * per_day
    (media / "sequence").write_text(f"{seq + 1000:020d}\n")
    return Archive(state, media, names, dates, cameras * days * per_day, day_start_ns(first_day.isoformat()), seq)


class _Source:
    """The content of segments, as names of one file while links last, or as files of their own."""

    def __init__(self, content: bytes, *, linked: bool) -> None:
        self.content = content
        self.sha256 = hashlib.sha256(content).hexdigest()
        self.linked = linked
        self._path = ""
        self._links = MAX_LINKS

    def put(self, path: str) -> None:
        if self.linked and self._links < MAX_LINKS:
            os.link(self._path, path)
            self._links += 1
            return
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
        os.write(fd, self.content)
        os.close(fd)
        self._path, self._links = path, 1


def _fill_day(
    folder: Path, day: str, per_day: int, first_seq: int, step: int, source: _Source, frames: int, activity_seconds: int
) -> None:
    strip = base64.b64encode(bytes(100 + i % 50 for i in range(activity_seconds))).decode()
    duration_ns = 86_400 * NS // per_day
    start_of_day_ns = day_start_ns(day)
    allocated = -(-len(source.content) // 4096) * 4096
    tail = (
        f'"bytes":{len(source.content)},"allocated_bytes":{allocated},"sha256":"{source.sha256}","codec":"h264",'
        f'"width":64,"height":48,"frames":{frames},"audio_tracks":0,"activity":"{strip}","recovered":false}}\n'
    )
    lines, sums = [], []
    for number in range(per_day):
        offset_ns = number * duration_ns
        seq = first_seq + number * step
        ms = offset_ns // 1_000_000
        clock = f"{ms // 3_600_000:02d}{ms // 60_000 % 60:02d}{ms // 1000 % 60:02d}.{ms % 1000:03d}"
        name = f"{seq:010d}_{clock}Z.mp4"
        start_ns = start_of_day_ns + offset_ns
        lines.append(
            f'{{"kind":"segment","seq":{seq},"name":"{name}","start_utc_ns":{start_ns},"duration_ns":{duration_ns},'
            f'"run":"run-{day}","boot":"4f6c2a0e-1111-4222-8333-444455556666","start_boot_ns":{start_ns},{tail}'
        )
        sums.append(f"{source.sha256}  {name}\n")
        source.put(f"{folder}/{name}")
    (folder / "journal.jsonl").write_text("".join(lines))
    (folder / "SHA256SUMS").write_text("".join(sums))


def day_start_ns(day: str) -> int:
    """UTC nanoseconds of a day's first instant."""
    return (dt.date.fromisoformat(day).toordinal() - dt.date(1970, 1, 1).toordinal()) * 86_400 * NS


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--cameras", type=int, default=1)
    parser.add_argument("--days", type=int, default=1)
    parser.add_argument("--per-day", type=int, default=1440)
    parser.add_argument("--own-files", action="store_true", help="no hard links: erasing frees room")
    asked = parser.parse_args()
    made = make_archive(asked.data, asked.cameras, asked.days, asked.per_day, linked=not asked.own_files)
    print(f"{made.segments} segments, {len(made.cameras)} cameras × {len(made.days)} days, in {asked.data}")
