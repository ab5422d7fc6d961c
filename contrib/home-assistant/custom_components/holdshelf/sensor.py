"""How much is kept, how long it will last, and why a camera is not recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import EntityCategory, UnitOfInformation, UnitOfTime
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import REASONS
from .coordinator import HoldshelfConfigEntry
from .entity import HoldshelfEntity, async_add

PARALLEL_UPDATES = 0
type Value = str | int | float | datetime | None


@dataclass(frozen=True, kw_only=True)
class HoldshelfSensorDescription(SensorEntityDescription):
    """``field``: what it shows of what the recorder told, in the words of ``value``."""

    field: str
    value: Callable[[Any], Value] = lambda told: told


def _days(key: str) -> HoldshelfSensorDescription:
    return HoldshelfSensorDescription(
        key=key,
        translation_key=key,
        device_class=SensorDeviceClass.DURATION,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfTime.DAYS,
        suggested_display_precision=1,
        field=key,
    )


def _reason(told: str | None) -> str | None:
    """One of a newer recorder is not known here."""
    return told if told in REASONS else None


OF_RECORDER = (
    _days("days_kept"),
    _days("days_forecast"),
    HoldshelfSensorDescription(
        key="oldest", translation_key="oldest", device_class=SensorDeviceClass.TIMESTAMP, field="oldest"
    ),
    HoldshelfSensorDescription(
        key="free",
        translation_key="free",
        device_class=SensorDeviceClass.DATA_SIZE,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfInformation.BYTES,
        suggested_unit_of_measurement=UnitOfInformation.GIGABYTES,
        suggested_display_precision=1,
        field="free_bytes",
    ),
    HoldshelfSensorDescription(
        key="reviews_overdue",
        translation_key="reviews_overdue",
        state_class=SensorStateClass.MEASUREMENT,
        field="reviews_overdue",
    ),
)
OF_CAMERAS = (
    HoldshelfSensorDescription(
        key="reason",
        translation_key="reason",
        device_class=SensorDeviceClass.ENUM,
        entity_category=EntityCategory.DIAGNOSTIC,
        options=list(REASONS),
        field="reason",
        value=_reason,
    ),
    _days("days_kept"),
)


async def async_setup_entry(
    _hass: HomeAssistant, entry: HoldshelfConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add them."""
    async_add(entry, async_add_entities, HoldshelfSensor, OF_RECORDER, OF_CAMERAS)


class HoldshelfSensor(HoldshelfEntity, SensorEntity):
    """A figure, a time or a reason."""

    entity_description: HoldshelfSensorDescription

    @property
    def field(self) -> str:
        """What it shows of what the recorder told."""
        return self.entity_description.field

    @property
    def native_value(self) -> Value:
        """None while it is not known."""
        return self.entity_description.value(self.told.get(self.field))
