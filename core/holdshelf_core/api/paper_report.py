"""The quarterly report's facts, as the service counts and keeps them. Plain data; docs/report.md says where each figure is from.

Counts, days and numbers, cameras' names, and the names of those who hold or held a seat or a letter of appointment: never a
patron's name, never what somebody wrote in free text. Durations in seconds, times as words with their offset.
"""

from __future__ import annotations

import msgspec


class CountRow(msgspec.Struct, frozen=True):
    """How often. ``id`` is what the log calls it, ``words`` what a person does."""

    id: str
    words: str
    count: int


class GapRow(msgspec.Struct, frozen=True):
    """Time without footage for one reason."""

    reason: str
    seconds: int
    times: int


class DayRow(msgspec.Struct, frozen=True):
    """A local day of one camera. ``elapsed_s`` is what of it the camera was in use."""

    day: str
    recorded_s: int
    elapsed_s: int


class CameraRow(msgspec.Struct, frozen=True, kw_only=True):
    """One camera's quarter: ``elapsed_s`` = ``recorded_s`` + the gaps' seconds + ``untold_s``, each rounded down."""

    id: str
    name: str
    state: str = ""
    """'added 2026-10-14', 'removed 2026-11-02'; '' in use all the time."""
    elapsed_s: int = 0
    recorded_s: int = 0
    gaps: tuple[GapRow, ...] = ()
    """Longest first."""
    untold_s: int = 0
    """No record tells what became of that time."""
    summed_days: int = 0
    """Days that have gone, of which the sums alone are known."""
    worst: tuple[DayRow, ...] = ()
    """The days with the least of it recorded, the worst first; none when nothing was missing."""
    kept_days: float | None = None
    """How far back footage reached at the end (a hold reaches further); None: not known."""
    least_days: float | None = None
    """The least that it was in this quarter; None: nothing of it was erased in this quarter."""

    @property
    def share(self) -> float:
        """Recorded part of the time that passed, 0…1; 1 when none did."""
        return self.recorded_s / self.elapsed_s if self.elapsed_s else 1.0


class LookerRow(msgspec.Struct, frozen=True, kw_only=True):
    """Looks of one office: 'Library Director', 'Designees of the Library Director', 'Shared with'."""

    words: str
    looks: int = 0
    pictures: int = 0
    footage_s: int = 0
    """Of recordings: from the first to the last picture of each lease, summed."""
    live_s: int = 0


class LiveRow(msgspec.Struct, frozen=True):
    """Live time of one person (P9)."""

    name: str
    live_s: int
    renewals: int


class FlagCount(msgspec.Struct, frozen=True):
    """Flags of one kind that were raised in the quarter; ``open``: of these, not reviewed when this was made."""

    kind: str
    raised: int
    open: int


class HoldRow(msgspec.Struct, frozen=True):
    """Holds by ground (P16). ``kept``: in force at the end; ``overdue``: of these, whose review was due by then."""

    ground: str
    placed: int
    lifted: int
    kept: int
    overdue: int


class ReleaseRow(msgspec.Struct, frozen=True, kw_only=True):
    """Releases by basis (P13). The three refusals count each no, by who said it."""

    basis: str
    words: str
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
        """Every no."""
        return self.refused_policy + self.refused_statute + self.refused_person


class ShareRow(msgspec.Struct, frozen=True):
    """P14, kind view | sheet. ``ended``: a sheet that came back, a view that ended or lapsed.

    When this was made: ``open`` views or sheets that are out, and of these sheets ``overdue``, not back by their day.
    """

    kind: str
    made: int
    ended: int
    open: int
    overdue: int


class SpotRow(msgspec.Struct, frozen=True, kw_only=True):
    """A look that was drawn for a peer to judge (P12)."""

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
    """None: not known, a lease was never closed."""
    widenings: int


class LogRow(msgspec.Struct, frozen=True, kw_only=True):
    """The access log over the quarter. A head's short form is as `log verify --against` takes it."""

    origin: str = ""
    first_size: int = 0
    """Entries before the quarter."""
    first_head: str = ""
    last_size: int = 0
    last_head: str = ""
    last_root: str = ""
    """The whole root, hex: what a later report compares with, and what the spot check is drawn by."""
    made_head: str = ""
    """Of the whole log when this was made."""
    entries: int = 0
    """Counted in this report."""
    refused: int = 0
    """Of these, refusals of any act."""
    astray: int = 0
    """Entries between the first and the last that bear another time: a clock was wrong."""
    steps: int = 0
    """How often an entry is dated before the one above it."""
    compared: tuple[str, ...] = ()
    """Kept reports whose last head is a beginning of this log: '2026-Q3'."""
    unlike: tuple[str, ...] = ()
    """Kept reports whose last head is not."""
    problem: str = ""
    """Why not all of it could be read."""


class SignsRow(msgspec.Struct, frozen=True, kw_only=True):
    """Signs at entrances (P3): acts of the quarter, and how it stood when this was made."""

    attested: int = 0
    defects: int = 0
    waivers: int = 0
    entrances: int = 0
    ready: int = 0
    due: int = 0
    """Never attested, or their check is due, or a defect is not mended."""


class AttestedRow(msgspec.Struct, frozen=True):
    """Something attested for the whole house: the staff notice, the website, the Board's review."""

    id: str
    done_on: str
    next_on: str = ""
    """'' nothing is due."""


class RoomRow(msgspec.Struct, frozen=True):
    """The rolling buffer when this was made (P15)."""

    budget_bytes: int
    used_bytes: int
    forecast_days: float | None
    """At the rate of that moment; None: nothing was recorded."""
    held_bytes: int | None = None
    stops_days: float | None = None
    """When held footage will have taken all the room; None: not in sight."""
    floor_days: float | None = None


class KeptReport(msgspec.Struct, frozen=True):
    """A report in the service's hands. ``read``: the asker has seen it."""

    quarter: str
    made_utc_ns: int
    sha256: str
    read: bool = False


class KeptReports(msgspec.Struct, frozen=True):
    """All of them, the newest first; and which quarter runs."""

    reports: list[KeptReport]
    running: str


class ReportPaper(msgspec.Struct, frozen=True, kw_only=True):
    """One quarter."""

    quarter: str
    first_day: str
    last_day: str
    zone: str
    made_at: str
    made_utc_ns: int
    so_far: bool
    """The quarter was not over."""
    sha256: str = ""
    """Of the file that the service keeps of this; '' it was made for this print alone."""
    caveats: tuple[str, ...] = ()
    cameras: tuple[CameraRow, ...] = ()
    stopped_s: int = 0
    """While the service itself did not run, on any camera."""
    stopped_times: int = 0
    room: RoomRow | None = None
    purposes: tuple[CountRow, ...] = ()
    """Looks opened, by purpose; all of the policy's list."""
    lookers: tuple[LookerRow, ...] = ()
    live: tuple[LiveRow, ...] = ()
    widened: int = 0
    unclosed: int = 0
    """Leases without a closing entry."""
    unclosed_most: int = 0
    """Pictures that they may have let out."""
    stills: int = 0
    """Reference stills shown while cameras were commissioned."""
    shared_looks: int = 0
    refusals: tuple[CountRow, ...] = ()
    """Of any act, by clause."""
    flags: tuple[FlagCount, ...] = ()
    open_flags: int = 0
    """Of any time, not reviewed when this was made."""
    oldest_flag_on: str = ""
    holds: tuple[HoldRow, ...] = ()
    hold_ages: tuple[CountRow, ...] = ()
    """In force at the end, by age."""
    lifting: int = 0
    grace: int = 0
    releases: tuple[ReleaseRow, ...] = ()
    emergencies: int = 0
    late_papers: int = 0
    """Emergency releases whose paper had not followed in time when this was made."""
    paper_approvals: int = 0
    shares: tuple[ShareRow, ...] = ()
    policy_prints: int = 0
    signs: SignsRow = SignsRow()
    attested: tuple[AttestedRow, ...] = ()
    people: tuple[CountRow, ...] = ()
    """Seats, letters and settings that changed."""
    spot_looks: int = 0
    """Looks that were drawn from."""
    spot: tuple[SpotRow, ...] = ()
    log: LogRow = LogRow()
