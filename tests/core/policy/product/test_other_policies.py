"""The cases of other libraries' policies by acts in one process, and what else reads the policy in force there."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from holdshelf_core.acts import Act
from holdshelf_core.cameras.checklist_types import ReadChecklist
from holdshelf_core.cameras.commission_types import (
    CommissionApprove,
    CommissionEdit,
    CommissionStill,
    EntranceAdd,
    EntranceAttest,
)
from holdshelf_core.cameras.types import CameraMove
from holdshelf_core.errors import Refused
from holdshelf_core.looks.types import LookLive, PurposeOpen, ShareLive, ShareOpen
from holdshelf_core.operations import offline
from holdshelf_core.people.board_types import PolicyAdopt, ReadBoard, ReadPolicyLint, ReadPolicyLists
from holdshelf_core.people.types import PersonAdd, ScreenGive, SeatAway, SeatName
from holdshelf_core.policy import date_forms, numbering
from holdshelf_core.policy.schema import Case
from holdshelf_core.policy.tables import Policy
from holdshelf_core.policy_file.first import FIRST
from holdshelf_core.releases.sshsig import ReleaseKey
from holdshelf_core.releases.types import PaperAsk, ReleaseApprove, ReleaseOthers, ReleaseRequest, SpanRow
from holdshelf_core.reports.types import PrintRequest
from holdshelf_core.times import rfc3339
from tests.core.policy.product.test_people import share
from tests.policy_library import CASES, FIELDS, POLICIES, STATED, steps
from tests.rules_furnished import House
from tests.rules_house import Session
from tests.rules_machine import PAPER, key
from tests.rules_model import HOUR_NS, MINUTE_NS

FRONT = "front"
STAY = {"p1": ("dora", 0), "p2": ("carl", 1)}
"""Who holds a role of that name before, and keeps it: login, number of the key."""


@pytest.fixture(autouse=True)
def _own_forms_end() -> Any:
    yield
    numbering.use()
    date_forms.use()


class Elsewhere:
    """The furnished house under another policy, with a holder for each of its roles."""

    def __init__(self, house: House, file: Path) -> None:
        self.house, self.text = house, file.read_text()
        self.keys: dict[str, tuple[str, str]] = {}
        self.sessions: dict[str, Session] = {}

    @property
    def policy(self) -> Policy:
        return self.house.state.policy

    def settle(self) -> None:
        languages = msgspec.toml.decode(self.text).get("library", {}).get("languages", ["en"])
        more = {language: f"The policy in {language}." for language in languages[1:]}
        self.house.ask("carl", PolicyAdopt("The policy.", "2", "2026-01-01", "enforce", "", self.text, more))
        by: list[Session | None] = [None]
        still = {seat.key: seat.person for seat in self.house.state.seats.values() if seat.ended_utc_ns is None}
        for number, role in enumerate(self.policy.seats, 20):
            if still.get(role) in STAY:
                self.keys[role] = STAY[still[role]][0], key(STAY[still[role]][1])[1]
                by.append(self.session(role))
                continue
            login, (line, fingerprint) = f"h{number}", key(number)
            asked = SeatName(role, login, f"Holder {number}", line, paper_sha256=PAPER)
            assert "done" in [self.house.rig.act("seat.name", one, asked).kind for one in reversed(by)], role
            self.keys[role] = login, fingerprint
            by.append(self.session(role))

    def session(self, role: str) -> Session:
        if role not in self.sessions:
            session, outcome = self.house.rig.log_in(*self.keys[role])
            assert session is not None, outcome
            self.sessions[role] = session
        return self.sessions[role]

    def done(self, role: str | None, request: Act[Any]) -> Any:
        """The answer. Raises what the service says instead."""
        session = self.session(role) if role is not None else None
        outcome = self.house.rig.act(request.spec.name, session, request)
        if outcome.error is not None:
            raise outcome.error
        return outcome.answer

    # --- one case -----------------------------------------------------------------------------------------------

    def ask(self, case: Case) -> None:
        for role, away in case.away.items():
            self.done(role, SeatAway(role, away=True, why="travels"))
            self.house.rig.time.run(int(away.split()[0]) * HOUR_NS)
            self.sessions.clear()
        consents, consulted = steps(case, "consent"), steps(case, "consult")
        span = (self.house.now - 3 * MINUTE_NS, self.house.now - 2 * MINUTE_NS)
        match case.act:
            case "purpose.open":
                self.stands_where(case)
                start, end = span
                asked = PurposeOpen(
                    [FRONT], case.purpose, "26-1", start_utc_ns=start, end_utc_ns=end, consulted=consulted
                )
                self.done(case.who, asked)
            case "commission.approve":
                self.done(None, CameraMove(FRONT, self.place_of(""), "moved"))
                self.approve(case.who, consents, consulted)
            case _:
                self.stands_where(case)
                self.release(case, consents, SpanRow(FRONT, *span))

    def place_of(self, kind: str) -> str:
        places = next((one.places for one in self.policy.file.camera_class if one.key == kind), ())
        return next(iter(places or self.policy.places))

    def stands_where(self, case: Case) -> None:
        """The camera is of the class that the case is about, and in use there."""
        basis, purpose = self.policy.bases.get(case.basis), self.policy.look_purposes.get(case.purpose)
        classes = (basis.classes if basis is not None else ()) or (purpose.classes if purpose is not None else ())
        self.done(None, CameraMove(FRONT, self.place_of(case.camera or next(iter(classes), "")), "moved"))
        who = next(role for role in self.policy.seats if self.policy.may(role, "commission.approve"))
        consents = [one.partition(":")[2] for one in self.policy.steps("commission.approve").steps]
        self.approve(who, [role for role in consents if not self.policy.has_holders(role)], [])

    def approve(self, who: str, consents: list[str], consulted: list[str]) -> None:
        if not any(row.name == "Side door" for row in self.house.state.entrances.values()):
            self.done(who, EntranceAdd("Side door", "A4, English"))
        for row in self.house.state.entrances.values():
            self.done(who, EntranceAttest(row.id, "A4, English", legible=True, lit=True))
        self.done(who, CommissionEdit(FRONT, [], "a bare wall", why="moved"))
        still = self.done(who, CommissionStill(FRONT, True))
        seat = consents[0] if consents else ""
        self.done(who, CommissionApprove(FRONT, still.sha256, False, PAPER if seat else "", seat, consulted))

    def release(self, case: Case, consents: list[str], span: SpanRow) -> None:
        given = set(case.given)
        fields = {field: value for field, value in FIELDS.items() if field in given}
        paper = None
        if given & {"written", "scope", "judge", *FIELDS}:
            paper = PaperAsk(
                PAPER if "written" in given else "", case.basis, fields.get("issuer", "somebody"), fields.get("docket", ""),
                fields.get("agency", ""), fields.get("officer", ""), "judge" in given, [span],
            )  # fmt: skip
        others = [role for role in self.keys if role != case.who and self.policy.may(role, "release.request")]
        asker = (others or [case.who])[0]
        row = self.done(asker, ReleaseRequest(case.basis, [span], "26-1", paper, stated=sorted(given & STATED)))
        self.done(asker, ReleaseOthers(row.id, seen=False))
        seat = consents[0] if consents else ""
        self.done(case.who, ReleaseApprove(row.id, PAPER if seat else "", seat))


@pytest.mark.parametrize(("file", "number"), CASES)
def test_each_case_is_answered_as_the_file_says(house: House, file: Path, number: int) -> None:
    elsewhere = Elsewhere(house, file)
    elsewhere.settle()
    case = elsewhere.policy.file.case[number]
    if case.expect == "yes":
        elsewhere.ask(case)
        return
    with pytest.raises(Refused) as refused:
        elsewhere.ask(case)
    if case.clause:
        assert f"({case.clause}" in refused.value.sentence


@pytest.mark.parametrize("file", sorted(POLICIES.glob("*.toml")), ids=lambda file: file.stem)
def test_what_the_policy_says_is_listed_explained_compared_and_printed(house: House, file: Path) -> None:
    elsewhere = Elsewhere(house, file)
    elsewhere.settle()
    policy = elsewhere.policy
    lists = house.read(None, ReadPolicyLists())
    assert [key for key, _ in lists.purposes] == list(policy.look_purposes)
    assert lists.first == policy.role_words(policy.first_seat)
    assert (lists.library, lists.contact) == (policy.file.library.name, policy.contact())
    assert all(lists.is_spoken(one) == ("written" not in basis.needs) for one, basis in policy.bases.items())
    text, rows = offline.explain(policy)
    assert policy.first_seat and lists.first.split()[0] in text
    assert {row.clause for row in rows if not row.allowed} <= {"", *(clause.id for clause in policy.file.clause)}
    for clause in policy.file.clause:
        assert offline.explain(policy, clause.id)[0].startswith(f"{clause.id}")
    for other in sorted(POLICIES.glob("*.toml")):
        linted = house.read(None, ReadPolicyLint(other.read_text()))
        assert not linted.mistakes
        assert bool(linted.looser or linted.stricter) == (other != file)
    assert house.read(None, ReadBoard())
    for paper in ("policy", "sign", "refusal", "checklist"):
        facts = elsewhere.done(None, PrintRequest(paper))
        assert facts.library == policy.file.library.name
    assert [row.kind for row in house.read(None, ReadChecklist())]


def test_p20_a_file_that_the_chair_signed_is_adopted_by_whoever_brings_it(house: House) -> None:
    file = (POLICIES / "c.toml").read_text()

    def signed(number: int, namespace: str = "policy@holdshelf") -> PolicyAdopt:
        private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"key %d" % number).digest())
        signature = ReleaseKey(private).sign(file.encode(), namespace)
        return PolicyAdopt("The policy.", "2", "2026-01-01", "enforce", "", file, {}, signature)

    house.refused(None, signed(0), "P20", "is signed by Dora Reed, and it is the Chair")
    house.wrong(None, signed(9), "which belongs to nobody here")
    house.wrong(None, signed(1, "file"), "is for 'file', not for 'policy@holdshelf'")
    house.wrong(None, msgspec.structs.replace(signed(1), signature="-"), "is no signature of `ssh-keygen -Y`")
    flags = len(house.state.flags)
    assert house.ask(None, signed(1)).signed_by == "Carl"
    assert len(house.state.flags) == flags


def test_p9_a_screen_of_the_policy_shows_its_classes_until_its_end(house: House) -> None:
    elsewhere = Elsewhere(house, POLICIES / "c.toml")
    elsewhere.settle()
    key_, screen = next(iter(elsewhere.policy.screens.items()))
    assert any(one == key_ for one, _ in house.read(None, ReadPolicyLists()).screens)
    login, (line, fingerprint) = "wall", key(40)
    elsewhere.done("director", PersonAdd(login, "Wall by the desk", line))
    elsewhere.done(None, CameraMove(FRONT, elsewhere.place_of(screen.classes[0]), "moved"))
    elsewhere.approve("director", ["trustees"], [])
    given = elsewhere.done("director", ScreenGive(key_, login))
    session, _ = house.rig.log_in(login, fingerprint)
    assert session is not None
    opened = house.rig.act("share.open", session, ShareOpen(given.id))
    assert opened.kind == "done", opened
    assert FRONT in opened.answer.cameras
    shown = house.rig.act("share.live", session, ShareLive(opened.answer.id, FRONT))
    assert shown.kind == "done", shown
    # A policy without that screen ends it, and one that has it again does not bring it back.
    without = re.sub(r"\[\[screen\]\]\n(?:.+\n)+", "", elsewhere.text)
    adopted = elsewhere.done("director", PolicyAdopt("No screen.", "3", "2026-01-01", "enforce", PAPER, without))
    assert (adopted.ended, adopted.screens_ended) == ([], [f"Wall by the desk, {key_}"])
    elsewhere.done("director", PolicyAdopt("With it.", "4", "2026-01-01", "enforce", PAPER, elsewhere.text))
    assert house.state.shares[given.id].ended_utc_ns is not None
    assert house.rig.log_in(login, fingerprint)[0] is None


def test_p9_a_screen_ends_by_itself_at_its_hour_and_the_log_has_its_beginning_and_its_end(house: House) -> None:
    elsewhere = Elsewhere(house, POLICIES / "c.toml")
    elsewhere.settle()
    screen = elsewhere.policy.screens["lobby-screen"]
    elsewhere.done(None, CameraMove(FRONT, elsewhere.place_of(screen.classes[0]), "moved"))
    elsewhere.approve("director", ["trustees"], [])
    login, (line, fingerprint) = "wall", key(40)
    elsewhere.done("director", PersonAdd(login, "Wall by the desk", line))
    share_id = elsewhere.done("director", ScreenGive("lobby-screen", login)).id
    session, _ = house.rig.log_in(login, fingerprint)
    assert session is not None

    def written(begun_with: int, action: str) -> list[dict[str, Any]]:
        return [one for seq, one in house.rig.entries.items() if seq > begun_with and one["action"] == action]

    first = max(house.rig.entries)
    look = house.rig.act("share.open", session, ShareOpen(share_id)).answer
    at = datetime.fromtimestamp(look.ends_utc_ns / 1e9).astimezone()
    assert f"{at:%H:%M:%S}" == "20:00:00", "when the library closes"
    assert house.rig.act("share.live", session, ShareLive(look.id, FRONT)).kind == "done"
    (begun,) = written(first, "share.open")
    assert (begun["mode"], begun["cameras"], begun["facts"]["until"]) == (
        "live",
        look.cameras,
        rfc3339(look.ends_utc_ns),
    )
    house.rig.time.run(look.ends_utc_ns - house.now - MINUTE_NS)
    house.rig.tick()
    assert written(first, "purpose.close") == [], "a minute before"
    house.rig.time.run(MINUTE_NS)
    house.rig.tick()
    (ended,) = written(first, "purpose.close")
    assert (ended["subject"], ended["mode"], ended["facts"]["by"]) == (look.id, "live", "service")
    assert "ended for today at 8:00 pm" in ended["facts"]["why"]
    assert house.rig.act("share.live", session, ShareLive(look.id, FRONT)).kind != "done"
    again = house.rig.act("share.open", session, ShareOpen(share_id))
    assert "begin again tomorrow" in str(again.error.next_step)  # type: ignore[union-attr]
    assert written(first, "share.open")[-1]["mode"] == "live", "what was refused was no recording either"
    house.rig.time.run(12 * HOUR_NS)
    session, _ = house.rig.log_in(login, fingerprint)
    assert house.rig.act("share.open", session, ShareOpen(share_id)).kind == "done", "on another day"


def test_p9_a_shift_is_a_look_with_an_end_and_the_log_has_both(house: House) -> None:
    file = FIRST.read_text().replace('key = "director"\n', 'key = "director"\nshift = "8 hours"\n')
    house.ask("carl", PolicyAdopt("The policy.", "2", "2026-01-01", "enforce", "", file))
    look = house.ask("dora", PurposeOpen([FRONT], "safety", "26-1", mode="live"))
    assert look.ends_utc_ns - look.opened_utc_ns == 8 * HOUR_NS
    house.rig.time.run(8 * HOUR_NS - MINUTE_NS)
    house.rig.tick()
    assert house.act("dora", "look.live", LookLive(look.id, FRONT)).kind == "done"
    house.rig.time.run(MINUTE_NS)
    house.rig.tick()
    (ended,) = [one for one in house.rig.entries.values() if one.get("subject") == look.id and "by" in one["facts"]]
    assert (ended["action"], ended["facts"]["why"], ended["facts"]["by"]) == (
        "purpose.close",
        "its time was over",
        "service",
    )
    assert house.act("dora", "look.live", LookLive(look.id, FRONT)).kind != "done"


def test_p14_where_no_other_purpose_is_listed_a_share_is_for_one_of_the_list(house: House) -> None:
    other = """[[purpose]]
key = "other"
words.en = "other, which is explained"
clause = "P14"
for = ["share"]
"""
    assert other in FIRST.read_text()
    file = FIRST.read_text().replace(other, "")
    house.ask("carl", PolicyAdopt("The policy.", "2", "2026-01-01", "enforce", "", file))
    house.refused("dora", share(house, purpose="the insurer asked for it"), "P14", "is not on the list of purposes")
    house.ask("dora", share(house))


def test_p14_where_nothing_is_shared_the_advice_is_another_way(house: House) -> None:
    file = (
        FIRST.read_text()
        .replace('for = ["look", "share"]', 'for = ["look"]')
        .replace('for = ["share"]', 'for = ["look"]')
    )
    house.ask("carl", PolicyAdopt("No sharing.", "2", "2026-01-01", "enforce", "", file))
    house.refused("dora", share(house), "P14", "The policy has no purpose for sharing, so nothing is shared")
    house.refused("dora", share(house), "P14", "Request a release, on one of the policy's bases")
    house.refused("dora", share(house, purpose="what she was reading"), "P6", "is not a purpose")


def test_p9_who_watches_as_a_duty_is_explained(house: House) -> None:
    guard = """
[[role]]
key = "guard"
words.en = "Security Officer"
rights = ["live"]
shift = "8 hours"
"""
    house.ask("carl", PolicyAdopt("The policy.", "2", "2026-01-01", "enforce", "", FIRST.read_text() + guard))
    assert "watches live as a duty, for 8 hours" in " ".join(offline.explain(house.state.policy)[0].split())
