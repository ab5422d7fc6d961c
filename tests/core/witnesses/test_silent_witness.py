"""When a witness is asked. One that is silent is told after a while and holds up nobody, and is not waited for again."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from holdshelf_core.frame import Frame
from holdshelf_core.paths import DataPaths
from holdshelf_core.witnesses import client, witnesses
from holdshelf_core.witnesses.book import WitnessBook
from holdshelf_core.witnesses.types import Witness
from holdshelf_core.witnesses.witnesses import Settings, Witnesses
from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.access_log.cosignature import WitnessSigner
from holdshelf_storage.register import Register
from tests.core.witnesses.running import running
from tests.rig.hand_clock import HandClock
from tests.rig.hang import HANG_S
from tests.storage.access_log.log_parts import entry

OAK, ELM = (WitnessSigner(name, Ed25519PrivateKey.generate()).public for name in ("oak.example", "elm.example"))


@pytest.fixture
def log(tmp_path: Path) -> Iterator[AccessLog]:
    (tmp_path / "state").mkdir()
    log = AccessLog.open(tmp_path / "state")
    log.append(*entry(1))
    yield log
    log.close()


@pytest.fixture
def frame(tmp_path: Path) -> Frame:
    return Frame(DataPaths(tmp_path))


@pytest.fixture
def asked(tmp_path: Path, frame: Frame, log: AccessLog) -> Witnesses:
    authorizer = cast(Any, SimpleNamespace(frame=frame, log=log))
    return Witnesses(authorizer, Register.open(tmp_path / "state"))


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


async def test_each_hour_with_new_entries_is_countersigned_and_no_other(
    asked: Witnesses, frame: Frame, log: AccessLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = HandClock()
    hours.offset_ns = time.time_ns() - hours.now_ns  # the witness's own clock is the machine's
    monkeypatch.setattr(frame, "clock", hours)
    book = WitnessBook(tmp_path / "oak")
    key = book.make_key(OAK.name)
    book.trust(log.public_key)
    with running(book.folder) as witness:
        assert await asked.async_look() == "no witnesses"
        await asked.async_put(Settings((Witness(key.name, witness.url, str(key)),), 1))
        assert await asked.async_look() == "1 asked; 1 of 1 have signed 1 entries"
        log.append(*entry(2))
        hours.forward(3300)
        assert await asked.async_look() == "0 asked; 1 of 1 have signed 1 entries", "within the hour"
        hours.forward(3900)
        assert await asked.async_look() == "1 asked; 1 of 1 have signed 2 entries"
        hours.forward(7200)
        assert await asked.async_look() == "0 asked; 1 of 1 have signed 2 entries", "nothing new"


async def test_a_paper_waits_once_and_no_longer_than_it_says(
    asked: Witnesses, log: AccessLog, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "ASK_S", 0.3)
    assert await asked.async_head() == (log.head(), [])
    await asked.async_put(Settings((Witness(OAK.name, silent, str(OAK)),), 1))
    asking = asyncio.create_task(asked.async_head(60))
    assert await asking == (log.head(), [])
    (row,) = asked.view().rows
    assert row.asked.sentence == "oak.example does not answer within 0 s."
    monkeypatch.setattr(client, "ASK_S", 600)
    async with asyncio.timeout(HANG_S):  # it was silent: nobody waits for it again
        await asked.async_head(600)


async def test_a_silent_witness_is_a_repair_after_a_while_and_an_error_when_too_few_are_left(
    asked: Witnesses, frame: Frame, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "ASK_S", 0.3)
    await asked.async_put(Settings((Witness(OAK.name, silent, str(OAK)), Witness(ELM.name, silent, str(ELM))), 1))
    assert await asked.async_look() == "2 asked; 1 of 2 have signed 0 entries"
    assert frame.repairs.async_all() == []
    monkeypatch.setattr(witnesses, "LATE_S", 0)
    await asked.async_look()
    assert {one.issue_id: one.severity for one in frame.repairs.async_all()} == {
        "witness:oak.example": "error",
        "witness:elm.example": "error",
    }
    await asked.async_put(Settings((Witness(OAK.name, silent, str(OAK)),), 0))
    await asked.async_look()
    (repair,) = frame.repairs.async_all()
    assert (repair.issue_id, repair.severity) == ("witness:oak.example", "warning")
    await asked.async_put(Settings())
    assert frame.repairs.async_all() == []
