"""A person's word that this machine's clock is right, after it and the counted time disagreed."""

from __future__ import annotations

from textual.app import ComposeResult

from holdshelf_core.operations.types import ClockConfirm, ClockConfirmed, ClockRow
from holdshelf_tui.screens.dialogs.form import FormDialog, Missing
from holdshelf_tui.text.time_format import when
from holdshelf_tui.text.words import span
from holdshelf_tui.widgets.fields import FormField, TextField, Tick


def clock_words(row: ClockRow) -> str:
    """Both clocks, and what waits for them."""
    here = f"This machine's clock says {when(row.utc_ns, seconds=True)}"
    if not row.doubtful:
        return f"{here}. It agrees with the time that was counted; there is nothing to confirm."
    off_ns = row.utc_ns - row.trusted_utc_ns
    way = "ahead of" if off_ns > 0 else "behind"
    counted = f"{span(abs(off_ns) / 1e9)} {way} the time counted by the service"
    return f"{here}, {counted} ({when(row.trusted_utc_ns, seconds=True)}). Anything that depends on age must wait."


class ClockDialog(FormDialog[ClockConfirmed]):
    """``row``: both clocks as they are shown here; what is confirmed is this and no other time."""

    title_words = "Confirm the time"
    does = "The time is right"
    doing = "Confirming the time"

    def __init__(self, row: ClockRow) -> None:
        super().__init__()
        self._row = row

    def lead(self) -> str:
        return clock_words(self._row)

    def fields(self) -> ComposeResult:
        yield FormField("You say", Tick("I compared it with another clock, and it is right", id="compared"))
        yield FormField("How you know", TextField("", "e.g., compared with my phone", id="why", most=200))

    async def async_submit(self) -> ClockConfirmed:
        """Confirmed; rights that have ended stay ended."""
        if not self.query_one("#compared", Tick).value:
            raise Missing("compared", "Compare it with another clock first.")
        why = self.needed("why", "How do you know that it is right? A few words are enough.")
        asked = ClockConfirm(self._row.utc_ns, self._row.boot_ns, why)
        return await self.link.act(asked)
