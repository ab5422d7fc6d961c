"""Confirming the time: after the two clocks disagreed, a person says that the wall clock is right (DESIGN § 4, "Clock").

Trusted time then continues from the wall clock, and what depends on age works again. Rights that had ended by either clock are
recorded as ended in the same entry, before the clocks agree: no right is revived.
"""

from __future__ import annotations

from dataclasses import replace

from holdshelf_core import times
from holdshelf_core.actions import common
from holdshelf_core.actions.call import Call, Reading
from holdshelf_core.actions.registry import LogForm, handles
from holdshelf_core.actions.state_store import put
from holdshelf_core.errors import Conflict
from holdshelf_core.operations import types
from holdshelf_core.operations.clock_watch import ClockWatch
from holdshelf_core.policy.standing import ends_to_write
from holdshelf_core.times import NS

MOST_SET_SINCE_NS = 30 * NS
"""How far the wall clock may move against boot time after it was shown: beyond that it is not the time that was confirmed."""


class ClockActs:
    """The action that resolves a disagreement of the clocks."""

    def __init__(self, watch: ClockWatch) -> None:
        self._watch = watch

    @handles(types.ClockConfirm, log=lambda q: LogForm(facts={"shown": times.rfc3339(q.utc_ns)}))
    async def confirm(self, call: Call[types.ClockConfirm]) -> types.ClockConfirmed:
        asked, clock = call.request, call.frame.clock
        why = common.words(asked.why, "How it is known that the clock is right", needed=True)
        now, boot_ns = call.now, clock.boot_ns()
        if not now.doubtful:
            raise Conflict(
                "The clocks of this machine agree; there is nothing to confirm.", "See `holdshelf clock show`."
            )
        if abs((now.utc_ns - boot_ns) - (asked.utc_ns - asked.boot_ns)) > MOST_SET_SINCE_NS:
            raise Conflict(
                "The clock was changed after it was shown to you, or the machine was restarted.",
                "Check it again: `holdshelf clock confirm`.",
            )
        ends = {
            (end.table, end.key): end
            # First by trusted time, then by the wall clock, which applies from now on.
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
        await self._watch.async_confirm(now.utc_ns, boot_ns)
        return types.ClockConfirmed(call.seq, now.utc_ns - now.trusted_utc_ns, words)


@handles(types.ReadClock)
async def _read(asked: Reading[types.ReadClock]) -> types.ClockRow:
    now = asked.now
    return types.ClockRow(now.utc_ns, now.trusted_utc_ns, asked.frame.clock.boot_ns(), now.doubtful)
