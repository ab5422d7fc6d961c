"""How far back each camera's footage reached during a quarter, from the ledger of what was erased on schedule. Blocks.

Footage goes oldest first: at the moment of an erasure, what is left begins where the erased ends. So the least of a quarter and
its end follow from the ledger alone, long after. What is on hold lies further back and does not count. Where the wall
clock was wrong, an age below nothing is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from holdshelf_core.reporting.quarters import Quarter, local
from holdshelf_storage.layout import DAY_NS, day_start_ns
from holdshelf_storage.ledger import Intent, Ledger


@dataclass(slots=True)
class Kept:
    """Of one camera, nanoseconds and UTC ns."""

    reached: int = 0
    """End of the newest footage that was erased before the quarter's end; 0: none was."""
    least_ns: int | None = None
    """The least distance from the moment of an erasure in the quarter back to what was left."""


def days_kept(ledger: Ledger, quarter: Quarter, until_utc_ns: int, stopped: Callable[[], bool]) -> dict[str, Kept]:
    """By camera. Raises StorageError; InterruptedError once ``stopped`` says so.

    The ledger's months are those of UTC: the quarter's, and one on either side.
    """
    found: dict[str, Kept] = {}
    start = quarter.start_utc_ns
    for number, entry in enumerate(ledger.entries(_month(start, -1, quarter), _month(until_utc_ns, 1, quarter))):
        if not number % 1024 and stopped():
            raise InterruptedError
        if not isinstance(entry, Intent) or entry.at_utc_ns >= until_utc_ns:
            continue
        for part in entry.days:
            kept = found.setdefault(part.camera, Kept())
            # Footage of a hold that was lifted goes late: it does not bring the front back.
            kept.reached = max(kept.reached, part.end_utc_ns)
            distance = entry.at_utc_ns - kept.reached
            if entry.at_utc_ns >= start and distance >= 0:
                kept.least_ns = distance if kept.least_ns is None else min(kept.least_ns, distance)
    return found


def reached_before(ledger: Ledger, camera: str, until_utc_ns: int) -> int:
    """The end of the last day of a camera that had gone altogether before that; 0 none had. Raises StorageError."""
    gone = [day for day, entry in ledger.days_gone(camera).items() if entry.at_utc_ns < until_utc_ns and entry.segments]
    return day_start_ns(max(gone)) + DAY_NS if gone else 0


def _month(utc_ns: int, beside: int, quarter: Quarter) -> str:
    moment = local(utc_ns, quarter.zone)
    month = moment.year * 12 + moment.month - 1 + beside
    return datetime(month // 12, month % 12 + 1, 1, tzinfo=quarter.zone).strftime("%Y-%m")
