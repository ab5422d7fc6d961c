"""The benches run, on a very small scale, and say what they must say. How fast anything is, no test asserts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
FIELDS = {"what", "unit", "ours", "peer", "ratio", "bar", "holds"}


def run(script: str, *options: str, folder: Path) -> tuple[int, dict[str, Any]]:
    """The exit code of a bench and its one JSON object."""
    command = [sys.executable, str(ROOT / "bench" / script), "--json", "--folder", str(folder), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout, done.stderr[-3000:]
    return done.returncode, json.loads(done.stdout)


def rows_of(found: dict[str, Any], beginning: str) -> list[dict[str, Any]]:
    rows = [row for row in found["rows"] if row["what"].startswith(beginning)]
    assert rows, f"no row begins with {beginning!r} in {[row['what'] for row in found['rows']]}"
    return rows


def assert_well_formed(found: dict[str, Any]) -> None:
    for row in found["rows"]:
        assert row.keys() >= FIELDS
        assert isinstance(row["ours"], int | float), row
        assert row["holds"] is None if row["bar"] is None else isinstance(row["holds"], bool), row
        if row["peer"] and "turns" not in row["detail"]:  # of several turns it is the median of theirs
            assert row["ratio"] == pytest.approx(row["ours"] / row["peer"], abs=1e-6), row


def test_recording_is_measured_beside_ffmpeg_and_no_frame_is_lost(tmp_path: Path) -> None:
    _, found = run(
        "record.py", "--cameras", "2", "--modes", "bursts", "--seconds", "5", "--settle", "0", folder=tmp_path
    )
    assert_well_formed(found)
    assert rows_of(found, "CPU")[0]["peer"] > 0
    assert rows_of(found, "memory (PSS), everything")[0]["peer"] > 0
    lost = rows_of(found, "lost frames")[0]
    assert (lost["ours"], lost["peer"], lost["holds"]) == (0, 0, True)
    assert lost["detail"]["sent"] == pytest.approx(2 * 5 * 15, abs=4)
    assert not list(tmp_path.iterdir())


@pytest.mark.soak
def test_whep_is_measured_beside_rtsp_and_no_frame_is_lost(tmp_path: Path) -> None:
    _, found = run("record.py", "--whep", "--cameras", "2", "--seconds", "5", "--settle", "0", folder=tmp_path)
    assert_well_formed(found)
    assert rows_of(found, "CPU")[0]["bar"] == 4
    lost = rows_of(found, "lost frames")[0]
    assert (lost["ours"], lost["holds"]) == (0, True)
    assert lost["detail"]["sent"] == pytest.approx(2 * 5 * 15, abs=4)
    assert not list(tmp_path.iterdir())


def test_an_archive_is_started_asked_and_swept(tmp_path: Path) -> None:
    options = ("--segments", "500", "--long-days", "0", "--cameras", "2", "--repeat", "1")
    _, found = run("archive.py", *options, folder=tmp_path)
    assert_well_formed(found)
    assert rows_of(found, "start until cameras are dialled")[0]["bar"] == 2
    assert {row["bar"] for row in rows_of(found, "query of the")} == {20}
    assert rows_of(found, "sweep")[0]["peer"] > 0
    assert rows_of(found, "memory")[0]["peer"] > 0
    assert not list(tmp_path.iterdir())


def test_holds_looks_and_the_log_are_measured_beside_their_peers(tmp_path: Path) -> None:
    library = ("--cameras", "2", "--days", "1", "--per-day", "200", "--items", "60", "--holds", "4", "--looks", "4")
    parts = ("--parts", "holds", "looks", "log", "--entries", "2000")
    _, found = run("rules.py", *library, *parts, folder=tmp_path)
    assert_well_formed(found)
    assert [row["bar"] for row in rows_of(found, "a hold protected")] == [50, 50]
    assert {row["bar"] for row in rows_of(found, "look opened")} == {2, None}
    assert all(row["peer"] > 0 for row in rows_of(found, "look opened"))
    assert rows_of(found, "2,000 entries verified")[0]["holds"] is True
    assert not list(tmp_path.iterdir())


@pytest.mark.soak
def test_stills_are_measured_beside_ffmpeg(tmp_path: Path) -> None:
    options = ("--parts", "stills", "--stills", "3", "--repeat", "1", "--seconds", "6")
    _, found = run("rules.py", *options, folder=tmp_path)
    assert_well_formed(found)
    for beginning in ("a 1080p still", "twelve over a day"):
        assert all(row["peer"] > 0 for row in rows_of(found, beginning))
    assert {row["bar"] for row in rows_of(found, "a 1080p still at any instant, key frame each second")} == {0.25}
    assert not list(tmp_path.iterdir())


def test_the_door_is_measured_beside_sshd_and_a_full_screen_program(tmp_path: Path) -> None:
    _, found = run("door.py", "--repeat", "1", "--crowd", "2", "--idle", "1", "--seconds", "0.5", folder=tmp_path)
    assert_well_formed(found)
    assert found["peer"].startswith("sshd with ")
    assert [row["bar"] for row in rows_of(found, "log-in to first paint")] == [300]
    assert [row["bar"] for row in rows_of(found, "twelve thumbnails, from the key")] == [700]
    for beginning in (
        "log-in to",
        "bytes of the first",
        "bytes of a repaint",
        "2 log-ins at once",
        "memory of a session",
    ):
        for row in rows_of(found, beginning):
            assert row["peer"] > 0, row
    assert not list(tmp_path.iterdir())


def test_an_hour_exported_is_measured_beside_a_copy_of_it(tmp_path: Path) -> None:
    short = ("--minutes", "1", "--long", "2", "--mbps", "0.5", "--masked-minutes", "0", "--repeat", "1")
    _, found = run("export.py", *short, folder=tmp_path)
    assert_well_formed(found)
    (whole,) = rows_of(found, "1 min at 0.5 Mbit/s")
    assert (whole["bar"], whole["peer"] > 0) == (3, True)
    assert rows_of(found, "memory grows by")[0]["holds"] is True
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("value", "code"), [(0.5, 0), (0.7, 1), (None, 1)])
def test_a_missed_bar_or_a_row_without_a_figure_ends_with_1(value: float | None, code: int) -> None:
    script = (
        "from argparse import Namespace; from bench.parts.rows import Row, report\n"
        f"row = Row('what', 's', {value}, 1.0, 0.6)\n"
        "raise SystemExit(report('rows', [row], Namespace(json=True, bars=True)))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert json.loads(done.stdout)["rows"][0]["holds"] is (code == 0)
