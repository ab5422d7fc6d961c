"""`print refusal` (P13): what an asker takes along instead of footage: what we need, and that it can wait on hold until then.

Says nothing about whether the asker is right, names nobody, and promises no release. The legal words are the Board's.
"""

from __future__ import annotations

from holdshelf_core.api.paper_types import PaperFacts, RefusalPaper
from holdshelf_tui.papers import text
from holdshelf_tui.papers.text import clean


def refusal_paper(facts: PaperFacts) -> str:
    """The sheet in 80 columns, one page."""
    sheet = facts.refusal
    return text.paper(
        [
            *text.head(facts, "Release of camera recordings: what we need from you"),
            "",
            *(_one(sheet) if sheet.release else _any()),
            "",
            "WHAT WE NEED"
            if sheet.release
            else "WHAT WE NEED: one of these papers, and the cameras and times that it names",
            "",
            *(line for need in sheet.needs for line in text.fold(clean(need, 300), first="  [ ] ", rest="      ")),
            "",
            *_after(sheet),
            "",
            *text.boxes([text.blank("handed to", 30), text.blank("date", 14)]),
            *text.boxes([text.blank("number to call back", 30), text.blank("by", 14)]),
            "",
            *text.foot(facts),
        ]
    )


def _any() -> list[str]:
    return text.fold(
        "The library's camera recordings are confidential. They are given out on a paper that the library's policy names, "
        "within that paper, on the word of two people. A request by word of mouth or telephone cannot be met."
    )


def _one(sheet: RefusalPaper) -> list[str]:
    number = f", no. {clean(sheet.reference, 60)}" if sheet.reference else ""
    lines = text.fold(f"Request {clean(sheet.release, 20)}{number}")
    if sheet.basis_words:
        lines += text.fold(clean(sheet.basis_words), first="Asked for on:  ", rest=" " * 15)
    for number_of, span in enumerate(sheet.spans):
        lines += text.fold(clean(span, 200), first="Recordings of: " if not number_of else " " * 15, rest=" " * 15)
    if sheet.sentence:
        lines += ["", *text.fold(f"On {clean(sheet.refused_on, 40)} this could not be released:")]
        lines += text.fold(clean(sheet.sentence, 600), first="  ", rest="  ")
    return lines


def _after(sheet: RefusalPaper) -> list[str]:
    if sheet.holds:
        kept = f"Until then these recordings, as far as they are there, are kept on hold ({clean(', '.join(sheet.holds))})."
    else:
        kept = (
            "Recordings are erased on schedule when the disk needs the room. Ask us to put them on hold until your paper is "
            "here: a hold needs no paper, only the cameras, the times and a case or incident number."
        )
    return [
        *text.fold(kept),
        "",
        *text.fold(
            "We call back to make sure of who asks. A paper in hand is answered by the library, not by this sheet."
        ),
    ]
