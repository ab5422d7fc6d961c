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
from .models import DiscoveredCamera, EntryDraft
from .root import Holdshelf

GROUP = "holdshelf.integrations"


class ConfigFlow(Protocol):
    """The ``config_flow`` module of an integration: discover → pick → test; core asks for name and area."""

    STEPS: Steps
    """What is asked in the steps that are its own; their words are in its strings.json."""

    def matches(self, address: str) -> bool:
        """Does this integration take such an address?"""

    async def async_discover(
        self, holdshelf: Holdshelf, *, probe_addresses: Sequence[str] | None, timeout_s: float
    ) -> list[DiscoveredCamera]:
        """Look for devices: by multicast, or by asking each of ``probe_addresses`` alone."""

    async def async_probe(
        self,
        holdshelf: Holdshelf,
        address: str,
        username: str | None,
        password: str | None,
        *,
        known: Mapping[str, Any] | None = None,
    ) -> EntryDraft:
        """Try an address with credentials; raises FlowError with the field to correct.

        ``known``: the data of the entry when the camera is here already; a certificate in it is held to.
        """


class CameraControl(Protocol):
    """The ``control`` module that an integration may have: what a person has done at a camera itself.

    Each raises HoldshelfError.
    """

    async def async_details(self, holdshelf: Holdshelf, entry: ConfigEntry[Any]) -> dict[str, Any]:
        """What it tells of itself, as JSON-able data without hosts and secrets."""

    async def async_sound_off(self, holdshelf: Holdshelf, entry: ConfigEntry[Any]) -> tuple[int, int]:
        """Switch its sound off; how many of its streams had sound, and still have."""

    async def async_set_time(self, holdshelf: Holdshelf, entry: ConfigEntry[Any]) -> tuple[float | None, float | None]:
        """Set its clock; how far it was off before and is after, in s."""

    async def async_put_masks(
        self, holdshelf: Holdshelf, entry: ConfigEntry[Any], masks: Sequence[Sequence[tuple[float, float]]]
    ) -> int:
        """Have it cover these polygons, corners in shares of width and height; how many it covers."""


class Integration(Protocol):
    """An integration package."""

    __name__: str
    DOMAIN: str
    config_flow: ConfigFlow

    async def async_setup_entry(self, holdshelf: Holdshelf, entry: ConfigEntry[Any]) -> None:
        """Start; raises EntryNotReady, EntryAuthFailed or EntryError."""

    async def async_unload_entry(self, holdshelf: Holdshelf, entry: ConfigEntry[Any]) -> None:
        """Stop what set-up started."""


@cache
def integrations() -> dict[str, Integration]:
    """Every installed integration by domain. ``stream`` ships in core and stands last: it takes any stream address."""
    found: dict[str, Integration] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda p: p.name):
        found[point.name] = _complete(point.load())
    found.setdefault("stream", _complete(import_module("holdshelf_core.integration.stream")))
    return found


class Diagnostics(Protocol):
    """The ``diagnostics`` module that an integration may have."""

    async def async_get_diagnostics(self, holdshelf: Holdshelf, entry: ConfigEntry[Any]) -> dict[str, Any]:
        """What is known of a camera, to get help: JSON-able, without secrets and hosts (``integration.redact``)."""


def diagnostics(domain: str) -> Diagnostics | None:
    """How an integration tells of its cameras; None where it tells nothing."""
    return cast(Diagnostics | None, _module(domain, "diagnostics"))


def control(domain: str) -> CameraControl | None:
    """How cameras of an integration are controlled; None where they cannot be."""
    return cast(CameraControl | None, _module(domain, "control"))


def _module(domain: str, name: str) -> ModuleType | None:
    """A module that an integration may have or not."""
    package = integrations().get(domain)
    if package is None or find_spec(f"{package.__name__}.{name}") is None:
        return None
    return import_module(f"{package.__name__}.{name}")


def _complete(package: ModuleType) -> Integration:
    """With its config flow, which is a module of its own."""
    import_module(f"{package.__name__}.config_flow")
    return cast(Integration, package)
