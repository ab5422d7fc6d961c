"""What happens to releases by themselves: they are cancelled with their requester's right, and an overdue paper is said.

The second person's word on a release that nobody with a right asks for any more would be a word on nothing (scene 2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from holdshelf_core.actions import LogForm
from holdshelf_core.errors import Unavailable
from holdshelf_core.house import put
from holdshelf_core.policy import model
from holdshelf_core.policy.instants import end_words
from holdshelf_core.release_rows import paper_overdue, requesters_right

if TYPE_CHECKING:
    from holdshelf_core.app import Holdshelf

CANCELLED_WITH_RIGHT = ("stopped", "requested")
"""What a second person approved is the library's word by then, and stays."""
_ISSUE = "release:"


def _to_cancel(holdshelf: Holdshelf) -> list[model.Release]:
    house, now = holdshelf.house, holdshelf.gate.now()
    if house.problem or now.doubtful:
        return []  # a clock that is wrong refuses meanwhile, and ends nothing for good
    state = house.state
    return [
        row
        for row in state.releases.values()
        if row.state in CANCELLED_WITH_RIGHT and not requesters_right(state, row, now)
    ]


async def async_cancel(holdshelf: Holdshelf) -> int:
    """Each second: how many were cancelled. A log that cannot be written is tried again the next time."""
    if not _to_cancel(holdshelf):
        return 0
    gate = holdshelf.gate
    async with gate.order:
        rows = _to_cancel(holdshelf)
        for row in rows:
            cancelled = msgspec.structs.replace(
                row,
                state="cancelled",
                ended_utc_ns=gate.now().utc_ns,
                ended_why="the right of who requested it ended",
                version=row.version + 1,
            )
            form = LogForm(
                cameras=tuple(sorted({span.camera for span in row.given})),
                incident=row.reference,
                subject=row.id,
                facts={"basis": row.basis, "requested_by": row.requested_by, "why": cancelled.ended_why},
            )
            try:
                await gate.async_service_entry(
                    "release.cancelled", form, [put("releases", row.id, cancelled)], ordered=True
                )
            except Unavailable:
                return 0
    return len(rows)


def async_raise_repairs(holdshelf: Holdshelf) -> int:
    """Emergencies whose paper did not follow, as repairs; how many."""
    now, overdue = holdshelf.gate.now(), set()
    for row in holdshelf.house.state.releases.values():
        if not paper_overdue(row, now):
            continue
        assert row.paper_due_utc_ns is not None
        overdue.add(f"{_ISSUE}{row.id}")
        holdshelf.repairs.async_create(
            f"{_ISSUE}{row.id}",
            camera_id=None,
            severity="warning",
            sentence=f"The paper for the emergency release {row.id} was due on "
            f"{end_words(row.paper_due_utc_ns, now.zone)} (P13).",
            next_step=f"Ask for it, then `holdshelf release paper {row.id} --paper FILE …`; counsel is to know.",
        )
    for repair in holdshelf.repairs.async_all():
        if repair.issue_id.startswith(_ISSUE) and repair.issue_id not in overdue:
            holdshelf.repairs.async_delete(repair.issue_id)
    return len(overdue)
