"""The JSON messages between the service and its clients on the local socket. Used by both ends.

Times are UTC nanoseconds, sizes bytes, durations seconds where they end in ``_s``; ids are the register's.
"""

from __future__ import annotations

import msgspec

from holdshelf_core.acts import Read, ReadSpec


class ErrorBody(msgspec.Struct, frozen=True):
    """Any refusal: one sentence, one next step, the field to correct if any, the policy's clause and who can help."""

    sentence: str
    next_step: str = ""
    field: str = ""
    clause: str = ""
    who_can_help: str = ""


class RepairRow(msgspec.Struct, frozen=True):
    """A condition that a person must fix. ``severity``: error | warning | notice (a step still to be taken)."""

    issue_id: str
    camera: str | None
    severity: str
    sentence: str
    next_step: str
    since_utc_ns: int
    audience: str = "admin"
    """admin | seats: who can clear it. What only a seat can is no fault of the machine."""


class GapRow(msgspec.Struct, frozen=True):
    """A stretch without footage. ``end_utc_ns`` None: ongoing. Where the clock was set, the end may precede the start."""

    camera: str
    start_utc_ns: int
    end_utc_ns: int | None
    elapsed_s: float
    reason: str
    detail: str = ""


class CameraRow(msgspec.Struct, frozen=True):
    """A camera, its state, and what is kept of its footage."""

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
    """Approximate: ``recorded_s`` times the average."""
    bytes_per_s: float
    """A long-term average. The current rate would show movement, which only people with a right to look may know."""
    last_gap: GapRow | None
    added_utc_ns: int
    commission: str = "new"
    """new | approved | retired. Nobody may view it before it is approved for use."""
    asks: str = ""
    """'reauth': the camera rejects its password and needs a new one."""
    backfill: str = ""
    """on | off | '': whether gaps are filled from what it has recorded itself; '' where it cannot be asked."""


class DiskRow(msgspec.Struct, frozen=True):
    """The media volume. ``problem`` is '' while it can be written. ``counted`` False: totals are still being computed."""

    media: str
    problem: str
    size_bytes: int
    free_bytes: int
    """In steps of a hundredth of the disk; ``reserved_bytes`` in steps of a hundredth of the budget."""
    budget_bytes: int
    used_bytes: int
    """Approximate: from the cameras' averages."""
    reserved_bytes: int
    counted: bool
    days_forecast: float | None
    floor_days: float | None = None
    """Days of footage below which a warning is raised; None: no floor."""


class Status(msgspec.Struct, frozen=True):
    """The status of the whole service."""

    version: str
    pid: int
    worker_pids: list[int]
    started_utc_ns: int
    now_utc_ns: int
    disk: DiskRow
    cameras: list[CameraRow]
    repairs: list[RepairRow]
    elsewhere: str = ""
    """How the store does in which holds are kept as well, a sentence; '' where none is set up, and for whoever is no admin."""
    backups: str = ""
    """How scheduled backups do, likewise."""


class CheckStep(msgspec.Struct, frozen=True):
    """One check: ``ok`` | ``warning`` | ``failed`` | ``skipped``."""

    name: str
    outcome: str
    sentence: str
    next_step: str = ""


class Checks(msgspec.Struct, frozen=True):
    """The result of `camera check` and of `doctor`."""

    steps: list[CheckStep]


class ReadStatus(Read[Status], frozen=True):
    """Return the status of the whole service."""

    spec = ReadSpec("/status", "camera.see")
