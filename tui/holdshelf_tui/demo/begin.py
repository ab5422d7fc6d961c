"""The first entry of a demo's access log: cameras that have a past before anybody added them, which no real house has.

A camera is never given the id of footage that is there already; so a demo whose footage was made beforehand says itself, in
the log and before its service runs, whose that is. The passwords follow by an act, as for any camera.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_tui.demo.virtual_camera import VirtualCamera

ACTION = "demo.begin"
PROFILE = "Profile_Main"


def is_new(data: Path) -> bool:
    """Whether nothing was written down there yet."""
    return not any((data / "state" / "access").glob("*.jsonl"))


def write_first_entry(data: Path, cameras: Sequence[tuple[str, VirtualCamera, str]], minutes: int) -> None:
    """``cameras``: (id, camera, area kind). Raises StorageError."""
    changes = [change for camera_id, camera, area in cameras for change in _changes(camera_id, camera, area)]
    log = AccessLog.open(data / "state")
    try:
        public = {
            "at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z"),
            "offset_s": 0,
            "action": ACTION,
            "outcome": "done",
            "person": "service",
            "seat": "service",
            "via": "service",
            "cameras": sorted(camera_id for camera_id, _, _ in cameras),
            "facts": {"made_minutes": minutes},
        }
        log.append(public, {"changes": msgspec.json.encode(changes).decode()})
    finally:
        log.close()


def _changes(camera_id: str, camera: VirtualCamera, area: str) -> list[dict[str, object]]:
    spec = camera.spec
    stream = {"url": camera.rtsp_url, "username": camera.username, "transport": "tcp", "codec": "h264"}
    entry = {
        "entry_id": camera_id,
        "domain": "onvif",
        "unique_id": camera.unique_id,
        "title": camera.name,
        "area_kind": area,
        "area_note": "",
        "data": {
            "address": camera.onvif_address,
            "username": camera.username,
            "profile": PROFILE,
            "stream": {**stream, "width": spec.width, "height": spec.height},
        },
        "added_utc_ns": time.time_ns(),
    }
    commission = {"camera": camera_id}
    return [
        {"table": "entries", "key": camera_id, "row": entry},
        {"table": "commissions", "key": camera_id, "row": commission},
    ]
