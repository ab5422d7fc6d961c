"""A heartbeat goes out behind a fresh report, and to nobody else than whom it is for."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest

from holdshelf_core.alerts import heartbeat
from holdshelf_core.alerts.allowed import Report
from holdshelf_core.alerts.heartbeat import Heartbeat
from holdshelf_core.alerts.types import Health, HeartbeatWay
from holdshelf_core.alerts.ways import Reports, Undelivered
from tests.core.alerts.reports import report
from tests.rig.hang import HANG_S

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"
NS = 1_000_000_000


class Watcher:
    """A server that answers with ``answer``, and remembers what was asked for."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.asked: list[bytes] = []
        self.came = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            self.asked.append(await reader.readuntil(b"\r\n\r\n"))
            self.came.set()
            writer.write(self.answer)
            await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def watcher(answer: bytes = OK) -> AsyncIterator[tuple[Watcher, HeartbeatWay]]:
    found = Watcher(answer)
    async with await asyncio.start_server(found.serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield found, HeartbeatWay("pulse", "127.0.0.1", secret=f"http://127.0.0.1:{port}/ping/secret")


def now(ago_s: float = 0.0) -> Report:
    return msgspec.structs.replace(report(), at_utc_ns=time.time_ns() - int(ago_s * NS))


@contextlib.asynccontextmanager
async def running(way: HeartbeatWay, tell: Callable[[Health], None]) -> AsyncIterator[Reports]:
    reports = Reports()
    task = asyncio.create_task(Heartbeat(way).run(reports, tell))
    yield reports
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_a_heartbeat_goes_out_behind_a_fresh_report_and_not_behind_an_old_one() -> None:
    told: asyncio.Queue[Health] = asyncio.Queue()
    async with watcher() as (server, way), running(way, told.put_nowait) as reports:
        reports.put(now(ago_s=heartbeat.FRESH_S + 5))
        await asyncio.sleep(0.2)
        assert not server.asked, "the service has made no report for a while"
        reports.put(now())
        async with asyncio.timeout(HANG_S):
            assert (await told.get()).ok is True
        assert server.asked[0].startswith(b"GET /ping/secret HTTP/1.1\r\n")
        assert b"Holdshelf" in server.asked[0]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", "does not take the heartbeat (404)"),
        (b"HTTP/1.1 302 Go\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "(302)"),
        (b"nonsense\r\n\r\n", "its answer is no HTTP"),
        (b"", "is not reached"),
    ],
    ids=["refused", "sent elsewhere", "no HTTP", "hung up"],
)
async def test_what_goes_wrong_is_one_sentence_without_the_address(answer: bytes, words: str) -> None:
    async with watcher(answer) as (_, way):
        with pytest.raises(Undelivered) as refused:
            await Heartbeat(way).test()
    assert words in refused.value.sentence and "secret" not in refused.value.sentence
    assert refused.value.sentence.startswith("127.0.0.1 ")


async def test_an_answer_without_end_is_not_read_to_its_end() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n"
    async with watcher(head + bytes(1 << 20)) as (server, way):
        await asyncio.wait_for(Heartbeat(way).test(), HANG_S)
    assert len(server.asked) == 1


async def test_one_that_never_answers_is_given_up_and_no_second_one_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "GIVE_UP_S", 0.3)
    monkeypatch.setattr(heartbeat, "ASK_S", 30.0)
    hangs = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hangs.wait()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        way = Heartbeat(HeartbeatWay("pulse", "127.0.0.1", secret=f"http://127.0.0.1:{port}/"))
        with pytest.raises(Undelivered, match="was not answered within"):
            await way.test()
        with pytest.raises(Undelivered, match="is still on its way"):
            await way.test()
        hangs.set()
        assert way._busy is not None
        async with asyncio.timeout(HANG_S):
            while not way._busy.done():
                await asyncio.sleep(0.05)
