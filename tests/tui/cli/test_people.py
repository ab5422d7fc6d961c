"""person | seat | appointment | share | flag as they are typed: what they do, what they refuse and in which words."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.keys import new_key
from tests.looking import NS
from tests.people import PAPER, day
from tests.tui.cli.test_driver import run
from tests.tui.desk import HOSTILE, Desk, Library, opened, process, screen


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with opened(tmp_path_factory.mktemp("people")) as made:
        yield made


@pytest.fixture
def desk(library: Library, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(library, capsys, monkeypatch)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys as ssh-keygen and PuTTYgen make them."""
    folder = tmp_path_factory.mktemp("keys")
    for name, kind in (("ed", ("ed25519",)), ("small", ("rsa", "-b", "2048")), ("large", ("rsa", "-b", "3072"))):
        subprocess.run(["ssh-keygen", "-q", "-N", "", "-t", *kind, "-f", folder / name], check=True)
    rfc4716 = subprocess.run(
        ["ssh-keygen", "-e", "-m", "RFC4716", "-f", folder / "ed.pub"], check=True, capture_output=True
    )
    (folder / "putty.pub").write_bytes(rfc4716.stdout)
    (folder / "ppk").write_text("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nPublic-Lines: 2\n")
    (folder / "cut.pub").write_text((folder / "ed.pub").read_text()[:40])
    return folder


def key_file(folder: Path, name: str) -> Path:
    file = folder / f"{name}.pub"
    file.write_text(new_key()[0] + f" {name}@pc\n")
    return file


# --- person ------------------------------------------------------------------------------------------------------


def test_a_person_is_enrolled_with_a_key_of_either_form_and_gets_no_right_by_it(desk: Desk, keys: Path) -> None:
    made = desk.admin("person", "add", "jane", "--name", "Jane Roe", "--key", keys / "putty.pub")
    assert made.code == 0
    assert made.out.startswith("Jane Roe is enrolled as p")
    row = next(r for r in desk.admin("person", "list", "--json").json() if r["login"] == "jane")
    assert [key["kind"] for key in row["keys"]] == ["ssh-ed25519"]
    assert "holds no seat" in row["why_not"]
    taken = desk.admin("person", "add", "june", "--name", "June Roe", "--key", keys / "ed.pub").refusal()
    assert "Jane Roe's; one key belongs" in taken and "P11" in taken
    large = desk.admin("person", "add", "rob", "--name", "Rob Roe", "--key", keys / "large.pub", "--json").json()
    assert large["id"].startswith("p") and large["seq"] > 0


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("ed", "private key"),
        ("ppk", "private key"),
        ("small.pub", "2048 bits; 3072"),
        ("cut.pub", "cut off"),
        ("none.pub", "No such file"),
        ("", "cannot be read"),
    ],
)
def test_what_is_no_public_key_is_refused_in_words(desk: Desk, keys: Path, file: str, words: str) -> None:
    refused = desk.admin("person", "add", "eve", "--name", "Eve Cox", "--key", keys / file).refusal()
    assert words in refused
    assert all(secret not in refused for secret in (keys / "ed").read_text().split("\n")[1:-2])
    assert "eve" not in desk.admin("person", "list").out.split()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("director", "--name", "X"), "reserved"),
        (("admin", "--name", "X"), "reserved"),
        (("two words", "--name", "X"), "A login starts with a letter"),
        (("dora", "--name", "X"), "is taken"),
        (("eve", "--name", "  "), "name is missing"),
        (("eve", "--name", "x" * 90), "Make it shorter"),
        (("eve", "--name", "X", "--account", "nosuchaccount"), "no account"),
        (("eve", "--name", "X", "--account", "root"), "P11"),
    ],
)
def test_nobody_is_enrolled_under_a_name_that_is_none(desk: Desk, words: tuple[str, ...], said: str) -> None:
    assert said in desk.admin("person", "add", *words).refusal()


def test_the_admin_changes_keys_on_paper_and_a_seat_reviews_it(desk: Desk, tmp_path: Path) -> None:
    first, second = key_file(tmp_path, "first"), key_file(tmp_path, "second")
    desk.admin("person", "add", "kim", "--name", "Kim Poe", "--key", first)
    refused = desk.admin("person", "replace-key", "kim", "--key", second).refusal()
    assert "signed paper (P11" in refused and "--paper" in refused
    assert (
        "No such file"
        in desk.admin("person", "replace-key", "kim", "--key", second, "--paper", tmp_path / "none").refusal()
    )
    assert "enroll that person first" in desk.person("dora", "person", "add-key", "ghost", "--key", second).refusal()
    done = desk.admin("person", "replace-key", "kim", "--key", second, "--paper", desk.library.paper)
    assert "the old keys no longer work" in done.out
    flags = desk.person("carl", "flag", "list", "--json").json()
    flag = next(f["id"] for f in flags if f["kind"] == "key_by_admin" and f["open"])
    assert "key by admin" in desk.admin("flag", "list").out
    assert "may not review" in desk.admin("flag", "review", flag, "--note", "fine").refusal()
    assert "missing" in desk.person("carl", "flag", "review", flag, "--note", " ").refusal()
    assert desk.person("carl", "flag", "review", flag, "--note", "asked her").out.startswith("Reviewed.")
    assert "There is no flag" in desk.person("carl", "flag", "review", "f99", "--note", "x").refusal()
    rows = desk.admin("person", "list", "--json").json()
    (key,) = next(r for r in rows if r["login"] == "kim")["keys"]
    gone = desk.person("dora", "person", "remove-key", "kim", key["fingerprint"])
    assert gone.out.startswith("The key was removed.")
    assert "has no key" in desk.person("dora", "person", "remove-key", "kim", key["fingerprint"]).refusal()


def test_a_person_is_removed_by_a_seat_and_found_in_the_log_ever_after(desk: Desk, tmp_path: Path) -> None:
    desk.admin("person", "add", "leo", "--name", "Leo Fox", "--key", key_file(tmp_path, "leo"))
    assert "P11" in desk.admin("person", "remove", "leo", "--why", "gone").refusal()
    assert "P11" in desk.person("sam", "person", "remove", "leo", "--why", "gone").refusal()
    assert "You cannot remove yourself" in desk.person("dora", "person", "remove", "dora", "--why", "gone").refusal()
    assert "missing" in desk.person("dora", "person", "remove", "leo", "--why", "").refusal()
    assert desk.person("dora", "person", "remove", "leo", "--why", "left").code == 0
    assert "no person 'leo'" in desk.person("dora", "person", "remove", "leo", "--why", "left").refusal()
    assert "was removed on" in desk.admin("person", "list").out


def test_a_designee_sees_who_they_are_and_nobody_else(desk: Desk) -> None:
    assert "P11" in desk.person("sam", "person", "list").refusal()
    assert "P11" in desk.person("sam", "person", "add", "x", "--name", "X").refusal()


def test_hostile_names_are_kept_and_shown_inert(desk: Desk) -> None:
    made = desk.admin("person", "add", "mal", "--name", HOSTILE)
    assert made.code == 0
    for words in (("person", "list"), ("person", "list", "--json"), ("log", "show")):
        desk.admin(*words)  # the desk looks at each character
        desk.person("dora", *words)
    refused = desk.person("dora", "person", "remove", HOSTILE, "--why", HOSTILE)
    assert refused.code == 1


# --- seat --------------------------------------------------------------------------------------------------------


def test_p11_seats_are_named_by_seats_on_paper(desk: Desk, tmp_path: Path) -> None:
    paper = desk.library.paper
    assert (
        "is named by the Director, Chair or Mayor"
        in desk.admin("seat", "name", "mayor", "--person", "bo", "--paper", paper).refusal()
    )
    ask = ("seat", "name", "mayor", "--person", "bo", "--name", "Bo Ray", "--key", key_file(tmp_path, "bo"))
    assert "--paper" in desk.person("dora", *ask).refusal()
    for until, words in (("2020-01-01", "later --until"), ("2027-13-01", "not a day"), ("someday", "not a day")):
        assert words in desk.person("dora", *ask, "--paper", paper, "--until", until).refusal()
    assert (
        "not one of the policy's seats"
        in desk.person("dora", "seat", "name", "king", "--person", "sam", "--paper", paper).refusal()
    )
    own = desk.person("dora", "seat", "name", "mayor", "--person", "dora", "--paper", paper).refusal()
    assert "You cannot name yourself" in own
    assert "P11" in desk.person("sam", "seat", "name", "mayor", "--person", "sam", "--paper", paper).refusal()
    named = desk.person("dora", *ask, "--paper", paper, "--until", day(400))
    assert named.out.startswith("The seat has a new holder: s")
    rows = desk.admin("seat", "list", "--json").json()
    assert ("mayor", "Bo Ray", "active") in [(r["seat"], r["name"], r["state"]) for r in rows]
    assert "only on a signed paper" in desk.admin("seat", "end", "mayor", "--why", "over").refusal()
    assert "missing" in desk.person("dora", "seat", "end", "mayor", "--why", "").refusal()
    assert "not a day" in desk.person("dora", "seat", "end", "mayor", "--why", "x", "--at", "noon").refusal()
    assert "Nobody holds" in desk.person("dora", "seat", "end", "king", "--why", "x").refusal()
    ended = desk.person("dora", "seat", "end", "mayor", "--why", "term is over")
    assert ended.out.startswith("The term s")
    assert "ended" in desk.admin("seat", "list").out


# --- appointment -------------------------------------------------------------------------------------------------


def test_p11_only_a_seat_appoints_and_only_by_letter(desk: Desk) -> None:
    paper = desk.library.paper
    ask = ("appointment", "make", "nob", "--right", "archive", "--until", day(30))
    for who in (desk.admin(*ask, "--paper", paper), desk.person("sam", *ask, "--paper", paper)):
        refused = who.refusal()
        assert "P11" in refused and "Ask the Library Director (Dora Reed)" in refused
    assert "signed paper" in desk.person("dora", *ask).refusal()
    assert "cannot be read" in desk.person("dora", *ask, "--paper", "/nonexistent/letter.pdf").refusal()
    made = desk.person("dora", *ask, "--paper", paper, "--camera", "lobby", "--scope", HOSTILE)
    key = made.out.split(":")[1].split(".")[0].strip()
    row = next(r for r in desk.admin("appointment", "list", "--json").json() if r["id"] == key)
    assert (row["name"], row["rights"], row["cameras"], row["paper_sha256"]) == (
        "Norma Ball",
        ["archive"],
        ["lobby"],
        PAPER,
    )
    assert "missing" in desk.person("dora", "appointment", "end", key, "--why", "").refusal()
    assert "P11" in desk.admin("appointment", "end", key, "--why", "x").refusal()
    assert desk.person("dora", "appointment", "end", key, "--why", "no longer").code == 0
    assert "already ended" in desk.person("dora", "appointment", "end", key, "--why", "again").refusal()
    assert "no appointment" in desk.person("dora", "appointment", "end", "a99", "--why", "x").refusal()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ghost", "--right", "archive"), "Nobody by that name"),
        (("dora", "--right", "archive"), "You cannot appoint yourself"),
        (("nob", "--right", "everything"), "cannot give 'everything'"),
        (("nob", "--right", "archive", "--camera", "attic"), "no camera 'attic'"),
        (("nob", "--right", "archive", "--seat", "mayor"), "do not hold the seat"),
        (("nob", "--right", "archive", "--until", "2020-01-01"), "later --until"),
        (("nob", "--right", "archive", "--until", "2027-02-30"), "not a day"),
        (("nob", "--right", "archive", "--until", "next year"), "not a day"),
        (("nob", "--right", "archive", "--from", "2099-01-01"), "later --until"),
        (("nob",), "Missing option '--right'"),
    ],
)
def test_a_letter_that_cannot_be_is_refused(desk: Desk, words: tuple[str, ...], said: str) -> None:
    until = () if "--until" in words else ("--until", day(30))
    refused = desk.person("dora", "appointment", "make", *words, *until, "--paper", desk.library.paper).refusal()
    assert said in refused


# --- share -------------------------------------------------------------------------------------------------------


def share_of(desk: Desk) -> tuple[str, ...]:
    start = datetime.fromtimestamp(desk.library.recorded.start_utc_ns // NS, UTC).isoformat(" ")
    return ("--camera", "lobby", "--from", start, "--to", "30m ago", "--purpose", "crime")


def test_p14_one_span_of_one_camera_is_shared_view_only_and_ends(desk: Desk) -> None:
    span = share_of(desk)
    signed = (*span, "--confidentiality-signed")
    assert "has not signed" in desk.person("dora", "share", "make", "nob", *span).refusal()
    for who in (desk.admin("share", "make", "nob", *signed), desk.person("sam", "share", "make", "nob", *signed)):
        assert "P1" in who.refusal()
    made = desk.person("dora", "share", "make", "nob", *signed, "--days", "3")
    key = made.out.split()[1].rstrip(".")
    told = desk.person("nob", "today").out
    assert "Shared with you:\n  " in told and ": view only, until " in told
    assert len(desk.person("nob", "today", "--json").json()["shared"]) == 1
    assert "Shared with you" not in desk.person("dora", "today").out
    sheet = desk.person("dora", "share", "make", "--sheet-for", "Desk staff", *span, "--json").json()
    listed = desk.admin("share", "list").out
    assert key in listed and "sheet no. 1" in listed and "Desk staff" in listed
    assert "P14" in desk.admin("share", "end", key, "--why", "x").refusal()
    assert "P14" in desk.person("sam", "share", "end", key, "--why", "x").refusal()
    for share in (key, sheet["id"]):
        assert desk.person("dora", "share", "end", share, "--why", "identified").code == 0
    assert "already ended" in desk.person("dora", "share", "end", key, "--why", "x").refusal()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ghost",), "a person who is enrolled"),
        (("dora",), "with yourself"),
        ((), "names a person"),
        (("nob", "--sheet-for", "Desk"), "names a person"),
        (("nob", "--days", "400"), "at most 14 days|1 to 14 days"),
        (("nob", "--purpose", ""), "needs a purpose"),
        (("nob", "--purpose", "general monitoring"), "P1"),
        (("nob", "--camera", "attic"), "no camera 'attic'"),
        (("nob", "--from", "10m ago"), "start and its end"),
        (("nob", "--from", "whenever"), "not a time"),
    ],
)
def test_a_share_that_cannot_be_is_refused(desk: Desk, words: tuple[str, ...], said: str) -> None:
    refused = desk.person("dora", "share", "make", *share_of(desk), "--confidentiality-signed", *words).refusal()
    assert any(part in refused for part in said.split("|")), refused


# --- everything --------------------------------------------------------------------------------------------------


def test_lists_fit_eighty_columns(library: Library) -> None:
    for group in ("person", "seat", "appointment", "share", "flag"):
        assert len(screen(library, group, "list")) > 1


def test_a_session_of_a_person_is_that_person_in_a_process_of_its_own(library: Library) -> None:
    assert "P11" in process(library, "sam", "person", "list").refusal()
    assert process(library, "dora", "person", "list").out.startswith("ID")


def test_a_token_that_cannot_be_read_is_never_the_account_behind_it(desk: Desk, library: Library) -> None:
    env = {**os.environ, "HOLDSHELF_DATA": str(library.service.data), "HOLDSHELF_TOKEN_FD": "99"}
    assert "Log in again" in run("person", "list", env=env).refusal()
