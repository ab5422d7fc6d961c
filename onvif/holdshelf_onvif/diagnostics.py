"""What an admin may hand on to get help: secrets and hosts are taken out of every text, wherever they stand."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from holdshelf_core.integration import ConfigEntry, Holdshelf

from .address import bare_host, host_of
from .const import CONF_ADDRESS, CONF_PASSWORD, CONF_PROFILE, CONF_SERIAL, CONF_STREAM, CONF_USERNAME
from .coordinator import OnvifCoordinator, loaded_coordinator

REDACTED = "**REDACTED**"
_KEYS = frozenset({CONF_PASSWORD, CONF_USERNAME, CONF_ADDRESS, CONF_SERIAL, "url", "stream_url"})


async def async_get_diagnostics(_holdshelf: Holdshelf, entry: ConfigEntry[OnvifCoordinator]) -> dict[str, Any]:
    """A JSON-able picture of the entry and of what the camera told."""
    told: dict[str, Any] = {"entry": {"title": entry.title, "state": str(entry.state), "data": entry.data}}
    coordinator = loaded_coordinator(entry)
    if coordinator is not None:
        told["clock_skew_s"] = coordinator.clock_skew_s
        told["notes"] = coordinator.notes
        events = coordinator.events
        told["events"] = {"listening": events.listening, "dropped": events.dropped, "broken": events.broken}
        told["available"] = coordinator.available
        told["error"] = str(coordinator.error) if coordinator.error else None
        if description := coordinator.data:
            told["device"] = asdict(description.information)
            told["profiles"] = [asdict(profile) for profile in description.profiles]
            told[CONF_PROFILE] = description.profile.token
    redacted: dict[str, Any] = _redact(told, _secrets(entry))
    return redacted


def _secrets(entry: ConfigEntry[OnvifCoordinator]) -> list[str]:
    """Every text that must not leave, longest first so that no part of one is left standing."""
    data = entry.data
    urls = [data.get(CONF_ADDRESS) or "", (data.get(CONF_STREAM) or {}).get("url") or ""]
    found = {data.get(key) or "" for key in (CONF_PASSWORD, CONF_USERNAME, CONF_SERIAL)}
    found |= set(urls) | {host_of(url) for url in urls} | {bare_host(url) for url in urls}
    return sorted(found - {""}, key=len, reverse=True)


def _redact(value: Any, secrets: list[str]) -> Any:
    if isinstance(value, dict):
        return {k: REDACTED if k in _KEYS and v else _redact(v, secrets) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_redact(item, secrets) for item in value]
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, REDACTED)
    return value
