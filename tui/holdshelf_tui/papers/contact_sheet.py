"""`print sheet`: up to 24 pictures of one hold or release on one sheet, for the library's own file (P21)."""

from __future__ import annotations

from holdshelf_core.api.errors import BadRequest
from holdshelf_core.reports.types import PaperFacts
from holdshelf_tui.papers import frame
from holdshelf_tui.papers.document import Block, Document, Facts, Item, Picture, Pictures
from holdshelf_tui.papers.hold_notice import spans_rows
from holdshelf_tui.papers.text import clean


def _columns(pictures: int) -> int:
    """Of a page on which all of them stand, also those that are nearly as high as wide."""
    return 3 if pictures <= 6 else 4 if pictures <= 8 else 5 if pictures <= 15 else 6


def sheet_document(facts: PaperFacts) -> Document:
    """The sheet. Raises BadRequest without a picture."""
    sheet = facts.sheet
    if sheet is None or not sheet.pictures:
        raise BadRequest("A contact sheet has pictures of an open look.", "See `holdshelf print sheet --help`.")
    blocks: list[Block] = [
        Facts(
            [
                ("Of", f"{clean(sheet.what, 20)} {clean(sheet.id, 20)}"),
                ("Case or incident", f"no. {clean(sheet.reference, 60)}" if sheet.reference else ""),
                *spans_rows("Recordings of", sheet.spans),
                ("Others in it", clean(sheet.others, 400)),
                ("Printed by", f"{clean(sheet.by)}, {clean(sheet.made_at, 40)}"),
                ("In the access log", f"entry {sheet.log_seq}" if sheet.log_seq else ""),
            ]
        ),
        Pictures([Picture(one.jpeg, clean(one.words, 120)) for one in sheet.pictures], _columns(len(sheet.pictures))),
        *(Item(clean(words, 300)) for words in sheet.missing),
        Item(
            "For the library's own file. Police, courts and others get a released bundle; staff get a numbered still."
        ),
        Item("What is masked stays masked. Do not write names on it."),
    ]
    return frame.document(facts, f"Contact sheet of {clean(sheet.id, 20)}", blocks, confidential=True, dense=True)
