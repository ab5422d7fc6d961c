"""One loop reads all of a worker's connections, without waiting for any of them (ADR 39).

Every 0.37 s at most it takes what has gathered in each socket and has it recorded. A thread per camera costs a wake-up for each
read, and a fight for the interpreter after it. Datagrams that must not gather wake it. Within a turn each connection is read up
to a limit, so that one that floods does not keep the others from their turn.
"""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from collections.abc import Sequence
from typing import Protocol

from holdshelf_core.recorder.worker.source import Hole, Picture, Source, SourceError

_LOGGER = logging.getLogger("holdshelf.worker")

PACE_CAP_S = 0.37
"""No multiple of a usual frame interval: else each picture of a camera would wait equally long, and its clock seem late."""
FIRST_PACE_S = 0.02
"""Until it is known how much may gather. A picture's time is when it was read, and the first ones set a connection's clock."""
GRANT_LOOK_S = 0.05
"""How often a picture that waits for its segment is tried again."""


def next_due_s(now_s: float, pace_s: float) -> float:
    """Return the next multiple of the pace: connections with the same pace are read in the same turn."""
    return (now_s // pace_s + 1) * pace_s


class Gathering(Source, Protocol):
    """A connection that is read without waiting; ``RtspSource`` is one."""

    has_more: bool
    """The last ``read`` left something for the next one."""
    rest: tuple[int, float]
    """What it is read after next: a descriptor that has something to read (−1: none), and at most how many seconds (0: as long
    as the recording's pace says)."""

    def read(self, room: memoryview) -> tuple[list[Picture | Hole], SourceError | None]:
        """Take what has arrived; see ``RtspSource.read``."""

    def charge(self, cpu_s: float) -> None:
        """Count what recording its pictures took, as the camera's own. Raises SourceError when it is too much."""


class Recording(Protocol):
    """Who records what is read; ``Camera`` is one."""

    pace_s: float
    """How long may gather in the socket before it is read again; 0 while that is not known."""

    @property
    def is_stopping(self) -> bool:
        """Return whether nothing more is to be read."""

    def take(self, items: Sequence[Picture | Hole], source: Source) -> int:
        """Record them, without waiting. Returns how many: the others are offered again soon."""


class Reading:
    """A connection that the loop reads until it ends."""

    def __init__(self, source: Gathering, recording: Recording) -> None:
        self.recording = recording
        self.due_s = 0.0
        self.wakes = -1
        """A descriptor that has it read before that; -1: none."""
        self.error: Exception | None = None
        self.ended = threading.Event()
        self._source = source
        self._left: Sequence[Picture | Hole] = ()
        self._end: SourceError | None = None

    def turn(self, room: memoryview, now_s: float) -> None:
        """Read once and record it. Raises what ends it."""
        self.wakes = -1
        if not self._left:
            self._left, self._end = self._source.read(room)
        began_cpu_s = time.thread_time()
        taken = self.recording.take(self._left, self._source)
        self._left = self._left[taken:]
        self._source.charge(time.thread_time() - began_cpu_s)
        if self._left:
            self.due_s = now_s + GRANT_LOOK_S
        elif self._end is not None:
            raise self._end
        elif self._source.has_more:
            self.due_s = now_s
        else:
            self.wakes, rest_s = self._source.rest
            self.due_s = next_due_s(now_s, rest_s or self.recording.pace_s or FIRST_PACE_S)


class ReadingLoop(threading.Thread):
    """The thread that reads them all. Make it before the process is confined: then it opens nothing any more."""

    def __init__(self, room_bytes: int) -> None:
        super().__init__(name="reading", daemon=True)
        self._room = memoryview(bytearray(room_bytes))
        self._readings: list[Reading] = []
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._bell_guard = threading.Lock()
        self._stopped = False

    def follow(self, reading: Reading) -> None:
        """Have it read until it ends; wait for that.

        Raises what ended it, or nothing when its recording was to stop, or when the thread has ended.
        """
        with self._bell_guard:
            if self._bell < 0:
                return  # it was being dialed when all were let go of
            self._readings.append(reading)
            os.eventfd_write(self._bell, 1)
        reading.ended.wait()
        if reading.error is not None:
            raise reading.error

    def look(self) -> None:
        """A recording is to stop: do not wait for its next turn."""
        with self._bell_guard:
            if self._bell >= 0:
                os.eventfd_write(self._bell, 1)

    def stop(self) -> None:
        """Let every connection go and end the thread."""
        self._stopped = True
        self.look()

    def run(self) -> None:
        """Until it is stopped."""
        while not self._stopped:
            now_s = time.monotonic()
            for reading in tuple(self._readings):
                if reading.recording.is_stopping:
                    self._end(reading, None)
                elif reading.due_s <= now_s:
                    try:
                        reading.turn(self._room, now_s)
                    except Exception as error:  # whatever it is ends one camera's connection, not the loop
                        self._end(reading, error)
            self._rest()
        with self._bell_guard:  # from here on none is taken any more
            os.close(self._bell)
            self._bell = -1
        for reading in tuple(self._readings):
            self._end(reading, None)

    def _rest(self) -> None:
        """Wait until one is due, a datagram came, or something is to be looked at."""
        readings = tuple(self._readings)
        waited = select.poll()
        waited.register(self._bell, select.POLLIN)
        waking = {reading.wakes: reading for reading in readings if reading.wakes >= 0}
        for descriptor in waking:
            waited.register(descriptor, select.POLLIN)
        due_s = min((reading.due_s for reading in readings), default=None)
        for descriptor, _ in waited.poll(None if due_s is None else max(0.0, 1000 * (due_s - time.monotonic()))):
            if descriptor == self._bell:
                os.eventfd_read(self._bell)  # before anything is looked at: what is told from here on is seen
            else:
                waking[descriptor].due_s = 0.0

    def _end(self, reading: Reading, error: Exception | None) -> None:
        self._readings.remove(reading)
        reading.error = error
        reading.ended.set()
