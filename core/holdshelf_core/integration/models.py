"""Plain data passed between core and integrations."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from .stream_url import put_password, take_password

type Transport = Literal["tcp", "udp", "multicast"]
"""How an RTSP camera sends: over the connection itself, or by UDP, to this machine alone or to a group."""
TRANSPORTS: tuple[Transport, ...] = ("tcp", "udp", "multicast")


@dataclass(frozen=True, slots=True)
class StreamSource:
    """The address that the recorder connects to. Credentials are separate from the URL, except where a camera requires the
    password in it."""

    url: str = field(repr=False)
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    transport: Transport = "tcp"
    codec: str | None = None
    width: int | None = None
    height: int | None = None
    certificate_sha256: str | None = None
    """SHA-256 (hex) of an rtsps:// camera's certificate as first seen: with a different one, no connection is made."""

    def to_dict(self) -> dict[str, Any]:
        """Return the dict for ``entry.data["stream"]``, without the password, which is only in ``entry.data["password"]``."""
        data = asdict(self)
        del data["password"]
        if self.certificate_sha256 is None:
            del data["certificate_sha256"]
        marked, inside = take_password(self.url)
        if inside is not None and inside == self.password:
            data["url"] = marked
        return data

    @classmethod
    def from_dict(cls, data: dict[str, Any], password: str | None) -> StreamSource:
        """Return the cached source; unknown keys of a newer version are ignored."""
        known = {f.name for f in fields(cls)}
        values = {k: v for k, v in data.items() if k in known and k not in ("password", "url")}
        return cls(url=put_password(data["url"], password), **values, password=password)


@dataclass(frozen=True, slots=True)
class CameraRecording:
    """What a camera says that it has recorded itself: [start, end) by our clock, UTC ns, and where it is replayed from.

    ``offset_ns``: how far the camera's clock is ahead of ours; to be added for its own times.
    """

    source: StreamSource
    start_utc_ns: int
    end_utc_ns: int
    offset_ns: int


@dataclass(frozen=True, slots=True)
class DiscoveredCamera:
    """A device that answered a probe. Names come from the device: sanitized by the integration, never trusted."""

    domain: str
    unique_id: str
    name: str
    address: str
    hardware: str = ""
    location: str = ""
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StreamChoice:
    """A channel of a device with several (a recorder, an encoder, a camera with several lenses), and its best stream.

    ``words`` come from the device, sanitized by the integration. ``unique_id`` is that of the camera that it would become.
    """

    profile: str
    channel: str
    words: str
    unique_id: str


CHANNEL_MARK = "#"
"""In a ``unique_id``, between the device and the channel, where a device has several."""


@dataclass(frozen=True, slots=True)
class EntryDraft:
    """A device that was tested with credentials and can be added. ``data["password"]`` is stored encrypted.

    ``choices``: its channels, if it has several; ``data["channel"]`` is then the one that was chosen, and '' while none was.
    """

    domain: str
    unique_id: str
    title: str
    data: dict[str, Any]
    warnings: tuple[str, ...] = ()
    choices: tuple[StreamChoice, ...] = ()

    @property
    def is_chosen(self) -> bool:
        """Return whether it is one camera: its device has a single channel, or one was chosen."""
        return not self.choices or bool(self.data.get("channel"))
