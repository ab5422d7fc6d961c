"""The cameras at a glance: state, what is kept, activity, last gap, and what a person must mend. No picture."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import DataTable, Static

from holdshelf_core.api import types
from holdshelf_tui.cli import render
from holdshelf_tui.screens.pane import Pane

_TITLES = ("Camera", "State", "Recorded", "Days", "Size", "Activity", "Last gap")
# What every width needs for figures; the rest of the line is shared out by `_widths`.
_FIGURES = {"Recorded": 10, "Days": 5, "Size": 8}
_LEAST = {"Camera": 16, "State": 13, "Activity": 8, "Last gap": 9}
_MOST = {"Camera": 30, "State": 20, "Activity": 30, "Last gap": 36}
_SCROLLBAR = 4


def _widths(columns: int) -> dict[str, int]:
    """Column widths that fill ``columns`` and fit in 80 of them: no figure is out of sight on a small terminal."""
    widths = {**_FIGURES, **_LEAST}
    spare = columns - _SCROLLBAR - sum(widths.values()) - len(_TITLES)
    for title in ("State", "Last gap", "Camera", "Activity"):
        more = max(0, min(spare, _MOST[title] - widths[title]))
        widths[title] += more
        spare -= more
    return {title: widths[title] for title in _TITLES}


class CamerasPane(Pane):
    """A live table, brought up to date once a second in place."""

    DEFAULT_CSS = """
    CamerasPane DataTable { height: 1fr; }
    CamerasPane #repairs { height: auto; max-height: 40%; color: $text-warning; }
    """
    title = "Cameras"
    every_s = 1.0
    hears: ClassVar[frozenset[str]] = frozenset(("camera_state", "repair_opened", "repair_closed", "house_changed"))

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._latest: types.Status | None = None
        self._columns: dict[str, int] = {}

    def compose(self) -> ComposeResult:
        """Disk, table, what must be mended."""
        yield Static("Asking …", id="disk", classes="state")
        yield DataTable(id="cameras", cursor_type="row", zebra_stripes=True, cell_padding=0)
        yield Static("", id="repairs")

    def on_mount(self) -> None:
        """Columns are there before the first answer, so that nothing jumps."""
        super().on_mount()
        self._set_columns()
        self.query_one(DataTable).focus()

    def on_resize(self) -> None:
        """Share out the new width; the cursor stays on its camera."""
        if _widths(self.size.width) == self._columns:
            return
        table = self.query_one(DataTable)
        row = table.cursor_row
        self._set_columns()
        if self._latest is not None:
            self._show(self._latest)
            table.move_cursor(row=row)

    def _set_columns(self) -> None:
        self._columns = _widths(self.size.width)
        table = self.query_one(DataTable)
        table.clear(columns=True)
        for title, width in self._columns.items():
            table.add_column(title, width=width + 1, key=title)

    async def async_load(self) -> None:
        """Ask for the status."""
        self._show(await self.link.status())

    def _show(self, now: types.Status) -> None:
        self._latest = now
        disk = now.disk
        if disk.problem:
            words = disk.problem
        else:
            forecast = f" · room for about {disk.days_forecast:.1f} days" if disk.days_forecast is not None else ""
            words = f"{render.size(disk.used_bytes)} of {render.size(disk.budget_bytes)} used{forecast}"
        recording = sum(camera.state == "recording" for camera in now.cameras)
        self.say(f"{recording} of {len(now.cameras)} cameras recording · {words}", wrong=bool(disk.problem))
        table = self.query_one(DataTable)
        known = {str(key.value) for key in table.rows}
        for camera in now.cameras:
            cells = _cells(camera, self._columns)
            if camera.id not in known:
                table.add_row(*cells, key=camera.id)
                continue
            for title, cell in zip(_TITLES, cells, strict=True):
                table.update_cell(camera.id, title, cell)
        for gone in known - {camera.id for camera in now.cameras}:
            table.remove_row(gone)
        lines = [f"{'!' if r.severity == 'error' else '·'} {r.sentence}  → {r.next_step}" for r in now.repairs]
        self.query_one("#repairs", Static).update(Content("\n".join(render.inert(line, 400) for line in lines)))

    @property
    def chosen(self) -> types.CameraRow | None:
        """The camera under the cursor."""
        if self._latest is None or not self._latest.cameras:
            return None
        table = self.query_one(DataTable)
        key = table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value
        return next((camera for camera in self._latest.cameras if camera.id == key), None)


def _cells(camera: types.CameraRow, widths: dict[str, int]) -> tuple[Content, ...]:
    """Inert text: names come from people and cameras, so no markup in them is ever obeyed."""
    well = camera.state == "recording"
    state = "● recording" if well else f"○ {camera.reason or camera.state}"
    gap = "none"
    if camera.last_gap is not None:
        lasts = "now" if camera.last_gap.end_utc_ns is None else render.span(camera.last_gap.elapsed_s)
        at = render.local(camera.last_gap.start_utc_ns)[11:16]
        gap = f"{at} {camera.last_gap.reason}, {lasts}"
        if len(gap) > widths["Last gap"]:
            gap = f"{at}, {lasts}"
    return (
        Content(render.inert(camera.name, widths["Camera"])),
        Content(render.inert(state, widths["State"])).stylize("$text-success" if well else "$text-error"),
        Content(render.span(camera.recorded_s)),
        Content(f"{camera.days_kept:.1f}"),
        Content(render.size(camera.bytes)),
        Content(render.sparkline(camera.activity, widths["Activity"])).stylize("$text-accent"),
        Content(gap),
    )
