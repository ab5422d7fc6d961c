"""Data folders that are new, foreign, newer, damaged, locked, read-only or somebody else's: said in a sentence."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import Unavailable
from holdshelf_core.operations import offline
from tests.rig.faults import SizedTmpfs
from tests.rig.hang import HANG_S
from tests.rig.processes import processes_with_files_in
from tests.service import Service, wait_for
from tests.tui.cli.test_driver import HOLDSHELF, here, run, tree

needs_root = pytest.mark.skipif(
    os.geteuid() != 0 and "CI" not in os.environ, reason="only root may mount and become another user"
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder that was set up and never served."""
    folder = tmp_path / "data"
    offline.init(folder, media=None, budget_bytes=None, floor_days=None)
    return folder


# --- init --------------------------------------------------------------------------------------------------------


def test_init_makes_a_folder_only_for_its_owner_and_says_what_it_did(tmp_path: Path) -> None:
    done = run("init", "--data", tmp_path / "Bücherei Süd", "--budget", "300MiB", "--floor-days", "14")
    assert done.code == 0
    for words in ("Bücherei Süd is ready", "Footage may take 314.6 MB.", "fewer than 14 days"):
        assert words in done.out
    for part in ("state", "media"):
        assert (tmp_path / "Bücherei Süd" / part).stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--budget", "1", "too small"),
        ("--budget", "255MiB", "Give at least 256MiB"),
        ("--budget", "999TB", "more than the whole disk"),
        ("--budget", "9" * 40 + "TB", "more than the whole disk"),
        ("--budget", "-5GB", "is not a size"),
        ("--budget", "nonsense", "is not a size"),
        ("--budget", "", "is not a size"),
        ("--floor-days", "nan", "makes no sense"),
        ("--floor-days", "inf", "makes no sense"),
        ("--floor-days", "0", "makes no sense"),
        ("--floor-days", "soon", "--floor-days"),
        ("--media", "/nonexistent/disk", "is not a folder"),
    ],
)
def test_a_bad_setting_is_refused_and_leaves_no_folder_behind(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    option: str,
    value: str,
    words: str,
) -> None:
    assert words in here(capsys, monkeypatch, "init", "--data", tmp_path / "new", option, value).refusal()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("option", "value"), [("--budget", "999TB"), ("--budget", "1kB"), ("--floor-days", "-1")])
def test_a_bad_setting_leaves_a_folder_that_is_set_up_as_it_was(data: Path, option: str, value: str) -> None:
    run("init", "--data", data, "--budget", "1GB")
    before = tree(data)
    run("init", "--data", data, option, value).refusal()
    assert tree(data) == before


def test_a_budget_over_nine_tenths_of_the_disk_is_said_to_be_capped(data: Path) -> None:
    figures = os.statvfs(data)
    asked = figures.f_blocks * figures.f_frsize * 95 // 100
    assert "90% of the disk, the most there is" in run("init", "--data", data, "--budget", str(asked)).out


@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_data_option_is_not_the_folder_one_stands_in(tmp_path: Path, empty: str) -> None:
    for command in (["init"], ["status"], ["demo", "--seconds", "1"]):
        assert "--data is empty" in run(*command, "--data", empty, cwd=tmp_path).refusal()
    assert list(tmp_path.iterdir()) == []


def test_init_refuses_what_is_no_folder_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "thesis.txt").write_text("not Holdshelf's")
    before = tree(tmp_path)
    assert "file" in run("init", "--data", tmp_path / "file").refusal()
    assert "thesis.txt" in run("init", "--data", tmp_path / "d", "--media", tmp_path / "media").refusal()
    assert "thesis.txt" in run("init", "--data", tmp_path).refusal()
    assert tree(tmp_path) == before


def test_init_links_to_another_disk_and_takes_no_other_installations_media(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    assert run("init", "--data", tmp_path / "one", "--media", tmp_path / "disk").code == 0
    assert (tmp_path / "one" / "media").readlink() == tmp_path / "disk"
    before = tree(tmp_path)
    assert run("init", "--data", tmp_path / "one", "--media", tmp_path / "disk").code == 0
    assert "another installation" in run("init", "--data", tmp_path / "two", "--media", tmp_path / "disk").refusal()
    assert tree(tmp_path) == before


# --- not set up, newer, damaged ----------------------------------------------------------------------------------


_COMMANDS = """serve --no-door | status | jobs | camera list | camera discover | camera check door | camera remove door --yes
| camera add rtsp://192.0.2.7/a --name A --area seating | footage list | footage gaps | footage verify"""


@pytest.mark.parametrize("command", [command.strip() for command in _COMMANDS.split("|")])
def test_every_command_says_that_a_folder_is_not_set_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    ask = run if command.startswith("serve") else partial(here, capsys, monkeypatch)
    refusal = ask(*command.split(), "--data", tmp_path / "none").refusal()
    assert "is not set up" in refusal
    assert f"`holdshelf init --data {tmp_path / 'none'}`" in refusal
    assert list(tmp_path.iterdir()) == []


def test_without_a_service_a_command_says_how_to_start_it_and_check_says_unknown(data: Path) -> None:
    assert "No service runs on" in run("status", "--data", data).refusal()
    checked = run("status", "--check", "--data", data)
    assert (checked.code, checked.err) == (3, "")
    assert checked.out.startswith("UNKNOWN: No service runs on")
    in_json = run("status", "--check", "--json", "--data", data)
    assert (in_json.code, in_json.out) == (3, "")


def test_doctor_without_a_service_looks_at_the_disk_and_says_what_is_missing(data: Path, tmp_path: Path) -> None:
    steps = {step["name"]: step for step in run("doctor", "--json", "--data", data).json()["steps"]}
    assert {name: steps[name]["outcome"] for name in ("permissions", "mount", "link", "room", "service")} == {
        "permissions": "ok",
        "mount": "ok",
        "link": "ok",
        "room": "ok",
        "service": "failed",
    }
    assert "holdshelf serve" in steps["service"]["next_step"]
    assert all(step["next_step"] for step in steps.values() if step["outcome"] == "failed")
    (data / "state").chmod(0o755)
    looked = run("doctor", "--data", data)
    assert looked.code == 1
    assert "FAILED   Others may read" in looked.out
    (data / "media").rename(tmp_path / "elsewhere")
    assert "FAILED   " in run("doctor", "--data", data).out


def _newer_state(data: Path) -> None:
    _bump(data / "state" / "volume.json", "format")


def _newer_media(data: Path) -> None:
    _bump(data / "media" / "volume.json", "format")


def _newer_register(data: Path) -> None:
    offline.init(data, media=None, budget_bytes=1 << 30, floor_days=None)
    _bump(data / "state" / "register.json", "schema")


def _bump(path: Path, key: str) -> None:
    content = json.loads(path.read_bytes())
    content[key] += 1
    path.write_text(json.dumps(content))


@pytest.mark.parametrize("newer", [_newer_state, _newer_media, _newer_register])
def test_a_folder_of_a_newer_version_is_refused_untouched(data: Path, newer: Callable[[Path], None]) -> None:
    newer(data)
    before = tree(data)
    for command in (["serve", "--no-door"], ["init", "--budget", "2GB"]):
        refusal = run(*command, "--data", data).refusal()
        assert "written by a newer Holdshelf" in refusal
        assert "install that version" in refusal
    assert tree(data) == before
    if newer is not _newer_register:
        assert "written by a newer Holdshelf" in run("doctor", "--data", data).out


def test_a_corrupt_register_is_set_aside_named_and_alarmed_about(tmp_path: Path) -> None:
    service = Service(tmp_path / "data", budget_bytes=1 << 30)
    (service.data / "state" / "register.json").write_text("garbage")
    with service:
        (aside,) = (service.data / "state").glob("register.corrupt-*.json")
        checked = run("status", "--check", "--data", service.data)
        assert checked.code == 2
        assert checked.out.startswith("CRITICAL: ")
        shown = run("status", "--data", service.data)
        assert shown.code == 0
        assert aside.name in shown.out
        assert aside.read_text() == "garbage"


# --- somebody else holds it --------------------------------------------------------------------------------------


@needs_root
def test_a_read_only_disk_is_told_by_every_command_that_would_write() -> None:
    with SizedTmpfs(400) as disk:
        folder = disk.mount_point / "data"
        offline.init(folder, media=None, budget_bytes=None, floor_days=None)
        subprocess.run(["mount", "-o", "remount,ro", str(disk.mount_point)], check=True)
        before = tree(folder)
        for command in (["init"], ["init", "--budget", "300MiB"]):
            assert "read-only" in run(*command, "--data", folder).refusal()
        assert "read-only" in run("init", "--data", disk.mount_point / "new").refusal()
        assert "mounted read-only" in run("doctor", "--data", folder).out
        assert tree(folder) == before


@needs_root
def test_an_account_that_may_not_see_the_folder_is_told_so(data: Path, tmp_path: Path) -> None:
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    for folder in (tmp_path, *tmp_path.parents):
        if Path(tempfile.gettempdir()) in folder.parents:
            folder.chmod(0o755)
    before = tree(data)
    for command in (["status"], ["serve"], ["init"], ["init", "--budget", "1GB"], ["camera", "list"]):
        refusal = run(*command, "--data", data, prefix=nobody, cwd="/").refusal()
        assert "account" in refusal or "permission" in refusal.lower()
    assert run("status", "--check", "--data", data, prefix=nobody, cwd="/").code == 3
    looked = run("doctor", "--data", data, prefix=nobody, cwd="/")
    assert (looked.code, looked.err) == (1, "")
    assert "This account may not look into" in looked.out
    assert tree(data) == before


# --- a service and what started it -------------------------------------------------------------------------------


@pytest.fixture
def served(data: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [HOLDSHELF, "serve", "--data", str(data), "--ends-with-stdin"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        process_group=0,
    )
    with process:
        wait_for("the service answers", lambda: _answers(data))
        yield process
        process.kill()


def _answers(data: Path) -> bool:
    with contextlib.suppress(Unavailable):
        return Client(data).status().pid > 0
    return False


def test_a_service_can_end_with_the_program_that_started_it(served: subprocess.Popen[bytes], data: Path) -> None:
    assert served.stdin is not None
    served.stdin.close()
    assert served.wait(HANG_S) == 0
    wait_for("nothing is left running", lambda: processes_with_files_in(data) == [])


def test_ctrl_c_ends_a_service_in_order(served: subprocess.Popen[bytes], data: Path) -> None:
    served.send_signal(signal.SIGINT)
    assert served.wait(HANG_S) == 0
    wait_for("nothing is left running", lambda: processes_with_files_in(data) == [])
