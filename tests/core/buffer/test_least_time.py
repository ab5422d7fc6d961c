"""Room for less than the policy keeps at least: an error before it happens, and an entry in the access log when it has (B3)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from holdshelf_core.app import Holdshelf
from holdshelf_core.buffer.footage_jobs import AHEAD_REPAIR, SHORT_REPAIR, FootageJobs
from holdshelf_core.paths import DataPaths
from holdshelf_core.times import DAY_NS, HOUR_NS
from holdshelf_storage.footage.footage import Footage
from tests.policy_library import POLICIES, PolicyLibrary
from tests.rig.hang import HANG_S

KEPT_DAYS = 6


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A library that keeps footage for 7 days, not more and not less; the oldest is of six days ago."""
    library = PolicyLibrary(POLICIES / "b.toml", tmp_path, older_ns=[KEPT_DAYS * DAY_NS + HOUR_NS])
    with library.service:
        library.settle()
    return library.service.data


def entries(data: Path, action: str) -> list[dict[str, Any]]:
    """The public facts of each such entry, as they lie on the disk."""
    lines = [line for path in sorted((data / "state" / "access").glob("*.jsonl")) for line in path.open()]
    public = (json.loads(line) for line in lines if not line.startswith('{"private"'))
    return [entry["facts"] for entry in public if entry.get("action") == action]


async def index_is_built(footage: Footage) -> None:
    async with asyncio.timeout(HANG_S):
        while not footage.usage().complete:
            await asyncio.sleep(0.01)


def test_too_little_room_for_the_least_time_is_told_before_it_breaks_and_entered_when_it_has(data: Path) -> None:
    async def day_six() -> None:
        holdshelf = Holdshelf(DataPaths(data))
        await holdshelf._start()
        told: Callable[[str], list[str]] = lambda issue: [  # noqa: E731
            repair.sentence for repair in holdshelf.repairs.async_all() if repair.issue_id == issue
        ]
        try:
            jobs = FootageJobs(
                holdshelf.authorizer,
                holdshelf.store,
                holdshelf.retention,
                holdshelf.anchoring,
                holdshelf.settings,
                holdshelf.averages,
            )
            assert holdshelf.store.opened is not None
            footage = holdshelf.store.opened.footage
            await index_is_built(footage)
            await jobs.async_check_floor()
            assert told(SHORT_REPAIR) == [] and entries(data, "footage.short") == []

            holdshelf.retention.async_set_budget(footage.usage().allocated_bytes + 1)
            await jobs.async_check_floor()
            (ahead,) = told(AHEAD_REPAIR)
            assert "of footage, but the policy keeps it at least 7 days" in ahead
            assert told(SHORT_REPAIR) == [], "nothing had to go yet"

            holdshelf.retention.async_set_budget(footage.usage().allocated_bytes // 2)
            await holdshelf.retention.async_sweep()
            for _ in range(2):  # it is entered once, however often it is looked at
                await jobs.async_check_floor()
                (short,) = told(SHORT_REPAIR)
            assert f"erased after {KEPT_DAYS} days, but the policy keeps it at least 7 days" in short
            assert footage.usage().allocated_bytes > 0, "the oldest goes, and no more than room takes"
        finally:
            await holdshelf._stop()

    asyncio.run(day_six())
    (facts,) = entries(data, "footage.short")
    assert (facts["at_least"], facts["kept_hours"] // 24) == ("at least 7 days", KEPT_DAYS)
