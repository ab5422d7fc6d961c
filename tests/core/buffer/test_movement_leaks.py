"""How much a camera writes says when something moves before it: only a right to look is told that, and it is written down.

Held in a real service with a camera that records: neither the admin nor a person learns from status, footage, holds,
checks, jobs, diagnostics or events what a camera wrote in a minute, however often they ask.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdshelf_core.api.client import Client
from holdshelf_core.buffer import types
from holdshelf_core.buffer.averages import FIRST_NS, Averages, coarse, coarse_days
from holdshelf_core.cameras import types as types_commission
from holdshelf_core.holds import types as types_holds
from holdshelf_core.policy.model import HoldSpan
from holdshelf_core.times import DAY_NS, NS
from holdshelf_storage.volume.index import CameraUsage
from tests.looking import MINUTE_NS, record
from tests.people import People
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service, wait_for

# A figure that is one of the whole disk, or of a file that a person fetches, is none of a camera's minute.
SIZES_OF_ONE_TIME = {"size_bytes", "budget_bytes", "most_bytes"}
# Of a file: when it was, which one it is, and what the camera is set to.
FIGURES_OF_A_FILE = {"seq", "start_utc_ns", "end_utc_ns", "width", "height"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, People, Client]]:
    with RtspServer([Mount("door", media="h264_100k")]) as server:
        service = Service(tmp_path_factory.mktemp("movement") / "data", mint=True)
        record(service.data, ["lobby"])
        with service:
            people = People(service)
            director = people.name_director()
            people.appoint("hal", "Hal Ford", director, "hold")
            service.add(server.url("door"), "Door")
            service.await_recording("door")
            yield service, people, director


def numbers(value: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """Every figure of an answer by its place."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from numbers(one, f"{path}.{key}")
    elif isinstance(value, list):
        for at, one in enumerate(value):
            yield from numbers(one, f"{path}[{at}]")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path, value


def sizes(answer: Any) -> dict[str, float]:
    """Its figures that are bytes, or made of bytes."""
    return {
        path: value
        for path, value in numbers(answer)
        if ("byte" in path or "forecast" in path or "activity" in path)
        and path.rpartition(".")[2] not in SIZES_OF_ONE_TIME
    }


@pytest.mark.parametrize("who", ["admin", "hal", "director"])
def test_no_figure_of_the_status_follows_what_a_camera_writes(house: tuple[Service, People, Client], who: str) -> None:
    service, people, director = house
    client = {"admin": service.client, "director": director}.get(who) or people.client(who)
    seen: list[dict[str, Any]] = []
    while len(seen) < 6:
        seen.append(client.get("/status", dict))
        assert "activity" not in str(seen[-1])
        wait_for("a second more is recorded", lambda: client.status().cameras[0].recorded_s > recorded(seen[-1]) + 0.5)
    for before, after in itertools.pairwise(seen):
        for path, value in sizes(before).items():
            if path.endswith((".bytes", ".used_bytes")):
                continue  # of them below
            assert sizes(after)[path] == value or path.endswith("free_bytes"), path
    for status in seen:
        for camera in status["cameras"]:
            assert camera["bytes"] == pytest.approx(camera["bytes_per_s"] * camera["recorded_s"], abs=2)
        assert status["disk"]["free_bytes"] % (status["disk"]["size_bytes"] // 100) == 0


def recorded(status: dict[str, Any]) -> float:
    return float(status["cameras"][0]["recorded_s"])


def test_the_list_of_footage_has_no_sizes_and_neither_have_checks_jobs_and_diagnostics(
    house: tuple[Service, People, Client],
) -> None:
    service, people, director = house
    hal = people.client("hal")
    for client in (service.client, hal, director):
        rows = client.get("/footage", list)
        assert rows
        assert not sizes(rows)
        # A count of pictures tells as much as a size: many cameras send fewer of them while nothing moves.
        assert {path.rpartition(".")[2] for path, _figure in numbers(rows)} == FIGURES_OF_A_FILE
        assert not sizes(client.get("/gaps", list))
    assert not sizes(service.client.post("/verify", types.VerifyRequest(), dict))
    assert not sizes(service.client.get("/diagnostics", dict, camera="door"))
    assert " bytes" not in str(service.client.get("/jobs", list))


def test_two_minutes_on_hold_take_as_much_whatever_happened_in_them(house: tuple[Service, People, Client]) -> None:
    """Else whoever may hold could ask of each minute how much moved in it."""
    service, people, director = house
    hal = people.client("hal")
    start = min(row["start_utc_ns"] for row in director.get("/footage", list) if row["camera"] == "lobby")
    rows = []
    for at in (start, start + MINUTE_NS):
        span = types_holds.SpanAsk("lobby", at, at + MINUTE_NS)
        asked = types_holds.HoldPlace("investigation", "26-1", [span])
        rows.append(hal.act(asked))
    assert rows[0].held_bytes == rows[1].held_bytes
    assert rows[0].held_bytes > 0
    for client in (service.client, director):
        told = client.act(types_holds.HoldListAsk())
        assert {row.held_bytes for row in told.holds} == {rows[0].held_bytes}
        assert told.held_bytes == pytest.approx(2 * rows[0].held_bytes, abs=2)


def test_the_stream_of_events_says_that_a_file_was_closed_and_not_how_large_it_is(
    house: tuple[Service, People, Client],
) -> None:
    service, _people, _director = house
    with service.client.events() as events:
        told = iter(events)
        assert next(told).type == "hello"
        service.client.act(types_commission.CameraRemove("door"))
        for event in told:
            assert not sizes(event.data), event
            if event.type == "segment_closed":
                break


# --- the averages ---------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 10_000_000), min_size=1, max_size=30))
def test_an_average_changes_after_an_hour_and_then_once_a_day_and_in_two_digits(minutes: list[int]) -> None:
    averages, allocated, seen = Averages(), 0, []
    for at, size in enumerate(minutes):
        allocated += size
        usage = CameraUsage(allocated_bytes=allocated, segments=at + 1, recorded_ns=(at + 1) * 60 * NS)
        seen.append(averages.bytes_per_s("door", usage, at * 60 * NS))
    assert len(set(seen)) == 1
    later = averages.bytes_per_s("door", usage, FIRST_NS)
    assert later == float(f"{allocated / (len(minutes) * 60):.2g}")
    much = CameraUsage(allocated_bytes=allocated * 100, segments=100_000, recorded_ns=2 * DAY_NS)
    third = averages.bytes_per_s("door", much, 2 * FIRST_NS)
    assert (
        averages.bytes_per_s("door", CameraUsage(allocated_bytes=1, recorded_ns=3 * DAY_NS), 2 * FIRST_NS + DAY_NS - 1)
        == third
    )


def test_what_is_held_is_counted_once_and_never_more_than_there_is() -> None:
    averages = Averages()
    usage = CameraUsage(allocated_bytes=6000, segments=1, recorded_ns=60 * NS, earliest_utc_ns=0, latest_utc_ns=60 * NS)
    usages = {"door": usage}
    spans = [HoldSpan("door", 0, 30 * NS), HoldSpan("door", 10 * NS, 40 * NS), HoldSpan("gone", 0, None)]
    assert averages.about_held(spans, usages, 100 * NS, 0) == 4000
    assert averages.about_held([HoldSpan("door", -NS, None)], usages, 10_000 * NS, 0) == 6000
    assert averages.about_used(usages, 0) == 6000


def test_what_is_held_is_counted_where_the_oldest_footage_was_recorded_by_a_clock_that_was_ahead() -> None:
    ahead = 365 * DAY_NS
    usage = CameraUsage(
        allocated_bytes=6000,
        segments=2,
        recorded_ns=60 * NS,
        oldest_utc_ns=ahead,
        newest_utc_ns=40 * NS,
        earliest_utc_ns=0,
        latest_utc_ns=ahead + 20 * NS,
    )

    def held(*spans: HoldSpan) -> int:
        return Averages().about_held(spans, {"door": usage}, 100 * NS, 0)

    assert held(HoldSpan("door", 0, 40 * NS)) == 4000
    assert held(HoldSpan("door", ahead, ahead + 20 * NS)) == 2000
    assert held(HoldSpan("door", 0, None)) == 6000


def test_sizes_of_the_whole_disk_are_told_in_hundredths_and_days_in_two_digits() -> None:
    assert coarse(123_456, 1_000_000) == 120_000
    assert coarse(5, 10) == 5
    assert [coarse_days(12.345), coarse_days(0.123), coarse_days(None)] == [12, 0.12, None]
