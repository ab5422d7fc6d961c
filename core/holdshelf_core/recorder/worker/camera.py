"""One camera in a recorder worker, from connecting to returning the facts of a finished segment.

Its thread connects, waits and connects again. While it records, the worker's one loop reads RTSP (``reading``), and the thread
itself what can only be read by waiting (WebRTC).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from holdshelf_core.integration.reasons import (
    FRAMES_LOST,
    NO_PARAMETER_SETS,
    NOT_RECORDABLE,
    RECORDER_BUSY,
    RECORDER_FAULT,
    STREAM_JUMPED,
)
from holdshelf_core.recorder.worker import protocol as wire
from holdshelf_core.recorder.worker.backoff import Backoff
from holdshelf_core.recorder.worker.bounds import MAX_SEGMENT_BYTES, SegmentRate
from holdshelf_core.recorder.worker.dial import dial
from holdshelf_core.recorder.worker.link import Link
from holdshelf_core.recorder.worker.reading import PACE_CAP_S, Reading, ReadingLoop
from holdshelf_core.recorder.worker.rtsp import RtspSource
from holdshelf_core.recorder.worker.segment import SegmentWriter
from holdshelf_core.recorder.worker.segment_thread import SegmentThread
from holdshelf_core.recorder.worker.shown import ShownOrder
from holdshelf_core.recorder.worker.source import Hole, Picture, Source, SourceError
from holdshelf_core.recorder.worker.spares import ASK_AGAIN_NS
from holdshelf_core.recorder.worker.timeline import DRIFT_NS, Timeline, now_ns
from holdshelf_core.times import NS

_LOGGER = logging.getLogger("holdshelf.worker")

# The next segment is requested this long before it is needed (DESIGN § 3, "one spare ahead").
SPARE_AHEAD_S = 15
GRANT_WAIT_S = 2.0
TAKE_AT_MOST_S = 0.05  # of the processor, in one turn of the loop
# Reading in batches: see Camera._set_pace.
PACE_AFTER_NS = 3 * NS
DRAINED_S = 0.003
OUT_OF_ORDER_NS = NS // 2
# Reasons for a new run without lost time: no frame is missing, or the stream's own clock tells how many.
GOES_ON = frozenset({"clock stepped", "stream clock drifted", FRAMES_LOST})


class Camera(SegmentThread):
    """One camera: connect, record, disconnect, wait, repeat. Its state is guarded by ``_lock``."""

    def __init__(self, order: wire.Record, link: Link, loop: ReadingLoop) -> None:
        super().__init__(order, link, kind="camera")
        self._loop = loop
        self._timeline = Timeline(90_000)
        self._why = ""
        self.last_frame_boot_ns = 0
        self.received_bytes = 0
        self._waiting_told = ""
        self.pace_s = 0.0
        self._pace_from = (0, 0)
        self._awaiting: tuple[int, int] | None = None
        """When (boottime, UTC) the key frame arrived that waits for its segment."""
        self._clock_ahead_ns: int | None = None
        self._rate = SegmentRate(order.segment_s)
        self.told_ns = order.not_before_boot_ns
        self._written_ns = 0

    # --- called by the control thread -------------------------------------------------------------------------

    def stop(self) -> None:
        """Finish the segment now, even when the thread waits for a silent camera, and let the thread end."""
        super().stop()
        self._loop.look()

    @property
    def is_stopping(self) -> bool:
        """Return whether it was told to stop."""
        return self._stopping.is_set()

    def beat(self) -> wire.Beat:
        """Return its current progress."""
        writer = self._writer
        return wire.Beat(
            self.camera,
            self._seq if writer else 0,
            writer.sink.written_bytes if writer else 0,
            writer.frames if writer else 0,
            self.last_frame_boot_ns,
            self.received_bytes,
            self._clock_ahead_ns,
        )

    # --- the camera's thread ----------------------------------------------------------------------------------

    def run(self) -> None:
        """Connect, record and reconnect with growing pauses, until stopped. Raises nothing: every end is reported as a gap."""
        backoff = Backoff()
        while not self._stopping.is_set():
            began_ns = now_ns()[0]
            try:
                self._session()
            except SourceError as error:
                end = error
            except Exception as error:  # our own error must cost this camera one reconnect, not its recording
                _LOGGER.exception("camera %s: the recording thread failed", self.camera)
                end = SourceError(RECORDER_FAULT, type(error).__name__)
            with self._lock:
                self._close_segment(None)
                self._return_grants()
            if self.last_frame_boot_ns > began_ns:
                backoff.recorded(began_ns / NS, now_ns()[0] / NS)
            if self._stopping.is_set():
                break
            wait_s = backoff.next_s(end.reason)
            with self._lock:
                self._lose(end.reason, end.detail[:300], wait_s, now_ns()[0])
            self._stopping.wait(wait_s)

    def _session(self) -> None:
        self._link.send(wire.Dialing(self.camera))
        source = self._dial()
        try:
            with self._lock:
                self._sets = source.parameter_sets
                self._timeline = Timeline(source.ticks_per_s)
                self._shown = ShownOrder()
                self._why = "reconnected"
                self._waiting_told = ""
                self.pace_s = 0.0
                self._awaiting = None
                self._pace_from = (began_ns := now_ns()[0], self.received_bytes)
                self._drop_template()
                if self._spares.may_ask(began_ns):
                    self._ask(began_ns)
            self._loop.follow(Reading(source, self)) if isinstance(source, RtspSource) else self._read(source)
        finally:
            with self._lock:
                self._close_segment(None)
                self._drop_template()
            source.close()

    def _read(self, source: Source) -> None:
        """Read a connection that only a thread of its own can read."""
        before_s = time.monotonic()
        for item in source.pictures():
            # A read that had to wait found the socket empty.
            drained = time.monotonic() - before_s > DRAINED_S
            while not self.take((item,), source):
                self._spares.wait(GRANT_WAIT_S)
            if self._stopping.is_set():
                return
            if drained and self.pace_s:
                self._stopping.wait(self.pace_s)
            before_s = time.monotonic()

    def take(self, items: Sequence[Picture | Hole], source: Source) -> int:
        """Record what was read, without waiting. Returns how many of them: the rest is to be offered again soon.

        It waits for a segment to be granted, or for the other cameras' turn: a key frame may be expensive to describe.
        """
        began_cpu_s = time.thread_time()
        with self._lock:
            boot_ns, utc_ns = now_ns()
            for number, item in enumerate(items):
                if self._stopping.is_set():
                    break
                if isinstance(item, Hole):
                    self._leave_hole(item, boot_ns)
                    continue
                has_had_its_turn = number and item.is_key and time.thread_time() - began_cpu_s > TAKE_AT_MOST_S
                if has_had_its_turn or not self._take(item, source, boot_ns, utc_ns):
                    return number
        return len(items)

    def _dial(self) -> Source:
        order = self.order
        return dial(order.url, order.username, order.password, order.transport, order.certificate_sha256)

    def _take(self, picture: Picture, source: Source, boot_ns: int, utc_ns: int) -> bool:
        """Record a picture; False for one that waits for its segment, and is to be offered again."""
        if self._awaiting is None:
            self._arrive(picture, source, boot_ns, utc_ns)
        else:
            boot_ns, utc_ns = self._awaiting
        is_ready = self._take_turn(picture, source)
        turns_later = is_ready and picture.is_key and self._is_to_turn_later(picture, source)
        if is_ready and picture.is_key and not turns_later:
            is_ready = self._at_key_frame(picture, source, boot_ns, utc_ns)
        if not is_ready:
            self._awaiting = self._awaiting or (boot_ns, utc_ns)
            return False
        self._awaiting = None
        pts = picture.ticks
        writer = self._writer
        if writer is not None and self._spares.may_ask(boot_ns):
            age_s = self._timeline.ticks_to_ns(writer.age_ticks(pts)) / NS
            if age_s >= max(self.order.segment_s / 2, self.order.segment_s - SPARE_AHEAD_S):
                self._ask(boot_ns)
        if self._writer is not None:
            self._written_ns = boot_ns
            if turns_later:
                self._write_turn(picture, boot_ns, utc_ns, self._timeline.drift_ns())
            else:
                self._write(picture)
        return True

    def _take_turn(self, picture: Picture, source: Source) -> bool:
        """Begin the segment that was put off until all that is shown before it has come, if this picture says so; False while
        that waits for a file."""
        turn, writer = self._turn, self._writer
        if turn is None or writer is None or not turn.is_due(picture, writer.frames):
            return True
        self._turn = None
        back = writer.take_back()
        if not back:
            return True  # written meanwhile: this segment goes on
        until = min(each.ticks for each in back)
        is_done = self._at_key_frame(turn.picture, source, turn.boot_ns, turn.utc_ns, until, turn.drift_ns)
        if not is_done:
            self._write_turn(back[0], turn.boot_ns, turn.utc_ns, turn.drift_ns)
            del back[0]
        for each in back:
            self._write(each)
        return is_done

    def _arrive(self, picture: Picture, source: Source, boot_ns: int, utc_ns: int) -> None:
        """Follow the stream's clock, and end the segment that this picture cannot go on in."""
        self.last_frame_boot_ns = boot_ns
        self.received_bytes += len(picture.data)
        ended = self._timeline.follow(picture.ticks, boot_ns, utc_ns)
        if ended == STREAM_JUMPED:
            self._close_segment(None)
            self._why = ended
        elif ended and not self._why:
            self._why = ended  # takes effect at the next key frame; until then frames keep the run's times
        if self._writer is not None and self._writer.sink.written_bytes > MAX_SEGMENT_BYTES:
            self._close_segment(None)  # a clock that stands still, or no key frame ever
            self._why = self._why or NOT_RECORDABLE
        self._shown.saw(picture.ticks)
        if picture.is_key:
            self._clock_ahead_ns = source.clock_ahead_ns
            self._set_pace(source, boot_ns)

    def _leave_hole(self, hole: Hole, boot_ns: int) -> None:
        """Handle lost pictures: the segment ends before them, and the next one begins with the next key frame."""
        self._close_segment(None)
        if not self._why or self._why in GOES_ON:  # a clock that was set shows in the times by itself
            self._why = FRAMES_LOST
        if self._spares.may_ask(boot_ns):
            self._ask(boot_ns)
        if hole.lasting:
            self._lose(FRAMES_LOST, "no whole key frame has come since", 0.0, boot_ns)

    def _set_pace(self, source: Source, boot_ns: int) -> None:
        """Set how long frames may gather in the socket before they are read together.

        Each read of one frame costs a wake-up; reading several at once costs a third less CPU (ADR 7). Limited so that at most a
        sixth of the socket's buffer fills: a full one would make the camera wait, or drop frames.
        """
        began_ns, began_bytes = self._pace_from
        elapsed_ns = boot_ns - began_ns
        if source.gather_bytes and elapsed_ns >= PACE_AFTER_NS:
            bytes_per_s = (self.received_bytes - began_bytes) * NS / elapsed_ns
            self.pace_s = min(PACE_CAP_S, source.gather_bytes / max(1.0, bytes_per_s))
            self._pace_from = (boot_ns, self.received_bytes)

    def _is_changed(self, picture: Picture, source: Source) -> bool:
        sets = picture.sets or source.parameter_sets  # the latter may have arrived between two key frames
        return bool(sets) and not sets <= self._sets

    def _is_due(self, writer: SegmentWriter, pts: int) -> bool:
        return self._timeline.ticks_to_ns(writer.age_ticks(pts)) >= self.order.segment_s * NS

    def _is_to_turn_later(self, picture: Picture, source: Source) -> bool:
        """Return whether a segment is to begin with this key frame, and pictures may follow that are shown before it."""
        writer = self._writer
        return (
            writer is not None
            and self._shown.depth > 0
            and (bool(self._why) or self._is_due(writer, picture.ticks))
            and not self._is_changed(picture, source)
        )

    def _at_key_frame(
        self,
        picture: Picture,
        source: Source,
        boot_ns: int,
        utc_ns: int,
        until_pts: int | None = None,
        drift_ns: int | None = None,
    ) -> bool:
        """Begin a segment where one is due or must be; False while it waits for one.

        ``until_pts``: what is shown from then on is not in the segment before; None: from this picture on. ``drift_ns``: of the
        stream's clock when the picture came, where others have come since.
        """
        pts = picture.ticks
        changed = self._is_changed(picture, source)
        writer = self._writer
        if writer is not None:
            if not (changed or self._why or self._is_due(writer, pts)):
                return True
            if not changed and (not self._why or self._why in GOES_ON) and not self._spares.available:
                # The next segment has not arrived, or was refused: this one continues, as long as its room lasts.
                if self._spares.may_ask(boot_ns):
                    self._ask(boot_ns)
                return True
        if self._is_to_wait(boot_ns):
            return False
        if changed or (self._template is None and source.template is None):
            try:
                self._describe(picture, source)
            except ValueError:
                self._close_segment(None)
                self._tell_waiting(NO_PARAMETER_SETS, "the camera has not sent its parameter sets yet", pts, boot_ns)
                return True
        grant = self._spares.take()
        if grant is None:
            self._close_segment(pts if until_pts is None else until_pts)
            self._tell_waiting(self._spares.denied or RECORDER_BUSY, "", pts, boot_ns)
            self._why = self._why or "no room"
            return True
        if self._why in GOES_ON and self._timeline.run:
            # The stream's clock alone tells how much is missing, as inside a run: also where the first frame had been read
            # late, or this one is read before it is shown (B-frames).
            ahead_ns = DRIFT_NS if self._why == FRAMES_LOST else 0
            begun_ns = self._begun_ns(writer)
            self._timeline.go_on(pts, boot_ns, utc_ns, begun_ns, ahead_ns=ahead_ns, drift_ns=drift_ns)
            self._close_segment(pts, self._timeline.at(pts)[1])
        elif writer is None or self._why or not self._timeline.run:
            self._close_segment(pts)
            self._timeline.begin(pts, boot_ns, utc_ns, self.told_ns)
        else:
            self._close_segment(pts, self._timeline.at(pts)[1])
        self._open_segment(grant, source, pts, boot_ns, follows=writer is not None)
        return True

    def _begun_ns(self, writer: SegmentWriter | None) -> int:
        """Return the earliest start of the next segment: not before the open one, which it will end."""
        return int(writer.facts["start_boot_ns"]) if writer is not None else self.told_ns

    def _open_segment(self, grant: tuple[int, int], source: Source, pts: int, boot_ns: int, *, follows: bool) -> None:
        try:
            self._rate.opens(boot_ns, lost=self._why == FRAMES_LOST)
        except SourceError:
            self._give_back(grant)
            raise
        start_utc_ns, start_boot_ns = self._timeline.at(pts)
        template = self._template.streams.video[0] if self._template else source.template
        assert template is not None
        facts = {
            "start_utc_ns": start_utc_ns,
            "start_boot_ns": start_boot_ns,
            "boot": self.order.boot,
            "run": self._timeline.run,
            "codec": source.codec,
        }
        if not self._begin_segment(grant, template, facts, pts, source, self._why, follows=follows):
            self._why = self._waiting_told = ""

    def _close_segment(self, next_pts: int | None, next_boot_ns: int = 0) -> None:
        """Finish the open segment, if any, and report it. Without ``next_pts`` it ends before what may be missing.

        ``next_pts``: a key frame that begins the next one; ``next_boot_ns``: its time, if there is no break.
        """
        writer = self._finish_segment(next_pts)
        if writer is None:
            return
        duration_ns = self._duration_ns(writer, next_pts, next_boot_ns)
        self.told_ns = max(self.told_ns, writer.facts["start_boot_ns"] + duration_ns)
        self._tell_closed(writer, duration_ns)

    def _duration_ns(self, writer: SegmentWriter, next_pts: int | None, next_boot_ns: int) -> int:
        """Return a segment's duration by our clock: up to the next one, or to the end of its last frame by the stream's
        timestamps, as far as plausible: no frame is later than it was read, except a few out of order."""
        start_ns = int(writer.facts["start_boot_ns"])
        if next_boot_ns:
            return max(0, next_boot_ns - start_ns)
        last_frame_ns = min(NS, self._timeline.ticks_to_ns(writer.frame_ticks))
        by_stream_ns = self._timeline.ticks_to_ns(writer.duration_ticks(next_pts))
        read_ns = max(0, self._written_ns + last_frame_ns - start_ns)
        return by_stream_ns if by_stream_ns < read_ns + OUT_OF_ORDER_NS else read_ns

    def _ran_out_of_room(self) -> None:
        self._why = "no room"

    def _disk_failed(self, errno: int) -> None:
        self._why = "write failed"

    def _lose(self, reason: str, detail: str, retry_s: float, at_ns: int) -> None:
        """Report that nothing is recorded from that moment on (boottime), and why."""
        self.told_ns = max(self.told_ns, at_ns)
        self._link.send(wire.Lost(self.camera, reason, detail, retry_s, at_ns))

    # --- grants -----------------------------------------------------------------------------------------------

    def _ask(self, boot_ns: int) -> None:
        self._spares.asked(boot_ns)
        self._link.send(wire.Want(self.camera))

    def _is_to_wait(self, boot_ns: int) -> bool:
        """Return whether a key frame that arrived at ``boot_ns`` is to wait for a segment: the next one may be long in coming."""
        if self._spares.may_ask(boot_ns):
            self._ask(boot_ns)
        return self._spares.awaited and now_ns()[0] - boot_ns < GRANT_WAIT_S * NS

    def _tell_waiting(self, reason: str, detail: str, pts: int, boot_ns: int) -> None:
        """Report that a key frame cannot be stored, from its arrival on: the next one may have arrived already."""
        if self._waiting_told != reason:
            self._waiting_told = reason
            self._lose(reason, detail, ASK_AGAIN_NS / NS, self._timeline.came_ns(pts, boot_ns))
