"""A contact sheet of a hold or a release: how many pictures, and where it is printed. On record before any of them is shown."""

from __future__ import annotations

import time
from collections.abc import Sequence

from textual.app import ComposeResult

from holdshelf_core.api.types import CameraRow
from holdshelf_core.holds.types import HoldRow
from holdshelf_core.looks.types import PictureRow
from holdshelf_core.outbox.types import Delivered, Printers, ReadPrinters
from holdshelf_core.releases.types import ReleaseRow
from holdshelf_core.reports.types import MAX_SHEET_PICTURES
from holdshelf_tui.papers.catalogue import PAPERS
from holdshelf_tui.papers.delivery import async_put, delivered_words
from holdshelf_tui.screens.dialogs.doing import async_do
from holdshelf_tui.screens.dialogs.form import FormDialog, Missing
from holdshelf_tui.screens.dialogs.message import MessageDialog
from holdshelf_tui.screens.dialogs.print_forms import printer_of, where_field
from holdshelf_tui.session.app import SessionApp
from holdshelf_tui.text import sheets
from holdshelf_tui.text.holds import camera_names
from holdshelf_tui.widgets.fields import Choice, FormField, TextField


class ContactSheetDialog(FormDialog[tuple[str | None, Delivered]]):
    """Leaves with the printer (None: the outbox) and what came of it."""

    title_words = "A contact sheet: its pictures on paper"
    does = "Look and print it"
    doing = "Making the sheet"

    def __init__(self, sheet: sheets.Sheet, cameras: Sequence[CameraRow], printers: Printers) -> None:
        super().__init__()
        self._sheet, self._names, self._printers = sheet, camera_names(cameras), printers

    def lead(self) -> str:
        """Of what, and whose it is."""
        return (
            f"Pictures of {self._sheet.id}, spread evenly over it, for the library's own file. It goes on record that they were "
            "shown and printed."
        )

    def fields(self) -> ComposeResult:
        """How many pictures, and which printer or the outbox."""
        yield FormField(
            "Pictures", TextField(str(sheets.FIRST_PICTURES), f"1 to {MAX_SHEET_PICTURES}", id="count", most=2)
        )
        yield where_field(self._printers)

    async def async_submit(self) -> tuple[str | None, Delivered]:
        """Written down, looked at, printed."""
        typed = self.text("count")
        if not typed.isdecimal() or not 1 <= int(typed) <= MAX_SHEET_PICTURES:
            raise Missing("count", f"A sheet has 1 to {MAX_SHEET_PICTURES} pictures.")
        asked = sheets.spread(self._sheet, int(typed))
        printer = printer_of(self.query_one("#where", Choice).value)
        facts = await self.link.act(asked.asked())
        rows: list[PictureRow] = []
        for part in asked.parts:
            look = await self.home.looks.async_open(asked.look(part))
            try:
                rows += (await self.link.act(asked.strip(look.id, part))).pictures
            finally:
                await self.home.looks.async_close(look.id)
        facts = sheets.with_pictures(facts, rows, self._names)
        return printer, await async_put(self.link, PAPERS["sheet"], facts, printer, id=asked.id)


async def async_contact_sheet(app: SessionApp, of: HoldRow | ReleaseRow, cameras: Sequence[CameraRow]) -> None:
    """Asks for what is needed and says where the sheet is. To be awaited in a worker."""
    printers = await async_do(app, "Getting the printers", app.link.read(ReadPrinters()))
    if printers is None:
        return
    policy = app.link.policy
    whole = sheets.of_hold(of, time.time_ns(), policy) if isinstance(of, HoldRow) else sheets.of_release(of, policy)
    answer = await app.push_screen_wait(ContactSheetDialog(whole, cameras, printers))
    if answer is not None:
        await app.push_screen_wait(MessageDialog(*delivered_words(app.who, *answer)))
