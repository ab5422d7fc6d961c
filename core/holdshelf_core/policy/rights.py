"""The closed set of permissions: every kind of action, who may do it, and the clause behind it.

Data only: ``rules`` reads it, ``explain`` prints it. Anything missing here cannot be registered as an action; what is in
``NEVER`` is refused to everybody, whatever their name or office.
"""

from __future__ import annotations

import msgspec

ADMIN_NO, ADMIN_YES, ADMIN_PAPER, ADMIN_ENROLS = "no", "yes", "paper", "enrols"
"""The admin's part in an action: none; all of it; with a signed paper and a flag; only while no seat's holder has a key."""

TAKEN = ("basis", "purpose", "ground")
"""Rows of the policy that decide about some actions, beside who asks: what ``Permission.takes`` may name."""


class Permission(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of action. ``words`` complete "may …"."""

    id: str
    words: str
    clause: str
    """The clause behind the action: quoted when its conditions are not met."""
    seat: bool = True
    """Allowed for the current holder of any seat."""
    rights: tuple[str, ...] = ()
    """Allowed for a designee whose letter gives one of these, on the cameras it names."""
    designee: bool = False
    """Allowed for any designee, whatever the letter gives, on the cameras it names."""
    share: bool = False
    """Allowed for a person with a share."""
    own: bool = False
    """Allowed for a person's own things, as defined by the condition."""
    anyone: bool = False
    """Allowed for everyone enrolled, and the admin."""
    admin: str = ADMIN_NO
    pictures: bool = False
    """Shows pictures: never allowed for the admin (P11), and the camera must be commissioned (P3, P4, P6)."""
    cameras: bool = False
    """Requires at least one camera."""
    who_clause: str = "P11"
    """Quoted when the wrong person asks."""
    takes: tuple[str, ...] = ()
    """Of TAKEN: what the question names and the answer rests on."""


PERMISSIONS: dict[str, Permission] = {
    rule.id: rule
    for rule in (
        # looking
        Permission(
            id="look.live",
            words="look at live pictures",
            clause="P9",
            rights=("live",),
            pictures=True,
            cameras=True,
            takes=("purpose",),
        ),
        Permission(
            id="look.archive",
            words="look at recordings",
            clause="P12",
            rights=("archive",),
            pictures=True,
            cameras=True,
            takes=("purpose",),
        ),
        Permission(
            id="purpose.open",
            words="open a purpose",
            clause="P12",
            rights=("live", "archive"),
            pictures=True,
            cameras=True,
            takes=("purpose",),
        ),
        Permission(
            id="purpose.widen",
            words="widen a purpose",
            clause="P12",
            rights=("live", "archive"),
            pictures=True,
            cameras=True,
            takes=("purpose",),
        ),
        Permission(
            id="break_glass",
            words="look at once in imminent danger",
            clause="P12",
            rights=("live",),
            pictures=True,
            cameras=True,
        ),
        # holds
        Permission(
            id="hold.place", words="place a hold", clause="P16", rights=("hold",), cameras=True, takes=("ground",)
        ),
        Permission(id="hold.extend", words="extend a hold", clause="P16", rights=("hold",)),
        Permission(id="hold.review", words="say that a hold is still needed", clause="P16", rights=("hold",)),
        Permission(id="hold.lift", words="ask for a hold to be lifted", clause="P16", who_clause="P16"),
        Permission(id="hold.lift.approve", words="approve that a hold is lifted", clause="P16", who_clause="P16"),
        Permission(id="hold.archive", words="archive a hold to another disk", clause="P16", admin=ADMIN_YES),
        Permission(
            id="hold.see", words="see holds", clause="P16", designee=True, admin=ADMIN_YES
        ),  # the admin must know what fills the disk
        # people
        Permission(id="seat.name", words="name the holder of a seat", clause="P11", admin=ADMIN_ENROLS),
        Permission(id="seat.end", words="end a term", clause="P11", admin=ADMIN_PAPER),
        Permission(id="seat.away", words="enter that the holder of a seat is away or back", clause="P11"),
        Permission(id="person.add", words="enroll a person", clause="P11", admin=ADMIN_YES),
        Permission(id="person.key", words="change a person's keys", clause="P11", own=True, admin=ADMIN_PAPER),
        Permission(id="person.remove", words="remove a person", clause="P11"),
        Permission(id="person.see", words="see who is enrolled", clause="P11", own=True, admin=ADMIN_YES),
        Permission(id="appointment.make", words="appoint a designee", clause="P11"),
        Permission(id="appointment.end", words="end an appointment", clause="P11", own=True),
        # sharing
        Permission(
            id="share.make",
            words="share a recording",
            clause="P14",
            rights=("share",),
            cameras=True,
            who_clause="P14",
            takes=("purpose",),
        ),
        Permission(id="share.end", words="end a share", clause="P14", own=True, who_clause="P14"),
        Permission(id="screen.give", words="give a screen its live pictures", clause="P9", who_clause="P14"),
        Permission(
            id="share.view",
            words="view what was shared",
            clause="P14",
            seat=False,
            share=True,
            pictures=True,
            cameras=True,
            who_clause="P14",
        ),
        # cameras in use
        Permission(
            id="commission.edit",
            words="draw masks and prepare a camera",
            clause="P6",
            rights=("commission",),
            cameras=True,
        ),
        Permission(
            id="commission.still",
            words="see a camera's reference still",
            clause="P4",
            rights=("commission",),
            pictures=True,
            cameras=True,
        ),
        Permission(
            id="commission.approve", words="approve a camera for use", clause="P4", rights=("commission",), cameras=True
        ),
        Permission(id="entrance.edit", words="edit the register of entrances", clause="P3", rights=("commission",)),
        Permission(id="entrance.attest", words="attest an entrance's sign", clause="P3", rights=("commission",)),
        Permission(
            id="checklist.enter", words="enter the checklist's checkmarks", clause="P3", rights=("commission",)
        ),  # the cameras that a letter names; points of the building need a seat
        Permission(id="entrance.waive", words="waive an entrance's sign", clause="P3", who_clause="P3"),
        # the Board and the text
        Permission(id="board.set", words="change a setting of the Board", clause="P11"),
        Permission(id="policy.adopt", words="install the adopted policy", clause="P20", admin=ADMIN_YES),
        Permission(
            id="policy.check",
            words="compare what is posted with what is adopted",
            clause="P18",
            designee=True,
            admin=ADMIN_YES,
        ),
        # the record
        Permission(id="log.see", words="read the access log", clause="P21", admin=ADMIN_YES, who_clause="P21"),
        Permission(id="log.verify", words="verify the access log", clause="P21", anyone=True, admin=ADMIN_YES),
        Permission(id="log.export", words="export the access log", clause="P21", admin=ADMIN_YES, who_clause="P21"),
        Permission(id="log.repair", words="continue after a broken access log", clause="P21", admin=ADMIN_YES),
        Permission(
            id="log.accept",
            words="continue with an older state",
            clause="P11",
            seat=False,
            admin=ADMIN_YES,
        ),
        Permission(
            id="register.check", words="compare the register with the access log", clause="P21", admin=ADMIN_YES
        ),
        Permission(
            id="register.settle", words="make the register what the access log says", clause="P21", admin=ADMIN_YES
        ),
        Permission(id="flag.review", words="review a flagged act", clause="P12"),
        # It reveals more about looks than the log's public form, so it is for officials only: they give it to the Board.
        Permission(id="report.see", words="see the quarterly report", clause="P21", who_clause="P21"),
        # out of the building
        Permission(
            id="release.request",
            words="request a release",
            clause="P13",
            rights=("release",),
            who_clause="P13",
            takes=("basis",),
        ),
        Permission(id="release.approve", words="approve a release", clause="P13", who_clause="P13", takes=("basis",)),
        Permission(
            id="release.export",
            words="make the bundle of a release",
            clause="P13",
            rights=("release",),
            who_clause="P13",
            takes=("basis",),
        ),
        Permission(
            id="release.key.renew",
            words="renew the signing key for releases",
            clause="P21",
            admin=ADMIN_YES,
            who_clause="P21",
        ),
        Permission(id="release.see", words="see releases", clause="P13", rights=("release",), who_clause="P13"),
        Permission(id="counsel.record", words="record counsel's determination", clause="P13", who_clause="P13"),
        Permission(id="counsel.end", words="end counsel's determination", clause="P13", who_clause="P13"),
        # the machine
        Permission(
            id="camera.manage",
            words="add, change or remove a camera",
            clause="P4",
            seat=False,
            admin=ADMIN_YES,
            who_clause="P4",
        ),
        Permission(
            id="camera.see",
            words="see which cameras there are",
            clause="P4",
            designee=True,
            share=True,
            admin=ADMIN_YES,
        ),
        Permission(
            id="capacity.set",
            words="set how much disk footage may use",
            clause="P15",
            seat=False,
            admin=ADMIN_YES,
            who_clause="P15",
        ),
        Permission(
            id="backup",
            words="back up register, log and keys",
            clause="P21",
            seat=False,
            admin=ADMIN_YES,
            who_clause="P21",
        ),
        Permission(
            id="alert.manage",
            words="say who is told what is wrong with the recorder",
            clause="P21",
            seat=False,
            admin=ADMIN_YES,
            who_clause="P21",
        ),
        Permission(
            id="witness.manage",
            words="say who countersigns the access log and who puts the time on it",
            clause="P21",
            seat=False,
            admin=ADMIN_YES,
            who_clause="P21",
        ),
        Permission(
            id="offsite.manage",
            words="say in which store holds are kept as well",
            clause="P16",
            seat=False,
            admin=ADMIN_YES,
            who_clause="P21",
        ),
        Permission(
            id="offsite.list",
            words="see what each branch of the county has on hold",
            clause="P16",
            admin=ADMIN_YES,
            who_clause="P16",
        ),  # the admin sees which branch has written and how much, no case number
        Permission(id="print", words="print policy, sign or checklist", clause="P17", anyone=True, admin=ADMIN_YES),
        Permission(id="clock.confirm", words="confirm the time", clause="P15", admin=ADMIN_YES),
        Permission(
            id="door.admin_key",
            words="say which keys let an admin in through the SSH door",
            clause="P11",
            seat=False,
            admin=ADMIN_YES,
        ),
        Permission(id="outbox", words="fetch from an outbox", clause="P21", designee=True, share=True),
        Permission(id="door", words="log in", clause="P11", designee=True, share=True),
    )
}


class Forbidden(msgspec.Struct, frozen=True):
    """What nobody may do, and what to do instead."""

    id: str
    words: str
    clause: str
    sentence: str
    instead: str


NEVER: dict[str, Forbidden] = {
    rule.id: rule
    for rule in (
        Forbidden(
            "people.search",
            "search for faces, plates or objects",
            "P2",
            "Nobody may search footage for people.",
            "Look at the span that the incident names; the activity strip shows when something moved.",
        ),
        Forbidden(
            "footage.pull",
            "take out footage in bulk",
            "P2",
            "Footage may not be taken out in bulk.",
            "Request a release of the span you need, with its paper.",
        ),
        Forbidden(
            "private.record",
            "record in a private place",
            "P5",
            "Nobody may have a private place recorded.",
            "Choose a place that the policy lists.",
        ),
        Forbidden(
            "reading.look",
            "find out what somebody was reading",
            "P6",
            "Nobody may look for what someone was reading, and text in pictures is not recognized.",
            "The {first} answers questions about the policy.",
        ),
        Forbidden(
            "audio.record",
            "record sound",
            "P7",
            "Nobody may have sound recorded.",
            "Use a camera whose sound can be turned off.",
        ),
        Forbidden(
            "live.unattended",
            "leave live pictures running",
            "P9",
            "Live pictures may not be left running.",
            "Look again when there is a reason; confirm once to renew an ongoing look.",
        ),
        Forbidden(
            "footage.erase",
            "erase chosen footage",
            "P15",
            "Nobody may choose footage to erase, or erase it by hand.",
            "It is erased automatically, oldest first, when the disk needs space.",
        ),
        Forbidden(
            "print.asked_who",
            "ask who wants a copy of the policy",
            "P17",
            "Nobody may be asked who they are or why they want the policy.",
            "Print it: `holdshelf print policy`.",
        ),
        Forbidden(
            "log.edit",
            "change or remove what the access log says",
            "P21",
            "Nobody may change the access log.",
            "Correct a mistake with a new entry.",
        ),
    )
}


def second_does(act: str) -> str:
    """Return the act by which a second person agrees to an act that takes one."""
    return "hold.lift.approve" if act == "hold.lift" else act
