"""The acts of the house, by subject: each handler does one thing and records it. ``gate`` alone calls them.

What they share is in ``common``. An act that is not registered here does not exist.
"""

from __future__ import annotations

from holdshelf_core.actions import ActionRegistry
from holdshelf_core.acts import (
    access_log,
    admin_keys,
    board,
    camera_device,
    camera_flow,
    cameras,
    capacity,
    checklist,
    clock,
    commission,
    counsel,
    entrances,
    holds,
    outbox,
    papers,
    people,
    release_bundles,
    release_proof,
    releases,
    sharing,
    website,
)


def register_all(registry: ActionRegistry) -> None:
    """Every act of the house."""
    for module in (
        access_log,
        admin_keys,
        board,
        camera_device,
        camera_flow,
        cameras,
        capacity,
        checklist,
        clock,
        commission,
        counsel,
        entrances,
        holds,
        outbox,
        papers,
        people,
        release_bundles,
        release_proof,
        releases,
        sharing,
        website,
    ):
        module.register(registry)
