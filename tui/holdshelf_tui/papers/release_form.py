"""`print release` (P13): one request from the question to the signatures; without a number, a form to be filled in.

Says what was asked and decided, never that a release complies with a law. The disclaimer is the adopted text's (P20).
"""

from __future__ import annotations

from holdshelf_core.reports.case_types import AuthorityPaper, GatePaper, ReleasePaper
from holdshelf_core.reports.types import PaperFacts
from holdshelf_tui.papers import frame
from holdshelf_tui.papers.catalogs import ENGLISH_WORDS, Words, noted, words_of
from holdshelf_tui.papers.days import day_words
from holdshelf_tui.papers.disclaimer import disclaimer
from holdshelf_tui.papers.document import (
    Block,
    Boxes,
    Document,
    Facts,
    Field,
    Fields,
    Heading,
    Item,
    Keep,
    Mono,
    NewPage,
    Para,
)
from holdshelf_tui.papers.hold_notice import spans_rows
from holdshelf_tui.papers.text import clean

_BASES = {
    "a search warrant": noted("search warrant, signed by a judge"),
    "a lawful subpoena": noted("subpoena"),
    "a court order": noted("court order"),
    "a request by law enforcement in an active investigation": noted(
        "request by law enforcement in an active investigation"
    ),
    "the written permission of the person who is seen": noted("written permission of the person who is seen"),
    "imminent danger; the paper follows": noted("imminent danger; the paper follows"),
}
"""By the first library's words of a basis, those beside a box of the form; another one is said as the policy has it."""
_BLANK_SPANS = 3


def release_document(facts: PaperFacts) -> Document:
    """The form. Raises Conflict where the policy's text is not the adopted one (P20)."""
    row = facts.released
    if row is None:
        return _blank(facts)
    return frame.document(
        facts,
        f"Release form {clean(row.id, 20)}",
        [
            Para(f"{clean(row.id, 20)}: {clean(row.state, 60)}.", "lead"),
            Heading("What was requested", 2),
            Facts(_asked(row)),
            Heading("On which paper", 2),
            *_paper(row.paper),
            Heading("What the gates say", 2),
            *(_gate(gate) for gate in row.gates),
            *([Para(f"Caution on record: {clean(row.caution, 600)}", "caveat")] if row.caution else []),
            Keep([Heading("What may be released", 2), Facts(_given(row))]),
            Keep([Heading("Who approved", 2), Facts(_words(row))]),
            *([Mono([clean(row.approval_sha256, 64)])] if row.approval_sha256 else []),
            *(Item(f"Refused {clean(no, 500)}") for no in row.refusals),
            *disclaimer(facts),
            Keep(_signatures(ENGLISH_WORDS)),
            Para(
                "This says what was asked and decided. It does not say that the release complies with a law.", "small"
            ),
        ],
        confidential=True,
        one_page=True,
    )


def _asked(row: ReleasePaper) -> list[tuple[str, str]]:
    return [
        ("Basis", clean(row.basis)),
        ("Case or incident", f"no. {clean(row.reference, 60)}" if row.reference else ""),
        ("Danger", clean(row.danger, 300)),
        ("On record", clean("; ".join(row.stated), 300)),
        ("Received", day_words(row.received_on, ENGLISH_WORDS) if row.received_on else ""),
        ("To be answered by", clean(row.due, 60)),
        ("More time, because", clean(row.extended_why, 300)),
        *spans_rows("Recordings of", row.asked),
    ]


def _paper(paper: AuthorityPaper | None) -> list[Block]:
    if paper is None:
        return [Para("No paper is here.")]
    return [
        Facts(
            [
                ("It is", clean(paper.kind)),
                ("Issued by", clean(paper.issuer)),
                ("Docket or case", clean(paper.docket, 60)),
                ("Agency", clean(paper.agency)),
                ("Officer", clean(paper.officer)),
                ("Judge", _judge(paper)),
                ("In force until", clean(paper.lapses, 60) or "it names no last day"),
                ("Original", "it asks for the original recording, nothing hidden" if paper.original else ""),
                *spans_rows("It names", paper.scope),
            ]
        ),
        Para("SHA-256 of its scan:"),
        Mono([clean(paper.sha256, 64)]),
    ]


def _judge(paper: AuthorityPaper) -> str:
    if paper.judge:
        return "a judge signed it"
    return "no judge signed it" if paper.judge_asked else ""


def _gate(gate: GatePaper) -> Item:
    word = "yes" if gate.passed else "NO"
    return Item(
        f"{clean(gate.who, 30)}: {word}. {clean(gate.sentence, 400)}",
        notes=[f"needed: {clean(need, 200)}" for need in gate.needs],
    )


def _given(row: ReleasePaper) -> list[tuple[str, str]]:
    rows = [("As asked", "yes")] if row.given == row.asked else spans_rows("Trimmed to", row.given)
    rows.append(
        (
            "It is",
            "the original recording, nothing hidden"
            if row.original
            else "a copy in which what the library hides is hidden",
        )
    )
    rows.append(("Others in it", clean(row.others, 500) or "not said yet"))
    rows.append(("On hold", clean(", ".join(row.holds), 200) or "nothing of it is on hold"))
    return rows


def _words(row: ReleasePaper) -> list[tuple[str, str]]:
    awaited = "waiting for a second person's approval" if row.second_person else "awaited"
    flagged = "flagged for a second person's review; SHA-256 of its scan:" if row.approval_sha256 else ""
    return [
        ("Requested by", f"{clean(row.requested_by)}, {clean(row.requested_at, 40)}"),
        ("Approved by", clean(row.approved, 300) or ("" if row.ended else awaited)),
        ("Consent awaited", clean("; ".join(f"the {role}" for role in row.awaited), 300)),
        ("Paper due", clean(row.paper_due, 60)),
        ("Ended", clean(row.ended, 400)),
        ("That paper", flagged),
    ]


def _signatures(say: Words) -> list[Block]:
    return [
        Heading(say("Signatures"), 2),
        *(
            Fields([Field(who, 18), Field(say("signature"), 16), Field(say("date"), 10)])
            for who in (say("Requested by"), say("Approved by"), say("Received by"))
        ),
        Fields([Field(say("Agency, badge"), 17), Field(say("called back on"), 12), Field(say("by"), 10)]),
    ]


def _bases(facts: PaperFacts, say: Words) -> list[str]:
    """What a release may rest on, to be ticked."""
    listed = [words for _, words in facts.bases] or list(_BASES)
    return [clean(say(_BASES.get(words, words)), 90) for words in listed]


def _blank(facts: PaperFacts) -> Document:
    """Front: whoever asks. Back: the library."""
    say = words_of(facts)
    span = Fields([Field(say("Camera or place"), 20), Field(say("from"), 13), Field(say("to"), 13)])
    if facts.without_paper and facts.release_by_two:
        lead = say(
            "Recordings are given out for what the library's policy names, no more than that, and only if two people approve. "
            "Until then, recordings can be put on hold: that needs no paper."
        )
    elif facts.without_paper:
        lead = say(
            "Recordings are given out for what the library's policy names, and no more than that. Until then, recordings can "
            "be put on hold: that needs no paper."
        )
    elif facts.release_by_two:
        lead = say(
            "Recordings are given out on a paper that the library's policy names, only what it covers, "
            "and only if two people approve. Until the paper is here, recordings can be put on hold: that needs no paper."
        )
    else:
        lead = say(
            "Recordings are given out on a paper that the library's policy names, and only what it covers. "
            "Until the paper is here, recordings can be put on hold: that needs no paper."
        )
    return frame.document(
        facts,
        say("Request for camera recordings"),
        [
            Para(lead),
            Heading(say("Who asks"), 2),
            Fields([Field(say("Name"), 34), Field(say("badge no."), 16)]),
            Fields([Field(say("Agency"), 32), Field(say("call back at"), 15)]),
            Fields([Field(say("Case or docket no. (no names)"), 22), Field(say("date"), 14)]),
            Heading(say("On the basis of"), 2),
            Boxes([(words, False) for words in _bases(facts, say)]),
            Heading(say("Which recordings"), 2),
            *[span] * _BLANK_SPANS,
            Boxes([(say("please put them on hold now"), False)]),
            *disclaimer(facts),
            Fields([Field(say("Signature"), 34), Field(say("time"), 16)]),
            *frame.binding(facts),
            NewPage(),
            Heading(say("For the library"), 2),
            Fields([Field(say("Request no. R-"), 10), Field(say("hold no. H-"), 10), Field(say("called back by"), 10)]),
            Fields([Field(say("The paper is"), 22), Field(say("issued by"), 24)]),
            Fields([Field(say("Docket or case"), 20), Field(say("in force until"), 18)]),
            Boxes([(say("a judge signed it"), False), (say("it asks for the original recording"), False)]),
            Fields([Field(say("SHA-256 of its scan begins with"), 20), Field(say("entered by"), 12)]),
            Keep(_signatures(say)[:-1]),
        ],
    )
