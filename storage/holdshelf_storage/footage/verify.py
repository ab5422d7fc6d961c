"""Verifies that everything in the journals exists unchanged, and nothing else. Only reads.

Without `deep`: journals, names, sizes, checksum lists, and the structure of each file (headers and frame tables, a few kilobytes
per file). With `deep` also every byte: SHA-256, and that each frame is a whole number of NAL units. With an `AnchorBook`, both
compare journals, checksums and the ledger with what the access log anchored. With `signatures`, pictures that their camera signed
are held against its signatures. A problem is one sentence that names the file.
Anything unreadable is a problem too; it never ends the verification.
"""

import array
import os
import stat
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise

import msgspec

from holdshelf_storage import layout
from holdshelf_storage.anchors import anchors
from holdshelf_storage.anchors.book import AnchorBook, FoundSegment, segments_of
from holdshelf_storage.atomic import read_all, whole_lines
from holdshelf_storage.errors import StorageError
from holdshelf_storage.footage import signing
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.footage.hashing import sha256_of
from holdshelf_storage.footage.missing import MissingSegment, lost_lines, missing_row, shelved, told
from holdshelf_storage.ledger.erased import ErasedIndex
from holdshelf_storage.media_signing.result import Signed
from holdshelf_storage.mp4 import fragments as fmp4
from holdshelf_storage.volume import journal
from holdshelf_storage.volume.days import Days, wanted_sums
from holdshelf_storage.volume.query import open_file
from holdshelf_storage.volume.recovered import is_recovered

MAX_PROBLEMS = 10_000
_DRIFT_NS = layout.NS
"""A camera's clock may drift this far from ours within a run before the run is ended."""


class Report(msgspec.Struct, kw_only=True):
    """What was checked and the problems found."""

    segments: int = 0
    """Segments checked: in the journal and not erased."""
    bytes: int = 0
    problems: list[str] = msgspec.field(default_factory=list)
    proven: int = 0
    """Segments whose line is the one that the access log anchored."""
    unanchored: int = 0
    """Segments recorded since the last anchor."""
    missing: list[MissingSegment] = msgspec.field(default_factory=list)
    """Gone without having been erased by the ledger; each is among the problems too."""
    untold: int = 0
    """Gone, for an unknown reason as the ledger is not available."""
    signed: list[Signed] = msgspec.field(default_factory=list)
    """What cameras signed, by camera; empty when it was not looked at."""


def verify(
    footage: Footage,
    camera: str | None = None,
    start_utc_ns: int | None = None,
    end_utc_ns: int | None = None,
    deep: bool = False,
    *,
    signatures: bool = False,
    book: AnchorBook | None = None,
    knows_ledger: bool = True,
    progress: Callable[[str, str, int], None] | None = None,
    stop: threading.Event | None = None,
) -> Report:
    """Verifies one camera or all, over the days that touch [start, end) or all. May run while cameras record.

    `book`: what the access log anchored; without one, nothing is compared with it. `knows_ledger` False: the ledger is not
    available, so the reason for missing files is unknown. `progress(camera, day, segments so far)` is called before each
    camera-day; `stop` ends early. Raises BadCameraId.
    """
    report = Report()
    known = footage.cameras()
    cameras = known if camera is None else [layout.check_camera(camera)]
    first = layout.day_of(start_utc_ns) if start_utc_ns is not None else ""
    last = layout.day_of(max(end_utc_ns - 1, -layout.MAX_TIME_NS)) if end_utc_ns is not None else "9999-99-99"
    seen = array.array("Q")
    erased = ErasedIndex(footage.ledger.folder, footage.missing.judge.keeps) if knows_ledger else None
    context = _Context(footage, deep, seen, stop, book, erased)
    if knows_ledger and footage.missing.judge.facts() is not None:
        footage.missing.look(None, stop or threading.Event())  # what still stands tells what went too early
    report.problems += _strangers_of(footage.folders, None)
    for one in cameras:
        if one not in known:
            report.problems.append(f"footage/{one} is not there: no footage of this camera is on the volume.")
            continue
        report.problems += _strangers_of(footage.folders, one)
        context.runs = {}
        context.signing = signing.SigningCheck(one) if signatures else None
        for day in footage.days(one):
            if not first <= day <= last:
                continue
            if stop is not None and stop.is_set():
                return report
            if progress is not None:
                progress(one, day, report.segments)
            check = _DayCheck(context, one, day)
            try:
                check.run(report)
            except StorageError as error:
                report.problems.append(f"{layout.day_path(one, day)}: {error}")
            if len(report.problems) > MAX_PROBLEMS:
                report.problems.append("More problems were found than can be listed; repair these first.")
                return report
        _end_signing(context, report)
    report.problems += _given_twice(seen)
    if book is not None:
        if knows_ledger:
            report.problems += anchors.check_ledger(footage.ledger.folder, book.ledger_states())
            _lost_days(context, book, camera, (first, last), report)
        report.problems += sorted(context.cannot_be_proven)
    return report


def _end_signing(context: "_Context", report: Report) -> None:
    """What a camera signed is told when all its days were read."""
    if context.signing is None:
        return
    signed = context.signing.end()
    report.signed.append(signed)
    report.problems += (
        signing.problem(signed.camera, finding) for finding in signed.findings if finding.kind in signing.PROBLEMS
    )


def _lost_days(
    context: "_Context", book: AnchorBook, camera: str | None, span: tuple[str, str], report: Report
) -> None:
    """Days that the log anchored and that are gone without a ledger line."""
    footage, erased = context.footage, context.erased
    existing: dict[str, set[str]] = {}
    for one, day in book.camera_days():
        if erased is None or camera not in {None, one} or not span[0] <= day <= span[1]:
            continue
        if one not in existing:
            existing[one] = set(footage.days(one))
        if day in existing[one]:
            continue
        by_ledger = erased.day(one, day)
        judge, shelf = footage.missing.judge, footage.shelved
        if by_ledger.is_whole and not judge.doubts(one, day, by_ledger):
            continue
        try:
            against = judge.lost(book, one, day, by_ledger, erased)
            lost = [] if by_ledger.is_whole else lost_lines(footage.folders, book, by_ledger, shelf, one, day)
        except StorageError as error:
            report.problems.append(str(error))
            continue
        if not by_ledger.is_whole:
            anchored, cannot = book.lines(anchors.journal_path(one, day))
            context.cannot_be_proven.update(cannot)
            if cannot or anchored:
                report.problems.append(f"{layout.day_path(one, day)} is gone, and the ledger does not say so.")
        rows = [missing_row(segment) for segment in lost]
        rows += [missing_row(segment.segment, one, day, rule) for segment, rule in against]
        report.missing += rows
        report.problems += map(told, rows)
        if len(report.problems) > MAX_PROBLEMS:
            return


def _about(line: bytes) -> str:
    """'(segment 17, 0000000017_….mp4)'."""
    found = journal.decode(line + b"\n")[0]
    match found[0] if found else None:
        case journal.Segment() as segment:
            return f"(segment {segment.seq}, {segment.name:.60})"
        case journal.Gap() as gap:
            return f"(gap {gap.gap})"
        case journal.GapEnd() as end:
            return f"(the end of gap {end.gap})"
        case journal.Hash() as later:
            return f"(the checksum of segment {later.seq})"
    return "(it cannot be read)"


def _given_twice(seen: "array.array[int]") -> Iterator[str]:
    ordered = sorted(seen)
    for one, other in pairwise(ordered):
        if one == other:
            yield f"Sequence {one} was given to more than one segment; look for it in the journals."


def _strangers_of(days: Days, camera: str | None) -> Iterator[str]:
    """Unexpected names in `footage`, or in a camera's folder and its `open`."""
    if camera is None:
        folder, ours = layout.FOOTAGE, layout.is_camera
        folders = [(folder, ours)]
    else:
        folder = layout.camera_path(camera)
        known = {layout.OPEN, layout.LATEST, f".{layout.LATEST}.tmp"}
        folders = [
            (folder, lambda name: name in known or layout.is_day(name)),
            (f"{folder}/{layout.OPEN}", lambda name: layout.parse_open_name(name) is not None),
        ]
    for path, ours in folders:
        for name in sorted(days.list_folder(path)):
            if not ours(name):
                yield f"{path}/{name!r:.80} is a stranger's file."


class _Context:
    """Shared by all camera-days of one verification."""

    def __init__(
        self,
        footage: Footage,
        deep: bool,
        seen: "array.array[int]",
        stop: threading.Event | None,
        book: AnchorBook | None,
        erased: ErasedIndex | None,
    ) -> None:
        self.footage = footage
        self.deep = deep
        self.seen = seen
        self.stop = stop
        self.book = book
        self.erased = erased
        self.runs: dict[str, tuple[int, str]] = {}
        self.cannot_be_proven: set[str] = set()
        self.signing: signing.SigningCheck | None = None


class _DayCheck:
    """The checks of one camera-day."""

    def __init__(self, context: _Context, camera: str, day: str) -> None:
        self._context = context
        self._footage = context.footage
        self._days: Days = context.footage.folders
        self._camera = camera
        self._day = day
        self._deep = context.deep
        self._seen = context.seen
        self._runs = context.runs
        self._stop = context.stop
        self._folder = layout.day_path(camera, day)

    def run(self, report: Report) -> None:
        """Adds to `report`. Raises StorageError when the day as a whole cannot be read."""
        with self._days.lock(self._camera):  # so that no segment is half-way between journal and folder
            data = self._days.read_journal(self._camera, self._day)
            names = set(self._days.names(self._camera, self._day))
            sums = self._sums()
            torn = not self._ends_whole()
            moving = set(self._days.open_sequences(self._camera))
        lines, bad = journal.decode(data)
        say = report.problems.append
        if bad:
            say(f"{self._folder}/{layout.JOURNAL} has {bad} lines that cannot be read.")
        if torn:
            say(f"{self._folder}/{layout.JOURNAL} ends within a line; recovery cuts it at the next start.")
        if sorted(sums) != sorted(wanted_sums(data)):
            say(f"{self._folder}/{layout.SUMS} does not say what the journal says.")
        segments = [line for line in lines if isinstance(line, journal.Segment)]
        hashes = {line.seq: line.sha256 for line in reversed(lines) if isinstance(line, journal.Hash)}
        sums_of = {segment.seq: segment.sha256 or hashes.get(segment.seq) for segment in reversed(segments)}
        told_names = {segment.name for segment in segments}
        anchored = self._hold_against_the_log(whole_lines(data), report)
        report.problems += self._strangers(names, told_names)
        absent = [segment for segment in segments if segment.name not in names]
        for segment in segments:
            if self._stop is not None and self._stop.is_set():
                return
            report.problems += self._told_wrongly(segment)
            if segment.name in names:
                known = anchored.get(segment.seq)
                sha256 = sums_of[segment.seq] if known is None else known.sha256 or sums_of[segment.seq]
                problems = list(self._file(segment if known is None else known.segment, sha256))
                report.segments += 1
                report.bytes += segment.bytes
                report.problems += problems
        absent += [one.segment for one in anchored.values() if one.segment.name not in names | told_names]
        self._gone(absent, moving, report)
        report.problems += self._overlaps(segments)
        report.problems += self._gaps(lines)

    def _hold_against_the_log(self, lines: list[bytes], report: Report) -> dict[int, FoundSegment]:
        """Compares this day with what the access log anchored; differences are added to `report`."""
        book = self._context.book
        if book is None:
            return {}
        compared, cannot = book.compare(self._camera, self._day, lines)
        self._context.cannot_be_proven.update(cannot)
        anchored = segments_of(compared.anchored)
        shown = f"{self._folder}/{layout.JOURNAL}"
        say = report.problems.append
        for one in compared.gone:
            say(
                f"{shown} has lost a line, or it was changed, that entry {one.batch.seq} of the access log anchored "
                f"{_about(one.line)}."
            )
        for line in compared.foreign:
            say(f"{shown} has a line that was not there when the access log anchored it {_about(line)}.")
        if compared.reordered:
            say(f"{shown} has its lines in another order than the access log anchored.")
        gone = {one.line for one in compared.gone}
        report.proven += sum(one.line.line not in gone for one in anchored.values())
        since = journal.decode(b"".join(one + b"\n" for one in compared.fresh))[0]
        fresh = {line.seq for line in since if isinstance(line, journal.Segment)}
        report.unanchored += len(fresh - anchored.keys())
        for seq in sorted(fresh & anchored.keys()):
            say(f"{shown} tells of segment {seq} a second time, otherwise than the access log anchored it.")
        return anchored

    def _gone(self, absent: list[journal.Segment], moving: set[int], report: Report) -> None:
        """Handles segments without a file: erased by the ledger, or missing."""
        absent = [segment for segment in absent if segment.seq not in moving]
        erased = self._context.erased
        if not absent:
            return
        if erased is None:
            report.untold += len(absent)
            return
        judge, book = self._footage.missing.judge, self._context.book
        by_ledger = judge.day(self._camera, self._day, erased)
        against = dict(by_ledger.against)
        if book is not None:  # lines that the journal has lost may be among them
            lost = judge.lost(book, self._camera, self._day, by_ledger, erased)
            against |= {one.segment.seq: rule for one, rule in lost if one.segment.seq not in against}
        kept = shelved(self._footage.shelved, self._camera, self._day)
        for segment in absent:
            if segment.name in kept or (segment.seq in by_ledger and segment.seq not in against):
                continue
            row = missing_row(segment, self._camera, self._day, against.get(segment.seq, ""))
            report.missing.append(row)
            report.problems.append(told(row))

    def _sums(self) -> list[bytes]:
        try:
            fd = os.open(f"{self._folder}/{layout.SUMS}", os.O_RDONLY | os.O_NOFOLLOW, dir_fd=self._root)
        except OSError:
            return []
        try:
            return read_all(fd).splitlines(keepends=True)
        finally:
            os.close(fd)

    def _ends_whole(self) -> bool:
        try:
            fd = os.open(f"{self._folder}/{layout.JOURNAL}", os.O_RDONLY | os.O_NOFOLLOW, dir_fd=self._root)
        except OSError:
            return True
        try:
            size = os.fstat(fd).st_size
            return size == 0 or os.pread(fd, 1, size - 1) == b"\n"
        finally:
            os.close(fd)

    @property
    def _root(self) -> int:
        return self._days.volume.root_fd

    def _strangers(self, names: set[str], told: set[str]) -> Iterator[str]:
        ours = {layout.JOURNAL, layout.SUMS, f".{layout.SUMS}.tmp"}
        for name in sorted(names - told - ours):
            if layout.parse_segment_name(name) is not None:
                yield f"{self._folder}/{name} has no line in the journal."
            else:
                yield f"{self._folder}/{name!r:.80} is a stranger's file."
        if names and layout.JOURNAL not in names:
            yield f"{self._folder} has no journal."

    def _told_wrongly(self, segment: journal.Segment) -> Iterator[str]:
        """Problems visible in a journal line alone."""
        shown = f"{self._folder}/{segment.name:.80}"
        if segment.name != layout.segment_name(segment.seq, segment.start_utc_ns):
            yield f"{shown} is not the name that its journal line asks for."
        if layout.day_of(segment.start_utc_ns) != self._day:
            yield f"{shown} lies in the journal of another day than it began on."
        if segment.audio_tracks:
            yield f"{shown} is journalled with {segment.audio_tracks} audio tracks."
        if not 0 < segment.seq <= layout.MAX_SEQUENCE:
            yield f"{shown} has a sequence that no volume gives."
        else:
            self._seen.append(segment.seq)

    def _overlaps(self, segments: list[journal.Segment]) -> Iterator[str]:
        """Segments of one run must follow one another: the same boottime twice means recorded twice."""
        for segment in sorted(segments, key=lambda one: _span(one)[0]):
            run = f"{segment.boot}/{segment.run}"
            begin, until = _span(segment)
            end, earlier = self._runs.get(run, (begin, ""))
            if begin < end - _DRIFT_NS:
                over_s = (end - begin) / 1e9
                yield f"{self._folder}/{segment.name:.80} overlaps {earlier:.80} of the same run by {over_s:.3f} s."
            if until >= end:
                self._runs[run] = (until, segment.name)

    def _file(self, segment: journal.Segment, sha256: str | None) -> Iterator[str]:
        shown = f"{self._folder}/{segment.name:.80}"
        try:
            fd = open_file(self._days, self._camera, segment)
        except StorageError as error:
            # The sweeper may have erased it between listing and opening.
            if segment.name in self._days.names(self._camera, self._day):
                yield f"{shown}: {error}"
            return
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                yield f"{shown} is not a file."
                return
            if stat.S_IMODE(status.st_mode) != 0o400:
                yield f"{shown} has mode {stat.S_IMODE(status.st_mode):04o}, not 0400: it may have been written to."
            if status.st_size != segment.bytes:
                yield f"{shown} has {status.st_size} bytes, not {segment.bytes}."
            yield from self._structure(fd, segment, shown)
            if self._deep:
                yield from self._content(fd, sha256, shown)
            if self._context.signing is not None:
                self._context.signing.segment(fd, segment)
        except StorageError as error:
            yield f"{shown}: {error}"
        finally:
            os.close(fd)

    def _structure(self, fd: int, segment: journal.Segment, shown: str) -> Iterator[str]:
        scan = fmp4.scan(fd)
        sound = [track for track in scan.header.tracks if track.handler == "soun"]
        if sound:
            yield f"{shown} has {len(sound)} audio tracks."
        elif scan.header.video is None:
            yield f"{shown} has other tracks than one of video."
        if scan.whole_bytes != scan.file_bytes:
            yield f"{shown} is damaged from byte {scan.whole_bytes} on."
        if scan.frames != segment.frames:
            yield f"{shown} has {scan.frames} frames, not {segment.frames}."
        if not scan.starts_on_key and scan.frames:
            yield f"{shown} does not begin with a key frame."

    def _content(self, fd: int, sha256: str | None, shown: str) -> Iterator[str]:
        broken = fmp4.broken_frame(fd)
        if broken is not None:
            yield f"{shown} has a frame at byte {broken} that is not whole."
        if sha256 is None:
            return  # recovered, and still to be hashed
        found = sha256_of(fd, self._stop)
        if found is not None and found != sha256:
            yield f"{shown} was changed: its SHA-256 is {found}, not {sha256}."

    def _gaps(self, lines: list[journal.Line]) -> Iterator[str]:
        begun = {line.gap for line in lines if isinstance(line, journal.Gap)}
        for line in lines:
            if isinstance(line, journal.GapEnd) and line.gap not in begun:
                yield f"{self._folder}/{layout.JOURNAL} ends gap {line.gap}, which never began there."


def _span(segment: journal.Segment) -> tuple[int, int]:
    """Its span by boottime; of one that was recovered from the camera, which has none, by the wall clock."""
    if is_recovered(segment):
        return segment.start_utc_ns, segment.end_utc_ns
    return segment.start_boot_ns, segment.end_boot_ns
