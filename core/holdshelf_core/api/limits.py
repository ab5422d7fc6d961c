"""Limits of the local socket: number of connections, their duration, and requests at once. A flood here must not affect
recording.

Every account has its own share, so that none can lock out the others; root and the service's own account have shares on top of
the total. When a share is full, the connection that has been idle longest is closed: anyone with a request gets an answer while
others only hold connections open.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import sys
from collections import OrderedDict, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from typing import cast

import msgspec

from holdshelf_core.api.identity import peer_of
from holdshelf_core.api.types import ErrorBody
from holdshelf_core.errors import Unavailable

MAX_CONNECTIONS = 1024
MAX_PER_ACCOUNT = 384
MAX_DOOR = 768
"""For the door's account: 256 sessions, each with an event stream and two requests in progress."""
# Fewer than a share: a new connection's request is read before that many newer ones could push it out.
BACKLOG = 100
# Time limit for the request line and headers, and for the next request of a kept-alive connection.
HEADER_TIMEOUT_S = 10.0
BODY_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 15.0
"""A client that reads nothing of its answer for this long is disconnected: the answer occupies our memory."""
MAX_LINE_BYTES = 8190
MAX_HEADERS = 64
MAX_AT_ONCE = 32
"""Requests of one caller that are processed at a time; others wait."""
TURN_TIMEOUT_S = 20.0
WANTED_DESCRIPTORS = 16_384
# What recording needs: a file and a spare for each of 128 cameras, pipes, the register, reading threads.
RESERVED_DESCRIPTORS = 512


def raise_descriptor_limit() -> int:
    """Raise the limit of file descriptors to the maximum for this process; return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(WANTED_DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            return wanted
    return WANTED_DESCRIPTORS if soft == resource.RLIM_INFINITY else soft


class Bounded(asyncio.Protocol):
    """One connection: counted, then passed to the HTTP protocol that ``make`` returns."""

    def __init__(self, lines: Lines, make: Callable[[], asyncio.Protocol]) -> None:
        self._lines = lines
        self._make = make
        self._inner: asyncio.Protocol | None = None
        self.transport: asyncio.Transport | None = None
        self.uid = -1
        self.busy = 0
        self.session = ""
        """The SSH session of its last request."""
        self._unread_bytes = sys.maxsize
        self._reading: asyncio.TimerHandle | None = None
        self.on_lost: set[Callable[[], None]] = set()
        """Called when the client disconnects, so that an event stream ends then and not at its next write."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        try:
            self.uid = peer_of(transport.get_extra_info("socket")).uid
        except OSError:  # already closed
            self.transport.abort()
            return
        if not self._lines.admit(self):
            self.transport.write(_FULL)
            self.transport.close()
            return
        self._inner = self._make()
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if self._inner is not None:
            self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received() if self._inner is not None else None

    def pause_writing(self) -> None:
        """Called when the client reads slower than data is written: allowed as long as it reads at all."""
        if self._inner is not None:
            self._inner.pause_writing()
            self._unread_bytes = sys.maxsize
            self._watch_reading()

    def _watch_reading(self) -> None:
        if self.transport is None or self.transport.is_closing():
            return
        unread_bytes = self.transport.get_write_buffer_size()
        if unread_bytes >= self._unread_bytes:
            self.transport.abort()
            return
        self._unread_bytes = unread_bytes
        self._reading = asyncio.get_running_loop().call_later(READ_TIMEOUT_S, self._watch_reading)

    def resume_writing(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
        if self._inner is not None:
            self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._reading is not None:
            self._reading.cancel()
        if self._inner is None:
            return
        self._lines.release(self)
        for call in tuple(self.on_lost):
            call()
        self._inner.connection_lost(exc)


class Lines:
    """All connections. ``door_uid`` is the account of the SSH door, once known."""

    def __init__(self, descriptors: int) -> None:
        # With few descriptors the limits shrink, to half of what recording does not need.
        spare = max(32, (descriptors - RESERVED_DESCRIPTORS) // 2)
        self._total = min(MAX_CONNECTIONS, spare)
        self._per_account = min(MAX_PER_ACCOUNT, max(16, spare // 4))
        self._door = min(MAX_DOOR, max(16, spare // 2))
        self.door_uid: int | None = None
        self._own = {0, os.getuid()}
        self._open: dict[int, set[Bounded]] = defaultdict(set)
        self._silent: dict[int, OrderedDict[Bounded, None]] = defaultdict(OrderedDict)
        self._by_transport: dict[asyncio.BaseTransport, Bounded] = {}
        self._turns: dict[str, _Turns] = {}

    def __len__(self) -> int:
        return len(self._by_transport)

    def of(self, transport: asyncio.BaseTransport | None) -> Bounded | None:
        """Return the connection behind a request."""
        return self._by_transport.get(transport) if transport is not None else None

    def admit(self, line: Bounded) -> bool:
        """Count a new connection; False when there is no room even after closing the one that was idle longest."""
        uid = line.uid
        own = uid in self._own
        others = sum(len(lines) for who, lines in self._open.items() if who not in self._own)
        most = self._door if uid == self.door_uid and not own else self._per_account
        if (len(self._open[uid]) >= most or (not own and others >= self._total)) and not self._hang_up_on_silent(uid):
            return False
        self._open[uid].add(line)
        self._silent[uid][line] = None
        assert line.transport is not None
        self._by_transport[line.transport] = line
        return True

    def release(self, line: Bounded) -> None:
        """Stop counting a closed connection."""
        self._open[line.uid].discard(line)
        self._silent[line.uid].pop(line, None)
        if not self._open[line.uid]:
            del self._open[line.uid]
            self._silent.pop(line.uid, None)
        if line.transport is not None:
            self._by_transport.pop(line.transport, None)

    def hang_up_session(self, session: str) -> None:
        """Drop the open connections of a session that ended; its client gets no more data."""
        for line in tuple(self._by_transport.values()):
            if line.session == session and line.transport is not None:
                line.transport.abort()

    def _hang_up_on_silent(self, uid: int) -> bool:
        silent = self._silent[uid]
        if not silent:
            return False
        line, _ = silent.popitem(last=False)
        transport = line.transport
        self.release(line)
        if transport is not None:
            transport.abort()
        return True

    @contextlib.contextmanager
    def at_work(self, line: Bounded | None) -> Iterator[None]:
        """Mark the connection as busy, not idle, while a request is processed."""
        if line is None:
            yield
            return
        line.busy += 1
        self._silent[line.uid].pop(line, None)
        try:
            yield
        finally:
            line.busy -= 1
            if not line.busy and line in self._open.get(line.uid, ()):
                self._silent[line.uid][line] = None

    @contextlib.asynccontextmanager
    async def turn(self, who: str, most: int | None = None) -> AsyncIterator[None]:
        """Wait until fewer than ``most`` (None: MAX_AT_ONCE) requests of this caller are being processed.

        Raises Unavailable after a while.
        """
        turns = self._turns.setdefault(who, _Turns(most or MAX_AT_ONCE))
        turns.users += 1
        try:
            try:
                async with asyncio.timeout(TURN_TIMEOUT_S):
                    await turns.free.acquire()
            except TimeoutError:
                raise Unavailable("You have too many requests in progress.", "Wait for them to finish.") from None
            try:
                yield
            finally:
                turns.free.release()
        finally:
            turns.users -= 1
            if not turns.users:
                self._turns.pop(who, None)


class _Turns:
    def __init__(self, most: int) -> None:
        self.free = asyncio.Semaphore(most)
        self.users = 0


def _refusal(sentence: str, next_step: str) -> bytes:
    body = msgspec.json.encode(ErrorBody(sentence, next_step))
    head = f"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"Connection: close\r\n\r\n" + body


_FULL = _refusal("Too many connections to the service are open.", "Close some, then try again.")
