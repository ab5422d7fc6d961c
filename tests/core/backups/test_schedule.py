"""When a backup is due, and which ones are kept: 7 days, 5 weeks, 12 months, and never without the newest."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from holdshelf_core.backups import schedule
from holdshelf_core.times import DAY_NS, HOUR_NS, NS

NOW = 1_795_615_200 * NS
moments = st.integers(NOW - 1000 * DAY_NS, NOW + 400 * DAY_NS)
EASTERN = ZoneInfo("America/New_York")


@given(st.sets(moments, max_size=80))
def test_the_newest_is_kept_and_no_more_than_the_periods_need(made: set[int]) -> None:
    kept = schedule.to_keep(made, NOW)
    past = {one for one in made if one <= NOW}
    assert kept <= made
    assert made - past <= kept, "one of a future that a clock invented pushes none out, and is not lost"
    assert len(kept & past) <= 7 + 5 + 12
    assert not past or max(past) in kept


@given(st.sets(moments, max_size=80))
def test_keeping_again_changes_nothing(made: set[int]) -> None:
    kept = schedule.to_keep(made, NOW)
    assert schedule.to_keep(kept, NOW) == kept


@given(st.lists(st.integers(0, 900), min_size=1, max_size=300, unique=True), st.integers(0, 23))
def test_deleting_each_day_comes_to_the_same_as_deleting_once(days: list[int], hour: int) -> None:
    """What is deleted today is not what next month's backup is to be chosen from."""
    left: set[int] = set()
    made = sorted(NOW - 900 * DAY_NS + day * DAY_NS + hour * HOUR_NS for day in days)
    for one in made:
        left = schedule.to_keep({*left, one}, one)
    assert left == schedule.to_keep(made, made[-1])


def test_after_two_years_of_days_there_are_days_weeks_and_months() -> None:
    left: set[int] = set()
    for day in range(730):
        left = schedule.to_keep({*left, NOW + day * DAY_NS}, NOW + day * DAY_NS)
    ages = sorted((NOW + 729 * DAY_NS - one) // DAY_NS for one in left)
    assert ages[:7] == [0, 1, 2, 3, 4, 5, 6]
    assert 300 < ages[-1] < 370, "a year back"
    assert 7 + 3 + 9 <= len(ages) <= 24


@given(st.integers(NOW - 800 * DAY_NS, NOW), st.sampled_from(["00:00", "01:30", "02:30", "23:59"]))
def test_it_is_due_once_a_day_also_when_clocks_change(now_utc_ns: int, at: str) -> None:
    newest, following = (
        schedule.newest_due_utc_ns(now_utc_ns, at, EASTERN),
        schedule.next_due_utc_ns(now_utc_ns, at, EASTERN),
    )
    assert newest <= now_utc_ns < following
    assert 22 * HOUR_NS <= following - newest <= 26 * HOUR_NS
    assert schedule.is_due([], now_utc_ns, at, EASTERN)
    assert schedule.is_due([newest - 1], now_utc_ns, at, EASTERN)
    assert not schedule.is_due([now_utc_ns], now_utc_ns, at, EASTERN)
    assert schedule.is_due([now_utc_ns + DAY_NS], now_utc_ns, at, EASTERN), "a clock that was ahead ends no backups"


def test_tries_come_ever_later_and_never_end() -> None:
    waits = [schedule.again_s(tries) for tries in range(1, 2000)]
    assert waits[:3] == [300, 600, 1200] and max(waits) == waits[-1] == 6 * 3600


@given(moments)
def test_a_name_is_known_again_and_another_recorders_is_not(made_utc_ns: int) -> None:
    name = schedule.file_name("0badcafe", made_utc_ns)
    assert datetime.fromtimestamp(made_utc_ns // NS, UTC).strftime("%Y%m%dT%H%M%SZ") in name
    assert schedule.is_ours(name, "0badcafe") and not schedule.is_ours(name, "0badcaff")
    assert schedule.is_our_part(schedule.part_name(name), "0badcafe")
    assert not schedule.is_our_part(name, "0badcafe") and not schedule.is_ours(schedule.part_name(name), "0badcafe")
    assert not schedule.is_ours(schedule.marker_name("0badcafe"), "0badcafe")


def test_what_people_leave_there_is_none_of_ours() -> None:
    for name in (
        "holdshelf-2026-11-28-023000.tar",
        "holdshelf-0badcafe-20261128T023000Z.tar.bak",
        "",
        ".part",
        "..part",
    ):
        assert not schedule.is_ours(name, "0badcafe") and not schedule.is_our_part(name, "0badcafe")
