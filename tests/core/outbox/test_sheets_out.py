"""Printed stills that are out (P14): no day that passes brings one back; an overdue one is a repair, which names nobody."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec

from holdshelf_core.integration.bus import EventBus
from holdshelf_core.integration.repairs import RepairRegistry
from holdshelf_core.people.expiry import async_tell_sheets, sheet_state
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.model import Share
from holdshelf_core.policy.standing import ends_to_write
from holdshelf_core.policy.state import State
from holdshelf_core.times import DAY_NS

SHEET = Share(
    "V-2026-0001", "sheet", "", "lobby", 0, 1, 2 * DAY_NS, "violation", "p1", given_to="the desk of Mary", copy=1
)


def authorizer(now_utc_ns: int, *shares: Share) -> Any:
    state = SimpleNamespace(shares={share.id: share for share in shares}, name_of=lambda _person: "Dora Reed")
    repairs = RepairRegistry(EventBus(lambda: now_utc_ns), lambda: now_utc_ns)
    return SimpleNamespace(
        store=SimpleNamespace(state=state),
        now=lambda: Now(now_utc_ns, now_utc_ns),
        frame=SimpleNamespace(repairs=repairs),
    )


def test_p14_a_sheet_that_is_not_back_in_time_is_a_repair_until_it_is_given_back() -> None:
    assert async_tell_sheets(authorizer(DAY_NS, SHEET)) == 0
    late = authorizer(2 * DAY_NS, SHEET)
    assert async_tell_sheets(late) == 1
    (repair,) = late.frame.repairs.async_all()
    assert "V-2026-0001 (copy no. 1) was due back by" in repair.sentence
    assert "share end V-2026-0001" in repair.next_step
    assert "Mary" not in repair.sentence + repair.next_step
    late.store.state.shares = {SHEET.id: msgspec.structs.replace(SHEET, ended_utc_ns=3 * DAY_NS)}
    assert async_tell_sheets(late) == 0
    assert late.frame.repairs.async_all() == []
    assert [sheet_state(SHEET, at * DAY_NS) for at in (1, 2)] == ["out", "overdue"]


def test_p14_no_clock_brings_a_sheet_back_though_it_ends_a_view() -> None:
    view = msgspec.structs.replace(SHEET, id="V-2026-0002", kind="view", person="p2")
    state = State(shares={share.id: share for share in (SHEET, view)})
    ended = [end.key for end in ends_to_write(state, Now(9**20, 9**20)) if end.table == "shares"]
    assert ended == ["V-2026-0002"]
