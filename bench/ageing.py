"""What a year does: each cost on a year's state beside a month's. `python bench/ageing.py --help`; docs/benchmarks.md

Two states are made with storage's own writers (`bench/parts/aged.py`): a year of 16 cameras with 10 million segments (names of a
few tiny files), 2 million entries of the access log, 5,000 holds of which 300 are in force, 20,000 log-ins and 400 people; and a
month of the same library. The real service runs on each, with the same cameras to record. "Peer" is the month.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.parts import proc
from bench.parts.aged import (
    DAY_NS,
    DIRECTOR,
    HOUR_NS,
    INCIDENT_AT_START,
    MINUTE_NS,
    PAPER,
    Age,
    Aged,
    end_of,
    make_aged,
)
from bench.parts.rows import Row, add_options, report, say
from holdshelf_core.access_log.types import LogShow, LogVerify
from holdshelf_core.acts import Act
from holdshelf_core.api.client import Client
from holdshelf_core.backups.types import BackupMake
from holdshelf_core.buffer.types import ReadFootage, VerifyRequest
from holdshelf_core.holds.types import MOST_ROWS, HoldListAsk, HoldPlace, HoldRow, SpanAsk
from holdshelf_core.looks.types import ActivityAsk, PurposeClose, PurposeOpen
from holdshelf_core.operations.types import ReadJobs
from holdshelf_core.people.types import PersonKey, ReadPeople
from holdshelf_core.reports.types import PrintRequest
from holdshelf_tui.session.today import ask_today
from tests.keys import new_key
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service, wait_for
from tests.storage.archive import day_start_ns

YEAR = Age(365, 1713, entries=2_000_000, holds=5_000, in_force=300, log_ins=20_000, people=400, at_work=30)
MONTH_DAYS = 30
PAGE = 50
"""As the commands ask for."""
BAR = 2.0
"""Of what must not grow with the years: at most so much of what it takes on a month's state."""
DIALED_WITHIN_S, COUNTED_WITHIN_S = 120.0, 3600.0
LONG_S = 3600.0
IDLE_S = 65.0
"""Each job of a minute has run once in it."""


@dataclass
class Figures:
    """By what and unit: the turns on one state."""

    of: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    def add(self, what: str, unit: str, value: float) -> None:
        self.of.setdefault((what, unit), []).append(value)


MUST_NOT_GROW: set[str] = set()
"""What was measured with a bar."""


@dataclass
class Bench:
    """One state, and what was measured on it."""

    aged: Aged
    server: RtspServer
    options: argparse.Namespace
    figures: Figures = field(default_factory=Figures)

    def run(self) -> Figures:
        """Starts it some times; with the last one everything is asked."""
        self._settle()
        for turn in range(self.options.starts):
            with self._started() as service:
                if turn == self.options.starts - 1:
                    self._ask(service)
        return self.figures

    def _settle(self) -> None:
        """As after any stop: the register is as the log says, a root over it is stated, and what is on hold is on the shelf."""
        began_s = time.monotonic()
        with Service(self.aged.data) as service:
            wait_for("all counted", lambda: service.client.status().disk.counted, COUNTED_WITHIN_S, every=0.5)
            wait_for("held", lambda: all(row.shelved for row in self._in_force(service.client)), LONG_S, every=2)
            service.stop(LONG_S)
        say(f"ready after {time.monotonic() - began_s:.0f} s")

    @staticmethod
    def _in_force(client: Client) -> list[HoldRow]:
        return list(client.act(HoldListAsk(most=MOST_ROWS)).holds)

    # --- starting ---------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _started(self) -> Iterator[Service]:
        service = Service(self.aged.data, mint=True)
        before = self._dials()
        began_s = time.monotonic()
        service.start(wait=False)
        try:
            wait_for("every camera dialed", lambda: self._all_dialed(before), DIALED_WITHIN_S, every=0.002)
            dialed_s = time.monotonic() - began_s
            service.await_answer(60)
            wait_for("all counted", lambda: service.client.status().disk.counted, COUNTED_WITHIN_S, every=0.1)
            counted_s = time.monotonic() - began_s
            service.client.timeout_s = LONG_S
            self._bar("start until every camera is dialed", "s", dialed_s)
            self.figures.add("start until all is counted", "s", counted_s)
            self.figures.add("  CPU until then", "CPU s", self._cpu_s(service))
            say(f"{self.aged.segments:,} segments: dialed after {dialed_s:.2f} s, counted after {counted_s:.1f} s")
            yield service
        finally:
            service.close_door()
            service.close()

    def _cpu_s(self, service: Service) -> float:
        workers = service.worker_pids()
        return sum(proc.cpu_s(pid) for pid in proc.descendants(service.pid) if pid not in workers)

    def _dials(self) -> dict[str, int]:
        return {name: mount["describes"] for name, mount in self.server.stats()["mounts"].items()}

    def _all_dialed(self, before: dict[str, int]) -> bool:
        return all(count > before[name] for name, count in self._dials().items())

    # --- asking -----------------------------------------------------------------------------------------------------

    def _ask(self, service: Service) -> None:
        director = self._director(service)
        self._screens(service, director)
        self._holds(service, director)
        self._log(service.client)
        self._days(director)
        self._at_rest(service)
        self._whole(service, director)

    def _director(self, service: Service) -> Client:
        """The Director of the rows, with a key of this run."""
        line, fingerprint = new_key()
        service.act(PersonKey(DIRECTOR, line, replace=True, paper_sha256=PAPER))
        client = service.as_person("dora", fingerprint)
        client.timeout_s = LONG_S
        return client

    def _screens(self, service: Service, director: Client) -> None:
        self._time("status", service.client.status)
        self._time("what the first screen asks for (today)", lambda: ask_today(director))
        self._time("all people listed", lambda: service.client.read(ReadPeople()), bar=False)

    def _holds(self, service: Service, director: Client) -> None:
        admin = service.client
        self._time("hold list, a page", lambda: admin.act(HoldListAsk(most=PAGE)))
        self._time("hold list, a page of all there ever were", lambda: admin.act(HoldListAsk(all=True, most=PAGE)))
        end = end_of(self.aged)

        def place() -> None:
            start = end - 5 * HOUR_NS
            director.act(HoldPlace("violation", "26-1", [SpanAsk(self.aged.cameras[0], start, start + MINUTE_NS)]))

        self._time("a hold placed", place)

    def _log(self, admin: Client) -> None:
        end = end_of(self.aged)
        day_ns = end - DAY_NS
        of = "log show, a page"
        asks = {
            f"{of} of all": LogShow(most=PAGE),
            f"{of} of one person": LogShow(most=PAGE, person=self.aged.somebody),
            f"{of} of one camera": LogShow(most=PAGE, camera=self.aged.cameras[0]),
            f"{of} of holds placed": LogShow(most=PAGE, action="hold.place"),
            f"{of} of one hour": LogShow(most=PAGE, since_utc_ns=day_ns, until_utc_ns=day_ns + HOUR_NS),
            f"{of} since a day, that few match": LogShow(most=PAGE, since_utc_ns=day_ns, action="log.repair"),
        }
        began_s = time.perf_counter()
        admin.act(asks[f"{of} of one hour"])
        self.figures.add(
            "log show, the first search by time after a start", "ms", 1000 * (time.perf_counter() - began_s)
        )
        for what, asked in asks.items():
            self._time(what, partial(admin.act, asked))
        rare = LogShow(most=PAGE, incident=INCIDENT_AT_START)
        found = self._time("log show of a number that was used once, at the start", lambda: admin.act(rare), bar=False)
        if not found.entries:
            raise AssertionError("the log has no look with the number of the first one")

    def _days(self, director: Client) -> None:
        first, last = (day_start_ns(self.aged.days[at]) for at in (0, -1))
        camera = self.aged.cameras[0]
        for which, start in (("first", first), ("last", last)):
            asked = ActivityAsk(camera, start, start + DAY_NS, 1440)
            self._time(f"timeline, the {which} day", partial(director.act, asked))
            read = ReadFootage(camera, start, start + DAY_NS)
            self._time(f"files of the {which} day", partial(director.read, read))

        def look() -> None:
            row = director.act(PurposeOpen([camera], "crime", "2026-1", at_utc_ns=last + HOUR_NS))
            director.act(PurposeClose(row.id))

        self._time("a look opened and closed", look)

    def _at_rest(self, service: Service) -> None:
        def looked() -> bool:
            jobs = {row.name: row for row in service.client.read(ReadJobs())}
            return jobs["missing"].last_took_s is not None

        began_s = time.monotonic()
        wait_for("all days were looked at for missing files", looked, LONG_S, every=1)
        say(f"all days looked at {time.monotonic() - began_s:.0f} s later")
        before_s, began_s = self._cpu_s(service), time.monotonic()
        time.sleep(self.options.idle)
        spent = (self._cpu_s(service) - before_s) / (time.monotonic() - began_s) * 60
        self._bar("CPU at rest, service without its workers", "CPU s a minute", spent)
        own = [pid for pid in proc.descendants(service.pid) if pid not in service.worker_pids()]
        self._bar("memory (PSS), service without its workers", "MB", proc.pss_bytes(own) / 1e6)

    def _whole(self, service: Service, director: Client) -> None:
        """What reads all there is, and so may grow with it."""
        if not self.options.whole:
            return
        admin = service.client

        def once[A](what: str, unit: str, call: Callable[[], A]) -> A:
            began_s = time.monotonic()
            answer = call()
            self.figures.add(what, unit, time.monotonic() - began_s)
            say(f"{what}: {time.monotonic() - began_s:.1f} s")
            return answer

        verified = once("the log verified", "s", lambda: admin.act(LogVerify()))
        if verified.problems:
            raise AssertionError(verified.problems)
        quarter: Act[object] = PrintRequest("report", quarter="now")
        once("the report of this quarter", "s", lambda: director.act(quarter, timeout_s=LONG_S))
        state = self.aged.data / "state"
        out = self.aged.data / "backup.hsb"
        once("a backup", "s", lambda: admin.act(BackupMake(str(out)), timeout_s=LONG_S))
        self.figures.add("  its size", "MB", out.stat().st_size / 1e6)
        out.unlink()
        self.figures.add("  the register's", "MB", (state / "register.json").stat().st_size / 1e6)
        read = VerifyRequest(camera=self.aged.cameras[0])
        found = once(
            "footage of one camera verified, without its bytes", "s", lambda: admin.read(read, timeout_s=LONG_S)
        )
        if found.problems:
            raise AssertionError(found.problems[:3])

    def _time[A](self, what: str, call: Callable[[], A], *, bar: bool = True) -> A:
        """The median of some turns in milliseconds; the first, which meets what a service loads at first use, is left out."""
        answer = call()
        took = []
        for _ in range(self.options.repeat):
            began_s = time.perf_counter()
            answer = call()
            took.append((time.perf_counter() - began_s) * 1000)
        (self._bar if bar else self.figures.add)(what, "ms", statistics.median(took))
        return answer

    def _bar(self, what: str, unit: str, value: float) -> None:
        MUST_NOT_GROW.add(what)
        self.figures.add(what, unit, value)


def rows_of(month: Figures, year: Figures) -> list[Row]:
    """A row for each figure."""
    rows = []
    for (what, unit), values in year.of.items():
        ours, peer = statistics.median(values), statistics.median(month.of[what, unit])
        bar = BAR if what in MUST_NOT_GROW else None
        rows.append(Row(what, unit, ours, peer, bar))
    return rows


def make_house(folder: Path, server: RtspServer) -> Path:
    """A data folder with the server's cameras and nothing else."""
    with Service(folder / "house") as service, ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: service.add(server.url(name), name), server.mounts))
    return folder / "house"


def measured(
    name: str, age: Age, house: Path, folder: Path, server: RtspServer, options: argparse.Namespace
) -> Figures:
    """Makes a state, measures, removes it."""
    root = folder / name
    try:
        began_s = time.monotonic()
        aged = make_aged(house, root, len(server.mounts), age)
        say(f"{name}: made in {time.monotonic() - began_s:.0f} s")
        return Bench(aged, server, options).run()
    finally:
        if not options.keep:
            subprocess.run(["rm", "-rf", str(root)], check=True)


def main() -> int:
    """Exit code: 1 when --bars was given and a bar was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--scale",
        type=float,
        default=0.2,
        help="share of a year's and a month's amounts (default 0.2; 1 takes over an hour)",
    )
    parser.add_argument(
        "--days", type=int, default=YEAR.days, help=f"of the year (default {YEAR.days}); a month is a twelfth"
    )
    parser.add_argument("--cameras", type=int, default=16)
    parser.add_argument("--starts", type=int, default=3, help="starts on each state; medians are reported (default 3)")
    parser.add_argument("--repeat", type=int, default=9, help="turns of each question (default 9)")
    parser.add_argument("--idle", type=float, default=IDLE_S, help="seconds left alone")
    parser.add_argument("--no-whole", dest="whole", action="store_false", help="not what reads all there is")
    parser.add_argument("--keep", action="store_true", help="leave the states where they are")
    parser.add_argument("--folder", type=Path, help="where to make them (default: the system's temporary folder)")
    add_options(parser)
    options = parser.parse_args()
    per_day = max(24, round(YEAR.segments_per_day * options.scale))
    at_work = max(1, round(YEAR.at_work * options.scale))
    year = Age(options.days, per_day, *_counts(YEAR.part(options.scale)), at_work)
    days = max(1, round(options.days * MONTH_DAYS / YEAR.days))
    month = Age(days, per_day, *_counts(year.part(days / options.days)), at_work)
    mounts = [Mount(f"camera-{number + 1:02d}", media="h264_100k") for number in range(options.cameras)]
    with RtspServer(mounts) as server:
        folder = Path(tempfile.mkdtemp(prefix="holdshelf-bench-", dir=options.folder))
        try:
            house = make_house(folder, server)
            found = [
                measured(name, age, house, folder, server, options) for name, age in (("month", month), ("year", year))
            ]
        finally:
            if not options.keep:
                subprocess.run(["rm", "-rf", str(folder)], check=True)
    return report("ageing", rows_of(*found), options, scale=options.scale, cameras=options.cameras)


def _counts(age: Age) -> tuple[int, int, int, int, int]:
    return age.entries, age.holds, age.in_force, age.log_ins, age.people


if __name__ == "__main__":
    sys.exit(main())
