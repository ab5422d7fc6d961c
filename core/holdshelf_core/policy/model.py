"""What the rules reason about: people, seats, appointments, holds, cameras, as plain data without behaviour.

These are also the rows of the register (table named beside each) and what the access log carries as changes, so a
field is added with a default and never renamed. Times are UTC nanoseconds, spans half open [start, end).
Ids are opaque ("p3", "H-2026-0007"): names and free text never stand in the public part of the log.
"""

from __future__ import annotations

import msgspec

SEATS = ("director", "chair", "mayor")
SEAT_WORDS = {"director": "Library Director", "chair": "Chair of the Library Board", "mayor": "Mayor"}
RIGHTS = ("live", "archive", "hold", "share", "release", "commission")
"""What an appointment may give. A seat has all of them; lifting a hold and appointing are never delegated (P11, P16)."""
HOLD_GROUNDS = ("investigation", "litigation", "violation")


class Key(msgspec.Struct, frozen=True):
    """One SSH public key. ``fingerprint`` is ``SHA256:…`` as `ssh-keygen -l` prints it."""

    fingerprint: str
    kind: str
    line: str
    """The OpenSSH public key line, ``type base64``, without a comment."""
    added_utc_ns: int = 0


class Person(msgspec.Struct, frozen=True):
    """Table ``people``. Anyone who may log in. A key belongs to one person; a person may have several."""

    id: str
    login: str
    """What is typed before the @: 1–32 of a–z, 0–9, . _ -; unique; a seat's name is never a login of its own."""
    name: str
    keys: tuple[Key, ...] = ()
    account: str = ""
    """Account of this machine that is this person ('' none): known by the kernel's peer credentials."""
    email: str = ""
    added_utc_ns: int = 0
    left_utc_ns: int | None = None
    """Set when the person was removed: no right, no login, from then on. Rows are kept: the log names their ids."""


class Seat(msgspec.Struct, frozen=True):
    """Table ``seats``, one row per term. ``key`` is one of SEATS."""

    id: str
    key: str
    person: str
    start_utc_ns: int
    end_utc_ns: int | None = None
    """None: no end known."""
    paper_sha256: str = ""
    by: str = ""
    ended_utc_ns: int | None = None
    """Written once when its end was seen or it was vacated: no clock step revives it."""


class Appointment(msgspec.Struct, frozen=True):
    """Table ``appointments``. A designee's letter: what one seat's holder lets one person do. Lapses with the seat."""

    id: str
    person: str
    seat: str
    """Id of the Seat row (the term) whose holder appointed."""
    rights: tuple[str, ...]
    cameras: tuple[str, ...] | None
    """None: all cameras, later ones included."""
    start_utc_ns: int
    end_utc_ns: int
    """First instant after the last day."""
    paper_sha256: str
    scope: str = ""
    """What the letter says it is for, in words."""
    by: str = ""
    ended_utc_ns: int | None = None
    ended_why: str = ""


class Share(msgspec.Struct, frozen=True):
    """Table ``shares`` (P14): one span of one camera, view only, until it expires. ``kind`` view | sheet."""

    id: str
    kind: str
    person: str
    """Who may view; '' for a printed sheet, whose holder stands in ``given_to``."""
    camera: str
    start_utc_ns: int
    end_utc_ns: int
    expires_utc_ns: int
    purpose: str
    by: str
    given_to: str = ""
    copy: int = 0
    confidentiality: bool = False
    ended_utc_ns: int | None = None


class HoldSpan(msgspec.Struct, frozen=True):
    """What a hold keeps of one camera. ``end_utc_ns`` None: until lifted."""

    camera: str
    start_utc_ns: int
    end_utc_ns: int | None


class Hold(msgspec.Struct, frozen=True):
    """Table ``holds`` (P16). States: active → lifting (a second person's word is awaited) → grace → lifted."""

    id: str
    ground: str
    reference: str
    """Case or incident number."""
    spans: tuple[HoldSpan, ...]
    placed_by: str
    placed_utc_ns: int
    review_utc_ns: int
    state: str = "active"
    note: str = ""
    version: int = 1
    lift_by: str = ""
    lift_why: str = ""
    approved_by: str = ""
    approval_paper_sha256: str = ""
    grace_end_utc_ns: int | None = None
    lifted_utc_ns: int | None = None
    archived_to: str = ""
    """Folder of the latest copy on another disk."""
    copies: tuple[str, ...] = ()
    """SHA-256 of the SHA256SUMS of each copy that the log knows."""


class Mask(msgspec.Struct, frozen=True):
    """A polygon in which nothing is shown (P6), corners in 0…10000 of the picture's width and height."""

    points: tuple[tuple[int, int], ...]
    why: str = ""


class Commission(msgspec.Struct, frozen=True):
    """Table ``commissions``, one row per camera. A camera records before it; nobody looks before ``approved``."""

    camera: str
    masks: tuple[Mask, ...] = ()
    mask_version: int = 0
    exterior: bool = False
    """P8: may see beyond library property."""
    still_utc_ns: int | None = None
    still_sha256: str = ""
    """Of the reference still that was approved (unmasked pixels are never stored)."""
    approved_by: str = ""
    approved_utc_ns: int | None = None
    state: str = "new"
    """new | approved | retired."""
    no_masks_why: str = ""
    """Why there is nothing to mask; a camera without masks is approved only with it (P6)."""
    area_kind: str = ""
    """The kind of area that was approved (P4)."""


class Entrance(msgspec.Struct, frozen=True):
    """Table ``entrances`` (P3)."""

    id: str
    name: str
    sign: str = ""
    """What hangs there: text version, language, size."""
    attested_by: str = ""
    attested_utc_ns: int | None = None
    next_check_utc_ns: int | None = None
    waived_by: str = ""
    waived_until_utc_ns: int | None = None
    waived_why: str = ""
    removed_utc_ns: int | None = None
    language: str = ""
    checker: str = ""
    """Who looked, where that is somebody else than ``attested_by``."""
    defect: str = ""
    """What the last check found wrong; '' nothing. A sign with a defect is not attested."""


class Seen(msgspec.Struct, frozen=True):
    """One point of the checklist that somebody saw to be right. ``by``: who entered it ('' none: a machine's own check)."""

    at_utc_ns: int
    by: str
    checker: str = ""
    """Who looked, where that is somebody else than ``by``."""
    words: str = ""
    """What was found, where it takes words: legible from how many feet, what the website's check said."""


class Check(msgspec.Struct, frozen=True):
    """Table ``checks``: what was ticked on the checklist. Keys: ``entrance:e1``, ``camera:lobby``, ``house:website``.

    An entrance's open defect is its own (``Entrance.defect``); here stand who found it and when, as for the others.
    """

    key: str
    points: dict[str, Seen] = msgspec.field(default_factory=dict)
    """By the point's id, the latest word on each."""
    defect: str = ""
    """Open; '' none."""
    defect_by: str = ""
    defect_utc_ns: int | None = None
    mended: str = ""
    """The last defect that was mended."""
    mended_by: str = ""
    mended_utc_ns: int | None = None


class Span(msgspec.Struct, frozen=True):
    """A camera's footage from start to end. In a paper, ``camera`` '' stands for any camera."""

    camera: str
    start_utc_ns: int
    end_utc_ns: int


class Paper(msgspec.Struct, frozen=True):
    """The paper behind a request for a release (P13). ``kind`` is one of ``releases.BASES``."""

    sha256: str
    kind: str
    issuer: str
    docket: str = ""
    """Docket or case number."""
    agency: str = ""
    officer: str = ""
    """Name or badge number."""
    signed_by_judge: bool = False
    """A judge signed it: an agency's own (administrative) warrant is none."""
    scope: tuple[Span, ...] = ()
    valid_until_utc_ns: int | None = None
    """First instant at which it has lapsed; None: it names none."""
    original: bool = False
    """It asks for the recording as it is, nothing hidden."""


class Determination(msgspec.Struct, frozen=True):
    """Table ``determinations``. Counsel's word, on paper, that a class of requests may go on under the statute (P13)."""

    id: str
    paper_sha256: str
    bases: tuple[str, ...]
    end_utc_ns: int
    """First instant after its last day."""
    cameras: tuple[str, ...] | None = None
    agencies: tuple[str, ...] = ()
    """() any agency."""
    ended_utc_ns: int | None = None
    by: str = ""
    recorded_utc_ns: int = 0
    ended_why: str = ""


class GateSaid(msgspec.Struct, frozen=True):
    """What a gate said of a release. ``gate`` 1: the policy, 2: the statute."""

    gate: int
    passed: bool
    sentence: str
    needs: tuple[str, ...] = ()
    """What would open it."""


class Refusal(msgspec.Struct, frozen=True):
    """One no to a release. ``gate`` 1 | 2; 0: the word of a person, who is ``by``."""

    at_utc_ns: int
    gate: int
    basis: str
    sentence: str
    needs: tuple[str, ...] = ()
    by: str = ""


class Bundle(msgspec.Struct, frozen=True):
    """What was made of a release. ``kind``: masked | original."""

    files: int
    """All of its folder's."""
    bytes: int
    sums_sha256: str
    """Of SHA256SUMS, of which its signature is made."""
    fingerprint: str
    """Of the key that signed it."""
    videos: int
    kind: str
    missing: int
    """Stretches that were asked for and are not in it."""
    made_by: str
    made_utc_ns: int
    removed_utc_ns: int | None = None
    """When it went, its time over. It can be made again while its footage is there."""


class Release(msgspec.Struct, frozen=True):
    """Table ``releases`` (P13): a request that footage leaves the building, from the first question to the last word.

    States: stopped (a gate said no) | requested (a second person's word is awaited) | approved | exported (its bundle is
    made) | refused (a person said no) | withdrawn | cancelled (its requester's right ended).
    """

    id: str
    basis: str
    reference: str
    """Case or incident number, '' while there is none."""
    asked: tuple[Span, ...]
    given: tuple[Span, ...]
    """What would leave: ``asked``, or that trimmed to the paper's scope."""
    requested_by: str
    requested_utc_ns: int
    state: str
    paper: Paper | None = None
    why: str = ""
    gates: tuple[GateSaid, ...] = ()
    """As they were asked last; the statute's is not asked when the policy's says no."""
    refusals: tuple[Refusal, ...] = ()
    caution: str = ""
    paper_due_utc_ns: int | None = None
    """Emergency: by when the paper is to be here; None: it is here, or none is to follow."""
    approved_by: str = ""
    """A person's id, or the seat that signed the paper; '' for an emergency, which is reviewed afterwards."""
    approved_utc_ns: int | None = None
    approval_paper_sha256: str = ""
    note: str = ""
    version: int = 1
    ended_utc_ns: int | None = None
    ended_why: str = ""
    original: bool = False
    """Who approved it lets the recording go as it is, because the paper asks for that."""
    bundle: Bundle | None = None


class Flag(msgspec.Struct, frozen=True):
    """Table ``flags``: what a second person looks at afterwards. kind: break_glass | wandering | paper_approval |
    key_by_admin | seat_by_admin | key_by_seat | seat_by_seat | hold_archived | log_repaired | clock_by_admin |
    counsel_word | emergency_release."""

    id: str
    kind: str
    log_seq: int
    person: str
    at_utc_ns: int
    needs: int
    """How many reviews by seats other than the actor's."""
    reviewed_by: tuple[str, ...] = ()
    note: str = ""
    about: str = ""
    """Whom the act favors (a key given, a seat named): their review does not count either."""


class KeptReport(msgspec.Struct, frozen=True):
    """Table ``reports``, by quarter ('2026-Q3'): a report as the Board got it. Its facts lie at STATE/reports/QUARTER.json."""

    quarter: str
    sha256: str
    """Of that file."""
    made_utc_ns: int
    log_entries: int
    """Of the access log at the quarter's end; with ``log_root`` (hex) the head that a later log must begin with."""
    log_root: str
    read_by: tuple[str, ...] = ()
    """People who have seen it: for them it waits no more."""


class Adopted(msgspec.Struct, frozen=True):
    """Table ``policy``, key 'adopted': which text is in force. The text itself lies at STATE/policy/SHA256.txt."""

    version: str
    adopted_on: str
    """ISO date."""
    sha256: str
    statute: str = "enforce"
    """Gate 2 of P13: enforce | advise."""
    installed_utc_ns: int = 0


class Board(msgspec.Struct, frozen=True):
    """Table ``board``, key 'settings': what the Board decides. Every change is logged with who and why."""

    library: str = ""
    contact: str = ""
    policy_address: str = ""
    second_person_lift: bool = True
    second_person_release: bool = True
    live_minutes: int = 10
    grace_days: int = 7
    waiver_days: int = 7
    review_days: int = 90
    """A hold's first review, when none is given."""
    sign_check_days: int = 180
    camera_check_days: int = 365
    house_check_days: int = 365
    longest_look_hours: int = 24
    cameras_per_purpose: int = 4
    widenings_before_flag: int = 3
    break_glass_minutes: int = 15
    share_days: int = 14
    outbox_days: int = 30
    """How long bundles, papers and stills lie ready to be fetched."""
    printers: str = ""
    """Names of CUPS printers that papers may go to, with commas between; '' all that CUPS knows."""
    paper_size: str = "letter"
    """What papers are set for when nobody says otherwise: letter | a4."""
