"""The registry of actions, as Home Assistant's services: the only way to act on footage, people, holds, settings and the log.

Nothing can be registered without a permission that the policy knows and a form for its log entry; ``gate`` runs what is
registered here and nothing else. This module must never run a handler itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from holdshelf_core.policy.case import Scope
from holdshelf_core.policy.rights import PERMISSIONS
from holdshelf_core.policy.state import State

if TYPE_CHECKING:
    from holdshelf_core.gate import Call


class Change(msgspec.Struct, frozen=True):
    """One row of the register as it is after an act; ``row`` None: removed."""

    table: str
    key: str
    row: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class LogForm:
    """What an entry says beside who, when and how it ended. ``private`` texts become salted commitments."""

    cameras: tuple[str, ...] = ()
    start_utc_ns: int | None = None
    end_utc_ns: int | None = None
    mode: str = ""
    purpose: str = ""
    incident: str = ""
    subject: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    private: Mapping[str, str] = field(default_factory=dict)


type Handler[Q, A] = Callable[["Call[Q]"], Awaitable[A]]


@dataclass(frozen=True, slots=True)
class Action[Q: msgspec.Struct, A]:
    """One kind of act."""

    name: str
    """``hold.place``: in the log, in the API's path."""
    permission: str
    request: type[Q]
    answer: type[A]
    handler: Handler[Q, A]
    scope: Callable[[Q, State], Scope]
    """What the policy is asked about; typed names are looked up in the state, and stay as they are when unknown."""
    log: Callable[[Q], LogForm]
    """What the entry says of the request, done or refused."""
    changes: bool = False
    """Changes the state of the house: such acts happen one after another."""
    queued_when_unwritable: bool = False
    """Happens even though its entry must wait for the log (holds only)."""


class ActionRegistry:
    """All actions by name."""

    def __init__(self) -> None:
        self._actions: dict[str, Action[Any, Any]] = {}

    def register(self, action: Action[Any, Any]) -> None:
        """Raises ValueError for a name that is taken, a permission that the policy does not know, or no log form."""
        if action.name in self._actions:
            raise ValueError(f"{action.name} is registered twice")
        if action.permission not in PERMISSIONS:
            raise ValueError(f"{action.name} has no permission that the policy knows: {action.permission!r}")
        if not (callable(action.log) and callable(action.scope)):
            raise ValueError(f"{action.name} does not say what its log entry holds")  # noqa: TRY004 - of whatever type
        self._actions[action.name] = action

    def get(self, name: str) -> Action[Any, Any] | None:
        """The action of that name."""
        return self._actions.get(name)

    def all(self) -> list[Action[Any, Any]]:
        """Every action, by name."""
        return [self._actions[name] for name in sorted(self._actions)]
