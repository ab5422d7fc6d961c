"""What a lease counts, where a picture lies, what an activity strip shows: on real files, without a service."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from holdshelf_core import clock
from holdshelf_core.actions.caller import Caller
from holdshelf_core.actions.registry import LogForm
from holdshelf_core.errors import Unavailable
from holdshelf_core.frame import Frame, async_settled
from holdshelf_core.looks.activity import read_activity
from holdshelf_core.looks.finding import Moment, find
from holdshelf_core.looks.leases import Lease, delivered_words
from holdshelf_core.looks.looks import Looks
from holdshelf_core.looks.pictures import Pictures
from holdshelf_core.operations import offline
from holdshelf_core.paths import DataPaths
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.ledger.lines import DayGone
from holdshelf_storage.volume.journal import FromCamera, activity_bytes_per_second
from holdshelf_storage.volume.volume import Volume
from tests.looking import MINUTE_NS, NS, SECONDS, Recorded, record, write
from tests.rig.hand_clock import HandClock
from tests.rig.hang import HANG_S

CALLER = Caller("p1", admin=False, uid=1000, via="local")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Footage, Recorded]]:
    data = tmp_path_factory.mktemp("parts") / "data"
    offline.init(data, media=None, budget_bytes=None, floor_days=None)
    made = record(data, ["lobby"])
    volume = Volume.attach(data / "state", data / "media")
    yield Footage(volume, Ledger(volume)), made
    volume.detach()


def test_a_lease_counts_what_left_and_gives_back_nothing_it_did_not_deliver() -> None:
    lease = Lease(7, CALLER, "lobby", 64, 60 * NS, live=False)
    assert lease.has_room(64, 0)
    assert not lease.has_room(65, 0)
    assert not lease.has_room(1, 60 * NS)
    lease.count(5000 * NS, 2, 1)
    lease.count(5012 * NS, 2, 2)
    lease.closing = "used up"
    assert not lease.has_room(1, 0)
    assert (lease.facts()["pictures"], lease.facts()["footage_ms"], lease.facts()["mask_versions"]) == (2, 12_000, [2])


@pytest.mark.timeout(HANG_S)
async def test_closing_a_look_never_stops_the_loop(tmp_path: Path) -> None:
    """Its entry is written, and the look waited for, within one turn of the loop."""

    async def written(*_what: object, **_more: object) -> int:
        return 1

    authorizer = cast(Any, SimpleNamespace(frame=Frame(DataPaths(tmp_path)), async_append=written))
    looks = Looks(authorizer, Pictures())
    looks._later("look.close", CALLER, LogForm(), "")
    await asyncio.sleep(0)  # the task has run and is done; it is not discarded yet
    await async_settled(looks._tasks)
    assert not looks._tasks


async def test_what_the_log_did_not_take_when_a_look_ended_is_tried_every_five_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = HandClock()
    machine.rule(monkeypatch, clock)
    began_ns, tried_s = machine.now_ns, []

    async def full(*_what: object, **_more: object) -> int:
        tried_s.append((machine.now_ns - began_ns) // NS)
        if len(tried_s) <= 3:
            raise Unavailable("The log's disk is full.", "Free space.")
        return 1

    looks = Looks(cast(Any, SimpleNamespace(frame=Frame(DataPaths(tmp_path)), async_append=full)), Pictures())
    looks._later("look.close", CALLER, LogForm(facts={"lease": 7}), "")
    for _ in range(60):  # the service's watch, once a second
        await async_settled(looks._tasks)
        machine.forward(1)
        await looks.async_watch()
    assert tried_s == [0, 1, 6, 11]


def test_live_time_is_counted_between_pictures_and_not_while_nobody_asks() -> None:
    lease = Lease(7, CALLER, "lobby", 64, 60 * NS, live=True)
    added = [lease.count(0, 1, at) for at in (1 * NS, 2 * NS, 40 * NS)]
    assert added == [0, NS, 2 * NS]
    assert lease.facts()["live_ms"] == 3000


def test_a_missing_close_reads_as_unknown_at_most() -> None:
    opened = {"seq": 5, "action": "look.open", "facts": {"most_pictures": 64}}
    closed = {
        "seq": 9,
        "action": "look.close",
        "facts": {"lease": 5, "pictures": 3, "footage_ms": 12_000, "mask_versions": [2]},
    }
    assert delivered_words(opened, None) == "unknown, at most 64 pictures"
    assert delivered_words(opened, closed) == "3 pictures, 12.0 s of footage, masks v2"
    assert delivered_words(opened, {"facts": {"lease": 5, "pictures": 0}}) == "no picture"


def test_each_instant_is_found_in_its_file_or_has_its_reason(archive: tuple[Footage, Recorded]) -> None:
    footage, made = archive
    asked = [made.start_utc_ns + 25 * NS, made.gap_utc_ns + 30 * NS, made.end_utc_ns + 10 * NS, made.resumed_utc_ns]
    found = find(footage, "lobby", asked, None, made.end_utc_ns + 5 * NS)
    try:
        first, gap, future, second = found.moments
        assert isinstance(first, Moment)
        assert first.file.start_utc_ns == made.start_utc_ns + SECONDS * NS
        assert isinstance(second, Moment)
        assert isinstance(gap, str)
        assert "camera unreachable" in gap
        assert isinstance(future, str)
        assert "not come yet" in future
        assert len(found.files) == 2
    finally:
        found.close()


def test_a_file_that_is_gone_and_was_not_erased_is_said_to_be_missing(
    archive: tuple[Footage, Recorded], tmp_path: Path
) -> None:
    footage, made = archive
    (segment,) = footage.query("lobby", made.end_utc_ns - 5 * NS, made.end_utc_ns)
    path = Path(f"/proc/self/fd/{footage.folders.volume.root_fd}") / footage.path_of("lobby", segment)  # type: ignore[arg-type]
    kept = tmp_path / "kept.mp4"
    path.rename(kept) if path.stat().st_dev == tmp_path.stat().st_dev else pytest.skip("two file systems")
    try:
        found = find(footage, "lobby", [made.end_utc_ns - 5 * NS], None, made.end_utc_ns + NS)
        assert isinstance(found.moments[0], str)
        assert "is missing: it was not erased on schedule" in found.moments[0]
        read = read_activity(footage, "lobby", made.start_utc_ns, made.end_utc_ns, 10)
        assert [row[0] for row in read.missing] == ["gap", "missing"]
        assert read.recorded[-1][1] == segment.start_utc_ns
    finally:
        kept.rename(path)


def test_a_file_that_was_erased_is_said_to_be(tmp_path: Path) -> None:
    data = tmp_path / "data"
    offline.init(data, media=None, budget_bytes=None, floor_days=None)
    made = record(data, ["lobby"])
    volume = Volume.attach(data / "state", data / "media")
    try:
        footage = Footage(volume, Ledger(volume))
        (segment,) = footage.query("lobby", made.end_utc_ns - 5 * NS, made.end_utc_ns)
        (ref,) = [ref for ref in footage.oldest() if ref.seq == segment.seq]  # type: ignore[union-attr]
        footage.ledger.erase([ref], "capacity", made.end_utc_ns, lambda _: True, threading.Lock())
        found = find(footage, "lobby", [made.end_utc_ns - 5 * NS], None, made.end_utc_ns + NS)
        assert isinstance(found.moments[0], str)
        assert found.moments[0].endswith("was erased on schedule.")
        read = read_activity(footage, "lobby", made.start_utc_ns, made.end_utc_ns, 10)
        assert [row[0] for row in read.missing] == ["gap", "erased"]
        assert read.recorded[-1][1] == segment.start_utc_ns
    finally:
        volume.detach()


def test_what_was_recovered_from_the_camera_is_recorded_and_marked(tmp_path: Path) -> None:
    data = tmp_path / "data"
    offline.init(data, media=None, budget_bytes=None, floor_days=None)
    made = record(data, ["lobby"])
    volume = Volume.attach(data / "state", data / "media")
    try:
        footage, start = Footage(volume, Ledger(volume)), made.gap_utc_ns + 10 * NS
        of = FromCamera(gap=1, fetched_utc_ns=made.end_utc_ns, start_utc_ns=start, offset_ns=0)
        write(footage, "lobby", start, "r", from_camera=of)
        read = read_activity(footage, "lobby", made.start_utc_ns, made.end_utc_ns, 30)
        end = start + SECONDS * NS
        assert (start, end) in read.recorded
        assert read.recovered == [(start, end)]
        assert [row[1:3] for row in read.missing] == [(made.gap_utc_ns, start), (end, made.resumed_utc_ns)]
        found = find(footage, "lobby", [start + NS, end + 5 * NS], None, made.end_utc_ns)
        assert isinstance(found.moments[0], Moment)
        assert isinstance(found.moments[1], str)
    finally:
        volume.detach()


def test_activity_shows_when_something_moved_and_where_nothing_is(archive: tuple[Footage, Recorded]) -> None:
    footage, made = archive
    read = read_activity(footage, "lobby", made.start_utc_ns, made.end_utc_ns, 30)
    assert read.bucket_ns == 10 * NS
    assert [round(activity_bytes_per_second(b), -1) for b in read.activity[:3]] == pytest.approx(
        [100, 100_000, 100], rel=0.05
    )
    assert set(read.activity[12:18]) == {0}
    assert read.recorded == [(made.start_utc_ns, made.gap_utc_ns), (made.resumed_utc_ns, made.end_utc_ns)]
    assert read.missing == [("gap", made.gap_utc_ns, made.resumed_utc_ns, "camera unreachable")]


def test_a_strip_that_begins_within_a_file_begins_within_its_activity(archive: tuple[Footage, Recorded]) -> None:
    footage, made = archive
    read = read_activity(footage, "lobby", made.start_utc_ns + 15 * NS, made.start_utc_ns + 25 * NS, 10)
    quiet, busy = read.activity[7], read.activity[2]
    assert busy > quiet > 0
    assert read_activity(footage, "lobby", made.start_utc_ns - MINUTE_NS, made.start_utc_ns, 6).activity == bytes(6)


def test_what_had_been_on_a_day_that_has_gone_is_erased_on_schedule(archive: tuple[Footage, Recorded]) -> None:
    """Its journal is gone, too; only the ledger's line tells."""
    footage, _made = archive
    noon = 1_768_478_400 * NS  # Jan 15, 2026
    gone = DayGone(
        at_utc_ns=noon,
        camera="attic",
        day="2026-01-15",
        segments=1,
        bytes=1,
        recorded_ns=60 * NS,
        first_seq=1,
        last_seq=1,
        gaps={},
        journal_sha256="",
        recorded=[(noon, noon + 60 * NS)],
        gap_spans=[(noon + 60 * NS, noon + 90 * NS, "camera unreachable")],
    )
    ledger = Ledger(footage.folders.volume)
    ledger._append(noon, gone)
    read = read_activity(footage, "attic", noon - 60 * NS, noon + 120 * NS, 3, ledger)
    assert read.recorded == []
    assert read.missing == [
        ("erased", noon, noon + 60 * NS, "erased on schedule"),
        ("gap", noon + 60 * NS, noon + 90 * NS, "camera unreachable"),
    ]
    assert read_activity(footage, "attic", noon + 90 * NS, noon + 120 * NS, 3, ledger).missing == []
