"""Ends of terms, letters and shares, written down once they are seen: from then on no step of a clock revives them.

Printed stills too (P14): no day that passes brings a paper back, so an overdue one is a repair until somebody says it is back.

The policy refuses an ended right by itself, on the instant (``policy.standing``); this makes the end part of the record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdshelf_core import times
from holdshelf_core.actions import LogForm
from holdshelf_core.errors import Unavailable
from holdshelf_core.house import put
from holdshelf_core.policy.model import Share
from holdshelf_core.policy.standing import ends_to_write

if TYPE_CHECKING:
    from holdshelf_core.app import Holdshelf

OUT, OVERDUE, BACK = "out", "overdue", "back"
_ISSUE = "sheet:"


async def async_write_ends(holdshelf: Holdshelf) -> int:
    """Each second: how many ends were written down. A log that cannot be written is tried again the next time."""
    house, gate = holdshelf.house, holdshelf.gate
    if house.problem or not any(ends_to_write(house.state, gate.now())):
        return 0
    async with gate.order:
        ends = list(ends_to_write(house.state, gate.now()))  # again: one may have been ended by hand meanwhile
        if not ends:
            return 0
        form = LogForm(facts={"ended": [f"{end.key}: {end.words}" for end in ends][:200]})
        changes = [put(end.table, end.key, end.row) for end in ends]
        try:
            await gate.async_service_entry("right.ended", form, changes, ordered=True)
        except Unavailable:
            return 0
    return len(ends)


def sheet_state(share: Share, now_utc_ns: int) -> str:
    """``out`` | ``overdue`` | ``back``. A day that passes brings no paper back."""
    if share.ended_utc_ns is not None:
        return BACK
    return OVERDUE if share.expires_utc_ns <= now_utc_ns else OUT


def async_tell_sheets(holdshelf: Holdshelf) -> int:
    """Sheets that are overdue, as repairs; how many. Whoever has one is not named here: the admin reads repairs, too."""
    now_utc_ns, overdue = holdshelf.gate.now().latest_utc_ns, set()
    state = holdshelf.house.state
    for share in state.shares.values():
        if share.kind != "sheet" or sheet_state(share, now_utc_ns) != OVERDUE:
            continue
        overdue.add(f"{_ISSUE}{share.id}")
        holdshelf.repairs.async_create(
            f"{_ISSUE}{share.id}",
            camera_id=None,
            severity="warning",
            sentence=f"The printed still {share.id} (copy no. {share.copy}) was to be given back by "
            f"{times.local_day(share.expires_utc_ns)} (P14).",
            next_step=f"{state.name_of(share.by)} asks for it; when it is back: `holdshelf share end {share.id} --why returned`.",
        )
    for repair in holdshelf.repairs.async_all():
        if repair.issue_id.startswith(_ISSUE) and repair.issue_id not in overdue:
            holdshelf.repairs.async_delete(repair.issue_id)
    return len(overdue)
