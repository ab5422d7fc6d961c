"""What a camera answers, told apart: a tiny RTSP server says the status, the probe says the reason."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from holdshelf_core.integration.reasons import SILENT
from holdshelf_core.recorder.worker.probe import probe
from holdshelf_core.recorder.worker.source import SourceError
from tests.rig.rtsp import Mount, RtspServer

SDP = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n{media}a=control:track1\r\n"
H264 = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
MJPEG = "m=video 0 RTP/AVP 26\r\n"
SOUND = "m=audio 0 RTP/AVP 0\r\n"


@pytest.fixture
def answering() -> Iterator[Callable[..., str]]:
    """Starts a server that answers each method with a status; returns its URL."""
    listeners: list[socket.socket] = []

    def start(statuses: dict[str, str], media: str = H264) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        threading.Thread(target=_serve, args=(listener, statuses, media), daemon=True).start()
        return f"rtsp://127.0.0.1:{listener.getsockname()[1]}/stream"

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)  # `close` alone does not wake who waits in `accept`
        listener.close()


def _serve(listener: socket.socket, statuses: dict[str, str], media: str) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        with contextlib.suppress(OSError), client, client.makefile("rwb") as stream:
            while line := stream.readline():
                method = line.split(b" ")[0].decode()
                headers = {}
                while (header := stream.readline().strip()) != b"":
                    name, _, value = header.partition(b":")
                    headers[name.lower()] = value.strip()
                status = statuses.get(method, "200 OK")
                body = SDP.format(media=media).encode() if method == "DESCRIBE" and status == "200 OK" else b""
                extra = (
                    b"Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n" if method == "SETUP" else b""
                )
                stream.write(
                    f"RTSP/1.0 {status}\r\nCSeq: {headers[b'cseq'].decode()}\r\n".encode()
                    + extra
                    + b"Content-Type: application/sdp\r\n"
                    + f"Content-Length: {len(body)}\r\n\r\n".encode()
                    + body
                )
                stream.flush()


def _reason(url: str) -> str:
    with pytest.raises(SourceError) as caught:
        probe(url, None, None, "tcp")
    return caught.value.reason


@pytest.mark.parametrize(
    ("method", "status", "reason"),
    [
        ("DESCRIBE", "401 Unauthorized", "auth refused"),
        ("DESCRIBE", "403 Forbidden", "auth refused"),
        ("DESCRIBE", "404 Not Found", "stream not found"),
        ("DESCRIBE", "503 Service Unavailable", "stale session"),
        ("SETUP", "453 Not Enough Bandwidth", "stale session"),
        ("SETUP", "454 Session Not Found", "stale session"),
        ("PLAY", "454 Session Not Found", "stale session"),
        ("PLAY", "455 Method Not Valid in This State", "stale session"),
    ],
)
def test_a_refusal_has_its_own_reason(answering: Callable[..., str], method: str, status: str, reason: str) -> None:
    assert _reason(answering({method: status})) == reason


def test_a_camera_that_plays_and_sends_nothing_has_no_frames(answering: Callable[..., str]) -> None:
    assert _reason(answering({})) == "no frames"


def test_a_codec_that_cannot_be_recorded_is_named(answering: Callable[..., str]) -> None:
    with pytest.raises(SourceError, match=r"not recordable.*mjpeg"):
        probe(answering({}, MJPEG), None, None, "tcp")


def test_a_camera_with_sound_alone_is_not_recordable(answering: Callable[..., str]) -> None:
    assert _reason(answering({}, SOUND)) == "not recordable"


def test_nobody_there_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert _reason(f"rtsp://127.0.0.1:{port}/x") == "camera unreachable"


def test_a_host_that_accepts_and_says_nothing_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(SourceError) as caught:
        probe(f"rtsp://127.0.0.1:{listener.getsockname()[1]}/x", None, None, "tcp")
    assert (caught.value.reason, caught.value.detail) == ("camera unreachable", SILENT)


def test_digest_with_a_wrong_password_is_refused() -> None:
    with RtspServer([Mount("door", auth="digest")]) as server:
        with pytest.raises(SourceError, match="auth refused"):
            probe(server.url("door"), "viewer", "wrong", "tcp")
        assert probe(server.url("door"), "viewer", "shelf-42", "tcp")["codec"] == "h264"
