"""What an admin may pass on to get help: secrets and hosts are removed from every text."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from holdshelf_core.integration import ConfigEntry, Holdshelf
from holdshelf_core.integration.redact import redact, secrets_of

from .const import CONF_OTHER_SERIAL, CONF_PROFILE, CONF_SERIAL
from .coordinator import OnvifCoordinator, loaded_coordinator


async def async_get_diagnostics(_holdshelf: Holdshelf, entry: ConfigEntry[OnvifCoordinator]) -> dict[str, Any]:
    """Return the entry and the camera's data, JSON-serializable."""
    told: dict[str, Any] = {"entry": {"title": entry.title, "state": str(entry.state), "data": entry.data}}
    serials = [str(entry.data[key]) for key in (CONF_SERIAL, CONF_OTHER_SERIAL) if entry.data.get(key)]
    coordinator = loaded_coordinator(entry)
    if coordinator is not None:
        told["clock_skew_s"] = coordinator.clock_skew_s
        told["notes"] = coordinator.notes
        events = coordinator.events
        told["events"] = {"listening": events.listening, "dropped": events.dropped, "broken": events.broken}
        told["available"] = coordinator.available
        told["error"] = str(coordinator.error) if coordinator.error else None
        if description := coordinator.data:
            information = description.information
            serials += [information.serial_number, information.hardware_id]
            told["device"] = asdict(information)
            told["profiles"] = [asdict(profile) for profile in description.profiles]
            told[CONF_PROFILE] = description.profile.token
    redacted: dict[str, Any] = redact(told, secrets_of(entry, serials))
    return redacted
