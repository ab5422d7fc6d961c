"""The identity behind a request. Created by the API from kernel credentials or a token, never from the request's own claims."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """One identity for one request. ``person`` is a register id; ``admin`` is a local administrator, who is not a person."""

    person: str | None
    admin: bool
    uid: int
    via: str
    """``ssh`` | ``local`` | ``service``."""
    source: str = ""
    """Network address of an SSH client; '' for a local caller."""
    session: str = ""
    account: str = ""
    """Name of the local account, for a local caller."""

    @property
    def who(self) -> str:
        """Return the caller's name in the access log."""
        return self.person or ("admin" if self.admin else "service" if self.via == "service" else "nobody")


SERVICE = Caller(person=None, admin=False, uid=0, via="service")
"""The service itself: expiries, sweeps, replays."""
