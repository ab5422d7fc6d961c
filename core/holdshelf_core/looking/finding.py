"""Where a picture lies: the file that holds a camera's frame at a time, or why there is none, in words.

Blocks; called in threads. Opens files for reading only, below the volume's root, and closes whatever it does not return.
A file that was erased on schedule but is held is opened from the shelf by storage itself.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from holdshelf_core.looking.pictures import OpenPicture
from holdshelf_core.times import local_words
from holdshelf_storage import layout
from holdshelf_storage.errors import FootageError, StorageError
from holdshelf_storage.footage import Footage
from holdshelf_storage.journal import GapSpan, StoredSegment

NS = 1_000_000_000
# Between two files of one unbroken stretch a frame's length may be missing; the nearer file then shows the moment.
NEAR_NS = NS


@dataclass(frozen=True, slots=True)
class Growing:
    """The segment that is being written, as the recorder knows it."""

    seq: int
    start_utc_ns: int


@dataclass(frozen=True, slots=True)
class Moment:
    """A file, and the instant to ask it for: the one asked for, or the nearest that it shows."""

    file: OpenPicture
    at_utc_ns: int


@dataclass(slots=True)
class Found:
    """For each instant asked for where it is shown, or the words why it is not. ``close`` when done."""

    moments: list[Moment | str] = field(default_factory=list)
    files: list[OpenPicture] = field(default_factory=list)

    def close(self) -> None:
        """Close every file."""
        for file in self.files:
            with contextlib.suppress(OSError):
                os.close(file.fd)
        self.files.clear()


def find(footage: Footage, camera: str, at_utc_ns: Sequence[int], growing: Growing | None, now_utc_ns: int) -> Found:
    """The files for these instants; each file is opened once. Raises StorageError when nothing can be read at all."""
    spans = footage.query(camera, min(at_utc_ns) - NEAR_NS, max(at_utc_ns) + NEAR_NS)
    segments = [span for span in spans if isinstance(span, StoredSegment)]
    gaps = [span for span in spans if isinstance(span, GapSpan)]
    found, opened = Found(), dict[int, OpenPicture | str]()
    try:
        for at in at_utc_ns:
            segment = _covering(segments, at)
            if growing is not None and growing.start_utc_ns <= at < now_utc_ns and _is_newer(growing, segment, at):
                if growing.seq not in opened:
                    opened[growing.seq] = _keep(found, _open_growing(footage, camera, growing))
                file, moment = opened[growing.seq], at
            elif segment is not None:
                if segment.seq not in opened:
                    opened[segment.seq] = _keep(found, _open_closed(footage, camera, segment))
                file, moment = opened[segment.seq], min(max(at, segment.start_utc_ns), segment.end_utc_ns - 1)
            else:
                file, moment = _why_nothing(gaps, at, now_utc_ns), at
            found.moments.append(file if isinstance(file, str) else Moment(file, moment))
    except BaseException:
        found.close()
        raise
    return found


def find_newest(footage: Footage, camera: str, growing: Growing) -> Found:
    """The file that is being written."""
    found = Found()
    file = _keep(found, _open_growing(footage, camera, growing))
    found.moments.append(file if isinstance(file, str) else Moment(file, growing.start_utc_ns))
    return found


@dataclass(frozen=True, slots=True)
class Source:
    """The newest file of a camera, open for reading; the descriptor is the caller's. ``growing``: it is being written still."""

    fd: int
    start_utc_ns: int
    growing: bool
    seq: int


def open_growing(footage: Footage, camera: str, growing: Growing) -> Source | None:
    """The file that is being written, for who looks at nothing else; None when it was closed this moment."""
    file = _open_growing(footage, camera, growing)
    return None if isinstance(file, str) else Source(file.fd, file.start_utc_ns, growing=True, seq=file.seq)


def _keep(found: Found, file: OpenPicture | str) -> OpenPicture | str:
    if not isinstance(file, str):
        found.files.append(file)
    return file


def _is_newer(growing: Growing, segment: StoredSegment | None, at_utc_ns: int) -> bool:
    return segment is None or at_utc_ns >= segment.end_utc_ns or growing.seq > segment.seq


def _covering(segments: Sequence[StoredSegment], at_utc_ns: int) -> StoredSegment | None:
    """The segment that shows an instant; where the clock was set back and two do, the later recorded one."""
    inside = [s for s in segments if s.start_utc_ns <= at_utc_ns < s.end_utc_ns]
    if inside:
        return max(inside, key=lambda s: (not s.erased, s.seq))
    near = [(_distance(s, at_utc_ns), s) for s in segments]
    near = [(away, s) for away, s in near if away <= NEAR_NS]
    return min(near, key=lambda pair: pair[0])[1] if near else None


def _distance(segment: StoredSegment, at_utc_ns: int) -> int:
    return max(segment.start_utc_ns - at_utc_ns, at_utc_ns - segment.end_utc_ns, 0)


def _open_closed(footage: Footage, camera: str, segment: StoredSegment) -> OpenPicture | str:
    try:
        fd = footage.open_closed(camera, segment)
    except FootageError:
        return f"What was recorded at {local_words(segment.start_utc_ns)} was erased on schedule."
    except StorageError as error:
        return f"The file cannot be read: {error}"
    return OpenPicture(fd, segment.start_utc_ns, max(segment.end_utc_ns, segment.start_utc_ns + 1), segment.seq)


def _open_growing(footage: Footage, camera: str, growing: Growing) -> OpenPicture | str:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    root_fd = footage.folders.volume.root_fd
    day = layout.day_path(camera, layout.day_of(growing.start_utc_ns))
    # Closed a moment ago, it has its name in its day.
    for path in (
        layout.open_path(layout.check_camera(camera), growing.seq),
        f"{day}/{layout.segment_name(growing.seq, growing.start_utc_ns)}",
    ):
        try:
            return OpenPicture(os.open(path, flags, dir_fd=root_fd), growing.start_utc_ns, None, growing.seq)
        except FileNotFoundError:
            continue
        except OSError as error:
            return f"The newest file cannot be read: {error.strerror}."
    return "The newest file was closed this moment; ask again."


def _why_nothing(gaps: Sequence[GapSpan], at_utc_ns: int, now_utc_ns: int) -> str:
    if at_utc_ns >= now_utc_ns:
        return f"{local_words(at_utc_ns)} has not come yet."
    for gap in gaps:
        if gap.start_utc_ns <= at_utc_ns and (gap.end_utc_ns is None or at_utc_ns < gap.end_utc_ns):
            until = f"to {local_words(gap.end_utc_ns)}" if gap.end_utc_ns is not None else "until now"
            return f"Nothing was recorded from {local_words(gap.start_utc_ns)} {until}: {gap.reason}."
    return (
        f"Nothing is recorded of {local_words(at_utc_ns)}: it was erased on schedule, or the camera was not there yet."
    )
