"""The process that carries a backup to its target and back: a folder whose disk may hang, or a server that may lie.

It is given one task by the first line on its standard input, imports what it needs, is confined, does the task, answers in a line
and ends. It ends with its standard input, too. ``python -m holdshelf_core.backups.carrier``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import msgspec

from holdshelf_core.backups import link, schedule
from holdshelf_core.backups.place import Failed, FolderPlace, Place
from holdshelf_core.backups.types import FolderTarget, SftpTarget
from holdshelf_core.processes import online
from holdshelf_core.processes.confinement import confine_sender
from holdshelf_core.processes.online_link import line_of

MORE_MEMORY_BYTES: Final = 1 << 30
OPEN_FILES: Final = 64
FILE_BYTES: Final = 64 << 30
MARKER_BYTES: Final = 4096
NICENESS: Final = 10  # recording comes first
READ_ME: Final = "Backups of a Holdshelf recorder lie here (docs/backup.md). Without this file it puts none here."


class _Marker(msgspec.Struct, frozen=True):
    recorder: str
    read_me: str = READ_ME


class Carrier:
    """Does one task at a time for the service."""

    def __init__(self, task: link.Task) -> None:
        self._task, self._recorder, self._folder = task, task.recorder, Path(task.folder)
        self._shown = task.target.words

    async def async_answer(self) -> link.Answer | link.Fault:
        """Do the task and return its answer."""
        try:
            if isinstance(self._task.work, link.AskHostKey):
                from holdshelf_core.backups.sftp import async_host_key  # noqa: PLC0415

                assert isinstance(self._task.target, SftpTarget)
                return link.Answer(host_key=await async_host_key(self._task.target))
            async with self._opened() as place:
                return await self._do(place)
        except Failed as failed:
            return failed.fault
        except OSError as error:
            return link.Fault(
                f"{self._folder} cannot be used ({error.strerror}).", "Check the disk that holds the state folder."
            )

    @contextlib.asynccontextmanager
    async def _opened(self) -> AsyncIterator[Place]:
        if isinstance(self._task.target, FolderTarget):
            yield FolderPlace(self._task.target.path)
            return
        from holdshelf_core.backups.sftp import SftpPlace  # noqa: PLC0415

        async with SftpPlace(self._task.target, self._task.private_key) as place:
            yield place

    async def _do(self, place: Place) -> link.Answer:
        marker, names = schedule.marker_name(self._recorder), await place.names()
        match self._task.work:
            case link.Prepare():
                await self._prepare(place, marker, names)
            case link.Put() as work:
                self._check_marker(marker, names)
                for name in names:
                    if schedule.is_our_part(name, self._recorder):
                        await place.remove(name)  # a try that was cut off left it
                await self._put(place, work)
            case link.Settle() as work:
                self._check_marker(marker, names)
                if work.name in names:
                    await place.remove(work.name)  # of a try whose answer was lost
                await place.rename(schedule.part_name(work.name), work.name)
                there = await place.names()
                if there.get(work.name) != work.bytes:
                    raise Failed(f"{self._shown} does not have {work.name} as it took it.", "Do not trust that target.")
                for name in work.remove:
                    if schedule.is_ours(name, self._recorder) and name in there and name != work.name:
                        with contextlib.suppress(Failed):  # the new one is in place, and that is what counts
                            await place.remove(name)
                names = await place.names()
            case link.AskHostKey():
                raise AssertionError("asked of no place")
        return link.Answer(
            names={name: size for name, size in names.items() if schedule.is_ours(name, self._recorder)},
            same_disk=self._is_same_disk(),
        )

    def _is_same_disk(self) -> bool:
        target = self._task.target
        return isinstance(target, FolderTarget) and Path(target.path).stat().st_dev == self._folder.stat().st_dev

    def _check_marker(self, marker: str, names: dict[str, int]) -> None:
        if marker not in names:
            raise Failed(
                f"{self._shown} is not the folder that was set up: it has no {marker}.",
                "Mount its disk; or, if it was replaced, set the schedule up again.",
            )

    async def _prepare(self, place: Place, marker: str, names: dict[str, int]) -> None:
        """Write the marker, and see that renaming and deleting work."""
        if marker in names:
            await place.remove(marker)
        trial = schedule.part_name(marker)
        await place.remove(trial)
        file = self._folder / "marker"
        file.write_bytes(msgspec.json.encode(_Marker(self._recorder)) + b"\n")
        with file.open("rb") as source:
            await place.write(trial, source.fileno())
        await place.rename(trial, marker)
        told = b"".join([chunk async for chunk in place.read(marker, MARKER_BYTES)])
        if told != file.read_bytes():
            raise Failed(f"{self._shown} reads back differently from what was written.", "Do not trust that target.")
        file.unlink()

    async def _put(self, place: Place, work: link.Put) -> None:
        part = schedule.part_name(work.name)
        with Path(work.file).open("rb") as source:  # noqa: ASYNC230 - nothing else runs in this process
            size = os.fstat(source.fileno()).st_size
            try:
                await place.write(part, source.fileno())
            except Failed:
                with contextlib.suppress(Failed):
                    await place.remove(part)  # what is half there takes room that somebody else may need
                raise
        fd = os.open(work.back, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as back:
            async for chunk in place.read(part, size):
                back.write(chunk)


def is_own(path: str, data: Path) -> bool:
    """Return whether that folder is the recorder's own. It may block for as long as its disk does."""
    real = Path(os.path.realpath(path))
    own = [Path(os.path.realpath(one)) for one in (data, data / "state", data / "media")]
    return any(real == one or one in real.parents for one in own)


def main() -> None:
    """Do the task that standard input tells."""
    begun = online.begin(link.Task, link.task.decode, NICENESS)
    if begun is None:
        return
    task, _rest = begun
    folders = [Path(task.folder)]
    if isinstance(task.target, FolderTarget):
        if is_own(task.target.path, folders[0].parents[1]):
            fault = link.Fault(
                f"{task.target.path} belongs to what is backed up, or to the footage.", "Choose another."
            )
            sys.stdout.buffer.write(line_of(fault))
            return
        folders.append(Path(task.target.path))
    else:
        import holdshelf_core.backups.sftp  # noqa: F401, PLC0415 - before it is confined

        # asyncssh asks who runs it, for what is not used here; the list of accounts cannot be read any more.
        os.environ.update(LOGNAME="holdshelf", HOME="/")
    confine_sender(
        online.readable(),
        *folders,
        more_memory_bytes=MORE_MEMORY_BYTES,
        open_files=OPEN_FILES,
        file_bytes=FILE_BYTES,
    )
    threading.Thread(target=_end_with_input, daemon=True).start()
    answer = asyncio.run(Carrier(task).async_answer())
    sys.stdout.buffer.write(line_of(answer))
    sys.stdout.buffer.flush()
    os._exit(0)  # a thread still waits for standard input


def _end_with_input() -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    os._exit(0)


if __name__ == "__main__":
    main()
