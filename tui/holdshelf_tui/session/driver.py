"""The terminal as the app writes to it and reads from it: what is still on its way there is known, and answers are no keys.

How far the terminal itself has come is asked of it (DSR 5, which every terminal answers in order): so neither the SSH door's
buffers nor the line's are guessed at. A terminal that does not answer is taken at the word of the pseudo-terminal alone.
"""

from __future__ import annotations

import asyncio
import os
import select
import signal
import time
from codecs import getincrementaldecoder
from collections import deque
from collections.abc import Callable
from types import FrameType
from typing import IO, Any, cast

from rich.console import RenderableType
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.await_complete import AwaitComplete
from textual.drivers.linux_driver import LinuxDriver
from textual.screen import Screen
from textual.worker import active_worker

from holdshelf_tui.session.answers import Answers
from holdshelf_tui.session.pastes import Pastes
from holdshelf_tui.session.probe import CELL_QUESTIONS, window_cell
from holdshelf_tui.session.screen_diff import ScreenDiff

ARE_YOU_THERE = "\x1b[5n"
SILENT_S = 3.0
"""A terminal that has not answered for so long is not waited for any more, and asked again as often."""
_TICK_S = 0.1
_ESCAPE_S = 0.05


class _Counted:
    """The output file, with how much of what was written has gone out of this process. Used by the writer's thread."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._written = 0
        self.gone = 0

    def write(self, text: str) -> None:
        self._file.write(text)
        self._written += len(text) if text.isascii() else len(text.encode())

    def flush(self) -> None:
        self._file.flush()
        self.gone = self._written

    def fileno(self) -> int:
        return self._file.fileno()


class TerminalDriver(LinuxDriver):
    """Textual's driver, which knows how much is unseen yet."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        assert self._file is not None
        self._counted = _Counted(self._file)
        self._file = self._counted  # type: ignore[assignment]
        self.screen = ScreenDiff()
        self._put = 0
        self._marks: deque[tuple[int, float]] = deque()
        self._seen = 0
        self._silent = False
        self._asked_s = 0.0
        self._answers = self._app.answers if isinstance(self._app, DrivenApp) else Answers()
        self._heard, self._said = self._answers.seen, self._answers.said
        self._pastes = Pastes()
        self._typed: deque[str] = deque()
        self._cell = window_cell(self.fileno)
        self.on_said: Callable[[], None] | None = None
        """Called on the loop when the terminal has said more of itself, or its cells may have another size."""

    def _get_terminal_size(self) -> tuple[int, int]:
        """(columns, rows) of the terminal itself, also where COLUMNS and LINES in the environment tell of another."""
        try:
            columns, rows = os.get_terminal_size(self.fileno)
        except OSError:
            columns, rows = 0, 0
        return (columns, rows) if columns and rows else super()._get_terminal_size()

    # --- what is on its way -----------------------------------------------------------------------------------

    def write(self, data: str) -> None:
        """As Textual calls it; counted."""
        self._put += len(data) if data.isascii() else len(data.encode())
        super().write(data)

    def start_application_mode(self) -> None:
        """Begin as the base class does. After each change of size all is painted anew: terminals rearrange what they show."""
        super().start_application_mode()  # type: ignore[no-untyped-call]
        tell = signal.getsignal(signal.SIGWINCH)
        loop = asyncio.get_running_loop()

        def resized(number: int, frame: FrameType | None) -> None:
            self.screen.forget()
            loop.call_soon_threadsafe(self._measure)
            if callable(tell):
                tell(number, frame)

        signal.signal(signal.SIGWINCH, resized)

    def _measure(self) -> None:
        """A window has another size, or letters of another size fill the same one."""
        before, self._cell = self._cell, window_cell(self.fileno)
        if self._cell is not None and self._cell == before:
            return
        if self._cell is not None:
            self._answers.cell_px = None  # said before
        self._answers.area_px = None
        self.write(CELL_QUESTIONS)
        self._tell()

    def stop_application_mode(self) -> None:
        """End as the base class does, after every picture in pixels was taken away."""
        self.write(self.screen.leave())
        super().stop_application_mode()

    def mark(self) -> None:
        """Ask the terminal to say when it has come to this point."""
        now_s = time.monotonic()
        if not self._silent:
            self.write(ARE_YOU_THERE)
            self._marks.append((self._put, now_s))
            self._asked_s = now_s
        elif now_s - self._asked_s > SILENT_S:
            # One answer that was lost must not count for the rest of a session.
            self.write(ARE_YOU_THERE)
            self._asked_s = now_s

    @property
    def unseen(self) -> int:
        """Bytes that were written and of which nobody knows whether the terminal has taken them."""
        self._note_answers()
        if self._silent:
            return self._put - self._counted.gone
        return self._put - self._seen if self._marks else 0

    def _note_answers(self) -> None:
        while self._heard < self._answers.seen:
            self._heard += 1
            if self._marks:
                self._seen, _ = self._marks.popleft()
            else:
                self._silent = False
        if self._marks and time.monotonic() - self._marks[0][1] > SILENT_S:
            # Stalled, or of a kind that never answers; if it does after all, it is believed again.
            self._silent = self._put == self._counted.gone
            if self._silent:
                self._marks.clear()

    def hear(self, typed: str) -> None:
        """Keys that were typed before it started, while the terminal was asked."""
        if typed:
            self._typed.append(typed)

    # --- reading ------------------------------------------------------------------------------------------------

    def run_input_thread(self) -> None:
        """Keys as events, answers taken out. In the thread of it."""
        parser = XTermParser(self._debug)
        decode = getincrementaldecoder("utf-8")("replace").decode
        while not self.exit_event.is_set():
            while self._typed:
                self._hear(parser, self._typed.popleft())
            readable, _, _ = select.select([self.fileno], [], [], _ESCAPE_S if self._answers.holding else _TICK_S)
            if readable:
                raw = os.read(self.fileno, 4096)
                if not raw:
                    break
                self._hear(parser, decode(raw))
            elif self._answers.holding:
                self._parse(parser, self._answers.let_go())
            for event in parser.tick():
                self.process_message(event)

    def _hear(self, parser: XTermParser, text: str) -> None:
        self._parse(parser, self._answers.feed(text))
        if self._answers.said != self._said:
            self._tell()

    def _tell(self) -> None:
        self._said = self._answers.said
        if self.on_said is not None:
            self._app.call_later(self.on_said)

    def _parse(self, parser: XTermParser, keys: str) -> None:
        if keys := self._pastes.feed(keys):
            for event in parser.feed(keys):
                self.process_message(event)


class DrivenApp[T](App[T]):
    """An app that writes to its terminal only what this does not show yet."""

    @property
    def answers(self) -> Answers:
        """What the terminal has said of itself before the app starts."""
        return Answers()

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        if isinstance(self._driver, TerminalDriver) and isinstance(renderable, LayoutUpdate | ChopsUpdate):
            renderable = cast(Any, self._driver.screen.of(renderable))
        super()._display(screen, renderable)

    async def push_screen_wait[R](self, screen: Screen[R] | str, *, mode: str | None = None) -> R | Any:
        """Push a screen and return what it is dismissed with; to be awaited in a worker.

        What the app does next is done here first, such as to wait for the end of a screen. Textual shields only what comes after:
        a worker that is cancelled at that moment, as somebody leaves, cancelled that screen's own task, and the session with it.
        """
        await asyncio.shield(self._flush_next_callbacks())
        return await asyncio.shield(self.push_screen(screen, wait_for_dismiss=True, mode=mode))

    def pop_screen(self) -> AwaitComplete:
        """Take the screen in front away; its workers end with it, but for the one that asked for this.

        Textual takes its widgets away before it ends its workers: one that came back in between found none of them, and ended
        the session.
        """
        asked_by = active_worker.get(None)
        if len(self.screen_stack) > 1:
            for worker in [one for one in self.workers if one.node is self.screen and one is not asked_by]:
                worker.cancel()
        return super().pop_screen()

    def repaint(self) -> None:
        """Write the whole screen anew: something else has written on the terminal, or it has lost what it showed."""
        if isinstance(self._driver, TerminalDriver):
            self._driver.screen.forget()
            self.repaint_if_unknown()

    def repaint_if_unknown(self) -> None:
        """Write the whole screen anew, if what the terminal shows is not known."""
        if isinstance(self._driver, TerminalDriver) and not self._driver.screen.is_known:
            self.screen.refresh()
