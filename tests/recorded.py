"""What a camera's files must be after any fault: they decode, hold video alone, and stand in the order of sending."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av

from holdshelf_core.api.types import GapRow
from holdshelf_core.buffer.types import SegmentRow
from tests.rig.camera_thread import shown_pictures
from tests.rig.child import Sent
from tests.rig.hashes import recorded_hashes


def assert_recorded_in_order(files: Sequence[Path], sent: list[str]) -> None:
    """Each file is an unbroken stretch of what was sent, behind the one before it: nothing twice, nothing out of place."""
    at = 0
    for path in files:
        with av.open(str(path)) as container:
            assert [stream.type for stream in container.streams] == ["video"]
            assert sum(1 for _ in container.decode(video=0)) > 0
        recorded = recorded_hashes(path)
        while sent[at : at + len(recorded)] != recorded:
            at += 1
            assert at < len(sent), f"{path} holds what was not sent after the file before it"
        at += len(recorded)


def assert_holes_stand_in_gaps(
    files: Sequence[Path], sent: Sequence[Sent], segments: Sequence[SegmentRow], gaps: Sequence[GapRow], fps: float
) -> int:
    """Whatever was sent between two files and is in neither stands in a gap with a reason; returns how many such places.

    Each file begins with a key frame and is shown inside its segment, with nothing missing; a decoder finds nothing wrong in it.
    Where the peer sent on meanwhile, each picture that is missing would have been shown in a gap that says that frames were
    lost, to half a picture. So it is with B-frames, too, which are sent in another order than shown.
    """
    rows = {row.seq: row for row in segments}
    half_ns = round(0.5e9 / fps)
    holes = at = begins = 0
    before: tuple[Sent, SegmentRow] | None = None
    for path in files:
        row = rows[int(path.name.split("_")[0])]
        begin, after, inside = _matched(path, sent, at)
        first = sent[begin]
        begins = first.shown if before is None else begins
        assert first.is_key
        last = max(unit.shown for unit in inside)
        assert {unit.shown for unit in inside} == set(range(first.shown, last + 1)), f"{path} is shown with holes in it"
        assert len(shown_pictures(path)) == len(inside), f"{path} holds what cannot be shown"
        lasts = len(inside) > 1  # of the first one of a connection it is not known how long it is shown
        shown_until_ns = row.start_utc_ns + round((last + lasts - first.shown) * 1e9 / fps)
        assert shown_until_ns <= row.end_utc_ns + half_ns, f"{path} shows pictures after its end"
        kept = {unit.sequence for unit in inside}
        # What is shown before all that is recorded was before it.
        missing = (
            [unit for unit in sent[at:after] if unit.sequence not in kept and unit.shown > begins] if before else []
        )
        if missing:
            holes += 1
            covering = [
                gap for gap in gaps if gap.start_utc_ns <= before[1].end_utc_ns and gap.end_utc_ns >= row.start_utc_ns
            ]
            assert covering, f"{len(missing)} access units before {path.name} are missing, and no gap says so"
            if first.generation == before[0].generation:
                assert covering[0].reason == "frames lost"
                for unit in missing:
                    # By the times of the file before, which the stream's clock goes on with. What came behind its key frame to be
                    # shown before that lies in the gap before it.
                    shown_ns = before[1].start_utc_ns + round((unit.shown - before[0].shown) * 1e9 / fps)
                    assert any(
                        gap.start_utc_ns - half_ns < shown_ns < gap.end_utc_ns - half_ns
                        for gap in gaps
                        if gap.end_utc_ns is not None and gap.reason == "frames lost"
                    ), f"{unit} is missing before {path.name}, outside the gaps"
        at, before = after, (first, row)
    return holes


def _matched(path: Path, sent: Sequence[Sent], at: int) -> tuple[int, int, list[Sent]]:
    """Where in `sent`, from `at` on, a file begins and ends, and which of them it holds: an unbroken stretch in the order of
    sending, but for those behind its first picture that are shown before it."""
    found = recorded_hashes(path)
    begin = next((place for place in range(at, len(sent)) if sent[place].sha256 == found[0]), len(sent))
    inside: list[Sent] = []
    place = begin
    while len(inside) < len(found):
        assert place < len(sent), f"{path} holds what was not sent after the file before it"
        if sent[place].sha256 == found[len(inside)]:
            inside.append(sent[place])
        else:
            assert sent[place].shown < sent[begin].shown, f"in {path} {sent[place]} is missing"
        place += 1
    return begin, place, inside
