"""Who is at the other end of the local socket: the kernel says, nobody claims (SO_PEERCRED, unix(7))."""

from __future__ import annotations

import grp
import os
import pwd
import socket
import struct
from dataclasses import dataclass

from holdshelf_core.errors import NotPermitted

_UCRED = struct.Struct("3i")


@dataclass(frozen=True, slots=True)
class Peer:
    """A local process, by its kernel credentials when it connected."""

    pid: int
    uid: int
    gid: int

    @property
    def name(self) -> str:
        """The account's name, or its number."""
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return str(self.uid)


def peer_of(connection: socket.socket) -> Peer:
    """The credentials of a connected Unix socket's peer."""
    return Peer(*_UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)))


def check_admin(peer: Peer, socket_gid: int) -> None:
    """Only root, the service's own account and members of the socket's group may speak. Raises NotPermitted."""
    if peer.uid in (0, os.getuid()) or peer.gid == socket_gid:
        return
    try:
        account = pwd.getpwuid(peer.uid)
        if account.pw_name in grp.getgrgid(socket_gid).gr_mem:
            return
    except KeyError:
        pass
    raise NotPermitted(f"The account {peer.name} may not administer this service.", "Ask for its group, or use sudo.")
