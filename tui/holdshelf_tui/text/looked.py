"""Who looked, in words: the question, the answer's rows, and how to prove them. For commands, the screen and the paper."""

from __future__ import annotations

from collections.abc import Mapping

from holdshelf_core.access_log.types import LogEntryRow, LogRows, LogShow
from holdshelf_core.policy.listing import listed
from holdshelf_core.reports.case_types import LookedPaper, LookedRow
from holdshelf_tui.text.log import Names, at, refused, role_words, sentence, who_words
from holdshelf_tui.text.time_format import DAY_NS, date_words, local, moment, when
from holdshelf_tui.text.words import counted, inert

SECTIONS: Mapping[str, str] = {
    "pictures": "Saw pictures",
    "copies": "Took, printed or gave away",
    "refused": "Tried, and was refused",
    "movement": "Saw when something moved, without a picture",
}
"""What an entry tells, in the order in which it is read."""
NOT_COUNTED = (
    "Opening a list, a paper or this log is not a look, nor is an open screen that refreshes itself. What root of the "
    "server copies off its disks is not in the log."
)


def question_words(asked: LogShow, camera: str, person: str) -> str:
    """'Front entrance, on Nov 27, 2026, by Dora Reed, no. 26-1234'. ``camera``, ``person``: names, '' for any."""
    parts = [camera or "all cameras", _time_words(asked.since_utc_ns, asked.until_utc_ns)]
    parts += [f"by {person}" if person else "", f"no. {asked.incident}" if asked.incident else ""]
    return inert(", ".join(part for part in parts if part), 300)


def _time_words(since_utc_ns: int | None, until_utc_ns: int | None) -> str:
    if since_utc_ns is None and until_utc_ns is None:
        return "at any time"
    if since_utc_ns is None:
        return f"until {when(until_utc_ns)}"
    if until_utc_ns is None:
        return f"since {when(since_utc_ns)}"
    first, last = moment(since_utc_ns), moment(until_utc_ns - 1)
    begins_a_day = moment(since_utc_ns - 1).date() != first.date() and moment(until_utc_ns).date() != last.date()
    if begins_a_day and first.date() == last.date():
        return f"on {date_words(since_utc_ns)}"
    if begins_a_day and until_utc_ns - since_utc_ns > DAY_NS:
        return f"from {date_words(since_utc_ns)} to {date_words(until_utc_ns - 1)}"
    return f"from {when(since_utc_ns)} to {when(until_utc_ns)}"


def section_of(row: LogEntryRow) -> str:
    """Under which of SECTIONS it is read."""
    return "refused" if refused(row) else row.shows or "pictures"


def answer_words(answer: LogRows) -> str:
    """'Nobody.' or '2 people: 5 entries of 120.'"""
    if not answer.entries:
        return "Nobody, as far as the log tells."
    people = {str(row.entry.get("person", "")) for row in answer.entries}
    who = "1 person" if len(people) == 1 else f"{len(people)} people"
    return f"{who}, {counted(len(answer.entries), 'entry', 'entries')}; {left_out_words(answer)}"


def left_out_words(answer: LogRows | LookedPaper) -> str:
    """'that is all of it', or how much is missing."""
    return f"{answer.left_out} older ones are left out" if answer.left_out else "that is all of it"


def proof_words(rows: LookedPaper) -> str:
    """The command for a copy that anybody can check, '' for no entries."""
    if not rows.rows:
        return ""
    return f"log export --public --first {rows.rows[0].seq} --last {rows.rows[-1].seq}"


def looked_paper(answer: LogRows, question: str, *, public: bool) -> LookedPaper:
    """The answer as it is printed, exported and shown."""
    names = Names.in_answer(answer)
    rows = tuple(_row(row, names) for row in answer.entries)
    return LookedPaper(question, rows, answer.size, answer.left_out, public)


def _row(row: LogEntryRow, names: Names) -> LookedRow:
    purpose = str(row.entry.get("purpose", ""))
    return LookedRow(
        seq=row.seq,
        section=section_of(row),
        at=local(at(row)),
        who=who_words(row, names),
        role=role_words(row, names),
        outcome=str(row.entry.get("outcome", "")),
        cameras=listed([names[camera] for camera in row.cameras]),
        start=local(row.start_utc_ns) if row.start_utc_ns is not None else "",
        end=local(row.end_utc_ns) if row.end_utc_ns is not None else "",
        purpose=names.purposes.get(purpose, purpose),
        incident=row.incident,
        came_of=row.came_of,
        sentence=sentence(row, names),
    )
