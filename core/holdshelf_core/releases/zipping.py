"""A bundle as one zip that lies nowhere: its bytes are made when they are asked for, from any place on.

    with ZipView.open(root_fd, "R-2026-0001", row.bundle.sums_sha256) as view:   # blocks: from a thread
        view.name, view.size, view.modified_utc_ns
        view.read(offset, length)                                              # b"" behind its end

Nothing in it is packed, so each byte of it is a byte of the folder or of the list that was written with it (``RELEASE.parts``:
path, size and CRC-32 of each file, taken while the file was written): the same bundle is the same zip, byte for byte, each time.
``ZipView`` may be used by several threads, and ``read`` never gives bytes of a file that has changed in size.
"""

from __future__ import annotations

import os
import struct
import threading
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from types import TracebackType
from typing import Self

import msgspec

from holdshelf_core.errors import Unavailable
from holdshelf_core.releases.writing import FORM, SUMS, Part, Parts, read_file
from holdshelf_core.times import NS
from holdshelf_storage.decoding import decode_json
from holdshelf_storage.errors import DiskWriteError, StorageError, translating
from holdshelf_storage.outbox.bundles import folder_of, parts_of

_READ_BYTES = 1 << 20
_MAX_LIST_BYTES = 16 << 20
_IN_32 = 0xFFFFFFFF
_UNIX = 3
_MODE = 0o100644


@dataclass(frozen=True, slots=True)
class _Piece:
    """``data``, or (when empty) ``size`` bytes of the file at ``path``."""

    size: int
    data: bytes = b""
    path: str = ""


class ZipView:
    """Random access to a bundle's zip. A context manager: it keeps the last file open."""

    def __init__(self, root_fd: int, parts: Parts) -> None:
        """Use ``open``. ``root_fd``: of the media folder, owned by the caller."""
        self.name = f"{parts.release}.zip"
        self.modified_utc_ns = parts.made_utc_ns
        self._root_fd = root_fd
        self._folder = folder_of(parts.release)
        self._pieces = list(_pieces(parts))
        self._starts: list[int] = []
        at = 0
        for piece in self._pieces:
            self._starts.append(at)
            at += piece.size
        self.size = at
        """Bytes of the whole zip."""
        self._lock = threading.Lock()
        self._opened: tuple[str, int] = "", -1

    @classmethod
    def open(cls, root_fd: int, release: str, sums_sha256: str = "") -> Self:
        """Open the zip of a complete bundle. ``sums_sha256``: from the register; a different bundle is refused.

        Raises Unavailable.
        """
        try:
            if sums_sha256:
                sums = read_file(root_fd, f"{folder_of(release)}/{SUMS}", 8 << 20)
                if sha256(sums).hexdigest() != sums_sha256:
                    raise Unavailable(
                        f"The bundle of {release} on the media disk is not the one that was made: its {SUMS} differs from the "
                        "register.",
                        "Submit a new request, and check that disk.",
                    )
            raw = read_file(root_fd, parts_of(release), _MAX_LIST_BYTES)
            parts = decode_json(raw, Parts)
        except (StorageError, msgspec.MsgspecError) as error:
            raise Unavailable(
                f"The bundle of {release} cannot be read ({error}).", "See `holdshelf release show`."
            ) from None
        if parts.form != FORM or parts.release != release:
            raise Unavailable(f"The list of the files of {release}'s bundle is not its own.", "Submit a new request.")
        return cls(root_fd, parts)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the open file."""
        with self._lock:
            self._let_go()

    def read(self, offset: int, length: int) -> bytes:
        """Return the bytes from ``offset`` on, at most ``length``, fewer only at the end. Raises StorageError."""
        end = min(self.size, offset + length)
        parts: list[bytes] = []
        with self._lock:
            number = bisect_right(self._starts, offset) - 1
            while 0 <= offset < end:
                piece, start = self._pieces[number], self._starts[number]
                size = min(end, start + piece.size) - offset
                if size > 0:
                    parts.append(self._read(piece, offset - start, size))
                    offset += size
                number += 1
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def blocks(self) -> Iterator[bytes]:
        """Yield all of it, from the start. Raises StorageError."""
        at = 0
        while part := self.read(at, _READ_BYTES):
            yield part
            at += len(part)

    def _read(self, piece: _Piece, at: int, size: int) -> bytes:
        if not piece.path:
            return piece.data[at : at + size]
        parts: list[bytes] = []
        with translating(f"{piece.path} of the bundle could not be read"):
            if self._opened[0] != piece.path:
                self._let_go()
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
                fd = os.open(f"{self._folder}/{piece.path}", flags, dir_fd=self._root_fd)
                self._opened = piece.path, fd
                if os.fstat(fd).st_size != piece.size:
                    self._let_go()
                    raise DiskWriteError(f"{piece.path} of the bundle is not as long as when it was made.")
            while size:
                part = os.pread(self._opened[1], size, at)
                if not part:
                    raise DiskWriteError(f"{piece.path} of the bundle became shorter.")
                parts.append(part)
                at += len(part)
                size -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _let_go(self) -> None:
        if self._opened[1] >= 0:
            os.close(self._opened[1])
        self._opened = "", -1


# --- the form: PKWARE's APPNOTE 6.3, nothing packed, Zip64 where a number needs it ------------------------------------


def _pieces(parts: Parts) -> Iterator[_Piece]:
    made = datetime.fromtimestamp(parts.made_utc_ns // NS, UTC)
    year = min(max(made.year, 1980), 2107)
    date = (year - 1980) << 9 | made.month << 5 | made.day
    clock = made.hour << 11 | made.minute << 5 | made.second // 2
    # The time in UTC, whatever the reader's zone: Info-ZIP's extended timestamp.
    stamp = struct.pack("<HHBI", 0x5455, 5, 1, parts.made_utc_ns // NS & _IN_32)
    at, index = 0, bytearray()
    for part in parts.files:
        name = f"{parts.release}/{part.path}".encode()
        flags = 0 if name.isascii() else 1 << 11
        is_long = part.bytes >= _IN_32
        more = stamp + (struct.pack("<HHQQ", 1, 16, part.bytes, part.bytes) if is_long else b"")
        size = _IN_32 if is_long else part.bytes
        about = struct.pack("<HHHHLLLHH", flags, 0, clock, date, part.crc32, size, size, len(name), len(more))
        local = struct.pack("<4sH", b"PK\3\4", 45 if is_long else 20) + about + name + more
        yield _Piece(len(local), local)
        if part.bytes:
            yield _Piece(part.bytes, path=part.path)
        index += _listed(name, part, at, (flags, clock, date), stamp)
        at += len(local) + part.bytes
    index += _end(at, len(index), len(parts.files))
    yield _Piece(len(index), bytes(index))


def _listed(name: bytes, part: Part, at: int, about: tuple[int, int, int], stamp: bytes) -> bytes:
    is_long, is_far = part.bytes >= _IN_32, at >= _IN_32
    numbers: Sequence[int] = (*((part.bytes,) * 2 if is_long else ()), *((at,) if is_far else ()))
    more = stamp + (struct.pack(f"<HH{len(numbers)}Q", 1, 8 * len(numbers), *numbers) if numbers else b"")
    version = 45 if numbers else 20
    size = _IN_32 if is_long else part.bytes
    flags, clock, date = about
    head = struct.pack(
        "<4sHHHHHHLLLHHHHHLL",
        *(b"PK\1\2", _UNIX << 8 | version, version, flags, 0, clock, date, part.crc32, size, size),
        *(len(name), len(more), 0, 0, 0, _MODE << 16, _IN_32 if is_far else at),
    )
    return head + name + more


def _end(at: int, size: int, count: int) -> bytes:
    """``at``, ``size``: of the directory in bytes; ``count``: its number of files."""
    long = b""
    if at >= _IN_32 or size >= _IN_32 or count >= 0xFFFF:
        whole = struct.pack("<4sQHHLLQQQQ", b"PK\6\6", 44, _UNIX << 8 | 45, 45, 0, 0, count, count, size, at)
        long = whole + struct.pack("<4sLQL", b"PK\6\7", 0, at + size, 1)
    few = min(count, 0xFFFF)
    return long + struct.pack("<4sHHHHLLH", b"PK\5\6", 0, 0, few, few, min(size, _IN_32), min(at, _IN_32), 0)
