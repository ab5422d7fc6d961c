"""What the admin may hand on about one camera to get help: how it fares, without a secret, a host or a serial number."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

from holdshelf_core.integration.entry import ConfigEntry
from holdshelf_core.integration.loader import diagnostics
from holdshelf_core.integration.redact import redact, secrets_of
from holdshelf_core.version import VERSION

if TYPE_CHECKING:
    from holdshelf_core.app import Holdshelf

NS = 1_000_000_000


async def async_diagnostics(holdshelf: Holdshelf, entry: ConfigEntry[Any]) -> dict[str, Any]:
    """Core's part and the integration's. JSON-able; everything in it is redacted once more here."""
    camera = holdshelf.recorder.cameras.get(entry.entry_id)
    told: dict[str, Any] = {
        "versions": {"holdshelf": VERSION, "python": platform.python_version(), "system": platform.release()},
        "integration": entry.domain,
        "entry": {
            "state": str(entry.state),
            "reason": entry.reason,
            "asks": holdshelf.entries.flows.async_asks(entry.entry_id),
            "area_kind": entry.area_kind,
            "clock_skew_s": entry.clock_skew_s(),
        },
        "repairs": [
            {"issue": repair.issue_id.partition(":")[0], "sentence": repair.sentence, "severity": repair.severity}
            for repair in holdshelf.repairs.async_all()
            if repair.camera_id == entry.entry_id
        ],
    }
    if camera is not None:
        told["recorder"] = {
            "state": camera.state,
            "reason": camera.reason,
            "detail": camera.detail,
            "for_s": round((holdshelf.clock.boot_ns() - camera.since_boot_ns) / NS, 1),
            "codec": camera.codec,
            "width": camera.width,
            "height": camera.height,
            "bytes_per_s": round(camera.bytes_per_s),
            "waiting_messages": camera.waiting,
            "last_gap": camera.last_gap[2] if camera.last_gap else "",
            "transport": str((entry.data.get("stream") or {}).get("transport", "")),
        }
    found = diagnostics(entry.domain)
    if found is not None:
        told["device"] = await found.async_get_diagnostics(holdshelf, entry)
    redacted: dict[str, Any] = redact(told, secrets_of(entry))
    return redacted
