"""The map of movement, through the real service and its socket: whose right it takes, and what is written down of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from tzlocal import get_localzone

from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import BadRequest
from holdshelf_core.looks import types
from holdshelf_core.times import rfc3339
from tests.core.looks.looks_rig import entries, refused
from tests.looking import MINUTE_NS, NS, Recorded
from tests.people import People
from tests.service import Service


def test_activity_takes_a_right_and_no_purpose_and_is_written_down(
    service: Service, people: People, director: Client, made: Recorded
) -> None:
    asked = types.ActivityAsk("lobby", made.start_utc_ns - 48 * 60 * MINUTE_NS, made.end_utc_ns, 100)
    row = director.act(asked)
    assert [(m.kind, m.reason) for m in row.missing] == [("gap", "camera unreachable")]
    assert max(row.activity) > 100
    assert entries(service, "activity.see")[-1]["cameras"] == ["lobby"]
    people.appoint("hal", "Hal Orr", director, "hold")
    with refused("P11", "recordings"):
        people.client("hal").act(asked)


def test_the_map_of_movement_is_written_down_once_for_a_session_camera_and_day(
    service: Service, people: People, made: Recorded
) -> None:
    """A screen that is left open asks again and again; that is not a new look each time."""

    def ask(client: Client, camera: str, start_utc_ns: int) -> list[dict[str, Any]]:
        client.act(types.ActivityAsk(camera, start_utc_ns, start_utc_ns + NS, 1))
        return entries(service, "activity.see")[before:]

    before, at = len(entries(service, "activity.see")), made.start_utc_ns
    first = people.client("dora")
    assert [entry["cameras"] for entry in ask(first, "lobby", at)] == [["lobby"]]
    (entry,) = ask(first, "lobby", at + 2 * NS)
    noon = datetime.fromtimestamp(at // NS, get_localzone()).replace(hour=12, minute=0, second=0)
    assert entry["start"] <= rfc3339(int(noon.timestamp()) * NS) < entry["end"], "it names the day that it covers"
    assert len(ask(first, "desk", at)) == 2, "another camera"
    assert len(ask(first, "desk", at - 72 * 60 * MINUTE_NS)) == 3, "another day"
    assert len(ask(first, "desk", at)) == 3
    assert len(ask(people.client("dora"), "lobby", at)) == 4, "another session"


def test_a_week_by_the_minute_is_one_question_and_one_entry(service: Service, people: People, made: Recorded) -> None:
    before, client = len(entries(service, "activity.see")), people.client("dora")
    end = made.end_utc_ns + 60 * MINUTE_NS
    asked = types.ActivityAsk("lobby", end - 8 * 1440 * MINUTE_NS, end, 8 * 1440)
    row = client.act(asked)
    assert (row.bucket_ns, len(row.activity)) == (MINUTE_NS, 8 * 1440)
    client.act(types.ActivityAsk("lobby", made.start_utc_ns, made.end_utc_ns, 300))
    assert len(entries(service, "activity.see")) == before + 1
    with pytest.raises(BadRequest, match="12000 parts"):
        client.act(types.ActivityAsk("lobby", end - MINUTE_NS, end, 12_001))
    with pytest.raises(BadRequest, match="a number is too large"):
        client.act(types.ActivityAsk("lobby", 10**30, 10**30 + NS, 1))
