"""The repairs of an ONVIF camera: their ids, when they stand, and which sentence they say."""

from __future__ import annotations

from typing import Any

from holdshelf_core.integration import ConfigEntry, Holdshelf

from . import strings
from .const import CLOCK_SKEW_LIMIT_S, CONF_SERIAL
from .device import DeviceClock, VideoProfile


def clock_skew_id(entry: ConfigEntry[Any]) -> str:
    """The camera's clock is off."""
    return f"onvif_clock_skew:{entry.entry_id}"


def profile_id(entry: ConfigEntry[Any]) -> str:
    """The chosen profile is gone, or nothing is left that can be recorded."""
    return f"onvif_profile:{entry.entry_id}"


def certificate_id(entry: ConfigEntry[Any]) -> str:
    """The camera shows another certificate than at first."""
    return f"onvif_certificate:{entry.entry_id}"


def identity_id(entry: ConfigEntry[Any]) -> str:
    """Another device answers in the camera's place."""
    return f"onvif_identity:{entry.entry_id}"


def async_another_camera(holdshelf: Holdshelf, entry: ConfigEntry[Any], serial_number: str) -> None:
    """Raise the repair: somebody must find out whether the camera was replaced."""
    known = entry.data.get(CONF_SERIAL, "")
    words = strings.issue("another_camera", title=entry.title, serial=serial_number, known=known)
    holdshelf.repairs.async_create(
        identity_id(entry),
        camera_id=entry.entry_id,
        severity="error",
        sentence=words.sentence,
        next_step=words.next_step,
    )


def async_right_camera(holdshelf: Holdshelf, entry: ConfigEntry[Any]) -> None:
    """Close it: the camera itself answers."""
    holdshelf.repairs.async_delete(identity_id(entry))


def async_certificate_changed(holdshelf: Holdshelf, entry: ConfigEntry[Any]) -> None:
    """Raise the repair: a person has to say that the new certificate is the camera's."""
    words = strings.issue("certificate_changed", title=entry.title, camera=entry.entry_id)
    holdshelf.repairs.async_create(
        certificate_id(entry),
        camera_id=entry.entry_id,
        severity="error",
        sentence=words.sentence,
        next_step=words.next_step,
    )


def async_certificate_known(holdshelf: Holdshelf, entry: ConfigEntry[Any]) -> None:
    """The known certificate was shown: close the repair."""
    holdshelf.repairs.async_delete(certificate_id(entry))


def is_off(clock: DeviceClock) -> bool:
    """Is the clock off by more than a person should have to know of?"""
    return abs(clock.skew_s) > CLOCK_SKEW_LIMIT_S


def async_check_clock(holdshelf: Holdshelf, entry: ConfigEntry[Any], clock: DeviceClock | None) -> None:
    """Raise or close the repair for the clock; an unknown clock changes nothing."""
    if clock is None:
        return
    if not is_off(clock):
        holdshelf.repairs.async_delete(clock_skew_id(entry))
        return
    words = strings.issue("clock_skew", amount=clock.amount, direction=clock.direction)
    holdshelf.repairs.async_create(
        clock_skew_id(entry), camera_id=entry.entry_id, sentence=words.sentence, next_step=words.next_step
    )


def async_check_profile(
    holdshelf: Holdshelf, entry: ConfigEntry[Any], chosen_token: str | None, profile: VideoProfile
) -> None:
    """Raise or close the repair for a profile that another one stands in for."""
    if chosen_token in (None, profile.token):
        holdshelf.repairs.async_delete(profile_id(entry))
        return
    words = strings.issue("profile_changed", profile=profile.description)
    holdshelf.repairs.async_create(
        profile_id(entry), camera_id=entry.entry_id, sentence=words.sentence, next_step=words.next_step
    )


def async_no_usable_profile(holdshelf: Holdshelf, entry: ConfigEntry[Any], offered: str) -> None:
    """Raise the repair for a camera that has nothing left to record."""
    words = strings.issue("no_usable_profile", offered=offered)
    holdshelf.repairs.async_create(
        profile_id(entry),
        camera_id=entry.entry_id,
        severity="error",
        sentence=words.sentence,
        next_step=words.next_step,
    )
