"""`print destroyed`: what was destroyed in a quarter, when, and by which rule; and the same as CSV."""

from __future__ import annotations

import csv
import io
from datetime import date

from holdshelf_core.api.errors import BadRequest
from holdshelf_core.policy.date_forms import date_form
from holdshelf_core.policy.listing import listed
from holdshelf_core.reports.report_types import DestroyedPaper
from holdshelf_core.reports.types import PaperFacts
from holdshelf_tui.papers import frame
from holdshelf_tui.papers.document import Block, Document, Field, Fields, Heading, Keep, Para, Table
from holdshelf_tui.papers.text import clean
from holdshelf_tui.papers.who_looked import cell

_COLUMNS = ("month", "camera", "name", "rule", "footage_from", "footage_to", "erased_from", "erased_to", "files")


def _destroyed(facts: PaperFacts) -> DestroyedPaper:
    if facts.destroyed is None:
        raise BadRequest("Of which quarter?", "`holdshelf print destroyed 2026-Q4`, or `now`.")
    return facts.destroyed


def destroyed_document(facts: PaperFacts) -> Document:
    """A table for each month. Raises BadRequest without the facts."""
    record = _destroyed(facts)
    so_far = ", so far" if record.so_far else ""
    blocks: list[Block] = [
        Para(f"Video recordings destroyed from {_day(record.first_day)} to {_day(record.last_day)}{so_far}.", "lead")
    ]
    kept = f"The policy in force keeps them {listed(record.keeping)}. " if record.keeping else ""
    blocks.append(
        Para(
            f"{kept}The oldest is destroyed first, over all cameras, and nobody picks it. What is on hold is not destroyed."
        )
    )
    for month in dict.fromkeys(row.month for row in record.rows):
        rows = [row for row in record.rows if row.month == month]
        cells = [
            (
                clean(row.name, 60),
                _span(row.footage_from, row.footage_to),
                _span(row.erased_from, row.erased_to),
                clean(row.rule, 140),
                f"{row.files:,}",
            )
            for row in rows
        ]
        blocks += [
            Heading(f"{date.fromisoformat(f'{month}-01'):%B %Y}", 2),
            Table(("Camera", "Recorded", "Destroyed", "Rule", "Files"), cells, shares=(24, 24, 24, 18, 10)),
        ]
    if not record.rows:
        blocks.append(Para("Nothing was destroyed."))
    blocks.append(Keep([Fields([Field("Records officer (signature)", 30), Field("date", 14)])]))
    return frame.document(facts, "Record of destruction", blocks)


def _day(day: str) -> str:
    return date_form().day(date.fromisoformat(day), long=True)


def _span(first: str, last: str) -> str:
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    if start == end:
        return date_form().day(start)
    return f"{date_form().day(start, year=start.year != end.year)} to {date_form().day(end)}"


def destroyed_csv(facts: PaperFacts) -> str:
    """A line for each month, camera and rule: UTF-8 with a mark, by which Excel knows it. Raises BadRequest without the facts."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([name.replace("_", " ").capitalize() for name in _COLUMNS])
    for row in _destroyed(facts).rows:
        writer.writerow([cell(getattr(row, name)) for name in _COLUMNS])
    return f"\ufeff{out.getvalue()}"
