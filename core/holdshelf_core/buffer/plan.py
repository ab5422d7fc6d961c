"""Computes the disk size for a number of cameras. Arithmetic only; the measured overheads are named."""

from __future__ import annotations

from holdshelf_core.buffer.retention import DEFAULT_BUDGET_PERCENT, HEADROOM_BYTES
from holdshelf_core.buffer.types import Plan
from holdshelf_core.errors import BadRequest

# Fragment headers and block rounding of one-minute files at 2 to 8 Mbit/s: under 1 % (docs/disk-format.md).
CONTAINER_FACTOR = 1.01
SEGMENTS_PER_DAY = 1440

MIN_BUDGET_BYTES = 256 << 20


def plan(cameras: int, mbps: float, days: float) -> Plan:
    """Return the bytes for ``cameras`` that send ``mbps`` (10⁶ bit/s) each, kept for ``days``. Raises BadRequest."""
    for name, value in (("--cameras", cameras), ("--mbps", mbps), ("--days", days)):
        if not 0 < value < 1e6:
            raise BadRequest(f"{name} must be more than 0 and less than a million, not {value:g}.")
    bytes_per_s = cameras * mbps * 1e6 / 8
    footage = bytes_per_s * 86_400 * days * CONTAINER_FACTOR
    return Plan(
        cameras=cameras,
        mbps=mbps,
        days=days,
        footage_bytes=round(footage),
        disk_bytes=round(footage * 100 / DEFAULT_BUDGET_PERCENT) + HEADROOM_BYTES,
        bytes_per_day=round(bytes_per_s * 86_400 * CONTAINER_FACTOR),
        bytes_per_s=round(bytes_per_s),
        inodes=round(cameras * days * (SEGMENTS_PER_DAY + 3)),
    )
