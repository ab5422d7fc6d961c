"""The loop that reads a worker's cameras: each has its turn, whatever the others send or wait for."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from holdshelf_core.recorder.worker import bounds
from holdshelf_core.recorder.worker import protocol as wire
from holdshelf_core.recorder.worker.camera import TAKE_AT_MOST_S, Camera
from holdshelf_core.recorder.worker.link import Link
from holdshelf_core.recorder.worker.reading import PACE_CAP_S, Reading, ReadingLoop, next_due_s
from holdshelf_core.recorder.worker.source import Hole, Picture, SourceError
from holdshelf_core.recorder.worker.timeline import WINDOW_NS
from holdshelf_core.times import NS
from tests.rig.hang import HANG_S
from tests.rig.one_camera import HandSource
from tests.service import wait_for

PICTURE = Picture(b"\0\0\0\1x", 0, None, True, frozenset())


@dataclass
class One:
    """A connection and its recording, as a test wants them."""

    pace_s: float = 0.02
    is_stopping: bool = False
    has_more: bool = False
    rest: tuple[int, float] = (-1, 0.0)
    given: Sequence[Picture | Hole] = (PICTURE,)
    end: Callable[[], SourceError | None] = lambda: None
    takes: int | None = None
    """How many it takes of what is offered; None: all."""
    offered: list[Sequence[Picture | Hole]] = field(default_factory=list)
    read_s: list[float] = field(default_factory=list)
    ended: list[Exception | None] = field(default_factory=list)

    def read(self, _room: memoryview) -> tuple[list[Picture | Hole], SourceError | None]:
        self.read_s.append(time.monotonic())
        return list(self.given), self.end()

    def take(self, items: Sequence[Picture | Hole], source: object) -> int:
        assert source is self
        self.offered.append(items)
        return len(items) if self.takes is None else self.takes

    def charge(self, cpu_s: float) -> None:
        assert cpu_s >= 0

    def follow(self, loop: ReadingLoop) -> None:
        """As the camera's own thread does."""

        def run() -> None:
            try:
                loop.follow(Reading(self, self))
            except Exception as error:
                self.ended.append(error)
            else:
                self.ended.append(None)

        threading.Thread(target=run, daemon=True).start()


@pytest.fixture
def loop() -> Iterator[ReadingLoop]:
    running = ReadingLoop(1024)
    running.start()
    yield running
    running.stop()
    running.join(HANG_S)


def test_connections_of_the_same_pace_are_read_in_the_same_turn() -> None:
    assert next_due_s(100.01, 0.4) == next_due_s(100.39, 0.4) == pytest.approx(100.4)
    assert next_due_s(100.4, 0.4) > 100.4


def test_one_that_always_has_more_leaves_the_others_their_turn(loop: ReadingLoop) -> None:
    flood, calm = One(has_more=True), One()
    for one in (flood, calm):
        one.follow(loop)
    wait_for("some turns", lambda: len(calm.read_s) > 20 or None)
    assert len(flood.read_s) > len(calm.read_s)


def test_what_waits_for_its_segment_is_offered_again_and_nothing_is_read_or_ended_before(loop: ReadingLoop) -> None:
    gone = SourceError("stream ended")
    waiting, calm = One(given=(PICTURE, Hole(lasting=False)), end=lambda: gone, takes=0), One()
    for one in (waiting, calm):
        one.follow(loop)
    wait_for("it is offered again", lambda: len(waiting.offered) > 3 or None)
    assert len(waiting.read_s) == 1
    assert waiting.ended == []
    waiting.takes = 1
    wait_for("it has ended", lambda: waiting.ended or None)
    assert waiting.offered[-1] == [Hole(lasting=False)]
    assert waiting.ended == [gone]
    wait_for("the other goes on", lambda: len(calm.read_s) > 20 or None)


def test_one_that_cannot_wait_is_read_when_something_came_and_not_before(loop: ReadingLoop) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as arrives:
        arrives.bind(("127.0.0.1", 0))
        one, calm = One(rest=(arrives.fileno(), 600.0)), One()
        for each in (one, calm):
            each.follow(loop)
        wait_for("the other has its turns", lambda: len(calm.read_s) > 20 or None)
        assert len(one.read_s) == 1
        arrives.sendto(b"x", arrives.getsockname())
        wait_for("it is read", lambda: len(one.read_s) > 1 or None)
        arrives.recv(9)
        one.is_stopping = True
        loop.look()
        wait_for("it has ended", lambda: one.ended or None)


def test_a_fault_ends_one_connection_and_not_the_loop(loop: ReadingLoop) -> None:
    fault, calm = One(end=lambda: 1 / 0), One()  # type: ignore[arg-type, return-value]
    for one in (fault, calm):
        one.follow(loop)
    wait_for("it has ended", lambda: fault.ended or None)
    assert isinstance(fault.ended[0], ZeroDivisionError)
    before = len(calm.read_s)
    wait_for("the other goes on", lambda: len(calm.read_s) > before + 5 or None)


def test_a_recording_that_is_to_stop_does_not_wait_for_its_turn(loop: ReadingLoop) -> None:
    one = One(pace_s=600.0)
    one.follow(loop)
    wait_for("it is read", lambda: one.read_s or None)
    one.is_stopping = True
    loop.look()
    wait_for("it has ended", lambda: one.ended or None)
    assert one.ended == [None]


def test_a_camera_that_was_being_dialed_when_the_loop_ended_is_let_go_of(loop: ReadingLoop) -> None:
    loop.stop()
    loop.join(HANG_S)
    one = One()
    one.follow(loop)
    wait_for("its thread goes on", lambda: one.ended or None)
    assert (one.ended, one.read_s) == ([None], [])


def test_key_frames_that_cost_much_leave_the_others_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of a hostile camera's may have parameter sets of its own, of the largest picture that is taken."""

    def expensive(*_arguments: object) -> bool:
        ends = time.thread_time() + 0.6 * TAKE_AT_MOST_S
        while time.thread_time() < ends:
            pass
        return True

    monkeypatch.setattr(Camera, "_at_key_frame", expensive)
    order = wire.Record("door", "rtsp://x/", None, None, "tcp", "boot-1", 4.0, None, 0)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    camera = Camera(order, Link(theirs), ReadingLoop(0))
    later = [Picture(PICTURE.data, 3000 * number, None, number % 4 == 0, frozenset()) for number in range(40)]
    taken, turns = 0, 0
    while taken < len(later):
        done = camera.take(later[taken:], HandSource([]))
        assert 0 < done <= 8, "two of them, and what follows"
        taken, turns = taken + done, turns + 1
    assert 5 <= turns <= 10, "one of them alone, where the machine was slow"
    assert camera.received_bytes == len(later) * len(PICTURE.data), "each of them once"
    ours.close()
    theirs.close()


def test_a_camera_whose_recording_costs_too_much_is_let_go_of() -> None:
    budget = bounds.Budget()
    budget._began_s -= 2 * bounds.WINDOW_S
    budget.charge(0.1)
    budget._began_s -= 2 * bounds.WINDOW_S
    with pytest.raises(SourceError, match="more of the processor"):
        budget.charge(2 * bounds.WINDOW_S)


@pytest.mark.parametrize("fps", [1, 5, 10, 12.5, 15, 20, 25, 30])
def test_among_the_pictures_of_a_window_one_is_read_as_soon_as_it_arrives(fps: float) -> None:
    """By the earliest of them the timeline knows how late the others are."""
    window_s = WINDOW_NS / NS
    for phase in range(20):
        arrivals = [1000 + phase / (20 * fps) + number / fps for number in range(int(window_s * fps))]
        waits = [next_due_s(at, PACE_CAP_S) - at for at in arrivals]
        assert min(waits) < 0.05
