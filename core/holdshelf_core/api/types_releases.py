"""Releases and counsel's determinations (P13), over the local socket. Times are UTC ns, spans half open."""

from __future__ import annotations

import msgspec


class SpanRow(msgspec.Struct, frozen=True):
    """Footage of one camera. In a paper's scope ``camera`` '' stands for any camera."""

    camera: str
    start_utc_ns: int
    end_utc_ns: int


class PaperAsk(msgspec.Struct, frozen=True):
    """The paper behind a request, as it reads. ``lapses``: local day 'YYYY-MM-DD' (its last) or a time, '' it names none."""

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
    """It asks for the recording as it is, nothing hidden."""


class ReleaseRequest(msgspec.Struct, frozen=True):
    """Somebody outside asks for footage. A gate's no is an answer too: it is kept under its number, with what is needed."""

    basis: str
    spans: list[SpanRow]
    reference: str = ""
    """Case or incident number."""
    paper: PaperAsk | None = None
    why: str = ""
    """Emergency: what the danger is."""


class ReleaseAmend(msgspec.Struct, frozen=True):
    """Ask the gates again: with a paper that was missing, trimmed to the paper's scope, or as it is (after counsel's word)."""

    release: str
    paper: PaperAsk | None = None
    trim: bool = False


class ReleaseApprove(msgspec.Struct, frozen=True):
    """The second person's word: on screen, or by signed paper of the seat named in ``seat``."""

    release: str
    paper_sha256: str = ""
    seat: str = ""
    note: str = ""
    original: bool = False
    """The recording leaves as it is: only where the paper asks for that."""


class ReleaseEnd(msgspec.Struct, frozen=True):
    """Say no to a release, or withdraw one's own."""

    release: str
    why: str


class ReleaseAsk(msgspec.Struct, frozen=True):
    """One release, with everything."""

    release: str


class ReleaseListAsk(msgspec.Struct, frozen=True):
    """Open releases; with ``all`` those that are over, too."""

    all: bool = False


class GateRow(msgspec.Struct, frozen=True):
    """What a gate said last. ``gate`` 1: the policy, 2: the statute."""

    gate: int
    passed: bool
    sentence: str
    needs: list[str]


class RefusalRow(msgspec.Struct, frozen=True):
    """One no. ``gate`` 0: a person's, who is ``by``."""

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


class BundleRow(msgspec.Struct, frozen=True):
    """A bundle that was made. ``kind``: masked | original; ``files``: all of its folder's."""

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
    """When it went, its time over; it can be made again while its footage is there."""
    until_utc_ns: int | None = None
    """When it goes; None: it has gone."""


class ExportRow(msgspec.Struct, frozen=True):
    """A bundle that is being made, or how that ended. ``state``: queued | making | done | failed | cancelled."""

    release: str
    state: str
    done_bytes: int
    total_bytes: int
    step: str
    """What is being done now; how it ended."""
    by: str
    by_name: str
    seq: int = 0


class ReleaseKeyRow(msgspec.Struct, frozen=True):
    """A key that signs what leaves, or did. ``until_utc_ns`` None: it is the one that does."""

    fingerprint: str
    since_utc_ns: int
    until_utc_ns: int | None


class ReleaseKeys(msgspec.Struct, frozen=True):
    """All of them, the one that signs first. ``allowed_signers``: the same for `ssh-keygen -Y verify -f`."""

    keys: list[ReleaseKeyRow]
    allowed_signers: str
    seq: int = 0


class ReleaseKeyRenew(msgspec.Struct, frozen=True):
    """Have a new key sign from now on."""

    why: str


class ReleaseWrite(msgspec.Struct, frozen=True):
    """Copy a bundle to a stick, or whatever is mounted at ``folder``, and read it back; ``zipped``: as one file."""

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
    version: int
    ended_utc_ns: int | None
    ended_why: str
    holds: list[str] = []
    """Holds that keep some of it."""
    unheld: list[SpanRow] = []
    """What of it is there and not on hold."""
    next_step: str = ""
    seq: int = 0
    original: bool = False
    """Its recording leaves as it is."""
    bundle: BundleRow | None = None


class ReleaseList(msgspec.Struct, frozen=True):
    """Releases by number, and every no that was said to any of them, oldest first."""

    releases: list[ReleaseRow]
    refusals: list[RefusalRow]


class CounselRecord(msgspec.Struct, frozen=True):
    """Counsel's determination, on paper: which requests may go on under the statute. ``last_day`` local 'YYYY-MM-DD'."""

    paper_sha256: str
    bases: list[str]
    last_day: str
    cameras: list[str] | None = None
    agencies: list[str] = []


class CounselEnd(msgspec.Struct, frozen=True):
    """The determination holds no longer."""

    id: str
    why: str


class CounselListAsk(msgspec.Struct, frozen=True):
    """All determinations."""


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
