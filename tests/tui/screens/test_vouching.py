"""Who vouches for the access log's head, by keys alone: a witness and a time stamp server are added, asked and removed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from holdshelf_core.access_log.types import ReadHead
from holdshelf_core.timestamps.types import ReadTimestamp
from holdshelf_core.witnesses.book import WitnessBook
from holdshelf_core.witnesses.types import ReadWitnesses
from holdshelf_storage.access_log.checkpoint import PublicKey
from holdshelf_tui.screens.doctor import DoctorPane
from tests.core.witnesses.running import running
from tests.tsa import POLICY, Tsa
from tests.tui.keyboard import fills, until_said
from tests.tui.keyboard import types as type_text
from tests.tui.screens.admin_rig import closed, press_tab
from tests.tui.stage import Stage, settled, until_shown

OAK = "oak.example/witness"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("vouching"), cameras={"lobby": "Front entrance"}) as running_stage:
        yield running_stage


async def who_vouches(pilot: Pilot[Any]) -> DoctorPane:
    home = await settled(pilot)
    await pilot.press("4")
    await until_shown(pilot, "to fix")
    pane = home.front
    assert isinstance(pane, DoctorPane)
    for _ in range(3):
        await press_tab(pilot, pane)
    await until_shown(pilot, "vouches for the access log")
    return pane


async def test_a_witness_and_a_time_stamp_server_are_added_asked_and_removed(stage: Stage, tmp_path: Path) -> None:
    client = stage.service.client
    book, tsa = WitnessBook(tmp_path / "oak"), Tsa(tmp_path / "tsa")
    key = str(book.make_key(OAK))
    book.trust(PublicKey.parse(client.read(ReadHead()).public_key))
    with running(book.folder) as witness, tsa.serving() as url:
        async with stage.app("").run_test(size=(80, 24)) as pilot:
            pane = await who_vouches(pilot)
            await pilot.press("i")
            await until_shown(pilot, "Its key")
            await fills(pilot, witness.url, key)
            await pilot.press("enter")
            await until_said(pilot, f"{OAK} is asked to countersign")
            await closed(pilot)

            pane.table.focus()
            await pilot.press("e")
            await until_shown(pilot, "Policy")
            await fills(pilot, url, "no certificate", POLICY)
            await pilot.press("enter")
            await until_said(pilot, "contains no certificate")
            await pilot.press("shift+tab")
            await pilot.press("ctrl+a")
            await type_text(pilot, tsa.pem("root"))
            await pilot.press("tab", "enter")
            await until_said(pilot, "is asked to stamp the access log's head each hour", "Certificate 1: SHA-256")
            await closed(pilot)

            pane.table.focus()
            await pilot.press("y")
            await until_said(pilot, "1 of 1 witness signed", "Stamped up to entry")
            await closed(pilot)
            await until_shown(pilot, "2 others vouch for the access log's head.")
            assert client.read(ReadTimestamp()).newest is not None

            pane.table.focus()
            await pilot.press("home", "enter")
            await until_said(pilot, "How many have to sign")
            await pilot.press("ctrl+u")
            await type_text(pilot, "2\n")
            await until_said(pilot, "Give a number from 1 to 1")
            await pilot.press("ctrl+u")
            await type_text(pilot, "1\n")
            await until_said(pilot, "1 of 1 witnesses have to sign")
            await closed(pilot)

            for name in (OAK, "time stamps"):
                pane.table.focus()
                await pilot.press("home", "d")
                await until_said(pilot, f"Stop asking {name}?")
                await pilot.press("enter")
                await until_said(pilot, "no longer asked")
                await closed(pilot)
            await until_shown(pilot, "Nobody else vouches for the access log")
    assert (client.read(ReadWitnesses()).rows, client.read(ReadTimestamp()).server) == ([], None)
