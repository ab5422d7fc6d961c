"""Seats, letters, keys and shares: what each is refused and allowed, asked by acts and log-ins."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from holdshelf_core.errors import HoldshelfError, Refused
from holdshelf_core.looks import types as looks
from holdshelf_core.operations.types import ClockConfirm, ReadClock
from holdshelf_core.paths import DataPaths
from holdshelf_core.people import types
from holdshelf_core.people.board_types import BoardSet, PolicyAdopt, ReadBoard
from holdshelf_core.policy.model import Board
from holdshelf_core.reports.types import PrintRequest
from holdshelf_storage.volume.volume import init_volume
from tests.rules_furnished import House
from tests.rules_house import Rig
from tests.rules_machine import PAPER, key
from tests.rules_model import DAY_NS, HOUR_NS, MINUTE_NS
from tests.rules_people import stamp

ANN, BOB = "p3", "p4"
RIGHTS = ["archive", "live"]


def why_not(house: House, login: str, number: int) -> str:
    """Why a person may not come in."""
    session, outcome = house.rig.log_in(login, key(number)[1])
    assert session is None, outcome
    return f"{outcome.error} {getattr(outcome.error, 'next_step', '')}"


def letter(person: str, last_day: str, *, seat: str = "", cameras: list[str] | None = None, **more: Any) -> Any:
    rights = more.pop("rights", RIGHTS)
    return types.AppointmentMake(person, rights, last_day, more.pop("paper", PAPER), cameras, seat=seat, **more)


# --- seats ------------------------------------------------------------------------------------------------------


def test_p11_who_names_whom_to_a_seat(house: House) -> None:
    house.refused("dora", types.SeatName("chair", "dora", paper_sha256=PAPER), "P11", "You cannot name yourself")
    house.refused("dora", types.SeatName("chair", "ann"), "P11", "needs a signed paper")
    house.refused("dora", types.SeatName("chair", "ann", paper_sha256="0" * 64), "P11", "needs a signed paper")
    house.refused("ann", types.SeatName("chair", "bob", paper_sha256=PAPER), "P11", "not a designee")
    house.refused("bob", types.SeatName("chair", "ann", paper_sha256=PAPER), "P14", "for viewing only")
    house.refused(None, types.SeatName("mayor", "bob", paper_sha256=PAPER), "P11", "The seats are held")
    house.ask("dora", types.SeatName("mayor", "bob", paper_sha256=PAPER))
    assert house.may("bob", "seat.name").allowed


def test_p11_the_admin_names_seats_while_nobody_who_holds_one_can_log_in(house: House) -> None:
    house.ask("dora", types.SeatEnd("chair", "moved away"))
    house.ask("dora", types.SeatEnd("director", "retires"))
    house.refused(None, types.SeatName("director", "bob", paper_sha256="1" * 64), "P11", "needs a signed paper")
    house.ask(None, types.SeatName("director", "bob", paper_sha256=PAPER))
    assert [flag.kind for flag in house.state.flags.values()][-1] == "seat_by_admin"


def test_p11_ends_of_terms(house: House) -> None:
    house.refused(None, types.SeatEnd("chair", "asked"), "P11", "only on a signed paper")
    house.ask("dora", types.SeatEnd("chair", "moved away"))
    assert "Your term as Chair of the Library Board ended on" in why_not(house, "carl", 1)
    house.ask(None, types.SeatEnd("director", "on paper", paper_sha256=PAPER))
    kinds = [flag.kind for flag in house.state.flags.values()]
    assert kinds[-2:] == ["seat_by_seat", "seat_by_admin"]
    told = why_not(house, "dora", 0)
    assert "Your term as Library Director ended" in told
    assert "the Mayor (Mia)" in told
    house.rig.tick()
    assert "lapsed with the Library Director's term" in why_not(house, "ann", 2)


def test_p11_a_term_that_has_not_begun_gives_nothing_yet(house: House) -> None:
    house.ask("dora", types.PersonAdd("eve", "Eve Moss", key(5)[0]))
    assert "holds no seat, has no letter of appointment" in why_not(house, "eve", 5)
    coming = types.SeatName("mayor", "eve", start=stamp(house.now + 3 * DAY_NS), paper_sha256=PAPER)
    house.ask("dora", coming)
    assert "begins on November 28, 2026 and has not begun yet" in why_not(house, "eve", 5)
    house.rig.time.wall_ns += 4 * DAY_NS
    told = why_not(house, "eve", 5)
    assert "by both clocks of this machine" in told
    assert "holdshelf clock confirm" in told


def test_p11_what_begins_now_has_begun_by_both_clocks(house: House) -> None:
    """The machine's clock was just set two minutes ahead of the time that is counted since its start."""
    house.rig.time.wall_ns += 2 * MINUTE_NS
    house.ask("dora", types.SeatName("mayor", "bob", paper_sha256=PAPER))
    assert house.may("bob", "person.see").allowed
    house.ask("dora", types.PersonAdd("eve", "Eve Moss", key(5)[0]))
    house.ask("dora", letter("eve", "2026-12-31"))
    assert house.may("eve", "door").allowed


def test_a_removed_person_is_told_so(house: House) -> None:
    house.refused("dora", types.PersonRemove("dora", "goes"), "P11", "You cannot remove yourself")
    house.ask("dora", types.PersonRemove("ann", "left"))
    assert "key is not enrolled" in why_not(house, "ann", 2)
    house.ask("dora", types.PersonRemove("chair", "left"))
    assert [flag.kind for flag in house.state.flags.values()][-1] == "seat_by_seat"
    for person, action in (("p3", "print"), ("p3", "person.see"), ("p3", "look.live")):
        answer = house.may(person, action, target=person)
        assert not answer.allowed
        assert "Ann was removed on November 25, 2026" in answer.sentence


def test_p11_who_is_not_known_here_has_no_right(house: House) -> None:
    """A session may outlive a state that was put back: its person is nobody then."""
    with pytest.raises(Refused, match="You may not see this"):
        house.read("p99", types.ReadPeople())


def test_p11_the_first_seat_is_the_directors(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "house")
    init_volume(rig.data.state, rig.data.media, rig.time.wall_ns)
    rig.start()
    try:
        house, line = House(rig), key(0)[0]
        chair = types.SeatName("chair", "carl", "Carl Hill", line, paper_sha256=PAPER)
        house.refused(None, chair, "P11", "The first seat to be named is the Library Director's")
        house.ask(None, types.SeatName("director", "dora", "Dora Reed", line))
    finally:
        rig.close()


def test_p11_whose_row_was_changed_behind_the_log_has_no_right(house: House) -> None:
    """As somebody with the documents in hand does it: the row changed, and the checksum made anew."""

    def edit(data: DataPaths) -> None:
        path = data.state / "register.json"
        file = json.loads(path.read_bytes())
        ann = next(row for row in file["tables"]["people"].values() if row["key"] == "p3")
        ann["row"]["name"] = "Somebody Else"
        tables = json.dumps(file["tables"], separators=(",", ":"), ensure_ascii=False).encode()
        digest = hashlib.sha256(tables).hexdigest().encode()
        path.write_bytes(b'{"schema":1,"sha256":"%s","tables":%s}\n' % (digest, tables))

    house.rig.flush()
    house.rig.crash(edit)
    house.sessions.clear()
    assert "was changed without an entry in the access log" in why_not(house, "ann", 2)


def test_two_seats_are_one_persons(house: House) -> None:
    house.ask("carl", types.SeatName("mayor", "dora", paper_sha256=PAPER))
    answer = house.may("dora", "look.live", cameras="front", purpose="crime")
    assert answer.acting_as == "director"
    assert house.state.people["p1"].name == "Dora Reed"
    house.ask("dora", letter("bob", "2026-12-01", seat="mayor"))
    assert "Mayor" in house.may("bob", "look.live", cameras="front", purpose="crime").sentence


# --- keys -------------------------------------------------------------------------------------------------------


def test_p11_keys_are_changed_by_their_owner_a_seat_or_on_paper(house: House) -> None:
    new = key(7)[0]
    house.refused("dora", types.PersonKey("nobody", new), "P11", "A key belongs to one person")
    house.refused(None, types.PersonKey("bob", new, paper_sha256="2" * 64), "P11", "only on a signed paper")
    house.ask(None, types.PersonKey("bob", new, paper_sha256=PAPER))
    house.ask("ann", types.PersonKey("ann", key(8)[0]))
    house.refused("ann", types.PersonKey("bob", key(9)[0]), "P11", "not a designee")
    house.ask("dora", types.PersonKey("ann", key(9)[0]))
    house.ask("dora", types.PersonKey("carl", key(10)[0]))
    kinds = [flag.kind for flag in house.state.flags.values()]
    assert kinds[-2:] == ["key_by_admin", "key_by_seat"]


# --- letters ----------------------------------------------------------------------------------------------------


def test_p11_what_a_letter_of_appointment_needs(house: House) -> None:
    house.refused("dora", letter("dora", "2026-12-01"), "P11", "You cannot appoint yourself")
    house.refused("dora", letter("bob", "2026-12-01", seat="mayor"), "P11", "You do not hold the seat 'mayor'")
    house.refused("dora", letter("nobody", "2026-12-01"), "P11", "Nobody by that name is enrolled")
    house.refused("dora", letter("bob", "2026-12-01", rights=["lift"]), "P11", "A letter cannot give 'lift'")
    house.refused("dora", letter("bob", "2026-12-01", paper=""), "P11", "needs a signed paper")
    house.refused("dora", letter("bob", "2026-12-01", cameras=["roof"]), "P4", "There is no camera 'roof'")
    house.refused(None, letter("bob", "2026-12-01"), "P11", "The admin of this server may not")
    may = house.may("dora", "appointment.make", target="bob", rights="live", end_utc_ns=house.now - DAY_NS)
    assert "last day has passed" in may.sentence
    after = house.may(
        "dora", "appointment.make", target="bob", start_utc_ns=house.now + 2 * DAY_NS, end_utc_ns=house.now + DAY_NS
    )
    assert "is before its first" in after.sentence
    house.ask("dora", letter("bob", "2026-12-01", cameras=["front"], rights=["archive"]))
    assert house.may("bob", "look.archive", cameras="front", purpose="crime", start_utc_ns=0, end_utc_ns=1).allowed
    beyond = house.may("bob", "look.archive", cameras="hall", purpose="crime", start_utc_ns=0, end_utc_ns=1)
    assert "does not cover its camera" in beyond.sentence
    assert "does not allow you to look at live" in house.may("bob", "look.live", cameras="front").sentence
    assert "not a designee" in house.may("bob", "hold.lift", target="H-2026-0001").sentence


def test_p11_several_letters_together_cover_what_is_asked(house: House) -> None:
    house.ask("dora", letter("bob", "2026-12-01", cameras=["front"], rights=["hold", "release"]))
    house.ask("carl", letter("bob", "2026-12-01", cameras=["hall"], rights=["hold"]))
    asked = {"purpose": "violation", "incident": "26-1"}
    both = house.may("bob", "hold.place", cameras="front,hall", **asked)
    assert both.acting_as == "designee of director and chair"
    assert house.may("bob", "hold.place", cameras="hall", **asked).acting_as == "designee of chair"
    assert not house.may("bob", "hold.place", cameras="front,hall,roof", **asked).allowed
    assert "Nothing has that name" in house.may("bob", "hold.see", target="H-2026-0999").sentence
    assert "Nothing has that name" in house.may("bob", "release.see", target="R-2026-0999").sentence
    assert house.may("bob", "hold.see").allowed


def test_p11_a_letter_ends_with_its_days_its_seat_or_its_end(house: House) -> None:
    house.ask("dora", letter("bob", "2026-12-01", first_day=stamp(house.now + DAY_NS)))
    house.ask("dora", types.ShareEnd(next(iter(house.state.shares)), "no longer needed"))
    assert "Your appointment as designee of the Library Director begins on" in why_not(house, "bob", 3)
    own = house.state.appointments_of(ANN)[0].id
    house.ask("ann", types.AppointmentEnd(own, "I leave"))
    told = why_not(house, "ann", 2)
    assert "Your appointment as designee of the Library Director ended on" in told
    assert "Ask the Library Director (Dora Reed)" in told
    house.ask("carl", letter("ann", "2027-06-30"))
    house.pass_days(100)
    house.rig.tick()
    assert "lapsed with the Chair of the Library Board's term" in why_not(house, "ann", 2)


def test_p11_a_letter_lapses_when_its_seat_is_left(house: House) -> None:
    house.ask("dora", letter("bob", "2026-12-01"))
    house.ask("carl", types.PersonRemove("dora", "left"))
    assert "lapsed with the Library Director's term" in why_not(house, "ann", 2)


def test_p11_the_last_letter_that_ended_is_the_one_that_is_told(house: House) -> None:
    house.pass_days(11)
    told = why_not(house, "ann", 2)
    assert "ended on December" in told
    house.rig.tick()
    assert house.state.appointments_of(ANN)[0].ended_utc_ns is not None


# --- shares -----------------------------------------------------------------------------------------------------


def share(house: House, **more: Any) -> types.ShareMake:
    start = more.pop("start", house.now - 2 * MINUTE_NS)
    end = more.pop("end", house.now - MINUTE_NS)
    asked: dict[str, Any] = {"purpose": "crime", "person": "ann", "confidentiality": True} | more
    return types.ShareMake(asked.pop("camera", "front"), start, end, asked.pop("purpose"), **asked)


def test_p14_what_a_share_needs(house: House) -> None:
    house.refused("dora", share(house, end=0), "P14", "names its start and its end")
    house.refused("dora", share(house, purpose=""), "P14", "A share needs a purpose")
    house.refused("dora", share(house, purpose="fun"), "P14", "not on the list of purposes")
    house.refused("dora", share(house, purpose="what was she reading then"), "P6", "is not a purpose")
    house.refused("dora", share(house, purpose="watch people in the hall"), "P1", "Watching people")
    house.refused("dora", share(house, person="dora"), "P14", "You cannot share with yourself")
    house.refused("dora", share(house, person="nobody"), "P14", "a person who is enrolled")
    house.refused("dora", share(house, start=house.now - 30 * HOUR_NS), "P2", "at most 24 hours")
    house.refused("dora", share(house, camera="roof"), "P4", "There is no camera")
    house.ask("dora", share(house, purpose="a book cart was pushed over"))
    sheet = share(house, person="", given_to="Officer Hill", kind="sheet")
    house.ask("dora", sheet)
    house.rig.tick()
    for cameras in ("front,hall", ""):
        assert not house.may("dora", "share.make", cameras=cameras).allowed
    bare = house.may("dora", "share.make", cameras="front", purpose="crime", target="ann")
    assert "names its start and its end" in bare.sentence
    house.ask("dora", types.PersonRemove("ann", "left"))
    house.refused("dora", share(house, person=ANN), "P14", "a person who is enrolled")


def test_p14_what_is_shared_is_viewed_within_its_span(house: House) -> None:
    row = next(iter(house.state.shares.values()))
    house.refused("bob", looks.ShareOpen("V-2026-0999"), "P14", "is shared with you")
    inside = {"cameras": "front", "start_utc_ns": row.start_utc_ns, "end_utc_ns": row.start_utc_ns + 1}
    assert house.may("bob", "share.view", **inside, target=row.id).allowed
    assert house.may("bob", "share.view", **inside).allowed
    for other in ({"cameras": "hall"}, {"start_utc_ns": row.start_utc_ns - 1}, {"end_utc_ns": row.end_utc_ns + 1}):
        assert "only the camera and the span" in house.may("bob", "share.view", **(inside | other)).sentence
    for none in ({"start_utc_ns": None}, {"end_utc_ns": None}, {"end_utc_ns": 0}):
        assert "a time within the span" in house.may("bob", "share.view", **(inside | none)).sentence
    assert "Nothing is shared with you" in house.may("dora", "share.view", **inside).sentence
    assert house.may("bob", "camera.see", cameras="front").allowed
    assert "only the camera that was shared" in house.may("bob", "camera.see", cameras="hall").sentence
    assert house.may("bob", "print").acting_as == "share"
    grant = house.ask("bob", looks.ShareOpen(row.id))
    house.ask("bob", looks.ShareStill(grant.id, "front", row.end_utc_ns - MINUTE_NS // 2))
    house.refused("dora", types.ShareEnd("V-2026-0999", "x"), "P14", "There is no share")
    house.ask("carl", share(house, person="bob"))
    house.pass_days(3)
    house.ask("dora", types.ShareEnd(row.id, "no longer needed"))
    house.refused("bob", looks.ShareOpen(row.id), "P14", "What was shared with you expired on")
    house.pass_days(12)
    assert "What was shared with you expired on" in why_not(house, "bob", 3)
    told = house.may("bob", "share.view", **inside, target=row.id)
    assert not told.allowed


def test_p14_an_expired_share_beside_another_is_told_as_expired(house: House) -> None:
    first = next(iter(house.state.shares.values()))
    house.pass_days(5)
    second = house.ask("dora", share(house, person="bob")).id
    house.rig.time.run(3 * DAY_NS)
    assert "expired on" in house.may("bob", "share.view", cameras="front", target=first.id).sentence
    assert house.state.shares[first.id].ended_utc_ns is None
    house.refused("bob", looks.ShareOpen(first.id), "P14", "expired on")
    house.ask("bob", looks.ShareOpen(second))
    mine = house.ask("ann", share(house, person="bob")).id
    house.ask("ann", types.ShareEnd(mine, "returned"))
    assert house.may("ann", "share.end", target="V-2026-0999").allowed is False


def test_who_shared_is_asked_while_they_have_a_right(house: House) -> None:
    first = next(iter(house.state.shares))
    house.ask("dora", types.ShareEnd(first, "no longer needed"))
    house.ask("ann", share(house, person="bob", days=1))
    house.pass_days(2)
    assert "Ask Ann" in why_not(house, "bob", 3)
    house.ask("dora", types.PersonRemove("ann", "left"))
    assert "Ask the" in why_not(house, "bob", 3)


# --- the Board, the text, flags, the clock ------------------------------------------------------------------------


def test_p11_a_looser_setting_is_the_boards(house: House) -> None:
    assert {row.key for row in house.read(None, ReadBoard())} == set(Board.__struct_fields__) - {"given"}
    for setting, value in (
        ("second_person_lift", "no"),
        ("live_minutes", "30"),
        ("grace_days", "1"),
    ):
        house.refused("dora", BoardSet(setting, value, "asked"), "P11", "is for the Board to decide")
    house.refused("dora", BoardSet("grace_days", "9", " "), "P11", "needs a reason")
    for setting, value in (
        ("grace_days", "9"),
        ("live_minutes", "5"),
        ("library", "Prospect"),
        ("second_person_lift", "yes"),
    ):
        house.ask("dora", BoardSet(setting, value, "asked"))
    house.ask("carl", BoardSet("second_person_lift", "no", "decided"))
    house.ask("dora", BoardSet("second_person_release", "no", "decided", PAPER))
    assert [flag.kind for flag in house.state.flags.values()][-1] == "paper_approval"
    house.refused("ann", BoardSet("grace_days", "9", "asked"), "P11", "not a designee")
    house.wrong("dora", BoardSet("stars", "9", "asked"), "")


def test_p13_treating_the_statute_as_advice_is_the_boards(house: House) -> None:
    def adopt(statute: str, text: str = "Cameras keep us safe.") -> PolicyAdopt:
        return PolicyAdopt(text, "1", "2026-01-01", statute)

    house.refused("dora", adopt("advise"), "P13", "Treating the statute as advice")
    house.ask("dora", adopt("enforce"))
    house.ask("carl", adopt("advise"))
    again = house.ask("dora", adopt("advise", "You are monitored 24/7."))
    assert "monitored 24/7" in again.warning
    for text in ("We do not watch at all times.", "Nothing is said.", "We always smile."):
        assert not house.ask("dora", adopt("advise", text)).warning


def test_p12_a_flag_is_reviewed_by_another_seat(house: House) -> None:
    house.ask("ann", looks.BreakGlass(["front"], "smoke"))
    flag = next(row.id for row in house.state.flags.values() if row.kind == "break_glass")
    house.refused("dora", types.FlagReview("f99", "fine"), "P12", "There is no flag")
    house.refused("ann", types.FlagReview(flag, "fine"), "P11", "not a designee")
    house.ask("dora", types.FlagReview(flag, "fine"))
    house.refused("dora", types.FlagReview(flag, "fine"), "P12", "You have already reviewed this")
    house.ask("carl", types.FlagReview(flag, "fine"))
    by_dora = house.ask("dora", looks.BreakGlass(["front"], "smoke again"))
    assert by_dora.id
    own = [row.id for row in house.state.flags.values() if row.kind == "break_glass"][-1]
    house.refused("dora", types.FlagReview(own, "fine"), "P12", "You cannot review your own act")
    house.ask("carl", types.FlagReview(own, "fine"))
    house.rig.time.run(MINUTE_NS)
    house.ask("dora", types.SeatName("mayor", "bob", paper_sha256=PAPER))
    house.refused("bob", types.FlagReview(flag, "fine"), "P12", "has been reviewed already")
    house.ask("bob", types.FlagReview(own, "fine"))


def test_p12_a_flag_is_reviewed_on_paper_by_a_seat_without_a_key(house: House) -> None:
    house.ask("ann", looks.BreakGlass(["front"], "smoke"))
    flag = [row.id for row in house.state.flags.values() if row.kind == "break_glass"][-1]

    def on_paper(sha256: str = PAPER, seat: str = "mayor") -> types.FlagReview:
        return types.FlagReview(flag, "read on paper", sha256, seat)

    house.refused("dora", on_paper("1" * 64), "P12", "needs its scan")
    house.refused("dora", on_paper(seat="clerk"), "P12", "needs the name of the seat that signed it")
    house.refused("dora", on_paper(seat="chair"), "P12", "can log in and must review it on screen")
    house.ask("dora", types.SeatEnd("mayor", "moved away"))
    house.refused("dora", on_paper(), "P12", "Nobody is the Mayor now")
    house.ask("dora", types.SeatName("mayor", "noa", "Noa Bell", paper_sha256=PAPER))
    house.ask("dora", on_paper())
    house.refused("dora", on_paper(), "P12", "did this or has already reviewed it")
    house.ask("carl", types.FlagReview(flag, "fine"))
    house.refused("dora", on_paper(), "P12", "has been reviewed already")


def test_p12_where_one_seat_is_filled_the_boards_paper_closes_a_flag(house: House) -> None:
    house.ask("dora", types.SeatEnd("mayor", "moved away"))
    house.ask("dora", looks.BreakGlass(["front"], "smoke"))
    flag = [row.id for row in house.state.flags.values() if row.kind == "break_glass"][-1]
    on_paper = types.FlagReview(flag, "read on paper", PAPER, "chair")
    house.refused("dora", on_paper, "P12", "can log in and must review it on screen")
    house.ask("carl", types.SeatEnd("chair", "term is over"))
    assert house.state.flags[flag].needs == 2
    house.refused("dora", types.FlagReview(flag, "fine"), "P12", "Or give a paper signed by the Chair; its SHA-256")
    assert house.ask("dora", on_paper).sentence == "Reviewed."
    assert (house.state.flags[flag].needs, house.state.flags[flag].reviewed_by) == (1, ("paper:chair",))
    house.refused("dora", on_paper, "P12", "has been reviewed already")


def test_p12_the_boards_paper_closes_no_flag_that_somebody_else_can_review(house: House) -> None:
    house.ask("ann", looks.BreakGlass(["front"], "smoke"))
    flag = [row.id for row in house.state.flags.values() if row.kind == "break_glass"][-1]
    house.ask("dora", types.SeatEnd("mayor", "moved away"))
    house.ask("carl", types.SeatEnd("chair", "term is over"))
    said = house.ask("dora", types.FlagReview(flag, "read on paper", PAPER, "chair")).sentence
    assert said == "Reviewed; 1 more by another seat."
    house.ask("dora", types.FlagReview(flag, "fine"))
    assert house.state.flags[flag].needs == 2


def test_p12_who_stepped_into_the_seat_that_did_it_does_not_review_it(house: House) -> None:
    house.ask("dora", looks.BreakGlass(["front"], "smoke"))
    flag = [row.id for row in house.state.flags.values() if row.kind == "break_glass"][-1]
    house.rig.time.run(MINUTE_NS)
    house.ask("carl", types.SeatName("director", "bob", paper_sha256=PAPER))
    house.sessions.clear()
    house.refused("bob", types.FlagReview(flag, "fine"), "P12", "Your seat did this")


def test_p15_the_admin_confirms_the_time_under_a_flag(house: House) -> None:
    house.rig.time.wall_ns += HOUR_NS
    clock = house.read(None, ReadClock())
    confirmed = ClockConfirm(house.now, house.rig.time.boot_ns, "compared with the radio")
    assert clock is not None
    house.ask(None, confirmed)
    assert [flag.kind for flag in house.state.flags.values()][-1] == "clock_by_admin"
    house.rig.time.wall_ns += HOUR_NS
    house.ask("dora", ClockConfirm(house.now, house.rig.time.boot_ns, "compared with the radio"))


def test_p17_anyone_gets_the_policy(house: House) -> None:
    house.pass_days(30)
    ended = house.may("ann", "print")
    assert ended.allowed
    assert ended.acting_as == ""
    assert not house.may("ann", "outbox").allowed
    assert house.ask(None, PrintRequest("policy")) is not None


@pytest.mark.parametrize("act", ["look", "people.search", "footage.erase"])
def test_what_the_policy_knows_not_or_never_allows(house: House, act: str) -> None:
    try:
        assert not house.may("dora", act).allowed
    except HoldshelfError as error:
        assert "has no action named" in str(error)
        assert act == "look"
