"""What is done in a year: each task played by a hand, from the first screen and from the tabs, and checked by the service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.scenes.year.hand import Hand
from tests.scenes.year.house import Year

type Play = Callable[[Year, Hand], None]


@dataclass(frozen=True)
class Task:
    """``most``: key presses that it may take, besides text, by either way; 0: whatever it takes.

    ``start_only``: why it does not begin in a tab; '' it does.
    """

    words: str
    login: str
    play: Play
    most: int = 0
    start_only: str = ""

    @property
    def name(self) -> str:
        """For the names of tests."""
        return self.play.__name__.removeprefix("play_")


@dataclass(frozen=True, slots=True)
class Count:
    """Keys pressed, and characters of text."""

    keys: int
    typed: int

    def __str__(self) -> str:
        return f"{self.keys}" + (f" + {self.typed} typed" if self.typed else "")


TASKS: list[Task] = []


def task(words: str, login: str = "dora", *, most: int = 0, start_only: str = "") -> Callable[[Play], Play]:
    """Names what the function plays."""

    def named(play: Play) -> Play:
        TASKS.append(Task(words, login, play, most, start_only))
        return play

    return named


def play(year: Year, one: Task, *, starts: bool) -> Count:
    """Plays it in a session of its own, from the log-in on; what it took."""
    with year.hand(one.login, starts=starts) as hand:
        try:
            one.play(year, hand)
        except AssertionError as error:
            raise AssertionError(f"{error}; after {' '.join(hand.played)}\n{hand.lines()}") from error
    print(f"{one.words}, {one.login}, {'first screen' if starts else 'tabs'}: {' '.join(hand.played)}")
    assert not one.most or hand.keys <= one.most, f"{one.words}: {hand.keys} keys: {' '.join(hand.played)}"
    return Count(hand.keys, hand.typed)
