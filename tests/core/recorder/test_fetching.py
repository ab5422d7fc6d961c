"""Fetching from a camera that lies, hangs up, or is cut off: through the real worker, onto a real volume."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from holdshelf_core.cameras.backfill import CameraRecordings
from holdshelf_core.clock import Clock, utc_ns
from holdshelf_core.integration.bus import EventBus
from holdshelf_core.integration.entry import ConfigEntry
from holdshelf_core.integration.models import CameraRecording, StreamSource
from holdshelf_core.integration.repairs import RepairRegistry
from holdshelf_core.policy.model import Commission
from holdshelf_core.recorder import backfill
from holdshelf_core.recorder.backfill import Backfill, stretches_of
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.volume.journal import FromCamera, Gap, GapEnd, GapSpan, StoredSegment
from holdshelf_storage.volume.recovered import is_recovered
from holdshelf_storage.volume.volume import Volume, init_volume
from tests.rig import media
from tests.rig.card_camera import CardCamera, Lie, Taken
from tests.rig.hang import HANG_S
from tests.rig.hashes import recorded_hashes
from tests.storage.footage.footage_files import record

NS = 1_000_000_000
CAMERA = "front"
GAP_S = 3


@dataclass
class Cards:
    """In the place of entries and holds: one camera, which says that it has everything."""

    card: CardCamera
    clock: Clock
    held_spans: list[tuple[str, int, int]] = field(default_factory=list)
    says: Callable[[int, int], tuple[int, int]] = lambda start, end: (start, end)
    allowed_from_ns: int = 0
    asked: list[tuple[int, int]] = field(default_factory=list)

    def cameras(self) -> Mapping[str, int]:
        return {CAMERA: self.allowed_from_ns}

    def name(self, _camera: str) -> str:
        return "Front"

    def held(self) -> Iterable[tuple[str, int, int]]:
        return self.held_spans

    async def async_recorded(self, _camera: str, start_utc_ns: int, end_utc_ns: int) -> CameraRecording | None:
        self.asked.append((start_utc_ns, end_utc_ns))
        start, end = self.says(start_utc_ns, end_utc_ns)
        return CameraRecording(StreamSource(self.card.replay_url), start, end, self.card.clock_ns)

    def async_recovered(self, camera: str, spans: Sequence[tuple[int, int]]) -> None: ...


class FreeRoom:
    """Room without end, or for ``full_after`` segments."""

    def __init__(self) -> None:
        self.full_after: int | None = None
        self._given = 0

    async def async_reserve(self, _camera: str, _seq: int, _bytes: int) -> str:
        self._given += 1
        return "" if self.full_after is None or self._given <= self.full_after else "disk full"

    async def async_grow(self, _seq: int, _bytes: int) -> str:
        return ""

    def async_written(self, seq: int, size_bytes: int) -> None: ...

    def async_release(self, seq: int) -> None: ...

    async def async_relieve(self) -> None: ...


class Thread:
    async def __call__[T](self, func: Callable[..., T], *args: object) -> T:
        return await asyncio.to_thread(func, *args)


@dataclass
class Stand:
    """A volume with one gap of ``GAP_S`` seconds, all of which the camera has recorded."""

    footage: Footage
    backfill: Backfill
    cards: Cards
    room: FreeRoom
    repairs: RepairRegistry
    gap: tuple[int, int]
    media: Path

    @property
    def taken(self) -> list[Taken]:
        """What the camera took in the gap, from the first key frame on."""
        offset = self.cards.card.clock_ns
        found = self.cards.card.taken(self.gap[0] + offset, self.gap[1] + offset)
        return found[next(n for n, one in enumerate(found) if one.is_key) :]

    def recovered(self) -> list[StoredSegment]:
        found = self.footage.query(CAMERA, self.gap[0] - NS, self.gap[1] + NS)
        return [one for one in found if isinstance(one, StoredSegment) and is_recovered(one)]

    def hashes(self) -> list[str]:
        return recorded_hashes([self.media / self.footage.path_of(CAMERA, one) for one in self.recovered()])

    def is_filled(self) -> bool:
        """Something was recovered, and the fetch is over: its file has its name."""
        return bool(self.recovered()) and not self.backfill.fetching

    def left_s(self) -> float:
        found = self.footage.query(CAMERA, self.gap[0] - NS, self.gap[1] + NS)
        return sum(one.elapsed_ns or 0 for one in found if isinstance(one, GapSpan)) / NS

    async def until(self, what: Callable[[], Any], seconds: float = HANG_S) -> None:
        async with asyncio.timeout(seconds):
            while not what():
                self.backfill.async_watch([CAMERA])
                await asyncio.sleep(0.02)

    def repair(self) -> str:
        return next((one.sentence for one in self.repairs.async_all()), "")


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill, "FIRST_NS", 0)
    monkeypatch.setattr(backfill, "HOLDS_NS", 0)
    monkeypatch.setattr("holdshelf_storage.volume.reserve.RESERVE_BYTES", 256 * 1024)


@contextmanager
def volume_at(folder: Path) -> Any:
    init_volume(folder / "state", folder / "media", 1)
    volume = Volume.attach(folder / "state", folder / "media")
    try:
        yield volume
    finally:
        volume.detach()


@asynccontextmanager
async def stand(
    folder: Path, *, clock_ns: int = 0, gap_s: float = GAP_S, sends: str = "h264_small"
) -> AsyncIterator[Stand]:
    clock = Clock()
    pictures = media.media(sends)
    with CardCamera(pictures, clock_ns=clock_ns, ago_s=gap_s + 1) as card, volume_at(folder) as volume:
        footage = Footage(volume, Ledger(volume))
        boot_ns, now_ns = clock.boot_ns(), clock.utc_ns()
        start, end = now_ns - int((gap_s + 0.1) * NS), now_ns - NS // 10
        gap = Gap(
            start_utc_ns=start, start_boot_ns=boot_ns + start - now_ns, boot=clock.boot, reason="camera unreachable"
        )
        began = footage.start_gap(CAMERA, gap)
        told = GapEnd(end_utc_ns=end, elapsed_ns=end - start, boot=clock.boot, end_boot_ns=boot_ns + end - now_ns)
        footage.end_gap(CAMERA, began, told)
        record(footage, "other", start - 10 * NS)  # so far back the buffer reaches
        footage.build_index(threading.Event())
        cards, room = Cards(card, clock), FreeRoom()
        repairs = RepairRegistry(EventBus(utc_ns), utc_ns)
        one = Backfill(clock=clock, disk=Thread(), room=room, repairs=repairs)
        one.sources = cards
        one.async_attach(footage, volume.lock_fd)
        try:
            yield Stand(footage, one, cards, room, repairs, (start, end), folder / "media")
        finally:
            await one.async_detach()


async def test_all_that_the_camera_took_is_there_bit_for_bit_with_its_own_times(tmp_path: Path) -> None:
    offset_ns = 3600 * NS + 123_456_789
    async with stand(tmp_path, clock_ns=offset_ns) as made:
        await made.until(made.is_filled)
        taken = made.taken
        assert made.hashes() == [one.sha256 for one in taken]
        (kept,) = made.recovered()
        of = kept.from_camera
        assert isinstance(of, FromCamera)
        assert of.gap
        assert abs(of.start_utc_ns - taken[0].at_ns) < NS // 1000
        assert of.start_utc_ns - of.offset_ns == kept.start_utc_ns
        assert abs(made.left_s() + kept.duration_ns / NS - GAP_S) < 0.001
        assert made.left_s() < 1.2
        (played,) = made.cards.card.plays
        assert (played["rate-control"], played["require"]) == ("no", "onvif-replay")
        assert made.repair() == ""
        assert kept.audio_tracks == 0


LIES: dict[Lie, str] = {
    "nothing": "",
    "times": "sent pictures of other times",
    "sound": "",
    "endless": "",
    "truncated": "cannot be used",
    "flood": "cannot be used",
    "garbage": "cannot be used",
    "refused": "refuses to replay",
}


async def test_a_camera_that_lies_costs_nothing_but_a_repair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was kept, if anything, is what it took, at its place; the rest of the gap stays; and it ends."""

    monkeypatch.setattr(backfill, "BYTES_PER_S", 20_000_000)

    async def lied_to(lie: Lie) -> None:
        (folder := tmp_path / lie).mkdir()
        async with stand(folder) as made:
            made.cards.card.lie = lie
            status = made.backfill.status
            await made.until(lambda: status(CAMERA).last and not made.backfill.fetching, 2 * HANG_S)
            assert LIES[lie] in made.repair(), (lie, made.repair(), status(CAMERA))
            assert bool(LIES[lie]) == bool(made.repair()), (lie, made.repair())
            assert lie != "nothing" or "nothing of that time" in status(CAMERA).last
            taken = [one.sha256 for one in made.taken]
            kept = made.hashes()
            assert all(one in taken for one in kept), lie
            assert len(kept) == len(set(kept)), lie
            if lie in ("sound", "endless"):
                assert len(kept) >= len(taken) - 1, lie
            if lie in ("times", "nothing", "garbage", "refused"):
                assert not kept, lie
            recovered_s = sum(one.duration_ns for one in made.recovered()) / NS
            assert abs(made.left_s() + recovered_s - GAP_S) < 0.001, lie
            assert made.cards.card.setups == ["/replay/track1"] or lie == "refused", lie

    await asyncio.gather(*(lied_to(lie) for lie in LIES))


async def test_what_a_kill_cuts_off_is_kept_and_the_rest_is_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "BYTES_PER_S", 300_000)
    monkeypatch.setattr(backfill, "POSTPONE_NS", 0)
    async with stand(tmp_path, gap_s=8, sends="h264_720p") as made:
        one = made.backfill
        await made.until(lambda: one.worker_pids() and one.fetched_bytes > 400_000)
        (pid,) = one.worker_pids()
        os.kill(pid, signal.SIGKILL)
        monkeypatch.setattr(backfill, "BYTES_PER_S", 4_000_000)
        await made.until(made.is_filled)
        part = made.hashes()
        assert 15 <= len(part) < len(made.taken)
        await made.until(lambda: made.left_s() < 2.5 and made.is_filled())
        assert set(part) < set(made.hashes())
        assert set(made.hashes()) <= {one.sha256 for one in made.taken}
        assert made.repair() == ""


async def test_a_full_disk_ends_a_fetch_without_blame_and_it_goes_on_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "POSTPONE_NS", 0)
    async with stand(tmp_path, gap_s=6) as made:
        made.backfill.segment_s = 1.0
        made.room.full_after = 2
        await made.until(lambda: "disk full" in made.backfill.status(CAMERA).last)
        assert made.repair() == ""
        assert len(made.recovered()) == 2
        made.room.full_after = None
        await made.until(lambda: made.left_s() < 2.5 and made.is_filled())
        assert len(made.hashes()) >= len(made.taken) - 30
        assert set(made.hashes()) <= {one.sha256 for one in made.taken}


async def test_nothing_is_asked_for_from_before_a_camera_was_in_use_or_the_buffer_reaches(tmp_path: Path) -> None:
    async with stand(tmp_path) as made:
        made.cards.allowed_from_ns = made.gap[0] + NS
        await made.until(made.is_filled)
        assert [start for start, _ in made.cards.asked] == [made.gap[0] + NS]
        assert all(one.start_utc_ns >= made.gap[0] + NS for one in made.recovered())


async def test_a_camera_that_has_nothing_yet_is_asked_again_and_a_hold_asks_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "AGAIN_NS", (0, 3600 * NS))
    async with stand(tmp_path) as made:
        has, made.cards.says = made.cards.says, lambda start, _end: (start, start)
        await made.until(lambda: len(made.cards.asked) == 2)
        for _ in range(20):
            made.backfill.async_watch([CAMERA])
            await asyncio.sleep(0.01)
        assert len(made.cards.asked) == 2
        assert made.backfill.status(CAMERA).pending == 1
        made.cards.says = has
        made.cards.held_spans = [(CAMERA, made.gap[0] + NS, 1 << 62)]
        await made.until(made.is_filled)
        assert made.hashes() == [one.sha256 for one in made.taken]


async def test_a_camera_that_hangs_up_in_the_middle_is_asked_for_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What the first key frame leaves open may be as long, and is not asked for again.
    monkeypatch.setattr(backfill, "LEAST_NS", NS // 2)
    monkeypatch.setattr(backfill, "AGAIN_NS", ())
    async with stand(tmp_path, gap_s=7) as made:
        made.cards.card.hang_up_after = 50
        status = made.backfill.status
        await made.until(lambda: status(CAMERA).asked > 1 and not status(CAMERA).pending and made.is_filled())
        kept = made.hashes()
        # Of each time that it hangs up, what comes before the next key frame stays missing.
        assert len(kept) == len(set(kept)) >= len(made.taken) - 15 * len(made.cards.card.plays)
        assert set(kept) <= {one.sha256 for one in made.taken}
        assert made.repair() == ""
        starts = [one.start_utc_ns for one in made.recovered()]
        assert starts == sorted(starts)


def gap_of(start_s: float, end_s: float | None, reason: str = "camera unreachable", number: int = 1) -> GapSpan:
    return GapSpan(
        camera=CAMERA,
        gap=number,
        start_utc_ns=int(start_s * NS),
        start_boot_ns=int(start_s * NS) + 7,
        boot="b",
        reason=reason,
        end_utc_ns=None if end_s is None else int(end_s * NS),
        elapsed_ns=None if end_s is None else int((end_s - start_s) * NS),
    )


def test_gaps_that_follow_one_another_are_one_question_and_some_are_none() -> None:
    gaps = [
        gap_of(10, 20, number=1),
        gap_of(20, 30, "service stopped", number=2),
        gap_of(30, 30, "clock stepped", number=3),
        gap_of(35, 36.5, number=4),
        gap_of(40, 50, "another camera", number=5),
        gap_of(50, 60, "certificate changed", number=6),
        gap_of(60, 70, "disk full", number=7),
        gap_of(80, None, number=8),
    ]
    found = [(one.gap, one.start_utc_ns / NS, one.end_utc_ns / NS, one.start_boot_ns) for one in stretches_of(gaps, 0)]
    assert found == [(1, 10, 30, 10 * NS + 7), (7, 60, 70, 60 * NS + 7)]
    late = [(one.gap, one.start_utc_ns / NS, one.start_boot_ns) for one in stretches_of(gaps, 64 * NS)]
    assert late == [(7, 64, 64 * NS + 7)]


def test_only_cameras_that_are_in_use_and_may_be_asked_are() -> None:
    def entry(name: str, domain: str = "onvif", *, backfill: bool = True) -> ConfigEntry[Any]:
        return ConfigEntry(name, domain, name, name, "entrance", "", {}, backfill=backfill)

    kinds = [entry("front"), entry("off", backfill=False), entry("new"), entry("moved"), entry("bare", "stream")]
    approved = {one.entry_id: Commission(one.entry_id, state="approved", approved_utc_ns=5 * NS) for one in kinds}
    approved["new"] = Commission("new")
    approved["moved"] = Commission("moved", approved_utc_ns=5 * NS)
    entries = SimpleNamespace(async_all=lambda: kinds)
    store = SimpleNamespace(state=SimpleNamespace(commissions=approved))
    asked = CameraRecordings(cast(Any, None), cast(Any, entries), cast(Any, store), cast(Any, None), cast(Any, None))
    assert asked.cameras() == {"front": 5 * NS}
