"""One camera, from its pictures to its journal, in one process: the worker's thread code, the service's side and a real
volume, with clocks, grants, disk and kills in the test's hand. Nothing here waits for the machine's clock.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from holdshelf_core.buffer.retention import Retention
from holdshelf_core.integration.bus import EventBus
from holdshelf_core.integration.repairs import RepairRegistry
from holdshelf_core.recorder.camera import CameraRecorder
from holdshelf_core.recorder.worker import camera as worker_camera
from holdshelf_core.recorder.worker import protocol as wire
from holdshelf_core.recorder.worker import segment_thread
from holdshelf_core.recorder.worker.camera import Camera
from holdshelf_core.recorder.worker.link import Link
from holdshelf_core.recorder.worker.nal import is_parameter_set, kind_of, split_annexb
from holdshelf_core.recorder.worker.reading import ReadingLoop
from holdshelf_core.recorder.worker.source import Hole, Picture, SourceError
from holdshelf_storage.errors import DiskFull
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.volume import reserve
from holdshelf_storage.volume.gap_lines import Moment
from holdshelf_storage.volume.volume import Volume, init_volume
from tests.rig import told
from tests.rig.hand_clock import HandClock
from tests.rig.hang import HANG_S
from tests.rig.media import media

NS = 1_000_000_000
FPS = 15
CAMERA = "door"


def pictures(count: int, first: int = 0) -> list[Picture]:
    """Real ones, a key frame each second, time stamps as they should be."""
    medium = media("h264_small")
    data = medium.data.read_bytes()
    found = []
    for number in range(first, first + count):
        unit = medium.units[number % len(medium.units)]
        nals = split_annexb(data[unit.offset : unit.offset + unit.size])
        sample = b"".join(len(nal).to_bytes(4) + nal for nal in nals)
        sets = frozenset(nal for nal in nals if is_parameter_set(kind_of(nal, "h264"), "h264"))
        found.append(Picture(sample, number * 90_000 // FPS, None, bool(sets), sets))
    return found


class HandSource:
    """A connection that gives what the test scripts: before each picture its clock is moved."""

    codec, ticks_per_s, template, parameter_sets, gather_bytes = "h264", 90_000, None, frozenset[bytes](), 0
    certificate_sha256: str | None = None
    certificate_sei = b""
    clock_ahead_ns: int | None = None

    def __init__(self, script: Iterable[Picture | Hole | Callable[[], object]]) -> None:
        self._script = script

    def pictures(self) -> Iterator[Picture | Hole]:
        for item in self._script:
            if isinstance(item, Picture | Hole):
                yield item
            else:
                item()
        raise SourceError("stream ended")

    def close(self) -> None:
        pass


class _Thread(Camera):
    source: HandSource

    def _dial(self) -> Any:
        return self.source


@dataclass
class _Wire(Link):
    told: Callable[[wire.ToService], None]

    def send(self, message: wire.ToService) -> None:
        self.told(message)


@dataclass
class OneCamera:
    """Used within ``with``; ``start`` and ``kill`` are the service's."""

    root: Path
    patch: pytest.MonkeyPatch
    segment_s: float = 4.0
    clock: HandClock = field(default_factory=HandClock)
    refused: set[str] = field(default_factory=set)
    """Names of storage calls for which the disk is full."""
    held: list[wire.Want] | None = None
    """While it is a list, what the worker asks for waits here."""
    said: list[wire.ToService] = field(default_factory=list)
    started: list[tuple[wire.Started, Moment]] = field(default_factory=list)
    """Each segment that began, and when its first picture was read."""

    def __enter__(self) -> OneCamera:
        self.patch.setattr(reserve, "RESERVE_BYTES", 64 * 1024)
        for module in (worker_camera, segment_thread):
            self.patch.setattr(module, "now_ns", lambda: (self.clock.boot_ns(), self.clock.utc_ns()))
        init_volume(self.root / "state", self.root / "media", 1)
        self._loop = asyncio.new_event_loop()
        self._runs = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._runs.start()
        self.alive: Moment | None = None
        self.began_ns = self.clock.now_ns
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.kill()
        self.run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._runs.join()
        self._loop.close()

    def run[T](self, coro: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coro, self._loop).result(HANG_S)

    # --- the service ------------------------------------------------------------------------------------------

    def start(self, reason: str = "service stopped") -> None:
        """Attach, recover, and give the camera to a worker."""
        self.volume = Volume.attach(self.root / "state", self.root / "media")
        ledger = Ledger(self.volume)
        self.footage = Footage(self.volume, ledger)
        self.recovery = self.footage.recover()
        self.footage.build_index(threading.Event())
        repairs = RepairRegistry(EventBus(self.clock.utc_ns), self.clock.utc_ns)
        self.room = Retention(
            clock=self.clock, repairs=repairs, may_erase=lambda _ref: True, hold_lock=threading.Lock()
        )
        self.room.async_attach(self.volume, self.footage, ledger)
        self.recorder = CameraRecorder(
            CAMERA,
            clock=self.clock,
            disk=self._disk,
            room=self.room,
            send=self._obey,
            changed=lambda _event, _data: None,
            segment_s=self.segment_s,
        )
        known = self.recovery.cameras.get(CAMERA)
        stands = None
        if known is not None and known.last_end_utc_ns is not None:
            stands = Moment(known.last_end_utc_ns, known.last_end_boot_ns or 0, known.last_boot or "")
        gap = known.open_gap if known is not None else None
        self.run(self.recorder.async_attach(self.footage, stands, gap, self.alive, reason))
        self._dead = False
        self.restart_worker()

    def restart_worker(self) -> None:
        stands = self.recorder.last_end
        floor = stands.boot_ns if stands is not None and stands.boot == self.clock.boot else 0
        order = wire.Record(CAMERA, "rtsp://x/", None, None, "tcp", self.clock.boot, self.segment_s, None, floor)
        self.worker = _Thread(order, _Wire(self._tell), ReadingLoop(0))
        # Waiting for an answer takes the clock's time, not the machine's.
        self.worker._spares.wait = self.clock.forward  # type: ignore[method-assign]

    def kill_worker(self) -> None:
        """SIGKILL: what it had not handed to the kernel is lost."""
        writer = self.worker._writer
        if writer is not None:
            writer.sink.close_fd()
        self.worker._writer = None
        self.recorder.async_orphaned()
        self.run(self.recorder.async_settled())
        self.restart_worker()

    def kill(self) -> None:
        """SIGKILL of everything."""
        self._dead = True
        self.alive = self.clock.moment()
        writer = self.worker._writer
        if writer is not None:
            writer.sink.close_fd()
        for opened in self.recorder._open.values():
            if opened.fd >= 0:
                os.close(opened.fd)
        self.run(self._cancel())
        self.volume.detach()

    async def _cancel(self) -> None:
        if self.recorder._task is not None:
            self.recorder._task.cancel()

    async def _disk[T](self, func: Callable[..., T], *args: object) -> T:
        if func.__name__ in self.refused:
            raise DiskFull(f"{func.__name__}: the disk is full.")
        return func(*args)

    def _obey(self, message: wire.ToWorker, fd: int | None) -> bool:
        match message:
            case wire.Grant():
                assert fd is not None
                self.worker.granted(message.seq, os.dup(fd))
            case wire.Deny():
                self.worker.denied(message.reason)
            case _:
                raise AssertionError(message)
        return True

    def _tell(self, message: wire.ToService) -> None:
        if self._dead:
            return
        self.said.append(message)
        if isinstance(message, wire.Started):
            self.started.append((message, self.clock.moment()))
        if self.held is not None and isinstance(message, wire.Want):
            self.held.append(message)
            return
        self.deliver(message)

    def deliver(self, message: wire.ToService) -> None:
        self.recorder.async_tell(message)
        self.run(self.recorder.async_settled())

    def grant_late(self) -> None:
        """What was asked for is granted now."""
        held, self.held = self.held or [], None
        for message in held:
            self.deliver(message)

    def tick(self) -> None:
        """The service's watch, once a second."""
        self.recorder.async_watch()
        self.run(self.recorder.async_settled())

    # --- the camera -------------------------------------------------------------------------------------------

    def play(self, script: Iterable[Picture | Hole | Callable[[], object]]) -> None:
        """One connection, until the script ends."""
        self.worker.source = HandSource(script)
        try:
            self.worker._session()
        except SourceError as error:
            with self.worker._lock:
                self.worker._return_grants()
                self.worker._lose(error.reason, error.detail, 1.0, self.clock.now_ns)

    def live(self, chosen: Iterable[Picture]) -> Iterator[Picture | Callable[[], object]]:
        """Each picture one frame after the other."""
        for picture in chosen:
            yield lambda: self.clock.forward(1 / FPS)
            yield picture

    # --- what lies on disk ------------------------------------------------------------------------------------

    def lines(self) -> list[dict[str, Any]]:
        return told.lines_of(self.root / "media/footage" / CAMERA)

    def check(self) -> list[str]:
        """Every second since the beginning is told, none twice. Returns the reasons of gaps, in order."""
        all_told = told.told(self.lines())
        reasons = told.check_meets(all_told)
        assert all_told[0][0] == self.began_ns
        at_ns = all_told[-1][1] or self.clock.now_ns
        assert abs(at_ns - self.clock.now_ns) <= NS, (at_ns - self.clock.now_ns) / NS
        return reasons
