"""A still on paper for somebody who has no key (P14): to whom, for which purpose, until when it is back, and where it is printed.

The picture comes through the open look once more and is written down; then the sheet is registered under its number, and made.
"""

from __future__ import annotations

import asyncio

import msgspec
from textual.app import ComposeResult

from holdshelf_core.api.paper_types import PaperFacts, PrintRequest
from holdshelf_core.api.types_looks import PictureRow, StillAsk
from holdshelf_core.api.types_outbox import OUTBOX, PRINTER, DeliverAsk, Delivered, Printers
from holdshelf_core.api.types_people import Done, ShareMake
from holdshelf_tui import printing
from holdshelf_tui.paper_delivery import TIMEOUT_S, delivered_words
from holdshelf_tui.papers.catalogue import PAPERS
from holdshelf_tui.screens.dialogs.form import FormDialog, Missing
from holdshelf_tui.screens.dialogs.message import MessageDialog
from holdshelf_tui.screens.dialogs.share import PURPOSES
from holdshelf_tui.screens.pane import Pane
from holdshelf_tui.widgets.fields import Choice, Field, TextField
from holdshelf_tui.words import NS, inert, when

PICTURE_TIMEOUT_S = 60.0


class StillSheetDialog(FormDialog[tuple[str | None, Delivered]]):
    """Leaves with the printer (None: the outbox) and what came of it."""

    title_words = "A still on paper, view only"
    does = "Register and print it"
    doing = "Making the sheet"

    def __init__(self, ask: StillAsk, camera: str, printers: Printers) -> None:
        super().__init__()
        self._ask, self._camera, self._printers = ask, camera, printers

    def lead(self) -> str:
        """Of what, and what it is not for."""
        of = f"{inert(self._camera, 60)}, {when(self._ask.at_utc_ns, seconds=True)}"
        return f"{of}. It has a number, and is given back; it is not copied or handed on."

    def fields(self) -> ComposeResult:
        """To whom, why, how long, where."""
        yield Field("Given to", TextField("", "staff, for example the reference desk; no patron", id="to", most=80))
        yield Field("Purpose", Choice(PURPOSES, id="purpose", rows=6))
        yield Field("Explained", TextField("", "only for another purpose", id="other", most=200))
        yield Field("Back in", TextField("", "days; left out: as the Board set it", id="days", most=4))
        printers = sorted(self._printers.printers, key=lambda row: not row.is_default)
        places = [(f"{PRINTER}:{row.name}", f"Printer {row.name}") for row in printers]
        yield Field("Where", Choice([*places, (OUTBOX, "My outbox, to be printed on my PC")], id="where", rows=4))

    async def async_submit(self) -> tuple[str | None, Delivered]:
        """Shown, registered, printed: each written down before the next."""
        to = self.needed("to", "To whom is it given?")
        days = self.text("days")
        if days and not days.isdecimal():
            raise Missing("days", "In how many days is it back?", "Type a number, or leave it out.")
        purpose = self.query_one("#purpose", Choice).value or self.text("other")
        where = self.query_one("#where", Choice).value
        link, paper = self.link, PAPERS["still"]
        picture = await link.act("look.still", self._ask, PictureRow, timeout_s=PICTURE_TIMEOUT_S)
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
        done = await link.act("share.make", asked, Done)
        facts = await link.act("print.facts", PrintRequest("still", share=done.id), PaperFacts)
        assert facts.still is not None
        still = msgspec.structs.replace(facts.still, jpeg=picture.jpeg, log_seq=picture.log_seq)
        facts = msgspec.structs.replace(facts, still=still)
        printer = None if where == OUTBOX else where.removeprefix(f"{PRINTER}:")
        # Setting a page takes a moment, in which keys are answered.
        made = await asyncio.to_thread(printing.make, paper, facts, "pdf", id=done.id, printer=printer is not None)
        to_where = OUTBOX if printer is None else PRINTER
        deliver = DeliverAsk(made.paper, made.file_name, to_where, made.content, printer or "", done.id)
        return printer, await link.act("print.deliver", deliver, Delivered, timeout_s=TIMEOUT_S)


async def async_still_sheet(pane: Pane, ask: StillAsk, camera: str) -> None:
    """Asks for what is needed and says where the sheet is. To be awaited in a worker."""
    printers = await pane.async_do("Asking for printers", pane.link.get("/printers", Printers))
    if printers is None:
        return
    answer = await pane.app.push_screen_wait(StillSheetDialog(ask, camera, printers))
    if answer is not None:
        title, said, step = delivered_words(pane.who, *answer)
        back = "When it is given back: People, Shares, “End it”."
        await pane.app.push_screen_wait(MessageDialog(title, said, f"{step} {back}"))
