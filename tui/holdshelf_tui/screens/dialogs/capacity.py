"""How much room footage may take, and the floor in days that only warns (P15)."""

from __future__ import annotations

from textual.app import ComposeResult

from holdshelf_core.api.errors import BadRequest
from holdshelf_core.api.types import DiskRow
from holdshelf_core.buffer.types import CapacityRow, CapacitySet
from holdshelf_tui.screens.dialogs.form import FormDialog, Missing
from holdshelf_tui.text.words import parse_size, size
from holdshelf_tui.widgets.fields import FormField, TextField, Tick


class CapacityDialog(FormDialog[CapacityRow]):
    """Takes effect at once."""

    title_words = "Space for footage"
    does = "Set it"
    doing = "Setting it"

    def __init__(self, disk: DiskRow) -> None:
        super().__init__()
        self._disk = disk

    def lead(self) -> str:
        """What holds now, and what less room does."""
        disk = self._disk
        floor = f"{disk.floor_days:g} days" if disk.floor_days is not None else "none"
        now = f"Now: {size(disk.budget_bytes)} of a disk of {size(disk.size_bytes)}; floor {floor}."
        return f"{now} Less space erases the oldest footage at once. The floor only warns."

    def fields(self) -> ComposeResult:
        yield FormField("Room", TextField("", "e.g., 900GB; blank: as before", id="budget", most=20))
        yield FormField("", Tick("90% of the disk, the default", id="default"))
        yield FormField("Floor", TextField("", "days, e.g., 14; blank: as before", id="floor", most=10))
        yield FormField("", Tick("no floor", id="no_floor"))
        yield FormField("Why", TextField("", "goes into the access log", id="why", most=200))

    async def async_submit(self) -> CapacityRow:
        """Set the room, the floor, or both, and return what is in force. Raises Missing, HoldshelfError."""
        budget, floor = self.text("budget"), self.text("floor").removesuffix("days").strip()
        try:
            budget_bytes = parse_size(budget) if budget else None
        except BadRequest as error:
            raise Missing("budget", error.sentence, error.next_step) from None
        try:
            floor_days = float(floor) if floor else None
        except ValueError:
            raise Missing("floor", "How many days?", "Type a number, e.g., 14.") from None
        default, no_floor = self.query_one("#default", Tick).value, self.query_one("#no_floor", Tick).value
        if budget_bytes is None and floor_days is None and not default and not no_floor:
            raise Missing("budget", "Nothing has changed yet.", "Type a size or a number of days.")
        why = self.needed("why", "Why does it change? A few words are enough.")
        asked = CapacitySet(why, budget_bytes, default, floor_days, no_floor)
        return await self.link.act(asked)
