"""Records the end of terms, letters and shares once noticed: after that, no clock step revives them.

An overdue printed still (P14) is a repair until somebody says that it is back. The policy refuses an ended right by itself, at
once (``policy.standing``); this module puts the end on record.
"""

from __future__ import annotations

from holdshelf_core import times
from holdshelf_core.actions.authorizer import Authorizer
from holdshelf_core.actions.registry import LogForm
from holdshelf_core.actions.state_store import put
from holdshelf_core.errors import Unavailable
from holdshelf_core.policy.model import Share
from holdshelf_core.policy.standing import ends_to_write

OUT, OVERDUE, BACK = "out", "overdue", "back"
_ISSUE = "sheet:"


async def async_write_ends(authorizer: Authorizer) -> int:
    """Each second: record ends; return how many. A log that cannot be written is retried next time."""
    store = authorizer.store
    if store.problem or not any(ends_to_write(store.state, authorizer.now())):
        return 0
    async with authorizer.order:
        ends = list(ends_to_write(store.state, authorizer.now()))  # again: one may have been ended by hand meanwhile
        if not ends:
            return 0
        form = LogForm(facts={"ended": [f"{end.key}: {end.words}" for end in ends][:200]})
        changes = [put(end.table, end.key, end.row) for end in ends]
        try:
            await authorizer.async_service_entry("right.ended", form, changes, ordered=True)
        except Unavailable:
            return 0
    return len(ends)


def sheet_state(share: Share, now_utc_ns: int) -> str:
    """Return ``out`` | ``overdue`` | ``back``. Time passing does not bring a sheet back."""
    if share.ended_utc_ns is not None:
        return BACK
    return OVERDUE if share.expires_utc_ns <= now_utc_ns else OUT


def async_tell_sheets(authorizer: Authorizer) -> int:
    """Raise repairs for overdue sheets; return how many. Their holders are not named: the admin reads repairs too."""
    state, repairs = authorizer.store.state, authorizer.frame.repairs
    now_utc_ns, overdue = authorizer.now().latest_utc_ns, set()
    for share in state.shares.values():
        if share.kind != "sheet" or sheet_state(share, now_utc_ns) != OVERDUE:
            continue
        overdue.add(f"{_ISSUE}{share.id}")
        repairs.async_create(
            f"{_ISSUE}{share.id}",
            camera_id=None,
            severity="warning",
            sentence=f"The printed still {share.id} (copy no. {share.copy}) was due back by "
            f"{times.local_day(share.expires_utc_ns)} (P14).",
            next_step=(
                f"{state.name_of(share.by)} must ask for it back; once it is back: "
                f"`holdshelf share end {share.id} --why returned`."
            ),
        )
    for repair in repairs.async_all():
        if repair.issue_id.startswith(_ISSUE) and repair.issue_id not in overdue:
            repairs.async_delete(repair.issue_id)
    return len(overdue)
