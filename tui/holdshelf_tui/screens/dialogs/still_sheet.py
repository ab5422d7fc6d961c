"""A still on paper for somebody who has no key (P14): to whom, for which purpose, until when it is back, and where it is printed.

The picture comes through the open look once more and is written down; then the sheet is registered under its number, and made.
"""

from __future__ import annotations

import msgspec
from textual.app import ComposeResult

from holdshelf_core.looks.types import LookStill
from holdshelf_core.outbox.types import Delivered, Printers, ReadPrinters
from holdshelf_core.people.types import ShareMake
from holdshelf_core.policy.governing import own_board
from holdshelf_core.reports.types import PrintRequest
from holdshelf_tui.papers.catalogue import PAPERS
from holdshelf_tui.papers.delivery import async_put, delivered_words
from holdshelf_tui.screens.dialogs.doing import async_do
from holdshelf_tui.screens.dialogs.form import FormDialog, Missing
from holdshelf_tui.screens.dialogs.message import MessageDialog
from holdshelf_tui.screens.dialogs.print_forms import printer_of, where_field
from holdshelf_tui.screens.dialogs.share import share_purposes
from holdshelf_tui.session.app import SessionApp
from holdshelf_tui.text.time_format import NS, when
from holdshelf_tui.text.words import inert
from holdshelf_tui.widgets.fields import Choice, FormField, TextField


class StillSheetDialog(FormDialog[tuple[str | None, Delivered]]):
    """Leaves with the printer (None: the outbox) and what came of it."""

    title_words = "A still on paper, view only"
    does = "Register and print it"
    doing = "Making the sheet"

    def __init__(self, ask: LookStill, camera: str, printers: Printers) -> None:
        super().__init__()
        self._ask, self._camera, self._printers = ask, camera, printers

    def lead(self) -> str:
        """Of what, and what it is not for."""
        of = f"{inert(self._camera, 60)}, {when(self._ask.at_utc_ns, seconds=True)}"
        return f"{of}. It has a number and must be returned. It must not be copied or passed on."

    def fields(self) -> ComposeResult:
        """To whom, why, how long, where."""
        yield FormField("Given to", TextField("", "staff, e.g., the reference desk; no patron", id="to", most=80))
        yield FormField("Purpose", Choice(share_purposes(self.link), id="purpose", rows=6))
        yield FormField("Explained", TextField("", "only for another purpose", id="other", most=200))
        yield FormField("Back in", TextField("", own_board("days; blank: as the Board set it"), id="days", most=4))
        yield where_field(self._printers)

    async def async_submit(self) -> tuple[str | None, Delivered]:
        """Shown, registered, printed: each written down before the next."""
        to = self.needed("to", "To whom is it given?")
        days = self.text("days")
        if days and not days.isdecimal():
            raise Missing("days", "In how many days must it be returned?", "Type a number, or leave it out.")
        purpose = self.query_one("#purpose", Choice).value or self.text("other")
        printer, link = printer_of(self.query_one("#where", Choice).value), self.link
        picture = await link.act(self._ask)
        start_utc_ns = picture.shown_utc_ns
        asked = ShareMake(
            picture.camera,
            start_utc_ns,
            start_utc_ns + NS,
            purpose,
            given_to=to,
            kind="sheet",
            days=int(days) if days else None,
        )
        done = await link.act(asked)
        facts = await link.act(PrintRequest("still", share=done.id))
        assert facts.still is not None
        still = msgspec.structs.replace(facts.still, jpeg=picture.jpeg, log_seq=picture.log_seq)
        facts = msgspec.structs.replace(facts, still=still)
        return printer, await async_put(link, PAPERS["still"], facts, printer, id=done.id)


async def async_still_sheet(app: SessionApp, ask: LookStill, camera: str) -> None:
    """Asks for what is needed and says where the sheet is. To be awaited in a worker."""
    printers = await async_do(app, "Getting the printers", app.link.read(ReadPrinters()))
    if printers is None:
        return
    answer = await app.push_screen_wait(StillSheetDialog(ask, camera, printers))
    if answer is not None:
        title, said, step = delivered_words(app.who, *answer)
        back = "When it is returned: People, Shares, “End it”."
        await app.push_screen_wait(MessageDialog(title, said, f"{step} {back}"))
