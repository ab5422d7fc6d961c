"""Who is at the other end of the local socket: the kernel says (SO_PEERCRED, unix(7)) or a session's token does.

Nothing else that a request holds can claim to be someone: no header but Authorization is read, and a token that was sent
and is bad is a refusal. It must never fall back to the account that the connection comes from: sessions of the SSH
door run as the door's account, and that is nobody.
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

from holdshelf_core.api.tokens import Tokens
from holdshelf_core.caller import Caller
from holdshelf_core.errors import NotPermitted, Unavailable

_LOGGER = logging.getLogger(__name__)

_UCRED = struct.Struct("3i")
# Long enough that a busy screen asks the account data base rarely, short enough that leaving a group is soon felt.
ACCOUNT_TTL_S = 5.0
MAX_ACCOUNTS = 4096
BAD_TOKEN_LOG_EVERY_S = 60.0


class NotAuthenticated(NotPermitted):
    """Nobody knows who this is (HTTP 401)."""

    status = 401


@dataclass(frozen=True, slots=True)
class Peer:
    """A local process, by its kernel credentials when it connected."""

    pid: int
    uid: int
    gid: int


def peer_of(connection: socket.socket) -> Peer:
    """The credentials of a connected Unix socket's peer."""
    return Peer(*_UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)))


@dataclass(frozen=True, slots=True)
class Account:
    """What the account data base says of a uid. ``member``: of the socket's group."""

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
    """The number that the kernel shows for an account that it cannot name here."""
    try:
        return int(Path("/proc/sys/kernel/overflowuid").read_text())
    except (OSError, ValueError):
        return 65534


class Accounts:
    """The account data base, asked in a thread (it may be a network directory) and remembered for some seconds."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], tuple[float, Account]] = {}

    async def async_get(self, uid: int, socket_gid: int) -> Account:
        """The account of a uid."""
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
    """Makes the ``Caller`` of each request. Methods run on the loop.

    ``person_by_account``: the person who is an account of this machine, or None. ``door``: there is an SSH door, whose
    account must never count as an administrator, also before it has said which one it is.
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
        """Set by the mint socket, from the kernel's word on who writes there."""
        self.accounts = Accounts()
        self._own_uid = os.getuid()
        self._overflow_uid = overflow_uid()
        self._bad_token_told = -BAD_TOKEN_LOG_EVERY_S

    async def async_caller(self, request: web.Request) -> Caller:
        """Who asks. Raises NotAuthenticated, NotPermitted."""
        transport = request.transport
        if transport is None:
            raise Unavailable("The connection is gone.")
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
        raise NotAuthenticated("This session is not known here, or it has ended.", "Log in again.")

    async def async_local(self, peer: Peer) -> Caller:
        """Who a local process is by its account alone. Raises NotAuthenticated, NotPermitted."""
        uid = peer.uid
        ours = uid in (0, self._own_uid)
        if not ours and uid == self.door_uid:
            raise NotAuthenticated("The SSH door speaks here only with the token of a session.", "Log in over SSH.")
        account = await self.accounts.async_get(uid, self.socket_gid)
        session = f"local-{uid}-{peer.pid}"
        # An account that the kernel or the data base cannot name is nobody: a person is never found by a number.
        nameable = account.known and uid != self._overflow_uid and not ours
        person = self._person_by_account(account.name) if nameable else None
        if person is not None:
            return Caller(person, admin=False, uid=uid, via="local", session=session, account=account.name)
        member = uid != self._overflow_uid and (account.member or peer.gid == self.socket_gid)
        if member and self.door and self.door_uid is None:
            # Until the door has spoken, any member of the group might be one of its sessions.
            member = False
        if ours or member:
            return Caller(None, admin=True, uid=uid, via="local", session=session, account=account.name)
        raise NotPermitted(
            f"The account {account.name} may not administer this service.", "Ask for its group, or use sudo."
        )

    async def async_still_admin(self, uid: int) -> None:
        """Whether an account that was an administrator's still is. Raises NotPermitted."""
        if uid in (0, self._own_uid):
            return
        account = await self.accounts.async_get(uid, self.socket_gid)
        if uid == self.door_uid or not account.member:
            raise NotPermitted(f"The account {account.name} may not administer this service any more.")
