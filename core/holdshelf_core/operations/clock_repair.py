"""The repair shown while wall clock and trusted time disagree."""

from __future__ import annotations

from holdshelf_core.clock import DISAGREEMENT_NS, Clock
from holdshelf_core.integration.repairs import RepairRegistry
from holdshelf_core.times import far_words

CLOCK_REPAIR = "clock_disagreement"


def async_tell(clock: Clock, repairs: RepairRegistry) -> None:
    """Raise the repair, or clear it once the clocks agree."""
    off_ns = clock.disagreement_ns()
    if abs(off_ns) <= DISAGREEMENT_NS:
        repairs.async_delete(CLOCK_REPAIR)
        return
    repairs.async_create(
        CLOCK_REPAIR,
        camera_id=None,
        severity="error",
        sentence=f"This machine's clock is {far_words(abs(off_ns))} {'ahead of' if off_ns > 0 else 'behind'} "
        "the time that this service has counted. Until that is settled, no new right begins and no lifted hold is erased.",
        next_step="Check the clock and the time server (`timedatectl`, `chronyc tracking`); "
        "when the clock is right, confirm it: `holdshelf clock confirm`.",
    )
