"""All that each way sends of a report, and reports in all states: what the tests of the allow-list walk."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC
from email.message import EmailMessage
from typing import Any, get_args

import msgspec

from holdshelf_core.alerts import mqtt_payloads
from holdshelf_core.alerts.allowed import CAMERA_ID, KINDS, REASONS, SEVERITIES, CameraState, Condition, Report
from holdshelf_core.alerts.engine import Line, Tidings, What
from holdshelf_core.alerts.link import Message as Told
from holdshelf_core.alerts.mail import Mail
from holdshelf_core.alerts.mqtt_payloads import OFFLINE, ONLINE, Message
from holdshelf_core.alerts.prometheus import exposition
from holdshelf_core.alerts.types import MailWay, MqttWay
from holdshelf_core.alerts.words import message_of
from tests.core.alerts.reports import AT_NS, LOBBY, STACKS, report

BROKER = MqttWay("broker", "mqtt.example", "main", title="Main library", username="writer-7", secret="Shelf-4!")
RELAY = MailWay("desk", "smtp.example", ("it@library.example",), "recorder@library.example")
_SAMPLE = re.compile(r'holdshelf_(\w+?)(?:\{((?:\w+="(?:[^"\\\n]|\\.)*",?)*)\})? (\S+)')
_LABEL = re.compile(r'(\w+)="((?:[^"\\\n]|\\.)*)"')


def every_report() -> Iterator[Report]:
    """A recorder that is well, one of which nothing is known, every reason, every condition with and without a camera."""
    yield report(LOBBY, STACKS)
    yield msgspec.structs.replace(
        report(head=""), disk_size_bytes=0, oldest_utc_ns=None, days_forecast=None, floor_days=None
    )
    for reason in REASONS[1:]:
        yield report(CameraState("lobby", "Front entrance", False, False, reason, 0.0, None, 0.0))
    for kind in KINDS:
        for severity in SEVERITIES:
            yield report(
                LOBBY,
                conditions=(Condition(kind, severity, "lobby", AT_NS), Condition(kind, severity, "", AT_NS, 3)),
            )


def samples(text: str) -> list[tuple[str, dict[str, str], str]]:
    """Of an exposition: (name, labels, value)."""
    found = []
    for line in text.splitlines():
        if not line.startswith("#"):
            sample = _SAMPLE.fullmatch(line)
            assert sample, line
            found.append((sample[1], dict(_LABEL.findall(sample[2] or "")), sample[3]))
    return found


def metrics(told: Report) -> list[tuple[str, dict[str, str], str]]:
    """What the file has, and the page: the same."""
    found = samples(exposition(told))
    assert samples(exposition(told, openmetrics=True)) == found
    return found


def published(told: Report, way: MqttWay = BROKER) -> list[Message]:
    """All that a publisher has to say of a report, its will and what it takes back among it."""
    head = mqtt_payloads.log_head(way, told)
    discovery = mqtt_payloads.discovery(way, told)
    return [
        mqtt_payloads.about(way, told.version),
        *(mqtt_payloads.availability(way, payload) for payload in (ONLINE, OFFLINE)),
        *discovery,
        *(Message(one.topic, b"", retain=True) for one in discovery),
        *mqtt_payloads.states(way, told),
        *([head] if head is not None else []),
    ]


def place_of(topic: str) -> str:
    """A topic with its ids left out, as the allow-list and the document have it."""
    topic = topic.replace("holdshelf/main", "holdshelf/{id}", 1).replace("holdshelf_main", "holdshelf_{id}", 1)
    return re.sub(rf"/(camera[/_]){CAMERA_ID.pattern}/", r"/\1{camera}/", topic)


def leaves(told: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """Each value of a payload by its path."""
    if isinstance(told, dict):
        for key, value in told.items():
            yield from leaves(value, f"{above}.{key}")
    elif isinstance(told, list):
        for number, value in enumerate(told):
            yield from leaves(value, f"{above}[{number}]")
    else:
        yield above, told


def payload(message: Message) -> Any:
    """As it is read; an availability, and what takes something back, is no JSON."""
    return json.loads(message.payload) if message.payload[:1] == b"{" else message.payload.decode()


def messages(told: Report) -> Iterator[Told]:
    """What mail and Apprise are given: each of its conditions begun, coming and going, reminded of and over."""
    names = {camera.id: camera.name for camera in told.cameras}
    lines = [
        Line(one.kind, one.camera, names.get(one.camera, one.camera), one.severity, one.count, one.since_utc_ns)
        for one in told.conditions
    ]
    for what in get_args(What.__value__):
        of = [
            msgspec.structs.replace(
                line,
                until_utc_ns=line.since_utc_ns + 90 * 10**9 if what in ("ends", "was") else 0,
                begins=4 if what == "flaps" else 0,
            )
            for line in lines
        ]
        for some in ([of[0]], of) if of else ():
            yield message_of(Tidings(what, tuple(some)), "1.ab", AT_NS, UTC)


def mails(told: Report) -> Iterator[EmailMessage]:
    """The mails of them."""
    mail = Mail(RELAY)
    return (mail.mail_of(one) for one in messages(told))


def all_of(told: Report) -> str:
    """Everything that any way sends of it, as one text."""
    parts = [exposition(told)]
    parts += [f"{one.topic} {one.payload.decode()}" for one in published(told)]
    for mail in mails(told):
        parts += [*(f"{name}: {value}" for name, value in mail.items()), mail.get_content()]
    return "\n".join(parts)
