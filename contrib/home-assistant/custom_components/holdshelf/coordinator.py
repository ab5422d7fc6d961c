"""What a recorder tells, from its topics; and the repairs that come and go with it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from homeassistant.components import mqtt
from homeassistant.components.mqtt import ReceiveMessage
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JSON_DECODE_EXCEPTIONS, json_loads_object

from .const import CONF_ID, DOMAIN, FORMAT, KINDS, NEWER_KIND, ONLINE, SILENT

_LOGGER = logging.getLogger(__name__)
RECORDER = ""
"""In place of a camera's id, the recorder itself."""

type HoldshelfConfigEntry = ConfigEntry[HoldshelfCoordinator]
type Payload = dict[str, Any]


@dataclass
class Told:
    """What was heard. ``states``: of the recorder and of each camera, as far as they are not too old."""

    online: bool = False
    states: dict[str, Payload] = field(default_factory=dict)
    heard_at: datetime | None = None


class HoldshelfCoordinator(DataUpdateCoordinator[Told]):
    """Takes what is pushed; asks for nothing, and publishes nothing."""

    config_entry: HoldshelfConfigEntry

    def __init__(self, hass: HomeAssistant, entry: HoldshelfConfigEntry) -> None:
        """Begin with nothing heard."""
        super().__init__(hass, _LOGGER, config_entry=entry, name=entry.title, update_interval=None)
        self.id: str = entry.data[CONF_ID]
        self.base = f"{DOMAIN}/{self.id}"
        self.about: Payload = {}
        self.known = asyncio.Event()
        self.data = Told()
        self.has_platforms = False
        self.log_head: Payload | None = None
        """The newest, for its event."""
        self.head_listeners: list[CALLBACK_TYPE] = []
        self._expiries: dict[str, CALLBACK_TYPE] = {}
        self._issues: set[str] = set()

    @property
    def makes_entities(self) -> bool:
        """Whether the recorder leaves them to this integration: MQTT discovery and it never both make them."""
        return not self.about.get("discovery", False)

    async def async_subscribe(self) -> None:
        """Listen until the entry is unloaded."""
        topics: dict[str, Callable[[ReceiveMessage], None]] = {
            "about": self._about_came,
            "availability": self._availability_came,
            "state": self._recorder_came,
            "camera/+/state": self._camera_came,
            "log_head": self._head_came,
        }
        for topic, came in topics.items():
            self.config_entry.async_on_unload(
                await mqtt.async_subscribe(self.hass, f"{self.base}/{topic}", came, qos=1)
            )
        self.config_entry.async_on_unload(self._end)

    @callback
    def _end(self) -> None:
        for cancel in self._expiries.values():
            cancel()
        self._expiries.clear()
        for issue in tuple(self._issues):
            self._delete_issue(issue)

    @callback
    def _about_came(self, message: ReceiveMessage) -> None:
        told = read(message)
        if told is None or told.get("id") != self.id:
            return
        if told.get("format") != FORMAT:
            _LOGGER.warning("%s tells of itself in a form that this version does not understand", self.base)
            return
        before, self.about = self.about, told
        self.known.set()
        if before and before.get("discovery") != told.get("discovery"):
            self.hass.config_entries.async_schedule_reload(self.config_entry.entry_id)

    @callback
    def _availability_came(self, message: ReceiveMessage) -> None:
        self.data.online = message.payload == ONLINE
        if not self.data.online:
            self._silent()
        self.async_set_updated_data(self.data)

    @callback
    def _recorder_came(self, message: ReceiveMessage) -> None:
        told = read(message)
        if told is None or message.retain:
            return
        self.data.heard_at = dt_util.utcnow()
        self._keep(RECORDER, told)
        self._forget_cameras(told.get("cameras", []))
        self._delete_issue(SILENT)
        self._sync_issues(told.get("conditions", []))
        self.async_set_updated_data(self.data)

    @callback
    def _camera_came(self, message: ReceiveMessage) -> None:
        told = read(message)
        if told is None or message.retain:
            return
        camera = message.topic.split("/")[3]
        self._keep(camera, told)
        self._rename(camera, told.get("name"))
        self.async_set_updated_data(self.data)

    @callback
    def _head_came(self, message: ReceiveMessage) -> None:
        told = read(message)
        if told is None or message.retain:
            return
        self.log_head = told
        for listener in self.head_listeners:
            listener()

    def _keep(self, which: str, told: Payload) -> None:
        """Keep a state until it is too old."""
        if cancel := self._expiries.pop(which, None):
            cancel()

        @callback
        def expire(_now: datetime) -> None:
            self._expiries.pop(which, None)
            self.data.states.pop(which, None)
            if which == RECORDER:
                self._silent()
            self.async_set_updated_data(self.data)

        self.data.states[which] = told
        self._expiries[which] = async_call_later(self.hass, self.about.get("expire_after_s", 60), expire)

    def _device(self, camera: str) -> dr.DeviceEntry | None:
        return dr.async_get(self.hass).async_get_device({(DOMAIN, self.camera_key(camera))})

    def camera_key(self, camera: str) -> str:
        """A camera in Home Assistant's registries."""
        return f"{self.id}_camera_{camera}"

    def _rename(self, camera: str, name: Any) -> None:
        device = self._device(camera)
        if device is not None and isinstance(name, str) and device.name != name:
            dr.async_get(self.hass).async_update_device(device.id, name=name)

    def _forget_cameras(self, cameras: list[str]) -> None:
        """Remove what the recorder no longer has."""
        for camera in self.data.states.keys() - {RECORDER, *cameras}:
            self.data.states.pop(camera)
            if cancel := self._expiries.pop(camera, None):
                cancel()
        registry = dr.async_get(self.hass)
        kept = {(DOMAIN, self.id), *((DOMAIN, self.camera_key(camera)) for camera in cameras)}
        for device in dr.async_entries_for_config_entry(registry, self.config_entry.entry_id):
            if not device.identifiers & kept:
                registry.async_update_device(device.id, remove_config_entry_id=self.config_entry.entry_id)

    def _silent(self) -> None:
        """The recorder is off, or nothing was heard of it for too long. What was wrong before may still be."""
        self._create_issue(SILENT, SILENT, ir.IssueSeverity.ERROR, {"title": self.config_entry.title})

    def _sync_issues(self, conditions: list[Payload]) -> None:
        """Have the recorder's conditions as repairs, and no others. A notice waits for a person, and is none."""
        wanted = set()
        for one in conditions:
            if one["severity"] == "notice":
                continue
            key = f"{one['kind']}_{one['camera']}" if one["camera"] else one["kind"]
            wanted.add(key)
            known = one["kind"] in KINDS
            placeholders = {
                "title": self.config_entry.title,
                "camera": one["name"],
                "id": one["camera"],
                "count": str(one["count"]),
                "words": one["words"],
            }
            severity = ir.IssueSeverity.ERROR if one["severity"] == "error" else ir.IssueSeverity.WARNING
            self._create_issue(key, one["kind"] if known else NEWER_KIND, severity, placeholders)
        for key in self._issues - wanted - {SILENT}:
            self._delete_issue(key)

    def _create_issue(self, key: str, words: str, severity: ir.IssueSeverity, placeholders: dict[str, str]) -> None:
        self._issues.add(key)
        ir.async_create_issue(
            self.hass,
            DOMAIN,
            f"{self.id}_{key}",
            is_fixable=False,
            severity=severity,
            translation_key=words,
            translation_placeholders=placeholders,
        )

    def _delete_issue(self, key: str) -> None:
        self._issues.discard(key)
        ir.async_delete_issue(self.hass, DOMAIN, f"{self.id}_{key}")


def read(message: ReceiveMessage) -> Payload | None:
    """Return a payload's object; None for what is none."""
    try:
        return json_loads_object(message.payload)
    except JSON_DECODE_EXCEPTIONS:
        _LOGGER.debug("What came of %s is not JSON", message.topic)
        return None
