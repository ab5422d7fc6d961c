"""The head of the access log, kept here too: whoever rewrites the log cannot rewrite what Home Assistant has seen."""

from __future__ import annotations

from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import HoldshelfConfigEntry
from .entity import HoldshelfEntity, async_add

PARALLEL_UPDATES = 0
OF_RECORDER = (
    EventEntityDescription(
        key="log_head", translation_key="log_head", entity_category=EntityCategory.DIAGNOSTIC, event_types=["head"]
    ),
)


async def async_setup_entry(
    _hass: HomeAssistant, entry: HoldshelfConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add it."""
    async_add(entry, async_add_entities, HoldshelfEvent, OF_RECORDER, ())


class HoldshelfEvent(HoldshelfEntity, EventEntity):
    """An event for each new head."""

    async def async_added_to_hass(self) -> None:
        """Listen."""
        await super().async_added_to_hass()
        listeners = self.coordinator.head_listeners
        listeners.append(self._came)
        self.async_on_remove(lambda: listeners.remove(self._came))

    @property
    def available(self) -> bool:
        """An event does not grow old."""
        return self.coordinator.data.online

    @callback
    def _came(self) -> None:
        self._trigger_event("head", self.coordinator.log_head)
        self.async_write_ha_state()
