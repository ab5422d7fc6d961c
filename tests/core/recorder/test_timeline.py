"""Runs: a stream's own time stamps become UTC, and a run ends only when one of the clocks was truly moved."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdshelf_core.recorder.worker.backoff import (
    BACKOFF_CAP_S,
    BACKOFF_FIRST_S,
    LONGEST_S,
    REFUSED_CAP_S,
    REFUSED_FIRST_S,
    SHORT_SESSIONS,
    Backoff,
)
from holdshelf_core.recorder.worker.timeline import DRIFT_NS, JUMP_NS, STEP_NS, WINDOW_NS, Timeline
from holdshelf_core.times import NS

TICKS = 90_000
START_BOOT = 1_000 * NS
START_UTC = 1_795_000_000 * NS
FRAME = TICKS // 15
FRAME_NS = NS // 15


def begun(pts: int = 0) -> Timeline:
    timeline = Timeline(TICKS)
    timeline.begin(pts, START_BOOT, START_UTC)
    return timeline


@given(st.lists(st.floats(0, 2.5), min_size=1, max_size=300), st.integers(0, 2**40))
def test_late_delivery_never_ends_a_run_and_never_moves_a_frame(delays_s: list[float], first_pts: int) -> None:
    """Delays as of a network that stalls for up to 2.5 s, packets in order: the frames keep their spacing."""
    timeline = begun(first_pts)
    arrived_ns = START_BOOT
    for number, delay_s in enumerate(delays_s, start=1):
        sent_ns = START_BOOT + number * FRAME_NS
        arrived_ns = max(arrived_ns, sent_ns + round(delay_s * NS))
        pts = first_pts + number * FRAME
        assert timeline.follow(pts, arrived_ns, START_UTC + arrived_ns - START_BOOT) == ""
        utc_ns, boot_ns = timeline.at(pts)
        assert abs(boot_ns - sent_ns) <= number + 1
        assert utc_ns - START_UTC == boot_ns - START_BOOT


def test_bursts_for_minutes_are_not_taken_for_drift() -> None:
    """Delays of up to 2.5 s without end, as behind a busy switch; now and then a frame comes at once."""
    timeline, network = begun(), random.Random(11)
    arrived_ns = START_BOOT
    for number in range(1, 15 * 300):
        sent_ns = START_BOOT + number * FRAME_NS
        delay_ns = 0 if number % 100 == 0 else network.randrange(5 * NS // 2)
        arrived_ns = max(arrived_ns, sent_ns + delay_ns) if delay_ns else sent_ns
        assert timeline.follow(number * FRAME, arrived_ns, START_UTC + arrived_ns - START_BOOT) == ""


@given(st.integers(STEP_NS + 1, 10**18), st.booleans())
def test_a_wall_clock_that_was_set_ends_the_run(step_ns: int, back: bool) -> None:
    timeline = begun()
    utc_ns = START_UTC + FRAME_NS + (-step_ns if back else step_ns)
    assert timeline.follow(FRAME, START_BOOT + FRAME_NS, utc_ns) == "clock stepped"


@given(st.integers(-(STEP_NS - 1), STEP_NS - 1))
def test_a_wall_clock_that_is_slewed_does_not(off_ns: int) -> None:
    timeline = begun()
    assert timeline.follow(FRAME, START_BOOT + FRAME_NS, START_UTC + FRAME_NS + off_ns) == ""


@given(st.integers(JUMP_NS // NS + 1, 10**6), st.booleans())
def test_time_stamps_that_jump_end_the_run(jump_s: int, back: bool) -> None:
    timeline = begun(10**12)
    pts = 10**12 + (-jump_s if back else jump_s) * TICKS
    assert timeline.follow(pts, START_BOOT + FRAME_NS, START_UTC + FRAME_NS) == "stream jumped"


def test_b_frames_may_go_back_a_little() -> None:
    timeline = begun(100 * FRAME)
    for number, frame in enumerate([103, 101, 102, 106, 104, 105, 109], start=1):
        boot_ns = START_BOOT + number * FRAME_NS
        assert timeline.follow(frame * FRAME, boot_ns, START_UTC + number * FRAME_NS) == ""


def test_a_pause_with_time_stamps_that_went_on_is_no_jump() -> None:
    timeline = begun()
    assert timeline.follow(3600 * TICKS, START_BOOT + 3600 * NS, START_UTC + 3600 * NS) == ""


@pytest.mark.parametrize("off", [0.004, -0.004])
def test_drift_over_a_second_ends_the_run_whatever_the_jitter(off: float) -> None:
    """A camera clock that runs 0.4 % fast or slow, with 50 ms of jitter: ended soon after the second, not before."""
    timeline, jitter = begun(), random.Random(7)
    for number in range(1, 15 * 1000):
        boot_ns = START_BOOT + round(number * FRAME_NS * (1 + off)) + jitter.randrange(NS // 20)
        if timeline.follow(number * FRAME, boot_ns, START_UTC + boot_ns - START_BOOT):
            drifted_ns = abs(off) * number * FRAME_NS
            assert DRIFT_NS - NS // 5 < drifted_ns < DRIFT_NS + 2 * abs(off) * WINDOW_NS + NS // 5
            return
    raise AssertionError("never noticed")


def test_a_run_that_goes_on_after_a_step_loses_no_boot_time_and_takes_the_new_wall_clock() -> None:
    timeline = begun()
    timeline.follow(FRAME, START_BOOT + FRAME_NS, START_UTC + FRAME_NS)
    before = timeline.run
    _, boot_ns = timeline.at(2 * FRAME)
    late_ns = NS // 3  # this frame comes late: its place must not move for that
    arrived_ns = START_BOOT + 2 * FRAME_NS + late_ns
    anchor = timeline.go_on(2 * FRAME, arrived_ns, START_UTC + 3600 * NS + arrived_ns - START_BOOT)
    assert anchor.boot_ns == boot_ns
    assert anchor.utc_ns == START_UTC + 3600 * NS + boot_ns - START_BOOT
    assert timeline.run not in ("", before)


def test_before_its_first_run_a_timeline_tells_nothing() -> None:
    timeline = Timeline(TICKS)
    assert timeline.run == ""
    assert timeline.follow(0, START_BOOT, START_UTC) == ""
    with pytest.raises(RuntimeError):
        timeline.at(0)


@given(st.lists(st.sampled_from(["camera unreachable", "auth refused", "no frames", "not recordable"]), max_size=60))
def test_a_wait_before_a_dial_is_capped_and_jittered_and_longer_where_a_person_is_needed(reasons: list[str]) -> None:
    backoff = Backoff()
    for reason in reasons:
        person = reason in ("auth refused", "not recordable")
        least_s, most_s = (REFUSED_FIRST_S, REFUSED_CAP_S) if person else (BACKOFF_FIRST_S, BACKOFF_CAP_S)
        wait_s = backoff.next_s(reason)
        assert 0.75 * least_s <= wait_s <= 1.25 * most_s
        assert person or wait_s <= LONGEST_S


def test_waits_grow_to_the_cap_and_start_over_after_a_good_session() -> None:
    backoff = Backoff()
    waits = [backoff.next_s("no frames") for _ in range(12)]
    assert 0.75 <= waits[0] <= 1.25
    assert all(wait >= 0.75 * BACKOFF_CAP_S for wait in waits[5:])
    backoff.recorded(0.0, 10.5)
    assert backoff.next_s("no frames") <= 1.25 * BACKOFF_FIRST_S


def test_short_connections_that_brought_pictures_are_good_a_few_times_a_minute() -> None:
    """A camera that restarts its encoder twice is dialed at once both times; one that does so all the time is not."""
    backoff = Backoff()
    waits, now_s = [], 100.0
    for _ in range(14):
        backoff.recorded(now_s, now_s + 1)
        waits.append(backoff.next_s("stream ended"))
        now_s += 1 + waits[-1]
    assert all(wait <= 1.25 * BACKOFF_FIRST_S for wait in waits[:SHORT_SESSIONS])
    assert waits[SHORT_SESSIONS] >= 0.75 * 2 * BACKOFF_FIRST_S
    assert waits[SHORT_SESSIONS + 3] >= 0.75 * BACKOFF_CAP_S
    backoff.recorded(now_s + 60, now_s + 61)
    assert backoff.next_s("stream ended") <= 1.25 * BACKOFF_FIRST_S


def test_two_cameras_do_not_return_in_step() -> None:
    assert len({Backoff().next_s("no frames") for _ in range(20)}) > 15


def test_a_first_frame_that_was_read_late_is_placed_when_it_came() -> None:
    """Its disk was slow: two seconds of frames waited in the socket, but the connection's first frame was read at once."""
    timeline = Timeline(TICKS)
    assert timeline.follow(0, START_BOOT, START_UTC) == ""
    late_ns = START_BOOT + 3 * NS
    assert timeline.follow(TICKS, late_ns, START_UTC + 3 * NS) == ""
    anchor = timeline.begin(TICKS, late_ns, START_UTC + 3 * NS)
    assert (anchor.boot_ns, anchor.utc_ns) == (START_BOOT + NS, START_UTC + NS)
