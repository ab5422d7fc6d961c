"""Who was inside when a service ended, as the next one reads it: the same door's living sessions, for two minutes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdshelf_core.api.ssh.session_slots import RESUME_WITHIN_S, SLOT_BYTES, SessionSlots
from holdshelf_core.api.tokens import MAX_SESSIONS
from holdshelf_core.errors import Unavailable

DOOR, ANOTHER = (4321, 995), (4400, 995)


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def memory() -> Iterator[int]:
    fd = os.memfd_create("sessions")
    yield fd
    os.close(fd)


def service(memory: int, clock: Clock | None = None) -> SessionSlots:
    """The slots as the next service opens them."""
    return SessionSlots(os.dup(memory), clock or Clock())


def keep(slots: SessionSlots, session: str, door: tuple[int, int] = DOOR) -> str:
    return slots.keep(session, "p1", "dora", "SHA256:x", "192.0.2.7", door)


def test_only_the_door_process_that_had_a_session_takes_it_up(memory: int) -> None:
    ticket = keep(service(memory), "s-1")
    later = service(memory)
    assert later.take(ticket, ANOTHER) is None
    assert later.take(ticket, (DOOR[0], 0)) is None
    kept = later.take(ticket, DOOR)
    assert kept is not None and (kept.person, kept.source) == ("p1", "192.0.2.7")
    assert later.take(ticket, DOOR) is None


def test_what_another_door_had_open_is_over_when_a_new_one_says_hello(memory: int) -> None:
    ticket = keep(service(memory), "s-1")
    later = service(memory)
    later.door_is(ANOTHER)
    assert later.take(ticket, DOOR) is None
    assert service(memory).take(ticket, DOOR) is None


def test_what_nobody_asked_for_in_two_minutes_is_dropped_for_later_services_too(memory: int) -> None:
    ticket, clock = keep(service(memory), "s-1"), Clock()
    later = service(memory, clock)
    later.door_is(DOOR)
    clock.now_s += RESUME_WITHIN_S + 1
    later.drop_late()
    assert later.take(ticket, DOOR) is None
    assert service(memory).take(ticket, DOOR) is None


def test_before_the_door_has_said_hello_no_time_runs(memory: int) -> None:
    ticket, clock = keep(service(memory), "s-1"), Clock()
    later = service(memory, clock)
    clock.now_s += 10 * RESUME_WITHIN_S
    later.drop_late()
    assert later.take(ticket, DOOR) is not None


def test_a_slot_that_is_not_whole_is_nobodys(memory: int) -> None:
    first = service(memory)
    tickets = [keep(first, f"s-{number}") for number in range(3)]
    os.pwrite(memory, b"x", SLOT_BYTES + 40)
    os.pwrite(memory, b"\xff" * 36, 2 * SLOT_BYTES)
    later = service(memory)
    assert [later.take(ticket, DOOR) is not None for ticket in tickets] == [True, False, False]


def test_there_are_as_many_slots_as_sessions_and_one_more_is_simply_not_kept(memory: int) -> None:
    slots = service(memory)
    tickets = [keep(slots, f"s-{number}") for number in range(MAX_SESSIONS + 1)]
    assert all(tickets[:-1]) and not tickets[-1]
    slots.ended("s-7")
    assert keep(slots, "s-new")


def test_a_name_too_long_for_a_slot_is_not_kept(memory: int) -> None:
    assert service(memory).keep("s-1", "p1", "d" * SLOT_BYTES, "SHA256:x", "", DOOR) == ""


def test_a_file_is_not_taken_for_memory_and_nothing_of_it_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "0000000001_120000.000Z.mp4"
    path.write_bytes(b"footage" * 2 * MAX_SESSIONS * SLOT_BYTES)
    before = path.read_bytes()
    fd = os.open(path, os.O_RDWR)
    with pytest.raises(Unavailable, match="keeps no sessions"):
        SessionSlots(fd)
    os.close(fd)
    assert path.read_bytes() == before


def test_what_is_no_memory_is_refused_in_words() -> None:
    reading, writing = os.pipe()
    for fd in (reading, 9999):
        with pytest.raises(Unavailable, match="keeps no sessions"):
            SessionSlots(fd)
    os.close(reading)
    os.close(writing)
