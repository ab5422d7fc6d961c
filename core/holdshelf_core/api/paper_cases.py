"""What stands on the papers of one hold, one release, one bundle, one printed still: words, as the service resolved them.

Times bear their offset and go to the second: '2026-11-24 14:00:00 -05:00'. Must never carry a patron's name: notes and
reasons that people typed in free text stay where they are, but for what a form is made to show to who signs it.
"""

from __future__ import annotations

import msgspec


class StretchPaper(msgspec.Struct, frozen=True):
    """A stretch of one camera. ``kind``: recorded | gap | erased | future; ``why``: a gap's cause, '' for none."""

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
    """How long all that is kept lasts, '' when there is nothing."""
    missing: str
    """The same of gaps."""
    erased: str
    """The same of what was gone before."""
    placed_by: str
    placed_at: str
    review_on: str
    """'November 24, 2026'."""
    is_overdue: bool
    second_person: bool
    """Whether its lift takes a second person's word."""
    grace_days: int
    lift: str = ""
    """'asked for by Dora Reed', 'lifted; erased on schedule after December 1, 2026'; '' none."""
    releases: tuple[str, ...] = ()
    """Open releases that are made from it: while there is one, it is not lifted."""
    archived: bool = False
    version: int = 1


class AuthorityPaper(msgspec.Struct, frozen=True):
    """The paper on which something was asked for."""

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


class GatePaper(msgspec.Struct, frozen=True):
    """What one gate said last."""

    who: str
    """'The policy', 'The statute'."""
    passed: bool
    sentence: str
    needs: tuple[str, ...] = ()


class ReleasePaper(msgspec.Struct, frozen=True, kw_only=True):
    """The release form of one request (P13)."""

    id: str
    state: str
    """'waiting for a second person's word'."""
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
    """Whose word, and when; '' none yet."""
    approval_sha256: str
    """Of the scan of the paper on which another seat approved; that is flagged."""
    refusals: tuple[str, ...] = ()
    """'2026-11-24 14:00 -05:00, the policy: There is no paper …'."""
    danger: str = ""
    """Of an emergency."""
    paper_due: str = ""
    original: bool = False
    holds: tuple[str, ...] = ()
    ended: str = ""
    second_person: bool = True


class VideoPaper(msgspec.Struct, frozen=True):
    """A video of a bundle, as its manifest has it."""

    file: str
    span: str
    """'Front door (lobby), 2026-11-24 14:00:00 -05:00 to 15:00:00'."""
    sha256: str


class BundlePaper(msgspec.Struct, frozen=True, kw_only=True):
    """Receipt, custody form and certificate of a bundle that was made: of the register, and of the manifest in it."""

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
    """Its paragraphs, as they stand in the bundle's own certificate.txt."""
    certificate_end: str = ""
    custody: str = ""
    """What the custody form says, as in the bundle's own custody.txt."""
    custody_end: str = ""
    rows: tuple[VideoPaper, ...] = ()
    gaps: tuple[StretchPaper, ...] = ()
    is_here: bool = False
    """Its manifest was read and is the one that was signed."""


class StillPaper(msgspec.Struct, frozen=True, kw_only=True):
    """A printed still (P14): view only, give back. ``jpeg``: the picture, that who prints it has from an open look."""

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
    """The entry that covers the picture; it stands in its legend, too."""
