"""What becomes of holds as time passes, without a media disk: an end of grace that is written down, or is not."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import msgspec
import pytest

from holdshelf_core import clock
from holdshelf_core.actions.authorizer import Authorizer
from holdshelf_core.actions.caller import Caller
from holdshelf_core.actions.registry import LogForm
from holdshelf_core.actions.state_store import StateStore, put
from holdshelf_core.frame import Frame
from holdshelf_core.holds.holds import Holds
from holdshelf_core.holds.upkeep import REVIEW_REPAIR, async_hold_duties
from holdshelf_core.paths import DataPaths
from holdshelf_core.policy.model import Hold, HoldSpan, Release, Span
from holdshelf_core.policy_file.adopted import in_force
from holdshelf_core.times import DAY_NS
from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.register import Register
from holdshelf_storage.volume.volume import init_volume
from tests.rig.hand_clock import HandClock

NS = 1_000_000_000
HELD = Hold(
    "H-2026-0001", "violation", "26-1", (HoldSpan("lobby", 0, 9 * NS),), "p1", 0, 0, state="grace", grace_end_utc_ns=NS
)
ASKED = (Span("lobby", 2 * NS, 3 * NS),)
RELEASE = Release("R-2026-0001", "court-order", "26-1", ASKED, ASKED, "p1", 0, "approved")


class Told:
    """What ``app`` does when rows of holds change."""

    def __init__(self, store: StateStore, holds: Holds) -> None:
        self._store, self._holds = store, holds

    def async_owns_look(self, _look: str, _caller: Caller) -> bool:
        return False

    def async_state_changed(self, _tables: set[str]) -> None:
        self._holds.apply(self._store.state.holds)

    def async_log_written(self) -> None:
        pass


@asynccontextmanager
async def house(root: Path, hold: Hold, release: Release | None = None) -> AsyncIterator[tuple[Holds, Authorizer]]:
    """A hold and a release that are in the log, and what is made of their rows."""
    frame = Frame(DataPaths(root))
    frame.clock.restore(None)
    init_volume(frame.paths.state, frame.paths.media, 1)
    store, log = (
        StateStore(Register.open(frame.paths.state), partial(in_force, Path())),
        AccessLog.open(frame.paths.state),
    )
    with contextlib.closing(log):
        store.load(log)
        holds = Holds(clock=frame.clock, repairs=frame.repairs, hold_lock=threading.Lock())
        authorizer = Authorizer(frame, store, log, Told(store, holds))
        rows = [put("holds", hold.id, hold), *([put("releases", release.id, release)] if release is not None else [])]
        await authorizer.async_service_entry("test.begun", LogForm(), rows)
        yield holds, authorizer


def written(root: Path, release: Release, *, in_doubt: bool = False) -> list[str]:
    """The entries of one turn of the job, when the days of grace are over."""

    async def turn() -> list[str]:
        async with house(root, HELD, release) as (holds, authorizer):
            if in_doubt:
                authorizer.store.problem = "The register is not whole."
            await async_hold_duties(holds, authorizer)
            return [entry.public["action"] for entry in authorizer.log.read(2, authorizer.log.size)]

    return asyncio.run(turn())


@pytest.mark.parametrize(("state", "entries"), [("approved", []), ("requested", []), ("withdrawn", ["hold.lifted"])])
def test_p16_a_hold_in_its_days_of_grace_is_not_lifted_while_a_release_of_it_is_open(
    tmp_path: Path, state: str, entries: list[str]
) -> None:
    assert written(tmp_path, msgspec.structs.replace(RELEASE, state=state)) == entries


def test_p16_a_hold_is_not_lifted_while_the_rows_may_not_be_those_that_were_decided_last(tmp_path: Path) -> None:
    assert written(tmp_path, msgspec.structs.replace(RELEASE, state="withdrawn"), in_doubt=True) == []


def test_p16_a_review_that_is_due_is_a_repair_until_it_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It falls due when its time has passed, not because the wall clock was set (ADR 71)."""
    machine = HandClock()
    machine.rule(monkeypatch, clock)
    due_utc_ns = machine.utc_ns() + 90 * DAY_NS
    active = msgspec.structs.replace(HELD, state="active", grace_end_utc_ns=None, review_utc_ns=due_utc_ns)

    async def scene() -> None:
        async with house(tmp_path, active) as (holds, authorizer):

            async def repairs() -> list[str]:
                await async_hold_duties(holds, authorizer)
                return [repair.issue_id for repair in authorizer.frame.repairs.async_all()]

            machine.step(91 * 86_400)
            assert await repairs() == [], "one of the two clocks says so"
            machine.step(-91 * 86_400)
            machine.forward(90 * 86_400 - 60)
            assert await repairs() == []
            machine.forward(60)
            assert await repairs() == [REVIEW_REPAIR + HELD.id]
            machine.step(-10 * 86_400)
            assert await repairs() == [], "not while the clocks disagree"
            machine.step(10 * 86_400)
            assert await repairs() == [REVIEW_REPAIR + HELD.id]
            row = msgspec.structs.replace(active, review_utc_ns=machine.utc_ns() + DAY_NS)
            await authorizer.async_service_entry("test.reviewed", LogForm(), [put("holds", row.id, row)])
            assert await repairs() == []

    asyncio.run(scene())
