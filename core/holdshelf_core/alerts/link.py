"""What the service and the sender process say to one another: JSON, a line each, over two pipes (ADR 56).

And what the service and the process of one delivery by Apprise say: a line to it; from it `Ready`, and what came of it.
"""

from __future__ import annotations

from typing import Final

import msgspec

from holdshelf_core.alerts.allowed import Report
from holdshelf_core.alerts.types import AppriseWay, Health, HeartbeatWay, MailWay, MqttWay
from holdshelf_core.processes.online_link import Ready


class Message(msgspec.Struct, frozen=True):
    """A message as it is sent. ``id`` stays the same however often it is tried."""

    id: str
    made_utc_ns: int
    severity: str
    """error | warning | notice, of the worst in it."""
    is_over: bool
    subject: str
    text: str


class Setup(msgspec.Struct, tag="setup", frozen=True):
    """Service → sender, first of all: its folder, and the ways with their secrets; Apprise's without."""

    folder: str
    ways: tuple[MailWay | AppriseWay | MqttWay | HeartbeatWay, ...]


class Latest(msgspec.Struct, tag="report", frozen=True):
    """Service → sender: a report."""

    report: Report


class TryWay(msgspec.Struct, tag="test", frozen=True):
    """Service → sender: try this way; or have it leave, before it is removed."""

    way: str
    number: int
    leave: bool = False


class Does(msgspec.Struct, tag="does", frozen=True):
    """Sender → service: how a way does."""

    way: str
    health: Health


class Tested(msgspec.Struct, tag="tested", frozen=True):
    """Sender → service: what came of a test; ``sentence`` '': it was delivered."""

    number: int
    sentence: str


class Deliver(msgspec.Struct, tag="deliver", frozen=True):
    """Sender → service: have this message delivered by that Apprise way. The one thing that the sender may ask for."""

    way: str
    number: int
    message: Message


class Task(msgspec.Struct, tag="task", frozen=True):
    """Service → a process of one delivery: all that it is told."""

    way: AppriseWay
    number: int
    message: Message


class Delivered(msgspec.Struct, tag="delivered", frozen=True):
    """That process → service → sender: what came of it; ``sentence`` '': it was delivered. ``refused`` as in `Undelivered`."""

    number: int
    sentence: str = ""
    refused: bool = False


type ToSender = Setup | Latest | TryWay | Delivered
type ToService = Ready | Does | Tested | Deliver

to_sender: Final = msgspec.json.Decoder(Setup | Latest | TryWay | Delivered)
to_service: Final = msgspec.json.Decoder(Ready | Does | Tested | Deliver)
to_delivery: Final = msgspec.json.Decoder(Task)
from_delivery: Final = msgspec.json.Decoder(Ready | Delivered)
