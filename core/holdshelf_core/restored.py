"""After a backup was restored: the log says so, and a second person looks at what may have come back with it.

A state from a backup is older than what happened since: a key that was taken away lives again, a hold placed since is
known only to the shelf. Nobody can undo that by code; it is named, flagged, and stays a repair until it was reviewed.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from holdshelf_core import times
from holdshelf_core.actions import LogForm
from holdshelf_core.errors import Unavailable
from holdshelf_core.house import put
from holdshelf_core.policy import model
from holdshelf_storage.errors import StorageError
from holdshelf_storage.restore import read_marker, settle_marker

if TYPE_CHECKING:
    from holdshelf_core.app import Holdshelf

_LOGGER = logging.getLogger(__name__)

FLAG = "backup_restored"
REPAIR = "backup_restored"


async def async_tell(holdshelf: Holdshelf) -> None:
    """Once at start: write down a restore that nobody wrote down yet, and raise the repair while its flag is open."""
    state = holdshelf.paths.state
    try:
        marker = await asyncio.to_thread(read_marker, state)
        if marker is not None:
            facts = {
                "made": times.rfc3339(marker.made_utc_ns),
                "sha256": marker.archive_sha256,
                "entries": marker.entries,
                "lost": sum(marker.newer.values()) if marker.newer is not None else "unknown",
            }
            gate = holdshelf.gate
            async with gate.order:
                key = holdshelf.house.next_id("flags", "f")
                note = f"backup of {times.local_words(marker.made_utc_ns)} restored"
                flag = model.Flag(key, FLAG, 0, "admin", gate.now().utc_ns, 1, note=note)
                form = LogForm(facts=facts, private={"set_aside": marker.set_aside})
                await gate.async_service_entry("backup.restored", form, [put("flags", key, flag)], ordered=True)
            await asyncio.to_thread(settle_marker, state)
    except (StorageError, Unavailable) as error:
        _LOGGER.warning("a restored backup was not written down yet: %s", error)
    async_check(holdshelf)


def async_check(holdshelf: Holdshelf) -> None:
    """The repair stays until a seat has reviewed what came back."""
    waiting = [f for f in holdshelf.house.state.flags.values() if f.kind == FLAG and len(f.reviewed_by) < f.needs]
    if not waiting:
        holdshelf.repairs.async_delete(REPAIR)
        return
    holdshelf.repairs.async_create(
        REPAIR,
        camera_id=None,
        severity="warning",
        sentence=f"A {waiting[-1].note}: keys and letters that were ended since then may be valid again.",
        next_step=f"A seat compares `holdshelf person list` and `appointment list` with the papers, then `flag review {waiting[-1].id}`.",
    )
