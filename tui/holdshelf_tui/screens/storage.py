"""Storage, for the admin: room and what fills it, how far it goes, days kept per camera (P15)."""

from __future__ import annotations

from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable, ProgressBar, Static

from holdshelf_core.api.types import CameraRow, Status
from holdshelf_core.api.types_commission import CapacityRow
from holdshelf_core.api.types_holds import HoldList, HoldListAsk
from holdshelf_core.api.types_session import EventRow
from holdshelf_tui.hold_words import stops_words
from holdshelf_tui.screens.dialogs.capacity import CapacityDialog
from holdshelf_tui.screens.dialogs.message import MessageDialog
from holdshelf_tui.screens.pane import Pane
from holdshelf_tui.widgets.actions import Actions
from holdshelf_tui.widgets.listing import fill, widths
from holdshelf_tui.words import Content, inert, size, span, when

DAY_S = 86_400
_LEAST = {"Camera": 14, "Days": 5, "Recorded": 10, "Size": 9, "A day": 9, "Oldest": 21}
_MOST = {"Camera": 40, "Days": 6, "Recorded": 12, "Size": 10, "A day": 10, "Oldest": 28}


class StoragePane(Pane):
    """Figures, and one act: how much room there is."""

    DEFAULT_CSS = """
    StoragePane ProgressBar { height: 1; width: 100%; margin: 0 0 1 0; }
    StoragePane ProgressBar Bar { width: 1fr; }
    StoragePane #figures { height: auto; margin-bottom: 1; }
    StoragePane DataTable { height: 1fr; min-height: 3; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "s", "capacity", "Set the room", id="storage.capacity", tooltip="Room that footage may take, and the floor"
        )
    ]
    title = "Storage"
    every_s = 5.0

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._latest: Status | None = None
        self._held: HoldList | None = None

    def compose(self) -> ComposeResult:
        """State, bar, figures, table, button."""
        yield Static("Asking …", classes="state")
        yield ProgressBar(total=100, show_eta=False, id="used")
        yield Static("", id="figures")
        yield DataTable(id="cameras", cursor_type="row", zebra_stripes=True, cell_padding=0)
        yield Actions((("capacity", "Set the room …"), ("refresh", "Look again")))

    def shown(self) -> None:
        """The table has the cursor."""
        super().shown()
        self.query_one(DataTable).focus()

    def on_resize(self) -> None:
        """Share out the new width."""
        if self._latest is not None:
            self._show(self._latest)

    def heard(self, row: EventRow) -> None:
        """What is held is summed up anew only when that changed."""
        if "holds" in row.data.get("tables", ()):
            self._held = None
            self.load_soon()

    async def async_load(self) -> None:
        """Status, and what is held."""
        status = await self.link.get("/status", Status)
        if self._held is None:
            self._held = await self.link.act("hold.list", HoldListAsk(), HoldList)
        stops = stops_words(self._held.recording_stops_days)
        disk = status.disk
        problem = disk.problem or stops
        self.say(f"! {problem}" if problem else f"Media: {disk.media}", wrong=bool(problem))
        self._show(status)

    def _show(self, now: Status) -> None:
        self._latest = now
        self.query_one("#used", ProgressBar).update(
            total=max(1, now.disk.budget_bytes), progress=min(now.disk.used_bytes, now.disk.budget_bytes)
        )
        self.query_one("#figures", Static).update(Content("\n".join(inert(line, 200) for line in self._figures(now))))
        rows = {camera.id: _cells(camera) for camera in now.cameras}
        fill(self.query_one(DataTable), widths(self.size.width, _LEAST, _MOST, ("Camera", "Oldest")), rows)

    def _figures(self, now: Status) -> list[str]:
        disk = now.disk
        if disk.problem:
            return []
        held = size(self._held.held_bytes) if self._held is not None else "not known yet"
        used = size(disk.used_bytes) + ("" if disk.counted else " (still counting)")
        share = f"{100 * disk.used_bytes / max(1, disk.budget_bytes):.0f} %"
        floor = f"warns below {disk.floor_days:g} days" if disk.floor_days is not None else "none"
        days = f"about {disk.days_forecast:.1f} days" if disk.days_forecast is not None else "not known yet"
        return [
            f"Used       {used} of {size(disk.budget_bytes)} ({share}); held {held}",
            f"Disk       {size(disk.size_bytes)}, free {size(disk.free_bytes)}",
            f"Room for   {days} of all cameras",
            f"Floor      {floor}",
        ]

    @on(Actions.Chosen)
    def _pressed(self, chosen: Actions.Chosen) -> None:
        if chosen.key == "capacity":
            self.action_capacity()
        else:
            self._held = None
            self.load()

    def action_capacity(self) -> None:
        """Set it."""
        if self._latest is not None:
            self._set(self._latest)

    @work(group="act")
    async def _set(self, now: Status) -> None:
        row: CapacityRow | None = await self.app.push_screen_wait(CapacityDialog(now.disk))
        if row is None:
            return
        self.load_soon()
        room = size(row.in_force_bytes) if row.in_force_bytes is not None else "what the disk allows"
        own = "" if row.budget_bytes is not None else " (90 % of the disk)"
        floor = (
            f"A warning comes below {row.floor_days:g} days." if row.floor_days is not None else "There is no floor."
        )
        said = f"Footage may take {room}{own}. {floor} Entry {row.seq} of the access log."
        await self.app.push_screen_wait(MessageDialog("Set", said))


def _cells(camera: CameraRow) -> tuple[str, ...]:
    a_day = size(camera.bytes_per_s * DAY_S) if camera.bytes_per_s else "-"
    return (
        camera.name,
        f"{camera.days_kept:.1f}",
        span(camera.recorded_s),
        size(camera.bytes),
        a_day,
        when(camera.oldest_utc_ns),
    )
