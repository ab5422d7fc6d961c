"""Converts zeep's objects to ours. Works on anything with attributes, trusts no value, and imports nothing of zeep.

A missing or out-of-range field becomes empty or 0; ValueError is raised only where that makes the whole answer useless.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from .address import BadAddress, told_address
from .const import PROFILES_MAX, SIDE_MAX_PIXELS, TOKEN_MAX_CHARS
from .device import CameraTrack, DeviceInformation, VideoProfile
from .text import clean_text

ECHOED_MAX = 8
MASKS_MAX, CORNERS_MAX = 64, 64
LEASE_MIN_S, LEASE_MAX_S = 4.0, 3600.0
_CODECS = {"H264": "h264", "H265": "hevc", "HEVC": "hevc", "JPEG": "mjpeg", "MJPEG": "mjpeg", "MPEG4": "mpeg4"}


def device_information(raw: Any) -> DeviceInformation:
    """Parse GetDeviceInformationResponse; what is missing becomes ''."""
    return DeviceInformation(
        manufacturer=clean_text(_get(raw, "Manufacturer")),
        model=clean_text(_get(raw, "Model")),
        firmware_version=clean_text(_get(raw, "FirmwareVersion")),
        serial_number=clean_text(_get(raw, "SerialNumber")),
        hardware_id=clean_text(_get(raw, "HardwareId")),
    )


def utc_datetime(raw: Any) -> datetime | None:
    """Parse GetSystemDateAndTimeResponse's UTC time; None when the device reports only local time, or an invalid date."""
    told = _get(raw, "UTCDateTime")
    if told is None:
        return None
    try:
        year, month, day = (int(_get(told, "Date", part)) for part in ("Year", "Month", "Day"))
        hour, minute, second = (int(_get(told, "Time", part)) for part in ("Hour", "Minute", "Second"))
        # A leap second, and makers that count past 59.
        return datetime(year, month, day, hour, minute, min(59, second), tzinfo=UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def services(raw: Any) -> dict[str, str]:
    """Parse GetServicesResponse to {namespace: XAddr}; broken entries are skipped."""
    return _addresses((_get(service, "Namespace"), _get(service, "XAddr")) for service in _list(raw))


def capabilities(raw: Any, namespaces: dict[str, str]) -> dict[str, str]:
    """Parse GetCapabilitiesResponse to {namespace: XAddr}; ``namespaces`` has the namespace of each capability."""
    return _addresses((namespace, _get(raw, name, "XAddr")) for name, namespace in namespaces.items())


def profiles(raw: Any) -> tuple[VideoProfile, ...]:
    """Parse GetProfilesResponse of the Media service; profiles without a usable token are skipped."""
    return _profiles(
        raw,
        "media",
        lambda p: (
            _get(p, "VideoEncoderConfiguration"),
            _get(p, "AudioEncoderConfiguration"),
            _get(p, "VideoSourceConfiguration"),
        ),
    )


def profiles2(raw: Any) -> tuple[VideoProfile, ...]:
    """Parse GetProfilesResponse of the Media2 service; profiles without a usable token are skipped."""
    return _profiles(
        raw,
        "media2",
        lambda p: (
            _get(p, "Configurations", "VideoEncoder"),
            _get(p, "Configurations", "AudioEncoder"),
            _get(p, "Configurations", "VideoSource"),
        ),
    )


def _profiles(raw: Any, service: str, parts: Callable[[Any], tuple[Any, Any, Any]]) -> tuple[VideoProfile, ...]:
    found = []
    for profile in _list(raw)[:PROFILES_MAX]:
        token = _token(profile)
        if not token:
            continue
        encoder, sound, source = parts(profile)
        encoding = clean_text(_get(encoder, "Encoding")).upper()
        found.append(
            VideoProfile(
                token=token,
                name=clean_text(_get(profile, "Name")),
                codec=_CODECS.get(encoding.replace(".", "").replace("-", ""), encoding.lower()),
                width=_side(_get(encoder, "Resolution", "Width")),
                height=_side(_get(encoder, "Resolution", "Height")),
                frames_per_second=_rate(_get(encoder, "RateControl", "FrameRateLimit")),
                offers_sound=sound is not None,
                service=service,
                sound=clean_text(_get(sound, "Encoding")),
                sound_token=_token(sound),
                source_token=_token(source),
                channel=_source(source),
            )
        )
    return tuple(found)


def uri(raw: Any) -> str:
    """Parse MediaUri of GetStreamUriResponse; in Media2 it is plain text."""
    told = raw if isinstance(raw, str) else _get(raw, "Uri")
    if not isinstance(told, str) or not told.strip():
        raise ValueError("no stream address")
    return told.strip()


def recordings(raw: Any) -> tuple[list[CameraTrack], bool]:
    """Parse GetRecordingSearchResultsResponse: the video tracks of the recordings, and whether the search is over.

    A track without usable times is left out. The last time of a recording that goes on may be old: ``goes_on`` says so.
    """
    found = []
    for one in _list(_get(raw, "RecordingInformation"))[:PROFILES_MAX]:
        token = clean_text(_get(one, "RecordingToken"), TOKEN_MAX_CHARS)
        goes_on = clean_text(_get(one, "RecordingStatus")) == "Recording"
        for track in _list(_get(one, "Track"))[:PROFILES_MAX]:
            start, end = _utc_ns(_get(track, "DataFrom")), _utc_ns(_get(track, "DataTo"))
            if token and clean_text(_get(track, "TrackType")) == "Video" and start is not None and end is not None:
                source = clean_text(_get(one, "Source", "SourceId"), TOKEN_MAX_CHARS)
                found.append(CameraTrack(token, source, start, end, goes_on))
    return found, clean_text(_get(raw, "SearchState")) not in ("Queued", "Searching")


def recording_jobs(raw: Any) -> dict[str, set[str]]:
    """Parse GetRecordingJobsResponse: by recording, the tokens of what is recorded into it (profiles)."""
    found: dict[str, set[str]] = {}
    for one in _list(raw)[:PROFILES_MAX]:
        recording = clean_text(_get(one, "JobConfiguration", "RecordingToken"), TOKEN_MAX_CHARS)
        for source in _list(_get(one, "JobConfiguration", "Source"))[:PROFILES_MAX]:
            token = clean_text(_get(source, "SourceToken", "Token"), TOKEN_MAX_CHARS)
            if recording and token:
                found.setdefault(recording, set()).add(token)
    return found


def _utc_ns(told: Any) -> int | None:
    """A time as UTC ns; one without a zone is UTC, as the standard has it."""
    if not isinstance(told, datetime):
        return None
    try:
        at = told if told.tzinfo is not None else told.replace(tzinfo=UTC)
        return max(0, (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000)
    except (OverflowError, ValueError):
        return None


def subscription(raw: Any) -> tuple[str, tuple[Any, ...]]:
    """Parse CreatePullPointSubscriptionResponse: its address, and the parameters that WS-Addressing requires as headers."""
    reference = _get(raw, "SubscriptionReference")
    address = _get(reference, "Address", "_value_1")
    if not isinstance(address, str) or not address.strip():
        raise ValueError("no subscription")
    echoed = _get(reference, "ReferenceParameters", "_value_1") or []
    if not isinstance(echoed, list) or len(echoed) > ECHOED_MAX:
        raise ValueError("too much to echo")
    return address.strip(), tuple(echoed)


def lease_s(raw: Any) -> float:
    """Return how long a subscription lasts, by the device's own two times; a minute if it does not say."""
    told, ends = _get(raw, "CurrentTime"), _get(raw, "TerminationTime")
    try:
        lease = (ends - told).total_seconds()
    except (TypeError, ValueError, AttributeError, OverflowError):
        lease = 60.0
    return float(min(LEASE_MAX_S, max(LEASE_MIN_S, lease)))


def masks(raw: Any) -> list[dict[str, Any]]:
    """Parse GetMasksResponse of Media2: token, whether it is active, corners as fractions of width and height."""
    found = []
    for mask in _list(raw)[:MASKS_MAX]:
        points = [(_get(p, "x"), _get(p, "y")) for p in _list(_get(mask, "Polygon", "Point"))[:CORNERS_MAX]]
        corners = [
            (round((x + 1) / 2, 4), round((1 - y) / 2, 4))
            for x, y in points
            if isinstance(x, float) and isinstance(y, float) and abs(x) <= 1 and abs(y) <= 1
        ]
        found.append({"token": clean_text(_token(mask)), "enabled": _get(mask, "Enabled") is True, "corners": corners})
    return found


def mask_options(raw: Any, most: int) -> tuple[int, bool]:
    """Parse GetMaskOptionsResponse: the maximum number of masks, and whether they must be rectangles."""
    told = _get(raw, "MaxMasks")
    return min(told, most) if isinstance(told, int) and told > 0 else 0, _get(raw, "RectangleOnly") is True


def token_text(raw: Any) -> str:
    """Parse a response that is one token."""
    if not isinstance(raw, str) or not 0 < len(raw) <= TOKEN_MAX_CHARS:
        raise ValueError("no token")
    return raw


def _addresses(pairs: Iterable[tuple[Any, Any]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for namespace, xaddr in pairs:
        if isinstance(namespace, str) and isinstance(xaddr, str):
            try:
                found.setdefault(namespace.strip(), told_address(xaddr.strip()))
            except BadAddress:
                continue
    return found


def _get(value: Any, *path: str) -> Any:
    for name in path:
        value = getattr(value, name, None)
    return value


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else []


def _token(value: Any) -> str:
    token = _get(value, "token")
    return token if isinstance(token, str) and 0 < len(token) <= TOKEN_MAX_CHARS else ""


def _source(configuration: Any) -> str:
    """Return the token of a configuration's video source; its own where the device tells none."""
    token = _get(configuration, "SourceToken")
    return token if isinstance(token, str) and 0 < len(token) <= TOKEN_MAX_CHARS else _token(configuration)


def _side(value: Any) -> int:
    return value if isinstance(value, int) and 0 < value <= SIDE_MAX_PIXELS else 0


def _rate(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) and 0 < value <= 1000 else 0.0
