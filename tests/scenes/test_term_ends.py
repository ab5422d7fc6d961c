"""Scene 24: the Director's term ends in the middle of a look, and the key stays installed.

A term ends at an instant, midnight or another: here at a full minute that comes while the Director looks. The wait for it is why
this is one of the long tests.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from holdshelf_core.people import types
from tests.looking import NS, commissioned, record, seed
from tests.people import PAPER, day
from tests.rig.hang import HANG_S
from tests.service import Service, wait_for
from tests.tui.ssh.door_rig import HOME_SHOWS, DoorHouse, Terminal
from tests.tui.stage import entry

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]
SLACK_S = (20, 60, 150)
"""Seconds until the term ends at the least, tried in turn: on a busy machine nobody may be in yet after the first."""


class TooLate(Exception):
    """The term ended before everybody was in."""


def ended_words(ends: datetime) -> str:
    """As a sentence says it: the last day, or the time of day too where it is no midnight."""
    if (ends.hour, ends.minute) == (0, 0):
        last = ends - timedelta(days=1)
        return f"{last:%B} {last.day}, {last.year}"
    return f"{ends:%B} {ends.day}, {ends.year} at {ends:%H:%M}"


@contextmanager
def house_until(folder: Path, ends: datetime) -> Iterator[DoorHouse]:
    """Dora Reed is Director until then, Carl Moss the Chair, Sam Roe her designee. Raises TooLate."""
    service = Service(folder / "data", door=True, budget_bytes=1 << 30)
    seed(service.data, [*commissioned("lobby"), entry("lobby", "Front entrance")])
    record(service.data, ["lobby"], time.time_ns() - 5 * 60 * NS)
    with service:
        house = DoorHouse(service, folder)
        end = f"{ends:%Y-%m-%d %H:%M}"
        asked = types.SeatName("director", "dora", "Dora Reed", house.public("dora"), end=end, paper_sha256=PAPER)
        house.client().act(asked)
        house.enrol("carl", "Carl Moss")
        house.enrol("sam", "Sam Roe")
        named = house.run("dora", "seat", "name", "chair", "--person", "carl", "--paper", "-", stdin=b"letter")
        letter = ("appointment", "make", "sam", "--right", "archive", "--until", day(30), "--paper", "-")
        appointed = house.run("dora", *letter, stdin=b"letter")
        if time.time() > ends.timestamp() - 1:
            raise TooLate
        assert (named.code, appointed.code) == (0, 0), named.said + appointed.said
        yield house


def test_scene_24_the_term_ends_in_the_middle_of_a_look(tmp_path: Path) -> None:
    for number, slack_s in enumerate(SLACK_S):
        folder = tmp_path / str(number)
        folder.mkdir()
        ends = (datetime.now().astimezone() + timedelta(seconds=slack_s + 60)).replace(second=0, microsecond=0)
        with contextlib.suppress(TooLate), house_until(folder, ends) as house:
            _plays(house, ends)
            return
    raise AssertionError("nobody was in before the term ended")


def _until(screens: Terminal, words: str, ends: datetime) -> None:
    """As `Terminal.until`. Raises TooLate."""
    try:
        screens.until(words, max(1.0, ends.timestamp() - time.time()))
    except AssertionError:
        if time.time() > ends.timestamp() - 1:
            raise TooLate from None
        raise


def _plays(house: DoorHouse, ends: datetime) -> None:
    """The whole scene, for a term that ends at ``ends``. Raises TooLate where the machine did not get to the look before."""
    ends_s, told = ends.timestamp(), f"Your term as Library Director ended on {ended_words(ends)}"
    with house.terminal("dora") as screens:
        _until(screens, HOME_SHOWS, ends)
        screens.type(b"2")
        _until(screens, "Look at this time", ends)
        screens.type(b"o")
        _until(screens, "Why are you looking?", ends)
        screens.type(b"\t26-24\r")
        wait_for(
            "a picture is shown, or it is over", lambda: house.log_entries("look.open") or time.time() > ends_s, 200
        )
        if time.time() > ends_s - 1:
            raise TooLate

        assert screens.await_end(ends_s - time.time() + HANG_S) != 0
        assert time.time() >= ends_s
        assert told in " ".join(screens.text().split())

    (entry_of_the_end,) = wait_for("the end is written down", lambda: house.log_entries("right.ended"))
    assert len(entry_of_the_end["facts"]["ended"]) == 2, "the seat's term, and the letter that lapsed with it"
    at = datetime.fromtimestamp(ends_s, UTC).isoformat()[:19]
    assert not [row for row in house.log_entries("look.open") if str(row["at"])[:19] > at and row["outcome"] == "done"]

    for login in ("dora", "director"):  # the key is still there; by either name the answer is the same
        refused = house.run(login, "status", key="dora")
        said = " ".join(refused.said.split())
        assert refused.code != 0, said
        assert told in said and "Chair of the Library Board (Carl Moss)" in said, said
    lapsed = " ".join(house.run("sam", "status").said.split())
    assert f"lapsed with the Library Director's term, which ended on {ended_words(ends)}" in lapsed, lapsed
    assert "Carl Moss" in lapsed
