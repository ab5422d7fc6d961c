"""Where the timeline stands: spans, steps and days that have no 24 hours; and the signs of the strip."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

import msgspec
import pytest

from holdshelf_core.api.types import CameraRow
from holdshelf_core.looks.types import Activity, ActivityAsk, HeldRow, MissingRow, RecordedRow
from holdshelf_tui.session.activity import FINE_NS, ActivityMap, _Block, onsets, recorded_from
from holdshelf_tui.session.link import Link
from holdshelf_tui.session.zoom import LEVELS, View, day_start
from holdshelf_tui.text.time_format import DAY_NS, HOUR_NS, MINUTE_NS, NS, day

EASTERN = ZoneInfo("America/New_York")


def ns(year: int, month: int, date: int, *time: int) -> int:
    return int(datetime(year, month, date, *time, tzinfo=EASTERN).timestamp()) * NS


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
    found = ActivityMap(cast("Link", None))
    found._blocks = {("lobby", start, FINE_NS): _Block(answer, time.monotonic(), time.time_ns())}
    return found


def camera(**more: Any) -> CameraRow:
    """The lobby's camera, added and recording since the day before yesterday."""
    facts: dict[str, Any] = dict.fromkeys(CameraRow.__struct_fields__, 0)
    since = time.time_ns() - 2 * DAY_NS
    facts |= {"id": "lobby", "state": "recording", "oldest_utc_ns": since, "added_utc_ns": since - MINUTE_NS}
    return CameraRow(**{**facts, **more})


def test_at_the_live_edge_nothing_is_said_to_be_gone() -> None:
    """The newest file is in no journal yet, and the map is asked for once a minute."""
    now = time.time_ns()
    told = known(now // FINE_NS * FINE_NS)
    (block,) = told._blocks.values()
    block.asked_utc_ns = now - 50 * NS
    block.answer = msgspec.structs.replace(
        block.answer, recorded=[RecordedRow(now // FINE_NS * FINE_NS - HOUR_NS, now - 50 * NS)], missing=[], held=[]
    )
    before = now // FINE_NS * FINE_NS - FINE_NS
    told._blocks["lobby", before, FINE_NS] = _Block(
        msgspec.structs.replace(block.answer, start_utc_ns=before, end_utc_ns=before + FINE_NS),
        block.asked_s,
        block.asked_utc_ns,
    )
    told.know([camera()])
    for ago_s in (0, 5, 20, 49):
        assert told.words_at("lobby", now - ago_s * NS) == "being recorded now", ago_s
    assert told.words_at("lobby", now - 70 * NS) == "recorded"
    (column,) = told.columns("lobby", now - 30 * NS, now - 10 * NS, 1, fine=True)
    assert (column.recorded, column.known) == (True, True)
    assert told.recorded_within("lobby", now - 100 * NS, now)[1] == now
    told.know([camera(state="unreachable")])
    assert told.recorded_within("lobby", now - 100 * NS, now)[1] == now - 50 * NS
    assert told.words_at("lobby", now - 20 * NS) == ""
    assert not told.columns("lobby", now - 30 * NS, now - 10 * NS, 1, fine=True)[0].recorded


def test_before_the_camera_was_there_nothing_was_erased() -> None:
    start = (time.time_ns() - 3 * DAY_NS) // FINE_NS * FINE_NS
    told = known(start)
    (block,) = told._blocks.values()
    block.answer = msgspec.structs.replace(block.answer, recorded=[], missing=[], held=[])
    first = time.time_ns() - 2 * DAY_NS
    at = start + 60 * NS
    told.know([camera(oldest_utc_ns=first, added_utc_ns=first - NS)])
    assert told.words_at("lobby", at) == f"before this camera's first recording ({day(first).split(', ', 1)[1]})"
    told.know([camera(oldest_utc_ns=at + 5 * 3600 * NS, added_utc_ns=at + 3600 * NS)])
    words = told.words_at("lobby", at)
    assert words.startswith("before this camera's first recording (")
    assert len(f"▲ Wed, Nov 25, 12:48:10 pm · {words}") <= 80
    told.know([camera(oldest_utc_ns=first, added_utc_ns=1)])
    assert told.words_at("lobby", at) == "before this camera's first recording", "which may be gone by now"
    told.know([camera(oldest_utc_ns=None)])
    assert told.words_at("lobby", at) == "nothing is recorded of this camera yet"
    told.know([camera(oldest_utc_ns=start - DAY_NS)])
    assert told.words_at("lobby", at) == "not recorded"
    told.know([camera(oldest_utc_ns=first)], counted=False)
    assert told.words_at("lobby", at) == "not recorded"


class Answers:
    """A link that answers what is asked of it, and counts: two minutes recorded up to when it is asked."""

    def __init__(self) -> None:
        self.asked: list[ActivityAsk] = []

    async def act(self, ask: ActivityAsk) -> Activity:
        self.asked.append(ask)
        await asyncio.sleep(0)
        now, bucket_ns = time.time_ns(), (ask.end_utc_ns - ask.start_utc_ns) // ask.buckets
        assert bucket_ns * ask.buckets == ask.end_utc_ns - ask.start_utc_ns
        return Activity(
            camera=ask.camera,
            start_utc_ns=ask.start_utc_ns,
            end_utc_ns=ask.end_utc_ns,
            bucket_ns=bucket_ns,
            activity=bytes([min(255, len(self.asked))] * ask.buckets),
            recorded=[RecordedRow(now - 240 * NS, now)],
            missing=[MissingRow("gap", now - 300 * NS, now - 240 * NS, "camera unreachable")],
            held=[],
        )


async def test_what_stands_still_is_asked_once_and_of_what_goes_on_only_the_end() -> None:
    link = Answers()
    told = ActivityMap(cast("Link", link))
    now = time.time_ns()
    span = (now - 40 * 60 * NS, now + 20 * 60 * NS)
    both = await asyncio.gather(*(told.async_ensure("lobby", *span, fine=True) for _ in range(2)))
    assert sorted(both) == [False, True]
    assert len(link.asked) == 1, "one question for all blocks in sight, also when two ask for them"
    assert link.asked[0].end_utc_ns - link.asked[0].start_utc_ns >= 2 * FINE_NS
    for _ in range(10):
        assert not await told.async_ensure("lobby", *span, fine=True)
    for block in told._blocks.values():  # a minute later
        block.asked_s -= 61
    assert await told.async_ensure("lobby", *span, fine=True)
    (again,) = link.asked[1:]
    assert again.start_utc_ns >= now - 200 * NS, "only the end"
    last = told._blocks["lobby", now // FINE_NS * FINE_NS, FINE_NS].answer
    assert (len(last.activity), last.start_utc_ns) == (1800, now // FINE_NS * FINE_NS)
    assert {1, 2} >= set(last.activity)
    assert len(last.recorded) == 1, "what goes on is one stretch"
    told.forget()
    assert await told.async_ensure("lobby", *span, fine=True)
    assert link.asked[2].start_utc_ns == link.asked[0].start_utc_ns, "a hold may lie anywhere"


async def test_a_search_for_movement_is_one_question() -> None:
    for forward in (True, False):
        link = Answers()
        told = ActivityMap(cast("Link", link))
        at = time.time_ns() - (8 * DAY_NS if forward else 0)
        await told.async_onset("lobby", at, forward=forward)
        assert link.asked[0].buckets <= 12_000
        assert [ask.end_utc_ns - ask.start_utc_ns > DAY_NS for ask in link.asked].count(True) == 1
        assert len(link.asked) <= 1 + 8 * 48 / 6 + 1, "where all is alike each half-hour is looked into, some at a time"


def test_a_movement_that_begins_with_its_recording_is_found_where_that_begins() -> None:
    start = (time.time_ns() - DAY_NS) // FINE_NS * FINE_NS
    late = start + 600 * NS + 700_000_000
    block = Activity("lobby", start, start + FINE_NS, NS, b"", [RecordedRow(late, late + 60 * NS)], [], [])
    assert recorded_from(block, start + 600 * NS) == late
    assert recorded_from(block, start + 620 * NS) == start + 620 * NS
    assert recorded_from(block, start + 300 * NS) == start + 300 * NS, (
        "what was erased left behind when something moved"
    )


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
    assert onsets(block) == [200 * NS, 1500 * NS]
