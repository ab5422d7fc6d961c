"""Rows of what is promised to a user: the slowest of several turns beside the limit that was promised.

A turn that fails is a row without a figure, which does not hold, and the reason; the promises after it are measured all the same.
"""

from __future__ import annotations

import statistics
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from bench.parts.rows import Row, say


@dataclass
class Promise:
    """One row in the making. ``middle``: of what is promised as a rule, the median is judged and not the slowest. ``of``: what
    the bar limits, as in `Row`; "more": what is added to the peer, the same without the cause."""

    what: str
    bar: float | None
    unit: str = "s"
    middle: bool = False
    of: Literal["ours", "more"] = "ours"
    ours: list[float] = field(default_factory=list)
    peers: list[float] = field(default_factory=list)
    detail: dict[str, object] = field(default_factory=dict)

    def row(self) -> Row:
        """The row, of what was measured until now."""
        choose: Callable[[Sequence[float]], float] = statistics.median if self.middle else max
        row = Row(
            self.what,
            self.unit,
            choose(self.ours) if self.ours else None,
            choose(self.peers) if self.peers else None,
            self.bar,
            self.of,
            detail=dict(self.detail),
        )
        if len(self.ours) > 1:
            row.detail["all"] = [round(one, 4) for one in self.ours]
        figure = "no figure" if row.ours is None else f"{row.ours:.3g} {self.unit}"
        say(f"{self.what.strip()}: {figure}{'' if self.bar is None else f' of {self.bar:g}'}")
        return row


def promised(
    what: str,
    bar: float | None,
    measure: Callable[[Promise], object],
    *,
    turns: int = 1,
    unit: str = "s",
    middle: bool = False,
    of: Literal["ours", "more"] = "ours",
) -> Row:
    """The row of a promise that ``measure`` fills, in so many turns."""
    promise = Promise(what, bar, unit, middle, of)
    return _measured([promise], lambda: measure(promise), turns)[0]


def promises(
    bars: dict[str, float | None], measure: Callable[[dict[str, Promise]], object], *, turns: int = 1
) -> list[Row]:
    """A row for each of several promises that are measured together, by what they say; in seconds."""
    made = {what: Promise(what, bar) for what, bar in bars.items()}
    return _measured([*made.values()], lambda: measure(made), turns)


def _measured(made: list[Promise], measure: Callable[[], object], turns: int) -> list[Row]:
    try:
        for _ in range(turns):
            measure()
    except Exception as error:  # a promise that cannot be measured does not hold, and the next ones are measured
        say(traceback.format_exc())
        for one in made:
            one.ours.clear()  # what was measured before a later turn failed is no figure of all turns
            one.detail["failed"] = f"{type(error).__name__}: {error}"[:2000]
    return [one.row() for one in made]


@contextmanager
def timed(into: list[float]) -> Iterator[None]:
    """Adds how long the block took, in seconds of the wall."""
    began_s = time.monotonic()
    yield
    into.append(time.monotonic() - began_s)
