"""Scene 10: the clocks fall back. Both 01:30s are there, neither has overwritten the other, and nobody is shown the wrong one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from holdshelf_core.holds.types import HoldAsk, HoldListAsk
from holdshelf_core.looks import types
from tests.looking import MINUTE_NS, NS, pixels
from tests.scenes.rig import Library, library
from tests.service import wait_for

CAMERA = "lobby"
# New York, 1 November 2026: 01:29 in summer time, and 01:29 (and ten seconds) once more an hour later.
SUMMER = int(datetime(2026, 11, 1, 5, 29, tzinfo=UTC).timestamp()) * NS
WINTER = int(datetime(2026, 11, 1, 6, 29, 10, tzinfo=UTC).timestamp()) * NS
HALF_PAST = (SUMMER + MINUTE_NS, SUMMER + 61 * MINUTE_NS)
"""01:30 -04:00 and 01:30 -05:00."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    made = library(tmp_path_factory.mktemp("autumn"), starts_utc_ns=(SUMMER, WINTER), cameras=(CAMERA,))
    yield made
    made.service.__exit__(None, None, None)


def test_scene_10_both_hours_are_on_disk_and_whole(house: Library) -> None:
    rows = house.service.segments(CAMERA)
    assert len(rows) == len({row.seq for row in rows}) == 24, "twelve files of each hour, each under its own number"
    starts = sorted(row.start_utc_ns for row in rows)
    assert all(later - earlier >= 20 * NS for earlier, later in itertools.pairwise(starts))
    assert len({file.name for file in house.service.files(CAMERA)}) == 24
    report = house.service.verify()
    assert report.problems == []


def test_scene_10_the_timeline_has_two_stretches_an_hour_apart(house: Library) -> None:
    asked = types.ActivityAsk(CAMERA, SUMMER - 30 * MINUTE_NS, WINTER + 30 * MINUTE_NS, 60)
    row = house.director.act(asked)
    recorded = [(r.start_utc_ns, r.end_utc_ns) for r in row.recorded]
    assert recorded == [
        (SUMMER, SUMMER + 2 * MINUTE_NS),
        (SUMMER + 3 * MINUTE_NS, SUMMER + 5 * MINUTE_NS),
        (WINTER, WINTER + 2 * MINUTE_NS),
        (WINTER + 3 * MINUTE_NS, WINTER + 5 * MINUTE_NS),
    ]
    told = house.desk("dora").run(
        "look", "activity", "--camera", CAMERA, "--from", "2026-11-01 00:30", "--to", "2026-11-01 02:30"
    )
    assert told.code == 0, told.err
    assert "2026-11-01 01:31:00-04:00" in told.out
    assert "2026-11-01 01:31:10-05:00" in told.out


def test_scene_10_a_still_of_each_half_past_one_shows_its_own(house: Library) -> None:
    asked = types.PurposeOpen([CAMERA], "crime", "26-1101", start_utc_ns=SUMMER, end_utc_ns=WINTER + 5 * MINUTE_NS)
    grant = house.director.act(asked)
    stills = [house.director.act(types.LookStill(grant.id, CAMERA, at + 5 * NS)) for at in HALF_PAST]
    for at, picture in zip(HALF_PAST, stills, strict=True):
        assert at + 4 * NS < picture.shown_utc_ns <= at + 5 * NS
    first, second = (pixels(picture.jpeg) for picture in stills)
    # The two hours were made to differ by half a clip, which gets brighter: what is shown tells which of them it is.
    assert float(second[20:200].mean()) - float(first[20:200].mean()) > 40
    legends = [picture[240:] for picture in (first, second)]
    assert legends[0].shape == legends[1].shape
    assert np.abs(legends[0].astype(int) - legends[1].astype(int)).max() > 100, (
        "the burned-in times differ: their offsets do"
    )
    at_night = house.desk("dora").run(
        *("look", "still", "--purpose", "crime", "--incident", "26-1101", "--camera", CAMERA),
        *("--at", "2026-11-01 1:30 am", "-o", "-"),
    )
    assert "twice" in at_night.refusal()


def held(house: Library) -> list[str]:
    return [row.id for row in house.director.act(HoldListAsk(True)).holds]


def place(house: Library, start: str, end: str) -> list[str]:
    return [
        *("hold", "place", "--ground", "investigation", "--reference", "26-1101", "--camera", CAMERA),
        *("--from", start, "--to", end),
    ]


@pytest.mark.parametrize("half_past", ["1:30 am", "01:30"])
def test_scene_10_half_past_one_alone_is_asked_about_and_nothing_is_held(house: Library, half_past: str) -> None:
    before = held(house)
    refusal = house.desk("dora").run(*place(house, f"2026-11-01 {half_past}", "2026-11-01 03:00")).refusal()
    assert "twice" in refusal
    assert "01:30-04:00" in refusal
    assert "01:30-05:00" in refusal
    assert held(house) == before


def test_scene_10_with_an_offset_each_hour_is_held_by_itself(house: Library) -> None:
    dora = house.desk("dora")
    covered = []
    for offset, at in zip(("-04:00", "-05:00"), HALF_PAST, strict=True):
        words = place(house, f"2026-11-01 01:30{offset}", f"2026-11-01 01:31{offset}")
        told = dora.run(*words)
        assert told.code == 0, told.err
        assert f"2026-11-01 01:30:00{offset} to 2026-11-01 01:31:00{offset}" in told.out
        row = dora.run("hold", "show", told.out.split(":")[0], "--json").json()
        assert [(s["start_utc_ns"], s["end_utc_ns"]) for s in row["spans"]] == [(at, at + MINUTE_NS)]
        assert [c["kind"] for c in row["coverage"]] == ["recorded"]
        covered.append(row["id"])
    shelf = Path(house.service.data) / "media" / "shelf"

    def names(hold: str) -> set[str]:
        return {file.name for file in (shelf / hold).rglob("*.mp4")}

    for hold in covered:  # a hold is answered before its footage lies there
        wait_for(f"{hold} on the shelf", lambda hold=hold: house.director.act(HoldAsk(hold)).shelved and names(hold))
    assert not names(covered[0]) & names(covered[1]), "no file is kept for both"
    asked = types.ActivityAsk(CAMERA, SUMMER, WINTER + 5 * MINUTE_NS, 10)
    row = house.director.act(asked)
    assert [(h.hold, h.start_utc_ns) for h in row.held] == list(zip(covered, HALF_PAST, strict=True))
