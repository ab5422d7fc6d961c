"""Acts that are under way when the service stops: waited for, or cut off and answered."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from holdshelf_core.api.acting import Acting
from holdshelf_core.errors import Unavailable
from tests.rig.hang import HANG_S


class Acts:
    """Acts in tasks of their own, each until its event is set."""

    def __init__(self) -> None:
        self.acting = Acting()
        self.ends = asyncio.Event()

    async def act(self) -> str:
        with self.acting.one("backup.now"):
            await self.ends.wait()
            return "done"


async def begun(acts: Acts) -> asyncio.Task[str]:
    task = asyncio.create_task(acts.act())
    await asyncio.sleep(0)
    return task


async def test_one_that_does_not_end_is_cut_off_and_told_why_and_the_log_says_which(
    caplog: pytest.LogCaptureFixture,
) -> None:
    acts = Acts()
    task = await begun(acts)
    await acts.acting.async_stop(0)
    with pytest.raises(Unavailable, match=r"The service is stopping\."):
        await asyncio.wait_for(task, HANG_S)
    assert task.cancelling() == 0, "what answers the client must not be cancelled in its turn"
    assert "backup.now did not end, and was cut off" in caplog.text


async def test_one_that_ends_meanwhile_is_waited_for_and_does_what_it_does(caplog: pytest.LogCaptureFixture) -> None:
    acts = Acts()
    task = await begun(acts)
    stopping = asyncio.create_task(acts.acting.async_stop(HANG_S))
    await asyncio.sleep(0)
    assert not stopping.done()
    acts.ends.set()
    await asyncio.wait_for(stopping, HANG_S)
    assert await task == "done" and "cut off" not in caplog.text


async def test_where_nothing_is_under_way_a_stop_waits_for_nothing() -> None:
    acts = Acts()
    acts.ends.set()
    await begun(acts)
    await asyncio.wait_for(acts.acting.async_stop(10 * HANG_S), HANG_S)


async def test_one_that_somebody_else_cancels_is_cancelled() -> None:
    acts = Acts()
    task = await begun(acts)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(acts.acting.async_stop(10 * HANG_S), HANG_S)


async def test_its_client_has_the_answer_before_its_connection_is_closed(tmp_path: Path) -> None:
    acts, begun = Acts(), asyncio.Event()

    async def handle(_request: web.Request) -> web.Response:
        begun.set()
        try:
            return web.Response(text=await acts.act())
        except Unavailable as error:
            return web.Response(text=error.sentence, status=error.status)

    app = web.Application()
    app.add_routes([web.post("/", handle)])
    # It would never stop if it had to wait for an act.
    runner = web.AppRunner(app, shutdown_timeout=10 * HANG_S)
    await runner.setup()
    await web.UnixSite(runner, str(tmp_path / "s")).start()
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(tmp_path / "s"))) as client,
        asyncio.timeout(HANG_S),
    ):
        asked = asyncio.create_task(client.post("http://holdshelf/"))
        await begun.wait()
        await acts.acting.async_stop(0)
        await runner.cleanup()
        answer = await asked
        assert (answer.status, await answer.text()) == (503, "The service is stopping.")
