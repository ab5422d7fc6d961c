"""Scene 2: revoked while looking. Pictures stop, the person is told why, and what they had asked to go out is cancelled."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import Conflict, HoldshelfError
from holdshelf_core.api.session_types import EventRow
from holdshelf_core.looks import types
from holdshelf_core.people import types as types_people
from holdshelf_core.releases import types as releases
from tests.bundles import nobody_else
from tests.looking import NS
from tests.people import PAPER
from tests.rig.hang import HANG_S
from tests.scenes.rig import Library, library
from tests.service import wait_for


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
    return client.act(asked)


def look(client: Client, house: Library) -> types.GrantRow:
    asked = types.PurposeOpen(
        ["lobby"], "crime", "26-0417", start_utc_ns=house.made.start_utc_ns, end_utc_ns=house.made.gap_utc_ns
    )
    return client.act(asked)


def still(client: Client, grant: types.GrantRow, house: Library) -> bytes:
    asked = types.LookStill(grant.id, "lobby", house.made.start_utc_ns + 5 * NS, 160)
    return client.act(asked).jpeg


def shown(client: Client, release: str) -> releases.ReleaseRow:
    return client.act(releases.ReleaseShow(release))


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
    nobody_else(carl, approved.id)
    carl.act(releases.ReleaseApprove(approved.id))

    house.director.act(types_people.AppointmentEnd(letter, "left the team"))

    def refusal() -> str:
        try:
            assert still(client, grant, house)
        except HoldshelfError as error:
            return str(error)
        return ""

    why = wait_for("no picture comes any more", refusal)
    assert "ended" in why, "the picture that is refused says why"
    heard.join(HANG_S)
    assert not heard.is_alive(), "the event stream ends with the right"
    assert heard.events[-1].type == "end"
    assert "appointment" in str(heard.events[-1].data)
    assert "appointment" in house.service.await_gone(sam.session["session"])
    with pytest.raises(HoldshelfError):
        client.read(types_people.ReadMe())
    over = house.entries("appointment.end")[-1]["seq"]
    assert not [e for e in house.entries("look.open") if e["seq"] > over], "no picture was opened after it"

    # Queued exports are cancelled; what a second person approved is the library's word by then.
    row = wait_for(
        "the queued release is cancelled",
        lambda: found if (found := shown(house.director, queued.id)).state == "cancelled" else None,
    )
    assert "right" in row.ended_why
    (entry,) = house.entries("release.cancelled")
    assert (entry["person"], entry["subject"], entry["facts"]["basis"]) == ("service", queued.id, "search-warrant")
    with pytest.raises(Conflict, match="cancelled"):
        carl.act(releases.ReleaseApprove(queued.id))
    assert shown(house.director, approved.id).state == "approved"


def test_scene_2_who_keeps_a_right_by_another_letter_keeps_what_was_asked(house: Library) -> None:
    house.people.appoint("ann", "Ann Lee", house.director, "release")
    carl = house.people.client("carl")
    other = house.people.appoint("ann", "Ann Lee", carl, "release", cameras=["lobby"])
    ann = house.people.client("ann")
    at_lobby, at_desk = request(ann, house), request(ann, house, "desk")
    first = next(row for row in _letters(house) if row.id != other and row.name == "Ann Lee")
    house.director.act(types_people.AppointmentEnd(first.id, "one letter is enough"))
    wait_for("the one is cancelled", lambda: shown(house.director, at_desk.id).state == "cancelled")
    assert shown(house.director, at_lobby.id).state == "requested"


def test_scene_2_an_approval_is_refused_in_the_second_before_it_is_cancelled(house: Library) -> None:
    letter = house.people.appoint("kim", "Kim Ash", house.director, "release")
    release = request(house.people.client("kim"), house)
    carl = house.people.client("carl")
    house.director.act(types_people.AppointmentEnd(letter, "left"))
    with pytest.raises(HoldshelfError, match=r"no longer has the right to|cancelled"):
        carl.act(releases.ReleaseApprove(release.id))
    wait_for("it is cancelled", lambda: shown(house.director, release.id).state == "cancelled")


def _letters(house: Library) -> list[types_people.AppointmentRow]:
    return house.director.read(types_people.ReadAppointments())
