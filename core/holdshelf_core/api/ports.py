"""What the API needs from the service, as protocols. The API asks, and never decides itself what someone may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from holdshelf_core.actions.caller import Caller
from holdshelf_core.acts import Read


@dataclass(frozen=True, slots=True)
class Login:
    """The result of a login: person id and name. ``admin``: not a person; ``person`` is then ``admin``.

    ``limited``: why only holds can be placed now, in a sentence; '' when not limited.
    """

    person: str
    name: str
    admin: bool = False
    limited: str = ""


@dataclass(frozen=True, slots=True)
class PictureAnswer:
    """A picture cleared for sending: JPEG bytes, and the answer's ``Holdshelf-…`` headers."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "image/jpeg"


class HasReads(Protocol):
    """All reads that can be answered."""

    @property
    def reads(self) -> Mapping[type[Read[Any]], object]:
        """Return the readers by request type."""
        ...


class Authorizer(Protocol):
    """``holdshelf_core.actions.authorizer.Authorizer`` as the API uses it."""

    async def async_act(self, name: str, caller: Caller, body: bytes) -> bytes:
        """Run an action: JSON in, JSON out. Raises HoldshelfError."""
        ...

    async def async_read[A](self, request: Read[A], caller: Caller) -> A:
        """Return the answer to a read. Raises HoldshelfError."""
        ...

    async def async_may_speak(self, caller: Caller) -> str | None:
        """Return why this person has lost standing, in a sentence; '' or None when they have it."""
        ...

    def may_read(self, request: type[Read[Any]], caller: Caller, camera: str | None = None) -> bool:
        """Return whether this caller may make that read, for that camera if given."""
        ...

    def check_may_read(self, request: type[Read[Any]], caller: Caller, camera: str | None = None) -> None:
        """Raise Refused when this caller may not make that read, NotPermitted when only the admin may."""
        ...

    @property
    def registry(self) -> HasReads:
        """Return the registry of actions and reads."""
        ...


class Logins(Protocol):
    """``holdshelf_core.people.logins.Logins`` as the API uses it."""

    async def async_login(self, login: str, fingerprint: str, source: str, *, resumed: bool = False) -> Login:
        """Return who logs in with that name and key; a seat's name means its holder. Raises Refused, after logging it.

        ``resumed``: the session was open before the service was restarted.
        """
        ...

    async def async_failed_logins(self, sources: Mapping[str, int], total: int) -> None:
        """Log failed login attempts of strangers. Raises HoldshelfError."""
        ...

    def person_by_account(self, account: str) -> str | None:
        """Return the person with that local account, even one who left, as leaving must not make them an admin."""
        ...

    def knows_key(self, person: str, fingerprint: str) -> bool:
        """Return whether that key still belongs to the person."""
        ...

    def knows_admin_key(self, fingerprint: str) -> bool:
        """Return whether that key belongs to an admin."""
        ...


class PictureSource(Protocol):
    """Source of pictures of open looks: it authorizes and logs each picture before it is sent."""

    async def async_picture(self, what: str, caller: Caller, query: Mapping[str, str]) -> PictureAnswer:
        """Return one picture of an open look. Raises HoldshelfError."""
        ...
