"""Repairs: conditions that a person must mend. One plain sentence, one next step, gone when the condition is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from holdshelf_core.bus import EventBus

type Severity = Literal["notice", "warning", "error"]
"""A notice is a step that a person has yet to take: no monitor need ring for it."""
NO_STEP = "Run `holdshelf doctor`: it says what is wrong around it."
_ORDER = {"error": 0, "warning": 1, "notice": 2}


@dataclass(frozen=True, slots=True)
class Repair:
    """One condition. ``issue_id`` is stable, so raising it again changes the sentence and not the time it began."""

    issue_id: str
    camera_id: str | None
    severity: Severity
    sentence: str
    next_step: str
    since_utc_ns: int


class RepairRegistry:
    """All open repairs. In memory: each is raised anew by whoever sees the condition after a restart."""

    def __init__(self, bus: EventBus, utc_ns: Callable[[], int]) -> None:
        self._bus = bus
        self._utc_ns = utc_ns
        self._open: dict[str, Repair] = {}

    def async_create(
        self, issue_id: str, *, camera_id: str | None, severity: Severity = "warning", sentence: str, next_step: str
    ) -> None:
        """Open it, or bring its words up to date. Fires ``repair_opened`` once at its start."""
        known = self._open.get(issue_id)
        # Whoever reads it has something to do, also where what failed said nothing that helps.
        step = next_step.strip() or NO_STEP
        repair = Repair(issue_id, camera_id, severity, sentence, step, self._utc_ns())
        if known is not None:
            self._open[issue_id] = replace(repair, since_utc_ns=known.since_utc_ns)
            return
        self._open[issue_id] = repair
        self._bus.async_fire("repair_opened", {"issue_id": issue_id, "camera_id": camera_id, "sentence": sentence})

    def async_delete(self, issue_id: str) -> None:
        """Close it. Fires ``repair_closed`` once at its end; nothing when it was not open."""
        repair = self._open.pop(issue_id, None)
        if repair is not None:
            self._bus.async_fire("repair_closed", {"issue_id": issue_id, "camera_id": repair.camera_id})

    def async_delete_for_camera(self, camera_id: str) -> None:
        """Close all that belong to a camera that was removed."""
        for issue_id in [r.issue_id for r in self._open.values() if r.camera_id == camera_id]:
            self.async_delete(issue_id)

    def async_all(self) -> list[Repair]:
        """Open repairs, the gravest first, then the oldest."""
        return sorted(self._open.values(), key=lambda r: (_ORDER[r.severity], r.since_utc_ns))
