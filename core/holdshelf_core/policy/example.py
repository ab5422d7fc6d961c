"""A fictional library for computing the table of rules: one of each kind of person that the policy knows.

A holder of each role (the last has no key), two designees, a person with a share, a person with nothing; a camera in use that the
letters name, one that they do not name, one not approved; holds and flags in every state.
"""

from __future__ import annotations

from collections.abc import Iterable

from holdshelf_core.policy.case import Scope, Subject
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.model import (
    RIGHTS,
    Adopted,
    Appointment,
    Commission,
    Entrance,
    Flag,
    Hold,
    HoldSpan,
    Key,
    Person,
    Seat,
    Share,
)
from holdshelf_core.policy.state import CameraFacts, State
from holdshelf_core.policy.tables import OTHER, Policy
from holdshelf_storage.units import DAY_NS, HOUR_NS, MINUTE_NS

START = 1_780_000_000_000_000_000
END = START + 365 * DAY_NS
AT = START + 100 * DAY_NS
PAPER = "0123456789abcdef" * 4
FRONT, READING, ATTIC, STILLED = "front", "reading", "attic", "desk"
WITHIN, BEFORE, AFTER = "within the days", "before the first day", "after the last day"
TIMES = {WITHIN: Now(AT, AT), BEFORE: Now(START - DAY_NS, START - DAY_NS), AFTER: Now(END, END)}


def subjects(policy: Policy) -> dict[str, Subject]:
    """Column → who asks: a holder of each role, and the others that there can be.

    "designee": of the first role, every right, one camera; "to look": of the second, recordings only.
    """
    found = {policy.short(key): Subject(f"p{n}") for n, key in enumerate(policy.seats, 1)}
    made_by = {"designee": "appointment.make", "to look": "appointment.make", "shared": "share.make"}
    for (name, act), person in zip(made_by.items(), _others(policy), strict=False):
        if policy.who_may(act):
            found[name] = Subject(person)
    return found | {"admin": Subject(None, admin=True), "no right": Subject(_others(policy)[3])}


def _others(policy: Policy) -> tuple[str, str, str, str]:
    """Return the ids of those without a role: designee, to look, shared, no right."""
    first = len(policy.seats) + 1
    return f"p{first}", f"p{first + 1}", f"p{first + 2}", f"p{first + 3}"


_FROM, _TO = AT - HOUR_NS, AT - HOUR_NS + 30 * MINUTE_NS


_NAMES = (
    "Dana Reed",
    "Casey Hill",
    "Morgan Vale",
    "Robin Ash",
    "Jules Park",
    "Sam Cole",
    "Alex Wren",
    "Kim Lowe",
    "Pat Sand",
)
_PLACES = {FRONT: "entrance", READING: "seating", ATTIC: OTHER, STILLED: "service-desk"}


def appointing(policy: Policy) -> tuple[str, str]:
    """Return the roles whose letters the designees of the example have: the first two that may appoint and look at recordings,
    one for both, or the first role where none may."""
    can = [key for key in policy.who_may("appointment.make") if policy.may(key, "look.archive")] or [policy.first_seat]
    return can[0], can[:2][-1]


def house(policy: Policy) -> State:
    """The example, under the Board's settings as they are at first. The last of several roles has a holder without a key."""
    seats = {f"s{n}": Seat(f"s{n}", key, f"p{n}", START, END) for n, key in enumerate(policy.seats, 1)}
    designee, looks, shared, nothing = _others(policy)
    everybody = [*(seat.person for seat in seats.values()), designee, looks, shared, nothing]
    keyless = f"p{len(seats)}" if len(seats) > 1 else ""
    people = {}
    for n, person in enumerate(everybody):
        name = _NAMES[n] if n < len(_NAMES) else f"Holder {n + 1}"
        keys = () if person == keyless else (Key(f"SHA256:{n + 1}", "ssh-ed25519", ""),)
        people[person] = Person(person, name.split()[0].lower(), name, keys)
    letters = {}
    if seats:
        first, second = (f"s{policy.seats.index(key) + 1}" for key in appointing(policy))
        letters = {
            "a1": Appointment("a1", designee, first, RIGHTS, (FRONT, ATTIC, STILLED), START, END, PAPER),
            "a2": Appointment("a2", looks, second, ("archive",), (FRONT,), START, END, PAPER),
        }
    grounds = [*policy.grounds] or [""]
    span = HoldSpan(FRONT, AT - HOUR_NS, AT)
    in_force = Hold("H-1", grounds[0], "26-0417", (span,), "p1", AT - HOUR_NS, AT + 90 * DAY_NS)
    lifting = Hold(
        "H-2", grounds[-1], "26-0418", (span,), "p1", AT - HOUR_NS, END, "lifting", lift_by="p1", lift_why="closed"
    )
    elsewhere = Hold("H-3", grounds[-1], "26-0419", (HoldSpan(READING, AT - HOUR_NS, AT),), "p1", AT - HOUR_NS, END)
    share = Share("V-1", "view", shared, FRONT, AT - HOUR_NS, AT, END, _first(policy.share_purposes), "p1")
    entrance = Entrance("e1", "Main entrance", attested_by="p1", attested_utc_ns=START, next_check_utc_ns=END)
    return State(
        policy=policy,
        people=people,
        seats=seats,
        appointments=letters,
        shares={"V-1": share},
        holds={"H-1": in_force, "H-2": lifting, "H-3": elsewhere},
        commissions={
            FRONT: _in_use(FRONT),
            READING: _in_use(READING),
            STILLED: Commission(STILLED, still_sha256=PAPER, no_masks_why="a bare wall"),
        },
        entrances={"e1": entrance},
        flags={"f1": Flag("f1", "break_glass", 1, "p1", AT - HOUR_NS, 2)},
        adopted=Adopted("1", "2026-01-01", PAPER),
        cameras={
            FRONT: CameraFacts(FRONT, "Front door", _place(policy, FRONT)),
            READING: CameraFacts(READING, "Reading room", _place(policy, READING)),
            ATTIC: CameraFacts(ATTIC, "Stairs", _place(policy, ATTIC), "the stairs to the stacks"),
            STILLED: CameraFacts(STILLED, "Desk", _place(policy, STILLED)),
        },
    )


def _place(policy: Policy, camera: str) -> str:
    """Return a kind of place that the policy permits, the usual one where it can."""
    usual = _PLACES[camera]
    return usual if usual in policy.places else _first(policy.places)


def _first(keys: Iterable[str]) -> str:
    return next(iter(keys), "")


def _in_use(camera: str) -> Commission:
    return Commission(camera, still_sha256=PAPER, approved_by="p1", approved_utc_ns=START, state="approved")


def look(camera: str, purpose: str = "crime", *, live: bool = False) -> Scope:
    """Return the scope of a look at one camera."""
    return (
        Scope(cameras=(camera,), purpose=purpose)
        if live
        else Scope(cameras=(camera,), purpose=purpose, start_utc_ns=_FROM, end_utc_ns=_TO)
    )


def share(camera: str, purpose: str = "crime", target: str = "p7") -> Scope:
    """Return the scope of a half-hour share of one camera."""
    return Scope(
        cameras=(camera,),
        purpose=purpose,
        target=target,
        start_utc_ns=_FROM,
        end_utc_ns=_TO,
    )


def hold(camera: str, ground: str | None = "investigation", reference: str | None = "26-0417") -> Scope:
    """Return the scope of a half-hour hold on one camera."""
    return Scope(cameras=(camera,), ground=ground, reference=reference, start_utc_ns=_FROM, end_utc_ns=_TO)


def cases(policy: Policy) -> dict[str, dict[str, Scope]]:
    """Return permission → label → scope. A permission that is missing here has an empty scope."""
    purpose, shared_for, ground = _first(policy.look_purposes), _first(policy.share_purposes), _first(policy.grounds)
    first, second = (*policy.seats, "", "")[:2]
    last = policy.seats[-1] if second else ""
    designee, _, _, nothing = _others(policy)
    a_first, a_second = f"the {policy.short(first)}", f"the {policy.short(second or first)}"
    looks = {
        "camera in letter": look(FRONT, purpose),
        "another camera": look(READING, purpose),
        "no purpose": look(FRONT, ""),
        "what was read": look(FRONT, "what was she reading"),
        "not yet approved": look(ATTIC, purpose),
        "three days": Scope(cameras=(FRONT,), purpose=purpose, start_utc_ns=AT - 3 * DAY_NS, end_utc_ns=AT),
    }
    holds = {"camera in letter": Scope(target="H-1"), "another camera": Scope(target="H-3")}
    signed = {f"+ {policy.short(key)}'s paper": key for key in (last, second) if key}
    seconds = {f"{a_first}'s": Scope(target="H-2")}
    seconds |= {label: Scope(target="H-2", paper_sha256=PAPER, paper_seat=key) for label, key in signed.items()}
    released = {
        label: Scope(requested_by="p1", requested_utc_ns=AT, paper_sha256=one.paper_sha256, paper_seat=one.paper_seat)
        for label, one in seconds.items()
    }
    person = {"somebody": Scope(target=nothing, paper_sha256=PAPER)}
    return {
        "look.live": {
            "camera in letter": look(FRONT, purpose, live=True),
            "another camera": look(READING, purpose, live=True),
            "no purpose": look(FRONT, "", live=True),
            "not yet approved": look(ATTIC, purpose, live=True),
        },
        "look.archive": looks,
        "purpose.open": looks,
        "purpose.widen": looks,
        "break_glass": {
            "camera in letter": Scope(cameras=(FRONT,)),
            "another camera": Scope(cameras=(READING,)),
            "not yet approved": Scope(cameras=(ATTIC,)),
            "an hour back": Scope(cameras=(FRONT,), start_utc_ns=AT - HOUR_NS, end_utc_ns=AT),
        },
        "hold.place": {
            "camera in letter": hold(FRONT, ground),
            "another camera": hold(READING, ground),
            "no ground": hold(FRONT, ""),
            "no number": hold(FRONT, ground, reference=""),
        },
        **dict.fromkeys(("hold.extend", "hold.review", "hold.archive", "hold.see"), holds),
        "hold.lift": {**holds, "with no reason": Scope(target="H-1", why="")},
        "hold.lift.approve": seconds,
        "seat.name": {
            **person,
            a_first: Scope(target="p1", paper_sha256=PAPER),
            "without paper": Scope(target=nothing, paper_sha256=""),
        },
        "seat.away": {f"{a_first}'s": Scope(target=first), "another's": Scope(target=last or first)},
        "seat.end": {
            "with paper": Scope(target=last or first, paper_sha256=PAPER),
            "without paper": Scope(target=last or first),
        },
        "person.add": {"somebody": Scope()},
        "person.key": {
            **person,
            "the designee's": Scope(target=designee, paper_sha256=""),
            f"{a_second}'s": Scope(target=f"p{min(2, len(policy.seats))}", paper_sha256=PAPER),
        },
        "person.remove": {"somebody": Scope(target=nothing), a_first: Scope(target="p1")},
        "person.see": {"everybody": Scope(), "the designee": Scope(target=designee)},
        "appointment.make": {
            "somebody": Scope(target=nothing, rights=("archive",), paper_sha256=PAPER),
            a_first: Scope(target="p1", rights=("archive",), paper_sha256=PAPER),
            "without paper": Scope(target=nothing, rights=("archive",), paper_sha256=""),
        },
        "appointment.end": {"the designee's": Scope(target="a1")},
        "share.make": {
            "camera in letter": share(FRONT, shared_for, nothing),
            "another camera": share(READING, shared_for, nothing),
            "no purpose": share(FRONT, "", nothing),
            f"with {a_first}": share(FRONT, shared_for, "p1"),
        },
        "screen.give": {"to a screen": Scope(target=nothing), f"to {a_first}": Scope(target="p1")},
        "share.end": {f"{a_first}'s": Scope(target="V-1")},
        "share.view": {"what was shared": look(FRONT, ""), "another camera": look(READING, "")},
        "commission.edit": {"camera in letter": look(ATTIC, ""), "another camera": look(READING, "")},
        "commission.still": {"not yet approved": look(ATTIC, ""), "a camera in use": look(FRONT, "")},
        "commission.approve": {"with its still": look(STILLED, ""), "without a still": look(ATTIC, "")},
        "checklist.enter": {
            "an entrance": Scope(),
            "camera in letter": look(FRONT, ""),
            "another camera": look(READING, ""),
            "the house": Scope(target="house"),
        },
        "entrance.waive": {
            "for three days": Scope(target="e1", why="repainted", end_utc_ns=AT + 3 * DAY_NS),
            "for a month": Scope(target="e1", why="repainted", end_utc_ns=AT + 30 * DAY_NS),
        },
        "board.set": {
            "stricter": Scope(settings={"live_minutes": 5}, why="asked"),
            "looser": Scope(settings={"second_person_lift": False}, why="asked"),
            "looser, on paper": Scope(settings={"second_person_lift": False}, why="asked", paper_sha256=PAPER),
        },
        "policy.adopt": {
            "as it was": Scope(settings={"statute": "enforce"}),
            "statute to advise": Scope(settings={"statute": "advise"}),
        },
        **{act: {"public form": Scope(), "with names": Scope(private=True)} for act in ("log.see", "log.export")},
        "flag.review": {f"{a_first}'s": Scope(target="f1")},
        "release.approve": released,
        "release.request": {"camera in letter": look(FRONT, ""), "another camera": look(READING, "")},
        "camera.see": {"camera in letter": look(FRONT, ""), "another camera": look(READING, "")},
        "print": {"the adopted text": Scope(text_sha256=PAPER), "another text": Scope(text_sha256="f" * 64)},
    }
