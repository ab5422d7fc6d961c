"""Home: who sits here, the tabs that are theirs, and what the house says. Everything else stands in front of it."""

from __future__ import annotations

import time
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import Screen
from textual.widgets import ContentSwitcher, Footer, Static, Tab, Tabs

from holdshelf_core.api import types
from holdshelf_core.api.types_session import EventRow
from holdshelf_tui.link import Who
from holdshelf_tui.screens.pane import Pane
from holdshelf_tui.screens.tabs import panes_for
from holdshelf_tui.words import clock, day, inert, plain


class HomeScreen(Screen[None]):
    """Tabs are made when they are first shown, and stay."""

    CSS_PATH = "home.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(number), f"tab({number - 1})", f"Tab {number}", show=False) for number in range(1, 10)),
        Binding("ctrl+pagedown", "next_tab", "Next tab", show=False, id="next_tab"),
        Binding("ctrl+pageup", "previous_tab", "Previous tab", show=False, id="previous_tab"),
    ]

    def __init__(self, who: Who, status: types.Status) -> None:
        super().__init__()
        self._who = who
        self.status = status
        """As it was asked for last by whichever tab did."""
        self._kinds = panes_for(who)
        self._panes: dict[str, Pane] = {}

    def compose(self) -> ComposeResult:
        """Head, banner, tabs, the tab in front, keys."""
        with Horizontal(id="head"):
            yield Static(Content.from_markup("[b]Holdshelf[/b]"), id="name")
            yield Static(plain(self._who.words, 120), id="who")
            yield Static("", id="clock")
        yield Static("", id="banner")
        yield Tabs(*(Tab(f"{n} {kind.title}", id=f"tab-{key}") for n, (key, kind) in enumerate(self._kinds.items(), 1)))
        yield ContentSwitcher(id="panes")
        yield Footer(compact=True)

    def on_mount(self) -> None:
        """The first tab, the clock."""
        self.query_one("#banner").display = False
        self._show_clock()
        self.set_interval(1.0, self._show_clock)

    def _show_clock(self) -> None:
        now = time.time_ns()
        self.query_one("#clock", Static).update(f"{day(now)}  {clock(now, seconds=False)}")

    # --- tabs -----------------------------------------------------------------------------------------------------

    async def on_tabs_tab_activated(self, activated: Tabs.TabActivated) -> None:
        """Bring a tab to the front."""
        if activated.tab is not None and activated.tab.id is not None:
            await self._front(activated.tab.id.removeprefix("tab-"))

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

    @property
    def front(self) -> Pane | None:
        """The pane in front."""
        return self._panes.get((self.query_one("#panes", ContentSwitcher).current or "").removeprefix("pane-"))

    def pane(self, key: str) -> Pane | None:
        """A pane that was made already."""
        return self._panes.get(key)

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
        if number < len(keys):
            self.query_one(Tabs).active = f"tab-{keys[number]}"

    def action_next_tab(self) -> None:
        """To the right."""
        self.query_one(Tabs).action_next_tab()

    def action_previous_tab(self) -> None:
        """To the left."""
        self.query_one(Tabs).action_previous_tab()

    # --- what the house says ----------------------------------------------------------------------------------------

    def hear(self, row: EventRow) -> None:
        """To every tab that was made."""
        for pane in self._panes.values():
            pane.heard(row)

    def show_away(self, sentence: str) -> None:
        """The service is gone for now: what is shown is as it was."""
        banner = self.query_one("#banner", Static)
        banner.update(
            Content(f"⟳ The recording service is restarting; what you see is as it was. {inert(sentence, 200)}")
        )
        banner.display = True

    def show_back(self) -> None:
        """It is there again: everything is asked anew."""
        self.query_one("#banner", Static).display = False
        for pane in self._panes.values():
            pane.came_back()
