"""Runs: how a stream's own timestamps become UTC.

A run is an unbroken stretch with one wall-minus-boottime offset (DESIGN § 4, "Clock"). Inside it, times follow the stream's 90
kHz clock from an anchor, so frames keep their spacing however late the network delivered them. It ends when the wall clock is
set, when the stream's timestamps jump, and when the two clocks have drifted more than 1 s.

Our clock is authoritative, whatever a source does with its own: a run begins no later than its first frame was read, and never
before the end of what was recorded before (ADR 24).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from uuid import uuid4

from holdshelf_core.integration.reasons import STREAM_JUMPED
from holdshelf_core.times import NS

STEP_NS = NS // 2
JUMP_NS = 3 * NS
DRIFT_NS = NS
# Frames this far ahead of their own arrival are not kept even until the next key frame.
FAR_NS = 5 * NS
# A late frame does not show when it was sent; among all frames of 15 to 30 s, at least one was on time.
WINDOW_NS = 15 * NS
# B-frames go back by a few frames. A clock that was set back goes back further.
REORDERED_FRAMES = 8
_LONGEST_STEP_NS = NS // 2


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where a run began: a timestamp, with its boot and wall time."""

    run: str
    pts: int
    boot_ns: int
    utc_ns: int


class Timeline:
    """Times of one connection's packets. Not thread-safe: used by its camera's thread only."""

    def __init__(self, ticks_per_s: int) -> None:
        self._ticks_per_s = ticks_per_s
        self._anchor: Anchor | None = None
        self._last_pts = 0
        self._last_boot_ns: int | None = None
        self._step_ns = NS // 10
        # Minimum of (arrival − timestamp), in this window and the previous one: queues only ever delay.
        self._window_start_ns = 0
        self._least_ns: int | None = None
        self._least_before_ns: int | None = None

    def ticks_to_ns(self, ticks: int) -> int:
        """Convert stream ticks to nanoseconds."""
        return ticks * NS // self._ticks_per_s

    def begin(self, pts: int, boot_ns: int, utc_ns: int, not_before_ns: int = 0) -> Anchor:
        """Start a new run at a frame that was read now; it may have arrived earlier, as other frames of its connection show.

        ``not_before_ns`` (boottime): until then something else was recorded or reported missing.
        """
        return self._start(pts, max(self.came_ns(pts, boot_ns), not_before_ns), boot_ns, utc_ns)

    def came_ns(self, pts: int, boot_ns: int) -> int:
        """Return when a frame that was read now had arrived (boottime)."""
        least_ns = self._least_of_both_ns()
        if least_ns is not None:
            waited_ns = boot_ns - (least_ns + self.ticks_to_ns(pts))
            if 0 < waited_ns < JUMP_NS:
                return boot_ns - waited_ns
        return boot_ns

    def go_on(
        self,
        pts: int,
        boot_ns: int,
        utc_ns: int,
        not_before_ns: int = 0,
        *,
        ahead_ns: int = 0,
        drift_ns: int | None = None,
    ) -> Anchor:
        """Start a new run where the last one ends: frames keep their boot time, minus the drift.

        For a wall clock that was set (no frame is missing, so no boot time is either), for drift, and after a loss, where the
        stream's clock tells how long it was. ``ahead_ns``: so much earlier than the stream says the frame may have been read.
        ``drift_ns``: the drift when that frame came, where others have come since; None: as it is now.
        """
        at_boot_ns = self.at(pts)[1]
        drift_ns = self.drift_ns() if drift_ns is None else drift_ns
        if abs(drift_ns) > DRIFT_NS:
            at_boot_ns += drift_ns
        return self._start(pts, max(min(at_boot_ns, boot_ns + ahead_ns), not_before_ns), boot_ns, utc_ns)

    def _start(self, pts: int, at_boot_ns: int, boot_ns: int, utc_ns: int) -> Anchor:
        self._anchor = Anchor(uuid4().hex[:12], pts, at_boot_ns, at_boot_ns + utc_ns - boot_ns)
        self._last_pts, self._last_boot_ns = pts, boot_ns
        if self._least_ns is None:
            self._forget_bases(at_boot_ns - self.ticks_to_ns(pts), boot_ns)
        return self._anchor

    def follow(self, pts: int, boot_ns: int, utc_ns: int) -> str:
        """Process one packet's timestamp and arrival; return why the run should end, '' when it continues."""
        base_ns = boot_ns - self.ticks_to_ns(pts)
        if self._last_boot_ns is None:
            self._last_pts, self._last_boot_ns = pts, boot_ns
            self._forget_bases(base_ns, boot_ns)
        moved_ns = self.ticks_to_ns(pts - self._last_pts)
        waited_ns = boot_ns - self._last_boot_ns
        back_ns = min(JUMP_NS, NS // 10 + REORDERED_FRAMES * self._step_ns)
        self._last_pts, self._last_boot_ns = pts, boot_ns
        self._step_ns += (min(abs(moved_ns), _LONGEST_STEP_NS) - self._step_ns) // 16
        anchor = self._anchor
        # A network stall delivers a late burst: not a jump.
        if (
            moved_ns < -back_ns
            or moved_ns > waited_ns + JUMP_NS
            or (anchor is not None and base_ns < self._base_of(anchor) - FAR_NS)
        ):
            self._forget_bases(base_ns, boot_ns)
            return STREAM_JUMPED if anchor is not None else ""
        self._take_base(base_ns, boot_ns)
        if anchor is None:
            return ""
        if abs((utc_ns - boot_ns) - (anchor.utc_ns - anchor.boot_ns)) > STEP_NS:
            return "clock stepped"
        return "stream clock drifted" if abs(self.drift_ns()) > DRIFT_NS else ""

    def _forget_bases(self, base_ns: int, boot_ns: int) -> None:
        self._window_start_ns, self._least_ns, self._least_before_ns = boot_ns, base_ns, None

    def _take_base(self, base_ns: int, boot_ns: int) -> None:
        if boot_ns - self._window_start_ns >= WINDOW_NS:
            self._window_start_ns, self._least_ns, self._least_before_ns = boot_ns, base_ns, self._least_ns
        elif self._least_ns is not None:
            self._least_ns = min(self._least_ns, base_ns)

    def _least_of_both_ns(self) -> int | None:
        return min((ns for ns in (self._least_ns, self._least_before_ns) if ns is not None), default=None)

    def _base_of(self, anchor: Anchor) -> int:
        return anchor.boot_ns - self.ticks_to_ns(anchor.pts)

    def drift_ns(self) -> int:
        """Return how much later than the run says its frames arrive (< 0: how far the run is ahead of our clock)."""
        least_ns = self._least_of_both_ns()
        return least_ns - self._base_of(self._anchor) if least_ns is not None and self._anchor is not None else 0

    def at(self, pts: int) -> tuple[int, int]:
        """Return (UTC ns, boot ns) of a timestamp in the current run."""
        anchor = self._anchor
        if anchor is None:
            raise RuntimeError("no run has begun")
        since_ns = self.ticks_to_ns(pts - anchor.pts)
        return anchor.utc_ns + since_ns, anchor.boot_ns + since_ns

    @property
    def run(self) -> str:
        """Return the current run's id, '' before the first."""
        return self._anchor.run if self._anchor else ""


def now_ns() -> tuple[int, int]:
    """Return (boot ns, UTC ns) now."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME), time.time_ns()
