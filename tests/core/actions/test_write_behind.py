"""The register is written behind the log: soon, and again while its disk takes nothing. By a clock of the test's (ADR 71)."""

from __future__ import annotations

import asyncio
import itertools
from functools import partial
from pathlib import Path

import pytest

from holdshelf_core.actions.state_store import StateStore
from holdshelf_core.policy_file.adopted import in_force
from holdshelf_storage.errors import StorageError
from holdshelf_storage.register import Register
from tests.rig.hand_clock import hand_time


async def test_a_register_that_cannot_be_written_is_tried_every_five_seconds_until_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, failed = StateStore(Register.open(tmp_path), partial(in_force, Path())), asyncio.Event()
    tried_s: list[float] = []

    def flush() -> None:
        tried_s.append(hand.time())
        if len(tried_s) <= 4:
            raise StorageError("The disk is full.")

    monkeypatch.setattr(store, "flush", flush)
    async with hand_time(monkeypatch) as hand:
        writing = asyncio.create_task(store.async_write_behind(failed))
        await hand.forward(3600)
        assert tried_s == [], "there is nothing to write"
        store._wake.set()
        await hand.forward(0.1)
        assert tried_s == [], "what is changed at once is written at once"
        await hand.forward(0.1)
        assert len(tried_s) == 1
        assert failed.is_set()
        await hand.forward(3600)
        pauses_s = [later - earlier for earlier, later in itertools.pairwise(tried_s)]
        assert pauses_s == pytest.approx([5.2] * 4)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
