"""The first library's policy: in force until a Board adopts another."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from holdshelf_core.policy.tables import Policy
from holdshelf_core.policy_file.read import read_file

FIRST = Path(__file__).parent / "templates" / "first.toml"


@cache
def first_policy() -> Policy:
    """Return it as the rules read it."""
    return Policy(read_file(FIRST)[0])
