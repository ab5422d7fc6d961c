"""How much room footage may take, and the floor in days that only warns (P15)."""

from __future__ import annotations

from textual.app import ComposeResult

from holdshelf_core.api.errors import BadRequest
from holdshelf_core.api.types import DiskRow
from holdshelf_core.api.types_commission import CapacityRow, CapacitySet
from holdshelf_tui.cli.render import parse_size
from holdshelf_tui.screens.dialogs.form import FormDialog, Missing
from holdshelf_tui.widgets.fields import Field, TextField, Tick
from holdshelf_tui.words import size


class CapacityDialog(FormDialog[CapacityRow]):
    """Takes effect at once."""

    title_words = "Room for footage"
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
        return f"{now} Less room erases the oldest footage at once. The floor only warns."

    def fields(self) -> ComposeResult:
        """Room, floor, why."""
        yield Field("Room", TextField("", "for example 900GB; left out: as before", id="budget", most=20))
        yield Field("", Tick("90 % of the disk, as it is by itself", id="default"))
        yield Field("Floor", TextField("", "days, for example 14; left out: as before", id="floor", most=10))
        yield Field("", Tick("no floor", id="no_floor"))
        yield Field("Why", TextField("", "goes into the access log", id="why", most=200))

    async def async_submit(self) -> CapacityRow:
        """In force."""
        budget, floor = self.text("budget"), self.text("floor").removesuffix("days").strip()
        try:
            budget_bytes = parse_size(budget) if budget else None
        except BadRequest as error:
            raise Missing("budget", error.sentence, error.next_step) from None
        try:
            floor_days = float(floor) if floor else None
        except ValueError:
            raise Missing("floor", "How many days?", "Type a number, for example 14.") from None
        default, no_floor = self.query_one("#default", Tick).value, self.query_one("#no_floor", Tick).value
        if budget_bytes is None and floor_days is None and not default and not no_floor:
            raise Missing("budget", "Nothing is to change yet.", "Type a size or a number of days.")
        why = self.needed("why", "Why does it change? A few words are enough.")
        asked = CapacitySet(why, budget_bytes, default, floor_days, no_floor)
        return await self.link.act("capacity.set", asked, CapacityRow)
