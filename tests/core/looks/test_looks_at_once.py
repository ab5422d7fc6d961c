"""Looks asked for at once share a sync of the access log: none is open before it, one that fails opens none of them."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from holdshelf_core.actions.caller import Caller
from holdshelf_core.actions.state_store import put
from holdshelf_core.app import Holdshelf
from holdshelf_core.errors import Refused, Unavailable
from holdshelf_core.looks.grants import GRANTS_PER_PERSON
from holdshelf_core.looks.types import GrantRow, PurposeOpen
from holdshelf_core.operations import offline
from holdshelf_core.paths import DataPaths
from holdshelf_core.policy import model
from holdshelf_storage.access_log import write as log_write
from tests.looking import MINUTE_NS, commissioned, record, seed

CHAIR = Caller("p1", admin=False, uid=0, via="ssh", source="192.0.2.7", session="one")
SEVEN = range(1, 8)


@dataclass
class Disk:
    """The log's disk: each sync of entries waits until it may go on."""

    groups: list[int] = field(default_factory=list)
    """How many entries each sync was for."""
    entered: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    fails: bool = False


@dataclass
class House:
    """A service in this process, whose log's disk stands still."""

    holdshelf: Holdshelf
    disk: Disk
    submitted: list[str] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def async_ask(self, number: int, mode: str = "archive") -> asyncio.Task[GrantRow]:
        """A look of the Chair's, asked for."""
        at_utc_ns = time.time_ns() - 58 * MINUTE_NS if mode == "archive" else None
        asked = PurposeOpen(["lobby"], "crime", f"2026-{number:04d}", at_utc_ns=at_utc_ns, mode=mode)
        return asyncio.create_task(self.holdshelf.authorizer.async_do(asked, CHAIR))

    async def async_submitted(self, count: int) -> None:
        """Waits until the log has that many entries to write, or has written them."""
        while len(self.submitted) < count:
            self._changed.clear()
            await self._changed.wait()

    async def async_standing(self) -> asyncio.Task[GrantRow]:
        """A first look, whose sync is under way."""
        first = self.async_ask(0)
        await asyncio.to_thread(self.disk.entered.wait)
        return first


@asynccontextmanager
async def standing_disk(data: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    holdshelf = Holdshelf(DataPaths(data))
    await holdshelf._start()
    disk = Disk()
    house = House(holdshelf, disk)
    put_real, sync_real, submit = log_write.Writer.put, os.fdatasync, holdshelf.log.submit

    def put_counted(writer: log_write.Writer, name: str, lines: list[bytes]) -> None:
        disk.groups.append(len(lines))
        put_real(writer, name, lines)

    def sync(fd: int) -> None:
        disk.entered.set()
        disk.go_on.wait()
        if disk.fails:
            raise OSError(5, "Input/output error")
        sync_real(fd)

    def submit_told(public: Any, private: Any = None) -> Any:
        future = submit(public, private)
        house.submitted.append(public["action"])
        house._changed.set()
        return future

    try:
        with monkeypatch.context() as patched:
            patched.setattr(log_write.Writer, "put", put_counted)
            patched.setattr(os, "fdatasync", sync)
            patched.setattr(holdshelf.log, "submit", submit_told)
            try:
                yield house
            finally:
                disk.fails = False
                disk.go_on.set()
    finally:
        await holdshelf._stop()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("at-once") / "data"
    offline.init(data, media=None, budget_bytes=None, floor_days=None)
    paper, began = hashlib.sha256(b"paper").hexdigest(), time.time_ns() - 90 * MINUTE_NS
    rows: list[tuple[str, str, msgspec.Struct]] = [
        *commissioned("lobby"),
        ("people", "p1", model.Person("p1", "cora", "Cora Chair")),
        ("seats", "s1", model.Seat("s1", "chair", "p1", began, None, paper, "admin")),
    ]
    seed(data, rows)
    record(data, ("lobby",))
    return data


type Run = Callable[[Callable[[House], Coroutine[Any, Any, None]]], None]


@pytest.fixture
def run(whole: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs what is given with a house; no look is open in it when it begins."""

    def running(scene: Callable[[House], Coroutine[Any, Any, None]]) -> None:
        async def main() -> None:
            async with standing_disk(whole, monkeypatch) as house, asyncio.timeout(90):
                await scene(house)

        asyncio.run(main())

    return running


def test_looks_that_come_while_a_sync_is_under_way_share_the_next_one(run: Run) -> None:
    async def scene(house: House) -> None:
        first = await house.async_standing()
        seven = [house.async_ask(number) for number in SEVEN]
        await house.async_submitted(8)
        assert not any(task.done() for task in (first, *seven)), "a look is open before its entry is on disk"
        assert house.holdshelf.looks.all() == []
        house.disk.go_on.set()
        rows = await asyncio.gather(first, *seven)
        assert house.disk.groups[:2] == [1, 7]
        numbers = [int(row.id.rpartition("-")[2]) for row in rows]
        assert numbers == list(range(numbers[0], numbers[0] + 8))
        entries = list(house.holdshelf.log.read(numbers[0], numbers[-1]))
        assert [found.public["incident"] for found in entries] == [f"2026-{number:04d}" for number in range(8)]

    run(scene)


def test_a_sync_that_fails_opens_none_of_the_looks_that_shared_it(run: Run) -> None:
    async def scene(house: House) -> None:
        size = house.holdshelf.log.size
        first = await house.async_standing()
        house.disk.fails = True
        seven = [house.async_ask(number) for number in SEVEN]
        await house.async_submitted(8)
        house.disk.go_on.set()
        failures = await asyncio.gather(first, *seven, return_exceptions=True)
        assert [type(failure) for failure in failures] == [Unavailable] * 8
        assert house.disk.groups[:2] == [1, 7]
        assert house.holdshelf.looks.all() == [] and house.holdshelf.log.size == size
        house.disk.fails = False
        assert (await house.async_ask(9)).id, "the next one finds the disk well again"

    run(scene)


def test_looks_asked_for_at_once_are_counted_before_they_are_open(run: Run) -> None:
    async def scene(house: House) -> None:
        many = [house.async_ask(number) for number in range(GRANTS_PER_PERSON + 2)]
        await house.async_submitted(GRANTS_PER_PERSON + 1)  # and the first refusal's entry
        house.disk.go_on.set()
        found = await asyncio.gather(*many, return_exceptions=True)
        assert [type(one) for one in found] == [GrantRow] * GRANTS_PER_PERSON + [Refused] * 2

    run(scene)


def test_a_right_that_ends_while_the_entry_is_written_opens_nothing(run: Run) -> None:
    async def scene(house: House) -> None:
        first = await house.async_standing()
        store = house.holdshelf.authorizer.store
        left = msgspec.structs.replace(store.state.people["p1"], left_utc_ns=time.time_ns())
        store.apply_unwritten([put("people", "p1", left)])
        house.disk.go_on.set()
        with pytest.raises(Refused):
            await first
        assert house.holdshelf.looks.all() == []

    run(scene)


def test_live_looks_still_exclude_each_other(run: Run) -> None:
    async def scene(house: House) -> None:
        both = [house.async_ask(number, "live") for number in range(2)]
        house.disk.go_on.set()
        opened, refused = await asyncio.gather(*both, return_exceptions=True)
        assert isinstance(opened, GrantRow) and isinstance(refused, Refused)

    run(scene)
