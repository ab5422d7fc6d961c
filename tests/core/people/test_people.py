"""People, seats and letters through the real service: who names whom, who may log in, and what an end ends."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from holdshelf_core.access_log import types as log_types
from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import BadRequest, Conflict, HoldshelfError, Refused
from holdshelf_core.people import board_types as types_board
from holdshelf_core.people import types as types_people
from tests.keys import new_key
from tests.people import PAPER, People, day
from tests.rig.hang import HANG_S
from tests.service import Service, wait_for


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with Service(tmp_path / "data", mint=True) as running:
        yield running


@pytest.fixture
def people(service: Service) -> People:
    return People(service)


def persons(client: Client) -> dict[str, types_people.PersonRow]:
    return {row.login: row for row in client.read(types_people.ReadPeople())}


def entries(service: Service, action: str = "") -> list[log_types.LogEntryRow]:
    return service.act(log_types.LogShow(action=action)).entries


def test_the_admin_names_the_first_director_and_nobody_after(service: Service, people: People) -> None:
    director = people.name_director()
    assert director.read(types_people.ReadMe()).roles[0].words == "Library Director"
    with pytest.raises(Refused) as refused:
        people.name("chair", "carl", "Carl Moss", service.client)
    assert refused.value.clause == "P11"
    chair = people.name("chair", "carl", "Carl Moss", director)
    assert chair.read(types_people.ReadMe()).login == "carl"
    assert [e.entry["outcome"] for e in entries(service, "seat.name")] == ["done", "refused", "done"]


def test_an_absence_is_entered_once_by_whom_it_is_and_flagged_when_by_another(service: Service, people: People) -> None:
    director = people.name_director()
    chair = people.name("chair", "carl", "Carl Moss", director)

    def away() -> dict[str, bool]:
        return {row.seat: row.away_since_utc_ns is not None for row in director.read(types_people.ReadSeats())}

    director.act(types_people.SeatAway("director", why="ill"))
    assert away() == {"director": True, "chair": False}
    with pytest.raises(Conflict, match="is entered as away already"):
        director.act(types_people.SeatAway("director"))
    chair.act(types_people.SeatAway("director", away=False))
    assert away() == {"director": False, "chair": False}
    with pytest.raises(BadRequest, match="Nobody holds the seat 'mayor' now"):
        director.act(types_people.SeatAway("mayor"))
    with pytest.raises(Refused):
        service.act(types_people.SeatAway("chair"))
    told = [e.entry["outcome"] for e in entries(service, "seat.away")]
    assert told == ["done", "done", "refused"]
    assert [flag.kind for flag in director.read(types_people.ReadFlags()) if "away" in flag.kind] == ["away_by_seat"]


def test_the_first_seat_is_the_directors(service: Service, people: People) -> None:
    line, _ = new_key()
    asked = types_people.SeatName("director", "dora", "Dora Reed", "")
    with pytest.raises(BadRequest, match="needs a key"):
        service.act(asked)
    with pytest.raises(Refused, match="first seat"):
        service.act(types_people.SeatName("mayor", "dora", "Dora Reed", line))


def test_a_key_is_one_persons(service: Service, people: People) -> None:
    director = people.name_director()
    line, _ = new_key()
    director.act(types_people.PersonAdd("ann", "Ann Lee", line))
    with pytest.raises(BadRequest, match="belongs to one person"):
        director.act(types_people.PersonAdd("bob", "Bob Ray", line))


def test_a_private_key_is_refused_in_words_and_not_written_down(service: Service, people: People) -> None:
    director = people.name_director()
    private = (
        "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU=\n-----END OPENSSH PRIVATE KEY-----\n"
    )
    with pytest.raises(BadRequest, match="private key"):
        director.act(types_people.PersonAdd("ann", "Ann Lee", private))
    assert b"b3BlbnNzaC1rZXk" not in b"".join(
        file.read_bytes() for file in (service.data / "state").rglob("*") if file.is_file() and file.name != "reserve"
    )


def soon_s(act: Callable[[], object]) -> float:
    """In how many seconds a right may end that must be seen to last: an act, and what is asked then, take their time here."""
    began_s = time.monotonic()
    act()
    return 8 + 20 * (time.monotonic() - began_s)


def test_scene_1_an_appointment_that_ended_is_refused_with_the_date_and_whom_to_ask(
    service: Service, people: People
) -> None:
    director = people.name_director()
    ahead_s = soon_s(lambda: people.enrol("sam", "Sam Roe", director))
    soon = datetime.now().astimezone() + timedelta(seconds=ahead_s)
    people.appoint("sam", "Sam Roe", director, "archive", last_day=soon.isoformat(timespec="seconds"))
    session = service.open_session("sam", people.fingerprints["sam"])
    assert persons(director)["sam"].roles[0].state == "active"
    service.await_gone(session["session"], ahead_s + HANG_S)
    with pytest.raises(HoldshelfError) as refusal:
        people.client("sam")
    sentence = str(refusal.value)
    assert "designee of the Library Director ended on" in sentence
    assert str(soon.year) in sentence
    assert "Ask the Library Director (Dora Reed)" in sentence
    last = entries(service, "door.login")[-1].entry
    assert (last["outcome"], last["clause"]) == ("refused", "P11")
    ended = wait_for("the end is written down", lambda: entries(service, "right.ended") or None)
    assert ended[-1].entry["person"] == "service"


def test_an_end_takes_the_session(service: Service, people: People) -> None:
    director = people.name_director()
    letter = people.appoint("sam", "Sam Roe", director, "archive")
    session = service.open_session("sam", people.fingerprints["sam"])
    director.act(types_people.AppointmentEnd(letter, "no longer needed"))
    assert "appointment" in service.await_gone(session["session"])


def test_scene_3_the_mayors_designees_lapse_with_the_mayor(service: Service, people: People) -> None:
    director = people.name_director()
    mayor = people.name("mayor", "may", "May Fox", director)
    people.appoint("sam", "Sam Roe", mayor, "archive")
    ahead_s = soon_s(lambda: people.appoint("ann", "Ann Lee", director, "archive"))
    noon = datetime.now().astimezone() + timedelta(seconds=ahead_s)
    director.act(types_people.SeatEnd("mayor", "term is over", noon.isoformat(timespec="seconds")))
    assert persons(director)["sam"].why_not == ""
    row = wait_for("Sam has no right", lambda: r if (r := persons(director)["sam"]).why_not else None, ahead_s + HANG_S)
    assert "lapsed with the Mayor's term" in row.why_not
    assert persons(director)["ann"].why_not == ""
    with pytest.raises(HoldshelfError, match="lapsed"):
        people.client("sam")


def test_designees_do_not_appoint_and_nobody_appoints_themselves(service: Service, people: People) -> None:
    director = people.name_director()
    people.appoint("sam", "Sam Roe", director, "live", "archive", "hold", "share", "release", "commission")
    people.enrol("ann", "Ann Lee", director)
    with pytest.raises(Refused) as refused:
        people.appoint("ann", "Ann Lee", people.client("sam"), "archive")
    assert refused.value.clause == "P11"
    with pytest.raises(Refused):
        people.appoint("dora", "Dora Reed", director, "archive")


def test_a_lost_key_is_void_and_the_admin_needs_paper(service: Service, people: People) -> None:
    people.name_director()
    session = service.open_session("dora", people.fingerprints["dora"])
    line, fingerprint = new_key()
    with pytest.raises(Refused):
        service.act(types_people.PersonKey("dora", line, replace=True))
    asked = types_people.PersonKey("dora", line, replace=True, paper_sha256=PAPER)
    service.act(asked)
    service.await_gone(session["session"])
    with pytest.raises(HoldshelfError, match="not enrolled"):
        people.client("dora")
    assert service.as_person("director", fingerprint).read(types_people.ReadMe()).login == "dora"
    flags = service.client.read(types_people.ReadFlags())
    assert [(f.kind, f.open) for f in flags] == [("key_by_admin", True)]
    assert entries(service, "person.key")[-1].seq == flags[0].log_seq


def test_nobody_reviews_the_flag_of_a_key_with_the_very_key_that_was_given(service: Service, people: People) -> None:
    director = people.name_director()
    people.name("chair", "carl", "Carl Moss", director)
    mayor = people.name("mayor", "maya", "Maya Moon", director)
    line, people.fingerprints["carl"] = new_key()
    asked = types_people.PersonKey("carl", line, replace=True, paper_sha256=PAPER)
    director.act(asked)
    *named, flag = director.read(types_people.ReadFlags())
    assert [row.kind for row in named] == ["seat_by_seat", "seat_by_seat"], "the Chair and the Mayor, by the Director"
    assert (flag.kind, flag.open) == ("key_by_seat", True)
    review = types_people.FlagReview(flag.id, "as agreed")
    with pytest.raises(Refused, match="one that favors you"):
        people.client("carl").act(review)
    mayor.act(review)


def test_a_login_is_not_taken_for_a_persons_id(service: Service, people: People) -> None:
    people.name_director()
    for login in ("p1", "P12"):
        with pytest.raises(BadRequest, match="looks like a person's id"):
            people.enrol(login, "Look Alike")
    people.enrol("p1x", "Ann Poe")


def test_a_removed_person_is_gone_and_not_forgotten(service: Service, people: People) -> None:
    director = people.name_director()
    people.appoint("sam", "Sam Roe", director, "archive")
    director.act(types_people.PersonRemove("sam", "left the library"))
    with pytest.raises(HoldshelfError):
        people.client("sam")
    assert persons(director)["sam"].left_utc_ns is not None if "sam" in persons(director) else True
    with pytest.raises(Conflict):
        director.act(types_people.PersonRemove("p2", "again"))


def test_settings_of_the_board_are_stricter_by_any_seat_and_looser_by_the_board(
    service: Service, people: People
) -> None:
    director = people.name_director()

    def live_minutes() -> object:
        rows = director.read(types_board.ReadBoard())
        return next(row.value for row in rows if row.key == "live_minutes")

    director.act(types_board.BoardSet("live_minutes", "5", "shorter is enough"))
    assert live_minutes() == 5
    looser = types_board.BoardSet("live_minutes", "30", "too short")
    with pytest.raises(Refused):
        director.act(looser)
    with pytest.raises(Refused):
        service.act(looser)
    chair = people.name("chair", "carl", "Carl Moss", director)
    chair.act(looser)
    assert live_minutes() == 30
    last = entries(service, "board.set")[-1].entry
    assert (last["seat"], last["facts"]["before"], last["facts"]["value"]) == ("chair", 5, 30)


def test_what_was_done_survives_a_kill_at_once(service: Service, people: People) -> None:
    director = people.name_director()
    people.appoint("sam", "Sam Roe", director, "archive")
    service.kill()
    service.start()
    assert people.client("sam").read(types_people.ReadMe()).login == "sam"


@dataclass(frozen=True)
class Killed:
    """DATA of a service that was killed after a letter was ended; its register of before that; whose key is which."""

    data: Path
    yesterday: bytes
    fingerprints: dict[str, str]


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Killed:
    data = tmp_path_factory.mktemp("killed") / "data"
    with Service(data, mint=True) as service:
        people = People(service)
        director = people.name_director()
        letter = people.appoint("sam", "Sam Roe", director, "archive")
        people.appoint("ann", "Ann Lee", director, "hold", last_day=day(3))
        service.stop()
        yesterday = (data / "state" / "register.json").read_bytes()
        service.start()
        people.client("dora").act(types_people.AppointmentEnd(letter, "done"))
        service.kill()
    return Killed(data, yesterday, people.fingerprints)


@pytest.mark.parametrize("loss", ["deleted", "deleted with its copy", "truncated", "yesterday's"])
def test_a_lost_register_is_rebuilt_and_no_revoked_key_lives_again(killed: Killed, tmp_path: Path, loss: str) -> None:
    data = tmp_path / "data"
    subprocess.run(["cp", "-a", killed.data, data], check=True)
    state, yesterday = data / "state", killed.yesterday
    if loss == "truncated":
        (state / "register.json").write_bytes(yesterday[: len(yesterday) // 2])
    elif loss == "yesterday's":
        (state / "register.json").write_bytes(yesterday)
    else:
        (state / "register.json").unlink()
        if loss == "deleted with its copy":
            (state / "register.last.json").unlink(missing_ok=True)
    with Service(data, mint=True) as service:
        people = People(service)
        people.fingerprints.update(killed.fingerprints)
        with pytest.raises(HoldshelfError, match="ended on"):
            people.client("sam")
        assert people.client("ann").read(types_people.ReadMe()).roles[0].rights == ["hold"]
        assert service.act(log_types.LogVerify()).problems == []
