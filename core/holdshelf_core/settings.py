"""Settings of the installation, in the register: few, typed, with a default each."""

from __future__ import annotations

from holdshelf_storage.register import Register

TABLE = "settings"


class Settings:
    """Read at start and when changed; writes block and run in a thread."""

    def __init__(self, register: Register) -> None:
        self._register = register
        self._taken: tuple[int | None, float | None] | None = None

    def async_take(self, budget_bytes: int | None, floor_days: float | None) -> None:
        """Capacity as an entry of the access log just changed it: the register follows in a moment."""
        self._taken = budget_bytes, floor_days

    @property
    def budget_bytes(self) -> int | None:
        """Bytes that footage may take; None is 90 % of the volume."""
        if self._taken is not None:
            return self._taken[0]
        row = self._register.get(TABLE, "budget")
        return int(row["bytes"]) if row and row.get("bytes") is not None else None

    def set_budget_bytes(self, budget_bytes: int | None) -> None:
        """Blocks until it is on disk."""
        self._register.put(TABLE, "budget", {"bytes": budget_bytes})

    @property
    def floor_days(self) -> float | None:
        """Fewer days kept than this raise a repair; nothing else follows from it (P15)."""
        if self._taken is not None:
            return self._taken[1]
        row = self._register.get(TABLE, "floor")
        return float(row["days"]) if row and row.get("days") is not None else None

    def set_floor_days(self, days: float | None) -> None:
        """Blocks until it is on disk."""
        self._register.put(TABLE, "floor", {"days": days})

    @property
    def segment_s(self) -> float:
        """Length of a footage file. Shorter ones cost inodes and fsyncs, longer ones make erasing coarser."""
        row = self._register.get(TABLE, "segment")
        return float(row["seconds"]) if row else 60.0

    def set_segment_s(self, seconds: float) -> None:
        """Blocks until it is on disk; takes effect at the next start."""
        self._register.put(TABLE, "segment", {"seconds": seconds})
