"""The cameras at a glance: state, what is kept, last gap, what a person must mend, and what can be done. No picture.

Seats and designees go on from here to a camera's timeline and live pictures, and bring it into use; the admin tries, renames,
moves and removes it, and is offered nothing that would lead to a picture.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from holdshelf_core.acts import Done
from holdshelf_core.api import types
from holdshelf_core.cameras.flow_types import FlowStart
from holdshelf_core.cameras.types import CameraBackfill, CameraCheck
from holdshelf_core.looks.types import ActivityAsk
from holdshelf_tui.screens.actions_pane import ActionDescription, PaneAction, has_right, is_admin
from holdshelf_tui.screens.camera_choice import offered
from holdshelf_tui.screens.commission import CommissionScreen
from holdshelf_tui.screens.dialogs.camera import CameraDialog
from holdshelf_tui.screens.dialogs.camera_forms import (
    MoveDialog,
    RemoveDialog,
    RenameDialog,
)
from holdshelf_tui.screens.dialogs.checks import ChecksDialog
from holdshelf_tui.screens.dialogs.commission_forms import RetireDialog
from holdshelf_tui.screens.dialogs.device import DeviceDialog
from holdshelf_tui.screens.dialogs.form import FormDialog
from holdshelf_tui.screens.dialogs.message import MessageDialog
from holdshelf_tui.screens.dialogs.sheet import SheetDialog
from holdshelf_tui.screens.dialogs.step import Answer, StepDialog
from holdshelf_tui.screens.doctor import async_confirm_time
from holdshelf_tui.screens.list_pane import ListPane, RowAction
from holdshelf_tui.session.link import Who
from holdshelf_tui.text.cameras import CLOCK_REPAIR, repair_lines
from holdshelf_tui.text.events import event_lines
from holdshelf_tui.text.time_format import DAY_NS, clock
from holdshelf_tui.text.words import inert, size, span
from holdshelf_tui.widgets import key_table
from holdshelf_tui.widgets.listing import Columns
from holdshelf_tui.widgets.text import fitting, set_text

if TYPE_CHECKING:
    from holdshelf_tui.screens.home import HomeScreen


MORE_REPAIRS = "… There is more: “Details” of each camera says what is wrong with it."
EVENT_PARTS = 1440
"""Of a day: what a camera reported is merged within a minute."""


def commissions(who: Who, camera: str) -> bool:
    """Whether this person may bring that camera into use."""
    if who.seat:
        return who.may("commission.edit")
    roles = who.person.roles if who.person is not None else []
    return any(
        role.state == "active" and "commission" in role.rights and (role.cameras is None or camera in role.cameras)
        for role in roles
    )


def _may_look(right: str) -> Callable[[CamerasPane, types.CameraRow], bool]:
    return lambda pane, camera: bool(offered(pane.who, [camera], right))


class CamerasPane(ListPane[types.CameraRow]):
    """A live table, brought up to date once a second in place."""

    DEFAULT_CSS = """
    CamerasPane #repairs { height: auto; max-height: 40%; color: $text-warning; }
    CamerasPane Actions { margin-top: 0; }
    """
    title = "Cameras"
    key = "cameras"
    table_id = "cameras"
    every_s = 1.0
    hears: ClassVar[frozenset[str]] = frozenset(("camera_state", "repair_opened", "repair_closed", "house_changed"))
    COLUMNS: ClassVar = {
        "": Columns({"Camera": (14, 30), "State": (13, 20), "Recorded": (10, 10), "Days": (5, 5), "Size": (8, 8),
            "Last gap": (13, 36)}, first=("State", "Last gap", "Camera"), by={
            "Recorded": lambda row: row.recorded_s, "Days": lambda row: row.days_kept, "Size": lambda row: row.bytes,
            "Last gap": lambda row: row.last_gap.start_utc_ns if row.last_gap is not None else 0}),
    }  # fmt: skip

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._repairs = Static("", id="repairs")
        self._to_fix: list[str] = []
        self._clock_doubtful = False

    def compose(self) -> ComposeResult:
        """Disk, table, what must be mended."""
        yield from self.top(self.asking, id="disk")
        yield self.table
        yield self._repairs
        yield self.buttons

    def on_mount(self) -> None:
        """Columns are there before the first answer, so that nothing jumps."""
        self.show()
        self.table.focus()

    async def async_load(self) -> None:
        """Ask for the status."""
        now = await self.link.status()
        disk = now.disk
        if disk.problem:
            words = disk.problem
        else:
            forecast = f" · room for about {disk.days_forecast:.1f} days" if disk.days_forecast is not None else ""
            words = f"{size(disk.used_bytes)} of {size(disk.budget_bytes)} used{forecast}"
        recording = sum(camera.state == "recording" for camera in now.cameras)
        if now.cameras:
            self.say(f"{recording} of {len(now.cameras)} cameras recording · {words}", wrong=bool(disk.problem))
        else:
            self.say("No camera is added yet. Add cameras, the second tab, finds them." if self.who.admin else words)
        self._to_fix = [inert(line, 400) for line in repair_lines(now.repairs, admin=self.who.admin)]
        self._clock_doubtful = any(repair.issue_id == CLOCK_REPAIR for repair in now.repairs)
        self.lists[""] = {camera.id: camera for camera in now.cameras}
        self.show()

    def show(self) -> None:
        """The cameras as they are now, and as much of what is to be fixed as there is room for."""
        super().show()
        lines, (columns, rows) = self._to_fix, self.size
        if columns:  # it has been laid out; as many rows as the style sheet gives
            lines = fitting(lines, columns, max(2, rows * 2 // 5), MORE_REPAIRS)
        set_text(self._repairs, Content("\n".join(lines)))

    def cells(self, row: types.CameraRow) -> Sequence[Content]:
        """See `camera_cells`."""
        return camera_cells(row, self.COLUMNS[""].fitted(self.size.width))

    # --- what can be done -----------------------------------------------------------------------------------------

    async def _async_details(self, camera: types.CameraRow) -> None:
        further = {
            one.id: one for one in self.ACTIONS if isinstance(one, RowAction) and not (one.enters or one.is_tool)
        }
        possible = [(id, one.label) for id, one in further.items() if self.state_of(id)]
        chosen: str | None = await self.app.push_screen_wait(CameraDialog(camera, possible))
        if chosen is not None:
            await further[chosen].async_run_on(self, camera)
        self.load_soon()

    async def _async_clock(self) -> None:
        await async_confirm_time(self)
        self.load_soon()

    async def _async_commission(self, camera: types.CameraRow) -> None:
        await self.app.push_screen_wait(CommissionScreen(camera.id, camera.name))
        self.load_soon()

    async def _async_checks(self, camera: types.CameraRow) -> None:
        await self.app.push_screen_wait(ChecksDialog(f"Check: {camera.name}", lambda: self._async_check(camera.id)))
        self.load_soon()

    async def _async_form(self, form: FormDialog[Done]) -> None:
        done: Done | None = await self.app.push_screen_wait(form)
        if done is not None:
            said = done.sentence.partition(": `")[0].rstrip(".")
            await self.app.push_screen_wait(MessageDialog("Done", f"{said}. Entry {done.seq} of the access log."))
        self.load_soon()

    async def _async_change(self, kind: str, camera: types.CameraRow) -> None:
        """A new password, address or device, tried at once: the steps are the service's, as at the command line."""
        step = await self.async_do("Getting the questions", self.link.read(FlowStart(kind, camera=camera.id)))
        if step is None:
            return
        found: Answer | None = await self.app.push_screen_wait(StepDialog(step))
        if isinstance(found, types.Checks):
            title = f"{step.title.partition(' for ')[0]}: {camera.name}"
            await self.app.push_screen_wait(ChecksDialog(title, lambda: self._async_check(camera.id), found))
        self.load_soon()

    def _async_check(self, camera: str) -> Awaitable[types.Checks]:
        return self.link.act(CameraCheck(camera))

    async def _async_backfill(self, camera: types.CameraRow) -> None:
        asked = self.link.act(CameraBackfill(camera.id, camera.backfill != "on"))
        done = await self.async_do("Changing it", asked)
        if done is None:
            return
        await self.app.push_screen_wait(MessageDialog("Done", f"{done.sentence} Entry {done.seq} of the access log."))
        self.load_soon()

    async def _async_told(self, camera: types.CameraRow) -> None:
        now = time.time_ns()
        asked = ActivityAsk(camera.id, now - DAY_NS, now, EVENT_PARTS)
        answer = await self.async_do("Asking what it reported", self.link.act(asked))
        if answer is not None:
            lines = event_lines(answer.events) or ["It reported nothing in the last day."]
            await self.app.push_screen_wait(SheetDialog(f"What {camera.name} reported", "\n".join(lines)))

    async def _async_device(self, camera: types.CameraRow) -> None:
        said: tuple[str, str] | None = await self.app.push_screen_wait(DeviceDialog(camera.id, camera.name))
        if said is not None:
            await self.app.push_screen_wait(SheetDialog(*said))
        self.load_soon()

    async def _async_go(self, tab: str, camera: str) -> None:
        pane = await cast("HomeScreen", self.screen).go(tab)
        if pane is not None:
            pane.choose(camera)

    ACTIONS: ClassVar[Sequence[ActionDescription[CamerasPane, types.CameraRow]]] = (
        RowAction("details", "Details", "Its state, what is kept, and what is missing", enters=True, run=_async_details),
        RowAction("timeline", "Timeline", "This camera's timeline", key=key_table.TIME, shown=has_right("archive"),
            can=_may_look("archive"), only="It is not in use yet, or your letter does not cover it.",
            run=lambda self, camera: self._async_go("timeline", camera.id)),
        RowAction("live", "Live", "This camera's live picture", key=key_table.LIVE, shown=has_right("live"),
            can=_may_look("live"),
            only="It is not in use, or your letter does not cover it.",
            run=lambda self, camera: self._async_go("live", camera.id)),
        RowAction("told", "What it reported", "Events that the camera reported in the last day", key=key_table.TOLD,
            in_footer=False, shown=has_right("archive"), can=_may_look("archive"),
            only="It is not in use yet, or your letter does not cover it.", run=_async_told),
        RowAction("commission", "Bring into use", "Masks, picture, approval", key=key_table.IN_USE, shown=has_right("commission"),
            can=lambda self, camera: commissions(self.who, camera.id), only="Your letter does not cover this camera.",
            run=_async_commission),
        RowAction("retire", "Retire", "Nobody can look through it from then on", key=key_table.CLOSE, in_footer=False,
            shown=has_right("commission"),
            can=lambda self, camera: commissions(self.who, camera.id), only="Your letter does not cover this camera.",
            run=lambda self, camera: self._async_form(RetireDialog(camera.id, camera.name))),
        RowAction("check", "Check", "Does it answer, does its stream play", key=key_table.CHECK, shown=is_admin,
            run=_async_checks),
        RowAction("password", "New password", "The camera's own, tried at once", key=key_table.KEY, in_footer=False,
            shown=is_admin,
            run=lambda self, camera: self._async_change("reauth", camera)),
        RowAction("address", "New address", "Where it is now, tried at once", key=key_table.ADDRESS, in_footer=False,
            shown=is_admin,
            run=lambda self, camera: self._async_change("reconfigure", camera)),
        RowAction("replace", "Swap", "Another device is in its place now", key=key_table.DEVICE, in_footer=False,
            shown=is_admin,
            run=lambda self, camera: self._async_change("replace", camera)),
        RowAction("rename", "Rename", "Another name for it", key=key_table.CHANGE, in_footer=False, shown=is_admin,
            run=lambda self, camera: self._async_form(RenameDialog(camera))),
        RowAction("move", "Moved", "It was moved to another place", key=key_table.MOVED, in_footer=False, shown=is_admin,
            run=lambda self, camera: self._async_form(MoveDialog(camera))),
        RowAction("remove", "Remove", "It is not recorded any more", key=key_table.END, in_footer=False, shown=is_admin,
            run=lambda self, camera: self._async_form(RemoveDialog(camera))),
        RowAction("device", "At the camera", "Its details, sound, clock and own masks; set it up again", key=key_table.AT_CAMERA,
            in_footer=False, shown=is_admin, run=_async_device),
        RowAction("backfill", "Card", "Fill gaps from its own memory card: turn on or off", key=key_table.CARD,
            in_footer=False, shown=is_admin, can=lambda _self, camera: camera.backfill != "",
            only="It was added by its stream address only.",
            run=_async_backfill),
        PaneAction("clock", "Confirm the time", "The server's clock is in doubt: is it right?", key=key_table.CLOCK,
            in_footer=False, shown=lambda self: self._clock_doubtful and (self.who.admin or self.who.may("clock.confirm")),
            run=_async_clock),
    )  # fmt: skip


def camera_cells(camera: types.CameraRow, widths: Mapping[str, int]) -> tuple[Content, ...]:
    """Inert text: names come from people and cameras, so no markup in them is ever obeyed."""
    well = camera.state == "recording"
    state = "● recording" if well else f"○ {camera.reason or camera.state}"
    return (
        Content(inert(camera.name)),
        Content(inert(state)).stylize("$text-success" if well else "$text-error"),
        Content(_span(camera.recorded_s, widths["Recorded"])),
        Content(f"{camera.days_kept:.1f}"),
        Content(size(camera.bytes)),
        Content(_gap(camera.last_gap, widths["Last gap"] + 1)),  # nothing stands behind it
    )


def _span(seconds: float, columns: int) -> str:
    """A length of time with whole units alone: '59 min' where there is no room for its seconds."""
    whole = span(seconds)
    return whole if len(whole) <= columns else " ".join(whole.split(" ")[:2])


def _gap(gap: types.GapRow | None, columns: int) -> str:
    """When, why and how long, as far as there is room."""
    if gap is None:
        return "none"
    at = clock(gap.start_utc_ns, seconds=False)
    lasts = "now" if gap.end_utc_ns is None else span(gap.elapsed_s)
    short = lasts if gap.end_utc_ns is None else _span(gap.elapsed_s, columns - len(at) - 2)
    ways = (f"{at} {gap.reason}, {lasts}", f"{at}, {lasts}", f"{at}, {short}", f"{at} {short}")
    return next((way for way in ways if len(way) <= columns), at)
