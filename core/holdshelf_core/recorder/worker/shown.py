"""The order in which pictures are shown, where they are sent in another (B-frames): before which of them one may be missing.

A picture that is lost may be shown before some that came ahead of it. What is recorded must not reach over it: recorded and gaps
are the time that passed, and each missing picture lies in a gap. So a segment that nothing follows ends before the first picture
that may be missing, and what came ahead to be shown later is left out (ADR 42). Kept, it would be shown after its file's end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import pairwise

from holdshelf_core.recorder.worker.units import REORDER_DEPTH

MOST_AHEAD = 8
"""More pictures than this are not sent ahead of one: a clock was set back."""
SURE_AFTER = 16
"""So many pictures show how long one lasts: no stream holds back more of them (H.264 § A.3.1, H.265 § A.4.2)."""
RECENT = 32


class ShownOrder:
    """What the pictures of one connection tell of their order. Not thread-safe; times are in the stream's ticks."""

    def __init__(self) -> None:
        self.depth = 0
        """The most pictures that were sent ahead of one that is shown before them, as far as seen."""
        self._said = 0
        self._recent: deque[int] = deque(maxlen=RECENT)
        self._latest = 0
        self._seen = 0

    def said(self, depth: int) -> None:
        """Note how many its parameter sets allow; where they say nothing that is many, and as many as are usual are assumed."""
        self._said = min(depth, REORDER_DEPTH)

    @property
    def assumed(self) -> int:
        """Return how many pictures may have been sent ahead of one that is missing."""
        return max(self.depth, self._said)

    def saw(self, ticks: int) -> None:
        """Note a picture, in the order of sending."""
        recent = self._recent
        if recent and ticks < self._latest:
            ahead = sum(1 for other in recent if other > ticks)
            if ahead > MOST_AHEAD:
                recent.clear()
                self._latest = ticks
            else:
                self.depth = max(self.depth, ahead)
        elif ticks > self._latest or not recent:
            self._latest = ticks
        recent.append(ticks)
        self._seen += 1

    def step(self) -> int | None:
        """Return the shortest time between two pictures lately; None while that is not certain."""
        is_deepest = (
            0 < self._said <= self.depth
        )  # pictures were as far out of order as they may be: none comes between
        if self.assumed and self._seen < SURE_AFTER and not is_deepest:
            return None
        return min((after - before for before, after in pairwise(sorted(set(self._recent)))), default=None)

    def settled(self, latest: int, ticks: Sequence[int], ahead: int) -> int:
        """Return how many of these pictures (in the order of sending) are shown before any that may be missing.

        ``latest``: of those sent before them. ``ahead``: at most so many were sent ahead of a missing one.
        """
        order = sorted(at for at in ticks if at > latest)
        if not ahead or not order:
            return len(ticks)
        step = self.step()
        before = order[-ahead - 1] if len(order) > ahead else latest
        first = None
        for at in order[-ahead:]:
            # Nothing has room between two that are as close as any two.
            if step is None or 2 * (at - before) >= 3 * step:
                first = at
                break
            before = at
        if first is None:
            return len(ticks)
        # What was sent after one that is left out may need it, and then what is shown after that is left out, too.
        kept = len(ticks)
        while (cut := next((number for number in range(kept) if ticks[number] >= first), kept)) < kept:
            first = min(first, *(at for at in ticks[cut:kept] if at > latest))
            kept = cut
        return kept
