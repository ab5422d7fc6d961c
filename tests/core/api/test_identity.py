"""Whom a local account is taken for. The account data base is this machine's own."""

from __future__ import annotations

import os
import pwd

import pytest

from holdshelf_core.api.identity import Identity, NotAuthenticated, Peer, overflow_uid
from holdshelf_core.api.tokens import Tokens
from holdshelf_core.errors import NotPermitted

DAEMON = pwd.getpwnam("daemon")
MEMBER = Peer(pid=7, uid=DAEMON.pw_uid, gid=DAEMON.pw_gid)
"""An account in the socket's group, as the tests below set it."""


def identity(people: dict[str, str] | None = None, *, door: bool = False, gid: int = DAEMON.pw_gid) -> Identity:
    known = people or {}
    return Identity(Tokens(lambda: 1), known.get, socket_gid=gid, door=door)


async def test_root_and_the_services_own_account_are_the_admin() -> None:
    for uid in (0, os.getuid()):
        caller = await identity(gid=1 << 20).async_local(Peer(7, uid, 1 << 21))
        assert (caller.admin, caller.person, caller.via) == (True, None, "local")


async def test_root_is_nobodys_account_whatever_the_register_says() -> None:
    caller = await identity({"root": "p1", pwd.getpwuid(os.getuid()).pw_name: "p1"}).async_local(Peer(7, 0, 0))
    assert caller.admin
    assert caller.person is None


async def test_a_member_of_the_sockets_group_is_the_admin_unless_they_are_a_person() -> None:
    assert (await identity().async_local(MEMBER)).admin
    caller = await identity({"daemon": "p3"}).async_local(MEMBER)
    assert (caller.person, caller.admin, caller.account) == ("p3", False, "daemon")


async def test_an_account_outside_the_group_is_refused() -> None:
    with pytest.raises(NotPermitted, match="daemon may not administer"):
        await identity(gid=1 << 20).async_local(MEMBER)


async def test_the_doors_account_is_nobody_without_a_token_although_it_is_in_the_group() -> None:
    known = identity({"daemon": "p3"}, door=True)
    known.door_uid = DAEMON.pw_uid
    with pytest.raises(NotAuthenticated, match="session's token"):
        await known.async_local(MEMBER)
    with pytest.raises(NotPermitted):
        await known.async_still_admin(DAEMON.pw_uid)


async def test_until_the_door_has_said_which_account_it_is_no_group_member_is_the_admin() -> None:
    known = identity(door=True)
    with pytest.raises(NotPermitted):
        await known.async_local(MEMBER)
    known.door_uid = 65_000
    assert (await known.async_local(MEMBER)).admin


async def test_a_number_that_the_kernel_or_the_data_base_cannot_name_is_nobody() -> None:
    overflow = overflow_uid()
    name = pwd.getpwuid(overflow).pw_name
    for uid in (overflow, 3_999_999_999):
        with pytest.raises(NotPermitted):
            await identity({name: "p1", str(uid): "p1"}, gid=1 << 20).async_local(Peer(7, uid, overflow))
    with pytest.raises(NotPermitted):
        await identity(gid=overflow).async_local(Peer(7, overflow, overflow))
