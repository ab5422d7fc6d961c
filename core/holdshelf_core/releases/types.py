"""Requests and answers of the local API on releases and counsel's determinations (P13). Times are UTC ns, spans half-open."""

from __future__ import annotations

import msgspec

from holdshelf_core.acts import COPIES, Act, ActSpec, Done, Read, ReadSpec, Shows
from holdshelf_core.api.boxes import MovingBox

STATE_WORDS = {
    "stopped": "stopped by a gate",
    "requested": "waiting for approval",
    "approved": "approved",
    "exported": "exported",
    "refused": "refused",
    "withdrawn": "withdrawn",
    "cancelled": "cancelled",
}
"""A release's states as a column shows them and as a sentence ends: 'R-2026-0001 is approved'."""
GATE_WORDS = {0: "A person", 1: "The policy", 2: "The statute"}
"""Who decides on a release, by the number of the gate."""


class SpanRow(msgspec.Struct, frozen=True):
    """Footage of one camera. In a paper's scope ``camera`` '' means any camera."""

    camera: str
    start_utc_ns: int
    end_utc_ns: int


class PaperAsk(msgspec.Struct, frozen=True):
    """The paper behind a request, as written. ``lapses``: local day 'YYYY-MM-DD' (its last) or a time, '' if it states none."""

    sha256: str
    kind: str
    issuer: str
    docket: str = ""
    agency: str = ""
    officer: str = ""
    """Name or badge number."""
    signed_by_judge: bool = False
    scope: list[SpanRow] = []
    lapses: str = ""
    original: bool = False
    """It asks for the unmasked recording."""


class ReleaseRequest(Act["ReleaseRow"], frozen=True):
    """Request footage for somebody outside. A gate's refusal is an answer too: stored under its number, with what is needed."""

    spec = ActSpec("release.request", changes=True)

    basis: str
    spans: list[SpanRow]
    reference: str = ""
    """Case or incident number."""
    paper: PaperAsk | None = None
    why: str = ""
    """Emergency: what the danger is."""
    stated: list[str] = []
    """What somebody at the library has seen or knows, as the basis asks for it: name, identity, matter, reported, called,
    at-library."""
    received: str = ""
    """Local day on which the library got it, 'YYYY-MM-DD'; '' today. Its clock begins then."""


class ReleaseAmend(Act["ReleaseRow"], frozen=True):
    """Check the gates again: with a paper that was missing, trimmed to the paper's scope, or unchanged (after a
    determination)."""

    spec = ActSpec("release.amend", "release.request", changes=True)

    release: str
    paper: PaperAsk | None = None
    trim: bool = False
    stated: list[str] = []
    """What has become known besides, as in the request."""


class ReleaseApprove(Act["ReleaseRow"], frozen=True):
    """Approve as the second person: on screen, or by signed paper of the seat named in ``seat``."""

    spec = ActSpec("release.approve", changes=True)

    release: str
    paper_sha256: str = ""
    seat: str = ""
    note: str = ""
    original: bool = False
    """Release the unmasked recording: only where the paper asks for it."""
    consulted: list[str] = []
    """Roles that were consulted before, where the basis asks for it."""


class ReleaseOthers(Act["ReleaseRow"], frozen=True):
    """Say whether other people are seen in what is released; if so, with ``boxes`` drawn over them or the reason why not."""

    spec = ActSpec("release.others", "release.request", changes=True)

    release: str
    seen: bool
    boxes: list[MovingBox] = []
    why: str = ""


class ReleaseEnd(msgspec.Struct, frozen=True):
    """The release to refuse, withdraw or give more time."""

    release: str
    why: str


class ReleaseWithdraw(ReleaseEnd, Act["ReleaseRow"], frozen=True):
    """Withdraw one's own request."""

    spec = ActSpec("release.withdraw", "release.request", changes=True)


class ReleaseRefuse(ReleaseEnd, Act["ReleaseRow"], frozen=True):
    """Refuse a request, for a reason that the requester is given."""

    spec = ActSpec("release.refuse", "release.approve", changes=True)


class ReleaseExtend(ReleaseEnd, Act["ReleaseRow"], frozen=True):
    """Give a request more time, once and as its basis allows, for a reason that the requester is given."""

    spec = ActSpec("release.extend", "release.approve", changes=True)


class ReleaseAsk(msgspec.Struct, frozen=True):
    """The number of one release."""

    release: str


class ReleaseVerify(ReleaseAsk, Act["Report"], frozen=True):
    """Check the bundle of an exported release."""

    spec = ActSpec("release.verify", "release.see", timeout_s=21600)


class ReleaseExportCancel(ReleaseAsk, Act["ExportRow"], frozen=True):
    """Cancel making a bundle."""

    spec = ActSpec("release.export_cancel", "release.export")


class ReleaseExport(ReleaseAsk, Act["ExportRow"], frozen=True):
    """Make the bundle of an approved release."""

    spec = ActSpec("release.export", changes=True, shows=Shows(COPIES))


class ReleaseShow(ReleaseAsk, Act["ReleaseRow"], frozen=True):
    """Return one release, whatever its state."""

    spec = ActSpec("release.show", "release.see")


class ReleaseListAsk(Act["ReleaseList"], frozen=True):
    """Return open releases; with ``all`` closed ones too. With a day, those received in that time, open or closed."""

    spec = ActSpec("release.list", "release.see")

    all: bool = False
    first_day: str = ""
    """Local day 'YYYY-MM-DD': only those received on it or later."""
    last_day: str = ""
    refresh: bool = False
    """An open screen brings itself up to date: nobody asked for it."""


class GateRow(msgspec.Struct, frozen=True):
    """A gate's latest result. ``gate`` 1: the policy, 2: the statute."""

    gate: int
    passed: bool
    sentence: str
    needs: list[str]


class RefusalRow(msgspec.Struct, frozen=True):
    """One refusal. ``gate`` 0: by the person ``by``."""

    release: str
    at_utc_ns: int
    gate: int
    clause: str
    basis: str
    sentence: str
    by: str = ""


class PaperRow(msgspec.Struct, frozen=True):
    """The paper as it was recorded."""

    sha256: str
    kind: str
    issuer: str
    docket: str
    agency: str
    officer: str
    signed_by_judge: bool
    scope: list[SpanRow]
    valid_until_utc_ns: int | None
    original: bool = False


class OthersRow(msgspec.Struct, frozen=True):
    """Whether others are seen, as it was said. ``words``: 'others are seen, and 2 boxes are drawn over them'."""

    seen: bool
    words: str
    by: str
    by_name: str
    at_utc_ns: int
    boxes: list[MovingBox]
    """[] in a list of releases."""
    why: str
    looked: int | None = None
    """Pictures of it that whoever answered had been shown; None: not known."""


class BundleRow(msgspec.Struct, frozen=True):
    """A finished bundle. ``kind``: masked | original; ``files``: all in its folder."""

    files: int
    bytes: int
    sums_sha256: str
    fingerprint: str
    videos: int
    kind: str
    missing: int
    made_by: str
    made_utc_ns: int
    made_by_name: str = ""
    removed_utc_ns: int | None = None
    """When it expired and was deleted; it can be made again while its footage exists."""
    until_utc_ns: int | None = None
    """When it expires; None: it has expired."""


class ExportRow(msgspec.Struct, frozen=True):
    """A bundle being made, or how that ended. ``state``: queued | making | done | failed | cancelled."""

    release: str
    state: str
    done_bytes: int
    total_bytes: int
    step: str
    """The current step, or how it ended."""
    by: str
    by_name: str
    seq: int = 0


class ReleaseKeyRow(msgspec.Struct, frozen=True):
    """A key that signs releases, or did. ``until_utc_ns`` None: the current one."""

    fingerprint: str
    since_utc_ns: int
    until_utc_ns: int | None


class ReleaseKeys(msgspec.Struct, frozen=True):
    """All keys, the current one first. ``allowed_signers``: the same for `ssh-keygen -Y verify -f`."""

    keys: list[ReleaseKeyRow]
    allowed_signers: str
    seq: int = 0


class ReleaseKeyRenew(Act[ReleaseKeys], frozen=True):
    """Replace the signing key with a new one."""

    spec = ActSpec("release.key.renew", changes=True)

    why: str


class ReleaseWrite(Act["Written"], frozen=True):
    """Copy a bundle to a stick, or whatever is mounted at ``folder``, and read it back; ``zipped``: as one file."""

    spec = ActSpec("release.write", "release.export", timeout_s=21600, shows=Shows(COPIES))

    release: str
    folder: str
    zipped: bool = False


class Written(msgspec.Struct, frozen=True):
    """A copy that was read back."""

    release: str
    folder: str
    files: int
    bytes: int
    sums_sha256: str
    seq: int


class ConsentRow(msgspec.Struct, frozen=True):
    """A role's consent on its signed paper."""

    role: str
    paper_sha256: str


class ReleaseRow(msgspec.Struct, frozen=True):
    """A release. ``state``: stopped | requested | approved | exported | refused | withdrawn | cancelled."""

    id: str
    state: str
    basis: str
    basis_words: str
    reference: str
    asked: list[SpanRow]
    given: list[SpanRow]
    requested_by: str
    requested_by_name: str
    requested_utc_ns: int
    paper: PaperRow | None
    why: str
    gates: list[GateRow]
    refusals: list[RefusalRow]
    caution: str
    paper_due_utc_ns: int | None
    approved_by: str
    approved_by_name: str
    approved_utc_ns: int | None
    approval_paper_sha256: str
    consents: list[ConsentRow]
    """On signed paper, besides the approval."""
    version: int
    ended_utc_ns: int | None
    ended_why: str
    holds: list[str] = []
    """Holds that keep part of it."""
    unheld: list[SpanRow] = []
    """What exists and is not on hold."""
    goes_on: bool = False
    """Whoever asks may go on with it: it is theirs, or it has a clock and whoever entered it may no longer."""
    may_hold: bool = False
    """Who asks may place a hold on that."""
    next_step: str = ""
    seq: int = 0
    original: bool = False
    """Its unmasked recording is released."""
    bundle: BundleRow | None = None
    others: OthersRow | None = None
    """None: nobody has said yet whether others are seen in it."""
    needs_others: bool = False
    """Somebody must say so before it goes on."""
    hold_ground: str = ""
    """On what a hold for it rests."""
    stated: list[str] = []
    """What somebody at the library has seen or knows: 'the identity of the person who is seen'."""
    received_on: str = ""
    """Local day on which the library got the request."""
    due_utc_ns: int | None = None
    """When it must be answered; None: its basis has no clock."""
    overdue: bool = False
    may_extend: bool = False
    """It can be given more time, once."""
    extended_why: str = ""
    answered_utc_ns: int | None = None
    """When its first bundle was made, or it was refused or ended; None: it waits."""
    late: bool = False
    """It was answered after it was due."""

    @property
    def state_words(self) -> str:
        """The state in words."""
        return STATE_WORDS.get(self.state, self.state)


class ReleaseList(msgspec.Struct, frozen=True):
    """Releases by number, and all their refusals, oldest first."""

    releases: list[ReleaseRow]
    refusals: list[RefusalRow]


class CounselRecord(Act[Done], frozen=True):
    """Record counsel's determination, on paper: which requests may proceed under the statute. ``last_day`` local 'YYYY-MM-DD'."""

    spec = ActSpec("counsel.record", changes=True)

    paper_sha256: str
    bases: list[str]
    last_day: str
    cameras: list[str] | None = None
    agencies: list[str] = []


class CounselEnd(Act[Done], frozen=True):
    """End counsel's determination: releases no longer rest on it."""

    spec = ActSpec("counsel.end", changes=True)

    id: str
    why: str


class CounselListAsk(Act["CounselList"], frozen=True):
    """Return all of counsel's determinations, ended ones too."""

    spec = ActSpec("counsel.list", "release.see")


class CounselRow(msgspec.Struct, frozen=True):
    """A determination. ``state``: active | ended."""

    id: str
    state: str
    bases: list[str]
    cameras: list[str] | None
    agencies: list[str]
    end_utc_ns: int
    ended_utc_ns: int | None
    paper_sha256: str
    by: str
    recorded_utc_ns: int


class CounselList(msgspec.Struct, frozen=True):
    """Every determination, oldest first."""

    determinations: list[CounselRow]


class ReadExports(Read[list[ExportRow]], frozen=True):
    """Return the bundles being made."""

    spec = ReadSpec("/rules/exports", "release.see")


class ReadReleaseKeys(Read[ReleaseKeys], frozen=True):
    """Return the key that signs bundles, and former ones."""

    spec = ReadSpec("/rules/release_keys", "")


class Report(msgspec.Struct, kw_only=True):
    """The result of a check. ``problems`` empty: the bundle is as signed."""

    bundle: str
    release: str = ""
    fingerprint: str = ""
    """Fingerprint of the signing key, '' without a readable signature."""
    proven_origin: bool = False
    """It was compared with a fingerprint, or a list of keys, from outside."""
    files: int = 0
    bytes: int = 0
    problems: list[str] = []
    notes: list[str] = []
    """Remarks that are not problems."""
    sums_sha256: str = ""
    """Hash of the checksum list."""
    seq: int = 0
    """Number of the log entry, if a service was asked."""
    anchored: Anchored | None = None
    """What is proven about its source footage; None: nothing, and ``notes`` or ``problems`` say why."""


class Anchored(msgspec.Struct, frozen=True):
    """What the access log proves about a bundle."""

    original: bool
    files: int
    """Number of source files; each is the one that the access log anchored."""
    framed: int
    """Those whose frames in the bundle were proven; 0 for a masked copy."""
    until_utc_ns: int
    """When the log had anchored the last of them."""
    head: str
    """The signed head that all proofs lead to, in its short form."""
