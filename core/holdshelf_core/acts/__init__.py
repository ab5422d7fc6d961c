"""The acts of the house, by subject: each handler does one thing and records it. ``gate`` alone calls them.

What they share is in ``common``. An act that is not registered here does not exist.
"""

from __future__ import annotations

from holdshelf_core.actions import ActionRegistry
from holdshelf_core.acts import (
    access_log,
    admin_keys,
    board,
    cameras,
    capacity,
    clock,
    commission,
    counsel,
    entrances,
    holds,
    papers,
    people,
    release_bundles,
    releases,
    sharing,
)


def register_all(registry: ActionRegistry) -> None:
    """Every act of the house."""
    for module in (
        access_log,
        admin_keys,
        board,
        cameras,
        capacity,
        clock,
        commission,
        counsel,
        entrances,
        holds,
        papers,
        people,
        release_bundles,
        releases,
        sharing,
    ):
        module.register(registry)
