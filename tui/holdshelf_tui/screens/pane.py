"""One tab of the home screen: what it loads, what makes it load anew, and how it says that it cannot."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import ClassVar, cast

from textual import work
from textual.actions import parse
from textual.containers import Vertical
from textual.content import Content
from textual.css.query import NoMatches
from textual.keys import key_to_character
from textual.widgets import Static

from holdshelf_core.api.errors import HoldshelfError, Unreachable
from holdshelf_core.api.session_types import EventRow
from holdshelf_tui.screens.dialogs.doing import async_do
from holdshelf_tui.session.app import SessionApp
from holdshelf_tui.session.link import Link, Who
from holdshelf_tui.text.words import inert
from holdshelf_tui.widgets.text import set_text

LOAD_SOON_S = 0.3
UP_TO_DATE_AT_MOST_S = 10.0
"""What follows goes by what is shown then."""


class Pane(Vertical):
    """Subclasses give `compose`, `async_load` and `hears`. The widget with id ``state`` shows loading, empty and errors.

    A pane loads when it is shown first, when it is shown again after something it hears of, and every ``every_s`` while it
    is shown. What it shows stays while the service is away.
    """

    DEFAULT_CSS = """
    Pane { height: 1fr; padding: 0 1; }
    Pane .state { height: auto; max-height: 6; color: $text-muted; }
    Pane .state.wrong { color: $text-error; }
    """

    title: ClassVar[str] = ""
    short: ClassVar[str] = ""
    """The title where the tabs have little room; '' the same."""
    every_s: ClassVar[float | None] = None
    hears: ClassVar[frozenset[str]] = frozenset()
    """Types of events (api.events) after which what is shown is out of date."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._stale = True
        self._shown = False
        self._clocked = False
        self.by_itself = False
        """It loads because something happened or time went by, not because somebody asked."""
        self._loaded = asyncio.Event()
        self._changes = self._changes_shown = 0
        """Since when it is out of date, counted: `load_soon` was called that often, and that often by what is shown."""
        self._came = asyncio.Event()

    # --- for subclasses -----------------------------------------------------------------------------------------

    async def async_load(self) -> None:
        """Ask the service and show what it says. HoldshelfError is shown by the pane itself."""
        raise NotImplementedError

    def heard(self, row: EventRow) -> None:
        """Something happened; the default loads anew when it is in ``hears``."""
        if row.type in self.hears:
            self.load_soon()

    def choose(self, key: str) -> None:
        """Bring the cursor to what has that id, now or once it is loaded; called from elsewhere."""

    def action_of(self, key: str) -> str:
        """What a letter or sign does in this tab; '' nothing. In one of several parts, what it does there."""
        sign = key if len(key) == 1 else key_to_character(key) or "\n"
        found = [one.action for one in self._bindings.key_to_bindings.get(key, ()) if sign.isprintable()]
        return next((one for one in found if self.check_action(*parse(one)[1:])), next(iter(found), ""))

    @property
    def home(self) -> SessionApp:
        """The app, as ours."""
        return cast(SessionApp, self.app)

    @property
    def link(self) -> Link:
        """The word with the service."""
        return self.home.link

    @property
    def who(self) -> Who:
        """Who sits here."""
        return self.home.who

    def say(self, text: str | Content, *, wrong: bool = False) -> None:
        """In the line for it: 'Loading …', 'Nothing is on hold.', or what went wrong; '' for nothing."""
        for state in self.query(".state").results(Static):
            set_text(state, text if isinstance(text, Content) else Content(inert(text, 600)))
            state.set_class(wrong, "wrong")
            state.display = bool(text)

    async def async_do[T](self, what: str, doing: Awaitable[T]) -> T | None:
        """See `doing.async_do`."""
        return await async_do(self.home, what, doing)

    @property
    def is_loaded(self) -> bool:
        """It has been loaded once, or could not be: what it offers can be asked for."""
        return self._loaded.is_set()

    async def async_loaded(self) -> None:
        """Wait until `is_loaded`."""
        await self._loaded.wait()

    @property
    def is_up_to_date(self) -> bool:
        """Nothing is known to have changed since what is shown was asked for, or there is nobody to ask."""
        return self._changes_shown >= self._changes or not self._shown or bool(self.link.away)

    async def async_up_to_date(self) -> None:
        """Wait until what had changed by now is shown. To be awaited in a worker."""
        changes = self._changes
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(UP_TO_DATE_AT_MOST_S):
                while self._changes_shown < changes and not self.is_up_to_date:
                    self._came.clear()
                    await self._came.wait()

    def commands(self) -> Iterator[tuple[str, str, Callable[[], object]]]:
        """For the command palette, what its keys do now: the name, what it does, and how to begin it."""
        for _, one in self._bindings:
            is_told = one.id and len(one.description) > 1 and key_to_character(one.key) not in ("+", "-")
            if is_told and self.app._check_action_state(one.action, self):
                words = one.tooltip or one.description
                yield f"{self.title}: {words}", one.description, partial(self.run_action, one.action)

    # --- life -----------------------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Its clock runs only while it is shown."""
        # Textual calls each class's own handler, also after a subclass has called it: one clock is enough.
        if self.every_s is not None and not self._clocked:
            self._clocked = True
            self.set_interval(self.every_s, self._tick)

    def shown(self) -> None:
        """It is the tab in front now."""
        self._shown = True
        if self._stale:
            self.load()

    def hidden(self) -> None:
        """Another tab is in front."""
        self._shown = False
        self._stale = self._stale or self.every_s is not None
        self._came.set()

    def take_focus(self) -> None:
        """Its first widget that takes keys gets them."""
        for widget in self.query("*"):
            if widget.focusable and widget.region:
                widget.focus()
                return

    def came_back(self) -> None:
        """The service is there again."""
        self._stale = False
        self.load_soon()

    async def async_other_rights(self) -> None:
        """Who sits here has other rights than when it was made: what it shows and offers is theirs now."""
        self.load_soon()

    def load_soon(self) -> None:
        """Load anew, once for many events."""
        self._changes += 1
        if self._stale and not self._shown:
            return
        self._stale = True
        if self._shown:
            self.set_timer(LOAD_SOON_S, self._load_if_stale)

    def _load_if_stale(self) -> None:
        if self._stale and self._shown:
            self.load(by_itself=True)

    def _tick(self) -> None:
        if self._shown and not self.link.away:
            self.load(by_itself=True)

    @work(exclusive=True, group="load")
    async def load(self, *, by_itself: bool = False) -> None:
        """Load now."""
        self._stale, self.by_itself, changes = False, by_itself, self._changes
        try:
            await self.async_load()
        except Unreachable:
            self._stale = True  # the banner says it; what is shown stays
        except HoldshelfError as error:
            self.say(str(error), wrong=True)
        except NoMatches:
            # The answer came while the app was being left, and what it was for is gone already.
            if not self._is_going:
                raise
        finally:
            self._loaded.set()
        self._changes_shown = changes
        self._came.set()

    @property
    def _is_going(self) -> bool:
        return any(node._pruning or not node.is_running for node in self.ancestors_with_self)
