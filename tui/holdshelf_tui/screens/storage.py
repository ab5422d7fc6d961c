"""Storage, for the admin: room and what fills it, how far it goes, days kept per camera, and whether they are whole (P15)."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import ProgressBar, Static

from holdshelf_core.api.errors import HoldshelfError
from holdshelf_core.api.session_types import EventRow
from holdshelf_core.api.types import CameraRow, ReadStatus, Status
from holdshelf_core.buffer.types import CapacityRow
from holdshelf_core.holds.types import HoldList, HoldListAsk
from holdshelf_core.reports.types import CoverageRow, ReadCoverage
from holdshelf_tui.screens.actions_pane import ActionDescription, PaneAction
from holdshelf_tui.screens.dialogs.capacity import CapacityDialog
from holdshelf_tui.screens.dialogs.message import MessageDialog
from holdshelf_tui.screens.dialogs.sheet import SheetDialog
from holdshelf_tui.screens.list_pane import ListPane, RowAction
from holdshelf_tui.text.coverage import answer, camera_lines, loss_lines, table_lines
from holdshelf_tui.text.holds import stops_words
from holdshelf_tui.text.time_format import when
from holdshelf_tui.text.words import inert, size, span
from holdshelf_tui.widgets import key_table
from holdshelf_tui.widgets.listing import Columns

DAY_S = 86_400
COUNT_EVERY_S = 300.0
"""How often coverage is counted anew while the tab is open: the service reads a week's journals for it."""
DAYS_IN_DETAIL = 30


class StoragePane(ListPane[CameraRow]):
    """Figures, and one act: how much room there is."""

    DEFAULT_CSS = """
    StoragePane ProgressBar { height: 1; width: 100%; margin: 0 0 1 0; }
    StoragePane ProgressBar Bar { width: 1fr; }
    StoragePane #figures { height: auto; margin-bottom: 1; }
    StoragePane DataTable { min-height: 3; }
    """
    title = "Storage"
    key = "storage"
    table_id = "cameras"
    every_s = 5.0
    COLUMNS: ClassVar = {
        "": Columns({"Camera": (13, 40), "Days": (5, 6), "Recorded": (10, 12), "Size": (9, 10), "A day": (9, 10),
            "Oldest": (21, 28)}, first=("Camera", "Oldest"), whole=("Oldest",), by={
            "Days": lambda row: row.days_kept, "Recorded": lambda row: row.recorded_s, "Size": lambda row: row.bytes,
            "A day": lambda row: row.bytes_per_s, "Oldest": lambda row: row.oldest_utc_ns or 0}),
    }  # fmt: skip

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._latest: Status | None = None
        self._held: HoldList | None = None
        self._covered: list[CoverageRow] = []
        self._count_at_s = 0.0
        self._used, self._words = ProgressBar(total=100, show_eta=False, id="used"), Static("", id="figures")

    def compose(self) -> ComposeResult:
        """State, bar, figures, table, button."""
        yield from self.top(self.asking)
        yield self._used
        yield self._words
        yield self.table
        yield self.buttons

    def heard(self, row: EventRow) -> None:
        """What is held is summed up anew only when that changed."""
        if "holds" in row.data.get("tables", ()):
            self._held = None
            self.load_soon()

    async def async_load(self) -> None:
        """Status, and what is held."""
        self._latest = now = await self.link.read(ReadStatus())
        if self._held is None:
            self._held = await self.link.act(HoldListAsk(most=0))
        disk = now.disk
        problem = disk.problem or stops_words(self._held.recording_stops_days)
        self.say(f"! {problem}" if problem else f"Media: {disk.media}", wrong=bool(problem))
        self._used.update(total=max(1, disk.budget_bytes), progress=min(disk.used_bytes, disk.budget_bytes))
        self._show_figures()
        if not disk.problem and time.monotonic() >= self._count_at_s:
            self._count_at_s = time.monotonic() + COUNT_EVERY_S
            self._count()
        self.lists[""] = {camera.id: camera for camera in now.cameras}
        self.show()

    @work(exclusive=True, group="coverage")
    async def _count(self) -> None:
        """What is shown does not wait for it."""
        with contextlib.suppress(HoldshelfError):
            self._covered = await self.link.read(ReadCoverage())
        self._show_figures()
        self.allow()

    def _show_figures(self) -> None:
        if self._latest is not None:
            self._words.update(Content("\n".join(inert(line, 200) for line in self._figures(self._latest))))

    def cells(self, row: CameraRow) -> Sequence[str]:
        """Days kept, how much was recorded, how much a day, since when."""
        a_day = size(row.bytes_per_s * DAY_S) if row.bytes_per_s else "-"
        recorded = span(row.recorded_s)
        return (row.name, f"{row.days_kept:.1f}", recorded, size(row.bytes), a_day, when(row.oldest_utc_ns))

    def _figures(self, now: Status) -> list[str]:
        disk = now.disk
        if disk.problem:
            return []
        held = size(self._held.held_bytes) if self._held is not None else "not known yet"
        used = size(disk.used_bytes) + ("" if disk.counted else " (still counting)")
        share = f"{100 * disk.used_bytes / max(1, disk.budget_bytes):.0f}%"
        floor = f"warns below {disk.floor_days:g} days" if disk.floor_days is not None else "none"
        days = f"about {disk.days_forecast:.1f} days" if disk.days_forecast is not None else "not known yet"
        return [
            f"Used       {used} of {size(disk.budget_bytes)} ({share}); held {held}",
            f"Disk       {size(disk.size_bytes)}, free {size(disk.free_bytes)}",
            f"Room for   {days} of all cameras",
            f"Floor      {floor}",
            f"Coverage   {answer(self._covered) if self._covered else 'not counted yet'}",
            *([f"Elsewhere  {now.elsewhere}"] if now.elsewhere else []),
        ]

    def _look_again(self) -> None:
        self._held, self._count_at_s = None, 0.0
        self.load()

    async def _async_covered(self) -> None:
        lines = [answer(self._covered), "", *table_lines(self._covered), "", *loss_lines(self._covered)]
        how = "In percent of the time in use. Enter on a camera: its last 30 days."
        await self.app.push_screen_wait(SheetDialog("Coverage of the last week", "\n".join(lines), how))

    async def _async_days(self, camera: CameraRow) -> None:
        asked = self.link.read(ReadCoverage(camera.id, DAYS_IN_DETAIL))
        rows = await self.async_do("Counting its days", asked)
        if rows is not None:
            text = "\n".join((answer(rows), "", *camera_lines(rows[0])))
            await self.app.push_screen_wait(SheetDialog(f"Coverage of {camera.name}", text))

    async def _async_set(self) -> None:
        if self._latest is None:
            return
        row: CapacityRow | None = await self.app.push_screen_wait(CapacityDialog(self._latest.disk))
        if row is None:
            return
        self.load_soon()
        room = size(row.in_force_bytes) if row.in_force_bytes is not None else "what the disk allows"
        own = "" if row.budget_bytes is not None else " (90% of the disk)"
        floor = (
            f"A warning comes below {row.floor_days:g} days." if row.floor_days is not None else "There is no floor."
        )
        said = f"Footage may use {room}{own}. {floor} Entry {row.seq} of the access log."
        await self.app.push_screen_wait(MessageDialog("Set", said))

    ACTIONS: ClassVar[Sequence[ActionDescription[StoragePane, CameraRow]]] = (
        PaneAction("coverage", "Coverage", "How much footage there is for each day of the last week", key=key_table.CHECK,
            can=lambda self: bool(self._covered), run=_async_covered),
        RowAction("days", "Its days", "How much footage there is for each of its last 30 days, and why not more", enters=True,
            run=_async_days),
        PaneAction("capacity", "Set the space …", "Disk space that footage may use, and the floor", key=key_table.CHANGE,
            short="Set the space", can=lambda self: self._latest is not None, run=_async_set),
        PaneAction("refresh", "Look again", "Ask for the figures again", key=key_table.ANEW, run=_look_again),
    )  # fmt: skip
