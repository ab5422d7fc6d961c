"""A bundle made over SSH: how far it is, Ctrl+C calls it off, and whether the one that lies there is as it was made."""

from __future__ import annotations

import os
import time
from pathlib import Path

from holdshelf_core.access_log.types import LogShow
from holdshelf_core.policy import model
from tests.bundles import approved, spans_of
from tests.looking import NS, commissioned, record, seed
from tests.service import Service, wait_for
from tests.tui.ssh.door_rig import DoorHouse, Terminal

LONG, SHORT = "R-2026-0001", "R-2026-0002"
MASK = model.Mask(((0, 0), (5000, 0), (5000, 5000), (0, 5000)))


def test_ctrl_c_calls_it_off_and_a_bundle_there_is_checked_by_its_number(tmp_path: Path) -> None:
    service = Service(tmp_path / "data", door=True)
    seed(service.data, commissioned("lobby", masks=(MASK,)))
    made = record(service.data, ("lobby",), (time.time_ns() // NS - 3600) * NS, size=(1280, 720), detailed=True)
    long, short = spans_of(made, "lobby"), spans_of(made, "lobby", end_s=10)
    seed(service.data, [approved(long, number=1), approved(short, number=2, original=True)])
    service.start()
    try:
        house = DoorHouse(service, tmp_path)
        house.name_director()
        wait_for("the door makes processes", lambda: house.run("dora", "whoami").code == 0)
        done = house.run("dora", "release", "export", SHORT)
        assert "is ready: 19 files" in done.out, done.said
        assert "the bundle has 19 files, as the receipt says." in house.run("dora", "verify", SHORT).out

        def entries(action: str) -> list[str]:
            shown = service.act(LogShow(action=action, most=50)).entries
            return [str(row.entry.get("subject")) for row in shown]

        with Terminal([*house.ssh("dora", "-tt"), f"release export {LONG}"], (80, 24)) as client:
            wait_for("it is being made", lambda: LONG in entries("release.export"))
            client.until(f"{LONG}: ")
            client.type(b"\x03")
            assert client.await_end() == 130
        wait_for("If you cancel it", lambda: LONG in entries("release.not_exported"))
        assert entries("release.export_cancel") == [LONG]
        assert sorted(os.listdir(service.data / "media" / "bundles")) == [SHORT, f"{SHORT}.parts"]
    finally:
        service.__exit__(None, None, None)
