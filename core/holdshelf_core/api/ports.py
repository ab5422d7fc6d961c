"""What the API needs of the house behind it, by shape. It asks, and never decides by itself what someone may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from holdshelf_core.caller import Caller


@dataclass(frozen=True, slots=True)
class Login:
    """Who a log-in turned out to be: person id and name. ``admin``: no person, and ``person`` says ``admin``."""

    person: str
    name: str
    admin: bool = False


@dataclass(frozen=True, slots=True)
class PictureAnswer:
    """A picture that may leave: JPEG bytes, and what the answer's headers say of it (``Holdshelf-…``)."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "image/jpeg"


class Gate(Protocol):
    """``holdshelf_core.gate.Gate`` as the API meets it."""

    async def async_act(self, name: str, caller: Caller, body: bytes) -> bytes:
        """Do an action: JSON in, JSON out. Raises HoldshelfError."""
        ...

    async def async_may_speak(self, caller: Caller) -> str | None:
        """'' or None: fine. Else the sentence why this person has no standing any more."""
        ...

    async def async_login(self, login: str, fingerprint: str, source: str, *, resumed: bool = False) -> Login:
        """Who logs in with that name and key; a seat's name is its holder. Raises Refused, which is logged there.

        ``resumed``: the session was open before the service was restarted.
        """
        ...

    async def async_failed_logins(self, sources: Mapping[str, int], total: int) -> None:
        """Write down that strangers tried. Raises HoldshelfError."""
        ...

    def key_is_known(self, fingerprint: str) -> bool:
        """Whether that key is, or was until they left, one of anybody's."""
        ...

    def person_by_account(self, account: str) -> str | None:
        """The person who is that account of this machine: also one who left, who must not become an admin by leaving."""
        ...

    def knows_key(self, person: str, fingerprint: str) -> bool:
        """Whether that key is still one of the person's."""
        ...

    def knows_admin_key(self, fingerprint: str) -> bool:
        """Whether an admin comes in with that key."""
        ...

    def view_allowed(self, name: str, caller: Caller, camera: str | None = None) -> bool:
        """Whether this caller may see that view (``status``, ``footage`` …), of that camera where one is named."""
        ...


class PictureSource(Protocol):
    """Where pictures of open looks come from: each one is judged, and written down before it leaves, behind this."""

    async def async_picture(self, what: str, caller: Caller, query: Mapping[str, str]) -> PictureAnswer:
        """One picture of an open look. Raises HoldshelfError."""
        ...
