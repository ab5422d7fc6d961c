"""The policy in force as the rules read it: the adopted file's rows by their keys. Built once for each file, never changed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path

from holdshelf_core.policy.file.read import read_file
from holdshelf_core.policy.file.schema import ByLanguage, PolicyFile, Role
from holdshelf_core.policy.listing import listed

FIRST = Path(__file__).parent / "file" / "templates" / "first.toml"
"""The first library's policy: in force until a Board adopts another."""


class Policy:
    """One policy file. Keys that it does not name stay readable: rows of the register may be older than the file."""

    def __init__(self, file: PolicyFile) -> None:
        self.file = file
        self._order = {role.key: number for number, role in enumerate(file.role)}

    @cached_property
    def roles(self) -> Mapping[str, Role]:
        """Every role, in the file's order."""
        return {role.key: role for role in self.file.role}

    @cached_property
    def seats(self) -> tuple[str, ...]:
        """The roles that have holders here, in the file's order; the first is the first to be named."""
        return tuple(role.key for role in self.file.role if not role.on_paper)

    @cached_property
    def for_the_board(self) -> str:
        """The role that speaks for the Board; '' for none."""
        return next((role.key for role in self.file.role if role.speaks_for_board), "")

    def order(self, role: str) -> int:
        """Return a role's place in the file; one that it does not name comes last."""
        return self._order.get(role, len(self._order))

    def role_words(self, role: str) -> str:
        """Return e.g. 'Library Director'."""
        row = self.roles.get(role)
        return self.said(row.words) if row is not None else role[:40]

    def short(self, role: str) -> str:
        """Return e.g. 'Director'."""
        row = self.roles.get(role)
        return self.said(row.short or row.words) if row is not None else role[:40]

    def titles(self, last: str = "or") -> str:
        """Return e.g. 'Director, Chair or Mayor': everybody who holds a seat."""
        return listed(map(self.short, self.seats), last)

    def said(self, words: ByLanguage) -> str:
        """Return the words in the language of the screens."""
        return words.get(self.file.library.languages[0], "")


@cache
def first_policy() -> Policy:
    """Return the first library's policy."""
    return Policy(read_file(FIRST)[0])
