"""The service anchors what was recorded, says what is missing, and lets a disk be checked without it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdshelf_core.buffer.offline import verify_report
from holdshelf_core.holds import types as types_holds
from holdshelf_core.looks import types as types_looks
from holdshelf_core.operations.types import ReadJobs
from holdshelf_storage import layout
from holdshelf_storage.access_log.verify import verify_log
from holdshelf_storage.anchors import anchors
from holdshelf_storage.anchors.log import read_batches
from holdshelf_storage.footage.hashing import frames_tree
from holdshelf_storage.footage.verify import Report
from tests import log_files
from tests.looking import NS, Recorded, commissioned, record, seed
from tests.people import People
from tests.rig import forked
from tests.rig.rtsp import Mount, RtspServer
from tests.scenes.rig import Library
from tests.service import Service, wait_for

FILES = 12
"""Of a camera that `record` makes: two minutes, a gap, two minutes."""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(tmp_path / "data", mint=True)
    seed(made.data, commissioned("lobby"))
    yield made
    made.__exit__(None, None, None)


@pytest.fixture
def recorded(service: Service) -> Recorded:
    return record(service.data, ("lobby", "desk"))


def batches(service: Service) -> list[anchors.Batch]:
    found, report = read_batches(service.data / "state")
    assert report.problems == []
    return found


def lines_of(service: Service) -> list[bytes]:
    """All that is anchored, read from the lists."""
    folder = service.data / "media" / "anchors"
    return [
        leaf for batch in batches(service) for leaf in (folder / f"{batch.root}.txt").read_bytes().split(b"\n")[:-1]
    ]


def journal_lines(service: Service) -> list[bytes]:
    media = service.data / "media"
    return [
        f"{path.relative_to(media)} ".encode() + line
        for path in sorted(media.glob("footage/*/*/journal.jsonl"))
        for line in path.read_bytes().split(b"\n")[:-1]
    ]


def test_a_clean_stop_anchors_and_a_kill_loses_nothing(service: Service, recorded: Recorded) -> None:
    service.start()
    service.stop()
    assert sorted(lines_of(service)) == sorted(journal_lines(service))
    assert sum(1 for line in lines_of(service) if b'"kind":"segment"' in line) == 2 * FILES
    state = service.data / "state"
    entries = verify_log(state).entries
    assert entries == read_batches(state)[0][-1].seq
    assert b"\\n%d\\n" % entries in (service.data / "media" / "log-seen").read_bytes(), (
        "cut off, it would not be missed"
    )
    service.start()
    service.stop()
    assert len(batches(service)) == 1, "nothing new, so no entry"
    record(service.data, ("lobby",), recorded.end_utc_ns + NS)
    service.start()
    service.kill()
    assert len(lines_of(service)) < len(journal_lines(service))
    # A list that was written before its entry: as a kill in between leaves it.
    (service.data / "media" / "anchors" / f"{'0' * 64}.txt").write_bytes(b"footage/lobby/2026-01-01/journal.jsonl {}\n")
    service.start()
    service.stop()
    assert sorted(lines_of(service)) == sorted(journal_lines(service)), "each line once"


def test_what_cannot_be_written_is_anchored_the_next_time(service: Service, recorded: Recorded) -> None:
    """A disk that takes no list: nothing else stops, and nothing is called proven."""
    place = service.data / "media" / "anchors"
    place.write_bytes(b"")
    service.start()
    report = service.verify()
    assert (report.proven, report.unanchored, report.problems) == (0, 2 * FILES, [])
    assert any("cannot be proven by the access log yet" in note for note in report.notes)
    assert service.stop() == 0
    assert batches(service) == []
    place.unlink()
    service.start()
    assert service.verify().proven == 2 * FILES
    service.stop()
    assert sorted(lines_of(service)) == sorted(journal_lines(service))


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (1, ["1 file was recorded since the last anchor,", "1 file of which the journals tell is not there."]),
        (2, ["2 files were recorded since the last anchor,", "2 files of which the journals tell are not there."]),
    ],
)
def test_one_file_is_told_as_one(files: int, told: list[str]) -> None:
    notes = verify_report(Report(unanchored=files, untold=files), []).notes
    assert [note.startswith(words) for note, words in zip(notes, told, strict=True)] == [True, True], notes


def test_what_was_removed_is_missing_everywhere(service: Service, recorded: Recorded, tmp_path: Path) -> None:
    service.start()
    assert service.verify().problems == []
    people = People(service)
    director = Library(service, people, recorded, tmp_path, people.name_director()).director
    victim = service.files("lobby")[3]
    rows = [row for row in service.segments("lobby") if Path(row.file).name == victim.name]
    start, end = rows[0].start_utc_ns, rows[0].end_utc_ns
    victim.unlink()

    report = service.verify(deep=False)
    assert [(m.camera, m.start_utc_ns, m.end_utc_ns) for m in report.missing] == [("lobby", start, end)]
    assert any(f"{victim.name} is missing" in problem for problem in report.problems)
    repair = service.repairs()["footage_missing"]
    assert (repair.severity, victim.name in repair.sentence) == ("error", True)
    assert [(row.missing, row.erased) for row in service.segments("lobby") if row.seq == rows[0].seq] == [(True, False)]
    seen = director.act(types_looks.ActivityAsk("lobby", recorded.start_utc_ns, recorded.end_utc_ns, 60))
    assert [(m.kind, m.start_utc_ns, m.end_utc_ns) for m in seen.missing if m.kind != "gap"] == [
        ("missing", start, end)
    ]
    spans = [types_holds.SpanAsk("lobby", recorded.start_utc_ns, recorded.gap_utc_ns)]
    hold = director.act(types_holds.HoldPlace("litigation", "C-1", spans))
    told = [(part.kind, part.start_utc_ns, part.end_utc_ns) for part in hold.coverage if part.kind == "missing"]
    assert told == [("missing", start, end)]

    service.stop()
    service.start()
    looked = "1 file is missing"
    wait_for("the look", lambda: looked in [row.last_result for row in service.client.read(ReadJobs())])
    assert "footage_missing" in service.repairs()
    done = run(service, "status", "--check")
    assert (done.returncode, "missing" in done.stdout) == (2, True)
    assert "MISSING" in run(service, "footage", "list", "--camera", "lobby").stdout


def forged(service: Service, at_utc_ns: int, *victims: Path) -> None:
    """`rm` of files and their second names, and what the ledger says when the rolling buffer erases."""
    lines: list[dict[str, object]] = []
    for path in victims:
        part = {"camera": path.parts[-3], "day": path.parts[-2], "seqs": [int(path.name.partition("_")[0])]}
        part |= {"start_utc_ns": 1, "end_utc_ns": 2, "allocated_bytes": 4096}
        lines.append({"kind": "intent", "id": path.name, "at_utc_ns": at_utc_ns, "reason": "budget", "days": [part]})
        lines.append({"kind": "done", "id": path.name, "freed_bytes": 4096, "kept": []})
        for other in service.data.glob(f"media/shelf/*/*/*/{path.name}"):
            other.unlink()
        path.unlink()
    ledger = service.data / "state" / "ledger"
    ledger.mkdir(exist_ok=True)
    with (ledger / f"{layout.day_of(at_utc_ns)[:7]}.jsonl").open("a") as file:
        file.write("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))


def test_what_a_line_by_hand_calls_erased_is_missing_everywhere(
    service: Service, recorded: Recorded, tmp_path: Path
) -> None:
    """The oldest of all, dated back to before its hold, and one that is younger than what stands."""
    service.start()
    people = People(service)
    director = Library(service, people, recorded, tmp_path, people.name_director()).director
    end = recorded.start_utc_ns + 10 * NS
    hold = director.act(
        types_holds.HoldPlace("litigation", "C-1", [types_holds.SpanAsk("lobby", recorded.start_utc_ns, end)])
    )
    wait_for("the second name", lambda: len(list(service.data.glob(f"media/shelf/{hold.id}/lobby/*/*.mp4"))) == 1)
    assert service.verify(deep=False).problems == []
    service.stop()
    record(service.data, ("desk",), recorded.end_utc_ns + NS)
    service.start()
    assert service.verify(deep=False).problems == []
    held, younger = service.files("lobby")[0], service.files("desk")[5]
    forged(service, hold.placed_utc_ns - 3600 * NS, held, younger)

    told = " ".join(service.verify(deep=False).problems)
    assert f"{held.name} is missing" in told
    assert "was erased while it was on hold." in told
    assert f"{younger.name} is missing" in told
    assert "was erased out of order" in told
    assert "2 files of footage are missing" in service.repairs()["footage_missing"].sentence
    rows = {Path(row.file).name: row for camera in ("desk", "lobby") for row in service.segments(camera)}
    assert [(rows[one.name].missing, rows[one.name].erased) for one in (held, younger)] == [(True, False)] * 2
    shown = people.client("dora").act(types_holds.HoldAsk(hold.id))
    assert [(part.kind, part.start_utc_ns) for part in shown.coverage] == [("missing", recorded.start_utc_ns)]
    service.stop()
    done = offline(service, service.data / "media", service.data / "state")
    assert (done.returncode, held.name in done.stdout, younger.name in done.stdout) == (1, True, True)
    service.start()
    wait_for("the look for missing footage", lambda: "footage_missing" in service.repairs())
    assert "2 files of footage are missing" in service.repairs()["footage_missing"].sentence


def test_what_is_on_hold_and_missing_is_told_whatever_its_age(
    service: Service, recorded: Recorded, tmp_path: Path
) -> None:
    """The oldest of all: without a hold they would be of no use to anybody by now."""
    service.start()
    people = People(service)
    director = Library(service, people, recorded, tmp_path, people.name_director()).director
    for path in service.files("lobby")[:2]:
        path.unlink()
    end = recorded.start_utc_ns + 30 * NS
    hold = director.act(
        types_holds.HoldPlace("litigation", "C-1", [types_holds.SpanAsk("lobby", recorded.start_utc_ns, end)])
    )
    assert [part.kind for part in hold.coverage] == ["missing"]
    assert len(service.verify(deep=False).missing) == 2
    assert "2 files of footage are missing" in service.repairs()["footage_missing"].sentence


@pytest.mark.parametrize("what", ["day", "camera"])
def test_a_folder_that_was_removed_is_told_by_what_the_log_anchored(
    service: Service, recorded: Recorded, tmp_path: Path, what: str
) -> None:
    service.start()
    assert service.verify().problems == []
    camera = service.data / "media" / "footage" / "desk"
    for folder in [camera] if what == "camera" else list(camera.glob("2*")):
        shutil.rmtree(folder)
    report = service.verify(deep=False)
    assert len(report.missing) == FILES
    assert {m.camera for m in report.missing} == {"desk"}
    assert f"{FILES} files of footage are missing" in service.repairs()["footage_missing"].sentence
    rows = service.segments("desk")
    assert [(row.missing, row.erased) for row in rows] == [(True, False)] * FILES
    people = People(service)
    director = Library(service, people, recorded, tmp_path, people.name_director()).director
    spans = [types_holds.SpanAsk("desk", recorded.start_utc_ns, recorded.gap_utc_ns)]
    hold = director.act(types_holds.HoldPlace("litigation", "C-1", spans))
    assert [part.kind for part in hold.coverage] == ["missing"]


def run(service: Service, *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "holdshelf_tui.cli", *map(str, words)]
    if "--media" not in words:
        command += ["--data", str(service.data)]
    return forked.run(command, capture_output=True, text=True)


def offline(service: Service, media: Path, state: Path | None, *more: str) -> subprocess.CompletedProcess[str]:
    place = ["--media", str(media), *(["--state", str(state)] if state is not None else [])]
    return run(service, "footage", "verify", *place, *more)


def test_a_disk_is_checked_without_the_service_and_nothing_is_written(
    service: Service, recorded: Recorded, tmp_path: Path
) -> None:
    service.start()
    service.stop()
    media, state = tmp_path / "copy" / "media", tmp_path / "copy" / "state"
    shutil.copytree(service.data / "media", media)
    shutil.copytree(service.data / "state", state)
    before = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in (tmp_path / "copy").rglob("*")}

    done = offline(service, media, state, "--deep")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{2 * FILES} files" in done.stdout
    assert f"{2 * FILES} lines of journals proven by the access log" in done.stdout
    assert "its head is" in done.stdout
    done = offline(service, media, None)
    assert done.returncode == 0
    assert "0 lines of journals proven by the access log" in done.stdout
    assert "Without the state folder" in done.stdout
    after = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in (tmp_path / "copy").rglob("*")}
    assert after == before

    victim = sorted(media.glob("footage/desk/2*/*.mp4"))[2]
    victim.unlink()
    done = offline(service, media, state)
    assert (done.returncode, f"{victim.name} is missing" in done.stdout) == (1, True)
    done = offline(service, media, None, "--json")
    assert done.returncode == 0, "without the ledger nobody can say whether it was erased"
    assert "1 file of which the journals tell is not there." in json.loads(done.stdout)["notes"]
    log_files.replace(state, b'"lines":', b'"lines": ')
    done = offline(service, media, state)
    assert (done.returncode, "nothing could be held against it" in done.stdout) == (1, True)
    for wrong in ((tmp_path, None), (media, tmp_path), (tmp_path / "nowhere", None)):
        done = offline(service, *wrong)
        assert done.returncode != 0
        assert "Traceback" not in done.stderr
        assert done.stdout == ""


def test_a_running_service_is_not_kept_from_anything(service: Service, recorded: Recorded) -> None:
    service.start()
    assert service.verify(deep=False).problems == []
    done = offline(service, service.data / "media", service.data / "state")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_log_that_is_damaged_leaves_nothing_called_good(service: Service, recorded: Recorded) -> None:
    service.start()
    service.stop()
    path = log_files.month_with(service.data / "state", b'"lines":')
    assert path.read_bytes().count(b'"lines":') == 1
    log_files.replace(service.data / "state", b'"lines":2', b'"lines":3')
    service.start()
    found = service.verify(deep=False).problems
    assert any("compared with the access log" in problem for problem in found), found


def test_the_recorder_says_the_root_over_the_frames(tmp_path: Path) -> None:
    with RtspServer([Mount("a"), Mount("b", media="h265_360p")]) as cameras, Service(tmp_path / "data") as service:
        for name in ("a", "b"):
            service.add(cameras.url(name), name)
        service.await_recording("a", "b")
        wait_for("some seconds of both", lambda: all(service.camera(one).recorded_s > 2 for one in ("a", "b")))
        service.stop()
        lines = [json.loads(line.partition(b" ")[2]) for line in lines_of(service)]
        segments = {line["name"]: line for line in lines if line["kind"] == "segment"}
        files = [*service.files("a"), *service.files("b")]
        assert {path.name for path in files} == segments.keys()
        for path in files:
            fd = os.open(path, os.O_RDONLY)
            try:
                tree = frames_tree(fd)
            finally:
                os.close(fd)
            line = segments[path.name]
            assert (tree.size, tree.root().hex()) == (line["frames"], line["frames_root"])
