"""Notifications of a PullPoint as marks: what a camera says happened, without a picture and without anybody's data.

Only four things are understood: motion, tampering, a lost signal, a digital input. Detectors of faces, people or plates are
not: what they say is dropped unread. A message that is broken is dropped alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from .text import clean_text
from .xml_guard import HostileXml

SOURCE_MAX_CHARS = 32
MESSAGES_MAX = 512
_TOPIC_MAX_CHARS = 256
_ITEMS_MAX = 16

# By the last parts of a topic, in lower case and without prefixes: standard topics first, then what makes call theirs.
_KINDS = (
    (
        "motion",
        ("cellmotiondetector/motion", "motionregiondetector/motion", "videosource/motionalarm", "motiondetector"),
    ),
    (
        "tamper",
        ("tamperdetector", "globalscenechange", "tampering"),
    ),
    ("signal_loss", ("videosource/signalloss", "videosource/videoloss", "videosource/connectionfailed", "signalloss")),
    ("digital_input", ("trigger/digitalinput", "digitalinput")),
)
_STATE_NAMES = ("state", "ismotion", "istamper", "logicalstate", "isloss", "loss", "active", "value")
_ON, _OFF = frozenset({"true", "1", "on", "active"}), frozenset({"false", "0", "off", "inactive"})


@dataclass(frozen=True, slots=True)
class Message:
    """One change. ``on`` None: it happened, and has no end. ``source`` tells two inputs or fields apart."""

    kind: str
    source: str
    on: bool | None


@dataclass(frozen=True, slots=True)
class Fault:
    """A SOAP fault: its subcodes and its reason, as the camera words them."""

    codes: tuple[str, ...]
    reason: str


def read_messages(body: bytes) -> tuple[list[Message], int]:
    """The messages of a PullMessagesResponse that passed the guard, and how many were dropped. Raises HostileXml."""
    root = _root(body)
    found: list[Message] = []
    dropped = 0
    for number, element in enumerate(e for e in root.iter() if _local(e) == "NotificationMessage"):
        if number >= MESSAGES_MAX:
            dropped += 1
            continue
        try:
            message = _message(element)
        except ValueError:
            dropped += 1
            continue
        if message is not None:
            found.append(message)
    return found, dropped


def read_fault(body: bytes) -> Fault:
    """The fault in an envelope that passed the guard. Raises HostileXml."""
    root = _root(body)
    codes = [(e.text or "").strip()[:200] for e in root.iter() if _local(e) in ("Value", "faultcode")][:8]
    words = next((e.text or "" for e in root.iter() if _local(e) in ("Text", "faultstring")), "")
    return Fault(tuple(codes), words[:500])


def _root(body: bytes) -> ET.Element:
    try:
        return ET.fromstring(body)  # noqa: S314  (no document type passes the guard)
    except (ET.ParseError, ValueError, LookupError):
        raise HostileXml("broken XML") from None


def _message(element: ET.Element) -> Message | None:
    """None for something that is not understood; ValueError for something that is broken."""
    topic = next((e.text or "" for e in element.iter() if _local(e) == "Topic"), "").strip()
    if not topic or len(topic) > _TOPIC_MAX_CHARS:
        raise ValueError("no topic")
    plain = "/".join(part.rpartition(":")[2] for part in topic.lower().split("/"))
    kind = next((kind for kind, ends in _KINDS if any(end in plain for end in ends)), None)
    if kind is None:
        return None
    told = next((e for e in element.iter() if _local(e) == "Message" and "PropertyOperation" in e.attrib), None)
    if told is None:
        told = next((e for e in element.iter() if _local(e) == "Data"), None)
        if told is None:
            raise ValueError("no message")
    source = "/".join(value for _, value in _items(element, "Source"))
    data = dict(_items(element, "Data"))
    on: bool | None = None
    if told.attrib.get("PropertyOperation") == "Deleted":
        on = False
    elif data:
        named = next((data[name] for name in _STATE_NAMES if name in data), next(iter(data.values())))
        word = named.strip().lower()
        if word not in _ON | _OFF:
            raise ValueError("no state")
        on = word in _ON
    return Message(kind, clean_text(source, SOURCE_MAX_CHARS), on)


def _items(element: ET.Element, part: str) -> Iterator[tuple[str, str]]:
    """(name in lower case, value) of the simple items in Source or Data."""
    for holder in element.iter():
        if _local(holder) != part:
            continue
        items = [e for e in holder.iter() if _local(e) == "SimpleItem"]
        for item in items[:_ITEMS_MAX]:
            yield item.attrib.get("Name", "").lower()[:64], item.attrib.get("Value", "")[:256]


def _local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
