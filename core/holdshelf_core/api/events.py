"""GET /events: server-sent events, filtered for each caller.

A person gets events of cameras that they may see and of their own actions: no addresses, no paths, nothing about other people.
Only fields known to be harmless are sent. A client that does not read is dropped, with ``lagged`` as its last event; nobody waits
for it. A stream ends within seconds after its right ends.
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

from holdshelf_core.actions.caller import Caller
from holdshelf_core.api.session_types import EventRow
from holdshelf_core.errors import Unavailable
from holdshelf_core.integration.bus import ANY, Event, EventBus

_LOGGER = logging.getLogger(__name__)

HEARTBEAT_S = 15.0
QUEUE_EVENTS = 256
WRITE_TIMEOUT_S = 5.0
# Bytes buffered in this process for one slow client; the kernel's socket buffer comes on top.
MAX_STREAMS_PER_CALLER = 8
MAX_STREAMS = 512

# What a person gets of an event of a camera they may see, field by field. Nothing else is sent.
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

# Not sent to anyone: activity at a camera may be seen only with a right, and each view is logged (``activity.see``).
NOT_TOLD = frozenset({"camera_event"})

type MaySee = Callable[[Caller, str], bool]


def for_caller(event: Event, caller: Caller, may_see: MaySee) -> EventRow | None:
    """Return the event as this caller may see it; None: not at all. ``may_see`` tells whether a person may see a camera's
    state."""
    if event.type in NOT_TOLD:
        return None
    if caller.admin:
        return EventRow(event.type, event.data, event.at_utc_ns)
    if caller.person is None:
        return None
    fields = PERSON_FIELDS.get(event.type)
    if fields is None:
        # An action: only the person who did it gets it, with the fields as fired.
        if event.data.get("person") != caller.person:
            return None
        return EventRow(event.type, event.data, event.at_utc_ns)
    camera = event.data.get("camera") or event.data.get("camera_id")
    if isinstance(camera, str) and not may_see(caller, camera):
        return None
    if "issue_id" in fields and camera is None:
        # It may be of a hold or a person: that there is news is enough to ask for the status.
        fields = ()
    known = {name: event.data[name] for name in fields if name in event.data}
    return EventRow(event.type, known, event.at_utc_ns)


class Stream:
    """The events that one connected client still has to get."""

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
        except Exception:  # a faulty rule costs this client one event, and the others none
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
        """End the stream, with ``reason`` in its last event. Queued events are dropped: the right is gone."""
        self._queue.clear()
        self._finish("end", reason)

    def hang_up(self) -> None:
        """Note that the client disconnected."""
        self._hung_up = True
        self._changed.set()

    def _finish(self, kind: str, reason: str) -> None:
        if self._last is None or (kind == "end" and self._last.type != "end"):
            self._last = EventRow(kind, {"reason": reason})
        self._changed.set()

    async def async_serve(self, response: web.StreamResponse, abort: Callable[[], None]) -> None:
        """Write until the stream ends. ``abort`` drops the connection of a client that does not even read its last event."""
        try:
            await self._write(response, b"retry: 1000\n" + _encode(EventRow("hello", {"session": self.caller.session})))
            while not self._hung_up:
                if self._queue:
                    # All queued events in one write; meanwhile the bounded queue keeps filling.
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
                # A slow client may take its time while its queue has room; at the end it gets a few seconds.
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
    """All event streams. Methods run on the loop."""

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
        """Open a stream. Raises Unavailable when this caller, or everyone together, has too many."""
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
        """Ask for each listening caller whether it may go on; end the streams of those that may not."""
        for stream in tuple(self._open):
            try:
                reason = await why_not(stream.caller)
            except Exception:
                _LOGGER.exception("whether %s may go on listening could not be told", stream.caller.who)
                reason = "The service could not tell whether your right still holds."
            if reason:
                stream.end(reason)

    def async_stop(self, reason: str) -> None:
        """End all streams and refuse new ones."""
        self._stopped = reason
        with contextlib.suppress(ValueError):
            self._unsubscribe()
        for stream in tuple(self._open):
            stream.end(reason)


def _key(caller: Caller) -> tuple[Any, ...]:
    # A local process that connects again and again still counts as one account.
    return (caller.session,) if caller.via == "ssh" else (caller.uid,)


def sse_response() -> web.StreamResponse:
    """Return the response that a stream is written to."""
    response = web.StreamResponse(headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})
    response.content_type = "text/event-stream"
    return response


__all__ = ["EventRow", "Stream", "Streams", "for_caller", "sse_response"]
