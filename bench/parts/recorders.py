"""The two recorders that bench/record.py sets beside each other: the whole service, and one ffmpeg per camera.

Each records cameras of its own of one running RtspServer. `running` starts one and gives its processes, by group, once
each camera is recorded; a `Stretch` measures what runs; `judge` then compares what was written with what was sent.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bench.parts import frames, proc
from tests.rig.parts import program
from tests.rig.rtsp import RtspServer
from tests.rig.whep import WhepPeer
from tests.service import Service, wait_for

START_WITHIN_S = 180.0
GROWING_BYTES = 100_000
AFTER_S = 1.0
"""A recorder sees that a frame is whole when the next begins: those sent last are judged only if it goes on a little."""

type Groups = Mapping[str, list[int]]


@dataclass(frozen=True)
class Measured:
    """What processes took in a stretch, by group; memory is that at its end."""

    spent: proc.Spent
    pss_bytes: dict[str, int]
    from_utc_ns: int
    until_utc_ns: int

    def of(self, groups: Groups) -> Measured:
        """The part of some groups."""
        spent = proc.Spent(
            self.spent.seconds,
            {group: self.spent.cpu_s[group] for group in groups},
            {group: self.spent.switches[group] for group in groups},
            {group: self.spent.before_cpu_s[group] for group in groups},
            self.spent.machine_cpu_s,
        )
        pss = {group: self.pss_bytes[group] for group in groups}
        return Measured(spent, pss, self.from_utc_ns, self.until_utc_ns)

    def cpu_per_camera_minute_s(self, cameras: int, *groups: str) -> float:
        """CPU seconds that a minute of one camera cost, in some groups or in all."""
        used = sum(self.spent.cpu_s[group] for group in groups or self.spent.cpu_s)
        return used / cameras / (self.spent.seconds / 60)

    def pss_mb(self, *groups: str) -> float:
        """Memory in some groups or in all, in 10⁶ bytes."""
        return sum(self.pss_bytes[group] for group in groups or self.pss_bytes) / 1e6


@dataclass(frozen=True)
class Stretch:
    """`settle_s` after every camera is recorded, `seconds` are measured."""

    settle_s: float
    seconds: float

    def measure(self, groups: Groups) -> Measured:
        """Raises AssertionError when one of the processes ended."""
        time.sleep(self.settle_s)
        from_utc_ns = time.time_ns()
        watch = proc.Stopwatch(groups)
        time.sleep(self.seconds)
        spent = watch.spent()
        until_utc_ns = time.time_ns()
        pss = {name: proc.pss_bytes(pids) for name, pids in groups.items()}
        gone = [pid for pids in groups.values() for pid in pids if not proc.pss_bytes([pid])]
        if gone:
            raise AssertionError(f"processes ended in the measured stretch: {gone}")
        time.sleep(AFTER_S)
        return Measured(spent, pss, from_utc_ns, until_utc_ns)


def _judge(
    server: RtspServer | WhepPeer, began_utc_ns: int, measured: Measured, files: Mapping[str, list[Path]]
) -> frames.Answer:
    questions = []
    for mount, paths in files.items():
        sent = [(unit.utc_ns, unit.sha256) for unit in server.sent(mount) if unit.utc_ns >= began_utc_ns]
        names = [str(path) for path in paths]
        questions.append(frames.Question(sent, names, measured.from_utc_ns, measured.until_utc_ns))
    answer = frames.compare(questions)
    for paths in files.values():
        for path in paths:
            path.unlink()
    return answer


class Ours:
    """`holdshelf serve` and its workers, on a data folder of their own. Cameras are added once, before it is measured."""

    def __init__(
        self, folder: Path, server: RtspServer | WhepPeer, mounts: Sequence[str], transport: str = "tcp"
    ) -> None:
        self._server = server
        self._service = Service(folder / "data")
        self._began_utc_ns = 0
        with self._service as service, ThreadPoolExecutor(4) as pool:
            added = pool.map(lambda name: service.add(server.url(name), name, transport=transport), mounts)
            self._cameras = dict(zip(mounts, added, strict=True))

    @contextlib.contextmanager
    def running(self) -> Iterator[Groups]:
        """Groups `service` and `workers`."""
        self._began_utc_ns = time.time_ns()
        self._service.start()
        try:
            self._service.await_recording(*self._cameras.values(), seconds=START_WITHIN_S)
            workers = self._service.worker_pids()
            rest = [pid for pid in proc.descendants(self._service.pid) if pid not in workers]
            yield {"service": rest, "workers": workers}
        finally:
            self._service.stop(60)

    def judge(self, measured: Measured) -> frames.Answer:
        """To be asked when it no longer runs; removes its footage."""
        files = {
            mount: [path for path in self._service.files(camera) if path.stat().st_mtime_ns >= self._began_utc_ns]
            for mount, camera in self._cameras.items()
        }
        return _judge(self._server, self._began_utc_ns, measured, files)


class Ffmpeg:
    """`ffmpeg -c copy -an -f segment -segment_time 60`, a process for each camera."""

    def __init__(self, folder: Path, server: RtspServer, mounts: Sequence[str]) -> None:
        self._folder = folder / "ffmpeg"
        self._server = server
        self._mounts = mounts
        self._began_utc_ns = 0
        for mount in mounts:
            (self._folder / mount).mkdir(parents=True)

    def command(self, mount: str) -> list[str]:
        """What records one camera."""
        quiet = ("-nostdin", "-hide_banner", "-loglevel", "error")
        source = ("-rtsp_transport", "tcp", "-i", self._server.url(mount))
        copy = ("-c", "copy", "-an", "-f", "segment", "-segment_time", "60", "-reset_timestamps", "1")
        return [program("ffmpeg", "ffmpeg"), *quiet, *source, *copy, str(self._folder / mount / "%03d.mp4")]

    @contextlib.contextmanager
    def running(self) -> Iterator[Groups]:
        """Group `ffmpeg`. Raises AssertionError when they do not record within `START_WITHIN_S`."""
        self._began_utc_ns = time.time_ns()
        running = []
        try:
            for mount in self._mounts:
                with (self._folder / f"{mount}.log").open("wb") as log:
                    running.append(
                        subprocess.Popen(self.command(mount), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
                    )
            wait_for("ffmpeg records every camera", self._all_grow, START_WITHIN_S, every=0.2)
            yield {"ffmpeg": [process.pid for process in running]}
        finally:
            for process in running:
                process.terminate()
            for process in running:
                process.wait(60)

    def judge(self, measured: Measured) -> frames.Answer:
        """To be asked when they no longer run; removes their files."""
        return _judge(self._server, self._began_utc_ns, measured, {m: self._files(m) for m in self._mounts})

    def _files(self, mount: str) -> list[Path]:
        return sorted((self._folder / mount).iterdir())

    def _all_grow(self) -> bool:
        return all(sum(path.stat().st_size for path in self._files(mount)) > GROWING_BYTES for mount in self._mounts)
