"""MEDIA/bundles: where release bundles are stored, and how unwanted ones are deleted.

    bundles/R-2026-0001/        the folder          bundles/R-2026-0001.parts  what its zip needs to know about each file
    bundles/.making/            the one being made, with second links of its source footage

Nothing outside ``bundles/`` is touched, no link is followed; of footage, only links made here are removed.
"""

import contextlib
import os
import shutil
from collections.abc import Iterable

from holdshelf_storage.errors import translating

BUNDLES = "bundles"
MAKING = f"{BUNDLES}/.making"


def folder_of(release: str) -> str:
    """The bundle's folder below the media root."""
    return f"{BUNDLES}/{release}"


def parts_of(release: str) -> str:
    """The path of the list of the bundle's files, below the media root: used to make its zip on a fetch."""
    return f"{BUNDLES}/{release}.parts"


def clear(root_fd: int, keep: Iterable[str]) -> list[str]:
    """Removes unfinished bundles, and those of no release in ``keep``; returns their names. Raises StorageError."""
    kept = {name for release in keep for name in (release, f"{release}.parts")}
    with translating("The folder of bundles could not be cleared"):
        try:
            folder = _open(root_fd)
        except FileNotFoundError:
            return []
        try:
            gone = [name for name in os.listdir(folder) if name not in kept]  # noqa: PTH208 - a descriptor
            for name in gone:
                _remove(folder, name)
        finally:
            os.close(folder)
    return gone


def discard(root_fd: int, *names: str) -> None:
    """Removes these, ``.making`` when none is given. Raises StorageError."""
    with translating("What was begun of a bundle could not be removed"), contextlib.suppress(FileNotFoundError):
        folder = _open(root_fd)
        try:
            for name in names or (".making",):
                with contextlib.suppress(FileNotFoundError):
                    _remove(folder, name)
        finally:
            os.close(folder)


def _open(root_fd: int) -> int:
    return os.open(BUNDLES, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=root_fd)


def _remove(folder: int, name: str) -> None:
    try:
        os.unlink(name, dir_fd=folder)
    except IsADirectoryError:
        shutil.rmtree(name, dir_fd=folder)
