"""How a session is kept alive and ended with cameras that know only half of RTSP."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from holdshelf_core.recorder.worker import rtsp as worker_rtsp
from tests.core.recorder.worker.rtsp_parts import KEY, P, dial, recorded, some_footage
from tests.rig.hang import HANG_S
from tests.rig.scripted_rtsp import Request, RtpSender, ScriptedRtsp, reply
from tests.service import wait_for


def _until(is_enough: Callable[[], bool], sent: list[bytes]) -> Iterator[bytes | float]:
    """Ten pictures a second, until it is enough; `sent` gets those that were sent."""
    sender = RtpSender()
    while not is_enough() and len(sent) < 10 * HANG_S:
        picture = b"".join(sender.picture([P] if len(sent) % 5 else KEY))
        sent.append(picture)
        yield picture
        yield 0.1
        sender.next(9_000)


@pytest.fixture
def kept_alive(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Request]]:
    """Records a camera whose sessions lapse after a second, until it was kept alive three times; gives what was asked."""
    monkeypatch.setattr(worker_rtsp, "LEAST_KEEPALIVE_S", 0.1)

    def record(answers: dict[str, Any] | None = None, *, login: bool = False, **more: Any) -> list[Request]:
        scripted = {"SETUP": _set_up, **(answers or {})}
        sent: list[bytes] = []

        def asked() -> list[Request]:
            methods = [request.method for request in server.requests]
            return server.requests[methods.index("PLAY") + 1 :]

        server = ScriptedRtsp(media=_until(lambda: len(asked()) >= 3, sent), answers=scripted, **more)
        with server:
            got, _ = recorded(dial(server, *(("u", "p") if login else ())))
        assert len(got) == len(sent)
        assert {request.headers["session"] for request in asked()} == {"77"}
        return [request for request in asked() if request.method != "TEARDOWN"]

    return record


def _set_up(request: Request) -> bytes:
    return reply(request, "Session: 77 ; timeout=1", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1")


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


def test_a_lapsed_session_ends_soon_when_the_pictures_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_rtsp, "DISOWNED_S", 0.4)
    has_lapsed = threading.Event()

    def options(request: Request) -> bytes:
        if request.number:
            has_lapsed.set()
        return reply(request, status="454 Session Not Found" if request.number else "200 OK")

    sent: list[bytes] = []
    lapsed = {"SETUP": _set_up, "OPTIONS": options}
    with ScriptedRtsp(media=_until(has_lapsed.is_set, sent), answers=lapsed, stay=True) as server:
        got, error = recorded(dial(server))
    assert len(got) == len(sent) > 0
    assert (error.reason, error.detail) == ("stale session", "454 Session Not Found")


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
