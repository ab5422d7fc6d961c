"""`print`, `backup` and `restore` from their entry point: without a service, with odd data folders, and with one."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from holdshelf_core.operations import offline
from holdshelf_core.policy import model
from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.register import Register
from holdshelf_tui.papers.catalogue import PAPERS
from tests.rig.hang import HANG_S
from tests.service import Service
from tests.tui.cli.test_driver import HOLDSHELF, Ran, Terminal, here, run, tree

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
    offline.init(folder, media=None, budget_bytes=None, floor_days=None)
    register = Register.open(folder / "state")
    rows: list[tuple[str, str, msgspec.Struct]] = [
        ("board", "settings", model.Board("Example Town Library", "Ada, 555-0100", "https://library.example/cameras")),
        ("policy", "adopted", model.Adopted("3", "2026-10-01", SHA256)),
        ("people", "p1", model.Person("p1", "ada", "Ada Byron")),
        ("entrances", "e1", model.Entrance("e1", "Main Street", "12 x 18 in", "p1", 1_790_000_000 * 10**9)),
        ("entrances", "e2", model.Entrance("e2", "Walled up", removed_utc_ns=1)),
        ("commissions", "front", model.Commission("front", (model.Mask(((0, 0), (1, 1), (2, 0)), "desk"),), 2)),
    ]
    # As the house writes them: whole, under "row".
    register.write((table, key, {"row": msgspec.to_builtins(row)}) for table, key, row in rows)
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
    for words in ("Example Town Library", "Ada, 555-0100", SHA256, "3, adopted Oct 1, 2026", "service was not running"):
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
        "e1 · Main Street",
        "by Ada Byron on",
        "front · Front door",
        "1 mask, version 2",
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
    assert again.code == 1 and "nothing was overwritten" in again.err
    assert target.read_text() == first
    assert "cannot be written" in cli("print", "sign", "--data", data, "--file", tmp_path / "no" / "sign.txt").err


def test_json_holds_the_text_and_its_facts(cli: Cli, data: Path) -> None:
    answer = cli("print", "policy", "--data", data, "--json").json()
    assert answer["paper"] == "policy"
    assert one_line(TEXT) in one_line(answer["text"])
    assert answer["facts"]["policy"]["text"] == TEXT


def test_the_model_is_printed_when_it_is_asked_for(cli: Cli, data: Path) -> None:
    assert "A MODEL, NOT ADOPTED" in cli("print", "policy", "--model", "--data", data).out


# --- forms, pages and places ---------------------------------------------------------------------------------------------


def is_pdf(raw: bytes) -> bool:
    return raw.startswith(b"%PDF-1.") and raw.rstrip().endswith(b"%%EOF")


def page_size(raw: bytes) -> tuple[float, float]:
    """Of a PDF's first page, in inches."""
    found = re.search(rb"/MediaBox ?\[0 0 ([0-9.]+) ([0-9.]+)\]", raw)
    assert found is not None
    return round(float(found[1]) / 72, 2), round(float(found[2]) / 72, 2)


ANYBODYS = ["policy", "sign", "checklist", "refusal", "release"]


@pytest.mark.parametrize("paper", ANYBODYS)
def test_p17_every_paper_for_anybody_is_printed_in_every_form_without_a_service(
    cli: Cli, data: Path, tmp_path: Path, paper: str
) -> None:
    for form in PAPERS[paper].formats:
        suffix = {"text": "txt"}.get(form, form)
        file = tmp_path / f"{paper}.{suffix}"
        done = cli("print", paper, "--data", data, "--file", file)
        assert done.code == 0 and "is written" in done.out and "No service runs" in done.err, done
        raw = file.read_bytes()
        assert is_pdf(raw) if form == "pdf" else b"Example Town Library" in raw
        assert raw.startswith(b"<!DOCTYPE html>") is (form == "html")


def test_the_page_is_the_boards_and_another_when_asked(cli: Cli, data: Path, tmp_path: Path) -> None:
    def printed(*words: str, name: str) -> tuple[float, float]:
        done = cli("print", *words, "--data", data, "--file", tmp_path / name)
        assert done.code == 0, done
        return page_size((tmp_path / name).read_bytes())

    assert printed("policy", name="letter.pdf") == (8.5, 11)
    assert printed("policy", "--page", "A4", name="a4.pdf") == (8.27, 11.69)
    assert printed("sign", name="sign.pdf") == (12, 18)
    assert printed("sign", "--page", "letter", name="small.pdf") == (8.5, 11)
    register = Register.open(data / "state")
    board = model.Board("Example Town Library", paper_size="a4")
    register.put("board", "settings", msgspec.to_builtins(board))
    assert printed("policy", name="own.pdf") == (8.27, 11.69)
    assert printed("policy", "--page", "letter", name="asked.pdf") == (8.5, 11)


def test_large_type_is_larger(cli: Cli, data: Path, tmp_path: Path) -> None:
    plain, large = tmp_path / "plain.pdf", tmp_path / "large"
    assert cli("print", "policy", "--data", data, "--file", plain).code == 0
    assert cli("print", "policy", "--data", data, "--large", "--file", large).code == 0  # a PDF by what is asked
    assert is_pdf(large.read_bytes())
    assert large.read_bytes().count(b"/Type /Page\n") >= plain.read_bytes().count(b"/Type /Page\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--as", "pdf", "--json"), "cannot be put into JSON"),
        (("--as", "doc"), "is not a format for papers"),
        (("--large",), "Large type is for a PDF"),
        (("--page", "a4"), "is for a PDF"),
        (("--as", "pdf", "--page", "a5"), "is not made for a page 'a5'"),
        (("--as", "pdf", "--page", "tabloid"), "is not made for a page"),
        (("--file", "NEW.doc"), "No paper is made as '.doc'"),
        (("--file", "NEW.txt", "--as", "pdf"), "--as pdf does not go with a file that ends in .txt"),
        (("--file", "NEW.pdf", "--outbox"), "two places"),
        (("--outbox", "--printer", "desk"), "two places"),
        (("--as", "text", "--printer", "desk"), "A printer always gets a PDF"),
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_is_made(
    cli: Cli, data: Path, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    before = tree(tmp_path)
    refused = cli("print", "policy", "--data", data, *(word.replace("NEW", str(tmp_path / "new")) for word in words))
    assert said in refused.refusal()
    assert tree(tmp_path) == before


def test_a_checklist_is_no_web_page(cli: Cli, data: Path) -> None:
    assert "is not made as html" in cli("print", "checklist", "--as", "html", "--data", data).refusal()


def test_a_pdf_goes_to_a_pipe_whole_and_not_onto_a_terminal(data: Path) -> None:
    done = subprocess.run(
        [HOLDSHELF, "print", "policy", "--as", "pdf", "--data", str(data)],
        capture_output=True,
        timeout=HANG_S,
        check=False,
    )
    assert done.returncode == 0 and is_pdf(done.stdout)
    with Terminal("print", "policy", "--as", "pdf", "--data", data) as terminal:
        assert terminal.end() == 1
        assert "A PDF cannot be shown on a terminal" in terminal.screen and "%PDF" not in terminal.screen


def test_an_outbox_and_a_printer_are_the_services(cli: Cli, data: Path) -> None:
    for place in (("--outbox",), ("--printer", "desk")):
        done = cli("print", "sign", "--data", data, *place)
        assert done.code == 1 and "No service runs" in done.err and done.out == ""


def test_json_tells_where_a_paper_went(cli: Cli, data: Path, tmp_path: Path) -> None:
    told = cli("print", "policy", "--data", data, "--file", tmp_path / "p.pdf", "--json").json()
    raw = (tmp_path / "p.pdf").read_bytes()
    assert (told["form"], told["to"], told["bytes"]) == ("pdf", "file", len(raw))
    assert told["sha256"] == hashlib.sha256(raw).hexdigest()


def test_what_there_is_is_listed_with_what_each_needs(cli: Cli) -> None:
    shown = cli("print").out
    assert shown == cli("print", "--list").out
    for words in (
        "For anyone who asks:",
        "print policy",
        "print refusal [RELEASE]",
        "print hold HOLD",
        "PowerShell 5.1",
    ):
        assert words in shown
    rows = {row["paper"]: row for row in cli("print", "--list", "--json").json()}
    assert set(rows) == set(PAPERS)
    assert (rows["policy"]["forms"], rows["hold"]["needs"]) == (["text", "pdf", "html"], "hold")
    assert all(row["about"].endswith(".") and row["whose"] for row in rows.values())
    assert "Missing argument 'HOLD'" in cli("print", "hold").refusal()
    with Terminal("print", env={"COLUMNS": "80"}) as terminal:
        terminal.end()
        assert all(len(line) <= 80 for line in terminal.screen.replace("\r\n", "\n").split("\n")), terminal.screen


@pytest.mark.parametrize("paper", PAPERS)
def test_every_paper_has_the_same_options_and_an_example(cli: Cli, paper: str) -> None:
    shown = cli("print", paper, "--help").out
    of_words = () if paper == "sheet" else ("--as", "--large")  # pictures are a PDF, and have one size
    for option in (*of_words, "--file", "--outbox", "--printer", "--page", "--json"):
        assert option in shown, paper
    assert f"Example: holdshelf print {paper}" in shown


def test_p18_a_posted_page_is_compared_without_a_service_and_it_is_said_that_nobody_wrote_it_down(
    cli: Cli, data: Path, tmp_path: Path
) -> None:
    page = tmp_path / "saved.txt"
    page.write_text(TEXT.replace("\n", "\r\n"))
    before = tree(data)
    same = cli("policy", "check", page, "--data", data)
    assert same.code == 0 and "says what was adopted" in same.out
    assert "No service runs" in same.err and "this was not recorded" in same.err
    page.write_text(TEXT.replace("Nobody", "Somebody", 1))
    assert cli("policy", "check", page, "--data", data).code == 3
    assert SHA256 in cli("policy", "show", "--data", data).out
    assert tree(data) == before


# --- backup and restore ------------------------------------------------------------------------------------------


def test_a_backup_without_a_service_is_made_verified_and_restored(cli: Cli, data: Path, tmp_path: Path) -> None:
    made = cli("backup", tmp_path / "b.tar", "--data", data, "--json").json()
    assert (made["entries"], made["problems"], made["logged"]) == (1, [], False)
    assert (tmp_path / "b.tar").stat().st_mode & 0o777 == 0o600
    refused = cli("restore", tmp_path / "b.tar", "--data", data).refusal()
    assert "not empty" in refused
    done = cli("restore", tmp_path / "b.tar", "--data", data, "--replace", "--sha256", made["sha256"], "--json").json()
    assert (data / done["set_aside"] / "register.json").exists()
    assert any("rights that were taken away since then may be valid again" in line for line in done["check"])
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
