"""One camera in full: how it fares, what is kept, what is lacking, what must be mended, the last day's gaps. No picture."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import ClassVar, cast

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from holdshelf_core.api.errors import HoldshelfError
from holdshelf_core.api.types import CameraRow, DiskRow, GapRow, ReadStatus, RepairRow
from holdshelf_core.buffer.types import ReadGaps
from holdshelf_core.cameras.commission_types import CommissionRow, ReadCommissions
from holdshelf_core.policy.listing import wrapped
from holdshelf_tui.screens.dialogs.form import in_words
from holdshelf_tui.session.app import SessionApp
from holdshelf_tui.text.cameras import (
    backfill_words,
    forecast_words,
    gap_lines,
    kept_words,
    picture_words,
    repair_lines,
    state_words,
    use_lines,
)
from holdshelf_tui.text.time_format import DAY_NS
from holdshelf_tui.text.words import inert
from holdshelf_tui.widgets.actions import Actions
from holdshelf_tui.widgets.text import plain

EVERY_S = 2.0
_LABEL = 12


def camera_lines(
    camera: CameraRow,
    disk: DiskRow,
    repairs: Sequence[RepairRow],
    commission: CommissionRow | None,
    gaps: Sequence[GapRow],
    *,
    admin: bool,
    columns: int = 74,
) -> list[str]:
    """The whole text, broken to ``columns``. Technical words for the admin alone."""
    parts: list[tuple[str, list[str]]] = [
        ("State", [state_words(camera)]),
        ("Picture", [picture_words(camera)]),
        *([("Own card", [backfill_words(camera)])] if admin else []),
        ("Kept", [kept_words(camera)]),
        ("Forecast", [forecast_words(disk)]),
        ("Use", use_lines(commission)),
    ]
    if admin:
        parts.insert(1, ("Address", [f"{camera.address or 'unknown'}  (id {camera.id}, {camera.integration})"]))
    if repairs:
        parts.append(("To fix", repair_lines(repairs, admin=admin)))
    parts.append(("Gaps, 24 h", gap_lines(gaps)))
    text = []
    for label, lines in parts:
        for number, line in enumerate(lines):
            head = f"{label if number == 0 else '':<{_LABEL}}"
            rest = wrapped(inert(line, 400), max(20, columns - _LABEL - 2), at_spaces=True) or [""]
            text += [head + rest[0], *(" " * (_LABEL + 2) + more for more in rest[1:])]
    return text


class CameraDialog(ModalScreen[str | None]):
    """``actions``: (key, words) of what can be done; leaves with the key of what was chosen."""

    CSS = """
    CameraDialog .dialog { width: 100%; max-width: 110; padding: 0 1; height: auto; max-height: 100%; }
    CameraDialog #about { height: auto; max-height: 1fr; }
    CameraDialog #about:focus { background-tint: $foreground 3%; }
    CameraDialog #text { height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Close", id="close")]

    def __init__(self, camera: CameraRow, actions: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._camera, self._actions = camera, list(actions)

    def compose(self) -> ComposeResult:
        """Text that scrolls, buttons."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = plain(self._camera.name, 60)
            with VerticalScroll(id="about"):
                yield Static("Asking …", id="text")
            yield Actions([*self._actions, ("close", "Close")], first="close")

    def on_mount(self) -> None:
        """Ask, and go on asking."""
        self.query_one("#about").focus()
        self.load()
        self.set_interval(EVERY_S, self.load)

    def on_resize(self) -> None:
        """Buttons stay in sight."""
        self.query_one("#about").styles.max_height = max(5, self.size.height - 5)

    @work(exclusive=True, group="load")
    async def load(self) -> None:
        """As it is now."""
        app, camera = cast(SessionApp, self.app), self._camera.id
        text = self.query_one("#text", Static)
        now = time.time_ns()
        try:
            status = await app.link.read(ReadStatus())
            commissions = await app.link.read(ReadCommissions())
            gaps = await app.link.read(ReadGaps(camera=camera, start_utc_ns=now - DAY_NS, end_utc_ns=now))
        except HoldshelfError as error:
            if not app.link.away:
                text.update(Content(inert(in_words(error), 400)))
            return
        row = next((row for row in status.cameras if row.id == camera), None)
        if row is None:
            text.update("It no longer exists.")
            return
        # That it is not in use yet, and what is lacking, stands under its use.
        own = (repair for repair in status.repairs if repair.camera == camera)
        repairs = [repair for repair in own if not repair.issue_id.startswith("commission:")]
        commission = next((one for one in commissions if one.camera == camera), None)
        columns = self.query_one("#about").size.width - 1
        lines = camera_lines(row, status.disk, repairs, commission, gaps, admin=app.who.admin, columns=columns)
        text.update(Content("\n".join(lines)))

    @on(Actions.Chosen)
    def _chosen(self, chosen: Actions.Chosen) -> None:
        self.dismiss(None if chosen.key == "close" else chosen.key)
