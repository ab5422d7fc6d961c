"""A purpose once granted (P2, P9, P12): how it widens, when widening is wandering, and what ends by itself."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdshelf_core.policy.model import Board
from holdshelf_core.policy.widening import (
    break_glass_span,
    default_span,
    live_ends_ns,
    wanders,
    widened,
    widenings_so_far,
)
from holdshelf_core.times import HOUR_NS, MINUTE_NS

AT = 1_780_000_000_000_000_000
BOARD = Board()


@dataclass(frozen=True)
class Grant:
    purpose: str = "crime"
    incident: str = "26-0417"
    cameras: tuple[str, ...] = ("c1",)
    start_utc_ns: int | None = AT - HOUR_NS
    end_utc_ns: int | None = AT
    widenings: int = 0


def test_p2_a_look_at_one_time_opens_a_quarter_of_an_hour_on_either_side() -> None:
    assert default_span(AT) == (AT - 15 * MINUTE_NS, AT + 15 * MINUTE_NS)


def test_p12_what_lies_inside_widens_nothing_and_a_minute_or_a_camera_more_does() -> None:
    grant = Grant()
    same = (grant.cameras, grant.start_utc_ns, grant.end_utc_ns)
    assert widened(grant, ["c1"], AT - 2, AT - 1) == same
    assert widened(grant, [], None, None) == same
    assert widened(grant, ["c1"], None, AT + MINUTE_NS) == (("c1",), AT - HOUR_NS, AT + MINUTE_NS)
    assert widened(grant, ["c2"], None, None)[0] == ("c1", "c2")


def test_scene_16_opening_the_same_purpose_again_for_other_cameras_is_the_same_wandering() -> None:
    others = [Grant(cameras=("c2",)), Grant(cameras=("c3",), widenings=1), Grant(cameras=("c4",), widenings=2)]
    assert widenings_so_far(Grant(), others) == 3
    assert widenings_so_far(Grant(), []) == 0
    assert widenings_so_far(Grant(cameras=("c4",)), others[2:]) == 0, "the same camera again is no widening"
    assert widenings_so_far(Grant(incident="26-0500"), others) == 0
    assert widenings_so_far(Grant(purpose="safety"), others) == 0


@pytest.mark.parametrize(
    ("widenings", "flagged"), [(0, False), (1, False), (2, False), (3, True), (4, False), (6, True)]
)
def test_scene_16_each_time_that_the_boards_number_of_widenings_has_come_it_is_flagged(
    widenings: int, flagged: bool
) -> None:
    assert wanders(widenings, msgspec.structs.replace(BOARD, widenings_before_flag=3)) is flagged


def test_p9_imminent_danger_opens_the_last_minutes_as_recordings_name_them_and_ends() -> None:
    board = msgspec.structs.replace(BOARD, break_glass_minutes=10)
    assert break_glass_span(board, AT) == (AT - 10 * MINUTE_NS, AT + 10 * MINUTE_NS)


def test_p9_live_ends_after_the_boards_minutes() -> None:
    assert live_ends_ns(msgspec.structs.replace(BOARD, live_minutes=3), AT) == AT + 3 * MINUTE_NS


cameras = st.sets(st.sampled_from([f"c{n}" for n in range(8)]), max_size=5)
moments = st.one_of(st.none(), st.integers(min_value=AT - 40 * HOUR_NS, max_value=AT + HOUR_NS))


@given(cameras, moments, moments)
def test_p12_widening_loses_nothing_and_adds_what_was_asked(
    asked: set[str], start: int | None, end: int | None
) -> None:
    grant = Grant()
    every, starts, ends = widened(grant, sorted(asked), start, end)
    assert set(every) == {*grant.cameras, *asked}
    assert starts is not None and ends is not None
    assert starts <= AT - HOUR_NS and ends >= AT
    assert start is None or starts <= start
    assert end is None or ends >= end
