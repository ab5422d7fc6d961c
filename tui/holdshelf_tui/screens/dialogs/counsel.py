"""Counsel's determinations (P13): which requests may go on under the statute, on counsel's paper, until which day."""

from __future__ import annotations

import time
from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult

from holdshelf_core.acts import Done
from holdshelf_core.api.errors import BadRequest
from holdshelf_core.api.types import CameraRow
from holdshelf_core.releases.types import CounselEnd, CounselRecord, CounselRow
from holdshelf_tui.screens.dialogs.form import FormDialog, Missing
from holdshelf_tui.screens.dialogs.paper import paper_field, sha256_of
from holdshelf_tui.text.time_format import day
from holdshelf_tui.text.time_span import typed_day
from holdshelf_tui.widgets.fields import Choice, FormField, Picks, TextField

ANY_CAMERA = "*"
NEW = "new"


def counsel_words(row: CounselRow, names: dict[str, str]) -> str:
    """'D-2026-0001: active investigation; Lobby; Trumbull Police; until Wed, Jun 30, 2027'."""
    cameras = "any camera" if row.cameras is None else ", ".join(names.get(one, one) for one in row.cameras)
    agencies = "; ".join(row.agencies) or "any agency"
    bases = ", ".join(basis.replace("-", " ") for basis in row.bases)
    return f"{row.id}: {bases}; {cameras}; {agencies}; until {day(row.end_utc_ns - 1)}"


class CounselDialog(FormDialog[Done]):
    """Record one, or end one that runs."""

    title_words = "Counsel's determinations"
    does = "Record it"
    doing = "Saving"

    def __init__(self, rows: Sequence[CounselRow], cameras: Sequence[CameraRow]) -> None:
        super().__init__()
        self._cameras = list(cameras)
        self._names = {camera.id: camera.name for camera in cameras}
        self._active = [row for row in rows if row.state == "active"]

    def lead(self) -> str:
        """Counsel's determinations that are in force, or that there is none."""
        if not self._active:
            return (
                "Counsel has no determination in force. A new one is flagged for "
                f"review by another of the {self.link.policy.reviewers}."
            )
        return "In force: " + " · ".join(counsel_words(row, self._names) for row in self._active)

    def fields(self) -> ComposeResult:
        """A new one's paper and reach; of one that ends, why."""
        choices = [(NEW, "record a new one, from counsel's signed paper")]
        choices += [(row.id, f"end {row.id}") for row in self._active]
        yield FormField("What", Choice(choices, NEW, id="what"))
        yield _named(paper_field("Counsel's paper"), "paper-row")
        bases = [(basis, words) for basis, words in self.link.policy.bases if basis in self.link.policy.determinable]
        yield FormField(
            "Requests on", Picks(bases, id="bases", rows=5), hint="Press Space to check one.", id="bases-row"
        )
        yield FormField("Its last day", TextField("", "e.g., 6/30/2027", id="until", most=40), id="until-row")
        cameras = [(ANY_CAMERA, "any camera"), *self._names.items()]
        yield FormField("Cameras", Picks(cameras, {ANY_CAMERA}, id="cameras", rows=4), id="cameras-row")
        yield FormField("Agency", TextField("", "blank: any agency", id="agency", most=120), id="agency-row")
        yield FormField("Why", TextField("", "why it ends", id="why", most=300), id="why-row")

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
            return await self.link.act(CounselEnd(what, why))
        paper = sha256_of(self.text("paper"))
        bases = self.query_one("#bases", Picks).selected
        if not bases:
            raise Missing("bases", "Which kinds of requests does it cover? Check at least one with Space.")
        until = self.needed("until", "Until when? A determination has a last day.")
        try:
            last_day = typed_day(until, time.time_ns())
        except BadRequest as error:
            raise Missing("until", error.sentence, error.next_step) from None
        picked = self.query_one("#cameras", Picks).selected
        if not picked:
            raise Missing("cameras", "Which cameras? Check them with Space, or any camera.")
        agency = self.text("agency")
        asked = CounselRecord(
            paper, bases, last_day, None if ANY_CAMERA in picked else picked, [agency] if agency else []
        )
        return await self.link.act(asked)


def _named(field: FormField, name: str) -> FormField:
    field.id = name
    return field
