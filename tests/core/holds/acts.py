"""Acts on holds as a person does them, and what the log says of them."""

from __future__ import annotations

from typing import Any

from holdshelf_core.access_log.types import LogShow
from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import Unavailable
from holdshelf_core.buffer.settings import Settings
from holdshelf_core.holds import types
from holdshelf_storage.register import Register
from tests.service import Service, wait_for


def place(by: Client, *spans: types.SpanAsk, **more: Any) -> types.HoldRow:
    asked = types.HoldPlace(more.pop("ground", "investigation"), more.pop("reference", "26-1"), list(spans), **more)
    return by.act(asked)


def show(by: Client, hold: str) -> types.HoldRow:
    return by.act(types.HoldAsk(hold))


def holds(by: Client) -> dict[str, types.HoldRow]:
    return {row.id: row for row in by.act(types.HoldListAsk()).holds}


def entries(service: Service, action: str, subject: str = "") -> list[dict[str, Any]]:
    rows = service.act(LogShow(action=action, most=500)).entries
    return [row.entry for row in rows if not subject or row.entry.get("subject") == subject]


def await_entries(service: Service, action: str, subject: str = "", seconds: float = 60) -> list[dict[str, Any]]:
    """Those entries, once there are any: the log may not be writable yet, and reading it is written down as well."""

    def found() -> list[dict[str, Any]] | None:
        try:
            return entries(service, action, subject) or None
        except Unavailable:
            return None

    return wait_for(f"an entry {action}", found, seconds, every=0.5)


def settings(service: Service, budget_bytes: int | None = None) -> None:
    """Short segments, and a budget, before the service starts for the first time."""
    made = Settings(Register.open(service.data / "state"))
    made.set_segment_s(2)
    if budget_bytes is not None:
        made.set_budget_bytes(budget_bytes)
