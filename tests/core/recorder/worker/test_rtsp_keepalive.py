"""How a session is kept alive and ended with cameras that know only half of RTSP. By a clock of the test's (ADR 71)."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from holdshelf_core.recorder.worker import bounds, order
from holdshelf_core.recorder.worker import rtsp as worker_rtsp
from holdshelf_core.recorder.worker.nal import split_sample
from holdshelf_core.recorder.worker.rtsp import RtspSource
from holdshelf_core.recorder.worker.source import Hole, SourceError
from tests.core.recorder.worker.rtsp_parts import KEY, P, dial, some_footage
from tests.rig.hand_clock import NS, HandClock
from tests.rig.hang import HANG_S
from tests.rig.scripted_rtsp import Request, RtpSender, ScriptedRtsp, reply
from tests.service import wait_for

ROOM = memoryview(bytearray(1 << 16))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> HandClock:
    clock = HandClock()
    clock.rule(monkeypatch, worker_rtsp, order, bounds)
    return clock


class Recorded:
    """A connection whose pictures are sent and read in step: what the camera sent has been read before time passes."""

    def __init__(self, clock: HandClock, server: ScriptedRtsp, source: RtspSource, media: queue.Queue[bytes]) -> None:
        self.clock, self.server, self.source = clock, server, source
        self.ended: SourceError | None = None
        self._media, self._sender = media, RtpSender()
        self._sent, self._got = 0, 0

    def picture(self) -> None:
        """One more is sent and read, and what the camera said before it; then the picture before it is known to be whole."""
        self.clock.forward(0.01)
        parts = [P] if self._sent % 5 else KEY
        self._media.put(b"".join(self._sender.picture(parts)))
        self._sender.next(9_000)
        self._sent += 1
        self._until(lambda: self.source._received_s == self.clock.now_ns / NS)

    def read(self) -> None:
        items, self.ended = self.source.read(ROOM)
        for item in items:
            assert not isinstance(item, Hole)
            assert split_sample(item.data) == ([P] if self._got % 5 else KEY)
            self._got += 1

    def seconds(self, count: int) -> None:
        """So many pass, with a picture in each."""
        for _ in range(count):
            self.clock.forward(0.99)
            self.picture()

    def kept_alive(self) -> list[Request]:
        """What was asked since the pictures began."""
        methods = [request.method for request in self.server.requests]
        return self.server.requests[methods.index("PLAY") + 1 :]

    def is_kept_alive(self, times: int) -> None:
        """The request is on its way, and the answer to it."""
        self._until(lambda: len(self.kept_alive()) >= times)
        time.sleep(0.01)  # the answer is read with the next picture, or with the one after it
        self.picture()

    def _until(self, is_so: Callable[[], bool]) -> None:
        ends_s = time.monotonic() + HANG_S
        while not is_so():
            assert time.monotonic() < ends_s
            assert self.ended is None, self.ended
            self.read()
            time.sleep(0.0005)


@contextmanager
def recording(
    clock: HandClock, answers: dict[str, Any] | None = None, *, lapses_s: int = 60, login: bool = False, **more: Any
) -> Iterator[Recorded]:
    """A camera that lets a session go after ``lapses_s``, or does not say when (0)."""

    def set_up(request: Request) -> bytes:
        timeout = f" ; timeout={lapses_s}" if lapses_s else ""
        return reply(request, f"Session: 77{timeout}", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1")

    media: queue.Queue[bytes] = queue.Queue()
    given = iter(media.get, b"")
    with ScriptedRtsp(media=given, answers={"SETUP": set_up, **(answers or {})}, stay=True, **more) as server:
        source = dial(server, *(("u", "p") if login else ()))
        try:
            yield Recorded(clock, server, source, media)
        finally:
            media.put(b"")
            source.close()
    assert {request.headers["session"] for request in server.requests if request.method == "TEARDOWN"} == {"77"}


@pytest.fixture
def kept_alive(clock: HandClock) -> Callable[..., list[Request]]:
    """Records a camera until it was kept alive three times; gives what was asked."""

    def record(answers: dict[str, Any] | None = None, *, login: bool = False, **more: Any) -> list[Request]:
        with recording(clock, answers, login=login, **more) as recorded:
            for times in range(1, 4):
                while not recorded.kept_alive() or len(recorded.kept_alive()) < times:
                    recorded.seconds(1)
                recorded.is_kept_alive(times)
            asked = recorded.kept_alive()
        assert {request.headers["session"] for request in asked} == {"77"}
        return asked

    return record


OFFERS = "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"


def methods_of(requests: list[Request]) -> tuple[str, set[str]]:
    """Of the first, and of those that follow: two at least."""
    first, *others = (request.method for request in requests)
    assert len(others) >= 2
    return first, set(others)


def test_sessions_are_kept_alive_by_options_or_get_parameter_as_offered(
    kept_alive: Callable[..., list[Request]],
) -> None:
    assert methods_of(kept_alive(public=OFFERS)) == ("GET_PARAMETER", {"GET_PARAMETER"})
    assert methods_of(kept_alive()) == ("OPTIONS", {"OPTIONS"})


@pytest.mark.parametrize("status", ["405 Method Not Allowed", "501 Not Implemented", "454 Session Not Found"])
def test_a_camera_that_refuses_get_parameter_is_kept_alive_by_options(
    status: str, kept_alive: Callable[..., list[Request]]
) -> None:
    def refuses(request: Request) -> bytes:  # with the CSeq of the request before, as Tapo C220 and C520WS answer
        return f"RTSP/1.0 {status}\r\nCSeq: {int(request.headers['cseq']) - 1}\r\n\r\n".encode()

    assert methods_of(kept_alive({"GET_PARAMETER": refuses}, public=OFFERS)) == ("GET_PARAMETER", {"OPTIONS"})


def test_a_camera_that_never_answers_get_parameter_is_kept_alive_by_options(
    kept_alive: Callable[..., list[Request]],
) -> None:
    asked = kept_alive({"GET_PARAMETER": b"\r\n"}, public=OFFERS)
    assert methods_of(asked) == ("GET_PARAMETER", {"OPTIONS"})


@pytest.mark.parametrize(("lapses_s", "every_s"), [(0, 25), (60, 25), (30, 15), (4, 2)])
def test_a_session_is_kept_alive_in_good_time(clock: HandClock, lapses_s: int, every_s: int) -> None:
    """Before half of the time has passed after which the camera lets it go, and every 25 s where it does not say."""
    with recording(clock, lapses_s=lapses_s) as recorded:
        recorded.picture()
        for times in range(3):
            recorded.seconds(every_s - 1)
            assert len(recorded.kept_alive()) == times
            recorded.seconds(1)
            recorded.is_kept_alive(times + 1)


@pytest.mark.parametrize(("stale", "patience_s"), [(False, 10), (True, 3)])
def test_a_camera_that_falls_silent_is_let_go_of_and_sooner_after_it_said_that_the_session_has_lapsed(
    clock: HandClock, stale: bool, patience_s: int
) -> None:
    def options(request: Request) -> bytes:
        return reply(request, status="454 Session Not Found" if request.number and stale else "200 OK")

    with recording(clock, {"OPTIONS": options}) as recorded:
        recorded.picture()
        recorded.seconds(26)
        recorded.is_kept_alive(1)
        recorded.seconds(3)
        clock.forward(patience_s)
        recorded.read()
        assert recorded.ended is None
        clock.forward(0.1)
        recorded.read()
        assert recorded.ended is not None
    said = (recorded.ended.reason, recorded.ended.detail)
    assert said == (("stale session", "454 Session Not Found") if stale else ("no frames", said[1]))


def test_a_keepalive_that_is_asked_for_a_new_login_gets_it(kept_alive: Callable[..., list[Request]]) -> None:
    def options(request: Request) -> bytes:
        nonce = "second" if request.number else "first"
        if request.number and 'nonce="second"' not in request.headers.get("authorization", ""):
            return reply(request, f'WWW-Authenticate: Digest realm="r", nonce="{nonce}"', status="401 Unauthorized")
        return reply(request)

    def describes(request: Request) -> bytes:
        if "authorization" in request.headers:
            return b""
        return reply(request, 'WWW-Authenticate: Digest realm="r", nonce="first"', status="401 Unauthorized")

    asked = kept_alive({"OPTIONS": options, "DESCRIBE": describes}, login=True)
    assert {request.method for request in asked} == {"OPTIONS"}
    old, new = ('nonce="first"', 'nonce="second"')
    nonces = [new if new in one.headers["authorization"] else old for one in asked if "authorization" in one.headers]
    assert nonces == [old, *[new] * (len(nonces) - 1)], "it is asked for once"
    assert len(nonces) > 1


def test_a_camera_that_hangs_up_at_teardown_is_left_in_peace() -> None:
    with ScriptedRtsp(
        media=some_footage(RtpSender()), answers={"TEARDOWN": lambda _request: None}, stay=True
    ) as server:
        source = dial(server)
        assert server.done.wait(HANG_S)
        source.close()
    assert source._socket.fileno() == -1


def test_teardown_is_told_in_the_middle_of_footage() -> None:
    with ScriptedRtsp(media=[*some_footage(RtpSender()), 0.3, *some_footage(RtpSender(), 200)], stay=True) as server:
        source = dial(server)
        assert server.done.wait(HANG_S)
        source.close()
        wait_for("it was told", lambda: server.asked("TEARDOWN") or None)
    assert server.asked("TEARDOWN")[0].headers["session"] == "12345678"
