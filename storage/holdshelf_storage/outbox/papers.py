"""MEDIA/papers: scans of papers that the Board has kept, each under its own checksum. Sealed: nothing lists them for fetching.

    papers/SHA256.jpg | .png | .pdf | .heic

Opened name by name below the media root's descriptor, and no link is followed. Blocks.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from dataclasses import dataclass

from holdshelf_storage.atomic import fsync_dir, make_dir
from holdshelf_storage.errors import StorageError, translating
from holdshelf_storage.outbox import outbox

PAPERS = "papers"
_NAME = re.compile(r"([0-9a-f]{64})(\.[a-z]{3,4})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Sealed:
    """One paper. ``end``: '.jpg', by which its kind is told."""

    sha256: str
    end: str
    size: int
    kept_ns: int


def keep(root_fd: int, begun: str, sha256: str, end: str) -> None:
    """Moves a file that `outbox.begin` wrote to its place; one that is there is the same, and counts from now on.

    Raises StorageError.
    """
    name = _name(sha256, end)
    make_dir(PAPERS, dir_fd=root_fd)
    with translating("The paper could not be kept"):
        os.rename(f"{outbox.MAKING}/{begun}", f"{PAPERS}/{name}", src_dir_fd=root_fd, dst_dir_fd=root_fd)
    fsync_dir(PAPERS, dir_fd=root_fd)


def files(root_fd: int) -> list[Sealed]:
    """All of them, the newest first. Raises StorageError."""
    found = []
    with (
        translating("The papers could not be read"),
        contextlib.suppress(FileNotFoundError),
        outbox.below(root_fd, PAPERS) as fd,
        os.scandir(fd) as entries,
    ):
        for entry in entries:
            match = _NAME.fullmatch(entry.name)
            if match is None or not entry.is_file(follow_symlinks=False):
                continue
            with contextlib.suppress(FileNotFoundError):
                about = entry.stat(follow_symlinks=False)
                found.append(Sealed(match[1], match[2], about.st_size, about.st_mtime_ns))
    return sorted(found, key=lambda one: -one.kept_ns)


def read(root_fd: int, paper: Sealed) -> bytes:
    """Its content. Raises StorageError, also when it is not what its name says."""
    fd = outbox.open_below(root_fd, f"{PAPERS}/{_name(paper.sha256, paper.end)}")
    with translating("The paper cannot be read"), os.fdopen(fd, "rb") as file:
        content = file.read()
    if hashlib.sha256(content).hexdigest() != paper.sha256:
        raise StorageError("The paper that lies there is not the one that was kept: its checksum is another.")
    return content


def remove(root_fd: int, paper: Sealed) -> None:
    """Deletes one. Raises StorageError."""
    with (
        translating("A paper could not be removed"),
        contextlib.suppress(FileNotFoundError),
        outbox.below(root_fd, PAPERS) as fd,
    ):
        os.unlink(_name(paper.sha256, paper.end), dir_fd=fd)


def _name(sha256: str, end: str) -> str:
    name = f"{sha256}{end}"
    if not _NAME.fullmatch(name):
        raise ValueError(f"no name of a paper: {name!r}")
    return name
