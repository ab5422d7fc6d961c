"""What becomes of holds as time passes, without a disk: an end of grace that is written down, or is not."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import msgspec

from holdshelf_core.hold_duties import async_hold_duties
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.model import Hold, HoldSpan, Release, Span
from holdshelf_core.policy.releases import holds_in_release

NS = 1_000_000_000
HELD = Hold(
    "H-2026-0001", "violation", "26-1", (HoldSpan("lobby", 0, 9 * NS),), "p1", 0, 0, state="grace", grace_end_utc_ns=NS
)
ASKED = (Span("lobby", 2 * NS, 3 * NS),)
RELEASE = Release("R-2026-0001", "court-order", "26-1", ASKED, ASKED, "p1", 0, "approved")


def written(release: Release) -> list[str]:
    """The entries of one turn of the job, when the days of grace are over."""
    entries: list[str] = []

    async def write(action: str, *_more: Any, **_how: Any) -> int:
        entries.append(action)
        return 1

    async def work() -> str:
        return "done"

    async def turn() -> None:
        state = SimpleNamespace(
            holds={HELD.id: HELD}, holds_in_release=holds_in_release({release.id: release}, {HELD.id: HELD})
        )
        lifted = msgspec.structs.replace(HELD, state="lifted")
        house: Any = SimpleNamespace(
            house=SimpleNamespace(state=state, problem=""),
            holds=SimpleNamespace(united=list, due=lambda: [lifted], async_work=work),
            gate=SimpleNamespace(order=asyncio.Lock(), async_service_entry=write, now=lambda: Now(9 * NS, 9 * NS)),
            repairs=SimpleNamespace(async_create=None, async_delete=lambda _issue: None),
        )
        await async_hold_duties(house)

    asyncio.run(turn())
    return entries


def test_p16_a_hold_in_its_days_of_grace_is_not_lifted_while_a_release_of_it_is_open() -> None:
    assert written(RELEASE) == []
    assert written(msgspec.structs.replace(RELEASE, state="requested")) == []
    assert written(msgspec.structs.replace(RELEASE, state="withdrawn")) == ["hold.lifted"]
