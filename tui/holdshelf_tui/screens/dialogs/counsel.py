"""Counsel's determinations (P13): which requests may go on under the statute, on counsel's paper, until which day."""

from __future__ import annotations

import time
from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult

from holdshelf_core.api.errors import BadRequest
from holdshelf_core.api.types import CameraRow
from holdshelf_core.api.types_people import Done
from holdshelf_core.api.types_releases import CounselEnd, CounselRecord, CounselRow
from holdshelf_tui.release_words import BASES, EMERGENCY
from holdshelf_tui.screens.dialogs.form import FormDialog, Missing
from holdshelf_tui.screens.dialogs.paper import paper_field, sha256_of
from holdshelf_tui.typed_span import typed_day
from holdshelf_tui.widgets.fields import Choice, Field, Picks, TextField
from holdshelf_tui.words import day

ANY_CAMERA = "*"
NEW = "new"
NOT_DETERMINED = (EMERGENCY, "written-permission")
"""An emergency does not wait, and written permission passes by itself."""


def counsel_words(row: CounselRow, names: dict[str, str]) -> str:
    """'D-2026-0001: active investigation; Lobby; Trumbull Police; until Wed, Jun 30, 2027'."""
    cameras = "any camera" if row.cameras is None else ", ".join(names.get(one, one) for one in row.cameras)
    agencies = "; ".join(row.agencies) or "any agency"
    bases = ", ".join(basis.replace("-", " ") for basis in row.bases)
    return f"{row.id}: {bases}; {cameras}; {agencies}; until {day(row.end_utc_ns - 1)}"


class CounselDialog(FormDialog[Done]):
    """Record one, or end one that runs."""

    title_words = "Counsel's determinations"
    does = "Write it down"
    doing = "Writing it down"

    def __init__(self, rows: Sequence[CounselRow], cameras: Sequence[CameraRow]) -> None:
        super().__init__()
        self._cameras = list(cameras)
        self._names = {camera.id: camera.name for camera in cameras}
        self._active = [row for row in rows if row.state == "active"]

    def lead(self) -> str:
        """Which run."""
        if not self._active:
            return "Counsel has determined nothing that runs. A determination is flagged for a second seat's look."
        return "Running: " + " · ".join(counsel_words(row, self._names) for row in self._active)

    def fields(self) -> ComposeResult:
        """A new one's paper and reach; of one that ends, why."""
        choices = [(NEW, "record a new one, on counsel's paper")]
        choices += [(row.id, f"end {row.id}: it holds no longer") for row in self._active]
        yield Field("What", Choice(choices, NEW, id="what"))
        yield _named(paper_field("Counsel's paper"), "paper-row")
        bases = [(basis, words) for basis, words in BASES if basis not in NOT_DETERMINED]
        yield Field("Requests on", Picks(bases, id="bases", rows=5), hint="Space ticks one.", id="bases-row")
        yield Field("Its last day", TextField("", "for example 6/30/2027", id="until", most=40), id="until-row")
        cameras = [(ANY_CAMERA, "any camera"), *self._names.items()]
        yield Field("Cameras", Picks(cameras, {ANY_CAMERA}, id="cameras", rows=4), id="cameras-row")
        yield Field("Agency", TextField("", "left out: any agency", id="agency", most=120), id="agency-row")
        yield Field("Why", TextField("", "why it ends", id="why", most=300), id="why-row")

    def opened(self) -> None:
        """What a new one needs is asked for only then."""
        super().opened()
        self._show()

    @on(Choice.Changed, "#what")
    def _show(self) -> None:
        new = self.query_one("#what", Choice).value == NEW
        for name in ("paper", "bases", "until", "cameras", "agency"):
            self.query_one(f"#{name}-row").display = new
        self.query_one("#why-row").display = not new

    async def async_submit(self) -> Done:
        """Written down, and flagged."""
        what = self.query_one("#what", Choice).value
        if what != NEW:
            why = self.needed("why", "Why does it end? A few words are enough.")
            return await self.link.act("counsel.end", CounselEnd(what, why), Done)
        paper = sha256_of(self.text("paper"))
        bases = self.query_one("#bases", Picks).selected
        if not bases:
            raise Missing("bases", "For requests on which basis? Tick at least one with Space.")
        until = self.needed("until", "Until when? A determination has a last day.")
        try:
            last_day = typed_day(until, time.time_ns())
        except BadRequest as error:
            raise Missing("until", error.sentence, error.next_step) from None
        picked = self.query_one("#cameras", Picks).selected
        if not picked:
            raise Missing("cameras", "Which cameras? Tick them with Space, or any camera.")
        agency = self.text("agency")
        asked = CounselRecord(
            paper, bases, last_day, None if ANY_CAMERA in picked else picked, [agency] if agency else []
        )
        return await self.link.act("counsel.record", asked, Done)


def _named(field: Field, name: str) -> Field:
    field.id = name
    return field
