"""What may go into an issue report: states and conditions, without names."""

from __future__ import annotations

from typing import Any

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.core import HomeAssistant

from .coordinator import RECORDER, HoldshelfConfigEntry

TO_REDACT = {"id", "title", "name", "words"}


async def async_get_config_entry_diagnostics(_hass: HomeAssistant, entry: HoldshelfConfigEntry) -> dict[str, Any]:
    """Return what is known of a recorder; its cameras are numbered, since their ids are made from their names."""
    coordinator = entry.runtime_data
    recorder = dict(coordinator.data.states.get(RECORDER, {}))
    if (oldest := recorder.get("oldest")) is not None:
        recorder["oldest"] = oldest.isoformat()
    cameras = sorted({*recorder.get("cameras", []), *(coordinator.data.states.keys() - {RECORDER})})
    numbers = {camera: f"camera {number}" for number, camera in enumerate(cameras, start=1)}
    recorder["cameras"] = [numbers[camera] for camera in recorder.get("cameras", [])]
    recorder["conditions"] = [
        {**one, "camera": numbers.get(one["camera"], "")} for one in recorder.get("conditions", [])
    ]
    told = {
        "about": coordinator.about,
        "makes_entities": coordinator.makes_entities,
        "online": coordinator.data.online,
        "heard_at": coordinator.data.heard_at.isoformat() if coordinator.data.heard_at else None,
        "recorder": recorder,
        "cameras": {numbers[id]: state for id, state in coordinator.data.states.items() if id != RECORDER},
    }
    return async_redact_data(told, TO_REDACT)
