"""Names and limits of the ONVIF integration. Limits are for hostile cameras: real ones stay far below them."""

from __future__ import annotations

from dataclasses import dataclass

DOMAIN = "onvif"

DEVICE_PATH = "/onvif/device_service"  # ONVIF Core Specification § 5.1.1: the one fixed entry point
DEVICE_NAMESPACE = "http://www.onvif.org/ver10/device/wsdl"
MEDIA_NAMESPACE = "http://www.onvif.org/ver10/media/wsdl"
MEDIA2_NAMESPACE = "http://www.onvif.org/ver20/media/wsdl"
SEARCH_NAMESPACE = "http://www.onvif.org/ver10/search/wsdl"
REPLAY_NAMESPACE = "http://www.onvif.org/ver10/replay/wsdl"
RECORDING_NAMESPACE = "http://www.onvif.org/ver10/recording/wsdl"
EVENTS_NAMESPACE = "http://www.onvif.org/ver10/events/wsdl"
SERVICES = {
    "devicemgmt": (DEVICE_NAMESPACE, "DeviceBinding"),
    "media": (MEDIA_NAMESPACE, "MediaBinding"),
    "media2": (MEDIA2_NAMESPACE, "Media2Binding"),
    "search": (SEARCH_NAMESPACE, "SearchBinding"),
    "replay": (REPLAY_NAMESPACE, "ReplayBinding"),
    "recording": (RECORDING_NAMESPACE, "RecordingBinding"),
    "events": (EVENTS_NAMESPACE, "EventBinding"),
    "pullpoint": (EVENTS_NAMESPACE, "PullPointSubscriptionBinding"),
    "subscription": (EVENTS_NAMESPACE, "SubscriptionManagerBinding"),
}
"""Namespace and binding of each service in use, by the name of its WSDL file, or ours."""

LEASE_S = 120
"""Requested duration of an event subscription; renewed before half of it has passed."""

# How a device accepts the password: a WS-Security token with its digest, HTTP digest, or a token with the plain password.
DIGEST_TOKEN = "token"  # noqa: S105
HTTP_DIGEST = "http-digest"
PLAIN_TOKEN = "plain-token"  # noqa: S105

REFRESH_INTERVAL_S = 300.0
REFRESH_JITTER = 0.1  # ± share of the interval, so that many cameras are not queried in the same second
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
CONF_CHANNEL = "channel"  # the token of its video source
CONF_CHANNELS = "channels"  # how many the device has
CONF_SERIAL = "serial_number"
CONF_OTHER_SERIAL = "other_serial_number"  # of the device in the camera's place: it is not recorded under its name
CONF_AUTH = "auth"
CONF_CERTIFICATE = "certificate_sha256"


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits on the size and duration of a camera's answer."""

    connect_s: float = 5.0
    answer_s: float = 10.0
    answer_max_bytes: int = 4 * 1024 * 1024
    # An answer of 64 profiles has about 20,000 tags; zeep needs about 5 µs of interpreter time for each.
    answer_max_tags: int = 60_000


DEFAULT_LIMITS = Limits()
