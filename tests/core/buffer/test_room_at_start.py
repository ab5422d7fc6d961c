"""What is reserved after a start, and what `doctor` says of it: what the coming minutes need, and one figure for both."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from holdshelf_core.buffer.retention import HEADROOM_BYTES, Retention
from holdshelf_core.clock import Clock
from holdshelf_core.integration.bus import EventBus
from holdshelf_core.integration.repairs import RepairRegistry
from holdshelf_core.operations.doctor import examine_room
from holdshelf_core.recorder.camera import FIRST_RESERVATION_BYTES, LEAST_RESERVATION_BYTES, CameraRecorder
from holdshelf_core.recorder.worker import protocol as wire
from holdshelf_storage.footage.footage import Footage, SegmentFacts
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.volume.volume import Volume, init_volume
from tests.rig.faults import LoopImage, fill, read_only
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service
from tests.storage.footage.footage_files import NOON, NS, segment_bytes, write

CAMERAS = [f"camera-{number}" for number in range(19)]
BYTES_PER_S = 100_000


@pytest.fixture
def disk() -> Iterator[LoopImage]:
    with LoopImage(400) as image:
        yield image


class _Restarted:
    """A volume on which nineteen cameras were recorded, after a restart."""

    def __init__(self, root: Path) -> None:
        init_volume(root / "state", root / "media", 1)
        self.volume = Volume.attach(root / "state", root / "media")
        ledger = Ledger(self.volume)
        self.footage = Footage(self.volume, ledger)
        for camera in CAMERAS[:-1]:
            self._record(camera)
        self.recovery = self.footage.recover().cameras
        self.footage.build_index(threading.Event())
        clock = Clock()
        self.repairs = RepairRegistry(EventBus(clock.utc_ns), clock.utc_ns)
        self.room = Retention(
            clock=clock,
            repairs=self.repairs,
            may_erase=lambda _ref: True,
            hold_lock=threading.Lock(),
        )
        self.room.async_attach(self.volume, self.footage, ledger)
        self.denied: list[str] = []
        self.cameras = [
            CameraRecorder(
                camera,
                clock=clock,
                disk=_now,
                room=self.room,
                send=self._send,
                changed=lambda _event, _data: None,
                segment_s=60.0,
            )
            for camera in CAMERAS
        ]

    def _record(self, camera: str) -> None:
        """Thirty seconds at so many bytes a second; the bytes are a small file's, the journal's line says what counts."""
        opened = self.footage.open_segment(camera)
        data = segment_bytes(camera, opened.seq)
        free = b"\0" * (BYTES_PER_S * 30 - len(data) - 8)
        data += (len(free) + 8).to_bytes(4) + b"free" + free
        write(opened, data)
        facts = SegmentFacts(
            start_utc_ns=NOON,
            duration_ns=30 * NS,
            run="run-1",
            boot="boot-1",
            start_boot_ns=NS,
            sha256=hashlib.sha256(data).hexdigest(),
            bytes=len(data),
            codec="h264",
            width=64,
            height=48,
            frames=30,
        )
        self.footage.close_segment(opened, facts)

    def _send(self, message: wire.ToWorker, _fd: int | None) -> bool:
        if isinstance(message, wire.Deny):
            self.denied.append(message.reason)
        return True

    async def all_ask(self) -> None:
        """Every camera is attached and asks for its first segment."""
        for camera in self.cameras:
            known = self.recovery.get(camera.camera)
            rate = known.bytes_per_s if known is not None else 0.0
            await camera.async_attach(self.footage, None, None, None, "service stopped", rate)
            camera.async_tell(wire.Want(camera.camera))
            await camera.async_settled()


async def _now(func, *args):  # type: ignore[no-untyped-def]
    return func(*args)


@pytest.fixture
async def restarted(tmp_path: Path) -> AsyncIterator[_Restarted]:
    made = _Restarted(tmp_path)
    yield made
    for camera in made.cameras:
        await camera.async_detach("service stopped", writable=True)
    made.volume.detach()


async def test_a_restart_reserves_what_each_camera_needs_by_what_is_known_of_it(restarted: _Restarted) -> None:
    """Seen: 621 MB for nineteen cameras, of which none writes as much in ten minutes."""
    await restarted.all_ask()
    assert restarted.denied == []
    needed = int(BYTES_PER_S * 60 * 1.5)
    assert restarted.room.reserved_bytes == pytest.approx(18 * needed + FIRST_RESERVATION_BYTES, rel=0.02)
    assert needed > LEAST_RESERVATION_BYTES


async def test_a_restart_in_a_full_budget_erases_what_the_coming_minute_needs_and_little_ahead(
    restarted: _Restarted,
) -> None:
    needed = 18 * int(BYTES_PER_S * 60 * 1.5) + FIRST_RESERVATION_BYTES
    used = restarted.footage.usage().allocated_bytes
    lacking = 30_000_000
    restarted.room.async_set_budget(used + needed - lacking)
    room = await restarted.room.async_room()
    assert room is not None
    assert room.open_bytes == room.budget_bytes - used
    await restarted.all_ask()
    assert restarted.denied == []
    # Files go whole, so up to two more than it takes.
    assert lacking <= restarted.room.swept_bytes <= lacking + 2 * BYTES_PER_S * 31


async def test_what_cannot_be_erased_because_the_ledger_cannot_be_written_is_told_so(
    restarted: _Restarted, tmp_path: Path
) -> None:
    restarted.room.async_set_budget(restarted.footage.usage().allocated_bytes + 1_000_000)
    with read_only(tmp_path / "state"):
        assert await restarted.room.async_reserve("camera-1", 10_000, 4_000_000) == "disk full"
        (told,) = restarted.repairs.async_all()
        assert told.sentence.startswith(
            "Recording stops because the disk is full and nothing can be erased on schedule. "
        )
        assert "The ledger could not be opened: the disk is read-only" in told.sentence
    assert await restarted.room.async_reserve("camera-1", 10_000, 4_000_000) == ""
    assert restarted.repairs.async_all() == []


async def test_doctor_and_the_reservation_go_by_one_figure(restarted: _Restarted) -> None:
    """Seen: "96 % of the media disk are free", and footage was erased for want of room in the same minute."""
    used = restarted.footage.usage().allocated_bytes
    restarted.room.async_set_budget(used + 5_000_000)
    room = await restarted.room.async_room()
    assert room is not None
    step = examine_room(room)
    assert (step.outcome, "0.0 GB can be recorded" in step.sentence) == ("ok", True)
    assert await restarted.room.async_reserve("camera-1", 10_000, 4_900_000) == ""
    assert restarted.room.swept_bytes == 0
    room = await restarted.room.async_room()
    assert room is not None
    assert room.open_bytes == 100_000
    assert "5 MB are reserved for the coming minutes" in examine_room(room).sentence
    assert await restarted.room.async_reserve("camera-2", 10_001, 4_900_000) == ""
    assert restarted.room.swept_bytes > 0
    full = examine_room(await restarted.room.async_room() or room)
    assert full.outcome == "ok"
    assert room.open_on_disk_bytes == room.free_bytes - room.awaited_bytes - HEADROOM_BYTES


def test_a_restart_on_a_disk_that_is_nearly_full_erases_nothing(tmp_path: Path, disk: LoopImage) -> None:
    media = disk.mount_point / "media"
    media.mkdir()
    names = ("a", "b", "c", "d")
    with RtspServer([Mount(name) for name in names]) as server, Service(tmp_path / "data", media=media) as service:
        ids = [service.add(server.url(name), name) for name in names]
        service.await_recording(*ids)
        service.stop()
        fill(disk.mount_point, leave_bytes=60 << 20)
        before = {path.name for path in media.glob("footage/*/*/*.mp4")}
        service.start()
        service.await_recording(*ids)
        status = service.client.status()
        assert status.disk.reserved_bytes < 40 << 20
        assert {path.name for path in media.glob("footage/*/*/*.mp4")} >= before
        assert [path.name for path in media.glob("footage/*/*/*.mp4") if path.name in before]
