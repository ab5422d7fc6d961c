"""After a disaster: restores held footage that is missing from its day, from the shelf, with its journal lines.

`rm -rf footage`, a wrong sweeper, a truncated journal: the shelf has its own links and lines, which are copied back to where
everything else looks for them. An existing name is never replaced. This module links and appends; it removes nothing.
"""

import logging
import os
import threading
from collections.abc import Collection, Iterator

import msgspec

from holdshelf_storage import layout
from holdshelf_storage.atomic import fsync_dir, make_dir, whole_lines
from holdshelf_storage.errors import StorageError, VolumeError, translating
from holdshelf_storage.footage.hashing import sha256_of
from holdshelf_storage.volume import journal
from holdshelf_storage.volume.days import Days
from holdshelf_storage.volume.index import Index
from holdshelf_storage.volume.shelf_index import ShelfIndex

_log = logging.getLogger(__name__)


class Mended(msgspec.Struct, kw_only=True):
    """What `mend` did."""

    linked: int = 0
    """Segments linked back into their day."""
    shelf_only_bytes: int = 0
    """Size of files that could not be restored: they still count towards the budget."""
    problems: list[str] = msgspec.field(default_factory=list)
    stopped: bool = False


def mend(days: Days, counted: Index, shelf: ShelfIndex, lock: threading.RLock, stop: threading.Event) -> Mended:
    """Checks every camera-day on the shelf; `lock` is the shelf's. Raises VolumeError; other errors are in the answer."""
    found = Mended()
    alone: dict[tuple[int, int], int] = {}
    for hold in shelf.holds():
        for camera in shelf.cameras(hold):
            for day in shelf.days(hold, camera):
                if stop.is_set():
                    found.stopped = True
                    return found
                try:
                    with lock:
                        found.linked += put_back(days, counted, shelf, hold, camera, day)
                except VolumeError:
                    raise
                except StorageError as error:
                    found.problems.append(f"{layout.shelf_day_path(hold, camera, day)}: {error}")
                    alone.update(_alone(days, shelf, hold, camera, day))
    found.shelf_only_bytes = sum(alone.values())
    counted.set_shelf_only(found.shelf_only_bytes)
    return found


def put_back(
    days: Days,
    counted: Index,
    shelf: ShelfIndex,
    hold: str,
    camera: str,
    day: str,
    *,
    only: Collection[str] | None = None,
) -> int:
    """Restores one camera-day: links missing names back, after their lines. Returns how many.

    The lines come first, as when a segment is closed; a crash in between leaves a line whose link the next call makes. Raises
    StorageError.
    """
    names = shelf.names(hold, camera, day) if only is None else only
    lost = set(names).difference(days.names(camera, day))
    if not lost:
        return 0
    root = days.volume.root_fd
    folder = layout.day_path(camera, day)
    with days.lock(camera):
        known = set(whole_lines(days.read_journal(camera, day)))
        missing = [line for line in whole_lines(shelf.read_journal(hold, camera, day)) if line not in known]
        days.make_camera(camera)
        make_dir(folder, dir_fd=root)
        if missing:
            days.put_back_lines(camera, day, missing)
        linked = 0
        for name in sorted(lost):
            source = f"{layout.shelf_day_path(hold, camera, day)}/{name}"
            with translating(f"{source} could not be put back into its day"):
                try:
                    os.link(source, f"{folder}/{name}", src_dir_fd=root, dst_dir_fd=root, follow_symlinks=False)
                except FileExistsError:
                    continue
            linked += 1
        fsync_dir(folder, dir_fd=root)
        if not days.sums_agree(camera, day, whole=True):
            days.rebuild_sums(camera, day)
        counted.recount(camera, day)
    _log.error(
        "%d segments of %s on %s were missing from their day; they are put back from the shelf", linked, camera, day
    )
    return linked


def differing(days: Days, shelf: ShelfIndex, hold: str, camera: str, day: str, names: Collection[str]) -> set[str]:
    """Names whose file in the day differs from the shelf's, but still has the checksum in the journal."""
    root = days.volume.root_fd
    found: set[str] = set()
    sums: dict[str, str] | None = None
    for name in names:
        try:
            shelved = os.stat(f"{layout.shelf_day_path(hold, camera, day)}/{name}", dir_fd=root, follow_symlinks=False)
            fd = os.open(f"{layout.day_path(camera, day)}/{name}", os.O_RDONLY | os.O_NOFOLLOW, dir_fd=root)
        except OSError:
            continue
        try:
            there = os.fstat(fd)
            if (there.st_dev, there.st_ino) == (shelved.st_dev, shelved.st_ino):
                continue
            sums = sums if sums is not None else dict(_sums(shelf.read_journal(hold, camera, day)))
            if sha256_of(fd) == sums.get(name, ""):
                found.add(name)
        finally:
            os.close(fd)
    return found


def _sums(data: bytes) -> Iterator[tuple[str, str]]:
    lines = journal.decode_slim(data)
    later = {line.seq: line.sha256 for line in lines if isinstance(line, journal.Hash)}
    for line in lines:
        if isinstance(line, journal.SlimSegment):
            yield line.name, line.sha256 or later.get(line.seq, "?")


def _alone(days: Days, shelf: ShelfIndex, hold: str, camera: str, day: str) -> Iterator[tuple[tuple[int, int], int]]:
    """(device and inode, allocated bytes) of the files that exist only on the shelf."""
    try:
        lost = shelf.names(hold, camera, day).difference(days.names(camera, day))
    except StorageError:
        return
    for name in lost:
        try:
            path = f"{layout.shelf_day_path(hold, camera, day)}/{name}"
            status = os.stat(path, dir_fd=days.volume.root_fd, follow_symlinks=False)
        except OSError:
            continue
        yield (status.st_dev, status.st_ino), status.st_blocks * 512
