"""The repairs of an ONVIF camera: their ids, conditions and sentences."""

from __future__ import annotations

import shlex
from typing import Any

from holdshelf_core.integration import CameraCondition, ConfigEntry, Holdshelf, Severity

from . import strings
from .const import CLOCK_SKEW_LIMIT_S, CONF_SERIAL
from .device import DeviceClock, VideoProfile
from .text import clean_text


def clock_skew_id(entry: ConfigEntry[Any]) -> str:
    """Return the id of the repair: the camera's clock is wrong."""
    return f"onvif_clock_skew:{entry.entry_id}"


def profile_id(entry: ConfigEntry[Any]) -> str:
    """Return the id of the repair: the chosen profile is gone, or none is left that can be recorded."""
    return f"onvif_profile:{entry.entry_id}"


def certificate_id(entry: ConfigEntry[Any]) -> str:
    """Return the id of the repair: the camera presents a different certificate than at first."""
    return f"onvif_certificate:{entry.entry_id}"


def identity_id(entry: ConfigEntry[Any]) -> str:
    """Return the id of the repair: another device answers in the camera's place."""
    return f"onvif_identity:{entry.entry_id}"


def async_another_camera(holdshelf: Holdshelf, entry: ConfigEntry[Any], serial_number: str) -> None:
    """Raise the repair: somebody must check whether the camera was replaced."""
    known = entry.data.get(CONF_SERIAL, "")
    words = strings.issue("another_camera", title=entry.title, serial=serial_number, known=known, camera=entry.entry_id)
    _async_raise(holdshelf, entry, identity_id(entry), words, "camera_identity", "error")


def async_right_camera(holdshelf: Holdshelf, entry: ConfigEntry[Any]) -> None:
    """Close the repair: the camera itself answers."""
    holdshelf.repairs.async_delete(identity_id(entry))


def async_certificate_changed(holdshelf: Holdshelf, entry: ConfigEntry[Any]) -> None:
    """Raise the repair: a person must confirm that the new certificate is the camera's."""
    words = strings.issue("certificate_changed", title=entry.title, camera=entry.entry_id)
    _async_raise(holdshelf, entry, certificate_id(entry), words, "camera_certificate", "error")


def async_certificate_known(holdshelf: Holdshelf, entry: ConfigEntry[Any]) -> None:
    """Close the repair: the camera presented the known certificate."""
    holdshelf.repairs.async_delete(certificate_id(entry))


def is_off(clock: DeviceClock) -> bool:
    """Return whether the clock is off by enough to tell a person."""
    return abs(clock.skew_s) > CLOCK_SKEW_LIMIT_S


def async_check_clock(holdshelf: Holdshelf, entry: ConfigEntry[Any], clock: DeviceClock | None) -> None:
    """Raise or close the repair for the clock; an unknown clock changes nothing."""
    if clock is None:
        return
    if not is_off(clock):
        holdshelf.repairs.async_delete(clock_skew_id(entry))
        return
    words = strings.issue("clock_skew", amount=clock.amount, direction=clock.direction)
    _async_raise(holdshelf, entry, clock_skew_id(entry), words, "camera_clock")


def async_check_profile(
    holdshelf: Holdshelf, entry: ConfigEntry[Any], chosen_token: str | None, profile: VideoProfile
) -> None:
    """Raise or close the repair for a chosen profile that was replaced by another one."""
    if chosen_token in (None, profile.token):
        holdshelf.repairs.async_delete(profile_id(entry))
        return
    token = shlex.quote(
        clean_text(profile.token)
    )  # somebody pastes the step into a shell, and the device chose the token
    words = strings.issue("profile_changed", profile=profile.description, camera=entry.entry_id, token=token)
    _async_raise(holdshelf, entry, profile_id(entry), words, "camera_profile")


def async_channel_gone(holdshelf: Holdshelf, entry: ConfigEntry[Any], channel: str) -> None:
    """Raise the repair for a camera whose channel its device no longer has."""
    words = strings.issue("channel_gone", channel=channel, camera=entry.entry_id)
    _async_raise(holdshelf, entry, profile_id(entry), words, "camera_profile", "error")


def async_no_usable_profile(holdshelf: Holdshelf, entry: ConfigEntry[Any], offered: str) -> None:
    """Raise the repair for a camera with nothing left to record."""
    words = strings.issue("no_usable_profile", offered=offered)
    _async_raise(holdshelf, entry, profile_id(entry), words, "camera_profile", "error")


def _async_raise(
    holdshelf: Holdshelf,
    entry: ConfigEntry[Any],
    issue_id: str,
    words: strings.Words,
    condition: CameraCondition,
    severity: Severity = "warning",
) -> None:
    holdshelf.repairs.async_create(
        issue_id,
        camera_id=entry.entry_id,
        severity=severity,
        sentence=words.sentence,
        next_step=words.next_step,
        condition=condition,
    )
