"""Runs: how a stream's own time stamps become UTC.

A run is an unbroken stretch with one wall-minus-boottime offset (DESIGN § 4, "Clock"). Inside it, times follow the
stream's 90 kHz clock from an anchor, so frames keep their spacing however late the network delivered them. It ends
when the wall clock is set, when the stream's time stamps jump, and when the two clocks have drifted more than 1 s.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from uuid import uuid4

NS = 1_000_000_000
STEP_NS = NS // 2
JUMP_NS = 3 * NS
DRIFT_NS = NS
WINDOW_NS = 30 * NS


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where a run began: a time stamp, and the boot and wall time that it stood for."""

    run: str
    pts: int
    boot_ns: int
    utc_ns: int


class Timeline:
    """Times of one connection's packets. Not thread-safe: it belongs to its camera's thread."""

    def __init__(self, ticks_per_s: int) -> None:
        self._ticks_per_s = ticks_per_s
        self._anchor: Anchor | None = None
        self._last_pts = 0
        self._last_boot_ns = 0
        self._window_start_ns = 0
        self._least_late_ns: int | None = None
        self._drift_ns = 0
        # Least of (arrival − time stamp) since the connection opened: what came late says nothing of when it was sent.
        self._least_base_ns: int | None = None

    def ticks_to_ns(self, ticks: int) -> int:
        """Stream ticks to nanoseconds."""
        return ticks * NS // self._ticks_per_s

    def begin(self, pts: int, boot_ns: int, utc_ns: int) -> Anchor:
        """Start a new run at a frame that was read now; it may have come earlier, as others of its connection tell."""
        if self._least_base_ns is not None:
            waited_ns = boot_ns - (self._least_base_ns + self.ticks_to_ns(pts))
            if 0 < waited_ns < JUMP_NS:
                boot_ns, utc_ns = boot_ns - waited_ns, utc_ns - waited_ns
        return self._start(pts, boot_ns, utc_ns)

    def _start(self, pts: int, boot_ns: int, utc_ns: int) -> Anchor:
        self._anchor = Anchor(uuid4().hex[:12], pts, boot_ns, utc_ns)
        self._last_pts, self._last_boot_ns = pts, boot_ns
        self._window_start_ns, self._least_late_ns, self._drift_ns = boot_ns, None, 0
        return self._anchor

    def go_on(self, pts: int, boot_ns: int, utc_ns: int) -> Anchor:
        """Start a new run where the last one ends: frames keep their place in boot time, less what drifted.

        For a wall clock that was set (no frame is missing, so no boot time is either) and for drift.
        """
        at_boot_ns = self.at(pts)[1]
        if abs(self._drift_ns) > DRIFT_NS:
            at_boot_ns += self._drift_ns
        return self._start(pts, at_boot_ns, at_boot_ns + utc_ns - boot_ns)

    def follow(self, pts: int, boot_ns: int, utc_ns: int) -> str:
        """Take one packet's time stamp and arrival; says why the run should end, '' when it goes on."""
        anchor = self._anchor
        base_ns = boot_ns - self.ticks_to_ns(pts)
        if self._least_base_ns is None or base_ns < self._least_base_ns:
            self._least_base_ns = base_ns
        if anchor is None:
            return ""
        moved_ns = self.ticks_to_ns(pts - self._last_pts)
        waited_ns = boot_ns - self._last_boot_ns
        # B-frames go back by a few frames, and a network stall delivers late in one burst: neither is a jump.
        jumped = moved_ns < -JUMP_NS or moved_ns > waited_ns + JUMP_NS
        self._last_pts, self._last_boot_ns = pts, boot_ns
        if jumped:
            self._least_base_ns = base_ns
            return "stream jumped"
        if abs((utc_ns - boot_ns) - (anchor.utc_ns - anchor.boot_ns)) > STEP_NS:
            return "clock stepped"
        late_ns = (boot_ns - anchor.boot_ns) - self.ticks_to_ns(pts - anchor.pts)
        # Queues only ever delay, so the least delay in a window is the two clocks' true difference.
        if self._least_late_ns is None or late_ns < self._least_late_ns:
            self._least_late_ns = late_ns
        if boot_ns - self._window_start_ns >= WINDOW_NS:
            self._drift_ns = self._least_late_ns
            self._window_start_ns, self._least_late_ns = boot_ns, None
        return "stream clock drifted" if abs(self._drift_ns) > DRIFT_NS else ""

    def at(self, pts: int) -> tuple[int, int]:
        """(UTC ns, boot ns) of a time stamp in the present run."""
        anchor = self._anchor
        if anchor is None:
            raise RuntimeError("no run has begun")
        since_ns = self.ticks_to_ns(pts - anchor.pts)
        return anchor.utc_ns + since_ns, anchor.boot_ns + since_ns

    @property
    def run(self) -> str:
        """The present run's id, '' before the first."""
        return self._anchor.run if self._anchor else ""


def now_ns() -> tuple[int, int]:
    """(boot ns, UTC ns) now."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME), time.time_ns()
