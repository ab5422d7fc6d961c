"""A paper from the screens into an outbox or to a printer: made anew in this process, handed to the service."""

from __future__ import annotations

import asyncio

from holdshelf_core.api.paper_types import PaperFacts
from holdshelf_core.api.types_outbox import OUTBOX, PRINTER, DeliverAsk, Delivered
from holdshelf_tui import printing
from holdshelf_tui.link import Link, Who
from holdshelf_tui.papers.catalogue import Paper
from holdshelf_tui.print_words import how_to_fetch

TIMEOUT_S = 120.0


async def async_deliver(
    link: Link, paper: Paper, id: str, printer: str | None, *, page: str = "", large: bool = False
) -> Delivered:
    """As a PDF to that printer, None: to one's outbox. Raises HoldshelfError."""
    facts = await link.act("print.facts", paper.request(id), PaperFacts)
    # Setting a page takes a moment, in which keys are answered.
    made = await asyncio.to_thread(
        printing.make, paper, facts, "pdf", id=id, page=page, large=large, printer=printer is not None
    )
    to = OUTBOX if printer is None else PRINTER
    asked = DeliverAsk(made.paper, made.file_name, to, made.content, printer or "", id)
    return await link.act("print.deliver", asked, Delivered, timeout_s=TIMEOUT_S)


def delivered_words(who: Who, printer: str | None, done: Delivered) -> tuple[str, str, str]:
    """(title, sentence, what to do next) of what happened."""
    entry = f"Entry {done.seq} of the access log." if done.seq > 0 else ""
    if printer is None:
        return "In your outbox", f"It lies there as {done.where}. {entry}".strip(), how_to_fetch(who)
    return "Given to the printer", f"{done.where}. {entry}".strip(), "It comes out where that printer stands."
