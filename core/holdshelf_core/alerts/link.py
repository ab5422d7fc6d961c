"""What the service and the sender process say to one another: JSON, a line each, over two pipes (ADR 56)."""

from __future__ import annotations

from typing import Final

import msgspec

from holdshelf_core.alerts.allowed import Report
from holdshelf_core.alerts.types import AppriseWay, Health, HeartbeatWay, MailWay, MqttWay
from holdshelf_core.processes.online_link import Ready


class Setup(msgspec.Struct, tag="setup", frozen=True):
    """Service → sender, first of all: its folder, and the ways with their secrets."""

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


type ToSender = Setup | Latest | TryWay
type ToService = Ready | Does | Tested

to_sender: Final = msgspec.json.Decoder(Setup | Latest | TryWay)
to_service: Final = msgspec.json.Decoder(Ready | Does | Tested)
