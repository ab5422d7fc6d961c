"""What a real store may cost the recorder: no frame, little memory, no more of the line and no other hours than were said.

And what a clock that is off leads to (`make test-s3`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from holdshelf_core.actions.authorizer import Authorizer
from holdshelf_core.holds import types as hold_types
from holdshelf_core.integration.repairs import Repair
from holdshelf_core.offsite import offsite as room
from holdshelf_core.offsite.offsite import Offsite
from holdshelf_core.offsite.store import Bucket
from holdshelf_core.offsite.types import Health, OffsiteSetup, Place, ReadOffsite
from tests.core.cameras.test_hostile_cameras import add_all, lost_no_frame
from tests.core.holds.acts import place, settings
from tests.core.holds.test_hold_duties import HELD, house
from tests.people import People
from tests.rig.ceph import Ceph
from tests.rig.elsewhere import NEEDS_CEPH, Elsewhere, place_of, worker_memory
from tests.rig.faults import FakeClock
from tests.rig.processes import patience
from tests.rig.rtsp import Mount, RtspServer
from tests.service import NS, Service, faults_in, wait_for

pytestmark = NEEDS_CEPH
MOST_WORKER_BYTES = 60 << 20
ACTIVE = msgspec.structs.replace(HELD, state="active", grace_end_utc_ns=None)
A_DAY = 1440


# --- the line -------------------------------------------------------------------------------------------------------------


def test_no_more_than_the_limit_goes_over_the_line_in_any_second(ceph: Ceph, tmp_path: Path) -> None:
    limit, size = 1_000_000, 3_000_000
    where = msgspec.structs.replace(place_of(ceph), limit_bytes_per_s=limit)
    at = Elsewhere(tmp_path, where, "")
    at.write_hold(ACTIVE.id)
    for seq in range(1, 4):
        at.record(ACTIVE.id, seq, os.urandom(size))
    sent: list[tuple[float, int]] = []
    send = at.bucket._sends

    def watched(**about: object) -> None:
        send(**about)
        body = getattr(at.bucket._sent, "body", None)
        assert body is not None
        read = body.read

        def counted(amount: int = -1) -> bytes:
            data = read(amount)
            sent.append((time.monotonic(), len(data)))
            return data

        body.read = counted  # type: ignore[method-assign]

    at.bucket._client.meta.events.unregister("before-send.s3.PutObject", send)
    at.bucket._client.meta.events.register("before-send.s3.PutObject", watched)
    least_s = 3 * size / limit
    taken = patience(2 * least_s)
    at.keeper.keep(ACTIVE.id, "")
    at.close()
    assert taken.passed_s >= least_s * 0.95, "sent faster than the limit"
    assert not taken.is_over(), f"{taken.passed_s:.1f} s for what takes {least_s:.1f}"
    assert sum(count for _, count in sent) >= 3 * size
    for number, (began_s, _) in enumerate(sent):
        in_two_s = sum(count for at_s, count in sent[number:] if at_s < began_s + 2)
        assert in_two_s <= 2 * limit + (256 << 10), f"{in_two_s} bytes within two seconds"


@contextlib.asynccontextmanager
async def keeping(ceph: Ceph, root: Path, files: int, size: int) -> AsyncIterator[tuple[Offsite, Place, Authorizer]]:
    """A hold of so many segments on a shelf, and what keeps it elsewhere, with its worker process: not set up yet."""
    async with house(root / "data", ACTIVE) as (holds, authorizer):
        media = authorizer.frame.paths.media
        root = media / "shelf" / ACTIVE.id
        days = [root / "lobby" / f"2026-11-{number:02d}" for number in range(1, 2 + (files - 1) // A_DAY)]
        for day in days:
            day.mkdir(parents=True)
        (root / "hold.json").write_text("{}")
        first = days[0] / f"{1:010d}_000000.000Z.mp4"
        first.write_bytes(os.urandom(size))
        for seq in range(2, files + 1):
            (days[(seq - 1) // A_DAY] / f"{seq:010d}_000000.000Z.mp4").hardlink_to(first)
        offsite = Offsite(authorizer, authorizer.store._register, holds)
        await offsite.async_attach(media)
        try:
            yield offsite, place_of(ceph), authorizer
        finally:
            await offsite.async_stop()


async def until(what: str, probe: Callable[[], bool], seconds: float = 120) -> None:
    try:
        async with asyncio.timeout(seconds):
            while not await asyncio.to_thread(probe):
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(f"{what}: not within {seconds:g} s") from None


def objects(where: Place) -> int:
    return sum(one.key.rpartition("/")[2].startswith("d-") for one in Bucket(where).versions(f"{where.prefix}holds/"))


async def test_outside_its_hours_nothing_is_sent_and_what_goes_on_ends_with_them(ceph: Ceph, tmp_path: Path) -> None:
    async with keeping(ceph, tmp_path, files=200, size=200_000) as (offsite, where, _):
        now = datetime.now().astimezone()
        later = [(now + timedelta(hours=hours)).strftime("%H:%M") for hours in (2, 3)]
        outside = msgspec.structs.replace(where, hours="-".join(later))
        await offsite.async_put(outside)
        await until("it pauses", lambda: offsite.health.paused)
        assert objects(where) == 0 and "Outside its hours" in offsite.words()
        assert offsite.health.waiting == 200

        # Hours that end with this minute or the next: 200 segments at this limit take longer.
        now = datetime.now().astimezone()
        ends = now.replace(second=0, microsecond=0) + timedelta(minutes=1 if now.second < 40 else 2)
        begins = now - timedelta(hours=1)
        inside = msgspec.structs.replace(where, hours=f"{begins:%H:%M}-{ends:%H:%M}", limit_bytes_per_s=200_000)
        await offsite.async_put(inside)
        await until("it sends", lambda: objects(where) > 2)
        await until("its hours end", lambda: offsite.health.paused, 2 * 120)
        assert datetime.now().astimezone() >= ends
        there = objects(where)
        assert 2 < there < 200
        said = offsite.health
        await until("another pass that sends nothing", lambda: offsite.health is not said, 2 * 30)
        assert offsite.health.paused and objects(where) == there

        await offsite.async_put(where)  # at any time, without a limit
        await until("all of it is there", lambda: bool(offsite.health.ok) and offsite.health.waiting == 0, 2 * 120)


# --- the clock ------------------------------------------------------------------------------------------------------------


# Here it is our clock that is off, under a whole service's room: the gateway sees the same. Its own is in `test_real_outages.py`.


@pytest.fixture
def set_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the clock of the worker processes, also of those that run, so many seconds off: in a file that they may read."""
    with FakeClock() as clock:
        faked = clock.environment({})
    file = tmp_path / "data" / "state" / "offsite" / "offset"
    for name, value in {**faked, "FAKETIME_TIMESTAMP_FILE": str(file)}.items():
        if name.startswith(("LD_", "FAKETIME", "DONT_FAKE")):
            monkeypatch.setenv(name, value)

    def set_to(off_s: float) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_suffix(".new")
        fresh.write_text(f"{off_s:+.6f}\n")
        fresh.rename(file)

    return set_to


@pytest.mark.parametrize(("off_s", "words"), [(-3600, "60 minutes ahead of"), (3 * 86_400, "3 days behind")])
async def test_clocks_that_differ_are_told_in_a_sentence_and_made_good_after(
    ceph: Ceph,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    set_clock: Callable[[float], None],
    off_s: float,
    words: str,
) -> None:
    monkeypatch.setattr(room, "FAILS_S", 5)
    monkeypatch.setattr(room, "EVERY_S", 0.5)
    sentence = f"127.0.0.1 has a clock {words} this machine's, so it refuses everything: one of the two is wrong."
    async with keeping(ceph, tmp_path, files=3, size=20_000) as (offsite, where, authorizer):

        def repairs() -> list[Repair]:
            return [one for one in authorizer.frame.repairs.async_all() if one.issue_id == room.REPAIR]

        task = asyncio.create_task(offsite._async_watch())
        try:
            set_clock(off_s)
            assert await offsite.async_look(where) == sentence
            await offsite.async_put(where)
            await until("the store fails", lambda: offsite.health.sentence == sentence)
            await until("a repair", lambda: bool(repairs()))
            (repair,) = repairs()
            assert sentence in repair.sentence and "Nothing is lost" in repair.next_step
            assert offsite.health.waiting == 3 and objects(where) == 0
            set_clock(0)
            await until("all of it is there", lambda: bool(offsite.health.ok) and offsite.health.waiting == 0, 300)
            await until("no repair", lambda: not repairs())
            assert (await offsite.async_verify(full=True)).bad_count == 0
        finally:
            task.cancel()


# --- the recorder ---------------------------------------------------------------------------------------------------------


def test_no_frame_is_lost_while_much_waits_for_a_store_that_hangs_or_refuses(ceph: Ceph, tmp_path: Path) -> None:
    service = Service(tmp_path / "data", mint=True)
    settings(service)
    names = [f"door-{number}" for number in range(3)]
    with RtspServer([Mount(name, media="h264_small") for name in names]) as rtsp, service:
        cameras = add_all(service, {name: rtsp.url(name) for name in names})
        service.await_recording(*cameras.values())
        director = People(service).name_director()

        def health() -> Health:
            found = service.client.read(ReadOffsite())
            assert found is not None
            return found.health

        service.act(OffsiteSetup(place_of(ceph)))
        ceph.freeze_gateway()
        try:
            spans = [hold_types.SpanAsk(camera, time.time_ns() - 3600 * NS, None) for camera in cameras.values()]
            place(director, *spans)
            wait_for("60 segments wait for a store that hangs", lambda: health().waiting >= 60, 600, 0.5)
        finally:
            ceph.thaw_gateway()
        ceph.stop_gateway()
        wait_for("more wait for one that refuses", lambda: health().waiting >= 90 and health().ok is False, 600, 0.5)
        assert {service.camera(camera).state for camera in cameras.values()} == {"recording"}
        assert worker_memory(service) <= MOST_WORKER_BYTES
        ceph.start_gateway()
        wait_for("all of it is there", lambda: bool(health().ok) and health().waiting < 6, 600, 0.5)
        assert worker_memory(service) <= MOST_WORKER_BYTES
        gaps = {gap.reason for camera in cameras.values() for gap in service.gaps(camera)}
        assert service.stop() == 0
        lost_no_frame(service, rtsp, cameras, least=1000)
        assert gaps <= {"connecting"}, gaps
        assert faults_in(service.log()) == []


async def test_the_worker_stays_small_with_a_month_of_segments_that_wait(ceph: Ceph, tmp_path: Path) -> None:
    async with keeping(ceph, tmp_path, files=30 * A_DAY, size=2000) as (offsite, where, _):
        await offsite.async_put(where)
        await until("it sends", lambda: objects(where) > 20)
        await until("what waits is counted", lambda: offsite.health.waiting > 40_000)
        pid = offsite.worker_pid
        status = Path(f"/proc/{pid}/status").read_text()
        most = int(status.partition("VmHWM:")[2].split()[0]) * 1024
        print(f"{most / 2**20:.1f} MB")
        assert most <= MOST_WORKER_BYTES, f"{most / 2**20:.0f} MB"
