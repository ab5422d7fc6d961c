"""Requests and answers of the local API on alerts; and the settings of each way, as the sender process gets them."""

from __future__ import annotations

import msgspec

from holdshelf_core.acts import Act, ActSpec, Read, ReadSpec
from holdshelf_core.alerts.allowed import ADMIN, Audience


class Rules(msgspec.Struct, frozen=True):
    """What a way is told, and when."""

    audience: Audience = ADMIN
    kinds: tuple[str, ...] = ()
    """Of ``allowed.KINDS``; () all of this audience."""
    least: str = "warning"
    """The least severity: notice | warning | error."""
    quiet: str = ""
    """Local time in which nothing is sent, '22:00-07:00'; '' none."""
    errors_break_quiet: bool = True
    remind_hours: int = 24
    """What is still so is told again after so many hours; 0: never."""


class MailWay(msgspec.Struct, frozen=True, tag="mail"):
    """Mail by SMTP."""

    name: str
    host: str
    to: tuple[str, ...]
    sender: str
    """The address that it comes from."""
    port: int = 587
    security: str = "starttls"
    """starttls | tls | none; none only to this machine."""
    username: str = ""
    rules: Rules = Rules()
    secret: str = ""
    """The password: only on its way from the terminal and to the sender. Never in an answer, sealed in the register."""

    @property
    def target(self) -> str:
        """Where it goes, for people: nothing secret."""
        return f"{', '.join(self.to)} by {self.host}:{self.port}"


class AppriseWay(msgspec.Struct, frozen=True, tag="apprise"):
    """Any service that Apprise knows."""

    name: str
    service: str = ""
    """The scheme of its URL (``ntfys``), which says which service; the rest is secret."""
    rules: Rules = Rules()
    secret: str = ""
    """The URL; as in `MailWay`."""

    @property
    def target(self) -> str:
        """Where it goes, for people: nothing secret."""
        return f"Apprise, {self.service}://…"


class MqttWay(msgspec.Struct, frozen=True, tag="mqtt"):
    """An MQTT broker, for Home Assistant: the state of the recorder and its cameras, as it is (docs/home-assistant.md)."""

    name: str
    host: str
    id: str
    """The recorder's, in topics: `allowed.RECORDER_ID`."""
    title: str = "Holdshelf"
    """What the recorder is called in Home Assistant."""
    port: int = 8883
    security: str = "tls"
    """tls | none; none only to this machine."""
    ca_pem: str = ""
    """The certificates of who signed the broker's; '' those that the system trusts."""
    username: str = ""
    discovery: bool = True
    """Whether Home Assistant's MQTT integration makes the entities; else our integration does."""
    secret: str = ""
    """The password; as in `MailWay`."""

    @property
    def rules(self) -> Rules:
        """All of it, at once: who is told what is decided in Home Assistant."""
        return Rules(least="notice")

    @property
    def target(self) -> str:
        """Where it goes, for people: nothing secret."""
        return f"MQTT, {self.host}:{self.port}, holdshelf/{self.id}"


class HeartbeatWay(msgspec.Struct, frozen=True, tag="heartbeat"):
    """An address that is asked for every few minutes: whoever stands behind it calls when that ends."""

    name: str
    service: str = ""
    """The host of the address; the rest is secret."""
    every_minutes: int = 5
    secret: str = ""
    """The address; as in `MailWay`."""

    @property
    def rules(self) -> Rules:
        """None: it tells that the recorder lives, and nothing else."""
        return Rules(least="error")

    @property
    def target(self) -> str:
        """Where it goes, for people: nothing secret."""
        return f"heartbeat, {self.service}"


type AnyWay = MailWay | AppriseWay | MqttWay | HeartbeatWay


class Health(msgspec.Struct, frozen=True):
    """How a way does. ``ok`` None: not tried yet."""

    ok: bool | None = None
    since_utc_ns: int = 0
    """Since when it is so."""
    sentence: str = ""
    """Why it fails, in our words: never what the other side said, never a secret. '' while it works."""
    waiting: int = 0
    """Messages that are not delivered yet."""


class AlertSet(Act["AlertDone"], frozen=True):
    """Add a way, or change it. An empty ``secret`` in a change keeps the one that is known, if the server stays the same."""

    spec = ActSpec("alert.set", "alert.manage", changes=True)

    way: MailWay | AppriseWay | MqttWay | HeartbeatWay
    new: bool = False
    """Refused when there is one of that name."""


class AlertRemove(Act["AlertDone"], frozen=True):
    """Remove a way; what waits to be sent by it is forgotten."""

    spec = ActSpec("alert.remove", "alert.manage", changes=True, timeout_s=60)

    name: str


class AlertTest(Act["AlertDone"], frozen=True):
    """Send a test message."""

    spec = ActSpec("alert.test", "alert.manage", timeout_s=150)

    name: str


class AlertDone(msgspec.Struct, frozen=True):
    """What came of it, in one sentence, and the number of the entry."""

    seq: int
    name: str
    sentence: str
    ok: bool = True


class WayRow(msgspec.Struct, frozen=True):
    """A way and how it does. ``way.secret`` is ''."""

    way: MailWay | AppriseWay | MqttWay | HeartbeatWay
    health: Health
    has_secret: bool


class ReadAlerts(Read[list[WayRow]], frozen=True):
    """Return the ways."""

    spec = ReadSpec("/alerts")


class SentRow(msgspec.Struct, frozen=True):
    """A message that a way sent, or tries to send."""

    way: str
    at_utc_ns: int
    subject: str
    outcome: str
    """sent | waiting | dropped"""
    tries: int


class ReadAlertHistory(Read[list[SentRow]], frozen=True):
    """Return what was sent, newest first."""

    spec = ReadSpec("/alerts/history")
