"""Automatic changes to releases: canceled when their requester's right ends, and repairs for overdue papers.

A second person's approval is pointless once nobody with a right requests the release any more (scene 2). A request with a clock
is somebody's outside, and waits for its answer whoever entered it.
"""

from __future__ import annotations

import msgspec

from holdshelf_core.actions.authorizer import Authorizer
from holdshelf_core.actions.registry import LogForm
from holdshelf_core.actions.state_store import put
from holdshelf_core.errors import Unavailable
from holdshelf_core.policy import model
from holdshelf_core.policy.instants import end_words
from holdshelf_core.policy.releases import answer_overdue, paper_overdue
from holdshelf_core.releases.rows import requesters_right

CANCELLED_WITH_RIGHT = ("stopped", "requested")
"""After a second person's approval it is the library's decision, and stays."""
_ISSUE = "release:"
_ANSWER = "answer:"


def _to_cancel(authorizer: Authorizer) -> list[model.Release]:
    store, now = authorizer.store, authorizer.now()
    if store.problem or now.doubtful:
        return []  # a wrong clock refuses meanwhile, and ends nothing for good
    state = store.state
    return [
        row
        for row in state.releases.values()
        if row.state in CANCELLED_WITH_RIGHT and row.due_utc_ns is None and not requesters_right(state, row, now)
    ]


async def async_cancel(authorizer: Authorizer) -> int:
    """Each second: cancel releases; return how many. A log that cannot be written is retried next time."""
    if not _to_cancel(authorizer):
        return 0
    async with authorizer.order:
        rows = _to_cancel(authorizer)
        for row in rows:
            cancelled = msgspec.structs.replace(
                row,
                state="cancelled",
                ended_utc_ns=authorizer.now().utc_ns,
                ended_why="the requester's right ended",
                version=row.version + 1,
            )
            form = LogForm(
                cameras=tuple(sorted({span.camera for span in row.given})),
                incident=row.reference,
                subject=row.id,
                facts={"basis": row.basis, "requested_by": row.requested_by, "why": cancelled.ended_why},
            )
            try:
                await authorizer.async_service_entry(
                    "release.cancelled", form, [put("releases", row.id, cancelled)], ordered=True
                )
            except Unavailable:
                return 0
    return len(rows)


def async_raise_repairs(authorizer: Authorizer) -> int:
    """Raise repairs for emergencies whose paper is overdue, and for requests whose answer is; return how many."""
    now, repairs, overdue = authorizer.now(), authorizer.frame.repairs, set()
    for row in authorizer.store.state.releases.values():
        if answer_overdue(row, now):
            assert row.due_utc_ns is not None
            overdue.add(f"{_ANSWER}{row.id}")
            repairs.async_create(
                f"{_ANSWER}{row.id}",
                camera_id=None,
                severity="warning",
                sentence=f"The answer to {row.id} was due on {end_words(row.due_utc_ns, now.zone)} (P13).",
                next_step=f"Make its bundle, or refuse it with a reason: `holdshelf release show {row.id}`.",
            )
        if not paper_overdue(row, now):
            continue
        assert row.paper_due_utc_ns is not None
        overdue.add(f"{_ISSUE}{row.id}")
        repairs.async_create(
            f"{_ISSUE}{row.id}",
            camera_id=None,
            severity="warning",
            sentence=f"The paper for the emergency release {row.id} was due on "
            f"{end_words(row.paper_due_utc_ns, now.zone)} (P13).",
            next_step=f"Ask for it, then run `holdshelf release paper {row.id} --paper FILE …`, and tell counsel.",
        )
    for repair in repairs.async_all():
        if repair.issue_id.startswith((_ISSUE, _ANSWER)) and repair.issue_id not in overdue:
            repairs.async_delete(repair.issue_id)
    return len(overdue)
