"""Home: who sits here, the tabs that are theirs, and what the house says. Everything else stands in front of it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import ClassVar, cast

from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import Screen
from textual.widgets import ContentSwitcher, Static, Tab, Tabs

from holdshelf_core.api import types
from holdshelf_core.api.errors import HoldshelfError
from holdshelf_core.api.session_types import EventRow
from holdshelf_core.holds.types import HoldRow
from holdshelf_core.looks.types import GrantRow
from holdshelf_tui.screens.camera_choice import offered
from holdshelf_tui.screens.dialogs.first_day import FirstDayDialog
from holdshelf_tui.screens.dialogs.hold import HoldDialog
from holdshelf_tui.screens.dialogs.purpose import BreakGlassDialog
from holdshelf_tui.screens.dialogs.verify import VerifyDialog
from holdshelf_tui.screens.pane import Pane
from holdshelf_tui.screens.start import StartPane
from holdshelf_tui.screens.tabs import panes_for
from holdshelf_tui.screens.welcome import WelcomeLine
from holdshelf_tui.session.app import SessionApp
from holdshelf_tui.session.inputs import in_turn
from holdshelf_tui.session.link import Who
from holdshelf_tui.session.waiting import FIRST_DAY
from holdshelf_tui.text.time_format import clock, day
from holdshelf_tui.text.words import inert
from holdshelf_tui.widgets import key_table
from holdshelf_tui.widgets.keys_line import KeysLine
from holdshelf_tui.widgets.tab_row import async_have_tabs
from holdshelf_tui.widgets.text import plain, set_text

ROOMY_COLUMNS = 112
"""All tabs fit in a line with their whole names."""


def _given(who: Who) -> tuple[object, ...]:
    """What decides which tabs are theirs, and what those offer."""
    return who.admin, who.seat, who.rights, frozenset(who.person.acts if who.person is not None else ())


class HomeScreen(Screen[None]):
    """Tabs are made when they are first shown, and stay."""

    AUTO_FOCUS = ""  # the tab in front takes it, once it is there
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(key, f"tab({key})", f"Tab {key}", show=False) for key in sorted(key_table.TABS)),
        Binding("ctrl+pagedown", "next_tab", "Next tab", show=False, id="next_tab"),
        Binding("ctrl+pageup", "previous_tab", "Previous tab", show=False, id="previous_tab"),
        Binding("down,enter", "into", "Into the tab", show=False, id="into"),
        Binding(
            key_table.TODAY,
            "today",
            "Today",
            key_display="F2",
            id="today",
            tooltip="What waits for you, and the access log's head",
        ),
        Binding(
            key_table.HOLD_ANYWHERE,
            "hold",
            "Hold",
            key_display="H",
            id="hold",
            tooltip="Place a hold; no look is needed for it",
        ),
        Binding(
            key_table.DANGER,
            "danger",
            "Danger",
            key_display="!",
            show=False,
            id="danger",
            tooltip="Somebody is in danger right now: look at once",
        ),
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
        self._away = ""
        """Why the service does not answer now, for the banner; '' while it does."""
        self._brings = False
        """Another tab is being brought to the front."""
        self._gives = _given(who)
        """What the tabs and what they offer are made for."""

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
        """The first tab, the clock, and what was told before there was a banner."""
        self._show_banner()
        self._show_clock()
        self.set_interval(1.0, self._show_clock)

    def _show_clock(self) -> None:
        now = time.time_ns()
        # Who sits here needs the room of the year.
        today = day(now) if self.size.width >= ROOMY_COLUMNS else day(now).rpartition(", ")[0]
        if (words := f"{today}  {clock(now, seconds=False)}") != self._clock:
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

    def commands(self) -> Iterator[tuple[str, str, Callable[[], object]]]:
        """For the command palette: what can be done in the tab in front, then what is needed anywhere."""
        start = self.pane("start")
        if self.front is not None and self.front is not start:
            yield from self.front.commands()
        if start is not None:
            yield from start.commands()
        if self.check_action("hold", ()):
            yield "Place a hold", "No look is needed for it; the H key does this, too", self.action_hold
        if self.check_action("danger", ()):
            yield (
                "Imminent danger",
                "Look at once, live and at the last few minutes; the ! key does this, too",
                self.action_danger,
            )

    def action_next_tab(self) -> None:
        """Choose the tab to the right."""
        self.query_one(Tabs).action_next_tab()

    def action_previous_tab(self) -> None:
        """Choose the tab to the left."""
        self.query_one(Tabs).action_previous_tab()

    # --- what waits for whom -------------------------------------------------------------------------------------

    async def on_welcome_line_gathered(self, gathered: WelcomeLine.Gathered) -> None:
        """Say on the tabs where something waits, and on the first screen how much."""
        # A policy that was adopted since, a seat or a letter may give other words and rights.
        self._who = cast(SessionApp, self.app).who = self.query_one(WelcomeLine).who
        set_text(self.query_one("#who", Static), plain(self._who.words, 120))
        await self._async_rights()
        if isinstance(start := self.pane("start"), StartPane):
            start.tell(len(gathered.duties), gathered.head, gathered.head_utc_ns)
        self._waiting = {key: sum(duty.tab == key for duty in gathered.duties) for key in self._kinds}
        self._name_tabs()

    async def on_screen_resume(self) -> None:
        """What changed while something stood in front of the tabs."""
        await self._async_rights()

    async def _async_rights(self) -> None:
        """Tabs, and what they offer, are for the rights of who sits here. What stands in front of them is left alone."""
        if self.app.screen is not self or _given(self._who) == self._gives:
            return
        self._gives, self._kinds = _given(self._who), panes_for(self._who)
        if self.front is not None and self._kinds.get(self._key_of(self.front)) is not type(self.front):
            await self.go(next(iter(self._kinds)))
        for key, pane in list(self._panes.items()):
            if self._kinds.get(key) is type(pane):
                await pane.async_other_rights()
            else:
                await self._panes.pop(key).remove()
        labels = self._labels(self.size.width)
        await async_have_tabs(self.query_one(Tabs), {f"tab-{key}": label for key, label in labels.items()})
        self._name_tabs()
        self.refresh_bindings()
        self.notify("What you may do here has changed: these are the tabs that are yours now.")

    @staticmethod
    def _key_of(pane: Pane) -> str:
        return (pane.id or "").removeprefix("pane-")

    def on_resize(self) -> None:
        """Tabs with short names, close to one another, where they have little room."""
        self.set_class(self.size.width < ROOMY_COLUMNS, "narrow")
        self._show_clock()
        self._name_tabs()

    def _labels(self, columns: int) -> dict[str, str]:
        """What stands on each tab, by key."""
        labels = {}
        for number, (key, kind) in enumerate(self._kinds.items()):
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
        # Textual measures the tab in front when it is chosen; with another label it stands elsewhere.
        self.call_after_refresh(self.query_one(Tabs)._highlight_active, animate=False)

    async def on_welcome_line_answered(self, answered: WelcomeLine.Answered) -> None:
        """Go to the tab or the dialog that the answer names."""
        if isinstance(answered.answer, str):
            self.app.push_screen(VerifyDialog())
            return
        if answered.answer.tab == FIRST_DAY:
            self.action_first_day()
            return
        pane = await self.go(answered.answer.tab)
        if pane is not None:
            pane.choose(answered.answer.key)

    def action_today(self) -> None:
        """What waits, and the log's head."""
        self.query_one(WelcomeLine).open()

    @work(exclusive=True, group="first-day")
    @in_turn
    async def action_first_day(self) -> None:
        """What leads from an empty server to one in use; on to the step that is chosen."""
        step = await self.app.push_screen_wait(FirstDayDialog(self._who))
        if step is None:
            return
        pane = await self.go(step.tab)
        if pane is not None and step.key:
            pane.choose(step.key)

    @property
    def has_first_day(self) -> bool:
        """Whether the list of the first day is theirs to see."""
        return self._who.seat or self._who.admin

    def action_hold(self) -> None:
        """Place a hold, from anywhere."""
        self._place_hold()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only who may hold is offered it; Down and Enter are the tabs' own while they have the focus."""
        if action == "into":
            return isinstance(self.focused, Tabs)
        if action == "danger":
            return self._who.may_look_live
        return action != "hold" or "hold" in self._who.rights

    def guide(self, words: str) -> None:
        """What step of a need is next, told while its tab is in front; '' none."""
        self.query_one(WelcomeLine).guide(words)

    @work(group="hold")
    @in_turn
    async def _place_hold(self) -> None:
        await self.async_place_hold()

    async def async_place_hold(self) -> HoldRow | None:
        """The form of a hold, and what was placed. To be awaited in a worker."""
        app = cast(SessionApp, self.app)
        with contextlib.suppress(HoldshelfError):
            self.status = await app.link.status()
        return await app.push_screen_wait(HoldDialog([], self.status.cameras, app.looks.number))

    def action_danger(self) -> None:
        """A look at once, from anywhere."""
        self._look_at_once()

    @work(exclusive=True, group="danger")
    @in_turn
    async def _look_at_once(self) -> None:
        await self.async_look_at_once()

    async def async_look_at_once(self) -> GrantRow | None:
        """What the danger is and where, and the look, seen live. To be awaited in a worker."""
        app = cast(SessionApp, self.app)
        with contextlib.suppress(HoldshelfError):
            self.status = await app.link.status()
        cameras = offered(self._who, self.status.cameras, "live")
        if not cameras:
            app.forget_typed()
            self.notify("There is no camera in use that you may look at live.", severity="warning")
            return None
        in_front = str(getattr(self.front, "camera", ""))
        look: GrantRow | None = await app.push_screen_wait(BreakGlassDialog(cameras, [in_front]))
        if look is not None:
            await self.go("live")
        return look

    # --- what the house says ----------------------------------------------------------------------------------------

    def hear(self, row: EventRow) -> None:
        """To every tab that was made."""
        for line in self.query(WelcomeLine).results(WelcomeLine):  # none any more while the app is left
            line.heard(row)
        for pane in self._panes.values():
            pane.heard(row)

    def show_away(self, sentence: str) -> None:
        """The service is gone for now: what is shown is as it was."""
        # Who cannot look at the service's log is not told to.
        self._away = (
            inert(sentence, 200)
            if self._who.admin
            else "You do not need to do anything. If this lasts, tell the admin."
        )
        self._show_banner()

    def show_back(self) -> None:
        """It is there again: everything is asked anew."""
        self._away = ""
        self._show_banner()
        for line in self.query(WelcomeLine).results(WelcomeLine):
            line.load()
        for pane in self._panes.values():
            pane.came_back()

    def _show_banner(self) -> None:
        for banner in self.query("#banner").results(Static):  # none before the first paint and while the app is left
            banner.update(
                Content(f"⟳ The recording service is restarting; what you see may be out of date. {self._away}")
            )
            banner.display = bool(self._away)
