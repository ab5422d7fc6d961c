"""Which files of footage make up a release: one clip for each stretch without a break, per camera and span asked for.

A stretch goes on while one file follows the other in the same run of the recorder, with the same codec, size and parameter sets;
anything else begins a new clip. Files are pinned by a second name in the working folder, so that what is erased on
schedule meanwhile stays readable until the bundle is made; what went before that is said. Blocks. Decodes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from holdshelf_core.policy.model import Span
from holdshelf_storage import fmp4
from holdshelf_storage.errors import BadMp4, FootageError, StorageError, translating
from holdshelf_storage.fmp4 import Sample, Track
from holdshelf_storage.footage import Footage
from holdshelf_storage.journal import StoredSegment
from holdshelf_storage.mp4_write import sample_entry

NS = 1_000_000_000
SEAM_NS = NS
"""Two files of one run may lie this far apart by the clock and are one stretch: the seam between them."""
ROLLED_OFF = "erased on schedule while this bundle was made"
UNREADABLE = "on record, but its file cannot be read"


@dataclass(frozen=True, slots=True)
class Source:
    """A file of footage, pinned at ``path`` below the media root."""

    segment: StoredSegment
    path: str
    track: Track
    entry: bytes
    """Its sample entry, as it lies in the file."""

    def open(self, root_fd: int) -> int:
        """A read descriptor; the caller's."""
        with translating("A file of footage could not be opened"):
            return os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=root_fd)


@dataclass(slots=True)
class Clip:
    """A stretch of one camera without a break. ``asked``: the part of it that was asked for, [start, end) UTC ns."""

    camera: str
    asked_start_utc_ns: int
    asked_end_utc_ns: int
    sources: list[Source] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        """Of its files, which is more than of their frames."""
        return sum(source.segment.bytes for source in self.sources)


@dataclass(frozen=True, slots=True)
class Missing:
    """What is not in the bundle though it was asked for. ``kind``: gap | erased | unreadable."""

    camera: str
    kind: str
    start_utc_ns: int
    end_utc_ns: int
    reason: str


@dataclass(slots=True)
class Plan:
    """What a bundle is made of."""

    clips: list[Clip] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        """Of all files that it is made from."""
        return sum(clip.bytes for clip in self.clips)


def plan(footage: Footage, spans: Sequence[Span], told: Sequence[Missing], pins: str) -> Plan:
    """Finds and pins the files. ``told``: gaps as the hold's coverage tells them; ``pins``: folder below the media root.

    Raises StorageError.
    """
    made = Plan(missing=list(told))
    pinned: dict[int, Source | str] = {}
    for span in spans:
        clip: Clip | None = None
        for segment in _segments(footage, span):
            if segment.seq not in pinned:
                pinned[segment.seq] = _pin(footage, span.camera, segment, pins)
            source = pinned[segment.seq]
            if isinstance(source, str):
                clip = None
                start, end = max(span.start_utc_ns, segment.start_utc_ns), min(span.end_utc_ns, segment.end_utc_ns)
                kind = "erased" if source == ROLLED_OFF else "unreadable"
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
    """In the order in which they were recorded: where the clock was set back, one time was lived twice."""
    found = footage.query(span.camera, span.start_utc_ns, span.end_utc_ns)
    segments = [one for one in found if isinstance(one, StoredSegment) and not one.erased]
    yield from sorted(segments, key=lambda one: one.seq)


def _pin(footage: Footage, camera: str, segment: StoredSegment, pins: str) -> Source | str:
    """The file under a second name of its own; words when it cannot be had."""
    try:
        fd = footage.open_closed(camera, segment)
    except FootageError:
        return ROLLED_OFF
    except StorageError:
        return UNREADABLE
    try:
        track = fmp4.read_header(fd).video
        entry = sample_entry(fd)
        path = f"{pins}/{segment.seq}.mp4"
        with translating("A file of footage could not be kept for the bundle"):
            try:
                # By its descriptor: it may lie in its day or on the shelf, and is the same file in both.
                os.link(f"/proc/self/fd/{fd}", path, dst_dir_fd=footage.folders.volume.root_fd, follow_symlinks=True)
            except FileNotFoundError:
                return ROLLED_OFF
    except BadMp4:
        return UNREADABLE
    finally:
        os.close(fd)
    return UNREADABLE if track is None else Source(segment, path, track, entry)


def _follows(before: Source, after: Source) -> bool:
    one, two = before.segment, after.segment
    return (
        (one.boot, one.run) == (two.boot, two.run)
        and before.entry == after.entry
        and before.track.timescale == after.track.timescale
        and abs(two.start_utc_ns - one.end_utc_ns) <= SEAM_NS
    )


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame of a clip. ``utc_ns``: when it came on display; ``source``: which file, by its place in the clip."""

    source: int
    sample: Sample
    utc_ns: int
    dts_utc_ns: int


def frames(clip: Clip, root_fd: int) -> Iterator[Frame]:
    """The frames from the key frame at or before what was asked for, to its end, in decoding order.

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
            for sample in fmp4.samples(fd):
                if origin is None:
                    origin = sample.pts
                frame = Frame(
                    number,
                    sample,
                    start + (sample.pts - origin) * NS // scale,
                    start + (sample.dts - origin) * NS // scale,
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
