"""How far back each camera's footage reached during a quarter, from the ledger of scheduled erasures. Blocks.

The oldest footage is erased first: at the time of an erasure, the remaining footage begins where the erased part ends. So the
minimum of a quarter and its value at the end follow from the ledger alone, even much later. Held footage is older and does not
count. Negative ages, from a wrong wall clock, are ignored.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from holdshelf_core.reports.quarters import Quarter, local
from holdshelf_storage.layout import DAY_NS, day_start_ns
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.ledger.lines import Intent


@dataclass(slots=True)
class CameraReach:
    """For one camera, in nanoseconds and UTC ns."""

    reached: int = 0
    """End of the newest footage erased before the quarter's end; 0: none."""
    least_ns: int | None = None
    """The shortest time from an erasure in the quarter back to the remaining footage."""


def days_kept(
    ledger: Ledger, quarter: Quarter, until_utc_ns: int, stopped: Callable[[], bool]
) -> dict[str, CameraReach]:
    """Return it by camera. Raises StorageError; InterruptedError once ``stopped`` returns True.

    The ledger's months are UTC: those of the quarter, and one on either side.
    """
    found: dict[str, CameraReach] = {}
    start = quarter.start_utc_ns
    for number, entry in enumerate(
        ledger.entries(month_beside(start, -1, quarter), month_beside(until_utc_ns, 1, quarter))
    ):
        if not number % 1024 and stopped():
            raise InterruptedError
        if not isinstance(entry, Intent) or entry.at_utc_ns >= until_utc_ns:
            continue
        for part in entry.days:
            kept = found.setdefault(part.camera, CameraReach())
            # Footage of a lifted hold is erased late and does not count as the oldest.
            kept.reached = max(kept.reached, part.end_utc_ns)
            distance = entry.at_utc_ns - kept.reached
            if entry.at_utc_ns >= start and distance >= 0:
                kept.least_ns = distance if kept.least_ns is None else min(kept.least_ns, distance)
    return found


def reached_before(ledger: Ledger, camera: str, until_utc_ns: int) -> int:
    """Return the end of a camera's last day that was deleted entirely before then; 0 for none. Raises StorageError."""
    gone = [entry.day for entry in ledger.days_gone(camera) if entry.at_utc_ns < until_utc_ns and entry.segments]
    return day_start_ns(max(gone)) + DAY_NS if gone else 0


def month_beside(utc_ns: int, beside: int, quarter: Quarter) -> str:
    """Return the month of a time, or of so many months ``beside`` it: '2026-11'."""
    moment = local(utc_ns, quarter.zone)
    month = moment.year * 12 + moment.month - 1 + beside
    return datetime(month // 12, month % 12 + 1, 1, tzinfo=quarter.zone).strftime("%Y-%m")
