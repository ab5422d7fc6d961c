"""The first screen: what do you need? It leads to the end in the tabs' own places; whoever knows them goes there by a number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, ClassVar, cast

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList, Static, Tabs
from textual.widgets.option_list import Option

from holdshelf_core.access_log.types import LogHead
from holdshelf_tui.screens.actions_pane import CannotNow
from holdshelf_tui.screens.needs import WAITS, Need, Way, needs_for
from holdshelf_tui.screens.pane import Pane
from holdshelf_tui.screens.welcome import WelcomeLine
from holdshelf_tui.session.inputs import in_turn
from holdshelf_tui.session.log_head import short_head
from holdshelf_tui.text.time_format import clock
from holdshelf_tui.text.words import inert
from holdshelf_tui.widgets.text import muted, plain, set_text

if TYPE_CHECKING:
    from holdshelf_tui.screens.home import HomeScreen

ASKS = "What do you need?"
OTHER = "Something else"

type Line = tuple[Content, Content | None]
"""Of the list: its words, and what is told below them."""


class StartPane(Pane):
    """A list of needs; inside one with several steps, these. Enter leads on, Escape back, and from here to the tabs."""

    DEFAULT_CSS = """
    StartPane #asked { height: 1; text-style: bold; color: $accent; }
    StartPane OptionList { height: auto; max-height: 1fr; background: $background; border: none; padding: 0; }
    StartPane #how { height: auto; margin-top: 1; color: $text-muted; }
    StartPane #log { height: auto; color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="start.back", tooltip="Back; from the first question to the tabs"),
    ]
    title = "Start"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.way: Way | None = None
        """What somebody is doing step by step."""
        self._waiting = 0
        self._needs: list[Need] = []
        self._lines: list[Line] = []
        # Kept by name: an answer may come when the pane is being taken down already.
        self._asked, self._list = Static(ASKS, id="asked"), OptionList(id="needs", compact=True)
        self._how, self._log = Static("", id="how"), Static("", id="log")

    def compose(self) -> ComposeResult:
        """The question, its answers, how to choose one, the head to write down."""
        yield self._asked
        yield self._list
        yield self._how
        yield self._log

    def on_mount(self) -> None:
        """All is known already: nothing is asked."""
        self._needs = needs_for(self.who)
        self.show()
        for line in self._home.query(WelcomeLine).results(WelcomeLine):  # it may know already
            self.tell(len(line.duties), line.head, line.head_utc_ns)

    async def async_other_rights(self) -> None:
        """Other needs are theirs; a way that has begun goes on."""
        self._needs = needs_for(self.who)
        if self.way is None:
            self.show()

    async def async_load(self) -> None:
        """There is nothing to ask."""

    def shown(self) -> None:
        """The next step has the cursor."""
        super().shown()
        self._tell_way()
        self.show()
        if not isinstance(self.screen.focused, Tabs):
            self._list.focus()

    def hidden(self) -> None:
        """Another tab is in front: the way is told above it."""
        super().hidden()
        self._tell_way()

    def _tell_way(self) -> None:
        self._home.guide(self._way_words(self.way) if self.way is not None and not self._shown else "")

    @property
    def _home(self) -> HomeScreen:
        return cast("HomeScreen", self.screen)

    # --- showing ------------------------------------------------------------------------------------------------------

    def tell(self, waiting: int, head: LogHead | None, head_utc_ns: int) -> None:
        """How much waits, and the log's head at log-in."""
        short = short_head(head.head) if head is not None else None
        if short is not None:
            at = clock(head_utc_ns, seconds=False)
            set_text(self._log, Content(inert(f"Log, {at}, to write down: {short.short}", 120)))
        if waiting != self._waiting:
            self._waiting = waiting
            if self.way is None:
                self.show()

    def show(self) -> None:
        """The needs, or the steps of the one that was chosen with the cursor on what is due."""
        way, before = self.way, self._list.highlighted
        set_text(self._asked, plain(way.need.words if way is not None else ASKS, 78))
        self._lines = list(self._need_lines() if way is None else self._step_lines(way))
        self._list.clear_options()
        self._list.add_options([Option(self._prompt(line)) for line in self._lines])
        self._list.highlighted = (before or 0) if way is None else way.next
        how = "Arrows choose, Enter begins. Esc or a number goes to the tabs above."
        if way is not None and way.need.is_list:
            how = "Enter goes there. Esc goes back to the first question."
        elif way is not None:
            how = "Enter does the step in its own tab; 0 comes back here, to the next one. Esc goes back to the first question."
        set_text(self._how, plain(how, 160))

    def _need_lines(self) -> Iterator[Line]:
        for need in self._needs:
            waits = f" ({self._waiting})" if need.key == WAITS and self._waiting else ""
            yield self._line(f"{need.words}{waits}", need.about, "$text-warning" if waits else "")

    def _step_lines(self, way: Way) -> Iterator[Line]:
        for number, step in enumerate(way.need.steps):
            mark = "" if way.need.is_list else f"{'✓' if number in way.done else ' '} {number + 1}  "
            yield self._line(f"{mark}{step.words}", way.done.get(number) or step.place)
        yield Content(OTHER), None

    @staticmethod
    def _line(words: str, about: str, color: str = "") -> Line:
        first = plain(words, 76).stylize(color) if color else plain(words, 76)
        return first, plain(f"     {about}", 78)

    def _prompt(self, line: Line, *, under_cursor: bool = False) -> Content:
        """``under_cursor``: on that ground muted letters would not stand out."""
        words, about = line
        if about is None:
            return words
        return Content.assemble(words, "\n", about if under_cursor else muted(about, self.app))

    @on(OptionList.OptionHighlighted, "#needs")
    def _under_cursor(self) -> None:
        for index, line in enumerate(self._lines):
            under_cursor = index == self._list.highlighted
            self._list.replace_option_prompt_at_index(index, self._prompt(line, under_cursor=under_cursor))

    @staticmethod
    def _way_words(way: Way) -> str:
        steps, at = way.need.steps, way.next
        if at >= len(steps):
            return "That is the last step. 0 goes to the first question"
        return f"0 goes on to step {at + 1} of {len(steps)}: {steps[at].words}"

    # --- going --------------------------------------------------------------------------------------------------------

    @on(OptionList.OptionSelected, "#needs")
    def _chosen(self, selected: OptionList.OptionSelected) -> None:
        if self.way is None:
            self.begin(self._needs[selected.option_index])
        elif selected.option_index < len(self.way.need.steps):
            self._step(selected.option_index)
        else:
            self.action_back()

    def begin(self, need: Need) -> None:
        """Go that way; its first step at once, unless the steps are things to choose from."""
        if need.key == WAITS:
            self._home.action_today()
            return
        self.way = Way(need)
        if need.is_list:
            self.show()
            self._list.highlighted = 0
        else:
            self._step(0)

    def _step(self, number: int) -> None:
        if self.way is not None:
            self._run(self.way, number)

    @work(group="way")
    @in_turn
    async def _run(self, way: Way, number: int) -> None:
        step, home = way.need.steps[number], self._home
        before = dict(way.done)
        if way.need.is_list or len(way.need.steps) == 1:
            self.way = None  # that is all of it
        elif step.stays:
            way.done.setdefault(number, "")  # whoever comes back is led to the next one
        try:
            said = await step.run(home, way)
        except CannotNow as error:
            way.done = before
            self._tell_way()
            self.home.forget_typed()
            self.notify(str(error), severity="warning", timeout=6)
            return
        if said:
            way.done[number] = said
        elif said is not None:
            way.done.setdefault(number, "")
        if not step.stays:
            await home.go("start")

    def action_back(self) -> None:
        """From the steps to the needs, from these to the first of the tabs."""
        if self.way is not None:
            number = self._needs.index(self.way.need)
            self.way = None
            self.show()
            self._list.highlighted = number
        else:
            self._home.action_tab(1)

    def commands(self) -> Iterator[tuple[str, str, Callable[[], None]]]:
        """What people need, by name, from whatever tab."""
        for need in self._needs:
            if need.is_list:
                for number, step in enumerate(need.steps):
                    yield step.words, step.place, partial(self._choose, need, number)
            else:
                yield need.words, need.about, partial(self.begin, need)

    def _choose(self, need: Need, number: int) -> None:
        self.way = Way(need)
        self._step(number)
