"""What people are told of other files on the media disk: once, for as long as footage is erased for them."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdshelf_core.buffer.retention import FOREIGN_REPAIR, HEADROOM_BYTES, Retention
from holdshelf_core.clock import Clock
from holdshelf_core.integration.bus import EventBus
from holdshelf_core.integration.repairs import RepairRegistry
from holdshelf_storage.footage.footage import Footage, SegmentFacts
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.volume.volume import Volume, init_volume
from tests.rig.faults import MIB, LoopImage, fill
from tests.storage.footage.footage_files import NOON, NS, segment_bytes, write


class _Room:
    """A small disk with 40 MiB of footage, as retention sees it; ``said`` are the repairs' openings and closings."""

    def __init__(self, folder: Path, mount_point: Path) -> None:
        init_volume(folder / "state", mount_point / "media", 1)
        self.volume = Volume.attach(folder / "state", mount_point / "media")
        ledger = Ledger(self.volume)
        self.footage = Footage(self.volume, ledger)
        for number in range(40):
            self._record(number)
        self.footage.build_index(threading.Event())
        clock = Clock()
        bus = EventBus(clock.utc_ns)
        self.said: list[str] = []
        for event in ("repair_opened", "repair_closed"):
            bus.async_listen(event, lambda heard: self.said.append(f"{heard.type} {heard.data['issue_id']}"))
        self.retention = Retention(
            clock=clock,
            repairs=RepairRegistry(bus, clock.utc_ns),
            may_erase=lambda _ref: True,
            hold_lock=threading.Lock(),
        )
        self.retention.async_attach(self.volume, self.footage, ledger)

    def _record(self, number: int) -> None:
        opened = self.footage.open_segment("lobby")
        data = segment_bytes("lobby", opened.seq)
        free = b"\0" * (MIB - len(data) - 8)
        data += (len(free) + 8).to_bytes(4) + b"free" + free
        write(opened, data)
        facts = SegmentFacts(
            start_utc_ns=NOON + number * NS,
            duration_ns=NS,
            run="run-1",
            boot="boot-1",
            start_boot_ns=(1 + number) * NS,
            sha256=hashlib.sha256(data).hexdigest(),
            bytes=len(data),
            codec="h264",
            width=64,
            height=48,
            frames=30,
        )
        self.footage.close_segment(opened, facts)


@pytest.fixture
def disk() -> Iterator[LoopImage]:
    with LoopImage(400) as image:
        yield image


async def test_other_files_on_the_disk_are_told_once_while_footage_is_erased_for_them(
    tmp_path: Path, disk: LoopImage
) -> None:
    room = _Room(tmp_path, disk.mount_point)
    try:
        filler = fill(disk.mount_point, HEADROOM_BYTES + MIB // 2)
        for seq in range(1000, 1005):
            assert await room.retention.async_reserve("lobby", seq, 2 * MIB) == ""
        assert room.retention.swept_segments >= 5
        assert room.said == [f"repair_opened {FOREIGN_REPAIR}"]
        filler.unlink()
        await room.retention.async_sweep()
        assert room.said[1:] == [f"repair_closed {FOREIGN_REPAIR}"]
    finally:
        room.volume.detach()
