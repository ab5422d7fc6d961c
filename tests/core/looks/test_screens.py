"""A screen of the policy: live pictures of its classes of cameras for an audience, until its end each day, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from holdshelf_core.access_log.types import LogShow
from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import BadRequest, Conflict, Refused
from holdshelf_core.api.types import ReadStatus
from holdshelf_core.errors import NotPermitted
from holdshelf_core.looks import types
from holdshelf_core.people.board_types import PolicyAdopt, ReadPolicyLists
from holdshelf_core.people.types import ReadMe, ReadShared, ScreenGive, ShareEnd
from holdshelf_core.policy_file.first import FIRST
from tests.looking import NS, commissioned, pixels, seed
from tests.people import PAPER, People, wait_past_midnight
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service, wait_for

SCREENS = """
[[class]]
key = "rooms"
places = ["seating"]
words.en = "public rooms"
[[class]]
key = "cash"
places = ["money"]
words.en = "cash"
[[screen]]
key = "desk"
for = ["staff"]
classes = ["rooms"]
ends = "closing"
[[screen]]
key = "early"
for = ["staff"]
classes = ["rooms"]
ends = "00:01"
[[screen]]
key = "nothing"
for = ["staff"]
classes = ["cash"]
ends = "23:59"
"""
POLICY = FIRST.read_text().replace('name = "Library"', 'name = "Library"\nclosing = "23:59"') + SCREENS


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, People, Client]]:
    wait_past_midnight()  # a screen ends with the day
    with RtspServer([Mount("door", media="h264_720p"), Mount("till", media="h264_bigkey")]) as server:
        service = Service(tmp_path_factory.mktemp("screens") / "data", mint=True)
        with service:
            assert service.add(server.url("door"), "Front door") == "front-door"
            service.add(server.url("till"), "Till", "money")
        seed(service.data, commissioned("front-door"))
        with service:
            service.await_recording("front-door")
            people = People(service)
            dora = people.name_director()
            service.client.act(PolicyAdopt("The policy.", "2", "2026-01-01", "enforce", PAPER, POLICY))
            yield service, people, dora


def entries(service: Service, action: str) -> list[dict[str, Any]]:
    return [row.entry for row in service.act(LogShow(action=action, most=500)).entries]


def given(house: tuple[Service, People, Client], login: str, screen: str) -> tuple[Client, str]:
    _, people, dora = house
    people.enrol(login, f"Screen {login}", dora)
    share = dora.act(ScreenGive(screen, login)).id
    return people.client(login), share


def test_a_screen_shows_its_cameras_live_and_each_hour_of_it_is_an_entry(house: tuple[Service, People, Client]) -> None:
    service, _, dora = house
    began_ns = time.time_ns()
    wall, share = given(house, "wall", "desk")
    assert dict(dora.read(ReadPolicyLists()).screens)["desk"] == "public rooms, for staff, until 11:59 pm"
    (role,) = wall.read(ReadMe()).roles
    assert (role.words, role.rights, role.state) == ("screen desk", ["screen"], "active")
    (row,) = wall.read(ReadShared())
    assert (row.kind, row.screen, row.ends, row.state) == ("live", "desk", "23:59", "active")
    assert [camera.id for camera in wall.read(ReadStatus()).cameras] == ["front-door"]
    grant = wall.act(types.ShareOpen(share))
    assert (grant.kind, grant.mode, grant.cameras) == ("share", "live", ["front-door"])
    assert grant.live_until_utc_ns == pytest.approx(grant.ends_utc_ns, abs=2 * NS)

    def newest() -> types.PictureRow | None:
        picture = wall.act(types.ShareLive(grant.id, "front-door", 320))
        return picture if picture.shown_utc_ns > began_ns else None

    assert pixels(wait_for("a picture of now", newest).jpeg).shape[1] == 320
    assert wall.picture("live", grant=grant.id, camera="front-door", max_width=320)[0]
    opened = entries(service, "look.open")[-1]
    assert (opened["seat"], opened["facts"]["most_s"], opened["facts"]["most_pictures"]) == ("share", 3600, 3600)
    assert opened["facts"]["share"] == share and opened["mode"] == "live"
    again = wall.act(types.ShareOpen(share))
    with pytest.raises(Refused, match="opened again"):
        wall.act(types.ShareLive(grant.id, "front-door", 320))
    wall.act(types.PurposeClose(again.id))
    assert entries(service, "screen.give")[-1]["facts"]["screen"] == "desk"


def test_it_has_no_recordings_no_other_camera_no_widening_and_no_look(house: tuple[Service, People, Client]) -> None:
    _, _, dora = house
    wall, share = given(house, "other", "desk")
    grant = wall.act(types.ShareOpen(share))
    now = time.time_ns()
    with pytest.raises(Refused, match="no recordings"):
        wall.act(types.ShareStill(grant.id, "front-door", now - 5 * NS))
    with pytest.raises(Refused, match="no recordings"):
        wall.act(types.ShareStrip(grant.id, "front-door", 4))
    with pytest.raises(Refused, match="not part of the look"):
        wall.act(types.ShareLive(grant.id, "till"))
    with pytest.raises(Refused):
        wall.act(types.PurposeWiden(grant.id, ["till"]))
    with pytest.raises((BadRequest, Refused)):
        wall.act(types.LiveRenew(grant.id))
    for asked in (
        types.PurposeOpen(["front-door"], "crime", "26-1", mode="live"),
        types.BreakGlass(["front-door"], "smoke"),
        types.ActivityAsk("front-door", now - 60 * NS, now),
    ):
        with pytest.raises(Refused):
            wall.act(asked)
    dora.act(ShareEnd(share, "taken down"))
    with pytest.raises(Exception, match=r"expired|ended|session"):
        wall.act(types.ShareLive(grant.id, "front-door"))


def test_it_ends_each_day_and_shows_nothing_without_a_camera_in_use(house: tuple[Service, People, Client]) -> None:
    wall, share = given(house, "early", "early")
    with pytest.raises(Refused, match="ended for today at 12:01 am") as refused:
        wall.act(types.ShareOpen(share))
    assert "begin again tomorrow" in refused.value.next_step
    wall, share = given(house, "till", "nothing")
    with pytest.raises(Refused):
        wall.act(types.ShareOpen(share))


def test_a_screen_is_somebody_of_its_own_and_one_of_the_policys(house: tuple[Service, People, Client]) -> None:
    service, people, dora = house
    with pytest.raises(Refused, match="holds a seat or a letter"):
        dora.act(ScreenGive("desk", "dora"))
    with pytest.raises(Refused, match="nobody by that name is enrolled"):
        dora.act(ScreenGive("desk", "nobody"))
    people.enrol("third", "Third screen", dora)
    with pytest.raises(BadRequest, match="has no screen 'wall'") as unknown:
        dora.act(ScreenGive("wall", "third"))
    assert unknown.value.next_step == "Known: desk, early, nothing."
    with pytest.raises(BadRequest, match="1 to 366 days"):
        dora.act(ScreenGive("desk", "third", 400))
    dora.act(ScreenGive("desk", "third", 30))
    with pytest.raises(Conflict, match="shared with Third screen already"):
        dora.act(ScreenGive("desk", "third"))
    with pytest.raises(Refused):
        service.client.act(ScreenGive("desk", "third"))
    with pytest.raises(Refused):
        people.client("third").act(ScreenGive("desk", "third"))


def test_another_policy_without_that_screen_ends_it_at_once(house: tuple[Service, People, Client]) -> None:
    service, _, _ = house
    wall, share = given(house, "late", "desk")
    grant = wall.act(types.ShareOpen(share))
    without = POLICY.replace('key = "desk"', 'key = "another"')
    service.client.act(PolicyAdopt("The policy.", "3", "2026-01-02", "enforce", PAPER, without))
    try:
        # With what it showed, its key has lost its last right, and its session ended with that.
        with pytest.raises(NotPermitted, match=r"no such screen|has ended"):
            wall.act(types.ShareLive(grant.id, "front-door"))
        with pytest.raises(NotPermitted):
            wall.act(types.ShareOpen(share))
    finally:
        service.client.act(PolicyAdopt("The policy.", "4", "2026-01-02", "enforce", PAPER, POLICY))
