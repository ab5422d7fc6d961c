"""How many cameras one server takes, with work going on, and what a thousand would take. `python bench/scale.py --help`.

One service records N cameras into a buffer of a few minutes, so that files are closed, erased and held all the time, while a
Director opens a look and places a hold every `--every` seconds and the status is asked. No peer: the figures of the smaller N are
the measure of the largest, and a line through all of them says what 1,000 cameras would take.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.parts import order, proc
from bench.parts.frames import Answer
from bench.parts.library import DAY_NS, register_rows, seed
from bench.parts.rows import Row, add_options, p99, report, say
from holdshelf_core.api.client import Client
from holdshelf_core.buffer.types import CapacitySet, ReadFootage
from holdshelf_core.holds.types import HoldPlace, SpanAsk
from holdshelf_core.looks.types import PurposeClose, PurposeOpen
from tests.people import People
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service

NS = 1_000_000_000
START_WITHIN_S = 300.0
CLOSED_WITHIN_S = 3.0
"""A file is closed so much later than its last frame came, at most, for what is judged by times of files."""
TICK_S = 2.0
BUFFER_S = 240
SMALLEST_BYTES = 300_000_000
"""That a budget may be."""
MANY = 1000
STATUS_BAR_MS = 250.0
CHECK_BAR_S = 3.0
"""With the start of a Python of its own."""
LINE_BAR = 1.3
"""Measured beside what the line through the smaller ones says: above it, a cost grows faster than the cameras do."""


@dataclass
class House:
    """A running service with its cameras, and what was seen of it so far."""

    service: Service
    server: RtspServer
    cameras: dict[str, str]
    """Id by mount."""
    director: Client
    judged: dict[str, int] = field(default_factory=dict)
    last: dict[str, int | None] = field(default_factory=dict)
    answer: Answer = field(default_factory=lambda: Answer(0, 0, 0))
    files: int = 0
    first_s: dict[str, float] = field(default_factory=dict)
    closed_s: dict[str, float] = field(default_factory=dict)
    """By mount: when the last file was closed of those that were judged first, and of all."""
    since: dict[str, int] = field(default_factory=dict)
    """By mount: frames judged after the first files."""
    status_ms: list[float] = field(default_factory=list)
    day_ms: list[float] = field(default_factory=list)
    check_s: list[float] = field(default_factory=list)
    acts: int = 0

    def begin(self) -> None:
        """Leave out what is closed already: between it and what follows lies a start of the service, with its gap."""
        for mount, camera in self.cameras.items():
            names = [path.name.split("_")[0].removesuffix(".mp4") for path in self.service.files(camera)]
            self.files += len(names)
            if names:
                self.judged[mount] = max(int(name) for name in names)

    def judge(self) -> None:
        """The files that were closed since it was asked last."""
        stretches: dict[str, order.Stretch] = {}
        for mount, camera in self.cameras.items():
            numbered = {int(path.name.split("_")[0].removesuffix(".mp4")): path for path in self.service.files(camera)}
            before = self.judged.get(mount)
            fresh = sorted(number for number in numbered if before is None or number > before)
            if not fresh:
                continue
            self.files += len(fresh)
            closed_s = numbered[fresh[-1]].stat().st_mtime
            if mount not in self.first_s:
                self.first_s[mount] = closed_s
            self.closed_s[mount] = closed_s
            self.judged[mount] = fresh[-1]
            stretches[mount] = order.Stretch([str(numbered[number]) for number in fresh], self.last.get(mount))
        hashes = [unit.sha256 for unit in self.server.media(next(iter(self.cameras))).units]
        for mount, found in order.judge(hashes, stretches).items():
            self.last[mount] = found.last
            if self.closed_s[mount] > self.first_s[mount]:
                self.since[mount] = self.since.get(mount, 0) + found.recorded + found.lost
            self.answer = Answer(
                self.answer.sent + found.recorded + found.lost,
                self.answer.lost + found.lost,
                self.answer.strangers + found.strangers,
            )

    def missing(self) -> int:
        """Frames of whole files that were erased before they were judged: by the time between the first and the last."""
        fps, found = self.server.media(next(iter(self.cameras))).fps, 0
        for mount, first_s in self.first_s.items():
            expected = (self.closed_s[mount] - first_s) * fps
            found += max(0, round(expected - CLOSED_WITHIN_S * fps - self.since.get(mount, 0)))
        return found

    def act(self) -> None:
        """A look and a hold, each at another camera, and a camera's day as the timeline asks for it."""
        cameras = list(self.cameras.values())
        camera = cameras[(7 * self.acts) % len(cameras)]
        now = time.time_ns()
        look = self.director.act(PurposeOpen([camera], "crime", f"2026-{self.acts:04d}", at_utc_ns=now - 60 * NS))
        self.director.act(PurposeClose(look.id))
        spans = [SpanAsk(camera, now - 60 * NS, now - 30 * NS)]
        held = self.director.act(HoldPlace("investigation", f"2026-{self.acts:04d}", spans))
        if held.state != "active" or held.queued:
            raise AssertionError(f"{held.id} is {held.state}, queued {held.queued}")
        self.day_ms.append(_ms(lambda: self.service.client.read(ReadFootage(camera))))
        self.acts += 1

    def ask(self) -> None:
        """The status, as the screens do."""
        self.status_ms.append(_ms(self.service.client.status))

    def check(self) -> None:
        """The command that a monitor runs."""
        command = [sys.executable, "-m", "holdshelf_tui.cli", "status", "--check", "--data", str(self.service.data)]
        began_s = time.monotonic()
        subprocess.run(command, capture_output=True, check=False, timeout=60)
        self.check_s.append(time.monotonic() - began_s)


def _ms(call: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - began_s)


@dataclass(frozen=True)
class Cost:
    """What N cameras took."""

    cameras: int
    figures: dict[tuple[str, str], float]
    """By what and unit."""


def measure(cameras: int, options: argparse.Namespace) -> tuple[Cost, list[Row]]:
    """One service with so many cameras, for the time that was asked for."""
    mounts = [f"camera-{number + 1:04d}" for number in range(cameras)]
    with (
        tempfile.TemporaryDirectory(prefix="holdshelf-bench-", dir=options.folder) as folder,
        RtspServer([Mount(name, media=options.media) for name in mounts], threads=max(64, 2 * cameras)) as server,
    ):
        data = Path(folder) / "data"
        with Service(data) as service, ThreadPoolExecutor(4) as pool:
            added = dict(zip(mounts, pool.map(lambda name: service.add(server.url(name), name), mounts), strict=True))
        now = time.time_ns()
        seed(data / "state", register_rows(list(added.values()), 0, now - DAY_NS, now), now)  # a seat has approved them
        service = Service(data, mint=True)
        with service:
            director = People(service).name_director()
            service.client.timeout_s = director.timeout_s = 120
            per_s = server.media(mounts[0]).bits_per_second / 8 * cameras
            room = max(int(per_s * BUFFER_S * options.room), SMALLEST_BYTES)
            service.client.act(CapacitySet("a bench that erases all the time", budget_bytes=room))
            service.await_recording(*added.values(), seconds=START_WITHIN_S)
            house = House(service, server, added, director)
            house.begin()
            time.sleep(options.settle)
            cost, seconds = _go_on(house, options)
            late_ms = float(server.stats()["late_ms"])
        house.judge()  # what the end has closed, too
        swept = house.files - sum(len(service.files(camera)) for camera in added.values())
    return cost, _rows(house, cost, seconds, swept, late_ms)


def _go_on(house: House, options: argparse.Namespace) -> tuple[Cost, float]:
    """The measured stretch, with everything that goes on in it."""
    pids = proc.descendants(house.service.pid)
    watch = proc.Stopwatch({"all": pids})
    began_s = time.monotonic()
    ends_s, next_s = began_s + 60 * options.minutes, began_s
    while (now_s := time.monotonic()) < ends_s:
        house.ask()
        if now_s >= next_s:
            next_s += options.every
            house.act()
            house.check()
            house.judge()
            say(
                f"{len(house.cameras)} cameras, {(now_s - began_s) / 60:.1f} min: {house.answer.lost} of "
                f"{house.answer.sent} frames lost, {house.missing()} not judged, {house.acts} looks and holds, "
                f"{proc.pss_bytes(pids) / 1e6:.0f} MB"
            )
        time.sleep(max(0.0, min(TICK_S, ends_s - time.monotonic())))
    spent = watch.spent()
    count = len(house.cameras)
    figures = {
        ("CPU", "cores"): spent.cpu_s["all"] / spent.seconds,
        ("memory (PSS)", "MB"): proc.pss_bytes(pids) / 1e6,
        ("descriptors", "open"): float(sum(proc.count(pid, "fd") for pid in pids)),
        ("threads", "threads"): float(sum(proc.count(pid, "task") for pid in pids)),
    }
    return Cost(count, figures), spent.seconds


def _rows(house: House, cost: Cost, seconds: float, swept: int, late_ms: float) -> list[Row]:
    of = f"{cost.cameras} cameras"
    detail = {"minutes": round(seconds / 60, 1), "acts": house.acts, "not judged": house.missing(), "late_ms": late_ms}
    lost = house.answer.lost + house.answer.strangers + house.missing() if house.answer.sent else None
    return [
        Row(f"lost frames, {of}", "frames", lost, bar=0, of="ours", detail={"frames": house.answer.sent, **detail}),
        Row(f"files erased meanwhile, {of}", "files", swept),
        *(Row(f"{what}, {of}", unit, value) for (what, unit), value in cost.figures.items()),
        Row(f"status answered, p99, {of}", "ms", p99(house.status_ms), bar=STATUS_BAR_MS, of="ours"),
        Row(f"a camera's day, median, {of}", "ms", statistics.median(house.day_ms)),
        Row(f"status --check, slowest, {of}", "s", max(house.check_s), bar=CHECK_BAR_S, of="ours"),
    ]


def model(costs: Sequence[Cost]) -> list[Row]:
    """A line through what was measured: checked at the largest, and said for a thousand."""
    rows = []
    *smaller, largest = sorted(costs, key=lambda cost: cost.cameras)
    for (what, unit), measured in largest.figures.items():
        key = (what, unit)
        told = _line(smaller, key)(largest.cameras)
        rows.append(Row(f"{what}: {largest.cameras} beside the line through fewer", unit, measured, told, LINE_BAR))
        rows.append(Row(f"{what}: {MANY} cameras by the line", unit, _line(costs, key)(MANY)))
    return rows


def _line(costs: Sequence[Cost], key: tuple[str, str]) -> Callable[[float], float]:
    slope, rest = statistics.linear_regression(
        [float(cost.cameras) for cost in costs], [cost.figures[key] for cost in costs]
    )
    return lambda cameras: slope * cameras + rest


def main() -> int:
    """Exit code: 1 when --bars was given and a bar was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cameras", type=int, nargs="+", default=[16, 64, 128, 256], metavar="N")
    parser.add_argument("--minutes", type=float, default=3.0, help="measured for each N (default 3)")
    parser.add_argument("--every", type=float, default=20.0, help="seconds between two holds and looks (default 20)")
    parser.add_argument("--settle", type=float, default=5.0, help="seconds left out before (default 5)")
    parser.add_argument("--room", type=float, default=1.0, help=f"of a buffer of {BUFFER_S} s (default 1)")
    parser.add_argument("--media", default="h264_720p", help="what the cameras send (default h264_720p)")
    parser.add_argument("--folder", type=Path, help="where to record to (default: the system's temporary folder)")
    add_options(parser)
    options = parser.parse_args()
    rows: list[Row] = []
    costs: list[Cost] = []
    for cameras in options.cameras:
        cost, found = measure(cameras, options)
        costs.append(cost)
        rows += found
    if len(costs) > 2:
        rows += model(costs)
    return report("scale", rows, options, minutes=options.minutes)


if __name__ == "__main__":
    sys.exit(main())
