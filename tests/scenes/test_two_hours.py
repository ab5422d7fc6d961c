"""Two hours of a library: cameras that lose their line, people who come and go, and nothing that grows.

Run by `make soak`; HOLDSHELF_SOAK_MINUTES says how long (120), HOLDSHELF_SOAK_CAMERAS how many cameras there are (16).
"""

from __future__ import annotations

import itertools
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bench.parts import proc
from holdshelf_core.buffer.types import ReadFootage, ReadGaps
from tests.looking import commissioned, seed
from tests.rig.processes import tree
from tests.rig.rtsp import Mount, RtspServer
from tests.rig.told import check_journals
from tests.service import NS, Service, faults_in, wait_for
from tests.tui.ssh.door_rig import HOME_SHOWS, LEAVE, DoorHouse, Terminal

MINUTES = float(os.environ.get("HOLDSHELF_SOAK_MINUTES", "120"))
CAMERAS = int(os.environ.get("HOLDSHELF_SOAK_CAMERAS", "16"))
LOSING = max(1, CAMERAS // 4)
PEOPLE = ("dora", "ann", "ben", "cleo", "dan", "eve")
SETTLED = 0.25
"""After this share of the time everything that is loaded once is there."""
FLAT, NOTHING_MB, NOTHING = 0.05, 1.5, 2
"""A figure may be so much greater in the end, or so many megabytes and descriptors, which are the noise of a small process."""
SUM_WITHIN_S = 1.0
SAMPLE_S = 5.0
BUDGET_BYTES = 300_000_000
"""Full after 25 minutes of 16 cameras: from then on files are erased all the time."""

pytestmark = [pytest.mark.soak, pytest.mark.timeout(60 * MINUTES + 900)]


class Watched:
    """Memory and descriptors over time, by process: those that live from the beginning to the end."""

    def __init__(self, root_pid: int) -> None:
        self._root = root_pid
        self.seen: dict[tuple[int, str], list[tuple[float, int]]] = defaultdict(list)

    def look(self) -> None:
        """One sample of each process. RSS: what others share of it does not change it."""
        for member in tree(self._root):
            sample = proc.pss_bytes([member.pid], kind="Rss") / 1e6, proc.count(member.pid, "fd")
            self.seen[member.pid, member.command].append(sample)

    def grown(self, samples: int) -> list[str]:
        """What has grown between the second quarter and the last one, of processes that were there all the time."""
        whole = {pid for (pid, _), seen in self.seen.items() if len(seen) >= samples}
        assert self._root in whole and len(whole) > 2, "service, workers or door were not there all the time"
        found = []
        for (pid, command), seen in self.seen.items():
            if len(seen) < samples:
                continue
            begun, rest = int(len(seen) * SETTLED), seen[int(len(seen) * SETTLED) :]
            first, last = rest[: max(1, len(rest) // 3)], rest[-max(1, len(rest) // 3) :]
            for at, (what, nothing) in enumerate((("MB", NOTHING_MB), ("descriptors", NOTHING))):
                before, after = (statistics.median(one[at] for one in part) for part in (first, last))
                told = f"{command[:70]} ({pid}): {before:.1f} to {after:.1f} {what} after {begun} samples"
                print(told)
                if after - before > max(FLAT * before, nothing):
                    found.append(told)
        return found


@pytest.fixture
def house(tmp_path: Path) -> Iterator[tuple[DoorHouse, RtspServer, dict[str, str]]]:
    """A service with its door, cameras that are recorded, a Director and five designees."""
    names = [f"camera-{number + 1:02d}" for number in range(CAMERAS)]
    with RtspServer([Mount(name, media="h264_100k") for name in names]) as server:
        service = Service(tmp_path / "data", door=True, budget_bytes=BUDGET_BYTES)
        seed(service.data, commissioned(*names))
        with service:
            with ThreadPoolExecutor(4) as pool:
                added = dict(zip(names, pool.map(lambda name: service.add(server.url(name), name), names), strict=True))
            made = DoorHouse(service, tmp_path)
            made.name_director()
            for login in PEOPLE[1:]:
                made.enrol(login, login.title())
                made.appoint(login, "archive", "hold")
            service.await_recording(*added.values(), seconds=180)
            yield made, server, added


def test_nothing_grows_and_every_second_is_told(
    house: tuple[DoorHouse, RtspServer, dict[str, str]], tmp_path: Path
) -> None:
    made, server, cameras = house
    service = made.service
    terminals: dict[str, Terminal | None] = dict.fromkeys(PEOPLE)
    watched, came, lost = Watched(service.pid), 0, 0
    losing = itertools.cycle(cameras)
    ends_s = time.monotonic() + 60 * MINUTES
    next_loss_s = time.monotonic()
    samples = 0
    try:
        while time.monotonic() < ends_s:
            turn = samples
            if time.monotonic() >= next_loss_s:
                next_loss_s += 60
                for _ in range(LOSING):
                    lost += server.kick(next(losing))
            login = PEOPLE[turn % len(PEOPLE)]
            terminal = terminals[login]
            if terminal is None:
                terminals[login] = terminal = made.terminal(login, size=(80, 24))
                terminal.until(HOME_SHOWS)
                terminal.type(b"4")
                came += 1
            else:
                terminal.type(LEAVE)
                terminal.await_end()
                terminal.close()
                terminals[login] = None
            for other in terminals.values():
                while other is not None and other.read(0.02):
                    other.raw = other.raw[-100_000:]
            watched.look()
            samples += 1
            time.sleep(max(0.0, min(SAMPLE_S, ends_s - time.monotonic())))
    finally:
        for terminal in terminals.values():
            if terminal is not None:
                terminal.close()
    made.await_no_children()
    service.await_recording(*cameras.values(), seconds=120)
    print(f"{MINUTES:g} min, {CAMERAS} cameras: {came} log-ins, {lost} lines lost, {samples} samples")
    assert came >= MINUTES and lost >= LOSING * int(MINUTES)
    assert watched.grown(samples) == []
    for camera in cameras.values():
        assert_every_second_is_told(service, camera)
    assert faults_in(service.log()) == []
    assert service.stop() == 0
    check_journals(service.data / "media" / "footage")
    wait_for("everything has ended", lambda: not tree(service.pid))


def assert_every_second_is_told(service: Service, camera: str) -> None:
    """Recorded and gaps together are what passed since the first of them, erased footage included."""
    now_ns = time.time_ns()
    span = (now_ns - 86_400 * NS, now_ns + 60 * NS)
    footage = service.client.read(ReadFootage(camera, *span))
    gaps = service.client.read(ReadGaps(camera, *span))
    closed = [row for row in footage if not row.open]
    until_ns = max(row.end_utc_ns for row in closed)
    told = [row for row in gaps if row.start_utc_ns < until_ns]
    begins_ns = min([row.start_utc_ns for row in closed] + [row.start_utc_ns for row in told])
    summed_s = sum(row.end_utc_ns - row.start_utc_ns for row in closed) / NS + sum(row.elapsed_s for row in told)
    assert abs(summed_s - (until_ns - begins_ns) / NS) <= SUM_WITHIN_S, (camera, summed_s, (until_ns - begins_ns) / NS)
