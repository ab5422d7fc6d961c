"""The rolling buffer for real: a small disk, large streams, and the oldest gone first over all cameras."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from holdshelf_core.buffer.settings import Settings
from holdshelf_storage.register import Register
from tests.rig.faults import FakeClock, LoopImage
from tests.rig.processes import stopped
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service, wait_for
from tests.streams import furnish

MOUNTS = [Mount("a", media="h264_bigkey"), Mount("b", media="h264_bigkey"), Mount("c"), Mount("d", media="h264_720p")]


def _seq(path: Path) -> int:
    return int(path.name.split("_")[0])


def _erased(state: Path) -> list[int]:
    """Sequences in the order in which the ledger says that they were erased."""
    found: list[int] = []
    for path in sorted((state / "ledger").glob("*.jsonl")):
        for line in path.read_text().splitlines():
            entry = json.loads(line)
            if entry["kind"] == "intent":
                found += sorted(seq for day in entry["days"] for seq in day["seqs"])
                assert entry["reason"]
                assert entry["at_utc_ns"] > 0
    return found


def _bytes_written(service: Service) -> int:
    """Of all footage, at one instant."""
    with stopped([service.pid, *service.worker_pids()]):
        return sum(service.written_bytes(mount.name) for mount in MOUNTS)


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("clock_steps", "budget_bytes"), [(True, 44 << 20), pytest.param(False, None, marks=pytest.mark.soak)]
)
def test_the_oldest_footage_makes_room_over_all_cameras(
    tmp_path: Path, clock_steps: bool, budget_bytes: int | None
) -> None:
    with LoopImage(180) as disk, FakeClock() as clock, RtspServer(MOUNTS) as server:
        media = disk.mount_point / "media"
        media.mkdir()
        service = Service(tmp_path / "data", media=media, environment=clock.environment())
        settings = Settings(Register.open(service.data / "state"))
        settings.set_segment_s(2)
        settings.set_budget_bytes(budget_bytes)
        seen: set[Path] = set()
        ids = furnish(service.data, {mount.name: server.url(mount.name) for mount in MOUNTS})
        with service:
            service.await_recording(*ids)
            if clock_steps:
                clock.step(-26 * 3600)  # new footage gets the older date: it must not go first for that

            def erased_enough(count: int) -> bool:
                present = {path for i in ids for path in service.files(i)}
                seen.update(present)
                assert _bytes_written(service) <= service.client.status().disk.budget_bytes
                return len(_erased(service.data / "state")) >= count

            wait_for("fifteen segments erased", lambda: erased_enough(15), 300, every=0.5)
            wait_for("and it goes on", lambda: erased_enough(17), 300, every=0.5)
            assert not [gap for i in ids for gap in service.gaps(i) if gap.reason == "disk full"]
            service.stop()
        erased = _erased(service.data / "state")
        present = {path for i in ids for path in service.files(i)}
        assert erased == sorted(erased)
        assert {_seq(path) for path in seen - present} <= set(erased)
        # Nothing younger than what was kept has gone, over all cameras.
        assert max(erased) < min(map(_seq, present))
        service.start()
        assert service.verify().problems == []
        service.close()
