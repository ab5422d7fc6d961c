"""What a person finds at log-in: what waits for them, the access log's head to keep, and at the first one a short welcome."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from holdshelf_core.api import types_commission as signs
from holdshelf_core.api.types_board import LogHead
from holdshelf_core.api.types_holds import HoldLift, HoldRow
from holdshelf_core.api.types_looks import BreakGlass, GrantRow
from holdshelf_core.api.types_session import LoginsRow
from holdshelf_tui.log_head import short_head
from holdshelf_tui.screens.dialogs.today import TodayDialog
from holdshelf_tui.screens.home import HomeScreen
from tests.tui.keyboard import Desk, types, until_said
from tests.tui.stage import Stage, screen_text, settled, until


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Desk(tmp_path_factory.mktemp("today")) as running:
        yield running


def test_a_head_is_shortened_as_papers_print_it() -> None:
    root = bytes(range(32))
    short = short_head(f"holdshelf.local/1\n57\n{base64.b64encode(root).decode()}\n\n— sig\n")
    assert short is not None
    assert short.short == "57:0001 0203 0405 0607 0809 0a0b 0c0d 0e0f" and short.entries == 57
    assert short_head("x") is None and short_head("a\nb\nc") is None and short_head("a\n5\n***") is None


async def test_the_heads_short_form_of_this_login_is_one_that_the_log_verifies_against(stage: Stage) -> None:
    async with stage.app("carl").run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await until_said(pilot, "nothing waits for you")
        await pilot.press("f2")
        await until_said(pilot, "to write down and keep elsewhere")
        head = stage.client("carl").get("/rules/head", LogHead)
        kept = next(
            line.strip(" │")
            for line in screen_text(pilot).splitlines()
            if line.startswith(" │   ") and re.search(r"\d:[0-9a-f]{4} ", line)
        )
        assert int(kept.split(":")[0]) <= int(head.head.split("\n")[1])
        await pilot.press("shift+tab", "enter")  # compare with an older one
        await until_said(pilot, "Older line")
        await types(pilot, kept + "\n")
        shown = await until_said(pilot, "The log is whole")
        assert "It goes on from the line that you kept" in shown, shown
        await pilot.press("enter")
        await pilot.press("f2")
        await until_said(pilot, "to write down")
        await pilot.press("shift+tab", "enter")
        await until_said(pilot, "Older line")
        entries, root = kept.split(":")
        await types(pilot, f"{entries}: {root[:-4]}{'0000' if root[-4:] != '0000' else '1111'}\n")
        await until_said(pilot, "not what was written")


async def test_the_head_is_as_of_now_and_not_of_the_login(stage: Stage) -> None:
    def size(pilot: Pilot[Any]) -> int:
        (found,) = re.findall(r"│   (\d+):[0-9a-f]{4} ", screen_text(pilot))
        return int(found)

    async with stage.app("carl").run_test(size=(80, 24)) as pilot:
        home = await settled(pilot)
        await until_said(pilot, "nothing waits for you")
        stage.look("dora", incident="26-71")
        size_now = stage.client("carl").get("/rules/head", LogHead).size
        await pilot.press("f2")
        shown = await until_said(pilot, "to write down and keep elsewhere")
        assert size(pilot) >= size_now
        assert re.search(r"The access log at \w+ \d+, \d{4}, \d+:\d\d [ap]m, to write down", shown), shown
        assert f"Log {size(pilot)}:" in str(home.query_one("#welcome", Static).content), "the line behind it, too"


async def test_everything_that_waits_is_listed_and_only_for_whom_it_waits(stage: Stage) -> None:
    dora, carl = stage.client("dora"), stage.client("carl")
    hold = stage.hold("dora", reference="26-70")
    dora.act("hold.lift", HoldLift(hold.id, "closed"), HoldRow)
    stage.client("sam").act("break_glass", BreakGlass(["lobby"], "a fight at the door"), GrantRow)
    dora.act("entrance.add", signs.EntranceAdd("Garden door", "version 2"), signs.EntranceRow)
    async with stage.app("carl").run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await until_said(pilot, "3 things wait for you")
        await until_said(pilot, "▲Holds")
        await pilot.press("f2")
        shown = await until_said(pilot, "Waiting for you (3)")
        for words in (
            f"Dora Reed asks for {hold.id}",
            "Review Sam Roe's imminent-danger look of",
            "Sign at Garden door",
        ):
            assert words in shown, shown
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await until_said(pilot, "2 things wait for you")  # not the lift that she asked for herself
    async with stage.app("sam").run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await until_said(pilot, "nothing waits for you")
    assert carl.get("/rules/head", LogHead).size > 0


async def test_it_hears_of_what_begins_to_wait_while_it_is_open(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        home = await settled(pilot)
        before = await until(pilot, "it has asked", lambda: len(home.query_one("#welcome").duties) or None)  # type: ignore[attr-defined]
        stage.client("carl").act("entrance.add", signs.EntranceAdd("Back door"), signs.EntranceRow)
        await until(pilot, "one more", lambda: len(home.query_one("#welcome").duties) == before + 1)  # type: ignore[attr-defined]


async def test_the_first_login_through_the_door_is_greeted_once(stage: Stage) -> None:
    stage.people.appoint("fay", "Fay Dunn", stage.client("dora"), "hold", cameras=["lobby"])
    async with stage.app("fay", has_door=True).run_test(size=(80, 24)) as pilot:
        shown = await until_said(pilot, "Welcome to Holdshelf")
        for words in ("Fay Dunn, designee of the Library Director", "place holds", "Ctrl+Q leaves", "F1"):
            assert words in shown, shown
        await pilot.press("enter")
        await until(pilot, "home", lambda: isinstance(pilot.app.screen, HomeScreen))
    again = stage.people.client("fay")
    assert again.get("/rules/logins", LoginsRow).before is not None
    stage._clients["fay"] = again  # type: ignore[attr-defined]
    async with stage.app("fay", has_door=True).run_test(size=(80, 24)) as pilot:
        home = await settled(pilot)
        await until(pilot, "it has asked", lambda: home.query_one("#welcome", Static).content)
        await pilot.pause(0.3)
        assert not isinstance(pilot.app.screen, TodayDialog)
        await pilot.press("f2")
        shown = await until_said(pilot, "You were here before on")
        assert "192.0.2.7" in shown


async def test_the_admin_is_told_what_is_the_admins(stage: Stage) -> None:
    async with stage.app("").run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("f2")
        await until_said(pilot, "No picture")
