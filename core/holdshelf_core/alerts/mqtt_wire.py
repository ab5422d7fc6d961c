"""MQTT 5 as one speaks it who only publishes: four packets that are sent, and the four that may come back (ADR 58).

Pure: bytes in, bytes out. Source: OASIS MQTT Version 5.0. The broker may be hostile. Nothing is subscribed to, so
that what it may say is short; a packet that was not asked for, or is longer than `LONGEST_ANSWER`, is a `WireError`, and the
connection's end.
"""

from __future__ import annotations

import struct
from typing import Final

import msgspec

from holdshelf_core.alerts.mqtt_payloads import Message

LONGEST_ANSWER: Final = 2048
"""Bytes of a packet from the broker. A CONNACK has some properties, the others a few bytes."""
CONNACK, PUBACK, PINGRESP, DISCONNECT = 0x20, 0x40, 0xD0, 0xE0
PINGREQ: Final = b"\xc0\x00"
GOODBYE: Final = b"\xe0\x00"
"""DISCONNECT, after which the broker does not publish the last will."""
NOT_AUTHORIZED: Final = 0x87
_NO_SUBSCRIBERS: Final = 0x10
_VERSION: Final = 5

# Properties by how their value is written (section 2.2.2.2).
_BYTE, _TWO, _FOUR, _VARINT, _DATA, _PAIR = range(6)
_FORM: Final = {
    **dict.fromkeys((0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A), _BYTE),
    **dict.fromkeys((0x13, 0x21, 0x22, 0x23), _TWO),
    **dict.fromkeys((0x02, 0x11, 0x18, 0x27), _FOUR),
    0x0B: _VARINT,
    **dict.fromkeys((0x03, 0x08, 0x09, 0x12, 0x15, 0x16, 0x1A, 0x1C, 0x1F), _DATA),
    0x26: _PAIR,
}
_KEEPALIVE, _RECEIVE_MAXIMUM, _MAXIMUM_QOS, _RETAIN, _MAXIMUM_PACKET = 0x13, 0x21, 0x24, 0x25, 0x27

REFUSALS: Final = {
    0x01: "does not speak MQTT 5",  # in MQTT 3.1.1's numbers
    0x84: "does not speak MQTT 5",
    0x85: "does not take this recorder's id",
    0x86: "refuses the user name or password",
    NOT_AUTHORIZED: "refuses the user name or password",
    0x88: "is not available",
    0x89: "is too busy",
    0x8A: "has banned this recorder",
    0x8B: "is shutting down",
    0x8D: "heard nothing of this recorder for too long",
    0x8E: "was logged in to with this recorder's id by another one",
    0x93: "was sent more than it takes at once",
    0x95: "does not take messages of this size",
    0x96: "does not take messages this often",
    0x97: "has no room left for this user",
    0x9A: "keeps no messages (retain), which Home Assistant needs",
    0x9B: "acknowledges no messages (QoS 1)",
    0x9C: "refers to another server",
    0x9D: "refers to another server",
}


class WireError(Exception):
    """The other side does not speak as an MQTT broker may speak to one that subscribes to nothing."""


class Accepted(msgspec.Struct, frozen=True):
    """What the broker takes. ``window``: unacknowledged messages; ``longest``: bytes of a packet, 0 any."""

    window: int = 65_535
    longest: int = 0
    keepalive_s: int = 0
    """In place of ours; 0: ours."""
    acknowledges: bool = True
    retains: bool = True


def connect(client_id: str, keepalive_s: int, *, will: Message | None, username: str, password: str) -> bytes:
    """Return a CONNECT: a clean session; answers short, one at a time, without words."""
    flags = 0x02
    properties = struct.pack(">BHBIBB", _RECEIVE_MAXIMUM, 1, _MAXIMUM_PACKET, LONGEST_ANSWER, 0x17, 0)
    payload = _data(client_id.encode())
    if will is not None:
        flags |= 0x04 | 0x08 | (0x20 if will.retain else 0)
        payload += b"\0" + _data(will.topic.encode()) + _data(will.payload)
    if username:
        flags |= 0x80
        payload += _data(username.encode())
    if password:
        flags |= 0x40
        payload += _data(password.encode())
    head = _data(b"MQTT") + struct.pack(">BBH", _VERSION, flags, keepalive_s)
    return _packet(0x10, head + _varint(len(properties)) + properties + payload)


def publish(message: Message, packet_id: int) -> bytes:
    """Return a PUBLISH with QoS 1. ``packet_id``: 1 … 65535."""
    first = 0x32 | (0x01 if message.retain else 0)
    return _packet(first, _data(message.topic.encode()) + struct.pack(">HB", packet_id, 0) + message.payload)


def accepted(body: bytes) -> int | Accepted:
    """Read a CONNACK: what the broker takes, or its reason code. Raises WireError."""
    if len(body) < 2:
        raise WireError("a CONNACK without a reason")
    if body[1]:
        return body[1]
    found = _properties(body, 2)
    window = found.get(_RECEIVE_MAXIMUM, 65_535)
    if not window:
        raise WireError("a CONNACK that allows nothing")
    return Accepted(
        window=window,
        longest=found.get(_MAXIMUM_PACKET, 0),
        keepalive_s=found.get(_KEEPALIVE, 0),
        acknowledges=found.get(_MAXIMUM_QOS, 1) >= 1,
        retains=found.get(_RETAIN, 1) != 0,
    )


def acknowledged(body: bytes) -> tuple[int, int]:
    """Read a PUBACK: (packet id, reason code or 0). Raises WireError."""
    if len(body) < 2:
        raise WireError("a PUBACK without a number")
    code = body[2] if len(body) > 2 else 0
    return int.from_bytes(body[:2]), 0 if code == _NO_SUBSCRIBERS else code


def _properties(body: bytes, at: int) -> dict[int, int]:
    """The numbers among the properties at ``at``; texts are passed over."""
    length, at = _read_varint(body, at)
    end = at + length
    if end > len(body):
        raise WireError("properties that are cut off")
    found: dict[int, int] = {}
    while at < end:
        key = body[at]
        at += 1
        form = _FORM.get(key)
        if form is None:
            raise WireError("a property that MQTT 5 does not have")
        if form == _VARINT:
            found[key], at = _read_varint(body, at)
        elif form in (_DATA, _PAIR):
            for _ in range(2 if form == _PAIR else 1):
                at += 2 + int.from_bytes(body[at : at + 2])
        else:
            width = {_BYTE: 1, _TWO: 2, _FOUR: 4}[form]
            found[key] = int.from_bytes(body[at : at + width])
            at += width
    if at != end:
        raise WireError("properties that are cut off")
    return found


def _packet(first: int, body: bytes) -> bytes:
    return bytes([first]) + _varint(len(body)) + body


def _data(value: bytes) -> bytes:
    return struct.pack(">H", len(value)) + value


def _varint(value: int) -> bytes:
    found = bytearray()
    while True:
        value, low = value >> 7, value & 0x7F
        found.append(low | 0x80 if value else low)
        if not value:
            return bytes(found)


def _read_varint(body: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in (0, 7, 14, 21):
        if at >= len(body):
            raise WireError("a number that is cut off")
        value |= (body[at] & 0x7F) << shift
        at += 1
        if body[at - 1] < 0x80:
            return value, at
    raise WireError("a number that does not end")
