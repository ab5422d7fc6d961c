"""What the service and its clients say to each other over the local socket (JSON). Used by both ends.

Times are UTC nanoseconds, sizes bytes, durations seconds where they end in ``_s``; ids are the register's.
"""

from __future__ import annotations

import msgspec


class ErrorBody(msgspec.Struct, frozen=True):
    """Any refusal: one sentence, one next step, which field to correct, if one; the policy's clause and who can help."""

    sentence: str
    next_step: str = ""
    field: str = ""
    clause: str = ""
    who_can_help: str = ""


class RepairRow(msgspec.Struct, frozen=True):
    """A condition that a person must mend. ``severity``: error | warning | notice (a step yet to be taken)."""

    issue_id: str
    camera: str | None
    severity: str
    sentence: str
    next_step: str
    since_utc_ns: int


class GapRow(msgspec.Struct, frozen=True):
    """A stretch without footage. ``end_utc_ns`` None: it has not ended. Where the clock was set, end may precede start."""

    camera: str
    start_utc_ns: int
    end_utc_ns: int | None
    elapsed_s: float
    reason: str
    detail: str = ""


class SegmentRow(msgspec.Struct, frozen=True):
    """A stretch of footage, one file. ``open``: still being written, so its end and size are those of now."""

    camera: str
    seq: int
    start_utc_ns: int
    end_utc_ns: int
    bytes: int
    codec: str
    width: int
    height: int
    frames: int
    sha256: str | None
    file: str
    recovered: bool
    erased: bool
    open: bool = False


class CameraRow(msgspec.Struct, frozen=True):
    """A camera: what it is, how it fares, what is kept of it."""

    id: str
    name: str
    area_kind: str
    integration: str
    address: str
    entry_state: str
    state: str
    reason: str
    detail: str
    codec: str
    width: int
    height: int
    recorded_s: float
    oldest_utc_ns: int | None
    days_kept: float
    segments: int
    bytes: int
    bytes_per_s: float
    activity: list[int]
    last_gap: GapRow | None
    added_utc_ns: int
    commission: str = "new"
    """new | approved | retired: nobody looks at it before it is approved for use."""
    asks: str = ""
    """'reauth': it refuses its password, and waits for a new one."""


class DiskRow(msgspec.Struct, frozen=True):
    """The media volume. ``problem`` is '' while it can be written. ``counted`` False: sums are still being made."""

    media: str
    problem: str
    size_bytes: int
    free_bytes: int
    budget_bytes: int
    used_bytes: int
    reserved_bytes: int
    counted: bool
    days_forecast: float | None
    floor_days: float | None = None
    """Fewer days kept than this are warned of; None: no floor."""


class Status(msgspec.Struct, frozen=True):
    """Everything at one glance."""

    version: str
    pid: int
    worker_pids: list[int]
    started_utc_ns: int
    now_utc_ns: int
    disk: DiskRow
    cameras: list[CameraRow]
    repairs: list[RepairRow]


class DiscoverRequest(msgspec.Struct, frozen=True):
    """Look for cameras: by multicast, or at ``addresses`` and the hosts of ``ranges`` (10.20.0.0/24) only."""

    addresses: list[str] | None = None
    timeout_s: float = 4.0
    ranges: list[str] = []


class DiscoveredRow(msgspec.Struct, frozen=True):
    """A camera that answered. ``added_as`` is the id of the camera it already is here."""

    id: str
    integration: str
    name: str
    address: str
    hardware: str
    location: str
    added_as: str | None


class AddRequest(msgspec.Struct, frozen=True):
    """Add one camera. ``target``: a discovered id, an ONVIF address or an rtsp(s) address.

    ``flow``: the camera was tried in its steps (`types_flow`) and is not dialled anew; credentials are those of then.
    """

    target: str
    name: str
    area_kind: str
    area_note: str = ""
    username: str | None = None
    password: str | None = None
    transport: str = "tcp"
    questioned: bool = False
    flow: str = ""


class AddedRow(msgspec.Struct, frozen=True):
    """A camera that was added, and what the device's owner should know."""

    id: str
    name: str
    warnings: list[str]


class CheckStep(msgspec.Struct, frozen=True):
    """One thing looked at: ``ok`` | ``warning`` | ``failed`` | ``skipped``."""

    name: str
    outcome: str
    sentence: str
    next_step: str = ""


class Checks(msgspec.Struct, frozen=True):
    """Outcome of `camera check` and of `doctor`."""

    steps: list[CheckStep]


class VerifyRequest(msgspec.Struct, frozen=True):
    """What to verify; None is everything."""

    camera: str | None = None
    start_utc_ns: int | None = None
    end_utc_ns: int | None = None
    deep: bool = False


class VerifyReport(msgspec.Struct, frozen=True):
    """What was verified and what is wrong with it."""

    segments: int
    bytes: int
    problems: list[str]


class JobRow(msgspec.Struct, frozen=True):
    """A scheduled job and its last result."""

    name: str
    what: str
    every_s: float
    next_utc_ns: int | None
    last_utc_ns: int | None
    last_took_s: float | None
    last_result: str


class Plan(msgspec.Struct, frozen=True):
    """What a number of cameras needs."""

    cameras: int
    mbps: float
    days: float
    footage_bytes: int
    disk_bytes: int
    bytes_per_day: int
    bytes_per_s: int
    inodes: int
