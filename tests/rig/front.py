"""A port before a server: it hangs, hangs up, talks without end, or passes on, as it is told; and then as it is told anew."""

from __future__ import annotations

import contextlib
import select
import socket
import socketserver
import threading
from collections.abc import Callable
from typing import Final, Self

from tests.rig.hang import HANG_S

HOST: Final = "127.0.0.1"
FLOOD_BYTES: Final = 10 << 20

type Does = Callable[[socket.socket], None]


def hang(client: socket.socket) -> None:
    """Say nothing, until the other side hangs up."""
    while client.recv(1 << 16):
        pass


def hang_up(client: socket.socket) -> None:
    """Say nothing, and close."""
    client.close()


def flood(first: bytes, more: bytes, total_bytes: int = FLOOD_BYTES) -> Does:
    """Say ``first``, and then ``more`` again and again."""

    def does(client: socket.socket) -> None:
        client.sendall(first)
        for _ in range(total_bytes // len(more)):
            client.sendall(more)
        hang(client)

    return does


def pass_to(port: int) -> Does:
    """Be that server."""

    def does(client: socket.socket) -> None:
        with socket.create_connection((HOST, port), HANG_S) as server:
            _both_ways(client, server)

    return does


class Hold:
    """Connections wait, though their cameras have asked, until `go`: then each is that server's. ``held``: so many wait now."""

    def __init__(self) -> None:
        self.held = 0
        self._port = 0

    def go(self, port: int) -> None:
        """Be that server from now on."""
        self._port = port

    def __call__(self, client: socket.socket) -> None:
        self.held += 1
        asked = b""
        try:
            while not self._port:
                if select.select([client], [], [], 0.05)[0]:
                    if not (more := client.recv(1 << 16)):
                        return
                    asked += more
        finally:
            self.held -= 1
        with socket.create_connection((HOST, self._port), HANG_S) as server:
            server.sendall(asked)
            _both_ways(client, server)


def _both_ways(client: socket.socket, server: socket.socket) -> None:
    back = threading.Thread(target=_pump, args=(server, client), daemon=True)
    back.start()
    _pump(client, server)
    back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64


class Front:
    """A context manager. ``calls``: one more for each connection."""

    def __init__(self, does: Does, port: int = 0) -> None:
        self._does = does
        self.calls = threading.Semaphore(0)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._server = _Server((HOST, port), self._handle)
        self.port: int = self._server.server_address[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self.turn(hang_up)

    def turn(self, does: Does) -> None:
        """Do this from now on; connections of before are closed."""
        with self._lock:
            self._does = does
            for client in self._open:
                with contextlib.suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)

    def _handle(self, client: socket.socket, _address: object, _server: object) -> None:
        client.settimeout(HANG_S)
        with self._lock:
            does = self._does
            self._open.add(client)
        self.calls.release()
        try:
            with contextlib.suppress(OSError):
                does(client)
        finally:
            with self._lock:
                self._open.discard(client)
