"""Who looked? Of which camera, on which day, for which incident, by whom: one form, and the log answers."""

from __future__ import annotations

import time
from collections.abc import Sequence

from textual import on, work
from textual.app import ComposeResult
from textual.widgets import Input

from holdshelf_core.access_log.types import MOST_ROWS, LogShow
from holdshelf_core.api.errors import BadRequest
from holdshelf_tui.screens.dialogs.form import FormDialog, Missing
from holdshelf_tui.screens.dialogs.log_entry import LogFilter
from holdshelf_tui.text.looked import question_words
from holdshelf_tui.text.time_off_loop import async_end, async_start
from holdshelf_tui.widgets.fields import Choice, FormField, TextField


class WhoDialog(FormDialog[LogFilter]):
    """Leaves with the question; nothing is asked of the log before."""

    title_words = "Who looked?"
    does = "Ask the log"
    doing = "Asking"

    def __init__(self, cameras: Sequence[tuple[str, str]], people: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._cameras, self._people = cameras, people

    def lead(self) -> str:
        """What counts as a look."""
        return (
            "Pictures that were seen, copies and prints that were taken, and looks that were refused. For a day: who looked "
            "that day, and who looked at its footage."
        )

    def fields(self) -> ComposeResult:
        """All may stay as they are."""
        yield FormField("Camera", Choice([*self._cameras, ("", "all cameras")], id="camera", rows=5))
        yield FormField("Day", TextField("", "11/27, yesterday; blank: any time", id="day", most=60), id="day-row")
        yield FormField("Incident", TextField("", "its number; blank: any", id="incident", most=60))
        yield FormField("Person", Choice([("", "everybody"), *self._people], id="person", rows=4))

    @on(Input.Changed, "#day")
    def _typed(self) -> None:
        self._echo()

    @work(exclusive=True, group="echo")
    async def _echo(self) -> None:
        try:
            since, until = await self._async_day()
        except BadRequest:
            since = until = None
        words = (
            question_words(LogShow(since_utc_ns=since, until_utc_ns=until), "", "").partition(", ")[2] if since else ""
        )
        for field in self.query("#day-row").results(FormField):
            field.hint(words)

    async def _async_day(self) -> tuple[int | None, int | None]:
        """Start and end, UTC ns; None for any time. Raises Missing."""
        typed = self.text("day")
        if not typed:
            return None, None
        now_utc_ns = time.time_ns()
        try:
            since = await async_start(typed, now_utc_ns)
            until = await async_end(typed, since, now_utc_ns)
        except BadRequest as error:
            raise Missing("day", error.sentence, error.next_step) from None
        if until <= since:
            raise Missing("day", "Which day?", "Type, for example, 11/27 or yesterday.")
        return since, until

    async def async_submit(self) -> LogFilter:
        """As it is asked."""
        since, until = await self._async_day()
        camera, person = self.query_one("#camera", Choice), self.query_one("#person", Choice)
        asked = LogShow(
            camera=camera.value,
            person=person.value,
            incident=self.text("incident"),
            since_utc_ns=since,
            until_utc_ns=until,
            most=MOST_ROWS,  # who looked is complete, or says that it is not
            looks=True,
        )
        named = (camera.words if camera.value else "", person.words if person.value else "")
        return LogFilter(asked, question_words(asked, *named))
