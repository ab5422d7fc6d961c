"""The ONVIF integration: finds ONVIF cameras and describes them to core. Records nothing itself.

Importing it imports neither zeep nor onvif-zeep-async; the first call to a camera does, in a thread of its own.
"""

from __future__ import annotations

from holdshelf_core.integration import ANOTHER_CAMERA, Holdshelf, StreamSource

from .const import CONF_OTHER_SERIAL, CONF_PASSWORD, CONF_STREAM, DOMAIN
from .coordinator import OnvifCoordinator, OnvifEntry, loaded_coordinator

__all__ = ["DOMAIN", "async_setup_entry", "async_unload_entry"]


async def async_setup_entry(holdshelf: Holdshelf, entry: OnvifEntry) -> None:
    """Announce the known stream, so that it is connected at once, and query the camera in the background.

    Without a known stream the camera is queried first; then EntryNotReady, EntryAuthFailed or EntryError may be raised.
    """
    coordinator = OnvifCoordinator(holdshelf, entry)
    if entry.data.get(CONF_OTHER_SERIAL):
        holdshelf.async_set_stream(entry, None, reason=ANOTHER_CAMERA)  # until the camera itself answers
    elif known := entry.data.get(CONF_STREAM):
        holdshelf.async_set_stream(entry, StreamSource.from_dict(known, entry.data.get(CONF_PASSWORD)))
    else:
        try:
            await coordinator.async_refresh()
        except BaseException:
            await coordinator.async_shutdown()
            raise
    entry.runtime_data = coordinator
    coordinator.async_start()


async def async_unload_entry(holdshelf: Holdshelf, entry: OnvifEntry) -> None:
    """Withdraw the stream and release the camera; its repairs stay until they are seen fixed or it is removed.

    Safe for an entry whose set-up failed.
    """
    holdshelf.async_set_stream(entry, None)
    if (coordinator := loaded_coordinator(entry)) is not None:
        await coordinator.async_shutdown()
