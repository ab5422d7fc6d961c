"""Pictures on demand: a still at a time, a strip of stills, a camera's newest frame.

Decoding happens in picture workers: confined processes that receive descriptors, killed when they take too long and replaced.
Nothing here decodes, decides who may view, or keeps a picture: a JPEG is made, returned and forgotten. The caller has logged the
look before it asks (``Burn.log_seq``).
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from holdshelf_core.errors import BadRequest, HoldshelfError, NotFound, Unavailable
from holdshelf_core.looks import picture_protocol as wire
from holdshelf_core.looks.picture_pool import Job, PicturePool
from holdshelf_core.looks.picture_protocol import Burn
from holdshelf_core.processes import worker_link
from holdshelf_core.times import local_time_words

__all__ = ["Burn", "OpenPicture", "Picture", "Pictures", "Wanted"]

LIVE_PERIOD_S = 0.25
"""A viewer gets at most four pictures per second (DESIGN § 8)."""
MAX_STRIP = 64
"""Pictures of one lease (DESIGN § 6)."""
STRIP_AHEAD = 2
MAX_VIEWERS = 1_000


@dataclass(frozen=True, slots=True)
class OpenPicture:
    """A segment to take a picture from. The caller owns the descriptor and may close it once the call ends."""

    fd: int
    start_utc_ns: int
    end_utc_ns: int | None
    """None: still being written."""
    seq: int = 0

    def holds(self, at_utc_ns: int) -> bool:
        """Return whether that time is in it, as far as known from outside."""
        return self.start_utc_ns <= at_utc_ns and (self.end_utc_ns is None or at_utc_ns < self.end_utc_ns)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One picture of a strip. ``files``: segments around ``at_utc_ns``, including the one that contains it."""

    files: tuple[OpenPicture, ...]
    at_utc_ns: int
    burn: Burn
    max_width: int = 320
    key_from_utc_ns: int | None = None
    """The preceding key frame is enough, if it was shown at this time or later; its own time is reported and burned in."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG with masks and legend burned in."""

    jpeg: bytes
    width: int
    height: int
    """Height of the whole JPEG, in pixels."""
    picture_height: int
    """Height of the picture itself; the legend is below it."""
    shown_utc_ns: int
    """Time of the frame shown: at or before the requested time."""
    mask_version: int
    damaged: bool
    """Parts of the frame are guesses: it, or one it depends on, was damaged."""
    seq: int
    """Sequence number of its segment."""


class Pictures:
    """Access to the picture workers. All methods run on the event loop."""

    def __init__(self, *, workers: int = 2, timeout_s: float = 5.0) -> None:
        """At most ``workers`` processes, which end when idle."""
        self._pool = PicturePool(workers, timeout_s)
        self._next_live_s: dict[str, float] = {}

    def open(self) -> None:
        """Accept requests from now on; workers start when a look opens."""
        self._pool.open()

    def warm(self) -> None:
        """Somebody will ask for pictures soon."""
        self._pool.warm()

    async def async_stop(self) -> None:
        """End all workers; waiting requests raise ``Unavailable``."""
        await self._pool.async_stop()

    def pids(self) -> list[int]:
        """Return the workers' process ids, for status and tests."""
        return self._pool.pids()

    @property
    def failing_since_utc_ns(self) -> int:
        """Since when one worker after another ends by itself and makes no picture; 0 while that is not so."""
        return self._pool.failing_since_utc_ns

    async def async_confinement(self) -> worker_link.Ready | None:
        """Return how the workers are confined on this kernel; None when none can be started."""
        if self._pool.ready is None:
            await self._pool.async_warm()
        return self._pool.ready

    async def async_still(
        self,
        files: Sequence[OpenPicture],
        at_utc_ns: int,
        burn: Burn,
        *,
        max_width: int = 1920,
        key_from_utc_ns: int | None = None,
    ) -> Picture:
        """Return the frame shown at ``at_utc_ns`` (UTC).

        ``files``: the segments around that time, in any order; the first that contains it is used. Raises NotFound when none does
        (the sentence names the nearest footage), Unavailable when no picture can be made now, BadRequest.
        """
        spans = {index: _span(file) for index, file in enumerate(files)}
        for index, file in enumerate(files):
            if file.holds(at_utc_ns):
                job = self._job(file, at_utc_ns, burn, max_width, key_from_utc_ns=key_from_utc_ns)
                try:
                    return await self._made(job, file, burn)
                except _Outside as outside:
                    # A file may end before its span does: cut by a power failure, or not yet written that far.
                    spans[index] = outside.span
        raise _not_recorded(at_utc_ns, list(spans.values()))

    async def async_strip(self, wanted: Sequence[Wanted]) -> list[Picture | HoldshelfError]:
        """Return all of ``strip`` at once, in the order requested."""
        async with aclosing(self.strip(wanted)) as strip:
            return [picture async for picture in strip]

    async def strip(self, wanted: Sequence[Wanted]) -> AsyncGenerator[Picture | HoldshelfError]:
        """Yield each picture in the order requested, as soon as it is made; or the error in its place.

        Close it (``aclosing``) or cancel its consumer, and pictures not begun are never made. Raises BadRequest.
        """
        if len(wanted) > MAX_STRIP:
            raise BadRequest(f"A strip has at most {MAX_STRIP} pictures, not {len(wanted)}.")
        tasks: list[asyncio.Task[Picture]] = []
        try:
            for index in range(len(wanted)):
                for item in wanted[len(tasks) : index + STRIP_AHEAD]:
                    still = self.async_still(
                        item.files,
                        item.at_utc_ns,
                        item.burn,
                        max_width=item.max_width,
                        key_from_utc_ns=item.key_from_utc_ns,
                    )
                    tasks.append(asyncio.create_task(still))
                await asyncio.wait({tasks[index]})
                failure = tasks[index].exception()
                if failure is not None and not isinstance(failure, HoldshelfError):
                    raise failure
                yield tasks[index].result() if failure is None else failure
        finally:
            for task in tasks:
                task.cancel()
            # The caller owns the descriptors again when this ends: nothing may still be about to use them.
            await asyncio.gather(*tasks, return_exceptions=True)

    async def async_live(
        self,
        files: Sequence[OpenPicture],
        burn: Burn,
        viewer: str,
        *,
        max_width: int = 1280,
        after_utc_ns: int | None = None,
    ) -> Picture | None:
        """Return the newest frame of a camera; at most four per second per ``viewer``: an early call waits.

        ``files``: the segment being written and, for the moment in which it has no frame yet, the one before it. None when there
        is no frame newer than ``after_utc_ns``. ``viewer`` names one look at one camera, so that its decoder continues; call
        ``forget_viewer`` when the look ends. Raises NotFound, Unavailable, BadRequest.
        """
        await self._my_turn(viewer)
        ordered = sorted(files, key=lambda file: (file.end_utc_ns is None, file.start_utc_ns), reverse=True)
        for file in ordered:
            job = self._job(file, None, burn, max_width, viewer=viewer, after_utc_ns=after_utc_ns)
            try:
                return await self._made(job, file, burn)
            except _NothingNew:
                return None
            except _Outside:
                continue
        raise NotFound(f"{burn.camera_name} has no picture yet.", "Recording has just started; try again.")

    def forget_viewer(self, viewer: str) -> None:
        """Drop what is kept for a live view that ended."""
        self._next_live_s.pop(viewer, None)
        self._pool.leave(viewer)

    async def _my_turn(self, viewer: str) -> None:
        now_s = asyncio.get_running_loop().time()
        turn_s = max(now_s, self._next_live_s.pop(viewer, 0.0))
        self._next_live_s[viewer] = turn_s + LIVE_PERIOD_S
        while len(self._next_live_s) > MAX_VIEWERS:
            del self._next_live_s[next(iter(self._next_live_s))]
        await asyncio.sleep(turn_s - now_s)

    def _job(
        self,
        file: OpenPicture,
        at_utc_ns: int | None,
        burn: Burn,
        max_width: int,
        *,
        key_from_utc_ns: int | None = None,
        viewer: str = "",
        after_utc_ns: int | None = None,
    ) -> Job:
        if not wire.MIN_WIDTH <= max_width <= wire.MAX_WIDTH:
            raise BadRequest(f"A picture is {wire.MIN_WIDTH} to {wire.MAX_WIDTH} pixels wide, not {max_width}.")
        growing = file.end_utc_ns is None
        return Job(
            lambda number: wire.Show(
                number, file.start_utc_ns, at_utc_ns, growing, burn, max_width, key_from_utc_ns, viewer, after_utc_ns
            ),
            file.fd,
            viewer,
        )

    async def _made(self, job: Job, file: OpenPicture, burn: Burn) -> Picture:
        own = _read_only(file.fd)
        try:
            job.fd = own if own is not None else file.fd
            answer = await self._pool.make(job)
        finally:
            if own is not None:
                os.close(own)
        if isinstance(answer, wire.Failed):
            raise _failure(answer, burn.camera_name)
        shown, jpeg = answer
        return Picture(
            jpeg,
            shown.width,
            shown.height,
            shown.picture_height,
            shown.shown_utc_ns,
            burn.mask_version,
            shown.damaged,
            file.seq,
        )


class _Outside(Exception):
    """The file has no frame for that time. ``span``: what it has, None when nothing."""

    def __init__(self, span: tuple[int, int | None] | None) -> None:
        super().__init__()
        self.span = span


class _NothingNew(Exception):
    """No frame newer than the viewer's last one."""


def _read_only(fd: int) -> int | None:
    """Return a read-only descriptor of the same file when ``fd`` is writable: a worker never gets a writable one."""
    try:
        if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            return None
        return os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise Unavailable(f"The recording cannot be read ({error.strerror}).", "Check the disk.") from None


def _failure(failed: wire.Failed, camera: str) -> Exception:
    match failed.reason:
        case "outside":
            return _Outside((failed.first_utc_ns, failed.last_utc_ns))
        case "empty":
            return _Outside(None)
        case "nothing new":
            return _NothingNew()
        case "damaged":
            return Unavailable(
                f"The recording of {camera} is damaged at that time, so no picture can be made.", "Choose another time."
            )
        case "too large" | "memory":
            return Unavailable(
                f"The picture of {camera} is too large to show.", "Set the camera to a lower resolution."
            )
        case "disk":
            return Unavailable(f"The recording of {camera} cannot be read from the disk.", "Check the disk.")
    return Unavailable(f"No picture of {camera} could be made.", "Try again. If this keeps happening, tell the admin.")


def _span(file: OpenPicture) -> tuple[int, int | None] | None:
    return file.start_utc_ns, file.end_utc_ns


def _not_recorded(at_utc_ns: int, spans: Sequence[tuple[int, int | None] | None]) -> NotFound:
    """Return an error that names the nearest footage before and after."""
    known = [span for span in spans if span is not None]
    ends = [end for _start, end in known if end is not None and end <= at_utc_ns]
    starts = [start for start, _end in known if start > at_utc_ns]
    sentence = f"Nothing was recorded at {local_time_words(at_utc_ns)}"
    if ends:
        sentence += f"; the footage before it ends at {local_time_words(max(ends))}"
    if starts:
        sentence += f"{' and' if ends else ';'} the next begins at {local_time_words(min(starts))}"
    return NotFound(f"{sentence}.", "" if ends or starts else "There is no footage near that time.")
