"""When held footage will have taken all the room: what grows, grows by its camera's rate, and only as long as it is held."""

from __future__ import annotations

import pytest

from holdshelf_core.buffer.forecast import Forecast, forecast
from holdshelf_core.times import DAY_NS
from holdshelf_storage.layout import MAX_TIME_NS

NOW = 1_000 * DAY_NS
GB = 1_000_000_000
FOREVER = MAX_TIME_NS


def days(held_gb: float, room_gb: float, spans: dict[str, list[tuple[int, int]]], **gb_per_day: float) -> Forecast:
    rates = {camera: rate * GB for camera, rate in gb_per_day.items()}
    return forecast(round(held_gb * GB), round(room_gb * GB), NOW, spans, rates)


def test_scene_5_until_lifted_fills_the_room_in_so_many_days() -> None:
    seen = days(40, 100, {"a": [(NOW - 9 * DAY_NS, FOREVER)], "b": [(NOW, FOREVER)]}, a=4, b=2)
    assert seen.recording_stops_days == pytest.approx(10)
    assert seen.growth_bytes_per_day == pytest.approx(6 * GB)


def test_a_span_that_is_over_grows_no_more() -> None:
    assert days(40, 100, {"a": [(NOW - 9 * DAY_NS, NOW)]}, a=4).recording_stops_days is None
    assert days(40, 100, {}, a=4).recording_stops_days is None


def test_a_span_that_ends_before_the_room_does_stops_nothing() -> None:
    assert days(40, 100, {"a": [(NOW, NOW + 14 * DAY_NS)]}, a=4).recording_stops_days is None
    assert days(40, 100, {"a": [(NOW, NOW + 16 * DAY_NS)]}, a=4).recording_stops_days == pytest.approx(15)


def test_a_span_that_is_to_come_grows_from_its_beginning() -> None:
    seen = days(90, 100, {"a": [(NOW + 5 * DAY_NS, FOREVER)]}, a=2)
    assert seen.recording_stops_days == pytest.approx(10)
    assert seen.growth_bytes_per_day == 0


def test_rates_change_as_spans_begin_and_end() -> None:
    spans = {"a": [(NOW, NOW + 5 * DAY_NS)], "b": [(NOW + 3 * DAY_NS, FOREVER)]}
    # 3 days × 2, then 2 days × 3, then 1 a day: 12 in five days, the other 8 take eight more.
    assert days(80, 100, spans, a=2, b=1).recording_stops_days == pytest.approx(13)


def test_scene_5_no_room_at_all_is_now() -> None:
    assert days(100, 100, {}).recording_stops_days == 0
    assert days(100.5, 100, {"a": [(NOW, FOREVER)]}, a=1).recording_stops_days == 0


def test_a_disk_without_room_is_not_the_holds_fault_when_nothing_is_held() -> None:
    assert days(0, 0, {}).recording_stops_days is None


def test_a_camera_that_records_no_more_takes_no_more_room() -> None:
    assert days(99, 100, {"a": [(NOW, FOREVER)]}, a=0).recording_stops_days is None
    assert days(99, 100, {"gone": [(NOW, FOREVER)]}).recording_stops_days is None
