"""Bounds, one by one: who is hung up on, what is told how often, what of an environment and a size is believed."""

from __future__ import annotations

import itertools
import socket
from typing import Any, cast

import pytest

from holdshelf_core.api.session_types import Minted
from holdshelf_tui.ssh import environment, limits
from holdshelf_tui.ssh.link import Signed
from holdshelf_tui.ssh.reset import ENTER, LEAVE, Screen
from holdshelf_tui.ssh.server import Door, Settings
from holdshelf_tui.ssh.visit import Identity, Visit


class Stranger:
    def __init__(
        self, network: str, received_bytes: int = 0, since_s: float = 0.0, *, refusal: str = "", known: bool = False
    ) -> None:
        self.network, self.received_bytes, self.since_s = network, received_bytes, since_s
        self.refusal, self.known = refusal, known
        self.hung_up = False

    def hang_up(self) -> None:
        self.hung_up = True


def admit(strangers: limits.Strangers, *those: Stranger) -> None:
    for one in those:
        assert strangers.admit(one)
        for other in those:
            if other.hung_up:
                strangers.forget(other)


def test_the_one_silent_longest_of_the_same_address_makes_room() -> None:
    strangers = limits.Strangers(total=10, per_address=3, kept_free=0)
    busy, old, young = Stranger("a", 500, 1), Stranger("a", 0, 2), Stranger("a", 0, 3)
    other, new = Stranger("b", 0, 0), Stranger("a", 0, 4)
    admit(strangers, busy, old, young, other, new)
    assert [one.hung_up for one in (busy, old, young, other, new)] == [False, True, False, False, False]


def test_when_all_is_full_the_busiest_address_makes_room() -> None:
    strangers = limits.Strangers(total=4, per_address=3, kept_free=0)
    crowd = [Stranger("a", 0, at) for at in range(3)]
    alone, new = Stranger("b"), Stranger("c")
    admit(strangers, *crowd, alone, new)
    assert [one.hung_up for one in (*crowd, alone, new)] == [True, False, False, False, False]
    assert len(strangers) == 4


def test_more_connections_than_there_may_be_are_turned_away() -> None:
    strangers = limits.Strangers()
    strangers.connections = limits.CONNECTIONS_MOST
    assert not strangers.admit(Stranger("a"))


def test_nobody_who_is_busy_logging_in_is_hung_up_on_for_one_more() -> None:
    now = [100.0]
    strangers = limits.Strangers(total=6, per_address=3, kept_free=2, now_s=lambda: now[0])
    busy = [Stranger("a", 900, now[0]) for _ in range(3)]
    admit(strangers, *busy)
    assert not strangers.room("a", known=False)
    assert strangers.room("b", known=False)
    now[0] += limits.BUSY_S + 0.1
    assert strangers.room("a", known=False)
    # Silent ones make room sooner, and refused ones at once.
    now[0] = 100.0
    silent = Stranger("b", 0, now[0])
    admit(strangers, silent)
    assert not strangers.room("c", known=False), "what is left is for addresses that people come from"
    assert strangers.room("c", known=True)
    for one in busy:
        one.refusal = "No."
    assert strangers.room("c", known=False)


async def test_the_last_places_are_for_people_who_have_none_yet() -> None:
    ours, theirs = socket.socketpair()
    door = Door(Settings("/nowhere", b"", 0), ours)
    theirs.close()

    def come(person: str, *, busy: bool = False) -> Visit:
        identity = Identity(person, f"SHA256:{person}", "", Signed(b"", b"", b""))
        visit = Visit(identity, Minted("t", "s", person, person), door.link)
        door._visits.add(visit)
        if busy:
            visit._running.add(cast(Any, object()))
            door.running += 1
        return visit

    few = [come(f"p{number % 12}", busy=number < 32) for number in range(48)]
    assert "which is the limit" in door._too_many("p1")
    assert door._too_many("director") == ""
    assert not door.more_sessions(few[0])
    director = come("director")
    assert door.more_sessions(director)
    for number in range(15):
        come(f"q{number}")
    assert "64 log-ins are open" in door._too_many("new")
    ours.close()


def test_places_that_are_kept_count_so_that_a_dozen_who_come_at_once_shut_nobody_out() -> None:
    strangers = limits.Strangers(total=8, per_address=3, kept_free=0)
    places = []
    while strangers.room("a", known=False):
        places.append(strangers.expect("a", known=False))
    assert len(places) == 3
    strangers.forget(places[0])
    busy = Stranger("a", 9, places[0].since_s)
    admit(strangers, busy)
    assert not strangers.room("a", known=False)
    assert not busy.hung_up


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8::1:2:3:4", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
    ],
)
def test_an_ipv6_host_is_one_however_many_addresses_it_has(address: str, network: str) -> None:
    assert limits.network_of(address) == network


def test_whoever_was_refused_goes_first_and_an_address_that_people_come_from_last() -> None:
    strangers = limits.Strangers(total=4, per_address=2, kept_free=0)
    known = [Stranger("home", 0, at, known=True) for at in range(2)]
    refused, other = Stranger("b", 9_000, 5, refusal="No."), Stranger("b", 0, 1)
    admit(strangers, *known, other, refused, Stranger("c"))
    assert [one.hung_up for one in (*known, other, refused)] == [False, False, False, True]
    admit(strangers, other := Stranger("d"), *(Stranger(f"e{number}", 1) for number in range(20)))
    assert not any(one.hung_up for one in known)


def test_a_siege_leaves_a_line_a_minute_and_an_entry_a_minute_for_the_service_to_fold() -> None:
    now, told, logged = [0.0], [], []
    failures = limits.Failures(told.append, lambda: now[0])
    for tick in range(24 * 3600):
        now[0] = float(tick)
        failures.count(f"10.{tick >> 16 & 255}.{tick >> 8 & 255}.{tick & 255}")
        if (due := failures.take_for_log()) is not None:
            logged.append(due)
    assert 24 * 60 - 2 <= len(told) <= 24 * 60 + 1
    assert max(map(len, told)) < 400
    assert len(logged) <= 24 * 60 + 1
    assert sum(total for _, total in logged) + 60 >= 24 * 3600
    assert all(len(sources) <= limits.TOLD_ADDRESSES for sources, _ in logged)


def test_one_failure_is_told_at_once_and_the_rest_of_its_minute_together() -> None:
    now, told = [100.0], []
    failures = limits.Failures(told.append, lambda: now[0])
    for _ in range(5):
        failures.count("192.0.2.7")
    assert told == ["log-ins that came to nothing: 192.0.2.7 (1)"]
    now[0] += 61
    failures.tell()
    assert told[1:] == ["log-ins that came to nothing: 192.0.2.7 (4)"]


def test_few_variables_are_taken_and_only_as_plain_words() -> None:
    good = [(b"LANG", b"de_DE.UTF-8"), (b"LC_ALL", b"C"), (b"COLORTERM", b"truecolor"), (b"NO_COLOR", b"1")]
    bad = [
        (b"LD_PRELOAD", b"x"),
        (b"PATH", b"/"),
        (b"PYTHONPATH", b"/"),
        (b"TZ", b"UTC"),
        (b"HOLDSHELF_DATA", b"/"),
        (b"LC_ALL", b"x" * 65),
        (b"LANG", b"a\nb"),
        (b"LANG", b"\x1b[0m"),
        (b"LC_", b"C"),
        (b"lang", b"C"),
    ]
    assert all(environment.accepted(*one) for one in good)
    assert not any(environment.accepted(*one) for one in bad)


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ((0, 0), (80, 24)),
        ((1, 1), (20, 5)),
        ((2**32 - 1, 2**31), (500, 200)),
        ((132, 43), (132, 43)),
        ((0, 50), (80, 50)),
    ],
)
def test_sizes_are_those_of_a_screen(asked: tuple[int, int], given: tuple[int, int]) -> None:
    assert environment.clean_size(*asked) == (*given, 0, 0)


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ((132, 43, 792, 559), (132, 43, 792, 559)),
        ((1000, 400, 6000, 5200), (500, 200, 3000, 2600)),  # a cell stays a cell
        ((10, 3, 60, 39), (20, 5, 120, 65)),
        ((80, 24, 2**32 - 1, 2**32 - 1), (80, 24, 0, 0)),
        ((80, 24, 480, 0), (80, 24, 0, 0)),
        ((80, 24, 79, 312), (80, 24, 0, 0)),
        ((0, 24, 480, 312), (80, 24, 0, 0)),
    ],
)
def test_pixels_are_taken_where_they_make_a_cell(asked: tuple[int, ...], given: tuple[int, ...]) -> None:
    assert environment.clean_size(*asked) == given


@pytest.mark.parametrize("term", ["", "\x1b]0;x\x07", "x" * 65, "../x", "xterm\n"])
def test_a_terminals_name_that_is_none_is_replaced(term: str) -> None:
    assert environment.clean_term(term) == environment.FALLBACK_TERM


def test_the_second_screen_is_left_only_when_it_is_in_use_wherever_the_bytes_are_cut() -> None:
    stream = b"abc" + ENTER + b"def"
    for cut in range(len(stream)):
        screen = Screen()
        screen.sent(stream[:cut])
        screen.sent(stream[cut:])
        assert LEAVE in screen.reset()
    for cut, second in itertools.product(range(len(stream)), (LEAVE, LEAVE + b"bye")):
        screen = Screen()
        whole = stream + second
        screen.sent(whole[:cut])
        screen.sent(whole[cut:])
        assert LEAVE not in screen.reset()
    assert LEAVE not in Screen().reset()
