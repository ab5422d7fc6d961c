"""What a policy of a library's own can say and the others do not, asked by acts: classes of a purpose and of a role, no second
person, absences by business days, and a file that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from holdshelf_core.actions.registry import Change, LogForm
from holdshelf_core.holds import types as holds
from holdshelf_core.looks.types import PurposeOpen
from holdshelf_core.operations import offline
from holdshelf_core.paths import DataPaths
from holdshelf_core.people.board_types import BoardSet, PolicyAdopt, ReadBoard, ReadPolicyLists
from holdshelf_core.people.types import SeatAway, SeatName
from holdshelf_core.policy import date_forms, governing, numbering
from holdshelf_core.policy.model import Board
from holdshelf_core.policy_file.adopted import REPAIR
from holdshelf_core.policy_file.first import FIRST
from tests.rules_furnished import House
from tests.rules_machine import PAPER, key
from tests.rules_model import DAY_NS, MINUTE_NS

OWN = """
[[class]]
key = "cash"
places = ["money"]
words.en = "cash"
[[purpose]]
key = "tills"
words.en = "what a till was short of"
clause = "P12"
for = ["look"]
classes = ["cash"]
[[role]]
key = "cashier"
words.en = "Head Cashier"
rights = ["archive"]
classes = ["cash"]
[[role]]
key = "assistant"
words.en = "Assistant Director"
stands_in = { for = "director", after = "2 business days" }
"""


@pytest.fixture(autouse=True)
def _own_forms_end() -> Iterator[None]:
    yield
    numbering.use()
    governing.use()
    date_forms.use()


def adopts(house: House, more: str = OWN, **changed: str) -> None:
    text = FIRST.read_text() + more
    for old, new in changed.items():
        line = next(one for one in text.splitlines() if one.startswith((f'"{old}" =', f"{old} =")))
        text = text.replace(line, new)
    house.ask("carl", PolicyAdopt("The policy.", "2", "2026-01-01", "enforce", "", text))
    house.sessions.clear()


def named(house: House, role: str, login: str, number: int) -> None:
    line, fingerprint = key(number)
    house.ask("dora", SeatName(role, login, f"Holder {number}", line, paper_sha256=PAPER))
    session, _ = house.rig.log_in(login, fingerprint)
    assert session is not None
    house.sessions[login] = session


def look(house: House, purpose: str = "violation") -> PurposeOpen:
    return PurposeOpen(["front"], purpose, "26-1", at_utc_ns=house.now - 2 * MINUTE_NS)


def test_p12_a_purpose_is_for_cameras_of_its_classes(house: House) -> None:
    adopts(house)
    house.refused("dora", look(house, "tills"), "P12", "This purpose is for cameras of this class alone: cash")
    house.ask("dora", look(house))


def test_p11_a_role_is_bound_to_its_classes(house: House) -> None:
    adopts(house)
    named(house, "cashier", "cash", 30)
    house.refused("cash", look(house), "P11", "your role does not cover its camera")


def test_p11_a_deputy_acts_once_two_business_days_are_over(house: House) -> None:
    adopts(house)
    named(house, "assistant", "ida", 31)
    house.refused("ida", look(house), "P11", "")
    house.ask("ida", SeatAway("director"))
    house.refused("ida", look(house), "P11", "")
    for _ in range(6):
        house.rig.time.run(DAY_NS)
    house.sessions.clear()
    session, _ = house.rig.log_in("ida", key(31)[1])
    assert session is not None
    house.sessions["ida"] = session
    house.ask("ida", look(house))


def test_p16_where_no_second_person_is_needed_any_more_who_asked_approves(house: House) -> None:
    span = holds.SpanAsk("front", house.now - 2 * MINUTE_NS, house.now - MINUTE_NS)
    hold = house.ask("dora", holds.HoldPlace("investigation", "26-9", [span])).id
    house.ask("dora", holds.HoldLift(hold, "closed"))
    house.refused("dora", holds.HoldApprove(hold), "P16", "You cannot approve this lift: you asked for it")
    adopts(house, **{"hold.lift": '"hold.lift" = []'})
    house.ask("dora", holds.HoldApprove(hold))
    assert house.state.holds[hold].grace_end_utc_ns is not None


def test_p11_a_refusal_names_the_body_that_governs_as_the_file_does(house: House) -> None:
    adopts(house, "", name='name = "Library"\nboard.en = "the County Council"')
    looser = BoardSet("second_person_lift", "no", "fewer people")
    house.refused("dora", looser, "P11", "Making second_person_lift looser is for the County Council to decide")
    house.refused("dora", looser, "P11", "Or give the County Council's signed paper.")
    assert house.read("dora", ReadPolicyLists()).board == "County Council"
    (reviews,) = (row for row in house.read("dora", ReadBoard()) if row.key == "house_check_days")
    assert reviews.what.startswith("days between the County Council's reviews")


def test_p20_a_file_that_cannot_be_read_is_explained_as_nobodys(house: House) -> None:
    adopts(house)

    def spoil(data: DataPaths) -> None:
        for file in (data.state / "policy").glob("*.toml"):
            file.chmod(0o600)
            file.write_text("format = 1\n")

    house.rig.flush()
    house.rig.crash(spoil)
    text, rows = offline.explain(house.state.policy)
    assert {row.who for row in rows if row.allowed} <= {"admin", "no right"}
    assert "Columns" not in text


def test_p20_a_file_that_is_changed_while_it_is_in_force_is_told_before_the_next_start(house: House) -> None:
    adopts(house)
    look = house.rig.house.jobs.run["policy file"]
    told = lambda: [one for one in house.rig.house.repairs.async_all() if one.issue_id == REPAIR]  # noqa: E731
    assert house.rig.run(look()) == "as it was adopted"
    assert told() == []
    (file,) = (house.rig.data.state / "policy").glob("*.toml")
    adopted = file.read_bytes()
    for spoil in (lambda: file.write_text("format = 1\n"), file.unlink):
        file.chmod(0o600)
        spoil()
        house.rig.run(look())
        (repair,) = told()
        assert "It holds as it was read until Holdshelf starts again; then nobody has any rights" in repair.sentence
        assert house.may("dora", "report.see").allowed, "what was read holds"
    file.write_bytes(adopted)
    house.rig.run(look())
    assert told() == []


def test_settings_from_before_policies_were_files_stay_as_they_were(house: House) -> None:
    """Their row does not say what the Board has set: all of it is."""
    row = {**msgspec.to_builtins(Board()), "live_minutes": 7}
    del row["given"]

    async def restored() -> None:
        change = Change("board", "settings", row)
        await house.rig.house.authorizer.async_service_entry("board.set", LogForm(), [change])

    house.rig.run(restored())
    adopts(house, live_minutes="live_minutes = { value = 9, least = 1, most = 60 }")
    assert house.state.board.live_minutes == 7
