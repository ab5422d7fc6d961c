"""What the report says of a camera's time, against the same time counted second by second from what was laid down."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from holdshelf_core.reports.camera_rows import active, camera_rows
from holdshelf_core.reports.days_kept import days_kept
from holdshelf_core.reports.quarters import Quarter, day_at
from holdshelf_core.reports.uptime import Uptime, uptime
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.layout import day_of, segment_name
from holdshelf_storage.ledger import gone_days
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.ledger.lines import Intent, IntentDay
from holdshelf_storage.volume.journal import Gap, GapEnd, Line, Segment
from holdshelf_storage.volume.volume import Volume, init_volume

NS = 10**9
DAY_NS = 86_400 * NS
FILE_S = 300
CAMERA = "front"
QUARTER = Quarter(2026, 4, ZoneInfo("America/New_York"))
REASONS = ("camera unreachable", "auth refused", "service stopped", "reconnected", "clock stepped")
AUTUMN_NS = int(datetime(2026, 11, 1, 4, tzinfo=UTC).timestamp()) * NS
"""Midnight before the night in which an hour comes twice."""


@dataclass
class Disk:
    """A volume whose journals are written as the recorder writes them."""

    volume: Volume
    footage: Footage
    ledger: Ledger
    seq: int = 0
    told: list[tuple[str, int, int, str]] = field(default_factory=list)
    """(recorded | gap | nothing, start, end in whole seconds, reason) as it was laid down."""
    lines: dict[str, list[Line]] = field(default_factory=dict)
    """By day, not on disk yet."""

    def recorded(self, start: int, end: int) -> None:
        for begin in range(start, end, FILE_S):
            self.seq += 1
            at, lasts = begin * NS, (min(begin + FILE_S, end) - begin) * NS
            line = Segment(
                seq=self.seq, name=segment_name(self.seq, at), start_utc_ns=at, duration_ns=lasts, run="r", boot="b",
                start_boot_ns=at, bytes=9, allocated_bytes=4096, sha256=None, codec="h264", width=64, height=48, frames=9,
            )  # fmt: skip
            self.lines.setdefault(day_of(at), []).append(line)
        self.told.append(("recorded", start, end, ""))

    def gap(self, start: int, end: int, reason: str) -> None:
        self.seq += 1
        gap = Gap(gap=self.seq, start_utc_ns=start * NS, start_boot_ns=start * NS, boot="b", reason=reason)
        ended = GapEnd(gap=self.seq, end_utc_ns=end * NS, elapsed_ns=(end - start) * NS, reason=reason)
        self.lines.setdefault(day_of(start * NS), []).extend((gap, ended))
        self.told.append(("gap", start, end, reason))

    def write(self) -> None:
        """Each day with one sync."""
        for day, lines in sorted(self.lines.items()):
            self.footage.folders.append(CAMERA, day, *lines)
        self.lines.clear()

    def nothing(self, start: int, end: int) -> None:
        self.told.append(("nothing", start, end, ""))


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    monkeypatch.setattr("holdshelf_storage.volume.reserve.RESERVE_BYTES", 16 * 1024)
    init_volume(tmp_path / "state", tmp_path / "media", 0)
    volume = Volume.attach(tmp_path / "state", tmp_path / "media")
    ledger = Ledger(volume)
    yield Disk(volume, Footage(volume, ledger), ledger)
    volume.detach()


def lay_down(disk: Disk, start: int, end: int, seed: int) -> None:
    """Stretches at random, one behind the other, in whole seconds."""
    chance, at = random.Random(seed), start
    while at < end:
        until = min(end, at + chance.choice((1, 59, 600, 7_000, 40_000, 100_000)))
        kind = chance.choice(("recorded", "recorded", "recorded", "gap", "gap", "nothing"))
        if kind == "recorded":
            disk.recorded(at, until)
        elif kind == "gap":
            disk.gap(at, until, chance.choice(REASONS))
        else:
            disk.nothing(at, until + 2)  # less than a second without a word is a seam between files
            until = min(end, until + 2)
        at = until


def told_again(disk: Disk, spans: list[tuple[int, int]], midnights: list[int]) -> tuple[Counter[str], Counter[int]]:
    """Every second by itself: (seconds by what it was, seconds recorded by local day)."""
    by_kind: Counter[str] = Counter()
    by_day: Counter[int] = Counter()
    days = np.array(midnights) // NS
    for kind, start, end, reason in disk.told:
        seconds = np.arange(start, end)
        inside = np.zeros(len(seconds), dtype=bool)
        for begin, until in spans:
            inside |= (seconds >= begin // NS) & (seconds < until // NS)
        by_kind[reason or kind] += int(inside.sum())
        if kind == "recorded":
            for day, count in zip(
                *np.unique(np.searchsorted(days, seconds[inside], side="right") - 1, return_counts=True), strict=True
            ):
                by_day[int(day)] += int(count)
    return by_kind, by_day


def asked(disk: Disk, spans: list[tuple[int, int]], midnights: list[int], now: int) -> Uptime:
    disk.write()
    return uptime(disk.footage, disk.ledger, CAMERA, spans, midnights, now, keep="service stopped")


@pytest.mark.parametrize("seed", range(3))
def test_p10_each_second_is_recorded_or_in_a_gap_or_said_to_be_unknown(disk: Disk, seed: int) -> None:
    """Over the autumn night, from the middle of a day to the middle of another, before and after days have gone."""
    start, end = (AUTUMN_NS - 12 * DAY_NS) // NS + 31_000, (AUTUMN_NS + 9 * DAY_NS) // NS + 7_777
    lay_down(disk, start, end, seed)
    midnights = QUARTER.midnights()
    spans = [((start + 500) * NS, (start + 400_000) * NS), ((start + 600_000) * NS, (end - 100) * NS)]
    by_kind, by_day = told_again(disk, spans, midnights)

    def check() -> None:
        found = asked(disk, spans, midnights, end * NS)
        assert found.elapsed // NS == sum(until - begin for begin, until in spans) // NS
        assert found.recorded // NS == by_kind["recorded"]
        assert {reason: ns // NS for reason, ns in found.gaps.items()} == {r: by_kind[r] for r in REASONS if by_kind[r]}
        assert found.untold // NS == by_kind["nothing"]
        assert {index: day.recorded // NS for index, day in found.days.items() if day.recorded} == dict(by_day)
        assert sum(e - s for s, e in found.kept) // NS == by_kind["service stopped"]

    check()
    elapsed = asked(disk, spans, midnights, end * NS).days[day_at(midnights, AUTUMN_NS)].elapsed
    assert elapsed == 25 * 3600 * NS, "the day on which the clocks fall back has 25 hours"
    gone = disk.ledger.finish_days([CAMERA], end * NS)
    assert len(gone) > 10
    check()


def test_a_time_that_was_lived_twice_counts_once(disk: Disk) -> None:
    """The clock was set back by ten minutes: what was recorded before and after lies at the same times."""
    at = AUTUMN_NS // NS
    disk.recorded(at, at + 1200)
    disk.gap(at + 1200, at + 600, "clock stepped")
    disk.recorded(at + 600, at + 1800)
    found = asked(disk, [(at * NS, (at + 2400) * NS)], QUARTER.midnights(), (at + 2400) * NS)
    assert (found.recorded // NS, found.untold // NS, found.gaps) == (1800, 600, {})


def test_gaps_that_overlap_are_told_once_by_the_first(disk: Disk) -> None:
    at = AUTUMN_NS // NS
    disk.gap(at, at + 600, "auth refused")
    disk.gap(at + 300, at + 900, "service stopped")
    found = asked(disk, [(at * NS, (at + 1000) * NS)], QUARTER.midnights(), (at + 1000) * NS)
    assert {reason: ns // NS for reason, ns in found.gaps.items()} == {"auth refused": 600, "service stopped": 300}
    assert found.untold // NS == 100


def test_a_camera_that_came_and_went_is_judged_by_the_time_it_was_there() -> None:
    def spans(events: list[tuple[str, int]], added: int | None) -> list[tuple[int, int]]:
        return active([(act, at, 0) for act, at in events], added, 100, 200)

    assert spans([], 20) == [(100, 200)]
    assert spans([], 150) == [(150, 200)]
    assert spans([("camera.add", 120)], 120) == [(120, 200)]
    assert spans([("camera.add", 20), ("camera.remove", 150)], None) == [(100, 150)]
    assert spans([("camera.remove", 150)], None) == [(100, 150)], "when it came, no log tells any more"
    assert spans([("camera.add", 20), ("camera.retire", 130), ("camera.add", 170)], 170) == [(100, 130), (170, 200)]
    assert spans([("camera.add", 20), ("camera.remove", 90)], None) == []
    assert spans([("camera.add", 220)], 220) == []


def test_p15_days_kept_are_told_by_what_was_erased_and_when(disk: Disk) -> None:
    start, midnights = QUARTER.start_utc_ns, QUARTER.midnights()
    until = midnights[-1]
    kept = {}
    for day, days in ((-20, 29.0), (3, 30.0), (40, 28.5), (60, 31.25)):
        at = start + day * DAY_NS
        kept[day] = days
        part = IntentDay(CAMERA, day_of(at), [1], at - int((days + 1) * DAY_NS), at - int(days * DAY_NS), 4096)
        disk.ledger._append(at, Intent(id=f"i{day}", at_utc_ns=at, reason="budget", days=[part]))
    # Footage of a hold that was lifted goes late, and says nothing of how far back the rest reaches.
    late = IntentDay(CAMERA, "2026-01-01", [2], start - 300 * DAY_NS, start - 299 * DAY_NS, 4096)
    disk.ledger._append(
        start + 70 * DAY_NS, Intent(id="late", at_utc_ns=start + 70 * DAY_NS, reason="budget", days=[late])
    )
    found = days_kept(disk.ledger, QUARTER, until, lambda: False)[CAMERA]
    assert found.least_ns is not None
    assert found.least_ns / DAY_NS == 28.5
    assert (until - found.reached) / DAY_NS == pytest.approx(32 + 31.25 + 1 / 24)
    disk.recorded(start // NS, start // NS + 60)
    disk.write()
    (row,), _, caveats = camera_rows(
        disk.footage, disk.ledger, QUARTER, until, {CAMERA: start}, {}, lambda _c, _s: "Front door", lambda: False
    )
    assert (row.least_days, row.name, caveats) == (28.5, "Front door", [])


def test_a_camera_of_which_nothing_was_erased_keeps_all_it_has(disk: Disk) -> None:
    start = QUARTER.start_utc_ns // NS
    disk.recorded(start, start + 2 * FILE_S)
    disk.write()
    for name in (segment_name(1, start * NS), segment_name(2, (start + FILE_S) * NS)):
        (Path(disk.volume.media) / "footage" / CAMERA / day_of(start * NS) / name).write_bytes(b"x")
    now = (start + 10 * 86_400) * NS
    (row,), _, _ = camera_rows(
        disk.footage, disk.ledger, QUARTER, now, {CAMERA: 0}, {}, lambda _c, _s: "", lambda: False
    )
    assert (row.kept_days, row.least_days) == (10.0, None)


def test_without_the_media_disk_the_report_says_so() -> None:
    rows, down, caveats = camera_rows(
        None, None, QUARTER, QUARTER.end_utc_ns, {CAMERA: 0}, {}, lambda _c, _s: "Front door", lambda: False
    )
    assert [(row.name, row.elapsed_s) for row in rows] == [("Front door", 0)]
    assert down == []
    assert "could not be counted" in caveats[0]


def test_each_journal_is_read_at_most_twice_however_long_the_quarter(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scale as a count: six weeks of a camera: once for its own week, and once where a week begins."""
    midnights = QUARTER.midnights()
    for day in range(43):
        at = midnights[day] // NS + 40_000
        disk.recorded(at, at + 60)
    disk.write()
    read: Counter[str] = Counter()
    real = disk.footage.folders.read_journal

    def counted(camera: str, day: str) -> bytes:
        read[day] += 1
        return real(camera, day)

    monkeypatch.setattr(disk.footage.folders, "read_journal", counted)
    months: Counter[str] = Counter()
    real_month = gone_days.read_month

    def counted_month(path: Path, tail_bytes: int) -> bytes:
        months[path.name] += 1
        return real_month(path, tail_bytes)

    monkeypatch.setattr(gone_days, "read_month", counted_month)
    at = midnights[20]
    disk.ledger._append(at, Intent(id="i", at_utc_ns=at, reason="budget", days=[]))
    found = asked(disk, [(midnights[0], midnights[43])], midnights, midnights[43])
    assert months.total() == 1, "a month that has not grown is not read again each week"
    assert found.recorded // NS == 43 * 60
    assert len(read) == 43
    assert max(read.values()) <= 2
    assert read.total() <= 43 * 1.4
