"""Bounds of the local socket, on a line of its own: shares of accounts, silent connections, clients that do not read."""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from holdshelf_core.api import limits
from holdshelf_core.api.limits import Bounded, Lines
from tests.rig.hang import HANG_S


class Echo(asyncio.Protocol):
    """Says `here` to whoever speaks; `big` is answered with more than any socket holds."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(b"x" * (4 << 20) if data == b"big" else b"here")


@asynccontextmanager
async def listening(lines: Lines) -> AsyncIterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "s")
        server = await asyncio.get_running_loop().create_unix_server(lambda: Bounded(lines, Echo), path)
        try:
            yield path
        finally:
            server.close()


async def until_open(lines: Lines, count: int) -> None:
    async with asyncio.timeout(HANG_S):
        while len(lines) != count:
            await asyncio.sleep(0.005)


def lines_with_room_for(count: int) -> Lines:
    lines = Lines(16_384)
    lines._per_account = count
    return lines


async def test_a_full_share_hangs_up_on_whoever_was_silent_longest() -> None:
    lines = lines_with_room_for(3)
    async with listening(lines) as path:
        clients = []
        for number in range(3):
            clients.append(await asyncio.open_unix_connection(path))
            await until_open(lines, number + 1)
        fourth, writer = await asyncio.open_unix_connection(path)
        writer.write(b"?")
        assert await asyncio.wait_for(fourth.read(4), HANG_S) == b"here"
        assert await asyncio.wait_for(clients[0][0].read(1), HANG_S) == b""
        clients[1][1].write(b"?")
        assert await asyncio.wait_for(clients[1][0].read(4), HANG_S) == b"here"
        for _reader, client in (*clients, (fourth, writer)):
            client.close()
        await until_open(lines, 0)


async def test_connections_that_are_worked_for_are_not_hung_up_on_and_the_next_is_refused_in_words() -> None:
    lines = lines_with_room_for(2)
    async with listening(lines) as path:
        clients = [await asyncio.open_unix_connection(path) for _ in range(2)]
        await until_open(lines, 2)
        busy = list(lines._by_transport.values())
        with lines.at_work(busy[0]), lines.at_work(busy[1]):
            third, writer = await asyncio.open_unix_connection(path)
            answer = await asyncio.wait_for(third.read(), HANG_S)
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert b"Too many connections" in answer
            writer.close()
        fourth, writer = await asyncio.open_unix_connection(path)
        writer.write(b"?")
        assert await asyncio.wait_for(fourth.read(4), HANG_S) == b"here"
        writer.close()
        for _reader, client in clients:
            client.close()


async def test_a_client_that_takes_nothing_of_its_answer_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "READ_TIMEOUT_S", 0.2)
    lines = Lines(16_384)
    async with listening(lines) as path:
        reader, writer = await asyncio.open_unix_connection(path, limit=1)
        writer.transport.pause_reading()
        await until_open(lines, 1)
        writer.write(b"big")
        await until_open(lines, 0)
        writer.close()
        del reader


async def test_a_client_that_reads_slowly_is_let_finish(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "READ_TIMEOUT_S", 3600.0)  # the test looks itself whether it reads
    lines = Lines(16_384)
    async with listening(lines) as path:
        reader, writer = await asyncio.open_unix_connection(path, limit=64 << 10)
        await until_open(lines, 1)
        (line,) = lines._by_transport.values()
        assert line.transport is not None
        writer.write(b"big")
        received, looks = 0, 0
        while received < 4 << 20:
            part = await asyncio.wait_for(reader.read(256 << 10), HANG_S)
            assert part, "it was hung up on"
            received += len(part)
            if 0 < line.transport.get_write_buffer_size() < line._unread_bytes:
                line._watch_reading()
                looks += 1
        assert received == 4 << 20
        assert looks > 5
        writer.close()


async def test_a_caller_has_only_so_many_requests_worked_on_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TURN_TIMEOUT_S", 0.1)
    lines, at_work, most = Lines(16_384), 0, 0
    go_on = asyncio.Event()

    async def ask(who: str) -> None:
        nonlocal at_work, most
        async with lines.turn(who):
            at_work += 1
            most = max(most, at_work)
            await go_on.wait()
            at_work -= 1

    asked = [asyncio.create_task(ask("uid 1000")) for _ in range(limits.MAX_AT_ONCE + 5)]
    async with asyncio.timeout(HANG_S):
        while sum(one.done() for one in asked) < 5:
            await asyncio.sleep(0.005)
    assert most == limits.MAX_AT_ONCE
    other = asyncio.create_task(ask("uid 1001"))
    await asyncio.sleep(0)
    assert at_work == limits.MAX_AT_ONCE + 1  # another caller does not wait for the first
    go_on.set()
    outcomes = await asyncio.gather(*asked, other, return_exceptions=True)
    refused = [o for o in outcomes if o is not None]
    assert len(refused) == 5
    assert all("too many requests" in str(o) for o in refused)
    assert not lines._turns


def test_with_few_descriptors_the_bounds_leave_most_of_them_to_recording() -> None:
    lines = Lines(1024)
    assert lines._total + limits.RESERVED_DESCRIPTORS <= 1024
    assert Lines(200)._total <= 32


def test_as_many_descriptors_as_may_be_had_are_taken() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    limit_and_raise = (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (256, resource.getrlimit(7)[1]));"
        "from holdshelf_core.api.limits import raise_descriptor_limit as r; print(r(), resource.getrlimit(7)[0])"
    )
    out = subprocess.run([sys.executable, "-c", limit_and_raise], capture_output=True, text=True, check=True).stdout
    wanted = limits.WANTED_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, limits.WANTED_DESCRIPTORS)
    assert out.split() == [str(wanted)] * 2
