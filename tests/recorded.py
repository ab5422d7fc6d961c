"""What a camera's files must be after any fault: they decode, hold video alone, and stand in the order of sending."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av

from holdshelf_core.api.types import GapRow
from holdshelf_core.buffer.types import SegmentRow
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

    Inside a file nothing is missing, and each begins with a key frame. Where the peer sent on meanwhile, the gap is as
    long as what is missing, and says that frames were lost.
    """
    hashes = [unit.sha256 for unit in sent]
    assert_recorded_in_order(files, hashes)
    rows = {row.seq: row for row in segments}
    holes, at, end_ns = 0, 0, 0
    for path in files:
        row = rows[int(path.name.split("_")[0])]
        found = recorded_hashes(path)
        begin = next(place for place in range(at, len(hashes)) if hashes[place : place + len(found)] == found)
        assert sent[begin].is_key
        if at and begin > at:
            holes += 1
            covering = [gap for gap in gaps if gap.start_utc_ns <= end_ns and gap.end_utc_ns >= row.start_utc_ns]
            assert covering, f"{begin - at} access units before {path.name} are missing, and no gap says so"
            if sent[begin].generation == sent[at - 1].generation:
                assert covering[0].reason == "frames lost"
                assert abs(covering[0].elapsed_s - (begin - at) / fps) < 0.6
        at, end_ns = begin + len(found), row.end_utc_ns
    return holes
