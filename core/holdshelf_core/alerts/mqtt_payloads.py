"""What is published by MQTT: a report as topics and payloads, and how Home Assistant makes entities of them.

Topics, of the recorder ID:

- ``holdshelf/ID/about`` (retained): what it is called, its version, whether it announces entities by discovery.
- ``holdshelf/ID/availability`` (retained): online, or offline, which is the last will, too.
- ``holdshelf/ID/state`` and ``holdshelf/ID/camera/CAMERA/state``: the state, as JSON. Not retained: an old
  one is never taken for new.
- ``holdshelf/ID/log_head``: an event, when the log's head has changed.
- ``homeassistant/device/holdshelf_ID/recorder/config`` and ``…/camera_CAMERA/config`` (retained): discovery.

Pure functions. Topics and fields are those of the allow-list; values come from a `Report` (ADR 56), and the recorder's id and
title from the settings. Times are RFC 3339 in UTC, sizes bytes, days with one decimal, so that Home Assistant's history does
not fill with noise.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from holdshelf_core.alerts import allowed
from holdshelf_core.alerts.allowed import (
    CAMERA_ID,
    REASONS,
    REVIEWS_OVERDUE,
    CameraState,
    Condition,
    Report,
    Topic,
)
from holdshelf_core.alerts.types import MqttWay
from holdshelf_core.times import rfc3339

FORMAT: Final = 1
"""Of these topics; told in ``about``."""
EXPIRE_AFTER_S: Final = 60
"""After so long without a report, Home Assistant shows an entity as unavailable. Reports come every ten seconds."""
ONLINE, OFFLINE = b"online", b"offline"

type Payload = dict[str, Any]


class Message(msgspec.Struct, frozen=True):
    """To be published. An empty ``payload`` that is retained removes what the broker keeps of the topic."""

    topic: str
    payload: bytes
    retain: bool = False

    def __post_init__(self) -> None:
        allowed.check_topic(self.topic)


def base(way: MqttWay) -> str:
    """Return what all topics begin with but discovery's."""
    return f"holdshelf/{way.id}"


def announced_under(way: MqttWay) -> str:
    """Return what the topics of discovery begin with."""
    return allowed.DISCOVERY.path.partition("{device}")[0].format(id=way.id)


def about(way: MqttWay, version: str) -> Message:
    """Return what the recorder is: by this the integration finds it, and does not double what discovery makes."""
    told = {
        "format": FORMAT,
        "id": way.id,
        "title": way.title,
        "version": version,
        "discovery": way.discovery,
        "expire_after_s": EXPIRE_AFTER_S,
    }
    return _message(allowed.ABOUT, way, told)


def availability(way: MqttWay, payload: bytes) -> Message:
    """Return `ONLINE` or `OFFLINE` for all entities."""
    return Message(_availability_topic(way), payload, retain=allowed.AVAILABILITY.retain)


def states(way: MqttWay, report: Report) -> list[Message]:
    """Return the state of the recorder, then of each camera."""
    names = {camera.id: camera.name for camera in report.cameras}
    recorder = {
        "at": _time(report.at_utc_ns),
        "days_kept": round(report.days_kept, 1),
        "oldest": _time(report.oldest_utc_ns),
        "free_bytes": report.disk_free_bytes,
        "days_forecast": None if report.days_forecast is None else round(report.days_forecast, 1),
        "problem": report.problem,
        "reviews_overdue": report.count(REVIEWS_OVERDUE),
        "cameras": [camera.id for camera in _told(report)],
        "conditions": [_condition(one, names) for one in report.conditions],
    }
    return [
        _message(allowed.STATE, way, recorder),
        *(_message(allowed.CAMERA_STATE, way, _camera_state(camera), camera.id) for camera in _told(report)),
    ]


def log_head(way: MqttWay, report: Report) -> Message | None:
    """Return the head of the log as an event; None while the log cannot be read."""
    if not report.log_head:
        return None
    told = {"event_type": "head", "head": report.log_head, "entries": report.log_size, "at": _time(report.at_utc_ns)}
    return _message(allowed.LOG_HEAD, way, told)


def discovery(way: MqttWay, report: Report) -> list[Message]:
    """Return a device for the recorder and one for each camera; none where discovery is off."""
    if not way.discovery:
        return []
    found = [_device(way, report.version, "recorder", way.title, allowed.STATE.at(way.id), _RECORDER)]
    for one in _told(report):
        state_topic = allowed.CAMERA_STATE.at(way.id, one.id)
        found.append(_device(way, report.version, f"camera_{one.id}", one.name, state_topic, _CAMERA))
    return found


def _told(report: Report) -> Iterable[CameraState]:
    """The cameras whose ids can stand in a topic: all of them, unless somebody wrote to the register by hand."""
    return (camera for camera in report.cameras if CAMERA_ID.fullmatch(camera.id))


def _message(topic: Topic, way: MqttWay, told: Payload, camera: str = "", device: str = "") -> Message:
    """Raises NotAllowed for a topic or a field that is not on the list."""
    topic.check(told)
    return Message(topic.at(way.id, camera, device), msgspec.json.encode(told), topic.retain)


def _availability_topic(way: MqttWay) -> str:
    return allowed.AVAILABILITY.at(way.id)


def _camera_state(camera: CameraState) -> Payload:
    return {
        "name": camera.name,
        "recording": camera.recording,
        "connected": camera.connected,
        "reason": camera.reason,
        "days_kept": round(camera.days_kept, 1),
    }


def _condition(one: Condition, names: dict[str, str]) -> Payload:
    name = names.get(one.camera, one.camera)
    return {
        "kind": one.kind,
        "severity": one.severity,
        "camera": one.camera,
        "name": name,
        "since": _time(one.since_utc_ns),
        "count": one.count,
        "words": allowed.words(one.kind, name, one.count),
    }


def _on(field: str) -> str:
    return f"{{{{ 'ON' if value_json.{field} else 'OFF' }}}}"


def _value(field: str) -> str:
    return f"{{{{ value_json.{field} }}}}"


_DAYS: Final[Payload] = {
    "platform": "sensor",
    "device_class": "duration",
    "state_class": "measurement",
    "unit_of_measurement": "d",
    "suggested_display_precision": 1,
}
_RECORDER: Final[dict[str, Payload]] = {
    "problem": {
        "platform": "binary_sensor",
        "name": "Problem",
        "device_class": "problem",
        "value_template": _on("problem"),
        "json_attributes_topic": "~/state",
        "json_attributes_template": "{{ {'conditions': value_json.conditions | map(attribute='words') | list} | tojson }}",
    },
    "days_kept": {**_DAYS, "name": "Days kept", "value_template": _value("days_kept")},
    "days_forecast": {**_DAYS, "name": "Forecast", "value_template": _value("days_forecast")},
    "oldest": {
        "platform": "sensor",
        "name": "Oldest footage",
        "device_class": "timestamp",
        "value_template": _value("oldest"),
    },
    "free": {
        "platform": "sensor",
        "name": "Free space",
        "device_class": "data_size",
        "state_class": "measurement",
        "unit_of_measurement": "GB",
        "value_template": "{{ (value_json.free_bytes / 1e9) | round(1) }}",
    },
    "reviews_overdue": {
        "platform": "sensor",
        "name": "Reviews overdue",
        "icon": "mdi:calendar-alert",
        "state_class": "measurement",
        "value_template": _value("reviews_overdue"),
    },
    "log_head": {
        "platform": "event",
        "name": "Log head",
        "icon": "mdi:book-lock",
        "entity_category": "diagnostic",
        "event_types": ["head"],
        "state_topic": "~/log_head",
    },
}
_CAMERA: Final[dict[str, Payload]] = {
    "recording": {
        "platform": "binary_sensor",
        "name": "Recording",
        "device_class": "running",
        "value_template": _on("recording"),
    },
    "connected": {
        "platform": "binary_sensor",
        "name": "Connected",
        "device_class": "connectivity",
        "value_template": _on("connected"),
    },
    "reason": {
        "platform": "sensor",
        "name": "Reason",
        "device_class": "enum",
        "entity_category": "diagnostic",
        "options": list(REASONS),
        "value_template": _value("reason"),
    },
    "days_kept": {**_DAYS, "name": "Days kept", "value_template": _value("days_kept")},
}


def _device(
    way: MqttWay, version: str, part: str, name: str, state_topic: str, components: dict[str, Payload]
) -> Message:
    node = _node(way)
    device: Payload = {
        "identifiers": [node if part == "recorder" else f"{node}_{part}"],
        "name": name,
        "manufacturer": "Holdshelf",
    }
    if part == "recorder":
        device |= {"model": "Recorder", "sw_version": version}
    else:
        device |= {"model": "Camera", "via_device": node}
    told = {
        "device": device,
        "origin": {"name": "Holdshelf", "sw_version": version},
        "availability_topic": _availability_topic(way),
        "state_topic": state_topic,
        "components": {
            key: {
                **{field: _under(way, value) for field, value in component.items()},
                "unique_id": f"{node}_{part}_{key}",
                # An event has no value that could be too old.
                **({} if component["platform"] == "event" else {"expire_after": EXPIRE_AFTER_S}),
            }
            for key, component in components.items()
        },
    }
    return _message(allowed.DISCOVERY, way, told, device=part)


def _node(way: MqttWay) -> str:
    """The recorder in Home Assistant's registries."""
    return f"holdshelf_{way.id}"


def _under(way: MqttWay, value: Any) -> Any:
    """Put the recorder's topic in the place of a leading '~', as discovery itself would."""
    return base(way) + value[1:] if isinstance(value, str) and value.startswith("~/") else value


def _time(utc_ns: int | None) -> str | None:
    return None if utc_ns is None else rfc3339(utc_ns)
