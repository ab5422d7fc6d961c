"""The floor program (floor.c) as a recorder: what recording takes at the least, with nothing around it."""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from bench.parts.recorders import Groups
from tests.rig.rtsp import RtspServer

SOURCE = Path(__file__).with_suffix(".c")
SIGN_OF_LIFE_S = 20.0


def can_be_built() -> bool:
    """Return whether there is a C compiler."""
    return shutil.which("cc") is not None


class Floor:
    """One process for all cameras. The connections are made here and kept alive here, so that neither counts."""

    def __init__(self, folder: Path, server: RtspServer, mounts: Sequence[str]) -> None:
        self._folder = folder / "floor"
        self._folder.mkdir()
        self._urls = [server.url(mount) for mount in mounts]
        self._program = folder / "floor.bin"
        subprocess.run(["cc", "-O2", "-o", self._program, SOURCE, "-ldl"], check=True)

    @contextlib.contextmanager
    def running(self) -> Iterator[Groups]:
        """Run it with all connections playing; yields its process as the group `floor`, and ends it."""
        for path in self._folder.iterdir():
            path.unlink()
        links = [_play(url) for url in self._urls]
        ended = threading.Event()
        numbers = [link.fileno() for link, _ in links]
        process = subprocess.Popen(
            [self._program, self._folder, *map(str, numbers)], pass_fds=numbers, stdout=subprocess.PIPE
        )
        alive = threading.Thread(target=_keep_alive, args=(links, ended))
        alive.start()
        try:
            yield {"floor": [process.pid]}
        finally:
            ended.set()
            alive.join()
            process.send_signal(signal.SIGTERM)
            written = process.communicate(timeout=60)[0]
            for link, _ in links:
                link.close()
        if not int(written or 0):
            raise AssertionError("the floor program wrote nothing")


def _play(url: str) -> tuple[socket.socket, str]:
    """Return a connection on which the first track comes interleaved, and how to ask whether it is still there."""
    where = urlsplit(url)
    link = socket.create_connection((where.hostname, where.port), 20)
    description = _ask(link, f"DESCRIBE {url} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n")
    track = re.search(r"m=video.*?a=control:(\S+)", description, re.DOTALL)
    assert track, description
    control = track[1] if "://" in track[1] else f"{url}/{track[1]}"
    transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"
    setup = _ask(link, f"SETUP {control} RTSP/1.0\r\nCSeq: 2\r\n{transport}\r\n\r\n")
    session = re.search(r"Session: ([^;\r]+)", setup)
    assert session, setup
    link.sendall(f"PLAY {url} RTSP/1.0\r\nCSeq: 3\r\nSession: {session[1]}\r\n\r\n".encode())
    return link, f"OPTIONS {url} RTSP/1.0\r\nCSeq: 4\r\nSession: {session[1]}\r\n\r\n"


def _ask(link: socket.socket, request: str) -> str:
    link.sendall(request.encode())
    answer = b""
    while b"\r\n\r\n" not in answer or len(answer) < answer.index(b"\r\n\r\n") + 4 + _body_bytes(answer):
        more = link.recv(1 << 16)
        assert more, answer
        answer += more
    return answer.decode()


def _body_bytes(answer: bytes) -> int:
    length = re.search(rb"Content-Length: (\d+)", answer, re.IGNORECASE)
    return int(length[1]) if length else 0


def _keep_alive(links: Sequence[tuple[socket.socket, str]], ended: threading.Event) -> None:
    while not ended.wait(SIGN_OF_LIFE_S):
        for link, request in links:
            link.sendall(request.encode())
