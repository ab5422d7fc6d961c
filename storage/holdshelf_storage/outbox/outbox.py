"""MEDIA/outbox: papers and stills that lie ready for one person each. Plain files; what they are is in their place and
name.

    outbox/p4/prints/NAME             a paper
    outbox/p4/stills/NAME.jpg         a picture          outbox/p4/stills/.NAME.jpg.json    where it comes from
    outbox/.sums/R-2026-0001.json     checksum of the zip of that release's bundle
    outbox/.making/                   what is being written

Everything is opened name by name below the media root's descriptor, and no link is followed. Blocks.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from holdshelf_storage.atomic import fsync_dir, make_dir, sync, write_all
from holdshelf_storage.errors import translating

OUTBOX = "outbox"
MAKING, SUMS = f"{OUTBOX}/.making", f"{OUTBOX}/.sums"
PRINTS, STILLS = "prints", "stills"
FOLDERS = (PRINTS, STILLS)
MAX_ABOUT_BYTES = 64 << 10
_PERSON = re.compile(r"p\d{1,12}", re.ASCII)
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class OutboxFile:
    """One file in a person's outbox."""

    person: str
    folder: str
    name: str
    size: int
    modified_ns: int


def _check(person: str, folder: str, name: str = "x") -> None:
    if not _PERSON.fullmatch(person) or folder not in FOLDERS or not _is_name(name):
        raise ValueError(f"no place in an outbox: {person!r} {folder!r} {name!r}")


def _is_name(name: str) -> bool:
    return (
        bool(name) and not name.startswith(".") and "/" not in name and "\0" not in name and len(name.encode()) <= 200
    )


@contextlib.contextmanager
def below(root_fd: int, *names: str) -> Iterator[int]:
    """Opens a folder, one name after the other. Raises OSError."""
    fd = os.dup(root_fd)
    try:
        for name in names:
            inner = os.open(name, _READ | os.O_DIRECTORY, dir_fd=fd)
            os.close(fd)
            fd = inner
        yield fd
    finally:
        os.close(fd)


@dataclass(frozen=True, slots=True)
class Begun:
    """A file written under a temporary name. ``name``: that name."""

    name: str
    size: int
    sha256: str


def begin(root_fd: int, data: bytes) -> str:
    """Writes and syncs a file to be delivered under a temporary name, and returns that. Raises StorageError."""
    return begin_filled(root_fd, lambda write: write(data)).name


def begin_filled(root_fd: int, fill: Callable[[Callable[[bytes], object]], object]) -> Begun:
    """The same for what ``fill`` writes, in chunks. Raises StorageError, and what ``fill`` raises: nothing is left then."""
    digest, size = hashlib.sha256(), 0

    def put(part: bytes) -> None:
        nonlocal size
        write_all(fd, part)
        digest.update(part)
        size += len(part)

    make_dir(OUTBOX, dir_fd=root_fd)
    make_dir(MAKING, dir_fd=root_fd)
    made = secrets.token_hex(8)
    with translating("What was to be delivered could not be written"), below(root_fd, OUTBOX, ".making") as folder:
        fd = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
        try:
            fill(put)
            sync(fd, "What was to be delivered")
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(made, dir_fd=folder)
            raise
        finally:
            os.close(fd)
    return Begun(made, size, digest.hexdigest())


def give_up(root_fd: int, made: str) -> None:
    """Deletes a begun file that is not delivered."""
    with contextlib.suppress(OSError), below(root_fd, OUTBOX, ".making") as folder:
        os.unlink(made, dir_fd=folder)


def place(root_fd: int, made: str, person: str, folder: str, name: str, about: bytes = b"") -> None:
    """Moves a begun file to its place, which must be free. Raises StorageError."""
    _check(person, folder, name)
    for path in (f"{OUTBOX}/{person}", f"{OUTBOX}/{person}/{folder}"):
        make_dir(path, dir_fd=root_fd)
    beside = begin(root_fd, about) if about else ""
    with (
        translating(f"{name} could not be put into the outbox"),
        below(root_fd, OUTBOX, ".making") as making,
        below(root_fd, OUTBOX, person, folder) as target,
    ):
        if beside:
            os.rename(beside, f".{name}.json", src_dir_fd=making, dst_dir_fd=target)
        # Unlike a rename, a link does not replace an existing file.
        os.link(made, name, src_dir_fd=making, dst_dir_fd=target, follow_symlinks=False)
        os.unlink(made, dir_fd=making)
    fsync_dir(f"{OUTBOX}/{person}/{folder}", dir_fd=root_fd)


def files(root_fd: int, person: str) -> list[OutboxFile]:
    """All files of one person. Raises StorageError."""
    if not _PERSON.fullmatch(person):
        return []
    found = []
    for folder in FOLDERS:
        with (
            translating("The outbox could not be read"),
            contextlib.suppress(FileNotFoundError),
            below(root_fd, OUTBOX, person, folder) as fd,
            os.scandir(fd) as entries,
        ):
            for entry in entries:
                if not _is_name(entry.name) or not entry.is_file(follow_symlinks=False):
                    continue
                with contextlib.suppress(FileNotFoundError):
                    about = entry.stat(follow_symlinks=False)
                    found.append(OutboxFile(person, folder, entry.name, about.st_size, about.st_mtime_ns))
    return sorted(found, key=lambda one: (one.folder, one.name))


def persons(root_fd: int) -> list[str]:
    """Everyone with an outbox. Raises StorageError."""
    with (
        translating("The outboxes could not be read"),
        contextlib.suppress(FileNotFoundError),
        below(root_fd, OUTBOX) as fd,
    ):
        return sorted(name for name in os.listdir(fd) if _PERSON.fullmatch(name))  # noqa: PTH208 - a descriptor
    return []


def open_file(root_fd: int, person: str, folder: str, name: str) -> int:
    """A descriptor for reading one file of an outbox. Raises StorageError."""
    _check(person, folder, name)
    return open_below(root_fd, f"{OUTBOX}/{person}/{folder}/{name}")


def open_below(root_fd: int, path: str) -> int:
    """A descriptor for reading a file of MEDIA, opened name by name; only a regular file. Raises StorageError."""
    *folders, name = path.split("/")
    with translating(f"{name} cannot be read"), below(root_fd, *folders) as fd:
        found = os.open(name, _READ | os.O_NONBLOCK, dir_fd=fd)
        if not stat.S_ISREG(os.fstat(found).st_mode):
            os.close(found)
            raise FileNotFoundError(2, os.strerror(2))
        return found


def about(root_fd: int, person: str, folder: str, name: str) -> bytes:
    """The description stored beside a file; b'' when there is none."""
    _check(person, folder, name)
    with contextlib.suppress(OSError), below(root_fd, OUTBOX, person, folder) as fd:
        found = os.open(f".{name}.json", _READ, dir_fd=fd)
        try:
            return os.pread(found, MAX_ABOUT_BYTES, 0)
        finally:
            os.close(found)
    return b""


def remove(root_fd: int, person: str, folder: str, name: str) -> bool:
    """Deletes a file; False: it did not exist. Raises StorageError."""
    _check(person, folder, name)
    with translating(f"{name} could not be removed"):
        try:
            with below(root_fd, OUTBOX, person, folder) as fd:
                os.unlink(name, dir_fd=fd)
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(f".{name}.json", dir_fd=fd)
        except FileNotFoundError:
            return False
    return True


def remove_person(root_fd: int, person: str) -> None:
    """Deletes a person's outbox. Raises StorageError."""
    _check(person, PRINTS)
    with (
        translating("An outbox could not be removed"),
        contextlib.suppress(FileNotFoundError),
        below(root_fd, OUTBOX) as fd,
    ):
        shutil.rmtree(person, dir_fd=fd)


def clear(root_fd: int) -> int:
    """Deletes incomplete deliveries, and descriptions of missing files; returns how many. Raises StorageError."""
    gone = 0
    with (
        translating("What was left of a delivery could not be removed"),
        contextlib.suppress(FileNotFoundError),
        below(root_fd, OUTBOX, ".making") as fd,
    ):
        for name in os.listdir(fd):  # noqa: PTH208 - a descriptor
            os.unlink(name, dir_fd=fd)
            gone += 1
    for person in persons(root_fd):
        for folder in FOLDERS:
            with (
                translating("An outbox could not be read"),
                contextlib.suppress(FileNotFoundError),
                below(root_fd, OUTBOX, person, folder) as fd,
            ):
                names = set(os.listdir(fd))  # noqa: PTH208 - a descriptor
                for name in names:
                    if name.startswith(".") and name[1:].removesuffix(".json") not in names:
                        os.unlink(name, dir_fd=fd)
                        gone += 1
    return gone


# --- checksums of zips ------------------------------------------------------------------------------------------------


def keep_sum(root_fd: int, release: str, raw: bytes) -> None:
    """Stores the checksum record of a bundle's zip. Raises StorageError."""
    made = begin(root_fd, raw)
    make_dir(SUMS, dir_fd=root_fd)
    with translating("A checksum could not be kept"):
        os.rename(f"{MAKING}/{made}", f"{SUMS}/{release}.json", src_dir_fd=root_fd, dst_dir_fd=root_fd)


def read_sum(root_fd: int, release: str) -> bytes:
    """The stored record, b'' when there is none."""
    with contextlib.suppress(OSError), below(root_fd, OUTBOX, ".sums") as fd:
        found = os.open(f"{release}.json", _READ, dir_fd=fd)
        try:
            return os.pread(found, MAX_ABOUT_BYTES, 0)
        finally:
            os.close(found)
    return b""


def forget_sum(root_fd: int, release: str) -> None:
    """Deletes the record of a bundle that is gone."""
    with contextlib.suppress(OSError), below(root_fd, OUTBOX, ".sums") as fd:
        os.unlink(f"{release}.json", dir_fd=fd)
