"""kill -9 of anything, at random moments, while four cameras record: little is lost, nothing is wrong afterwards."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.recorded import assert_recorded_in_order
from tests.rig import forked
from tests.rig.rtsp import Mount, RtspServer
from tests.rig.told import check_journals
from tests.service import Service, wait_for

NAMES = ("a", "b", "c", "d")
MOUNTS = [Mount("a", media="h264_720p"), Mount("b", media="h265_360p"), Mount("c", audio="aac"), Mount("d")]
LOST_NS = 2_000_000_000


@pytest.fixture(autouse=True)
def _new_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(forked.SWITCH, "0")


@pytest.fixture
def cameras() -> Iterator[RtspServer]:
    with RtspServer(MOUNTS) as server:
        yield server


def _kill(service: Service, what: str) -> None:
    """SIGKILL the service, one worker or all of both."""
    workers = service.worker_pids()
    victims = {"service": [service.pid], "worker": workers[:1], "both": [service.pid, *workers]}[what]
    for pid in victims:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    if what != "worker":
        assert service.process is not None
        service.process.wait()


def _campaign(service: Service, server: RtspServer, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    ids = [service.add(server.url(name), name) for name in NAMES]
    service.await_recording(*ids)
    for number in range(kills):
        what = ("service", "worker", "both")[number % 3]
        time.sleep(chance.uniform(1.5, 5.0))
        killed_ns = time.time_ns()
        _kill(service, what)
        if what != "worker":
            service.start(wait=False)
            service.await_answer()

        def recording_again(since_ns: int = killed_ns) -> bool:
            rows = {row.id: row for row in service.client.status().cameras}
            return all(
                rows[i].state == "recording" and any(g.end_utc_ns and g.end_utc_ns > since_ns for g in service.gaps(i))
                for i in ids
            )

        # 5 s is the aim; the machine may be busy.
        wait_for(f"recording again after {what} was killed", recording_again, every=0.1)
        for camera in ids:
            # What lies between the last frame kept and the kill is lost: at most two seconds of it.
            gap = next(g for g in reversed(service.gaps(camera)) if g.end_utc_ns and g.end_utc_ns > killed_ns)
            assert gap.start_utc_ns > killed_ns - 2 * LOST_NS, f"{what}: {camera} lost too much"
            assert gap.reason in {"service stopped", "recorder restarted"}
    service.stop()
    _check(service, server, ids)


def _check(service: Service, server: RtspServer, ids: list[str]) -> None:
    for name, camera in zip(NAMES, ids, strict=True):
        assert_recorded_in_order(service.files(camera), server.sent_hashes(name))
        assert not list((service.data / "media" / "footage" / camera / "open").iterdir())
    check_journals(service.data / "media" / "footage")
    service.start()
    wait_for("recovered files hashed", lambda: all(r.sha256 for r in service.segments()))
    assert service.verify(deep=True).problems == []
    for camera in ids:
        _sums_agree(service.data / "media" / "footage" / camera, service)


def _sums_agree(folder: Path, service: Service) -> None:
    journalled = {Path(r.file).name: r.sha256 for r in service.segments(folder.name)}
    listed: dict[str, str] = {}
    for sums in folder.glob("*/SHA256SUMS"):
        for line in sums.read_text().splitlines():
            digest, name = line.split("  ")
            assert name not in listed, f"{name} is listed twice"
            listed[name] = digest
    assert listed == journalled


@pytest.mark.alone  # what is lost is a promise: the recorder must get its turns
@pytest.mark.timeout(600)
def test_five_kills_lose_little_and_break_nothing(service: Service, cameras: RtspServer) -> None:
    _campaign(service, cameras, kills=6, seed=1)


@pytest.mark.soak
@pytest.mark.timeout(3000)
def test_fifty_kills_lose_little_and_break_nothing(service: Service, cameras: RtspServer) -> None:
    _campaign(service, cameras, kills=50, seed=int(os.environ.get("HOLDSHELF_SEED", "7")))
