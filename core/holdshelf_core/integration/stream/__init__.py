"""The plain ``stream`` integration: a typed rtsp:// or rtsps:// address, with no device API behind it."""

from __future__ import annotations

from typing import Any

from holdshelf_core.integration.entry import ConfigEntry
from holdshelf_core.integration.models import StreamSource
from holdshelf_core.integration.root import Holdshelf

DOMAIN = "stream"


async def async_setup_entry(holdshelf: Holdshelf, entry: ConfigEntry[Any]) -> None:
    """Announce the stream; the recorder finds out the rest."""
    holdshelf.async_set_stream(entry, StreamSource.from_dict(entry.data["stream"], entry.data.get("password")))


async def async_unload_entry(holdshelf: Holdshelf, entry: ConfigEntry[Any]) -> None:
    """Withdraw the stream: the recorder disconnects the camera."""
    holdshelf.async_set_stream(entry, None)
