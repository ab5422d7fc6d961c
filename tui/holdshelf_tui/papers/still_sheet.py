"""`print still` (P14): one picture on paper for somebody who has no key. View only, numbered, to be given back on a day."""

from __future__ import annotations

from holdshelf_core.api.errors import BadRequest
from holdshelf_core.reports.types import PaperFacts
from holdshelf_tui.papers import frame
from holdshelf_tui.papers.document import Document, Facts, Field, Fields, Item, Keep, Para, Picture
from holdshelf_tui.papers.text import clean


def still_document(facts: PaperFacts) -> Document:
    """The sheet, one page. Raises BadRequest without a picture."""
    still = facts.still
    if still is None or not still.jpeg:
        raise BadRequest("A still is printed from an open look.", "See `holdshelf print still --help`.")
    what = f"{clean(still.camera)}, {clean(still.shown_at, 40)}"
    return frame.document(
        facts,
        f"Still picture, copy {still.copy}",
        [
            Para(f"View only. Return by {clean(still.return_on, 60)}.", "lead"),
            Picture(still.jpeg, what),
            Facts(
                [
                    ("Purpose", clean(still.purpose, 300)),
                    ("Given to", clean(still.given_to)),
                    ("Given by", f"{clean(still.by)}, {clean(still.made_at, 40)}"),
                    ("Copy", f"no. {still.copy}, registered as {clean(still.share, 20)}"),
                    ("In the access log", f"entry {still.log_seq}" if still.log_seq else ""),
                ]
            ),
            Item("It is for that purpose only. Do not copy, photograph, post or pass it on."),
            Item("What is masked stays masked. Do not write names on it."),
            Keep(
                [
                    Fields([Field("Received by", 30), Field("date", 14)]),
                    Fields([Field("Returned on", 30), Field("to", 14)]),
                ]
            ),
        ],
        confidential=True,
        one_page=True,
    )
