"""A hostile local account at the socket: everything is refused or bounded, the service goes on and recording goes on.

Each attack runs against the real service while a camera is recorded; afterwards not one gap may have begun.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdshelf_core.api import limits
from tests.rig.hang import HANG_S
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service, faults_in, wait_for


class Target:
    """The service under attack, its socket and its camera."""

    def __init__(self, service: Service, path: Path, camera: str) -> None:
        self.service = service
        self.path = path
        self.camera = camera

    def connect(self, timeout_s: float = HANG_S) -> socket.socket:
        link = socket.socket(socket.AF_UNIX)
        link.settimeout(timeout_s)
        link.connect(str(self.path))
        return link

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.service.pid}/fd"))

    def resident_kb(self) -> int:
        status = Path(f"/proc/{self.service.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    runtime = Path(tempfile.mkdtemp(prefix="hs-"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(runtime))
        with (
            RtspServer([Mount("door", media="h264_100k")]) as server,
            Service(tmp_path_factory.mktemp("attack") / "data") as service,
        ):
            camera = service.add(server.url("door"), "Door")
            service.await_recording(camera)
            (path,) = (runtime / "holdshelf").glob("*.sock")
            yield Target(service, path, camera)
    shutil.rmtree(runtime)


@pytest.fixture(autouse=True)
def _recording_is_not_disturbed(target: Target) -> Iterator[None]:
    descriptors, gaps = target.descriptors(), target.service.gaps(target.camera)
    before = target.service.camera(target.camera)
    yield
    after = wait_for(
        "more is recorded",
        lambda: row if (row := target.service.camera(target.camera)).recorded_s > before.recorded_s else None,
    )
    assert target.service.client.status().pid == target.service.pid
    assert after.state == "recording"
    assert target.service.gaps(target.camera) == gaps
    wait_for("the connections are closed", lambda: target.descriptors() <= descriptors + 6)
    assert faults_in(target.service.log()) == []


def ask(target: Target, method: str, url: str, body: bytes | None = None) -> tuple[int, dict[str, str]]:
    connection = http.client.HTTPConnection("holdshelf", timeout=HANG_S)
    connection.sock = target.connect()
    try:
        connection.request(method, url, body)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


_FLOOD = """
import collections, resource, socket, sys
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
most = max(200, (hard if hard != resource.RLIM_INFINITY else 20000) - 100)
lines = collections.deque()
for number in range(10_000):
    link = socket.socket(socket.AF_UNIX)
    link.connect(sys.argv[1])
    if number % 3 == 0:
        link.send(b"GET /status HT")
    lines.append(link)
    if len(lines) > most:
        lines.popleft().close()
print("open", flush=True)
sys.stdin.read()
"""


def test_10_000_connections_leave_room_for_whoever_has_something_to_ask(target: Target) -> None:
    flood = subprocess.Popen(
        [sys.executable, "-c", _FLOOD, str(target.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert flood.stdout is not None
    answered = 0
    most = 0
    opened = threading.Event()
    threading.Thread(target=lambda: (flood.stdout and flood.stdout.readline(), opened.set()), daemon=True).start()
    while not opened.is_set() or answered < 5:
        assert target.service.client.status().pid == target.service.pid
        most = max(most, target.descriptors())
        answered += 1
    assert flood.poll() is None
    # One account's share, what waits in the kernel, and those that are being hung up on: bounded, whoever comes.
    assert most < limits.MAX_CONNECTIONS
    flood.communicate(timeout=HANG_S)


def test_headers_and_bodies_that_never_end_are_hung_up_on(target: Target) -> None:
    """A byte now and then: none of them keeps its line for ever."""
    bodies = {
        "a header by the byte": b"GET /status HTTP/1.1\r\nX-Long: ",
        "a request line by the byte": b"GET /sta",
        "a body by the byte": b"POST /cameras HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n{",
        "chunks by the byte": b"POST /actions/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n",
        "nothing at all": b"",
    }
    links = {name: target.connect() for name in bodies}
    for name, link in links.items():
        link.sendall(bodies[name])
        link.setblocking(False)
    ended: set[str] = set()

    def all_ended() -> bool:
        for name, link in links.items():
            if name in ended:
                continue
            try:
                if bodies[name]:
                    link.send(b"1\r\nx\r\n" if name.startswith("chunks") else b"x")
                if link.recv(65536) == b"":
                    ended.add(name)
            except BlockingIOError:
                pass
            except OSError:
                ended.add(name)
        return ended == links.keys()

    wait_for("all of them are hung up on", all_ended, every=0.2)
    for link in links.values():
        link.close()


@pytest.mark.parametrize("url", ["/actions/hold.place", "/discover", "/nosuch"])
def test_a_body_of_100_mb_is_refused_before_it_is_sent_and_collected_by_nobody(target: Target, url: str) -> None:
    before_kb = target.resident_kb()
    link = target.connect()
    link.sendall(f"POST {url} HTTP/1.1\r\nHost: x\r\nContent-Length: {100 << 20}\r\n\r\n".encode())
    answer = link.recv(65536)
    sent = 0
    try:
        while sent < 100 << 20:
            sent += link.send(b"x" * 65536)
    except OSError:
        pass
    link.close()
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert target.resident_kb() - before_kb < 20_000


@pytest.mark.parametrize(
    "body",
    [b'{"a":' * 40_000, b"[" * 200_000, b'{"camera":' + b"[" * 100_000, b'"' + b"x" * 200_000, b'{"a":1,' * 20_000],
    ids=["objects", "lists", "a field", "a string without end", "fields"],
)
@pytest.mark.parametrize("action", ["hold.place", "person.add", "policy.adopt", "no.such"])
def test_deep_and_endless_json_is_refused(target: Target, action: str, body: bytes) -> None:
    status, refusal = ask(target, "POST", f"/actions/{action}", body)
    assert status in (400, 403, 404)
    assert refusal["sentence"]
    assert len(refusal["sentence"]) < 400


def test_a_body_over_256_kb_is_refused_also_in_chunks(target: Target) -> None:
    status, refusal = ask(target, "POST", "/actions/policy.adopt", b"x" * (256 << 10) + b"x")
    assert status == 413
    assert "at most 262144 bytes" in refusal["sentence"]
    link = target.connect()
    link.sendall(b"POST /actions/policy.adopt HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    try:
        for _ in range(5):
            link.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
    except OSError:
        pass
    assert link.recv(65536).startswith(b"HTTP/1.1 413 ")
    link.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /status HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(2000)) + b"\r\n",
        b"GET /status HTTP/1.1\r\n" + b"X: " + b"y" * 1_000_000 + b"\r\n\r\n",
        b"GET /status HTTP/1.1\r\n" + b"X-" + b"y" * 100_000 + b": z\r\n\r\n",
        b"GET /status?" + b"a=b&" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /status HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n" + b"\x81\xfe" * 50_000,
        b"CONNECT x:1 HTTP/1.1\r\n\r\n" + b"z" * 100_000,
        os.urandom(200_000),
        b"GET /status HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /actions/x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        b"POST /actions/x HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00",
    ],
    ids=[
        "many headers",
        "long header",
        "long header name",
        "long query",
        "upgrade",
        "connect",
        "random bytes",
        "two lengths",
        "huge chunk",
        "compressed",
    ],
)
def test_what_is_no_sane_request_is_refused_or_hung_up_on(target: Target, sent: bytes) -> None:
    before_kb = target.resident_kb()
    link = target.connect(5)
    answer = b""
    try:
        link.sendall(sent)
        link.shutdown(socket.SHUT_WR)
        answer = link.recv(65536)
    except OSError:
        pass
    finally:
        link.close()
    assert answer == b"" or answer[9:10] == b"4" or answer.startswith(b"HTTP/1.1 200")
    assert b"Traceback" not in answer
    assert target.resident_kb() - before_kb < 20_000


def test_pipelined_requests_whose_answers_nobody_reads_do_not_pile_up(target: Target) -> None:
    before_kb = target.resident_kb()
    link = target.connect(3)
    one = b"GET /status HTTP/1.1\r\nHost: x\r\n\r\n"
    try:
        for _ in range(50):
            link.sendall(one * 1000)
    except OSError:
        pass  # nobody reads any more: as it should be
    assert target.service.client.status().pid == target.service.pid
    assert target.resident_kb() - before_kb < 30_000
    link.close()
