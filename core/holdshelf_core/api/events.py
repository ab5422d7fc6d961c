"""GET /events: what happens, as server-sent events, to each caller what concerns it.

A person hears of cameras that they may see and of their own acts: no address, no path, nobody else's doings. What is not
known to be harmless is not sent. A client that does not read is let go of, with ``lagged`` as its last event; nobody
waits for it. A stream ends within seconds of the right behind it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from holdshelf_core.api.types_session import EventRow
from holdshelf_core.bus import ANY, Event, EventBus
from holdshelf_core.caller import Caller
from holdshelf_core.errors import Unavailable

_LOGGER = logging.getLogger(__name__)

HEARTBEAT_S = 15.0
QUEUE_EVENTS = 256
WRITE_TIMEOUT_S = 5.0
# Bytes that wait in this process for one slow client; what the kernel's socket buffer holds comes on top.
UNSENT_BYTES = 64 << 10
MAX_STREAMS_PER_CALLER = 8
MAX_STREAMS = 512

# What a person is told of an event that concerns a camera they may see, field by field. Everything else stays here.
PERSON_FIELDS: dict[str, tuple[str, ...]] = {
    "camera_state": ("camera", "state", "reason"),
    "entry_state": ("camera", "state"),
    "segment_closed": ("camera", "seq"),
    "gap_began": ("camera", "reason"),
    "gap_ended": ("camera", "reason"),
    "sound_found": ("camera",),
    "repair_opened": ("issue_id", "camera_id"),
    "repair_closed": ("issue_id", "camera_id"),
    "clock_stepped": ("step_ns",),
    "house_changed": ("tables",),
}

# Heard by nobody here: what goes on before a camera is seen under a right, and written down (``activity.see``).
NOT_TOLD = frozenset({"camera_event"})

type MaySee = Callable[[Caller, str], bool]


def for_caller(event: Event, caller: Caller, may_see: MaySee) -> EventRow | None:
    """The event as this caller may know it; None: not at all. ``may_see``: whether a person may see a camera's state."""
    if event.type in NOT_TOLD:
        return None
    if caller.admin:
        return EventRow(event.type, event.data, event.at_utc_ns)
    if caller.person is None:
        return None
    fields = PERSON_FIELDS.get(event.type)
    if fields is None:
        # An act: its own person hears of it, field by field as it was fired; nobody else does.
        if event.data.get("person") != caller.person:
            return None
        return EventRow(event.type, event.data, event.at_utc_ns)
    camera = event.data.get("camera") or event.data.get("camera_id")
    if isinstance(camera, str) and not may_see(caller, camera):
        return None
    known = {name: event.data[name] for name in fields if name in event.data}
    return EventRow(event.type, known, event.at_utc_ns)


class Stream:
    """One client that listens."""

    def __init__(self, caller: Caller, may_see: MaySee) -> None:
        self.caller = caller
        self._may_see = may_see
        self._queue: deque[EventRow] = deque()
        self._changed = asyncio.Event()
        self._last: EventRow | None = None
        self._hung_up = False

    def push(self, event: Event) -> None:
        """Queue an event; a full queue ends the stream."""
        if self._last is not None:
            return
        try:
            row = for_caller(event, self.caller, self._may_see)
        except Exception:  # a rule's fault costs this client one event, never the others theirs
            _LOGGER.exception("an event could not be judged for %s", self.caller.who)
            return
        if row is None:
            return
        if len(self._queue) >= QUEUE_EVENTS:
            self._queue.clear()
            self._finish("lagged", "This client did not keep up with what happened.")
            return
        self._queue.append(row)
        self._changed.set()

    def end(self, reason: str) -> None:
        """Have it end, with ``reason`` in its last event. What was queued before is not sent: the right is gone."""
        self._queue.clear()
        self._finish("end", reason)

    def hang_up(self) -> None:
        """The other end is gone."""
        self._hung_up = True
        self._changed.set()

    def _finish(self, kind: str, reason: str) -> None:
        if self._last is None or (kind == "end" and self._last.type != "end"):
            self._last = EventRow(kind, {"reason": reason})
        self._changed.set()

    async def async_serve(self, response: web.StreamResponse, abort: Callable[[], None]) -> None:
        """Write until it ends. ``abort`` drops the connection of a client that does not read even its last event."""
        try:
            await self._write(response, b"retry: 1000\n" + _encode(EventRow("hello", {"session": self.caller.session})))
            while not self._hung_up:
                if self._queue:
                    # All that is there in one write; the queue goes on filling, and is bounded, meanwhile.
                    rows = [self._queue.popleft() for _ in range(min(32, len(self._queue)))]
                    await self._write(response, b"".join(_encode(row) for row in rows))
                    continue
                if self._last is not None:
                    await self._write(response, _encode(self._last))
                    await response.write_eof()
                    return
                self._changed.clear()
                try:
                    async with asyncio.timeout(HEARTBEAT_S):
                        await self._changed.wait()
                except TimeoutError:
                    await self._write(response, b": still here\n\n")
        except TimeoutError:
            abort()
        except (ConnectionError, RuntimeError) as error:
            _LOGGER.debug("a listener is gone: %s", error)

    async def _write(self, response: web.StreamResponse, data: bytes) -> None:
        write = asyncio.ensure_future(response.write(data))
        try:
            waited = 0.0
            while not write.done() and not self._hung_up:
                # A slow client may take its time while its queue has room; at its end it is given a few seconds.
                await asyncio.wait([write], timeout=0.5)
                if self._last is not None:
                    waited += 0.5
                    if waited > WRITE_TIMEOUT_S:
                        raise TimeoutError
            if write.done():
                write.result()
        finally:
            write.cancel()


def _encode(row: EventRow) -> bytes:
    try:
        data = msgspec.json.encode(row, enc_hook=str)
    except (TypeError, ValueError):
        _LOGGER.exception("the event %s cannot be told", row.type)
        data = msgspec.json.encode(EventRow(row.type, {}, row.at_utc_ns))
    kind = "".join(c for c in row.type if c.isalnum() or c in "_.-")
    return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"


class Streams:
    """All streams of events. Methods run on the loop."""

    def __init__(self, bus: EventBus, may_see: MaySee) -> None:
        self._may_see = may_see
        self._open: set[Stream] = set()
        self._stopped = ""
        self._unsubscribe = bus.async_listen(ANY, self._push)

    def __len__(self) -> int:
        return len(self._open)

    def _push(self, event: Event) -> None:
        for stream in tuple(self._open):
            stream.push(event)

    def async_open(self, caller: Caller) -> Stream:
        """A new stream. Raises Unavailable when this caller, or everyone together, has too many."""
        if self._stopped:
            raise Unavailable(self._stopped)
        key = _key(caller)
        if len(self._open) >= MAX_STREAMS or sum(_key(s.caller) == key for s in self._open) >= MAX_STREAMS_PER_CALLER:
            raise Unavailable("Too many streams of events are open.", "Close one, then try again.")
        stream = Stream(caller, self._may_see)
        self._open.add(stream)
        return stream

    def async_close(self, stream: Stream) -> None:
        """Forget a stream that has ended."""
        self._open.discard(stream)

    async def async_check_all(self, why_not: Callable[[Caller], Awaitable[str]]) -> None:
        """Ask for each caller that listens whether it may go on; end the streams of those that may not."""
        for stream in tuple(self._open):
            try:
                reason = await why_not(stream.caller)
            except Exception:
                _LOGGER.exception("whether %s may go on listening could not be told", stream.caller.who)
                reason = "The service could not tell whether your right still holds."
            if reason:
                stream.end(reason)

    def async_stop(self, reason: str) -> None:
        """End all of them and open no more."""
        self._stopped = reason
        with contextlib.suppress(ValueError):
            self._unsubscribe()
        for stream in tuple(self._open):
            stream.end(reason)


def _key(caller: Caller) -> tuple[Any, ...]:
    # A local process that connects again and again is still one account.
    return (caller.session,) if caller.via == "ssh" else (caller.uid,)


def sse_response() -> web.StreamResponse:
    """The answer that a stream is written to."""
    response = web.StreamResponse(headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})
    response.content_type = "text/event-stream"
    return response


__all__ = ["EventRow", "Stream", "Streams", "for_caller", "sse_response"]
