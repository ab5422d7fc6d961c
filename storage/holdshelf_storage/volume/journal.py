"""The day journal: the content of each line, and how lines become spans again. No I/O.

A journal is a text file of JSON lines, one object per line, distinguished by `kind`. Lines are only appended. Each is in the
journal of the UTC day in which its subject *started*; the end of a gap is beside its beginning. An unreadable line is skipped
(and named by `verify`): one bad sector must not hide a day.
"""

import builtins
import math
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from holdshelf_storage.atomic import whole_lines

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What decoding a damaged or hostile line can raise."""


FROM_CAMERA_MARK = b'"from_camera":{'
"""In the line of each segment that has `from_camera`."""


class FromCamera(msgspec.Struct, kw_only=True, frozen=True):
    """Where footage that a camera had recorded itself came from. Its segment lies in the time of a gap, whose lines stay."""

    gap: int
    """The number (`gap`) of the gap that it was fetched for, in the same camera's journal."""
    fetched_utc_ns: int
    """When it was fetched, by our clock."""
    start_utc_ns: int
    """When the camera says that its first picture was taken, by the camera's clock."""
    offset_ns: int
    """How far the camera's clock was ahead of ours when it was asked."""


class Segment(msgspec.Struct, tag_field="kind", tag="segment", kw_only=True):
    """A closed segment. Times in nanoseconds, sizes in bytes."""

    seq: int
    name: str
    start_utc_ns: int
    duration_ns: int
    run: str
    """The unbroken stretch of this segment: one wall-minus-boottime offset, no frame missing."""
    boot: str
    """The kernel's boot id when it was recorded."""
    start_boot_ns: int
    """CLOCK_BOOTTIME at its start; comparable within one `boot`."""
    bytes: int
    allocated_bytes: int
    """st_blocks × 512: what erasing it frees."""
    sha256: str | None
    """Of the whole file, lower-case hex; None until a recovered segment has been hashed (see Hash)."""
    codec: str
    """"h264" or "hevc"."""
    width: int
    height: int
    frames: int
    audio_tracks: int = 0
    activity: builtins.bytes = b""
    """One byte per started second, see `activity_byte`. Base64 in the line."""
    recovered: bool = False
    """Truncated to its last whole fragment after a kill, a power cut or a full disk."""
    frames_root: str = ""
    """Root of the tree over its frames (RFC 6962), hex, to prove a part of it. Empty in older lines, and for a recovered one,
    whose Hash has it."""
    from_camera: FromCamera | msgspec.UnsetType = msgspec.UNSET
    """Set for footage that was recovered from the camera's own recording. It has no place in the order of recording."""

    @property
    def end_utc_ns(self) -> int:
        return self.start_utc_ns + self.duration_ns

    @property
    def end_boot_ns(self) -> int:
        return self.start_boot_ns + self.duration_ns


class Gap(msgspec.Struct, tag_field="kind", tag="gap", kw_only=True):
    """The beginning of a stretch without footage, written when it begins."""

    gap: int = 0
    """Number from the volume's sequence; 0 = not given yet."""
    start_utc_ns: int
    start_boot_ns: int
    boot: str
    reason: str
    detail: str = ""


class GapEnd(msgspec.Struct, tag_field="kind", tag="gap_end", kw_only=True):
    """The end of a gap. `boot` and `end_boot_ns`, where known, help recovery to order items."""

    gap: int = 0
    """That of the Gap; 0 = filled in by `Footage.end_gap`."""
    end_utc_ns: int
    elapsed_ns: int
    """Its duration, by boottime within one boot; not end − start when the wall clock was stepped."""
    reason: str = ""
    boot: str = ""
    end_boot_ns: int = 0


class Hash(msgspec.Struct, tag_field="kind", tag="hash", kw_only=True):
    """The checksum of a recovered segment, known later than its line."""

    seq: int
    sha256: str
    frames_root: str = ""


Line = Segment | Gap | GapEnd | Hash


class StoredSegment(Segment, tag_field="kind", tag="segment", kw_only=True):
    """A segment as returned by a query."""

    camera: str = ""
    day: str = ""
    erased: bool = False
    """Its file is gone, and the ledger says that it was erased on schedule."""
    missing: bool = False
    """Its file is gone, and the ledger does not say so."""

    @property
    def is_here(self) -> bool:
        """Whether there is a file to read."""
        return not (self.erased or self.missing)


class GapSpan(msgspec.Struct, kw_only=True):
    """A gap with its end."""

    camera: str
    gap: int
    start_utc_ns: int
    start_boot_ns: int
    boot: str
    reason: str
    detail: str = ""
    end_utc_ns: int | None = None
    """When frames came again; None: not yet."""
    elapsed_ns: int | None = None
    end_reason: str = ""


class SlimSegment(msgspec.Struct, tag_field="kind", tag="segment", kw_only=True, gc=False):
    """The few fields of a segment needed for counting: decoding only these takes a third of the time."""

    seq: int
    name: str
    start_utc_ns: int
    duration_ns: int
    allocated_bytes: int
    sha256: str | None
    boot: str = ""
    start_boot_ns: int = 0
    from_camera: FromCamera | msgspec.UnsetType = msgspec.UNSET


SlimLine = SlimSegment | Gap | GapEnd | Hash


class _Numbered(msgspec.Struct, gc=False):
    seq: int = 0
    gap: int = 0


_encoder = msgspec.json.Encoder()
_lines = msgspec.json.Decoder(Line)
_stored = msgspec.json.Decoder(StoredSegment | Gap | GapEnd | Hash)
_slim = msgspec.json.Decoder(SlimLine)
_numbered = msgspec.json.Decoder(_Numbered)


def encode(lines: Iterable[Line]) -> bytes:
    """The bytes of `lines`, a newline after each."""
    return b"".join(_encoder.encode(line) + b"\n" for line in lines)


def decode(data: bytes) -> tuple[list[Line], int]:
    """(lines, number of whole lines that could not be read)."""
    return _decode(_lines, data)


def decode_stored(data: bytes) -> list[StoredSegment | Gap | GapEnd | Hash]:
    """As `decode`, with segments that a query can flag."""
    return _decode(_stored, data)[0]


def decode_slim(data: bytes) -> list[SlimLine]:
    """As `decode`, with the fields that counting needs."""
    return _decode(_slim, data)[0]


def _decode[T](decoder: msgspec.json.Decoder[T], data: bytes) -> tuple[list[T], int]:
    data = data[: data.rfind(b"\n") + 1]
    try:
        return decoder.decode_lines(data), 0
    except UNREADABLE:
        pass
    found: list[T] = []
    bad = 0
    for line in whole_lines(data):
        try:
            found.append(decoder.decode(line))
        except UNREADABLE:
            bad += 1
    return found, bad


def numbers_in(data: bytes) -> Iterator[int]:
    """The sequence and gap numbers in journal bytes."""
    for line in whole_lines(data):
        try:
            numbered = _numbered.decode(line)
        except UNREADABLE:
            continue
        yield max(numbered.seq, numbered.gap)


def find_segment(data: bytes, seq: int) -> Segment | None:
    """The line of segment `seq` in journal bytes, found without decoding the others."""
    wanted = b'"seq":%d,' % seq
    position = data.find(wanted)
    while position >= 0:
        start = data.rfind(b"\n", 0, position) + 1
        end = data.find(b"\n", position)
        if end < 0:
            return None
        try:
            line = _lines.decode(data[start:end])
        except UNREADABLE:
            line = None
        if isinstance(line, Segment) and line.seq == seq:
            return line
        position = data.find(wanted, end)
    return None


def is_of_its_moment(line: Line) -> bool:
    """Whether a line tells of what happens when it is written: its day is the latest."""
    if isinstance(line, Segment):
        return line.from_camera is msgspec.UNSET
    return isinstance(line, Gap)


def open_gap(lines: Sequence[object]) -> Gap | None:
    """The last gap among `lines` that has no end."""
    ended = {line.gap for line in lines if isinstance(line, GapEnd)}
    for line in reversed(lines):
        if isinstance(line, Gap) and line.gap not in ended:
            return line
    return None


def activity_byte(bytes_per_second: float) -> int:
    """min(255, round(12 × log2(1 + bytes_per_second ⁄ 16))): 0 = nothing, 12 = 16 B/s, 255 = 40 MB/s and more."""
    return min(255, round(12 * math.log2(1 + max(0.0, bytes_per_second) / 16)))


def activity_bytes_per_second(activity: int) -> float:
    """The approximate rate that `activity_byte` was made from (within 3%)."""
    return float(16 * (2 ** (activity / 12) - 1))


def activity(bytes_per_second: Iterable[float]) -> bytes:
    """The activity strip of a segment: one byte per started second."""
    return bytes(map(activity_byte, bytes_per_second))
