"""What is told of a camera's days, against what was laid down: recorded, recovered, in gaps, erased, missing, today so far."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from holdshelf_core.reports.camera_rows import camera_rows
from holdshelf_core.reports.coverage import Coverage, coverage_rows, day_row
from holdshelf_core.reports.report_types import DayRow
from holdshelf_core.reports.types import CoverageDay, LostTime
from holdshelf_core.reports.uptime import Day
from holdshelf_core.times import HOUR_NS
from holdshelf_storage.layout import day_of
from holdshelf_storage.ledger.lines import Intent, IntentDay
from holdshelf_storage.volume.journal import FromCamera, Segment
from tests.core.reports.test_uptime import AUTUMN_NS, CAMERA, FILE_S, NS, QUARTER, Disk, disk

__all__ = ["disk"]
MIDNIGHT_S = AUTUMN_NS // NS
"""Of Nov 1, which has 25 hours."""
HOUR_S = 3600


def days(disk: Disk, now_s: int, back: int = 3, added_s: int = 0) -> list[CoverageDay]:
    disk.write()
    opened = cast(Any, SimpleNamespace(footage=disk.footage, ledger=disk.ledger))
    cameras = [(CAMERA, "Front door", added_s * NS)]
    (row,) = coverage_rows(opened, cameras, back, now_s * NS, QUARTER.zone)
    return row.days


def lay_files(disk: Disk) -> None:
    """Every file that the journals name, as far as it lies in its day."""
    for day, lines in disk.lines.items():
        folder = Path(disk.volume.media) / "footage" / CAMERA / day
        folder.mkdir(parents=True, exist_ok=True)
        for line in lines:
            if hasattr(line, "name"):
                (folder / line.name).write_bytes(b"x")


def test_each_day_is_told_by_what_there_is_of_it_up_to_now(disk: Disk) -> None:
    disk.recorded(MIDNIGHT_S - 12 * HOUR_S, MIDNIGHT_S + 20 * HOUR_S)
    disk.gap(MIDNIGHT_S + 20 * HOUR_S, MIDNIGHT_S + 22 * HOUR_S, "camera unreachable")
    disk.recorded(MIDNIGHT_S + 22 * HOUR_S, MIDNIGHT_S + 26 * HOUR_S)
    lay_files(disk)
    before, autumn, today = days(disk, MIDNIGHT_S + 26 * HOUR_S, back=2, added_s=MIDNIGHT_S - 12 * HOUR_S)
    assert (before.day, before.percent, before.elapsed_s) == ("2026-10-31", 100.0, 12 * HOUR_S)
    assert (autumn.day, autumn.percent, autumn.elapsed_s) == ("2026-11-01", 92.0, 25 * HOUR_S)
    assert autumn.gaps == [LostTime("camera unreachable", 2 * HOUR_S)]
    assert (today.day, today.percent, today.elapsed_s) == ("2026-11-02", 100.0, HOUR_S)
    assert (today.erased_s, today.missing_s, today.untold_s) == (0, 0, 0)


def test_p10_the_report_lists_the_days_that_are_not_whole_and_counts_the_others(disk: Disk) -> None:
    """Of Nov 1 two hours are missing; Nov 2 is whole; of Nov 3 one hour is, and one was recovered later."""
    third = MIDNIGHT_S + 49 * HOUR_S
    disk.recorded(MIDNIGHT_S, MIDNIGHT_S + 20 * HOUR_S)
    disk.gap(MIDNIGHT_S + 20 * HOUR_S, MIDNIGHT_S + 22 * HOUR_S, "camera unreachable")
    disk.recorded(MIDNIGHT_S + 22 * HOUR_S, third)
    disk.gap(third, third + 2 * HOUR_S, "camera unreachable")
    known = {one.name for lines in disk.lines.values() for one in lines if isinstance(one, Segment)}
    disk.recorded(third + HOUR_S, third + 2 * HOUR_S)
    of = FromCamera(gap=1, fetched_utc_ns=0, start_utc_ns=0, offset_ns=0)
    for lines in disk.lines.values():
        lines[:] = [
            msgspec.structs.replace(one, from_camera=of) if isinstance(one, Segment) and one.name not in known else one
            for one in lines
        ]
    disk.recorded(third + 2 * HOUR_S, third + 24 * HOUR_S)
    lay_files(disk)
    covered = days(disk, third + 24 * HOUR_S, back=3, added_s=MIDNIGHT_S)
    (row,), _, _ = camera_rows(
        disk.footage, disk.ledger, QUARTER, (third + 24 * HOUR_S) * NS, {CAMERA: MIDNIGHT_S * NS}, {},
        lambda _camera, _seq: "Front door", lambda: False,
    )  # fmt: skip
    assert row.short_days == (
        DayRow("2026-11-01", 23 * HOUR_S, 25 * HOUR_S),
        DayRow("2026-11-03", 23 * HOUR_S, 24 * HOUR_S, HOUR_S),
    )
    assert row.whole_days == 1
    assert row.worst == tuple(sorted(row.short_days, key=lambda day: day.recorded_s / day.elapsed_s))
    short = [one for one in covered if one.percent is not None and one.percent < 99.9]
    assert [(one.day, one.recorded_s + one.recovered_s, one.recovered_s, one.elapsed_s) for one in short] == [
        (one.day, one.recorded_s, one.recovered_s, one.elapsed_s) for one in row.short_days
    ]


def test_what_was_recovered_from_the_camera_counts_apart_also_when_its_day_has_gone(disk: Disk) -> None:
    disk.gap(MIDNIGHT_S, MIDNIGHT_S + 2 * HOUR_S, "camera unreachable")
    disk.recorded(MIDNIGHT_S + HOUR_S, MIDNIGHT_S + 2 * HOUR_S)
    of = FromCamera(gap=1, fetched_utc_ns=0, start_utc_ns=0, offset_ns=0)
    lines = disk.lines[day_of(AUTUMN_NS)]
    lines[:] = [msgspec.structs.replace(one, from_camera=of) if isinstance(one, Segment) else one for one in lines]
    disk.recorded(MIDNIGHT_S + 2 * HOUR_S, MIDNIGHT_S + 4 * HOUR_S)
    disk.recorded(MIDNIGHT_S + 30 * HOUR_S, MIDNIGHT_S + 31 * HOUR_S)
    lay_files(disk)

    def check(erased_s: int, missing_s: int) -> None:
        (told, _) = days(disk, MIDNIGHT_S + 31 * HOUR_S, back=1, added_s=MIDNIGHT_S)
        assert (told.recorded_s, told.recovered_s, told.untold_s) == (2 * HOUR_S, HOUR_S, 21 * HOUR_S)
        assert (told.erased_s, told.missing_s) == (erased_s, missing_s)
        assert told.gaps == [LostTime("camera unreachable", HOUR_S)]

    check(0, 0)
    files = sorted((Path(disk.volume.media) / "footage" / CAMERA / day_of(AUTUMN_NS)).glob("*.mp4"))
    numbers = list(range(2, 2 + len(files)))
    part = IntentDay(CAMERA, day_of(AUTUMN_NS), numbers, AUTUMN_NS, AUTUMN_NS + 4 * HOUR_S * NS, 4096)
    disk.ledger._append(AUTUMN_NS, Intent(id="i", at_utc_ns=AUTUMN_NS, reason="budget", days=[part]))
    for file in files:
        file.unlink()
    check(3 * HOUR_S, 0)
    assert disk.ledger.finish_days([CAMERA], AUTUMN_NS) == [(CAMERA, day_of(AUTUMN_NS))]
    check(3 * HOUR_S, 0)


def test_a_day_before_the_camera_came_has_no_percent_and_time_without_a_word_counts_against_it(disk: Disk) -> None:
    disk.recorded(MIDNIGHT_S, MIDNIGHT_S + HOUR_S)
    lay_files(disk)
    before, autumn = days(disk, MIDNIGHT_S + 2 * HOUR_S, back=1, added_s=MIDNIGHT_S)
    assert (before.percent, before.elapsed_s) == (None, 0)
    assert (autumn.percent, autumn.untold_s) == (50.0, HOUR_S)


def test_what_was_erased_on_schedule_had_its_time_and_what_is_missing_did_not(disk: Disk) -> None:
    disk.recorded(MIDNIGHT_S, MIDNIGHT_S + 4 * FILE_S)
    lay_files(disk)
    day = day_of(AUTUMN_NS)
    part = IntentDay(CAMERA, day, [1], AUTUMN_NS, AUTUMN_NS + FILE_S * NS, 4096)
    disk.ledger._append(AUTUMN_NS, Intent(id="i", at_utc_ns=AUTUMN_NS, reason="budget", days=[part]))
    disk.write()
    names = sorted((Path(disk.volume.media) / "footage" / CAMERA / day).glob("*.mp4"))
    names[0].unlink()
    names[1].unlink()
    (told,) = days(disk, MIDNIGHT_S + 4 * FILE_S, back=0, added_s=MIDNIGHT_S)
    assert (told.recorded_s, told.erased_s, told.missing_s) == (4 * FILE_S, FILE_S, FILE_S)
    assert told.percent == 75.0


async def test_yesterday_is_counted_when_a_day_has_begun_and_anew_each_hour(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdshelf_core.reports.coverage.get_localzone", lambda: QUARTER.zone)
    disk.recorded(MIDNIGHT_S, MIDNIGHT_S + 20 * HOUR_S)
    lay_files(disk)
    disk.write()
    now = SimpleNamespace(utc_ns=(MIDNIGHT_S + 26 * HOUR_S) * NS, boot_ns=0)
    clock = SimpleNamespace(utc_ns=lambda: now.utc_ns, boot_ns=lambda: now.boot_ns)
    entry = SimpleNamespace(entry_id=CAMERA, title="Front door", added_utc_ns=0)
    opened = SimpleNamespace(footage=disk.footage, ledger=disk.ledger)
    coverage = Coverage(
        cast(Any, SimpleNamespace(clock=clock, stop_threads=threading.Event())),
        cast(Any, SimpleNamespace(async_all=lambda: [entry])),
        cast(Any, SimpleNamespace(opened=opened, problem="")),
    )
    assert coverage.yesterday() == {}
    assert await coverage.async_count_yesterday() == "2026-11-01: 80% or more of each camera"
    assert coverage.yesterday() == {CAMERA: 80.0}
    disk.recorded(MIDNIGHT_S + 20 * HOUR_S, MIDNIGHT_S + 25 * HOUR_S)
    lay_files(disk)
    disk.write()
    assert await coverage.async_count_yesterday() == "2026-11-01 is counted"
    now.boot_ns += HOUR_NS
    await coverage.async_count_yesterday()
    assert coverage.yesterday() == {CAMERA: 100.0}, "a gap was filled later"
    now.utc_ns += 86_400 * NS
    assert coverage.yesterday() == {}, "that day is not yesterday any more"


@pytest.mark.parametrize(
    ("day", "percent"),
    [
        (Day(elapsed=86_400 * NS, recorded=86_400 * NS - NS // 2), 100.0),
        (Day(elapsed=86_400 * NS, recorded=86_399 * NS), 99.99),
        (Day(elapsed=86_400 * NS, recorded=86_400 * NS, missing=NS), 99.99),
        (Day(elapsed=86_400 * NS, recorded=43_200 * NS, recovered=43_200 * NS), 50.0),
        (Day(elapsed=NS // 2), None),
    ],
)
def test_a_hundred_percent_lacks_less_than_a_second(day: Day, percent: float | None) -> None:
    row = day_row("2026-11-01", day)
    assert row.percent == percent
    parts = row.recorded_s + row.recovered_s + sum(gap.seconds for gap in row.gaps) + row.untold_s
    assert parts == pytest.approx(row.elapsed_s, abs=0.01)
