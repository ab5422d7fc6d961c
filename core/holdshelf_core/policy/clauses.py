"""The clauses of the policy, P1 to P21, each as one sentence in Holdshelf's own words: what a refusal quotes.

The library's adopted text is another thing: it is printed from the file that was adopted, never from here. Legal points are
settings of the Board and its counsel; no sentence here claims that something complies with a law.
"""

from __future__ import annotations

import re
import unicodedata

import msgspec


class Clause(msgspec.Struct, frozen=True):
    """``id`` P1…P21, ``title`` a few words, ``sentence`` what a refusal quotes."""

    id: str
    title: str
    sentence: str


CLAUSES: dict[str, Clause] = {
    clause.id: clause
    for clause in (
        Clause("P1", "purpose", "Cameras serve safety and the record of violations, never watching people in general."),
        Clause(
            "P2", "privacy", "A look shows as few cameras and minutes as it needs, and nobody is searched for by face."
        ),
        Clause("P3", "signs", "A sign hangs at every entrance before a camera comes into use."),
        Clause(
            "P4",
            "permitted places",
            "A camera stands in one of the places that the policy lists, and a person approves it.",
        ),
        Clause("P5", "private places", "No camera records where people may expect to be private, whoever asks."),
        Clause(
            "P6",
            "reading, viewing, listening",
            "What somebody reads, views or listens to is masked and never looked for.",
        ),
        Clause("P7", "no audio", "Sound is never recorded."),
        Clause("P8", "exteriors", "A camera outdoors may see beyond library property, and is marked as one that does."),
        Clause(
            "P9", "not constantly monitored", "Live pictures end by themselves; nobody watches them without a break."
        ),
        Clause(
            "P10",
            "own precautions",
            "Cameras replace nobody's own care, and no text says that someone is always watching.",
        ),
        Clause(
            "P11",
            "who may access",
            "Video is for the Director, the Board Chair, the Mayor and whom they appoint in writing.",
        ),
        Clause("P12", "legitimate purpose", "Nobody looks without a purpose from the policy's list."),
        Clause(
            "P13",
            "third parties",
            "Video leaves on a paper that the policy names, within that paper, on two people's word.",
        ),
        Clause("P14", "sharing", "What is shared is one span of one camera, to view, for a purpose, until it expires."),
        Clause(
            "P15",
            "kept by capacity",
            "Footage is kept as long as the disk allows and erased oldest first, never by hand.",
        ),
        Clause(
            "P16",
            "kept longer",
            "Footage for an investigation, a case or a violation is held until two people lift it.",
        ),
        Clause("P17", "a copy for anyone", "Anyone gets a copy of the policy, and nobody is asked who they are."),
        Clause("P18", "on the website", "The text on the website is the text that was adopted."),
        Clause("P19", "questions", "Questions about the policy go to the Library Director."),
        Clause("P20", "disclaimer", "The policy's disclaimer is printed exactly as adopted."),
        Clause(
            "P21", "confidential", "Recordings and the records about them are confidential, and names stay out of them."
        ),
    )
}

# "24/7", "around the clock": what P10 keeps out of every text about the cameras.
_WATCHED = re.compile(
    r"(24\s*[/x×\-]\s*7|24\s*hours?|twenty[\s-]four[\s-]hours?|round[\s-]the[\s-]clock|at all times"
    r"|constant(?:ly)?|continuous(?:ly)?|always|live)",
    re.IGNORECASE,
)
_MONITORED = re.compile(r"(monitor|watch|observ|supervis|surveil)\w*", re.IGNORECASE)
_DENIED = re.compile(r"\b(not|never|no|nobody|isn't|aren't)\b", re.IGNORECASE)
_NAMED = re.compile(
    r"(?<![.!?]\s)(?<!^)\b([A-Z][a-z]+(?:[ -][A-Z](?:[a-z]+|\.))+)|\b(?:Mr|Mrs|Ms|Dr|Mx)\.? [A-Z][a-z]+"
)
_NO_NAME = re.compile(
    r"Library|Director|Board|Chair|Mayor|Town|Police|Department|State|Main|Street|Reading|"
    r"Room|Service|Desk|Community|Front|Back|East|West|North|South|Upper|Lower|Entrance|"
    r"Exit|Parking|Lot|Hall|Floor|Case|Incident|Officer|Monday|Tuesday|Wednesday|Thursday|"
    r"Friday|Saturday|Sunday|January|February|March|April|May|June|July|August|September|"
    r"October|November|December|Children|Teen|Adult|Book|Drop"
)
"""Capitalised words that are no name of a person."""


def quoted(clause: str) -> str:
    """'P16: Footage for … is held until two people lift it.'"""
    return f"{clause}: {CLAUSES[clause].sentence}"


def watching_promise(text: str) -> str | None:
    """The words in a text that promise constant monitoring ("monitored 24/7"), or None (P10). A denial is no promise."""
    for sentence in re.split(r"(?<=[.!?])\s+|\n{2,}", unicodedata.normalize("NFKC", text)):
        watched, monitored = _WATCHED.search(sentence), _MONITORED.search(sentence)
        if watched and monitored and not _DENIED.search(sentence):
            start, end = min(watched.start(), monitored.start()), max(watched.end(), monitored.end())
            return " ".join(sentence[start:end].split())
    return None


def name_warning(text: str) -> str | None:
    """The words in free text that look like a person's name, or None: patrons' names stay out of records (P21). A guess:
    it warns and never refuses, and it can miss one."""
    for match in _NAMED.finditer(text):
        if not all(_NO_NAME.fullmatch(part.strip(".")) for part in re.split(r"[ -]", match[0])):
            return match[0]
    return None
