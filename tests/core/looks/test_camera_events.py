"""What cameras told: kept by day, read as spans, bounded, gone with the footage of its day."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from holdshelf_core.integration.bus import EventBus
from holdshelf_core.looks import camera_events
from holdshelf_core.looks.camera_events import CameraEvents, Line, Mark

NS = 1_000_000_000
DAY_NS = 86_400 * NS
NOON = 20_000 * DAY_NS + DAY_NS // 2


def written(state: Path, *lines: Line, camera: str = "door") -> CameraEvents:
    events = CameraEvents(state)
    events.write((camera, line) for line in lines)
    return events


def test_changes_become_spans_and_what_has_no_end_a_moment(tmp_path: Path) -> None:
    events = written(
        tmp_path,
        Line(NOON, "motion", "a", True),
        Line(NOON + NS, "digital_input", "", None),
        Line(NOON + 2 * NS, "motion", "b", True),
        Line(NOON + 5 * NS, "motion", "a", False),
    )
    assert events.read("door", NOON - NS, NOON + 60 * NS) == [
        Mark("motion", NOON, None),
        Mark("digital_input", NOON + NS, NOON + NS),
    ]
    assert events.read("door", NOON + 70 * NS, NOON + 80 * NS) == [Mark("motion", NOON + 2 * NS, None)]
    assert events.read("hall", NOON, NOON + NS) == []


def test_what_began_before_midnight_is_seen_after_it(tmp_path: Path) -> None:
    midnight = 20_001 * DAY_NS
    events = written(tmp_path, Line(midnight - NS, "tamper", "", True), Line(midnight + 9 * NS, "tamper", "", False))
    assert len(list((tmp_path / "events" / "door").iterdir())) == 2
    assert events.read("door", midnight + NS, midnight + 2 * NS) == [Mark("tamper", midnight - NS, midnight + 9 * NS)]


def test_marks_closer_than_a_bucket_are_one(tmp_path: Path) -> None:
    lines = [Line(NOON + n * 10 * NS, "motion", "", n % 2 == 0) for n in range(20)]
    events = written(tmp_path, *lines)
    assert len(events.read("door", NOON, NOON + DAY_NS // 4)) == 10
    assert events.read("door", NOON, NOON + DAY_NS // 4, joined_ns=60 * NS) == [Mark("motion", NOON, NOON + 190 * NS)]


def test_what_went_on_when_the_service_was_killed_ends_where_it_was_last_alive(tmp_path: Path) -> None:
    events = written(tmp_path, Line(NOON, "motion", "", True))
    events.settle(NOON + 30 * NS)
    assert events.read("door", NOON, NOON + 90 * NS) == [Mark("motion", NOON, NOON + 30 * NS)]


def test_a_torn_or_damaged_line_costs_only_itself(tmp_path: Path) -> None:
    events = written(tmp_path, Line(NOON, "motion", "", None))
    (file,) = (tmp_path / "events" / "door").iterdir()
    with file.open("ab") as damaged:
        damaged.write(b"\xff\xfe nonsense\n{}\n" + b'{"at_utc_ns":1')
    events.write([("door", Line(NOON + NS, "tamper", "", None))])
    assert [mark.kind for mark in events.read("door", NOON, NOON + 2 * NS)] == ["motion", "tamper"]


def test_a_day_takes_no_more_than_its_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_events, "DAY_MAX_BYTES", 500)
    events = CameraEvents(tmp_path)
    for number in range(100):
        events.write([("door", Line(NOON + number, "motion", "", None))])
    (file,) = (tmp_path / "events" / "door").iterdir()
    assert file.stat().st_size < 600
    assert events.dropped > 80


def test_days_go_with_their_footage(tmp_path: Path) -> None:
    lines = [Line(NOON - n * DAY_NS, "motion", "", None) for n in range(10)]
    events = written(tmp_path, *lines)
    written(tmp_path, *lines[5:], camera="gone")
    kept = {"door": {lines_day(lines[7])}}
    assert events.forget(lambda camera: kept.get(camera, set()), NOON) == 7 + 5
    assert not (tmp_path / "events" / "gone").exists()
    assert [mark.start_utc_ns for mark in events.read("door", 0, NOON + 1)][-2:] == [NOON - DAY_NS, NOON]


def lines_day(line: Line) -> str:
    return camera_events.layout.day_of(line.at_utc_ns)


async def test_hostile_events_reach_no_file(tmp_path: Path) -> None:
    events = CameraEvents(tmp_path)
    bus = EventBus(lambda: NOON)
    bus.async_listen("camera_event", events.async_note)
    for said in (
        {"camera": "../../etc", "kind": "motion", "on": True},
        {"camera": "door", "kind": "face", "on": True},
        {"camera": 7, "kind": "motion", "on": True},
        {},
    ):
        bus.async_fire("camera_event", said)
    await events.async_flush()
    assert not (tmp_path / "events").exists()


async def test_a_flood_waits_in_bounded_memory_and_a_full_disk_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "events").write_text("in the way")
    events = CameraEvents(tmp_path)
    bus = EventBus(lambda: NOON)
    bus.async_listen("camera_event", events.async_note)
    for _ in range(camera_events.WAITING_MAX + 5):
        bus.async_fire("camera_event", {"camera": "door", "kind": "motion", "on": None})
    await events.async_flush()
    await asyncio.sleep(0)
    assert events.dropped == camera_events.WAITING_MAX + 5
