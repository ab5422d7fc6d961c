"""Fetches one stretch of what a camera has recorded itself, at a bounded rate, into segments of its own (ADR 44).

It runs once, in a worker that does nothing else: no live camera waits for it. The camera's word is taken for nothing but the
times of its pictures, and those only inside the gap that is asked about and ascending; what has others is dropped and counted.
"""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass
from uuid import uuid4

from holdshelf_core.integration.reasons import (
    DISK_FULL,
    NO_FRAMES,
    NO_PARAMETER_SETS,
    NOT_RECORDABLE,
    NOTHING_THERE,
    RECORDER_FAULT,
    STREAM_ENDED,
)
from holdshelf_core.recorder.worker import protocol as wire
from holdshelf_core.recorder.worker.bounds import MAX_SEGMENT_BYTES
from holdshelf_core.recorder.worker.link import Link
from holdshelf_core.recorder.worker.replay import TICKS_PER_S, ReplaySource
from holdshelf_core.recorder.worker.rtsp import RECEIVE_BYTES
from holdshelf_core.recorder.worker.segment_thread import SegmentThread
from holdshelf_core.recorder.worker.source import Hole, Picture, SourceError
from holdshelf_core.recorder.worker.timeline import now_ns
from holdshelf_core.times import NS

_LOGGER = logging.getLogger("holdshelf.worker")

GRANT_WAIT_S = 10.0
LOOK_S = 0.05
ASK_MORE_NS = NS
"""The camera's clock is known to half a second: so much more is asked for at both ends."""
BREAK_NS = NS
"""Pictures further apart do not belong to one segment."""
EARLY_NS = 60 * NS
REORDERED_NS = NS // 2
LONE_PICTURE_NS = NS // 25
MAX_FOREIGN = 3000
MAX_FRAMES_PER_S = 240
MAX_BYTES_PER_S = 4_000_000
MORE_BYTES = 32 << 20
LEAST_BYTES = 64 << 10


class _FetchEnd(Exception):
    """Nothing more is to be taken. ``reason``: why that is not what was asked for; empty when it is."""

    def __init__(self, reason: str = "", detail: str = "") -> None:
        super().__init__(reason)
        self.reason, self.detail = reason, detail


@dataclass(slots=True)
class _Counts:
    """What was taken so far."""

    frames: int = 0
    foreign: int = 0
    beside: int = 0
    """Not kept, and rightly: from the key frame before the gap, or before the first one in it."""
    damaged: int = 0
    latest_ns: int = 0
    """The latest picture's time, by the clock of the gap."""


class Fetch(SegmentThread):
    """One replay, from dialing to ``wire.Fetched``."""

    def __init__(self, order: wire.Record, replay: wire.Replay, link: Link) -> None:
        super().__init__(order, link, kind="fetch")
        self._replay = replay
        self._run = ""
        self._counts = _Counts()

    def beat(self) -> wire.Beat:
        """Return its current progress."""
        writer = self._writer
        written = writer.sink.written_bytes if writer else 0
        return wire.Beat(self.camera, self._seq if writer else 0, written, self._counts.frames, 0, written)

    # --- its own thread -----------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Fetch, and tell how it ended. Raises nothing."""
        reason = detail = ""
        try:
            self._fetch()
        except (_FetchEnd, SourceError) as error:
            reason, detail = error.reason, error.detail
        except Exception as error:  # ours or the camera's: it must cost this fetch alone
            _LOGGER.exception("camera %s: fetching failed", self.camera)
            reason, detail = RECORDER_FAULT, type(error).__name__
        if not reason and self._counts.damaged > self._counts.frames:
            reason, detail = NOT_RECORDABLE, "most of its pictures are damaged"
        with self._lock:
            self._close_segment(None)
            self._return_grants()
            self._drop_template()
        self._link.send(wire.Fetched(self.camera, reason, detail[:300], self._counts.frames, self._counts.foreign))

    def _fetch(self) -> None:
        replay, order = self._replay, self.order
        first, last = replay.start_utc_ns + replay.shift_ns, replay.end_utc_ns + replay.shift_ns
        span = (max(0, first - ASK_MORE_NS), last + ASK_MORE_NS)
        source = ReplaySource(order.url, order.username, order.password, order.certificate_sha256, span)
        try:
            self._sets = source.parameter_sets
            self._read(source)
        finally:
            self._counts.damaged = source.damaged
            source.close()

    def _read(self, source: ReplaySource) -> None:
        room = memoryview(bytearray(RECEIVE_BYTES))
        began_s = time.monotonic()
        most_bytes = MAX_BYTES_PER_S * (self._replay.end_utc_ns - self._replay.start_utc_ns) // NS + MORE_BYTES
        while not self._stopping.is_set():
            items, ended = source.read(room)
            began_cpu_s = time.thread_time()
            for item in items:
                with self._lock:
                    self._take(item, source)
            source.charge(time.thread_time() - began_cpu_s)
            if ended is not None:
                # A camera that has sent all it has falls silent or hangs up.
                counts = self._counts
                if ended.reason in (NO_FRAMES, STREAM_ENDED) and counts.frames:
                    return
                nothing_came = ended.reason == NO_FRAMES and source.received_bytes < LEAST_BYTES
                if not counts.foreign and (counts.beside or nothing_came):
                    raise _FetchEnd(NOTHING_THERE)  # as of a camera that was without power itself
                raise ended
            if source.received_bytes > most_bytes:
                raise _FetchEnd(NOT_RECORDABLE, "it sends more than its pictures could be")
            ahead_s = source.received_bytes / self._replay.bytes_per_s - (time.monotonic() - began_s)
            self._stopping.wait(max(ahead_s, 0.0 if source.has_more else LOOK_S))

    def _take(self, item: Picture | Hole, source: ReplaySource) -> None:
        if self._stopping.is_set():
            raise _FetchEnd
        if isinstance(item, Hole):
            self._close_segment(None)
            return
        replay, counts = self._replay, self._counts
        at_ns = item.ticks * NS // TICKS_PER_S - replay.shift_ns
        if replay.end_utc_ns <= at_ns <= replay.end_utc_ns + ASK_MORE_NS + NS:  # the end of what was asked for
            raise _FetchEnd("" if counts.frames else NOTHING_THERE)
        if at_ns >= replay.end_utc_ns - NS:
            source.hurry()
        # A camera may begin with the key frame before the gap.
        early = replay.start_utc_ns - EARLY_NS <= at_ns < replay.start_utc_ns
        outside = not replay.start_utc_ns <= at_ns < replay.end_utc_ns
        if outside or (counts.frames and at_ns < counts.latest_ns - REORDERED_NS):
            self._close_segment(None)
            counts.foreign += not early
            counts.beside += early
            if counts.foreign > MAX_FOREIGN:
                raise _FetchEnd(NOT_RECORDABLE, "its pictures have other times than were asked for")
            return
        if self._writer is not None and abs(at_ns - counts.latest_ns) > BREAK_NS:
            self._close_segment(None)  # its own recording has a gap there
        self._shown.saw(item.ticks)
        self._take_turn(item, source)
        turns_later = item.is_key and self._at_key_frame(item, source, at_ns)
        if self._writer is None:
            counts.beside += 1
            return  # before the first key frame
        counts.latest_ns = max(counts.latest_ns, at_ns)
        counts.frames += 1
        if counts.frames > MAX_FRAMES_PER_S * ((replay.end_utc_ns - replay.start_utc_ns) // NS + 1):
            raise _FetchEnd(NOT_RECORDABLE, "it sends more pictures than there were")
        if turns_later:
            self._write_turn(item)
        else:
            self._write(item)

    # --- segments -----------------------------------------------------------------------------------------------------

    def _at_key_frame(self, picture: Picture, source: ReplaySource, at_ns: int) -> bool:
        """Begin a segment where one is due; True where that is to wait for pictures that are shown before it."""
        sets = picture.sets or source.parameter_sets
        changed = bool(sets) and not sets <= self._sets
        writer = self._writer
        if writer is not None:
            due = writer.age_ticks(picture.ticks) >= self.order.segment_s * TICKS_PER_S
            if not (due or changed or writer.sink.written_bytes > MAX_SEGMENT_BYTES):
                return False
            if self._shown.depth and not changed:
                return True
        if changed or self._template is None:
            try:
                self._describe(picture, source)
            except ValueError:
                raise _FetchEnd(NO_PARAMETER_SETS, "the camera has not sent its parameter sets") from None
        self._close_segment(picture.ticks)
        self._open(source, picture.ticks, at_ns, follows=writer is not None)
        return False

    def _take_turn(self, picture: Picture, source: ReplaySource) -> None:
        turn, writer = self._turn, self._writer
        if turn is None or writer is None or not turn.is_due(picture, writer.frames):
            return
        self._turn = None
        back = writer.take_back()
        if back:
            ticks = turn.picture.ticks
            self._close_segment(ticks)
            self._open(source, ticks, ticks * NS // TICKS_PER_S - self._replay.shift_ns, follows=True)
        for each in back:
            self._write(each)

    def _open(self, source: ReplaySource, ticks: int, at_ns: int, *, follows: bool) -> None:
        grant, replay = self._grant(), self._replay
        self._run = self._run or uuid4().hex[:12]
        facts = {
            "start_utc_ns": at_ns,
            "start_boot_ns": 0,
            "boot": "",
            "run": self._run,
            "codec": source.codec,
            "from_camera": {
                "gap": replay.gap,
                "fetched_utc_ns": replay.fetched_utc_ns,
                "start_utc_ns": at_ns + replay.shift_ns,
                "offset_ns": replay.offset_ns,
            },
            "until_utc_ns": replay.end_utc_ns,
        }
        assert self._template is not None
        failed = self._begin_segment(grant, self._template.streams.video[0], facts, ticks, source, follows=follows)
        if failed:
            raise _FetchEnd(os.strerror(failed))

    def _grant(self) -> tuple[int, int]:
        """Return a segment to write to, waiting for it. Raises _FetchEnd when there is none."""
        if not self._spares.available:
            self._spares.forget()
            self._spares.asked(now_ns()[0])
            self._link.send(wire.Want(self.camera))
            self._lock.release()  # a stop must not wait for this
            try:
                self._spares.wait(GRANT_WAIT_S)
            finally:
                self._lock.acquire()
        grant = self._spares.take()
        if grant is None:
            raise _FetchEnd(self._spares.denied or DISK_FULL, "no room to write to")
        if self._stopping.is_set():
            self._give_back(grant)
            raise _FetchEnd
        return grant

    def _close_segment(self, next_pts: int | None) -> None:
        if next_pts is None:
            self._run = ""
        writer = self._finish_segment(next_pts)
        if writer is not None:
            lasted_ns = writer.duration_ticks(next_pts) * NS // TICKS_PER_S or LONE_PICTURE_NS
            left_ns = self._replay.end_utc_ns - writer.facts["start_utc_ns"]
            self._tell_closed(writer, max(0, min(lasted_ns, left_ns)))

    def _ran_out_of_room(self) -> None:
        self._spares.deny(DISK_FULL)  # the fetch ends, and is tried again another time

    def _disk_failed(self, errno: int) -> None:
        self._spares.deny(os.strerror(errno))
