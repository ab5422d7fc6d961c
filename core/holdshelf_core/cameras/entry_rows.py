"""A camera's entry as a row of the register and of the access log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdshelf_core.integration.entry import ConfigEntry
from holdshelf_core.integration.stream_url import shown_address

BACKFILL_OFF = "off"


def row_of(entry: ConfigEntry[Any]) -> dict[str, Any]:
    """Return an entry's row for the access log: without secrets, but saying whether there was one."""
    data = dict(entry.data)
    if data.pop("password", None):
        data["password_needed"] = True
    stream = data.get("stream")
    if isinstance(stream, dict) and isinstance(stream.get("url"), str):
        data["stream"] = {**stream, "url": shown_address(stream["url"])}
    return {
        "entry_id": entry.entry_id,
        "domain": entry.domain,
        "unique_id": entry.unique_id,
        "title": entry.title,
        "area_kind": entry.area_kind,
        "area_note": entry.area_note,
        "data": data,
        "added_utc_ns": entry.added_utc_ns,
        "backfill": "" if entry.backfill else BACKFILL_OFF,
    }


def entry_of(row: Mapping[str, Any], data: dict[str, Any]) -> ConfigEntry[Any]:
    """Return the entry of a row. ``data``: the row's own, with its secrets decrypted."""
    return ConfigEntry(
        entry_id=row["entry_id"],
        domain=row["domain"],
        unique_id=row["unique_id"],
        title=row["title"],
        area_kind=row["area_kind"],
        area_note=row.get("area_note", ""),
        data=data,
        added_utc_ns=row.get("added_utc_ns", 0),
        backfill=row.get("backfill", "") != BACKFILL_OFF,
    )
