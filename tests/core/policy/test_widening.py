"""A purpose once granted (P2, P12): looked at inside freely, widened with one confirm, asked for anew when somebody wanders."""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from holdshelf_core.policy.instants import HOUR_NS, MINUTE_NS, Now
from holdshelf_core.policy.model import Board
from holdshelf_core.policy.widening import (
    ASK_AGAIN,
    CONFIRM,
    INSIDE,
    WANDERING_NS,
    Widening,
    break_glass_span,
    inside,
    wanders,
    widen,
)

AT = 1_780_000_000_000_000_000
BOARD = Board()


@dataclass(frozen=True)
class Grant:
    person: str = "p4"
    purpose: str = "crime"
    incident: str = "26-0417"
    cameras: tuple[str, ...] = ("c1",)
    start_utc_ns: int | None = AT - HOUR_NS
    end_utc_ns: int | None = AT
    opened_utc_ns: int = AT
    widenings: int = 0


def become(grant: Grant, said: Widening) -> Grant:
    return replace(
        grant,
        cameras=said.cameras,
        start_utc_ns=said.start_utc_ns,
        end_utc_ns=said.end_utc_ns,
        widenings=said.widenings,
    )


def test_p12_zooming_inside_never_asks() -> None:
    grant = Grant()
    assert widen(grant, ["c1"], AT - 2, AT - 1, BOARD).kind == INSIDE
    assert widen(grant, ["c1"], AT, AT, BOARD).kind == INSIDE
    assert widen(grant, [], AT - 1, AT - 1, BOARD).kind == INSIDE


def test_p12_a_minute_more_or_another_camera_takes_one_confirm() -> None:
    said = widen(Grant(), ["c1"], AT, AT + MINUTE_NS, BOARD)
    assert (said.kind, said.end_utc_ns, said.widenings, said.flag) == (CONFIRM, AT + MINUTE_NS, 1, False)
    said = widen(Grant(), ["c2"], AT - HOUR_NS, AT, BOARD)
    assert (said.kind, said.cameras) == (CONFIRM, ("c1", "c2"))
    assert said.sentence == "This widens the purpose to 2 cameras and 60 minutes."


def test_scene_16_a_designee_who_wanders_from_camera_to_camera_is_asked_again_and_flagged() -> None:
    grant, kinds = Grant(), []
    for camera in ("c2", "c3", "c4", "c5"):
        said = widen(grant, [camera], AT - HOUR_NS, AT, BOARD)
        kinds.append((said.kind, said.flag))
        grant = become(grant, said)
    assert kinds == [(CONFIRM, False)] * 3 + [(ASK_AGAIN, True)]
    assert grant.cameras == ("c1", "c2", "c3", "c4"), "what was asked again was not let in"


def test_scene_16_wandering_minute_by_minute_over_one_camera_is_asked_again_too() -> None:
    grant, kinds = Grant(), []
    for step in range(1, 5):
        said = widen(grant, ["c1"], AT, AT + step * MINUTE_NS, BOARD)
        kinds.append((said.kind, said.flag))
        grant = become(grant, said)
    assert kinds == [(CONFIRM, False)] * 3 + [(ASK_AGAIN, True)]


def test_scene_16_naming_the_same_purpose_again_and_again_is_the_same_wandering() -> None:
    others = [Grant(cameras=(f"c{number}",), opened_utc_ns=AT - number) for number in range(2, 6)]
    assert wanders(Grant(), ("c1",), others, BOARD)
    assert not wanders(Grant(), ("c1",), others[:3], BOARD)
    assert not wanders(Grant(incident="26-0500"), ("c1",), others, BOARD)
    assert not wanders(Grant(person="p5"), ("c1",), others, BOARD)
    assert not wanders(Grant(opened_utc_ns=AT + WANDERING_NS), ("c1",), others, BOARD)
    said = widen(Grant(), ["c9"], AT - HOUR_NS, AT, BOARD, others[:3])
    assert (said.kind, said.flag) == (CONFIRM, True)


def test_p2_one_purpose_spans_a_day_at_most() -> None:
    said = widen(Grant(), ["c1"], AT - 24 * HOUR_NS, AT, BOARD)
    assert said.kind == CONFIRM
    said = widen(Grant(), ["c1"], AT - 24 * HOUR_NS - 1, AT, BOARD)
    assert (said.kind, said.flag) == (ASK_AGAIN, False)


def test_live_is_no_archive_and_archive_no_live() -> None:
    live = Grant(start_utc_ns=None, end_utc_ns=None)
    assert inside(live, ["c1"], None, None)
    assert not inside(live, ["c1"], AT, AT)
    assert not inside(live, ["c1"], AT, None)
    assert widen(live, ["c2"], None, None, BOARD).sentence == "This widens the purpose to 2 cameras, live."


def test_p9_imminent_danger_opens_minutes_and_counts_them_from_the_earlier_clock() -> None:
    start, end = break_glass_span(msgspec.structs.replace(BOARD, break_glass_minutes=10), Now(AT, AT + HOUR_NS))
    assert (start, end) == (AT - 10 * MINUTE_NS, AT + 10 * MINUTE_NS)


cameras = st.sets(st.sampled_from([f"c{n}" for n in range(8)]), min_size=1, max_size=5)
moments = st.integers(min_value=AT - 40 * HOUR_NS, max_value=AT + HOUR_NS)


@given(st.lists(st.tuples(cameras, moments, moments), max_size=12), st.integers(1, 6), st.integers(1, 6))
def test_p12_no_sequence_of_confirms_goes_beyond_what_the_board_allows(
    looks: list[tuple[set[str], int, int]], most: int, widenings: int
) -> None:
    board = msgspec.structs.replace(BOARD, cameras_per_purpose=most, widenings_before_flag=widenings)
    grant, flagged = Grant(), False
    for asked, one, other in looks:
        said = widen(grant, sorted(asked), min(one, other), max(one, other), board)
        after = become(grant, said)
        if said.kind == INSIDE:
            assert after == grant
            assert asked <= set(grant.cameras)
        elif said.kind == CONFIRM:
            assert asked <= set(after.cameras)
            assert after.widenings == grant.widenings + 1
            assert inside(after, asked, min(one, other), max(one, other))
        else:
            assert after == grant
            assert said.sentence
        flagged |= said.flag
        grant = after
    assert len(grant.cameras) <= max(most, 1)
    assert grant.widenings <= widenings
    assert grant.end_utc_ns is not None and grant.start_utc_ns is not None
    assert grant.end_utc_ns - grant.start_utc_ns <= 24 * HOUR_NS
