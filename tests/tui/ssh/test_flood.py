"""Hostile clients by the hundred with a key that is enrolled: the Director comes in all the same, and the log stays small."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Iterator

import asyncssh
import pytest

from holdshelf_core.people.login_rate import AT_ONCE, PER_S
from tests.rig.hang import HANG_S
from tests.service import faults_in
from tests.tui.ssh.door_rig import DoorHouse, door_house
from tests.tui.ssh.test_hostile_clients import memory_bytes

CLIENTS = 160
AT_THE_DOOR = 32
"""So many of them exchange keys at a time. Whoever shows no key in eight seconds is hung up on, from the Director's own address
in her place; the crowd is one process, and what it is to do is to show its keys in time, on a slow machine too."""
ATTACK_S = 4.0
MB = 1 << 20


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DoorHouse]:
    """One of its own: what a flood leaves behind is no other test's."""
    with door_house(tmp_path_factory.mktemp("flood")) as running:
        running.enrol("erin", "Erin")
        running.enrol("dan", "Dan")
        running.appoint("dan", "hold")
        yield running
        assert faults_in(running.service.log()) == []


class Client(asyncssh.SSHClient):
    """Shows its key once, and lets the next one come to the door."""

    def __init__(self, key: asyncssh.SSHKey, at_the_door: asyncio.Semaphore) -> None:
        self._keys, self._at_the_door = [key], [at_the_door]

    def leave_the_door(self) -> None:
        while self._at_the_door:
            self._at_the_door.pop().release()

    def public_key_auth_requested(self) -> asyncssh.SSHKey | None:
        self.leave_the_door()
        return self._keys.pop() if self._keys else None


@contextlib.asynccontextmanager
async def besieged(house: DoorHouse, login: str, *, hasty: bool) -> AsyncIterator[list[int]]:
    """``CLIENTS`` that log in with that key, again whenever they are hung up on. ``hasty``: they leave at once, to come back.

    How many log-ins succeeded, and failed.
    """
    counts = [0, 0]
    at_the_door, key = asyncio.Semaphore(AT_THE_DOOR), asyncssh.read_private_key(house.new_key(login))

    async def one() -> None:
        while True:
            await at_the_door.acquire()
            client = Client(key, at_the_door)
            try:
                more = {"client_keys": [], "client_factory": lambda client=client: client}
                async with house.hostile(login, connect_timeout=HANG_S, login_timeout=HANG_S, **more) as connection:
                    counts[0] += 1
                    if not hasty:
                        with contextlib.suppress(asyncssh.Error, OSError):
                            await connection.create_process(term_type=None)
                            await connection.wait_closed()
            except (asyncssh.Error, OSError):
                counts[1] += 1
                await asyncio.sleep(0)
            finally:
                client.leave_the_door()

    tasks = [asyncio.create_task(one()) for _ in range(CLIENTS)]
    try:
        yield counts
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.alone
@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.9"], ids=["same address", "another address"])
@pytest.mark.parametrize("hasty", [False, True], ids=["who stay", "who come and go"])
@pytest.mark.parametrize("login", ["erin", "dan"], ids=["without a right", "with a right"])
async def test_the_director_comes_in_past_a_hundred_and_sixty_hostile_clients(
    house: DoorHouse, login: str, *, hasty: bool, address: str
) -> None:
    before, memory, began = len(house.log_entries("door.login")), memory_bytes(house.door_pid()), time.monotonic()
    log = house.service.data / "state" / "access"
    bytes_before = sum(file.stat().st_size for file in log.glob("*.jsonl"))
    took = []
    async with besieged(house, login, hasty=hasty) as counts:
        while time.monotonic() < began + ATTACK_S or len(took) < 4:
            asked = time.monotonic()
            done = await asyncio.to_thread(house.run, "dora", "holds", options=["-b", address])
            took.append(time.monotonic() - asked)
            assert done.code == 0, (done.said, took, counts)
        held = memory_bytes(house.door_pid()) - memory
    lasted_s = time.monotonic() - began
    if "FLOOD_SHOW" in os.environ:
        grown = sum(file.stat().st_size for file in log.glob("*.jsonl")) - bytes_before
        print(
            f"\n{[round(s, 2) for s in took]} {counts} entries {len(house.log_entries('door.login')) - before} "
            f"{grown} bytes, door +{held / MB:.0f} MB in {lasted_s:.1f} s"
        )
    assert held < 64 * MB
    theirs = len(house.log_entries("door.login")) - before - len(took)
    assert theirs <= AT_ONCE + PER_S * lasted_s + 4
