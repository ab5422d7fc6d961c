"""Picture workers are there while somebody looks, and at no other time."""

from __future__ import annotations

import asyncio
import time

import pytest

from holdshelf_core.looks import picture_pool
from holdshelf_core.looks.picture_pool import PicturePool
from tests.rig.hang import HANG_S


async def until(what: str, probe: object) -> None:
    ends = time.monotonic() + HANG_S
    while not probe():  # type: ignore[operator]
        assert time.monotonic() < ends, what
        await asyncio.sleep(0.02)


async def test_a_worker_starts_when_pictures_will_be_asked_for_and_ends_when_nobody_has_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(picture_pool, "IDLE_S", 0.2)
    monkeypatch.setattr(picture_pool, "LAST_IDLE_S", 1.0)
    pool = PicturePool(2, 5.0)
    pool.warm()
    assert pool.pids() == [], "it is not open yet"
    pool.open()
    assert pool.pids() == []
    for _ in range(2):
        pool.warm()
        pool.warm()
        await until("a worker runs", pool.pids)
        assert len(pool.pids()) == 1, "it is asked for twice and started once"
        await until("it has ended", lambda: not pool.pids())
    assert pool.ready is not None
    await pool.async_stop()
