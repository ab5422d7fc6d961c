"""PullPoint notifications as events: what a camera reports, without pictures or personal data.

Only four kinds are used: motion, tampering, signal loss, a digital input. Detectors of faces, people or plates are not: their
messages are dropped unread. A broken message is dropped by itself.
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

# By the last parts of a topic, in lower case and without prefixes: standard topics first, then makers' own.
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
_VIDEO_NAMES = ("videosourceconfigurationtoken", "videosourcetoken", "videosource")
_ON, _OFF = frozenset({"true", "1", "on", "active"}), frozenset({"false", "0", "off", "inactive"})


@dataclass(frozen=True, slots=True)
class Message:
    """One change. ``on`` None: a single event without an end. ``source`` distinguishes two inputs or fields.

    ``video``: the token of the video source, or of its configuration, that it is about; '' when it names none.
    """

    kind: str
    source: str
    on: bool | None
    video: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """A SOAP fault: its subcodes and its reason, in the camera's words."""

    codes: tuple[str, ...]
    reason: str


def read_messages(body: bytes) -> tuple[list[Message], int]:
    """Return the messages of a PullMessagesResponse that passed the guard, and how many were dropped. Raises HostileXml."""
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
    """Return the fault in an envelope that passed the guard. Raises HostileXml."""
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
    """Return a message; None for an unsupported kind. Raises ValueError for a broken one."""
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
    sources = list(_items(element, "Source"))
    source = "/".join(value for _, value in sources)
    # The standard's own topics below VideoSource call it just "Source".
    names = (*_VIDEO_NAMES, "source") if "videosource/" in plain else _VIDEO_NAMES
    video = next((value for name, value in sources if name in names), "")
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
    return Message(kind, clean_text(source, SOURCE_MAX_CHARS), on, video)


def _items(element: ET.Element, part: str) -> Iterator[tuple[str, str]]:
    """Yield (name in lower case, value) of the simple items in Source or Data."""
    for holder in element.iter():
        if _local(holder) != part:
            continue
        items = [e for e in holder.iter() if _local(e) == "SimpleItem"]
        for item in items[:_ITEMS_MAX]:
            yield item.attrib.get("Name", "").lower()[:64], item.attrib.get("Value", "")[:256]


def _local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
