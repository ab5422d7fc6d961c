"""What the Board decides, by keys alone, and the first day: from an empty server to one in use, ticked off as it is done."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from holdshelf_core.looks.types import PurposeOpen
from holdshelf_core.people.board_types import ReadBoard, ReadPolicy
from holdshelf_core.people.types import ReadShares, ShareMake
from holdshelf_core.policy_file.first import FIRST
from holdshelf_tui.screens.dialogs.board_forms import TextPasteArea
from holdshelf_tui.screens.dialogs.first_day import FirstDayDialog
from holdshelf_tui.screens.people import BOARD, PeoplePane
from holdshelf_tui.widgets import key_table
from holdshelf_tui.widgets.fields import Choice
from tests.looking import NS
from tests.people import day
from tests.tui.keyboard import Desk, does, fills, said, types, until_said
from tests.tui.stage import Stage, settled, until

pytestmark = pytest.mark.usefixtures("no_frames")

TWO_LANGUAGES = Path(__file__).parents[2] / "policies" / "d.toml"
SPANISH = "Nadie mira. Pregunte a la dirección."
OWN_TEXT = "Rule 1.  Nobody watches.\n  Rule 2. Ask the Director.\n"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Desk(tmp_path_factory.mktemp("board"), in_use=False) as running:
        yield running


async def first_day(pilot: Pilot[str]) -> FirstDayDialog:
    """From F2 to its list."""
    await settled(pilot)
    await until_said(pilot, "F2: 1 thing waits for you")  # what they need says “What waits for you” from the start
    await pilot.press("f2")
    await until_said(pilot, "The first day:")
    await pilot.press("enter")
    return await until(
        pilot, "the list", lambda: ((now := pilot.app.screen) and isinstance(now, FirstDayDialog) and now) or None
    )


async def test_the_first_day_leads_to_each_step_and_ticks_itself_off(stage: Stage) -> None:
    async with stage.seated("carl") as pilot:
        await first_day(pilot)
        shown = await until_said(pilot, "5 of 9 steps are done. Next for you: Say the library's name.")
        assert "[x] Add the cameras (the admin)" in shown and "[ ] Say the library's name" in shown
        await pilot.press("enter")
        pane = await until(
            pilot, "the Board's list", lambda: (p := pilot.app.screen.front) and p.part == BOARD and p.chosen and p
        )
        assert isinstance(pane, PeoplePane) and pane.chosen.id == "library"
        await pilot.press("enter")
        await until_said(pilot, "on every print. Now: not set.")
        await fills(pilot, "Elm Street Library", "Board meeting of November 10")
        await pilot.press("enter")
        await until_said(pilot, "It is set. Entry")
        await pilot.press("enter")
        await until_said(pilot, "Name of the library Elm Street Library")
    rows = {row.key: row.value for row in stage.service.client.read(ReadBoard())}
    assert rows["library"] == "Elm Street Library"


async def test_the_policy_is_pasted_and_adopted_word_for_word(stage: Stage) -> None:
    async with stage.seated("carl") as pilot:
        home = await settled(pilot)
        pane = await home.go("people")
        pane.choose("policy")
        await until(
            pilot, "the policy's line", lambda: pane.part == BOARD and pane.chosen and pane.chosen.id == "policy"
        )
        await pilot.press("enter")
        await until_said(pilot, "Nothing is pasted yet.")
        area = pilot.app.screen.query_one("#text", TextPasteArea)
        await until(pilot, "the text has the cursor", lambda: area.has_focus)
        await types(pilot, OWN_TEXT.rstrip("\n"))
        await until_said(pilot, "2 lines, SHA-256")
        await pilot.press("tab")
        await fills(pilot, "2026-1", "3/10/2026", "")
        await pilot.press("down", "enter")  # the statute as advice: the Chair may
        await until_said(pilot, "Version 2026-1, adopted on Mar 10, 2026, is in force.")
        await pilot.press("enter")
        await until(pilot, "the website can be compared", lambda: pane.state_of("posted"))
        await pilot.press(key_table.CHECK)
        shown = await until_said(
            pilot, "has not said where the policy is posted (P18). Set its address: on the screens under"
        )
        assert "`" not in shown and "By command" not in shown, "a screen names no command"
        await pilot.press("enter")
        await until_said(pilot, "version 2026-1")
        pane.choose("statute")
        await until_said(pilot, "advice: a release goes on with a caution on record")
    row = stage.service.client.read(ReadPolicy())
    assert row.text == OWN_TEXT.rstrip("\n") and row.statute == "advise"
    assert row.sha256 == hashlib.sha256(row.text.encode()).hexdigest()


async def test_what_a_policy_file_changes_is_read_before_it_is_adopted(stage: Stage) -> None:
    ranges = "live_minutes = { value = 10, least = 1, most = 60 }", "live_minutes = { value = 5, least = 1, most = 5 }"
    own = FIRST.read_text().replace(*ranges)
    async with stage.seated("carl") as pilot:
        home = await settled(pilot)
        pane = await home.go("people")
        pane.choose("policy")
        await until(
            pilot, "the policy's line", lambda: pane.part == BOARD and pane.chosen and pane.chosen.id == "policy"
        )
        await pilot.press("enter")
        area = pilot.app.screen.query_one("#text", TextPasteArea)
        await until(pilot, "the text has the cursor", lambda: area.has_focus)
        await types(pilot, OWN_TEXT.rstrip("\n"))
        await pilot.press("tab")
        await fills(pilot, "2026-2", "3/10/2026", "")
        file = pilot.app.screen.query_one("#file", TextPasteArea)
        file.focus()
        await until(pilot, "the file has the cursor", lambda: file.has_focus)
        await types(pilot, own.replace("speaks_for_board = true", ""))
        pilot.app.screen.query_one("#version", Input).focus()
        await pilot.press("enter")
        await until_said(pilot, "No role speaks for the Board")
        file.text = own
        pilot.app.screen.query_one("#version", Input).focus()
        await pilot.press("enter")
        await until_said(pilot, "What the policy file changes")
        await pilot.press("enter")
        await until_said(pilot, "Adopt the policy file", "stricter")
        await pilot.press("enter")
        await until_said(pilot, "Version 2026-2, adopted on Mar 10, 2026, is in force.")
        await pilot.press("enter")
    assert stage.service.client.read(ReadPolicy()).file_sha256 == hashlib.sha256(own.encode()).hexdigest()


async def test_a_rule_is_made_looser_by_the_board_alone_and_the_form_keeps_what_was_typed(stage: Stage) -> None:
    async with stage.seated("dora") as pilot:
        home = await settled(pilot)
        pane = await home.go("people")
        pane.choose("outbox_days")
        await until(pilot, "its line", lambda: pane.chosen and getattr(pane.chosen, "id", "") == "outbox_days")
        await pilot.press("e")
        await until_said(pilot, "Now: 30 days. The Director, Chair or Mayor may make it stricter.")
        pilot.app.focused.value = ""
        await fills(pilot, "60", "asked for")
        await pilot.press("enter")
        refused = await until_said(pilot, "for the Board to decide")
        assert "Carl Moss" in refused and pilot.app.screen.query_one("#value", Input).value == "60"
        await pilot.press("escape")


async def test_the_admin_sees_the_first_day_and_whose_turn_it_is(stage: Stage) -> None:
    async with stage.app("").run_test(size=(80, 24)) as pilot:
        await first_day(pilot)
        shown = await until_said(pilot, "of 9 steps are done.")
        assert "Say whom the public asks (the seats)" in shown and "[x] Add the cameras " in shown
        steps = pilot.app.screen.query_one(OptionList)
        steps.highlighted = next(
            n for n, row in enumerate(steps.options) if "Say whom the public asks" in str(row.prompt)
        )
        await until_said(pilot, "This is for those who hold a seat.")
        await pilot.press("enter")
        assert isinstance(pilot.app.screen, FirstDayDialog), "it leads nobody where they cannot do it"


async def test_a_hold_takes_the_number_of_the_look_along(stage: Stage) -> None:
    async with stage.seated("dora") as pilot:
        await settled(pilot)
        made = stage.made
        asked = PurposeOpen(["lobby"], "violation", "26-55", start_utc_ns=made.start_utc_ns, end_utc_ns=made.end_utc_ns)
        await pilot.app.looks.async_open(asked)
        await pilot.press("H")
        await until_said(pilot, "Place a hold")
        assert pilot.app.screen.query_one("#reference", Input).value == "26-55"
        await pilot.press("escape")


async def test_a_guest_is_told_what_was_shared_and_until_when(stage: Stage) -> None:
    stage.people.enrol("zoe", "Zoe Li", stage.client("dora"))
    start = stage.made.start_utc_ns
    async with stage.seated("dora") as pilot:
        home = await settled(pilot)
        pane = await home.go("people")
        pane.choose("shares")
        await until(pilot, "the shares", lambda: pane.part == "shares" and pane.is_loaded)
        await does(pilot, pane, "share")
        await until_said(pilot, "Share a recording, view only")
        people = pilot.app.screen.query_one("#person", Choice)
        assert "Zoe Li (zoe)" in said(pilot) and not people.value, "chosen from a list, and nobody for them"
        await pilot.press("escape")
    stage.client("dora").act(
        ShareMake("lobby", start, start + 20 * NS, "crime", person="zoe", days=3, confidentiality=True)
    )
    (share,) = stage.client("dora").read(ReadShares())
    async with stage.seated("zoe") as pilot:
        await settled(pilot)
        await until_said(pilot, "Zoe Li, guest")
        await until_said(pilot, "nothing waiting")
        await pilot.press("f2")
        shown = await until_said(pilot, "Shared with you:")
        assert "You are here as Zoe Li, guest." in shown and "Front entrance" in shown and "view only, until" in shown
        assert day(2)[:4] in shown and share.person


async def test_a_policy_in_two_languages_is_adopted_on_the_form_and_the_statute_set_under_it(stage: Stage) -> None:
    own = TWO_LANGUAGES.read_text().replace('"board"', '"chair"')
    decides = 'decides = ["hold.lift", "flag.review", "policy.adopt"]'
    own = own.replace("on_paper = true\nspeaks_for_board", f"{decides}\nspeaks_for_board")
    own = own.replace('"flag.review" = ["chair"]', '"flag.review" = ["chair", "branch-manager"]')
    async with stage.seated("carl") as pilot:
        home = await settled(pilot)
        pane = await home.go("people")
        pane.choose("policy")
        await until(
            pilot, "the policy's line", lambda: pane.part == BOARD and pane.chosen and pane.chosen.id == "policy"
        )
        await pilot.press("enter")
        area = pilot.app.screen.query_one("#text", TextPasteArea)
        await until(pilot, "the text has the cursor", lambda: area.has_focus)
        await types(pilot, OWN_TEXT.rstrip("\n"))
        pilot.app.screen.query_one("#file", TextPasteArea).text = own
        await pilot.press("tab")
        await fills(pilot, "2026-3", "3/10/2026")
        await pilot.press("enter")
        await until_said(pilot, "in en (English) and es (Español). Paste the adopted text in es (Español).")
        spanish = pilot.app.screen.query_one("#text-es", TextPasteArea)
        await until(pilot, "the Spanish text has the cursor", lambda: spanish.has_focus)
        await types(pilot, SPANISH)
        gone = "Paste the adopted text in"
        await until(pilot, "what was refused is not what stands there any more", lambda: gone not in said(pilot))
        assert "In en (English): 2 lines, SHA-256" in said(pilot)
        await pilot.press("tab", "enter")
        await until_said(pilot, "What the policy file changes")
        await pilot.press("enter")
        await until_said(pilot, "Adopt the policy file", "stricter")
        await pilot.press("enter")
        shown = await until_said(pilot, "Version 2026-3, adopted on Mar 10, 2026, is in force.")
        assert "The text is in en and es." in shown
        assert "This term ended, as the policy has no such role: Dora Reed, director." in shown
        await pilot.press("enter")
        await until_said(pilot, "version 2026-3")
        pane.choose("statute")
        await until(pilot, "the statute's line", lambda: pane.chosen and pane.chosen.id == "statute")
        await pilot.press("enter")
        await until_said(pilot, "The policy's text stays as it is.")
        statute = pilot.app.screen.query_one("#statute", Choice)
        await pilot.press("up" if statute.value == "advise" else "down", "enter")
        await until_said(pilot, "Version 2026-3, adopted on Mar 10, 2026, is in force.")
        await pilot.press("enter")
        # With the policy in force in two languages, the form asks for both from the beginning.
        pane.choose("policy")
        await until(pilot, "the policy's line", lambda: pane.chosen and pane.chosen.id == "policy")
        await pilot.press("enter")
        await until_said(pilot, "In en (English): Nothing is pasted yet.", "Text in es")
        area = pilot.app.screen.query_one("#text", TextPasteArea)
        await until(pilot, "the text has the cursor", lambda: area.has_focus)
        await types(pilot, "Another text.")
        await pilot.press("escape")
        await until_said(pilot, "What you typed in it is thrown away.")
        await pilot.press("enter")
    row = stage.service.client.read(ReadPolicy())
    assert row.text == OWN_TEXT.rstrip("\n") and row.languages == ["en", "es"]
    assert row.sums["es"] == hashlib.sha256(SPANISH.encode()).hexdigest()
