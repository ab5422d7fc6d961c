"""What comes from a terminal, in its turn: keys typed ahead, and sizes in a storm.

A key waits until the one before it has done what it does, and for the form or tab that is opening. What asks the service before
it opens its form is marked with `in_turn`: keys wait until the form is there, or it is over without one.

Textual hands a key to the widget that has the focus at once; whoever types `t` and a time in one go would find the first digits
taken for keys of the screen behind the form, and the incident's number gone.

A new size waits until the screen has been laid out for the one before; of those that wait the last one counts. Else the hundreds
of a window that is dragged would lie in the screen's queue, each a whole layout, and keys behind them.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Concatenate, Protocol, cast, runtime_checkable

from textual import events
from textual.app import ScreenStackError
from textual.message_pump import MessagePump
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Input

from holdshelf_tui.session.driver import DrivenApp

IN_ONE_GO_S = 0.25
"""Keys further apart need not wait for each other."""
HELD_AT_MOST_S, HELD_FOR_TAB_S = 20.0, 1.0
"""For a form: after that nobody knows any more what was typed for it, and all of it goes. For a tab: then it is given out."""
LAYOUT_AT_MOST_S = 5.0
_STEP_AT_MOST_S = 0.5
_TEXTUAL_WAITS_S = 2 / 120
_POLL_S = 0.01


@runtime_checkable
class Opening(Protocol):
    """A screen that is not ready for keys from the moment it is shown."""

    is_ready: bool


class InTurn[T](DrivenApp[T]):
    """An app that gives out keys, pastes and sizes one after the other."""

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self._ahead: deque[events.Key | events.Paste] = deque()
        self._handing_out: asyncio.Task[None] | None = None
        self._typed_s = 0.0
        self._size_waiting: events.Resize | None = None
        self._sizing: asyncio.Task[None] | None = None
        self._asking: list[Screen[Any]] = []

    @contextlib.contextmanager
    def asking(self, screen: Screen[Any]) -> Iterator[None]:
        """While something that was begun on that screen is under way, keys are for what it opens. See `in_turn`."""
        self._asking.append(screen)
        try:
            yield
        finally:
            self._asking.remove(screen)

    def forget_typed(self) -> None:
        """What was asked for is refused: what was typed behind it is for nobody else."""
        self._ahead.clear()

    async def on_event(self, event: events.Event) -> None:
        """Keys and sizes in their turn; everything else, and a key that is to leave, as ever."""
        if isinstance(event, events.Resize) and self.screen_stack:
            self._size_waiting = event
            if self._sizing is None:
                self._sizing = asyncio.create_task(self._resize_in_turn())
            return
        if not isinstance(event, events.Key | events.Paste) or event.is_forwarded or self._leaves(event):
            await super().on_event(event)
            return
        quick, self._typed_s = event.time - self._typed_s < IN_ONE_GO_S, event.time
        if self._handing_out is None and not quick and not self._is_opening:
            await super().on_event(event)
            return
        self._ahead.append(event)
        if self._handing_out is None:
            self._handing_out = asyncio.create_task(self._hand_out_in_turn())

    async def _resize_in_turn(self) -> None:
        try:
            await self._resize()
        except ScreenStackError:
            pass  # the person has left meanwhile
        finally:
            self._sizing = None

    async def _resize(self) -> None:
        while (event := self._size_waiting) is not None:
            self._size_waiting = None
            self.repaint_if_unknown()
            await super().on_event(event)
            await asyncio.sleep(_TEXTUAL_WAITS_S)  # for more sizes, before it tells its screens
            await self._heard(self)
            await self._heard(self.screen, LAYOUT_AT_MOST_S)

    def _leaves(self, event: events.Event) -> bool:
        return isinstance(event, events.Key) and event.key == "ctrl+q"

    @property
    def _is_opening(self) -> bool:
        screen = self.screen
        if isinstance(screen, Opening) and not screen.is_ready:
            return True
        return not screen.is_mounted or screen in self._asking

    async def _hand_out_in_turn(self) -> None:
        try:
            await self._hand_out()
        except ScreenStackError:
            pass  # the person has left meanwhile
        finally:
            self._handing_out = None

    async def _hand_out(self) -> None:
        field: Input | None = None
        while self._ahead:
            if field is not None:
                await self._heard(field)
            if not (field is not None and self._is_text_for(field)) and not await self._ready_for_next():
                continue
            if self._ahead:  # it may have been refused
                into, event = self.focused, self._ahead.popleft()
                field = into if isinstance(into, Input) and _is_text(event) else None
                await super().on_event(event)

    def _is_text_for(self, field: Input) -> bool:
        """Whether text follows text in one field: that begins nothing, and a page takes long to settle for each letter."""
        return self.focused is field and not self._is_opening and bool(self._ahead) and _is_text(self._ahead[0])

    async def _ready_for_next(self) -> bool:
        """Until what was typed before has done what it does; False where more has begun, or nothing is to follow."""
        screen = self.screen
        await self._settled()
        if not await self._opened():
            self._ahead.clear()
            return False
        if self.screen is not screen:
            await self._settled()  # what a form that closed was asked for is done, too
            return not self._is_opening  # and asks for more
        return True

    async def _settled(self) -> None:
        """Until what was typed before has gone from the widget up to the app, and what it began has begun."""
        target = self.focused or self.screen
        for _ in range(2):  # once for the key itself, once for what a widget told the screen of it
            for node in target.ancestors_with_self:
                await self._heard(node)
            await asyncio.sleep(0)  # a worker that it started

    async def _heard(self, node: MessagePump, at_most_s: float = _STEP_AT_MOST_S) -> None:
        """Until it has taken all messages that it has now."""
        heard = asyncio.Event()
        if node.is_running and node.call_later(heard.set):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(at_most_s):
                    await heard.wait()

    async def _opened(self) -> bool:
        """Until the tab or form that is opening takes keys; False when a form took too long: none of them are for anybody."""
        began_s, is_late = time.monotonic(), False
        while self._is_opening:
            is_form = bool(self._asking) or isinstance(self.screen, ModalScreen)
            waited_s = time.monotonic() - began_s
            if not is_form and waited_s > HELD_FOR_TAB_S:
                return True
            is_late = is_late or waited_s > HELD_AT_MOST_S
            await asyncio.sleep(_POLL_S)
        return not is_late


def _is_text(event: events.Event) -> bool:
    return isinstance(event, events.Key) and event.is_printable


def in_turn[W: Widget, **P, T](
    doing: Callable[Concatenate[W, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[W, P], Coroutine[Any, Any, T]]:
    """For what a key or button begins, in a worker: keys typed behind it wait for the form that it opens, or for its end."""

    @functools.wraps(doing)
    async def run(self: W, /, *args: P.args, **named: P.kwargs) -> T:
        with cast("InTurn[Any]", self.app).asking(self.screen):
            return await doing(self, *args, **named)

    return run
