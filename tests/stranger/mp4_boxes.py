"""A recorded file, read as docs/disk-format.md describes it: one video track, whole fragments, and its own comment."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

NS = 1_000_000_000


class NotAsDescribed(Exception):
    """The file does not open as the document says it does."""


@dataclass
class Video:
    """What a file says of itself."""

    comment: dict[str, Any] = field(default_factory=dict)
    tracks: list[str] = field(default_factory=list)
    frames: int = 0
    duration_ns: int = 0


def boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(kind, first byte of the content, end) of the boxes between two offsets."""
    while start < end:
        if end - start < 8:
            raise NotAsDescribed(f"{end - start} bytes at {start} are no box")
        size, kind = struct.unpack_from(">I4s", data, start)
        header = 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, start + 8)
            header = 16
        if size < header or start + size > end:
            raise NotAsDescribed(f"the box {kind!r} at {start} reaches beyond its end")
        yield kind, start + header, start + size
        start += size


def _find(data: bytes, start: int, end: int, *path: bytes) -> tuple[int, int] | None:
    for kind, begin, until in boxes(data, start, end):
        if kind == path[0]:
            inside = begin + 4 if kind == b"meta" else begin
            return (inside, until) if len(path) == 1 else _find(data, inside, until, *path[1:])
    return None


def read_video(data: bytes) -> Video:
    """Reads a whole file. Raises NotAsDescribed."""
    try:
        return _read(data)
    except (struct.error, IndexError, ValueError, UnicodeDecodeError) as error:
        raise NotAsDescribed(str(error)) from None


def _read(data: bytes) -> Video:
    video, scale, default = Video(), 0, (0, 0)
    top = list(boxes(data, 0, len(data)))
    if [kind for kind, _, _ in top[:2]] != [b"ftyp", b"moov"]:
        raise NotAsDescribed("it does not begin with ftyp and moov")
    pending: list[tuple[int, int]] | None = None
    for kind, begin, end in top[1:]:
        if kind == b"moov":
            video.tracks, scale, default = _tracks(data, begin, end)
            comment = _find(data, begin, end, b"udta", b"meta", b"ilst", b"\xa9cmt", b"data")
            if comment is not None:
                video.comment = json.loads(data[comment[0] + 8 : comment[1]])
        elif kind == b"moof":
            if pending is not None:
                raise NotAsDescribed("a moof has no mdat")
            pending = _samples(data, begin, end, default)
        elif kind == b"mdat":
            if pending is None:
                raise NotAsDescribed("an mdat has no moof")
            if sum(size for _, size in pending) > end - begin:
                raise NotAsDescribed("frames reach beyond their mdat")
            video.frames += len(pending)
            video.duration_ns += sum(length for length, _ in pending) * NS // scale
            pending = None
    if pending is not None:
        raise NotAsDescribed("its last moof has no mdat")
    if not video.frames:
        raise NotAsDescribed("it holds no frame")
    return video


def _tracks(data: bytes, begin: int, end: int) -> tuple[list[str], int, tuple[int, int]]:
    kinds, scale, default = [], 0, (0, 0)
    for kind, inside, until in boxes(data, begin, end):
        if kind == b"trak":
            handler = _find(data, inside, until, b"mdia", b"hdlr")
            header = _find(data, inside, until, b"mdia", b"mdhd")
            if handler is None or header is None:
                raise NotAsDescribed("a track has no handler or header")
            kinds.append(data[handler[0] + 8 : handler[0] + 12].decode())
            (scale,) = struct.unpack_from(">I", data, header[0] + (20 if data[header[0]] == 1 else 12))
        elif kind == b"mvex" and (found := _find(data, inside, until, b"trex")) is not None:
            default = struct.unpack_from(">II", data, found[0] + 12)
    if not scale:
        raise NotAsDescribed("its track has no time scale")
    return kinds, scale, default


def _samples(data: bytes, begin: int, end: int, default: tuple[int, int]) -> list[tuple[int, int]]:
    """(duration, size) of each frame of a fragment."""
    found: list[tuple[int, int]] = []
    for kind, inside, until in boxes(data, begin, end):
        if kind != b"traf":
            continue
        length, size = default
        for below, content, _ in boxes(data, inside, until):
            at = content
            (flags,) = struct.unpack_from(">I", data, at)
            flags &= 0xFFFFFF
            if below == b"tfhd":
                at += 8 + (8 if flags & 1 else 0) + (4 if flags & 2 else 0)
                if flags & 8:
                    (length,) = struct.unpack_from(">I", data, at)
                    at += 4
                if flags & 16:
                    (size,) = struct.unpack_from(">I", data, at)
            elif below == b"trun":
                (count,) = struct.unpack_from(">I", data, at + 4)
                at += 8 + (4 if flags & 1 else 0) + (4 if flags & 4 else 0)
                for _ in range(count):
                    own_length, own_size = length, size
                    for bit in (0x100, 0x200, 0x400, 0x800):
                        if flags & bit:
                            (value,) = struct.unpack_from(">I", data, at)
                            at += 4
                            own_length = value if bit == 0x100 else own_length
                            own_size = value if bit == 0x200 else own_size
                    found.append((own_length, own_size))
    return found
