"""Encoded pictures and sound for the stand-in cameras, made once and kept in a cache folder.

Each medium is a folder with one file of access units (Annex B H.264 or H.265, parameter sets before every key frame; or
raw audio frames) and an `index.json` that says where each unit lies, what it hashes to and when it is shown: those with
B-frames are shown in another order than they are sent. The stand-in camera sends these units as they are, so a recording
can be compared with them bit for bit.

Needs ffmpeg with libx264 and libx265. Must never encode while a camera is being served, and never leave a folder that
is only half made: a medium appears by one rename, under a lock that a second process waits for.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import av

from tests.rig.hashes import (
    Codec,
    access_units,
    annexb_nal_units,
    avcc_nal_units,
    is_key,
    is_parameter_set,
    unit_hash,
)
from tests.rig.media_signing import Signer, identity
from tests.rig.parts import RigError, program

LAYOUT_VERSION = 2
SECONDS = 60


@dataclass(frozen=True)
class Recipe:
    """How a medium is made: one ffmpeg source per picture size, encoded and cut in turns of `turn_seconds`."""

    name: str
    codec: Codec
    fps: int
    sizes: tuple[tuple[int, int], ...]
    source: str  # an ffmpeg filter graph with {w}, {h}, {fps}
    encoder: tuple[str, ...]
    gop_seconds: int = 1
    turn_seconds: int = SECONDS
    reordered: bool = False  # with B-frames


@dataclass(frozen=True)
class AccessUnit:
    """Where one access unit (or audio frame) lies in the medium's file, in bytes, and what it hashes to."""

    offset: int
    size: int
    is_key: bool
    sha256: str
    shown: int
    """Its place in the order of showing, from 0."""


@dataclass(frozen=True)
class Media:
    """A medium in the cache. `fps` is units per second; `sizes` the picture sizes in the order in which they come."""

    name: str
    codec: str
    fps: float
    sizes: tuple[tuple[int, int], ...]
    gop: int
    folder: Path
    units: tuple[AccessUnit, ...]

    @property
    def data(self) -> Path:
        return self.folder / "units"

    @property
    def index(self) -> Path:
        return self.folder / "index.json"

    @property
    def seconds(self) -> float:
        return len(self.units) / self.fps

    @property
    def bits_per_second(self) -> float:
        return sum(u.size for u in self.units) * 8 / self.seconds


def _x264(*more: str, gop: int, order: str = "bframes=0") -> tuple[str, ...]:
    params = f"{order}:repeat-headers=1:scenecut=0:keyint={gop}:min-keyint={gop}:aud=0:sliced-threads=0"
    return ("-c:v", "libx264", "-preset", "ultrafast", "-threads", "1", *more, "-x264-params", params)


def _x265(*more: str, gop: int, order: str = "bframes=0:open-gop=0") -> tuple[str, ...]:
    params = (
        f"{order}:repeat-headers=1:scenecut=0:keyint={gop}:min-keyint={gop}:aud=0:info=0"
        ":pools=none:frame-threads=1:log-level=error"
    )
    return ("-c:v", "libx265", "-preset", "ultrafast", *more, "-x265-params", params)


B_FRAMES = {
    "h264": {
        "closed": "bframes=2:b-adapt=0:b-pyramid=none:open-gop=0",
        "open": "bframes=3:b-adapt=0:b-pyramid=normal:open-gop=1",
    },
    "hevc": {
        "closed": "bframes=3:b-adapt=0:b-pyramid=1:open-gop=0",
        "open": "bframes=3:b-adapt=0:b-pyramid=1:open-gop=1",
    },
}
"""How the encoders are told to make B-frames: without and with those that others are made from, in closed and open groups."""

_MOVING = "testsrc2=s={w}x{h}:r={fps}"
_RATE_2M = ("-b:v", "2M", "-maxrate", "2M", "-bufsize", "1M")

RECIPES: dict[str, Recipe] = {
    r.name: r
    for r in (
        Recipe("h264_720p", "h264", 15, ((1280, 720),), _MOVING, _x264(*_RATE_2M, gop=15)),
        Recipe("h264_720p_gop2", "h264", 15, ((1280, 720),), _MOVING, _x264(*_RATE_2M, gop=30), gop_seconds=2),
        Recipe("h265_360p", "hevc", 15, ((640, 360),), _MOVING, _x265("-b:v", "400k", gop=15)),
        # A new page of noise each second makes the key frame large; the small moving picture on it keeps every
        # other frame cheap and still unlike its neighbours.
        Recipe(
            "h264_bigkey",
            "h264",
            15,
            ((1920, 1080),),
            "color=c=gray:s={w}x{h}:r=1,noise=alls=40:allf=t,fps={fps}[n];testsrc2=s=160x90:r={fps}[t];[n][t]overlay",
            _x264("-qp", "29", gop=15),
        ),
        Recipe(
            "h264_100k",
            "h264",
            10,
            ((320, 240),),
            _MOVING,
            _x264("-b:v", "100k", "-maxrate", "100k", "-bufsize", "50k", gop=20),
            gop_seconds=2,
        ),
        Recipe(
            "h264_change",
            "h264",
            15,
            ((640, 360), (1280, 720)),
            _MOVING,
            _x264("-b:v", "600k", gop=15),
            turn_seconds=5,
        ),
        # Every slice fits into one packet, for senders that never fragment (RFC 6184, packetization-mode 0).
        Recipe(
            "h264_slices",
            "h264",
            15,
            ((640, 360),),
            _MOVING,
            (
                *("-c:v", "libx264", "-preset", "ultrafast", "-threads", "1", "-b:v", "600k", "-x264-params"),
                "bframes=0:repeat-headers=1:scenecut=0:keyint=15:min-keyint=15:aud=0:sliced-threads=0:slice-max-size=1100",
            ),
        ),
        Recipe("h264_small", "h264", 15, ((320, 180),), _MOVING, _x264("-b:v", "150k", gop=15)),
        # Shown in another order than sent; open: pictures behind a key frame are shown before it, made from those before.
        *(
            Recipe(
                f"h264_b_{name}",
                "h264",
                15,
                ((640, 360),),
                _MOVING,
                _x264("-b:v", "600k", gop=15, order=order),
                reordered=True,
            )
            for name, order in B_FRAMES["h264"].items()
        ),
        *(
            Recipe(
                f"h265_b_{name}",
                "hevc",
                15,
                ((640, 360),),
                _MOVING,
                _x265("-b:v", "400k", gop=15, order=order),
                reordered=True,
            )
            for name, order in B_FRAMES["hevc"].items()
        ),
    )
}
AUDIO = ("aac", "pcmu")
# A medium that its camera signs, and how: `media_signing.Signer`. A certificate SEI comes as often as a camera has to send it
# again when a client asks for a key frame.
SIGNED: dict[str, tuple[str, dict[str, Any]]] = {
    "h264_signed": ("h264_small", {"certificate_every": 75}),
    "h265_signed": ("h265_360p", {"every": 2, "delay": 4, "escaped_first": True}),
}


def cache_folder() -> Path:
    """The cache's root: HOLDSHELF_RIG_CACHE, or `.rig-cache` beside `tests/`."""
    named = os.environ.get("HOLDSHELF_RIG_CACHE")
    return Path(named) if named else Path(__file__).resolve().parents[2] / ".rig-cache"


def media(name: str) -> Media:
    """The medium of that name, made first when the cache does not hold it (a few seconds). Raises RigError."""
    if name not in RECIPES and name not in AUDIO and name not in SIGNED:
        raise RigError(f"There is no medium '{name}'; there are {', '.join((*RECIPES, *AUDIO, *SIGNED))}.")
    return _load(_made(name))


def make(names: Iterable[str] = (*RECIPES, *AUDIO)) -> dict[str, Media]:
    """Makes what is missing of `names`, two at a time, and returns all of them. Raises RigError."""
    wanted = list(dict.fromkeys(names))
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(wanted, pool.map(media, wanted), strict=True))


def _made(name: str) -> Path:
    """The folder of a medium, complete; makes it under a lock when it is not there."""
    recipe: object = RECIPES.get(name, SIGNED.get(name, name))
    key = hashlib.sha256(f"{LAYOUT_VERSION} {SECONDS} {recipe!r}".encode()).hexdigest()[:12]
    root = cache_folder()
    folder = root / f"{name}-{key}"
    if (folder / "index.json").exists():
        return folder
    root.mkdir(parents=True, exist_ok=True)
    with open(root / f".{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / "index.json").exists():
            return folder
        work = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=root))
        try:
            if isinstance(recipe, Recipe):
                _make_video(recipe, work)
            elif name in SIGNED:
                _make_signed(name, work)
            else:
                _make_audio(name, work)
            if folder.exists():  # left without an index by something else than us
                shutil.rmtree(folder)
            work.chmod(0o755)
            work.rename(folder)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return folder


def _ffmpeg(args: Sequence[str]) -> bytes:
    done = subprocess.run(
        [program("ffmpeg", "ffmpeg"), "-nostdin", "-hide_banner", "-loglevel", "error", *args],
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        raise RigError(f"ffmpeg could not make a medium: {done.stderr.decode(errors='replace').strip()[-500:]}")
    return done.stdout


def _encode(recipe: Recipe, width: int, height: int, seconds: int) -> list[bytes]:
    graph = recipe.source.format(w=width, h=height, fps=recipe.fps)
    raw = {"h264": "h264", "hevc": "hevc"}[recipe.codec]
    stream = _ffmpeg(
        [
            *("-filter_complex", f"{graph},format=yuv420p", "-t", str(seconds), "-an", "-bitexact"),
            *recipe.encoder,
            *("-f", raw, "pipe:1"),
        ]
    )
    units = access_units(stream, recipe.codec)
    if len(units) != seconds * recipe.fps:
        raise RigError(
            f"'{recipe.name}' came out with {len(units)} access units instead of {seconds * recipe.fps}: "
            "this ffmpeg encodes otherwise than the rig expects."
        )
    return units


def encode_reordered(
    codec: Codec, encoder: Sequence[str], graph: str, count: int, folder: Path
) -> list[tuple[bytes, int]]:
    """That many access units (Annex B) of a medium with B-frames, in the order of sending, each with its place in that of
    showing. `folder` is worked in. Raises RigError."""
    path = folder / "encoded.mp4"
    source = ("-filter_complex", f"{graph},format=yuv420p", "-frames:v", str(count), "-an", "-bitexact")
    _ffmpeg([*source, *encoder, str(path)])  # what a byte stream does not tell is in here: when each is shown
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        found = [
            (packet.pts or 0, b"".join(b"\0\0\0\1" + nal for nal in avcc_nal_units(bytes(packet))))
            for packet in packets
        ]
    path.unlink()
    order = {pts: number for number, pts in enumerate(sorted(pts for pts, _ in found))}
    units = [(unit, order[pts]) for pts, unit in found]
    if len(order) != count or all(shown == number for number, (_, shown) in enumerate(units)):
        raise RigError(f"This ffmpeg encodes {codec} with B-frames otherwise than the rig expects.")
    return units


def _begins(unit: bytes, codec: Codec) -> bool:
    """True where decoding can start: x264 makes a key frame of an open group no IDR picture."""
    return any(is_parameter_set(nal, codec) for nal in annexb_nal_units(unit))


def _make_reordered(recipe: Recipe, folder: Path) -> None:
    ((width, height),) = recipe.sizes
    gop = recipe.gop_seconds * recipe.fps
    graph = recipe.source.format(w=width, h=height, fps=recipe.fps)
    units = encode_reordered(recipe.codec, recipe.encoder, graph, SECONDS * recipe.fps, folder)
    keys = [_begins(unit, recipe.codec) for unit, _ in units]
    if [shown for (_, shown), key in zip(units, keys, strict=True) if key] != list(range(0, len(units), gop)):
        raise RigError(f"'{recipe.name}' shows its key frames elsewhere than every {gop} frames.")
    coded = [unit for unit, _ in units]
    hashes = [unit_hash(unit, recipe.codec) for unit in coded]
    shown = [place for _, place in units]
    _write(folder, recipe.name, recipe.codec, recipe.fps, recipe.sizes, gop, coded, keys, hashes, shown)


def _make_video(recipe: Recipe, folder: Path) -> None:
    if recipe.reordered:
        _make_reordered(recipe, folder)
        return
    gop = recipe.gop_seconds * recipe.fps
    turn = recipe.turn_seconds * recipe.fps
    by_size = [_encode(recipe, w, h, SECONDS // len(recipe.sizes)) for w, h in recipe.sizes]
    units: list[bytes] = []
    for start in range(0, len(by_size[0]), turn):
        for encoded in by_size:
            units.extend(encoded[start : start + turn])
    hashes = [unit_hash(unit, recipe.codec) for unit in units]
    keys = [is_key(unit, recipe.codec) for unit in units]
    if keys != [number % gop == 0 for number in range(len(units))]:
        raise RigError(f"'{recipe.name}' has its key frames elsewhere than every {gop} frames.")
    _write(folder, recipe.name, recipe.codec, recipe.fps, recipe.sizes, gop, units, keys, hashes)


def _make_signed(name: str, folder: Path) -> None:
    """Another medium with a camera's signatures in it; `chain.pem` and `root.pem` are its certificates."""
    source, options = SIGNED[name]
    base = media(source)
    codec: Codec = "h264" if base.codec == "h264" else "hevc"
    camera = identity(f"{name} camera")
    data = base.data.read_bytes()
    parts = [annexb_nal_units(data[unit.offset : unit.offset + unit.size]) for unit in base.units]
    signed = Signer(codec, camera, fps=round(base.fps), **options).sign(parts)
    units = [b"".join(b"\0\0\0\1" + nal for nal in nals) for nals in signed]
    hashes = [unit_hash(unit, codec) for unit in units]
    keys = [unit.is_key for unit in base.units]
    _write(folder, name, codec, base.fps, base.sizes, base.gop, units, keys, hashes)
    (folder / "chain.pem").write_bytes(camera.chain)
    (folder / "root.pem").write_bytes(camera.root)


def _make_audio(name: str, folder: Path) -> None:
    tone = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=16000")
    if name == "pcmu":
        stream = _ffmpeg([*tone, "-t", str(SECONDS), "-ac", "1", "-ar", "8000", "-f", "mulaw", "pipe:1"])
        units = [stream[i : i + 160] for i in range(0, len(stream), 160)]
        fps: float = 50
    else:
        stream = _ffmpeg(
            [*tone, "-t", str(SECONDS), "-ac", "1", "-c:a", "aac", "-b:a", "32k", "-f", "adts", "-bitexact", "pipe:1"]
        )
        units = []
        position = 0
        while position + 7 <= len(stream):  # ADTS header: ISO 14496-3, 1.A.2.2
            size = ((stream[position + 3] & 3) << 11) | (stream[position + 4] << 3) | (stream[position + 5] >> 5)
            units.append(stream[position + (7 if stream[position + 1] & 1 else 9) : position + size])
            position += size
        fps = 16000 / 1024
    hashes = [hashlib.sha256(unit).hexdigest() for unit in units]
    _write(folder, name, name, fps, (), 1, units, [True] * len(units), hashes)


def _write(
    folder: Path,
    name: str,
    codec: str,
    fps: float,
    sizes: tuple[tuple[int, int], ...],
    gop: int,
    units: Sequence[bytes],
    keys: Sequence[bool],
    hashes: Sequence[str],
    shown: Sequence[int] | None = None,
) -> None:
    rows = []
    offset = 0
    for unit, key, sha256 in zip(units, keys, hashes, strict=True):
        rows.append([offset, len(unit), key, sha256])
        offset += len(unit)
    (folder / "units").write_bytes(b"".join(units))
    index = {"name": name, "codec": codec, "fps": fps, "sizes": sizes, "gop": gop, "units": rows}
    index["shown"] = list(shown or range(len(units)))
    (folder / "index.json").write_text(json.dumps(index))


@cache
def _load(folder: Path) -> Media:
    index = json.loads((folder / "index.json").read_text())
    return Media(
        name=index["name"],
        codec=index["codec"],
        fps=index["fps"],
        sizes=tuple((w, h) for w, h in index["sizes"]),
        gop=index["gop"],
        folder=folder,
        units=tuple(AccessUnit(*row, shown) for row, shown in zip(index["units"], index["shown"], strict=True)),
    )


if __name__ == "__main__":
    for medium in make().values():
        print(
            f"{medium.name}: {len(medium.units)} units, {medium.seconds:.1f} s, {medium.bits_per_second / 1000:.0f}"
            f" kbit/s, largest {max(u.size for u in medium.units)} bytes,"
            f" {len({u.sha256 for u in medium.units})} different"
        )
