"""Take a copy of the access log out, into one's outbox: for a freedom-of-information request, or for the files."""

from __future__ import annotations

from textual.app import ComposeResult

from holdshelf_core.access_log.types import LogExported, OutboxLog
from holdshelf_tui.screens.dialogs.message import MessageDialog
from holdshelf_tui.screens.dialogs.since_until import SinceUntilForm
from holdshelf_tui.widgets.fields import Choice, FormField

PUBLIC, WHOLE = "public", "whole"


class CopyDialog(SinceUntilForm[LogExported]):
    """The public form unless somebody chooses otherwise; all of it, or of a time."""

    title_words = "Take a copy of the access log"
    does = "Into my outbox"
    doing = "Copying"

    def __init__(self, entries: tuple[int, int] | None = None) -> None:
        """``entries``: the first and the last one, where the form does not ask for a time."""
        super().__init__()
        self._entries = entries

    def lead(self) -> str:
        """What it is for."""
        only = f"It has entries {self._entries[0]} to {self._entries[1]}, and all between. " if self._entries else ""
        return (
            f"{only}Whoever gets the copy can check that nothing in it was changed or left out. For a freedom-of-information "
            "request take the public form: it names nobody."
        )

    def fields(self) -> ComposeResult:
        """Which form, of which time."""
        forms = ((PUBLIC, "public form: no names, addresses or notes"), (WHOLE, "with names, addresses and notes"))
        yield FormField("Which", Choice(forms, PUBLIC, id="form", rows=2))
        if self._entries is None:
            yield from self.time_fields("the first entry")

    async def async_submit(self) -> LogExported:
        """Made, and written down."""
        public = self.query_one("#form", Choice).value == PUBLIC
        if self._entries is not None:
            return await self.link.act(OutboxLog(public, *self._entries))
        since, until = await self.async_since_until()
        asked = OutboxLog(public, since_utc_ns=since, until_utc_ns=until)
        return await self.link.act(asked)

    def done(self, answer: LogExported) -> None:
        """Say where it lies."""
        app = self.app
        self.dismiss(answer)
        app.push_screen(
            MessageDialog(
                "The copy is in your outbox",
                f"Entries {answer.first} to {answer.last} of {answer.size}: {answer.where}",
                "Fetch it with WinSCP or sftp, like any paper. Whoever gets it can check it with `holdshelf log verify`, or with "
                "the script in Holdshelf's page on the access log.",
            )
        )
