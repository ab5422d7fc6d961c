"""What a granted purpose covers, how it is widened, when that counts as wandering, and what ends by itself (P2, P9, P12).

Looking inside a grant never asks again. Beyond its cameras or span, one confirmation widens it; someone who keeps widening under
one purpose and incident, in one look or several, is flagged for the spot check. The Board sets the numbers. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from holdshelf_core.policy.model import Board
from holdshelf_storage.units import HOUR_NS, MINUTE_NS

DEFAULT_LOOK_NS = 15 * MINUTE_NS
"""Before and after the requested time (P2)."""
WANDERING_NS = HOUR_NS
"""Looks for one purpose at other cameras within this time count together, whether widened or opened again (scene 16)."""


class Granted(Protocol):
    """A granted purpose. Half-open span; None on both sides: live only."""

    @property
    def purpose(self) -> str: ...
    @property
    def incident(self) -> str: ...
    @property
    def cameras(self) -> tuple[str, ...]: ...
    @property
    def start_utc_ns(self) -> int | None: ...
    @property
    def end_utc_ns(self) -> int | None: ...
    @property
    def widenings(self) -> int: ...


def default_span(at_utc_ns: int) -> tuple[int, int]:
    """Return the span of a look at one time: 15 minutes on either side."""
    return at_utc_ns - DEFAULT_LOOK_NS, at_utc_ns + DEFAULT_LOOK_NS


def widened(
    grant: Granted, cameras: Iterable[str], start_utc_ns: int | None, end_utc_ns: int | None
) -> tuple[tuple[str, ...], int | None, int | None]:
    """Return the grant's cameras, start and end with these added. Unchanged when they are inside it."""
    starts = [at for at in (grant.start_utc_ns, start_utc_ns) if at is not None]
    ends = [at for at in (grant.end_utc_ns, end_utc_ns) if at is not None]
    every = tuple(dict.fromkeys((*grant.cameras, *cameras)))
    return every, min(starts, default=None), max(ends, default=None)


def widenings_so_far(grant: Granted, recent: Iterable[Granted]) -> int:
    """Return how often this purpose was widened by opening it again for other cameras. 0 for a first look.

    ``recent``: the person's looks of the last `WANDERING_NS`. Repeating the same purpose counts as widening.
    """
    wanted = frozenset(grant.cameras)
    return max(
        (
            other.widenings + 1
            for other in recent
            if (other.purpose, other.incident) == (grant.purpose, grant.incident) and not wanted.issubset(other.cameras)
        ),
        default=0,
    )


def wanders(widenings: int, board: Board) -> bool:
    """Return whether this widening raises a flag: each time that the number the Board allows between two flags is reached."""
    return widenings > 0 and widenings % board.widenings_before_flag == 0


def break_glass_span(board: Board, opened_utc_ns: int) -> tuple[int, int]:
    """Return what break-glass opens: the minutes before the look, by the wall clock as recordings use it, and the look's own."""
    minutes_ns = board.break_glass_minutes * MINUTE_NS
    return opened_utc_ns - minutes_ns, opened_utc_ns + minutes_ns


def live_ends_ns(board: Board, begun_or_renewed_ns: int) -> int:
    """Return when a live look ends unless a confirmation renews it; on the given clock (boot time is best)."""
    return begun_or_renewed_ns + board.live_minutes * MINUTE_NS
