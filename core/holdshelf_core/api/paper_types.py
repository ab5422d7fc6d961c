"""What stands on a paper, as the service hands it to whoever prints it. Plain data: a paper is made from this and nothing else.

Days are ISO dates of the library's own time ('2026-11-24', '' where nothing is known), so a paper reads the same
wherever it is made. Must never carry a patron's name, a picture, or anything of who asked for a paper (P17).
"""

from __future__ import annotations

import msgspec

from holdshelf_core.api.paper_cases import BundlePaper, HoldPaper, ReleasePaper, StillPaper
from holdshelf_core.api.paper_report import ReportPaper

PAPERS = (
    "policy",
    "checklist",
    "sign",
    "refusal",
    "hold",
    "release",
    "receipt",
    "custody",
    "certificate",
    "still",
    "report",
)


class PrintRequest(msgspec.Struct, frozen=True):
    """Which paper is wanted: one of PAPERS. Nobody is asked who wants it."""

    paper: str
    release: str = ""
    """refusal, release: of which request, '' the sheet for any asker, the blank form. receipt, custody, certificate: of which."""
    hold: str = ""
    """hold: of which."""
    share: str = ""
    """still: under which number the sheet was registered."""
    quarter: str = ""
    """report: '2026-Q3', 'now' the running one, '' the last complete one."""
    on_screen: bool = False
    """It is read on a screen; whether it is printed from there, nobody knows."""


class PolicyText(msgspec.Struct, frozen=True):
    """The policy that the library adopted. ``text`` is the file as installed: ``sha256`` is that of its UTF-8 bytes."""

    version: str
    adopted_on: str
    sha256: str
    text: str = ""
    """'' where only the facts are known, as on papers that do not print the text."""


class LogHead(msgspec.Struct, frozen=True):
    """The access log's signed head at printing: a copy of it on paper is what a later forgery is found by."""

    origin: str
    entries: int
    short: str
    """For typing from paper into `log verify --against`: entries, colon, the first 32 hex digits of the root in fours."""
    note: str = ""
    """The whole signed checkpoint."""


class Attestation(msgspec.Struct, frozen=True):
    """Something that a person attested with the checklist: who, when, what was found, until when it counts."""

    done_on: str = ""
    by: str = ""
    finding: str = ""
    next_on: str = ""
    code: str = ""
    """What is typed to enter it: 'e1.present', 'lobby.walk-test', 'house.website'."""
    is_due: bool = False
    """It is to be looked at (again) by now."""
    defect: str = ""
    """What was found wrong and is not mended yet; then ``done_on`` and ``by`` are of this finding."""


class Mending(msgspec.Struct, frozen=True):
    """The defect of an entrance or a camera that is open, and the last one that was mended; '' where there is none."""

    defect: str = ""
    found_by: str = ""
    found_on: str = ""
    mended: str = ""
    mended_by: str = ""
    mended_on: str = ""


class CameraPaper(msgspec.Struct, frozen=True):
    """What the register knows of one camera that a checklist asks about."""

    id: str
    name: str
    area_kind: str
    area_words: str = ""
    area_note: str = ""
    state: str = "new"
    """new | approved | retired: of its commissioning."""
    approved_by: str = ""
    approved_on: str = ""
    still_on: str = ""
    """The day of the approved reference still."""
    masks: int = 0
    mask_version: int = 0
    mask_reasons: tuple[str, ...] = ()
    exterior: bool = False
    microphone: str = "unknown"
    """off | on | unknown: what the camera itself said when it was last asked."""
    sound_found: bool | None = None
    """Whether any segment ever held sound; None: not looked up. Each one is looked at when it is closed (P7)."""
    code: str = ""
    """What its points' codes begin with."""
    points: dict[str, Attestation] = msgspec.field(default_factory=dict)
    """By the id of the checklist's point."""
    mending: Mending = Mending()


class EntrancePaper(msgspec.Struct, frozen=True):
    """What the register knows of one entrance and its sign (P3)."""

    id: str
    name: str
    sign: str = ""
    attested_by: str = ""
    attested_on: str = ""
    next_check_on: str = ""
    check_is_due: bool = False
    waived_by: str = ""
    waived_until: str = ""
    waived_why: str = ""
    code: str = ""
    """What its points' codes begin with."""
    language: str = ""
    points: dict[str, Attestation] = msgspec.field(default_factory=dict)
    """By the id of the checklist's point."""
    mending: Mending = Mending()


class RefusalPaper(msgspec.Struct, frozen=True):
    """What an asker takes along (P13): what it takes, and of one request what was asked and why it cannot be done yet.

    Names nobody: neither who asked nor who said no.
    """

    needs: tuple[str, ...] = ()
    release: str = ""
    """'' for the sheet that names no request."""
    reference: str = ""
    basis_words: str = ""
    spans: tuple[str, ...] = ()
    """'Front door (lobby), 2026-11-24 14:00:00 -05:00 to 2026-11-24 15:00:00 -05:00'."""
    refused_on: str = ""
    sentence: str = ""
    """Why, with the clause quoted."""
    holds: tuple[str, ...] = ()
    """Holds that keep some of it meanwhile."""


class PaperFacts(msgspec.Struct, frozen=True):
    """Everything that a paper may say."""

    library: str = ""
    contact: str = ""
    policy_address: str = ""
    policy: PolicyText | None = None
    """None: the library has adopted none here, and the model policy is printed, named as such."""
    log: LogHead | None = None
    """None: no log was there, or it could not be read."""
    cameras: tuple[CameraPaper, ...] = ()
    entrances: tuple[EntrancePaper, ...] = ()
    staff_notice: Attestation = Attestation()
    website: Attestation = Attestation()
    board_review: Attestation = Attestation()
    copies: Attestation = Attestation()
    counsel: Attestation = Attestation()
    letters: Attestation = Attestation()
    confidentiality: Attestation = Attestation()
    no_promise: Attestation = Attestation()
    """These eight: the checklist's points of the house, by their ids (`no-promise`)."""
    refusal: RefusalPaper = RefusalPaper()
    hold: HoldPaper | None = None
    released: ReleasePaper | None = None
    """None: the blank form."""
    bundle: BundlePaper | None = None
    still: StillPaper | None = None
    report: ReportPaper | None = None
    page: str = "letter"
    """letter | a4: what the library's papers are set for when nobody says otherwise."""
    language: str = "en"
    """Of the sign: 'en', 'es', or two as 'en+es'; set by whoever prints it."""
    printed_at: str = ""
    """Local time with its offset: '2026-11-24 14:00 -05:00'."""
    caveats: tuple[str, ...] = ()
    """Sentences that must stand on the paper: what could not be read."""
