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

from . import payloads
from .const import CONF_ID, DOMAIN, EXPIRE_AFTER_S, KINDS, NEWER_KIND, OFFLINE, ONLINE, SILENT

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
        self._warned: set[str] = set()
        """What came and was not as it should be: said once, however often it comes."""

    @property
    def makes_entities(self) -> bool:
        """Whether the recorder leaves them to this integration: MQTT discovery and it never both make them."""
        return not self.about["discovery"]

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

    def _is_whole(self, what: str, bad: tuple[str, ...]) -> bool:
        """Whether nothing of ``what`` is bad. A warning says so the first time, until the entry is loaded anew."""
        if bad:
            level = logging.DEBUG if what in self._warned else logging.WARNING
            self._warned.add(what)
            _LOGGER.log(level, "What came of %s/%s is not what a recorder tells (%s)", self.base, what, ", ".join(bad))
        return not bad

    def _read(self, what: str, message: ReceiveMessage) -> Payload | None:
        """Return a payload's object; None, and a warning, where it is none. What was taken away from the broker is empty."""
        told = payloads.read(message.payload)
        if told is None and message.payload:
            self._is_whole(what, ("no JSON object",))
        return told

    @callback
    def _about_came(self, message: ReceiveMessage) -> None:
        told = self._read("about", message)
        if told is None:
            return
        about = payloads.about(message.topic, told)
        self._is_whole("about", about.bad)
        if payloads.NEEDED.intersection(about.bad):
            return
        before, self.about = self.about, about.fields
        self.known.set()
        if before and before["discovery"] != self.about["discovery"]:
            self.hass.config_entries.async_schedule_reload(self.config_entry.entry_id)

    @callback
    def _availability_came(self, message: ReceiveMessage) -> None:
        if not self._is_whole("availability", () if message.payload in (ONLINE, OFFLINE, "") else ("another word",)):
            return
        self.data.online = message.payload == ONLINE
        if not self.data.online:
            self._silent()
        self.async_set_updated_data(self.data)

    @callback
    def _recorder_came(self, message: ReceiveMessage) -> None:
        if message.retain or (told := self._read("state", message)) is None:
            return
        state, bad = payloads.recorder(told)
        self._is_whole("state", bad)
        self.data.heard_at = dt_util.utcnow()
        self._keep(RECORDER, state)
        if "cameras" in state:
            self._forget_cameras(state["cameras"])
        self._delete_issue(SILENT)
        self._sync_issues(state["conditions"], are_all="conditions" not in bad)
        self.async_set_updated_data(self.data)

    @callback
    def _camera_came(self, message: ReceiveMessage) -> None:
        if message.retain:
            return
        camera = payloads.camera_of(message.topic)
        is_known = camera in self.data.states
        if camera is None or (not is_known and len(self.data.states) > payloads.MOST_CAMERAS):
            self._is_whole("camera", ("a camera that there cannot be",))
            return
        told = self._read(f"camera/{camera}" if is_known else "camera", message)
        if told is None:
            return
        state, bad = payloads.camera(told)
        self._keep(camera, state)
        self._is_whole(f"camera/{camera}", bad)
        self._rename(camera, state.get("name"))
        self.async_set_updated_data(self.data)

    @callback
    def _head_came(self, message: ReceiveMessage) -> None:
        if message.retain or (told := self._read("log_head", message)) is None:
            return
        head, bad = payloads.log_head(told)
        if not self._is_whole("log_head", bad):
            return
        self.log_head = head
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
        self._expiries[which] = async_call_later(self.hass, self.about.get("expire_after_s", EXPIRE_AFTER_S), expire)

    def _device(self, camera: str) -> dr.DeviceEntry | None:
        return dr.async_get(self.hass).async_get_device({(DOMAIN, self.camera_key(camera))})

    def camera_key(self, camera: str) -> str:
        """A camera in Home Assistant's registries."""
        return f"{self.id}_camera_{camera}"

    def _rename(self, camera: str, name: str | None) -> None:
        device = self._device(camera)
        if device is not None and name is not None and device.name != name:
            dr.async_get(self.hass).async_update_device(device.id, name=name)

    def _forget_cameras(self, cameras: list[str]) -> None:
        """Remove what the recorder no longer has."""
        for camera in self.data.states.keys() - {RECORDER, *cameras}:
            self.data.states.pop(camera)
            self._warned.discard(f"camera/{camera}")
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

    def _sync_issues(self, conditions: list[Payload], *, are_all: bool) -> None:
        """Have the recorder's conditions as repairs, and no others where they ``are_all``. A notice is none."""
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
        for key in self._issues - wanted - {SILENT} if are_all else ():
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
