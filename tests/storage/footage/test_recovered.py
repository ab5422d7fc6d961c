"""What was recovered from a camera: a segment in the time of a gap, of which every reader sees what is left (ADR 44)."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import msgspec
import pytest

from holdshelf_storage import layout
from holdshelf_storage.footage.footage import Footage, OpenSegment
from holdshelf_storage.footage.stretches import Stretches, stretches
from holdshelf_storage.footage.verify import verify
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.volume.days import SegmentRef
from holdshelf_storage.volume.journal import FromCamera, Gap, GapEnd, GapSpan, Segment, StoredSegment
from tests.storage.conftest import House
from tests.storage.footage.footage_files import BOOT, NOON, NS, comment_of, facts_of, mp4, record, write

CAMERA = "front"
OF = FromCamera(gap=7, fetched_utc_ns=NOON + 900 * NS, start_utc_ns=NOON + 13 * NS + 5, offset_ns=3 * NS + 5)


def gap(footage: Footage, start_s: float, end_s: float, *, reason: str = "camera unreachable", at: int = NOON) -> Gap:
    start, end = at + int(start_s * NS), at + int(end_s * NS)
    boot_ns = 1000 * NS + start - NOON
    began = footage.start_gap(CAMERA, Gap(start_utc_ns=start, start_boot_ns=boot_ns, boot=BOOT, reason=reason))
    ended = GapEnd(end_utc_ns=end, elapsed_ns=end - start, boot=BOOT, end_boot_ns=boot_ns + end - start)
    footage.end_gap(CAMERA, began, ended)
    return began


def opened(footage: Footage, start_s: float, *, at: int = NOON, wanted_s: int = 3) -> tuple[OpenSegment, bytes, int]:
    start = at + int(start_s * NS)
    segment = footage.open_segment(CAMERA)
    more = {"boot": "", "start_boot_ns": 0, "run": "r", "from_camera": msgspec.to_builtins(OF)}
    data = mp4(3, comment=comment_of(CAMERA, segment.seq, start, **more, until_utc_ns=start + wanted_s * NS))
    write(segment, data)
    return segment, data, start


def recover(footage: Footage, start_s: float, *, at: int = NOON) -> Segment:
    """Three seconds from the camera."""
    segment, data, start = opened(footage, start_s, at=at)
    facts = facts_of(data, start, run="r", boot="")
    facts.start_boot_ns, facts.from_camera = 0, OF
    return footage.close_segment(segment, facts)


def told(footage: Footage, ledger: Ledger, start_s: float = 0, end_s: float = 60, *, at: int = NOON) -> Stretches:
    start, end = at + int(start_s * NS), at + int(end_s * NS)
    return stretches(footage.folders, ledger, footage.shelved, CAMERA, start, end)


def seconds(spans: list[tuple[int, int]], at: int = NOON) -> list[tuple[float, float]]:
    return [((start - at) / NS, (end - at) / NS) for start, end in spans]


def test_a_gap_is_what_recovered_footage_leaves_of_it_and_its_lines_stay(footage: Footage, ledger: Ledger) -> None:
    record(footage, CAMERA)
    gap(footage, 3, 20)
    before = footage.folders.read_journal(CAMERA, layout.day_of(NOON))
    record(footage, CAMERA, NOON + 20 * NS)
    kept = recover(footage, 10)
    found = footage.query(CAMERA, NOON, NOON + 60 * NS)
    shown = [(type(one).__name__, (one.start_utc_ns - NOON) / NS, ((one.end_utc_ns or 0) - NOON) / NS) for one in found]
    assert shown == [
        ("StoredSegment", 0, 3),
        ("GapSpan", 3, 10),
        ("StoredSegment", 10, 13),
        ("GapSpan", 13, 20),
        ("StoredSegment", 20, 23),
    ]
    gaps = [one for one in found if isinstance(one, GapSpan)]
    assert [one.elapsed_ns for one in gaps] == [7 * NS, 7 * NS]
    assert gaps[1].start_boot_ns - gaps[0].start_boot_ns == 10 * NS
    seen = told(footage, ledger)
    assert seconds([(one.start_utc_ns, one.end_utc_ns or 0) for one in seen.gaps]) == [(3, 10), (13, 20)]
    assert (seconds(seen.recorded), seconds(seen.recovered)) == ([(0, 3), (10, 13), (20, 23)], [(10, 13)])
    assert footage.folders.read_journal(CAMERA, layout.day_of(NOON)).startswith(before)
    (line,) = [one for one in found if isinstance(one, StoredSegment) and one.from_camera is not msgspec.UNSET]
    assert (line.seq, line.from_camera) == (kept.seq, OF)
    report = verify(footage, None, None, None, True)
    assert [problem for problem in report.problems if "boot" not in problem] == []


def test_over_midnight_both_days_take_it_off(footage: Footage, ledger: Ledger) -> None:
    at = layout.day_start_ns("2026-11-25")
    record(footage, CAMERA, at - 63 * NS)
    gap(footage, -60, 60, at=at)
    record(footage, CAMERA, at + 60 * NS)
    for start_s in (-10, -1.5, 10):
        recover(footage, start_s, at=at)
    shown = [
        seconds([(one.start_utc_ns, one.end_utc_ns or 0)], at)[0]
        for one in footage.query(CAMERA, at - 100 * NS, at - 50 * NS)
        if isinstance(one, GapSpan)
    ]
    assert shown == [(-60, -10)]
    seen = told(footage, ledger, -100, -50, at=at)
    assert seconds([(one.start_utc_ns, one.end_utc_ns or 0) for one in seen.gaps], at) == [(-60, -10)]
    later = [one for one in footage.query(CAMERA, at + 5 * NS, at + 90 * NS) if isinstance(one, GapSpan)]
    assert seconds([(one.start_utc_ns, one.end_utc_ns or 0) for one in later], at) == [(1.5, 10), (13, 60)]


def test_it_is_erased_in_the_order_of_when_it_was_fetched(
    footage: Footage, ledger: Ledger, erase: Callable[[list[SegmentRef]], int]
) -> None:
    first = record(footage, CAMERA)
    gap(footage, 3, 20)
    later = record(footage, CAMERA, NOON + 20 * NS)
    kept = recover(footage, 10)
    newest = record(footage, CAMERA, NOON + layout.DAY_NS)
    footage.build_index(threading.Event())
    order = list(footage.index.oldest())
    assert [ref.seq for ref in order] == [first.seq, later.seq, kept.seq, newest.seq]
    erase(order[:3])
    seen = told(footage, ledger)
    assert (seen.recorded, seconds(seen.erased)) == ([], [(0, 3), (10, 13), (20, 23)])
    assert seconds([(one.start_utc_ns, one.end_utc_ns or 0) for one in seen.gaps]) == [(3, 10), (13, 20)]
    (gone,) = ledger.days_gone(CAMERA)
    assert gone.gaps == {"camera unreachable": 14 * NS}
    assert seconds([(start, end) for start, end, _ in gone.gap_spans]) == [(3, 10), (13, 20)]
    assert (gone.recorded_ns, seconds(gone.recovered)) == (9 * NS, [(10, 13)])


def test_a_fetch_cut_off_by_a_kill_is_kept_to_its_last_whole_fragment(house: House) -> None:
    _, _, footage = house.attach()
    record(footage, CAMERA)
    began = gap(footage, 3, 20)
    record(footage, CAMERA, NOON + 20 * NS)
    segment, data, _ = opened(footage, 10)
    os.ftruncate(segment.fd, len(data) - 100)
    house.detach()
    _, ledger, footage = house.attach()
    found = footage.recover().cameras[CAMERA]
    (kept,) = found.recovered
    assert (kept.from_camera, kept.boot, kept.recovered) == (OF, "", True)
    assert NS <= kept.duration_ns < 3 * NS
    # It changes nothing of where the record stands, nor of which gap is open.
    assert (found.last_end_utc_ns, found.open_gap) == (NOON + 23 * NS, None)
    assert seconds(told(footage, ledger).recovered)[0][0] == 10
    assert began.gap not in {one.seq for one in found.recovered}
    assert footage.recover().cameras[CAMERA].recovered == []


def test_of_a_fetch_cut_off_by_a_kill_no_more_counts_than_was_wanted(house: House) -> None:
    """Its pictures may go on behind the gap that it fills: the camera sends what it likes."""
    footage = house.attach()[2]
    record(footage, CAMERA)
    gap(footage, 3, 20)
    segment, _, start = opened(footage, 10, wanted_s=2)
    os.close(segment.fd)
    house.detach()
    (kept,) = house.attach()[2].recover().cameras[CAMERA].recovered
    assert (kept.start_utc_ns, kept.duration_ns) == (start, 2 * NS)


def test_an_open_gap_stays_open_whatever_was_recovered_after_it_began(house: House) -> None:
    _, _, footage = house.attach()
    record(footage, CAMERA)
    gap(footage, 3, 20)
    record(footage, CAMERA, NOON + 20 * NS)
    boot_ns = 1023 * NS
    open_gap = Gap(start_utc_ns=NOON + 23 * NS, start_boot_ns=boot_ns, boot=BOOT, reason="no frames")
    open_gap = footage.start_gap(CAMERA, open_gap)
    recover(footage, 10)
    (last,) = [one for one in footage.query(CAMERA, NOON + 22 * NS, NOON + 60 * NS) if isinstance(one, GapSpan)]
    assert (last.gap, last.end_utc_ns) == (open_gap.gap, None)
    house.detach()
    found = house.attach()[2].recover().cameras[CAMERA]
    assert found.open_gap is not None
    assert found.open_gap.gap == open_gap.gap


def test_its_lines_do_not_hide_what_was_recorded_before_them(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers look at a journal's tail. Behind the day's last segment, hours that were recovered may stand there."""
    monkeypatch.setattr("holdshelf_storage.volume.days.TAIL_BYTES", 2048)
    _, _, footage = house.attach()
    at = layout.day_start_ns("2026-11-25")
    gap(footage, -60, -2, at=at)
    last = record(footage, CAMERA, at - 2 * NS)  # reaches over midnight
    for number in range(12):
        recover(footage, -58 + 3 * number, at=at)
    found = footage.query(CAMERA, at, at + 10 * NS)
    assert [one.seq for one in found if isinstance(one, StoredSegment)] == [last.seq]
    assert footage.folders.sums_agree(CAMERA, "2026-11-24")
    house.detach()
    found_by_recovery = house.attach()[2].recover().cameras[CAMERA]
    assert found_by_recovery.last_end_utc_ns == last.end_utc_ns
