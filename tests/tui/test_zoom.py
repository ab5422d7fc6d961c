"""Where the timeline stands: spans, steps and days that have no 24 hours; and the signs of the strip."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from holdshelf_core.api.types_looks import Activity, HeldRow, MissingRow, RecordedRow
from holdshelf_tui.activity import FINE_NS, ActivityMap, _Block, _onsets
from holdshelf_tui.zoom import DAY_NS, HOUR_NS, LEVELS, NS, View, day_start

EASTERN = ZoneInfo("America/New_York")


def ns(*when: int) -> int:
    return int(datetime(*when, tzinfo=EASTERN).timestamp()) * NS  # type: ignore[misc]


NOW = ns(2026, 11, 25, 14)


@pytest.mark.parametrize(
    ("day", "hours"), [((2026, 11, 24), 24), ((2026, 11, 1), 25), ((2026, 3, 8), 23)], ids=["plain", "autumn", "spring"]
)
def test_a_day_is_as_long_as_the_clocks_make_it(day: tuple[int, int, int], hours: int) -> None:
    view = View(ns(*day, 15), zone=EASTERN)
    assert view.start_utc_ns == ns(*day)
    assert view.end_utc_ns - view.start_utc_ns == hours * HOUR_NS
    assert day_start(view.end_utc_ns, EASTERN) == view.end_utc_ns


def test_scene_10_arrows_pass_both_hours_of_the_autumn_night() -> None:
    view = View(ns(2026, 11, 1), zone=EASTERN)
    steps = 0
    while view.cursor_utc_ns < ns(2026, 11, 1, 3):
        view.move(1, NOW)
        steps += 1
    assert steps == 16  # four hours of quarters between midnight and three o'clock


def test_the_cursor_is_always_in_sight_and_never_in_the_future() -> None:
    for level in range(len(LEVELS)):
        view = View(NOW - HOUR_NS, level=level, zone=EASTERN)
        for steps in (1, -1, 7, -300, 500, 10_000):
            view.move(steps, NOW)
            assert view.start_utc_ns <= view.cursor_utc_ns < view.end_utc_ns
            assert view.cursor_utc_ns <= NOW
            view.page(-1, NOW)
            assert view.start_utc_ns <= view.cursor_utc_ns < view.end_utc_ns


def test_zooming_keeps_the_cursor_where_it_is() -> None:
    at = NOW - 3 * HOUR_NS + 17 * NS
    view = View(at, zone=EASTERN)
    while view.zoom(1):
        assert view.cursor_utc_ns == at
        assert view.start_utc_ns <= at < view.end_utc_ns
    assert not view.zoom(1)
    assert view.end_utc_ns - view.start_utc_ns == 10 * NS


def test_a_page_of_days_keeps_the_time_of_day() -> None:
    view = View(ns(2026, 11, 3, 9, 30), zone=EASTERN)
    view.page(-3, NOW)
    local = datetime.fromtimestamp(view.cursor_utc_ns / NS, UTC).astimezone(EASTERN)
    assert (local.month, local.day) == (10, 31)


@pytest.mark.parametrize("columns", [40, 78, 158, 250])
def test_labels_stand_at_round_times_and_in_sight(columns: int) -> None:
    for level in range(len(LEVELS)):
        ticks = View(NOW - HOUR_NS, level=level, zone=EASTERN).ticks(columns)
        assert 4 <= len(ticks) <= 25
        assert all(0 <= column < columns for column, _at in ticks)


def known(start: int, **more: object) -> ActivityMap:
    """A map that was told of one half-hour: ten minutes recorded, a gap of five, ten erased, the rest recorded and held."""
    minute = 60 * NS
    answer = Activity(
        camera="lobby",
        start_utc_ns=start,
        end_utc_ns=start + FINE_NS,
        bucket_ns=NS,
        activity=bytes([100] * 600 + [0] * 300 + [90] * 600 + [150] * 300),
        recorded=[RecordedRow(start, start + 10 * minute), RecordedRow(start + 25 * minute, start + 30 * minute)],
        missing=[
            MissingRow("gap", start + 10 * minute, start + 15 * minute, "camera unreachable"),
            MissingRow("erased", start + 15 * minute, start + 25 * minute, "erased on schedule"),
        ],
        held=[HeldRow("H-2026-0001", start + 25 * minute, None)],
    )
    found = ActivityMap.__new__(ActivityMap)
    found._blocks = {("lobby", start, FINE_NS): _Block(answer, time.monotonic(), time.time_ns())}
    return found


def test_what_a_column_stands_for() -> None:
    start = (time.time_ns() - DAY_NS) // FINE_NS * FINE_NS
    columns = known(start).columns("lobby", start, start + FINE_NS, 6, fine=True)
    assert [(c.recorded, c.gap, c.erased, c.held) for c in columns] == [
        (True, False, False, False),
        (True, False, False, False),
        (False, True, False, False),
        (False, False, True, False),
        (False, False, True, False),
        (True, False, False, True),
    ]
    assert columns[3].level == 90, "what was erased left behind when something moved"


def test_the_words_for_an_instant_say_why() -> None:
    start = (time.time_ns() - DAY_NS) // FINE_NS * FINE_NS
    told = known(start)
    minute = 60 * NS
    assert told.words_at("lobby", start + minute) == "recorded"
    assert told.words_at("lobby", start + 12 * minute).startswith("not recorded: camera unreachable (")
    assert told.words_at("lobby", start + 20 * minute) == "erased on schedule"
    assert told.words_at("lobby", start + 26 * minute) == "recorded · on hold H-2026-0001"
    assert told.recorded_within("lobby", start + 11 * minute, start + 27 * minute) == (
        start + 25 * minute,
        start + 27 * minute,
    )


def test_movement_begins_where_it_becomes_clearly_more() -> None:
    values = bytearray([100] * 1800)
    values[200:230] = bytes([140] * 30)
    values[232:240] = bytes([140] * 8)  # after a pause too short to count
    values[900:905] = bytes([103] * 5)  # a little more than stillness
    values[1500] = 160
    block = Activity("lobby", 0, FINE_NS, NS, bytes(values), [], [], [])
    assert _onsets(block) == [200 * NS, 1500 * NS]
