"""A recorder worker as a process: what it may hold, how it ends, how the service speaks to systemd."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.hang import HANG_S
from tests.rig.processes import wait_dead
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service, wait_for
from tests.streams import furnish

NAMES = ["a", "b", "c"]


@pytest.fixture(scope="module")
def server() -> Iterator[RtspServer]:
    with RtspServer([Mount(name) for name in NAMES]) as running:
        yield running


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory, server: RtspServer) -> Iterator[Service]:
    """A service with three cameras, for tests that leave it recording them."""
    made = Service(tmp_path_factory.mktemp("three") / "data")
    furnish(made.data, {name: server.url(name) for name in NAMES})
    with made as running:
        yield running


def _open_files(pid: int) -> list[str]:
    found = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            found.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
    return found


def test_a_worker_holds_no_file_but_those_it_was_handed(three: Service) -> None:
    three.await_recording(*NAMES)
    media = str(three.data / "media")
    handed = {f"{media}/footage/{camera}/open/" for camera in NAMES}
    for pid in three.worker_pids():
        files = [path for path in _open_files(pid) if path.startswith("/") and not path.startswith("/dev/")]
        inside = [path for path in files if path.startswith(media)]
        # The lock on the volume is inherited, so that no new service records while this worker lives.
        assert f"{media}/volume.json" in inside
        assert all(any(path.startswith(h) for h in handed) for path in inside if not path.endswith("/volume.json"))
        assert [path for path in files if path not in inside] == [str(three.log_path)] * 2
        # Its state says whether it may have opened others since: /proc keeps no history, so strace would.
        assert len(os.sched_getaffinity(pid)) == 1


def test_workers_end_with_the_service_and_give_the_volume_back(three: Service) -> None:
    three.await_recording(*NAMES)
    workers = three.worker_pids()
    three.kill()
    assert all(wait_dead(pid) for pid in workers)
    three.start()
    three.await_recording(*NAMES)


def held_by(service: Service) -> tuple[int, int]:
    """How many files service and worker have open, the least of some looks: each may be just between two segments."""
    looks = []
    for _ in range(10):
        looks.append((len(_open_files(service.pid)), len(_open_files(service.worker_pids()[0]))))
        time.sleep(0.1)
    return min(ours for ours, _ in looks), min(workers for _, workers in looks)


def test_descriptors_stay_flat_over_reconnects(three: Service, server: RtspServer) -> None:
    """Three cameras at a time: a descriptor that one reconnect left would be three after each turn."""
    counts = []
    for _ in range(3):
        three.await_recording(*NAMES)
        counts.append(held_by(three))
        gaps = {camera: len(three.gaps(camera)) for camera in NAMES}
        for name in NAMES:
            server.kick(name)
        wait_for("their gaps", lambda gaps=gaps: all(len(three.gaps(c)) > gaps[c] for c in NAMES))
    three.await_recording(*NAMES)
    counts.append(held_by(three))
    assert max(counts[1:]) <= (counts[1][0] + 2, counts[1][1] + 2), counts
    assert max(count for _, count in counts[1:]) <= counts[1][1] + 2, counts


def test_systemd_is_told_when_it_serves_and_when_it_stops(tmp_path: Path) -> None:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(str(tmp_path / "notify"))
    listener.settimeout(HANG_S)
    environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "4000000"}
    with Service(tmp_path / "data", environment=environment) as service:
        told = [listener.recv(100)]
        while b"WATCHDOG=1" not in told:
            told.append(listener.recv(100))
        assert told[0] == b"READY=1"
        assert service.stop() == 0
        while told[-1] != b"STOPPING=1":
            told.append(listener.recv(100))
