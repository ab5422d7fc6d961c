"""After a backup was restored: the log says so, and a second person looks at what may have come back with it.

A state from a backup is older than what happened since: a key that was taken away lives again, a hold placed since is
known only to the shelf. Nobody can undo that by code; it is named, flagged, and stays a repair until it was reviewed.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from holdshelf_core import after_restore
from holdshelf_core.actions import LogForm
from holdshelf_core.errors import Unavailable
from holdshelf_core.house import put
from holdshelf_core.policy import model
from holdshelf_storage.errors import StorageError
from holdshelf_storage.restore import mark_logged, read_marker

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
        if marker is not None and not marker.log_seq:
            gate = holdshelf.gate
            async with gate.order:
                key = holdshelf.house.next_id("flags", "f")
                flag = model.Flag(key, FLAG, 0, "admin", gate.now().utc_ns, 1, note=after_restore.sentence(marker))
                form = LogForm(facts=after_restore.facts(marker), private={"set_aside": marker.set_aside})
                seq = await gate.async_service_entry("backup.restored", form, [put("flags", key, flag)], ordered=True)
            await asyncio.to_thread(mark_logged, state, marker, seq)
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
        sentence=waiting[-1].note,
        next_step=f"{after_restore.next_step()} A seat says so: `holdshelf flag review {waiting[-1].id}`.",
    )
