"""Server-sent events: what each caller hears, and that nobody waits for a client that does not read."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from holdshelf_core.actions.caller import Caller
from holdshelf_core.api import events
from holdshelf_core.api.events import Streams, for_caller, sse_response
from holdshelf_core.errors import Unavailable
from holdshelf_core.integration.bus import Event, EventBus
from tests.rig.hang import HANG_S

ADMIN = Caller(None, True, 0, "local", session="local-0-1")
ADA = Caller("p1", False, 1000, "ssh", "192.0.2.7", "s-1")
NOBODY = Caller(None, False, 1000, "local")


def sees_door(caller: Caller, camera: str) -> bool:
    return caller.admin or camera == "door"


def test_a_person_hears_of_cameras_that_they_may_see_without_an_address() -> None:
    fired = Event("camera_state", {"camera": "door", "state": "recording", "reason": "", "address": "192.0.2.9"}, 7)
    heard = for_caller(fired, ADA, sees_door)
    assert heard is not None
    assert heard.data == {"camera": "door", "state": "recording", "reason": ""}
    assert heard.at_utc_ns == 7
    assert for_caller(Event("camera_state", {"camera": "staff"}), ADA, sees_door) is None
    repair = Event("repair_opened", {"issue_id": "x", "camera_id": "door", "sentence": "192.0.2.9 refuses"})
    assert "192.0.2.9" not in repr(for_caller(repair, ADA, sees_door))
    assert for_caller(Event("repair_opened", {"issue_id": "x", "camera_id": "staff"}), ADA, sees_door) is None
    of_a_hold = for_caller(Event("repair_opened", {"issue_id": "hold_review:H-1", "camera_id": None}), ADA, sees_door)
    assert of_a_hold is not None and of_a_hold.data == {}
    changed = for_caller(Event("house_changed", {"tables": ["people"]}), ADA, sees_door)
    assert changed is not None and changed.data == {"tables": ["people"]}


def test_a_person_hears_of_their_own_acts_and_of_nobody_elses() -> None:
    assert for_caller(Event("look_opened", {"look": "L1", "person": "p1"}), ADA, sees_door) is not None
    assert for_caller(Event("look_opened", {"look": "L1", "person": "p2"}), ADA, sees_door) is None
    assert for_caller(Event("something_new", {"secret": 1}), ADA, sees_door) is None
    assert for_caller(Event("look_opened", {"look": "L1", "person": None}), NOBODY, sees_door) is None
    assert for_caller(Event("something_new", {"secret": 1}), ADMIN, sees_door) is not None


def test_what_a_camera_told_is_heard_by_nobody_not_even_an_admin() -> None:
    told = Event("camera_event", {"camera": "door", "kind": "motion", "on": True, "person": "p1"})
    assert for_caller(told, ADMIN, sees_door) is None
    assert for_caller(told, ADA, sees_door) is None


@asynccontextmanager
async def served(streams: Streams, caller: Caller) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A client of one stream, over a real socket."""

    async def handle(request: web.Request) -> web.StreamResponse:
        stream = streams.async_open(caller)
        transport = request.transport
        assert transport is not None
        response = sse_response()
        try:
            await response.prepare(request)
            await stream.async_serve(response, transport.abort)
        finally:
            streams.async_close(stream)
        return response

    app = web.Application()
    app.router.add_get("/events", handle)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "s")
        await web.UnixSite(runner, path).start()
        reader, writer = await asyncio.open_unix_connection(path, limit=1 << 22)
        writer.write(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            await reader.readuntil(b"hello")
            yield reader, writer
        finally:
            writer.close()
            await runner.cleanup()


async def test_events_arrive_in_their_order_and_the_last_one_says_why_it_was_the_last() -> None:
    bus = EventBus(lambda: 5)
    streams = Streams(bus, sees_door)
    async with served(streams, ADA) as (reader, _writer):
        for state in ("dialling", "recording"):
            bus.async_fire("camera_state", {"camera": "door", "state": state})
        text = (await reader.readuntil(b'"recording"')).decode()
        assert text.index("dialling") < text.index("recording")

        async def over(_caller: Caller) -> str:
            return "Your appointment ended on 2026-11-24."

        await streams.async_check_all(over)
        last = (await asyncio.wait_for(reader.readuntil(b"0\r\n\r\n"), HANG_S)).decode()
        assert "event: end" in last
        assert "ended on 2026-11-24" in last
    assert len(streams) == 0


async def test_what_waited_when_the_right_ended_is_not_sent_any_more() -> None:
    bus = EventBus(lambda: 5)
    streams = Streams(bus, sees_door)
    async with served(streams, ADA) as (reader, _writer):
        bus.async_fire("camera_state", {"camera": "door", "state": "late"})
        streams.async_stop("The service is stopping.")
        last = (await asyncio.wait_for(reader.readuntil(b"0\r\n\r\n"), HANG_S)).decode()
    assert "late" not in last
    assert "stopping" in last
    with pytest.raises(Unavailable):
        streams.async_open(ADA)


async def test_a_client_that_is_too_slow_is_told_so_last_and_what_waits_for_it_is_bounded() -> None:
    bus = EventBus(lambda: 5)
    streams = Streams(bus, sees_door)
    async with served(streams, ADMIN) as (reader, _writer):
        for number in range(events.QUEUE_EVENTS * 3):
            bus.async_fire("burst", {"number": number})
        text = (await asyncio.wait_for(reader.readuntil(b"0\r\n\r\n"), HANG_S)).decode()
    assert "event: lagged" in text
    assert text.rindex("event: ") == text.rindex("event: lagged")


async def test_a_client_that_reads_nothing_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "WRITE_TIMEOUT_S", 0.5)
    bus = EventBus(lambda: 5)
    streams = Streams(bus, sees_door)
    async with served(streams, ADMIN) as (reader, writer):
        writer.transport.pause_reading()
        async with asyncio.timeout(HANG_S):
            while len(streams):
                bus.async_fire("burst", {"text": "x" * 20_000})
                await asyncio.sleep(0.001)
        writer.transport.resume_reading()
        # What was on its way before arrives, and then the line is dead.
        while await asyncio.wait_for(reader.read(1 << 20), HANG_S):
            pass


async def test_a_heartbeat_tells_that_the_service_is_still_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.05)
    streams = Streams(EventBus(lambda: 5), sees_door)
    async with served(streams, ADA) as (reader, _writer):
        await asyncio.wait_for(reader.readuntil(b": still here"), HANG_S)


async def test_one_caller_has_only_so_many_streams() -> None:
    streams = Streams(EventBus(lambda: 5), sees_door)
    for _ in range(events.MAX_STREAMS_PER_CALLER):
        streams.async_open(ADA)
    with pytest.raises(Unavailable, match="Too many streams"):
        streams.async_open(ADA)
    streams.async_open(ADMIN)
