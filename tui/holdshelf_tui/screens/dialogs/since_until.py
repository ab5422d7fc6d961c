"""A form that asks since when and until when, each of which may be left empty, and says as it is typed how it is understood."""

from __future__ import annotations

import time

from textual import on, work
from textual.app import ComposeResult
from textual.widgets import Input

from holdshelf_core.api.errors import BadRequest
from holdshelf_tui.screens.dialogs.form import FormDialog, Missing
from holdshelf_tui.text.time_format import when
from holdshelf_tui.text.time_off_loop import async_end, async_start
from holdshelf_tui.widgets.fields import FormField, TextField


def since_until_words(since_utc_ns: int | None, until_utc_ns: int | None) -> str:
    """'since Nov 27, 2026, 12:00 am, until Nov 28, 2026, 12:00 am'; '' when neither was given."""
    words = [f"since {when(since_utc_ns)}"] if since_utc_ns is not None else []
    return ", ".join(words + ([f"until {when(until_utc_ns)}"] if until_utc_ns is not None else []))


class SinceUntilForm[T](FormDialog[T]):
    """``time_fields`` belongs into ``fields``; ``async_since_until`` reads what was typed."""

    def time_fields(self, empty: str) -> ComposeResult:
        """The two fields. ``empty``: what an empty first one means."""
        hint = f"yesterday 3 pm, or a day: 11/27; blank: {empty}"
        yield FormField("Since", TextField("", hint, id="since", most=80))
        yield FormField(
            "Until", TextField("", "blank: now; a day means all of that day", id="until", most=80), id="until-row"
        )

    @on(Input.Changed, "#since")
    @on(Input.Changed, "#until")
    def _typed(self) -> None:
        self._echo()

    @work(exclusive=True, group="echo")
    async def _echo(self) -> None:
        try:
            words = since_until_words(*await self.async_since_until())
        except BadRequest:
            words = ""
        for field in self.query("#until-row").results(FormField):
            field.hint(words)

    async def async_since_until(self) -> tuple[int | None, int | None]:
        """Both ends, UTC ns; None where left empty. Raises Missing."""
        now_utc_ns = time.time_ns()
        since = until = None
        field = "since"
        try:
            if typed := self.text("since"):
                since = await async_start(typed, now_utc_ns)
            field = "until"
            if typed := self.text("until"):
                until = await async_end(typed, since, now_utc_ns)
        except BadRequest as error:
            raise Missing(field, error.sentence, error.next_step) from None
        if since is not None and until is not None and until <= since:
            raise Missing("until", "It ends before it starts.", "Swap the two times.")
        return since, until
