"""A policy file from template to lint: no service is there, and each no says what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from holdshelf_core.policy_file.offline import TEMPLATES
from tests.tui.cli.test_driver import Ran, run


def no(*words: str) -> Ran:
    """One that ends with 1."""
    ran = run(*words)
    assert ran.code == 1
    return ran


A = Path(__file__).parents[2] / "policies" / "a.toml"


def test_a_clerk_begins_from_a_template_and_checks_it(tmp_path: Path) -> None:
    assert run("policy", "draft").out.startswith("first ")
    mine = tmp_path / "policy.toml"
    assert "is written" in run("policy", "draft", "first", "-o", str(mine)).out
    assert mine.read_text() == run("policy", "draft", "first").out
    again = no("policy", "draft", "first", "-o", str(mine))
    assert "already exists" in again.err
    assert (
        "has no mistake: Library, 3 roles, 9 purposes, 3 grounds, 7 bases and 0 cases."
        in run("policy", "lint", str(mine)).out
    )
    assert (
        "There is no template 'second'. One of: first, records-law, statute, own-data."
        in no("policy", "draft", "second").err
    )
    assert "cannot be written" in no("policy", "draft", "first", "-o", str(tmp_path / "no" / "x")).err


@pytest.mark.parametrize("name", TEMPLATES)
def test_each_template_has_no_mistake(name: str, tmp_path: Path) -> None:
    mine = tmp_path / "policy.toml"
    run("policy", "draft", name, "-o", str(mine))
    assert "has no mistake: Library, " in run("policy", "lint", str(mine)).out


@pytest.mark.parametrize(("letter", "clause"), [("a", "10"), ("d", "police"), ("h", "labels"), ("i", "6"), ("j", "4")])
def test_what_no_recorder_can_meet_is_named_as_peoples(letter: str, clause: str) -> None:
    """A12 a locked room, D5 the police's system, H6 labels on disks, I1 body-worn cameras, J9 who answers for a building."""
    rows = json.loads(run("policy", "lint", str(A.with_name(f"{letter}.toml")), "--json").out)
    assert clause in rows["words_only"] and not rows["mistakes"]


def test_lint_says_what_becomes_looser_and_what_stricter() -> None:
    told = run("policy", "lint", str(A)).out
    looser, stricter = told.partition("Looser than the first library's policy:")[2].split("Stricter:")
    assert "No second person is needed for a release." in looser
    assert "The Person in Charge is a new role: it only receives requests." in looser
    assert "The Assistant Director is a new role: it may do nothing by itself." in looser
    assert "Footage is erased after 30 days but for holds." in stricter
    assert "The Mayor is no longer a role" in stricter
    assert "Not enforced by Holdshelf; people must follow it: 10." in told, "clause 7 has no duty, but a basis cites it"
    assert "Enforced, but no cases show what is allowed and what is refused: 1" in told
    assert "The Assistant Director acts for the Library Director after 72 hours of absence" in looser
    rows = json.loads(run("policy", "lint", str(A), "--json").out)
    assert rows["mistakes"] == []
    assert {row["kind"] for row in rows["differences"]} == {"looser", "stricter", "other"}


def test_every_mistake_is_a_line_with_its_place(tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text(
        A.read_text()
        .replace('"consent:director"', '"consent:nobody-knows"')
        .replace('at_most = "30 days"', 'at_most = "soon"')
    )
    told = no("policy", "lint", str(bad))
    lines = told.out.splitlines()
    assert len(lines) == 3
    assert "There is no role 'nobody-knows'" in told.out
    assert "keeping, at_most: 'soon' is not a length of time." in told.out
    assert "has 3 mistakes; it cannot be adopted." in told.err
    assert len(json.loads(no("policy", "lint", str(bad), "--json").out)["mistakes"]) == 3
    assert "cannot be read" in no("policy", "lint", str(tmp_path / "absent")).err


def test_an_editor_gets_a_schema() -> None:
    schema = json.loads(run("policy", "schema").out)
    assert "PolicyFile" in schema["$defs"]
    assert {"role", "basis", "keeping", "case"} < set(schema["$defs"]["PolicyFile"]["properties"])
