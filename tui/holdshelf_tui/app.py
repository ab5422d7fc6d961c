"""The Textual application: one per terminal, whoever sits at it. What it may show, the service says."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from rich.console import COLOR_SYSTEMS
from textual import work
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.css.query import NoMatches
from textual.dom import DOMNode
from textual.screen import Screen
from textual.worker import WorkerFailed

from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import HoldshelfError, NotPermitted
from holdshelf_core.api.session_types import EventRow
from holdshelf_core.api.types import Status
from holdshelf_tui.screens.dialogs.help import HelpDialog
from holdshelf_tui.screens.dialogs.progress import ProgressDialog
from holdshelf_tui.screens.help_words import help_for
from holdshelf_tui.screens.home import HomeScreen
from holdshelf_tui.screens.starting import StartingScreen
from holdshelf_tui.session.app import SessionApp
from holdshelf_tui.session.driver import TerminalDriver
from holdshelf_tui.session.graphics import HALF_BLOCK, Graphics
from holdshelf_tui.session.link import Link, Who
from holdshelf_tui.session.parsed_styles import ParsedOnce
from holdshelf_tui.session.probe import later
from holdshelf_tui.text.words import inert
from holdshelf_tui.themes import COLORS, DARK, THEMES, painter
from holdshelf_tui.widgets import key_table
from holdshelf_tui.widgets.picture import PictureView
from holdshelf_tui.widgets.still_and_strip import StillAndStrip

_LOGGER = logging.getLogger(__name__)


class HoldshelfApp(SessionApp):
    """Leaves with a sentence for the normal screen, '' when the person left by themselves.

    ``service``: who is asked; a link may have been asked early. ``has_door``: the SSH door stands behind it.
    ``graphics``: how pictures are drawn on this terminal. ``ends_after_s``: leave by itself, for demonstrations.
    """

    TITLE = "Holdshelf"
    # With home's own, which may be the first screen. Whole paths: a session need not find out where they lie.
    CSS_PATH: ClassVar = [Path(__file__).with_name("app.tcss"), Path(__file__).parent / "screens" / "home.tcss"]
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        # Before whatever stands in front: it works in forms and dialogs, too.
        Binding(
            key_table.HELP, "help", "Help", key_display="F1", id="help", priority=True, tooltip="Keys of this screen"
        ),
        Binding("question_mark", "help", "Help", show=False),
        Binding(
            key_table.REPAINT,
            "repaint",
            "Repaint",
            show=False,
            id="repaint",
            priority=True,
            tooltip="Repaint the screen",
        ),
        Binding(key_table.LEAVE, "quit", "Leave", id="leave", priority=True, tooltip="Close your looks and leave"),
    ]

    def __init__(
        self,
        service: Client | Link,
        *,
        has_door: bool = False,
        graphics: Graphics = HALF_BLOCK,
        theme: str = DARK,
        ends_after_s: float | None = None,
    ) -> None:
        super().__init__(service if isinstance(service, Link) else Link(service, has_door=has_door), graphics)
        for one in THEMES:
            self.register_theme(one)
        self.theme = theme
        self.stylesheet = ParsedOnce(variables=self.get_css_variables())
        self._mix_colors()
        self._ends_after_s = ends_after_s
        self.on_painted: Callable[[], object] = lambda: None
        """Called once, when there is something to be seen."""

    # --- life -------------------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Listen, then ask who sits here."""
        self.link.on_away = self._away
        self.link.on_back = self._back
        self.link.on_event = self._event
        self.link.on_end = self.end
        if isinstance(self._driver, TerminalDriver):
            self._mix_colors()
            self._driver.screen.keeps_ground = self.graphics.keeps_ground
            self._driver.hear(self.graphics.typed)
            if self.graphics.answers is not None:
                self._driver.on_said = self._terminal_said
                self._terminal_said()  # as it may have since it was asked
        if isinstance(self.screen, HomeScreen):
            self._began()
        else:
            self.begin()
        self.call_after_refresh(self.on_painted)
        if self._ends_after_s is not None:
            self.set_timer(self._ends_after_s, self.exit)

    def get_default_screen(self) -> Screen[Any]:
        """Home at once, where it is known already who sits here."""
        known = self.link.known_early()
        if known is None:
            return StartingScreen()
        self.who, status = known
        return HomeScreen(self.who, status)

    @work(exclusive=True, group="begin")
    async def begin(self) -> None:
        """Find out who sits here and show what is theirs; called again when the service is back."""
        try:
            who, status = await self.link.first()
        except NotPermitted as error:
            self.end(str(error))
            return
        except HoldshelfError as error:
            if isinstance(self.screen, StartingScreen):
                self.screen.say(str(error))
            self.set_timer(1.0, self.begin)
            return
        if isinstance(self.screen, StartingScreen):
            await self.begin_with(who, status)
        else:
            self.who = who

    async def begin_with(self, who: Who, status: Status) -> None:
        """It is known who sits here: show what is theirs."""
        self.who = who
        self.push_screen(HomeScreen(who, status))
        self._began()

    def _began(self) -> None:
        self.link.start()
        person = self.who.person
        if person is not None and person.limited:
            self.notify(inert(f"Only holds can be placed now. {person.limited}", 400), severity="warning", timeout=60)

    def update_styles(self, node: DOMNode, animate: bool = True) -> None:
        """A widget that is not mounted yet gets its styles when it is: Textual styles it for each class that it begins with."""
        if node.parent is not None or node is self:
            super().update_styles(node, animate)

    def _load_screen_css(self, screen: Screen[Any]) -> None:
        """Each dialog's rules name that dialog, so what is open already is not styled again for them, as Textual does.

        Those of the classes that it is derived from come first: Textual reads the last ones alone, so that a form with rules of
        its own would lose those of all forms.
        """
        kinds = [kind for kind in reversed(type(screen).__mro__) if vars(kind).get("CSS") or kind is type(screen)]
        added = False
        for kind in kinds:
            read_from = (inspect.getfile(kind), f"{kind.__name__}.CSS")
            css = str(getattr(kind, "CSS", ""))
            if css and not self.stylesheet.has_source(*read_from):
                scope = screen._css_type_name if screen.SCOPED_CSS else ""
                self.stylesheet.add_source(css, read_from=read_from, scope=scope)
                added = True
        if added:
            self.stylesheet.reparse()
            self.stylesheet.update(screen)
        super()._load_screen_css(screen)

    async def action_quit(self) -> None:
        """Leave, with no look left open."""
        await self.looks.async_close_all()
        self.exit()

    def _terminal_said(self) -> None:
        """Late, over a slow line, or because its cells have another size: pictures are drawn as it can, and as they fit."""
        if not isinstance(self._driver, TerminalDriver):
            return
        before, self.graphics = self.graphics, later(self.graphics, self._driver.fileno)
        self._driver.screen.keeps_ground = self.graphics.keeps_ground
        if self.graphics.colors != before.colors:
            self._mix_colors()
            self.repaint()
        if self.graphics != before:
            for screen in self.screen_stack:
                for pictures in screen.query(StillAndStrip):
                    pictures.lay_out()
                for picture in screen.query(PictureView):
                    picture.draw_anew()

    def _mix_colors(self) -> None:
        """The theme in what this terminal was found to have, not what $TERM alone says: Windows Terminal tells less over SSH."""
        self.console._color_system = COLOR_SYSTEMS[self.graphics.rich_colors]
        if isinstance(self._driver, TerminalDriver):
            self._driver.screen.painter = None if self.no_color else painter(self.theme, self.graphics.colors)

    def leave_soon(self) -> None:
        """Told from outside that the terminal is gone: from a signal's handler, in the app's own thread."""
        self.exit()

    def end(self, reason: str) -> None:
        """The right behind this session has ended: nothing stays on screen, and the reason is told afterwards."""
        self.exit(reason)

    def on_unmount(self) -> None:
        """No answer is waited for."""
        self.link.close()

    def _handle_exception(self, error: Exception) -> None:
        """A fault ends the session. What fails while it is being left is none: screens, link and terminal go one by one."""
        cause = error.error if isinstance(error, WorkerFailed) else error
        if self._exit or (isinstance(cause, NoMatches) and not self._running):
            _LOGGER.debug("while the session was left: %r", cause)
            return
        super()._handle_exception(error)

    # --- what the link tells ------------------------------------------------------------------------------------

    def _home(self) -> HomeScreen | None:
        return next((screen for screen in self.screen_stack if isinstance(screen, HomeScreen)), None)

    def _away(self, sentence: str) -> None:
        if (home := self._home()) is not None:
            home.show_away(sentence)
            self.set_timer(0.5, self._ask_again)

    def _ask_again(self) -> None:
        if self.link.away:
            self.run_worker(self._probe(), exclusive=True, group="probe")

    async def _probe(self) -> None:
        try:
            await self.link.status()
        except HoldshelfError:
            self.set_timer(0.5, self._ask_again)

    def _back(self) -> None:
        if (home := self._home()) is not None:
            home.show_back()

    def _event(self, row: EventRow) -> None:
        self.looks.heard(row)
        if (home := self._home()) is not None:
            home.hear(row)

    # --- commands -----------------------------------------------------------------------------------------------

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Ours alone: Textual's own speak of widgets, and one would write a file on the server, past the access log."""
        if isinstance(screen, HomeScreen):
            for name, words, begin in screen.commands():
                yield SystemCommand(name, words, begin)
        if isinstance(screen, HomeScreen) and screen.has_first_day:
            yield SystemCommand(
                "The first day", "The steps from an empty server to one in use, in order", screen.action_first_day
            )
        yield SystemCommand("Help", "The keys of this screen, in words", self.action_help)
        yield SystemCommand("Leave", "Close your looks and leave", self.action_quit)
        for theme, words in COLORS.items():
            yield SystemCommand(f"Colors: {words}", "Change the colors of the screens", partial(self._set_theme, theme))
        if isinstance(screen, HomeScreen):
            for number, title in enumerate(screen.titles):
                words = f"Go to this tab; the {number} key does this too"
                yield SystemCommand(f"{number} {title}", words, partial(screen.action_tab, number))

    def _set_theme(self, theme: str) -> None:
        self.theme = theme
        self._mix_colors()

    def action_help(self) -> None:
        """Show the keys of what is in front, or put them away again."""
        if isinstance(self.screen, HelpDialog):
            self.screen.dismiss()
        elif self._home() is not None and not isinstance(self.screen, ProgressDialog) and not self._is_opening:
            # What is being done takes its own screen away when it is done: nothing may stand on top of it by then.
            self.push_screen(HelpDialog(help_for(self.screen)))

    def action_repaint(self) -> None:
        """Paint the whole screen anew: another program may have written over it."""
        self.repaint()

    def action_suspend_process(self) -> None:
        """There is no shell to go back to."""

    def deliver_screenshot(self, *_args: object, **_named: object) -> None:
        """Not offered: pictures leave this terminal through the access log only."""
        return
