"""The register of requests for footage in a quarter: received, on what basis, due, extended, answered or refused. Pure.

Nobody is named: the register has the kind of asker that the basis names, and never what somebody typed of a person (P17).
"""

from __future__ import annotations

from datetime import date

from holdshelf_core.policy import model
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.releases import answer_overdue, answer_utc_ns, answered_late, received_day
from holdshelf_core.policy.state import State
from holdshelf_core.reports.quarters import Quarter, local
from holdshelf_core.reports.report_types import RequestRow, RequestsPaper


def requests(state: State, quarter: Quarter, now: Now) -> RequestsPaper:
    """Return the requests received in a quarter, and those that were still open when it began, by the day of their receipt."""
    first, last = quarter.first_day.isoformat(), quarter.last_day.isoformat()
    found = []
    for row in state.releases.values():
        day, at_utc_ns = received_day(row, quarter.zone), answer_utc_ns(row)
        was_open = at_utc_ns is None or at_utc_ns >= quarter.start_utc_ns
        if first <= day <= last or (day < first and was_open):
            found.append(_row(state, row, quarter, now))
    return RequestsPaper(
        quarter.key,
        first,
        last,
        tuple(sorted(found, key=lambda row: (row.received_on, row.id))),
        so_far=now.utc_ns < quarter.end_utc_ns,
    )


def _row(state: State, row: model.Release, quarter: Quarter, now: Now) -> RequestRow:
    def day(utc_ns: int) -> str:
        return local(utc_ns, quarter.zone).date().isoformat()

    policy, basis = state.policy, state.policy.bases.get(row.basis)
    received, at_utc_ns = received_day(row, quarter.zone), answer_utc_ns(row)
    ended = day(at_utc_ns) if at_utc_ns is not None else ""
    return RequestRow(
        id=row.id,
        received_on=received,
        asker=basis.asker if basis is not None else "",
        identity="identity" in row.stated,
        basis=policy.basis_words(row.basis),
        clause=policy.clause_id("P13", basis.clause) if basis is not None else "",
        due_on=day(row.due_utc_ns - 1) if row.due_utc_ns is not None else "",
        extended_why=row.extended_why,
        state=row.state,
        ended_on=ended,
        days=(date.fromisoformat(ended or day(now.utc_ns)) - date.fromisoformat(received)).days,
        late=answered_late(row) or answer_overdue(row, now),
    )
