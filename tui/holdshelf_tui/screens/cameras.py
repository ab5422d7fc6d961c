"""The cameras at a glance: state, what is kept, activity, last gap, what a person must mend, and what can be done. No picture.

Seats and designees go on from here to a camera's timeline and live pictures, and bring it into use; the admin tries, renames,
moves and removes it, and is offered nothing that would lead to a picture.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, ClassVar, cast

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import DataTable, Static

from holdshelf_core.api import types
from holdshelf_core.api.errors import HoldshelfError
from holdshelf_core.api.types_commission import CameraCheck
from holdshelf_core.api.types_flow import FlowStart, FlowStep
from holdshelf_core.api.types_people import Done
from holdshelf_tui.camera_words import CLOCK_REPAIR, repair_lines
from holdshelf_tui.cli import render
from holdshelf_tui.link import Who
from holdshelf_tui.screens.camera_choice import offered
from holdshelf_tui.screens.commission import CommissionScreen
from holdshelf_tui.screens.dialogs.camera import CameraDialog
from holdshelf_tui.screens.dialogs.camera_forms import (
    DIAL_TIMEOUT_S,
    MoveDialog,
    RemoveDialog,
    RenameDialog,
)
from holdshelf_tui.screens.dialogs.checks import ChecksDialog
from holdshelf_tui.screens.dialogs.commission_forms import RetireDialog
from holdshelf_tui.screens.dialogs.form import FormDialog, in_words
from holdshelf_tui.screens.dialogs.message import MessageDialog
from holdshelf_tui.screens.dialogs.step import Answer, StepDialog
from holdshelf_tui.screens.doctor import async_confirm_time
from holdshelf_tui.screens.pane import Pane
from holdshelf_tui.widgets.actions import Actions

if TYPE_CHECKING:
    from holdshelf_tui.screens.home import HomeScreen

_TITLES = ("Camera", "State", "Recorded", "Days", "Size", "Activity", "Last gap")
# What every width needs for figures; the rest of the line is shared out by `_widths`.
_FIGURES = {"Recorded": 10, "Days": 5, "Size": 8}
_LEAST = {"Camera": 14, "State": 13, "Activity": 8, "Last gap": 11}
_MOST = {"Camera": 30, "State": 20, "Activity": 30, "Last gap": 36}
_SCROLLBAR = 4
_ACTIONS = (
    ("details", "Details"),
    ("timeline", "Timeline"),
    ("live", "Live"),
    ("commission", "Bring into use"),
    ("retire", "Retire"),
    ("check", "Check"),
    ("password", "New password"),
    ("address", "New address"),
    ("rename", "Rename"),
    ("move", "Moved"),
    ("remove", "Remove"),
    ("clock", "Confirm the time"),
)
_ADMINS = frozenset(("check", "password", "address", "rename", "move", "remove"))


def commissions(who: Who, camera: str) -> bool:
    """Whether this person may bring that camera into use."""
    if who.seat:
        return True
    roles = who.person.roles if who.person is not None else []
    return any(
        role.state == "active" and "commission" in role.rights and (role.cameras is None or camera in role.cameras)
        for role in roles
    )


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
    CamerasPane Actions { margin-top: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "do('commission')", "Bring into use", id="cameras.commission", tooltip="Masks, picture, approval"),
        Binding("t", "do('timeline')", "Timeline", id="cameras.timeline", tooltip="This camera's timeline"),
        Binding("k", "do('check')", "Check", id="cameras.check", tooltip="Does it answer, does its stream play"),
    ]
    title = "Cameras"
    every_s = 1.0
    hears: ClassVar[frozenset[str]] = frozenset(("camera_state", "repair_opened", "repair_closed", "house_changed"))

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._latest: types.Status | None = None
        self._columns: dict[str, int] = {}
        self._repairs: list[str] = []
        self._allowed: list[tuple[bool, bool]] = []

    def compose(self) -> ComposeResult:
        """Disk, table, what must be mended."""
        yield Static("Asking …", id="disk", classes="state")
        yield DataTable(id="cameras", cursor_type="row", zebra_stripes=True, cell_padding=0)
        yield Static("", id="repairs")
        yield Actions(_ACTIONS)

    def on_mount(self) -> None:
        """Columns are there before the first answer, so that nothing jumps."""
        super().on_mount()
        self._set_columns()
        self.query_one(DataTable).focus()
        self._allow()

    def shown(self) -> None:
        """The table has the cursor."""
        super().shown()
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
                if table.get_cell(camera.id, title) != cell:
                    table.update_cell(camera.id, title, cell)
        for gone in known - {camera.id for camera in now.cameras}:
            table.remove_row(gone)
        lines = [render.inert(line, 400) for line in repair_lines(now.repairs, admin=self.who.admin)]
        if lines != self._repairs:
            self._repairs = lines
            self.query_one("#repairs", Static).update(Content("\n".join(lines)))
        if not now.cameras:
            self.say("No camera is added yet. Add cameras, the second tab, finds them." if self.who.admin else words)
        self._allow()

    @property
    def chosen(self) -> types.CameraRow | None:
        """The camera under the cursor."""
        if self._latest is None or not self._latest.cameras:
            return None
        table = self.query_one(DataTable)
        key = table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value
        return next((camera for camera in self._latest.cameras if camera.id == key), None)

    def choose(self, key: str) -> None:
        """Bring the cursor to a camera, from elsewhere."""
        table = self.query_one(DataTable)
        if key in {str(row.value) for row in table.rows}:
            table.move_cursor(row=table.get_row_index(key), animate=False)

    # --- what can be done -----------------------------------------------------------------------------------------

    def _offered(self, what: str) -> bool:
        """Whether it is theirs at all."""
        who = self.who
        if what in _ADMINS:
            return who.admin
        if what == "clock":
            clock = any(repair.issue_id == CLOCK_REPAIR for repair in self._latest.repairs) if self._latest else False
            return clock and (who.admin or who.seat)
        right = {"timeline": "archive", "live": "live", "commission": "commission", "retire": "commission"}.get(what)
        return right is None or right in who.rights

    def _can(self, what: str) -> bool:
        """Whether it can be done now, to the camera under the cursor."""
        camera = self.chosen
        if not self._offered(what):
            return False
        if what == "clock":
            return True
        if camera is None:
            return False
        if what in ("timeline", "live"):
            return bool(offered(self.who, [camera], "archive" if what == "timeline" else "live"))
        if what in ("commission", "retire"):
            return commissions(self.who, camera.id)
        return True

    def _allow(self) -> None:
        allowed = [(self._offered(key), self._can(key)) for key, _ in _ACTIONS]
        if allowed == self._allowed:
            return  # asked each second: the footer would be made anew
        self._allowed = allowed
        actions = self.query_one(Actions)
        actions.shows(**{key: self._offered(key) for key, _ in _ACTIONS})
        actions.allow(**{key: self._can(key) for key, _ in _ACTIONS})
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys of what is not theirs are not shown, of what cannot be done now are grey."""
        if action == "do" and parameters and self.is_mounted:
            what = str(parameters[0])
            return self._offered(what) and (True if self._can(what) else None)
        return True

    @on(DataTable.RowHighlighted)
    def _moved(self) -> None:
        self._allow()

    @on(DataTable.RowSelected)
    def _entered(self) -> None:
        self.action_do("details")

    @on(Actions.Chosen)
    def _pressed(self, chosen: Actions.Chosen) -> None:
        self.action_do(chosen.key)

    def action_do(self, what: str) -> None:
        """Do that to the camera under the cursor."""
        if self._can(what):
            self._do(what)

    @work(group="act")
    async def _do(self, what: str) -> None:
        camera = self.chosen
        if what == "clock":
            await async_confirm_time(self)
        elif what == "details" and camera is not None:
            further = [(key, words) for key, words in _ACTIONS if key not in ("details", "clock") and self._can(key)]
            chosen: str | None = await self.app.push_screen_wait(CameraDialog(camera, further))
            if chosen is not None:
                await self._async_do(chosen, camera)
        elif camera is not None:
            await self._async_do(what, camera)
        self.load_soon()

    async def _async_do(self, what: str, camera: types.CameraRow) -> None:
        if what in ("timeline", "live"):
            await self._async_go(what, camera.id)
        elif what == "commission":
            await self.app.push_screen_wait(CommissionScreen(camera.id, camera.name))
        elif what == "check":
            await self.app.push_screen_wait(ChecksDialog(f"Check: {camera.name}", lambda: self._async_check(camera.id)))
        elif what in ("password", "address"):
            await self._async_change("reauth" if what == "password" else "reconfigure", camera)
        else:
            done: Done | None = await self.app.push_screen_wait(_form(what, camera))
            if done is not None:
                said = done.sentence.partition(": `")[0].rstrip(".")
                await self.app.push_screen_wait(MessageDialog("Done", f"{said}. Entry {done.seq} of the access log."))

    async def _async_change(self, kind: str, camera: types.CameraRow) -> None:
        """A new password or a new address, tried at once: the steps are the service's, as at the command line."""
        try:
            step = await self.link.post("/flow", FlowStart(kind, camera=camera.id), FlowStep)
        except HoldshelfError as error:
            self.say(in_words(error), wrong=True)
            return
        found: Answer | None = await self.app.push_screen_wait(StepDialog(step))
        if isinstance(found, types.Checks):
            title = f"{step.title.partition(' for ')[0]}: {camera.name}"
            await self.app.push_screen_wait(ChecksDialog(title, lambda: self._async_check(camera.id), found))

    def _async_check(self, camera: str) -> Awaitable[types.Checks]:
        return self.link.act("camera.check", CameraCheck(camera), types.Checks, timeout_s=DIAL_TIMEOUT_S)

    async def _async_go(self, tab: str, camera: str) -> None:
        pane = await cast("HomeScreen", self.screen).go(tab)
        if pane is not None:
            pane.choose(camera)


def _form(what: str, camera: types.CameraRow) -> FormDialog[Done]:
    if what == "retire":
        return RetireDialog(camera.id, camera.name)
    return {"rename": RenameDialog, "move": MoveDialog, "remove": RemoveDialog}[what](camera)


def _cells(camera: types.CameraRow, widths: dict[str, int]) -> tuple[Content, ...]:
    """Inert text: names come from people and cameras, so no markup in them is ever obeyed."""
    well = camera.state == "recording"
    state = "● recording" if well else f"○ {camera.reason or camera.state}"
    return (
        Content(render.inert(camera.name, widths["Camera"])),
        Content(render.inert(state, widths["State"])).stylize("$text-success" if well else "$text-error"),
        Content(_span(camera.recorded_s, widths["Recorded"])),
        Content(f"{camera.days_kept:.1f}"),
        Content(render.size(camera.bytes)),
        Content(render.sparkline(camera.activity, widths["Activity"])).stylize("$text-accent"),
        Content(_gap(camera.last_gap, widths["Last gap"] + 1)),  # nothing stands behind it
    )


def _span(seconds: float, columns: int) -> str:
    """A length of time with whole units alone: '59 min' where there is no room for its seconds."""
    whole = render.span(seconds)
    return whole if len(whole) <= columns else " ".join(whole.split(" ")[:2])


def _gap(gap: types.GapRow | None, columns: int) -> str:
    """When, why and how long, as far as there is room."""
    if gap is None:
        return "none"
    at = render.local(gap.start_utc_ns)[11:16]
    lasts = "now" if gap.end_utc_ns is None else render.span(gap.elapsed_s)
    short = lasts if gap.end_utc_ns is None else _span(gap.elapsed_s, columns - 7)
    ways = (f"{at} {gap.reason}, {lasts}", f"{at}, {lasts}", f"{at}, {short}", f"{at} {short}")
    return next((way for way in ways if len(way) <= columns), at)
