"""Clauses that Holdshelf's sentences cite, in the library's own numbering."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdshelf_core.policy.numbering import renumbered
from holdshelf_core.policy.tables import Policy
from holdshelf_core.policy_file.first import first_policy
from holdshelf_core.policy_file.read import read_file

OWN = {"P3": "signs", "P4": "7.1", "P5": "7.2", "P6": "7.2", "P13": "7.4"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Signs at entrances (P3): 2", "Signs at entrances (signs): 2"),
        ("A release takes two (P13, P16).", "A release takes two (7.4)."),
        ("Walk past each camera (P4 to P6) in time", "Walk past each camera (7.1, 7.2) in time"),
        ("Walk past each camera (P4-P6)", "Walk past each camera (7.1, 7.2)"),
        ("Nobody is asked why (P17).", "Nobody is asked why."),
        ("(P17)", ""),
        ("(P3)", "(signs)"),
        ("a name (P3: as quoted) and (P22), (P0), P3", "a name (P3: as quoted) and (P22), (P0), P3"),
    ],
)
def test_what_is_cited_is_cited_by_the_librarys_numbers(text: str, said: str) -> None:
    assert renumbered(text, OWN) == said
    assert renumbered(text, {}) == text


def test_the_first_librarys_numbers_are_as_they_are_and_anothers_are_its_own() -> None:
    assert first_policy().numbers == {}
    policies = Path(__file__).parents[2] / "policies"
    numbers = Policy(read_file(policies / "h.toml")[0]).numbers
    assert numbers["P3"] == "signs" and numbers["P2"] == "privacy"
    assert set(numbers) == {f"P{number}" for number in range(1, 22)}
