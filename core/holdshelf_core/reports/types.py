"""A paper's content, as the service returns it for printing. Plain data: a paper is made from this and nothing else.

Days are ISO dates of the library's local time ('2026-11-24', '' when unknown), so a paper reads the same wherever it is made.
Must never contain a patron's name, a picture, or anything about who asked for a paper (P17).
"""

from __future__ import annotations

import msgspec

from holdshelf_core.acts import COPIES, PICTURE_PAPERS, Act, ActSpec, Read, ReadSpec, Shows
from holdshelf_core.policy.checklist import Point
from holdshelf_core.policy.tables import SignWords
from holdshelf_core.reports.case_types import BundlePaper, HoldPaper, LookedPaper, ReleasePaper, SheetPaper, StillPaper
from holdshelf_core.reports.report_types import DestroyedPaper, ReportPaper, RequestsPaper

PAPERS = {
    "policy": "Policy",
    "checklist": "Checklist",
    "sign": "Sign for an entrance",
    "refusal": "What we need",
    "hold": "Hold notice",
    "release": "Release form",
    "receipt": "Receipt of a release",
    "custody": "Chain of custody",
    "certificate": "Certificate",
    "still": "Still picture",
    "sheet": "Contact sheet",
    "report": "Quarterly report",
    "destroyed": "Record of destruction",
    "requests": "Register of requests",
    "who": "Who looked",
}
"""By the name on the command line: what each paper is called on the screen, in lists and in the log."""
MAX_SHEET_PICTURES = 24
"""Of a contact sheet."""


class PrintRequest(Act["PaperFacts"], frozen=True):
    """Request a paper: one of PAPERS. Nobody is asked who wants it."""

    spec = ActSpec("print.facts", "print", timeout_s=120, shows=Shows(COPIES, "paper", PICTURE_PAPERS))

    paper: str
    release: str = ""
    """refusal, release: the request, '' for the general sheet or blank form. receipt, custody, certificate: the release."""
    hold: str = ""
    """hold, or sheet: its number."""
    share: str = ""
    """still: the number under which the sheet was registered."""
    pictures: int = 0
    """sheet: how many pictures are about to be shown and printed, of the hold or the release."""
    quarter: str = ""
    """report, destroyed, requests: '2026-Q3', 'now' for the current one, '' for the last complete one."""
    on_screen: bool = False
    """Read on a screen; whether it is printed from there is unknown."""


class AdoptedText(msgspec.Struct, frozen=True):
    """The adopted text in one more language."""

    sha256: str
    text: str = ""


class PolicyText(msgspec.Struct, frozen=True):
    """The policy that the library adopted. ``text`` is the file as installed: ``sha256`` is of its UTF-8 bytes."""

    version: str
    adopted_on: str
    sha256: str
    text: str = ""
    """'' where only the facts are known, on papers that do not print the text."""
    language: str = "en"
    """Of ``text``, without its country: 'en' of en-CA."""
    others: dict[str, AdoptedText] = {}
    """What was adopted in other languages beside it."""
    languages: tuple[str, ...] = ()
    """Of the policy file, the first one first, without their countries; () for ``language`` alone."""


class LogHead(msgspec.Struct, frozen=True):
    """The access log's signed head at printing: a paper copy of it reveals a later forgery."""

    origin: str
    entries: int
    short: str
    """To type from paper into `log verify --against`: entries, colon, the first 32 hex digits of the root in fours."""
    note: str = ""
    """The whole signed checkpoint."""
    witnesses: tuple[str, ...] = ()
    """Names of those who countersigned it before it was printed; their signatures are in ``note``."""


class Attestation(msgspec.Struct, frozen=True):
    """Something that a person attested with the checklist: who, when, what was found, until when it is valid."""

    done_on: str = ""
    by: str = ""
    finding: str = ""
    next_on: str = ""
    code: str = ""
    """What is typed to enter it: 'e1.present', 'lobby.walk-test', 'house.website'."""
    is_due: bool = False
    """It must be checked (again) by now."""
    defect: str = ""
    """What was found wrong and is not fixed yet; then ``done_on`` and ``by`` belong to this finding."""


class Mending(msgspec.Struct, frozen=True):
    """The open defect of an entrance or camera, and the last one that was fixed; '' for none."""

    defect: str = ""
    found_by: str = ""
    found_on: str = ""
    mended: str = ""
    mended_by: str = ""
    mended_on: str = ""


class CameraPaper(msgspec.Struct, frozen=True):
    """A camera on the checklist, from the register."""

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
    """off | on | unknown: as the camera last reported."""
    sound_found: bool | None = None
    """Whether any segment ever had sound; None: not looked up. Each one is checked when closed (P7)."""
    code: str = ""
    """The beginning of its points' codes."""
    points: dict[str, Attestation] = msgspec.field(default_factory=dict)
    """By the point's id."""
    mending: Mending = Mending()


class EntrancePaper(msgspec.Struct, frozen=True):
    """An entrance and its sign, from the register (P3)."""

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
    """The beginning of its points' codes."""
    language: str = ""
    points: dict[str, Attestation] = msgspec.field(default_factory=dict)
    """By the point's id."""
    mending: Mending = Mending()


class RefusalPaper(msgspec.Struct, frozen=True):
    """The sheet for a requester (P13): what is required, and for one request what was asked and why it cannot be done yet.

    Names nobody: neither the requester nor who refused.
    """

    needs: tuple[str, ...] = ()
    release: str = ""
    """'' for the general sheet."""
    reference: str = ""
    basis_words: str = ""
    spans: tuple[str, ...] = ()
    """'Front door (lobby), 2026-11-24 14:00:00 -05:00 to 2026-11-24 15:00:00 -05:00'."""
    refused_on: str = ""
    sentence: str = ""
    """Why, with the clause quoted."""
    holds: tuple[str, ...] = ()
    """Holds that keep part of it meanwhile."""


class PaperFacts(msgspec.Struct, frozen=True):
    """Everything that a paper may say."""

    library: str = ""
    contact: str = ""
    policy_address: str = ""
    policy: PolicyText | None = None
    """None: the library has adopted none, and the model policy is printed, marked as such."""
    log: LogHead | None = None
    """None: there was no log, or it could not be read."""
    cameras: tuple[CameraPaper, ...] = ()
    entrances: tuple[EntrancePaper, ...] = ()
    points: dict[str, tuple[Point, ...]] = msgspec.field(default_factory=dict)
    """The checklist's points by what they are about: entrance | camera | house."""
    house: dict[str, Attestation] = msgspec.field(default_factory=dict)
    """Those of the building, by the point's id."""
    refusal: RefusalPaper = RefusalPaper()
    hold: HoldPaper | None = None
    released: ReleasePaper | None = None
    """None: the blank form."""
    bundle: BundlePaper | None = None
    still: StillPaper | None = None
    sheet: SheetPaper | None = None
    report: ReportPaper | None = None
    destroyed: DestroyedPaper | None = None
    requests: RequestsPaper | None = None
    looked: LookedPaper | None = None
    """who: added where it is printed, from the answer of the access log."""
    signs: dict[str, SignWords] = msgspec.field(default_factory=dict)
    """The sign as the policy words it, by language; a language that is not there is in Holdshelf's own words."""
    words: dict[str, dict[str, str]] = msgspec.field(default_factory=dict)
    """By language, sentences of the catalogs that the policy says otherwise, and its own words of its first language."""
    numbers: dict[str, str] = msgspec.field(default_factory=dict)
    """By P1 to P21, the library's own number of the clause; {} where they are the same."""
    board: dict[str, str] = msgspec.field(default_factory=dict)
    """What the library calls the body that governs it, by language, with its article; {} for 'the Board'."""
    first_role: str = ""
    """Whom to ask where no contact is given, as the policy calls that position; '' for the Library Director."""
    bases: tuple[tuple[str, str], ...] = ()
    """What a release may rest on that somebody outside brings: key and words."""
    without_paper: bool = False
    """Whether one of them takes no paper."""
    in_danger: bool = False
    """Whether one of them takes a request by word of mouth in imminent danger, and its paper afterwards."""
    keeps_at_least: str = ""
    """How long the policy keeps footage beside the room there is: '7 days'; '' for no such time."""
    keeps_at_most: str = ""
    release_by_two: bool = True
    """Whether a release takes two people: by the policy, and by a setting of the Board."""
    page: str = "letter"
    """letter | a4: the library's default paper size."""
    language: str = ""
    """'en', 'es', or two on a sign as 'en+es'; set by whoever prints it. '': the policy's own, where papers speak it."""
    printed_at: str = ""
    """Local time with its offset: '2026-11-24 14:00 -05:00'."""
    caveats: tuple[str, ...] = ()
    """Sentences that must be on the paper: what could not be read."""


class LostTime(msgspec.Struct, frozen=True):
    """Time of a day without footage for one reason, of ``integration.reasons.ALL``."""

    reason: str
    seconds: float


class CoverageDay(msgspec.Struct, frozen=True):
    """A local day of a camera: ``elapsed_s`` = ``recorded_s`` + ``recovered_s`` + the gaps' seconds + ``untold_s``."""

    day: str
    """'2026-11-24'."""
    percent: float | None
    """Of the time in use: what was recorded or recovered and is not missing, rounded down. None: not in use on that day."""
    elapsed_s: float
    """How much of it the camera was in use; of today, so far."""
    recorded_s: float
    recovered_s: float
    """Had later from the camera's own recording."""
    gaps: list[LostTime]
    """Longest first."""
    untold_s: float
    """Without any record."""
    erased_s: float
    """Of what was recorded and recovered: erased on schedule since."""
    missing_s: float
    """Of these: missing without having been erased."""


class CoverageRow(msgspec.Struct, frozen=True):
    """A camera's days, the oldest first, today so far the last one."""

    camera: str
    name: str
    days: list[CoverageDay]


class ReadCoverage(Read[list[CoverageRow]], frozen=True):
    """Return how much of each day there is of each camera. ``days``: how many before today."""

    spec = ReadSpec("/coverage", "camera.see", timeout_s=120)

    camera: str | None = None
    days: int = 7
