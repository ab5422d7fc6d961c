"""Checks whether a bundle's footage is what the access log anchored: from each frame of an original to the log's signed head.

All input is untrusted: proofs.json, lists and videos. Videos and frames.csv are read once, from start to end, in constant memory.
docs/bundle.md has the rules. Only reads.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import IO, Annotated, NamedTuple, cast

import msgspec

from holdshelf_core.releases.check_reading import DROP_EVERY_BYTES, READ_BYTES
from holdshelf_core.releases.check_source import DAMAGED, BundleSource, cut
from holdshelf_core.releases.proofs import FORM, NAME
from holdshelf_core.releases.types import Anchored, ReleaseExport
from holdshelf_core.times import NS, parse_rfc3339
from holdshelf_storage.access_log import merkle
from holdshelf_storage.access_log.checkpoint import BadHead, Head, PublicKey
from holdshelf_storage.access_log.export import Header
from holdshelf_storage.access_log.lines import BadLine, parse_line, time_ns
from holdshelf_storage.anchors import anchors
from holdshelf_storage.anchors.book import AnchoredLine, segments_of
from holdshelf_storage.decoding import decode_json
from holdshelf_storage.errors import BadEntry
from holdshelf_storage.mp4.boxes import u32, u64
from holdshelf_storage.volume import journal

MAX_PROOFS_BYTES = 16 << 20
"""For proofs.json: about ten thousand footage files."""
HEAD = "access-log/head.txt"
_FRAMES, _VIDEOS, _ORIGINAL = "frames.csv", "videos/", "original"
_FIRST_ROWS = (b"file,frame,utc,key,bytes,by\n", b"file,frame,utc,key,bytes\n")
"""The second: of bundles made before anything was recovered from cameras."""
_MAX_ROW_BYTES = 1024
_MAX_PROOF = 64
"""Number of hashes in a proof of the largest possible tree."""
_ASK_EVERY = 4096
_SLACK_NS = NS
"""How far a frame's time may be outside its segment's: times are rounded, and frames are shown in another order than sent."""
_NO_PAPERS = anchors.Papers("", [], [])
NO_PROOFS = (
    f"It has no {NAME}: an older Holdshelf made it, or somebody removed that file. Only the library's signature vouches "
    "that its footage is what was recorded."
)
TOO_LARGE = (
    f"{NAME} is too large to be read here, so its footage was not compared with the access log; the script in "
    "docs/bundle.md does it."
)
UNFRAMED = (
    "Files of footage recorded by an older Holdshelf, whose journal told nothing of frames: {count}. That these were anchored "
    "is proven; that the frames here are theirs is only the library's word, by its signature."
)
MASKED = (
    "Its videos are masked copies: what they were made from is proven, and that they show it is only the library's word, "
    "by its signature."
)

Count = Annotated[int, msgspec.Meta(ge=0, lt=1 << 62)]
Hashes = list[str]


class NotProven(Exception):
    """`str()` says what does not match, as the end of a sentence."""


class _Leaf(msgspec.Struct):
    entry: Count
    leaf: str
    index: Count
    of: Count
    proof: Hashes


class _Segment(msgspec.Struct):
    camera: str
    seq: Count
    sha256: str
    line: _Leaf
    hash: _Leaf | None = None


class _Part(msgspec.Struct):
    seq: Count
    first: Count
    frames: Count
    of: Count
    left: Hashes | None = None
    right: Hashes | None = None


class _Parts(msgspec.Struct):
    file: str
    parts: list[_Part]


class _Proofs(msgspec.Struct):
    holdshelf_proofs: int
    segments: list[_Segment] = []
    videos: list[_Parts] = []


class _From(msgspec.Struct):
    seq: Count
    name: str
    day: str
    sha256: str


class _Video(msgspec.Struct):
    file: str
    camera: str
    sources: list[_From]


class _Manifest(msgspec.Struct):
    """The parts of manifest.json read here."""

    kind: str
    log_head: str
    log_key: str
    videos: list[_Video]


class Entries:
    """The access log entries in a bundle, each verified against its own head."""

    def __init__(self) -> None:
        self.batches: dict[int, anchors.Batch] = {}
        self.heads: dict[str, str] = {}
        """By head: the first file that has it."""
        self.exported: dict[int, tuple[str, str]] = {}
        """By entry under which a bundle of the release was begun: the policy's text and file that it names."""

    def add(self, name: str, export: bytes) -> None:
        """Add the export of one verified entry."""
        header, _, rest = export.partition(b"\n")
        self.heads.setdefault(decode_json(header, Header).head, name)
        try:
            entry = parse_line(rest.removesuffix(b"\n"))
            if (entry.get("action"), entry.get("outcome")) == (ReleaseExport.spec.name, "done"):
                self.exported[entry["seq"]] = str(entry.get("policy", "")), str(entry.get("policy_file", ""))
            root = anchors.root_of(entry) if entry.get("action") == anchors.ACTION else None
            if root is not None:
                at_utc_ns = time_ns(entry["at"])
                self.batches[entry["seq"]] = anchors.Batch(entry["seq"], at_utc_ns, *root, _NO_PAPERS, is_whole=False)
        except (BadLine, BadEntry):
            return


def check_proofs(source: BundleSource, manifest: bytes, entries: Entries) -> Anchored:
    """Return everything that is proven. Raises NotProven, TooLarge, and what ``go_on`` does.

    ``manifest``: manifest.json. Call it only for a bundle that is as signed and has a readable proofs.json.
    """
    proofs = _decoded(source.small(NAME, MAX_PROOFS_BYTES) or b"", NAME, _Proofs)
    if proofs.holdshelf_proofs != FORM:
        raise NotProven(f"{NAME} was written by a newer Holdshelf; check it with that version")
    told = _decoded(manifest, "manifest.json", _Manifest)
    head = _head(source, told, entries)
    segments: dict[tuple[str, int], _Proven] = {}
    for one in proofs.segments:
        source.go_on()
        if (one.camera, one.seq) in segments:
            raise NotProven(f"{NAME} tells twice of file {one.seq} of {cut(one.camera)}")
        segments[one.camera, one.seq] = _segment(one, entries)
    used = _check_sources(source, told, segments)
    until_utc_ns = max((segments[one].until_utc_ns for one in used), default=0)
    framed = 0
    if told.kind == _ORIGINAL:
        framed = len(used) - _Frames(source, segments).check(told, proofs)
    return Anchored(told.kind == _ORIGINAL, len(used), framed, until_utc_ns, head.short)


def _decoded[T](raw: bytes, name: str, kind: type[T]) -> T:
    try:
        return decode_json(raw, kind)
    except (msgspec.MsgspecError, ValueError):
        raise NotProven(f"{name} cannot be read") from None


def _head(source: BundleSource, told: _Manifest, entries: Entries) -> Head:
    """Return the one signed head that all proofs lead to."""
    note = (source.small(HEAD) or b"").decode("utf-8", "replace")
    try:
        key = PublicKey.parse(told.log_key)
    except BadHead as error:
        raise NotProven(f"the key in manifest.json {error}") from None
    try:
        head = key.check(note)
    except BadHead as error:
        raise NotProven(f"{HEAD} {error}") from None
    if told.log_head != note:
        raise NotProven(f"manifest.json names another head than {HEAD}")
    for other, name in entries.heads.items():
        if other != note:
            raise NotProven(f"{name} leads to another head than {HEAD}")
    return head


class _Proven(NamedTuple):
    """A footage file that the log anchored, with the day it is stored under."""

    segment: journal.Segment
    day: str
    until_utc_ns: int


def _segment(one: _Segment, entries: Entries) -> _Proven:
    shown = f"file {one.seq} of {cut(one.camera)}"
    day, line = _line(one.line, one.camera, entries)
    lines = [line, *((_line(one.hash, one.camera, entries)[1],) if one.hash is not None else ())]
    found = segments_of(lines).get(one.seq)
    if found is None or found.line is not line:
        raise NotProven(f"the journal line that is to prove {shown} tells of something else")
    if found.sha256 is None or found.sha256 != one.sha256:
        raise NotProven(f"the checksum of {shown} is not the one that the access log anchored")
    return _Proven(found.segment, day, max(one.batch.at_utc_ns for one in lines))


def _line(proof: _Leaf, camera: str, entries: Entries) -> tuple[str, AnchoredLine]:
    """Return (day, line) of a line of a camera's journal that an entry anchored."""
    batch = entries.batches.get(proof.entry)
    if batch is None:
        raise NotProven(f"entry {proof.entry} of the access log is not in the bundle, or anchors no footage")
    try:
        leaf = proof.leaf.encode()
        hashes = [bytes.fromhex(node) for node in proof.proof[: _MAX_PROOF + 1]]
        root = bytes.fromhex(batch.root)
    except ValueError:
        raise NotProven(f"{NAME} has hashes in it that are none") from None
    if proof.of != batch.lines or not merkle.verify_inclusion(
        merkle.leaf_hash(leaf), proof.index, proof.of, hashes, root
    ):
        raise NotProven(f"entry {proof.entry} of the access log did not anchor the line {cut(proof.leaf)}")
    path, _, line = leaf.partition(b" ")
    whose = anchors.camera_day(path.decode())
    if whose is None or whose[0] != camera:
        raise NotProven(f"a line of {cut(path.decode())} is said to be of {cut(camera)}")
    return whose[1], AnchoredLine(line, batch, proof.index)


def _check_sources(
    source: BundleSource, told: _Manifest, segments: Mapping[tuple[str, int], _Proven]
) -> set[tuple[str, int]]:
    """Return the source files of the videos. Each must be proven, each video present, and there must be no other video."""
    named = {video.file for video in told.videos}
    others = {name for name in source.names if name.startswith(_VIDEOS)} ^ named
    if others or len(named) != len(told.videos):
        raise NotProven(f"manifest.json and the folder have other videos: {cut(min(others or named))}")
    for video in told.videos:
        for one in video.sources:
            found = segments.get((video.camera, one.seq))
            if found is None:
                raise NotProven(f"{cut(video.file)} was made from file {one.seq}, and nothing proves that one")
            if (one.name, one.day, one.sha256) != (found.segment.name, found.day, found.segment.sha256):
                raise NotProven(f"{cut(video.file)} is said to be made from another file than number {one.seq}")
    return {(video.camera, one.seq) for video in told.videos for one in video.sources}


class _Frames:
    """The frames of an original's videos, in the order of frames.csv."""

    def __init__(self, source: BundleSource, segments: Mapping[tuple[str, int], _Proven]) -> None:
        self._source = source
        self._segments = segments

    def check(self, told: _Manifest, proofs: _Proofs) -> int:
        """Return how many footage files are not covered frame by frame; all other frames are proven. Raises NotProven."""
        parts = {one.file: one.parts for one in proofs.videos}
        unframed: set[tuple[str, int]] = set()
        if _FRAMES not in self._source.names:
            raise NotProven(f"{_FRAMES} is missing")
        try:
            with self._source.open(_FRAMES) as file:
                rows = _Rows(file, self._source)
                for video in told.videos:
                    with self._source.open(video.file) as media:
                        unframed |= self._video(video, parts.get(video.file, []), rows, _Media(media, self._source))
                rows.end()
        except DAMAGED:
            raise NotProven("a video or frames.csv is damaged") from None
        return len(unframed)

    def _video(self, video: _Video, parts: list[_Part], rows: _Rows, media: _Media) -> set[tuple[str, int]]:
        title, number = video.file.removeprefix(_VIDEOS).encode(), 0
        sources, unframed = {one.seq for one in video.sources}, set()
        for part in parts:
            if part.seq not in sources:
                raise NotProven(f"{cut(video.file)} has frames of file {part.seq}, and was not made from that one")
            segment = self._segments[video.camera, part.seq].segment
            root = segment.frames_root
            if part.of != segment.frames or part.first + part.frames > part.of:
                raise NotProven(f"{cut(video.file)} counts the frames of file {part.seq} in another way than the log")
            first_ns, last_ns = segment.start_utc_ns - _SLACK_NS, segment.end_utc_ns + _SLACK_NS
            tree = merkle.Tree()
            if root:
                _append(tree, part.left, merkle.cover(0, part.first))
            for _ in range(part.frames):
                number += 1
                utc_ns, size = rows.next(title, number)
                if not first_ns <= utc_ns <= last_ns:
                    raise NotProven(f"frame {number} of {cut(video.file)} is said to be of another time than its file")
                tree.append(media.leaf(size))
            if not root:
                unframed.add((video.camera, part.seq))
                continue
            _append(tree, part.right, merkle.cover(tree.size, part.of))
            if tree.root().hex() != root:
                raise NotProven(f"{cut(video.file)} has other frames than file {part.seq} of {cut(video.camera)}")
        media.end(video.file)
        return unframed


def _append(tree: merkle.Tree, hashes: Hashes | None, ranges: list[merkle.Range]) -> None:
    try:
        for node, (start, end) in zip(hashes or [], ranges, strict=True):
            tree.append_subtree(bytes.fromhex(node), end - start)
    except ValueError:
        raise NotProven(f"{NAME} has not the hashes that lead to the frames of a file") from None


class _Rows:
    """The rows of frames.csv, one after another."""

    def __init__(self, file: IO[bytes], source: BundleSource) -> None:
        self._file = io.BufferedReader(cast(io.RawIOBase, file), READ_BYTES)
        self._source = source
        self._read = 0
        if self._file.readline(_MAX_ROW_BYTES) not in _FIRST_ROWS:
            raise NotProven(f"{_FRAMES} is not in its form")

    def next(self, title: bytes, number: int) -> tuple[int, int]:
        """Return (time, size) of the next frame, which must have that number. Raises NotProven."""
        self._read += 1
        if self._read % _ASK_EVERY == 0:
            self._source.go_on()
        cells = self._file.readline(_MAX_ROW_BYTES).split(b",")
        try:
            name, place, utc, _key, size, *_by = cells  # who recorded it, since 2026-11
            if name != title or int(place) != number:
                raise NotProven(f"{_FRAMES} has not row {number} of {cut(title.decode())}")
            return parse_rfc3339(utc.decode()), int(size)
        except ValueError:
            raise NotProven(f"{_FRAMES} has not row {number} of {cut(title.decode())}") from None

    def end(self) -> None:
        """Raise NotProven when there are more rows."""
        if self._file.read(1):
            raise NotProven(f"{_FRAMES} has rows of frames that no file of footage is named for")


class _Media:
    """The frames of an MP4 as `mp4.write` makes it: ftyp, moov, and one mdat of consecutive frames to the file's end."""

    def __init__(self, file: IO[bytes], source: BundleSource) -> None:
        self._raw, self._source = file, source
        self._file = io.BufferedReader(cast(io.RawIOBase, file), READ_BYTES)
        self._at = self._dropped = 0
        self._left = 0
        for kind in (b"ftyp", b"moov", b"mdat"):
            head = self._take(8)
            size, header = u32(head, 0, 8) if len(head) == 8 else 0, 8
            if size == 1:
                more = self._take(8)
                size, header = u64(more, 0, 8) if len(more) == 8 else 0, 16
            if head[4:] != kind or size < header:
                raise NotProven("a video has another form than bundles have")
            self._left = size - header
            if kind != b"mdat":
                for _ in self._parts(self._left):
                    pass

    def leaf(self, size: int) -> bytes:
        """Return the hash of the next frame."""
        if not 0 < size <= self._left:
            raise NotProven("a video has less in it than frames.csv says")
        self._left -= size
        return merkle.leaf_hash_of(self._parts(size))

    def end(self, name: str) -> None:
        """Raise NotProven when there is more than was read."""
        if self._left or self._file.read(1):
            raise NotProven(f"{cut(name)} has frames that no file of footage is named for")

    def _take(self, size: int) -> bytes:
        data = self._file.read(size)
        self._at += len(data)
        return data

    def _parts(self, size: int) -> Iterator[bytes]:
        while size:
            data = self._take(min(size, READ_BYTES))
            if not data:
                raise NotProven("a video ends before its last frame")
            size -= len(data)
            if self._at - self._dropped >= DROP_EVERY_BYTES:
                self._source.go_on()
                self._source.drop(self._raw, self._dropped, self._at)
                self._dropped = self._at
            yield data
