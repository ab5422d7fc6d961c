"""A paper from the screens into an outbox or to a printer: made anew in this process, handed to the service."""

from __future__ import annotations

import asyncio

import msgspec

from holdshelf_core.outbox.types import OUTBOX, PRINTER, DeliverAsk, Delivered
from holdshelf_core.reports.types import PaperFacts
from holdshelf_tui.papers import printing
from holdshelf_tui.papers.catalogue import Format, Paper
from holdshelf_tui.session.link import Link, Who
from holdshelf_tui.text.prints import how_to_fetch


async def async_deliver(
    link: Link,
    paper: Paper,
    id: str,
    printer: str | None,
    *,
    page: str = "",
    large: bool = False,
    form: Format = "pdf",
    given: PaperFacts | None = None,
    language: str = "",
) -> Delivered:
    """As a PDF to that printer, None: to one's outbox. ``given``: what stands on it, where only the asker has it (who looked).

    ``language`` '': the policy's own. Raises HoldshelfError.
    """
    facts = await link.act(paper.request(id))
    if given is not None:
        facts = msgspec.structs.replace(facts, looked=given.looked)
    if language:
        facts = msgspec.structs.replace(facts, language=language)
    return await async_put(link, paper, facts, printer, id=id, page=page, large=large, form=form)


async def async_put(
    link: Link,
    paper: Paper,
    facts: PaperFacts,
    printer: str | None,
    *,
    id: str,
    page: str = "",
    large: bool = False,
    form: Format = "pdf",
) -> Delivered:
    """Make it of these facts, and put it there. Raises HoldshelfError."""
    # Setting a page takes a moment, in which keys are answered.
    made = await asyncio.to_thread(
        printing.make, paper, facts, form, id=id, page=page, large=large, printer=printer is not None
    )
    to = OUTBOX if printer is None else PRINTER
    asked = DeliverAsk(made.paper, made.file_name, to, made.content, printer or "", id)
    return await link.act(asked)


def delivered_words(who: Who, printer: str | None, done: Delivered) -> tuple[str, str, str]:
    """(title, sentence, what to do next) of what happened."""
    entry = f"Entry {done.seq} of the access log." if done.seq > 0 else ""
    if printer is None:
        return "In your outbox", f"It is there as {done.where}. {entry}".strip(), how_to_fetch(who.reached)
    return "Sent to the printer", f"{done.where}. {entry}".strip(), "Pick it up at that printer."
