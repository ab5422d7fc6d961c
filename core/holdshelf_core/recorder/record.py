"""How far one camera's record is complete, and its gaps: the single place that decides when a gap begins and ends (ADR 24).

Up to ``stands`` every second is recorded: in a segment, or in a gap that has ended. A gap begins there, never earlier, so it
overlaps nothing; it never ends before it begins. Lines that cannot be written now (a full disk) are queued, and written in order
before any other.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from holdshelf_core.clock import Clock
from holdshelf_core.integration import reasons
from holdshelf_core.recorder.ports import Disk
from holdshelf_core.times import NS
from holdshelf_storage.errors import FootageError, StorageError
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.volume.gap_lines import MEETS_NS, EndedGap, Moment, end_line, ending
from holdshelf_storage.volume.journal import Gap

_LOGGER = logging.getLogger(__name__)

# Limit for gaps that could not be written. Beyond it their separate reasons are lost and their time becomes one gap.
MAX_OWED = 200
# A last frame is assumed as long as the one before it, and a camera's clock may be slightly ahead of ours.
AHEAD_NS = 2 * NS


@dataclass(slots=True)
class OpenGap:
    """A gap; ``number`` is 0 until its first line is on disk."""

    since: Moment
    reason: str
    detail: str = ""
    number: int = 0
    told: EndedGap | None = None
    """Its end, once it has one."""


class Record:
    """One camera's record. Called by ``CameraRecorder`` in queue order; never raises because of the disk."""

    def __init__(
        self, camera: str, *, clock: Clock, disk: Disk, changed: Callable[[str, dict[str, object]], None]
    ) -> None:
        self._camera, self._clock, self._disk, self._changed = camera, clock, disk, changed
        self._footage: Footage | None = None
        self._owed: deque[OpenGap] = deque()
        self._refused = False
        self.stands: Moment | None = None
        """None: nothing is recorded for this camera yet."""
        self.gap: OpenGap | None = None
        """The gap that is not over yet; None while frames arrive."""
        self.last_gap: tuple[int, int, str] | None = None

    @property
    def owes(self) -> bool:
        """Return whether lines wait for the disk."""
        return any(not gap.number or gap.told is not None for gap in self._owed)

    def now(self) -> Moment:
        """Return this moment on both clocks."""
        return Moment(self._clock.utc_ns(), self._clock.boot_ns(), self._clock.boot)

    def at(self, boot_ns: int) -> Moment:
        """Return a time of this boot on both clocks as they are now; 0 or a future time means now."""
        now = self.now()
        ago_ns = now.boot_ns - boot_ns if boot_ns else 0
        return now if ago_ns <= 0 else Moment(now.utc_ns - ago_ns, boot_ns, now.boot)

    def _believed(self, told: Moment) -> Moment:
        """Limit a time reported by a worker to what is possible: nothing begins or ends in the future."""
        now = self.now()
        return now if told.boot == now.boot and told.boot_ns > now.boot_ns + AHEAD_NS else told

    # --- the volume -------------------------------------------------------------------------------------------

    async def async_attach(
        self, footage: Footage, stands: Moment | None, open_gap: Gap | None, alive: Moment | None, reason: str
    ) -> None:
        """Start using the volume. ``stands`` and ``open_gap`` come from its journals after recovery.

        ``alive`` is the last time the service was known to run: a gap with another reason ends there, and ``reason`` covers the
        rest until frames come.
        """
        self._footage = footage
        pending, self.gap = self.gap, None
        self._owed.clear()  # recovery has accounted for that time
        if stands is not None:
            self.stands = stands
        if open_gap is not None:
            since = Moment(open_gap.start_utc_ns, open_gap.start_boot_ns, open_gap.boot)
            self.gap = OpenGap(since, open_gap.reason, open_gap.detail, open_gap.gap)
            self._owed.append(self.gap)
            if open_gap.reason != reason and alive is not None:
                await self.switch(reason, "", alive if alive.is_after(since) else since)
        elif self.stands is not None:
            await self._begin(self.stands, reason)
        elif pending is not None:
            await self._begin(pending.since, pending.reason, pending.detail)
        else:
            await self._begin(self.now(), reasons.CONNECTING)

    def async_detach(self, reason: str) -> None:
        """Stop using the volume, dropping lines that could not be written: the next recovery accounts for that time."""
        if self.gap is None:
            self.gap = OpenGap(self.stands or self.now(), reason)
        self._owed.clear()
        self._footage = None

    # --- what happens -----------------------------------------------------------------------------------------

    def reached(self, end: Moment) -> None:
        """A segment ends there, closed or not: its complete part is on the disk."""
        end = self._believed(end)
        if self.stands is None or end.is_after(self.stands):
            self.stands = end

    async def begun(self, start: Moment, why: str) -> None:
        """A segment begins. ``why`` there is time between it and what was recorded before."""
        start = self._believed(start)
        if self.gap is None and self.stands is not None:
            stands = self.stands
            if start.boot != stands.boot or start.boot_ns - stands.boot_ns > MEETS_NS or why == reasons.FRAMES_LOST:
                # Where pictures were lost the gap says so, however short it is.
                told = reasons.CAMERA_RECONNECTED if why in ("", reasons.CLOCK_STEPPED) else why
                await self._begin(stands, told)
            elif start.is_stepped_from(stands):
                # Where the wall clock was set, even a boundary without duration is a gap: UTC has a hole or overlap there.
                await self._begin(stands, reasons.CLOCK_STEPPED)
            if start.boot == stands.boot and stands.boot_ns - start.boot_ns > MEETS_NS:
                _LOGGER.warning("camera %s: a segment begins before what was recorded ends", self._camera)
        if self.gap is not None:
            await self._end(start, "")

    async def switch(self, reason: str, detail: str = "", at: Moment | None = None) -> None:
        """From that moment (default now) on, nothing is recorded for this reason."""
        if self.gap is None:
            await self._begin(self.stands or self.now(), reason, detail)
        elif self.gap.reason != reason and len(self._owed) < MAX_OWED:
            at = at or self.now()
            at = at if at.is_after(self.gap.since) else self.gap.since
            await self._end(at, reason)
            await self._begin(at, reason, detail)

    async def finish(self, reason: str) -> None:
        """End the last gap now, as the camera is removed."""
        if self.gap is None and self.stands is not None:
            await self._begin(self.stands, reason)
        if self.gap is not None:
            await self._end(self.now(), reason)

    def is_stepped(self) -> bool:
        """Return whether the wall clock was set since the ongoing gap began."""
        return (
            self.gap is not None
            and self.now().boot == self.gap.since.boot
            and self.now().is_stepped_from(self.gap.since)
        )

    async def step(self) -> None:
        """Record that the wall clock was set in the middle of a gap."""
        gap = self.gap
        if gap is not None and self.is_stepped():
            now = self.now()
            await self._end(now, reasons.CLOCK_STEPPED)
            await self._begin(now, gap.reason, gap.detail)

    def recovered(self, start_utc_ns: int, end_utc_ns: int) -> None:
        """Record that a stretch was had from the camera: of the latest gap stays what `footage gaps` still tells."""
        if self.gap is not None or self.last_gap is None:
            return
        start, end, reason = self.last_gap
        before, after = (start, min(end, start_utc_ns)), (max(start, end_utc_ns), end)
        if start_utc_ns < end and start < end_utc_ns:
            left = after if after[0] < after[1] else before
            self.last_gap = (*left, reason) if left[0] < left[1] else None

    # --- lines ------------------------------------------------------------------------------------------------

    async def _begin(self, since: Moment, reason: str, detail: str = "") -> None:
        self.gap = OpenGap(since, reason, detail)
        self.last_gap = (since.utc_ns, 0, reason)
        self._owed.append(self.gap)
        await self.pay()
        self._changed("gap_began", {"camera": self._camera, "reason": reason})

    async def _end(self, end: Moment, why: str) -> None:
        gap, self.gap = self.gap, None
        if gap is None:
            return
        gap.told, *others = ending(gap.since, gap.reason, end, why)
        self.last_gap = (gap.since.utc_ns, gap.told.end.utc_ns, gap.reason)
        self._owed.extend(OpenGap(told.since, told.reason, told=told) for told in others)
        self.stands = others[-1].end if others else gap.told.end
        await self.pay()
        self._changed("gap_ended", {"camera": self._camera, "reason": gap.reason})

    async def pay(self) -> None:
        """Write queued lines in order, as far as the disk accepts them."""
        footage = self._footage
        while footage is not None and self._owed:
            gap = self._owed[0]
            line = Gap(
                gap=gap.number,
                start_utc_ns=gap.since.utc_ns,
                start_boot_ns=gap.since.boot_ns,
                boot=gap.since.boot,
                reason=gap.reason,
                detail=gap.detail,
            )
            try:
                if not gap.number:
                    line = await self._disk(footage.start_gap, self._camera, line)
                    gap.number = line.gap
                if gap.told is None:
                    break
                await self._disk(footage.end_gap, self._camera, line, end_line(gap.number, gap.told))
            except FootageError as error:  # a time outside the journal's range: it can never be written
                _LOGGER.error("camera %s: a gap cannot be written: %s", self._camera, error)
                if gap.told is None:
                    break
            except StorageError as error:
                if not self._refused:
                    _LOGGER.warning("camera %s: gaps cannot be written yet: %s", self._camera, error)
                self._refused = True
                return
            self._owed.popleft()
        self._refused = False
