"""What scheduled backups meet, without a service: a real state, log, register and carrier process; a clock that is set here."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import asyncssh

from holdshelf_core import times
from holdshelf_core.actions.registry import LogForm
from holdshelf_core.backups import keys
from holdshelf_core.backups.backups import Backups
from holdshelf_core.backups.types import AnyTarget, Scheduled
from holdshelf_core.integration.bus import EventBus
from holdshelf_core.integration.repairs import RepairRegistry
from holdshelf_core.operations import offline
from holdshelf_core.paths import DataPaths
from holdshelf_core.times import NS
from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.register import Register

START = 1_795_615_200 * NS


class Room:
    """``target``: where its backups go; the place is marked as a person's `backup schedule` does it."""

    def __init__(self, folder: Path) -> None:
        self.paths = DataPaths(folder / "data")
        offline.init(self.paths.data, media=None, budget_bytes=None, floor_days=None)
        self.now_utc_ns, self.booted_utc_ns = START, START
        self.open()
        self.entry("service.start")

    def open(self) -> None:
        """As a service that starts."""
        self.log = AccessLog.open(self.paths.state)
        self._spawned: list[asyncio.Task[None]] = []
        self.register = Register.open(self.paths.state)
        clock = SimpleNamespace(utc_ns=lambda: self.now_utc_ns, boot_ns=lambda: self.now_utc_ns)
        self.repairs = RepairRegistry(EventBus(clock.utc_ns), clock.utc_ns)
        self.frame: Any = SimpleNamespace(
            paths=self.paths, clock=clock, repairs=self.repairs, stop_threads=threading.Event(), async_spawn=self._spawn
        )
        self.authorizer: Any = SimpleNamespace(
            log=self.log,
            frame=self.frame,
            store=SimpleNamespace(flush=lambda: None),
            async_service_entry=self._async_entry,
        )
        self.backups = Backups(self.authorizer, self.register)

    def close(self) -> None:
        self.log.close()

    def entry(self, action: str) -> int:
        """An entry of now."""
        return self.log.append({"at": times.rfc3339(self.now_utc_ns), "action": action, "outcome": "done"})

    async def _async_entry(self, action: str, _form: LogForm) -> int:
        return self.entry(action)

    async def async_schedule(self, target: AnyTarget, at: str = "02:30") -> None:
        await self.backups.async_prepare(target)
        await self.backups.async_put(Scheduled(target, at))

    async def async_look(self) -> str:
        """The job, and what it begins, and what it says then."""
        await self.backups.async_look()
        while self._spawned:
            await self._spawned.pop()
        return await self.backups.async_look()

    def _spawn(self, coro: Coroutine[Any, Any, None], _name: str) -> None:
        self._spawned.append(asyncio.create_task(coro))

    def told(self) -> list[str]:
        return [repair.sentence for repair in self.repairs.async_all()]

    def logged(self, action: str) -> int:
        return len(self.log.numbers_of((action,)))

    @property
    def key(self) -> str:
        """Its public key, as 'TYPE BASE64'."""
        line = asyncssh.import_private_key(keys.private_key(self.paths.state)).export_public_key().decode()
        return " ".join(line.split()[:2])

    @property
    def scheduled_folder(self) -> Path:
        return self.paths.data / "backups" / "scheduled"


def names(folder: Path) -> list[str]:
    """Everything there."""
    return sorted(one.name for one in folder.iterdir())


def tars(folder: Path) -> list[str]:
    """What has a backup's final name."""
    return [name for name in names(folder) if name.endswith(".tar")]
