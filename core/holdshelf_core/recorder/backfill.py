"""Which gaps are filled from the cameras' own recordings, and when (ADR 44). One fetch at a time over all cameras.

A gap is looked for once after it has ended, and in the days before a start. Each is asked about a few times, since cameras take a
while until what they have just written can be found; a hold over it begins that anew, and comes first.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from holdshelf_core.clock import Clock
from holdshelf_core.errors import HoldshelfError
from holdshelf_core.integration import reasons
from holdshelf_core.integration.models import CameraRecording
from holdshelf_core.integration.repairs import RepairRegistry
from holdshelf_core.recorder.backfill_fetch import BackfillFetch, Outcome
from holdshelf_core.recorder.ports import Disk, Room
from holdshelf_core.recorder.worker import protocol as wire
from holdshelf_core.times import DAY_NS, MINUTE_NS, NS
from holdshelf_storage.errors import StorageError
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.volume.journal import GapSpan

_LOGGER = logging.getLogger(__name__)

BYTES_PER_S = 2_000_000
LOOK_BACK_NS = 7 * DAY_NS
"""At a start; what a hold covers is looked at however old it is."""
FIRST_NS = 5 * NS
AGAIN_NS = (MINUTE_NS, 10 * MINUTE_NS, 60 * MINUTE_NS)
POSTPONE_NS = 20 * NS
HOLDS_NS = 3 * NS
"""How often holds are read, to find new ones."""
LEAST_NS = 2 * NS
"""Shorter gaps are not worth the camera's time; what one group of pictures leaves open is such."""
MEETS_NS = NS // 100
SAME_CLOCK_NS = NS // 4
MAX_SPAN_NS = 60 * MINUTE_NS
"""Of one fetch: a longer gap takes several, and each is kept."""


class Sources(Protocol):
    """What the recorder asks its neighbors; ``cameras.backfill`` answers."""

    def cameras(self) -> Mapping[str, int]:
        """Return the cameras whose own recordings may be asked for, each with the time (UTC ns) before which nothing is."""

    def name(self, camera: str) -> str:
        """Return a camera's name for sentences."""

    def held(self) -> Iterable[tuple[str, int, int]]:
        """Return (camera, start, end) of what is on hold."""

    async def async_recorded(self, camera: str, start_utc_ns: int, end_utc_ns: int) -> CameraRecording | None:
        """Ask the camera what it has recorded of that time; None: nothing. Raises HoldshelfError."""

    def async_recovered(self, camera: str, spans: Sequence[tuple[int, int]]) -> None:
        """Told what was added to a camera's past: start and end (UTC ns) of each segment."""


@dataclass(slots=True)
class GapStretch:
    """Gaps that follow one another, or what is left of them. ``gap``: the number of the first."""

    camera: str
    gap: int
    start_utc_ns: int
    end_utc_ns: int
    start_boot_ns: int
    boot: str
    held: bool = False

    def begin_at(self, utc_ns: int) -> None:
        """Leave out what lies before that time, UTC ns."""
        late_ns = max(0, utc_ns - self.start_utc_ns)
        self.start_utc_ns, self.start_boot_ns = self.start_utc_ns + late_ns, self.start_boot_ns + late_ns


@dataclass(slots=True)
class _StretchState:
    attempts: int = 0
    due_boot_ns: int = 0
    is_done: bool = False
    reached_utc_ns: int = 0
    """Up to here it was fetched: what is missing before is not there, or precedes the first key frame."""
    offset_ns: int | None = None
    """As measured the first time: parts of one gap that are fetched one after another must not overlap by its error."""


@dataclass(slots=True)
class BackfillStatus:
    """What a camera's own recording has given so far, for diagnostics."""

    asked: int = 0
    recovered_ns: int = 0
    last: str = ""
    pending: int = 0


@dataclass(slots=True)
class _Camera:
    is_new: bool = True
    is_dirty: bool = True
    stretches: list[GapStretch] = field(default_factory=list)
    states: dict[int, _StretchState] = field(default_factory=dict)
    status: BackfillStatus = field(default_factory=BackfillStatus)


class Backfill:
    """All cameras' own recordings. ``sources`` is set before the volume is attached."""

    def __init__(self, *, clock: Clock, disk: Disk, room: Room, repairs: RepairRegistry) -> None:
        self._clock, self._disk, self._room, self._repairs = clock, disk, room, repairs
        self.sources: Sources | None = None
        self.segment_s = 60.0
        self._cameras: dict[str, _Camera] = {}
        self._footage: Footage | None = None
        self._lock_fd = -1
        self._task: asyncio.Task[None] | None = None
        self._recording: frozenset[str] = frozenset()
        self._held: set[tuple[str, int, int]] = set()
        self._holds_due_boot_ns = 0
        self._under_way: BackfillFetch | None = None
        self.fetching = ""
        """The camera whose recording is being fetched; '' while none is."""

    def async_attach(self, footage: Footage, lock_fd: int) -> None:
        """Find the gaps of this volume from now on. ``lock_fd``: the volume's lock, which each fetch's worker inherits."""
        self._footage, self._lock_fd = footage, lock_fd
        self._cameras.clear()

    async def async_detach(self) -> None:
        """End the fetch under way; what of it is whole is kept."""
        self._footage = None
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def async_gap_ended(self, camera: str) -> None:
        """A gap of this camera has ended: look for it."""
        if camera in self._cameras:
            self._cameras[camera].is_dirty = True

    def status(self, camera: str) -> BackfillStatus:
        """Return what this camera's own recording has given since the volume was attached."""
        return self._cameras[camera].status if camera in self._cameras else BackfillStatus()

    def worker_pids(self) -> list[int]:
        """Return the process id of the worker of the fetch under way, if any."""
        return self._under_way.worker_pids() if self._under_way is not None else []

    @property
    def fetched_bytes(self) -> int:
        """Return how much the fetch under way has written to its segment."""
        return self._under_way.bytes if self._under_way is not None else 0

    def async_watch(self, recording: Iterable[str]) -> None:
        """Called once a second. ``recording``: the cameras that are being recorded, and so can be asked."""
        self._recording = frozenset(recording)
        if self.sources is None or self._footage is None or (self._task is not None and not self._task.done()):
            return
        try:
            self._begin_round(self.sources, self._footage)
        except Exception:  # recording is watched by the same tick, and goes on
            _LOGGER.exception("asking for cameras' own recordings failed")

    def _begin_round(self, sources: Sources, footage: Footage) -> None:
        allowed, boot_ns = sources.cameras(), self._clock.boot_ns()
        for camera in [name for name in self._cameras if name not in allowed]:
            del self._cameras[camera]
        for camera in allowed:
            self._cameras.setdefault(camera, _Camera())
        new: set[tuple[str, int, int]] = set()
        if boot_ns >= self._holds_due_boot_ns:
            self._holds_due_boot_ns = boot_ns + HOLDS_NS
            held = {span for span in sources.held() if span[0] in allowed}
            new, self._held = held - self._held, held
        if new or any(one.is_dirty for one in self._cameras.values()) or self._next() is not None:
            self._task = asyncio.create_task(self._round(footage, dict(allowed), new), name="backfill")

    # --- looking ------------------------------------------------------------------------------------------------------

    async def _round(self, footage: Footage, allowed: Mapping[str, int], held: set[tuple[str, int, int]]) -> None:
        try:
            for camera in sorted(allowed):
                await self._look(footage, camera, allowed[camera], [span[1:] for span in held if span[0] == camera])
            stretch = self._next()
            if stretch is not None:
                await self._fetch(footage, stretch)
        except StorageError as error:
            _LOGGER.warning("what cameras have recorded themselves is not asked for now: %s", error)
        except Exception:
            _LOGGER.exception("asking for a camera's own recording failed")

    async def _look(self, footage: Footage, name: str, not_before_ns: int, new: Sequence[tuple[int, int]]) -> None:
        """Find a camera's gaps anew after one ended. ``new``: what was put on hold since the last time."""
        camera = self._cameras.get(name)
        if camera is None or not (camera.is_dirty or new):
            return
        now_ns, boot_ns = self._clock.utc_ns(), self._clock.boot_ns()
        usage = footage.usage()
        if not usage.complete:
            return  # counting has just begun: how far back the buffer reaches is known in a moment
        oldest = [since_ns for one in usage.cameras.values() if (since_ns := one.since_utc_ns(now_ns)) is not None]
        since_ns = max(not_before_ns, min(oldest, default=now_ns))
        pending = [one.start_utc_ns for one in camera.stretches if not camera.states[one.gap].is_done]
        back_ns = now_ns - (LOOK_BACK_NS if camera.is_new else DAY_NS)
        on_hold = [(start, end) for of, start, end in self._held if of == name]
        camera.is_new = camera.is_dirty = False
        found: dict[int, GapStretch] = {}
        for start, end in [(min([back_ns, *pending]), now_ns), *on_hold]:
            if max(start, since_ns) < min(end, now_ns):
                gaps = await self._disk(_gaps, footage, name, max(start, since_ns), min(end, now_ns))
                found |= {one.start_utc_ns: one for one in stretches_of(gaps, since_ns)}
        states, camera.states, camera.stretches = camera.states, {}, []
        for start in sorted(found):
            one = found[start]
            known = states.get(one.gap) or _StretchState(due_boot_ns=boot_ns + FIRST_NS)
            if _touches(one, new):
                known = _StretchState(due_boot_ns=boot_ns)
            one.begin_at(known.reached_utc_ns)
            if one.end_utc_ns - one.start_utc_ns >= LEAST_NS:
                one.held = _touches(one, on_hold)
                camera.states[one.gap] = known
                camera.stretches.append(one)
        camera.status.pending = sum(not camera.states[one.gap].is_done for one in camera.stretches)

    def _next(self) -> GapStretch | None:
        """Return what to ask for now: what is on hold first, then the oldest, which a small card loses first."""
        boot_ns = self._clock.boot_ns()
        due = [
            one
            for name, camera in self._cameras.items()
            if name in self._recording
            for one in camera.stretches
            if not (state := camera.states[one.gap]).is_done and state.due_boot_ns <= boot_ns
        ]
        return min(due, key=lambda one: (not one.held, one.start_utc_ns), default=None)

    # --- fetching -----------------------------------------------------------------------------------------------------

    async def _fetch(self, footage: Footage, stretch: GapStretch) -> None:
        sources, camera = self.sources, self._cameras[stretch.camera]
        assert sources is not None
        state = camera.states[stretch.gap]
        shift_ns = self._shift_ns(stretch)
        start_ns, end_ns = stretch.start_utc_ns + shift_ns, stretch.end_utc_ns + shift_ns
        camera.status.asked += 1
        try:
            has = await sources.async_recorded(stretch.camera, start_ns, end_ns)
        except HoldshelfError as error:
            camera.status.last = error.sentence
            self._again(state)
            return
        if has is None:
            camera.status.last = "it has nothing of that time"
            self._again(state)
            return
        start_ns, end_ns = max(start_ns, has.start_utc_ns), min(end_ns, has.end_utc_ns, start_ns + MAX_SPAN_NS)
        if end_ns - start_ns < LEAST_NS:
            self._again(state)
            return
        if state.offset_ns is None or abs(state.offset_ns - has.offset_ns) > SAME_CLOCK_NS:
            state.offset_ns = has.offset_ns
        order = wire.Record(
            stretch.camera,
            has.source.url,
            has.source.username,
            has.source.password,
            "replay",
            self._clock.boot,
            self.segment_s,
            has.source.certificate_sha256,
            replay=wire.Replay(
                start_utc_ns=start_ns - shift_ns,
                end_utc_ns=end_ns - shift_ns,
                shift_ns=shift_ns + state.offset_ns,
                gap=stretch.gap,
                fetched_utc_ns=self._clock.utc_ns(),
                offset_ns=state.offset_ns,
                bytes_per_s=BYTES_PER_S,
            ),
        )
        self.fetching = stretch.camera
        fetch = self._under_way = BackfillFetch(order, footage, self._clock, self._disk, self._room)
        try:
            outcome = await fetch.async_run(self._lock_fd)
        finally:
            self.fetching, self._under_way = "", None
            if fetch.closed:
                spans = [(segment.start_utc_ns, segment.end_utc_ns) for segment in fetch.closed]
                sources.async_recovered(stretch.camera, spans)
        self._judge(stretch, state, outcome)

    def _shift_ns(self, stretch: GapStretch) -> int:
        """Return what is to be added to times of the gap's clock to get them by ours: it may have been set meanwhile."""
        if stretch.boot != self._clock.boot:
            return 0
        set_by_ns = (self._clock.utc_ns() - self._clock.boot_ns()) - (stretch.start_utc_ns - stretch.start_boot_ns)
        return set_by_ns if abs(set_by_ns) > MEETS_NS else 0  # not the moment between reading the two

    def _judge(self, stretch: GapStretch, state: _StretchState, outcome: Outcome) -> None:
        camera, recovered_s = self._cameras.get(stretch.camera), outcome.recovered_ns / NS
        if camera is not None:
            camera.status.recovered_ns += outcome.recovered_ns
            words = f"{outcome.reason}: {outcome.detail}".removesuffix(": ") if outcome.reason else ""
            camera.status.last = ", ".join(filter(None, (f"{recovered_s:.0f} s recovered", words)))
            camera.is_dirty = True
        _LOGGER.info("camera %s: %.1f s recovered from the camera %s", stretch.camera, recovered_s, outcome.reason)
        state.reached_utc_ns = max(state.reached_utc_ns, outcome.reached_utc_ns)
        issue, boot_ns = f"backfill:{stretch.camera}", self._clock.boot_ns()
        if outcome.is_ours:
            state.due_boot_ns = boot_ns + POSTPONE_NS
        elif outcome.reason == reasons.NOTHING_THERE:
            self._again(state)
        elif outcome.reason:
            self._again(state)
            assert self.sources is not None
            sentence, step = reasons.advise_backfill(
                outcome.reason if not outcome.foreign else reasons.OTHER_TIMES,
                name=self.sources.name(stretch.camera),
                camera_id=stretch.camera,
            )
            self._repairs.async_create(
                issue, camera_id=stretch.camera, severity="warning", sentence=sentence, next_step=step
            )
        else:
            self._repairs.async_delete(issue)
            # Where it hung up, or the stretch is longer than one fetch, the rest is asked for at once.
            state.due_boot_ns, state.is_done = boot_ns, stretch.end_utc_ns - state.reached_utc_ns < LEAST_NS

    def _again(self, state: _StretchState) -> None:
        if state.attempts >= len(AGAIN_NS):
            state.is_done = True
            return
        state.due_boot_ns = self._clock.boot_ns() + AGAIN_NS[state.attempts]
        state.attempts += 1


def stretches_of(gaps: Sequence[GapSpan], since_utc_ns: int) -> list[GapStretch]:
    """Return the gaps that a camera's own recording may fill, those that follow one another as one."""
    found: list[GapStretch] = []
    for gap in gaps:
        end_ns = gap.end_utc_ns
        if end_ns is None or end_ns <= max(gap.start_utc_ns, since_utc_ns) or gap.reason in reasons.NOT_AT_THE_CAMERA:
            continue
        if found and abs(gap.start_utc_ns - found[-1].end_utc_ns) <= MEETS_NS:
            found[-1].end_utc_ns = end_ns
            continue
        found.append(GapStretch(gap.camera, gap.gap, gap.start_utc_ns, end_ns, gap.start_boot_ns, gap.boot))
        found[-1].begin_at(since_utc_ns)
    return [one for one in found if one.end_utc_ns - one.start_utc_ns >= LEAST_NS]


def _gaps(footage: Footage, camera: str, start_utc_ns: int, end_utc_ns: int) -> list[GapSpan]:
    return [one for one in footage.query(camera, start_utc_ns, end_utc_ns) if isinstance(one, GapSpan)]


def _touches(stretch: GapStretch, spans: Iterable[tuple[int, int]]) -> bool:
    return any(start < stretch.end_utc_ns and end > stretch.start_utc_ns for start, end in spans)
