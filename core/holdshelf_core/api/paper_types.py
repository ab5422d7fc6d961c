"""What stands on a paper, as the service hands it to whoever prints it. Plain data: a paper is made from this and nothing else.

Days are ISO dates of the library's own time ('2026-11-24', '' where nothing is known), so a paper reads the same
wherever it is made. Must never carry a patron's name, a picture, or anything of who asked for a paper (P17).
"""

from __future__ import annotations

import msgspec

PAPERS = ("policy", "checklist", "sign", "refusal")


class PrintRequest(msgspec.Struct, frozen=True):
    """Which paper is wanted: one of PAPERS. Nobody is asked who wants it."""

    paper: str
    release: str = ""
    """refusal: of which request; '' the sheet for any asker."""
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


class Attestation(msgspec.Struct, frozen=True):
    """Something that a person attested once for the whole house: who, when, and what was found."""

    done_on: str = ""
    by: str = ""
    finding: str = ""
    next_on: str = ""


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
    refusal: RefusalPaper = RefusalPaper()
    printed_at: str = ""
    """Local time with its offset: '2026-11-24 14:00 -05:00'."""
    caveats: tuple[str, ...] = ()
    """Sentences that must stand on the paper: what could not be read."""
