"""The allow-list: all that may leave by mail, Apprise, MQTT, metrics or heartbeat (ADR 56).

It is state of the recorder and its cameras: never a picture, a person, an incident, the number or ground of a hold, a line of
the log, or a sentence that somebody wrote. Whatever sends takes a `Report` and nothing else, and has no access to anything
else; a test walks the fields of these types, and what is made of them.

Times are UTC nanoseconds, sizes bytes.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

type Audience = Literal["admin", "seats"]
ADMIN: Final = "admin"
SEATS: Final = "seats"


class Kind(msgspec.Struct, frozen=True):
    """A condition: the words for it, who can do something about it, and the command to begin with.

    ``words`` may hold ``{camera}``, the camera's name, and ``{count}``, of how many things the same is so.
    """

    words: str
    next_step: str
    audience: Audience = ADMIN


class CameraState(msgspec.Struct, frozen=True):
    """A camera: whether it is recorded, why not, and how much of it is kept."""

    id: str
    name: str
    recording: bool
    connected: bool
    """Whether pictures of it arrive, also while they cannot be written."""
    reason: str
    """Of ``integration.reasons.ALL``; '' while it is recorded."""
    days_kept: float
    oldest_utc_ns: int | None
    bytes_per_s: float
    """A long-term average: the rate of now would tell of movement."""
    coverage: float | None = None
    """Of yesterday, in percent; None: not known."""


class Condition(msgspec.Struct, frozen=True):
    """Something that somebody must see to. ``kind``: of `KINDS`. ``count``: how many things are so."""

    kind: str
    severity: str
    """error | warning | notice"""
    camera: str
    """Its id; '' for the whole recorder."""
    since_utc_ns: int
    count: int = 1

    @property
    def key(self) -> str:
        """Stable while it lasts, and of one camera: 'camera_silent:lobby'."""
        return f"{self.kind}:{self.camera}" if self.camera else self.kind


class Report(msgspec.Struct, frozen=True):
    """The state of the recorder at ``at_utc_ns``."""

    at_utc_ns: int
    started_utc_ns: int
    version: str
    disk_writable: bool
    disk_size_bytes: int
    disk_free_bytes: int
    budget_bytes: int
    used_bytes: int
    reserved_bytes: int
    days_kept: float
    """Of the camera with the fewest."""
    oldest_utc_ns: int | None
    days_forecast: float | None
    floor_days: float | None
    log_size: int
    log_head: str
    """In the short form that papers print: entries, and the beginning of the root. '' while the log cannot be read."""
    cameras: tuple[CameraState, ...] = ()
    conditions: tuple[Condition, ...] = ()

    @property
    def problem(self) -> bool:
        """Whether anything is wrong. A step that a person has yet to take is not."""
        return any(one.severity != "notice" for one in self.conditions)

    def count(self, kind: str) -> int:
        """Of how many things that is so now."""
        return sum(one.count for one in self.conditions if one.kind == kind)


REVIEWS_OVERDUE = "reviews_overdue"
APPROVALS_WAITING = "approvals_waiting"
OTHER = "other"
KINDS: dict[str, Kind] = {
    "camera_silent": Kind("{camera} is not being recorded", "holdshelf camera check {id}"),
    "camera_refused": Kind("{camera} does not let the recorder in, or cannot be set up", "holdshelf camera check {id}"),
    "camera_loses": Kind("{camera} loses footage again and again", "holdshelf camera diagnostics {id}"),
    "camera_sound": Kind("{camera} sends sound; none of it is kept", "holdshelf camera check {id}"),
    "camera_clock": Kind("The clock of {camera} is wrong", "holdshelf camera check {id}"),
    "camera_profile": Kind("The stream settings of {camera} have changed", "holdshelf camera check {id}"),
    "camera_certificate": Kind("The certificate of {camera} has changed", "holdshelf camera check {id}"),
    "camera_identity": Kind("Another camera answers at the address of {camera}", "holdshelf camera check {id}"),
    "camera_backfill": Kind("Gaps of {camera} cannot be filled from its own recording", "holdshelf camera check {id}"),
    "days_below_floor": Kind("{camera} is kept for fewer days than asked for", "holdshelf status"),
    "media_volume": Kind("The media disk is missing or cannot be written", "holdshelf doctor"),
    "disk_room": Kind("The media disk has too little room for footage", "holdshelf status"),
    "disk_health": Kind("A disk says that it is failing", "holdshelf doctor"),
    "footage_damaged": Kind("Footage on the disk is damaged, missing or was put back", "holdshelf footage verify"),
    "state_disk": Kind("The state folder cannot be written", "holdshelf doctor"),
    "access_log": Kind("The access log or the register is not as it should be", "holdshelf log verify"),
    "older_state": Kind("An older state was put back", "holdshelf status"),
    "clock": Kind("The clock of the recorder is in doubt", "holdshelf clock show"),
    "door": Kind("The door for log-ins is closed or its key has changed", "holdshelf doctor"),
    "locked_out": Kind("{count} people or seats cannot log in", "holdshelf log show --action door.login"),
    "strangers": Kind("Strangers try to log in again and again", "holdshelf log show --action door.strangers"),
    "backup_old": Kind("The newest backup is too old", "holdshelf backup make"),
    "backup_target": Kind("Backups do not reach the place that was set up for them", "holdshelf backup status"),
    "alert_way": Kind("Alerts are not delivered by {count} of the ways set up", "holdshelf alert list"),
    "offsite_store": Kind("What is on hold cannot be kept in the store elsewhere", "holdshelf offsite status"),
    "outbox_full": Kind("The outbox has no room left", "holdshelf status"),
    REVIEWS_OVERDUE: Kind("Reviews of {count} holds are overdue", "holdshelf hold list", SEATS),
    APPROVALS_WAITING: Kind("{count} things wait for a second person", "holdshelf today", SEATS),
    "papers_overdue": Kind("{count} papers, printed stills or answers are overdue", "holdshelf release list", SEATS),
    "signs_due": Kind("{count} signs or checks are due", "holdshelf checklist show", SEATS),
    "commissioning": Kind("{count} cameras are not in use yet", "holdshelf camera list", SEATS),
    OTHER: Kind("{count} things need someone to look at them", "holdshelf status"),
}
