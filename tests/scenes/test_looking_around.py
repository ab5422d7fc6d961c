"""Scenes 16 and 17: a designee wanders under one purpose; and imminent danger, when nobody waits for a form."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator

import pytest

from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import NotFound, Refused
from holdshelf_core.looks import types
from holdshelf_core.people import types as types_people
from holdshelf_core.people.board_types import BoardSet
from tests.looking import MINUTE_NS, NS
from tests.scenes.rig import CAMERAS, Library, library


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    # What happened in the last minutes is what a look in imminent danger opens.
    minutes_ago = (time.time_ns() // NS - 6 * 60) * NS
    made = library(tmp_path_factory.mktemp("around"), starts_utc_ns=(minutes_ago,))
    made.people.name("chair", "carl", "Carl Moss", made.director)
    made.people.name("mayor", "may", "May Fox", made.director)
    yield made
    made.service.__exit__(None, None, None)


def look(client: Client, house: Library, camera: str, incident: str) -> types.GrantRow:
    made = house.made
    asked = types.PurposeOpen([camera], "loss", incident, start_utc_ns=made.start_utc_ns, end_utc_ns=made.end_utc_ns)
    return client.act(asked)


def still(client: Client, grant: types.GrantRow, at_utc_ns: int, camera: str) -> bytes:
    return client.act(types.LookStill(grant.id, camera, at_utc_ns, 160)).jpeg


def review(client: Client, flag: str) -> None:
    client.act(types_people.FlagReview(flag, "looked at the log with the person"))


def flag_of(house: Library, flag: str) -> types_people.FlagRow:
    return next(row for row in house.director.read(types_people.ReadFlags()) if row.id == flag)


# --- scene 16 -------------------------------------------------------------------------------------------------------


def test_scene_16_each_further_camera_is_asked_about_and_wandering_is_flagged(house: Library) -> None:
    house.people.appoint("wim", "Wim Day", house.director, "archive")
    wim, at = house.people.client("wim"), house.made.start_utc_ns
    grant = look(wim, house, "lobby", "26-200")
    assert still(wim, grant, at, "lobby")
    flags = []
    for camera in CAMERAS[1:]:
        with pytest.raises(Refused, match="look widen") as asked_again:
            still(wim, grant, at, camera)
        assert asked_again.value.clause == "P12"
        grant = wim.act(types.PurposeWiden(grant.id, [camera]))
        flags.append(grant.flag)
        assert still(wim, grant, at, camera)
    assert flags[:-1] == ["", ""], "nobody is flagged for an incident that two cameras saw"
    flag = flag_of(house, flags[-1])
    assert (flag.kind, flag.name, flag.open) == ("wandering", "Wim Day", True)
    refused = [e for e in house.entries("look.still") if e["outcome"] == "refused"]
    assert [e["clause"] for e in refused] == ["P12"] * 3, "each question is on record"
    widened = house.entries("purpose.widen")
    assert flag.log_seq == widened[-1]["seq"]
    assert [e["cameras"] for e in widened] == [sorted(CAMERAS[: n + 2]) for n in range(3)]
    listed = house.desk("dora").run("flag", "list")
    assert flag.id in listed.out
    # What F2 says on the screens is there as text, too: what waits, and the head to write down.
    today = house.desk("dora").run("today")
    assert "Dora Reed, Library Director." in today.out and "Waiting for you:" in today.out
    assert any("Wim Day" in line and line.startswith("  ") for line in today.out.splitlines()), today.out
    assert re.search(r"to write down and keep elsewhere: \d+:[0-9a-f]{4} ", today.out)
    with pytest.raises(Refused):
        review(wim, flag.id)
    review(house.director, flag.id)
    assert not flag_of(house, flag.id).open


def test_scene_16_opening_the_same_purpose_anew_for_each_camera_is_the_same_wandering(house: Library) -> None:
    house.people.appoint("wes", "Wes Orr", house.director, "archive")
    wes = house.people.client("wes")
    for camera in CAMERAS:
        grant = look(wes, house, camera, "26-201")
        wes.act(types.PurposeClose(grant.id))
    assert grant.widenings == 3
    assert flag_of(house, grant.flag).name == "Wes Orr"


def test_p14_somebody_with_a_share_finds_it_by_a_command_alone(house: Library) -> None:
    house.people.enrol("pat", "Pat Low", house.director)
    made = house.made
    asked = types_people.ShareMake(
        "lobby", made.start_utc_ns, made.gap_utc_ns, "crime", person="pat", confidentiality=True
    )
    share = house.director.act(asked)
    mine = house.desk("pat").run("share", "list", "--mine", "--json")
    assert [(row["id"], row["name"]) for row in mine.json()] == [(share.id, "Pat Low")]


# --- scene 17 -------------------------------------------------------------------------------------------------------


def test_scene_17_break_glass_at_once_boxed_in_time_and_open_until_two_seats_reviewed_it(house: Library) -> None:
    house.people.appoint("lou", "Lou Kay", house.director, "live", "archive")
    lou = house.desk("lou")
    # One line: no purpose from the list, no incident number.
    opened = lou.run("look", "open", "--break-glass", "--camera", "lobby", "--note", "smoke by the stacks", "--json")
    assert opened.code == 0, opened.err
    grant = lou.client.act(types.LookStill(opened.json()["id"], "lobby", house.made.start_utc_ns + NS, 160))
    assert grant.jpeg
    row = types.GrantRow(**opened.json())
    box_ns = 15 * MINUTE_NS
    assert row.ends_utc_ns - row.opened_utc_ns == box_ns
    assert row.start_utc_ns == row.opened_utc_ns - box_ns
    with pytest.raises(Refused, match="outside"):
        still(lou.client, row, row.opened_utc_ns - box_ns - MINUTE_NS, "lobby")
    with pytest.raises(Refused):
        lou.client.act(types.PurposeWiden(row.id, ["desk"]))
    entry = house.entries("break_glass")[-1]
    assert (entry["outcome"], entry["purpose"]) == ("done", "imminent-danger")
    assert "smoke" not in str(entry), "what the danger was is a private text"

    (flag,) = [f for f in house.flags("break_glass") if f.name == "Lou Kay"]
    assert (flag.needs, flag.open, flag.log_seq) == (2, True, row.seq)
    with pytest.raises(Refused):
        review(lou.client, flag.id)
    carl, may = house.people.client("carl"), house.people.client("may")
    review(carl, flag.id)
    assert flag_of(house, flag.id).open, "one seat's look is not enough"
    with pytest.raises(Refused, match="someone else with a seat"):
        review(carl, flag.id)
    review(may, flag.id)
    assert not flag_of(house, flag.id).open


def test_scene_17_a_directors_own_is_reviewed_by_the_two_others(house: Library) -> None:
    row = house.director.act(types.BreakGlass(["desk"], "a man with a knife"))
    (flag,) = [f for f in house.flags("break_glass") if f.log_seq == row.seq]
    with pytest.raises(Refused, match="your own act"):
        review(house.director, flag.id)
    for login in ("may", "carl"):
        assert flag_of(house, flag.id).open
        review(house.people.client(login), flag.id)
    assert not flag_of(house, flag.id).open


def test_scene_17_without_the_right_to_live_pictures_there_is_no_glass_to_break(house: Library) -> None:
    house.people.appoint("ned", "Ned Lee", house.director, "archive")
    with pytest.raises(Refused) as refused:
        house.people.client("ned").act(types.BreakGlass(["lobby"], "smoke"))
    assert refused.value.clause == "P11"
    with pytest.raises(Refused, match="may not see pictures"):
        house.service.act(types.BreakGlass(["lobby"], "smoke"))
    assert not [f for f in house.flags("break_glass") if f.name == "Ned Lee"]


@pytest.mark.soak  # a minute of real time
def test_scene_17_the_box_closes_by_itself(house: Library) -> None:
    """A minute of real time: the Board's shortest box."""
    house.director.act(BoardSet("break_glass_minutes", "1", "a test of the box"))
    row = house.director.act(types.BreakGlass(["lobby"], "smoke"))
    deadline = time.monotonic() + 70
    with pytest.raises(Refused, match="time was over"):
        while time.monotonic() < deadline:
            # Nothing was recorded in its last half minute: that is another answer than the look's end.
            with contextlib.suppress(NotFound):
                still(house.director, row, row.opened_utc_ns - 30 * NS, "lobby")
            time.sleep(1)
