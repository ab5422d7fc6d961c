"""Requests and answers of the local API on running the service."""

from __future__ import annotations

import msgspec

from holdshelf_core.acts import Act, ActSpec, Read, ReadSpec
from holdshelf_core.api.types import Checks


class JobRow(msgspec.Struct, frozen=True):
    """A scheduled job and its last result."""

    name: str
    what: str
    every_s: float
    next_utc_ns: int | None
    last_utc_ns: int | None
    last_took_s: float | None
    last_result: str


class ReadJobs(Read[list[JobRow]], frozen=True):
    """Return the scheduled jobs."""

    spec = ReadSpec("/jobs")


class ReadDoctor(Read[Checks], frozen=True):
    """Return the checks of this machine."""

    spec = ReadSpec("/doctor")


class DoorRow(msgspec.Struct, frozen=True):
    """The SSH host key's fingerprint, as `ssh` shows it at the first login."""

    fingerprint: str


class ReadDoor(Read[DoorRow], frozen=True):
    """Return the SSH host key's fingerprint."""

    spec = ReadSpec("/rules/door", "")


class Reached(msgspec.Struct, frozen=True):
    """How the caller reaches this server over SSH. ``login`` '': the admin on the machine itself, who does not."""

    host: str
    port: int
    login: str


class ReadReached(Read[Reached], frozen=True):
    """Return the name and port of the SSH door, and the caller's login."""

    spec = ReadSpec("/rules/reached", "")


class ClockRow(msgspec.Struct, frozen=True):
    """Both clocks at one moment. ``doubtful``: they disagree, so nothing is granted or deleted by age."""

    utc_ns: int
    """The wall clock, which an admin or NTP may set."""
    trusted_utc_ns: int
    """What rights and deletion go by: a wall clock that was set does not move it."""
    boot_ns: int
    """Boot time at that moment: with ``utc_ns`` it shows whether the wall clock was set since."""
    doubtful: bool


class ClockConfirm(Act["ClockConfirmed"], frozen=True):
    """Confirm the wall clock. ``utc_ns`` and ``boot_ns``: as shown to the person who confirms."""

    spec = ActSpec("clock.confirm", changes=True)

    utc_ns: int
    boot_ns: int
    why: str


class ClockConfirmed(msgspec.Struct, frozen=True):
    """How far trusted time was moved, and which rights had ended by either clock and stay ended."""

    seq: int
    moved_ns: int
    ended: list[str]


class ReadClock(Read[ClockRow], frozen=True):
    """Return both clocks."""

    spec = ReadSpec("/rules/clock", "")
