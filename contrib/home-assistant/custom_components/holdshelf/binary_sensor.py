"""Whether a camera is recorded and connected, and whether the recorder has a problem."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from homeassistant.components.binary_sensor import (
    BinarySensorDeviceClass,
    BinarySensorEntity,
    BinarySensorEntityDescription,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import HoldshelfConfigEntry
from .entity import HoldshelfEntity, async_add

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class HoldshelfBinarySensorDescription(BinarySensorEntityDescription):
    """Its key is the field that it shows. ``attributes``: what it says beside its state."""

    attributes: Callable[[dict[str, Any]], dict[str, Any]] | None = None


OF_RECORDER = (
    HoldshelfBinarySensorDescription(
        key="problem",
        translation_key="problem",
        device_class=BinarySensorDeviceClass.PROBLEM,
        attributes=lambda told: {"conditions": [one["words"] for one in told.get("conditions", [])]},
    ),
)
OF_CAMERAS = (
    HoldshelfBinarySensorDescription(
        key="recording", translation_key="recording", device_class=BinarySensorDeviceClass.RUNNING
    ),
    HoldshelfBinarySensorDescription(
        key="connected", translation_key="connected", device_class=BinarySensorDeviceClass.CONNECTIVITY
    ),
)


async def async_setup_entry(
    _hass: HomeAssistant, entry: HoldshelfConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add them."""
    async_add(entry, async_add_entities, HoldshelfBinarySensor, OF_RECORDER, OF_CAMERAS)


class HoldshelfBinarySensor(HoldshelfEntity, BinarySensorEntity):
    """On or off, as the recorder says."""

    entity_description: HoldshelfBinarySensorDescription

    @property
    def field(self) -> str:
        """What it shows of what the recorder told."""
        return self.entity_description.key

    @property
    def is_on(self) -> bool | None:
        """None while it is not known."""
        return self.told.get(self.field)

    @property
    def extra_state_attributes(self) -> dict[str, Any] | None:
        """What it says beside its state."""
        attributes = self.entity_description.attributes
        return attributes(self.told) if attributes else None
