"""Pictures on demand, as the service asks for them: a still at a time, a strip of stills, the newest frame of a camera.

Decoding happens in picture workers: confined processes that are handed descriptors, killed when they take too long and
replaced. Nothing here decodes, decides who may look, or keeps a picture: a JPEG is made, handed over and forgotten.
The caller has written the look into the access log before it asks (``Burn.log_seq``).
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from holdshelf_core.errors import BadRequest, HoldshelfError, NotFound, Unavailable
from holdshelf_core.looking import picture_protocol as wire
from holdshelf_core.looking.local_time import local_time_words
from holdshelf_core.looking.picture_pool import Job, PicturePool
from holdshelf_core.looking.picture_protocol import Burn

__all__ = ["Burn", "OpenPicture", "Picture", "Pictures", "Wanted"]

LIVE_PERIOD_S = 0.25
"""A viewer gets at most four pictures a second (DESIGN § 8)."""
MAX_STRIP = 64
"""Pictures of one lease (DESIGN § 6)."""
STRIP_AHEAD = 2
MAX_VIEWERS = 1_000


@dataclass(frozen=True, slots=True)
class OpenPicture:
    """A segment that a picture may be taken from. The descriptor stays the caller's; it may be closed once the call ends."""

    fd: int
    start_utc_ns: int
    end_utc_ns: int | None
    """None: it is being written."""
    seq: int = 0

    def holds(self, at_utc_ns: int) -> bool:
        """Whether that time lies in it, as far as one can tell from outside."""
        return self.start_utc_ns <= at_utc_ns and (self.end_utc_ns is None or at_utc_ns < self.end_utc_ns)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One picture of a strip. ``files``: segments around ``at_utc_ns``, the one that holds it among them."""

    files: tuple[OpenPicture, ...]
    at_utc_ns: int
    burn: Burn
    max_width: int = 320
    exact: bool = True
    """False: the key frame before that time will do; its own time is told and burned in."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG with masks and legend burned in."""

    jpeg: bytes
    width: int
    height: int
    """Of the whole JPEG, in pixels."""
    picture_height: int
    """Rows that are picture; the legend stands below them."""
    shown_utc_ns: int
    """When the frame shown came on display: at or before the time asked for."""
    mask_version: int
    damaged: bool
    """Parts of the frame are guesses: it, or one it builds on, was damaged."""
    seq: int
    """Of the segment it was taken from."""


class Pictures:
    """The door to the picture workers. All methods run on the event loop."""

    def __init__(self, *, workers: int = 2, timeout_s: float = 5.0) -> None:
        """At most ``workers`` processes; the first is kept warm, others end when nothing is asked of them."""
        self._pool = PicturePool(workers, timeout_s)
        self._next_live_s: dict[str, float] = {}

    async def async_start(self) -> None:
        """Warm the first worker. Returns at once when no process can be had: asking tries again."""
        await self._pool.async_start()

    async def async_stop(self) -> None:
        """End all workers; whoever waits gets an ``Unavailable``."""
        await self._pool.async_stop()

    def pids(self) -> list[int]:
        """For status and tests."""
        return self._pool.pids()

    @property
    def confinement(self) -> wire.Ready | None:
        """What confines the workers on this kernel; None before the first is ready."""
        return self._pool.ready

    async def async_still(
        self, files: Sequence[OpenPicture], at_utc_ns: int, burn: Burn, *, max_width: int = 1920, exact: bool = True
    ) -> Picture:
        """The frame that was on display at ``at_utc_ns`` (UTC).

        ``files``: the segments around that time, in any order; the first that holds it is used. Raises NotFound when none
        does (the sentence names the nearest footage), Unavailable when no picture can be made now, BadRequest.
        """
        spans = {index: _span(file) for index, file in enumerate(files)}
        for index, file in enumerate(files):
            if file.holds(at_utc_ns):
                job = self._job(file, at_utc_ns, burn, max_width, exact=exact)
                try:
                    return await self._made(job, file, burn)
                except _Outside as outside:
                    # A file may end before its span does: cut by a power failure, or not yet written so far.
                    spans[index] = outside.span
        raise _not_recorded(at_utc_ns, list(spans.values()))

    async def async_strip(self, wanted: Sequence[Wanted]) -> list[Picture | HoldshelfError]:
        """All of ``strip`` at once, in the order asked."""
        async with aclosing(self.strip(wanted)) as strip:
            return [picture async for picture in strip]

    async def strip(self, wanted: Sequence[Wanted]) -> AsyncGenerator[Picture | HoldshelfError]:
        """Each picture in the order asked, as soon as it is made; in place of one that cannot be, why.

        Close it (``aclosing``) or cancel its consumer, and what is not begun is never made. Raises BadRequest.
        """
        if len(wanted) > MAX_STRIP:
            raise BadRequest(f"A strip has at most {MAX_STRIP} pictures, not {len(wanted)}.")
        tasks: list[asyncio.Task[Picture]] = []
        try:
            for index in range(len(wanted)):
                for item in wanted[len(tasks) : index + STRIP_AHEAD]:
                    still = self.async_still(
                        item.files, item.at_utc_ns, item.burn, max_width=item.max_width, exact=item.exact
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
            # The descriptors are the caller's again when this ends: nothing may still be about to use them.
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
        """The newest frame of a camera; at most four a second per ``viewer``: an early call waits for its turn.

        ``files``: the segment being written and, for the moment in which that has no frame yet, the one before it.
        None when there is no frame newer than ``after_utc_ns``. ``viewer`` names one look at one camera, so that its decoder
        goes on where it was; ``forget_viewer`` when the look ends. Raises NotFound, Unavailable, BadRequest.
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
        raise NotFound(
            f"There is no picture of {burn.camera_name} yet.", "Its recording has only just begun; try again."
        )

    def forget_viewer(self, viewer: str) -> None:
        """A live view has ended: drop what is kept for it."""
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
        exact: bool = True,
        viewer: str = "",
        after_utc_ns: int | None = None,
    ) -> Job:
        if not wire.MIN_WIDTH <= max_width <= wire.MAX_WIDTH:
            raise BadRequest(f"A picture is {wire.MIN_WIDTH} to {wire.MAX_WIDTH} pixels wide, not {max_width}.")
        growing = file.end_utc_ns is None
        return Job(
            lambda number: wire.Show(
                number, file.start_utc_ns, at_utc_ns, growing, burn, max_width, exact, viewer, after_utc_ns
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
    """No frame newer than the viewer has."""


def _read_only(fd: int) -> int | None:
    """A read-only descriptor of the same file, when ``fd`` could write: a worker never gets one that can."""
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
                f"The recording of {camera} is damaged there: no picture can be made of it.", "Ask for another moment."
            )
        case "too large" | "memory":
            return Unavailable(
                f"The picture of {camera} is too large to be shown.", "Set the camera to a lower resolution."
            )
        case "disk":
            return Unavailable(f"The recording of {camera} cannot be read from the disk.", "Check the disk.")
    return Unavailable(f"No picture of {camera} could be made.", "Try again; if it stays so, tell the administrator.")


def _span(file: OpenPicture) -> tuple[int, int | None] | None:
    return file.start_utc_ns, file.end_utc_ns


def _not_recorded(at_utc_ns: int, spans: Sequence[tuple[int, int | None] | None]) -> NotFound:
    """Says where the nearest footage before and after lies."""
    known = [span for span in spans if span is not None]
    ends = [end for _start, end in known if end is not None and end <= at_utc_ns]
    starts = [start for start, _end in known if start > at_utc_ns]
    sentence = f"Nothing was recorded at {local_time_words(at_utc_ns)}"
    if ends:
        sentence += f"; the footage before it ends at {local_time_words(max(ends))}"
    if starts:
        sentence += f"{' and' if ends else ';'} the next begins at {local_time_words(min(starts))}"
    return NotFound(f"{sentence}.", "" if ends or starts else "There is no footage near that time.")
