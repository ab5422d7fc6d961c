"""What the entities of a recorder and of a camera have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from homeassistant.core import callback
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .const import DOMAIN
from .coordinator import RECORDER, HoldshelfConfigEntry, HoldshelfCoordinator


class HoldshelfEntity(CoordinatorEntity[HoldshelfCoordinator]):
    """An entity of the recorder, or of the camera ``which``."""

    _attr_has_entity_name = True

    def __init__(self, coordinator: HoldshelfCoordinator, which: str, description: EntityDescription) -> None:
        """Belong to a device."""
        super().__init__(coordinator)
        self.entity_description = description
        self.which = which
        if which == RECORDER:
            self._attr_unique_id = f"{coordinator.id}_{description.key}"
            self._attr_device_info = DeviceInfo(identifiers={(DOMAIN, coordinator.id)})
        else:
            key = coordinator.camera_key(which)
            self._attr_unique_id = f"{key}_{description.key}"
            self._attr_device_info = DeviceInfo(
                identifiers={(DOMAIN, key)},
                name=coordinator.data.states[which].get("name", which),
                manufacturer="Holdshelf",
                model="Camera",
                via_device=(DOMAIN, coordinator.id),
            )

    @property
    def field(self) -> str:
        """The field that it shows."""
        raise NotImplementedError

    @property
    def available(self) -> bool:
        """Whether the recorder is there, and told of this not too long ago, in a way that is understood."""
        return self.coordinator.data.online and self.field in self.told

    @property
    def told(self) -> dict[str, Any]:
        """The newest state of its device."""
        return self.coordinator.data.states.get(self.which, {})


def async_add[D: EntityDescription](
    entry: HoldshelfConfigEntry,
    add: AddConfigEntryEntitiesCallback,
    make: Callable[[HoldshelfCoordinator, str, D], Entity],
    of_recorder: Iterable[D],
    of_cameras: Iterable[D],
) -> None:
    """Add the recorder's entities, and a camera's when it is first told of; again after it was away."""
    coordinator = entry.runtime_data
    add(make(coordinator, RECORDER, one) for one in of_recorder)
    known: set[str] = set()

    @callback
    def changed() -> None:
        there = coordinator.data.states.keys() - {RECORDER}
        new = there - known
        listed = coordinator.data.states.get(RECORDER, {}).get("cameras")
        if listed is not None:
            known.intersection_update(listed)
        known.update(new)
        add(make(coordinator, camera, one) for camera in sorted(new) for one in of_cameras)

    changed()
    entry.async_on_unload(coordinator.async_add_listener(changed))
