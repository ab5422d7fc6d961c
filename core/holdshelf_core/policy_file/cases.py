"""Asks the cases of a policy file of the file itself: by the same ``decide`` and the same gates that decide in the service.

A case stands in a house with one holder for each role, all with keys, a camera in use in each class and kind of place, and a
request by somebody else. What the case gives is on paper or on record; nothing else is.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC

import msgspec

from holdshelf_core.policy.case import Scope, Subject, refused
from holdshelf_core.policy.gates import Request, gates
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.lengths import after, parse_length
from holdshelf_core.policy.model import (
    Adopted,
    Commission,
    Entrance,
    Flag,
    Hold,
    HoldSpan,
    Key,
    Paper,
    Person,
    Seat,
    Span,
)
from holdshelf_core.policy.rules import decide
from holdshelf_core.policy.schema import Case, PolicyFile
from holdshelf_core.policy.state import CameraFacts, State
from holdshelf_core.policy.tables import Policy
from holdshelf_core.policy_file.mistake import MAX_WORDS, Mistake, row
from holdshelf_storage.units import DAY_NS, HOUR_NS

_AT = 1_780_000_000_000_000_000
_NOW = Now(_AT, _AT)
_SCAN = "0123456789abcdef" * 4
_ASKER = "asker"
_FIELDS = {"issuer": "the issuer", "docket": "26-1", "agency": "the agency", "officer": "badge 12"}


class Answer(msgspec.Struct, frozen=True):
    """What the file answers. ``clause``: in its own numbering, of a refusal; '' for none."""

    allowed: bool
    sentence: str
    clause: str = ""


def failures(file: PolicyFile) -> list[Mistake]:
    """Return a mistake for each case that the file answers otherwise than it expects."""
    policy, found = Policy(file), []
    house = _house(policy)
    for number, case in enumerate(file.case, 1):
        said = answer(policy, case, house)
        where = row("case", number, case.says, MAX_WORDS)
        if said.allowed != (case.expect == "yes"):
            told = "yes" if said.allowed else "no"
            sentence = f"The file answers {told}: {said.sentence}{_absence(policy, case)}"
            found.append(Mistake(where, sentence, "Correct the case, or what it is about."))
        elif case.clause and not said.allowed and said.clause != case.clause:
            found.append(
                Mistake(
                    where,
                    f"It is refused by {said.clause or 'Holdshelf itself'}, not by {case.clause}: {said.sentence}",
                    "Correct the clause of the case, or of the row.",
                )
            )
    return found


def unshown(file: PolicyFile) -> list[str]:
    """Return the clauses that state a duty and that no case, or no case of both answers, names: nothing shows what they allow and
    what they refuse."""
    shown = {(case.clause, case.expect) for case in file.case}
    return [row.id for row in file.clause if row.duties and not {(row.id, "yes"), (row.id, "no")} <= shown]


def _absence(policy: Policy, case: Case) -> str:
    """Return who acts for whoever is away in the case, and from when on."""
    said = [
        f" The {policy.role_words(role.key)} acts for the {policy.role_words(role.stands_in.role)} "
        + (f"after {role.stands_in.after} of absence." if role.stands_in.after else "from the beginning of an absence.")
        for role in policy.file.role
        if role.stands_in is not None and role.stands_in.role in case.away
    ]
    return "".join(said)


def answer(policy: Policy, case: Case, house: State | None = None) -> Answer:
    """Return what the file answers to one case. ``house``: of that policy, where several are asked in it."""
    state, camera = _as_asked(house or _house(policy), case), _camera_of(policy, case)
    on_paper = case.who in policy.roles and policy.roles[case.who].on_paper
    subject = Subject(None, admin=case.who == "admin") if case.who not in policy.roles else Subject(case.who)
    if on_paper:
        if not _takes_its_paper(policy, case):
            words = policy.role_words(case.who)
            return Answer(False, f"The {words} acts by signed paper alone, and this takes none of theirs.")
        # A role on paper acts through whoever brings its paper.
        subject = Subject(policy.first_seat)
    if case.camera in policy.private_places:
        said = refused("P5", f"No camera is in a private place: {policy.place_words(case.camera)}.")
        return Answer(False, said.sentence, policy.clause_id("P5", ""))
    span = Span(camera, _AT - 2 * HOUR_NS, _AT - HOUR_NS)
    if case.basis:
        word = gates(policy, _request(case, span, state), state.adopted, (), _NOW)
        if not word.passed:
            return Answer(False, word.quoted(policy), policy.clause_id(word.clause, word.cites))
    times: tuple[int | None, int | None] = (span.start_utc_ns, span.end_utc_ns)
    if case.act == "break_glass":
        times = (None, None)  # now
    elif case.act == "appointment.make":
        times = (_AT, _AT + 30 * DAY_NS)
    purposes = policy.share_purposes if case.act == "share.make" else policy.look_purposes
    scope = Scope(
        cameras=(camera,),
        start_utc_ns=times[0],
        end_utc_ns=times[1],
        purpose=case.purpose or next(iter(purposes), ""),
        incident="26-1",
        target=_target(case.act),
        rights=policy.roles[case.who].rights[:1] if case.who in policy.roles else (),
        ground=case.ground or next(iter(policy.grounds), ""),
        reference="26-1",
        requested_by=_ASKER,
        requested_utc_ns=_AT - HOUR_NS,
        basis=case.basis,
        done=case.given,
        paper_sha256=_SCAN if on_paper or case.act == "appointment.make" else None,
        paper_seat=case.who if on_paper else "",
    )
    said = decide(state, subject, case.act, scope, _NOW)
    return Answer(said.allowed, said.sentence, "" if said.allowed else policy.clause_id(said.clause, said.cites))


def _takes_its_paper(policy: Policy, case: Case) -> bool:
    """Return whether the act takes the paper of that role: as the second person's, or as a consent."""
    second = "hold.lift" if case.act == "hold.lift.approve" else case.act
    basis = policy.bases.get(case.basis)
    steps = (*policy.steps(case.act).steps, *(basis.steps if basis is not None else ()))
    return case.who in policy.file.second.get(second, ()) or f"consent:{case.who}" in steps


def _target(act: str) -> str:
    """Return what the act is about: the hold or the flag of the house, or the person in it who has no role."""
    if act.startswith("hold.") and act != "hold.place":
        return "H-1"
    if act == "flag.review":
        return "f1"
    return _ASKER if act.startswith(("person.", "appointment.", "share.")) else ""


def _camera_of(policy: Policy, case: Case) -> str:
    """Return the camera of a class or a kind of place; where the case names none, one of its basis, its purpose and its role."""
    if case.camera:
        return case.camera
    basis, purpose = policy.bases.get(case.basis), policy.look_purposes.get(case.purpose)
    classes = (basis.classes if basis is not None else ()) or (purpose.classes if purpose is not None else ())
    bound = policy.roles[case.who].classes if case.who in policy.roles else ()
    theirs = [place for place in policy.places if policy.classes_of(place).intersection(bound)]
    found = [place for place in theirs if not classes or policy.classes_of(place).intersection(classes)]
    return next(iter((*found, *classes, *policy.places)), "camera")


def _request(case: Case, span: Span, state: State) -> Request:
    given = set(case.given)
    fields = {field: value for field, value in _FIELDS.items() if field in given}
    paper = Paper(
        _SCAN if "written" in given else "",
        case.basis,
        fields.get("issuer", ""),
        fields.get("docket", ""),
        fields.get("agency", ""),
        fields.get("officer", ""),
        signed_by_judge="judge" in given,
        scope=(span,) if "scope" in given else (),
    )
    why = "the danger" if "danger" in given else ""
    areas = {camera.id: camera.area_kind for camera in state.cameras.values()}
    return Request(case.basis, (span,), _ASKER, _AT, paper if given else None, why, case.given, areas)


def _house(policy: Policy) -> State:
    people = {
        key: Person(key, key, policy.role_words(key), (Key(f"SHA256:{key}", "ssh-ed25519", ""),))
        for key in policy.seats
    }
    people[_ASKER] = Person(_ASKER, _ASKER, "Somebody who asked", (Key("SHA256:asker", "ssh-ed25519", ""),))
    places = {**{place: place for place in (*policy.places, *policy.private_places)}, **_places_of_classes(policy)}
    cameras = {name: CameraFacts(name, name, place, "which and why") for name, place in places.items()}
    cameras.setdefault("camera", CameraFacts("camera", "camera", next(iter(policy.places), "")))
    ground = next(iter(policy.grounds), "")
    hold = Hold(
        "H-1", ground, "26-1", (HoldSpan(next(iter(cameras)), _AT - HOUR_NS, _AT),), _ASKER, _AT, _AT + 90 * DAY_NS
    )
    return State(
        policy=policy,
        people=people,
        seats={f"s-{key}": Seat(f"s-{key}", key, key, 0, _AT + 365 * DAY_NS) for key in policy.seats},
        holds={"H-1": hold},
        flags={"f1": Flag("f1", "break_glass", 1, _ASKER, _AT - HOUR_NS, 1)},
        commissions={name: _in_use(name) for name in cameras},
        entrances={"e1": Entrance("e1", "Main", attested_by=_ASKER, attested_utc_ns=0, next_check_utc_ns=_AT + DAY_NS)},
        adopted=Adopted("1", "2026-01-01", _SCAN),
        board=policy.board,
        cameras=cameras,
    )


def _as_asked(house: State, case: Case) -> State:
    """Return the house as the case has it: who is away, and a lift that waits where it is asked about one."""
    if case.act == "hold.lift.approve":
        hold = msgspec.structs.replace(house.holds["H-1"], state="lifting", lift_by=_ASKER, lift_why="it is over")
        house = replace(house, holds={"H-1": hold})
    seats = {f"s-{key}": text for key, text in case.away.items()}
    away = {
        key: msgspec.structs.replace(house.seats[key], away_since_utc_ns=_since(house.policy, text))
        for key, text in seats.items()
        if key in house.seats
    }
    return replace(house, seats={**house.seats, **away}) if away else house


def _places_of_classes(policy: Policy) -> dict[str, str]:
    return {one.key: one.places[0] for one in policy.file.camera_class if one.places}


def _in_use(camera: str) -> Commission:
    return Commission(
        camera,
        still_sha256=_SCAN,
        no_masks_why="nothing to hide",
        approved_by=_ASKER,
        approved_utc_ns=0,
        state="approved",
    )


def _since(policy: Policy, text: str) -> int:
    """Return when an absence of that length began: the latest moment since which it is over."""
    length, closed = parse_length(text), policy.file.library.closed
    if length is None:
        return _AT
    start = _AT - length.shortest_ns
    while after(start, length, closed, UTC) > _AT:
        start -= DAY_NS
    return start
