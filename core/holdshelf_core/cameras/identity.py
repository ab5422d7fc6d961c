"""Which configured camera a device is that was found or tested: by the device and, where it has several, by the channel.

A ``unique_id`` is the device's own, followed by the channel for a device that had several when the camera was added. Entries of
earlier versions have no channel until their device was asked once: until then, the chosen stream stands for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol
from urllib.parse import SplitResult, urlsplit

from holdshelf_core.errors import Conflict
from holdshelf_core.integration.entry import ConfigEntry
from holdshelf_core.integration.flow import error_words
from holdshelf_core.integration.models import CHANNEL_MARK, EntryDraft
from holdshelf_core.integration.stream_url import shown_address

_PORTS = {"http": 80, "https": 443, "rtsp": 554, "rtsps": 322, "whep+http": 80, "whep+https": 443}


class HereAlready(Conflict):
    """The camera that is to be added is configured, as the one with this id."""

    field = "camera"

    def __init__(self, camera: str) -> None:
        super().__init__(*error_words("here_already", camera=camera))


class _Identified(Protocol):
    @property
    def domain(self) -> str: ...

    @property
    def unique_id(self) -> str: ...

    @property
    def data(self) -> dict[str, Any]: ...


def device_id(camera: _Identified) -> str:
    """Return the identity of its device, as discovery reports it."""
    channel = _channel(camera.data)
    return camera.unique_id.removesuffix(f"{CHANNEL_MARK}{channel}") if channel else camera.unique_id


def same_device(entry: _Identified, draft: _Identified) -> bool:
    """Return whether both are of one device; its serial number proves it where it is identified in another way by now."""
    serial = entry.data.get("serial_number")
    if entry.domain != draft.domain:
        return False
    return device_id(entry) == device_id(draft) or bool(serial and serial == draft.data.get("serial_number"))


def same_camera(entry: _Identified, draft: _Identified) -> bool:
    """Return whether this camera is configured as that entry."""
    if entry.unique_id == draft.unique_id:
        return True
    if entry.domain != draft.domain or device_id(entry) != device_id(draft):
        return False
    key = "channel" if _channel(entry.data) else "profile"
    return bool(entry.data.get(key)) and entry.data.get(key) == draft.data.get(key)


def added_as(entries: Iterable[ConfigEntry[Any]], draft: EntryDraft) -> str | None:
    """Return the id of the camera that this draft is configured as; None if none."""
    return next((entry.entry_id for entry in entries if same_camera(entry, draft)), None)


def added_of(entries: Iterable[ConfigEntry[Any]], device: str) -> tuple[list[str], int]:
    """Return the ids of a device's cameras, and how many channels it has as far as is known."""
    own = [entry for entry in entries if device_id(entry) == device]
    return [entry.entry_id for entry in own], max((int(entry.data.get("channels") or 1) for entry in own), default=1)


def _channel(data: Mapping[str, Any]) -> str:
    return str(data.get("channel") or "")


def added_at(entries: Iterable[ConfigEntry[Any]], address: str, profile: str) -> str | None:
    """Return the id of the camera with this typed address (and stream, where given), without asking any device; None if none."""
    typed = _parts(address)
    if typed is None:
        return None
    for entry in entries:
        known = _parts(str(entry.data.get("address", "")))
        other_stream = profile and entry.data.get("profile") not in (None, "", profile)
        if known is not None and not other_stream and _same_place(typed, known):
            return entry.entry_id
    return None


def _parts(address: str) -> SplitResult | None:
    bare = shown_address(address.strip())
    try:
        parts = urlsplit(bare if "://" in bare else f"http://{bare}")
        _ = parts.port
    except ValueError:
        return None
    return parts if parts.hostname else None


def _same_place(typed: SplitResult, known: SplitResult) -> bool:
    where = [(parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)) for parts in (typed, known)]
    # A device's address may be typed as its host alone: the integration adds the path.
    whole = typed.path not in ("", "/") or not typed.scheme.startswith("http")
    return where[0] == where[1] and (not whole or (typed.path or "/", typed.query) == (known.path or "/", known.query))
