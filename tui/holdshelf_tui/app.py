"""The Textual application: one per terminal, whoever sits at it. What it may show, the service says."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import ClassVar

from rich.console import COLOR_SYSTEMS
from textual import work
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.css.query import NoMatches
from textual.screen import Screen
from textual.worker import WorkerFailed

from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import HoldshelfError, NotPermitted
from holdshelf_core.api.types import Status
from holdshelf_core.api.types_session import EventRow
from holdshelf_tui.driver import TerminalDriver
from holdshelf_tui.help_words import help_for
from holdshelf_tui.inputs import InTurn
from holdshelf_tui.link import Link, Who
from holdshelf_tui.looks import Looks
from holdshelf_tui.parsed_styles import ParsedOnce
from holdshelf_tui.screens.dialogs.help import HelpDialog
from holdshelf_tui.screens.dialogs.progress import ProgressDialog
from holdshelf_tui.screens.home import HomeScreen
from holdshelf_tui.screens.starting import StartingScreen
from holdshelf_tui.themes import COLOURS, DARK, THEMES
from holdshelf_tui.widgets.graphics import HALF_BLOCK, Graphics
from holdshelf_tui.widgets.pace import Pace
from holdshelf_tui.widgets.probe import Answers, later

END_GRACE_S = 0.2


class HoldshelfApp(InTurn[str]):
    """Leaves with a sentence for the normal screen, '' when the person left by themselves.

    ``service``: who is asked; a link may have been asked early. ``has_door``: the SSH door stands behind it.
    ``graphics``: how pictures are drawn on this terminal. ``ends_after_s``: leave by itself, for demonstrations.
    """

    TITLE = "Holdshelf"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        # Before whatever stands in front: it works in forms and dialogs, too.
        Binding("f1", "help", "Help", key_display="F1", id="help", priority=True, tooltip="Keys of this screen"),
        Binding("question_mark", "help", "Help", show=False),
        Binding("ctrl+q", "quit", "Leave", id="leave", priority=True, tooltip="Close your looks and leave"),
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
        super().__init__(driver_class=TerminalDriver)
        for one in THEMES:
            self.register_theme(one)
        self.theme = theme
        self.stylesheet = ParsedOnce(variables=self.get_css_variables())
        self.graphics = graphics
        # As the terminal was found to be, not as $TERM alone says: Windows Terminal paints more than it tells over SSH.
        self.console._color_system = COLOR_SYSTEMS[graphics.rich_colours]
        self.pace = Pace(self)
        self.link = service if isinstance(service, Link) else Link(service, has_door=has_door)
        self.looks = Looks(self.link)
        self.who = Who(None)
        self._ends_after_s = ends_after_s

    # --- life -------------------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Listen, then ask who sits here."""
        self.link.on_away = self._away
        self.link.on_back = self._back
        self.link.on_event = self._event
        self.link.on_end = self.end
        if isinstance(self._driver, TerminalDriver):
            self._driver.hear(self.graphics.typed)
            if self.graphics.asked:
                self._driver.on_answered = self._terminal_answered
        if self.link.knows_early:
            self.call_later(self._begin_early)
        else:
            self.push_screen(StartingScreen())
            self.begin()
        if self._ends_after_s is not None:
            self.set_timer(self._ends_after_s, self.exit)

    async def _begin_early(self) -> None:
        await self.begin_with(*await self.link.first())

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
        self.link.start()
        home = HomeScreen(who, status)
        if isinstance(self.screen, StartingScreen):
            self.switch_screen(home)
        else:
            self.push_screen(home)

    async def action_quit(self) -> None:
        """Leave, with no look left open."""
        await self.looks.async_close_all()
        self.exit()

    def _terminal_answered(self, answers: Answers) -> None:
        """Late, over a slow line: pictures that follow are drawn as well as this terminal can."""
        if isinstance(self._driver, TerminalDriver):
            self.graphics = later(self.graphics, answers, self._driver.fileno)
            self.console._color_system = COLOR_SYSTEMS[self.graphics.rich_colours]

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
        """A fault ends the session. That something is gone already while the app is being left is none."""
        cause = error.error if isinstance(error, WorkerFailed) else error
        if isinstance(cause, NoMatches) and (self._exit or not self._running):
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
        yield SystemCommand("Help", "The keys of this screen, in words", self.action_help)
        yield SystemCommand("Leave", "Close your looks and leave", self.action_quit)
        for theme, words in COLOURS.items():
            yield SystemCommand(f"Colours: {words}", "How it looks from now on, here", partial(self._set_theme, theme))
        if isinstance(screen, HomeScreen):
            for number, title in enumerate(screen.titles):
                words = f"Go to this tab; the key {number + 1} does it, too"
                yield SystemCommand(f"{number + 1} {title}", words, partial(screen.action_tab, number))

    def _set_theme(self, theme: str) -> None:
        self.theme = theme

    def action_help(self) -> None:
        """Show the keys of what is in front, or put them away again."""
        if isinstance(self.screen, HelpDialog):
            self.screen.dismiss()
        elif self._home() is not None and not isinstance(self.screen, ProgressDialog) and not self._is_opening:
            # What is being done takes its own screen away when it is done: nothing may stand on top of it by then.
            self.push_screen(HelpDialog(help_for(self.screen)))

    def action_suspend_process(self) -> None:
        """There is no shell to go back to."""

    def deliver_screenshot(self, *_args: object, **_named: object) -> None:
        """Not offered: pictures leave this terminal through the access log only."""
        return
