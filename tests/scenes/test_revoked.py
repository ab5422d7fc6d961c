"""Scene 2: revoked while looking. Pictures stop, the person is told why, and what they had asked to go out is cancelled."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from holdshelf_core.api import types_looks as types
from holdshelf_core.api import types_people
from holdshelf_core.api import types_releases as releases
from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import Conflict, HoldshelfError
from holdshelf_core.api.types_session import EventRow
from tests.looking import NS
from tests.people import PAPER
from tests.scenes.rig import Library, library
from tests.service import wait_for

LIMIT_S = 10.0
"""Twice the five seconds of P11: the machine that runs this may be busy with others."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    made = library(tmp_path_factory.mktemp("revoked"))
    made.people.name("chair", "carl", "Carl Moss", made.director)
    yield made
    made.service.__exit__(None, None, None)


def request(client: Client, house: Library, camera: str = "lobby") -> releases.ReleaseRow:
    """On a warrant that is in order."""
    at = house.made.start_utc_ns
    span = releases.SpanRow(camera, at, at + 60 * NS)
    paper = releases.PaperAsk(PAPER, "search-warrant", "Superior Court", "CR-26-77", signed_by_judge=True, scope=[span])
    asked = releases.ReleaseRequest("search-warrant", [span], "26-0417", paper)
    return client.act("release.request", asked, releases.ReleaseRow)


def look(client: Client, house: Library) -> types.GrantRow:
    asked = types.PurposeOpen(
        ["lobby"], "crime", "26-0417", start_utc_ns=house.made.start_utc_ns, end_utc_ns=house.made.gap_utc_ns
    )
    return client.act("purpose.open", asked, types.GrantRow)


def still(client: Client, grant: types.GrantRow, house: Library) -> bytes:
    asked = types.StillAsk(grant.id, "lobby", house.made.start_utc_ns + 5 * NS, 160)
    return client.act("look.still", asked, types.PictureRow).jpeg


def shown(client: Client, release: str) -> releases.ReleaseRow:
    return client.act("release.show", releases.ReleaseAsk(release), releases.ReleaseRow)


class Heard(threading.Thread):
    """What a person's event stream says until it ends."""

    def __init__(self, client: Client) -> None:
        super().__init__(daemon=True)
        self.events: list[EventRow] = []
        self._stream = client.events()
        self.start()

    def run(self) -> None:
        self.events += self._stream


def test_scene_2_revoked_while_looking(house: Library) -> None:
    letter = house.people.appoint("sam", "Sam Roe", house.director, "archive", "release")
    sam = house.desk("sam")
    client = sam.client
    heard = Heard(client)
    grant = look(client, house)
    assert still(client, grant, house)
    queued = request(client, house)
    assert queued.state == "requested"
    approved = request(client, house)
    carl = house.people.client("carl")
    carl.act("release.approve", releases.ReleaseApprove(approved.id), releases.ReleaseRow)

    house.director.act("appointment.end", types_people.Ending(letter, "left the team"), types_people.Done)
    revoked, why, last_picture = time.monotonic(), "", 0.0
    while time.monotonic() < revoked + 2 * LIMIT_S:
        begun = time.monotonic()
        try:
            assert still(client, grant, house)
        except HoldshelfError as error:
            why = str(error)
            break
        last_picture = begun - revoked
    assert "ended" in why, "the picture that is refused says why"
    assert last_picture <= LIMIT_S
    heard.join(LIMIT_S)
    assert not heard.is_alive(), "the event stream ends with the right"
    assert heard.events[-1].type == "end"
    assert "appointment" in str(heard.events[-1].data)
    assert "appointment" in house.service.await_gone(sam.session["session"], LIMIT_S)
    assert time.monotonic() - revoked <= LIMIT_S + 1
    with pytest.raises(HoldshelfError):
        client.get("/rules/me", types_people.PersonRow)
    over = house.entries("appointment.end")[-1]["seq"]
    assert not [e for e in house.entries("look.open") if e["seq"] > over], "no picture was opened after it"

    # Queued exports are cancelled; what a second person approved is the library's word by then.
    row = wait_for(
        "the queued release is cancelled",
        lambda: found if (found := shown(house.director, queued.id)).state == "cancelled" else None,
        LIMIT_S,
    )
    assert "right" in row.ended_why
    (entry,) = house.entries("release.cancelled")
    assert (entry["person"], entry["subject"], entry["facts"]["basis"]) == ("service", queued.id, "search-warrant")
    with pytest.raises(Conflict, match="cancelled"):
        carl.act("release.approve", releases.ReleaseApprove(queued.id), releases.ReleaseRow)
    assert shown(house.director, approved.id).state == "approved"


def test_scene_2_who_keeps_a_right_by_another_letter_keeps_what_was_asked(house: Library) -> None:
    house.people.appoint("ann", "Ann Lee", house.director, "release")
    carl = house.people.client("carl")
    other = house.people.appoint("ann", "Ann Lee", carl, "release", cameras=["lobby"])
    ann = house.people.client("ann")
    at_lobby, at_desk = request(ann, house), request(ann, house, "desk")
    first = next(row for row in _letters(house) if row.id != other and row.name == "Ann Lee")
    house.director.act("appointment.end", types_people.Ending(first.id, "one letter is enough"), types_people.Done)
    wait_for("the one is cancelled", lambda: shown(house.director, at_desk.id).state == "cancelled", LIMIT_S)
    assert shown(house.director, at_lobby.id).state == "requested"


def test_scene_2_an_approval_is_refused_in_the_second_before_it_is_cancelled(house: Library) -> None:
    letter = house.people.appoint("kim", "Kim Ash", house.director, "release")
    release = request(house.people.client("kim"), house)
    carl = house.people.client("carl")
    house.director.act("appointment.end", types_people.Ending(letter, "left"), types_people.Done)
    with pytest.raises(HoldshelfError, match=r"no right to it any more|cancelled"):
        carl.act("release.approve", releases.ReleaseApprove(release.id), releases.ReleaseRow)
    wait_for("it is cancelled", lambda: shown(house.director, release.id).state == "cancelled", LIMIT_S)


def _letters(house: Library) -> list[types_people.AppointmentRow]:
    return house.director.get("/rules/appointments", list[types_people.AppointmentRow])
