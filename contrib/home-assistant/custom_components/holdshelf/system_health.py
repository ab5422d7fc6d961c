"""How many recorders are heard, for Home Assistant's page on its own health."""

from __future__ import annotations

from typing import Any

from homeassistant.components import mqtt
from homeassistant.components.system_health import SystemHealthRegistration
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback

from .const import DOMAIN
from .coordinator import RECORDER, HoldshelfConfigEntry


@callback
def async_register(_hass: HomeAssistant, register: SystemHealthRegistration) -> None:
    """Have Home Assistant ask `system_health_info` for its page."""
    register.async_register_info(system_health_info)


async def system_health_info(hass: HomeAssistant) -> dict[str, Any]:
    """Return what the page shows: the broker, and of all recorders how many are heard, what is wrong, their versions."""
    entries: list[HoldshelfConfigEntry] = hass.config_entries.async_entries(DOMAIN)
    loaded = [one.runtime_data for one in entries if one.state is ConfigEntryState.LOADED]
    return {
        "broker_connected": mqtt.is_connected(hass),
        "recorders": len(entries),
        "recorders_heard": sum(one.data.online and RECORDER in one.data.states for one in loaded),
        "conditions": sum(len(one.data.states.get(RECORDER, {}).get("conditions", [])) for one in loaded),
        "versions": ", ".join(sorted({str(one.about.get("version")) for one in loaded})),
    }
