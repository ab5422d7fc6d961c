"""Go to a time, in plain words. In the night when the clocks go back an hour comes twice: then it asks which of the two."""

from __future__ import annotations

import time

from textual import on, work
from textual.app import ComposeResult
from textual.widgets import Input

from holdshelf_core.api.errors import BadRequest
from holdshelf_tui.screens.dialogs.form import FormDialog
from holdshelf_tui.text.time_off_loop import async_parse
from holdshelf_tui.text.time_parse import examples
from holdshelf_tui.widgets.fields import Choice, FormField, TextField


def _hint() -> str:
    return examples().removeprefix("Try, for example: ")


class GoToDialog(FormDialog[int]):
    """Leaves with UTC ns, or None."""

    CSS = """
    GoToDialog #which-row { display: none; }
    """
    title_words = "Go to a time"
    does = "Go there"
    doing = "Reading it"

    def __init__(self) -> None:
        super().__init__()
        self._twice: tuple[str, tuple[int, ...]] = ("", ())

    def fields(self) -> ComposeResult:
        """The words; which of two, where there are two."""
        yield FormField("Time", TextField("", "yesterday 3:15 pm", id="time", most=80), hint=_hint(), id="time-row")
        yield FormField(
            "Which one?",
            Choice(
                [("0", "the first time, before the clocks go back"), ("1", "the second time, after it")], id="which"
            ),
            hint="That night, this time comes twice.",
            id="which-row",
        )

    @on(Input.Changed, "#time")
    def _typed(self) -> None:
        self._echo()

    @work(exclusive=True, group="echo")
    async def _echo(self) -> None:
        typed = self.text("time")
        words = _hint()
        if typed:
            try:
                found = await async_parse(typed, time.time_ns())
                words = "  or  ".join(found.words)
            except BadRequest:
                words = _hint()
        self.query_one("#time-row", FormField).hint(words)

    async def async_submit(self) -> int:
        """The instant. Raises Missing, BadRequest."""
        typed = self.needed("time", "Which time?")
        if self._twice[0] == typed:
            return self._twice[1][int(self.query_one("#which", Choice).value)]
        found = await async_parse(typed, time.time_ns())
        if found.one is not None:
            return found.one
        self._twice = typed, found.utc_ns
        self.query_one("#which-row").display = True
        self.query_one("#which").focus()
        raise BadRequest(f"{found.words[0]} or {found.words[1]}?", "Choose one, then press Enter.")
