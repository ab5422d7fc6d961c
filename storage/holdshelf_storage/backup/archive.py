"""The form of a backup: a plain tar of plain files below `state/`, told apart, bounded and proven by its own manifest.

    HOLDSHELF-BACKUP.json     first: {"holdshelf_backup":1,"made_utc_ns":…,"read_me":"…"}
    state/register.json …     the files
    MANIFEST.json             last: {"holdshelf_backup":1,"sha256":"…","manifest":{…}} with the name, size and SHA-256 of each;
                              `sha256` is that of the bytes of `manifest`; without it the archive was cut off

`tar -tf` and `tar -xf` understand it. Reading understands nothing but what is written here: POSIX ustar headers of plain
files with plain names, in order, to the last byte. Links, devices, sparse files, long-name and pax headers, paths that
lead elsewhere, sizes beyond the archive's own end are refused before a byte of them is used; a hostile archive is normal
input. The manifest proves that an archive is whole, not who made it: that takes the archive's own SHA-256, kept elsewhere.
"""

import hashlib
import os
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

import msgspec

from holdshelf_storage.atomic import write_all
from holdshelf_storage.errors import BackupError, FormatNewer, translating
from holdshelf_storage.volume.journal import UNREADABLE

FORMAT: Final = 1
FIRST: Final = "HOLDSHELF-BACKUP.json"
LAST: Final = "MANIFEST.json"
PREFIX: Final = "state/"
READ_ME: Final = (
    "A backup of a Holdshelf installation: its register, access log, ledger and keys, no footage. Confidential: whoever "
    "has it can open the cameras' passwords and sign as this installation. Put it back with `holdshelf restore FILE`."
)
MAX_FILES: Final = 20_000
MAX_MANIFEST_BYTES: Final = 16 << 20
MAX_SMALL_BYTES: Final = 256 << 20
"""For a file that is not a journal."""
_BLOCK: Final = 512
_RECORD: Final = 20 * _BLOCK
_CHUNK: Final = 1 << 20
_MAX_PARTS: Final = 4
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", re.ASCII)


class FileFact(msgspec.Struct, frozen=True):
    """One file of a backup. `name` is relative to STATE."""

    name: str
    bytes: int
    sha256: str


class First(msgspec.Struct, frozen=True):
    """The archive's first file."""

    holdshelf_backup: int
    made_utc_ns: int
    read_me: str = ""


class Manifest(msgspec.Struct, frozen=True):
    """What the archive's last file says."""

    made_utc_ns: int
    first_sha256: str
    """Of the archive's first file."""
    volume: str
    """The volume that this state belongs to; '' if none was set up."""
    entries: int
    """Entries of the access log in it."""
    head: str
    """The signed head of the log, '' if none. It may be some entries behind after a power cut."""
    problems: list[str]
    """What was already wrong when the backup was made."""
    files: list[FileFact]


class _Sealed(msgspec.Struct, frozen=True):
    holdshelf_backup: int
    sha256: str
    manifest: msgspec.Raw


def is_name(name: str) -> bool:
    """Whether `name` (relative to STATE) is allowed in a backup: short plain parts, none hidden, none leading elsewhere."""
    parts = name.split("/")
    return (
        len(parts) <= _MAX_PARTS
        and len(PREFIX + name) <= 100  # what a ustar header holds
        and all(_PART.fullmatch(part) and not part.endswith(".tmp") for part in parts)
    )


class Writer:
    """Writes an archive to a descriptor, in order. Raises DiskFull, DiskWriteError."""

    def __init__(self, fd: int, made_utc_ns: int) -> None:
        self.files: list[FileFact] = []
        self._fd = fd
        self._made_utc_ns = made_utc_ns
        self._all = hashlib.sha256()
        self._bytes = 0
        first = msgspec.json.encode(First(FORMAT, made_utc_ns, READ_ME)) + b"\n"
        self._first_sha256 = hashlib.sha256(first).hexdigest()
        self._member(FIRST, first)

    def add(self, name: str, size: int, chunks: Iterable[bytes]) -> None:
        """Adds one file; `chunks` must give exactly `size` bytes, or BackupError is raised and the archive is unusable."""
        digest = hashlib.sha256()
        self._header(PREFIX + name, size)
        given = 0
        for chunk in chunks:
            given += len(chunk)
            if given > size:
                break
            digest.update(chunk)
            self._write(chunk)
        if given != size:
            raise BackupError(f"{name} changed while it was being copied; make the backup again.")
        self._write(bytes(-size % _BLOCK))
        self.files.append(FileFact(name, size, digest.hexdigest()))

    def finish(self, volume: str, entries: int, head: str, problems: list[str]) -> tuple[int, str]:
        """Writes the manifest and the end; (bytes, SHA-256) of the archive. Not synced."""
        manifest = Manifest(self._made_utc_ns, self._first_sha256, volume, entries, head, problems, self.files)
        raw = msgspec.json.encode(manifest)
        sealed = _Sealed(FORMAT, hashlib.sha256(raw).hexdigest(), msgspec.Raw(raw))
        self._member(LAST, msgspec.json.encode(sealed) + b"\n")
        self._write(bytes(2 * _BLOCK))
        self._write(bytes(-self._bytes % _RECORD))
        return self._bytes, self._all.hexdigest()

    def _member(self, name: str, data: bytes) -> None:
        self._header(name, len(data))
        self._write(data + bytes(-len(data) % _BLOCK))

    def _header(self, name: str, size: int) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = size, 0o600, self._made_utc_ns // 1_000_000_000
        self._write(info.tobuf(tarfile.USTAR_FORMAT, "ascii", "strict"))

    def _write(self, data: bytes) -> None:
        with translating("The backup could not be written"):
            write_all(self._fd, data)
        self._all.update(data)
        self._bytes += len(data)


class Sink(Protocol):
    """Takes the bytes of one file."""

    def write(self, data: bytes, /) -> object:
        """Writes the next bytes."""

    def close(self) -> None:
        """The member is complete."""


@dataclass
class Contents:
    """An archive that was read to its end and is complete."""

    manifest: Manifest
    bytes: int
    sha256: str


@dataclass
class _Source:
    fd: int
    size: int
    at: int = 0
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def take(self, count: int) -> bytes:
        """The next `count` bytes. Raises BackupError when the archive has no more."""
        parts = []
        while count > 0:
            with translating("The backup could not be read"):
                data = os.pread(self.fd, min(count, _CHUNK), self.at)
            if not data:
                raise BackupError("The backup ends in the middle: it was cut off.")
            self.digest.update(data)
            self.at += len(data)
            count -= len(data)
            parts.append(data)
        return b"".join(parts)

    def skip_padding(self, size: int) -> None:
        """Skips the zeros that fill a file's last block. Raises BackupError when they are not zeros."""
        if any(self.take(-size % _BLOCK)):
            raise BackupError("The backup holds something between its files; it was not used.")

    def stream(self, count: int) -> Iterator[bytes]:
        while count > 0:
            data = self.take(min(count, _CHUNK))
            count -= len(data)
            yield data


def read_archive(fd: int, sink: Callable[[str], Sink | None], stop: Callable[[], bool] = lambda: False) -> Contents:
    """Reads an archive once, from start to end; passes each file to `sink(name)` (None: discard it).

    A sink's data can be trusted only after this has returned. `fd` is a regular file. Raises FormatNewer, BackupError (not a
    backup, truncated, changed, or of a form that is never written), DiskWriteError.
    """
    source = _Source(fd, os.fstat(fd).st_size)
    first_sha256, made_utc_ns = _read_first(source)
    found: list[FileFact] = []
    names: set[str] = set()
    while (header := _header(source)) is not None:
        name, size = header
        if name == LAST:
            manifest = _unseal(_whole(source, size, MAX_MANIFEST_BYTES, name))
            break
        name = name.removeprefix(PREFIX) if name.startswith(PREFIX) else ""
        if not is_name(name) or name.casefold() in names or len(found) >= MAX_FILES:
            raise BackupError(f"The backup holds {header[0]!r:.90}, which no backup contains; it was not used.")
        if not name.endswith(".jsonl") and size > MAX_SMALL_BYTES:
            raise BackupError(f"The backup's {name} is larger than such a file ever is; it was not used.")
        names.add(name.casefold())
        digest = hashlib.sha256()
        taker = sink(name)
        try:
            for chunk in source.stream(size):
                if stop():
                    raise BackupError("Reading the backup was interrupted.")
                digest.update(chunk)
                if taker is not None:
                    taker.write(chunk)
        finally:
            if taker is not None:
                taker.close()
        source.skip_padding(size)
        found.append(FileFact(name, size, digest.hexdigest()))
    else:
        raise BackupError("The backup has no manifest at its end: it was cut off.")
    _read_end(source)
    if (manifest.made_utc_ns, manifest.first_sha256) != (made_utc_ns, first_sha256) or found != manifest.files:
        raise BackupError(f"The backup is not what its manifest says{_difference(found, manifest)}; it was not used.")
    return Contents(manifest, source.size, source.digest.hexdigest())


def _read_first(source: _Source) -> tuple[str, int]:
    """Returns (SHA-256 of the first file, the stated time of the backup)."""
    header = _header(source) if source.size >= _RECORD else None
    if header is None or header[0] != FIRST:
        raise BackupError("This is not a backup of Holdshelf (`holdshelf backup` writes them).")
    data = _whole(source, header[1], _CHUNK, FIRST)
    return hashlib.sha256(data).hexdigest(), _decode(data, First, FIRST).made_utc_ns


def _header(source: _Source) -> tuple[str, int] | None:
    """(name, size) of the next file, None at the end. Raises BackupError."""
    block = source.take(_BLOCK)
    if not any(block):
        return None
    try:
        info = tarfile.TarInfo.frombuf(block, "ascii", "strict")
    except (tarfile.HeaderError, UnicodeDecodeError, ValueError) as error:
        raise BackupError("The backup is damaged, or no plain tar file; it was not used.") from error
    # A header's kind determines what a name or a link may do; we write only regular files with plain headers.
    if block[257:265] != b"ustar\x0000" or block[156:157] != tarfile.REGTYPE or info.linkname or info.size < 0:
        raise BackupError(f"The backup holds {info.name!r:.90}, which is not a plain file; it was not used.")
    if info.size > source.size - source.at:
        raise BackupError(
            f"The backup's {info.name!r:.90} is said to be longer than the whole; it was cut off or forged."
        )
    return info.name, info.size


def _whole(source: _Source, size: int, most: int, name: str) -> bytes:
    if size > most:
        raise BackupError(f"The backup's {name} is larger than it ever is; it was not used.")
    data = source.take(size)
    source.skip_padding(size)
    return data


def _unseal(data: bytes) -> Manifest:
    sealed = _decode(data, _Sealed, LAST)
    if hashlib.sha256(bytes(sealed.manifest)).hexdigest() != sealed.sha256:
        raise BackupError("The backup's manifest was changed or damaged; the backup is not used.")
    return _decode(bytes(sealed.manifest), Manifest, LAST)


def _decode[T: (First, Manifest, _Sealed)](data: bytes, kind: type[T], name: str) -> T:
    try:
        version = msgspec.json.decode(data, type=dict[str, msgspec.Raw]).get("holdshelf_backup")
        if version is not None and msgspec.json.decode(version, type=int) > FORMAT:
            raise FormatNewer("The backup was written by a newer Holdshelf; install that version to restore it.")
        return msgspec.json.decode(data, type=kind)
    except UNREADABLE as error:
        raise BackupError(f"The backup's {name} cannot be read; it was not used.") from error


def _read_end(source: _Source) -> None:
    """Only the zeros that end a tar may follow."""
    rest = source.size - source.at
    if not 2 * _BLOCK <= rest <= 2 * _RECORD or any(source.take(rest)):
        raise BackupError("The backup was cut off, or something was added after its end; it was not used.")


def _difference(found: list[FileFact], manifest: Manifest) -> str:
    said = {fact.name: fact for fact in manifest.files}
    for fact in found:
        if said.get(fact.name) != fact:
            return f" ({fact.name} differs)"
    return ""
