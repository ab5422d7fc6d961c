"""The registry of actions, like Home Assistant's services: the only way to act on footage, people, holds, settings and the
log.

Nothing can be registered without a permission that the policy knows and a form for its log entry; the authorizer runs only what
is registered here. This module must never run a handler itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any

import msgspec

from holdshelf_core.acts import Act, ActSpec, Read, answer_of
from holdshelf_core.policy.case import Scope
from holdshelf_core.policy.rights import PERMISSIONS
from holdshelf_core.policy.state import State

if TYPE_CHECKING:
    from holdshelf_core.actions.call import Call, Reading


class Change(msgspec.Struct, frozen=True):
    """One row of the register after an action; ``row`` None: removed."""

    table: str
    key: str
    row: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class LogForm:
    """What an entry says besides who, when and the outcome. ``private`` texts become salted commitments."""

    cameras: tuple[str, ...] = ()
    start_utc_ns: int | None = None
    end_utc_ns: int | None = None
    mode: str = ""
    purpose: str = ""
    incident: str = ""
    subject: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    private: Mapping[str, str] = field(default_factory=dict)


def everywhere(_request: object, _state: State) -> Scope:
    """Return the scope of an action on nothing in particular."""
    return Scope()


def says_nothing_more(_request: object) -> LogForm:
    """Return the form of an action whose entry needs no more than who, when and the outcome."""
    return LogForm()


@dataclass(frozen=True, slots=True)
class Declared:
    """What ``handles`` attaches to a handler."""

    request: type[Act[Any]] | type[Read[Any]]
    scope: Callable[..., Scope]
    log: Callable[..., LogForm]
    log_in: Callable[..., LogForm] | None


def handles[A](
    request: type[Act[A]] | type[Read[A]],
    *,
    scope: Callable[..., Scope] = everywhere,
    log: Callable[..., LogForm] = says_nothing_more,
    log_in: Callable[..., LogForm] | None = None,
) -> Callable[[Callable[..., Awaitable[A]]], Callable[..., Awaitable[A]]]:
    """Mark a module's function or an object's method as the handler of an action or read, for ``ActionRegistry.add``.

    ``scope``: the scope given to the policy; typed names are looked up in the state, and stay as typed when unknown. ``log``:
    what the entry says about the request, done or refused. ``log_in``: the same, from the request and the state, where what was
    typed is public only if the policy or a row has it. All may be functions of the handler's class.
    """

    def declare(handler: Callable[..., Awaitable[A]]) -> Callable[..., Awaitable[A]]:
        declared: list[Declared] = handler.__dict__.setdefault("declared_acts", [])
        declared.append(Declared(request, scope, log, log_in))
        return handler

    return declare


@dataclass(frozen=True, slots=True)
class Action:
    """One kind of action: its declaration and its handler."""

    spec: ActSpec
    request: type[Act[Any]]
    handler: Callable[[Call[Any]], Awaitable[Any]]
    scope: Callable[[Any, State], Scope]
    log: Callable[[Any, State], LogForm]

    @property
    def name(self) -> str:
        """Return its name, e.g. ``hold.place``."""
        return self.spec.name

    @property
    def permission(self) -> str:
        """Return the permission that the policy checks."""
        return self.spec.needs

    @property
    def answer(self) -> Any:
        """Return the answer's type."""
        return answer_of(self.request)

    @property
    def changes(self) -> bool:
        """Return whether it changes the register: such actions run one at a time."""
        return self.spec.changes


@dataclass(frozen=True, slots=True)
class Reader:
    """The handler of one kind of read."""

    request: type[Read[Any]]
    handler: Callable[[Reading[Any]], Awaitable[Any]]


def _of_request_alone(log: Callable[[Any], LogForm]) -> Callable[[Any, State], LogForm]:
    return lambda request, _state: log(request)


class ActionRegistry:
    """All actions and reads."""

    def __init__(self) -> None:
        self._actions: dict[str, Action] = {}
        self.reads: dict[type[Read[Any]], Reader] = {}

    def add(self, home: object) -> None:
        """Register every action and read that a function of this module, or a method of this object, handles.

        Raises ValueError for a name that is taken, or a permission that the policy does not know.
        """
        of = vars(home) if isinstance(home, ModuleType) else vars(type(home))
        for name, function in of.items():
            declared: list[Declared] = getattr(function, "declared_acts", [])
            if isinstance(home, ModuleType) and declared and function.__module__ != home.__name__:
                continue

            def at_home(what: Callable[..., Any]) -> Callable[..., Any]:
                is_method = not isinstance(home, ModuleType) and any(what is other for other in of.values())
                return what.__get__(home) if is_method else what

            for one in declared:
                handler, request = getattr(home, name), one.request
                if issubclass(request, Read):
                    self.reads[request] = Reader(request, handler)
                else:
                    log = at_home(one.log_in) if one.log_in is not None else _of_request_alone(at_home(one.log))
                    self._register(Action(request.spec, request, handler, at_home(one.scope), log))

    def _register(self, action: Action) -> None:
        if action.name in self._actions:
            raise ValueError(f"{action.name} is registered twice")
        if action.permission not in PERMISSIONS:
            raise ValueError(f"{action.name} has no permission that the policy knows: {action.permission!r}")
        self._actions[action.name] = action

    def get(self, name: str) -> Action | None:
        """Return the action of that name; None if there is none."""
        return self._actions.get(name)

    def of(self, request: Act[Any]) -> Action:
        """Return the action for such a request. Raises KeyError when nothing handles it."""
        return self._actions[request.spec.name]

    def all(self) -> list[Action]:
        """Return every action, by name."""
        return [self._actions[name] for name in sorted(self._actions)]


def favored(action: str, changes: Sequence[Change]) -> str:
    """Return who gets a key or a seat by an action, '' if nobody: the person acting may log in as them from now on."""
    if action == "person.key":
        return next((change.key for change in changes if change.table == "people"), "")
    if action == "seat.name":
        # The new term's row comes last, after those that it ends.
        seats = [change.row for change in changes if change.table == "seats" and change.row is not None]
        return str(seats[-1]["person"]) if seats else ""
    return ""
