"""Every fact of the ten policies is met by what the table beside their files says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from holdshelf_core.policy.schema import Case
from holdshelf_core.policy.tables import Policy
from holdshelf_core.policy_file.cases import answer
from holdshelf_core.policy_file.read import read_file

ROOT = Path(__file__).parents[3]
POLICIES = ROOT / "tests" / "policies"
FACTS = {"A": 12, "B": 12, "C": 16, "D": 11, "E": 11, "F": 8, "G": 11, "H": 10, "I": 13, "J": 10}
"""How many each policy has."""
PEOPLES = ["A12", "D5", "H6", "I1", "J9"]
_ROW = re.compile(r"\| ([A-J]\d+) \| .+? \| (.+) \|")
ROWS = dict(row.groups() for row in map(_ROW.fullmatch, (POLICIES / "README.md").read_text().splitlines()) if row)


def policy_of(letter: str) -> Policy:
    return Policy(read_file(POLICIES / f"{letter.lower()}.toml")[0])


def is_there(tables: dict[str, Any], named: str) -> bool:
    """Whether the file has that row or field, or the tests have that test."""
    if named.startswith("`"):
        path, _, test = named.strip("`").partition("::")
        return (ROOT / path).is_file() and f"def {test}" in (ROOT / path).read_text()
    table, _, key = named.partition(" ")
    rows = tables.get(table, {})
    if table == "case":
        return 0 < int(key) <= len(rows)
    return any(key in (row.get("key"), row.get("id")) for row in rows) if isinstance(rows, list) else key in rows


def test_the_table_has_each_fact_once() -> None:
    assert list(ROWS) == [f"{letter}{number + 1}" for letter, most in FACTS.items() for number in range(most)]
    assert [fact for fact, met in ROWS.items() if met.startswith("people's: ")] == PEOPLES


@pytest.mark.parametrize("fact", ROWS)
def test_a_fact_is_met_by_rows_and_tests_that_are_there(fact: str) -> None:
    peoples, _, met = ROWS[fact].rpartition("people's: ")
    tables = tomllib.loads((POLICIES / f"{fact[0].lower()}.toml").read_text())
    assert [named for named in met.split(", ") if not is_there(tables, named)] == []
    if ROWS[fact] != met:
        assert not peoples and met.removeprefix("clause ") in policy_of(fact[0]).words_only


@pytest.mark.parametrize("letter", ["B", "D"])
def test_nobody_looks_live_where_the_policy_has_no_watching(letter: str) -> None:
    policy = policy_of(letter)
    for who in policy.seats:
        assert not answer(policy, Case(who, "look.live", "no")).allowed
