"""Which condition of the allow-list each repair is. What a repair says in its own words stays here."""

from __future__ import annotations

from collections.abc import Iterable

from holdshelf_core.alerts.allowed import (
    APPROVALS_WAITING,
    KINDS,
    OTHER,
    REVIEWS_OVERDUE,
    SEVERITIES,
    Audience,
    Condition,
)
from holdshelf_core.integration.repairs import Repair
from holdshelf_core.policy.holds import LIFTING
from holdshelf_core.policy.second import flag_open
from holdshelf_core.policy.state import State

KIND_OF = {
    "access_log": "access_log",
    "alert_way": "alert_way",
    "all_room_is_held": "disk_room",
    "backup_old": "backup_old",
    "backup_target": "backup_target",
    "backfill": "camera_backfill",
    "bundle_not_as_anchored": "footage_damaged",
    "camera_silent": "camera_silent",
    "checklist": "signs_due",
    "clock_disagreement": "clock",
    "commission": "commissioning",
    "disk_health": "disk_health",
    "door_closed": "door",
    "door_ends": "door",
    "door_host_key": "door",
    "door_sessions": "door",
    "entrance": "signs_due",
    "entry": "camera_refused",
    "answer": "papers_overdue",
    "floor": "days_below_floor",
    "footage_missing": "footage_damaged",
    "footage_put_back": "footage_damaged",
    "hold_not_shelved": "disk_room",
    "hold_review": REVIEWS_OVERDUE,
    "holds_fill_the_disk": "disk_room",
    "least_ahead": "disk_room",
    "least_kept": "disk_room",
    "locked_out": "locked_out",
    "losses": "camera_loses",
    "media_volume": "media_volume",
    "older_state": "older_state",
    "log_not_compared": "access_log",
    "offsite_store": "offsite_store",
    "outbox_full": "outbox_full",
    "pictures_end": OTHER,
    "policy_file": OTHER,
    "recorders_end": OTHER,
    "recovery": "footage_damaged",
    "register": "access_log",
    "register_differs": "access_log",
    "release": "papers_overdue",
    "rights_unknown": "access_log",
    "room_taken_by_others": "disk_room",
    "scrub": "footage_damaged",
    "sheet": "papers_overdue",
    "shelf_trouble": "disk_room",
    "sound": "camera_sound",
    "state_unwritable": "state_disk",
    "strangers": "strangers",
    "timestamp": OTHER,
    "volume_unknown": "footage_damaged",
    "witness": OTHER,
    "witness_contradicts": "access_log",
}
"""Of the core's own repairs, by what an ``issue_id`` begins with, before its colon. An integration says it with each."""
_OF_CAMERAS = ("camera_", "days_below_floor")
_WORSE = {severity: order for order, severity in enumerate(SEVERITIES)}


def kind_of(repair: Repair) -> str:
    """Return the kind of a repair, of `KINDS`; `OTHER` for what an integration calls by a name that is not on the list."""
    kind = repair.condition or KIND_OF.get(repair.issue_id.partition(":")[0], OTHER)
    return kind if kind in KINDS else OTHER


def audience_of(repair: Repair) -> Audience:
    """Return who can clear this repair."""
    return KINDS[kind_of(repair)].audience


def conditions_of(repairs: Iterable[Repair]) -> tuple[Condition, ...]:
    """Return what may be told of these repairs: one condition for each kind and camera, the worst first, then the oldest.

    Repairs with a number of a hold or of a paper in their id become one condition with a count.
    """
    found: dict[str, Condition] = {}
    for repair in repairs:
        kind = kind_of(repair)
        camera = (repair.camera_id or "") if kind.startswith(_OF_CAMERAS) else ""
        one = Condition(kind, repair.severity, camera, repair.since_utc_ns)
        known = found.get(one.key)
        if known is not None:
            one = Condition(
                kind,
                min(known.severity, one.severity, key=_WORSE.__getitem__),
                camera,
                min(known.since_utc_ns, one.since_utc_ns),
                known.count + 1,
            )
        found[one.key] = one
    return tuple(sorted(found.values(), key=lambda one: (_WORSE[one.severity], one.since_utc_ns, one.key)))


def waiting_of(state: State, since_utc_ns: int) -> tuple[Condition, ...]:
    """Return how many lifts, requests for a release and flags wait for a second person, as a condition; () for none."""
    count = sum(hold.state == LIFTING for hold in state.holds.values())
    count += sum(release.state == "requested" for release in state.releases.values())
    count += sum(flag_open(flag) for flag in state.flags.values())
    return (Condition(APPROVALS_WAITING, "notice", "", since_utc_ns, count),) if count else ()
