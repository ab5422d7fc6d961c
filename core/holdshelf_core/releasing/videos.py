"""One clip as one MP4: the original, access unit by access unit as the camera sent them, or the masked copy.

The original is read twice: for its tables, then for its frames; it is written from front to back, and its bytes depend on nothing
but the frames. A masked copy says the SHA-256 of the original that was not given out. Blocks.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from holdshelf_core.errors import Unavailable
from holdshelf_core.looking.picture_protocol import Burn
from holdshelf_core.releasing import derive_protocol as wire
from holdshelf_core.releasing.clips import NS, Clip, frames
from holdshelf_core.releasing.derive import derive
from holdshelf_storage.errors import BadMp4, translating
from holdshelf_storage.mp4_write import Tables, avc_entry, write_mp4

_READ_BYTES = 1 << 20
_ONE_CHUNK_BYTES = 4 << 20

type Write = Callable[[bytes], object]
type Row = Callable[[int, int, bool, int], None]
"""Takes a frame down: number from 1, UTC ns, key, bytes."""


@dataclass(slots=True)
class Facts:
    """What came of a clip."""

    codec: str
    width: int
    height: int
    frames: int = 0
    first_utc_ns: int = 0
    end_utc_ns: int = 0
    damaged: int = 0


@dataclass(slots=True)
class _Pieces:
    """Where the frames' bytes lie: runs of bytes, by file."""

    sources: array[int] = field(default_factory=lambda: array("I"))
    offsets: array[int] = field(default_factory=lambda: array("Q"))
    sizes: array[int] = field(default_factory=lambda: array("Q"))

    def add(self, source: int, offset: int, size: int) -> bool:
        """One frame's; True when it begins a new run."""
        if self.sizes and self.sources[-1] == source and self.offsets[-1] + self.sizes[-1] == offset:
            self.sizes[-1] += size
            return False
        self.sources.append(source)
        self.offsets.append(offset)
        self.sizes.append(size)
        return True


def original(clip: Clip, root_fd: int, scratch: str, write: Write, row: Row | None) -> Facts | None:
    """Writes the clip as the camera sent it. ``row``: takes its frames down. None: there is no frame in it.

    Raises StorageError, and what ``write`` does.
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
        write_mp4(write, tables, first.entry, (made.width, made.height), _bytes_of(clip, root_fd, pieces))
    return made


def _bytes_of(clip: Clip, root_fd: int, pieces: _Pieces) -> Iterator[bytes]:
    opened = -1, -1
    try:
        for source, offset, size in zip(pieces.sources, pieces.offsets, pieces.sizes, strict=True):
            if opened[0] != source:
                if opened[1] >= 0:
                    os.close(opened[1])
                opened = source, clip.sources[source].open(root_fd)
            at, end = offset, offset + size
            while at < end:
                with translating("A file of footage could not be read"):
                    part = os.pread(opened[1], min(_READ_BYTES, end - at), at)
                if not part:
                    raise BadMp4("A file of footage became shorter while it was copied.")
                at += len(part)
                yield part
    finally:
        if opened[1] >= 0:
            os.close(opened[1])


def original_sha256(clip: Clip, root_fd: int, scratch: str, go_on: Callable[[], None]) -> str:
    """The SHA-256 of what ``original`` would write, without writing it."""
    digest = hashlib.sha256()

    def take(data: bytes) -> None:
        go_on()
        digest.update(data)

    original(clip, root_fd, scratch, take, None)
    return digest.hexdigest()


def masked(
    clip: Clip,
    root_fd: int,
    scratch: str,
    burn: Burn,
    stop: threading.Event,
    write: Write,
    row: Row,
    progress: Callable[[int], None],
) -> Facts | None:
    """Writes the masked copy: only frames that were asked for. ``progress`` is told the time of each frame.

    None: no frame of it could be shown. Raises StorageError, Unavailable, Cancelled, and what ``write`` does.
    """
    made = Facts("h264", 0, 0)
    # What waits here for its tables was masked before it was encoded.
    with tempfile.TemporaryFile(dir=scratch) as spool, Tables(scratch, wire.TICKS) as tables:
        chunk = 0

        def take(frame: wire.Encoded, data: bytes) -> None:
            nonlocal chunk
            if not made.frames:
                made.first_utc_ns = frame.utc_ns
            ticks = _ticks(frame.utc_ns - made.first_utc_ns, wire.TICKS)
            with translating("The masked copy could not be written"):
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
        with translating("The masked copy could not be written"):
            spool.flush()
        entry = avc_entry(derived.width, derived.height, derived.configuration)
        write_mp4(write, tables, entry, (derived.width, derived.height), _bytes_of_file(spool.fileno()))
    return made


def _bytes_of_file(fd: int) -> Iterator[bytes]:
    at = 0
    while part := os.pread(fd, _READ_BYTES, at):
        at += len(part)
        yield part


def _ticks(duration_ns: int, scale: int) -> int:
    return (duration_ns * scale + NS // 2) // NS
