"""Large archives: start, query of a camera-day, sweep, memory. `python bench/archive.py --help`; docs/benchmarks.md.

The archives are synthetic: real journals and folders of every segment, whose files are hard links of a tiny real one.
What the service does on one is set beside what it does on an empty archive, with the same cameras to dial.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import batched, islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.parts import access_log, proc
from bench.parts.library import furnish
from bench.parts.rows import Row, add_options, median_row, report, say
from holdshelf_core.buffer import types
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.volume.days import SegmentRef
from holdshelf_storage.volume.volume import Volume
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service, wait_for
from tests.storage.archive import Archive, day_start_ns, make_archive

START_BAR_S = 1.5
START_MORE_BAR_S = 0.3
QUERY_BAR_MS = 12.0
SWEEP_BATCH = 256  # keeping.sweeper.BATCH_SEGMENTS
ONE_BY_ONE = 50
DAY_NS = 86_400_000_000_000
QUERIES = 21
PER_DAY = 1440
COUNTED_WITHIN_S = 600.0
LARGE_SEGMENTS = 500_000


@dataclass
class Started:
    """One start of the service: seconds until every camera is dialed, until all is counted, and memory then."""

    dialed_s: float
    counted_s: float
    pss_mb: float
    cpu_s: float


class House:
    """A service with cameras in its register, to be started on any archive. Its own is the empty one."""

    def __init__(self, folder: Path, server: RtspServer) -> None:
        self.server = server
        self.empty = folder / "empty"
        with Service(self.empty) as service, ThreadPoolExecutor(4) as pool:
            # Called as the archive's cameras are, so that its footage is theirs.
            list(pool.map(lambda name: service.add(server.url(name), name), server.mounts))

    def furnish(self, archive: Archive, log_entries: int) -> Path:
        """Gives an archive the register and the log of this house, with so many entries more; returns its data folder."""
        furnish(self.empty / "state", archive.state)
        data = archive.state.parent
        if log_entries:
            access_log.fill(archive.state, log_entries)
            # As any other library's: a service has run on it, and has stated a root over its rows when it ended.
            began_s = time.monotonic()
            with Service(data) as service:
                say(f"{log_entries:,} entries of the log replayed from the first in {time.monotonic() - began_s:.1f} s")
                service.stop(120)
        return data

    @contextlib.contextmanager
    def started(self, data: Path) -> Iterator[tuple[Service, Started]]:
        """The service on `data`, measured, counted and recording."""
        service = Service(data)
        before = self._dials()
        began_s = time.monotonic()
        service.start(wait=False)
        try:
            wait_for("every camera dialed", lambda: self._all_dialed(before), 60, every=0.002)
            dialed_s = time.monotonic() - began_s
            service.await_answer(30)
            wait_for("all counted", lambda: service.client.status().disk.counted, COUNTED_WITHIN_S, every=0.05)
            counted_s = time.monotonic() - began_s
            workers = service.worker_pids()
            own = [pid for pid in proc.descendants(service.pid) if pid not in workers]
            yield service, Started(dialed_s, counted_s, proc.pss_bytes(own) / 1e6, sum(map(proc.cpu_s, own)))
        finally:
            service.close()

    def _dials(self) -> dict[str, int]:
        # Not the server's "dials", which are OPTIONS: our own client begins with DESCRIBE.
        return {name: mount["describes"] for name, mount in self.server.stats()["mounts"].items()}

    def _all_dialed(self, before: dict[str, int]) -> bool:
        return all(count > before[name] for name, count in self._dials().items())


@dataclass
class Bench:
    """Everything about one archive."""

    name: str
    house: House
    archive: Archive
    repeat: int
    log_entries: int = 0
    rows: list[Row] = field(default_factory=list)

    def start_and_ask(self) -> None:
        """Starts turn about on the empty archive and on this one; asks this one through the API."""
        data = self.house.furnish(self.archive, self.log_entries)
        empty: list[Started] = []
        ours: list[Started] = []
        for turn in range(self.repeat):
            with self.house.started(self.house.empty) as (_, started):
                empty.append(started)
            with self.house.started(data) as (service, started):
                ours.append(started)
                if turn == self.repeat - 1:
                    self._ask(service)
            say(
                f"{self.name}: dialed after {ours[-1].dialed_s:.2f} s (empty {empty[-1].dialed_s:.2f}), counted after "
                f"{ours[-1].counted_s:.1f} s, service {ours[-1].pss_mb:.0f} MB (empty {empty[-1].pss_mb:.0f})"
            )

        def pairs(what: Callable[[Started], float]) -> list[tuple[float, float | None]]:
            return [(what(mine), what(other)) for mine, other in zip(ours, empty, strict=True)]

        dialed = pairs(lambda started: started.dialed_s)
        start = f"start until cameras are dialed, {self.name}"
        self.rows += [
            median_row(start, "s", dialed, bar=START_BAR_S, of="ours"),
            median_row(f"{start}, beside empty", "s", dialed, bar=START_MORE_BAR_S, of="more"),
            median_row(f"start until all is counted, {self.name}", "s", pairs(lambda started: started.counted_s)),
            median_row(f"CPU until all is counted, {self.name}", "CPU s", pairs(lambda started: started.cpu_s)),
            median_row(f"memory (PSS), service, counted, {self.name}", "MB", pairs(lambda started: started.pss_mb)),
        ]

    def _ask(self, service: Service) -> None:
        def ask(day: str) -> int:
            start_ns = day_start_ns(day)
            span = {"start_utc_ns": start_ns, "end_utc_ns": start_ns + DAY_NS}
            return len(service.client.read(types.ReadFootage(camera=self.archive.cameras[0], **span)))

        self._query("through the API", ask)

    def in_process(self) -> None:
        """Asks and sweeps as the service's threads do, with nothing else running."""
        volume = Volume.attach(self.archive.state, self.archive.media, wait_s=10)
        try:
            ledger = Ledger(volume)
            footage = Footage(volume, ledger)

            def ask(day: str) -> int:
                start_ns = day_start_ns(day)
                return len(footage.query(self.archive.cameras[0], start_ns, start_ns + DAY_NS))

            self._query("Footage.query", ask)
            footage.build_index(threading.Event())
            self._sweep(footage, ledger)
        finally:
            volume.detach()

    def _query(self, how: str, ask: Callable[[str], int]) -> None:
        medians: dict[str, float] = {}
        for which, day in (("first", self.archive.days[0]), ("last", self.archive.days[-1])):
            took_ms = []
            for _ in range(QUERIES):
                began_s = time.perf_counter()
                count = ask(day)
                took_ms.append((time.perf_counter() - began_s) * 1000)
            if count < self.archive.segments / len(self.archive.days) / len(self.archive.cameras):
                raise AssertionError(f"{how}: {count} rows of {day}, fewer than were made")
            medians[which] = statistics.median(took_ms)
            what = f"query of the {which} day ({count} rows), {how}, {self.name}"
            detail = {"first_ms": round(took_ms[0], 2), "max_ms": round(max(took_ms), 2)}
            other = medians["first"] if which == "last" else None
            self.rows.append(Row(what, "ms", medians[which], other, QUERY_BAR_MS, "ours", detail=detail))

    def _sweep(self, footage: Footage, ledger: Ledger) -> None:
        """Many at once, as after a lowered budget, and one by one, as a full disk does for each new segment.

        The peer then takes the segments that follow, by plain unlinks with one fsync for a batch.
        """
        many = min(1000, self.archive.segments // 8)
        one_by_one = min(ONE_BY_ONE, self.archive.segments // 8)
        gone: list[SegmentRef] = []

        def sweep(refs: Sequence[SegmentRef]) -> None:
            ledger.erase(refs, "bench", time.time_ns(), lambda _ref: True, threading.Lock())
            gone.extend(refs)

        def sweep_many() -> None:
            for refs in batched(list(islice(footage.oldest(), many)), SWEEP_BATCH):
                sweep(refs)

        def sweep_one_by_one() -> None:
            for _ in range(one_by_one):
                sweep(list(islice(footage.oldest(), 1)))

        ours = [_per_segment(sweep_many, many), _per_segment(sweep_one_by_one, one_by_one)]
        following = list(islice(footage.oldest(), many + one_by_one))
        seqs = [ref.seq for ref in gone + following]
        if seqs != sorted(set(seqs)):
            raise AssertionError("the sweep left what it was told to erase, or took what is not the oldest")

        def unlink(refs: Sequence[SegmentRef], batch: int) -> None:
            for part in batched(refs, batch):
                _unlink_plainly(self.archive.media, part)

        peers = [
            _per_segment(lambda: unlink(following[:many], SWEEP_BATCH), many),
            _per_segment(lambda: unlink(following[many:], 1), one_by_one),
        ]
        for how, mine, other in zip((f"{many} oldest", "one by one"), ours, peers, strict=True):
            detail = {"cpu_ms": round(mine[1], 3), "peer_cpu_ms": round(other[1], 3)}
            self.rows.append(Row(f"sweep, per segment, {how}, {self.name}", "ms", mine[0], other[0], detail=detail))


def _per_segment(act: Callable[[], None], count: int) -> tuple[float, float]:
    """Milliseconds of time and of CPU for each of `count`."""
    began_s, cpu_s = time.perf_counter(), time.process_time()
    act()
    return (time.perf_counter() - began_s) * 1000 / count, (time.process_time() - cpu_s) * 1000 / count


def _unlink_plainly(media: Path, refs: Sequence[SegmentRef]) -> None:
    for ref in refs:
        os.unlink(media / "footage" / ref.camera / ref.day / ref.name)
    folder = os.open(media / "footage" / refs[-1].camera / refs[-1].day, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(folder)
    os.close(folder)


def shape(segments: int) -> tuple[int, int, int]:
    """Cameras, days and segments per camera-day of an archive of at least so many segments."""
    per_day = min(PER_DAY, segments)
    cameras = 16 if segments >= LARGE_SEGMENTS else 7 if segments >= LARGE_SEGMENTS // 10 else 1
    return cameras, -(-segments // (cameras * per_day)), per_day


def bench(
    name: str, dimensions: tuple[int, int, int], house: House, folder: Path, options: argparse.Namespace
) -> list[Row]:
    """Makes an archive, measures, removes it."""
    began_s = time.monotonic()
    root = folder / "archive"
    try:
        archive = make_archive(root, *dimensions)
        say(f"{name}: {archive.segments} segments made in {time.monotonic() - began_s:.0f} s")
        found = Bench(name, house, archive, options.repeat, options.log_entries)
        found.start_and_ask()
        found.in_process()
    finally:
        subprocess.run(["rm", "-rf", str(root)], check=True)
    return found.rows


def main() -> int:
    """Exit code: 1 when --bars was given and a bar was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--segments", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], metavar="N")
    parser.add_argument("--long-days", type=int, default=500, help="one camera over so many days; 0 leaves it out")
    parser.add_argument("--cameras", type=int, default=16, help="cameras in the register, dialed at start (default 16)")
    parser.add_argument("--repeat", type=int, default=5, help="starts of each kind; medians are reported (default 5)")
    parser.add_argument(
        "--log-entries",
        type=int,
        default=0,
        metavar="N",
        help="entries of the access log beside the archive (default none); figures with them are kept apart",
    )
    parser.add_argument("--folder", type=Path, help="where to make archives (default: the system's temporary folder)")
    add_options(parser)
    options = parser.parse_args()
    shapes = [(f"{segments:,} segments", shape(segments)) for segments in options.segments]
    if options.long_days:
        shapes.append((f"{options.long_days} days", (1, options.long_days, PER_DAY)))
    if options.log_entries:
        shapes = [(f"{name}, {options.log_entries:,} log entries", dimensions) for name, dimensions in shapes]
    mounts = [Mount(f"camera-{number + 1:02d}") for number in range(options.cameras)]
    rows: list[Row] = []
    with (
        tempfile.TemporaryDirectory(prefix="holdshelf-bench-", dir=options.folder) as folder,
        RtspServer(mounts) as server,
    ):
        house = House(Path(folder), server)
        for name, dimensions in shapes:
            rows += bench(name, dimensions, house, Path(folder), options)
    return report(
        "archive-log" if options.log_entries else "archive",
        rows,
        options,
        repeat=options.repeat,
        cameras=options.cameras,
    )


if __name__ == "__main__":
    sys.exit(main())
