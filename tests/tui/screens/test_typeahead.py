"""Keys that come in one go, as from a fast typist, a paste of a terminal's own, or a line that was away for a second."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, Tabs

from holdshelf_core.acts import Act, Read
from holdshelf_core.holds.types import HoldAsk, HoldListAsk
from holdshelf_core.people.types import ReadPeople
from holdshelf_tui.screens.dialogs.go_to import GoToDialog
from holdshelf_tui.screens.dialogs.hold import FoundDialog, HoldDialog
from holdshelf_tui.screens.dialogs.hold_acts import LiftDialog
from holdshelf_tui.screens.dialogs.message import MessageDialog
from holdshelf_tui.screens.dialogs.progress import ProgressDialog
from holdshelf_tui.screens.dialogs.purpose import PurposeDialog
from holdshelf_tui.screens.dialogs.share import ShareDialog
from holdshelf_tui.screens.holds import HoldsPane
from holdshelf_tui.screens.timeline import TimelinePane
from holdshelf_tui.session.inputs import InTurn
from tests.looking import MINUTE_NS
from tests.tui.stage import Stage, our_app, settled, until

pytestmark = pytest.mark.usefixtures("no_frames")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("typed")) as running:
        yield running


KEYS = {"\t": "tab", ":": "colon", "-": "minus", "\r": "enter", "\x1b": "escape"}


def burst(pilot: Pilot[Any], keys: str) -> None:
    """As they come out of the terminal's parser, with nothing in between."""
    for key in keys:
        pilot.app.post_message(events.Key(KEYS.get(key, key), key))


@contextlib.asynccontextmanager
async def held_back(pilot: Pilot[Any], kind: type[Any], *, refused: bool = False) -> AsyncIterator[asyncio.Event]:
    """The service's answers to that question come once the event is set; ``refused``: it is asked for what is not there."""
    link, comes = our_app(pilot).link, asyncio.Event()
    act, read = link.act, link.read

    async def act_later(request: Act[Any]) -> Any:
        if isinstance(request, kind):
            await comes.wait()
            request = HoldAsk("h-none") if refused else request
        return await act(request)

    async def read_later(request: Read[Any], **named: Any) -> Any:
        if isinstance(request, kind):
            await comes.wait()
        return await read(request, **named)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(link, "act", act_later)
        patched.setattr(link, "read", read_later)
        yield comes
        comes.set()


async def at_holds(pilot: Pilot[Any]) -> HoldsPane:
    """The list of holds with the cursor on one."""
    home = await settled(pilot)
    pane = await home.go("holds")
    assert isinstance(pane, HoldsPane)
    await until(
        pilot, "a hold under the cursor", lambda: home.is_ready and pane.chosen is not None and pane.table.has_focus
    )
    return pane


async def test_a_time_typed_in_one_go_with_the_key_for_it_is_in_the_form(stage: Stage) -> None:
    async with stage.seated("dora") as pilot:
        await settled(pilot)
        burst(pilot, "2t15:15")
        dialog = await until(pilot, "the form", lambda: isinstance(s := pilot.app.screen, GoToDialog) and s)
        await until(pilot, "the time in it", lambda: any(i.value == "15:15" for i in dialog.query(Input)))


async def test_an_incident_typed_in_one_go_with_the_key_for_a_hold_is_in_the_form(stage: Stage) -> None:
    async with stage.seated("dora") as pilot:
        await settled(pilot)
        burst(pilot, "H\t26-777")  # the status is asked for first, and 2, 6 and 7 are keys of the screen behind
        dialog = await until(pilot, "the form", lambda: isinstance(s := pilot.app.screen, HoldDialog) and s)
        await until(pilot, "the number in it", lambda: any(i.value == "26-777" for i in dialog.query(Input)))


async def test_keys_go_to_the_tab_that_was_asked_for_before_them(stage: Stage) -> None:
    async with stage.seated("dora") as pilot:
        home = await settled(pilot)
        number = list(home._kinds).index("holds")
        burst(pilot, f"{number}h")
        await until(pilot, "the form of that tab", lambda: isinstance(pilot.app.screen, HoldDialog))
        assert isinstance(home.front, HoldsPane)


async def test_a_tabs_keys_work_while_the_row_of_tabs_has_the_focus(stage: Stage) -> None:
    async with stage.seated("dora") as pilot:
        home = await settled(pilot)
        await pilot.click("#tab-timeline")
        await until(pilot, "the timeline", lambda: home.front is home.pane("timeline") and home.is_ready)
        home.query_one(Tabs).focus()
        await until(pilot, "the focus on the tabs", lambda: isinstance(home.focused, Tabs))
        burst(pilot, "t3:15")
        dialog = await until(pilot, "the form", lambda: isinstance(s := pilot.app.screen, GoToDialog) and s)
        await until(pilot, "the time in it", lambda: any(i.value == "3:15" for i in dialog.query(Input)))


async def test_what_is_typed_behind_a_form_waits_until_the_form_has_done_what_it_was_asked(stage: Stage) -> None:
    for _ in range(5):
        async with stage.seated("dora") as pilot:
            home = await settled(pilot)
            began_utc_ns = time.time_ns()
            burst(pilot, "2t")
            for key in "55 minutes ago":
                pilot.app.post_message(events.Key("space" if key == " " else key, key))
            pilot.app.post_message(events.Key("enter", "\r"))
            burst(pilot, "o")
            await until(pilot, "the question", lambda: isinstance(pilot.app.screen, PurposeDialog))
            pane = home.pane("timeline")
            assert isinstance(pane, TimelinePane)
            typed_utc_ns = pane.view.cursor_utc_ns + 55 * MINUTE_NS
            assert began_utc_ns - MINUTE_NS <= typed_utc_ns <= time.time_ns()


async def test_keys_wait_for_the_dialog_that_an_action_of_a_list_asks_the_service_for(stage: Stage) -> None:
    stage.hold()
    async with stage.seated("dora") as pilot:
        await at_holds(pilot)
        async with held_back(pilot, HoldAsk) as comes:
            burst(pilot, "\r\x1bl")  # what it covers, back, and ask for it to be lifted
            await until(pilot, "that it takes long", lambda: isinstance(pilot.app.screen, ProgressDialog))
            assert not any(isinstance(screen, LiftDialog) for screen in pilot.app.screen_stack)
            comes.set()
            await until(pilot, "the form", lambda: isinstance(pilot.app.screen, LiftDialog))
            assert not any(isinstance(screen, FoundDialog) for screen in pilot.app.screen_stack)


async def test_what_is_typed_for_a_form_that_asks_first_is_in_it_and_not_done_to_the_screen_behind(
    stage: Stage,
) -> None:
    async with stage.seated("dora") as pilot:
        home = await settled(pilot)
        pane = await home.go("timeline")
        await until(pilot, "the timeline", lambda: home.front is pane and home.is_ready)
        assert isinstance(pane, TimelinePane)
        camera = pane.camera
        async with held_back(pilot, ReadPeople) as comes:
            burst(pilot, "s\t\tacn")  # c is the next camera of the timeline, n its next movement
            await until(pilot, "the keys that wait", lambda: len(our_app(pilot)._ahead) == len("\t\tacn"))
            comes.set()
            form = await until(pilot, "the form", lambda: isinstance(s := pilot.app.screen, ShareDialog) and s)
            await until(pilot, "the words in it", lambda: form.query_one("#other", Input).value == "acn")
            assert pane.camera == camera


async def test_what_is_typed_behind_something_that_is_refused_is_done_to_nothing_else(stage: Stage) -> None:
    stage.hold()
    async with stage.seated("dora") as pilot:
        await at_holds(pilot)
        async with held_back(pilot, HoldAsk, refused=True) as comes:
            burst(pilot, "\r\x1bl")
            await until(pilot, "that it takes long", lambda: isinstance(pilot.app.screen, ProgressDialog))
            assert not any(isinstance(screen, LiftDialog) for screen in pilot.app.screen_stack)
            comes.set()
            await until(pilot, "what was wrong", lambda: isinstance(pilot.app.screen, MessageDialog))
            await until(pilot, "no key that waits", lambda: our_app(pilot)._handing_out is None)
            assert isinstance(pilot.app.screen, MessageDialog)


async def test_text_that_is_typed_into_a_field_settles_the_page_once_and_not_for_each_letter(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A paste from a terminal that does not mark it: a thousand letters would keep the keys behind them for seconds."""
    settles: list[Widget | None] = []
    settle = InTurn._settled

    async def counted(app: InTurn[Any]) -> None:
        settles.append(app.focused)
        await settle(app)

    monkeypatch.setattr(InTurn, "_settled", counted)
    async with stage.seated("dora") as pilot:
        home = await settled(pilot)
        number = list(home._kinds).index("holds")
        burst(pilot, "2t" + "x2p" * 20 + f"\x1b\r{number}h")  # thrown away, and on
        await until(pilot, "what the keys behind it ask for", lambda: isinstance(pilot.app.screen, HoldDialog))
        assert home.front is home.pane("holds")
        assert len(settles) < 20, "it settled for each letter"


async def test_what_is_done_to_a_line_waits_for_the_list_that_an_act_has_changed(stage: Stage) -> None:
    """Else it is done to a line that is not there any more."""
    stage.hold()
    async with stage.seated("dora") as pilot:
        pane = await at_holds(pilot)
        async with held_back(pilot, HoldListAsk) as comes:
            stage.hold("dora")
            await until(pilot, "that it hears of the change", lambda: pane._stale)
            await pilot.press("enter")
            waits = await until(pilot, "one or the other", lambda: isinstance(s := pilot.app.screen, ModalScreen) and s)
            assert isinstance(waits, ProgressDialog), "its list is not there yet"
            shown = len(pane.rows)
            comes.set()
            await until(pilot, "what it covers", lambda: isinstance(pilot.app.screen, FoundDialog))
            assert len(pane.rows) == shown + 1
