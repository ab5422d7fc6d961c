"""Somebody at a keyboard: OpenSSH in tmux at 80×24, every key press counted, and text that is typed counted apart."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Self

from tests.service import wait_for
from tests.tui.cells import pixels
from tests.tui.ssh.door_rig import DoorHouse

SIZE = (80, 24)
SHOWN_S = 60.0
"""A busy machine may take its time; a person would have given up long before."""
ROWS_TO_LIST = 2
"""On the first screen, from the line below the tabs: the question, the answers with a line about each."""
PICTURE_ROW, PICTURE_COLUMNS = 11, 26
"""Where a timeline's larger picture is at that size."""
TOO_OFTEN = "This key has logged in too often"
_FRAME = re.compile("[│╭╮╰╯─━╸╺▔▁▃▆▄█░┃┏┓┗┛]")


class Hand:
    """One person in one session, from the log-in on. ``starts``: the task is begun at the first screen, and not from a tab."""

    def __init__(self, house: DoorHouse, login: str, *, starts: bool, key: str = "") -> None:
        self.login, self.starts = login, starts
        self.keys = self.typed = 0
        """Keys pressed so far, and characters of texts."""
        self.played: list[str] = []
        """What was pressed, as the table tells it."""
        self._at_a_desk = partial(house.tmux, login, size=SIZE, key=key)
        self._terminal = self._at_a_desk()

    def __enter__(self) -> Self:
        try:
            while not self._is_in():
                self._terminal.close()
                self._terminal = self._at_a_desk()
        except BaseException:
            self._terminal.close()
            raise
        return self

    def _is_in(self) -> bool:
        """Whether the log-in was taken. Who comes a hundred times in some minutes is told to come again in a second."""
        self._terminal.start("LC_ALL=C.UTF-8 ")
        welcome = ("What do you need?", "Welcome to Holdshelf")  # which covers the first screen
        self.sees_either(*welcome, TOO_OFTEN)
        return TOO_OFTEN not in self.screen()

    def __exit__(self, *_exc: object) -> None:
        self._terminal.close()

    # --- doing --------------------------------------------------------------------------------------------------------

    def press(self, *keys: str) -> None:
        """Keys by tmux's names: 'Enter', 'Down', 'Tab', 'Space', 'h', 'C-p'."""
        self._terminal.type(*keys)
        self.keys += len(keys)
        self.played += keys

    def type(self, text: str) -> None:
        """A text: no key presses, but so many characters."""
        self._terminal.say(text)
        self.typed += len(text)
        self.played.append(f"“{text}”")

    def paste(self, text: str) -> None:
        """A text from the clipboard: so many characters, too."""
        self._terminal.paste(text)
        self.typed += len(text)
        self.played.append(f"“{text[:20]}…”")

    def goes(self, need: str, tab: str) -> None:
        """To where a task begins: the answer with these words on the first screen, or the tab of that name by its number."""
        if self.starts:
            self.chooses(need)
        else:
            self.press(self.number_of(tab))

    def changes(self, step: str, tab: str) -> None:
        """To that step of what is changed, by the first screen's list; or the tab of that name by its number."""
        if self.starts:
            self.chooses("Change something")
            self.chooses(step)
        else:
            self.press(self.number_of(tab))

    def chooses(self, words: str) -> None:
        """Down to the line with these words in a list on the first screen, and Enter."""
        self.press(*["Down"] * self.down_to(words), "Enter")

    def down_to(self, words: str) -> int:
        """How many lines below the first one of the list: each has a line that explains it."""
        lines = self.lines(words).split("\n")
        first = next(number for number, line in enumerate(lines) if line.startswith("━")) + ROWS_TO_LIST
        at = next(number for number, line in enumerate(lines[first:]) if words in line)
        return at // 2

    def lines_above(self, words: str, *each: str, less: str = "│ │") -> int:
        """How many lines with one of ``each``, and without ``less``, stand above the one with these words."""
        shown = self.lines(words).split("\n")
        lines = [line for line in shown if any(one in line for one in each) and less not in line]
        return next(number for number, line in enumerate(lines) if words in line)

    # --- seeing -------------------------------------------------------------------------------------------------------

    def screen(self) -> str:
        """What is on it, and then what each dialog says by itself, as one text wherever its lines break; frames left out."""
        raw = self._terminal.screen()
        lines = raw.split("\n")
        texts = [raw]
        for y, line in enumerate(lines):
            for corner in re.finditer("╭.*?╮", line):
                x, end = corner.span()
                inside = [below[x:end] for below in lines[y:]]
                height = next((at for at, row in enumerate(inside) if row.startswith("╰")), len(inside))
                texts.append("\n".join(inside[:height]))
        return " ".join(_FRAME.sub(" ", "\n".join(texts)).split())

    def sees(self, *words: str, seconds: float = SHOWN_S) -> str:
        """Waits until all of these are on the screen, wherever its lines break."""

        def shown() -> str | None:
            now = self.screen()
            return now if all(one in now for one in words) else None

        return self._awaits(f"{words}", shown, seconds)

    def sees_either(self, *words: str) -> None:
        """Waits until one of these is on the screen."""
        self._awaits(f"one of {words}", lambda: any(w in self.screen() for w in words))

    def sees_no_more(self, words: str) -> None:
        """Waits until these are gone: a form was left."""
        self._awaits(f"no {words!r}", lambda: words not in self.screen())

    def _awaits[T](self, what: str, probe: Callable[[], T | None], seconds: float = SHOWN_S) -> T:
        try:
            return wait_for(f"{what} on the screen of {self.login}", probe, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}. It shows: {self.screen()!r}") from None

    def lines(self, words: str = "") -> str:
        """The screen as it is, once it has these words."""
        self.sees(words)
        return self._terminal.screen()

    def sees_picture(self) -> None:
        """Waits until the larger picture of a timeline, left of the small ones, is there: other colors than the ground's."""

        def shown() -> bool:
            painted = pixels(self._terminal.screen(colors=True))
            pane = painted[2 * PICTURE_ROW : 2 * (PICTURE_ROW + 8), :PICTURE_COLUMNS]
            return bool((pane != pane[0, 0]).any())

        wait_for("a picture", shown, SHOWN_S)

    def number_of(self, tab: str) -> str:
        """The digit that the row of tabs shows before that name."""
        found = re.search(rf"(\d)\W{re.escape(tab)}", self.sees(tab))
        assert found, f"no number before {tab}"
        return found[1]
