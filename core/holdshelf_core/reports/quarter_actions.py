"""The quarterly report on request: for officials, who give it to the Board. Counted first, then logged, then returned."""

from __future__ import annotations

import re

from holdshelf_core.actions.call import Call, Reading
from holdshelf_core.actions.registry import handles
from holdshelf_core.policy.case import Scope
from holdshelf_core.reports.quarter_report import Reports
from holdshelf_core.reports.report_types import DestroyedPaper, KeptReports, ReadReports, ReportPaper, RequestsPaper
from holdshelf_core.reports.requests import requests
from holdshelf_core.reports.types import PrintRequest

REPORT, DESTROYED, REQUESTS = "report", "destroyed", "requests"
_QUARTER = re.compile(r"\d{4}-?Q[1-4]|now|last", re.ASCII | re.IGNORECASE)


def quarter_fact(typed: str) -> str:
    """Return the requested quarter for the entry: as typed if valid, otherwise nothing (P21)."""
    word = typed.strip()
    return word if _QUARTER.fullmatch(word) else ""


class QuarterActs:
    """Actions on the quarterly report."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports

    async def async_report(self, call: Call[PrintRequest]) -> ReportPaper | DestroyedPaper | RequestsPaper | None:
        """Return the requested report, record or register, after writing its entry; None: another paper is requested. Raises
        Refused, BadRequest, Unavailable."""
        if call.request.paper not in (REPORT, DESTROYED, REQUESTS):
            return None
        seen = call.authorizer.decide(call.caller, "report.see", Scope())
        if not seen.allowed:
            call.refuse(seen.clause, seen.sentence, seen.who_can_help)
        reports = self._reports
        quarter = reports.quarter(call.request.quarter)
        if call.request.paper == DESTROYED:
            record = await reports.async_destroyed(quarter)
            await call.record(facts={"quarter": quarter.key})
            return record
        if call.request.paper == REQUESTS:
            register = requests(call.state, quarter, call.now)
            await call.record(facts={"quarter": quarter.key})
            return register
        report = await reports.async_get(quarter)
        # Counting takes a while: the right is checked again, and changes are made under ``order``.
        async with call.authorizer.order:
            again = call.authorizer.decide(call.caller, "report.see", Scope())
            if not again.allowed:
                call.refuse(again.clause, again.sentence, again.who_can_help)
            await call.record(reports.seen_by(quarter.key, call.caller.person), facts={"quarter": quarter.key})
        return report

    @handles(ReadReports)
    async def kept(self, asked: Reading[ReadReports]) -> KeptReports:
        return self._reports.async_list(asked.caller.person)
