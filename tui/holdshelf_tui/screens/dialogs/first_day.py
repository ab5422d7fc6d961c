"""The first day: from an empty server to one in use, step by step. Enter goes to where a step is done."""

from __future__ import annotations

from typing import ClassVar, cast

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, OptionList, Static
from textual.widgets.option_list import Option

from holdshelf_core.api.errors import HoldshelfError
from holdshelf_tui.screens.dialogs.form import in_words
from holdshelf_tui.session.app import SessionApp
from holdshelf_tui.session.link import Who
from holdshelf_tui.session.waiting import async_first_day
from holdshelf_tui.text.first_day import ADMIN, SEAT, Step, over_words, progress_words, told, who_words
from holdshelf_tui.widgets.text import plain


class FirstDayDialog(ModalScreen[Step | None]):
    """Leaves with the step that was chosen, or None."""

    CSS = """
    FirstDayDialog .dialog { width: 78; max-width: 100%; padding: 0 1; }
    FirstDayDialog .dialog Static { height: auto; }
    FirstDayDialog #why { height: 3; color: $text-muted; }
    FirstDayDialog OptionList { height: auto; max-height: 12; margin: 1 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Close", id="close")]

    def __init__(self, who: Who) -> None:
        super().__init__()
        self._role = ADMIN if who.admin else SEAT
        self._steps: list[Step] = []

    def compose(self) -> ComposeResult:
        """How far it is, the steps, what the one under the cursor is for."""
        self._steps = told(cast(SessionApp, self.app).link.policy)
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "The first day"
            yield Static("Asking …", id="progress")
            yield OptionList(*(Option(self._prompt(step, False)) for step in self._steps), id="steps", compact=True)
            yield Static("", id="why")
            with Horizontal(classes="buttons"):
                yield Button("Close", variant="primary", id="close", compact=True)

    def _prompt(self, step: Step, done: bool) -> Content:
        whose = "" if self._role in step.who else " (the admin)" if ADMIN in step.who else " (the seats)"
        return plain(f"[{'x' if done else ' '}] {step.words}{whose}", 140)

    def on_mount(self) -> None:
        """Ask how far it is."""
        self.query_one(OptionList).focus()
        self.load()

    @work(exclusive=True, group="first-day")
    async def load(self) -> None:
        """As it is now, with the cursor on what comes next."""
        try:
            day = await async_first_day(cast(SessionApp, self.app).link)
        except HoldshelfError as error:
            self.query_one("#progress", Static).update(plain(in_words(error), 300))
            return
        self.query_one("#progress", Static).update(plain(f"{progress_words(day)}. {over_words(day, self._role)}", 200))
        steps = self.query_one(OptionList)
        self._steps = [step for step, _ in day.steps]
        for number, (step, done) in enumerate(day.steps):
            steps.replace_option_prompt_at_index(number, self._prompt(step, done))
        following = day.next_for(self._role)
        steps.highlighted = self._steps.index(following) if following is not None else 0

    @on(OptionList.OptionHighlighted)
    def _show_why(self, highlighted: OptionList.OptionHighlighted) -> None:
        step = self._steps[highlighted.option_index]
        own = self._role in step.who
        where = "Enter goes there." if own else f"This is for {who_words(step)}."
        self.query_one("#why", Static).update(plain(f"{step.why} {where}", 300))

    @on(OptionList.OptionSelected)
    def _go(self, selected: OptionList.OptionSelected) -> None:
        step = self._steps[selected.option_index]
        if self._role in step.who:
            self.dismiss(step)

    def on_button_pressed(self) -> None:
        """Close it; no step was chosen."""
        self.dismiss(None)
