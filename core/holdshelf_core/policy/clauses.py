"""The clauses of the policy, P1 to P21, each as one sentence in Holdshelf's own words: quoted by refusals.

The library's adopted text is separate: it is printed from the adopted file, never from here. Legal questions are settings of the
Board and its counsel; no sentence here claims that something complies with a law.
"""

from __future__ import annotations

import re
import unicodedata

import msgspec


class Clause(msgspec.Struct, frozen=True):
    """``id`` P1…P21, ``title`` a few words, ``sentence`` for refusals to quote, ``kept`` what enforces, records or attests it."""

    id: str
    title: str
    sentence: str
    kept: str


CLAUSES: dict[str, Clause] = {
    clause.id: clause
    for clause in (
        Clause(
            "P1",
            "purpose",
            "Cameras serve safety and the record of violations, never watching people in general.",
            'A look and a share name a purpose from the policy\'s list; "general monitoring" is not on it.',
        ),
        Clause(
            "P2",
            "privacy",
            "A look shows as few cameras and minutes as it needs, and nobody is searched for by face.",
            "A look covers one time of the cameras it names; pictures are counted; nobody may search by face or plate.",
        ),
        Clause(
            "P3",
            "signs",
            "A sign hangs at every entrance before any camera is used.",
            "A camera can be used once the sign at every entrance is attested or waived; the checklist asks again.",
        ),
        Clause(
            "P4",
            "permitted places",
            "A camera stands in one of the places that the policy lists, and a person approves it.",
            "A camera needs a kind of place from the list; somebody approves its reference still; moves and removals are logged.",
        ),
        Clause(
            "P5",
            "private places",
            "No camera records where people may expect to be private, whoever asks.",
            "A camera in a private place is refused when it is added or moved there, whoever asks.",
        ),
        Clause(
            "P6",
            "reading, viewing, listening",
            "What somebody reads, views or listens to is masked and never looked for.",
            "Masks drawn at commissioning are burned into every picture and, by default, into released copies.",
        ),
        Clause(
            "P7",
            "no audio",
            "Sound is never recorded.",
            "Sound is never set up; each file is checked for audio tracks when it is closed.",
        ),
        Clause(
            "P8",
            "exteriors",
            "A camera outdoors may see beyond library property, and is marked as one that does.",
            "A camera outdoors is marked at commissioning, which asks about it; the checklist asks about neighbors' windows.",
        ),
        Clause(
            "P9",
            "not constantly monitored",
            "Live pictures end automatically; nobody watches them without a break.",
            "Live pictures end after the Board's minutes unless confirmed; the report counts live minutes by person.",
        ),
        Clause(
            "P10",
            "own precautions",
            "Cameras do not replace anyone's own precautions, and no text says that someone is always watching.",
            "An adopted text that promises constant watching is warned about; gaps are shown everywhere with their reason.",
        ),
        Clause(
            "P11",
            "who may access",
            "Video is for those whom the policy names, and whom they appoint in writing.",
            "Only seats in office and those whom their letters name come in; each act and each picture asks again.",
        ),
        Clause(
            "P12",
            "legitimate purpose",
            "Nobody looks without a purpose from the policy's list.",
            "No look without a purpose; widening takes a confirm; wandering is flagged for the quarterly spot check.",
        ),
        Clause(
            "P13",
            "third parties",
            "Video is released on what the policy names, and within what that covers.",
            "A hashed paper and its scope where one is asked for, an answer about others in it, a second person where the "
            "policy has one; refusals are kept and counted.",
        ),
        Clause(
            "P14",
            "sharing",
            "What is shared is one span of one camera, to view, for a purpose, until it expires.",
            "A share is one span of one camera, to view, by name, until it expires; a "
            "printed still is numbered and must be returned.",
        ),
        Clause(
            "P15",
            "kept by capacity",
            "Footage is erased oldest first, never by hand.",
            "When space is needed, the oldest footage of all cameras is erased; the "
            "ledger says what was erased; nobody erases by hand.",
        ),
        Clause(
            "P16",
            "kept longer",
            "Footage on hold is not erased until the hold is lifted.",
            "Footage on hold is not erased; a lift has a grace period, and a second person where the policy has one; an overdue "
            "review is a repair.",
        ),
        Clause(
            "P17",
            "a copy for anyone",
            "Anyone gets a copy of the policy, and nobody is asked who they are.",
            "`holdshelf print policy` prints the text for anyone; copies are counted, askers are not.",
        ),
        Clause(
            "P18",
            "on the website",
            "The text on the website is the text that was adopted.",
            "`holdshelf policy check` compares what is posted with what was adopted; the day of the last check is shown.",
        ),
        Clause(
            "P19",
            "questions",
            "Questions about the policy go to whom its papers name.",
            "Whom to ask is printed on the policy, the sign and every paper; `holdshelf board show` shows it.",
        ),
        Clause(
            "P20",
            "disclaimer",
            "The policy's disclaimer is printed exactly as adopted.",
            "The adopted text is printed as its SHA-256 says, and stands on the release form.",
        ),
        Clause(
            "P21",
            "confidential",
            "Recordings and the records about them are confidential, and names stay out of them.",
            "Files are the service's alone, names are private texts of the log, patrons' names in free text are warned about.",
        ),
    )
}

# "24/7", "around the clock": P10 excludes these from every text about the cameras.
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
"""Capitalized words that are not a person's name."""


def watching_promise(text: str) -> str | None:
    """Return the words in a text that promise constant monitoring ("monitored 24/7"), or None (P10). A denial is not a
    promise."""
    for sentence in re.split(r"(?<=[.!?])\s+|\n{2,}", unicodedata.normalize("NFKC", text)):
        watched, monitored = _WATCHED.search(sentence), _MONITORED.search(sentence)
        if watched and monitored and not _DENIED.search(sentence):
            start, end = min(watched.start(), monitored.start()), max(watched.end(), monitored.end())
            return " ".join(sentence[start:end].split())
    return None


def name_warning(text: str) -> str | None:
    """Return words in free text that look like a person's name, or None: patrons' names stay out of records (P21). A
    heuristic: it only warns, and can miss a name."""
    for match in _NAMED.finditer(text):
        if not all(_NO_NAME.fullmatch(part.strip(".")) for part in re.split(r"[ -]", match[0])):
            return match[0]
    return None
