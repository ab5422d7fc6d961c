"""`print requests`: the register of requests for footage in a quarter, as a Board and a court ask for it; and the same as CSV.

It names nobody: only what kind of asker the policy knows (P17). Why somebody was given no footage is on the sheet for them.
"""

from __future__ import annotations

import csv
import io

from holdshelf_core.api.errors import BadRequest
from holdshelf_core.reports.report_types import RequestRow, RequestsPaper
from holdshelf_core.reports.types import PaperFacts
from holdshelf_tui.papers import frame
from holdshelf_tui.papers.catalogs import Words, noted, words_of
from holdshelf_tui.papers.days import day_words
from holdshelf_tui.papers.document import Block, Document, Field, Fields, Keep, Para, Table
from holdshelf_tui.papers.text import clean
from holdshelf_tui.papers.who_looked import cell

_ASKERS = {
    "anyone": noted("a member of the public"),
    "person-seen": noted("a person who is seen"),
    "law-enforcement": noted("law enforcement"),
    "court": noted("a court"),
    "emergency-services": noted("emergency services"),
    "lawyer": noted("a lawyer"),
    "insurer": noted("an insurer"),
    "staff": noted("the library's staff"),
    "own": noted("the library itself"),
}
_STATES = {
    "stopped": noted("open: a gate refused it"),
    "requested": noted("open: waiting for approval"),
    "approved": noted("open: approved"),
    "exported": noted("given out"),
    "refused": noted("refused"),
    "withdrawn": noted("withdrawn"),
    "cancelled": noted("canceled: its requester lost the right to ask"),
}
_UNKNOWN = noted("not known")


def _requests(facts: PaperFacts) -> RequestsPaper:
    if facts.requests is None:
        raise BadRequest("Of which quarter?", "`holdshelf print requests 2026-Q4`, or `now`.")
    return facts.requests


def requests_document(facts: PaperFacts) -> Document:
    """One table, by the day of receipt. Raises BadRequest without the facts."""
    register, say = _requests(facts), words_of(facts)
    lead = (
        say(
            "Requests for recordings from {first} to {last}, so far, and those that were still open from before.",
            first=day_words(register.first_day, say, long=True),
            last=day_words(register.last_day, say, long=True),
        )
        if register.so_far
        else say(
            "Requests for recordings from {first} to {last}, and those that were still open from before.",
            first=day_words(register.first_day, say, long=True),
            last=day_words(register.last_day, say, long=True),
        )
    )
    blocks: list[Block] = [Para(lead, "lead")]
    if register.rows:
        blocks.append(
            Para(say("Requesters are shown by kind, and nobody is named. Days are counted from the day of receipt."))
        )
        heads = (
            say("Request"),
            say("Received"),
            say("Asked by, and on what basis"),
            say("Due"),
            say("What came of it"),
        )
        rows = [
            (
                clean(row.id, 20),
                day_words(row.received_on, say),
                _asked(row, say),
                day_words(row.due_on, say) or say("no day"),
                _outcome(row, say),
                str(row.days),
            )
            for row in register.rows
        ]
        blocks.append(Table((*heads, say("Days")), rows, shares=(16, 15, 25, 15, 23, 6)))
    else:
        blocks.append(Para(say("No request was received, and none was open from before.")))
    blocks.append(Keep([Fields([Field(say("by"), 30), Field(say("date"), 14)])]))
    return frame.document(facts, say("Register of requests"), [*blocks, *frame.binding(facts)])


def _asker(row: RequestRow, say: Words) -> str:
    words = say(_ASKERS.get(row.asker, _UNKNOWN))
    return say("{asker}, identity proven", asker=words) if row.identity else words


def _asked(row: RequestRow, say: Words) -> str:
    basis = clean(say(row.basis), 120) or say(_UNKNOWN)
    if row.clause:
        basis = say("{basis} (clause {clause})", basis=basis, clause=clean(row.clause, 20))
    return f"{_asker(row, say)}; {basis}"


def _outcome(row: RequestRow, say: Words) -> str:
    words = say(_STATES.get(row.state, _UNKNOWN))
    parts = [f"{words} {day_words(row.ended_on, say)}" if row.ended_on else words]
    if row.late:
        parts.append(say("LATE") if row.ended_on else say("OVERDUE"))
    elif row.due_on and row.ended_on:
        parts.append(say("in time"))
    if row.extended_why:
        parts.append(say("extended once: {why}", why=clean(row.extended_why, 300)))
    return "; ".join(parts)


def requests_csv(facts: PaperFacts) -> str:
    """A line for each request, days as 2026-11-24, which every program sorts: UTF-8 with a mark, by which Excel knows it.

    Raises BadRequest without the facts.
    """
    register, say = _requests(facts), words_of(facts)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(
        [
            say("Request"),
            say("Received"),
            say("Asked by"),
            say("Basis"),
            say("Clause"),
            say("Due"),
            say("Extended"),
            say("What came of it"),
            say("On"),
            say("Days"),
            say("Late"),
        ]
    )
    for row in register.rows:
        said = (
            row.id,
            row.received_on,
            _asker(row, say),
            say(row.basis),
            row.clause,
            row.due_on,
            row.extended_why,
            say(_STATES.get(row.state, _UNKNOWN)),
            row.ended_on,
            row.days,
            say("yes") if row.late else say("no"),
        )
        writer.writerow([cell(value) for value in said])
    return f"\ufeff{out.getvalue()}"
