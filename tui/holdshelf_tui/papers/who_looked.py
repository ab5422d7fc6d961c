"""`print who`, `log who`: who saw a camera's pictures or took some of them, as the access log tells it; and the same as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from holdshelf_core.api.errors import BadRequest
from holdshelf_core.reports.case_types import LookedPaper, LookedRow
from holdshelf_core.reports.types import PaperFacts
from holdshelf_tui.papers import frame
from holdshelf_tui.papers.document import Block, Document, Heading, Mono, Para, Table
from holdshelf_tui.papers.text import clean
from holdshelf_tui.text.looked import NOT_COUNTED, SECTIONS, left_out_words, proof_words

_COLUMNS: tuple[tuple[str, str], ...] = (
    ("Entry", "seq"),
    ("Written", "at"),
    ("Who", "who"),
    ("As", "role"),
    ("What", "section"),
    ("Outcome", "outcome"),
    ("Cameras", "cameras"),
    ("Footage from", "start"),
    ("Footage to", "end"),
    ("Purpose", "purpose"),
    ("Incident", "incident"),
    ("What came of it", "came_of"),
    ("In a sentence", "sentence"),
)
"""(title, field) of each column; the first two are how the outbox knows such a table (``outbox.names``)."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_MOST_LETTERS = 900


def _looked(facts: PaperFacts) -> LookedPaper:
    if facts.looked is None:
        raise BadRequest("Who looked at what, and when?", "Ask it: `holdshelf log who --camera CAMERA --day DAY`.")
    return facts.looked


def looked_document(facts: PaperFacts) -> Document:
    """The answer, section by section. Raises BadRequest without one."""
    looked = _looked(facts)
    blocks: list[Block] = [Para(f"{clean(looked.question, 300)}.", "lead")]
    if not looked.rows:
        blocks.append(Para(f"Nobody, as far as the access log tells in its {looked.entries} entries."))
    for section, title in SECTIONS.items():
        if rows := [row for row in looked.rows if row.section == section]:
            people = {row.who for row in rows}
            who = "1 person" if len(people) == 1 else f"{len(people)} people"
            blocks += [
                Heading(f"{title}: {who}", 2),
                Table(("Entry", "Written", "What"), _cells(rows), shares=(8, 22, 70)),
            ]
    blocks += [
        Heading("How complete this is", 2),
        Para(f"Asked of all {looked.entries} entries of the access log; {left_out_words(looked)}. {NOT_COUNTED}"),
    ]
    if proof := proof_words(looked):
        blocks += [Para("A copy of these entries, and of those between them, that anybody can check:"), Mono([proof])]
    return frame.document(facts, "Who looked", blocks, confidential=not looked.public)


def _cells(rows: Sequence[LookedRow]) -> list[tuple[str, str, str]]:
    return [(str(row.seq), clean(row.at, 40), clean(row.sentence, _MOST_LETTERS)) for row in rows]


def looked_csv(facts: PaperFacts) -> str:
    """One line an entry, for a spreadsheet: UTF-8 with a mark, by which Excel knows it. Raises BadRequest without an answer."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([title for title, _ in _COLUMNS])
    for row in _looked(facts).rows:
        writer.writerow([cell(getattr(row, field)) for _, field in _COLUMNS])
    return f"\ufeff{out.getvalue()}"


def cell(value: object) -> str:
    """As text that no spreadsheet takes for a formula."""
    text = clean(str(value), _MOST_LETTERS)
    return f"'{text}" if text.startswith(_FORMULA) else text
