"""A purpose once granted: what lies inside it, what widens it with one confirm, and when the whole question is asked again.

Looking inside a grant never asks. Past its cameras or its span one confirm widens it, a few times; then the purpose is
asked for anew, and somebody who goes from camera to camera under one purpose is flagged for the quarterly spot check (P12).
What imminent danger opens, and what is live, ends by itself (P9). Numbers are the Board's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import msgspec

from holdshelf_core.policy.instants import HOUR_NS, MINUTE_NS, Now
from holdshelf_core.policy.model import Board

DEFAULT_LOOK_NS = 15 * MINUTE_NS
"""Before and after the time that was asked for (P2)."""
WANDERING_NS = 24 * HOUR_NS
"""Over how long looks under the same purpose and incident are taken together."""

INSIDE, CONFIRM, ASK_AGAIN = "inside", "confirm", "ask_again"


class Granted(Protocol):
    """A purpose as it was granted to one person. Half-open span; None on both sides: live only."""

    @property
    def person(self) -> str: ...
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
    def opened_utc_ns(self) -> int: ...
    @property
    def widenings(self) -> int: ...


class Widening(msgspec.Struct, frozen=True):
    """What a look beyond a grant takes, and what the grant becomes if it is given (unchanged when asked again)."""

    kind: str
    """INSIDE: nothing. CONFIRM: one confirm. ASK_AGAIN: the whole question, as a new purpose."""
    cameras: tuple[str, ...]
    start_utc_ns: int | None
    end_utc_ns: int | None
    widenings: int
    flag: bool = False
    """Raise a ``wandering`` flag."""
    sentence: str = ""


def default_span(at_utc_ns: int) -> tuple[int, int]:
    """± 15 minutes."""
    return at_utc_ns - DEFAULT_LOOK_NS, at_utc_ns + DEFAULT_LOOK_NS


def inside(grant: Granted, cameras: Iterable[str], start_utc_ns: int | None, end_utc_ns: int | None) -> bool:
    """The look needs no word more. A moment is a span of start = end; None on both sides is a live look."""
    if not set(cameras) <= set(grant.cameras):
        return False
    if start_utc_ns is None or end_utc_ns is None:
        return start_utc_ns is None and end_utc_ns is None
    if grant.start_utc_ns is None or grant.end_utc_ns is None:
        return False
    return grant.start_utc_ns <= start_utc_ns <= end_utc_ns <= grant.end_utc_ns


def widen(
    grant: Granted,
    cameras: Iterable[str],
    start_utc_ns: int | None,
    end_utc_ns: int | None,
    board: Board,
    recent: Iterable[Granted] = (),
) -> Widening:
    """What looking at these cameras over this span takes. ``recent``: earlier grants, this one may be among them."""
    asked = tuple(dict.fromkeys(cameras))
    same = (grant.cameras, grant.start_utc_ns, grant.end_utc_ns, grant.widenings)
    if inside(grant, asked, start_utc_ns, end_utc_ns):
        return Widening(INSIDE, *same)
    every = (*grant.cameras, *(camera for camera in asked if camera not in grant.cameras))
    start, end = _least(grant.start_utc_ns, start_utc_ns), _most(grant.end_utc_ns, end_utc_ns)
    if len(every) > board.cameras_per_purpose:
        sentence = f"One purpose covers {board.cameras_per_purpose} cameras; name the purpose for this one anew."
        return Widening(ASK_AGAIN, *same, flag=True, sentence=sentence)
    if grant.widenings >= board.widenings_before_flag:
        sentence = f"This purpose was widened {grant.widenings} times; name it anew."
        return Widening(ASK_AGAIN, *same, flag=True, sentence=sentence)
    hours = board.longest_look_hours
    if start is not None and end is not None and end - start > hours * HOUR_NS:
        return Widening(ASK_AGAIN, *same, sentence=f"One purpose spans {hours} hours; name the purpose for more anew.")
    sentence = f"This widens the purpose to {_extent(every, start, end)}."
    flag = wanders(grant, every, recent, board)
    return Widening(CONFIRM, every, start, end, grant.widenings + 1, flag, sentence)


def wanders(grant: Granted, cameras: Iterable[str], recent: Iterable[Granted], board: Board) -> bool:
    """More cameras under one purpose and incident within a day than one purpose covers, whether in one grant or in several.

    Asked when a purpose is opened, too: naming the same one again and again is the same wandering.
    """
    seen = set(cameras)
    for other in recent:
        same = (other.person, other.purpose, other.incident) == (grant.person, grant.purpose, grant.incident)
        if same and abs(grant.opened_utc_ns - other.opened_utc_ns) < WANDERING_NS:
            seen.update(other.cameras)
    return len(seen) > board.cameras_per_purpose


def _least(one: int | None, other: int | None) -> int | None:
    return min((value for value in (one, other) if value is not None), default=None)


def _most(one: int | None, other: int | None) -> int | None:
    return max((value for value in (one, other) if value is not None), default=None)


def _extent(cameras: tuple[str, ...], start_utc_ns: int | None, end_utc_ns: int | None) -> str:
    words = f"{len(cameras)} camera{'s' if len(cameras) != 1 else ''}"
    if start_utc_ns is None or end_utc_ns is None:
        return f"{words}, live"
    return f"{words} and {(end_utc_ns - start_utc_ns) // MINUTE_NS} minutes"


# --- what ends by itself ------------------------------------------------------------------------------------------


def break_glass_span(board: Board, now: Now) -> tuple[int, int]:
    """What imminent danger opens: a few minutes back, and as many on, after which it has ended."""
    minutes_ns = board.break_glass_minutes * MINUTE_NS
    return now.earliest_utc_ns - minutes_ns, now.earliest_utc_ns + minutes_ns


def live_ends_ns(board: Board, begun_or_renewed_ns: int) -> int:
    """When a live look ends by itself unless one confirm renews it; on the clock that was given (boot time, best)."""
    return begun_or_renewed_ns + board.live_minutes * MINUTE_NS
