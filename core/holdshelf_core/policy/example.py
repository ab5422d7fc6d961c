"""A fictional library for computing the table of rules: one of each kind of person that the policy knows.

Three seats (the Mayor has no key yet), two designees, a person with a share, a person with nothing; a camera in use that the
letters name, one that they do not name, one not approved; holds and flags in every state.
"""

from __future__ import annotations

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
from holdshelf_storage.units import DAY_NS, HOUR_NS, MINUTE_NS

START = 1_780_000_000_000_000_000
END = START + 365 * DAY_NS
AT = START + 100 * DAY_NS
PAPER = "0123456789abcdef" * 4
FRONT, READING, ATTIC, STILLED = "front", "reading", "attic", "desk"
WITHIN, BEFORE, AFTER = "within the days", "before the first day", "after the last day"
TIMES = {WITHIN: Now(AT, AT), BEFORE: Now(START - DAY_NS, START - DAY_NS), AFTER: Now(END, END)}
SUBJECTS = {
    "Director": Subject("p1"),
    "Chair": Subject("p2"),
    "Mayor": Subject("p3"),
    "designee": Subject("p4"),
    "to look": Subject("p5"),
    "shared": Subject("p6"),
    "admin": Subject(None, admin=True),
    "no right": Subject("p7"),
}
"""Column → who asks. "designee": of the Director, every right, one camera. "to look": of the Chair, recordings only."""

_FROM, _TO = AT - HOUR_NS, AT - HOUR_NS + 30 * MINUTE_NS


def house() -> State:
    """The example, under the Board's settings as they are at first."""
    names = ("Dana Reed", "Casey Hill", "Morgan Vale", "Robin Ash", "Jules Park", "Sam Cole", "Alex Wren")
    people = {
        f"p{n}": Person(
            f"p{n}", name.split()[0].lower(), name, () if n == 3 else (Key(f"SHA256:{n}", "ssh-ed25519", ""),)
        )
        for n, name in enumerate(names, 1)
    }
    seats = {
        f"s{n}": Seat(f"s{n}", key, f"p{n}", START, END) for n, key in enumerate(("director", "chair", "mayor"), 1)
    }
    letters = {
        "a1": Appointment("a1", "p4", "s1", RIGHTS, (FRONT, ATTIC, STILLED), START, END, PAPER),
        "a2": Appointment("a2", "p5", "s2", ("archive",), (FRONT,), START, END, PAPER),
    }
    span = HoldSpan(FRONT, AT - HOUR_NS, AT)
    in_force = Hold("H-1", "investigation", "26-0417", (span,), "p1", AT - HOUR_NS, AT + 90 * DAY_NS)
    return State(
        people=people,
        seats=seats,
        appointments=letters,
        shares={"V-1": Share("V-1", "view", "p6", FRONT, AT - HOUR_NS, AT, END, "crime", "p1")},
        holds={
            "H-1": in_force,
            "H-2": Hold(
                "H-2",
                "violation",
                "26-0418",
                (span,),
                "p1",
                AT - HOUR_NS,
                END,
                "lifting",
                lift_by="p1",
                lift_why="closed",
            ),
            "H-3": Hold("H-3", "violation", "26-0419", (HoldSpan(READING, AT - HOUR_NS, AT),), "p1", AT - HOUR_NS, END),
        },
        commissions={
            FRONT: _in_use(FRONT),
            READING: _in_use(READING),
            STILLED: Commission(STILLED, still_sha256=PAPER, no_masks_why="a bare wall"),
        },
        entrances={
            "e1": Entrance("e1", "Main entrance", attested_by="p1", attested_utc_ns=START, next_check_utc_ns=END)
        },
        flags={"f1": Flag("f1", "break_glass", 1, "p1", AT - HOUR_NS, 2)},
        adopted=Adopted("1", "2026-01-01", PAPER),
        cameras={
            FRONT: CameraFacts(FRONT, "Front door", "entrance"),
            READING: CameraFacts(READING, "Reading room", "seating"),
            ATTIC: CameraFacts(ATTIC, "Stairs", "other", "the stairs to the stacks"),
            STILLED: CameraFacts(STILLED, "Desk", "service-desk"),
        },
    )


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


_LOOKS = {
    "camera in letter": look(FRONT),
    "another camera": look(READING),
    "no purpose": look(FRONT, ""),
    "what was read": look(FRONT, "what was she reading"),
    "not yet approved": look(ATTIC),
    "three days": Scope(cameras=(FRONT,), purpose="crime", start_utc_ns=AT - 3 * DAY_NS, end_utc_ns=AT),
}
_HOLDS = {"camera in letter": Scope(target="H-1"), "another camera": Scope(target="H-3")}
_SECOND = {
    "the Director's": Scope(target="H-2"),
    "+ Mayor's paper": Scope(target="H-2", paper_sha256=PAPER, paper_seat="mayor"),
    "+ Chair's paper": Scope(target="H-2", paper_sha256=PAPER, paper_seat="chair"),
}
_RELEASED = {
    label: Scope(requested_by="p1", requested_utc_ns=AT, paper_sha256=scope.paper_sha256, paper_seat=scope.paper_seat)
    for label, scope in _SECOND.items()
}
_PERSON = {"somebody": Scope(target="p7", paper_sha256=PAPER)}
CASES: dict[str, dict[str, Scope]] = {
    "look.live": {
        "camera in letter": look(FRONT, live=True),
        "another camera": look(READING, live=True),
        "no purpose": look(FRONT, "", live=True),
        "not yet approved": look(ATTIC, live=True),
    },
    "look.archive": _LOOKS,
    "purpose.open": _LOOKS,
    "purpose.widen": _LOOKS,
    "break_glass": {
        "camera in letter": Scope(cameras=(FRONT,)),
        "another camera": Scope(cameras=(READING,)),
        "not yet approved": Scope(cameras=(ATTIC,)),
        "an hour back": Scope(cameras=(FRONT,), start_utc_ns=AT - HOUR_NS, end_utc_ns=AT),
    },
    "hold.place": {
        "camera in letter": hold(FRONT),
        "another camera": hold(READING),
        "no ground": hold(FRONT, ""),
        "no number": hold(FRONT, reference=""),
    },
    **dict.fromkeys(("hold.extend", "hold.review", "hold.archive", "hold.see"), _HOLDS),
    "hold.lift": {**_HOLDS, "with no reason": Scope(target="H-1", why="")},
    "hold.lift.approve": _SECOND,
    "seat.name": {
        **_PERSON,
        "the Director": Scope(target="p1", paper_sha256=PAPER),
        "without paper": Scope(target="p7", paper_sha256=""),
    },
    "seat.end": {"with paper": Scope(target="mayor", paper_sha256=PAPER), "without paper": Scope(target="mayor")},
    "person.add": {"somebody": Scope()},
    "person.key": {
        **_PERSON,
        "the designee's": Scope(target="p4", paper_sha256=""),
        "the Chair's": Scope(target="p2", paper_sha256=PAPER),
    },
    "person.remove": {"somebody": Scope(target="p7"), "the Director": Scope(target="p1")},
    "person.see": {"everybody": Scope(), "the designee": Scope(target="p4")},
    "appointment.make": {
        "somebody": Scope(target="p7", rights=("archive",), paper_sha256=PAPER),
        "the Director": Scope(target="p1", rights=("archive",), paper_sha256=PAPER),
        "without paper": Scope(target="p7", rights=("archive",), paper_sha256=""),
    },
    "appointment.end": {"the designee's": Scope(target="a1")},
    "share.make": {
        "camera in letter": share(FRONT),
        "another camera": share(READING),
        "no purpose": share(FRONT, ""),
        "with the Director": share(FRONT, target="p1"),
    },
    "share.end": {"the Director's": Scope(target="V-1")},
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
    "flag.review": {"the Director's": Scope(target="f1")},
    "release.approve": _RELEASED,
    "release.request": {"camera in letter": look(FRONT, ""), "another camera": look(READING, "")},
    "camera.see": {"camera in letter": look(FRONT, ""), "another camera": look(READING, "")},
    "print": {"the adopted text": Scope(text_sha256=PAPER), "another text": Scope(text_sha256="f" * 64)},
}
"""Permission → label → scope. Permissions missing here have an empty scope."""
