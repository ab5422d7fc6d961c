"""Names that the integration's modules share."""

from __future__ import annotations

from typing import Final

from homeassistant.const import Platform

DOMAIN: Final = "holdshelf"
CONF_ID: Final = "id"
CONF_TITLE: Final = "title"
ABOUT: Final = "holdshelf/+/about"
ONLINE: Final = "online"
OFFLINE: Final = "offline"
EXPIRE_AFTER_S: Final = 60
"""Where a recorder does not say after how long what it told is too old."""
ABOUT_TIMEOUT_S: Final = 10
PLATFORMS: Final = (Platform.BINARY_SENSOR, Platform.EVENT, Platform.SENSOR)

REASONS: Final = (
    "recorded",
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
    "unknown",
)
KINDS: Final = frozenset(
    {
        "access_log",
        "alert_way",
        "approvals_waiting",
        "backup_old",
        "backup_target",
        "camera_backfill",
        "camera_certificate",
        "camera_clock",
        "camera_identity",
        "camera_loses",
        "camera_profile",
        "camera_refused",
        "camera_silent",
        "camera_sound",
        "clock",
        "commissioning",
        "days_below_floor",
        "disk_health",
        "disk_room",
        "door",
        "footage_damaged",
        "locked_out",
        "media_volume",
        "older_state",
        "other",
        "offsite_store",
        "outbox_full",
        "papers_overdue",
        "reviews_overdue",
        "signs_due",
        "state_disk",
        "strangers",
    }
)
"""Conditions that have words of their own here; one of a newer recorder has its English words."""
NEWER_KIND: Final = "newer"
SILENT: Final = "recorder_silent"
