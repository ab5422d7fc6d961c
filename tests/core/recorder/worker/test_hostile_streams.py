"""What one connection may do to its reader: each bad way ends in a refusal with its reason, bounded in time and memory."""

from __future__ import annotations

import asyncio
import io
import socket
import threading
import time
import tracemalloc
from pathlib import Path
from typing import Any

import av
import pytest

from holdshelf_core.inert import inert
from holdshelf_core.recorder import workers
from holdshelf_core.recorder.recorder import SILENT_NS
from holdshelf_core.recorder.worker import bounds as worker_bounds
from holdshelf_core.recorder.worker import connect as worker_connect
from holdshelf_core.recorder.worker import names as worker_names
from holdshelf_core.recorder.worker import order as worker_order
from holdshelf_core.recorder.worker import protocol as wire
from holdshelf_core.recorder.worker import rtsp as worker_rtsp
from holdshelf_core.recorder.worker.bounds import Budget, SegmentRate
from holdshelf_core.recorder.worker.nal import MAX_SET_BYTES, MAX_SETS, parameter_sets
from holdshelf_core.recorder.worker.rtsp import RtspSource
from holdshelf_core.recorder.worker.segment import template_from_key_frame
from holdshelf_core.recorder.worker.source import Picture, SourceError
from holdshelf_core.recorder.workers import RecorderWorker, WorkerPool
from tests.rig.hang import HANG_S
from tests.rig.hostile_rtsp import PPS, SPS, WAYS, HostileCamera, key_slice, sps
from tests.rig.scripted_rtsp import length_prefixed

NS = 1_000_000_000
REASONS = {
    "silence": "camera unreachable",
    "one byte a second": "camera unreachable",
    "media for an answer": "not recordable",
    "media for the last answer": "not recordable",
    "redirects in a circle": "stream moved",
    "a redirect to another host": "stream moved",
    "a new nonce each time": "auth refused",
    "words with escapes": "stale session",
    "an SDP of garbage": "not recordable",
    "an SDP with huge numbers": "not recordable",
    "a picture of 16384 × 8192": "not recordable",
    "one byte of media a second": "no frames",
}
"""Where it is nothing else, a connection ends as `stream ended`, or for what it costs."""
FLOODS = {"a fragment without end", "frames without end"}
"""Far more bytes than any camera sends, on a slow machine too: what ends them is that they are counted."""
MAY = {"stream ended", "not recordable", "no frames"}
MAX_BYTES = 160 << 20


@pytest.fixture
def _impatient(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the limit that the way is to meet is short: on a slow machine another one would be met before it."""
    reason = REASONS.get(way)
    for module in (worker_rtsp, worker_connect):
        monkeypatch.setattr(module, "OPEN_TIMEOUT_S", 1.5 if reason == "camera unreachable" else HANG_S)
    for module in (worker_rtsp, worker_order, worker_bounds):
        patient = way in FLOODS or reason not in (None, "no frames")
        monkeypatch.setattr(module, "READ_TIMEOUT_S", HANG_S if patient else 0.3)
    monkeypatch.setattr(worker_rtsp, "MAX_UNASKED_BYTES", 1 << 17)
    monkeypatch.setattr(worker_bounds, "WINDOW_S", 0.3)
    monkeypatch.setattr(worker_bounds, "MAX_BYTES_PER_S", 200_000 if way in FLOODS else 2_000_000)


def watched(url: str) -> SourceError:
    """Reads as a camera's thread does, until it is over."""
    rate = SegmentRate(60)
    with pytest.raises(SourceError) as ended:
        source = RtspSource(url, "viewer", "pw")
        try:
            known: frozenset[bytes] = frozenset()
            for number, picture in enumerate(source.pictures()):
                assert isinstance(picture, Picture)
                if picture.is_key and picture.sets != known:
                    known = picture.sets
                    rate.opens(number)
                    template_from_key_frame(picture, source.codec, source.parameter_sets).close()
        except ValueError:
            raise SourceError("no parameter sets") from None
        finally:
            source.close()
    return ended.value


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize("way", [name for name in WAYS if name != "a clock that jumps"])
def test_a_bad_way_ends_in_a_reason_and_small(way: str) -> None:
    with HostileCamera([way], hold_s=HANG_S if way in {*REASONS, *FLOODS} else 4, honest_dials=0) as camera:
        tracemalloc.start()
        try:
            error = watched(camera.url)
            _now, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < MAX_BYTES
    assert error.reason in ({REASONS[way]} if way in REASONS else {*MAY, "no parameter sets"}), repr(error)
    assert way not in FLOODS or "MB a second" in str(error), repr(error)


def test_a_budget_is_for_bytes_and_for_time_without_a_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    budget = Budget()
    for _ in range(600):  # a camera of 80 Mbit/s, a minute long
        now_s += 0.1
        budget.spend(1_000_000, 0.005)
        budget.saw_picture()
    with pytest.raises(SourceError, match="MB a second"):
        for _ in range(100):
            now_s += 0.1
            budget.saw_picture()
            budget.spend(5_000_000, 0.001)
    budget = Budget()
    with pytest.raises(SourceError, match="more of the processor"):
        for _ in range(50):
            now_s += 0.1
            budget.saw_picture()
            budget.spend(10, 0.06)
    budget, began_s = Budget(), now_s
    with pytest.raises(SourceError, match="no picture comes of it"):
        for _ in range(200):
            now_s += 0.1
            budget.spend(10, 0.0)
    assert 15 <= now_s - began_s < 15.2, "until the first one"


@pytest.mark.parametrize("reports_every_s", [0.1, 5])
def test_a_camera_that_answers_and_sends_no_picture_is_let_go_of_when_the_alarm_goes_off(
    monkeypatch: pytest.MonkeyPatch, reports_every_s: float
) -> None:
    """However seldom it says something: reports of the network come every five seconds."""
    now_s = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    budget = Budget()
    budget.saw_picture()
    with pytest.raises(SourceError, match="no picture comes of it"):
        for turn in range(200):
            now_s += 0.1
            budget.spend(0 if turn % round(reports_every_s * 10) else 52, 0.0)
    assert SILENT_NS <= (now_s - 100) * NS < SILENT_NS + 0.2 * NS


def test_new_segments_are_counted_by_the_minute() -> None:
    rate = SegmentRate(60)
    for second in range(0, 3600, 2):
        rate.opens(second * NS)
    with pytest.raises(SourceError, match="changes all the time") as refused:
        for number in range(40):
            rate.opens(3600 * NS + number)
    assert refused.value.reason == "not recordable"


@pytest.mark.parametrize(("width", "height"), [(16384, 8192), (8192, 8192), (65536, 16), (16384, 16384)])
def test_a_picture_of_absurd_size_costs_no_memory(width: int, height: int) -> None:
    slices = [key_slice(0, 1, first) for first in range(500)]
    start = sps(width, height)
    bomb = Picture(length_prefixed([start, PPS, *slices]), 0, None, True, frozenset({start, PPS}))
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before = peak_bytes()
    with pytest.raises((SourceError, ValueError)):
        template_from_key_frame(bomb, "h264", frozenset())
    assert peak_bytes() - before < 64 << 20


def peak_bytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024


def test_a_picture_of_thousands_of_slices_is_described_by_its_first(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[int] = []
    opens = av.open

    def open_and_count(file: io.BytesIO, *arguments: Any, **options: Any) -> Any:
        looked_at.append(len(file.getvalue()))
        return opens(file, *arguments, **options)

    monkeypatch.setattr(av, "open", open_and_count)
    data = length_prefixed([SPS, PPS, *(key_slice(0, 1, first % 300) for first in range(30_000))])
    template = template_from_key_frame(Picture(data, 0, None, True, frozenset({SPS, PPS})), "h264", frozenset())
    assert template.streams.video[0].codec_context.width == 320
    template.close()
    assert len(data) > 300_000
    assert looked_at == [sum(4 + len(nal) for nal in (SPS, PPS, key_slice(0, 1, 0)))]


def test_parameter_sets_are_few_and_small() -> None:
    many = [b"\x67" + number.to_bytes(4) for number in range(5000)]
    assert len(parameter_sets(many, "h264")) == MAX_SETS
    assert parameter_sets([b"\x67" + bytes(MAX_SET_BYTES), SPS], "h264") == {SPS}


def test_a_cameras_words_are_made_inert() -> None:
    assert inert("503 \x1b]0;owned\x07 \u202ereversed\u2066\r\nSet-Cookie") == "503  ]0;owned   reversed   Set-Cookie"


# --- names --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def _own_lookup() -> object:
    real = socket.getaddrinfo
    yield
    socket.getaddrinfo = real


@pytest.mark.usefixtures("_own_lookup")
def test_names_are_looked_up_by_another_and_numbers_by_nobody() -> None:
    asked: list[str] = []

    def answer(name: str) -> None:
        asked.append(name)
        addresses = {"cam.example": ["192.0.2.7", "2001:db8::7"], "nowhere.example": []}[name]
        threading.Timer(0.05, names.answered, (name, addresses)).start()

    names = worker_names.Names(answer)
    worker_names.install(names.look_up)
    assert socket.getaddrinfo("192.0.2.9", 554, type=socket.SOCK_STREAM)[0][4] == ("192.0.2.9", 554)
    assert socket.getaddrinfo("::1", 554, type=socket.SOCK_STREAM)[0][4][:2] == ("::1", 554)
    assert asked == []
    found = socket.getaddrinfo("cam.example", 554, type=socket.SOCK_STREAM)
    assert [entry[4][:2] for entry in found] == [("192.0.2.7", 554), ("2001:db8::7", 554)]
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("nowhere.example", 554)
    for bad in ("x" * 300, "a\x1b[2Jb"):
        with pytest.raises(OSError):
            socket.getaddrinfo(bad, 554)
    assert asked == ["cam.example", "nowhere.example"]


@pytest.mark.usefixtures("_own_lookup")
def test_an_answer_that_does_not_come_is_an_error_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_names, "WAIT_S", 0.1)
    names = worker_names.Names(lambda name: None)
    with pytest.raises(socket.gaierror, match="not looked up in time"):
        names.look_up("cam.example")
    names.answered("cam.example", ["192.0.2.7"])  # late: kept for nobody
    with pytest.raises(socket.gaierror):
        names.look_up("cam.example")


# --- a worker that was taken over -----------------------------------------------------------------------------------------


class Killed(Exception):
    """The pool ended the worker."""


def pool_with_a_worker(heard: list[wire.OfCameras]) -> tuple[WorkerPool, RecorderWorker]:
    pool = WorkerPool(heard.append, lambda cameras: None)
    worker = RecorderWorker(("rtsp", 0), pool._heard, lambda one: None)
    worker.cameras = {"door"}
    pool._workers[worker.slot] = worker

    def kill() -> None:
        raise Killed

    worker.kill = kill  # type: ignore[method-assign]
    return pool, worker


def test_a_worker_is_believed_about_its_own_cameras_alone() -> None:
    heard: list[wire.OfCameras] = []
    pool, worker = pool_with_a_worker(heard)
    pool._heard(worker, wire.Want("door"))
    assert heard == [wire.Want("door")]
    for lie in (wire.Want("hall"), wire.Progress([wire.Beat("hall", 1, 1, 1, 1, 1)]), wire.Ended("hall")):
        with pytest.raises(Killed):
            pool._heard(worker, lie)
    worker.cameras, worker.former = set(), {"door"}
    pool._heard(worker, wire.Lost("door", "stream ended", "", 1.0))  # its last word, on the way when it was forgotten
    assert len(heard) == 2
    other = RecorderWorker(("rtsp", 1), pool._heard, lambda one: None)
    other.cameras = {"door"}
    pool._workers[other.slot] = other
    pool._heard(worker, wire.Lost("door", "stream ended", "", 1.0))
    assert len(heard) == 2  # by now it is another's


async def test_a_worker_that_asks_for_names_without_end_gets_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    pool, worker = pool_with_a_worker([])
    told: list[wire.ToWorker] = []
    worker.tell = lambda message, fd=None: told.append(message)  # type: ignore[method-assign]
    go_on = threading.Event()

    def slow(name: str) -> list[str]:
        go_on.wait(HANG_S)
        return ["192.0.2.7"]

    monkeypatch.setattr(workers, "addresses_of", slow)
    before = set(threading.enumerate())
    for number in range(500):
        pool._heard(worker, wire.Resolve(f"{number}.example"))
    assert len(set(threading.enumerate()) - before) == 16
    assert len(told) == 484
    go_on.set()
    async with asyncio.timeout(HANG_S):
        while len(told) < 500:
            await asyncio.sleep(0.01)
    assert told[-1] in [wire.Named(f"{number}.example", ["192.0.2.7"]) for number in range(16)]
    assert worker.lookups == 0


def test_webrtc_has_workers_of_its_own() -> None:
    assert worker_names.kind_of("rtsp://192.0.2.7/") == worker_names.kind_of("rtsps://192.0.2.7/") == "rtsp"
    assert worker_names.kind_of("whep+https://192.0.2.7/") == "whep"
