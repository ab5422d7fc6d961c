"""A 1080p still, and twelve over a day, beside `ffmpeg -ss … -frames:v 1` on the same files. Rows for `bench/rules.py`.

The files are the recorder's own: 60 s segments of 1080p15 H.264 (CABAC, deblocking, about 4 Mbit/s) with a key frame every
one or two seconds, the whole of it in the page cache for both. Ours runs as in the service: a warm, confined picture worker,
masks and legend burned in; its CPU is that of the worker and of the asking process. ffmpeg burns nothing in.

Both decode from the key frame on, so what is measured is how little is done beside that: the longer the way from the key
frame, the nearer the ratio comes to 1. Thumbnails take the key frame itself.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av

from bench.parts import proc
from bench.parts.rows import Row, median_row, say
from holdshelf_core.looks.pictures import Burn, OpenPicture, Picture, Pictures, Wanted
from holdshelf_core.policy.model import Mask
from holdshelf_core.recorder.worker.segment import SegmentWriter
from holdshelf_core.recorder.worker.source import Picture as Encoded

NS = 1_000_000_000
BAR = 0.25
DAY_BAR = 0.15
"""Of a day's thumbnails, which are made of key frames."""
TWELVE = 12
THUMBNAIL_PX = 320
T0 = 1_793_507_400 * NS
_TICKS = 90_000
_SCENE = "testsrc2=s=1920x1080:r=15,noise=alls=8:allf=t,format=yuv420p"
_ENCODER = ("-c:v", "libx264", "-preset", "veryfast", "-b:v", "4M", "-maxrate", "4M", "-bufsize", "4M")
BURN = Burn(
    library="Town Library",
    camera_name="Reading room",
    person="Library Director",
    log_seq=123_456,
    masks=(Mask(((1000, 1000), (4000, 1500), (3500, 6000))),),
    mask_version=2,
    camera="reading-room",
)


def make_segment(path: Path, gop_s: int, seconds: int) -> Path:
    """So many seconds of 1080p15, written by the recorder's muxer."""
    raw = path.with_suffix(".raw.mp4")
    params = f"bframes=0:keyint={15 * gop_s}:min-keyint={15 * gop_s}:scenecut=0"
    subprocess.run(
        [
            *("ffmpeg", "-nostdin", "-y", "-loglevel", "error", "-filter_complex", _SCENE, "-t", str(seconds)),
            *(*_ENCODER, "-x264-params", params, "-video_track_timescale", str(_TICKS), str(raw)),
        ],
        check=True,
    )
    with av.open(str(raw)) as container:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        writer = SegmentWriter(fd, container.streams.video[0], {"holdshelf": 1}, 0, _TICKS)
        for packet in container.demux(video=0):
            if packet.size:
                writer.write(Encoded(bytes(packet), packet.pts or 0, packet.dts, packet.is_keyframe, frozenset()))
        writer.finish()
        writer.sink.close_fd()
    raw.unlink()
    return path


@dataclass(frozen=True)
class Cost:
    """Of one picture, in milliseconds."""

    wall_ms: float
    cpu_ms: float


class Bench:
    """Ours and the peer on the same files."""

    def __init__(self, folder: Path, seconds: int, pictures: Pictures) -> None:
        self._folder = folder
        self._end_utc_ns = T0 + seconds * NS
        self._pictures = pictures

    async def ours(self, wanted: Sequence[tuple[Path, float]], max_width: int, *, exact: bool, strip: bool) -> Cost:
        """One after another, or as one strip."""
        opened = [OpenPicture(os.open(path, os.O_RDONLY), T0, self._end_utc_ns) for path, _ in wanted]
        asked = [
            Wanted((file,), T0 + round(at_s * NS), BURN, max_width, None if exact else T0)
            for file, (_, at_s) in zip(opened, wanted, strict=True)
        ]
        cpu_s, began_s = self._cpu_s(), time.perf_counter()
        if strip:
            made = await self._pictures.async_strip(asked)
        else:
            made = [
                await self._pictures.async_still(
                    one.files, one.at_utc_ns, BURN, max_width=max_width, key_from_utc_ns=one.key_from_utc_ns
                )
                for one in asked
            ]
        wall_s, cpu_s = time.perf_counter() - began_s, self._cpu_s() - cpu_s
        for file in opened:
            os.close(file.fd)
        if not all(isinstance(picture, Picture) for picture in made):
            raise AssertionError(f"not every picture was made: {made}")
        return Cost(wall_s * 1000 / len(made), cpu_s * 1000 / len(made))

    async def jpegs(self, wanted: Sequence[tuple[Path, float]]) -> Row:
        """How large the JPEGs are: they must be about the same for the rest to be compared."""
        ours = peers = 0
        for path, at_s in wanted:
            fd = os.open(path, os.O_RDONLY)
            try:
                file = OpenPicture(fd, T0, self._end_utc_ns)
                ours += len((await self._pictures.async_still([file], T0 + round(at_s * NS), BURN)).jpeg)
            finally:
                os.close(fd)
            self.peer([(path, at_s)], None)
            peers += (self._folder / "peer.jpg").stat().st_size
        return Row("size of a 1080p JPEG", "kB", ours / len(wanted) / 1000, peers / len(wanted) / 1000)

    def _cpu_s(self) -> float:
        return time.process_time() + sum(map(proc.cpu_s, self._pictures.pids()))

    def peer(self, wanted: Sequence[tuple[Path, float]], max_width: int | None) -> Cost:
        """`ffmpeg -ss … -frames:v 1`, one process a picture."""
        out = self._folder / "peer.jpg"
        scale = ("-vf", f"scale={max_width}:-2") if max_width else ()
        before, began_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        for path, at_s in wanted:
            subprocess.run(
                [
                    *("ffmpeg", "-nostdin", "-y", "-loglevel", "error", "-ss", f"{at_s:.3f}", "-i", str(path)),
                    *("-frames:v", "1", *scale, "-q:v", "2", str(out)),
                ],
                check=True,
            )
        after, wall_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - began_s
        cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Cost(wall_s * 1000 / len(wanted), cpu_s * 1000 / len(wanted))


def instants(count: int, gop_s: int, seconds: int, pick: random.Random) -> list[float]:
    """Seconds into a segment, anywhere in it; every part of the way from one key frame to the next equally often."""
    groups = seconds // gop_s - 1
    return [
        gop_s * (pick.randrange(groups) + (number + pick.random()) / count)
        for number in pick.sample(range(count), count)
    ]


async def measure(folder: Path, count: int = 24, repeat: int = 5, seconds: int = 60) -> list[Row]:
    """All rows: of wall and CPU each, medians over ``repeat`` turns of ``count`` pictures, ours and the peer turn about."""
    pick = random.Random(20261101)
    segments = {gop_s: make_segment(folder / f"gop{gop_s}.mp4", gop_s, seconds) for gop_s in (1, 2)}
    day = [shutil.copy(segments[1], folder / f"{hour}.mp4") for hour in range(TWELVE)]
    stills = {
        gop_s: [(path, at_s) for at_s in instants(count, gop_s, seconds, pick)] for gop_s, path in segments.items()
    }
    twelve = list(zip(day, instants(TWELVE, 1, seconds, pick), strict=True))
    pictures = Pictures()
    pictures.open()
    await pictures.async_confinement()
    rows: list[Row] = []
    try:
        bench = Bench(folder, seconds, pictures)
        await bench.ours(twelve, THUMBNAIL_PX, exact=True, strip=True)  # both workers warm
        for what, wanted, width, exact, strip, bar in (
            ("a 1080p still at any instant, key frame each second", stills[1], 1920, True, False, BAR),
            ("a 1080p still at any instant, key frame each 2 s", stills[2], 1920, True, False, None),
            ("a 1080p still, key frame nearest before", stills[1], 1920, False, False, BAR),
            ("twelve over a day, 1080p, at the instant", twelve, 1920, True, True, BAR),
            ("twelve over a day, thumbnails, at the instant", twelve, THUMBNAIL_PX, True, True, BAR),
            ("twelve over a day, thumbnails, key frames", twelve, THUMBNAIL_PX, False, True, DAY_BAR),
        ):
            turns = []
            for _ in range(repeat):
                mine = await bench.ours(wanted, width, exact=exact, strip=strip)
                turns.append((mine, bench.peer(wanted, None if width == 1920 else width)))
            say(f"{what}: {turns[-1][0].wall_ms:.1f} ms beside {turns[-1][1].wall_ms:.1f} ms")
            for how in ("wall", "cpu"):
                pairs = [(getattr(mine, f"{how}_ms"), getattr(other, f"{how}_ms")) for mine, other in turns]
                rows.append(median_row(f"{what}, {how} per picture", "ms", pairs, bar=bar))
        rows.append(Row("memory (PSS), picture workers", "MB", proc.pss_bytes(pictures.pids()) / 1e6))
        rows.append(await bench.jpegs(stills[1]))
    finally:
        await pictures.async_stop()
    return rows
