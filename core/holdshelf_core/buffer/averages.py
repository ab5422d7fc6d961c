"""Long-term averages of how much each camera writes: all that may be shown of its data rate without a right to look.

The number of bytes a camera writes per second shows when something moves in front of it (``looks.activity``), and so do the size
of one file, of one hold, and of all files measured twice. That requires a right to look and is logged. Capacity planning needs
only an average: it is taken over all footage of a camera, once a day, and every size shown outside is computed from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from holdshelf_core.policy.model import HoldSpan
from holdshelf_core.times import HOUR_NS, NS
from holdshelf_storage.layout import DAY_NS, MAX_TIME_NS
from holdshelf_storage.ledger.lines import merged
from holdshelf_storage.volume.index import CameraUsage

FIRST_NS = HOUR_NS
"""A new camera's first average comes from its first file; after this time it is replaced by one of many files, and then daily."""
_DIGITS = 2


@dataclass(slots=True)
class _Average:
    bytes_per_s: float
    taken_boot_ns: int
    is_first: bool


class Averages:
    """Averages of all cameras. Kept in memory only: recomputed after a start."""

    def __init__(self) -> None:
        self._taken: dict[str, _Average] = {}

    def bytes_per_s(self, camera: str, usage: CameraUsage | None, boot_ns: int) -> float:
        """Return the camera's average; 0 before its first file is closed."""
        known = self._taken.get(camera)
        if known is not None and boot_ns - known.taken_boot_ns < (FIRST_NS if known.is_first else DAY_NS):
            return known.bytes_per_s
        if usage is None or usage.recorded_ns <= 0:
            return known.bytes_per_s if known is not None else 0.0
        rate = float(f"{usage.allocated_bytes * NS / usage.recorded_ns:.{_DIGITS}g}")
        self._taken[camera] = _Average(rate, boot_ns, usage.recorded_ns < FIRST_NS)
        return rate

    def forecast_days(
        self, budget_bytes: int, cameras: Iterable[str], usages: Mapping[str, CameraUsage], boot_ns: int
    ) -> float | None:
        """For how many days of these cameras the budget has room, to two digits; None before anything is known."""
        rate = sum(self.bytes_per_s(camera, usages.get(camera), boot_ns) for camera in cameras)
        return coarse_days(budget_bytes / rate / 86_400) if rate > 0 else None

    def about_used(self, usages: Mapping[str, CameraUsage], boot_ns: int) -> int:
        """Return how much all footage uses, by these averages."""
        return round(
            sum(self.bytes_per_s(camera, usage, boot_ns) * usage.recorded_ns / NS for camera, usage in usages.items())
        )

    def about_held(
        self, spans: Iterable[HoldSpan], usages: Mapping[str, CameraUsage], now_utc_ns: int, boot_ns: int
    ) -> int:
        """Return how much of it these hold spans cover, counting gaps as recorded, up to what each camera has."""
        held = 0.0
        for camera, stretches in merged_by_camera(spans).items():
            usage = usages.get(camera)
            if usage is None or usage.earliest_utc_ns is None or usage.latest_utc_ns is None:
                continue
            # By the calendar, as spans are: the oldest footage may be of a day to come, when the clock was ahead then.
            first, last = usage.earliest_utc_ns, max(now_utc_ns, usage.latest_utc_ns)
            held_ns = sum(max(0, min(last, end) - max(start, first)) for start, end in stretches)
            held += self.bytes_per_s(camera, usage, boot_ns) * min(held_ns, usage.recorded_ns) / NS
        return round(held)


def coarse(size_bytes: int, whole_bytes: int) -> int:
    """Round a size to hundredths of ``whole_bytes``, the finest step in which disk totals are shown."""
    step = max(1, whole_bytes // 100)
    return size_bytes // step * step


def coarse_days(days: float | None) -> float | None:
    """Round a forecast to two digits."""
    return None if days is None else float(f"{days:.{_DIGITS}g}")


def merged_by_camera(spans: Iterable[HoldSpan]) -> dict[str, list[tuple[int, int]]]:
    """Return the hold spans by camera, merged; an open end is ``layout.MAX_TIME_NS``."""
    found: dict[str, list[tuple[int, int]]] = {}
    for span in spans:
        end = MAX_TIME_NS if span.end_utc_ns is None else span.end_utc_ns
        found.setdefault(span.camera, []).append((span.start_utc_ns, end))
    return {camera: merged(own, 1) for camera, own in found.items()}
