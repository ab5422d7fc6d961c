"""Home: who sits here, the tabs that are theirs, and what the house says. Everything else stands in front of it."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, ClassVar, cast

from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import Screen
from textual.widgets import ContentSwitcher, Static, Tab, Tabs

from holdshelf_core.api import types
from holdshelf_core.api.errors import HoldshelfError
from holdshelf_core.api.types_session import EventRow
from holdshelf_tui.link import Who
from holdshelf_tui.screens.dialogs.hold import HoldDialog
from holdshelf_tui.screens.dialogs.verify import VerifyDialog
from holdshelf_tui.screens.pane import Pane
from holdshelf_tui.screens.tabs import panes_for
from holdshelf_tui.screens.welcome import WelcomeLine
from holdshelf_tui.widgets.keys_line import KeysLine
from holdshelf_tui.words import clock, day, inert, plain

if TYPE_CHECKING:
    from holdshelf_tui.app import HoldshelfApp


ROOMY_COLUMNS = 112
"""All tabs fit in a line with their whole names."""


class HomeScreen(Screen[None]):
    """Tabs are made when they are first shown, and stay."""

    CSS_PATH = "home.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(number), f"tab({number - 1})", f"Tab {number}", show=False) for number in range(1, 10)),
        Binding("ctrl+pagedown", "next_tab", "Next tab", show=False, id="next_tab"),
        Binding("ctrl+pageup", "previous_tab", "Previous tab", show=False, id="previous_tab"),
        Binding("down,enter", "into", "Into the tab", show=False, id="into"),
        Binding(
            "f2",
            "today",
            "Today",
            key_display="F2",
            id="today",
            tooltip="What waits for you, and the access log's head",
        ),
        Binding("H", "hold", "Hold", key_display="H", id="hold", tooltip="Place a hold; no look is needed for it"),
    ]

    def __init__(self, who: Who, status: types.Status) -> None:
        super().__init__()
        self._who = who
        self.status = status
        """As it was asked for last by whichever tab did."""
        self._kinds = panes_for(who)
        self._panes: dict[str, Pane] = {}
        self._waiting: dict[str, int] = {}
        self._clock = ""
        self._brings = False
        """Another tab is being brought to the front."""

    def compose(self) -> ComposeResult:
        """Head, banner, tabs, the tab in front, keys."""
        with Horizontal(id="head"):
            yield Static(Content.from_markup("[b]Holdshelf[/b]"), id="name")
            yield Static(plain(self._who.words, 120), id="who")
            yield Static("", id="clock")
        yield WelcomeLine(self._who)
        yield Static("", id="banner")
        yield Tabs(*(Tab(label, id=f"tab-{key}") for key, label in self._labels(self.app.size.width).items()))
        yield ContentSwitcher(id="panes")
        yield KeysLine()

    def on_mount(self) -> None:
        """The first tab, the clock."""
        self.query_one("#banner").display = False
        self._show_clock()
        self.set_interval(1.0, self._show_clock)

    def _show_clock(self) -> None:
        now = time.time_ns()
        if (words := f"{day(now)}  {clock(now, seconds=False)}") != self._clock:
            self._clock = words
            self.query_one("#clock", Static).update(words)

    # --- tabs -----------------------------------------------------------------------------------------------------

    async def on_tabs_tab_activated(self, activated: Tabs.TabActivated) -> None:
        """Bring a tab to the front."""
        if activated.tab is None or activated.tab.id is None:
            return
        key = activated.tab.id.removeprefix("tab-")
        if self._panes:
            await self._front(key)
        else:  # the frame is shown at once, what is in it a moment later
            self.call_after_refresh(self._front, key)

    async def _front(self, key: str) -> None:
        switcher = self.query_one("#panes", ContentSwitcher)
        before = self._panes.get((switcher.current or "").removeprefix("pane-"))
        pane = self._panes.get(key)
        if pane is None:
            pane = self._panes[key] = self._kinds[key](id=f"pane-{key}")
            await switcher.add_content(pane, set_current=True)
        else:
            switcher.current = f"pane-{key}"
        if before is not None and before is not pane:
            before.hidden()
        pane.shown()
        pane.call_after_refresh(self.app.call_later, self._takes_keys)  # as the panes give away their focus

    def _takes_keys(self) -> None:
        self._brings = False

    @property
    def is_ready(self) -> bool:
        """Keys are for the tab that is there, and it knows what it offers."""
        return not self._brings and (self.front is None or self.front.is_loaded)

    @property
    def front(self) -> Pane | None:
        """The pane in front."""
        current = next((switcher.current for switcher in self.query(ContentSwitcher)), None)
        return self._panes.get((current or "").removeprefix("pane-"))

    def pane(self, key: str) -> Pane | None:
        """A pane that was made already."""
        return self._panes.get(key)

    @property
    def titles(self) -> list[str]:
        """Of the tabs, whole, in their order."""
        return [kind.title for kind in self._kinds.values()]

    def has(self, key: str) -> bool:
        """Whether that tab is theirs."""
        return key in self._kinds

    async def go(self, key: str) -> Pane | None:
        """Bring a tab to the front from elsewhere; None when it is not theirs."""
        if key not in self._kinds:
            return None
        await self._front(key)
        self.query_one(Tabs).active = f"tab-{key}"
        return self._panes[key]

    def action_tab(self, number: int) -> None:
        """The tab of that number."""
        keys = list(self._kinds)
        if number < len(keys) and self.query_one(Tabs).active != f"tab-{keys[number]}":
            self._brings = True
            self.query_one(Tabs).active = f"tab-{keys[number]}"

    async def on_key(self, event: events.Key) -> None:
        """A key of the tab in front works from the row of tabs, too: who clicked on one need not click again."""
        front = self.front
        if front is not None and isinstance(self.focused, Tabs) and (action := front.action_of(event.key)):
            event.stop()
            front.take_focus()
            await self.app.run_action(action, default_namespace=front)

    def action_into(self) -> None:
        """From the row of tabs into the one in front, as the eye goes."""
        if self.front is not None:
            self.front.take_focus()

    def action_next_tab(self) -> None:
        """To the right."""
        self.query_one(Tabs).action_next_tab()

    def action_previous_tab(self) -> None:
        """To the left."""
        self.query_one(Tabs).action_previous_tab()

    # --- what waits for whom -------------------------------------------------------------------------------------

    def on_welcome_line_gathered(self, gathered: WelcomeLine.Gathered) -> None:
        """Say on the tabs where something waits."""
        self._waiting = {key: sum(duty.tab == key for duty in gathered.duties) for key in self._kinds}
        self._name_tabs()

    def on_resize(self) -> None:
        """Tabs with short names where they have little room."""
        self._name_tabs()

    def _labels(self, columns: int) -> dict[str, str]:
        """What stands on each tab, by key."""
        labels = {}
        for number, (key, kind) in enumerate(self._kinds.items(), 1):
            waiting = self._waiting.get(key, 0)
            if columns >= ROOMY_COLUMNS:
                labels[key] = f"{number} {kind.title}" + (f" ({waiting})" if waiting else "")
            else:  # all tabs just fit: a sign that takes no room
                labels[key] = f"{number}{'▲' if waiting else ' '}{kind.short or kind.title}"
        return labels

    def _name_tabs(self) -> None:
        for key, label in self._labels(self.size.width).items():
            tab = self.query_one(f"#tab-{key}", Tab)
            if tab.label_text != label:
                tab.label = label
        self.call_after_refresh(self._fit_tabs)

    def _fit_tabs(self) -> None:
        """A label that changed twice before Textual laid it out keeps the width that it had after the first time."""
        for tab in self.query(Tab):
            if tab.size.width and tab.size.width < len(tab.label_text):
                tab.refresh(layout=True)

    async def on_welcome_line_answered(self, answered: WelcomeLine.Answered) -> None:
        """Go there."""
        if isinstance(answered.answer, str):
            self.app.push_screen(VerifyDialog())
            return
        pane = await self.go(answered.answer.tab)
        if pane is not None:
            pane.choose(answered.answer.key)

    def action_today(self) -> None:
        """What waits, and the log's head."""
        cast("HoldshelfApp", self.app).await_form()
        self.query_one(WelcomeLine).open()

    def action_hold(self) -> None:
        """Place a hold, from anywhere."""
        cast("HoldshelfApp", self.app).await_form()
        self._place_hold()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only who may hold is offered it; Down and Enter are the tabs' own while they have the focus."""
        if action == "into":
            return isinstance(self.focused, Tabs)
        return action != "hold" or "hold" in self._who.rights

    @work(group="hold")
    async def _place_hold(self) -> None:
        app = cast("HoldshelfApp", self.app)
        with contextlib.suppress(HoldshelfError):
            self.status = await app.link.status()
        await app.push_screen_wait(HoldDialog([], self.status.cameras))

    # --- what the house says ----------------------------------------------------------------------------------------

    def hear(self, row: EventRow) -> None:
        """To every tab that was made."""
        for line in self.query(WelcomeLine).results(WelcomeLine):  # none any more while the app is left
            line.heard(row)
        for pane in self._panes.values():
            pane.heard(row)

    def show_away(self, sentence: str) -> None:
        """The service is gone for now: what is shown is as it was."""
        banner = self.query_one("#banner", Static)
        # Who cannot look at the service's log is not told to.
        step = inert(sentence, 200) if self._who.admin else "Nothing to do; if it lasts, tell the admin."
        banner.update(Content(f"⟳ The recording service is restarting; what you see is as it was. {step}"))
        banner.display = True

    def show_back(self) -> None:
        """It is there again: everything is asked anew."""
        self.query_one("#banner", Static).display = False
        self.query_one(WelcomeLine).load()
        for pane in self._panes.values():
            pane.came_back()
