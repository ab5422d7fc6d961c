"""One configured camera: its stored data, its state, and what its integration keeps for it at run time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class EntryState(StrEnum):
    """Where an entry stands (Home Assistant's states, less those that nothing here can reach)."""

    LOADED = "loaded"
    RETRYING = "retrying"
    REAUTH = "reauth"
    FAILED = "failed"
    UNLOADED = "unloaded"


@dataclass(eq=False)
class ConfigEntry[RuntimeT]:
    """A camera as configured. ``data`` changes only through ``holdshelf.async_update_entry``.

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
    state: EntryState = EntryState.UNLOADED
    reason: str = ""
    _runtime_data: RuntimeT | None = None
    _on_unload: list[Callable[[], None]] = field(default_factory=list)

    @property
    def runtime_data(self) -> RuntimeT:
        """What the integration keeps while the entry is loaded."""
        if self._runtime_data is None:
            raise RuntimeError(f"entry {self.entry_id} is not loaded")
        return self._runtime_data

    @runtime_data.setter
    def runtime_data(self, value: RuntimeT) -> None:
        self._runtime_data = value

    def clock_skew_s(self) -> float | None:
        """How far the device's clock is off (positive: ahead), where its integration keeps ``clock_skew_s``."""
        skew = getattr(self._runtime_data, "clock_skew_s", None)
        return float(skew) if isinstance(skew, int | float) else None

    def async_on_unload(self, callback: Callable[[], None]) -> None:
        """Call this when the entry is unloaded, last added first."""
        self._on_unload.append(callback)

    def async_run_unload(self) -> None:
        """Run and forget what ``async_on_unload`` collected, and the runtime data with it."""
        while self._on_unload:
            self._on_unload.pop()()
        self._runtime_data = None
