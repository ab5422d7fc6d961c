"""A camera that loses footage again and again is a repair with its likely cause, until its hour is clean."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from typer.testing import CliRunner

from holdshelf_core.buffer.store import Opened
from holdshelf_core.integration.bus import EventBus
from holdshelf_core.integration.repairs import RepairRegistry
from holdshelf_core.operations.losses import (
    CAMERA,
    CAUSES,
    JUMPS,
    LIMIT_NS,
    MACHINE,
    NETWORK,
    Cause,
    Losses,
    last_hours_loss,
)
from holdshelf_core.policy.state import CameraFacts
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.volume.journal import Gap, GapEnd
from holdshelf_storage.volume.volume import Volume, init_volume
from holdshelf_tui.cli.app import app
from tests.rig.hang import HANG_S
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service, wait_for

NS = 10**9
HOUR_NS = 3600 * NS
NOW = 1_790_000_000 * NS


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opened]:
    monkeypatch.setattr("holdshelf_storage.volume.reserve.RESERVE_BYTES", 16 * 1024)
    init_volume(tmp_path / "state", tmp_path / "media", 0)
    volume = Volume.attach(tmp_path / "state", tmp_path / "media")
    ledger = Ledger(volume)
    footage = Footage(volume, ledger)
    yield Opened(volume, footage, ledger, footage.recover())
    volume.detach()


def gap(footage: Footage, start_utc_ns: int, seconds: float, reason: str, *, camera: str = "front") -> None:
    begun = footage.start_gap(camera, Gap(start_utc_ns=start_utc_ns, start_boot_ns=0, boot="b", reason=reason))
    lasts_ns = int(seconds * NS)
    footage.end_gap(camera, begun, GapEnd(end_utc_ns=start_utc_ns + lasts_ns, elapsed_ns=lasts_ns))


@pytest.mark.parametrize(
    ("often", "once", "cause"),
    [
        ("stream jumped", "camera unreachable", JUMPS),
        ("frames lost", "stream jumped", NETWORK),
        ("stream ended", "frames lost", CAMERA),
        ("recorder busy", "frames lost", MACHINE),
    ],
)
def test_what_is_lost_is_added_up_from_the_gaps_and_the_longest_cause_is_named(
    opened: Opened, often: str, once: str, cause: object
) -> None:
    gap(opened.footage, NOW - 2 * HOUR_NS, 600, "frames lost")
    gap(opened.footage, NOW - HOUR_NS - 10 * NS, 15, once)
    for number in range(14):
        gap(opened.footage, NOW - (1000 - number) * NS, 0.75, often)
    for reason in ("service stopped", "disk full", "auth refused", "clock stepped"):
        gap(opened.footage, NOW - 100 * NS, 60, reason)
    opened.footage.start_gap("front", Gap(start_utc_ns=NOW - NS, start_boot_ns=0, boot="b", reason=often))
    loss = last_hours_loss(opened, "front", NOW)
    assert loss is not None
    assert (loss.lost_ns, loss.gaps, loss.cause) == (int(15.5 * NS), 15, cause)


@pytest.mark.parametrize("cause", sorted(set(CAUSES.values()), key=str), ids=lambda cause: cause.words)
def test_each_cause_has_words_and_a_step(cause: Cause) -> None:
    assert cause.words and not cause.words.endswith(".")
    assert cause.next_step.endswith((".", ")."))


async def test_a_repair_opens_above_one_percent_and_ends_when_the_hour_is_clean(opened: Opened) -> None:
    now = [NOW]
    bus = EventBus(lambda: now[0])
    repairs = RepairRegistry(bus, lambda: now[0])
    cameras = {name: CameraFacts(name, name.title(), "seating", "") for name in ("front", "once")}
    frame = SimpleNamespace(bus=bus, repairs=repairs, clock=SimpleNamespace(utc_ns=lambda: now[0]))
    state = SimpleNamespace(state=SimpleNamespace(cameras=cameras))
    authorizer, store = SimpleNamespace(frame=frame, store=state), SimpleNamespace(opened=opened)
    losses = Losses(cast(Any, authorizer), cast(Any, store))

    async def told() -> list[str]:
        await losses.async_look()
        return [repair.issue_id for repair in repairs.async_all()]

    gap(opened.footage, NOW - 600 * NS, 35, "stream ended")
    gap(opened.footage, NOW - 600 * NS, 300, "camera unreachable", camera="once")
    assert await told() == [], "below the limit; and a single outage was alarmed about while it lasted"
    gap(opened.footage, NOW - 20 * NS, 2, "stream ended")
    assert await told() == [], "nothing was said of a new gap, so nothing is read"
    bus.async_fire("gap_ended", {"camera": "front", "reason": "stream ended"})
    assert await told() == ["losses:front"]
    now[0] = NOW + 3010 * NS
    assert await told() == ["losses:front"], "27 s of it are within the hour: it does not come and go at the limit"
    now[0] = NOW + 3100 * NS
    assert await told() == [], "2 s of it are"


@pytest.mark.timeout(HANG_S)  # each compared with each other one would take longer
def test_a_day_of_jumps_is_added_up(opened: Opened) -> None:
    lines: list[Gap | GapEnd] = []
    for number in range(40_000):
        at = NOW - number * 2 * NS
        lines += [
            Gap(gap=number + 1, start_utc_ns=at, start_boot_ns=0, boot="b", reason="stream jumped"),
            GapEnd(gap=number + 1, end_utc_ns=at + NS // 2, elapsed_ns=NS // 2),
        ]
    by_day: dict[str, list[Gap | GapEnd]] = {}
    for begun, ended in zip(lines[::2], lines[1::2], strict=True):
        assert isinstance(begun, Gap)
        day = time.strftime("%Y-%m-%d", time.gmtime(begun.start_utc_ns // NS))
        by_day.setdefault(day, []).extend((begun, ended))
    for day, told in by_day.items():
        opened.footage.folders.append("front", day, *told)
    loss = last_hours_loss(opened, "front", NOW)
    assert loss is not None and loss.lost_ns > LIMIT_NS


def test_it_is_a_repair_in_status_check_from_the_start_on_and_ends_with_the_hour(tmp_path: Path) -> None:
    with RtspServer([Mount("front")]) as cameras, Service(tmp_path / "data") as service:
        service.add(cameras.url("front"), "Front")
        service.stop()
        volume = Volume.attach(service.data / "state", service.media)
        footage = Footage(volume, Ledger(volume))
        footage.recover()
        now_utc_ns = time.time_ns()
        for number in range(10):
            gap(footage, now_utc_ns - (3000 - 10 * number) * NS, 5, "stream jumped")
        volume.detach()
        service.start()
        told = wait_for("the repair", lambda: service.repairs().get("losses:front"))
        assert told.sentence == (
            "Front lost 50 s of the last hour (1.4%) in 10 gaps. The likely cause: the clock inside its stream jumps."
        )
        service.await_recording("front")
        checked = CliRunner().invoke(app, ["status", "--check", "--data", str(service.data)])
        assert (checked.exit_code, "Front lost 50 s of the last hour" in checked.output) == (1, True), checked.output
