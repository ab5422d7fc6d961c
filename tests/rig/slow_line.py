"""A slow, far line to a port of this machine: a network of its own with a rate (tc … tbf), and a relay that takes its time.

The kernel here has no netem, so the delay is the relay's. It holds no more than such a line has under way: what does not fit
waits at the sender, as it would there.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import deque
from typing import Self

from tests.rig.netns import NetNamespace
from tests.rig.parts import RigError, program

READ_BYTES = 1448
"""What one packet carries."""


class SlowLine:
    """``bits_per_s``: both directions together. ``delay_s``: one way. Run clients with `prefix`, against 127.0.0.1 and `port`."""

    def __init__(self, target_port: int, *, bits_per_s: int = 1_000_000, delay_s: float = 0.075) -> None:
        self._target_port, self._bits_per_s, self._delay_s = target_port, bits_per_s, delay_s
        self._most_bytes = max(2 * READ_BYTES, int(bits_per_s / 8 * delay_s))
        self._net = NetNamespace()
        self._sockets: list[socket.socket] = []
        self._closed = threading.Event()
        self.port = 0

    @property
    def prefix(self) -> list[str]:
        """What to put before a client's command."""
        return self._net.prefix

    def __enter__(self) -> Self:
        self._net.__enter__()
        try:
            tc, ip = program("tc", "iproute2"), program("ip", "iproute2")
            # Small packets, and no more of them queued than a home router has.
            for command in (
                [ip, *["link", "set", "lo", "mtu", "1500"]],
                [tc, *f"qdisc add dev lo root tbf rate {self._bits_per_s} burst 3000 latency 200ms".split()],
            ):
                done = self._net.run(command)
                if done.returncode:
                    raise RigError(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
            with self._net.entered():
                listening = socket.create_server(("127.0.0.1", 0))
            self._sockets.append(listening)
            self.port = listening.getsockname()[1]
            threading.Thread(target=self._accept, args=(listening,), daemon=True).start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self._closed.set()
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._net.__exit__()

    def _accept(self, listening: socket.socket) -> None:
        while not self._closed.is_set():
            try:
                near, _ = listening.accept()
                far = socket.socket()
                # As little as the kernel lets: what is under way is counted below.
                far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
                far.connect(("127.0.0.1", self._target_port))
            except OSError:
                return
            for one in (near, far):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets += [near, far]
            for source, sink in ((near, far), (far, near)):
                _Way(source, sink, self._delay_s, self._most_bytes).start()


class _Way:
    """One direction of one connection: what is read comes out after the delay, in order."""

    def __init__(self, source: socket.socket, sink: socket.socket, delay_s: float, most_bytes: int) -> None:
        self._source, self._sink = source, sink
        self._delay_s, self._most_bytes = delay_s, most_bytes
        self._under_way: deque[tuple[float, bytes]] = deque()
        self._bytes = 0
        self._changed = threading.Condition()

    def start(self) -> None:
        for run in (self._read, self._write):
            threading.Thread(target=run, daemon=True).start()

    def _read(self) -> None:
        data = b"-"
        while data:
            with self._changed:
                self._changed.wait_for(lambda: self._bytes < self._most_bytes)
            try:
                data = self._source.recv(READ_BYTES)
            except OSError:
                data = b""
            with self._changed:
                self._under_way.append((time.monotonic() + self._delay_s, data))
                self._bytes += len(data)
                self._changed.notify_all()

    def _write(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._under_way)
                due_s, data = self._under_way[0]
            time.sleep(max(0.0, due_s - time.monotonic()))
            try:
                if data:
                    self._sink.sendall(data)
                else:
                    self._sink.shutdown(socket.SHUT_WR)
            except OSError:
                data = b""
            with self._changed:
                self._under_way.popleft()
                self._bytes -= len(data)
                self._changed.notify_all()
            if not data:
                return
