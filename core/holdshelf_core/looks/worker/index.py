"""Finds which frames of a segment must be decoded to show the one at a given time. Reads tables, decodes nothing.

Files may be hostile (a camera determines much of their content): every number here comes from ``mp4.fragments``, which checks it.
"""

from __future__ import annotations

from dataclasses import dataclass

from holdshelf_core.times import NS
from holdshelf_storage.errors import BadMp4
from holdshelf_storage.mp4 import fragments as fmp4
from holdshelf_storage.mp4.fragments import Sample, Track

GROWING_SLACK_NS = 2 * NS
"""What was just filmed is still on its way to the disk: until then the newest frame is the answer."""
CLOSED_SLACK_NS = NS // 2
"""A closed file's last frame counts as shown this long past its own duration (recovered files are no more precise)."""
MAX_FRAMES = 100_000
"""Half an hour at 60 per second; a segment is a minute."""
_REORDER_S = 4
"""Frames are stored at most this far from their display order."""


class Outside(Exception):
    """No frame of the file was shown then. UTC nanoseconds: the file's first frame, and the end of its last."""

    def __init__(self, first_utc_ns: int, last_utc_ns: int) -> None:
        super().__init__()
        self.first_utc_ns = first_utc_ns
        self.last_utc_ns = last_utc_ns


class Empty(Exception):
    """The file has no complete frame (yet)."""


class NoKey(Exception):
    """No frame before the wanted one can be decoded independently."""


@dataclass(frozen=True, slots=True)
class FramePlan:
    """Frames to decode, in that order: the first is a key frame. The wanted one has the timestamp ``pts``."""

    track: Track
    chain: list[Sample]
    pts: int
    origin_pts: int
    start_utc_ns: int

    def utc_ns(self, pts: int) -> int:
        """Return when the frame with that timestamp was shown."""
        return self.start_utc_ns + (pts - self.origin_pts) * NS // self.track.timescale


def find(
    fd: int, start_utc_ns: int, at_utc_ns: int | None, *, growing: bool, key_from_utc_ns: int | None = None
) -> FramePlan:
    """Return the frames for the picture at ``at_utc_ns``; None: the newest.

    ``key_from_utc_ns``: the preceding key frame instead, if it was shown at this time or later; None: never.
    Raises Outside, Empty, NoKey, BadMp4, DiskWriteError.
    """
    track = fmp4.read_header(fd).video
    if track is None:
        raise Empty
    frames: list[Sample] = []
    limit = None
    for sample in fmp4.samples(fd):
        if at_utc_ns is not None and not frames:
            # The largest timestamp not later than the requested time, in whole nanoseconds.
            limit = sample.pts + ((at_utc_ns - start_utc_ns + 1) * track.timescale - 1) // NS
        if len(frames) >= MAX_FRAMES:
            raise BadMp4("The file has more frames than a segment can have.")
        frames.append(sample)
        if limit is not None and sample.dts > limit + _REORDER_S * track.timescale:
            break
    if not frames:
        raise Empty
    origin = frames[0].pts
    whole = FramePlan(track, frames, origin, origin, start_utc_ns)
    shown = range(len(frames)) if limit is None else [i for i, f in enumerate(frames) if f.pts <= limit]
    newest = max(frames, key=lambda frame: frame.pts)
    if not shown or _too_late(whole, newest, at_utc_ns, growing=growing):
        raise Outside(start_utc_ns, whole.utc_ns(newest.pts + newest.duration))
    wanted = max(shown, key=lambda i: frames[i].pts)
    key = next((i for i in range(wanted, -1, -1) if frames[i].is_key and frames[i].pts <= frames[wanted].pts), None)
    if key is None:
        raise NoKey
    if key_from_utc_ns is not None and whole.utc_ns(frames[key].pts) >= key_from_utc_ns:
        wanted = key
    return FramePlan(track, frames[key : wanted + 1], frames[wanted].pts, origin, start_utc_ns)


def _too_late(file: FramePlan, newest: Sample, at_utc_ns: int | None, *, growing: bool) -> bool:
    if at_utc_ns is None:
        return False
    slack_ns = GROWING_SLACK_NS if growing else CLOSED_SLACK_NS
    return at_utc_ns >= file.utc_ns(newest.pts + newest.duration) + slack_ns
