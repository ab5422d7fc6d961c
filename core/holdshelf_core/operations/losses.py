"""Cameras that lose footage again and again: each loss ends by itself and is too short for an alarm, and together they are many.

What was lost is read from the gaps that are kept anyway. A camera is looked at only after a gap of it has ended, and while its
repair is open. A loss that lasts is the recorder's alarm (``recorder.Recorder.async_watch``); one alone is no habit.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass

from holdshelf_core.actions.authorizer import Authorizer
from holdshelf_core.buffer.store import Opened, Store
from holdshelf_core.integration import reasons
from holdshelf_core.integration.bus import Event
from holdshelf_core.reports.uptime import clipped, total
from holdshelf_core.times import HOUR_NS, NS
from holdshelf_storage.errors import StorageError
from holdshelf_storage.volume.journal import GapSpan

LIMIT_NS = HOUR_NS // 100
CLEAN_NS = LIMIT_NS // 10
"""A repair that is open ends below this: not at the limit, where it would come and go."""
LEAST_GAPS = 2


@dataclass(frozen=True, slots=True)
class Cause:
    """What is most likely behind gaps of some reasons."""

    words: str
    next_step: str


NETWORK = Cause(
    "its video gets lost on the network",
    "Check the cable, the switch and any radio link between the camera and this machine. If the line is full, lower the camera's "
    "bit rate.",
)
CAMERA = Cause(
    "it restarts, or drops its connection",
    "Check its power supply (PoE) and its cable, and update its firmware. Other viewers may also take its connections.",
)
JUMPS = Cause(
    "the clock inside its stream jumps",
    "Set a constant frame rate and switch off smart coding (H.264+, Zipstream) in its video settings, and update its firmware.",
)
MACHINE = Cause(
    "this machine or its disk does not keep up",
    "Find out what keeps it busy (`uptime`, `iostat -x 5`), and check the disk's health (`smartctl -a`).",
)
# Without what has a repair of its own (disks, passwords, another device), and a restart of the service.
CAUSES = {
    reasons.FRAMES_LOST: NETWORK,
    reasons.MEDIA_UNREACHABLE: NETWORK,
    reasons.UNREACHABLE: CAMERA,
    reasons.STREAM_ENDED: CAMERA,
    reasons.STALE_SESSION: CAMERA,
    reasons.NO_FRAMES: CAMERA,
    reasons.NOT_FOUND: CAMERA,
    reasons.NO_PARAMETER_SETS: CAMERA,
    reasons.CAMERA_RECONNECTED: CAMERA,
    reasons.STREAM_JUMPED: JUMPS,
    reasons.RECORDER_BUSY: MACHINE,
    reasons.RECORDER_FAULT: MACHINE,
    reasons.RECORDER_RESTARTED: MACHINE,
}


@dataclass(frozen=True, slots=True)
class Loss:
    """What a camera lost in the last hour in gaps that have ended: how long, how often, and by which cause mostly."""

    lost_ns: int
    gaps: int
    cause: Cause


class Losses:
    """The repairs of cameras that lose more than one percent of an hour."""

    def __init__(self, authorizer: Authorizer, store: Store) -> None:
        self._authorizer, self._frame, self._store = authorizer, authorizer.frame, store
        self._to_look_at: set[str] | None = None
        """None: all of them, as after a start."""
        self._frame.bus.async_listen("gap_ended", self._async_note)

    def _async_note(self, event: Event) -> None:
        if self._to_look_at is not None:
            self._to_look_at.add(str(event.data["camera"]))

    async def async_look(self) -> str:
        """Look at the cameras that had gaps since the last time; open and close repairs. Return the result for the job."""
        opened, repairs, cameras = self._store.opened, self._frame.repairs, self._authorizer.store.state.cameras
        if opened is None:
            return "no volume"
        known = {issue_of(camera): camera for camera in cameras}
        still_open = {known[repair.issue_id] for repair in repairs.async_all() if repair.issue_id in known}
        wanted, self._to_look_at = self._to_look_at, set()
        looked_at = [camera for camera in cameras if wanted is None or camera in wanted or camera in still_open]
        now_utc_ns = self._frame.clock.utc_ns()
        for camera in looked_at:
            try:
                loss = await asyncio.to_thread(last_hours_loss, opened, camera, now_utc_ns)
            except StorageError:
                self._to_look_at.add(camera)  # the disk has alarms of its own
                continue
            limit_ns = CLEAN_NS if camera in still_open else LIMIT_NS
            if loss is None or loss.lost_ns <= limit_ns or (loss.gaps < LEAST_GAPS and camera not in still_open):
                repairs.async_delete(issue_of(camera))
                still_open.discard(camera)
                continue
            still_open.add(camera)
            share = 100 * loss.lost_ns / HOUR_NS
            repairs.async_create(
                issue_of(camera),
                camera_id=camera,
                sentence=f"{cameras[camera].name} lost {loss.lost_ns / NS:.0f} s of the last hour ({share:.1f}%) in "
                f"{loss.gaps} {'gap' if loss.gaps == 1 else 'gaps'}. The likely cause: {loss.cause.words}.",
                next_step=loss.cause.next_step,
            )
        if len(still_open) == 1:
            return "1 camera loses footage again and again"
        return f"{len(still_open)} cameras lose footage again and again" if still_open else "none loses footage often"


def issue_of(camera: str) -> str:
    """Return the id of the repair: the camera loses footage again and again."""
    return f"losses:{camera}"


def last_hours_loss(opened: Opened, camera: str, now_utc_ns: int) -> Loss | None:
    """Return what the gaps tell that ended within the last hour; None without any. Blocks. Raises StorageError."""
    start = now_utc_ns - HOUR_NS
    by_cause: Counter[Cause] = Counter()
    gaps = 0
    for span in opened.footage.query(camera, start, now_utc_ns):
        cause = CAUSES.get(span.reason) if isinstance(span, GapSpan) else None
        if cause is None or span.end_utc_ns is None:
            continue
        lost_ns = total(clipped([(span.start_utc_ns, span.end_utc_ns)], start, now_utc_ns))
        if lost_ns:
            gaps += 1
            by_cause[cause] += lost_ns
    if not gaps:
        return None
    ((most, _),) = by_cause.most_common(1)
    return Loss(by_cause.total(), gaps, most)
