"""The allow-list: all that may leave by mail, Apprise, MQTT, metrics or heartbeat (ADR 56).

It is state of the recorder and its cameras: never a picture, a person, an incident, the number or ground of a hold, a line of
the log, or a sentence that somebody wrote. Whatever sends takes a `Report` and nothing else, and has no access to anything
else. The names under which it sends stand here, too: conditions, reasons, metrics and labels, topics and fields, headers. What
is not on the list raises `NotAllowed` before it leaves. A test walks all that each way can send, and holds it against this list
and the documents.

Times are UTC nanoseconds, sizes bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal

import msgspec

type Audience = Literal["admin", "seats"]
ADMIN: Final = "admin"
SEATS: Final = "seats"
SEVERITIES: Final = ("error", "warning", "notice")
"""The worst first."""


class NotAllowed(ValueError):
    """What was to leave is not on the list: a fault of ours, and nothing of it leaves."""


def only(names: Iterable[str], allowed: Iterable[str], what: str) -> None:
    """Raise NotAllowed where one of the names is not on the list. ``what``: for our own log."""
    if more := sorted(set(names).difference(allowed)):
        raise NotAllowed(f"{what}: {', '.join(more)} may not leave")


# --- the values ---------------------------------------------------------------------------------------------------------


RECORDED: Final = "recorded"
"""The reason of a camera that is recorded: a value is never ''."""
UNKNOWN: Final = "unknown"
REASONS: Final = (
    RECORDED,
    "another_camera",
    "auth_refused",
    "camera_removed",
    "camera_unreachable",
    "certificate_changed",
    "clock_stepped",
    "connecting",
    "disk_error",
    "disk_full",
    "disk_missing",
    "disk_read_only",
    "erased_on_schedule_before_its_disk_was_lost",
    "footage_lost_with_its_disk",
    "frames_lost",
    "media_unreachable",
    "no_frames",
    "no_parameter_sets",
    "not_recordable",
    "reconnected",
    "recorder_busy",
    "recorder_fault",
    "recorder_restarted",
    "service_stopped",
    "sound_found",
    "stale_session",
    "stream_ended",
    "stream_jumped",
    "stream_moved",
    "stream_not_found",
    "transport_refused",
    UNKNOWN,
)
"""Why a camera is not recorded: those of ``integration.reasons``, as Home Assistant takes and translates a value. One enumeration
by whatever way, which docs/alerts.md lists."""


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
    """Of `REASONS`; `RECORDED` while it is recorded."""
    days_kept: float
    oldest_utc_ns: int | None
    bytes_per_s: float
    """A long-term average: the rate of now would tell of movement."""
    coverage: float | None = None
    """Of yesterday, in percent; None: not known."""

    def __post_init__(self) -> None:
        only([self.reason], REASONS, "a camera's reason")


class Condition(msgspec.Struct, frozen=True):
    """Something that somebody must see to. ``kind``: of `KINDS`. ``count``: how many things are so."""

    kind: str
    severity: str
    """Of `SEVERITIES`."""
    camera: str
    """Its id; '' for the whole recorder."""
    since_utc_ns: int
    count: int = 1

    def __post_init__(self) -> None:
        only([self.kind], KINDS, "a condition")
        only([self.severity], SEVERITIES, "a condition's severity")

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


CAMERA_SILENT = "camera_silent"
REVIEWS_OVERDUE = "reviews_overdue"
APPROVALS_WAITING = "approvals_waiting"
OTHER = "other"
KINDS: dict[str, Kind] = {
    CAMERA_SILENT: Kind("{camera} is not being recorded", "holdshelf camera check {id}"),
    "camera_refused": Kind("{camera} does not let the recorder in, or cannot be set up", "holdshelf camera check {id}"),
    "camera_loses": Kind("{camera} loses footage again and again", "holdshelf camera diagnostics {id}"),
    "camera_sound": Kind("{camera} sends sound; none of it is kept", "holdshelf camera check {id}"),
    "camera_clock": Kind("The clock of {camera} is wrong", "holdshelf camera check {id}"),
    "camera_profile": Kind("The stream settings of {camera} have changed", "holdshelf camera check {id}"),
    "camera_certificate": Kind("The certificate of {camera} has changed", "holdshelf camera check {id}"),
    "camera_identity": Kind("Another camera answers at the address of {camera}", "holdshelf camera check {id}"),
    "camera_backfill": Kind("Gaps of {camera} cannot be filled from its own recording", "holdshelf camera check {id}"),
    "days_below_floor": Kind("{camera}: footage kept for fewer days than asked for", "holdshelf status"),
    "media_volume": Kind("The media disk is missing or cannot be written", "holdshelf doctor"),
    "disk_room": Kind("The media disk has too little room for footage", "holdshelf status"),
    "disk_health": Kind("A disk says that it is failing", "holdshelf doctor"),
    "footage_damaged": Kind("Footage on the disk is damaged, missing or was put back", "holdshelf footage verify"),
    "state_disk": Kind("The state folder cannot be written", "holdshelf doctor"),
    "access_log": Kind("The access log or the register is not as it should be", "holdshelf log verify"),
    "older_state": Kind("An older state was put back", "holdshelf status"),
    "clock": Kind("The clock of the recorder is in doubt", "holdshelf clock show"),
    "door": Kind("The door for log-ins is closed or its key has changed", "holdshelf doctor"),
    "locked_out": Kind("People or seats that cannot log in: {count}", "holdshelf log show --action door.login"),
    "strangers": Kind("Strangers try to log in again and again", "holdshelf log show --action door.strangers"),
    "backup_old": Kind("The newest backup is too old", "holdshelf backup make"),
    "backup_target": Kind("Backups do not reach the place that was set up for them", "holdshelf backup status"),
    "alert_way": Kind("Alert channels that do not deliver: {count}", "holdshelf alert list"),
    "offsite_store": Kind("What is on hold cannot be kept in the off-site store", "holdshelf offsite status"),
    "outbox_full": Kind("The outbox has no room left", "holdshelf status"),
    REVIEWS_OVERDUE: Kind("Hold reviews that are overdue: {count}", "holdshelf hold list", SEATS),
    APPROVALS_WAITING: Kind("Things that wait for a second person: {count}", "holdshelf today", SEATS),
    "papers_overdue": Kind(
        "Papers, printed stills or answers that are overdue: {count}", "holdshelf release list", SEATS
    ),
    "signs_due": Kind("Signs or checks that are due: {count}", "holdshelf checklist show", SEATS),
    "commissioning": Kind("Cameras that are not in use yet: {count}", "holdshelf camera list", SEATS),
    OTHER: Kind("Things that need someone's attention: {count}", "holdshelf status"),
}


def words(kind: str, camera: str, count: int) -> str:
    """Return what is so, in the words of its kind. One that an earlier version told is told as `OTHER`."""
    return KINDS.get(kind, KINDS[OTHER]).words.format(camera=camera, count=count)


def next_step(kind: str, camera_id: str) -> str:
    """Return the command to begin with."""
    return KINDS.get(kind, KINDS[OTHER]).next_step.format(id=camera_id).strip()


# --- mail, Apprise, heartbeat -------------------------------------------------------------------------------------------

MAIL_HEADERS: Final = (
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "X-Priority",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
)
APPRISE: Final = ("title", "body", "notify_type")
"""What Apprise is given of a message."""
HEARTBEAT_HEADERS: Final = ("Host", "User-Agent", "Accept-Encoding", "Connection")


# --- metrics ------------------------------------------------------------------------------------------------------------

METRICS_PREFIX: Final = "holdshelf_"


class Family(msgspec.Struct, frozen=True):
    """A family of metrics: what it tells, the labels of each sample, and those that some samples have."""

    help: str
    labels: tuple[str, ...] = ()
    sometimes: tuple[str, ...] = ()


_OF_A_CONDITION: Final = ("kind", "severity", "audience")
METRICS: Final[Mapping[str, Family]] = {
    "build_info": Family("The version that runs.", ("version",)),
    "start_time_seconds": Family("When the service started."),
    "report_timestamp_seconds": Family("When these figures were made."),
    "problem": Family("Whether anything is wrong. A step that a person has yet to take is not."),
    "access_log_entries": Family("Entries of the access log."),
    "disk_writable": Family("Whether footage can be written."),
    "disk_size_bytes": Family("Size of the media disk."),
    "disk_free_bytes": Family("Free on the media disk, in steps of a hundredth of it."),
    "footage_budget_bytes": Family("Disk space that footage may use."),
    "footage_used_bytes": Family("Used by footage, from long averages."),
    "footage_reserved_bytes": Family("Kept free for files being written."),
    "kept_seconds": Family("How far back footage reaches, of the camera with the least."),
    "kept_forecast_seconds": Family("For how long there is room, of all cameras."),
    "kept_floor_seconds": Family("For how long footage is to be kept at least."),
    "oldest_footage_timestamp_seconds": Family("Start of the oldest footage."),
    "conditions": Family(
        "What somebody must see to, by kind: of how many things it is so. Of the whole recorder where it names no camera.",
        _OF_A_CONDITION,
        ("camera",),
    ),
    "condition_since_timestamp_seconds": Family("Since when it is so.", _OF_A_CONDITION, ("camera",)),
    "camera_info": Family("The name of a camera.", ("camera", "name")),
    "camera_recording": Family("Whether it is being recorded.", ("camera",)),
    "camera_connected": Family("Whether pictures arrive, also while they cannot be written.", ("camera",)),
    "camera_unrecorded_info": Family("Why it is not being recorded.", ("camera", "reason")),
    "camera_kept_seconds": Family("How far back its footage reaches.", ("camera",)),
    "camera_oldest_footage_timestamp_seconds": Family("Start of its oldest footage.", ("camera",)),
    "camera_average_bytes_per_second": Family(
        "What it records, a long average: the rate of now would tell of movement.", ("camera",)
    ),
    "camera_yesterday_coverage_ratio": Family(
        "How much of yesterday is there: recorded, or recovered from the camera.", ("camera",)
    ),
}
"""Without `METRICS_PREFIX`; docs/metrics.md lists them."""


def family(name: str, labels: Iterable[str]) -> Family:
    """Return the family of a sample with these labels. Raises NotAllowed."""
    only([name], METRICS, "a metric")
    found, given = METRICS[name], set(labels)
    only(given, (*found.labels, *found.sometimes), f"a label of {name}")
    if lacking := set(found.labels) - given:
        raise NotAllowed(f"{name} lacks its label {', '.join(sorted(lacking))}")
    return found


# --- MQTT ---------------------------------------------------------------------------------------------------------------

RECORDER_ID: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}", re.ASCII)
CAMERA_ID: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
ENTITIES: Final[Mapping[str, tuple[str, ...]]] = {
    "recorder": ("problem", "days_kept", "days_forecast", "oldest", "free", "reviews_overdue", "log_head"),
    "camera": ("recording", "connected", "reason", "days_kept"),
}
"""Which Home Assistant makes of a device."""
_ENTITIES: Final = frozenset(entity for entities in ENTITIES.values() for entity in entities)
_COMPONENTS: Final = "components"


class Topic(msgspec.Struct, frozen=True):
    """Where something is published, and its fields: 'conditions[].kind' of each row, 'components.*.name' of each entity.

    ``path``: with ``{id}``, the recorder's, and ``{camera}`` or ``{device}``. ``retain``: the broker keeps the last one.
    """

    path: str
    fields: frozenset[str] = frozenset()
    retain: bool = False

    def at(self, id: str, camera: str = "", device: str = "") -> str:
        """Return the topic. Raises NotAllowed where an id cannot stand in one."""
        topic = self.path.format(id=id, camera=camera, device=device)
        check_topic(topic)
        return topic

    def check(self, told: Mapping[str, Any]) -> None:
        """Raise NotAllowed for a field that is not on the list."""
        only(fields_of(told), self.fields, f"a field of {self.path}")


ABOUT: Final = Topic(
    "holdshelf/{id}/about", frozenset({"format", "id", "title", "version", "discovery", "expire_after_s"}), retain=True
)
AVAILABILITY: Final = Topic("holdshelf/{id}/availability", retain=True)
STATE: Final = Topic(
    "holdshelf/{id}/state",
    frozenset(
        {
            *("at", "days_kept", "oldest", "free_bytes", "days_forecast", "problem", "reviews_overdue", "cameras"),
            *("conditions", "conditions[].kind", "conditions[].severity", "conditions[].camera", "conditions[].name"),
            *("conditions[].since", "conditions[].count", "conditions[].words"),
        }
    ),
)
CAMERA_STATE: Final = Topic(
    "holdshelf/{id}/camera/{camera}/state", frozenset({"name", "recording", "connected", "reason", "days_kept"})
)
LOG_HEAD: Final = Topic("holdshelf/{id}/log_head", frozenset({"event_type", "head", "entries", "at"}))
DISCOVERY: Final = Topic(
    "homeassistant/device/holdshelf_{id}/{device}/config",
    frozenset(
        {
            *("availability_topic", "state_topic", "origin.name", "origin.sw_version"),
            *("device.identifiers", "device.name", "device.manufacturer", "device.model", "device.sw_version"),
            "device.via_device",
            *(
                f"{_COMPONENTS}.*.{field}"
                for field in (
                    *("platform", "name", "unique_id", "device_class", "state_class", "unit_of_measurement", "icon"),
                    *("suggested_display_precision", "entity_category", "options", "event_types", "expire_after"),
                    *("value_template", "state_topic", "json_attributes_topic", "json_attributes_template"),
                )
            ),
        }
    ),
    retain=True,
)
TOPICS: Final = (ABOUT, AVAILABILITY, STATE, CAMERA_STATE, LOG_HEAD, DISCOVERY)


def is_topic(topic: str) -> bool:
    """Return whether it is on the list."""
    return any(_pattern(one.path).fullmatch(topic) for one in TOPICS)


def check_topic(topic: str) -> None:
    """Raise NotAllowed for a topic that is not on the list."""
    if not is_topic(topic):
        raise NotAllowed(f"the topic {topic!r} may not be written")


def fields_of(told: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Yield the fields of a payload as `Topic.fields` has them. Raises NotAllowed for an entity that is not on the list."""
    for name, value in told.items():
        path = f"{above}{name}"
        if path == _COMPONENTS:
            only(value, _ENTITIES, "an entity")
            for component in value.values():
                yield from fields_of(component, f"{path}.*.")
        elif isinstance(value, Mapping):
            yield from fields_of(value, f"{path}.")
        else:
            yield path
            if isinstance(value, list | tuple):
                for row in value:
                    if isinstance(row, Mapping):
                        yield from fields_of(row, f"{path}[].")


def _pattern(path: str) -> re.Pattern[str]:
    device = rf"(?:recorder|camera_{CAMERA_ID.pattern})"
    return re.compile(path.format(id=RECORDER_ID.pattern, camera=CAMERA_ID.pattern, device=device), re.ASCII)
