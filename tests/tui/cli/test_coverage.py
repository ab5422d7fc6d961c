"""coverage: what a person reads, and with --json what a machine does: each camera, each day, with the reasons of its gaps."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import msgspec
import pytest

from holdshelf_core.reports.types import CoverageRow
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service, wait_for
from tests.tui.cli.test_driver import Ran, here

type Run = Callable[..., Ran]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Two cameras, of which one is recorded, and one was until its stream was taken away."""
    made = Service(tmp_path_factory.mktemp("coverage") / "data")
    with RtspServer([Mount("lobby")]) as lobby, made:
        with RtspServer([Mount("desk")]) as desk:
            stays, goes = made.add(lobby.url("lobby"), "Lobby"), made.add(desk.url("desk"), "Desk, “east”")
            made.await_recording(stays, goes)
        wait_for("it is not recorded", lambda: made.camera(goes).state != "recording")
        yield made


@pytest.fixture
def run(service: Service, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("HOLDSHELF_DATA", str(service.data))
    return lambda *words: here(capsys, monkeypatch, *words)


def rows_of(run: Run, *words: str | Path) -> dict[str, CoverageRow]:
    """By name: with no field that is not documented, and none that is missing."""
    ran = run("coverage", *words, "--json")
    assert ran.code == 0, ran
    rows = msgspec.convert(ran.json(), list[CoverageRow])
    assert msgspec.to_builtins(rows) == ran.json()
    return {row.name: row for row in rows}


def recorded_s(row: CoverageRow) -> float:
    return sum(day.recorded_s for day in row.days)


def test_a_machine_reads_of_each_camera_each_day_what_was_recorded_and_why_the_rest_was_not(run: Run) -> None:
    rows = rows_of(run, "--days", "2")
    assert set(rows) == {"Lobby", "Desk, “east”"}
    for row in rows.values():
        days = [date.fromisoformat(day.day) for day in row.days]
        assert [(later - earlier).days for earlier, later in itertools.pairwise(days)] == [1, 1]
        for day in row.days:
            parts = day.recorded_s + day.recovered_s + sum(gap.seconds for gap in day.gaps) + day.untold_s
            assert parts == pytest.approx(day.elapsed_s, abs=0.01)
        assert row.days[0].percent is None and row.days[0].elapsed_s == 0, "it was not in use then"

    def told() -> bool:
        """Why the one is not recorded, and of the other more than of it."""
        rows = rows_of(run)
        lost, kept = ({gap.reason for day in rows[name].days for gap in day.gaps} for name in ("Desk, “east”", "Lobby"))
        return bool(lost - kept) and recorded_s(rows["Lobby"]) > recorded_s(rows["Desk, “east”"]) > 0

    wait_for("what was recorded, and why the rest was not", told)


def test_of_one_camera_by_its_name_or_id_alone_and_of_none_that_there_is_not(run: Run) -> None:
    (row,) = rows_of(run, "--camera", "Lobby", "--days", "0").values()
    assert len(row.days) == 1 and rows_of(run, "--camera", row.camera).keys() == {"Lobby"}
    wrong = run("coverage", "--camera", "nowhere", "--json")
    assert (wrong.code, wrong.out) == (1, "") and "There is no camera" in wrong.err
