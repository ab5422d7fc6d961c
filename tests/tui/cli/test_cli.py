"""The command line against a running service and real streams, as an admin types it. The data folder's path is long."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import typer.main

from holdshelf_core.api.client import Client
from holdshelf_tui.cli.app import app
from tests.rig.hang import HANG_S
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service, faults_in, wait_for
from tests.tui.cli.test_driver import HOLDSHELF, Ran, here, run, tree

PASSWORD = "shelf-42"


@pytest.fixture(scope="module")
def cameras() -> Iterator[RtspServer]:
    with RtspServer(
        [Mount("door"), Mount("hall", media="h265_360p", audio="aac"), Mount("lock", auth="digest")]
    ) as rig:
        yield rig


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("cli") / "Bücherei Süd, 2. Stock" / ("x" * 150)
    folder.mkdir(parents=True)
    with Service(folder / "data", budget_bytes=1 << 30) as running:
        yield running


@pytest.fixture(scope="module")
def second(service: Service) -> Iterator[subprocess.Popen[str]]:
    """Another `serve` on the folder: it waits ten seconds for the lock, so it is started early and asked late."""
    words = [HOLDSHELF, "serve", "--data", str(service.data)]
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=-1, stderr=-1, text=True) as process:
        yield process
        process.kill()


@pytest.fixture(scope="module")
def passwords(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("passwords")
    (folder / "right").write_text(f"{PASSWORD}\nanother line\n")
    (folder / "windows").write_bytes(f"\ufeff{PASSWORD}\r\n".encode())
    (folder / "wrong").write_text("guess")
    (folder / "empty").write_text("\n")
    (folder / "binary").write_bytes(b"\xff\xfe\0\0")
    return folder


@pytest.fixture(scope="module")
def door(service: Service, cameras: RtspServer, second: subprocess.Popen[str]) -> str:
    """A camera that records from the first test on."""
    words = ["--name", "Front  Tür 🚪", "--area", "Entrance", "--json"]
    added = run("camera", "add", cameras.url("door"), *words, "--data", service.data)
    assert added.json() == {"id": "front-tur", "name": "Front Tür 🚪", "warnings": []}
    service.await_recording("front-tur")
    return "front-tur"


# --- help --------------------------------------------------------------------------------------------------------


def _commands(of: typer.Typer = app) -> dict[str, Any]:
    """Every command by its words."""
    found = {}
    todo = [("", typer.main.get_command(of))]
    for words, command in todo:  # grows while it is walked
        inner = getattr(command, "commands", None)
        if inner is None:
            found[words.strip()] = command
        else:
            todo += [(f"{words} {name}", each) for name, each in inner.items()]
    return found


COMMANDS = _commands()


def test_all_commands_of_the_design_are_there() -> None:
    assert set(COMMANDS) >= {
        *("init", "serve", "status", "jobs", "doctor", "plan", "demo"),
        *("camera discover", "camera add", "camera list", "camera check", "camera remove"),
        *("footage list", "footage gaps", "footage verify"),
    }


OF_A_FILE = ("policy draft", "policy schema", "policy words")


@pytest.mark.parametrize("words", COMMANDS)
def test_help_has_an_example_whose_options_exist(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    shown = here(capsys, monkeypatch, *words.split(), "--help")
    assert shown.code == 0
    text = " ".join(shown.out.split())
    example = text.partition("Example: ")[2]
    assert example.startswith(f"holdshelf {words}")
    known = {option for parameter in COMMANDS[words].params for option in getattr(parameter, "opts", [])}
    assert set(re.findall(r"(?<= )--[a-z-]+", example)) <= known
    assert COMMANDS[words].help
    assert all(getattr(parameter, "help", "x") for parameter in COMMANDS[words].params if not parameter.hidden)
    # These ask no service, or set up the one of this machine.
    if words not in ("plan", "demo", "policy explain", "offsite fetch", "setup", "timestamp verify", *OF_A_FILE):
        assert "--data DIR" in text


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        ("nosuch", "No such command 'nosuch'"),
        ("camera nosuch", "No such command 'nosuch'"),
        ("status --nosuch", "No such option"),
        ("camera add --name", "requires an argument"),
        ("camera check", "Missing argument"),
        ("plan", "--cameras"),
        ("plan --cameras two", "--cameras"),
        ("demo --cameras 9", "--cameras"),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: str, wrong: str
) -> None:
    ran = here(capsys, monkeypatch, *words.split())
    assert ran.code == 2
    assert wrong in ran.refusal()
    assert "--help`." in ran.err


@pytest.mark.parametrize("words", ["", "camera", "footage"])
def test_a_group_without_a_command_shows_its_help(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    ran = here(capsys, monkeypatch, *words.split())
    assert ran.code == 2
    assert "Commands:" in ran.err
    assert "because of a bug" not in ran.err


# --- plan --------------------------------------------------------------------------------------------------------


def test_plan_says_what_disk_eight_cameras_need(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    need = here(capsys, monkeypatch, "plan", "--cameras", "8", "--mbps", "4", "--days", "30", "--json").json()
    pure_bytes = 8 * 4e6 / 8 * 86_400 * 30
    assert pure_bytes <= need["footage_bytes"] <= pure_bytes * 1.02
    assert need["footage_bytes"] / 0.9 <= need["disk_bytes"] <= need["footage_bytes"] / 0.9 * 1.001
    assert need["inodes"] >= 8 * 30 * 1440
    text = here(capsys, monkeypatch, "plan", "--cameras", "8").out
    assert "Disk needed: 11.6 TB" in text


@pytest.mark.parametrize("bad", ["--cameras=0", "--cameras=-1", "--days=nan", "--days=inf", "--mbps=0", "--mbps=1e9"])
def test_plan_refuses_what_makes_no_sense(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, bad: str
) -> None:
    assert "more than 0 and less than a million" in here(capsys, monkeypatch, "plan", "--cameras=8", bad).refusal()


# --- refused, and nothing changed --------------------------------------------------------------------------------

ADD_LOCK = ["camera", "add", "{lock}", "--name", "Lock", "--area", "seating", "--user", "viewer"]
ADD_DOOR = ["camera", "add", "{door}x", "--name", "Door", "--area", "seating"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["camera", "add"], "Which camera?"),
        (["camera", "add", "{door}"], "--name is missing"),
        (["camera", "add", "{door}", "--name", "Door"], "--area is missing"),
        (["camera", "add", "{door}", "--name", "Door", "--area", "restroom"], "(P5: "),
        (["camera", "add", "{door}", "--name", "Door", "--area", "Staff Lounge"], "(P5: "),
        (["camera", "add", "{door}", "--name", "Door", "--area", "roof"], "One of: collections, community-room"),
        (["camera", "add", "{door}", "--name", "Door", "--area", "other"], "--area-note"),
        (["camera", "add", "{door}", "--name", "Men’s Restroom door", "--area", "entrance"], "--not-private"),
        (["camera", "add", "{door}", "--name", "", "--area", "seating"], "--name is missing"),
        (["camera", "add", "{door}", "--name", "x" * 10_240, "--area", "seating"], "1 to 64 printable"),
        (["camera", "add", "{door}", "--name", "a\x1b[31mb", "--area", "seating"], "printable"),
        (["camera", "add", "{door}", "--name", "a\u202eb", "--area", "seating"], "printable"),
        ([*ADD_DOOR, "--transport", "quic"], "Use tcp, udp or multicast"),
        ([*ADD_DOOR, "--password-file", "{pw}/absent"], "No such file"),
        ([*ADD_DOOR, "--password-file", "{pw}"], "Is a directory"),
        ([*ADD_DOOR, "--password-file", "{pw}/empty"], "is empty"),
        ([*ADD_DOOR, "--password-file", "{pw}/binary"], "is not text"),
        ([*ADD_DOOR, "--password-file", "/dev/zero"], "is not text"),
        ([*ADD_DOOR, "--password-env", "HOLDSHELF_NOT_SET"], "is not set, or is empty"),
        ([*ADD_DOOR, "--password-env", "A", "--password-file", "{pw}/right"], "not both"),
        (["camera", "add", "{door}", "--all-discovered"], "not both"),
        (["camera", "add", "--all-discovered"], "needs a terminal"),
        (ADD_DOOR, "no stream at this address"),
        (["camera", "add", "{door}", "--name", "Again", "--area", "seating"], "here already, as 'front-tur'"),
        (["camera", "add", "{lock}", "--name", "L", "--area", "seating"], "refuses this user name or password"),
        ([*ADD_LOCK, "--password-file", "{pw}/wrong"], "refuses this user name or password"),
        (ADD_LOCK, "needs a password"),
        (
            ["camera", "add", "rtsp://127.0.0.1:1/a", "--name", "L", "--area", "seating"],
            "port (1) is closed",
        ),
        (["camera", "add", "127.0.0.1:1", "--name", "L", "--area", "seating"], "No camera answers at 127.0.0.1:1"),
        (["camera", "add", "rtsp://[::1", "--name", "L", "--area", "seating"], "is not an address"),
        (["camera", "add", "", "--name", "L", "--area", "seating"], "is not an address"),
        (["camera", "add", "5b1220cc", "--name", "L", "--area", "seating"], "neither a discovered camera nor"),
        (["camera", "check", "nosuch"], "There is no camera 'nosuch'. Known: front-tur."),
        (["camera", "check", ""], "No camera was given"),
        (["camera", "check", "../.."], "There is no camera '../..'"),
        (["camera", "check", "x" * 10_240], "There is no camera"),
        (["camera", "check", "x" * 2000], "There is no camera 'xxx"),
        (["camera", "check", "a\x1b[31m\u202e"], r"'a\x1b[31m\u202e'"),
        (["camera", "check", "front-tur", "--ask-password"], "needs a password"),
        (["camera", "remove", "nosuch"], "There is no camera"),
        (["camera", "remove", "front-tur"], "Add --yes"),
        (["camera", "discover", "--timeout", "nan"], "between 0.1 and 30"),
        (["camera", "discover", "--timeout", "-1"], "between 0.1 and 30"),
        (["camera", "discover", "--at", "bad host"], "'bad host'"),
        (["footage", "list", "--camera", "nosuch"], "There is no camera"),
        (["footage", "gaps", "--camera", "nosuch"], "There is no camera"),
        (["footage", "verify", "--camera", "nosuch"], "There is no camera"),
        (["footage", "list", "--from", "someday"], "is not a time"),
        (["footage", "list", "--from", ""], "No time was given"),
        (["footage", "gaps", "--to", "99999999999999d ago"], "is not a time"),
        (["footage", "list", "--from", "1h ago", "--to", "2h ago"], "Swap the two times"),
    ],
)
def test_bad_input_is_refused_in_a_sentence_and_changes_nothing(
    service: Service,
    cameras: RtspServer,
    passwords: Path,
    door: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    sentence: str,
) -> None:
    before = tree(service.data / "state" / "register.json"), [row.id for row in service.client.status().cameras]
    register = (service.data / "state" / "register.json").read_bytes()
    places = {"door": cameras.url("door"), "lock": cameras.url("lock"), "pw": passwords}
    filled = [re.sub(r"\{(\w+)\}", lambda match: str(places[match[1]]), word) for word in words]
    assert sentence in here(capsys, monkeypatch, *filled, "--data", service.data).refusal()
    assert (service.data / "state" / "register.json").read_bytes() == register
    assert (tree(service.data / "state" / "register.json"), [c.id for c in service.client.status().cameras]) == before
    assert faults_in(service.log()) == []


def test_a_password_is_never_taken_from_the_command_line() -> None:
    options = {option for command in COMMANDS.values() for each in command.params for option in each.opts}
    assert "--password" not in options
    assert {option for option in options if "pass" in option} == {
        "--password-file",
        "--password-env",
        "--ask-password",
    }


# --- a camera's life ---------------------------------------------------------------------------------------------


def test_a_camera_is_added_checked_given_a_new_password_removed_and_added_again(
    service: Service, cameras: RtspServer, passwords: Path, door: str, tmp_path: Path
) -> None:
    def holdshelf(*words: str | Path, **more: Any) -> Ran:
        return run("camera", *words, "--data", service.data, **more)

    url = cameras.url("lock")
    secret = ["--user", "viewer", "--password-env", "CAMERA_PASSWORD"]
    env = {"CAMERA_PASSWORD": PASSWORD}
    added = holdshelf("add", url, "--name", "Side door", "--area", "entrance", "--transport", "udp", *secret, env=env)
    assert added.out.startswith("Added Side door as side-door.\nIt is being recorded. Before anyone may look, ")
    service.await_recording("side-door")
    checked = holdshelf("check", "Side door")
    assert (checked.code, checked.out.count("ok  ")) == (0, 2)

    # A wrong one is tried and not kept; recording goes on.
    register = (service.data / "state" / "register.json").read_bytes()
    for wrong in (["--password-file", passwords / "wrong"], ["--user", "nobody"]):
        refused = holdshelf("check", "side-door", *wrong)
        assert refused.code == 1
        assert "FAILED   127.0.0.1 refuses this user name or password." in refused.out
        assert "The old settings were kept" in refused.out
        assert "ok       It is being recorded." in refused.out
    assert (service.data / "state" / "register.json").read_bytes() == register

    # The camera gets another password: it is said, and the new one is taken, with user name and transport kept.
    port = cameras.port("lock")
    cameras.stop()
    with RtspServer([Mount("lock", auth="digest", password="changed")], port=port):
        (tmp_path / "new").write_text("changed\n")
        old = holdshelf("check", "side-door")
        assert old.code == 1
        assert "refuses this user name or password" in old.out
        new = holdshelf("check", "side-door", "--password-file", tmp_path / "new")
        assert (new.code, new.out.count("ok  ")) == (0, 3), new
        assert "The new password is correct and was saved." in new.out
        row = json.loads((service.data / "state" / "register.json").read_text())["tables"]["entries"]
        (stream,) = [each["data"]["stream"] for each in row.values() if each["entry_id"] == "side-door"]
        assert (stream["username"], stream["transport"]) == ("viewer", "udp")
    cameras.start()
    assert holdshelf("check", "side-door", "--password-file", passwords / "windows").code == 0
    for file in (service.data / "state").rglob("*.json"):
        assert PASSWORD not in file.read_text()
        assert "changed" not in file.read_text()

    # Removed: its footage stays. Added again under the same name: another id, so that nothing is mixed up.
    gone = holdshelf("remove", "side-door", "--yes")
    assert (gone.code, gone.err) == (0, "")
    assert "Its footage stays" in gone.out
    assert "side-door" not in holdshelf("list").out
    kept = run("footage", "list", "--camera", "side-door", "--json", "--data", service.data).json()
    assert kept
    assert not any(row["open"] or row["erased"] for row in kept)
    again = holdshelf("add", url, "--name", "Side door", "--area", "entrance", *secret, env=env)
    assert "Added Side door as side-door-2." in again.out
    assert holdshelf("remove", "Side door", "--yes").code == 0
    assert run("footage", "verify", "--deep", "--data", service.data).code == 0
    service.await_recording(door)


def test_two_cameras_are_not_called_the_same(service: Service, cameras: RtspServer, door: str) -> None:
    words = ["--name", "FRONT TÜR 🚪", "--area", "seating", "--data", service.data]
    refusal = run("camera", "add", cameras.url("hall"), *words).refusal()
    assert "Another camera is already named 'Front Tür 🚪' (front-tur)." in refusal
    assert [row.id for row in service.client.status().cameras] == [door]


# --- looking -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        *("status", "jobs", "doctor", "camera list", "camera check front-tur"),
        *("camera discover --at 127.0.0.9 --timeout 0.5", "footage list", "footage gaps", "footage verify"),
    ],
)
def test_json_is_one_document_and_text_is_inert(
    service: Service, door: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    in_json = here(capsys, monkeypatch, *words.split(), "--json", "--data", service.data)
    assert (in_json.code, in_json.err) == (0, "")
    assert isinstance(in_json.json(), dict | list)
    text = here(capsys, monkeypatch, *words.split(), "--data", service.data)
    assert (text.code, text.err) == (0, "")
    assert text.out.replace("\n", "").isprintable()
    assert text.out.strip()


def test_status_says_what_is_recorded_and_check_is_one_line(service: Service, door: str) -> None:
    shown = run("status", "--data", service.data, env={"NO_COLOR": "1", "TERM": "dumb"})
    assert re.search(r"front-tur +Front Tür 🚪 +recording ", shown.out)
    assert "\x1b" not in shown.out
    checked = run("status", "--check", "--data", service.data)
    assert (checked.code, checked.out) == (0, "OK: 1 of 1 cameras recording; 1 step waits for a seat\n")
    assert run("status", "--check", "--json", "--data", service.data).json()["cameras"][0]["id"] == door


def test_doctor_finds_everything_well(service: Service, door: str) -> None:
    steps = run("doctor", "--json", "--data", service.data).json()["steps"]
    assert {step["outcome"] for step in steps if step["name"] != "clock"} == {"ok"}
    names = {step["name"] for step in steps}
    assert names >= {"clock", "ports", "permissions", "mount", "link", "room", f"camera {door}", "trusted time"}


def test_times_are_shown_and_taken_in_local_time_with_its_offset(service: Service, door: str) -> None:
    env = {"TZ": "America/Chicago"}

    def listed() -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = run("footage", "list", "--camera", door, "--json", "--data", service.data).json()
        return rows

    before, rows = [], listed()
    while [row["seq"] for row in before] != [row["seq"] for row in rows]:  # until no file begins meanwhile
        before = rows
        text = run("footage", "list", "--camera", door, "--data", service.data, env=env).out
        rows = listed()
    offset = re.search(r"\d\d:\d\d:\d\d(-0[56]:00)", text)
    assert offset
    shown = re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d-0[56]:00", text)
    assert [int(datetime.fromisoformat(each).timestamp()) for each in shown] == [
        r["start_utc_ns"] // 10**9 for r in rows
    ]
    last = run("footage", "list", "--data", service.data, "--from", shown[-1], "--json", env=env).json()
    assert rows[-1]["seq"] in [row["seq"] for row in last]
    assert (
        "Nothing was recorded"
        in run("footage", "list", "--data", service.data, "--to", "30d ago", "--from", "31d ago").out
    )


def test_footage_of_a_camera_is_asked_by_its_id_or_its_name(service: Service, door: str) -> None:
    verify = ["footage", "verify", "--camera", door, "--json", "--data", service.data]
    wait_for("a file that is closed", lambda: service.segments(door))
    assert run(*verify).json()["segments"] > 0
    for words in (["footage", "list"], ["footage", "verify"], ["footage", "gaps"]):
        by_id, by_name = (
            run(*words, "--camera", asked, "--json", "--data", service.data).json() for asked in (door, "Front Tür 🚪")
        )
        assert by_id
        if isinstance(by_id, list):
            assert {row["camera"] for row in [*by_id, *by_name]} == {door}  # a file may have begun between them
        else:
            assert (by_id["problems"], by_name["problems"]) == ([], [])
            assert by_name["segments"] >= by_id["segments"] > 0


def test_the_file_that_is_named_is_there_and_a_changed_byte_is_found(service: Service, cameras: RtspServer) -> None:
    camera = service.add(cameras.url("hall"), "Hall")
    service.await_recording(camera)
    assert run("camera", "remove", camera, "--yes", "--data", service.data).code == 0
    (row,) = run("footage", "list", "--camera", camera, "--json", "--data", service.data).json()
    text = run("footage", "list", "--camera", camera, "--data", service.data).out
    assert row["file"] in text, "not cut, however long the camera's id"
    file = service.data / "media" / row["file"]
    verify = ["footage", "verify", "--deep", "--camera", camera, "--data", service.data]
    assert run(*verify).out.startswith("1 file: 0 problems.\n")
    good = file.read_bytes()
    file.chmod(0o600)
    file.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    file.chmod(0o400)
    damaged = run(*verify)
    file.chmod(0o600)
    file.write_bytes(good)
    file.chmod(0o400)
    assert damaged.code == 1
    assert file.name in damaged.out
    assert "1 problem found." in damaged.err
    assert run(*verify, "--json").json()["problems"] == []


def test_a_reader_that_leaves_and_a_disk_that_is_full_are_no_tracebacks(service: Service, door: str) -> None:
    words = f"'{HOLDSHELF}' status --json --data '{service.data}'"
    piped = subprocess.run(["bash", "-c", f"{words} | head -1"], capture_output=True, text=True, check=True)
    assert (piped.stdout, piped.stderr) == ("{\n", "")
    full = subprocess.run(["bash", "-c", f"{words} >/dev/full"], capture_output=True, text=True, check=False)
    assert full.returncode == 1
    assert (
        full.stderr == "holdshelf: This command could not finish: writing its output failed: No space left on device.\n"
    )


def test_the_data_folder_may_come_from_the_environment(service: Service, door: str) -> None:
    assert run("status", "--check", env={"HOLDSHELF_DATA": str(service.data)}).code == 0


def test_the_installed_command_and_the_module_are_the_same() -> None:
    assert shutil.which("holdshelf", path=os.fspath(Path(HOLDSHELF).parent)) == HOLDSHELF
    module = subprocess.run([sys.executable, "-m", "holdshelf_tui.cli", "--version"], capture_output=True, check=True)
    assert module.stdout.decode() == run("--version").out
    assert module.stdout.startswith(b"holdshelf ")


def test_a_second_service_on_the_folder_is_refused_and_the_first_goes_on(
    service: Service, door: str, second: subprocess.Popen[str]
) -> None:
    out, err = second.communicate(timeout=HANG_S)
    assert "Another service is running on" in Ran(second.returncode, out, err).refusal()
    assert "Set it while the service runs" in run("init", "--data", service.data, "--budget", "2GB").refusal()
    assert service.client.status().pid == service.pid
    assert service.camera(door).state == "recording"


# --- alarms: last, for the camera goes away ----------------------------------------------------------------------


def test_check_of_a_camera_that_is_away_says_so_and_status_becomes_critical(
    service: Service, cameras: RtspServer, door: str
) -> None:
    cameras.stop()
    words = "is there, but its stream's port ("

    wait_for("the alarm", lambda: any(words in repair.sentence for repair in service.repairs().values()), 100)
    checked = run("status", "--check", "--data", service.data)
    assert checked.code == 2
    assert checked.out.startswith(f"CRITICAL: Front Tür 🚪 {words}")
    assert "(1 error; 0 of 1 cameras recording; 1 step waits for a seat)" in checked.out
    away = run("camera", "check", door, "--data", service.data)
    assert away.code == 1
    assert f"FAILED   127.0.0.1 {words}" in away.out
    assert "FAILED   Front Tür 🚪 is not being recorded" in run("doctor", "--data", service.data).out
    assert any(row["end_utc_ns"] is None for row in run("footage", "gaps", "--json", "--data", service.data).json())
    assert Client(service.data).status().pid == service.pid
