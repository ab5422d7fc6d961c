"""How soon what is told to stop has stopped, and how soon what was killed is there again."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from bench.parts.ended_rights import Ending, drained
from bench.parts.promised import Promise, promised, promises, timed
from bench.parts.rows import Row
from tests.rig.hang import HANG_S
from tests.rig.processes import living, tree, wait_dead
from tests.rig.rtsp import Mount, RtspServer
from tests.rig.shown import Shown
from tests.service import Service, wait_for
from tests.tui.ssh.door_rig import DOOR, HOME_SHOWS, DoorHouse, door_house

NS = 1_000_000_000
CAMERAS = 4
STOP_BAR_S = 30.0
"""After so long systemd kills what is left (TimeoutStopSec of docs/holdshelf.service)."""
DOOR_BAR_S, WORKER_BAR_S = 5.0, 5.0
"""After so long the supervisor kills the door, and the service a worker."""
PAUSE_BAR_S = 5.0
"""Of recording, at an update (docs/operate.md)."""
AGAIN_BAR_S = 10.0
"""'Within seconds' (docs/door.md)."""
LOST_BAR_S = 2.0
STOPPED = "the service is told to stop: all its processes have ended"
SESSIONS = "  its door: open sessions are closed"
PAUSE = "  started again at once: the pause of recording"


@contextlib.contextmanager
def _recording(service: Service) -> Iterator[list[str]]:
    with RtspServer([Mount(f"camera-{number}") for number in range(CAMERAS)]) as server:
        cameras = [service.add(server.url(name), name) for name in server.mounts]
        service.await_recording(*cameras)
        yield cameras


def rows(folder: Path, turns: int) -> list[Row]:
    """Of the whole, as it is installed; of the door; of the process that records."""
    (folder / "door").mkdir()
    with door_house(folder / "door") as house, _recording(house.service) as recorded:
        found = promises(
            {STOPPED: STOP_BAR_S, SESSIONS: DOOR_BAR_S, PAUSE: PAUSE_BAR_S},
            lambda made: _stop(house, recorded, made),
            turns=turns,
        )
        found.append(
            promised(
                "the door is killed: another one answers a log-in",
                AGAIN_BAR_S,
                lambda row: _kill_door(house, row),
                turns=turns,
            )
        )
        found.append(
            promised(
                "the service is killed: another one answers",
                AGAIN_BAR_S,
                lambda row: _kill_service(house, row),
                turns=turns,
            )
        )
        found.append(
            promised(
                "the process that records is killed: footage before it that is lost",
                LOST_BAR_S,
                lambda row: _kill_worker(house.service, recorded, row),
                turns=turns,
            )
        )
    service = Service(folder / "alone")
    with service, _recording(service):
        found.append(
            promised(
                "the service is killed: the process that records has ended",
                WORKER_BAR_S,
                lambda row: _orphan(service, row),
                turns=turns,
            )
        )
    return found


def _stop(house: DoorHouse, cameras: list[str], made: dict[str, Promise]) -> None:
    """With two sessions open. Everything is started again."""
    service = house.service
    service.await_recording(*cameras)
    before = time.time_ns()
    with contextlib.ExitStack() as stack:
        screens = [stack.enter_context(Shown(house.ssh("dora", "-tt"), (100, 30))) for _ in range(2)]
        for screen in screens:
            screen.until(HOME_SHOWS)
        endings = [Ending(lambda screen=screen: drained(screen)) for screen in screens]
        family = [member.pid for member in tree(service.pid)]
        told_utc_ns = time.time_ns()
        with timed(made[STOPPED].ours):
            if service.stop(2 * STOP_BAR_S):
                raise AssertionError(service.log()[-2000:])
            wait_for("all its processes have ended", lambda: not living(family), every=0.01)
        service.start()
        made[SESSIONS].ours.append(max(ending.after_s(told_utc_ns) for ending in endings))
    service.await_recording(*cameras)

    def pauses() -> list[float]:
        ended = [
            gap.elapsed_s
            for gap in service.gaps()
            if gap.reason == "service stopped" and gap.start_utc_ns > before and gap.end_utc_ns is not None
        ]
        return ended if len(ended) >= len(cameras) else []

    made[PAUSE].ours.append(max(wait_for("each camera's pause is told", pauses)))


def _kill_door(house: DoorHouse, row: Promise) -> None:
    killed = house.door_pid()
    with timed(row.ours):
        os.kill(killed, signal.SIGKILL)
        wait_for("another door", lambda: any(DOOR in line and pid != killed for pid, line in house.processes()))
        wait_for("it answers", lambda: house.run("dora", "whoami").code == 0)


def _kill_service(house: DoorHouse, row: Promise) -> None:
    service = house.service
    killed = service.service_pid()
    with timed(row.ours):
        os.kill(killed, signal.SIGKILL)
        wait_dead(killed)
        service.await_answer()


def _kill_worker(service: Service, cameras: list[str], row: Promise) -> None:
    """From where each camera's gap begins until the kill."""
    service.await_recording(*cameras)
    before = {camera: service.camera(camera).recorded_s for camera in cameras}
    wait_for("some seconds of each", lambda: all(service.camera(c).recorded_s > before[c] + 3 for c in cameras))
    killed_utc_ns = time.time_ns()
    for worker in service.worker_pids():
        os.kill(worker, signal.SIGKILL)

    def gaps() -> list[int]:
        """Where they begin, once each has one that has ended."""
        starts = [gap.start_utc_ns for gap in service.gaps() if gap.end_utc_ns and gap.end_utc_ns > killed_utc_ns]
        return starts if len(starts) >= len(cameras) else []

    row.ours.append(max(0.0, (killed_utc_ns - min(wait_for("a gap of each camera", gaps))) / NS))


def _orphan(service: Service, row: Promise) -> None:
    workers = service.worker_pids()
    with timed(row.ours):
        service.kill()
        for pid in workers:
            if not wait_dead(pid, HANG_S):
                raise AssertionError(f"{pid} goes on")
    service.start()
    service.await_recording(*(row.id for row in service.client.status().cameras))
