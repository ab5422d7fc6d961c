"""When a camera is dialed again. By a clock of the test's (ADR 71)."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator

import pytest

from holdshelf_core.recorder.worker import camera as worker_camera
from holdshelf_core.recorder.worker import protocol as wire
from holdshelf_core.recorder.worker.camera import Camera
from holdshelf_core.recorder.worker.link import Link
from holdshelf_core.recorder.worker.reading import ReadingLoop
from holdshelf_core.recorder.worker.source import SourceError
from tests.rig.hand_clock import NS, HandClock


class Dialed(Camera):
    """Its connections end as ``script`` says: the reason, after how many seconds, and whether pictures came."""

    def __init__(self, clock: HandClock, link: Link, script: Iterator[tuple[str, float, bool]]) -> None:
        super().__init__(
            wire.Record("door", "rtsp://x/", None, None, "tcp", "boot-1", 4.0, None, 0), link, ReadingLoop(0)
        )
        self._clock, self._script = clock, script
        self.began_s: list[float] = []
        self._stopping.wait = self._wait  # type: ignore[method-assign,assignment]

    def _wait(self, seconds: float) -> None:
        self._clock.forward(seconds)

    def _session(self) -> None:
        self.began_s.append(self._clock.now_ns / NS)
        reason, lasts_s, pictures = next(self._script, ("", 0.0, False))
        if not reason:
            self._stopping.set()
            return
        self._clock.forward(lasts_s)
        if pictures:
            self.last_frame_boot_ns = self._clock.now_ns
        raise SourceError(reason)


@pytest.fixture
def link() -> Iterator[Link]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        yield Link(theirs)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> HandClock:
    clock = HandClock()
    monkeypatch.setattr(worker_camera, "now_ns", lambda: (clock.boot_ns(), clock.utc_ns()))
    return clock


GOES, SHORT, USELESS = ("stream ended", 11.0, True), ("stream ended", 9.0, True), ("no frames", 11.0, False)
FLEETING = ("stream ended", 1.0, True)
AWAY, REFUSED = ("camera unreachable", 0.0, False), ("auth refused", 0.0, False)


@pytest.mark.parametrize(
    ("script", "waits_s"),
    [
        ([AWAY] * 7, [1, 2, 4, 8, 10, 10, 10]),
        ([REFUSED] * 4, [30, 60, 120, 120]),
        ([*[AWAY] * 5, REFUSED, AWAY], [1, 2, 4, 8, 10, 30, 10]),
        ([*[AWAY] * 5, GOES, AWAY, GOES, GOES], [1, 2, 4, 8, 10, 1, 2, 1, 1]),
        ([*[AWAY] * 5, SHORT, USELESS], [1, 2, 4, 8, 10, 1, 2]),
        ([FLEETING] * 8, [1, 1, 1, 1, 1, 2, 4, 8]),
        ([*[AWAY] * 5, USELESS, USELESS], [1, 2, 4, 8, 10, 10, 10]),
    ],
    ids=[
        "away",
        "refused",
        "refused in between",
        "after a good connection",
        "after a short one",
        "short ones",
        "after one that was none",
    ],
)
def test_a_camera_is_dialed_again_soon_then_less_often_and_soon_after_a_good_connection(
    clock: HandClock, link: Link, script: list[tuple[str, float, bool]], waits_s: list[float]
) -> None:
    camera = Dialed(clock, link, iter(script))
    camera.run()
    pauses = [later - earlier for earlier, later in itertools.pairwise(camera.began_s)]
    waited = [pause - lasts_s for pause, (_, lasts_s, _) in zip(pauses, script, strict=True)]
    assert all(0.75 * s <= wait <= 1.25 * s for wait, s in zip(waited, waits_s, strict=True)), waited
