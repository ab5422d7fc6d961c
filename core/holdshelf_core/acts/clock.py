"""A person's word on the time: after a disagreement of the two clocks, the wall clock is right (DESIGN § 4, "Clock").

From then on the counted time goes on from the wall clock's, and what depends on age counts again. What had ended by either
clock is written down as ended in the same entry, before the clocks agree: no right revives.
"""

from __future__ import annotations

from dataclasses import replace

from holdshelf_core import times
from holdshelf_core.actions import Action, ActionRegistry, LogForm
from holdshelf_core.acts import common
from holdshelf_core.api import types_clock as types
from holdshelf_core.clock import NS
from holdshelf_core.errors import Conflict
from holdshelf_core.gate import Call
from holdshelf_core.house import put
from holdshelf_core.policy.case import Scope
from holdshelf_core.policy.standing import ends_to_write

MOST_SET_SINCE_NS = 30 * NS
"""So far the wall clock may have moved against boot time since it was shown: more is another time than the one confirmed."""


async def _confirm(call: Call[types.ClockConfirm]) -> types.ClockConfirmed:
    asked, clock = call.request, call.holdshelf.clock
    why = common.words(asked.why, "How it is known that the clock is right", needed=True)
    now, boot_ns = call.now, clock.boot_ns()
    if not now.doubtful:
        raise Conflict("The clocks of this machine agree; there is nothing to confirm.", "See `holdshelf clock show`.")
    if abs((now.utc_ns - boot_ns) - (asked.utc_ns - asked.boot_ns)) > MOST_SET_SINCE_NS:
        raise Conflict(
            "The clock was set since it was shown to you, or the machine was started anew.",
            "Look at it again: `holdshelf clock confirm`.",
        )
    ends = {
        (end.table, end.key): end
        # By the counted time, then by the wall clock, which counts from now on.
        for moment in (now, replace(now, trusted_utc_ns=now.utc_ns))
        for end in ends_to_write(call.state, moment)
    }
    words = [f"{end.key}: {end.words}" for end in ends.values()]
    await call.record(
        [put(end.table, end.key, end.row) for end in ends.values()],
        facts={
            "wall_clock": times.rfc3339(now.utc_ns),
            "counted": times.rfc3339(now.trusted_utc_ns),
            "ended": words[:200],
        },
        private={"why": why},
    )
    await call.holdshelf.async_confirm_clock(now.utc_ns, boot_ns)
    return types.ClockConfirmed(call.seq, now.utc_ns - now.trusted_utc_ns, words)


def register(registry: ActionRegistry) -> None:
    """The act of this module."""
    registry.register(
        Action(
            "clock.confirm",
            "clock.confirm",
            types.ClockConfirm,
            types.ClockConfirmed,
            _confirm,
            lambda _q, _s: Scope(),
            lambda q: LogForm(facts={"shown": times.rfc3339(q.utc_ns)}),
            changes=True,
        )
    )
