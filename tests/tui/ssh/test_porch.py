"""Before the door says a word: a pace for each address, turns between addresses, a share for those that people come from."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from holdshelf_tui.ssh import porch as porch_module
from holdshelf_tui.ssh.porch import (
    ALL_AT_ONCE,
    AT_ONCE,
    HELD_MOST,
    HELD_S,
    PER_S,
    PROVED_AT_ONCE,
    PROVED_PER_S,
    WAIT_S,
    WAITING_MOST,
    WAITING_PER_ADDRESS,
    Porch,
)
from tests.rig.hang import HANG_S


class Desk:
    """A porch with a clock of the test's own; ``admitted`` are the far ends, in the order in which they were let on."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.admitted: list[int] = []
        self.full: set[str] = set()
        self._far: dict[int, socket.socket] = {}
        self._by_near: dict[int, int] = {}
        self.porch = Porch(
            self.listening, self._admit, lambda network, **_: network not in self.full, lambda: self.now_s
        )

    def _admit(self, link: socket.socket, _network: str) -> None:
        self.admitted.append(self._by_near[link.fileno()])
        link.close()

    def arrive(self, network: str, times: int = 1) -> list[int]:
        """So many connections from there; their numbers."""
        numbers = []
        for _ in range(times):
            near, far = socket.socketpair()
            number = len(self._far)
            self._far[number], self._by_near[near.fileno()] = far, number
            self.porch.arrived(near, network)
            numbers.append(number)
        return numbers

    def turns(self, after_s: float = 0.0) -> list[int]:
        """Who is let on by then, in order."""
        before = len(self.admitted)
        self.now_s += after_s
        self.porch._pump()
        return self.admitted[before:]

    def hung_up(self, number: int) -> bool:
        self._far[number].setblocking(False)
        with contextlib.suppress(BlockingIOError):
            return self._far[number].recv(1) == b""
        return False

    def close(self) -> None:
        self.porch.close()
        for far in self._far.values():
            far.close()


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = Desk()
    made.porch.open()
    yield made
    made.close()


async def test_one_address_is_let_on_at_its_pace(desk: Desk) -> None:
    desk.arrive("a", 100)
    assert len(desk.turns()) == AT_ONCE
    assert desk.turns() == []
    assert len(desk.turns(1.0)) == PER_S
    # ssh-audit: thirty connections in a second and a half are too many.
    assert AT_ONCE + 1.5 * PER_S < 30


async def test_whoever_came_last_from_an_address_is_let_on_first(desk: Desk) -> None:
    desk.arrive("a", 160)
    desk.turns()
    (director,) = desk.arrive("a")
    assert desk.turns(1.1 / PER_S) == [director]


async def test_a_crowd_that_has_an_enrolled_key_is_through_at_once_and_not_again_and_again(desk: Desk) -> None:
    desk.arrive("a", 160)
    desk.turns()
    for _ in range(160 - AT_ONCE):
        desk.porch.proved("a", "SHA256:key")
    assert len(desk.admitted) == 160
    for _ in range(40):
        desk.arrive("a", 100)
        for _ in range(100):
            desk.porch.proved("a", "SHA256:key")
        desk.turns(1.0)
    assert len(desk.admitted) - 160 <= PROVED_AT_ONCE + 40 * (PROVED_PER_S + PER_S)


async def test_addresses_take_turns_and_a_crowd_at_one_keeps_nobody_at_another_waiting(desk: Desk) -> None:
    for number in range(40):
        desk.arrive(f"bot{number}", 10)
    assert len(desk.turns()) == ALL_AT_ONCE
    (person,) = desk.arrive("person")
    for _ in range(15):
        desk.turns(0.1)
    assert person in desk.admitted


async def test_the_share_of_addresses_that_people_come_from_is_theirs_alone(desk: Desk) -> None:
    desk.porch.came_in("home")
    for number in range(40):
        desk.arrive(f"bot{number}", 10)
    desk.turns()
    (director,) = desk.arrive("home")
    assert desk.turns() == [director]
    desk.now_s += porch_module.KNOWN_S
    assert not desk.porch.knows("home")


async def test_who_waits_is_bounded_and_the_crowd_gives_way(desk: Desk) -> None:
    alone = desk.arrive("alone", 30)
    desk.turns()
    waits = alone[0]
    assert waits not in desk.admitted
    crowd = desk.arrive("crowd", WAITING_PER_ADDRESS + 5)
    assert [desk.hung_up(number) for number in (*crowd[:5], *crowd[-3:])] == [True] * 5 + [False] * 3
    for number in range(4):
        desk.arrive(f"crowd{number}", WAITING_PER_ADDRESS)
    assert len(desk.porch) == WAITING_MOST
    assert not desk.hung_up(waits)


async def test_nobody_waits_for_ever(desk: Desk) -> None:
    first, *_ = desk.arrive("a", WAITING_PER_ADDRESS)
    for _ in range(int(WAIT_S) - 1):
        desk.turns(0.99)
        desk.arrive("a", 10)
        assert not desk.hung_up(first)
    desk.turns(2)
    assert first not in desk.admitted
    assert desk.hung_up(first)


async def test_whoever_is_held_hears_nothing_until_the_time_is_over_and_costs_one_descriptor(desk: Desk) -> None:
    near, far = socket.socketpair()
    desk.porch.hold(near.fileno())
    near.close()
    far.setblocking(False)
    with pytest.raises(BlockingIOError):
        far.recv(1)
    desk.turns(HELD_S + 1)
    assert far.recv(1) == b""
    far.close()
    ends = [socket.socketpair() for _ in range(HELD_MOST + 3)]
    for one, _ in ends:
        desk.porch.hold(one.fileno())
        one.close()
    assert len(desk.porch._held) == HELD_MOST
    assert ends[0][1].recv(1) == b""
    for _, other in ends:
        other.close()


async def test_who_finds_no_room_waits_and_keeps_no_other_address_waiting(desk: Desk) -> None:
    desk.full = {"a"}
    (here,) = desk.arrive("a")
    (other,) = desk.arrive("b")
    assert desk.turns() == [other]
    desk.full.clear()
    assert desk.turns(0.1) == [here]


async def test_a_client_that_is_gone_costs_no_turn(desk: Desk) -> None:
    gone = desk.arrive("a", 100)
    for number in gone:
        desk._far[number].send(b"SSH-2.0-x\r\n")
        desk._far[number].close()
    here = desk.arrive("a", AT_ONCE)
    assert sorted(desk.turns()) == here
    (last,) = desk.arrive("b")
    desk._far[last].close()
    assert desk.turns(1.0) == []
    assert len(desk.porch) == 0


async def test_arrivals_come_through_the_socket(desk: Desk) -> None:
    desk._by_near = dict.fromkeys(range(1024), -1)
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(socket.create_connection(desk.listening.getsockname()))
        async with asyncio.timeout(HANG_S):
            while len(desk.admitted) < 3:
                await asyncio.sleep(0.01)
