"""The benches run, on a very small scale, and say what they must say. How fast anything is, no test asserts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.parts import order, promised, rows
from tests.rig.media import media
from tests.rig.parts import program

ROOT = Path(__file__).parents[1]
FIELDS = {"what", "unit", "ours", "peer", "ratio", "bar", "holds"}


def run(script: str, *options: str, folder: Path, seconds: float = 300) -> tuple[int, dict[str, Any]]:
    """The exit code of a bench and its one JSON object."""
    command = [sys.executable, str(ROOT / "bench" / script), "--json", "--folder", str(folder), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
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


@pytest.mark.alone  # no frame may be lost, by the peer either
def test_recording_is_measured_beside_ffmpeg_and_no_frame_is_lost(tmp_path: Path) -> None:
    _, found = run(
        *("record.py", "--no-floor", "--cameras", "2", "--modes", "bursts", "--seconds", "5", "--settle", "0"),
        folder=tmp_path,
    )
    assert_well_formed(found)
    assert rows_of(found, "CPU")[0]["peer"] > 0
    assert rows_of(found, "memory (PSS), everything")[0]["peer"] > 0
    assert rows_of(found, "memory (PSS), no camera and nobody there")[0]["holds"] is True
    lost = rows_of(found, "lost frames")[0]
    assert (lost["ours"], lost["peer"], lost["holds"]) == (0, 0, True)
    assert lost["detail"]["sent"] > 2 * 5 * 15 / 2, "of a stretch that is as long as the machine makes it"
    assert not list(tmp_path.iterdir())


@pytest.mark.alone  # it compares times
def test_a_frame_takes_no_more_than_it_did(tmp_path: Path) -> None:
    """Half as much again as the bar: what has doubled is seen on the day, and a busy machine does not fail it."""
    _, found = run("packets.py", "--repeat", "5", folder=tmp_path)
    assert_well_formed(found)
    (row,) = rows_of(found, "a frame")
    assert row["ratio"] <= 1.5 * row["bar"], row
    assert not list(tmp_path.iterdir())


@pytest.mark.soak  # eight cameras, three times over
def test_recording_is_measured_beside_the_floor(tmp_path: Path) -> None:
    options = ("--floor", "--cameras", "4", "--modes", "spread", "--seconds", "5", "--settle", "1", "--repeat", "2")
    _, found = run("record.py", *options, folder=tmp_path)
    (row,) = rows_of(found, "  beside the floor")
    assert row["bar"] is None, "of 32 cameras and more"
    assert row["peer"] > 0


@pytest.mark.soak  # half a minute: WHEP and RTSP one after the other
def test_whep_is_measured_beside_rtsp_and_no_frame_is_lost(tmp_path: Path) -> None:
    _, found = run("record.py", "--whep", "--cameras", "2", "--seconds", "5", "--settle", "0", folder=tmp_path)
    assert_well_formed(found)
    assert rows_of(found, "CPU")[0]["bar"] == 2
    lost = rows_of(found, "lost frames")[0]
    assert (lost["ours"], lost["holds"]) == (0, True)
    assert lost["detail"]["sent"] > 2 * 5 * 15 / 2, "of a stretch that is as long as the machine makes it"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("log_entries", "bench"), [(0, "archive"), (2000, "archive-log")])
def test_an_archive_is_started_asked_and_swept(tmp_path: Path, log_entries: int, bench: str) -> None:
    options = ("--segments", "500", "--long-days", "0", "--cameras", "2", "--repeat", "1")
    _, found = run("archive.py", *options, "--log-entries", str(log_entries), folder=tmp_path)
    # Figures of two kinds would overwrite one another, and a table would tell of the wrong ones.
    assert found["bench"] == bench
    assert all(("2,000 log entries" in row["what"]) == bool(log_entries) for row in found["rows"])
    assert_well_formed(found)
    assert rows_of(found, "start until cameras are dialed")[0]["bar"] == 1.5
    assert {row["bar"] for row in rows_of(found, "query of the")} == {12}
    assert rows_of(found, "sweep")[0]["peer"] > 0
    assert rows_of(found, "memory")[0]["peer"] > 0
    assert not list(tmp_path.iterdir())


def test_holds_looks_and_the_log_are_measured_beside_their_peers(tmp_path: Path) -> None:
    library = ("--cameras", "2", "--days", "1", "--per-day", "200", "--items", "60", "--holds", "4", "--looks", "4")
    parts = ("--parts", "holds", "looks", "log", "--entries", "20000")
    _, found = run("rules.py", *library, *parts, folder=tmp_path)
    assert_well_formed(found)
    assert [row["bar"] for row in rows_of(found, "a hold protected")] == [10, 50]
    assert {row["bar"] for row in rows_of(found, "look opened")} == {2, 4}
    assert all(row["peer"] > 0 for row in rows_of(found, "look opened"))
    # So few are read by one process, at 12 ×; the bar is of a million, read by one for each core.
    (verified,) = rows_of(found, "20,000 entries verified")
    assert verified["ratio"] <= 6 * verified["bar"], "what has multiplied is seen, and a busy machine does not fail it"
    assert not list(tmp_path.iterdir())


@pytest.mark.soak  # it decodes 1080p for some twenty seconds
def test_stills_are_measured_beside_ffmpeg(tmp_path: Path) -> None:
    options = ("--parts", "stills", "--stills", "3", "--repeat", "1", "--seconds", "6")
    _, found = run("rules.py", *options, folder=tmp_path)
    assert_well_formed(found)
    for beginning in ("a 1080p still", "twelve over a day"):
        assert all(row["peer"] > 0 for row in rows_of(found, beginning))
    assert {row["bar"] for row in rows_of(found, "a 1080p still at any instant, key frame each second")} == {0.25}
    assert not list(tmp_path.iterdir())


def test_the_door_is_measured_beside_sshd_and_a_full_screen_program(tmp_path: Path) -> None:
    small = ("--repeat", "1", "--crowd", "2", "--idle", "1", "--seconds", "0.5")
    _, found = run("door.py", "--parts", "paint", "pictures", "crowd", "idle", *small, folder=tmp_path)
    assert_well_formed(found)
    assert found["peer"].startswith("sshd with ")
    assert [row["bar"] for row in rows_of(found, "log-in to first paint")] == [150]
    assert [row["bar"] for row in rows_of(found, "twelve thumbnails, from the key")] == [500]
    assert rows_of(found, "bytes of the first")[0]["holds"] is True
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


@pytest.mark.soak  # a house of its own, with four cameras
def test_four_cameras_side_by_side_are_measured(tmp_path: Path) -> None:
    _, found = run("door.py", "--parts", "four", "--repeat", "1", folder=tmp_path)
    assert_well_formed(found)
    assert found["rows"]
    assert not list(tmp_path.iterdir())


def test_an_hour_exported_is_measured_beside_a_copy_of_it(tmp_path: Path) -> None:
    short = ("--minutes", "1", "--long", "2", "--mbps", "0.5", "--masked-minutes", "0", "--repeat", "1")
    _, found = run("export.py", *short, folder=tmp_path)
    assert_well_formed(found)
    (whole,) = rows_of(found, "1 min at 0.5 Mbit/s")
    assert (whole["bar"], whole["peer"] > 0) == (2, True)
    assert rows_of(found, "memory grows by")[0]["holds"] is True
    assert not list(tmp_path.iterdir())


@pytest.mark.soak  # two services of its own, one after the other; what it computes is tested below
def test_a_service_with_work_going_on_is_measured_and_no_frame_is_lost(tmp_path: Path) -> None:
    _, found = run(
        *("scale.py", "--cameras", "2", "--minutes", "0.1", "--every", "4", "--settle", "0", "--media", "h264_100k"),
        folder=tmp_path,
    )
    assert_well_formed(found)
    lost = rows_of(found, "lost frames")[0]
    assert (lost["ours"], lost["holds"]) == (0, True)
    assert lost["detail"]["frames"] >= 2 * 6 * 10
    assert lost["detail"]["acts"] == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.timeout(600)
def test_a_year_is_measured_beside_a_month(tmp_path: Path) -> None:
    _, found = run(
        *("ageing.py", "--scale", "0.004", "--days", "24", "--cameras", "2"),
        *("--starts", "1", "--repeat", "1", "--idle", "1"),
        folder=tmp_path,
    )
    assert_well_formed(found)
    for beginning in (
        "start until every camera",
        "status",
        "hold list",
        "log show, a page",
        "timeline",
        "what the first",
    ):
        assert {row["bar"] for row in rows_of(found, beginning)} == {2}
    for beginning in (
        "the log verified",
        "the report",
        "a backup",
        "footage of one camera verified",
        "start until all",
    ):
        assert {row["bar"] for row in rows_of(found, beginning)} == {None}
        assert all(row["peer"] > 0 for row in rows_of(found, beginning))
    assert not list(tmp_path.iterdir())


def test_what_is_promised_in_seconds_has_its_rows_and_what_cannot_be_measured_does_not_hold(tmp_path: Path) -> None:
    _, found = run(
        "promises.py", "--parts", "redial", "status", "--repeat", "1", "--connections", "50", folder=tmp_path
    )
    assert found["bench"] == "promises-redial-status", "with --save they would take the place of all the others"
    assert_well_formed(found)
    assert [row["bar"] for row in rows_of(found, "a camera says goodbye")] == [2, 2]
    assert {row["bar"] for row in rows_of(found, "`status` (API)")} == {2}
    assert not list(tmp_path.iterdir())

    def fails_the_second_time(row: promised.Promise) -> None:
        row.ours.append(1.0)
        if len(row.ours) == 2:
            raise OSError("the camera is gone")

    failed = promised.promised("what", 5.0, fails_the_second_time, turns=2)
    assert (failed.ours, failed.holds, failed.detail["failed"]) == (None, False, "OSError: the camera is gone")


@pytest.mark.soak  # some minutes: each promise is waited for once
@pytest.mark.timeout(1800)
def test_each_promise_has_a_figure(tmp_path: Path) -> None:
    _, found = run(
        *("promises.py", "--repeat", "1", "--cameras", "8", "--hostile", "2", "--entries", "2000"),
        folder=tmp_path,
        seconds=1700,
    )
    assert found["bench"] == "promises"
    assert_well_formed(found)
    assert all(row["bar"] for row in found["rows"])
    assert {row["bar"] for row in rows_of(found, "a letter of appointment ends")} == {5}
    for beginning in (
        "a key while thumbnails load",
        "the Director's log-in past 160 clients",
        "bundles made to hurt",
        "`log export --public`",
        "a paper beside a witness",
    ):
        assert all(row["peer"] > 0 for row in rows_of(found, beginning))
    assert not list(tmp_path.iterdir())


def test_a_frame_that_is_missing_in_or_between_files_is_counted(tmp_path: Path) -> None:
    medium = media("h264_100k")

    def cut(name: str, start: int, end: int, dropped: int = -1) -> str:
        """Frames ``start`` to ``end`` of the medium without one of them, as a recorder would have kept them."""
        units = medium.units[start:end]
        data = medium.data.read_bytes()[units[0].offset : units[-1].offset + units[-1].size]
        file = tmp_path / f"{name}.mp4"
        command = [program("ffmpeg", "ffmpeg"), "-v", "error", "-f", "h264", "-i", "-", "-c", "copy"]
        drop = ("-bsf:v", f"noise=drop=eq(n\\,{dropped - start})") if dropped >= 0 else ()
        subprocess.run([*command, *drop, file], input=data, check=True)
        return str(file)

    first, second = cut("first", 0, 100), cut("second", 100, 200, dropped=150)
    hashes = [unit.sha256 for unit in medium.units]
    found = order.judge(hashes, {"a": order.Stretch([first, second], None), "b": order.Stretch([second], 97)})
    assert found["a"] == order.Found(recorded=199, lost=1, strangers=0, last=199)
    assert found["b"] == order.Found(recorded=99, lost=3, strangers=0, last=199)
    assert order.judge(["of another medium"], {"a": order.Stretch([first], None)})["a"].strangers == 100


def test_what_a_bench_before_has_saved_does_not_count_as_a_change(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=tmp_path, check=True)

    assert rows.commit(tmp_path) == "unknown"
    (tmp_path / "bench" / "figures").mkdir(parents=True)
    for name in ("code.py", "bench/figures/door.json"):
        (tmp_path / name).write_text("1")
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    clean = rows.commit(tmp_path)
    (tmp_path / "bench" / "figures" / "door.json").write_text("2")
    assert rows.commit(tmp_path) == clean
    (tmp_path / "code.py").write_text("2")
    assert rows.commit(tmp_path) == f"{clean}-dirty"


@pytest.mark.parametrize(("value", "code"), [(0.5, 0), (0.7, 1), (None, 1)])
def test_a_missed_bar_or_a_row_without_a_figure_ends_with_1(value: float | None, code: int) -> None:
    script = (
        "from argparse import Namespace; from bench.parts.rows import Row, report\n"
        f"row = Row('what', 's', {value}, 1.0, 0.6)\n"
        "raise SystemExit(report('rows', [row], Namespace(json=True, bars=True, save=False)))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert json.loads(done.stdout)["rows"][0]["holds"] is (code == 0)
