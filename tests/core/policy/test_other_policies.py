"""Other libraries' policies, as their files say them: what their gates let out, and to whom their purposes are open.

The facts are those of `tests/policies`; each is asked as the product asks it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import msgspec
import pytest

from holdshelf_core.policy.case import Decision, Scope, Subject
from holdshelf_core.policy.gates import ReleaseCheck, Request, gates, what_would_pass
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.model import AskedRule, Commission, Key, Paper, Person, Seat, Span
from holdshelf_core.policy.rules import decide
from holdshelf_core.policy.schema import Basis
from holdshelf_core.policy.state import CameraFacts, State
from holdshelf_core.policy.tables import Policy
from holdshelf_core.policy_file.read import read_file
from holdshelf_core.times import DAY_NS, HOUR_NS

FILES = Path(__file__).parents[2] / "policies"
AT = 1_780_000_000_000_000_000
NOW = Now(AT, AT)
SCAN = "0123456789abcdef" * 4
SPAN = Span("cam", AT - 2 * HOUR_NS, AT - HOUR_NS)
FIELDS = {"issuer": "who", "docket": "CR-1", "agency": "Police", "officer": "badge 12"}


@cache
def policy(letter: str) -> Policy:
    return Policy(read_file(FILES / f"{letter}.toml")[0])


def asked(letter: str, basis: str, *given: str, place: str = "seating") -> ReleaseCheck:
    """What the gates say of a request that has all of `given`, of an hour of a camera in such a place."""
    fields = {field: value for field, value in FIELDS.items() if field in given}
    paper = Paper(
        SCAN if "written" in given else "",
        basis,
        fields.get("issuer", ""),
        fields.get("docket", ""),
        fields.get("agency", ""),
        fields.get("officer", ""),
        signed_by_judge="judge" in given,
        scope=(SPAN,) if "scope" in given else (),
    )
    request = Request(basis, (SPAN,), "p1", AT, paper if given else None, "danger", given, {"cam": place})
    return gates(policy(letter), request, None, (), NOW)


@pytest.mark.parametrize(
    ("letter", "basis", "given", "place", "passes"),
    [
        # B7, B8: inside only what the library reported, or a paper; outside a written request
        ("b", "interior-reported", "written agency officer", "collections", False),
        ("b", "interior-reported", "written agency officer reported", "collections", True),
        ("b", "exterior-request", "written agency officer", "parking", True),
        ("b", "exterior-request", "written agency officer", "collections", False),
        ("b", "interior-paper", "written issuer docket scope", "collections", True),
        # C16: no paper is needed, but who asks is
        ("c", "inquiry", "agency officer", "seating", True),
        ("c", "inquiry", "", "seating", False),
        # F6 to F8: a crime said to have happened at the library; whom the library called; the street is open to anybody
        ("f", "officer", "agency officer at-library", "seating", True),
        ("f", "officer", "agency officer", "seating", False),
        ("f", "called", "agency officer called", "seating", True),
        ("f", "court", "written issuer docket scope", "seating", True),
        ("f", "street-record", "scope", "seating", False),
        # I5, I10, J: the insurer's letter with the matter's number; a person of themselves, with proof of who asks
        ("i", "insurer", "written matter", "seating", True),
        ("i", "insurer", "written", "seating", False),
        ("i", "own-image", "identity", "seating", True),
        ("i", "own-image", "", "seating", False),
        ("j", "solicitor", "written name", "seating", False),
        ("j", "solicitor", "written name matter", "seating", True),
        # what a file does not list is no basis
        ("j", "search-warrant", "written issuer docket judge scope", "seating", False),
    ],
)
def test_a_release_passes_on_what_that_library_asks_for_and_on_nothing_less(
    letter: str, basis: str, given: str, place: str, passes: bool
) -> None:
    said = asked(letter, basis, *given.split(), place=place)
    assert said.passed is passes, said.sentence
    assert passes or said.needs, "a no says what would open it"


def test_the_street_of_f_is_open_to_anybody() -> None:
    (places,) = [one.places for one in policy("f").file.camera_class if one.key == "street"]
    assert asked("f", "street-record", "scope", place=places[0]).passed


def house(letter: str, **holders: str) -> State:
    """Role → person, each in office and with a key."""
    keys = {person: (Key(f"SHA256:{person}", "ssh-ed25519", ""),) for person in holders.values()}
    terms = [Seat(f"s{n}", role, who, 0, AT + 365 * DAY_NS) for n, (role, who) in enumerate(holders.items())]
    people = {person: Person(person, person, person.title(), keys[person]) for person in holders.values()}
    seats = {term.id: term for term in terms}
    return State(
        policy=policy(letter),
        people=people,
        seats=seats,
        cameras={"cam": CameraFacts("cam", "Desk", "service-desk")},
        commissions={"cam": Commission("cam", still_sha256=SCAN, approved_by="x", state="approved")},
    )


def look(state: State, person: str, purpose: str) -> Decision:
    scope = Scope(cameras=("cam",), purpose=purpose, start_utc_ns=AT - HOUR_NS, end_utc_ns=AT)
    return decide(state, Subject(person), "purpose.open", scope, NOW)


def test_b4_b5_security_staff_looks_into_patrons_and_administration_alone_into_staff() -> None:
    state = house("b", administration="ann", security="sam")
    assert look(state, "ann", "personnel").allowed
    assert look(state, "ann", "conduct").allowed
    assert look(state, "sam", "conduct").allowed
    said = look(state, "sam", "personnel")
    assert not said.allowed
    assert "Only the Library administration may look for this purpose" in said.reason
    assert said.who_can_help == "Ask the Library administration (Ann)."
    assert not look(state, "sam", "crime").allowed, "another library's purpose is none here"


def test_a_role_does_what_it_decides_and_no_more() -> None:
    state = house("b", administration="ann", security="sam")
    for act in ("release.approve", "hold.lift", "log.see", "seat.name", "appointment.make", "hold.place"):
        said = decide(state, Subject("sam"), act, Scope(target="x", cameras=("cam",)), NOW)
        assert not said.allowed
        assert "Library administration" in f"{said.reason} {said.who_can_help}", said
    assert decide(state, Subject("sam"), "camera.see", Scope(), NOW).allowed
    assert decide(state, Subject("sam"), "door", Scope(), NOW).allowed


def test_who_only_receives_passes_a_request_on_and_decides_nothing() -> None:
    state = house("a", director="dan", **{"person-in-charge": "pia"})
    scope = Scope(cameras=("cam",), start_utc_ns=AT - HOUR_NS, end_utc_ns=AT)
    assert decide(state, Subject("pia"), "release.request", scope, NOW).allowed
    for act in ("release.approve", "look.live", "look.archive", "hold.place"):
        assert not decide(state, Subject("pia"), act, scope, NOW).allowed


def test_a_role_that_the_file_does_not_name_has_no_rights() -> None:
    state = house("b", mayor="mia", administration="ann")
    said = decide(state, Subject("mia"), "door", Scope(), NOW)
    assert not said.allowed
    nobody = State(people=state.people, seats=state.seats)
    for person in ("mia", "ann"):
        assert not decide(nobody, Subject(person), "door", Scope(), NOW).allowed, "without a policy nobody has rights"


def bound(letter: str, role: str, *classes: str) -> Policy:
    """That library's policy, with a role that is bound to classes of camera."""
    file = policy(letter).file
    roles = tuple(msgspec.structs.replace(row, classes=classes) if row.key == role else row for row in file.role)
    return Policy(msgspec.structs.replace(file, role=roles))


def test_a_role_bound_to_a_class_acts_on_its_cameras_and_learns_nothing_of_others() -> None:
    state = house("b", administration="ann", security="sam")
    outside = {**state.cameras, "lot": CameraFacts("lot", "Lot", "parking")}
    in_use = {**state.commissions, "lot": Commission("lot", still_sha256=SCAN, approved_by="x", state="approved")}
    state = replace(state, policy=bound("b", "security", "exterior"), cameras=outside, commissions=in_use)
    said = look(state, "sam", "conduct")
    assert said.reason == "Nothing has that name or number, or your role does not cover its camera."
    scope = Scope(cameras=("lot",), purpose="conduct", start_utc_ns=AT - HOUR_NS, end_utc_ns=AT)
    assert decide(state, Subject("sam"), "purpose.open", scope, NOW).allowed
    for camera in ("cam", "no such camera"):
        one = Scope(cameras=(camera,), purpose="conduct", start_utc_ns=AT - HOUR_NS, end_utc_ns=AT)
        assert decide(state, Subject("sam"), "purpose.open", one, NOW).reason == said.reason
    assert look(state, "ann", "conduct").allowed
    assert decide(state, Subject("sam"), "camera.see", Scope(), NOW).allowed


def test_a_purpose_for_a_class_opens_no_other_camera() -> None:
    state = house("b", administration="ann")
    file = state.policy.file
    rows = tuple(msgspec.structs.replace(row, classes=("exterior",)) for row in file.purpose)
    said = look(replace(state, policy=Policy(msgspec.structs.replace(file, purpose=rows))), "ann", "conduct")
    assert not said.allowed
    assert "This purpose is for cameras of this class alone: exterior" in said.reason
    assert said.sentence.endswith(f"({state.policy.quoted('P12', 'patrons')})")


def with_bases(letter: str, *bases: Basis) -> Policy:
    """That library's policy, with other ways for footage to leave."""
    return Policy(msgspec.structs.replace(policy(letter).file, basis=bases))


WARRANT = Basis(
    "warrant",
    {"en-GB": "a search warrant"},
    asker="law-enforcement",
    clause="5",
    needs=("written", "judge", "agency"),
    steps=("judge",),
)
LETTER = Basis(
    "letter", {"en-GB": "a police letter"}, asker="law-enforcement", needs=("written", "agency"), steps=("judge",)
)
OWN = Basis(
    "own", {"en-GB": "an access request"}, clause="5", asker="person-seen", needs=("written", "name", "identity")
)
PERMISSION = Basis("permission", {"en-GB": "a written permission"}, asker="person-seen", needs=("written",))


def on_paper(rules: Policy, basis: Basis, *stated: str, judge: bool = False) -> ReleaseCheck:
    paper = Paper(SCAN, basis.key, "who", agency="Police", signed_by_judge=judge)
    return gates(rules, Request(basis.key, (SPAN,), "p1", AT, paper, stated=stated), None, (), NOW)


def test_a_judges_signature_passes_whoever_brings_the_paper_where_the_basis_asks_for_it() -> None:
    rules = with_bases("i", WARRANT, LETTER)
    assert on_paper(rules, WARRANT, judge=True).passed
    assert not on_paper(rules, WARRANT).passed
    assert not on_paper(rules, LETTER, judge=True).passed, "a judge's name below a letter makes no warrant of it"


def test_the_statutes_no_cites_the_clause_of_the_basis_and_asks_for_no_permission_that_the_policy_has_not() -> None:
    cited = msgspec.structs.replace(LETTER, clause="5")
    said = on_paper(with_bases("i", cited), cited)
    assert (said.cites, said.sentence.endswith(": it requires a court order.")) == ("5", True), said
    said = on_paper(with_bases("i", cited, PERMISSION), cited)
    assert said.sentence.endswith(": it requires a court order or the person's written permission.")


def test_who_proves_who_they_are_asks_for_themselves_and_stands_on_the_sheet_with_what_is_asked_of_them() -> None:
    rules = with_bases("i", WARRANT, OWN)
    said = on_paper(rules, OWN, "name", "identity")
    assert said.passed and said.sentence.endswith("The person who is seen has asked for it in writing.")
    sheet = what_would_pass(rules, None, (), NOW)
    assert "an access request, on paper and signed: the asker's name; proof of who asks" in sheet
    assert not any("written permission" in line for line in sheet)


def test_a_request_that_was_entered_while_the_statute_asked_for_more_is_not_passed_by_a_judge() -> None:
    rules = with_bases("i", WARRANT)
    paper = Paper(SCAN, "warrant", "who", agency="Police", signed_by_judge=True)
    asked_for_more = AskedRule(("written", "agency"), ("judge",))
    request = Request("warrant", (SPAN,), "p1", AT, paper)
    assert gates(rules, request, None, (), NOW).passed
    assert not gates(rules, msgspec.structs.replace(request, asked_rule=asked_for_more), None, (), NOW).passed
