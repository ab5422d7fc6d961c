"""What may be read about looking without a look: one's own open looks, and the pick-list of purposes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from holdshelf_core.api import types_looks as types
from holdshelf_core.caller import Caller
from holdshelf_core.policy.purposes import PURPOSES

if TYPE_CHECKING:
    from holdshelf_core.app import Holdshelf


async def async_looks(holdshelf: Holdshelf, caller: Caller, _query: Mapping[str, str]) -> list[types.GrantRow]:
    """The caller's own open looks, of all their sessions; nobody else's, and none for the admin."""
    return [grant.row() for grant in holdshelf.looks.all() if grant.person == caller.person]


async def async_purposes(_holdshelf: Holdshelf, _caller: Caller, _query: Mapping[str, str]) -> list[types.PurposeRow]:
    """The pick-list of the one prompt before the first picture (P12)."""
    return [types.PurposeRow(purpose.id, purpose.words) for purpose in PURPOSES.values()]
