"""Sets how much room footage may use, and the floor in days, which only raises an alarm (P15). Takes effect at once.

Less room erases more, oldest first over all cameras: nobody picks what is erased, and the log records who set it and why.
"""

from __future__ import annotations

import asyncio
import os

from holdshelf_core.actions import common
from holdshelf_core.actions.call import Call
from holdshelf_core.actions.registry import Change, LogForm, handles
from holdshelf_core.buffer import types
from holdshelf_core.buffer.plan import MIN_BUDGET_BYTES
from holdshelf_core.buffer.retention import DEFAULT_BUDGET_PERCENT, Retention
from holdshelf_core.buffer.settings import TABLE, Settings
from holdshelf_core.errors import BadRequest
from holdshelf_storage.units import DAY_NS

MOST_FLOOR_DAYS = 36_500


class CapacityActs:
    """The action that sets how much room footage may use."""

    def __init__(self, settings: Settings, retention: Retention) -> None:
        self._settings, self._retention = settings, retention

    @handles(
        types.CapacitySet,
        log=lambda q: LogForm(
            facts={
                "budget_asked": f"{q.budget_bytes} bytes" if q.budget_bytes is not None else "",
                "floor_asked": f"{q.floor_days:g}" if q.floor_days is not None else "",
            }
        ),
    )
    async def set_capacity(self, call: Call[types.CapacitySet]) -> types.CapacityRow:
        asked, settings, retention = call.request, self._settings, self._retention
        why = common.words(asked.why, "Why the capacity changes", needed=True)
        if (asked.budget_bytes is not None and asked.default_budget) or (
            asked.floor_days is not None and asked.no_floor
        ):
            raise BadRequest("Give a value or clear it, not both.")
        budget, floor = settings.budget_bytes, settings.floor_days
        if asked.budget_bytes is not None:
            await self._check_budget(call, asked.budget_bytes)
            budget = asked.budget_bytes
        elif asked.default_budget:
            budget = None
        if asked.floor_days is not None:
            if not 0 < asked.floor_days < MOST_FLOOR_DAYS:
                raise BadRequest(
                    f"A floor of {asked.floor_days:g} days makes no sense.", "Give a number of days, e.g., 14."
                )
            _check_floor(call, asked.floor_days)
            floor = asked.floor_days
        elif asked.no_floor:
            floor = None
        if (budget, floor) == (settings.budget_bytes, settings.floor_days):
            raise BadRequest("That is already the setting.", "Use a different --budget or --floor-days.")
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

    async def _check_budget(self, call: Call[types.CapacitySet], budget: int) -> None:
        if budget < MIN_BUDGET_BYTES:
            raise BadRequest(
                f"A budget of {budget} bytes is too small to record one camera.",
                f"Give at least {MIN_BUDGET_BYTES >> 20}MiB.",
            )
        room = await self._retention.async_room()
        size = room.size_bytes if room is not None else await asyncio.to_thread(_size_of, str(call.frame.paths.media))
        if size and budget > size:
            raise BadRequest(
                f"A budget of {budget} bytes is more than the size of the media disk ({size} bytes).",
                f"Give at most {DEFAULT_BUDGET_PERCENT}% of it, or --budget default.",
            )


def _check_floor(call: Call[types.CapacitySet], days: float) -> None:
    """A floor that alarms below what the policy asks for, or above what it permits, says something else than the policy."""
    keeping = call.state.policy.keeping
    if keeping.at_least_ns is not None and days * DAY_NS < keeping.at_least_ns:
        call.refuse(
            "P15", f"The policy keeps footage {keeping.at_least_words}, and {days:g} days are fewer.", "Give more days."
        )
    if keeping.at_most_ns is not None and days * DAY_NS > keeping.at_most_ns:
        call.refuse(
            "P15", f"The policy keeps footage {keeping.at_most_words}, and {days:g} days are more.", "Give fewer days."
        )


def _budget_words(budget: int | None) -> str:
    # A byte count may exceed what a JSON number holds exactly.
    return f"{budget} bytes" if budget is not None else f"{DEFAULT_BUDGET_PERCENT}% of the volume"


def _floor_words(days: float | None) -> str:
    return f"{days:g}" if days is not None else "none"


def _size_of(folder: str) -> int:
    try:
        figures = os.statvfs(folder)
    except OSError:
        return 0
    return figures.f_blocks * figures.f_frsize
