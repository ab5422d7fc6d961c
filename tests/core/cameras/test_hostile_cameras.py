"""Hostile cameras beside honest ones in one worker: the honest lose no frame, and nothing grows."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.rig.hang import HANG_S
from tests.rig.hashes import recorded_hashes
from tests.rig.hostile_rtsp import WAYS, HostileCamera
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service, faults_in, wait_for

LASTING = (
    *("media for an answer", "media for the last answer", "a new nonce each time", "an SDP of garbage"),
    *("an SDP with huge numbers", "redirects in a circle", "a redirect to another host", "a clock that jumps"),
    *("a format that changes all the time", "a picture of 16384 × 8192"),
)
"""After these a camera is left alone for half a minute or more, so each is its camera's last."""
WORKER_MAY_GROW_BYTES = 160 << 20
SERVICE_MAY_GROW_BYTES = 48 << 20


def memory_bytes(pid: int) -> int:
    """Resident memory that is the process's own."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:")) * 1024


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def add_all(service: Service, addresses: dict[str, str]) -> dict[str, str]:
    """{name: id}; each is tried by a process of its own, so several at a time."""
    with ThreadPoolExecutor(4) as adding:
        return dict(zip(addresses, adding.map(lambda name: service.add(addresses[name], name), addresses), strict=True))


@contextlib.contextmanager
def nothing_grows(service: Service) -> Iterator[None]:
    """Worker and service are the same processes before and after, as large, with as many descriptors."""
    (worker,), pid = service.worker_pids(), service.service_pid()
    before = {one: (memory_bytes(one), descriptors(one)) for one in (worker, pid)}
    yield
    assert service.worker_pids() == [worker], service.log()[-2000:]
    for one, most in ((worker, WORKER_MAY_GROW_BYTES), (pid, SERVICE_MAY_GROW_BYTES)):
        held, open_files = before[one]
        assert memory_bytes(one) - held < most
        # A camera may be just between two segments, or two dials.
        wait_for("descriptors to be let go", lambda one=one, n=open_files: descriptors(one) <= n + 6)


def lost_no_frame(service: Service, server: RtspServer, cameras: dict[str, str], *, least: int) -> None:
    """After the service has stopped: each camera's frames on disk stand without a hole in those that were sent."""
    for name, camera in cameras.items():
        recorded = recorded_hashes(service.files(camera))
        sent = server.sent_hashes(name)
        assert len(recorded) > least
        start = next(at for at in range(len(sent)) if sent[at : at + 20] == recorded[:20])
        assert sent[start : start + len(recorded)] == recorded, f"{name} lost frames"


@pytest.mark.alone  # no frame may be lost, and no memory gained
def test_every_hostile_way_at_once_costs_the_others_no_frame(tmp_path: Path) -> None:
    short = [name for name in WAYS if name not in LASTING]
    lists = [[*short[index :: len(LASTING)], last] for index, last in enumerate(LASTING)]
    honest = [f"honest-{number}" for number in range(4)]
    with contextlib.ExitStack() as stack:
        hostile = [stack.enter_context(HostileCamera(ways, hold_s=1.0)) for ways in lists]
        server = stack.enter_context(RtspServer([Mount(name, media="h264_small") for name in honest]))
        service = stack.enter_context(Service(tmp_path / "data"))
        cameras = add_all(service, {name: server.url(name) for name in honest})
        service.await_recording(*cameras.values())
        with nothing_grows(service):
            bad = add_all(service, {f"hostile-{number}": camera.url for number, camera in enumerate(hostile)}).values()
            wait_for(
                "every way to be gone",
                lambda: {name for camera in hostile for name in camera.told} >= WAYS.keys(),
                2 * HANG_S,
            )
            repairs = wait_for(
                "each hostile camera to be told of",
                lambda: told if (told := service.repairs()).keys() >= {f"camera_silent:{one}" for one in bad} else None,
                2 * HANG_S,
            )
        for one in bad:
            repair = repairs[f"camera_silent:{one}"]
            assert repair.sentence.isprintable()
            assert repair.next_step
        gaps = {camera: {gap.reason for gap in service.gaps(camera)} for camera in cameras.values()}
        assert service.stop() == 0
        lost_no_frame(service, server, cameras, least=100)
        assert all(reasons <= {"connecting"} for reasons in gaps.values()), gaps
        assert faults_in(service.log()) == []


@pytest.mark.soak  # sixteen cameras, for minutes
@pytest.mark.timeout(1800)
def test_sixteen_cameras_of_which_one_is_hostile_in_each_way_in_turn(tmp_path: Path) -> None:
    honest = [f"honest-{number}" for number in range(15)]
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(RtspServer([Mount(name, media="h264_small") for name in honest]))
        service = stack.enter_context(Service(tmp_path / "data"))
        cameras = add_all(service, {name: server.url(name) for name in honest})
        service.await_recording(*cameras.values())
        with nothing_grows(service):
            for number, name in enumerate(WAYS):
                with HostileCamera([name], hold_s=8.0) as hostile:
                    one = service.add(hostile.url, f"hostile-{number}")
                    wait_for(f"{name} to be gone", lambda h=hostile, n=name: n in h.told)
                    time.sleep(9)  # it is given the time to do its worst
                    rows = {row.id: row for row in service.client.status().cameras}
                    assert all(rows[camera].state == "recording" for camera in cameras.values()), name
                    service.remove(one)
        gaps = {camera: {gap.reason for gap in service.gaps(camera)} for camera in cameras.values()}
        assert service.stop() == 0
        lost_no_frame(service, server, cameras, least=2000)
        assert all(reasons <= {"connecting"} for reasons in gaps.values()), gaps
        assert faults_in(service.log()) == []
