"""Finds integrations through the entry point group ``holdshelf.integrations``; core imports none by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Protocol, cast

from .entry import ConfigEntry
from .flow import Steps
from .models import CameraRecording, DiscoveredCamera, EntryDraft
from .root import Holdshelf

GROUP = "holdshelf.integrations"


class ConfigFlow(Protocol):
    """The ``config_flow`` module of an integration: discover → pick → test; core asks for name and area."""

    STEPS: Steps
    """The fields of its own steps; their texts are in its strings.json."""

    def matches(self, address: str) -> bool:
        """Return whether this integration handles such an address."""

    async def async_discover(
        self, holdshelf: Holdshelf, *, probe_addresses: Sequence[str] | None, timeout_s: float
    ) -> list[DiscoveredCamera]:
        """Discover devices: by multicast, or by probing each of ``probe_addresses``."""

    async def async_probe(
        self,
        holdshelf: Holdshelf,
        address: str,
        username: str | None,
        password: str | None,
        *,
        known: Mapping[str, Any] | None = None,
        profile: str = "",
    ) -> EntryDraft:
        """Test an address with credentials. Raises FlowError with the field to correct.

        ``known``: the entry's data for an existing camera; a certificate in it must match, and its stream stays the chosen one.
        ``profile``: the stream to take where a device has several, by the device's own name for it (``StreamChoice``).
        """


class CameraControl(Protocol):
    """The optional ``control`` module of an integration: operations on the camera device.

    Each raises HoldshelfError.
    """

    async def async_details(self, holdshelf: Holdshelf, entry: ConfigEntry[Any]) -> dict[str, Any]:
        """Return what the camera reports about itself, JSON-serializable, without hosts and secrets."""

    async def async_sound_off(self, holdshelf: Holdshelf, entry: ConfigEntry[Any]) -> tuple[int, int]:
        """Turn its sound off; return how many of its streams had sound, and how many still have."""

    async def async_set_time(self, holdshelf: Holdshelf, entry: ConfigEntry[Any]) -> tuple[float | None, float | None]:
        """Set its clock; return how far it was off before and after, in s."""

    async def async_put_masks(
        self, holdshelf: Holdshelf, entry: ConfigEntry[Any], masks: Sequence[Sequence[tuple[float, float]]]
    ) -> int:
        """Have it hide these polygons (corners as fractions of width and height); return how many it hides."""


class Recordings(Protocol):
    """The optional ``replay`` module of an integration: what its cameras have recorded themselves."""

    async def async_recorded(
        self, holdshelf: Holdshelf, entry: ConfigEntry[Any], start_utc_ns: int, end_utc_ns: int
    ) -> CameraRecording | None:
        """Return what it has of that time, by our clock; None: nothing, or it records nothing. Raises HoldshelfError."""


class Integration(Protocol):
    """An integration package."""

    __name__: str
    DOMAIN: str
    config_flow: ConfigFlow

    async def async_setup_entry(self, holdshelf: Holdshelf, entry: ConfigEntry[Any]) -> None:
        """Set up an entry. Raises EntryNotReady, EntryAuthFailed or EntryError."""

    async def async_unload_entry(self, holdshelf: Holdshelf, entry: ConfigEntry[Any]) -> None:
        """Stop what set-up started."""


@cache
def integrations() -> dict[str, Integration]:
    """Return every installed integration by domain. ``stream`` ships in core and comes last, as it accepts any stream address."""
    found: dict[str, Integration] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda p: p.name):
        found[point.name] = _complete(point.load())
    found.setdefault("stream", _complete(import_module("holdshelf_core.integration.stream")))
    return found


class Diagnostics(Protocol):
    """The optional ``diagnostics`` module of an integration."""

    async def async_get_diagnostics(self, holdshelf: Holdshelf, entry: ConfigEntry[Any]) -> dict[str, Any]:
        """Return a camera's diagnostics: JSON-serializable, without secrets and hosts (``integration.redact``)."""


def diagnostics(domain: str) -> Diagnostics | None:
    """Return an integration's diagnostics module; None if it has none."""
    return cast(Diagnostics | None, _module(domain, "diagnostics"))


def control(domain: str) -> CameraControl | None:
    """Return an integration's control module; None if it has none."""
    return cast(CameraControl | None, _module(domain, "control"))


@cache
def recordings(domain: str) -> Recordings | None:
    """Return an integration's replay module; None if it has none."""
    return cast(Recordings | None, _module(domain, "replay"))


def _module(domain: str, name: str) -> ModuleType | None:
    """Return an optional module of an integration; None if it does not exist."""
    package = integrations().get(domain)
    if package is None or find_spec(f"{package.__name__}.{name}") is None:
        return None
    return import_module(f"{package.__name__}.{name}")


def _complete(package: ModuleType) -> Integration:
    """Return the package with its config flow, which is a separate module."""
    import_module(f"{package.__name__}.config_flow")
    return cast(Integration, package)
