"""`print refusal` (P13): what an asker takes along instead of footage: what we need, and that it can wait on hold until then.

Says nothing about whether the asker is right, names nobody, and promises no release. The legal words are the Board's.
"""

from __future__ import annotations

from holdshelf_core.api.paper_types import PaperFacts, RefusalPaper
from holdshelf_tui.papers import frame, text
from holdshelf_tui.papers.document import Block, Document, Facts, Field, Fields, Heading, Item, Keep, Para
from holdshelf_tui.papers.text import clean


def refusal_document(facts: PaperFacts) -> Document:
    """The sheet, one page."""
    sheet = facts.refusal
    needs = "What we need" if sheet.release else "What we need: one of these papers, and the cameras and times it names"
    return frame.document(
        facts,
        "Release of camera recordings: what we need from you",
        [
            *(_one(sheet) if sheet.release else _any()),
            Heading(needs, 2),
            *(Item(clean(need, 300), box=False) for need in sheet.needs),
            *_after(sheet),
            Keep(
                [
                    Fields([Field("handed to", 30), Field("date", 14)]),
                    Fields([Field("number to call back", 30), Field("by", 14)]),
                ]
            ),
        ],
        one_page=True,
    )


def refusal_paper(facts: PaperFacts) -> str:
    """The sheet in 80 columns, one page."""
    return text.render(refusal_document(facts))


def _any() -> list[Block]:
    return [
        Para(
            "The library's camera recordings are confidential. They are given out on a paper that the library's policy "
            "names, within that paper, on the word of two people. A request by word of mouth or telephone cannot be met."
        )
    ]


def _one(sheet: RefusalPaper) -> list[Block]:
    number = f", no. {clean(sheet.reference, 60)}" if sheet.reference else ""
    blocks: list[Block] = [
        Para(f"Request {clean(sheet.release, 20)}{number}", "lead"),
        Facts(
            [
                ("Asked for on", clean(sheet.basis_words)),
                *(("" if at else "Recordings of", clean(span, 200)) for at, span in enumerate(sheet.spans)),
            ]
        ),
    ]
    if sheet.sentence:
        blocks += [
            Para(f"On {clean(sheet.refused_on, 40)} this could not be released:"),
            Para(clean(sheet.sentence, 600), "quote"),
        ]
    return blocks


def _after(sheet: RefusalPaper) -> list[Block]:
    if sheet.holds:
        kept = f"Until then these recordings, as far as they are there, are kept on hold ({clean(', '.join(sheet.holds))})."
    else:
        kept = (
            "Recordings are erased on schedule when the disk needs the room. Ask us to put them on hold until your paper is "
            "here: a hold needs no paper, only the cameras, the times and a case or incident number."
        )
    return [
        Para(kept),
        Para("We call back to make sure of who asks. A paper in hand is answered by the library, not by this sheet."),
    ]
