"""The service inside a rig: the real root object, whose pictures, jobs and background work are stand-ins that a test drives."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from holdshelf_core import clock
from holdshelf_core.api.identity import NotAuthenticated
from holdshelf_core.app import Holdshelf
from holdshelf_core.errors import BadRequest, Conflict, HoldshelfError, NotFound, Refused, Unavailable
from holdshelf_core.looks.pictures import Burn, OpenPicture, Picture, Wanted
from holdshelf_core.looks.worker.index import GROWING_SLACK_NS
from holdshelf_core.paths import DataPaths
from holdshelf_core.people import expiry as ends
from tests.rules_footage import Cameras, read_origin

ROOT_EVERY = 20
"""Entries: a root is stated more often here, so that a replay begins at one."""


class StandInPictures:
    """Makes a "JPEG" out of what the file itself says: camera, start, sequence. ``meanwhile`` runs while it decodes."""

    def __init__(self) -> None:
        self.meanwhile: Callable[[], Awaitable[object]] | None = None

    def open(self) -> None: ...

    async def async_stop(self) -> None: ...

    def forget_viewer(self, viewer: str) -> None: ...

    def warm(self) -> None: ...

    async def async_still(
        self,
        files: Sequence[OpenPicture],
        at_utc_ns: int,
        burn: Burn,
        *,
        max_width: int = 0,
        key_from_utc_ns: int | None = None,
    ) -> Picture:
        file = next((f for f in files if f.holds(at_utc_ns)), None)
        if file is None:
            raise NotFound("No file holds that time.")
        origin = read_origin(file.fd)
        newest_utc_ns = origin["start_utc_ns"] + clock.boottime_ns() - origin["start_boot_ns"]
        if file.end_utc_ns is None and at_utc_ns >= newest_utc_ns + GROWING_SLACK_NS:
            # Its wall clock was set ahead: what is being written reaches to the time of the clock it began with.
            raise NotFound("The file does not reach that far.")
        await self._decode()
        # The key frame before the time asked for is, at the earliest, the file's first frame.
        is_key_enough = key_from_utc_ns is not None and file.start_utc_ns >= key_from_utc_ns
        return self._picture(origin["camera"], file.start_utc_ns if is_key_enough else at_utc_ns, burn, origin["seq"])

    async def async_strip(self, wanted: Sequence[Wanted]) -> list[Picture | HoldshelfError]:
        made: list[Picture | HoldshelfError] = []
        for one in wanted:
            try:
                still = self.async_still(one.files, one.at_utc_ns, one.burn, key_from_utc_ns=one.key_from_utc_ns)
                made.append(await still)
            except HoldshelfError as error:
                made.append(error)
        return made

    async def async_live(
        self,
        files: Sequence[OpenPicture],
        burn: Burn,
        viewer: str,
        *,
        max_width: int = 0,
        after_utc_ns: int | None = None,
    ) -> Picture | None:
        if not files:
            raise NotFound("There is no picture yet.")
        origin, newest_utc_ns = read_origin(files[0].fd), clock.utc_ns()
        await self._decode()
        return self._picture(origin["camera"], newest_utc_ns, burn, origin["seq"])

    async def _decode(self) -> None:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()

    @staticmethod
    def _picture(camera: str, shown_utc_ns: int, burn: Burn, seq: int) -> Picture:
        told = {"camera": camera, "at": shown_utc_ns, "log": burn.log_seq, "masks": burn.mask_version}
        return Picture(json.dumps(told).encode(), 64, 48, 40, shown_utc_ns, burn.mask_version, False, seq)


class CollectedJobs:
    """The service's jobs, run when a test says so."""

    def __init__(self) -> None:
        self.run: dict[str, Callable[[], Awaitable[str]]] = {}

    def async_add(
        self, name: str, _what: str, _every_s: float, run: Callable[[], Awaitable[str]], *, soon_s: float
    ) -> None:
        self.run[name] = run

    def async_start(self) -> None: ...

    async def async_stop(self) -> None: ...

    def async_clock_stepped(self) -> None: ...


class HouseUnderTest(Holdshelf):
    """The real root object. What it would do in the background waits in ``background``."""

    def __init__(self, data: DataPaths, cameras: Cameras) -> None:
        super().__init__(data)
        self.background: list[Coroutine[Any, Any, Any]] = []
        self.recorder = cameras  # type: ignore[assignment]
        self.pictures = StandInPictures()  # type: ignore[assignment]
        self.jobs = CollectedJobs()  # type: ignore[assignment]
        self.frame.async_spawn = self._spawn  # type: ignore[method-assign]
        self.async_spawn = self._spawn

    def _spawn(self, coro: Coroutine[Any, Any, Any], name: str) -> None:
        if name.startswith("shelve-"):
            self.background.append(coro)
        else:  # register, queue and watches: their work is done by ``Rig.tick`` and ``Rig.housekeeping``
            coro.close()

    async def async_open(self) -> None:
        await self._start()
        if self.store._index is not None:
            await asyncio.to_thread(
                self.store._index.join
            )  # footage is counted: what a sweep does is the same each time

    async def async_second(self) -> None:
        """What ``_watch`` does each second."""
        self.clock_watch.async_watch()
        await ends.async_write_ends(self.authorizer)
        await self.looks.async_watch()
        await self.clock_watch.async_beat()
        await self.seen.async_write()

    async def async_drain(self) -> None:
        """What the queue's own task does."""
        with contextlib.suppress(Unavailable):
            async with self.authorizer.order:
                await self.authorizer._drain()

    async def async_housekeeping(self) -> None:
        """What runs in the background and each minute, but for the sweep."""
        waiting, self.background = self.background, []
        for coro in waiting:
            await coro
        await self.async_drain()
        if self.log.size - self.state_store.root_seq >= ROOT_EVERY:
            await self.care.async_state_root()
        for name, run in self.jobs.run.items():  # type: ignore[attr-defined]
            if name not in ("sweep", "scrub", "health", "signs", "access log"):
                with contextlib.suppress(Unavailable):  # that is the job's result, as `jobs` has it
                    await run()


def kind_of(error: HoldshelfError) -> str:
    """The kind of an act's outcome, from what it raised."""
    if isinstance(error, NotAuthenticated):
        return "stranger"
    if isinstance(error, Refused):
        return "refused"
    if isinstance(error, Unavailable):
        return "unavailable"
    if isinstance(error, (BadRequest, Conflict, NotFound)):
        return "wrong"
    raise AssertionError(f"an act failed: {error!r}")


def copy_tree(source: Path, target: Path) -> None:
    """A copy of a disk: files of several names stay one file, modes stay."""
    seen: dict[int, str] = {}
    for folder, _, names in os.walk(source):
        there = target / os.path.relpath(folder, source)
        there.mkdir(mode=0o700, parents=True)
        for name in names:
            path = os.path.join(folder, name)
            try:
                status = os.stat(path, follow_symlinks=False)
            except FileNotFoundError:
                continue  # a temporary file that has its name by now
            first = seen.setdefault(status.st_ino, os.path.join(there, name))
            if first != os.path.join(there, name):
                os.link(first, there / name)
            else:
                with contextlib.suppress(FileNotFoundError), open(path, "rb") as one, open(first, "wb") as other:
                    other.write(one.read())
                    os.chmod(first, status.st_mode & 0o777)
