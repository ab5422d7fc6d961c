"""A whole house in one process for tests of the rules: real state, gate, log, register, footage and shelf; time as it is told.

Stand-ins are only the clock's two sources (wall and boot time), the recorder (segments go through ``Footage`` directly), the
picture workers (their "JPEG" says what was read out of the file), and timers: what the service does each second, each minute
or in the background happens when a test says so. A crash is a copy of the disk of that instant, opened anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import shutil
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec

from holdshelf_core import clock
from holdshelf_core.actions.caller import Caller
from holdshelf_core.api.identity import NotAuthenticated
from holdshelf_core.api.server import ApiServer
from holdshelf_core.errors import HoldshelfError
from holdshelf_core.frame import async_settled
from holdshelf_core.paths import DataPaths
from holdshelf_storage.access_log import write as access_write
from holdshelf_storage.errors import DiskFull
from holdshelf_storage.volume import reserve
from tests.rig.hang import HANG_S
from tests.rules_footage import Cameras
from tests.rules_service import HouseUnderTest, copy_tree, kind_of

NS = 1_000_000_000
MINUTE_NS = 60 * NS
START_NS = 1_795_607_999 * NS
"""2026-11-25T11:59:59Z."""
DOOR_UID = 4711
UMASK = os.umask(0)
os.umask(UMASK)
ADMIN = Caller(None, admin=True, uid=0, via="local", session="local-0-1", account="root")


@dataclass(slots=True)
class Time:
    """What the machine's clocks say. ``wall_ns`` may be set by anybody, ``boot_ns`` only runs."""

    wall_ns: int = START_NS
    boot_ns: int = 5_000 * NS
    boots: int = 1

    def run(self, ns: int) -> None:
        """Time passes."""
        self.wall_ns += ns
        self.boot_ns += ns


@dataclass(frozen=True, slots=True)
class Session:
    """An SSH session as its own process knows it."""

    person: str
    fingerprint: str
    token: str
    id: str


@dataclass(slots=True)
class Shown:
    """One picture that left: to whom, of what, by its own bytes; and the entry that its answer names."""

    person: str | None
    camera: str
    at_utc_ns: int
    action: str
    look: str
    log_seq: int
    boot_ns: int
    """When it was asked for."""
    covered: dict[str, Any] | None
    """That entry as it lay on disk when the answer was there; None: it did not."""


@dataclass(slots=True)
class Outcome:
    """What came of an act. ``kind``: done | refused | stranger (no session) | unavailable | wrong (a request that cannot be)."""

    kind: str
    answer: Any = None
    error: HoldshelfError | None = None
    entries: list[dict[str, Any]] = field(default_factory=list)
    """Entries that came onto the disk meanwhile."""
    shown: list[Shown] = field(default_factory=list)


class Rig:
    """One installation over its crashes. Every method blocks; ``close`` it."""

    def __init__(self, folder: Path, template: Path | None = None, time: Time | None = None) -> None:
        self.folder = folder
        self.time = time or Time()
        self.loop = asyncio.new_event_loop()
        self.cameras = Cameras(self.time)
        self.budget_bytes: int | None = None
        self.log_fault = ""
        """'' | full | sync: how the disk of the access log fails now."""
        self.generation = 0
        self.data = DataPaths(folder / "0")
        self.entries: dict[int, dict[str, Any]] = {}
        """Public entries by number, as this test read them from the disk itself."""
        self.written_boot_ns: dict[int, int] = {}
        self._read_to: dict[str, int] = {}
        self._snapshot: tuple[str, str] | None = None
        self.crashed_within = False
        """The disk of the moment that ``crash_within`` named is what ``crash`` will open."""
        self._undo = contextlib.ExitStack()
        os.umask(0o077)  # as the service sets it
        self._undo.callback(os.umask, UMASK)
        self._patch()
        if template is not None:
            copy_tree(template, self.data.data)
        self.house: HouseUnderTest
        self.server: ApiServer

    # --- faults and time ----------------------------------------------------------------------------------------

    def _patch(self) -> None:
        def put(module: Any, name: str, value: Any) -> None:
            self._undo.callback(setattr, module, name, getattr(module, name))
            setattr(module, name, value)

        put(clock, "utc_ns", lambda: self.time.wall_ns)
        put(clock, "boottime_ns", lambda: self.time.boot_ns)
        put(clock, "boot_id", lambda: f"boot-{self.time.boots}")
        put(reserve, "RESERVE_BYTES", 16 * 1024)
        write_all, sync = access_write.write_all, access_write.sync

        def failing_write(fd: int, data: bytes) -> None:
            if self.log_fault == "full":
                os.write(fd, data[: len(data) // 2])
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            write_all(fd, data)

        def failing_sync(fd: int, what: str, *, data_only: bool = False) -> None:
            if self.log_fault == "sync":
                raise DiskFull(f"{what} could not be made durable; check the disk.")
            sync(fd, what, data_only=data_only)

        put(access_write, "write_all", failing_write)
        put(access_write, "sync", failing_sync)

    def run[T](self, coro: Coroutine[Any, Any, T]) -> T:
        """On the one loop of this rig."""
        return self.loop.run_until_complete(coro)

    # --- life -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Opens what lies in the current folder."""
        self.house = self.run(self._open())
        self.server = ApiServer(self.house.frame, self.house.authorizer, self.house.logins)
        self.server.tokens.async_listen(self.server._session_ended)
        submit = self.house.log.submit

        def watched(public: Mapping[str, Any], private: Mapping[str, str] | None = None) -> Future[int]:
            self._take_snapshot("before", public)
            future = submit(public, private)
            with contextlib.suppress(Exception):
                self.written_boot_ns.setdefault(future.result(HANG_S), self.time.boot_ns)
                self._take_snapshot("after", public)
            return future

        self.house.log.submit = watched  # type: ignore[method-assign]
        self._read_to.clear()
        self.entries.clear()
        self.read_log()

    async def _open(self) -> HouseUnderTest:
        house = HouseUnderTest(self.data, self.cameras)
        await house.async_open()
        house.retention.async_set_budget(self.budget_bytes)
        if house.store.opened is not None:
            self.cameras.async_record(house)
        return house

    def crash_within(self, moment: str, action: str) -> None:
        """The next act of that name loses its machine right "before" or "after" its entry is on disk; `crash` follows."""
        self._snapshot = (moment, action)

    def _take_snapshot(self, moment: str, public: Mapping[str, Any]) -> None:
        if self._snapshot == (moment, public["action"]) and public["outcome"] == "done":
            self._snapshot = None
            self.crashed_within = True
            self._wait_for_log()
            copy_tree(self.data.data, self.next_data.data)

    def _wait_for_log(self) -> None:
        """Until nothing is being written: files copied one after the other are of no one instant else."""
        log = self.house.log
        deadline = time.monotonic() + HANG_S
        while time.monotonic() < deadline and not self.log_fault:
            if log._queue.empty() and log._writer.head_size == log.size == log._writer.tree.size:
                return
            time.sleep(0.0005)
        assert self.log_fault, "the log is still being written"

    @property
    def next_data(self) -> DataPaths:
        """Where the disk lies after the next crash."""
        return DataPaths(self.folder / str(self.generation + 1))

    def crash(self, change_disk: Callable[[DataPaths], None] = lambda _data: None, *, reboot: bool = False) -> None:
        """Everything in memory is gone; what is on the disk now (or was, see `crash_within`) is opened anew."""
        self._snapshot, self.crashed_within = None, False
        data = self.next_data
        if not data.data.exists():
            self._wait_for_log()
            copy_tree(self.data.data, data.data)
        self._abandon()
        shutil.rmtree(self.data.data)
        self.generation += 1
        self.data = data
        if reboot:
            self.time.boots += 1
            self.time.boot_ns = 20 * NS
        change_disk(data)
        self.start()

    def _abandon(self) -> None:
        house = self.house
        for coro in house.background:
            coro.close()
        self.cameras.forget()

        async def let_go() -> None:
            await async_settled(house.looks._tasks)
            await house.holds.async_detach()
            await house.store.async_close()
            await asyncio.to_thread(house.log.close)
            house._threads.shutdown()
            for task in asyncio.all_tasks(self.loop) - {asyncio.current_task()}:  # type: ignore[arg-type]
                task.cancel()

        self.run(let_go())

    def close(self) -> None:
        """Lets go of everything; the folder is gone."""
        try:
            if hasattr(self, "house"):
                self._abandon()
            self.run(self.loop.shutdown_default_executor())
            self.loop.close()
        finally:
            self._undo.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    # --- what happens by itself -----------------------------------------------------------------------------------

    def tick(self) -> None:
        """What the service does each second."""

        async def second() -> None:
            await self.house.async_second()
            await self.server.tokens.async_check_all(self.server._session_over)
            await async_settled(self.house.looks._tasks)

        self.run(second())
        self.read_log()

    def housekeeping(self) -> None:
        """Shelving, lifted holds, the queue of entries."""
        self.run(self.house.async_housekeeping())
        self.read_log()

    def sweep(self) -> None:
        """Back under the budget."""
        self.run(self.house.jobs.run["sweep"]())  # type: ignore[attr-defined]

    def flush(self) -> None:
        """The register follows the log."""
        self.house.state_store.flush()

    # --- acting -----------------------------------------------------------------------------------------------------

    def log_in(self, login: str, fingerprint: str) -> tuple[Session | None, Outcome]:
        """Over SSH, with a key that the door has checked."""
        outcome = Outcome("done")
        first = len(self.entries)
        session = None
        try:
            who = self.run(self.house.logins.async_login(login, fingerprint, "192.0.2.7"))
            token, key = self.server.tokens.mint(who.person, fingerprint, "192.0.2.7", DOOR_UID)
            session = Session(who.person, fingerprint, token, key)
        except HoldshelfError as error:
            outcome = Outcome(kind_of(error), error=error)
        outcome.entries = self.read_log()[first:]
        return session, outcome

    async def async_log_out(self, session: Session) -> None:
        """The door says that it is gone."""
        self.server.tokens.revoke(session.id)

    def log_out(self, session: Session) -> None:
        """The same, and all that follows from it."""
        self.run(self.async_log_out(session))
        self.run(async_settled(self.house.looks._tasks))
        self.read_log()

    def act(self, name: str, who: Session | None, request: msgspec.Struct) -> Outcome:
        """One act as the API does it; ``who`` None is the admin."""
        first, asked_boot_ns = len(self.entries), self.time.boot_ns

        async def acted() -> Outcome:
            try:
                answer = await self.async_act(name, who, request)
            except HoldshelfError as error:
                return Outcome(kind_of(error), error=error)
            finally:
                # What is on disk at the instant of the answer, before anything else gets its turn.
                self.read_log()
            return Outcome("done", answer, shown=list(self._shown(name, who, request, answer, asked_boot_ns)))

        outcome = self.run(acted())
        self.run(async_settled(self.house.looks._tasks))
        outcome.entries = self.read_log()[first:]
        return outcome

    async def async_act(self, name: str, who: Session | None, request: msgspec.Struct) -> Any:
        """As ``act``, on the loop. Raises HoldshelfError."""
        caller = ADMIN
        if who is not None:
            session = self.server.tokens.check(who.token, DOOR_UID)
            if session is None:
                raise NotAuthenticated("This session is unknown.")
            caller = session.caller
        await self.server._check_standing(SimpleNamespace(path=f"/actions/{name}"), caller)  # type: ignore[arg-type]
        action = self.house.authorizer.registry.get(name)
        assert action is not None, name
        body = await self.house.authorizer.async_act(name, caller, msgspec.json.encode(request))
        return msgspec.json.decode(body, type=action.answer)

    def _shown(self, name: str, who: Session | None, request: Any, answer: Any, boot_ns: int) -> Iterator[Shown]:
        for row in answer.pictures if hasattr(answer, "pictures") and isinstance(answer.pictures, list) else [answer]:
            if getattr(row, "jpeg", b""):
                told = json.loads(row.jpeg)
                person = who.person if who is not None else None
                look, entry = getattr(request, "grant", ""), self.entries.get(told["log"])
                yield Shown(person, told["camera"], told["at"], name, look, told["log"], boot_ns, entry)

    # --- the disk, read by this test itself ---------------------------------------------------------------------------

    def read_log(self) -> list[dict[str, Any]]:
        """All public entries on disk, in order."""
        paths = sorted((self.data.state / "access").glob("*.jsonl"))
        if any(path.stat().st_size < self._read_to.get(path.name, 0) for path in paths):
            self._read_to.clear()  # an entry that failed to become durable was cut off again
            self.entries.clear()
        for path in paths:
            with path.open("rb") as file:
                file.seek(self._read_to.get(path.name, 0))
                data = file.read()
            whole = data.rfind(b"\n") + 1
            for line in data[:whole].splitlines():
                if not line.startswith(b'{"private"') and (entry := self._entry_of(line)) is not None:
                    self.entries[entry["seq"]] = entry
            self._read_to[path.name] = self._read_to.get(path.name, 0) + whole
        return [self.entries[seq] for seq in sorted(self.entries)]

    def _entry_of(self, line: bytes) -> dict[str, Any] | None:
        """The entry in a line of the log; every line holds one. None: it is not counted."""
        entry: dict[str, Any] = json.loads(line)
        return entry

    def rows(self) -> dict[str, dict[str, Any]]:
        """What the house knows now, as plain data."""
        return {
            t: {k: msgspec.to_builtins(row) for k, row in rows.items()}
            for t, rows in self.house.state_store.rows.items()
        }
