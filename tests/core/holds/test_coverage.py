"""What a hold covers is told to the second and without a hole: recorded, in a gap and why, erased before, yet to come."""

from __future__ import annotations

import pytest

from holdshelf_core.holds.coverage import (
    ARCHIVED,
    BEING_RECORDED,
    ERASED,
    ERASED_SOMEWHEN,
    NO_RECORD,
    CoverageSpan,
    coverage,
)
from holdshelf_core.policy.model import HoldSpan
from holdshelf_storage import layout
from holdshelf_storage.ledger.lines import DayGone
from holdshelf_storage.volume import days, journal
from tests.core.holds.conftest import DAY_NS, HOLD, Keeping, hold
from tests.storage.footage.footage_files import NOON, NS, segment_bytes, write

type Told = list[tuple[str, int, int, str]]


def told(keeping: Keeping, *spans: HoldSpan, key: str = "") -> Told:
    """(kind, start and end in seconds after noon, reason)."""
    return [seconds(row) for row in keeping.work.coverage(spans, key)]


def seconds(row: CoverageSpan) -> tuple[str, int, int, str]:
    start, end = ((at - NOON) / NS for at in (row.start_utc_ns, row.end_utc_ns))
    assert start == int(start)
    assert end == int(end)
    return row.kind, int(start), int(end), row.reason


def span(start: int, end: int | None, camera: str = "front") -> HoldSpan:
    return HoldSpan(camera, NOON + start * NS, None if end is None else NOON + end * NS)


def test_scene_11_two_cameras_and_a_gap_each_stretch_with_its_cause(keeping: Keeping) -> None:
    for camera in ("front", "back"):
        keeping.record(camera, NOON)
        keeping.record(camera, NOON + 3 * NS)
    keeping.gap("front", NOON + 6 * NS, NOON + 10 * NS, "camera unreachable")
    keeping.record("front", NOON + 10 * NS)
    assert told(keeping, span(1, 12), span(1, 5, "back")) == [
        ("recorded", 1, 6, ""),
        ("gap", 6, 10, "camera unreachable"),
        ("recorded", 10, 12, ""),
        ("recorded", 1, 5, ""),
    ]


def test_scene_4_what_was_already_gone_is_named_to_the_second(keeping: Keeping) -> None:
    for number in range(6):
        keeping.record("front", NOON + number * 3 * NS)
    keeping.tell(hold(span(7, None)))
    assert keeping.erase_all() == [1, 2]
    assert told(keeping, span(1, 18)) == [("erased", 1, 6, ERASED), ("recorded", 6, 18, "")]


def test_a_whole_day_that_has_gone_is_still_told_to_the_second(keeping: Keeping) -> None:
    keeping.record("front", NOON)
    keeping.gap("front", NOON + 3 * NS, NOON + 9 * NS, "no frames")
    keeping.record("front", NOON + 9 * NS)
    keeping.record("front", NOON + DAY_NS)
    keeping.tell(hold(HoldSpan("front", NOON + DAY_NS, None)))
    assert keeping.erase_all() == [1, 3]
    assert not (keeping.root / "media/footage/front/2026-11-24").exists()
    wanted: Told = [
        ("gap", -2, 0, NO_RECORD),
        ("erased", 0, 3, ERASED),
        ("gap", 3, 9, "no frames"),
        ("erased", 9, 12, ERASED),
        ("gap", 12, 20, NO_RECORD),
    ]
    assert told(keeping, span(-2, 20)) == wanted
    keeping.restart()
    assert told(keeping, span(-2, 20)) == wanted


def test_what_an_older_version_erased_without_saying_when_is_said_to_be_that(keeping: Keeping) -> None:
    import msgspec  # noqa: PLC0415

    gone = DayGone(
        at_utc_ns=1, camera="front", day="2026-11-24", segments=4, bytes=1, recorded_ns=1, first_seq=1, last_seq=4,
        gaps={}, journal_sha256="",
    )  # fmt: skip
    old = msgspec.json.decode(msgspec.json.encode(gone))
    del old["recorded"], old["gap_spans"]
    (keeping.root / "state/ledger/2026-12.jsonl").write_bytes(msgspec.json.encode(old) + b"\n")
    assert told(keeping, span(0, 60)) == [("erased", 0, 60, ERASED_SOMEWHEN)]


def test_what_comes_and_what_is_being_recorded(keeping: Keeping) -> None:
    keeping.now = NOON + 8 * NS
    keeping.record("front", NOON)
    opened = keeping.footage.open_segment("front")
    write(opened, segment_bytes("front", opened.seq, NOON + 3 * NS))
    assert told(keeping, span(0, 20)) == [
        ("recorded", 0, 3, ""),
        ("recorded", 3, 8, BEING_RECORDED),
        ("future", 8, 20, ""),
    ]
    assert told(keeping, span(0, None)) == [("recorded", 0, 3, ""), ("recorded", 3, 8, BEING_RECORDED)]
    assert told(keeping, span(10, 20)) == [("future", 10, 20, "")]
    assert told(keeping, span(10, None)) == [], "nothing of it has come"


def test_a_gap_that_has_not_ended_lasts_until_now(keeping: Keeping) -> None:
    keeping.now = NOON + 30 * NS
    keeping.record("front", NOON)
    keeping.gap("front", NOON + 3 * NS, None, "disk full")
    assert told(keeping, span(0, 60)) == [
        ("recorded", 0, 3, ""),
        ("gap", 3, 30, "disk full"),
        ("future", 30, 60, ""),
    ]


def test_a_time_without_any_record_is_no_recording(keeping: Keeping) -> None:
    assert told(keeping, span(0, 9)) == [("gap", 0, 9, NO_RECORD)]
    keeping.record("front", NOON + 3 * NS)
    assert told(keeping, span(0, 9)) == [
        ("gap", 0, 3, NO_RECORD),
        ("recorded", 3, 6, ""),
        ("gap", 6, 9, NO_RECORD),
    ]


def test_scene_10_an_hour_that_the_clocks_gave_twice_is_told_twice(keeping: Keeping) -> None:
    keeping.record("front", NOON)
    keeping.record("front", NOON + 1 * NS)  # set back by two seconds
    assert told(keeping, span(0, 4)) == [("recorded", 0, 4, "")]
    keeping.gap("front", NOON + 4 * NS, NOON + 2 * NS, "clock stepped")
    keeping.record("front", NOON + 60 * NS)
    rows = told(keeping, span(0, 63))
    assert ("recorded", 0, 4, "") in rows
    assert ("gap", 4, 60, NO_RECORD) in rows


def test_what_has_a_copy_says_so_once_it_is_erased(keeping: Keeping) -> None:
    for number in range(3):
        keeping.record("front", NOON + number * 3 * NS)
    now = NOON + 9 * NS
    keeping.erase_all()
    copies = {"front": [(NOON, NOON + 4 * NS)]}
    rows = coverage(keeping.footage, keeping.ledger, [span(1, 9)], now, archived=copies)
    assert [seconds(row) for row in rows] == [("erased", 1, 4, f"{ERASED}; {ARCHIVED}"), ("erased", 4, 9, ERASED)]


@pytest.mark.parametrize("lost", ["footage", "shelf"])
def test_coverage_is_the_same_whichever_folder_is_lost(keeping: Keeping, lost: str) -> None:
    keeping.record("front", NOON)
    keeping.gap("front", NOON + 3 * NS, NOON + 6 * NS, "x")
    keeping.record("front", NOON + 6 * NS)
    keeping.place(hold(span(0, 9)))
    wanted: Told = [("recorded", 0, 3, ""), ("gap", 3, 6, "x"), ("recorded", 6, 9, "")]
    assert told(keeping, span(0, 9), key=HOLD) == wanted
    keeping.lose(lost)
    assert told(keeping, span(0, 9), key=HOLD) == wanted


def test_held_bytes_count_each_file_once_however_many_holds_it_has(keeping: Keeping) -> None:
    segments = [keeping.record("front", NOON + number * 3 * NS) for number in range(4)]
    keeping.place(hold(span(0, 5)))
    keeping.place(hold(span(4, 8), key="H-2026-0002"))
    size = segments[0].allocated_bytes
    assert keeping.work.held_bytes.protected(keeping.book.protection) == 3 * size
    assert keeping.work.held_bytes.of("front", [(NOON, NOON + 5 * NS)]) == 2 * size
    keeping.tell(hold(HoldSpan("front", NOON - DAY_NS, None), key="H-2026-0003"))
    assert keeping.work.held_bytes.protected(keeping.book.protection) == 4 * size
    keeping.record("front", NOON + 12 * NS)
    assert keeping.work.held_bytes.protected(keeping.book.protection) == 5 * size


def test_held_bytes_count_what_reaches_over_midnight_and_files_that_lost_their_line(keeping: Keeping) -> None:
    midnight = NOON + DAY_NS // 2
    before = keeping.record("front", midnight - 2 * NS).allocated_bytes
    after = keeping.record("front", midnight + 10 * NS).allocated_bytes
    of = keeping.work.held_bytes.of
    assert of("front", [(midnight, midnight + 5 * NS)]) == before
    assert of("front", [(midnight, midnight + 15 * NS)]) == before + after
    assert of("front", [(midnight + 2 * NS, midnight + 15 * NS)]) == after
    (day,) = [day for day in keeping.footage.days("front") if layout.day_start_ns(day) == midnight]
    keeping.volume.detach()
    journal = keeping.root / "media" / "footage" / "front" / day / "journal.jsonl"
    journal.chmod(0o600)
    journal.write_bytes(b"")
    keeping.start()
    of = keeping.work.held_bytes.of
    assert of("front", [(midnight + 10 * NS, midnight + 11 * NS)]) == after
    assert of("front", [(midnight + 2 * NS, midnight + 5 * NS)]) == 0, "what begins after the span is not held"


def test_of_the_day_before_is_read_what_can_reach_into_the_span(
    keeping: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode, decoded = journal.decode_slim, list[bytes]()
    monkeypatch.setattr(journal, "decode_slim", lambda data: (decoded.append(data), decode(data))[1])
    midnight = 12 * 3600
    keeping.record("front", NOON - DAY_NS)
    keeping.record("front", NOON)
    keeping.record("front", NOON + (midnight - 1) * NS)
    decoded.clear()
    assert told(keeping, span(0, 3)) == [("recorded", 0, 3, "")]
    assert decoded == [keeping.footage.folders.read_journal("front", layout.day_of(NOON))]
    assert told(keeping, span(midnight + 1, midnight + 2)) == [("recorded", midnight + 1, midnight + 2, "")]
    keeping.gap("back", NOON - DAY_NS, NOON + 2 * NS, "camera unreachable")
    keeping.record("back", NOON + 2 * NS)
    assert told(keeping, span(0, 5, "back")) == [
        ("gap", 0, 2, "camera unreachable"),
        ("recorded", 2, 5, ""),
    ]


@pytest.mark.parametrize("few", [1, 64])
def test_files_that_are_gone_are_told_whether_they_are_looked_at_singly_or_listed(
    keeping: Keeping, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(days, "_FEW", few)
    for number in range(4):
        keeping.record("front", NOON + number * 3 * NS)
    keeping.tell(hold(span(6, None)))
    assert keeping.erase_all() == [1, 2]
    assert told(keeping, span(0, 12)) == [("erased", 0, 6, ERASED), ("recorded", 6, 12, "")]
    # A link in a file's place is that name, wherever it leads: nothing outside the volume is looked at.
    *_, last = sorted((keeping.root / "media" / "footage" / "front").glob("2*/*.mp4"))
    last.unlink()
    last.symlink_to("nowhere")
    assert told(keeping, span(0, 12)) == [("erased", 0, 6, ERASED), ("recorded", 6, 12, "")]
