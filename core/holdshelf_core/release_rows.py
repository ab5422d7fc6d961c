"""Releases as clients see them: with names, what is on hold of them and what is not, and the next step in words.

Reads only. A step that would hold footage is offered, never done: a hold is a person's act.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from tzlocal import get_localzone

from holdshelf_core.api import types_releases as types
from holdshelf_core.errors import HoldshelfError
from holdshelf_core.policy import model
from holdshelf_core.policy.case import Scope, Subject
from holdshelf_core.policy.instants import NS, Now, end_words
from holdshelf_core.policy.releases import (
    BASES,
    COURT_ORDER,
    EMERGENCY,
    EXPORTED,
    OPEN_STATES,
    SUBPOENA,
    covers_any,
    trimmed,
    unheld,
)
from holdshelf_core.policy.rules import decide
from holdshelf_core.policy.state import State

if TYPE_CHECKING:
    from holdshelf_core.app import Holdshelf

AWAITED = ("stopped", *OPEN_STATES)
"""Something may still come of it."""
NO_NUMBER = "NUMBER"
_GROUNDS = {SUBPOENA: "litigation", COURT_ORDER: "litigation"}


def requesters_right(state: State, row: model.Release, now: Now) -> bool:
    """Whether who requested it may still do so, on its cameras."""
    scope = Scope(target=row.id if row.id in state.releases else "", cameras=tuple(s.camera for s in row.given))
    return decide(state, Subject(row.requested_by), "release.request", scope, now).allowed


def spans_of(spans: Sequence[model.Span]) -> list[types.SpanRow]:
    """For the wire."""
    return [types.SpanRow(s.camera, s.start_utc_ns, s.end_utc_ns) for s in spans]


def bundle_row(state: State, bundle: model.Bundle) -> types.BundleRow:
    """For the wire."""
    until_utc_ns = bundle.made_utc_ns + state.board.outbox_days * 86_400 * NS if bundle.removed_utc_ns is None else None
    return types.BundleRow(
        **msgspec.structs.asdict(bundle), made_by_name=state.name_of(bundle.made_by), until_utc_ns=until_utc_ns
    )


def refusals_of(row: model.Release) -> list[types.RefusalRow]:
    """Every no that was said to it, oldest first."""
    return [types.RefusalRow(row.id, r.at_utc_ns, r.gate, "P13", r.basis, r.sentence, r.by) for r in row.refusals]


async def async_unheld(holdshelf: Holdshelf, row: model.Release) -> tuple[model.Span, ...]:
    """What of it is still there and no hold keeps; () when it is over, or the footage cannot be looked into now."""
    if row.state not in AWAITED:
        return ()
    free = unheld(row.given, holdshelf.house.state.holds.values())
    found = []
    for span in free:
        wanted = model.HoldSpan(span.camera, span.start_utc_ns, span.end_utc_ns)
        try:
            covered = await holdshelf.holds.async_coverage([wanted])
        except HoldshelfError:
            return ()
        if any(part.kind == "recorded" for part in covered):
            found.append(span)
    return tuple(found)


def hold_words(row: model.Release, free: Sequence[model.Span]) -> str:
    """The offer to hold now what is asked for, as a sentence with its command; '' when all of it is held or gone."""
    if not free:
        return ""
    same = [span for span in free if (span.start_utc_ns, span.end_utc_ns) == (free[0].start_utc_ns, free[0].end_utc_ns)]
    cameras = " ".join(f"--camera {span.camera}" for span in same)
    more = len(free) - len(same)
    rest = f" and {more} more like it" if more else ""
    ground, number = _GROUNDS.get(row.basis, "investigation"), row.reference or NO_NUMBER
    start, end = typed(free[0].start_utc_ns), typed(-(-free[0].end_utc_ns // NS) * NS)
    return (
        "What is asked for is not on hold and may roll off; a hold needs no paper: `holdshelf hold place --ground "
        f"{ground} --reference {number} {cameras} --from '{start}' --to '{end}'`{rest}."
    )


def typed(utc_ns: int) -> str:
    """A time to the second as the command line takes it, with its offset."""
    return datetime.fromtimestamp(utc_ns // NS, get_localzone()).isoformat(" ")


def next_step(state: State, row: model.Release, free: Sequence[model.Span], now: Now) -> str:
    """What to do now, in sentences with their commands."""
    steps = []
    if row.state == "stopped":
        steps = _when_stopped(row)
    elif row.state == "requested":
        steps.append(
            f"Another seat approves it: `holdshelf release approve {row.id}`, or its signed paper with --paper FILE --seat SEAT."
        )
    elif row.state == "approved":
        steps.append(f"Make the bundle: `holdshelf release export {row.id}`.")
    elif row.bundle is not None and row.bundle.removed_utc_ns is not None:
        steps.append(f"Its bundle went when its time was over; make it again: `holdshelf release export {row.id}`.")
    elif row.state == EXPORTED:
        steps.append(
            f"It is in your outbox. Print the receipt: `holdshelf release receipt {row.id}`; "
            f"onto a stick: `holdshelf release write {row.id} --usb FOLDER`."
        )
    elif row.state == "refused":
        steps.append(f"What we say to the asker: `holdshelf print refusal {row.id}`.")
    if row.state in ("approved", EXPORTED) and row.paper_due_utc_ns is not None:
        due = end_words(row.paper_due_utc_ns, now.zone)
        steps.append(f"The paper is due by {due}: `holdshelf release paper {row.id} --paper FILE …`.")
    steps.append(hold_words(row, free))
    return " ".join(step for step in steps if step)


def _when_stopped(row: model.Release) -> list[str]:
    said = row.gates[-1] if row.gates else None
    if said is not None and said.gate == 2:
        route = f"`holdshelf counsel record --help`, then `holdshelf release again {row.id}`"
        steps = [f"Counsel's route: the Director asks the library's counsel for a determination; {route}."]
    elif row.paper is not None and trimmed(row.given, row.paper.scope) not in ((), row.given):
        steps = [f"Trim it to the paper: `holdshelf release trim {row.id}`."]
    else:
        steps = []
    return [*steps, f"What we need, for the asker: `holdshelf print refusal {row.id}`."]


async def async_row(holdshelf: Holdshelf, row: model.Release, *, seq: int = 0, look: bool = True) -> types.ReleaseRow:
    """A release as clients see it. ``look``: whether footage is looked into for what is not on hold."""
    state, now = holdshelf.house.state, holdshelf.gate.now()
    free = await async_unheld(holdshelf, row) if look else ()
    paper = row.paper
    return types.ReleaseRow(
        id=row.id,
        state=row.state,
        basis=row.basis,
        basis_words=BASES.get(row.basis, "no basis of the policy"),
        reference=row.reference,
        asked=spans_of(row.asked),
        given=spans_of(row.given),
        requested_by=row.requested_by,
        requested_by_name=state.name_of(row.requested_by),
        requested_utc_ns=row.requested_utc_ns,
        paper=None
        if paper is None
        else types.PaperRow(
            paper.sha256,
            paper.kind,
            paper.issuer,
            paper.docket,
            paper.agency,
            paper.officer,
            paper.signed_by_judge,
            spans_of(paper.scope),
            paper.valid_until_utc_ns,
            paper.original,
        ),
        why=row.why,
        gates=[types.GateRow(g.gate, g.passed, g.sentence, list(g.needs)) for g in row.gates],
        refusals=refusals_of(row),
        caution=row.caution,
        paper_due_utc_ns=row.paper_due_utc_ns,
        approved_by=row.approved_by,
        approved_by_name=model.SEAT_WORDS.get(row.approved_by)
        or (state.name_of(row.approved_by) if row.approved_by else ""),
        approved_utc_ns=row.approved_utc_ns,
        approval_paper_sha256=row.approval_paper_sha256,
        version=row.version,
        ended_utc_ns=row.ended_utc_ns,
        ended_why=row.ended_why,
        original=row.original,
        bundle=None if row.bundle is None else bundle_row(state, row.bundle),
        holds=sorted(h.id for h in state.holds.values() if h.state != "lifted" and covers_any(h, row.given)),
        unheld=spans_of(free),
        next_step=next_step(state, row, free, now),
        seq=seq,
    )


def paper_overdue(row: model.Release, now: Now) -> bool:
    """An emergency whose paper did not follow in time."""
    return row.basis == EMERGENCY and row.state in (*OPEN_STATES, EXPORTED) and now.ended(row.paper_due_utc_ns)
