"""The quarterly report on request: for the seats, who hand it to the Board. Counted first, then written down, then handed out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from holdshelf_core.api.paper_report import ReportPaper
from holdshelf_core.api.paper_types import PrintRequest
from holdshelf_core.policy.case import Scope

if TYPE_CHECKING:
    from holdshelf_core.gate import Call

PAPER = "report"
_QUARTER = re.compile(r"\d{4}-?Q[1-4]|now|last", re.ASCII | re.IGNORECASE)


def quarter_fact(typed: str) -> str:
    """What the entry says of the quarter that was asked for: as it was typed where that is one, else nothing (P21)."""
    word = typed.strip()
    return word if _QUARTER.fullmatch(word) else ""


async def async_report(call: Call[PrintRequest]) -> ReportPaper | None:
    """The report that is asked for, its entry written; None: another paper is. Raises Refused, BadRequest, Unavailable."""
    if call.request.paper != PAPER:
        return None
    seen = call.gate.decide(call.caller, "report.see", Scope())
    if not seen.allowed:
        call.refuse(seen.clause, seen.sentence, seen.who_can_help)
    reports = call.holdshelf.reports
    quarter = reports.quarter(call.request.quarter)
    report = await reports.async_get(quarter)
    # Counting takes a while: the right is asked for once more, and what changes goes into the order of acts.
    async with call.gate.order:
        again = call.gate.decide(call.caller, "report.see", Scope())
        if not again.allowed:
            call.refuse(again.clause, again.sentence, again.who_can_help)
        await call.record(reports.seen_by(quarter.key, call.caller.person), facts={"quarter": quarter.key})
    return report
