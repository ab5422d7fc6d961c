"""A service under a policy with a limit in days: what is older goes, a hold keeps it, and a stranger finds nothing wrong."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from holdshelf_core.access_log.types import LogShow
from holdshelf_core.api.errors import HoldshelfError, Refused
from holdshelf_core.app import Holdshelf
from holdshelf_core.holds.types import HoldPlace, SpanAsk
from holdshelf_core.paths import DataPaths
from holdshelf_core.people.board_types import PolicyAdopt, ReadPolicyLists
from holdshelf_core.policy_file.first import FIRST
from holdshelf_core.reports.types import PrintRequest
from holdshelf_core.times import HOUR_NS
from tests.looking import commissioned, record, seed
from tests.people import PAPER, People
from tests.rig.hang import HANG_S
from tests.service import Service, wait_for
from tests.stranger.house import judge
from tests.tui.stage import entry

CAMERAS = {"lobby": "Front entrance", "desk": "Service desk"}


def test_what_is_older_than_the_limit_goes_but_for_a_hold(tmp_path: Path) -> None:
    service = Service(tmp_path / "data", mint=True)
    seed(service.data, [*commissioned(*CAMERAS), *(entry(camera, name) for camera, name in CAMERAS.items())])
    now = time.time_ns()
    old = record(service.data, list(CAMERAS), now - 80 * HOUR_NS, explained=True)
    record(service.data, ["lobby"], now - 2 * HOUR_NS, explained=True)
    footage = service.data / "media" / "footage"

    def files(camera: str) -> int:
        return len(list((footage / camera).glob("20*/*.mp4")))

    before = files("lobby")
    with service:
        people = People(service)
        director = people.name_director()
        director.act(HoldPlace("investigation", "26-1", [SpanAsk("desk", old.start_utc_ns, old.end_utc_ns)]))
        policy = FIRST.read_text() + '\n[keeping]\nat_least = "24 hours"\nat_most = "72 hours"\n'
        service.client.act(PolicyAdopt("Three days.", "2", "2026-01-01", "enforce", PAPER, policy))
        service.stop()
        service.start()  # a sweep comes soon after a start
        director = people.client("dora")
        wait_for("the old is erased", lambda: files("lobby") == before // 2)
        assert files("desk") == before // 2
        assert [one for one in service.client.status().repairs if "least" in one.issue_id] == []
        placed = [row.entry["outcome"] for row in service.act(LogShow(action="hold.place")).entries]
        assert placed == ["done"]
        destroyed = director.act(PrintRequest("destroyed", quarter="now")).destroyed
        assert (
            destroyed is not None
            and destroyed.so_far
            and destroyed.keeping == ("at least 24 hours", "at most 72 hours")
        )
        assert [(row.camera, row.rule, row.files) for row in destroyed.rows] == [
            ("lobby", "at most 72 hours", before // 2)
        ]
        with pytest.raises(Refused):
            service.act(PrintRequest("destroyed", quarter="now"))
        service.stop()
    reasons = [
        line for path in (service.data / "state" / "ledger").glob("*.jsonl") for line in path.read_text().split("\n")
    ]
    assert any('"reason":"at most 72 hours"' in line for line in reasons)
    code, words = judge(service.data)
    assert code == 0, words


def test_a_file_that_cannot_be_read_erases_nothing_by_age_and_gives_nobody_rights(tmp_path: Path) -> None:
    """Not changed, not gone, not cut short: until the adopted one is back."""
    service = Service(tmp_path / "data", mint=True)
    seed(service.data, [*commissioned("lobby"), entry("lobby", "Front entrance")])
    policy = FIRST.read_text() + '\n[keeping]\nat_most = "72 hours"\n'
    with service:
        people = People(service)
        people.name_director()
        service.client.act(PolicyAdopt("Three days.", "2", "2026-01-01", "enforce", PAPER, policy))
    record(service.data, ["lobby"], time.time_ns() - 80 * HOUR_NS, explained=True)
    (file,) = (service.data / "state" / "policy").glob("*.toml")

    async def swept() -> int:
        """How many files there are after a start and a sweep."""
        holdshelf = Holdshelf(DataPaths(service.data))
        await holdshelf._start()
        try:
            assert holdshelf.store.opened is not None
            async with asyncio.timeout(HANG_S):
                while not holdshelf.store.opened.footage.usage().complete:
                    await asyncio.sleep(0.01)
            await holdshelf.retention.async_sweep()
        finally:
            await holdshelf._stop()
        return len(list((service.data / "media" / "footage" / "lobby").glob("20*/*.mp4")))

    for spoiled in (policy.replace("72 hours", "1 hours"), policy[: len(policy) // 2], None):
        file.unlink()
        if spoiled is not None:
            file.write_text(spoiled)
        assert asyncio.run(swept()) > 0, "nothing goes by age"
        with service, pytest.raises(HoldshelfError):
            people.client("dora").read(ReadPolicyLists())
        file.write_text(policy)
    with service:
        assert people.client("dora").read(ReadPolicyLists()).seats
    assert asyncio.run(swept()) == 0
