"""Who asks. Made by the API from the kernel's word or a token, never from anything that a request says of itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """One identity for one request. ``person`` is a register id; ``admin`` is a local administrator, who is no person."""

    person: str | None
    admin: bool
    uid: int
    via: str
    """``ssh`` | ``local`` | ``service``."""
    source: str = ""
    """Network address of an SSH client; '' for a local one."""
    session: str = ""
    account: str = ""
    """Name of the local account, for a local caller."""

    @property
    def who(self) -> str:
        """As the access log names them."""
        return self.person or ("admin" if self.admin else "service" if self.via == "service" else "nobody")


SERVICE = Caller(person=None, admin=False, uid=0, via="service")
"""The service itself: ends of rights, sweeps, replays."""
