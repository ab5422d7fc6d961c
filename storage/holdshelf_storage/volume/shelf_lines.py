"""Selects a day's journal lines for a hold's shelf: segments and gaps that touch its spans, and related lines."""

from collections.abc import Sequence

import msgspec

from holdshelf_storage import layout
from holdshelf_storage.atomic import whole_lines
from holdshelf_storage.volume import journal

_slim: msgspec.json.Decoder[journal.SlimLine] = msgspec.json.Decoder(journal.SlimLine)


class Picked(msgspec.Struct):
    """`lines` as stored in the journal; `unhashed`: sequences without a checksum yet; `open_gaps`: not ended yet."""

    lines: list[bytes]
    segments: list[journal.SlimSegment]
    unhashed: set[int]
    open_gaps: int


def pick(data: bytes, spans: Sequence[tuple[int, int]]) -> Picked:
    """The lines of a journal that touch `spans`, as stored."""
    lines: list[tuple[bytes, journal.SlimLine]] = []
    for raw in whole_lines(data):
        try:
            lines.append((raw, _slim.decode(raw)))
        except journal.UNREADABLE:
            continue
    ends: dict[int, int] = {}
    for _, line in lines:
        if isinstance(line, journal.GapEnd):
            ends.setdefault(line.gap, line.end_utc_ns)

    def touches(start: int, end: int) -> bool:
        return any(start < last and max(end, start + 1) > first for first, last in spans)

    picked = Picked([], [], set(), 0)
    gaps: set[int] = set()
    held: set[int] = set()
    for raw, line in lines:
        match line:
            case journal.SlimSegment() if touches(line.start_utc_ns, line.start_utc_ns + line.duration_ns):
                picked.segments.append(line)
                held.add(line.seq)
                if line.sha256 is None:
                    picked.unhashed.add(line.seq)
            case journal.Gap() if touches(line.start_utc_ns, ends.get(line.gap, layout.MAX_TIME_NS)):
                gaps.add(line.gap)
                picked.open_gaps += line.gap not in ends
            case journal.GapEnd() if line.gap in gaps:
                pass
            case journal.Hash() if line.seq in held:
                picked.unhashed.discard(line.seq)
            case _:
                continue
        picked.lines.append(raw)
    return picked
