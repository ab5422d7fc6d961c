"""Repairs: conditions that a person must fix. One plain sentence, one next step; removed when the condition ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from holdshelf_core.integration.bus import EventBus

type Severity = Literal["notice", "warning", "error"]
"""A notice is a step that a person has yet to take: monitoring need not alert for it."""
type CameraCondition = Literal["camera_certificate", "camera_clock", "camera_identity", "camera_profile"]
"""What a repair of an integration is told as in alerts (docs/alerts.md), whose own words never leave the house."""
NO_STEP = "Run `holdshelf doctor`: it shows what is wrong."
_ORDER = {"error": 0, "warning": 1, "notice": 2}


@dataclass(frozen=True, slots=True)
class Repair:
    """One condition. ``issue_id`` is stable: raising it again updates the sentence but not its start time.

    ``condition``: what it is told as in alerts; None: the core knows it by its id.
    """

    issue_id: str
    camera_id: str | None
    severity: Severity
    sentence: str
    next_step: str
    since_utc_ns: int
    condition: CameraCondition | None = None


class RepairRegistry:
    """All open repairs, in memory: after a restart, each is raised again by the code that sees the condition."""

    def __init__(self, bus: EventBus, utc_ns: Callable[[], int]) -> None:
        self._bus = bus
        self._utc_ns = utc_ns
        self._open: dict[str, Repair] = {}

    def async_create(
        self,
        issue_id: str,
        *,
        camera_id: str | None,
        severity: Severity = "warning",
        sentence: str,
        next_step: str,
        condition: CameraCondition | None = None,
    ) -> None:
        """Open a repair, or update its text. Fires ``repair_opened`` once at its start.

        ``condition``: given by an integration, whose ids the core does not know.
        """
        known = self._open.get(issue_id)
        # Readers always need something to do, even if the failure itself suggested nothing.
        step = next_step.strip() or NO_STEP
        repair = Repair(issue_id, camera_id, severity, sentence, step, self._utc_ns(), condition)
        if known is not None:
            self._open[issue_id] = replace(repair, since_utc_ns=known.since_utc_ns)
            return
        self._open[issue_id] = repair
        self._bus.async_fire("repair_opened", {"issue_id": issue_id, "camera_id": camera_id, "sentence": sentence})

    def async_delete(self, issue_id: str) -> None:
        """Close a repair. Fires ``repair_closed`` once; does nothing when it was not open."""
        repair = self._open.pop(issue_id, None)
        if repair is not None:
            self._bus.async_fire("repair_closed", {"issue_id": issue_id, "camera_id": repair.camera_id})

    def async_delete_for_camera(self, camera_id: str) -> None:
        """Close all repairs of a camera that was removed."""
        for issue_id in [r.issue_id for r in self._open.values() if r.camera_id == camera_id]:
            self.async_delete(issue_id)

    def async_all(self) -> list[Repair]:
        """Return open repairs, most severe first, then oldest first."""
        return sorted(self._open.values(), key=lambda r: (_ORDER[r.severity], r.since_utc_ns))
