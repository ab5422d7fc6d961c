"""policy | board as they are typed: the rules explained, asked about, adopted; and what only the Board may change."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.people import day
from tests.tui.desk import COLUMNS, HOSTILE, Desk, Library, opened, screen


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with opened(tmp_path_factory.mktemp("policy")) as made:
        yield made


@pytest.fixture
def desk(library: Library, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(library, capsys, monkeypatch)


# --- explain -----------------------------------------------------------------------------------------------------


def test_the_table_of_the_rules_needs_no_service_and_no_folder(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOLDSHELF_DATA", str(tmp_path / "nothing"))
    table = desk.admin("policy", "explain").out
    for act in ("look.live", "hold.lift.approve", "clock.confirm", "footage.erase"):
        assert f"\n{act}" in table
    one = desk.admin("policy", "explain", "hold.lift").out
    assert one.startswith("hold.lift: may ask for a hold to be lifted")
    rows = desk.admin("policy", "explain", "hold", "--json").json()
    assert {row["permission"].split(".")[0] for row in rows} == {"hold"}
    assert "has no action or clause named 'fly'" in desk.admin("policy", "explain", "fly").err
    for typed, meant in (("hold.lfit", "hold.lift"), ("Realese", "release"), ("breakglass", "break_glass")):
        told = desk.admin("policy", "explain", typed).err
        assert f"Did you mean {meant!r}?" in told
        assert "or a clause, by its number." in told and "Clauses: P1, P2, " in told
    assert desk.admin("policy", "explain", "Hold.Lift").out == one
    assert "Two gates" in desk.admin("policy", "explain", "p13").out


def test_the_first_librarys_table_is_the_same_to_the_byte(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOLDSHELF_DATA", str(tmp_path / "nothing"))
    out = desk.admin("policy", "explain", "--json").out
    assert (
        hashlib.sha256(out.encode()).hexdigest() == "950eee3aa3197eab4d9bc4ea0b8dd793c70e88467568064791b040dd4298b98f"
    )


def test_the_table_fits_the_terminal(library: Library) -> None:
    assert len(screen(library, "policy", "explain", "hold.lift")) > 10
    assert max(map(len, screen(library, "policy", "explain"))) <= COLUMNS


def test_what_the_policy_lists_is_told(desk: Desk) -> None:
    told = desk.admin("policy", "lists").out
    for words in ("Chair of the Library Board", "possible crime", "litigation", "a search warrant"):
        assert words in told
    assert {"roles", "purposes", "grounds", "bases"} < set(desk.admin("policy", "lists", "--json").json())


# --- may ---------------------------------------------------------------------------------------------------------

SPAN = ("--purpose", "crime", "--from", "2h ago", "--to", "1h ago")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("dora", "look.archive", "--camera", "lobby", *SPAN), "Yes. The Library Director"),
        (("sam", "look.archive", "--camera", "lobby", *SPAN), "Yes. A designee"),
        (("sam", "look.live", "--camera", "lobby", "--purpose", "crime"), "No. Your letter of appointment"),
        (("director", "look.archive", "--camera", "lobby"), "No. A look needs a purpose"),
        (("admin", "look.live", "--camera", "lobby", "--purpose", "crime"), "may not see pictures (P11"),
        (("admin", "hold.see"), "Yes."),
        (("dora", "hold.place", "--camera", "lobby", "--purpose", "investigation", "--incident", "26-1"), "Yes."),
        (("dora", "hold.place", "--camera", "lobby"), "No. A hold needs a ground"),
        (("dora", "hold.lift", "--about", "H-2020-0001"), "No. There is no hold"),
        (("dora", "appointment.make", "--about", "nob", "--right", "archive"), "Yes."),
        (("sam", "appointment.make", "--about", "nob", "--right", "archive"), "No. Only the Director, Chair or Mayor"),
        (("nob", "door"), "No. Norma Ball holds no seat"),
        (("sam", "door", "--at", "2099-01-01"), "No. Your appointment"),
        (("admin", "clock.confirm"), "Yes."),
        (("mayor", "door"), "no person 'mayor'"),
        (("ghost", "door"), "no person 'ghost'"),
        (("dora", "fly"), "has no action named 'fly'"),
        (("dora", "purpose.opne"), "Did you mean 'purpose.open'?"),
        (("dora", "footage.erase"), "No. Nobody may choose footage to erase"),
        (("dora", "door", "--at", "someday"), "not a time"),
    ],
)
def test_the_rules_answer_for_one_case_without_doing_it(desk: Desk, words: tuple[str, ...], said: str) -> None:
    answer = desk.admin("policy", "may", *words)
    assert said in answer.out + answer.err, answer
    assert answer.code == (0 if said.startswith("Yes") else 1)


def test_asking_leaves_no_entry_and_gives_nothing(desk: Desk) -> None:
    before = desk.admin("log", "head", "--json").json()["size"]
    answer = desk.admin("policy", "may", "dora", "break_glass", "--camera", "lobby", "--json")
    assert answer.json()["allowed"] is True
    assert desk.admin("log", "head", "--json").json()["size"] == before
    assert "P11" in desk.person("sam", "policy", "may", "dora", "door").refusal()


def test_p11_the_admin_asks_for_a_picture_and_is_shown_none(desk: Desk) -> None:
    opened = desk.admin("look", "open", "--camera", "lobby", "--purpose", "crime", "--from", "2h ago", "--to", "now")
    assert "may not see pictures (P11" in opened.refusal()
    assert "P11" in desk.admin("look", "open", "--break-glass", "--camera", "lobby", "--note", "smoke").refusal()
    entries = desk.admin("log", "show", "--action", "purpose.open", "--json").json()["entries"]
    assert [(row["entry"]["outcome"], row["entry"]["clause"]) for row in entries] == [("refused", "P11")]


def test_a_person_sees_the_status_without_what_is_the_machines_own(desk: Desk) -> None:
    assert "pid" in desk.admin("status").out
    seen = desk.person("sam", "status").out
    assert "pid" not in seen and str(desk.library.service.data) not in seen


# --- adopt -------------------------------------------------------------------------------------------------------


def test_p20_the_librarys_own_text_is_installed_with_version_and_hash(desk: Desk, tmp_path: Path) -> None:
    assert "No policy has been adopted yet" in desk.admin("policy", "show").out
    text = tmp_path / "policy.txt"
    text.write_text("Rule 1. Nobody watches.\n")
    ask = ("policy", "adopt", text, "--version", "2026-1")
    for more, words in (
        (("--adopted-on", "some day"), "not a day"),
        (("--adopted-on", "2999-01-01"), "That date is in the future"),
        (("--adopted-on", "2026-03-10", "--statute", "maybe"), "enforce or advise"),
        (("--adopted-on", "2026-03-10", "--statute", "advise"), "for the Board to decide (P13"),
        ((), "Missing option '--adopted-on'"),
    ):
        assert words in desk.admin(*ask, *more).refusal()
    assert "P11" in desk.person("sam", *ask, "--adopted-on", "2026-03-10").refusal()
    empty = tmp_path / "empty.txt"
    empty.write_text(" \n")
    (tmp_path / "escapes.txt").write_text("Rule 1.\x1b[31m\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for name, words in (
        ("empty.txt", "is empty"),
        ("escapes.txt", "control characters"),
        ("binary", "not a text file"),
        ("none", "cannot be read"),
    ):
        refused = desk.admin("policy", "adopt", tmp_path / name, "--version", "1", "--adopted-on", "2026-03-10")
        assert words in refused.refusal()
    assert "is in force" in desk.admin(*ask[:3], "--version", HOSTILE, "--adopted-on", "2026-03-10").out
    row = desk.admin(*ask, "--adopted-on", "2026-03-10", "--json").json()
    assert row["sha256"] in desk.person("sam", "policy", "show").out
    assert "Nobody watches." in desk.admin("print", "policy").out


# --- board -------------------------------------------------------------------------------------------------------


def test_the_boards_settings_are_made_stricter_by_a_seat_and_looser_by_the_board(desk: Desk, library: Library) -> None:
    ask = ("board", "set", "live_minutes")
    assert "P11" in desk.admin(*ask, "5", "--why", "asked").refusal()
    assert "P11" in desk.person("sam", *ask, "5", "--why", "asked").refusal()
    assert "reason" in desk.person("dora", *ask, "5", "--why", " ").refusal()
    assert desk.person("dora", *ask, "5", "--why", "asked").out.startswith("live_minutes is 5 now.")
    looser = desk.person("dora", *ask, "20", "--why", "asked").refusal()
    assert "for the Board to decide" in looser and "Carl Hill" in looser
    flagged = desk.person("dora", *ask, "20", "--why", "asked", "--paper", library.paper, "--json")
    assert flagged.json()["id"] == "live_minutes"
    assert desk.person("carl", *ask, "30", "--why", "asked").code == 0
    for key, value, words in (
        ("live_minutes", "500", "from 1 to 60"),
        ("live_minutes", "ten", "from 1 to 60"),
        ("second_person_lift", "maybe", "yes or no"),
        ("colour", "red", "is not a setting"),
    ):
        assert words in desk.person("carl", "board", "set", key, value, "--why", "asked").refusal()
    assert desk.person("carl", "board", "set", "library", HOSTILE, "--why", HOSTILE).code == 0
    rows = {row["key"]: row["value"] for row in desk.admin("board", "show", "--json").json()}
    assert rows["live_minutes"] == 30
    assert len(screen(library, "board", "show")) > len(rows)


# --- clock -------------------------------------------------------------------------------------------------------


def test_the_time_is_shown_and_confirmed_only_when_the_clocks_disagree(desk: Desk) -> None:
    assert "It agrees" in desk.admin("clock", "show").out
    assert desk.person("sam", "clock", "show", "--json").json()["doubtful"] is False
    assert "nothing to confirm" in desk.admin("clock", "confirm", "--why", "asked").refusal()
    assert "P11" in desk.person("sam", "clock", "confirm", "--why", "asked").refusal()
    assert "--why" in desk.admin("clock", "confirm").refusal()


def test_p11_an_appointment_by_the_admin_is_refused_with_its_clause(desk: Desk, library: Library) -> None:
    refused = desk.admin(
        "appointment", "make", "nob", "--right", "live", "--until", day(9), "--paper", library.paper
    ).refusal()
    assert "The admin of this server may not appoint a designee (P11" in refused
