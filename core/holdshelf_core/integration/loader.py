"""Finds integrations through the entry point group ``holdshelf.integrations``; core imports none by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any, Protocol, cast

from .entry import ConfigEntry
from .models import DiscoveredCamera, EntryDraft
from .root import Holdshelf

GROUP = "holdshelf.integrations"


class ConfigFlow(Protocol):
    """The ``config_flow`` module of an integration: discover → pick → test; core asks for name and area."""

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


class Integration(Protocol):
    """An integration package."""

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


def _complete(package: ModuleType) -> Integration:
    """With its config flow, which is a module of its own."""
    import_module(f"{package.__name__}.config_flow")
    return cast(Integration, package)
