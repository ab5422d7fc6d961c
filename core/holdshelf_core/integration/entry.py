"""One configured camera: its stored data, its state, and its integration's runtime data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class EntryState(StrEnum):
    """The states of an entry (Home Assistant's, without those that cannot occur here)."""

    LOADED = "loaded"
    RETRYING = "retrying"
    REAUTH = "reauth"
    FAILED = "failed"
    UNLOADED = "unloaded"


@dataclass(eq=False)
class ConfigEntry[RuntimeT]:
    """A configured camera. ``data`` changes only through ``holdshelf.async_update_entry``.

    ``entry_id`` is the camera's id everywhere: in the register, in ``footage/CAMERA`` and on the command line.
    """

    entry_id: str
    domain: str
    unique_id: str
    title: str
    area_kind: str
    area_note: str
    data: dict[str, Any]
    added_utc_ns: int = 0
    backfill: bool = True
    """Whether gaps are filled from what the camera has recorded itself."""
    state: EntryState = EntryState.UNLOADED
    reason: str = ""
    _runtime_data: RuntimeT | None = None
    _on_unload: list[Callable[[], None]] = field(default_factory=list)

    @property
    def runtime_data(self) -> RuntimeT:
        """Return the integration's data for a loaded entry."""
        if self._runtime_data is None:
            raise RuntimeError(f"entry {self.entry_id} is not loaded")
        return self._runtime_data

    @runtime_data.setter
    def runtime_data(self, value: RuntimeT) -> None:
        self._runtime_data = value

    def clock_skew_s(self) -> float | None:
        """Return how far the device's clock is off (positive: ahead), if its integration provides ``clock_skew_s``."""
        skew = getattr(self._runtime_data, "clock_skew_s", None)
        return float(skew) if isinstance(skew, int | float) else None

    def async_on_unload(self, callback: Callable[[], None]) -> None:
        """Call this function when the entry is unloaded, in reverse order."""
        self._on_unload.append(callback)

    def async_run_unload(self) -> None:
        """Run the ``async_on_unload`` functions, then forget them and the runtime data."""
        while self._on_unload:
            self._on_unload.pop()()
        self._runtime_data = None
