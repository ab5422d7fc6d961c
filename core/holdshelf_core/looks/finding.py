"""Locates a picture: the file with a camera's frame at a time, or the reason why there is none, in words.

Blocks; called in threads. Opens files read-only, below the volume's root, and closes whatever it does not return. Storage itself
opens held files from the shelf after their scheduled erasure.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from holdshelf_core.looks.pictures import OpenPicture
from holdshelf_core.times import NS, local_words
from holdshelf_storage import layout
from holdshelf_storage.errors import SegmentGone, StorageError
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.volume.journal import GapSpan, StoredSegment

# Between two files of one unbroken stretch a frame's length may be missing; the nearer file then shows the moment.
NEAR_NS = NS


@dataclass(frozen=True, slots=True)
class Growing:
    """The segment being written, as the recorder knows it."""

    seq: int
    start_utc_ns: int


@dataclass(frozen=True, slots=True)
class Moment:
    """A file, and the time to request from it: the requested one, or the nearest that it shows."""

    file: OpenPicture
    at_utc_ns: int


@dataclass(slots=True)
class FoundPictures:
    """For each requested time, where it is shown, or the reason why it is not. Call ``close`` when done."""

    moments: list[Moment | str] = field(default_factory=list)
    files: list[OpenPicture] = field(default_factory=list)

    def close(self) -> None:
        """Close all files."""
        for file in self.files:
            with contextlib.suppress(OSError):
                os.close(file.fd)
        self.files.clear()


def find(
    footage: Footage, camera: str, at_utc_ns: Sequence[int], growing: Growing | None, now_utc_ns: int
) -> FoundPictures:
    """Return the files for these times; each file is opened once. Raises StorageError when nothing can be read at all."""
    spans = footage.query(camera, min(at_utc_ns) - NEAR_NS, max(at_utc_ns) + NEAR_NS)
    segments = [span for span in spans if isinstance(span, StoredSegment)]
    gaps = [span for span in spans if isinstance(span, GapSpan)]
    found, opened = FoundPictures(), dict[int, OpenPicture | str]()
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


def find_newest(footage: Footage, camera: str, growing: Growing) -> FoundPictures:
    """Return the file being written."""
    found = FoundPictures()
    file = _keep(found, _open_growing(footage, camera, growing))
    found.moments.append(file if isinstance(file, str) else Moment(file, growing.start_utc_ns))
    return found


def _keep(found: FoundPictures, file: OpenPicture | str) -> OpenPicture | str:
    if not isinstance(file, str):
        found.files.append(file)
    return file


def _is_newer(growing: Growing, segment: StoredSegment | None, at_utc_ns: int) -> bool:
    return segment is None or at_utc_ns >= segment.end_utc_ns or growing.seq > segment.seq


def _covering(segments: Sequence[StoredSegment], at_utc_ns: int) -> StoredSegment | None:
    """Return the segment that shows a time; where the clock was set back and two do, the one recorded later."""
    inside = [s for s in segments if s.start_utc_ns <= at_utc_ns < s.end_utc_ns]
    if inside:
        return max(inside, key=lambda s: (s.is_here, s.seq))
    near = [(_distance(s, at_utc_ns), s) for s in segments]
    near = [(away, s) for away, s in near if away <= NEAR_NS]
    return min(near, key=lambda pair: pair[0])[1] if near else None


def _distance(segment: StoredSegment, at_utc_ns: int) -> int:
    return max(segment.start_utc_ns - at_utc_ns, at_utc_ns - segment.end_utc_ns, 0)


def _open_closed(footage: Footage, camera: str, segment: StoredSegment) -> OpenPicture | str:
    try:
        fd = footage.open_closed(camera, segment)
    except SegmentGone as error:
        why = "is missing: it was not erased on schedule" if error.missing else "was erased on schedule"
        return f"What was recorded at {local_words(segment.start_utc_ns)} {why}."
    except StorageError as error:
        return f"The file cannot be read: {error}"
    return OpenPicture(fd, segment.start_utc_ns, max(segment.end_utc_ns, segment.start_utc_ns + 1), segment.seq)


def _open_growing(footage: Footage, camera: str, growing: Growing) -> OpenPicture | str:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    root_fd = footage.folders.volume.root_fd
    day = layout.day_path(camera, layout.day_of(growing.start_utc_ns))
    # If it was closed a moment ago, it is listed in its day.
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
    return "The newest file was just closed; ask again."


def _why_nothing(gaps: Sequence[GapSpan], at_utc_ns: int, now_utc_ns: int) -> str:
    if at_utc_ns >= now_utc_ns:
        return f"{local_words(at_utc_ns)} has not come yet."
    for gap in gaps:
        if gap.start_utc_ns <= at_utc_ns and (gap.end_utc_ns is None or at_utc_ns < gap.end_utc_ns):
            until = f"to {local_words(gap.end_utc_ns)}" if gap.end_utc_ns is not None else "until now"
            return f"Nothing was recorded from {local_words(gap.start_utc_ns)} {until}: {gap.reason}."
    return f"There is no recording for {local_words(at_utc_ns)}: it was erased on schedule, or the camera was not there yet."
