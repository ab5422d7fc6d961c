"""What holds require as time passes: logging the end of a grace period, restoring a hold that only the shelf knows, due
reviews.

An overdue review is a reminder and deletes nothing (P16). Nothing here releases footage: the entry that says "lifted" is written
first, and only then does ``holds.holds`` remove links from the shelf.
"""

from __future__ import annotations

from collections.abc import Callable

from holdshelf_core import times
from holdshelf_core.actions.authorizer import Authorizer
from holdshelf_core.actions.registry import LogForm
from holdshelf_core.actions.state_store import put
from holdshelf_core.errors import Unavailable
from holdshelf_core.holds.holds import Holds
from holdshelf_core.policy import model
from holdshelf_core.policy.holds import expired, grace_over, review_overdue
from holdshelf_core.policy.instants import Now

REVIEW_REPAIR = "hold_review:"


async def async_hold_duties(holds: Holds, authorizer: Authorizer) -> str:
    """The job, every minute. Returns a short result."""
    written = 0
    try:
        written += await _write(authorizer, "hold.united", holds.united)
        written += await _write(authorizer, "hold.lifted", lambda: _due(holds, authorizer, grace_over))
        written += await _write(authorizer, "hold.expired", lambda: _due(holds, authorizer, expired))
    except Unavailable:
        pass  # retried in a minute; what is held stays held meanwhile
    done = await holds.async_work()
    async_nag(authorizer)
    return f"{done}; {written} written down" if written else done


def _due(holds: Holds, authorizer: Authorizer, is_over: Callable[[model.Hold, Now], bool]) -> list[model.Hold]:
    """Return holds that end now. One that an open release uses stays until that has ended (P16)."""
    rows, open_ones = holds.due(is_over), authorizer.store.state.holds_in_release
    return [row for row in rows if row.id not in open_ones]


async def _write(authorizer: Authorizer, action: str, rows: Callable[[], list[model.Hold]]) -> int:
    if authorizer.store.in_doubt or not rows():
        return 0
    async with authorizer.order:
        found = rows()  # checked again under ``order``: a person may have been quicker
        for hold in found:
            form = LogForm(
                cameras=tuple(sorted({span.camera for span in hold.spans})),
                incident=hold.reference,
                subject=hold.id,
                facts={"ground": hold.ground, "version": hold.version, "state": hold.state},
            )
            await authorizer.async_service_entry(action, form, [put("holds", hold.id, hold)], ordered=True)
    return len(found)


def async_nag(authorizer: Authorizer) -> None:
    """Raise a repair for each hold whose review is overdue, and clear the others."""
    now = authorizer.now()
    for hold in authorizer.store.state.holds.values():
        issue = REVIEW_REPAIR + hold.id
        if review_overdue(hold, now):
            authorizer.frame.repairs.async_create(
                issue,
                camera_id=None,
                severity="warning",
                sentence=f"The review of hold {hold.id} (no. {hold.reference}) was due on {times.local_day(hold.review_utc_ns)}.",
                next_step=(
                    f"If it is still needed: `holdshelf hold review {hold.id}`. If "
                    "not: `hold lift`. It is kept until then."
                ),
            )
        else:
            authorizer.frame.repairs.async_delete(issue)
