"""Names and bounds of the ONVIF integration. Bounds are for hostile cameras: a real one stays far inside them."""

from __future__ import annotations

from dataclasses import dataclass

DOMAIN = "onvif"

DEVICE_PATH = "/onvif/device_service"  # ONVIF Core Specification § 5.1.1: the one fixed entry point
DEVICE_NAMESPACE = "http://www.onvif.org/ver10/device/wsdl"
MEDIA_NAMESPACE = "http://www.onvif.org/ver10/media/wsdl"
MEDIA2_NAMESPACE = "http://www.onvif.org/ver20/media/wsdl"
EVENTS_NAMESPACE = "http://www.onvif.org/ver10/events/wsdl"

LEASE_S = 120
"""For how long a subscription to events is asked; renewed before half of it is over."""

# How a device takes the password: a WS-Security token with a digest of it, HTTP digest, or a token with the password.
DIGEST_TOKEN = "token"  # noqa: S105
HTTP_DIGEST = "http-digest"
PLAIN_TOKEN = "plain-token"  # noqa: S105

REFRESH_INTERVAL_S = 300.0
REFRESH_JITTER = 0.1  # ± share of the interval, so that a house full of cameras is not asked in the same second
CLOCK_SKEW_LIMIT_S = 5.0

NAME_MAX_CHARS = 64
TOKEN_MAX_CHARS = 256  # ONVIF's ReferenceToken has 64; some makes exceed it
ADDRESS_MAX_CHARS = 2048
PROFILES_MAX = 256
SIDE_MAX_PIXELS = 32_768

CONF_ADDRESS = "address"
CONF_USERNAME = "username"
CONF_PASSWORD = "password"  # noqa: S105  (the name of a field)
CONF_PROFILE = "profile"
CONF_STREAM = "stream"
CONF_SERIAL = "serial_number"
CONF_OTHER_SERIAL = "other_serial_number"  # of what answers in the camera's place: it is not recorded under its name
CONF_AUTH = "auth"
CONF_CERTIFICATE = "certificate_sha256"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a camera's answer is taken, and for how long."""

    connect_s: float = 5.0
    answer_s: float = 10.0
    answer_max_bytes: int = 4 * 1024 * 1024
    # An answer of 64 profiles has about 20,000 tags; zeep needs about 5 µs of interpreter time for each.
    answer_max_tags: int = 60_000


DEFAULT_LIMITS = Limits()
