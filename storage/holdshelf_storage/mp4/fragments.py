"""Reads fragmented MP4 as libavformat writes it (ISO/IEC 14496-12: empty moov, then moof + mdat pairs).

For recovery (where does the last whole fragment end?), for the check on closing (one video track, nothing else) and for `verify`.
Files may be hostile: a camera determines much of their content. So every size is checked against the enclosing box, every count
against a limit, nothing recurses, and whatever the bytes are, a call ends and raises only BadMp4 (or DiskWriteError when the disk
cannot be read). Only `os.pread` is used: the descriptor's position is never moved, since a writer may share it. Nothing is ever
written here.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, islice, repeat
from typing import NamedTuple

from holdshelf_storage.errors import BadMp4
from holdshelf_storage.mp4.boxes import boxes, byte, file_size, printable, read_exactly, top_box, u32, u64

MAX_MOOV_BYTES = 1024 * 1024
MAX_MOOF_BYTES = 1024 * 1024
MAX_COMMENT_BYTES = 64 * 1024
MAX_BOXES = 200_000
"""Top-level boxes of a file: three hours of one-second fragments have 21,600."""
MAX_SAMPLES_PER_FRAGMENT = 20_000
MAX_BOXES_PER_FRAGMENT = 4_000
MAX_SAMPLES = 4_000_000
MAX_SECONDS = 24 * 3600
"""Longer durations come from damaged or invalid files and are limited to this."""
_SKIPPED = frozenset({b"free", b"skip", b"styp", b"sidx", b"prft", b"emsg", b"uuid", b"mfra", b"wide"})
_CODECS = {b"avc1": "h264", b"avc3": "h264", b"hvc1": "hevc", b"hev1": "hevc"}
_ZEROS_CHECKED = 16
_FRAGMENTS_CHECKED = 16


@dataclass(frozen=True, slots=True)
class Track:
    """One track of the header."""

    track_id: int
    handler: str
    """"vide", "soun", … (14496-12 § 8.4.3)."""
    codec: str
    """"h264", "hevc", or the sample entry's four characters, made printable."""
    width: int
    height: int
    timescale: int
    """Ticks per second, at least 1."""
    nal_length_bytes: int = 0
    """Size of the length before each NAL unit; 0 when the configuration record does not say."""
    default_duration: int = 0
    default_size: int = 0
    default_flags: int = 0
    configuration: bytes = b""
    """What a decoder needs before the first frame: the body of avcC or hvcC (14496-15); empty when there is none."""
    sample_entry: bytes = b""
    """The first sample entry as it lies there: codec, size, parameter sets; empty when there is none."""


@dataclass(frozen=True, slots=True)
class Header:
    """The part before the first fragment."""

    tracks: tuple[Track, ...]
    comment: str | None
    """moov/udta/meta/ilst/©cmt: the facts that the recorder wrote."""
    header_bytes: int
    """Where the moov ends."""

    @property
    def video(self) -> Track | None:
        """The only track, when that is a video track."""
        return self.tracks[0] if len(self.tracks) == 1 and self.tracks[0].handler == "vide" else None


class Sample(NamedTuple):
    """One encoded frame. Times in ticks of the track's timescale; `offset` and `size` in bytes of the file."""

    dts: int
    pts: int
    duration: int
    size: int
    offset: int
    is_key: bool


@dataclass(slots=True)
class Scan:
    """Sums over the whole fragments of a file."""

    header: Header
    file_bytes: int
    whole_bytes: int
    """End of the last whole fragment; equal to `file_bytes` in an undamaged file."""
    fragments: int = 0
    frames: int = 0
    duration: int = 0
    """Ticks, from the first frame's time to the end of the last one shown; at most MAX_SECONDS."""
    timescale: int = 1
    bytes_per_second: list[int] = field(default_factory=list)
    """Encoded bytes in each second."""
    starts_on_key: bool = False

    @property
    def duration_ns(self) -> int:
        """The duration in nanoseconds."""
        return self.duration * 1_000_000_000 // self.timescale


@dataclass(slots=True)
class _Fragment:
    samples: list[Sample]
    end: int


def read_header(fd: int) -> Header:
    """The tracks and the comment of the file at `fd`. Raises BadMp4, DiskWriteError."""
    return _read_header(fd, file_size(fd))


def last_whole_fragment(fd: int) -> int:
    """Where the last whole fragment ends, in bytes; 0 when there is none (or no header). Raises DiskWriteError."""
    size = file_size(fd)
    try:
        header = _read_header(fd, size)
    except BadMp4:
        return 0
    track = _main_track(header)
    if track is None:
        return 0
    end = end_before = 0
    recent: list[tuple[int, _Fragment]] = []
    for fragment in _fragments(fd, size, header, track):
        end_before, end = end, fragment.end
        recent.append((end_before, fragment))
        del recent[:-_FRAGMENTS_CHECKED]
    # After a power cut some file systems keep a file's length but not its last blocks, which read as zeros.
    # No encoded frame begins with so many. Older fragments were synced long ago.
    for before, fragment in recent:
        if any(_is_hole(fd, sample) for sample in fragment.samples):
            return before
    return end


def scan(fd: int) -> Scan:
    """Walks all whole fragments. Raises BadMp4 for a file without a header, DiskWriteError."""
    size = file_size(fd)
    header = _read_header(fd, size)
    result = Scan(header=header, file_bytes=size, whole_bytes=header.header_bytes)
    track = _main_track(header)
    if track is None:
        return result
    result.timescale = track.timescale
    ceiling = MAX_SECONDS * track.timescale
    per_second: dict[int, int] = {}
    first_dts: int | None = None
    last_end = summed = latest_pts = 0
    last, last_before = 0, 0
    for fragment in _fragments(fd, size, header, track):
        result.whole_bytes = fragment.end
        result.fragments += 1
        result.frames += len(fragment.samples)
        for sample in fragment.samples:
            if first_dts is None:
                first_dts, result.starts_on_key = sample.dts, sample.is_key
            last_end, latest_pts = sample.dts + sample.duration, max(latest_pts, sample.pts)
            last, last_before = sample.duration, last or sample.duration
            summed += sample.duration
            second = min(max(sample.dts - first_dts, 0), ceiling - 1) // track.timescale
            per_second[second] = per_second.get(second, 0) + sample.size
    # Decoding times lag behind where frames are out of order: the end is that of the last one shown. Of the last two in the file
    # one may reach over that lag, and the shorter one tells how long a frame is.
    spanned = max(last_end, latest_pts + min(last, last_before)) - (first_dts or 0)
    # Timestamps that run backwards or jump by days are unusable; the frames' own durations still work.
    result.duration = spanned if 0 < spanned <= ceiling else min(summed, ceiling)
    seconds = -(-result.duration // track.timescale)
    result.bytes_per_second = [per_second.get(second, 0) for second in range(seconds)]
    if seconds:
        result.bytes_per_second[-1] += sum(size for second, size in per_second.items() if second >= seconds)
    return result


def samples(fd: int) -> Iterator[Sample]:
    """The frames of the video track, fragment by fragment, in decoding order. Raises BadMp4, DiskWriteError."""
    size = file_size(fd)
    header = _read_header(fd, size)
    track = _main_track(header)
    if track is None:
        return
    for fragment in _fragments(fd, size, header, track):
        yield from fragment.samples


def broken_frame(fd: int) -> int | None:
    """Offset of the first frame that is not a whole number of NAL units; None when all are, or it is unknown.

    Reads a few bytes per NAL unit. Raises BadMp4, DiskWriteError.
    """
    track = _main_track(read_header(fd))
    if track is None or not track.nal_length_bytes:
        return None
    for sample in samples(fd):
        position, end = sample.offset, sample.offset + sample.size
        while position < end:
            if position + track.nal_length_bytes >= end:
                return sample.offset
            length = int.from_bytes(read_exactly(fd, track.nal_length_bytes, position))
            position += track.nal_length_bytes + length
            if length == 0 or position > end:
                return sample.offset
    return None


def _main_track(header: Header) -> Track | None:
    return next((track for track in header.tracks if track.handler == "vide"), None)


def _is_hole(fd: int, sample: Sample) -> bool:
    return not any(read_exactly(fd, min(sample.size, _ZEROS_CHECKED), sample.offset))


def _fragments(fd: int, size: int, header: Header, track: Track) -> Iterator[_Fragment]:
    """Whole fragments, until the end of the file or the first thing that is not one."""
    position = header.header_bytes
    next_dts = total = 0
    moof: tuple[int, bytes] | None = None
    for _ in range(MAX_BOXES):
        box = top_box(fd, position, size)
        if box is None:
            return
        kind, body, end = box
        if kind == b"moof":
            if end - body > MAX_MOOF_BYTES:
                return
            moof = (position, read_exactly(fd, end - body, body))
        elif kind == b"mdat":
            if moof is None:
                return
            run = _Run(moof[1], moof[0], body, end, track, next_dts)
            try:
                run.read()
            except BadMp4:
                return
            total += len(run.samples)
            if not run.samples or total > MAX_SAMPLES:
                return
            yield _Fragment(run.samples, end)
            next_dts = run.dts
            moof = None
        elif kind not in _SKIPPED:
            return
        position = end


class _Run:
    """The frames that one moof describes (14496-12 § 8.8). Every frame must lie inside the mdat behind it."""

    def __init__(self, moof: bytes, moof_at: int, mdat_start: int, mdat_end: int, track: Track, dts: int) -> None:
        self.samples: list[Sample] = []
        self.dts = dts
        self._moof = moof
        self._moof_at = moof_at
        self._mdat = (mdat_start, mdat_end)
        self._track = track
        self._base = moof_at
        self._position: int | None = None
        self._boxes_left = MAX_BOXES_PER_FRAGMENT

    def read(self) -> None:
        """Fills `samples`. Raises BadMp4."""
        for kind, start, end in self._boxes(0, len(self._moof)):
            if kind == b"traf":
                self._traf(start, end)

    def _boxes(self, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
        for box in boxes(self._moof, start, end):
            self._boxes_left -= 1
            if self._boxes_left < 0:
                raise BadMp4("The file has more boxes than a fragment can hold.")
            yield box

    def _traf(self, start: int, end: int) -> None:
        track: Track | None = None
        self._position = None
        for kind, at, stop in self._boxes(start, end):
            if kind == b"tfhd":
                track = self._tfhd(at, stop)
                if track is None:  # another track's: not checked here
                    return
            elif kind == b"tfdt":
                wide = byte(self._moof, at, stop) == 1
                self.dts = (u64 if wide else u32)(self._moof, at + 4, stop)
            elif kind == b"trun":
                if track is None:
                    raise BadMp4("The file has frames that belong to no track.")
                self._trun(at, stop, track)

    def _tfhd(self, at: int, end: int) -> Track | None:
        """The track with this fragment's defaults; None for another track."""
        flags = u32(self._moof, at, end) & 0xFFFFFF
        if u32(self._moof, at + 4, end) != self._track.track_id:
            return None
        at += 8
        self._base = self._moof_at
        if flags & 0x1:
            self._base = u64(self._moof, at, end)
            at += 8
        if flags & 0x2:
            at += 4
        values = [self._track.default_duration, self._track.default_size, self._track.default_flags]
        for index, bit in enumerate((0x8, 0x10, 0x20)):
            if flags & bit:
                values[index] = u32(self._moof, at, end)
                at += 4
        return replace(self._track, default_duration=values[0], default_size=values[1], default_flags=values[2])

    def _trun(self, at: int, end: int, track: Track) -> None:
        head, count = u32(self._moof, at, end), u32(self._moof, at + 4, end)
        at += 8
        position = self._base if self._position is None else self._position
        if head & 0x1:
            position = self._base + _signed(u32(self._moof, at, end))
            at += 4
        first_flags: int | None = None
        if head & 0x4:
            first_flags = u32(self._moof, at, end)
            at += 4
        present = [bool(head & bit) for bit in (0x100, 0x200, 0x400, 0x800)]
        row = struct.Struct(">" + "I" * sum(present))
        if count > MAX_SAMPLES_PER_FRAGMENT - len(self.samples) or at + count * row.size > end:
            raise BadMp4("The file claims more frames than a fragment can hold.")
        # By columns: a look reads a whole file's tables for one picture, and this is most of the cost.
        given = iter(zip(*row.iter_unpack(self._moof[at : at + count * row.size]), strict=True) if row.size else ())
        defaults = (track.default_duration, track.default_size, track.default_flags, 0)
        columns: list[Iterable[int]] = [
            next(given, ()) if here else repeat(default, count) for here, default in zip(present, defaults, strict=True)
        ]
        if first_flags is not None and count:
            columns[2] = chain((first_flags,), islice(columns[2], 1, None))
        first, last = self._mdat
        dts, found = self.dts, self.samples
        is_signed = bool(head >> 24)
        for duration, size, flags, shift in zip(*columns, strict=True):
            if size == 0 or position < first or position + size > last:
                raise BadMp4("The file has a frame outside its fragment.")
            pts = dts + (_signed(shift) if is_signed else shift)
            found.append(Sample(dts, pts, duration, size, position, not flags & 0x10000))
            position += size
            dts += duration
        self.dts = dts
        self._position = position


def _read_header(fd: int, size: int) -> Header:
    position = 0
    for _ in range(64):
        box = top_box(fd, position, size)
        if box is None:
            break
        kind, body, end = box
        if kind == b"moov":
            if end - body > MAX_MOOV_BYTES:
                raise BadMp4("The file's header is larger than any that the recorder writes.")
            return _moov(read_exactly(fd, end - body, body), end)
        if kind not in _SKIPPED and kind != b"ftyp":
            break
        position = end
    raise BadMp4("The file has no whole MP4 header: it is not a segment, or was cut before its first frame.")


def _moov(moov: bytes, header_bytes: int) -> Header:
    tracks: list[Track] = []
    defaults: dict[int, tuple[int, int, int]] = {}
    comment: str | None = None
    for kind, start, end in boxes(moov, 0, len(moov)):
        if kind == b"trak":
            if len(tracks) >= 64:
                raise BadMp4("The file has more tracks than a segment can have.")
            tracks.append(_trak(moov, start, end))
        elif kind == b"mvex":
            for inner, at, stop in boxes(moov, start, end):
                if inner == b"trex":
                    values = [u32(moov, at + offset, stop) for offset in (4, 12, 16, 20)]
                    defaults[values[0]] = (values[1], values[2], values[3])
        elif kind == b"udta":
            comment = _comment(moov, start, end) or comment
    for index, track in enumerate(tracks):
        duration, sample_size, flags = defaults.get(track.track_id, (0, 0, 0))
        tracks[index] = replace(track, default_duration=duration, default_size=sample_size, default_flags=flags)
    return Header(tuple(tracks), comment, header_bytes)


def _trak(moov: bytes, start: int, end: int) -> Track:
    tkhd = _child(moov, start, end, b"tkhd")
    mdia = _child(moov, start, end, b"mdia")
    mdhd = _child(moov, *mdia, b"mdhd")
    hdlr = _child(moov, *mdia, b"hdlr")
    track_id = u32(moov, tkhd[0] + (20 if byte(moov, *tkhd) == 1 else 12), tkhd[1])
    timescale = u32(moov, mdhd[0] + (20 if byte(moov, *mdhd) == 1 else 12), mdhd[1])
    handler = printable(u32(moov, hdlr[0] + 8, hdlr[1]).to_bytes(4))
    codec, width, height, configuration, entry = "", 0, 0, b"", b""
    found = _sample_entry(moov, *mdia)
    if found is not None:
        kind, at, stop = found
        entry = moov[at - 8 : stop]
        codec = _CODECS.get(kind, printable(kind))
        if handler == "vide" and stop - at >= 78:  # VisualSampleEntry, § 12.1.3
            width, height = struct.unpack_from(">HH", moov, at + 24)
            configuration = _configuration(moov, at + 78, stop)
    nal_length = _nal_length(configuration, codec)
    return Track(
        track_id,
        handler,
        codec,
        width,
        height,
        max(1, timescale),
        nal_length,
        configuration=configuration,
        sample_entry=entry,
    )


def _sample_entry(moov: bytes, start: int, end: int) -> tuple[bytes, int, int] | None:
    try:
        minf = _child(moov, start, end, b"minf")
        stbl = _child(moov, *minf, b"stbl")
        stsd = _child(moov, *stbl, b"stsd")
        return next(boxes(moov, stsd[0] + 8, stsd[1]), None)
    except BadMp4:
        return None


def _configuration(moov: bytes, start: int, end: int) -> bytes:
    """The body of avcC (14496-15 § 5.3.3) or hvcC (§ 8.3.3); empty when there is neither in version 1."""
    try:
        for kind, at, stop in boxes(moov, start, end):
            if kind == b"avcC" and stop - at >= 7 and moov[at] == 1:
                return moov[at:stop]
            if kind == b"hvcC" and stop - at >= 23 and moov[at] == 1:
                return moov[at:stop]
    except BadMp4:
        pass
    return b""


def _nal_length(configuration: bytes, codec: str) -> int:
    """lengthSizeMinusOne + 1 of a configuration; 0 when there is none."""
    at = 21 if codec == "hevc" else 4
    return (configuration[at] & 3) + 1 if len(configuration) > at else 0


def _comment(moov: bytes, start: int, end: int) -> str | None:
    try:
        meta = _child(moov, start, end, b"meta")
        ilst = _child(moov, meta[0] + 4, meta[1], b"ilst")  # meta is a full box: version and flags come first
        comment = _child(moov, *ilst, b"\xa9cmt")
        data = _child(moov, *comment, b"data")
    except BadMp4:
        return None
    return moov[data[0] + 8 : min(data[1], data[0] + 8 + MAX_COMMENT_BYTES)].decode("utf-8", "replace")


def _child(data: bytes, start: int, end: int, wanted: bytes) -> tuple[int, int]:
    for kind, at, stop in boxes(data, start, end):
        if kind == wanted:
            return at, stop
    raise BadMp4(f"The file's header lacks its {printable(wanted)} box.")


def _signed(value: int) -> int:
    return value - ((value & 0x80000000) << 1)
