"""The boxes of an MP4 file (ISO/IEC 14496-12 § 4.2), read from a descriptor or from bytes, never past their end.

The lowest layer of `mp4.fragments`: knows sizes, not meanings. Raises BadMp4 for invalid data, DiskWriteError for disk errors,
and nothing else.
"""

import os
import struct
from collections.abc import Iterator

from holdshelf_storage.errors import BadMp4, DiskWriteError

_U32 = struct.Struct(">I")
_U64 = struct.Struct(">Q")


def boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(type, start of body, end) of the boxes in data[start:end]. Raises BadMp4 when one reaches over the end."""
    while start + 8 <= end:
        size = u32(data, start, end)
        kind = data[start + 4 : start + 8]
        body = start + 8
        if size == 1:
            size = u64(data, body, end)
            body += 8
        if size < body - start or start + size > end:
            raise BadMp4("A box of the file reaches outside the one around it.")
        yield kind, body, start + size
        start += size


def top_box(fd: int, position: int, size: int) -> tuple[bytes, int, int] | None:
    """(type, start of body, end) of the box at `position`; None when there is no complete one."""
    if position + 8 > size:
        return None
    head = read_exactly(fd, min(16, size - position), position)
    length = u32(head, 0, len(head))
    body = position + 8
    if length == 1:
        if len(head) < 16:
            return None
        length = u64(head, 8, 16)
        body += 8
    if length < body - position or position + length > size:
        return None
    return head[4:8], body, position + length


def byte(data: bytes, at: int, end: int) -> int:
    """One byte. Raises BadMp4 beyond `end`."""
    if at + 1 > end:
        raise BadMp4("A box of the file is too short.")
    return data[at]


def u32(data: bytes, at: int, end: int) -> int:
    """A big-endian number of 32 bits. Raises BadMp4 beyond `end`."""
    if at + 4 > end:
        raise BadMp4("A box of the file is too short.")
    value: int = _U32.unpack_from(data, at)[0]
    return value


def u64(data: bytes, at: int, end: int) -> int:
    """A big-endian number of 64 bits. Raises BadMp4 beyond `end`."""
    if at + 8 > end:
        raise BadMp4("A box of the file is too short.")
    value: int = _U64.unpack_from(data, at)[0]
    return value


def printable(code: bytes) -> str:
    """Four characters, those outside ASCII as question marks."""
    return "".join(chr(byte) if 32 <= byte < 127 else "?" for byte in code)


def file_size(fd: int) -> int:
    """Bytes of the file. Raises DiskWriteError."""
    try:
        return os.fstat(fd).st_size
    except OSError as error:
        raise DiskWriteError(f"A segment cannot be read ({error.strerror}); check the disk.") from error


def read_exactly(fd: int, length: int, position: int) -> bytes:
    """Exactly `length` bytes. Raises DiskWriteError, also when the file shrank meanwhile."""
    try:
        data = os.pread(fd, length, position)
    except (OSError, OverflowError) as error:
        raise DiskWriteError(f"A segment cannot be read ({error}); check the disk.") from error
    if len(data) != length:
        raise DiskWriteError("A segment became shorter while it was read; check the disk.")
    return data
