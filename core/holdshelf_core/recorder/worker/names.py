"""Host names in a process that cannot open files: resolved by another process, and used as numbers.

The C library's own lookup reads /etc and loads modules, so a confined worker asks the service. ``install`` puts the answer where
every library asks, ``socket.getaddrinfo``.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from holdshelf_core.integration.reasons import NAME_LATE, NAME_UNKNOWN

MAX_NAME_CHARS = 253
WAIT_S = 6.0
_real_getaddrinfo = socket.getaddrinfo


class Names:
    """Addresses of host names, by question and answer. Thread-safe.

    ``ask`` sends a question (a name) to a process that can look it up; ``answered`` delivers the answer from another thread.
    """

    def __init__(self, ask: Callable[[str], None]) -> None:
        self._ask = ask
        self._changed = threading.Condition()
        self._waiting: dict[str, int] = {}
        self._answers: dict[str, tuple[str, ...]] = {}

    def answered(self, name: str, addresses: Sequence[str]) -> None:
        """Deliver the answer to a question; ignored when it is too late."""
        with self._changed:
            if name in self._waiting:
                self._answers[name] = tuple(addresses)
                self._changed.notify_all()

    def look_up(self, name: str) -> tuple[str, ...]:
        """Return numeric addresses. Raises socket.gaierror (an OSError)."""
        name = name.rstrip(".")
        if not name or len(name) > MAX_NAME_CHARS or not name.isprintable():
            raise socket.gaierror(socket.EAI_NONAME, "its name is none")
        ends_s = time.monotonic() + WAIT_S
        with self._changed:
            first = not self._waiting.get(name)
            self._waiting[name] = self._waiting.get(name, 0) + 1
        try:
            if first:
                self._ask(name)
            with self._changed:
                self._changed.wait_for(lambda: name in self._answers, ends_s - time.monotonic())
                addresses = self._answers.get(name)
        finally:
            with self._changed:
                self._waiting[name] -= 1
                if not self._waiting[name]:
                    del self._waiting[name]
                    self._answers.pop(name, None)
        if addresses is None:
            raise socket.gaierror(socket.EAI_AGAIN, NAME_LATE)
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, NAME_UNKNOWN)
        return addresses


def install(look_up: Callable[[str], Sequence[str]]) -> None:
    """Make ``socket.getaddrinfo`` of this process read no files; names go to ``look_up`` (see ``Names``)."""

    def getaddrinfo(
        host: Any,
        port: Any,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> list[Any]:
        if isinstance(host, bytes):
            host = host.decode("ascii", "replace")
        if host is None or _is_numeric(host) or flags & socket.AI_NUMERICHOST:
            return _real_getaddrinfo(host, port, family, type, proto, flags)
        found: list[Any] = []
        for address in look_up(host):
            try:
                found += _real_getaddrinfo(address, port, family, type, proto, flags | socket.AI_NUMERICHOST)
            except socket.gaierror:
                continue  # of a different family than requested
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, NAME_UNKNOWN)
        return found

    socket.getaddrinfo = getaddrinfo


def kind_of(url: str, transport: str = "tcp") -> str:
    """Return which kind of worker connects to this: ``rtsp``, ``whep``, or ``replay`` (what the camera recorded itself)."""
    if transport == "replay":
        return transport
    return "whep" if url.lower().startswith("whep") else "rtsp"


def helper() -> Callable[[str], Sequence[str]]:
    """Fork a process that resolves names, for a process without a service, and ends with it. Call before confinement."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork() == 0:
        ours.close()
        for standard in (0, 1, 2):  # a reader of this process's output waits for its end
            os.close(standard)
        with contextlib.suppress(OSError):
            while name := theirs.recv(4 * MAX_NAME_CHARS):
                theirs.send("\n".join(addresses_of(name.decode("utf-8", "replace"))).encode() or b"\n")
        os._exit(0)
    theirs.close()
    lock = threading.Lock()

    def look_up(name: str) -> Sequence[str]:
        with lock:
            ours.send(name[:MAX_NAME_CHARS].encode() or b".")
            return ours.recv(4096).decode().split()

    return look_up


def addresses_of(name: str) -> list[str]:
    """Return the C library's own lookup, for processes that may read files: at most eight numeric addresses, none when
    unknown."""
    try:
        found = _real_getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(_numeric(entry[4]) for entry in found))[:8]


def _numeric(address: tuple[Any, ...]) -> str:
    host = str(address[0]).partition("%")[0]
    return f"{host}%{address[3]}" if len(address) == 4 and address[3] else host


def _is_numeric(host: str) -> bool:
    # An interface's name (fe80::1%eth0) is resolved too: the result has its number (fe80::1%2).
    address, at, scope = host.partition("%")
    if at and not scope.isdigit():
        return False
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    return True
