"""What a person finds at log-in: what waits for them, the access log's head to keep, and at the first one a short welcome."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static, Tabs

from holdshelf_core.access_log.types import ReadHead
from holdshelf_core.api.errors import Unavailable
from holdshelf_core.cameras import commission_types as signs
from holdshelf_core.holds.types import HoldExtend, HoldLift, SpanAsk
from holdshelf_core.looks.types import BreakGlass
from holdshelf_core.people.types import FlagReview, ReadFlags, ReadLogins, ReadSeats
from holdshelf_tui.screens.dialogs.today import TodayDialog
from holdshelf_tui.screens.home import HomeScreen
from holdshelf_tui.screens.list_pane import ListPane
from holdshelf_tui.screens.papers import PapersPane
from holdshelf_tui.screens.welcome import WelcomeLine
from holdshelf_tui.session.log_head import short_head
from holdshelf_tui.widgets.listing import row_key
from tests.tui.keyboard import Desk, types, until_said
from tests.tui.stage import Stage, our_app, screen_text, settled, until

pytestmark = pytest.mark.usefixtures("no_frames")


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
        await until_said(pilot, "nothing waiting")
        await pilot.press("f2")
        await until_said(pilot, "to write down and keep elsewhere")
        head = stage.client("carl").read(ReadHead())

        def to_keep() -> str:
            lines = [line for line in screen_text(pilot).splitlines() if line.startswith(" │   ")]
            return next((line.strip(" │") for line in lines if re.search(r"\d:[0-9a-f]{4} ", line)), "")

        kept = await until(pilot, "the line to keep", to_keep)
        assert int(kept.split(":")[0]) <= int(head.head.split("\n")[1])
        await pilot.press("shift+tab", "enter")  # compare with an older one
        await until_said(pilot, "Older line")
        await types(pilot, kept + "\n")
        shown = await until_said(pilot, "The log is intact")
        assert "It continues from the line that you kept" in shown, shown
        await pilot.press("enter")
        await pilot.press("f2")
        await until_said(pilot, "to write down")
        await pilot.press("shift+tab", "enter")
        await until_said(pilot, "Older line")
        entries, root = kept.split(":")
        slip = f"{entries}: {root[:-1]}{'0' if root[-1] != '0' else '1'}"
        await types(pilot, f"{slip}\n")
        shown = await until_said(pilot, "Check your typing")
        assert "1 of its 32 letters and digits, in group 8 of four" in shown and slip in shown, "what was typed stays"
        await pilot.press(*["backspace"] * len(slip))
        await types(pilot, f"{entries}: {root[::-1]}\n")  # another line altogether
        await until_said(pilot, "does not match what was")


async def test_the_head_is_as_of_now_and_not_of_the_login(stage: Stage) -> None:
    def size(pilot: Pilot[Any]) -> int:
        found = re.findall(r"│   (\d+):[0-9a-f]{4} ", screen_text(pilot))
        return int(found[0]) if found else 0

    async with stage.app("carl").run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await until_said(pilot, "nothing waiting")
        stage.look("dora", incident="26-71")
        size_now = stage.client("carl").read(ReadHead()).size
        await pilot.press("f2")
        shown = await until_said(pilot, "to write down and keep elsewhere")
        await until(pilot, "the head as of now", lambda: size(pilot) >= size_now)
        assert re.search(r"Access log at \w+ \d+, \d{4}, \d+:\d\d [ap]m, to write down", shown), shown
        await pilot.press("ctrl+c")
        await until(
            pilot,
            "it by a key, to be pasted elsewhere",
            lambda: re.fullmatch(rf"{size(pilot)}:[0-9a-f ]{{39}}", pilot.app.clipboard) is not None,
        )


async def test_f2_leads_to_the_very_row_also_on_a_tab_that_is_open_already(stage: Stage) -> None:
    dora, carl = stage.client("dora"), stage.client("carl")
    stage.client("sam").act(BreakGlass(["lobby"], "smoke"))
    (flag,) = [row.id for row in carl.read(ReadFlags()) if row.kind == "break_glass" and row.open]
    try:
        async with stage.app("carl").run_test(size=(80, 24)) as pilot:
            home = await settled(pilot)
            for key in ("holds", "log"):  # read before anything waits there
                pane = await home.go(key)
                assert isinstance(pane, ListPane)
                await until(pilot, "loaded", lambda pane=pane: pane.is_loaded)
            old, new = (stage.hold("dora", reference=number) for number in ("26-81", "26-82"))
            dora.act(HoldLift(old.id, "closed"))
            for words, key, row in (
                (f"to lift {old.id}, no. 26-81", "holds", old.id),
                ("imminent-danger", "log", flag),
            ):
                await until(
                    pilot, words, lambda words=words: any(words in d.words for d in home.query_one(WelcomeLine).duties)
                )
                number = next(n for n, d in enumerate(home.query_one(WelcomeLine).duties) if words in d.words)
                await pilot.press("f2")
                await until_said(pilot, "Waiting for you")
                await pilot.press(*["down"] * number, "enter")
                pane = home.pane(key)
                assert isinstance(pane, ListPane)
                await until(
                    pilot, f"at {row}", lambda pane=pane, row=row: home.front is pane and row_key(pane.table) == row
                )
            assert new.id != old.id
    finally:
        dora.act(HoldExtend(old.id, [SpanAsk("lobby", old.spans[0].start_utc_ns, old.spans[0].end_utc_ns)], "not yet"))
        for seat in (dora, carl):
            seat.act(FlagReview(flag, "it was smoke"))


async def test_f2_leads_into_another_list_of_a_tab_and_to_a_paper_that_is_made_already(stage: Stage) -> None:
    dora = stage.client("dora")
    (term,) = [row.id for row in dora.read(ReadSeats()) if row.seat == "chair"]
    door = dora.act(signs.EntranceAdd("Side door", "version 2")).id
    try:
        async with stage.app("carl").run_test(size=(80, 24)) as pilot:
            home = await settled(pilot)
            people = await home.go("people")
            assert isinstance(people, ListPane)
            people.choose(term)  # before anything of the tab is known
            await until(pilot, "the term", lambda: people.part == "seats" and row_key(people.table) == term)
            papers = await home.go("papers")
            assert isinstance(papers, PapersPane)
            papers.query_one(Tabs).active = "paper-checklist"
            await until(pilot, "made", lambda: "checklist" in papers._texts)
            papers.query_one(Tabs).active = "paper-policy"
            await until(pilot, "another paper", lambda: papers.part == "policy" and "policy" in papers._texts)
            papers.choose(door)
            await until_said(pilot, "A sign was looked at")
    finally:
        dora.act(signs.EntranceRemove(door, "walled up"))


async def test_everything_that_waits_is_listed_and_only_for_whom_it_waits(stage: Stage) -> None:
    dora, carl = stage.client("dora"), stage.client("carl")
    hold = stage.hold("dora", reference="26-70")
    dora.act(HoldLift(hold.id, "closed"))
    stage.client("sam").act(BreakGlass(["lobby"], "a fight at the door"))
    dora.act(signs.EntranceAdd("Garden door", "version 2"))
    async with stage.app("carl").run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await until_said(pilot, "3 things wait for you")
        await until_said(pilot, "▲Holds")
        await pilot.press("f2")
        shown = await until_said(pilot, "Waiting for you (3)")
        for words in (
            f"Dora Reed asks to lift {hold.id}, no. 26-70",
            "Review Sam Roe's imminent-danger look of",
            "Sign at Garden door",
        ):
            assert words in shown, shown
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await until_said(pilot, "2 things wait for you")  # not the lift that she asked for herself
    async with stage.app("sam").run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await until_said(pilot, "nothing waiting")
    assert carl.read(ReadHead()).size > 0


async def test_it_hears_of_what_begins_to_wait_while_it_is_open(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        home = await settled(pilot)
        line = home.query_one(WelcomeLine)
        before = await until(pilot, "it has asked for everything", lambda: line._known.complete and len(line.duties))
        stage.client("carl").act(signs.EntranceAdd("Back door"))
        await until(pilot, "one more", lambda: len(line.duties) == before + 1)


async def test_what_began_to_wait_a_moment_ago_is_told_when_it_is_opened(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        stage.client("carl").act(signs.EntranceAdd("Loading dock"))
        await pilot.press("f2")
        await until_said(pilot, "Access log at", "Loading dock")


async def test_what_cannot_be_asked_for_now_stays_as_it_was_known_and_is_asked_for_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A busy service refuses one of the questions; F2 said "nothing is waiting" then."""
    async with stage.seated("dora") as pilot:
        line = (await settled(pilot)).query_one(WelcomeLine)
        before = await until(pilot, "it has asked for everything", lambda: line._known.complete and list(line.duties))
        link, refused = our_app(pilot).link, []
        read = link.read

        async def busy(request: Any, **more: Any) -> Any:
            if isinstance(request, signs.ReadEntrances) and len(refused) < 2:
                refused.append(request)
                raise Unavailable("You have too many requests in progress.", "Wait for them to finish.")
            return await read(request, **more)

        monkeypatch.setattr(link, "read", busy)
        stage.client("carl").act(signs.EntranceAdd("Side door"))
        await until(pilot, "it was refused", lambda: refused)
        await until(pilot, "it has asked the rest", lambda: not line._known.complete)
        assert [duty.words for duty in line.duties] == [duty.words for duty in before]
        await until(pilot, "one more", lambda: len(line.duties) == len(before) + 1)


async def test_the_first_login_through_the_door_is_greeted_once(stage: Desk) -> None:
    stage.people.appoint("fay", "Fay Dunn", stage.client("dora"), "hold", cameras=["lobby"])
    async with stage.app("fay", has_door=True).run_test(size=(80, 24)) as pilot:
        shown = await until_said(pilot, "Welcome to Holdshelf")
        for words in (
            "Fay Dunn, designee of the Library Director",
            "place holds",
            "Ctrl+Q closes your looks and leaves",
            "F1",
        ):
            assert words in shown, shown
        await pilot.press("enter")
        await until(pilot, "home", lambda: isinstance(pilot.app.screen, HomeScreen))
    again = stage.people.client("fay")
    assert again.read(ReadLogins()).before is not None
    stage._clients["fay"] = again
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
        await until_said(pilot, "You may not see pictures")
