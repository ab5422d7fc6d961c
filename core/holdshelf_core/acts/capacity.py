"""How much room footage may take, and the floor in days that only alarms (P15). Takes effect at once.

Less room erases more, oldest first over all cameras: nobody picks what goes, and the log says who made it so and why.
"""

from __future__ import annotations

import asyncio
import os

from holdshelf_core.actions import Action, ActionRegistry, Change, LogForm
from holdshelf_core.acts import common
from holdshelf_core.api import types_commission as types
from holdshelf_core.api.local import MIN_BUDGET_BYTES
from holdshelf_core.errors import BadRequest
from holdshelf_core.gate import Call
from holdshelf_core.keeping.retention import DEFAULT_BUDGET_PERCENT
from holdshelf_core.policy.rules import Scope
from holdshelf_core.settings import TABLE

MOST_FLOOR_DAYS = 36_500


async def _set(call: Call[types.CapacitySet]) -> types.CapacityRow:
    asked, settings, retention = call.request, call.holdshelf.settings, call.holdshelf.retention
    why = common.words(asked.why, "Why the capacity changes", needed=True)
    if (asked.budget_bytes is not None and asked.default_budget) or (asked.floor_days is not None and asked.no_floor):
        raise BadRequest("Give a figure, or have it cleared, not both.")
    budget, floor = settings.budget_bytes, settings.floor_days
    if asked.budget_bytes is not None:
        await _check_budget(call, asked.budget_bytes)
        budget = asked.budget_bytes
    elif asked.default_budget:
        budget = None
    if asked.floor_days is not None:
        if not 0 < asked.floor_days < MOST_FLOOR_DAYS:
            raise BadRequest(f"A floor of {asked.floor_days:g} days makes no sense.", "Give days, for example 14.")
        floor = asked.floor_days
    elif asked.no_floor:
        floor = None
    if (budget, floor) == (settings.budget_bytes, settings.floor_days):
        raise BadRequest("That is what holds already.", "Give another --budget or --floor-days.")
    facts = {
        "budget": _budget_words(budget),
        "budget_before": _budget_words(settings.budget_bytes),
        "floor_days": _floor_words(floor),
        "floor_days_before": _floor_words(settings.floor_days),
    }
    changes = [Change(TABLE, "budget", {"bytes": budget}), Change(TABLE, "floor", {"days": floor})]
    seq = await call.record(changes, facts=facts, private={"why": why})
    settings.async_take(budget, floor)
    retention.async_set_budget(budget)
    room = await retention.async_room()
    return types.CapacityRow(seq, budget, floor, room.budget_bytes if room else None)


def _budget_words(budget: int | None) -> str:
    # A figure of bytes may exceed what a JSON number holds exactly.
    return f"{budget} bytes" if budget is not None else f"{DEFAULT_BUDGET_PERCENT} % of the volume"


def _floor_words(days: float | None) -> str:
    return f"{days:g}" if days is not None else "none"


async def _check_budget(call: Call[types.CapacitySet], budget: int) -> None:
    if budget < MIN_BUDGET_BYTES:
        raise BadRequest(
            f"A budget of {budget} bytes is too small to record one camera.",
            f"Give at least {MIN_BUDGET_BYTES >> 20}MiB.",
        )
    room = await call.holdshelf.retention.async_room()
    size = room.size_bytes if room is not None else await asyncio.to_thread(_size_of, str(call.holdshelf.paths.media))
    if size and budget > size:
        raise BadRequest(
            f"A budget of {budget} bytes is more than the whole media disk has ({size} bytes).",
            f"Give at most {DEFAULT_BUDGET_PERCENT} % of it, or --budget default.",
        )


def _size_of(folder: str) -> int:
    try:
        figures = os.statvfs(folder)
    except OSError:
        return 0
    return figures.f_blocks * figures.f_frsize


def register(registry: ActionRegistry) -> None:
    """The act of this module."""
    registry.register(
        Action(
            "capacity.set",
            "capacity.set",
            types.CapacitySet,
            types.CapacityRow,
            _set,
            lambda _q, _s: Scope(),
            lambda q: LogForm(
                facts={
                    "budget_asked": f"{q.budget_bytes} bytes" if q.budget_bytes is not None else "",
                    "floor_asked": f"{q.floor_days:g}" if q.floor_days is not None else "",
                }
            ),
            changes=True,
        )
    )
