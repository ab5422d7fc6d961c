"""Settings of the installation, in the register: few, typed, each with a default."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from holdshelf_storage.register import Register

TABLE = "settings"


class Settings:
    """Settings, read at start and after changes. Writes block and belong in a thread."""

    def __init__(self, register: Register, by_log: Callable[[str], dict[str, Any] | None] = lambda _key: None) -> None:
        """``by_log`` returns the access log's value of a setting where the register's value differs, else None."""
        self._register = register
        self._by_log = by_log
        self._taken: tuple[int | None, float | None] | None = None

    def async_take(self, budget_bytes: int | None, floor_days: float | None) -> None:
        """Apply the capacity settings that a log entry just changed; the register follows shortly."""
        self._taken = budget_bytes, floor_days

    def _row(self, key: str) -> dict[str, Any] | None:
        said = self._by_log(key)
        return said if said is not None else self._register.get(TABLE, key)

    @property
    def budget_bytes(self) -> int | None:
        """Bytes that footage may use; None is 90% of the volume."""
        if self._taken is not None:
            return self._taken[0]
        row = self._row("budget")
        return int(row["bytes"]) if row and row.get("bytes") is not None else None

    def set_budget_bytes(self, budget_bytes: int | None) -> None:
        """Set the budget. Blocks until it is on disk."""
        self._register.put(TABLE, "budget", {"bytes": budget_bytes})

    @property
    def floor_days(self) -> float | None:
        """Days of footage below which a repair is raised; it has no other effect (P15)."""
        if self._taken is not None:
            return self._taken[1]
        row = self._row("floor")
        return float(row["days"]) if row and row.get("days") is not None else None

    def set_floor_days(self, days: float | None) -> None:
        """Set the floor. Blocks until it is on disk."""
        self._register.put(TABLE, "floor", {"days": days})

    @property
    def segment_s(self) -> float:
        """Length of a footage file. Shorter files cost inodes and fsyncs, longer ones make erasing coarser."""
        row = self._row("segment")
        return float(row["seconds"]) if row else 60.0

    def set_segment_s(self, seconds: float) -> None:
        """Set the file length. Blocks until it is on disk; takes effect at the next start."""
        self._register.put(TABLE, "segment", {"seconds": seconds})
