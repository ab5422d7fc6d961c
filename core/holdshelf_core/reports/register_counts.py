"""Counts of a quarter from the register: holds, releases and refusals, shares, flags, signs. Pure.

The register has each row as it is now: what was placed, lifted, requested and refused in the quarter follows from the rows' own
times; whether something is overdue, out or unreviewed is as of the day of the report, and the report says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from holdshelf_core.policy import model
from holdshelf_core.policy.holds import review_overdue
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.releases import answer_utc_ns, answered_late, paper_overdue, received_day, urgent
from holdshelf_core.policy.second import flag_open
from holdshelf_core.policy.tables import Policy
from holdshelf_core.reports.quarters import Quarter
from holdshelf_core.reports.report_types import CountRow, FlagCount, HoldRow, ReleaseRow, RequestCounts, ShareRow
from holdshelf_core.times import DAY_NS

AGES = (
    ("under-30", "under 30 days", 30),
    ("30-90", "30 to 90 days", 90),
    ("90-180", "90 to 180 days", 180),
    ("180-365", "180 days to a year", 365),
    ("over-year", "over a year", 10**6),
)


def kept_at(hold: model.Hold, utc_ns: int) -> bool:
    """Return whether a hold was in force then. One in its grace period is: its footage is still kept."""
    return hold.placed_utc_ns < utc_ns and (hold.lifted_utc_ns is None or hold.lifted_utc_ns >= utc_ns)


def hold_rows(
    policy: Policy, holds: Iterable[model.Hold], quarter: Quarter, until_utc_ns: int, now: Now
) -> tuple[HoldRow, ...]:
    """By ground; grounds that the policy no longer knows come last."""
    rows = list(holds)
    grounds = [*policy.grounds, *sorted({row.ground for row in rows} - set(policy.grounds))]
    found = []
    for ground in grounds:
        those = [row for row in rows if row.ground == ground]
        kept = [row for row in those if kept_at(row, until_utc_ns)]
        found.append(
            HoldRow(
                ground,
                sum(quarter.holds(row.placed_utc_ns) for row in those),
                sum(row.lifted_utc_ns is not None and quarter.holds(row.lifted_utc_ns) for row in those),
                len(kept),
                # A review said since moved its date: then it is not overdue any more.
                sum(review_overdue(row, now) and row.review_utc_ns <= until_utc_ns for row in kept),
            )
        )
    return tuple(found)


def age_rows(holds: Iterable[model.Hold], until_utc_ns: int) -> tuple[CountRow, ...]:
    """Return holds in force at the end, by age."""
    counts: Counter[str] = Counter()
    for row in holds:
        if kept_at(row, until_utc_ns):
            days = (until_utc_ns - row.placed_utc_ns) / DAY_NS
            counts[next(key for key, _, most in AGES if days < most)] += 1
    return tuple(CountRow(key, words, counts[key]) for key, words, _ in AGES)


def release_rows(policy: Policy, releases: Iterable[model.Release], quarter: Quarter) -> tuple[ReleaseRow, ...]:
    """Return rows by basis; anything not among the policy's comes last."""
    keys = (*policy.bases, "")
    counts = {key: Counter[str]() for key in keys}
    for row in releases:
        mine = counts[row.basis if row.basis in policy.bases else ""]
        mine["requested"] += quarter.holds(row.requested_utc_ns)
        mine["approved"] += _in(quarter, row.approved_utc_ns)
        mine["exported"] += _in(quarter, row.bundle.made_utc_ns if row.bundle is not None else None)
        mine["withdrawn"] += row.state in ("withdrawn", "cancelled") and _in(quarter, row.ended_utc_ns)
        for refusal in row.refusals:
            if quarter.holds(refusal.at_utc_ns):
                said = counts[refusal.basis if refusal.basis in policy.bases else ""]
                said[{1: "refused_policy", 2: "refused_statute"}.get(refusal.gate, "refused_person")] += 1
    return tuple(
        ReleaseRow(
            basis=key,
            words=policy.basis_words(key) or "none that the policy knows",
            short=policy.said(policy.bases[key].short) if key else "none of the policy's",
            **counts[key],
        )
        for key in keys
        if key or any(counts[key].values())
    )


def request_counts(releases: Iterable[model.Release], quarter: Quarter, until_utc_ns: int) -> RequestCounts:
    """Return requests by how they were answered. ``until_utc_ns``: the quarter's end, or now while it runs."""
    found: Counter[str] = Counter()
    first, last = quarter.first_day.isoformat(), quarter.last_day.isoformat()
    for row in releases:
        day, at_utc_ns = received_day(row, quarter.zone), answer_utc_ns(row)
        found["received"] += first <= day <= last
        if at_utc_ns is not None and quarter.holds(at_utc_ns):
            is_answer = row.state not in ("withdrawn", "cancelled")
            found["withdrawn" if not is_answer else "late" if answered_late(row) else "in_time"] += 1
            found["refused"] += row.state == "refused"
        elif day <= last and (at_utc_ns is None or at_utc_ns >= quarter.end_utc_ns):
            found["open"] += 1
            found["overdue"] += row.due_utc_ns is not None and row.due_utc_ns <= until_utc_ns
    return RequestCounts(**found)


def late_papers(releases: Iterable[model.Release], quarter: Quarter, now: Now) -> tuple[int, int]:
    """(emergency releases asked for in the quarter, how many of these lack their paper though it was due)."""
    asked = [row for row in releases if urgent(row) and quarter.holds(row.requested_utc_ns)]
    return len(asked), sum(paper_overdue(row, now) for row in asked)


def share_rows(shares: Iterable[model.Share], made: Counter[str], quarter: Quarter, now: Now) -> tuple[ShareRow, ...]:
    """``made``: how many of each kind the log says were made in the quarter; the register does not say when."""
    rows = list(shares)
    found = []
    for kind in ("view", "sheet", "live"):
        if kind == "live" and not made[kind] and not any(row.kind == kind for row in rows):
            continue
        those = [row for row in rows if row.kind == kind]
        out = [row for row in those if row.ended_utc_ns is None]
        late = [row for row in out if now.ended(row.expires_utc_ns)]
        ended = sum(_in(quarter, row.ended_utc_ns) for row in those)
        if kind == "sheet":
            # It is back when somebody says so, and overdue until then.
            found.append(ShareRow(kind, made[kind], ended, len(out), len(late)))
        else:
            # A view past its end is over, even if that is not recorded yet.
            lapsed = sum(quarter.holds(row.expires_utc_ns) for row in late)
            found.append(ShareRow(kind, made[kind], ended + lapsed, len(out) - len(late), 0))
    return tuple(found)


def flag_counts(flags: Iterable[model.Flag], quarter: Quarter) -> tuple[tuple[FlagCount, ...], list[model.Flag]]:
    """Return (those raised in the quarter by kind, all that are not reviewed now, oldest first)."""
    rows = list(flags)
    raised = [row for row in rows if quarter.holds(row.at_utc_ns)]
    kinds = sorted({row.kind for row in raised})
    counts = tuple(
        FlagCount(
            kind, sum(row.kind == kind for row in raised), sum(row.kind == kind and flag_open(row) for row in raised)
        )
        for kind in kinds
    )
    return counts, sorted((row for row in rows if flag_open(row)), key=lambda row: row.at_utc_ns)


def _in(quarter: Quarter, utc_ns: int | None) -> bool:
    return utc_ns is not None and quarter.holds(utc_ns)
