"""Holdshelf: the state of a recording server and its cameras, as it tells it by MQTT. It is never asked, nor commanded."""

from __future__ import annotations

import asyncio

from homeassistant.components import mqtt
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ConfigEntryNotReady
from homeassistant.helpers import device_registry as dr

from .const import ABOUT_TIMEOUT_S, DOMAIN, PLATFORMS
from .coordinator import HoldshelfConfigEntry, HoldshelfCoordinator


async def async_setup_entry(hass: HomeAssistant, entry: HoldshelfConfigEntry) -> bool:
    """Listen to a recorder. Raises ConfigEntryNotReady until the broker knows of it."""
    if not await mqtt.async_wait_for_mqtt_client(hass):
        raise ConfigEntryNotReady(translation_domain=DOMAIN, translation_key="no_mqtt")
    coordinator = HoldshelfCoordinator(hass, entry)
    entry.runtime_data = coordinator
    await coordinator.async_subscribe()
    try:
        async with asyncio.timeout(ABOUT_TIMEOUT_S):
            await coordinator.known.wait()
    except TimeoutError:
        raise ConfigEntryNotReady(
            translation_domain=DOMAIN, translation_key="not_heard", translation_placeholders={"topic": coordinator.base}
        ) from None
    registry = dr.async_get(hass)
    if not coordinator.makes_entities:
        for device in dr.async_entries_for_config_entry(registry, entry.entry_id):
            registry.async_update_device(device.id, remove_config_entry_id=entry.entry_id)
        return True
    registry.async_get_or_create(
        config_entry_id=entry.entry_id,
        identifiers={(DOMAIN, coordinator.id)},
        name=coordinator.about["title"],
        manufacturer="Holdshelf",
        model="Recorder",
        sw_version=coordinator.about.get("version"),
    )
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    coordinator.has_platforms = True
    return True


async def async_unload_entry(hass: HomeAssistant, entry: HoldshelfConfigEntry) -> bool:
    """Stop listening; its repairs go."""
    return not entry.runtime_data.has_platforms or await hass.config_entries.async_unload_platforms(entry, PLATFORMS)
