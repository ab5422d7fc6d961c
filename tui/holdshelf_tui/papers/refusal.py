"""`print refusal` (P13): what an asker takes along instead of footage: what we need, and that it can wait on hold until then.

Says nothing about whether the asker is right, names nobody, and promises no release. The legal words are the Board's.
"""

from __future__ import annotations

import re

from holdshelf_core.reports.types import PaperFacts, RefusalPaper
from holdshelf_tui.papers import frame, text
from holdshelf_tui.papers.catalogs import ENGLISH, Words, noted, words_of
from holdshelf_tui.papers.days import length_words
from holdshelf_tui.papers.document import Block, Document, Facts, Field, Fields, Heading, Item, Keep, Para
from holdshelf_tui.papers.text import clean


def refusal_document(facts: PaperFacts) -> Document:
    """The sheet, one page."""
    sheet, say = facts.refusal, words_of(facts)
    if facts.without_paper:
        of_any = say("What we need: one of these, and the cameras and times")
    else:
        of_any = say("What we need: one of these papers, and the cameras and times it names")
    return frame.document(
        facts,
        say("Release of camera recordings: what we need from you"),
        [
            *(_one(sheet, say) if sheet.release else [_any(facts, say)]),
            Heading(say("What we need") if sheet.release else of_any, 2),
            *(Item(clean(_need(need, facts, say), 300), box=False) for need in sheet.needs),
            *_after(facts, say),
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
    if facts.without_paper and facts.release_by_two:
        lead = say(
            "The library's camera recordings are confidential. They are given out for what the library's policy names, no "
            "more than that, and only if two people approve."
        )
    elif facts.without_paper:
        lead = say(
            "The library's camera recordings are confidential. They are given out for what the library's policy names, and "
            "no more than that."
        )
    elif facts.in_danger and facts.release_by_two:
        lead = say(
            "The library's camera recordings are confidential. They are given out on a paper that the library's policy "
            "names, only what it covers, and only if two people approve. A request by word of mouth or telephone can be met only "
            "in imminent danger, and the paper follows."
        )
    elif facts.in_danger:
        lead = say(
            "The library's camera recordings are confidential. They are given out on a paper that the library's policy "
            "names, and only what it covers. A request by word of mouth or telephone can be met only in imminent danger, and the "
            "paper follows."
        )
    elif facts.release_by_two:
        lead = say(
            "The library's camera recordings are confidential. They are given out on a paper that the library's policy "
            "names, only what it covers, and only if two people approve. A request by word of mouth or telephone cannot be met."
        )
    else:
        lead = say(
            "The library's camera recordings are confidential. They are given out on a paper that the library's policy "
            "names, and only what it covers. A request by word of mouth or telephone cannot be met."
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


_COMPOSED = (
    (
        re.compile(r"another way: (?P<basis>.+), on paper and signed"),
        noted("another way: {basis}, on paper and signed"),
    ),
    (
        re.compile(r"another way: (?P<basis>.+), without a paper: (?P<needs>.+)"),
        noted("another way: {basis}, without a paper: {needs}"),
    ),
    (re.compile(r"another way: (?P<basis>.+), without a paper"), noted("another way: {basis}, without a paper")),
    (re.compile(r"(?P<basis>.+), on paper and signed: (?P<needs>.+)"), noted("{basis}, on paper and signed: {needs}")),
    (re.compile(r"(?P<basis>.+), on paper and signed"), noted("{basis}, on paper and signed")),
    (re.compile(r"(?P<basis>.+), signed by a judge"), noted("{basis}, signed by a judge")),
    (
        re.compile(r"or a determination by the library's counsel: the (?P<role>.+) asks for it"),
        noted("or a determination by the library's counsel: the {role} asks for it"),
    ),
    (re.compile(r"(?P<basis>.+), without a paper: (?P<needs>.+)"), noted("{basis}, without a paper: {needs}")),
    (re.compile(r"(?P<basis>.+), without a paper"), noted("{basis}, without a paper")),
)
"""What the service makes of the policy's own words, which may be in another language than the rest."""


def _need(need: str, facts: PaperFacts, say: Words) -> str:
    first = facts.policy.language if facts.policy is not None else ENGLISH
    if say.language == first == ENGLISH or (say.language != ENGLISH and say.has(need)):
        return say(need)
    for pattern, message in _COMPOSED:
        if (found := pattern.fullmatch(need)) is not None:
            values = {name: _said(name, words, say) for name, words in found.groupdict().items()}
            return say(message, **values)
    return say(need)


def _said(name: str, words: str, say: Words) -> str:
    if name == "needs":
        return "; ".join(say(one) for one in words.split("; "))
    if (bare := words.removeprefix("the ")) != words:
        # The service wrote "the warrant" where the policy has "a warrant".
        words = next((f"{article} {bare}" for article in ("a", "an") if say.has(f"{article} {bare}")), words)
    return say(words)


def _limits(facts: PaperFacts, say: Words) -> str:
    """How long recordings are there: by the policy's times, where it has some, and by the room."""
    least, most = (length_words(length, say) for length in (facts.keeps_at_least, facts.keeps_at_most))
    if least and most:
        return say(
            "The policy keeps recordings for at least {least} and at most {most}. Where the disk has too little room for "
            "that, the oldest are erased sooner.",
            least=least,
            most=most,
        )
    if most:
        return say(
            "Recordings are erased once they are older than {most}, and sooner when the disk needs the room.", most=most
        )
    if least:
        return say(
            "The policy keeps recordings for at least {least}, and after that until the disk needs the room. Where it has too "
            "little, the oldest are erased sooner.",
            least=least,
        )
    return say("Recordings are erased on schedule when the disk needs the room.")


def _after(facts: PaperFacts, say: Words) -> list[Block]:
    sheet = facts.refusal
    if sheet.holds:
        kept = say(
            "Until then these recordings, as far as they are there, are kept on hold ({holds}).",
            holds=clean(", ".join(sheet.holds)),
        )
    else:
        ask = say(
            "Ask us to put them on hold until your paper is here: a hold needs no paper, only the cameras, the times and a case "
            "or incident number."
        )
        kept = f"{_limits(facts, say)} {ask}"
    return [
        Para(kept),
        Para(
            say(
                "We call back to check who is asking. The library answers a paper once it is here; this sheet is not its answer."
            )
        ),
    ]
