"""`print refusal` (P13): what an asker takes along instead of footage: what we need, and that it can wait on hold until then.

Says nothing about whether the asker is right, names nobody, and promises no release. The legal words are the Board's.
"""

from __future__ import annotations

import re

from holdshelf_core.reports.types import PaperFacts, RefusalPaper
from holdshelf_tui.papers import frame, text
from holdshelf_tui.papers.catalogs import ENGLISH, Words, words_of
from holdshelf_tui.papers.document import Block, Document, Facts, Field, Fields, Heading, Item, Keep, Para
from holdshelf_tui.papers.text import clean


def refusal_document(facts: PaperFacts) -> Document:
    """The sheet, one page."""
    sheet, say = facts.refusal, words_of(facts)
    of_any = say("What we need: one of these papers, and the cameras and times it names")
    return frame.document(
        facts,
        say("Release of camera recordings: what we need from you"),
        [
            *(_one(sheet, say) if sheet.release else [_any(facts, say)]),
            Heading(say("What we need") if sheet.release else of_any, 2),
            *(Item(clean(say(need), 300), box=False) for need in sheet.needs),
            *_after(sheet, say),
            Keep(
                [
                    Fields([Field(say("handed to"), 30), Field(say("date"), 14)]),
                    Fields([Field(say("number to call back"), 30), Field(say("by"), 14)]),
                ]
            ),
            *frame.binding(facts),
        ],
        one_page=True,
    )


def refusal_paper(facts: PaperFacts) -> str:
    """The sheet in 80 columns, one page."""
    return text.render(refusal_document(facts))


def _any(facts: PaperFacts, say: Words) -> Block:
    if facts.release_by_two:
        lead = say(
            "The library's camera recordings are confidential. They are given out on a paper that the library's policy "
            "names, within that paper, on the word of two people. A request by word of mouth or telephone cannot be met."
        )
    else:
        lead = say(
            "The library's camera recordings are confidential. They are given out on a paper that the library's policy "
            "names, within that paper. A request by word of mouth or telephone cannot be met."
        )
    return Para(lead)


def _one(sheet: RefusalPaper, say: Words) -> list[Block]:
    release, number = clean(sheet.release, 20), clean(sheet.reference, 60)
    lead = say("Request {release}, no. {number}", release=release, number=number)
    spans = (_span(clean(span, 200), say) for span in sheet.spans)
    blocks: list[Block] = [
        Para(lead if number else say("Request {release}", release=release), "lead"),
        Facts(
            [
                (say("Requested on"), clean(say(sheet.basis_words))),
                *(("" if at else say("Recordings of"), span) for at, span in enumerate(spans)),
            ]
        ),
    ]
    if sheet.sentence:
        when = say("On {time} this could not be released:", time=clean(sheet.refused_on, 40))
        blocks += [Para(when), Para(clean(sheet.sentence, 600), "quote", "" if say.language == ENGLISH else ENGLISH)]
        if say.language != ENGLISH:
            blocks.append(Para(say("(in English, as it is on record)"), "small"))
    return blocks


_SPAN = re.compile(r"(?P<where>.*), (?P<start>\d{4}-.*) to (?P<end>\d{4}-.*)")


def _span(span: str, say: Words) -> str:
    found = _SPAN.fullmatch(span)
    return say("{where}, {start} to {end}", **found.groupdict()) if found else span


def _after(sheet: RefusalPaper, say: Words) -> list[Block]:
    if sheet.holds:
        kept = say(
            "Until then these recordings, as far as they are there, are kept on hold ({holds}).",
            holds=clean(", ".join(sheet.holds)),
        )
    else:
        kept = say(
            "Recordings are erased on schedule when the disk needs the room. Ask us to put them on hold until your paper is "
            "here: a hold needs no paper, only the cameras, the times and a case or incident number."
        )
    return [
        Para(kept),
        Para(say("We call back to check who is asking. The library, not this sheet, answers a paper once it is here.")),
    ]
