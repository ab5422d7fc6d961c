"""What was recorded when: the segments and gaps of a camera in a span of time. Opens the days it needs, no more.

The cost follows the answer, not the archive: one listing and one journal for each day asked about, and the tail of
the journal before them, since a segment or gap that began there may reach into the span.
"""

import itertools
import os
from collections.abc import Collection

from holdshelf_storage import layout
from holdshelf_storage.errors import FootageError, translating
from holdshelf_storage.volume import gap_lines, journal, recovered
from holdshelf_storage.volume.days import Days
from holdshelf_storage.volume.journal import GapSpan, StoredSegment

Span = StoredSegment | GapSpan


def query(days: Days, camera: str, start_utc_ns: int, end_utc_ns: int) -> list[Span]:
    """The segments and gaps of `camera` that touch [start_utc_ns, end_utc_ns), by start; not clipped to the span.

    A gap without an end reaches to the next segment or gap that was recorded after it; when there is none it is still
    open (`end_utc_ns` None). Raises BadCameraId, FootageError, DiskWriteError.
    """
    layout.check_camera(camera)
    if end_utc_ns < start_utc_ns:
        raise FootageError("The span ends before it begins; give the earlier time first.")
    first, last = layout.day_of(start_utc_ns), layout.day_of(max(start_utc_ns, end_utc_ns - 1))
    existing = days.days(camera)
    before = [day for day in existing if day < first][-1:]
    found: list[Span] = []
    for day in before + [day for day in existing if first <= day <= last]:
        data = days.read_journal(camera, day) if day >= first else days.read_journal_tail(camera, day)
        found += _spans(days, camera, day, data)
    found.sort(key=lambda span: span.start_utc_ns)  # stable: the order of writing decides between equals
    if any(span.end_utc_ns is None for span in found):
        after = [day for day in existing if day > last][:1]
        following = [span for day in after for span in _spans(days, camera, day, days.read_journal(camera, day))]
        _end_forgotten_gaps(found, found + following)
    return [span for span in found if touches(span, start_utc_ns, end_utc_ns)]


def file_path(camera: str, segment: journal.Segment) -> str:
    """A closed segment's path below MEDIA."""
    return f"{layout.day_path(layout.check_camera(camera), layout.day_of(segment.start_utc_ns))}/{segment.name}"


def open_file(days: Days, camera: str, segment: journal.Segment) -> int:
    """A read-only descriptor of a closed segment, below the volume's root. Raises FootageError when it is erased."""
    path = file_path(camera, segment)
    if layout.parse_segment_name(segment.name) is None:
        raise FootageError(f"{segment.name!r:.80} is not the name of a segment.")
    with translating(f"{path} could not be opened"):
        try:
            return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=days.volume.root_fd)
        except FileNotFoundError:
            raise FootageError(f"{path} is no longer there.") from None


def _spans(days: Days, camera: str, day: str, data: bytes) -> list[Span]:
    return spans_of(camera, day, data, set(days.names(camera, day)))


def spans_of(camera: str, day: str, data: bytes, present: Collection[str]) -> list[Span]:
    """The segments and gaps in journal bytes; a segment whose name is not in `present` counts as erased."""
    found: list[Span] = []
    gaps: dict[int, GapSpan] = {}
    segments: dict[int, StoredSegment] = {}
    for line in journal.decode_stored(data):
        match line:
            case StoredSegment():
                line.camera, line.day, line.erased = camera, day, line.name not in present
                segments.setdefault(line.seq, line)
                found.append(line)
            case journal.Hash():
                # The first one counts, and only for a segment whose own line has none.
                if line.seq in segments and segments[line.seq].sha256 is None:
                    segments[line.seq].sha256, segments[line.seq].frames_root = line.sha256, line.frames_root
            case journal.Gap():
                gap = GapSpan(
                    camera=camera,
                    gap=line.gap,
                    start_utc_ns=line.start_utc_ns,
                    start_boot_ns=line.start_boot_ns,
                    boot=line.boot,
                    reason=line.reason,
                    detail=line.detail,
                )
                gaps[line.gap] = gap
                found.append(gap)
            case journal.GapEnd():
                ended = gaps.get(line.gap)
                if ended is not None and ended.end_utc_ns is None:
                    ended.end_utc_ns, ended.elapsed_ns, ended.end_reason = line.end_utc_ns, line.elapsed_ns, line.reason
            case _:
                pass
    return found


def _end_forgotten_gaps(found: list[Span], told: list[Span]) -> None:
    """Ends gaps whose end could not be written (a full disk) where the next segment or gap begins, as recovery does."""
    items = gap_lines.in_order(
        [_item(span) for span in told if isinstance(span, GapSpan) or not recovered.is_recovered(span)]
    )
    after = {item.number: following.start for item, following in itertools.pairwise(items)}
    for gap in found:
        if isinstance(gap, GapSpan) and gap.end_utc_ns is None and gap.gap in after:
            first = gap_lines.ending(_item(gap).start, gap.reason, after[gap.gap])[0]
            gap.end_utc_ns, gap.elapsed_ns = first.end.utc_ns, first.elapsed_ns


def _item(span: Span) -> gap_lines.Item:
    start = gap_lines.Moment(span.start_utc_ns, span.start_boot_ns, span.boot)
    number = span.gap if isinstance(span, GapSpan) else span.seq
    lasted_ns = span.elapsed_ns if isinstance(span, GapSpan) else span.duration_ns
    end = gap_lines.Moment(0, span.start_boot_ns + lasted_ns, span.boot) if lasted_ns is not None else None
    return gap_lines.Item(number, start, end)


def touches(span: Span, start_utc_ns: int, end_utc_ns: int) -> bool:
    """Whether a segment or gap touches [start_utc_ns, end_utc_ns)."""
    end = span.end_utc_ns
    if end is None:
        return span.start_utc_ns < end_utc_ns
    # A backward step of the clock can end a gap "before" it began: it is shown where it began.
    return span.start_utc_ns < end_utc_ns and max(end, span.start_utc_ns + 1) > start_utc_ns
