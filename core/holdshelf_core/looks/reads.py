"""Reads that need no look: one's own open looks, and the list of purposes."""

from __future__ import annotations

from holdshelf_core.actions.call import Reading
from holdshelf_core.actions.registry import handles
from holdshelf_core.looks import types
from holdshelf_core.looks.looks import Looks
from holdshelf_core.policy.steps import consults


class LookReads:
    """Answers both reads. ``looks``: the open ones."""

    def __init__(self, looks: Looks) -> None:
        self._looks = looks

    @handles(types.ReadLooks)
    async def looks(self, asked: Reading[types.ReadLooks]) -> list[types.GrantRow]:
        """Return the caller's own looks, in all their sessions; nobody else's, and none for the admin."""
        return [grant.row() for grant in self._looks.all() if grant.person == asked.caller.person]

    @handles(types.ReadPurposes)
    async def purposes(self, asked: Reading[types.ReadPurposes]) -> list[types.PurposeRow]:
        """Return what the caller may look for."""
        policy = asked.state.policy
        return [
            types.PurposeRow(key, policy.purpose_words(key), consults(row.steps))
            for key, row in policy.look_purposes.items()
        ]
