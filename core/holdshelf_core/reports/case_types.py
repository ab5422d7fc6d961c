"""The content of papers on one hold, release, bundle or printed still: text, resolved by the service.

Times have their offset and go to the second: '2026-11-24 14:00:00 -05:00'. Must never contain a patron's name: notes and reasons
typed as free text are left out, except where a form shows them to its signer.
"""

from __future__ import annotations

import msgspec


class StretchPaper(msgspec.Struct, frozen=True):
    """A stretch of one camera. ``kind``: recorded | gap | erased | missing | future; ``why``: a gap's cause, '' for none."""

    camera: str
    kind: str
    start: str
    end: str
    length: str
    """'1:00:00'."""
    why: str = ""


class HoldPaper(msgspec.Struct, frozen=True, kw_only=True):
    """A hold notice (P16)."""

    id: str
    ground: str
    reference: str
    state: str
    """active | lifting | grace | lifted."""
    spans: tuple[str, ...]
    """'Front door (lobby), 2026-11-24 14:00:00 -05:00 to …', or '… until it is lifted'."""
    stretches: tuple[StretchPaper, ...]
    kept: str
    """Total length of what is kept, '' for nothing."""
    missing: str
    """Total length of gaps."""
    erased: str
    """Total length of what was erased before."""
    placed_by: str
    placed_at: str
    review_on: str
    """'November 24, 2026'."""
    is_overdue: bool
    second_person: bool
    """Whether lifting it takes a second person."""
    grace_days: int
    lift: str = ""
    """'asked for by Dora Reed', 'lifted; erased on schedule after December 1, 2026'; '' none."""
    releases: tuple[str, ...] = ()
    """Open releases that are made from it: while there is one, it is not lifted."""
    lost: str = ""
    """How much is missing: it was recorded, and not erased on schedule; '' for nothing."""
    archived: bool = False
    version: int = 1
    last_on: str = ""
    """Its last day, where its ground gives one."""


class AuthorityPaper(msgspec.Struct, frozen=True):
    """The paper on which something was requested."""

    kind: str
    issuer: str
    docket: str
    agency: str
    officer: str
    judge: bool
    lapses: str
    original: bool
    scope: tuple[str, ...]
    sha256: str
    judge_asked: bool = True
    """Whether the basis asks for a judge, by what it needs or by its steps."""


class GatePaper(msgspec.Struct, frozen=True):
    """One gate's latest result."""

    who: str
    """'The policy', 'The statute'."""
    passed: bool
    sentence: str
    needs: tuple[str, ...] = ()


class ReleasePaper(msgspec.Struct, frozen=True, kw_only=True):
    """The release form of one request (P13)."""

    id: str
    state: str
    """'waiting for a second person's approval'."""
    basis: str
    reference: str
    asked: tuple[str, ...]
    given: tuple[str, ...]
    paper: AuthorityPaper | None
    gates: tuple[GatePaper, ...]
    caution: str
    requested_by: str
    requested_at: str
    approved: str
    """Who approved it, and when; '' if not yet."""
    approval_sha256: str
    """Hash of the scan of the paper on which another seat approved; that is flagged."""
    refusals: tuple[str, ...] = ()
    """'2026-11-24 14:00 -05:00, the policy: There is no paper …'."""
    danger: str = ""
    """Who or what was in danger; only for an emergency, else ''."""
    paper_due: str = ""
    original: bool = False
    holds: tuple[str, ...] = ()
    ended: str = ""
    second_person: bool = True
    awaited: tuple[str, ...] = ()
    """Roles whose consent is still awaited: 'Mayor'."""
    others: str = ""
    """Whether other people are seen in it, what is done about it, and who said so; '' if not yet."""
    stated: tuple[str, ...] = ()
    """What somebody at the library has seen or knows: 'proof of who asks'."""
    received_on: str = ""
    """'2026-11-24'; '' where nothing says until when it must be answered, as the two below."""
    due: str = ""
    extended_why: str = ""


class VideoPaper(msgspec.Struct, frozen=True):
    """A video of a bundle, as listed in its manifest."""

    file: str
    span: str
    """'Front door (lobby), 2026-11-24 14:00:00 -05:00 to 15:00:00'."""
    sha256: str


class BundlePaper(msgspec.Struct, frozen=True, kw_only=True):
    """Receipt, custody form and certificate of a finished bundle: from the register and its manifest."""

    release: str
    basis: str
    reference: str
    kind: str
    """masked | original."""
    videos: int
    missing: int
    files: int
    bytes: int
    made_at: str
    made_by: str
    fingerprint: str
    sums_sha256: str
    given: tuple[str, ...]
    certificate: tuple[str, ...] = ()
    """Its paragraphs, as in the bundle's own certificate.txt."""
    certificate_end: str = ""
    custody: str = ""
    """The text of the custody form, as in the bundle's own custody.txt."""
    custody_end: str = ""
    rows: tuple[VideoPaper, ...] = ()
    gaps: tuple[StretchPaper, ...] = ()
    is_here: bool = False
    """Its manifest was read and is the signed one."""


class LookedRow(msgspec.Struct, frozen=True):
    """One entry of the access log that answers who looked. Each column of its table as text, '' where it says nothing."""

    seq: int
    section: str
    """pictures | copies | movement | refused."""
    at: str
    """When it was written: '2026-11-27 11:31:04-05:00'."""
    who: str
    role: str
    outcome: str
    cameras: str
    start: str
    """Of the footage, as ``at``."""
    end: str
    purpose: str
    incident: str
    came_of: str
    sentence: str


class LookedPaper(msgspec.Struct, frozen=True):
    """Who looked, as the access log answers it. Made where the log was asked, which wrote down that it was."""

    question: str
    """'Front entrance, on November 27, 2026'."""
    rows: tuple[LookedRow, ...]
    entries: int
    """Of the whole log when it was asked."""
    left_out: int = 0
    """Older entries that answer it, too, and are not among the rows."""
    public: bool = False
    """Without names and notes."""


class StillPaper(msgspec.Struct, frozen=True, kw_only=True):
    """A printed still (P14): view only, to be returned. ``jpeg``: the picture, which the person printing has from an open
    look."""

    share: str
    copy: int
    camera: str
    shown_at: str
    purpose: str
    given_to: str
    by: str
    made_at: str
    return_on: str
    jpeg: bytes = b""
    log_seq: int = 0
    """The entry that covers the picture; also in its legend."""


class SheetPicture(msgspec.Struct, frozen=True):
    """One picture of a contact sheet, which the person printing has from an open look; its legend is burned in."""

    jpeg: bytes
    words: str
    """'Front door, 2:03:20 pm'; with its day where the pictures are of several."""


class SheetPaper(msgspec.Struct, frozen=True, kw_only=True):
    """The pictures of one hold or release on one sheet, for the library's own file."""

    id: str
    what: str
    """'hold', 'release'."""
    reference: str
    spans: tuple[str, ...]
    others: str
    """Release: whether other people are seen, and what is done about it; else ''."""
    by: str
    made_at: str
    log_seq: int
    """The entry that says that it is shown and printed."""
    pictures: tuple[SheetPicture, ...] = ()
    missing: tuple[str, ...] = ()
    """Times without a picture, and why."""
