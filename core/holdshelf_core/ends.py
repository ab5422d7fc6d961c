"""Ends of terms, letters and shares, written down once they are seen: from then on no step of a clock revives them.

The policy refuses an ended right by itself, on the instant (``policy.standing``); this makes the end part of the record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdshelf_core.actions import LogForm
from holdshelf_core.errors import Unavailable
from holdshelf_core.house import put
from holdshelf_core.policy.standing import ends_to_write

if TYPE_CHECKING:
    from holdshelf_core.app import Holdshelf


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
