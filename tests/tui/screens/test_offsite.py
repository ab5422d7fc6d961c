"""Holds kept elsewhere, by keys: the line on what waits, how the store does, whether all is there, what other branches hold.

The store is away here, which is what a screen must be able to tell; `make test-s3` has a real one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from textual.pilot import Pilot

from holdshelf_core.access_log.types import LogShow
from holdshelf_core.offsite.offsite import KEY, TABLE
from holdshelf_core.offsite.sealing import new_key
from holdshelf_core.offsite.types import (
    BadObject,
    BranchHold,
    BranchList,
    BranchRow,
    BranchSpan,
    Health,
    OffsiteRow,
    OffsiteVerified,
    Place,
    ReadOffsite,
)
from holdshelf_storage.register import Register
from holdshelf_tui.screens.home import HomeScreen
from holdshelf_tui.text.offsite import branch_lines, status_lines, verified_lines
from tests.service import free_port, wait_for
from tests.tui.keyboard import Desk, said, until_said
from tests.tui.stage import Stage, settled, until

NOON_NS = 1_795_608_000_000_000_000


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    made = Desk(tmp_path_factory.mktemp("offsite"))
    private, public = new_key()
    place = Place(f"http://127.0.0.1:{free_port()}", "holds", "elm/", "AK1", new_key()[1], branch="Elm", county=public)
    register = Register.open(made.service.data / "state")
    row = msgspec.to_builtins(place)
    row |= {"secret_sealed": register.encrypt("s" * 20), "county_key_sealed": register.encrypt(private)}
    register.put(TABLE, KEY, row | {"name_key_sealed": register.encrypt("00" * 32)})
    with made as running:
        running.hold()

        def fails() -> bool:
            found = running.service.client.read(ReadOffsite())
            return found is not None and found.health.ok is False and found.health.held > 0

        wait_for("the store is found to be away", fails, 120, 0.2)
        yield running


async def home_again(pilot: Pilot[Any]) -> None:
    await pilot.press("escape")
    await until(pilot, "home again", lambda: isinstance(pilot.app.screen, HomeScreen))


async def test_the_admin_sees_what_waits_and_asks_the_store_by_keys(stage: Stage) -> None:
    async with stage.app("").run_test(size=(100, 30)) as pilot:
        home = await settled(pilot)
        await home.go("storage")
        await until_said(pilot, "Elsewhere", "segments wait since", "cannot be reached")
        await home.go("doctor")
        await until_said(pilot, "holds elsewhere")
        await pilot.press("K")
        await until_said(
            pilot, "Kept elsewhere", "Store: holds/elm/", "Branch: Elm", "FAILS since", "cannot be reached"
        )
        assert "s" * 20 not in said(pilot)
        await home_again(pilot)
        await pilot.press("y")
        await until_said(pilot, "Is all of it there?", "Asked for 0 objects", "Nothing was put there yet.")
        await home_again(pilot)
    assert stage.service.act(LogShow(action="offsite.verify")).entries


async def test_a_seat_asks_what_the_branches_hold_and_a_designee_is_not_offered_it(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        home = await settled(pilot)
        await home.go("holds")
        await until_said(pilot, "H-20", "Branches")
        await pilot.press("Y")
        await until_said(pilot, "What the branches hold", "Not all of the store could be checked", "cannot be reached")
        await home_again(pilot)
    assert stage.service.act(LogShow(action="offsite.list")).entries
    async with stage.app("sam").run_test(size=(80, 24)) as pilot:
        home = await settled(pilot)
        await home.go("holds")
        await until_said(pilot, "H-20")
        assert "Branches" not in said(pilot)


def test_what_the_store_lost_is_counted_and_a_screen_says_where_the_rest_is_named() -> None:
    place = Place("https://s3.county.example", "holds", "elm/", "AK1", "age1")
    health = Health(ok=True, held=9, holds=1, lost=3)
    assert "3 objects of what was there are lost, and put there again" in status_lines(OffsiteRow(place, health))
    health = msgspec.structs.replace(health, ok=False, lost=1, gone=1)
    assert status_lines(OffsiteRow(place, health))[-1] == (
        "1 object of what was there is lost; 1 of those cannot be sent again, because this server no longer has them"
    )
    bad = (BadObject("H-2026-0001", "lobby/x\x1b[31m.mp4", "main/d-1.age", "it is gone; it is put there again"),)
    found = OffsiteVerified(7, 1500, 0, 9000, 1001, bad, after=120)
    lines = verified_lines(found, full=False)
    assert "\x1b" not in "".join(lines) and lines[1].startswith("! H-2026-0001 lobby/x")
    assert lines[2:] == ["… and 1000 more, which `holdshelf offsite verify` names"]


def test_branches_are_told_in_lines_and_what_is_not_to_be_relied_on_is_marked() -> None:
    span = BranchSpan("Front\x1b[31m entrance", NOON_NS, NOON_NS + 60_000_000_000)
    hold = BranchHold("H-2026-0001", "26-1234", "litigation", "grace", NOON_NS, (span,) * 10, 412, 3)
    rows = [
        BranchRow("Elm", "elm/", NOON_NS, "", 1, 412, 3, (hold,)),
        BranchRow("Main", "main/", NOON_NS, "It is old.", 0, 0, 0, (), ours=True),
        BranchRow("", "oak/", 0, "It is not sealed for this county key, or was changed.", 0, 0, 0, (), is_open=False),
    ]
    lines = branch_lines(BranchList(7, rows))
    text = "\n".join(lines)
    assert "\x1b" not in text
    assert lines[0].startswith("Elm (elm/): 1 hold, 412 segments, 3 not in the store yet, as of ")
    assert "26-1234  H-2026-0001, litigation, lifted, in its days of grace" in lines[1]
    assert lines[2].startswith("    Front") and lines[10] == "    and 2 more"
    assert lines[11].startswith("! Main (main/, this recorder): nothing") and lines[12] == "  It is old."
    assert lines[13] == "! ? (oak/): It is not sealed for this county key, or was changed."
    assert branch_lines(BranchList(7, [])) == ["No branch has shared its list of holds yet."]
