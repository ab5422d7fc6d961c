"""What the admin may pass on about one camera to get help: its state, without secrets, hosts or serial numbers."""

from __future__ import annotations

import platform
from typing import Any

from holdshelf_core.cameras.entries import Entries
from holdshelf_core.integration.entry import ConfigEntry
from holdshelf_core.integration.loader import diagnostics, recordings
from holdshelf_core.integration.redact import redact, secrets_of
from holdshelf_core.integration.root import Holdshelf
from holdshelf_core.recorder.recorder import Recorder
from holdshelf_core.times import NS
from holdshelf_core.version import VERSION


async def async_diagnostics(
    holdshelf: Holdshelf, entries: Entries, recorder: Recorder, entry: ConfigEntry[Any]
) -> dict[str, Any]:
    """Return the diagnostics of core and of the integration. JSON-serializable; all of it is redacted again here."""
    camera = recorder.cameras.get(entry.entry_id)
    told: dict[str, Any] = {
        "versions": {"holdshelf": VERSION, "python": platform.python_version(), "system": platform.release()},
        "integration": entry.domain,
        "entry": {
            "state": str(entry.state),
            "reason": entry.reason,
            "asks": entries.flows.async_asks(entry.entry_id),
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
            "waiting_messages": camera.waiting,
            "last_gap": camera.last_gap[2] if camera.last_gap else "",
            "stream_clock_ahead_s": None if camera.clock_ahead_ns is None else round(camera.clock_ahead_ns / NS, 1),
            "transport": str((entry.data.get("stream") or {}).get("transport", "")),
        }
    if recordings(entry.domain) is not None:
        filled = recorder.backfill.status(entry.entry_id)
        told["backfill"] = {
            "on": entry.backfill,
            "asked": filled.asked,
            "recovered_s": round(filled.recovered_ns / NS, 1),
            "gaps_waiting": filled.pending,
            "last": filled.last,
        }
    found = diagnostics(entry.domain)
    if found is not None:
        told["device"] = await found.async_get_diagnostics(holdshelf, entry)
    redacted: dict[str, Any] = redact(told, secrets_of(entry))
    return redacted
