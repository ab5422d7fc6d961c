"""Selects the footage files of a release: one clip for each unbroken stretch, per camera and requested span.

A stretch continues while files follow one another in the same run of the recorder, with the same codec, size and parameter sets;
anything else begins a new clip. Files are pinned by a second link in the working folder, so that footage erased on schedule
meanwhile stays readable until the bundle is made; what was erased before is reported. Blocks. Decodes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from holdshelf_core.policy.model import Span
from holdshelf_core.times import NS
from holdshelf_storage.errors import BadMp4, SegmentGone, StorageError, translating
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.mp4 import fragments as fmp4
from holdshelf_storage.mp4.fragments import Sample, Track
from holdshelf_storage.volume.journal import StoredSegment
from holdshelf_storage.volume.recovered import is_recovered

SEAM_NS = NS
"""Two files of one run may be this far apart by the clock and still form one stretch."""
ROLLED_OFF = "erased on schedule while this bundle was made"
LOST = "missing: it was removed while this bundle was made, and not on schedule"
UNREADABLE = "on record, but its file cannot be read"


@dataclass(frozen=True, slots=True)
class PinnedSegment:
    """A footage file, pinned at ``path`` below the media root."""

    segment: StoredSegment
    path: str
    track: Track

    def open(self, root_fd: int) -> int:
        """Return a read descriptor, owned by the caller."""
        with translating("A file of footage could not be opened"):
            return os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=root_fd)


@dataclass(slots=True)
class Clip:
    """An unbroken stretch of one camera. ``asked``: the requested part of it, [start, end) UTC ns."""

    camera: str
    asked_start_utc_ns: int
    asked_end_utc_ns: int
    sources: list[PinnedSegment] = field(default_factory=list)

    @property
    def is_recovered(self) -> bool:
        """Return whether it was recovered from the camera; such a stretch is a clip of its own."""
        return bool(self.sources) and is_recovered(self.sources[0].segment)

    @property
    def bytes(self) -> int:
        """Return the size of its files, which is more than that of their frames."""
        return sum(source.segment.bytes for source in self.sources)


@dataclass(frozen=True, slots=True)
class Missing:
    """Requested footage that is not in the bundle. ``kind``: gap | erased | missing | unreadable."""

    camera: str
    kind: str
    start_utc_ns: int
    end_utc_ns: int
    reason: str


@dataclass(slots=True)
class Plan:
    """The clips and missing parts of a bundle."""

    clips: list[Clip] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        """Return the size of all source files."""
        return sum(clip.bytes for clip in self.clips)


def plan(footage: Footage, spans: Sequence[Span], told: Sequence[Missing], pins: str) -> Plan:
    """Find and pin the files. ``told``: gaps from the hold's coverage; ``pins``: folder below the media root.

    Raises StorageError.
    """
    made = Plan(missing=list(told))
    pinned: dict[int, PinnedSegment | str] = {}
    for span in spans:
        clip: Clip | None = None
        for segment in _segments(footage, span):
            if segment.seq not in pinned:
                pinned[segment.seq] = _pin(footage, span.camera, segment, pins)
            source = pinned[segment.seq]
            if isinstance(source, str):
                clip = None
                start, end = max(span.start_utc_ns, segment.start_utc_ns), min(span.end_utc_ns, segment.end_utc_ns)
                kind = {ROLLED_OFF: "erased", LOST: "missing"}.get(source, "unreadable")
                made.missing.append(Missing(span.camera, kind, start, end, source))
                continue
            if clip is None or not _follows(clip.sources[-1], source):
                clip = Clip(span.camera, max(span.start_utc_ns, segment.start_utc_ns), span.end_utc_ns)
                made.clips.append(clip)
            clip.sources.append(source)
            clip.asked_end_utc_ns = min(span.end_utc_ns, segment.end_utc_ns)
    made.missing.sort(key=lambda one: (one.camera, one.start_utc_ns, one.end_utc_ns))
    return made


def _segments(footage: Footage, span: Span) -> Iterator[StoredSegment]:
    """Yield segments in recording order: where the clock was set back, a time occurs twice. What was recovered from the camera
    comes before what began after it."""
    found = footage.query(span.camera, span.start_utc_ns, span.end_utc_ns)
    here = [one for one in found if isinstance(one, StoredSegment) and one.is_here]
    recovered = [one for one in here if is_recovered(one)]
    for segment in sorted((one for one in here if not is_recovered(one)), key=lambda one: one.seq):
        while recovered and recovered[0].start_utc_ns < segment.start_utc_ns:
            yield recovered.pop(0)
        yield segment
    yield from recovered


def _pin(footage: Footage, camera: str, segment: StoredSegment, pins: str) -> PinnedSegment | str:
    """Return the file under its own second link, or the reason why it is unavailable."""
    try:
        fd = footage.open_closed(camera, segment)
    except SegmentGone as error:
        return LOST if error.missing else ROLLED_OFF
    except StorageError:
        return UNREADABLE
    try:
        track = fmp4.read_header(fd).video
        if track is None or not track.sample_entry:
            return UNREADABLE
        path = f"{pins}/{segment.seq}.mp4"
        with translating("A file of footage could not be kept for the bundle"):
            try:
                # By descriptor: it is the same file, in its day or on the shelf.
                os.link(f"/proc/self/fd/{fd}", path, dst_dir_fd=footage.folders.volume.root_fd, follow_symlinks=True)
            except FileNotFoundError:
                return ROLLED_OFF
    except BadMp4:
        return UNREADABLE
    finally:
        os.close(fd)
    return PinnedSegment(segment, path, track)


def _follows(before: PinnedSegment, after: PinnedSegment) -> bool:
    one, two = before.segment, after.segment
    return (
        (one.boot, one.run, is_recovered(one)) == (two.boot, two.run, is_recovered(two))
        and before.track.sample_entry == after.track.sample_entry
        and before.track.timescale == after.track.timescale
        and abs(two.start_utc_ns - one.end_utc_ns) <= SEAM_NS
    )


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame of a clip. ``utc_ns``: when it was shown; ``source``: index of its file in the clip."""

    source: int
    sample: Sample
    utc_ns: int
    dts_utc_ns: int
    number: int
    """Index of the frame in its file, from 0."""


def frames(clip: Clip, root_fd: int) -> Iterator[Frame]:
    """Yield the frames from the key frame at or before the requested start to its end, in decoding order.

    Raises BadMp4, DiskWriteError.
    """
    last = len(clip.sources) - 1
    for number, source in enumerate(clip.sources):
        fd = source.open(root_fd)
        try:
            is_first, is_last = number == 0, number == last
            waiting: list[Frame] = []
            origin: int | None = None
            start, scale = source.segment.start_utc_ns, source.track.timescale
            for place, sample in enumerate(fmp4.samples(fd)):
                if origin is None:
                    origin = sample.pts
                frame = Frame(
                    number,
                    sample,
                    start + (sample.pts - origin) * NS // scale,
                    start + (sample.dts - origin) * NS // scale,
                    place,
                )
                if is_last and frame.dts_utc_ns >= clip.asked_end_utc_ns:
                    break
                if is_first:
                    if sample.is_key and frame.utc_ns <= clip.asked_start_utc_ns:
                        waiting.clear()
                    if sample.is_key or waiting:
                        waiting.append(frame)
                    if frame.dts_utc_ns < clip.asked_start_utc_ns:
                        continue
                    is_first = False
                    yield from waiting
                    waiting = []
                    continue
                yield frame
            yield from waiting
        finally:
            os.close(fd)
