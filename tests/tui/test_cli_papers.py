"""`print`, `backup` and `restore` from their entry point: without a service, with odd data folders, and with one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from holdshelf_core.api import local
from holdshelf_core.policy import model
from holdshelf_storage.access_log import AccessLog
from holdshelf_storage.register import Register
from tests.service import Service
from tests.tui.test_cli_driver import Ran, here, run, tree

TEXT = "Rule 1. Cameras are “here”.\nRule 2. " + "Nobody watches. " * 20
SHA256 = hashlib.sha256(TEXT.encode()).hexdigest()
Cli = Callable[..., Ran]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    return lambda *words: here(capsys, monkeypatch, *words)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A library with a policy, a camera, an entrance and a log, whose service does not run."""
    folder = tmp_path / "data"
    local.init(folder, media=None, budget_bytes=None, floor_days=None)
    register = Register.open(folder / "state")
    rows: list[tuple[str, str, msgspec.Struct]] = [
        ("board", "settings", model.Board("Example Town Library", "Ada, 555-0100", "https://library.example/cameras")),
        ("policy", "adopted", model.Adopted("3", "2026-10-01", SHA256)),
        ("people", "p1", model.Person("p1", "ada", "Ada Byron")),
        ("entrances", "e1", model.Entrance("e1", "Main Street", "12 x 18 in", "p1", 1_790_000_000 * 10**9)),
        ("entrances", "e2", model.Entrance("e2", "Walled up", removed_utc_ns=1)),
        ("commissions", "front", model.Commission("front", (model.Mask(((0, 0), (1, 1), (2, 0)), "desk"),), 2)),
    ]
    register.write((table, key, msgspec.to_builtins(row)) for table, key, row in rows)
    camera = {"entry_id": "front", "title": "Front door", "area_kind": "entrance", "area_note": ""}
    register.put("entries", "front", camera)
    (folder / "state" / "policy").mkdir(mode=0o700)
    (folder / "state" / "policy" / f"{SHA256}.txt").write_text(TEXT)
    log = AccessLog.open(folder / "state")
    log.append({"at": "2026-11-25T04:05:06.123456789Z", "action": "policy.adopt"}, {})
    log.close()
    return folder


def one_line(text: str) -> str:
    return " ".join(text.split())


# --- print -------------------------------------------------------------------------------------------------------


def test_scene_18_a_patron_asks_for_the_policy_and_no_service_runs(cli: Cli, data: Path) -> None:
    before = tree(data)
    printed = cli("print", "policy", "--data", data)
    assert printed.code == 0
    assert one_line(TEXT) in one_line(printed.out)
    for words in ("Example Town Library", "Ada, 555-0100", SHA256, "3, adopted 2026-10-01", "service was not running"):
        assert words in printed.out
    assert "holdshelf.local/" in printed.out
    assert "No service runs" in printed.err
    assert tree(data) == before


@pytest.mark.parametrize("paper", ["policy", "checklist", "sign"])
def test_a_paper_can_be_had_where_nothing_is_set_up_and_leaves_nothing_behind(
    cli: Cli, tmp_path: Path, paper: str
) -> None:
    printed = cli("print", paper, "--data", tmp_path / "nothing")
    assert printed.code == 0
    assert "is not set up. Printed from what can be read here." in printed.err
    assert paper == "sign" or "could not be read here" in one_line(printed.out)  # a sign hangs at a door, as it is
    assert list(tmp_path.iterdir()) == []


def test_the_checklist_without_a_service_knows_what_the_register_knows(cli: Cli, data: Path) -> None:
    printed = cli("print", "checklist", "--data", data)
    assert printed.code == 0
    for words in (
        "ENTRANCE  e1 Main Street",
        "by Ada Byron on",
        "CAMERA  front Front door",
        "1 mask drawn, version 2",
        "desk",
    ):
        assert words in printed.out
    assert "Walled up" not in printed.out


@pytest.mark.parametrize("damage", ["register.json", "policy"])
def test_a_damaged_state_still_gives_a_policy_and_never_one_that_nobody_adopted(
    cli: Cli, data: Path, damage: str
) -> None:
    if damage == "policy":
        (data / "state" / "policy" / f"{SHA256}.txt").unlink()
    else:
        for name in ("register.json", "register.last.json"):
            (data / "state" / name).write_bytes(b"{")
    before = tree(data)
    printed = cli("print", "policy", "--data", data)
    assert printed.code == 0
    assert "A MODEL, NOT ADOPTED" in printed.out
    assert "not this library's policy" in one_line(printed.out)
    assert tree(data) == before


def test_p20_a_policy_text_that_was_edited_on_disk_is_not_handed_out(cli: Cli, data: Path) -> None:
    (data / "state" / "policy" / f"{SHA256}.txt").write_text(TEXT.replace("Nobody", "Somebody"))
    printed = cli("print", "policy", "--data", data)
    assert printed.code == 1
    assert printed.out == ""
    assert "P20" in printed.err


def test_a_paper_goes_into_a_new_file_and_over_no_old_one(cli: Cli, data: Path, tmp_path: Path) -> None:
    target = tmp_path / "sign.txt"
    assert cli("print", "sign", "--data", data, "--file", target).code == 0
    first = target.read_text()
    assert "No sound is recorded." in first
    again = cli("print", "sign", "--data", data, "--file", target)
    assert again.code == 1 and "nothing is overwritten" in again.err
    assert target.read_text() == first
    assert "cannot be written" in cli("print", "sign", "--data", data, "--file", tmp_path / "no" / "sign.txt").err


def test_json_holds_the_text_and_its_facts(cli: Cli, data: Path) -> None:
    answer = cli("print", "policy", "--data", data, "--json").json()
    assert answer["paper"] == "policy"
    assert one_line(TEXT) in one_line(answer["text"])
    assert answer["facts"]["policy"]["text"] == TEXT


def test_the_model_is_printed_when_it_is_asked_for(cli: Cli, data: Path) -> None:
    assert "A MODEL, NOT ADOPTED" in cli("print", "policy", "--model", "--data", data).out


# --- backup and restore ------------------------------------------------------------------------------------------


def test_a_backup_without_a_service_is_made_verified_and_restored(cli: Cli, data: Path, tmp_path: Path) -> None:
    made = cli("backup", tmp_path / "b.tar", "--data", data, "--json").json()
    assert (made["entries"], made["problems"], made["logged"]) == (1, [], False)
    assert (tmp_path / "b.tar").stat().st_mode & 0o777 == 0o600
    refused = cli("restore", tmp_path / "b.tar", "--data", data).refusal()
    assert "not empty" in refused
    done = cli("restore", tmp_path / "b.tar", "--data", data, "--replace", "--sha256", made["sha256"], "--json").json()
    assert (data / done["set_aside"] / "register.json").exists()
    assert any("rights that were taken away since may be valid again" in line for line in done["check"])
    assert "Example Town Library" in cli("print", "sign", "--data", data).out


def test_a_backup_into_an_empty_place_needs_no_replace_and_says_what_to_look_at(
    cli: Cli, data: Path, tmp_path: Path
) -> None:
    cli("backup", tmp_path / "b.tar", "--data", data)
    said = cli("restore", tmp_path / "b.tar", "--data", tmp_path / "new")
    assert said.code == 0
    for words in ("person list", "hold list", "access log ends at entry 1", "Start the service"):
        assert words in said.out


def test_a_backup_has_a_place_of_its_own_when_none_is_given(cli: Cli, data: Path) -> None:
    made = cli("backup", "--data", data, "--json").json()
    assert Path(made["file"]).parent == data / "backups"
    assert (data / "backups").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "words", [("backup", "exists.tar"), ("backup", "no/b.tar"), ("restore", "exists.tar"), ("restore", "none")]
)
def test_what_cannot_be_is_refused_in_a_sentence_and_changes_nothing(
    cli: Cli, data: Path, tmp_path: Path, words: tuple[str, str]
) -> None:
    (tmp_path / "exists.tar").write_bytes(b"something else")
    before = tree(tmp_path)
    cli(words[0], tmp_path / words[1], "--data", data).refusal()
    assert tree(tmp_path) == before


def test_a_backup_of_a_damaged_state_is_made_and_ends_with_what_is_wrong(cli: Cli, data: Path, tmp_path: Path) -> None:
    (data / "state" / "register.json").write_bytes(b"{")
    made = cli("backup", tmp_path / "b.tar", "--data", data)
    assert made.code == 1
    assert "register.json" in made.err
    assert (tmp_path / "b.tar").exists()
    refused = cli("restore", tmp_path / "b.tar", "--data", tmp_path / "new").refusal()
    assert "holds no register" in refused
    assert cli("restore", tmp_path / "b.tar", "--data", tmp_path / "new", "--as-it-is").code == 0


# --- with a service ----------------------------------------------------------------------------------------------


def test_a_running_service_makes_the_backup_is_printed_from_and_refuses_a_restore(tmp_path: Path) -> None:
    with Service(tmp_path / "data") as service:
        made = run("backup", tmp_path / "b.tar", "--data", service.data, "--json").json()
        assert made["logged"] and made["entries"] > 0
        assert hashlib.sha256((tmp_path / "b.tar").read_bytes()).hexdigest() == made["sha256"]
        assert list((service.data / "backups").iterdir()) == []
        refused = run("restore", tmp_path / "b.tar", "--data", service.data, "--replace").refusal()
        assert "running" in refused
        printed = run("print", "policy", "--data", service.data)
        assert (printed.code, printed.err) == (0, "")
        service.stop()
        restored = run("restore", tmp_path / "b.tar", "--data", service.data, "--replace", "--json")
        assert json.loads(restored.out)["entries"] == made["entries"]
        service.start()
        repairs = service.client.status().repairs
        assert any("was restored" in repair.sentence for repair in repairs)
