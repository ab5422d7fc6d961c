"""One clip as one MP4: the original, access units as the camera sent them, or the masked copy.

The original is read twice: for its tables, then for its frames; it is written from start to end, and its bytes depend only on the
frames. A masked copy states the SHA-256 of the unreleased original. Blocks.
"""

from __future__ import annotations

import os
import threading
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from holdshelf_core.errors import Unavailable
from holdshelf_core.looks.picture_protocol import Burn
from holdshelf_core.releases import worker_protocol as wire
from holdshelf_core.releases.clips import Clip, frames
from holdshelf_core.releases.derive import derive
from holdshelf_core.times import NS
from holdshelf_storage.mp4.write import Tables, avc_entry, write_head
from holdshelf_storage.scratch import Scratch

_ONE_CHUNK_BYTES = 4 << 20

type Row = Callable[[int, int, bool, int], None]
"""Records a frame: number from 1, UTC ns, key, bytes."""


@dataclass(slots=True)
class Facts:
    """The result for a clip."""

    codec: str
    width: int
    height: int
    frames: int = 0
    first_utc_ns: int = 0
    end_utc_ns: int = 0
    damaged: int = 0


@dataclass(slots=True)
class _Pieces:
    """Locations of the frames' bytes: runs of bytes, by file."""

    sources: array[int] = field(default_factory=lambda: array("I"))
    offsets: array[int] = field(default_factory=lambda: array("Q"))
    sizes: array[int] = field(default_factory=lambda: array("Q"))

    def add(self, source: int, offset: int, size: int) -> bool:
        """Add a frame's bytes; return True when they begin a new run."""
        if self.sizes and self.sources[-1] == source and self.offsets[-1] + self.sizes[-1] == offset:
            self.sizes[-1] += size
            return False
        self.sources.append(source)
        self.offsets.append(offset)
        self.sizes.append(size)
        return True


class Sink(Protocol):
    """Receives a file's bytes, from start to end."""

    def write(self, data: bytes, /) -> None:
        """Write the next bytes."""

    def copy(self, fd: int, offset: int, size: int, /) -> None:
        """Write the next bytes, from another file."""


def original(
    clip: Clip,
    root_fd: int,
    scratch: str,
    sink: Sink,
    row: Row | None = None,
    progress: Callable[[int], None] = lambda _bytes: None,
) -> Facts | None:
    """Write the clip as the camera sent it. ``row``: records its frames; ``progress``: gets the bytes written.

    None: it contains no frame. Raises StorageError, and what ``sink`` does.
    """
    first = clip.sources[0]
    scale = first.track.timescale
    made, pieces = Facts(first.track.codec, first.track.width, first.track.height), _Pieces()
    with Tables(scratch, scale) as tables:
        duration, base, latest, shown_for = 1, None, 0, 0
        for frame in frames(clip, root_fd):
            sample = frame.sample
            if base is None:
                base = frame.dts_utc_ns
                made.first_utc_ns = frame.utc_ns
            dts, pts = _ticks(frame.dts_utc_ns - base, scale), _ticks(frame.utc_ns - base, scale)
            new = pieces.add(frame.source, sample.offset, sample.size)
            tables.add(sample.size, dts, pts, is_key=sample.is_key, new_chunk=new)
            duration = sample.duration
            if frame.utc_ns >= latest:
                latest, shown_for = frame.utc_ns, sample.duration
            if row is not None:
                row(tables.frames, frame.utc_ns, sample.is_key, sample.size)
        if base is None:
            return None
        tables.end(duration)
        made.frames = tables.frames
        made.end_utc_ns = latest + shown_for * NS // scale
        write_head(sink.write, tables, first.track.sample_entry, (made.width, made.height))
        _copy(clip, root_fd, pieces, sink, progress)
    return made


def _copy(clip: Clip, root_fd: int, pieces: _Pieces, sink: Sink, progress: Callable[[int], None]) -> None:
    opened, done = (-1, -1), 0
    try:
        for source, offset, size in zip(pieces.sources, pieces.offsets, pieces.sizes, strict=True):
            if opened[0] != source:
                if opened[1] >= 0:
                    os.close(opened[1])
                opened = source, clip.sources[source].open(root_fd)
            sink.copy(opened[1], offset, size)
            done += size
            progress(done)
    finally:
        if opened[1] >= 0:
            os.close(opened[1])


def masked(
    clip: Clip,
    root_fd: int,
    scratch: str,
    burn: Burn,
    stop: threading.Event,
    sink: Sink,
    row: Row,
    progress: Callable[[int], None],
) -> Facts | None:
    """Write the masked copy: only the requested frames. ``progress`` gets the time of each frame.

    None: no frame could be shown. Raises StorageError, Unavailable, Cancelled, and what ``sink`` does.
    """
    made = Facts("h264", 0, 0)
    # The data buffered here for its tables was masked before it was encoded.
    with Scratch(scratch) as spool, Tables(scratch, wire.TICKS) as tables:
        chunk = 0

        def take(frame: wire.Encoded, data: bytes) -> None:
            nonlocal chunk
            if not made.frames:
                made.first_utc_ns = frame.utc_ns
            ticks = _ticks(frame.utc_ns - made.first_utc_ns, wire.TICKS)
            spool.write(data)
            tables.add(len(data), ticks, ticks, is_key=frame.is_key, new_chunk=chunk >= _ONE_CHUNK_BYTES)
            chunk = (0 if chunk >= _ONE_CHUNK_BYTES else chunk) + len(data)
            made.frames = tables.frames
            made.damaged += frame.damaged
            made.end_utc_ns = frame.utc_ns
            row(tables.frames, frame.utc_ns, frame.is_key, len(data))
            progress(frame.utc_ns)

        derived = derive(clip, root_fd, burn, stop, take)
        if derived is None or not made.frames:
            return None
        if not derived.configuration:
            raise Unavailable("The masked copy cannot be made: its encoder did not say what it makes.")
        usual = max(1, tables.duration // max(1, tables.frames - 1))
        tables.end(usual)
        made.end_utc_ns += usual * NS // wire.TICKS
        made.width, made.height = derived.width, derived.height
        spool.flush()
        entry = avc_entry(derived.width, derived.height, derived.configuration)
        write_head(sink.write, tables, entry, (derived.width, derived.height))
        sink.copy(spool.fd, 0, tables.media_bytes)
    return made


def _ticks(duration_ns: int, scale: int) -> int:
    return (duration_ns * scale + NS // 2) // NS
