"""What holds ask for as time passes: an end of grace written down, a hold known only to the shelf taken back, reviews due.

An overdue review nags and deletes nothing (P16). Nothing here lets footage go by itself: the entry that says "lifted" is
written first, and only then does ``keeping.holds`` take names off the shelf.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from holdshelf_core import times
from holdshelf_core.actions import LogForm
from holdshelf_core.errors import Unavailable
from holdshelf_core.house import put
from holdshelf_core.policy import model

if TYPE_CHECKING:
    from holdshelf_core.app import Holdshelf

REVIEW_REPAIR = "hold_review:"


async def async_hold_duties(holdshelf: Holdshelf) -> str:
    """The job, every minute. Says in a few words what it did."""
    written = 0
    try:
        written += await _write(holdshelf, "hold.united", holdshelf.holds.united)
        written += await _write(holdshelf, "hold.lifted", lambda: _due(holdshelf))
    except Unavailable:
        pass  # tried again in a minute; what is held stays held meanwhile
    done = await holdshelf.holds.async_work()
    async_nag(holdshelf)
    return f"{done}; {written} written down" if written else done


def _due(holdshelf: Holdshelf) -> list[model.Hold]:
    """Holds that end now. One that a release is being made from stays, though that was asked for in its days of grace (P16)."""
    rows, open_ones = holdshelf.holds.due(), holdshelf.house.state.holds_in_release
    return [row for row in rows if row.id not in open_ones]


async def _write(holdshelf: Holdshelf, action: str, rows: Callable[[], list[model.Hold]]) -> int:
    if holdshelf.house.problem or not rows():
        return 0
    async with holdshelf.gate.order:
        found = rows()  # again, under the order of acts: a person may have been quicker
        for hold in found:
            form = LogForm(
                cameras=tuple(sorted({span.camera for span in hold.spans})),
                incident=hold.reference,
                subject=hold.id,
                facts={"ground": hold.ground, "version": hold.version, "state": hold.state},
            )
            await holdshelf.gate.async_service_entry(action, form, [put("holds", hold.id, hold)], ordered=True)
    return len(found)


def async_nag(holdshelf: Holdshelf) -> None:
    """A repair for each hold whose review is overdue, and none for the others."""
    now = holdshelf.gate.now()
    for hold in holdshelf.house.state.holds.values():
        issue = REVIEW_REPAIR + hold.id
        if hold.state == "active" and now.begun(hold.review_utc_ns):
            holdshelf.repairs.async_create(
                issue,
                camera_id=None,
                severity="warning",
                sentence=f"The review of hold {hold.id} (no. {hold.reference}) was due on {times.local_day(hold.review_utc_ns)}.",
                next_step=f"Still needed? `holdshelf hold review {hold.id}`, else `hold lift`. It is kept until then.",
            )
        else:
            holdshelf.repairs.async_delete(issue)
