"""Identifies the other end of the local socket: by kernel credentials (SO_PEERCRED, unix(7)) or by a session token.

Nothing else in a request can claim an identity: no header but Authorization is read, and an invalid token is a refusal. It must
never fall back to the connecting account: sessions over SSH run as the door's account, which is nobody.
"""

from __future__ import annotations

import asyncio
import grp
import logging
import os
import pwd
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from holdshelf_core.actions.caller import Caller
from holdshelf_core.api.tokens import Tokens
from holdshelf_core.errors import NotPermitted, Unavailable

_LOGGER = logging.getLogger(__name__)

_UCRED = struct.Struct("3i")
# Long enough that a busy screen rarely queries the account database, short enough that leaving a group takes effect soon.
ACCOUNT_TTL_S = 5.0
MAX_ACCOUNTS = 4096
BAD_TOKEN_LOG_EVERY_S = 60.0


class NotAuthenticated(NotPermitted):
    """The caller is unknown (HTTP 401)."""

    status = 401


@dataclass(frozen=True, slots=True)
class Peer:
    """A local process, by its kernel credentials at connect time."""

    pid: int
    uid: int
    gid: int


def peer_of(connection: socket.socket) -> Peer:
    """Return the credentials of a connected Unix socket's peer."""
    return Peer(*_UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)))


@dataclass(frozen=True, slots=True)
class Account:
    """A uid's entry in the account database. ``member``: of the socket's group."""

    name: str
    member: bool
    known: bool


def _look_up(uid: int, socket_gid: int) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return Account(str(uid), member=False, known=False)
    try:
        member = entry.pw_gid == socket_gid or entry.pw_name in grp.getgrgid(socket_gid).gr_mem
    except KeyError:
        member = entry.pw_gid == socket_gid
    return Account(entry.pw_name, member, known=True)


def overflow_uid() -> int:
    """Return the uid that the kernel shows for an account that it cannot map here."""
    try:
        return int(Path("/proc/sys/kernel/overflowuid").read_text())
    except (OSError, ValueError):
        return 65534


class Accounts:
    """The account database, queried in a thread (it may be a network directory) and cached for some seconds."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], tuple[float, Account]] = {}

    async def async_get(self, uid: int, socket_gid: int) -> Account:
        """Return the account of a uid."""
        key, now = (uid, socket_gid), time.monotonic()
        found = self._known.get(key)
        if found is not None and now - found[0] < ACCOUNT_TTL_S:
            return found[1]
        account = await asyncio.to_thread(_look_up, uid, socket_gid)
        if len(self._known) >= MAX_ACCOUNTS:
            self._known.clear()
        self._known[key] = (now, account)
        return account


class Identity:
    """Creates the ``Caller`` of each request. Methods run on the loop.

    ``person_by_account`` returns the person with that local account, or None. ``door``: there is an SSH door, whose account must
    never count as an administrator, even before it has identified itself.
    """

    def __init__(
        self,
        tokens: Tokens,
        person_by_account: Callable[[str], str | None],
        *,
        socket_gid: int,
        door: bool = False,
    ) -> None:
        self._tokens = tokens
        self._person_by_account = person_by_account
        self.socket_gid = socket_gid
        self.door = door
        self.door_uid: int | None = None
        """Set by the mint socket, from the kernel credentials of the process that writes there."""
        self.accounts = Accounts()
        self._own_uid = os.getuid()
        self._overflow_uid = overflow_uid()
        self._bad_token_told = -BAD_TOKEN_LOG_EVERY_S

    async def async_caller(self, request: web.Request) -> Caller:
        """Return the caller of a request. Raises NotAuthenticated, NotPermitted."""
        transport = request.transport
        if transport is None:
            raise Unavailable("The connection was closed.")
        peer = peer_of(transport.get_extra_info("socket"))
        sent = request.headers.getall("Authorization", None)
        if sent is not None:
            return self._by_token(sent, peer)
        return await self.async_local(peer)

    def _by_token(self, sent: list[str], peer: Peer) -> Caller:
        scheme, _, token = sent[0].partition(" ")
        if len(sent) == 1 and scheme.lower() == "bearer":
            session = self._tokens.check(token.strip(), peer.uid)
            if session is not None:
                return session.caller
        now = time.monotonic()
        if now - self._bad_token_told >= BAD_TOKEN_LOG_EVERY_S:
            self._bad_token_told = now
            _LOGGER.warning("account %d sent a token that is not known (told once a minute)", peer.uid)
        raise NotAuthenticated("This session is unknown or has ended.", "Log in again.")

    async def async_local(self, peer: Peer) -> Caller:
        """Return the caller for a local process by its account alone. Raises NotAuthenticated, NotPermitted."""
        uid = peer.uid
        ours = uid in (0, self._own_uid)
        if not ours and uid == self.door_uid:
            raise NotAuthenticated("The SSH door may do this only with a session's token.", "Log in over SSH.")
        account = await self.accounts.async_get(uid, self.socket_gid)
        session = f"local-{uid}-{peer.pid}"
        # An account that the kernel or the account database cannot name is nobody: a person is never found by number.
        nameable = account.known and uid != self._overflow_uid and not ours
        person = self._person_by_account(account.name) if nameable else None
        if person is not None:
            return Caller(person, admin=False, uid=uid, via="local", session=session, account=account.name)
        member = uid != self._overflow_uid and (account.member or peer.gid == self.socket_gid)
        if member and self.door and self.door_uid is None:
            # Until the door has identified itself, any member of the group might be one of its sessions.
            member = False
        if ours or member:
            return Caller(None, admin=True, uid=uid, via="local", session=session, account=account.name)
        raise NotPermitted(
            f"The account {account.name} may not administer this service.", "Ask for its group, or use sudo."
        )

    async def async_still_admin(self, uid: int) -> None:
        """Check that an administrator's account still is one. Raises NotPermitted."""
        if uid in (0, self._own_uid):
            return
        account = await self.accounts.async_get(uid, self.socket_gid)
        if uid == self.door_uid or not account.member:
            raise NotPermitted(f"The account {account.name} may not administer this service any more.")
