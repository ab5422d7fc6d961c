"""A tab with actions: keys, buttons, last line, help and command palette come from one table, `ActionsPane.ACTIONS`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import Any, ClassVar

from textual import on, work
from textual.binding import Binding

from holdshelf_tui.screens.pane import Pane
from holdshelf_tui.session.inputs import in_turn
from holdshelf_tui.widgets import key_table
from holdshelf_tui.widgets.actions import Actions


def always(*_: object) -> bool:
    return True


@dataclass(frozen=True)
class ActionDescription[P: ActionsPane, R]:
    """One thing that can be done in a pane ``P``, to a row ``R`` of it: a `PaneAction` or a `RowAction`."""

    id: str
    """Of its button (``act-…``) and, after the pane's own, of its key (``holds.extend``)."""
    label: str
    """On its button and in the command palette."""
    tooltip: str
    """One line in plain words: in the help, in the palette, beside the button and the key under the mouse."""
    _: KW_ONLY
    key: str = ""
    """By its meaning, from `key_table`."""
    short: str = ""
    """In the last line, where the label is too long for it."""
    in_footer: bool = True
    """Whether the key may stand in the last line: there is room for a few."""
    has_button: bool = True
    enters: bool = False
    """Enter does it, on a row. Of several, the last one that can be done."""
    is_tool: bool = False
    """Its button stands above the list, with those that every list has."""
    parts: Sequence[str] = ()
    """Parts of the pane that it belongs to; () all of them."""
    shown: Callable[[P], bool] = always
    """Whether this person has it at all, here: else it has no button and no key."""
    only: str = ""
    """Why it is gray: 'Only while a hold is active.'"""

    def binding(self, prefix: str) -> Binding:
        """The Textual binding of its key; ``prefix`` is the pane's."""
        return Binding(
            self.key,
            f"do('{self.id}')",
            self.short or self.label,
            key_display=key_table.sign(self.key),
            show=self.in_footer,
            id=f"{prefix}.{self.id}",
            tooltip=self.tooltip,
        )

    def is_shown(self, pane: P) -> bool:
        """Whether this person is offered it in the part in front."""
        return (not self.parts or pane.part in self.parts) and self.shown(pane)

    def is_possible(self, pane: P) -> bool:
        """Whether it can be done now, to the row under the cursor."""
        raise NotImplementedError

    def why_not(self, pane: P) -> str:
        """The reason that its gray button tells."""
        del pane
        return self.only

    async def async_run(self, pane: P) -> object:
        """Run it to its end, and what came of it; to be awaited in a worker, because most open a form."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class PaneAction[P: ActionsPane, R](ActionDescription[P, R]):
    """Needs no row. ``run`` may be a coroutine function."""

    run: Callable[[P], object]
    can: Callable[[P], bool] = always

    def is_possible(self, pane: P) -> bool:
        """Whether it can be done now."""
        return self.can(pane)

    async def async_run(self, pane: P) -> object:
        """Run it to its end."""
        return await async_whole(self.run(pane))


class CannotNow(Exception):
    """Why something that is done from elsewhere cannot be done now."""


async def async_whole(done: object) -> object:
    return await done if inspect.isawaitable(done) else done


def has_right(right: str) -> Callable[[Pane], bool]:
    """Whether who sits there has that right, for ``shown``."""
    return lambda pane: right in pane.who.rights


def may(act: str) -> Callable[[Pane], bool]:
    """Whether that act is theirs who sit there, for ``shown``."""
    return lambda pane: pane.who.may(act)


def admin_or(*acts: str) -> Callable[[Pane], bool]:
    """Whether the admin sits there, or somebody with one of those acts, for ``shown``."""
    return lambda pane: pane.who.admin or any(pane.who.may(act) for act in acts)


def is_admin(pane: Pane) -> bool:
    """Whether the admin sits there, for ``shown``."""
    return pane.who.admin


class ActionsPane(Pane):
    """What can be done here is said once, in `ACTIONS`, in the order of the buttons."""

    key: ClassVar[str] = ""
    """Of the tab, and before the ids of its keys."""
    ACTIONS: ClassVar[Sequence[ActionDescription[Any, Any]]] = ()

    def __init_subclass__(cls, **named: Any) -> None:
        """Textual takes keys from a class while it is made."""
        if "ACTIONS" in cls.__dict__:
            cls.BINDINGS = [one.binding(cls.key) for one in cls.ACTIONS if one.key]
        super().__init_subclass__(**named)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.part = ""
        """The part in front, of a pane that has parts."""
        self.buttons = self._bar(are_tools=False)
        self.tools = self._bar(are_tools=True)
        self._states: dict[str, tuple[bool | None, str]] = {}

    def _bar(self, *, are_tools: bool) -> Actions:
        shown = [one for one in self.ACTIONS if one.has_button and one.is_tool is are_tools]
        return Actions([(one.id, one.label) for one in shown], allowed=False, classes="tools" if are_tools else "")

    def on_mount(self) -> None:
        """Which buttons are theirs."""
        self.allow()

    async def async_other_rights(self) -> None:
        """Its buttons and keys, too."""
        await super().async_other_rights()
        self.allow()

    def state_of(self, what: str) -> bool | None:
        """Whether it can be done now; None: not now, False: it is not offered."""
        one = self._described(what)
        return one is not None and one.is_shown(self) and (one.is_possible(self) or None)

    def _described(self, what: str) -> ActionDescription[Any, Any] | None:
        return next((one for one in self.ACTIONS if one.id == what), None)

    def allow(self) -> None:
        """Bring buttons and keys up to date, after anything that decides what can be done."""
        now = {
            one.id: (state := self.state_of(one.id), one.why_not(self) if state is None else "") for one in self.ACTIONS
        }
        if now == self._states:
            return  # asked each second: the last line would be made anew
        self._states = now
        for bar in (self.buttons, self.tools):
            buttons = {one.id: one for one in self.ACTIONS if bar.has(one.id)}
            bar.shows(**{id: now[id][0] is not False for id in buttons})
            bar.allow(**{id: now[id][0] is True for id in buttons})
            bar.explain(**{id: f"{one.tooltip}. {now[id][1]}".rstrip(". ") for id, one in buttons.items()})
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys of what is not theirs are not shown, of what cannot be done now are gray."""
        return self.state_of(str(parameters[0])) if action == "do" and parameters else True

    def commands(self) -> Iterator[tuple[str, str, Callable[[], object]]]:
        """For the command palette, what can be done now: its name, what it does, and how to begin it."""
        for one in self.ACTIONS:
            if self.state_of(one.id):
                yield f"{self.title}: {one.label}", one.tooltip, partial(self.action_do, one.id)

    def keyless(self) -> list[tuple[str, str]]:
        """For the help, what has no key of its own: Enter or the words on its button, and what it does."""
        return [
            ("Enter" if one.enters else f"“{one.label}”", one.tooltip)
            for one in self.ACTIONS
            if not one.key and self.state_of(one.id) is not False
        ]

    @on(Actions.Chosen)
    def _pressed(self, chosen: Actions.Chosen) -> None:
        self.action_do(chosen.key)

    def action_do(self, what: str) -> None:
        """Do that, if it can be done now."""
        one = self._described(what)
        if one is not None and self.state_of(what):
            self._run(one)

    async def async_act(self, what: str) -> object:
        """Do that, from elsewhere, to its end. Returns what came of it. Raises CannotNow. To be awaited in a worker."""
        one = self._described(what)
        if one is None or not one.is_shown(self):
            raise CannotNow("That cannot be done now: the list shows where it stands.")
        if not one.is_possible(self):
            raise CannotNow(one.why_not(self))
        return await one.async_run(self)

    @work(group="act")
    @in_turn
    async def _run(self, one: ActionDescription[Any, Any]) -> None:
        await one.async_run(self)
