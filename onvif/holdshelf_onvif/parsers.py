"""From zeep's objects to ours. Works on anything with attributes, trusts no value, and imports nothing of zeep.

A field that is missing or out of range becomes empty or 0; ValueError is raised only where the whole answer is then
worthless.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from .address import BadAddress, told_address
from .const import PROFILES_MAX, SIDE_MAX_PIXELS, TOKEN_MAX_CHARS
from .device import DeviceInformation, VideoProfile
from .text import clean_text

ECHOED_MAX = 8
MASKS_MAX, CORNERS_MAX = 64, 64
LEASE_MIN_S, LEASE_MAX_S = 4.0, 3600.0
_CODECS = {"H264": "h264", "H265": "hevc", "HEVC": "hevc", "JPEG": "mjpeg", "MJPEG": "mjpeg", "MPEG4": "mpeg4"}


def device_information(raw: Any) -> DeviceInformation:
    """GetDeviceInformationResponse."""
    return DeviceInformation(
        manufacturer=clean_text(_get(raw, "Manufacturer")),
        model=clean_text(_get(raw, "Model")),
        firmware_version=clean_text(_get(raw, "FirmwareVersion")),
        serial_number=clean_text(_get(raw, "SerialNumber")),
        hardware_id=clean_text(_get(raw, "HardwareId")),
    )


def utc_datetime(raw: Any) -> datetime | None:
    """GetSystemDateAndTimeResponse's UTC time; None when the device tells only its local time, or no real date."""
    told = _get(raw, "UTCDateTime")
    if told is None:
        return None
    try:
        year, month, day = (int(_get(told, "Date", part)) for part in ("Year", "Month", "Day"))
        hour, minute, second = (int(_get(told, "Time", part)) for part in ("Hour", "Minute", "Second"))
        # A leap second, and makes that count on past 59.
        return datetime(year, month, day, hour, minute, min(59, second), tzinfo=UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def services(raw: Any) -> dict[str, str]:
    """GetServicesResponse as {namespace: XAddr}; broken entries are left out."""
    return _addresses((_get(service, "Namespace"), _get(service, "XAddr")) for service in _list(raw))


def capabilities(raw: Any, namespaces: dict[str, str]) -> dict[str, str]:
    """GetCapabilitiesResponse as {namespace: XAddr}; ``namespaces`` says which capability has which."""
    return _addresses((namespace, _get(raw, name, "XAddr")) for name, namespace in namespaces.items())


def profiles(raw: Any) -> tuple[VideoProfile, ...]:
    """GetProfilesResponse of the Media service; profiles without a usable token are left out."""
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
    """GetProfilesResponse of the Media2 service; profiles without a usable token are left out."""
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
            )
        )
    return tuple(found)


def uri(raw: Any) -> str:
    """MediaUri of GetStreamUriResponse; Media2 tells the text alone."""
    told = raw if isinstance(raw, str) else _get(raw, "Uri")
    if not isinstance(told, str) or not told.strip():
        raise ValueError("no stream address")
    return told.strip()


def subscription(raw: Any) -> tuple[str, tuple[Any, ...]]:
    """CreatePullPointSubscriptionResponse: its address, and the parameters that WS-Addressing wants echoed as headers."""
    reference = _get(raw, "SubscriptionReference")
    address = _get(reference, "Address", "_value_1")
    if not isinstance(address, str) or not address.strip():
        raise ValueError("no subscription")
    echoed = _get(reference, "ReferenceParameters", "_value_1") or []
    if not isinstance(echoed, list) or len(echoed) > ECHOED_MAX:
        raise ValueError("too much to echo")
    return address.strip(), tuple(echoed)


def lease_s(raw: Any) -> float:
    """For how long a subscription lasts, by the device's own two times; what it does not tell is taken as a minute."""
    told, ends = _get(raw, "CurrentTime"), _get(raw, "TerminationTime")
    try:
        lease = (ends - told).total_seconds()
    except (TypeError, ValueError, AttributeError, OverflowError):
        lease = 60.0
    return float(min(LEASE_MAX_S, max(LEASE_MIN_S, lease)))


def masks(raw: Any) -> list[dict[str, Any]]:
    """GetMasksResponse of Media2: token, whether it covers anything now, corners in shares of width and height."""
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
    """GetMaskOptionsResponse: how many masks there may be, and whether they have to be rectangles."""
    told = _get(raw, "MaxMasks")
    return min(told, most) if isinstance(told, int) and told > 0 else 0, _get(raw, "RectangleOnly") is True


def token_text(raw: Any) -> str:
    """A response that is one token."""
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


def _side(value: Any) -> int:
    return value if isinstance(value, int) and 0 < value <= SIDE_MAX_PIXELS else 0


def _rate(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) and 0 < value <= 1000 else 0.0
