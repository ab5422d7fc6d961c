"""Writes a plain MP4 (ISO/IEC 14496-12) of one video track: header first, then the frames unchanged.

`Tables` records each frame's size and times while the sources are read once; `write_head` then writes everything before the
frames, so that a file is made from start to end, and can be hashed, copied and streamed meanwhile. Memory does not grow with its
length: long tables are in unnamed files. The same frames always give the same bytes: the time of writing is not included.
"""

import struct
from array import array
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Final, Self

from holdshelf_storage.scratch import Scratch

_BLOCK: Final = 16_384
_MATRIX: Final = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
TICKS: Final = 90_000


class Column:
    """Numbers of one kind, in order, as in a table: 32 or 64 bits, big-endian. Kept in an unnamed file."""

    def __init__(self, code: str, folder: str) -> None:
        """`code`: `I` 32 bits, `i` the same with a sign, `Q` 64 bits."""
        self._code = code
        self._tail = array(code)
        self._file = Scratch(folder)
        self.count = 0

    @property
    def size_bytes(self) -> int:
        """Its size in the file."""
        return self.count * self._tail.itemsize

    def add(self, value: int) -> None:
        """Adds one number. Raises OverflowError."""
        self._tail.append(value)
        self.count += 1
        if len(self._tail) >= _BLOCK:
            self._flush()

    def _flush(self) -> None:
        self._tail.byteswap()
        self._file.write(self._tail.tobytes())
        del self._tail[:]

    def parts(self, add: int = 0) -> Iterator[bytes]:
        """The bytes, in parts. `add` is added to each number."""
        if self._tail:
            self._flush()
        self._file.flush()
        at, size = 0, self.count * self._tail.itemsize
        while at < size:
            part = self._file.read(min(1 << 18, size - at), at)
            at += len(part)
            if add:
                numbers = array(self._code, part)
                numbers.byteswap()
                numbers = array(self._code, [number + add for number in numbers])
                numbers.byteswap()
                part = numbers.tobytes()
            yield part

    def close(self) -> None:
        """Closes the unnamed file."""
        self._file.close()


class _Runs:
    """Pairs (count, value), as most tables of MP4 have them."""

    def __init__(self, folder: str, code: str = "I") -> None:
        self.column = Column(code, folder)
        self._value: int | None = None
        self._count = 0

    def add(self, value: int) -> None:
        if value == self._value:
            self._count += 1
            return
        self.end()
        self._value, self._count = value, 1

    def end(self) -> None:
        if self._value is not None:
            self.column.add(self._count)
            self.column.add(self._value)
            self._value = None


class Tables:
    """The tables of one file's frames. Use as a context manager: it keeps unnamed files in `folder`."""

    def __init__(self, folder: str, timescale: int) -> None:
        self.timescale = timescale
        self.frames = 0
        self.media_bytes = 0
        self.duration = 0
        """Ticks, from the first frame's decoding time on."""
        self._sizes = Column("I", folder)
        self._durations = _Runs(folder)
        self._shifts = _Runs(folder, "i")
        self._keys = Column("I", folder)
        self._offsets = Column("Q", folder)
        self._chunks = Column("I", folder)
        self._chunk_frames = 0
        self._chunk_before = 0
        self._chunk_number = 0
        self._dts: int | None = None
        self._is_shifted = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        for column in (
            self._sizes,
            self._durations.column,
            self._shifts.column,
            self._keys,
            self._offsets,
            self._chunks,
        ):
            column.close()

    def add(self, size: int, dts: int, pts: int, *, is_key: bool, new_chunk: bool) -> None:
        """Adds one frame, in decoding order. `dts`, `pts` in ticks from the start of the file; `new_chunk`: its bytes do not
        directly follow the previous frame's. A decoding time that does not advance is moved by a tick."""
        if self._dts is not None:
            dts = max(dts, self._dts + 1)
            self._durations.add(dts - self._dts)
            self.duration += dts - self._dts
        self._dts = dts
        if new_chunk or not self.frames:
            self._end_chunk()
            self._offsets.add(self.media_bytes)
        self.frames += 1
        self._chunk_frames += 1
        self._sizes.add(size)
        self._shifts.add(pts - dts)
        self._is_shifted |= pts != dts
        if is_key:
            self._keys.add(self.frames)
        self.media_bytes += size

    def _end_chunk(self) -> None:
        if not self._chunk_frames:
            return
        self._chunk_number += 1
        if self._chunk_frames != self._chunk_before:
            for value in (self._chunk_number, self._chunk_frames, 1):
                self._chunks.add(value)
            self._chunk_before = self._chunk_frames
        self._chunk_frames = 0

    def end(self, last_duration: int) -> None:
        """Ends the tables; the last frame's duration in ticks."""
        if self.frames:
            self._durations.add(max(1, last_duration))
            self.duration += max(1, last_duration)
        self._durations.end()
        self._shifts.end()
        self._end_chunk()

    def moov(self, entry: bytes, width: int, height: int) -> tuple[int, Callable[[int], Iterator[bytes]]]:
        """Size of the header in bytes, and its bytes, once it is known where the frames begin. `entry`: the sample entry."""
        tables = [
            (b"stsd", struct.pack(">II", 0, 1) + entry, None),
            (b"stts", struct.pack(">II", 0, self._durations.column.count // 2), self._durations.column),
            (b"stss", struct.pack(">II", 0, self._keys.count), self._keys),
            (b"stsc", struct.pack(">II", 0, self._chunks.count // 3), self._chunks),
            (b"stsz", struct.pack(">III", 0, 0, self._sizes.count), self._sizes),
            (b"co64", struct.pack(">II", 0, self._offsets.count), self._offsets),
        ]
        if self._is_shifted:
            shifts = self._shifts.column
            tables.insert(2, (b"ctts", struct.pack(">II", 1 << 24, shifts.count // 2), shifts))
        stbl = 8 + sum(8 + len(head) + (column.size_bytes if column else 0) for _, head, column in tables)
        hdlr = _full(b"hdlr", 0, 0, bytes(4) + b"vide" + bytes(12) + b"video\0")
        mdhd = _full(b"mdhd", 1, 0, struct.pack(">QQIQHH", 0, 0, self.timescale, self.duration, 0x55C4, 0))
        url = _full(b"url ", 0, 1, b"")
        dinf = _box(b"dinf", _full(b"dref", 0, 0, struct.pack(">I", 1) + url))
        minf_head = _full(b"vmhd", 0, 1, bytes(8)) + dinf
        minf = 8 + len(minf_head) + stbl
        mdia = 8 + len(mdhd) + len(hdlr) + minf
        length_ms = -(-self.duration * 1000 // self.timescale)
        tkhd = _full(b"tkhd", 1, 3, struct.pack(">QQIIQ8xHHHH", 0, 0, 1, 0, length_ms, 0, 0, 0, 0))
        tkhd = _box(b"tkhd", tkhd[8:] + _MATRIX + struct.pack(">II", width << 16, height << 16))
        trak = 8 + len(tkhd) + mdia
        mvhd = struct.pack(">QQIQIH10x", 0, 0, 1000, length_ms, 0x10000, 0x100) + _MATRIX + bytes(24)
        mvhd = _full(b"mvhd", 1, 0, mvhd + struct.pack(">I", 2))
        moov = 8 + len(mvhd) + trak
        front = b"".join(
            (
                *(struct.pack(">I4s", moov, b"moov"), mvhd),
                *(struct.pack(">I4s", trak, b"trak"), tkhd),
                *(struct.pack(">I4s", mdia, b"mdia"), mdhd, hdlr),
                *(struct.pack(">I4s", minf, b"minf"), minf_head),
                struct.pack(">I4s", stbl, b"stbl"),
            )
        )

        def parts(media_at: int) -> Iterator[bytes]:
            yield front
            for name, head, column in tables:
                size = 8 + len(head) + (column.size_bytes if column else 0)
                yield struct.pack(">I4s", size, name) + head
                if column is not None:
                    yield from column.parts(media_at if column is self._offsets else 0)

        return moov, parts


def write_head(write: Callable[[bytes], object], tables: Tables, entry: bytes, size: tuple[int, int]) -> None:
    """Writes everything before the frames; exactly `tables.media_bytes` of them must follow, and nothing else.

    `size`: width and height in pixels.
    """
    ftyp = _box(b"ftyp", b"isom" + struct.pack(">I", 512) + b"isomiso2mp41")
    moov_bytes, moov = tables.moov(entry, *size)
    media_at = len(ftyp) + moov_bytes + 16
    write(ftyp)
    for part in moov(media_at):
        write(part)
    write(struct.pack(">I4sQ", 1, b"mdat", 16 + tables.media_bytes))


def avc_entry(width: int, height: int, configuration: bytes) -> bytes:
    """A sample entry for H.264 (14496-15 § 5.4.2); `configuration`: the body of avcC."""
    visual = struct.pack(">6xH16xHHIIIH32xHh", 1, width, height, 0x480000, 0x480000, 0, 1, 24, -1)
    return _box(b"avc1", visual + _box(b"avcC", configuration))


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def _full(kind: bytes, version: int, flags: int, body: bytes) -> bytes:
    return _box(kind, struct.pack(">I", version << 24 | flags) + body)
