"""What the rules work with: people, seats, appointments, holds, cameras, as plain data without behavior.

These are also the register's rows (table named in each) and what the access log records as changes, so fields are added with a
default and never renamed. Times are UTC nanoseconds, spans half-open [start, end). Ids are opaque ("p3", "H-2026-0007"): names
and free text never appear in the public part of the log.
"""

from __future__ import annotations

import msgspec

from holdshelf_core.policy.hold_facts import HoldFacts

RIGHTS = ("live", "archive", "hold", "share", "release", "commission")
"""Rights that an appointment may give. A seat has all of them; lifting a hold and appointing are never delegated (P11, P16)."""


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
    """The part before the @: 1–32 of a–z, 0–9, . _ -; unique; a seat's name cannot be a login."""
    name: str
    keys: tuple[Key, ...] = ()
    account: str = ""
    """This person's local account ('' for none), identified by kernel peer credentials."""
    email: str = ""
    added_utc_ns: int = 0
    left_utc_ns: int | None = None
    """Set when the person was removed: no rights and no login from then on. The row stays, as the log uses its id."""
    keyless_since_utc_ns: int | None = None
    """When the last key was taken away; None: there is one, or there never was."""


class Seat(msgspec.Struct, frozen=True):
    """Table ``seats``, one row per term. ``key`` is that of a role of the policy."""

    id: str
    key: str
    person: str
    start_utc_ns: int
    end_utc_ns: int | None = None
    """None: no known end."""
    paper_sha256: str = ""
    by: str = ""
    ended_utc_ns: int | None = None
    """Written once, when its end was noticed or it was vacated: no clock step revives it."""
    away_since_utc_ns: int | None = None
    """Since when the holder is entered as away; None: they are not. Who stands in for the role acts after the policy's time."""


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
    """The end of the last day (exclusive)."""
    paper_sha256: str
    scope: str = ""
    """The letter's stated purpose, in words."""
    by: str = ""
    ended_utc_ns: int | None = None
    ended_why: str = ""


class Share(msgspec.Struct, frozen=True):
    """Table ``shares`` (P14): one span of one camera, view only, until it expires. ``kind`` view | sheet | live.

    Of kind live: what a screen of the policy shows; it has no span, and its cameras are those of the screen's classes.
    """

    id: str
    kind: str
    person: str
    """Who may view; '' for a printed sheet, whose holder is in ``given_to``."""
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
    screen: str = ""
    """Key of the policy's screen, of kind live."""


class HoldSpan(msgspec.Struct, frozen=True):
    """What a hold keeps of one camera. ``end_utc_ns`` None: until lifted."""

    camera: str
    start_utc_ns: int
    end_utc_ns: int | None


class Hold(HoldFacts[tuple[HoldSpan, ...]], frozen=True):
    """Table ``holds`` (P16). What of it is shown is in `HoldFacts`; the rest is not."""

    approved_by: str = ""
    approval_paper_sha256: str = ""
    copies: tuple[str, ...] = ()
    """SHA-256 of the SHA256SUMS of each copy that the log confirms."""


class Mask(msgspec.Struct, frozen=True):
    """A polygon in which nothing is shown (P6), corners in 0…10000 of the picture's width and height."""

    points: tuple[tuple[int, int], ...]
    why: str = ""


class Commission(msgspec.Struct, frozen=True):
    """Table ``commissions``, one row per camera. A camera records before that; nobody may view it before ``approved``."""

    camera: str
    masks: tuple[Mask, ...] = ()
    mask_version: int = 0
    exterior: bool = False
    """P8: may see beyond library property."""
    still_utc_ns: int | None = None
    still_sha256: str = ""
    """Hash of the approved reference still (unmasked pixels are never stored)."""
    approved_by: str = ""
    approved_utc_ns: int | None = None
    state: str = "new"
    """new | approved | retired."""
    no_masks_why: str = ""
    """Why no masks are needed; a camera without masks is approved only with this (P6)."""
    area_kind: str = ""
    """The kind of area that was approved (P4)."""


class Entrance(msgspec.Struct, frozen=True):
    """Table ``entrances`` (P3)."""

    id: str
    name: str
    sign: str = ""
    """The sign: text version, language, size."""
    attested_by: str = ""
    attested_utc_ns: int | None = None
    next_check_utc_ns: int | None = None
    waived_by: str = ""
    waived_until_utc_ns: int | None = None
    waived_why: str = ""
    removed_utc_ns: int | None = None
    language: str = ""
    checker: str = ""
    """Who checked, if not ``attested_by``."""
    defect: str = ""
    """What the last check found wrong; '' for nothing. A sign with a defect is not attested."""


class Seen(msgspec.Struct, frozen=True):
    """One point of the checklist that somebody found correct. ``by``: who entered it ('' for an automatic check)."""

    at_utc_ns: int
    by: str
    checker: str = ""
    """Who checked, if not ``by``."""
    words: str = ""
    """What was found, for points with a value: from how far legible ("25 ft", "8 m"), the result of the website check."""


class Check(msgspec.Struct, frozen=True):
    """Table ``checks``: what was ticked on the checklist. Keys: ``entrance:e1``, ``camera:lobby``, ``house:website``.

    An entrance's open defect is in its own row (``Entrance.defect``); who found it and when is here, as for the others.
    """

    key: str
    points: dict[str, Seen] = msgspec.field(default_factory=dict)
    """The latest observation by point id."""
    defect: str = ""
    """The open defect; '' for none."""
    defect_by: str = ""
    defect_utc_ns: int | None = None
    mended: str = ""
    """The last defect that was fixed."""
    mended_by: str = ""
    mended_utc_ns: int | None = None


class Span(msgspec.Struct, frozen=True):
    """A camera's footage from start to end. In a paper, ``camera`` '' means any camera."""

    camera: str
    start_utc_ns: int
    end_utc_ns: int


class Paper(msgspec.Struct, frozen=True):
    """The paper behind a release request (P13). ``kind`` is a basis of the policy."""

    sha256: str
    kind: str
    issuer: str
    docket: str = ""
    """Docket or case number."""
    agency: str = ""
    officer: str = ""
    """Name or badge number."""
    signed_by_judge: bool = False
    """Whether a judge signed it: an agency's own (administrative) warrant does not count."""
    scope: tuple[Span, ...] = ()
    valid_until_utc_ns: int | None = None
    """When it lapses; None: it states no date."""
    original: bool = False
    """It asks for the unmasked recording."""


class Determination(msgspec.Struct, frozen=True):
    """Table ``determinations``. Counsel's determination, on paper, that a class of requests may proceed under the statute
    (P13)."""

    id: str
    paper_sha256: str
    bases: tuple[str, ...]
    end_utc_ns: int
    """The end of its last day (exclusive)."""
    cameras: tuple[str, ...] | None = None
    agencies: tuple[str, ...] = ()
    """() for any agency."""
    ended_utc_ns: int | None = None
    by: str = ""
    recorded_utc_ns: int = 0
    ended_why: str = ""


class GateSaid(msgspec.Struct, frozen=True):
    """One gate's result for a release. ``gate`` 1: the policy, 2: the statute."""

    gate: int
    passed: bool
    sentence: str
    needs: tuple[str, ...] = ()
    """What would satisfy it."""


class Refusal(msgspec.Struct, frozen=True):
    """One refusal of a release. ``gate`` 1 | 2; 0: by the person ``by``."""

    at_utc_ns: int
    gate: int
    basis: str
    sentence: str
    needs: tuple[str, ...] = ()
    by: str = ""


class Bundle(msgspec.Struct, frozen=True):
    """The bundle made for a release. ``kind``: masked | original."""

    files: int
    """All files in its folder."""
    bytes: int
    sums_sha256: str
    """Hash of SHA256SUMS, the file that is signed."""
    fingerprint: str
    """Fingerprint of the signing key."""
    videos: int
    kind: str
    missing: int
    """Requested stretches that are not in it."""
    made_by: str
    made_utc_ns: int
    removed_utc_ns: int | None = None
    """When it expired and was deleted. It can be made again while its footage exists."""


class KeyPoint(msgspec.Struct, frozen=True, array_like=True):
    """Where a moving box is at a time: its sides in 0…10000 of the picture's width and height."""

    at_utc_ns: int
    left: int
    top: int
    right: int
    bottom: int


class MovingBox(msgspec.Struct, frozen=True):
    """A box over time in one camera's pictures, from its first key point to its last; between two it moves evenly."""

    camera: str
    points: tuple[KeyPoint, ...]


class Others(msgspec.Struct, frozen=True):
    """The answer to whether other people are seen in what is released, and what is done about it."""

    seen: bool
    by: str
    at_utc_ns: int
    boxes: tuple[MovingBox, ...] = ()
    why: str = ""
    """Why they are not masked, if they are seen and nothing is drawn."""
    looked: int | None = None
    """Pictures of it that whoever answered had been shown, since the service began; None: not known."""


class Consent(msgspec.Struct, frozen=True):
    """The consent of a role on its signed paper."""

    role: str
    paper_sha256: str


class AskedRule(msgspec.Struct, frozen=True):
    """What the policy asked for when a request was entered (``asked``); ``needs``, ``steps`` and ``classes``: of its basis."""

    needs: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    hides_others: bool = False
    second: tuple[str, ...] = ()
    """Roles that counted as the second person; () none was asked for."""
    classes: tuple[str, ...] = ()


class Release(msgspec.Struct, frozen=True):
    """Table ``releases`` (P13): a request to release footage, from the first question to its end.

    States: stopped (a gate refused) | requested (waiting for a second person) | approved | exported (its bundle is made) |
    refused (by a person) | withdrawn | cancelled (its requester's right ended).
    """

    id: str
    basis: str
    reference: str
    """Case or incident number, '' if none yet."""
    asked: tuple[Span, ...]
    given: tuple[Span, ...]
    """What would be released: ``asked``, or that trimmed to the paper's scope."""
    requested_by: str
    requested_utc_ns: int
    state: str
    paper: Paper | None = None
    why: str = ""
    gates: tuple[GateSaid, ...] = ()
    """Their latest results; the statute's gate is not asked when the policy's refuses."""
    refusals: tuple[Refusal, ...] = ()
    caution: str = ""
    paper_due_utc_ns: int | None = None
    """Emergency: when the paper is due; None: it has arrived, or none is required."""
    approved_by: str = ""
    """A person's id, or the seat that signed the paper; '' for an emergency, which is reviewed afterwards."""
    approved_utc_ns: int | None = None
    approval_paper_sha256: str = ""
    note: str = ""
    version: int = 1
    ended_utc_ns: int | None = None
    ended_why: str = ""
    original: bool = False
    """The approver allowed the unmasked recording, as the paper asks for it."""
    bundle: Bundle | None = None
    others: Others | None = None
    """None: nobody has said yet."""
    urgent: bool = False
    """Asked for in imminent danger."""
    stated: tuple[str, ...] = ()
    """Of ``gates.STATED``: what somebody at the library says that they have seen or know."""
    received_on: str = ""
    """Local day on which the library got the request: '2026-11-24'; '' in rows from before."""
    due_utc_ns: int | None = None
    """When it must be answered; None: its basis has no clock. It stays with the request, whatever policy comes."""
    longer_utc_ns: int | None = None
    """The same with more time; 0: its basis gave none. None in rows from before: then as the policy in force has it."""
    extended_why: str = ""
    asked_rule: AskedRule = AskedRule()
    """The stricter of this and the policy in force decides."""
    consents: tuple[Consent, ...] = ()
    """On paper, besides the approval."""
    given_utc_ns: int | None = None
    """When its first bundle was made; one that is made again answers nothing anew. None in rows from before."""


class Flag(msgspec.Struct, frozen=True):
    """Table ``flags``: actions for a second person to review. kind: break_glass | wandering | paper_approval | key_by_admin |
    seat_by_admin | key_by_seat | seat_by_seat | away_by_seat | hold_archived | log_repaired | clock_by_admin | counsel_word |
    emergency_release | register_settled | older_log | backup_restored | register_unproven | media_replaced | media_adopted."""

    id: str
    kind: str
    log_seq: int
    person: str
    at_utc_ns: int
    needs: int
    """Number of reviews required, by seats other than the actor's."""
    reviewed_by: tuple[str, ...] = ()
    note: str = ""
    about: str = ""
    """Whom the action favors (given a key or a seat): their review does not count either."""
    paper_sha256: str = ""
    """For the last three: the Board's paper that accepted the state; '' if not accepted yet."""
    seen: str = ""
    """older_log, backup_restored: the head seen before, as NUMBER:ROOT in hex; '' for none."""


class KeptReport(msgspec.Struct, frozen=True):
    """Table ``reports``, by quarter ('2026-Q3'): a report as the Board got it. Its facts are in STATE/reports/QUARTER.json."""

    quarter: str
    sha256: str
    """Hash of that file."""
    made_utc_ns: int
    log_entries: int
    """Entries in the access log at the quarter's end; with ``log_root`` (hex) the head that a later log must extend."""
    log_root: str
    read_by: tuple[str, ...] = ()
    """People who have read it: it is no longer shown to them as new."""


class Adopted(msgspec.Struct, frozen=True):
    """Table ``policy``, key 'adopted': the text in force, stored in STATE/policy/SHA256.txt."""

    version: str
    adopted_on: str
    """ISO date."""
    sha256: str
    statute: str = "enforce"
    """Gate 2 of P13: enforce | advise."""
    installed_utc_ns: int = 0
    file_sha256: str = ""
    """The policy file, stored in STATE/policy/SHA256.toml; '' for the first library's, which comes with Holdshelf."""
    texts: dict[str, str] = {}
    """By language, the SHA-256 of each adopted text; {} where there is but one."""
    minutes_sha256: str = ""
    signed_by: str = ""
    """Whose key signed the policy file (a person's id), in STATE/policy/SHA256.toml.sig; '' where nobody did."""
    earlier: tuple[str, ...] = ()
    """SHA-256 of the policy files that were in force before: what was signed for then is not signed for now."""


class Board(msgspec.Struct, frozen=True):
    """Table ``board``, key 'settings': the Board's settings. Every change is logged with who and why."""

    library: str = ""
    contact: str = ""
    policy_address: str = ""
    second_person_lift: bool = True
    second_person_release: bool = True
    live_minutes: int = 10
    grace_days: int = 7
    waiver_days: int = 7
    review_days: int = 90
    """Default days to a hold's first review."""
    sign_check_days: int = 180
    camera_check_days: int = 365
    house_check_days: int = 365
    longest_look_hours: int = 24
    cameras_per_purpose: int = 4
    widenings_before_flag: int = 3
    break_glass_minutes: int = 15
    share_days: int = 14
    outbox_days: int = 30
    """How long bundles, papers and stills stay in an outbox."""
    paper_days: int = 0
    """How long the scan of a paper that was brought is kept sealed; 0: thrown away once its fingerprint is taken."""
    printers: str = ""
    """Names of CUPS printers that papers may go to, comma-separated; '' for all that CUPS knows."""
    paper_size: str = "letter"
    """Default paper size: letter | a4."""
    given: tuple[str, ...] | None = None
    """The settings that the Board has set; the others are as the policy in force says. None: all, in a row from before."""
