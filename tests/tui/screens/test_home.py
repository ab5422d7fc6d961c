"""The home screen: what is asked first, how it leads to the end, whose tabs are shown; what every list, form and tab can do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from textual.command import CommandPalette
from textual.geometry import Region
from textual.pilot import Pilot
from textual.widgets import Button, DataTable, Input, Static, Tabs
from textual.widgets._toast import Toast

from holdshelf_core.api.types import DiskRow, Status
from holdshelf_core.holds.types import HoldListAsk
from holdshelf_core.looks.types import LookStill
from holdshelf_tui.screens.dialogs.capacity import CapacityDialog
from holdshelf_tui.screens.dialogs.hold import FoundDialog, HoldDialog
from holdshelf_tui.screens.dialogs.purpose import BreakGlassDialog
from holdshelf_tui.screens.dialogs.who import WhoDialog
from holdshelf_tui.screens.home import HomeScreen
from holdshelf_tui.screens.needs import needs_for
from holdshelf_tui.screens.start import StartPane
from holdshelf_tui.screens.tabs import panes_for
from holdshelf_tui.session.link import Who
from holdshelf_tui.widgets.fields import Choice, Picks
from tests.looking import NS
from tests.tui.keyboard import Desk, types, until_said
from tests.tui.sitting import designee, seat
from tests.tui.stage import Stage, arrived, our_app, screen_text, settled, until, until_shown
from tests.tui.uncut import nothing_cut

pytestmark = pytest.mark.usefixtures("no_frames")

CHANGE = "Change something: a hold, a person, a camera"
HAPPENED, OFFICER, LOOKED = "Something happened: find it and keep it", "An officer or a paper is here", "Who looked?"
SHARED, WAITS, DANGER = "See what was shared with you", "What waits for you", "Somebody is in danger right now"
MACHINE = "A camera or disk has a problem, or a new camera is here"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Desk(tmp_path_factory.mktemp("home")) as running:
        yield running


class Counted:
    """Counts the keys that are pressed; text that is typed counts as none."""

    def __init__(self, pilot: Pilot[Any]) -> None:
        self.pilot = pilot
        self.keys = 0

    async def press(self, *keys: str) -> None:
        self.keys += len(keys)
        await self.pilot.press(*keys)

    async def text(self, words: str) -> None:
        await types(self.pilot, words)


def of[S](pilot: Pilot[Any], kind: type[S]) -> S | None:
    """The form in front, once it takes keys."""
    screen = pilot.app.screen
    return screen if isinstance(screen, kind) and getattr(screen, "is_ready", True) else None


async def start(pilot: Pilot[Any]) -> StartPane:
    """The first screen, with the cursor on its first answer."""
    home = await arrived(pilot)
    pane = home.front
    assert isinstance(pane, StartPane)
    await until(pilot, "the keys", lambda: getattr(pilot.app.focused, "id", "") == "needs")
    return pane


async def in_front(pilot: Pilot[Any], key: str) -> None:
    """Wait until the tab of that key is the one in front."""
    home = next(screen for screen in pilot.app.screen_stack if isinstance(screen, HomeScreen))
    await until(pilot, f"the tab {key}", lambda: home.front is not None and home.front is home.pane(key))


@pytest.mark.parametrize(
    ("who", "needs"),
    [
        (seat(), [HAPPENED, OFFICER, LOOKED, DANGER, "Print", CHANGE, WAITS]),
        (designee("live"), [OFFICER, DANGER, SHARED, "Print", WAITS]),
        (designee("archive", "hold"), [HAPPENED, OFFICER, SHARED, "Print", WAITS]),
        (designee("archive"), ["Something happened: find it", OFFICER, SHARED, "Print", WAITS]),
        (designee("hold"), [HAPPENED, OFFICER, SHARED, "Print", WAITS]),
        (designee(), [SHARED, "Print", WAITS]),
        (seat("p1", "release.approve", "release.see"), [OFFICER, "Print", WAITS]),
        (Who(None), [OFFICER, LOOKED, MACHINE, "Print", WAITS]),
    ],
    ids=["seat", "looks live", "looks and holds", "looks", "holds", "guest", "decides on releases", "admin"],
)
def test_everybody_is_asked_what_they_need_and_led_to_tabs_that_are_theirs(who: Who, needs: list[str]) -> None:
    found = needs_for(who)
    assert [need.words for need in found] == needs
    tabs = {words for kind in panes_for(who).values() for words in (kind.title, kind.short)}
    for step in (step for need in found if need.key != "print" for step in need.steps):
        assert step.place.partition(":")[0] in tabs, f"“{step.words}” is nowhere"


async def test_a_hold_after_a_phone_call_takes_few_keys_and_leads_to_its_notice(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await start(pilot)
        call = Counted(pilot)
        await call.press("enter")  # something happened
        await until_said(pilot, "Go to a time")
        await call.text("40 min ago")
        await call.press("enter")
        await until_said(pilot, "✓ 1 When was it?")
        await call.press("down", "enter")  # no picture has to be seen for it
        form = await until(pilot, "the form", lambda: of(pilot, HoldDialog))
        assert form.text("from"), "the time is not typed twice"
        await call.press("tab")
        await call.text("26-4711")
        await call.press("tab", "space", "tab", "tab")  # the first camera
        await call.text("10 min")
        await call.press("enter")
        await until(pilot, "the hold", lambda: isinstance(pilot.app.screen, FoundDialog))
        await call.press("enter")
        (hold,) = [row for row in stage.client("dora").act(HoldListAsk()).holds if row.reference == "26-4711"]
        await until_said(pilot, f"{hold.id}, no. 26-4711")
        placed = call.keys
        await call.press("enter")  # its notice
        await until_said(pilot, f"Hold notice, {hold.id}")
        await until_said(pilot, "That is the last step. 0 goes to the first question")
        assert placed <= 11, placed
        assert call.keys <= 20, f"{call.keys} keys besides text"


async def test_who_looked_is_answered_in_six_keys(stage: Stage) -> None:
    look = stage.look("carl", "desk", incident="26-55")
    stage.client("carl").act(LookStill(look.id, "desk", stage.made.start_utc_ns + 5 * NS, 480))
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await start(pilot)
        asked = Counted(pilot)
        await asked.press("down", "down", "enter")
        form = await until(pilot, "the form", lambda: of(pilot, WhoDialog))
        cameras = [words for _, words in form.query_one("#camera", Choice)._choices]
        await asked.press(*["down"] * cameras.index("Service desk"), "enter")
        shown = await until_said(pilot, "Who looked: ")
        assert "Carl Moss" in shown, shown
        assert asked.keys <= 6, f"{asked.keys} keys besides text"


async def test_p15_more_room_for_the_recordings_is_an_answer_on_the_admins_first_screen(stage: Stage) -> None:
    async with stage.app("").run_test(size=(80, 24)) as pilot:
        pane = await start(pilot)
        needs = {need.words: at for at, need in enumerate(pane._needs)}
        await pilot.press(*["down"] * needs[MACHINE], "enter")
        steps = [step.words for step in pane._needs[needs[MACHINE]].steps]
        await until_said(pilot, steps[0])
        await pilot.press(*["down"] * steps.index("Give the recordings more room"), "enter")
        await until(pilot, "the form", lambda: of(pilot, CapacityDialog))
        await in_front(pilot, "storage")


async def test_a_way_goes_on_where_it_was_left_and_the_tabs_are_one_key_away(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        pane = await start(pilot)
        await pilot.press("down", "enter")  # an officer is here: the sheet, at once
        await until_said(pilot, "what we need from you")
        await in_front(pilot, "papers")
        await until_said(pilot, "0 goes on to step 2 of 5: Write down what they ask for")
        await pilot.press("0")
        await in_front(pilot, "start")
        await until_said(pilot, "✓ 1 Hand out the sheet")
        await pilot.press("enter")
        await until_said(pilot, "On the basis of")
        await in_front(pilot, "releases")
        await pilot.press("escape")  # not done: it is still due
        await until_said(pilot, "2 Write down what they ask for")
        assert pane.way is not None and pane.way.next == 1
        await pilot.press("end", "up", "enter")  # no release is approved
        await until(
            pilot, "why not", lambda: any("cannot be done now" in one.message for one in pilot.app._notifications)
        )
        await pilot.press("0")
        await in_front(pilot, "start")
        assert pane.way.next == 1, "it is still due"
        await pilot.press("escape")
        await until_said(pilot, "What do you need?")
        await pilot.press("escape")
        await in_front(pilot, "cameras")
        await pilot.press("0")
        await in_front(pilot, "start")
        await pilot.press("4")
        await in_front(pilot, "holds")


async def test_what_is_printed_is_chosen_by_its_name_and_no_other_paper_is_asked_for(stage: Stage) -> None:
    async with stage.app("sam").run_test(size=(80, 24)) as pilot:
        pane = await start(pilot)
        await pilot.press(*["down"] * [need.words for need in pane._needs].index("Print"), "enter")
        shown = await until_said(pilot, "Print the sign", "Print the notice of a hold")
        assert "quarterly report" not in shown
        await pilot.press("down", "enter")
        await until_said(pilot, "C A M E R A S")
        home = pilot.app.screen
        assert isinstance(home, HomeScreen)
        papers: Any = home.pane("papers")
        assert list(papers._texts) == ["sign"]


# --- what every list, form and tab can do ---------------------------------------------------------------------------------


async def test_a_list_is_searched_sorted_copied_from_and_a_form_asks_before_it_throws_away_what_was_typed(
    stage: Stage,
) -> None:
    for reference in ("26-601 pears", "26-602 apples", "26-603 plums"):
        stage.hold("dora", reference=reference)
    holds = {row.reference: row.id for row in stage.client("dora").act(HoldListAsk()).holds}
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        home = await settled(pilot)
        pane: Any = await home.go("holds")
        await until_shown(pilot, "26-603")
        await pilot.press("slash")
        await until(pilot, "where it is typed", lambda: isinstance(pilot.app.focused, Input))
        await types(pilot, "APPLES")
        await until(pilot, "one row", lambda: pane.table.row_count == 1)
        await until(pilot, "it alone", lambda: "26-602" in screen_text(pilot) and "26-601" not in screen_text(pilot))
        await pilot.press("enter")
        await until(pilot, "the list", lambda: isinstance(pilot.app.focused, DataTable))
        await pilot.press("ctrl+c")
        await until(pilot, "its number", lambda: pilot.app.clipboard == holds["26-602 apples"])
        await pilot.press("slash", "escape")
        await until(pilot, "all rows", lambda: pane.table.row_count == len(holds))

        def column(number: int) -> list[str]:
            return [str(pane.table.get_row_at(row)[number]) for row in range(pane.table.row_count)]

        await pilot.press("z", "z", "z")
        await until(pilot, "by number", lambda: column(2)[0] == "26-601 pears" and "Number▲" in screen_text(pilot))
        await pilot.click(pane.table, offset=(30, 0))
        await until(pilot, "turned", lambda: column(2)[-1] == "26-601 pears" and "Number▼" in screen_text(pilot))

        await pilot.press("h")
        form = await until(pilot, "the form", lambda: of(pilot, HoldDialog))
        await pilot.press("tab")
        await types(pilot, "26-9000")
        await pilot.press("escape")
        await until_said(pilot, "What you typed in it is thrown away.")
        await pilot.press("escape")
        await until(pilot, "the form again", lambda: pilot.app.screen is form)
        assert form.text("reference") == "26-9000"
        await pilot.press("escape", "enter")
        await until(pilot, "home", lambda: pilot.app.screen is home)


async def test_in_every_tab_messages_cover_no_button_none_is_cut_and_each_has_a_key(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24), notifications=True) as pilot:
        home = await arrived(pilot)
        await until_said(pilot, "to write down:")  # the head, of this log-in
        for words in ("It is so. " * 30, "And that."):
            pilot.app.notify(words, timeout=600)
        toasts = await until(pilot, "both", lambda: len(found := list(home.query(Toast))) == 2 and found)
        await until(pilot, "their places", lambda: [toast.region.y for toast in toasts] == [0, 2])
        for key in list(home._kinds):
            pane: Any = await home.go(key)
            await until(pilot, "the tab", lambda: home.is_ready)
            buttons = [button for button in pane.query(Button) if button.region]
            assert not [b for b in buttons if any(b.region.overlaps(toast.region) for toast in toasts)], key
            assert not [b for b in buttons if not Region(0, 0, 80, 24).contains_region(b.region)], key
            if key in ("timeline", "live"):
                _each_has_a_key(pane)
        line = str(home.query_one("#welcome", Static).render())
        assert line.strip() == "F2 Today: nothing waiting", "no head over every tab"


def _each_has_a_key(pane: Any) -> None:
    """Of a tab of pictures: what a button does stands behind it, with its key."""
    bound = {one.key_display or one.key: one for _, one in pane._bindings if one.id}
    told = {str(button.tooltip).rpartition("(")[2].rstrip(")") for button in pane.query(Button)}
    assert told <= {*bound, "Esc", "Enter"}, (pane.title, told)
    moving = ("enter", "escape", "plus", "equals_sign", "minus")
    keyed = {one.action for one in bound.values() if one.key not in moving}
    # The camera is chosen from a list; c is the next one in it.
    assert keyed - {"camera(1)"} <= {bound[sign].action for sign in told if sign in bound}, pane.title


async def test_what_can_be_done_is_there_by_name_in_plain_words(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        home = await settled(pilot)
        await home.go("timeline")
        await until(pilot, "the tab", lambda: home.is_ready)
        found = {command.title for command in pilot.app.get_system_commands(home)}
        assert {"Timeline: Keep the marked span", "Timeline: Go to a time in plain words", "Place a hold"} <= found
        await pilot.press("ctrl+p")
        await until(pilot, "commands", lambda: isinstance(pilot.app.screen, CommandPalette))
        await types(pilot, "print the sign")
        await until_said(pilot, "The notice at an entrance")
        await nothing_cut(pilot, "commands by their words", (160, 48))
        await pilot.press("down", "enter")
        await until_said(pilot, "C A M E R A S")


# --- whose it is, and its tabs --------------------------------------------------------------------------------------------


async def test_it_says_who_sits_there(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        home = await settled(pilot)
        assert "Dora Reed, Library Director" in str(home.query_one("#who", Static).content)
    async with stage.app("").run_test(size=(80, 24)) as pilot:
        home = await settled(pilot)
        assert "Admin of this server" in str(home.query_one("#who", Static).content)


async def test_down_goes_from_the_tabs_into_the_one_in_front(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        home = await settled(pilot)
        home.query_one(Tabs).focus()
        await pilot.press("down")
        await until(pilot, "the cursor in it", lambda: home.front is not None and home.focused in home.front.query("*"))


async def test_a_service_that_goes_before_the_screen_is_there_is_told_once_it_is(stage: Stage) -> None:
    app = stage.app("dora")
    async with app.run_test(size=(80, 24)) as pilot:
        home = HomeScreen(Who(None), Status("", 0, [], 0, 0, DiskRow("", "", 0, 0, 0, 0, 0, True, None), [], []))
        shown = app.push_screen(home)
        home.show_back()
        home.show_away("Nothing answers there.")
        await shown
        banner = home.query_one("#banner", Static)
        await until(pilot, "it is told", lambda: banner.display and "Nothing answers there." in str(banner.content))
        home.show_back()
        await until(pilot, "it is over", lambda: not banner.display)


# --- last, because its looks wait for a review from then on ---------------------------------------------------------------


async def test_scene_17_somebody_in_danger_is_seen_at_once_from_the_first_screen_and_from_anywhere(
    stage: Stage,
) -> None:
    async with stage.seated("sam") as pilot:  # one camera, which is ticked
        await start(pilot)
        at_once = Counted(pilot)
        await at_once.press("exclamation_mark")
        form = await until(pilot, "the form", lambda: of(pilot, BreakGlassDialog))
        assert form.query_one("#cameras", Picks).selected == ["lobby"]
        await at_once.text("a child is missing")
        await at_once.press("enter")
        await in_front(pilot, "live")
        assert at_once.keys == 2
        look = our_app(pilot).looks.danger
        assert look is not None and look.cameras == ["lobby"]
    async with stage.seated("dora") as pilot:  # by its words; which camera is asked, and never guessed
        pane = await start(pilot)
        await pilot.press(*["down"] * [need.words for need in pane._needs].index(DANGER), "enter")
        form = await until(pilot, "the form", lambda: of(pilot, BreakGlassDialog))
        assert not form.query_one("#cameras", Picks).selected
        await types(pilot, "smoke\n")
        await until_said(pilot, "Which camera? Check at least one")
        await pilot.press("space", "enter")
        await in_front(pilot, "live")
