"""The quarterly report's facts, as counted and stored by the service. Plain data; docs/report.md gives each figure's source.

Counts, days and numbers, cameras' names, and the names of people who hold or held a seat or a letter of appointment: never a
patron's name, never free text. Durations in seconds, times as text with their offset.
"""

from __future__ import annotations

import msgspec

from holdshelf_core.acts import Read, ReadSpec


class CountRow(msgspec.Struct, frozen=True):
    """A count. ``id`` is the log's term, ``words`` the text for people."""

    id: str
    words: str
    count: int
    short: str = ""
    """Beside a bar; '' for ``words``."""


class GapRow(msgspec.Struct, frozen=True):
    """Time without footage for one reason."""

    reason: str
    seconds: int
    times: int


class DestroyedRow(msgspec.Struct, frozen=True):
    """What was destroyed of a camera in a month by one rule. Days are local: '2026-11-24'."""

    month: str
    """'2026-11'."""
    camera: str
    name: str
    rule: str
    """'at most 30 days'."""
    footage_from: str
    footage_to: str
    erased_from: str
    erased_to: str
    files: int


class DestroyedPaper(msgspec.Struct, frozen=True):
    """The record of destruction of one quarter."""

    quarter: str
    first_day: str
    last_day: str
    rows: tuple[DestroyedRow, ...] = ()
    so_far: bool = False
    """The quarter is not over yet."""
    keeping: tuple[str, ...] = ()
    """How long the policy in force keeps footage: 'at least 7 days', 'at most 30 days'."""


class RequestRow(msgspec.Struct, frozen=True, kw_only=True):
    """One request for footage in the register. It names nobody: only the kind of asker. Days are local: '2026-11-24'."""

    id: str
    received_on: str
    asker: str
    """As a basis of the policy has it in ``from``: 'law-enforcement'; '' when the policy no longer knows the basis."""
    identity: bool
    """The asker's identity was proven."""
    basis: str
    clause: str
    """The library's own number of the clause that it rests on; '' for none."""
    due_on: str
    """'' when the basis has no clock."""
    extended_why: str
    """'' when it was not extended."""
    state: str
    ended_on: str
    """When it was answered, refused or ended; '' while it waits."""
    days: int
    """How many it took, or has taken so far."""
    late: bool
    """Answered after it was due, or overdue now."""


class RequestsPaper(msgspec.Struct, frozen=True):
    """The register of requests of one quarter: those received in it, and those that were still open from before."""

    quarter: str
    first_day: str
    last_day: str
    rows: tuple[RequestRow, ...] = ()
    so_far: bool = False
    """The quarter is not over yet."""


class RequestCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Requests for footage in a quarter, and how they were answered in it."""

    received: int = 0
    in_time: int = 0
    """Given out or refused by the day by which they were due, or without such a day."""
    late: int = 0
    """Given out or refused after it."""
    refused: int = 0
    """Of those answered in time or late: refused by a person."""
    withdrawn: int = 0
    """Or cancelled, because the requester's right ended."""
    open: int = 0
    """Received by the end, and not answered by then."""
    overdue: int = 0
    """Of these: due by then."""


class DayRow(msgspec.Struct, frozen=True):
    """A local day of one camera. ``elapsed_s``: how much of it the camera was in use."""

    day: str
    recorded_s: int
    elapsed_s: int
    recovered_s: int = 0
    """Of ``recorded_s``: had later from the camera's own recording. 0 in reports that were kept before this was counted."""


class WeekRow(msgspec.Struct, frozen=True):
    """Seven local days of one camera from ``first_day`` on; the quarter's last ones may be fewer."""

    first_day: str
    elapsed_s: int
    """How much of it the camera was in use."""
    recorded_s: int
    recovered_s: int
    """Of ``recorded_s``: had later from the camera's own recording."""


class CameraRow(msgspec.Struct, frozen=True, kw_only=True):
    """One camera's quarter: ``elapsed_s`` = ``recorded_s`` + the gaps' seconds + ``untold_s``, each rounded down."""

    id: str
    name: str
    state: str = ""
    """'added 2026-10-14', 'removed 2026-11-02'; '' if in use all the time."""
    elapsed_s: int = 0
    recorded_s: int = 0
    gaps: tuple[GapRow, ...] = ()
    """Longest first."""
    missing_s: int = 0
    """Of ``recorded_s``: now missing, and not erased on schedule."""
    untold_s: int = 0
    """Time without any record."""
    summed_days: int = 0
    """Deleted days, of which only totals are known."""
    worst: tuple[DayRow, ...] = ()
    """The days with the least recorded, worst first; empty when nothing was missing."""
    weeks: tuple[WeekRow, ...] = ()
    """Those in which it was in use; none in reports that were kept before weeks were counted."""
    short_days: tuple[DayRow, ...] = ()
    """All days of which less than 99.9% was recorded, in their order."""
    whole_days: int | None = None
    """How many days have as much or more; None in reports that were kept before days were counted."""
    kept_days: float | None = None
    """How far back footage reached at the end (without holds); None: unknown."""
    least_days: float | None = None
    """Its minimum in this quarter; None: nothing was erased in this quarter."""

    @property
    def share(self) -> float:
        """Return the recorded share of the elapsed time, 0…1; 1 when none elapsed."""
        return self.recorded_s / self.elapsed_s if self.elapsed_s else 1.0


class LookerRow(msgspec.Struct, frozen=True, kw_only=True):
    """Looks of one office: 'Library Director', 'Designees of the Library Director', 'Shared with'."""

    words: str
    looks: int = 0
    pictures: int = 0
    footage_s: int = 0
    """Of recordings: from the first to the last picture of each lease, in total."""
    live_s: int = 0


class LiveRow(msgspec.Struct, frozen=True):
    """Live time of one person (P9)."""

    name: str
    live_s: int
    renewals: int


class FlagCount(msgspec.Struct, frozen=True):
    """Flags of one kind raised in the quarter; ``open``: those not reviewed when this was made."""

    kind: str
    raised: int
    open: int


class HoldRow(msgspec.Struct, frozen=True):
    """Holds by ground (P16). ``kept``: in force at the end; ``overdue``: those whose review was due by then."""

    ground: str
    placed: int
    lifted: int
    kept: int
    overdue: int


class ReleaseRow(msgspec.Struct, frozen=True, kw_only=True):
    """Releases by basis (P13). The three refusal fields count each refusal, by who made it."""

    basis: str
    words: str
    short: str = ""
    """Beside a bar; '' for ``words``."""
    requested: int = 0
    approved: int = 0
    exported: int = 0
    withdrawn: int = 0
    """Or cancelled, because the requester's right ended."""
    refused_policy: int = 0
    refused_statute: int = 0
    refused_person: int = 0

    @property
    def refused(self) -> int:
        """Return the number of refusals."""
        return self.refused_policy + self.refused_statute + self.refused_person


class ShareRow(msgspec.Struct, frozen=True):
    """P14, kind view | sheet. ``ended``: a sheet that was returned, a view that ended or lapsed.

    As of when this was made: ``open`` views or sheets that are out, and of these sheets ``overdue``, not returned by their day.
    """

    kind: str
    made: int
    ended: int
    open: int
    overdue: int


class SpotRow(msgspec.Struct, frozen=True, kw_only=True):
    """A look drawn for a peer to review (P12)."""

    look: str
    log_seq: int
    at: str
    who: str
    mode: str
    """live | archive | break_glass."""
    purpose: str
    incident: str
    cameras: tuple[str, ...]
    span: str
    pictures: int | None
    """None: unknown, as a lease was never closed."""
    widenings: int


class LogRow(msgspec.Struct, frozen=True, kw_only=True):
    """The access log over the quarter. A head's short form is what `log verify --against` takes."""

    origin: str = ""
    first_size: int = 0
    """Entries before the quarter."""
    first_head: str = ""
    last_size: int = 0
    last_head: str = ""
    last_root: str = ""
    """The whole root, hex: later reports compare with it, and it determines the spot check."""
    made_head: str = ""
    """Head of the whole log when this was made."""
    entries: int = 0
    """Counted in this report."""
    refused: int = 0
    """Of these, refusals of any action."""
    astray: int = 0
    """Entries between the first and the last with a time outside: a clock was wrong."""
    steps: int = 0
    """How often an entry is dated before the previous one."""
    compared: tuple[str, ...] = ()
    """Stored reports whose last head is a prefix of this log: '2026-Q3'."""
    unlike: tuple[str, ...] = ()
    """Stored reports whose last head is not."""
    problem: str = ""
    """Why not all of it could be read."""


class SignsRow(msgspec.Struct, frozen=True, kw_only=True):
    """Signs at entrances (P3): actions of the quarter, and the state when this was made."""

    attested: int = 0
    defects: int = 0
    waivers: int = 0
    entrances: int = 0
    ready: int = 0
    due: int = 0
    """Never attested, or with a check due, or with an open defect."""


class AttestedRow(msgspec.Struct, frozen=True):
    """Something attested for the whole building: the staff notice, the website, the Board's review."""

    id: str
    done_on: str
    next_on: str = ""
    """'' when nothing is due."""
    words: str = ""
    """What is true when it is attested, with its clause."""


class RoomRow(msgspec.Struct, frozen=True):
    """The rolling buffer when this was made (P15)."""

    budget_bytes: int
    used_bytes: int
    forecast_days: float | None
    """At the current rate; None: nothing was recorded."""
    held_bytes: int | None = None
    stops_days: float | None = None
    """When held footage will fill the room; None: not foreseeable."""
    floor_days: float | None = None


class KeptReport(msgspec.Struct, frozen=True):
    """A stored report. ``read``: the caller has seen it."""

    quarter: str
    made_utc_ns: int
    sha256: str
    read: bool = False


class KeptReports(msgspec.Struct, frozen=True):
    """All of them, newest first; and the current quarter."""

    reports: list[KeptReport]
    running: str


class ReportPaper(msgspec.Struct, frozen=True, kw_only=True):
    """The Board's report of one quarter: counts and sentences, no picture and no person watched."""

    quarter: str
    first_day: str
    last_day: str
    zone: str
    made_at: str
    made_utc_ns: int
    so_far: bool
    """The quarter was not over."""
    sha256: str = ""
    """Hash of the service's stored file; '' if made only for this print."""
    caveats: tuple[str, ...] = ()
    cameras: tuple[CameraRow, ...] = ()
    stopped_s: int = 0
    """How long the service itself did not run."""
    stopped_times: int = 0
    room: RoomRow | None = None
    purposes: tuple[CountRow, ...] = ()
    """Looks opened, by purpose; every purpose of the policy."""
    lookers: tuple[LookerRow, ...] = ()
    live: tuple[LiveRow, ...] = ()
    widened: int = 0
    unclosed: int = 0
    """Leases without a closing entry."""
    unclosed_most: int = 0
    """Pictures that they may have delivered."""
    stills: int = 0
    """Reference stills viewed during commissioning."""
    shared_looks: int = 0
    refusals: tuple[CountRow, ...] = ()
    """Of any action, by clause."""
    flags: tuple[FlagCount, ...] = ()
    open_flags: int = 0
    """Of any time, and not reviewed when this was made."""
    oldest_flag_on: str = ""
    holds: tuple[HoldRow, ...] = ()
    hold_ages: tuple[CountRow, ...] = ()
    """In force at the end, by age."""
    lifting: int = 0
    grace: int = 0
    releases: tuple[ReleaseRow, ...] = ()
    requests: RequestCounts | None = None
    """None in reports that were kept before they were counted."""
    emergencies: int = 0
    late_papers: int = 0
    """Emergency releases whose paper was overdue when this was made."""
    paper_approvals: int = 0
    shares: tuple[ShareRow, ...] = ()
    policy_prints: int = 0
    signs: SignsRow = SignsRow()
    attested: tuple[AttestedRow, ...] = ()
    people: tuple[CountRow, ...] = ()
    """Changes to seats, letters and settings."""
    spot_looks: int = 0
    """Number of looks drawn from."""
    spot: tuple[SpotRow, ...] = ()
    log: LogRow = LogRow()


class ReadReports(Read[KeptReports], frozen=True):
    """Return the stored quarterly reports."""

    spec = ReadSpec("/rules/reports", "report.see")
