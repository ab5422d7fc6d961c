"""Checks that every program reads a zip the same way: a zip describes each file twice, and may contain data that no list
names.

`unzip`, Windows and this program use one or the other. Anything found here does not belong in a bundle. Only reads.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Sequence
from typing import BinaryIO

_LOCAL = struct.Struct("<4s5HLLLHH")
_LISTED_BYTES = 46
_END = struct.Struct("<4s4HLLH")
_LONG_END = struct.Struct("<4sQHHLLQQQQ")
_LONG_PLACE_BYTES = 20
_IN_16, _IN_32 = 0xFFFF, 0xFFFFFFFF
_ENCRYPTED = 1 | 1 << 6 | 1 << 13
_FOLLOWED = 1 << 3
_AFTER = (0, 12, 16, 20, 24)
"""Bytes after a file whose sizes were unknown when it was begun."""
_MAX_LIST_BYTES = 64 << 20


def two_ways(file: BinaryIO, infos: Sequence[zipfile.ZipInfo]) -> tuple[list[zipfile.ZipInfo], list[tuple[int, int]]]:
    """Return files whose own header differs from the directory at the end; and the location of each: [start, end)."""
    odd: list[zipfile.ZipInfo] = []
    places: list[tuple[int, int]] = []
    for info in infos:
        if not 0 <= info.header_offset < 1 << 62:
            odd.append(info)
            continue
        file.seek(info.header_offset)
        head = file.read(_LOCAL.size)
        if len(head) < _LOCAL.size or not head.startswith(b"PK\3\4"):
            odd.append(info)
            continue
        _magic, _version, flags, method, _time, _day, crc, packed, size, name_bytes, more_bytes = _LOCAL.unpack(head)
        name, more = file.read(name_bytes), file.read(more_bytes)
        if _IN_32 in (packed, size):
            size, packed = _long(more, size, packed)
        told, listed = (crc, packed, size), (info.CRC, info.compress_size, info.file_size)
        unknown = (0,) if flags & _FOLLOWED else ()
        if (
            any(one != other and one not in unknown for one, other in zip(told, listed, strict=True))
            or method != info.compress_type
            or (flags ^ info.flag_bits) & (_ENCRYPTED | _FOLLOWED)
            or name not in _spelled(info.orig_filename)
            or (method == zipfile.ZIP_STORED and info.compress_size != info.file_size)
        ):
            odd.append(info)
        end = info.header_offset + _LOCAL.size + name_bytes + more_bytes + info.compress_size
        places.append((info.header_offset, end if not flags & _FOLLOWED else -end))
    return odd, places


def has_more(file: BinaryIO, places: Sequence[tuple[int, int]], list_start: int, count: int) -> bool:
    """Return whether there are bytes that belong to neither files nor directory. ``places``: of all ``count`` files."""
    at = 0
    follows: tuple[int, ...] = (0,)
    for start, end in [*sorted(places), (list_start, list_start)]:
        if start - at not in follows:
            return True
        at, follows = abs(end), _AFTER if end < 0 else (0,)
    file.seek(list_start)
    tail = file.read(_MAX_LIST_BYTES)
    at = 0
    for _ in range(count):
        if tail[at : at + 4] != b"PK\1\2" or len(tail) < at + _LISTED_BYTES:
            return True
        at += _LISTED_BYTES + sum(struct.unpack_from("<HHH", tail, at + 28))
    list_bytes = at
    wanted = {count}, {list_bytes}, {list_start}
    if tail[at : at + 4] == b"PK\6\6" and len(tail) >= at + _LONG_END.size:
        long = _LONG_END.unpack_from(tail, at)
        if long[1] != _LONG_END.size - 12 or long[4:] != (0, 0, count, count, list_bytes, list_start):
            return True
        place = struct.pack("<4sLQL", b"PK\6\7", 0, list_start + list_bytes, 1)
        at += _LONG_END.size
        if tail[at : at + _LONG_PLACE_BYTES] != place:
            return True
        at += _LONG_PLACE_BYTES
        wanted = {count, _IN_16}, {list_bytes, _IN_32}, {list_start, _IN_32}
    if len(tail) != at + _END.size:
        return True
    magic, disk, first_disk, here, every, size, start, comment = _END.unpack_from(tail, at)
    no_more = (magic, disk, first_disk, comment) == (b"PK\5\6", 0, 0, 0)
    return not no_more or here not in wanted[0] or every != here or size not in wanted[1] or start not in wanted[2]


def _long(more: bytes, size: int, packed: int) -> tuple[int, int]:
    """Return 64-bit sizes, if there are any."""
    at = 0
    while len(more) >= at + 4:
        kind, length = struct.unpack_from("<HH", more, at)
        if kind == 1 and length >= 16 and len(more) >= at + 20:
            numbers = struct.unpack_from("<QQ", more, at + 4)
            return (numbers[0] if size == _IN_32 else size), (numbers[1] if packed == _IN_32 else packed)
        at += 4 + length
    return size, packed


def _spelled(name: str) -> set[bytes]:
    found = set()
    for code in ("utf-8", "cp437"):
        try:
            found.add(name.encode(code))
        except UnicodeEncodeError:
            continue
    return found
