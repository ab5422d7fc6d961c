"""The registry of all acts and reads as they are declared, without a service behind them."""

from __future__ import annotations

from typing import Any

from holdshelf_core.actions.registry import ActionRegistry
from holdshelf_core.all_acts import register_all


class _Nothing:
    """Stands for any part of a service: handlers are made with it, and cannot be called."""

    def __getattr__(self, _name: str) -> _Nothing:
        return self


def every_act() -> ActionRegistry:
    """Whose handlers cannot be called: there is nothing behind them."""
    registry = ActionRegistry()
    holdshelf: Any = _Nothing()
    register_all(registry, holdshelf)
    return registry
