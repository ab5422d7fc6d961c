"""The plain data that core and an integration hand each other."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from .stream_url import put_password, take_password

type Transport = Literal["tcp", "udp"]


@dataclass(frozen=True, slots=True)
class StreamSource:
    """Where the recorder dials. Credentials stand beside the URL, but for a password that the camera wants inside it."""

    url: str = field(repr=False)
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    transport: Transport = "tcp"
    codec: str | None = None
    width: int | None = None
    height: int | None = None
    certificate_sha256: str | None = None
    """Of an rtsps:// camera's own certificate as it was first seen (hex): with another one it is not dialled."""

    def to_dict(self) -> dict[str, Any]:
        """For ``entry.data["stream"]``; the password is left out, it stands once in ``entry.data["password"]``."""
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
        """The source as cached; unknown keys of a newer version are left aside."""
        known = {f.name for f in fields(cls)}
        values = {k: v for k, v in data.items() if k in known and k not in ("password", "url")}
        return cls(url=put_password(data["url"], password), **values, password=password)


@dataclass(frozen=True, slots=True)
class DiscoveredCamera:
    """A device that answered a probe. Names come from the device: cleaned by the integration, never trusted."""

    domain: str
    unique_id: str
    name: str
    address: str
    hardware: str = ""
    location: str = ""
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EntryDraft:
    """A device that was tried with credentials and can be added. ``data["password"]`` is stored encrypted."""

    domain: str
    unique_id: str
    title: str
    data: dict[str, Any]
    warnings: tuple[str, ...] = ()
