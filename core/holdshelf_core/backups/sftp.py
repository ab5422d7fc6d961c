"""A folder of another machine, by SFTP: with this recorder's own key, and only where the pinned host key is shown."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from collections.abc import AsyncIterator, Iterator
from typing import Final, Self

import asyncssh

from holdshelf_core.backups.place import CHUNK_BYTES, MOST_NAMES, Failed
from holdshelf_core.backups.types import SftpTarget

CONNECT_S: Final = 30.0
STALL_S: Final = 60.0
"""For any one answer: a chunk of a megabyte, a name."""


async def async_host_key(target: SftpTarget) -> str:
    """Return the host key that the server shows, as 'TYPE BASE64'. Raises Failed."""
    with _told(target):
        async with asyncio.timeout(CONNECT_S):
            key = await asyncssh.get_server_host_key(target.host, target.port, config=None)
    if key is None:
        raise Failed(f"{target.host} shows no host key.", "Is that an SSH server?")
    return _line(key)


class SftpPlace:
    """An SFTP session. Use it as an async context manager."""

    def __init__(self, target: SftpTarget, private_key: str) -> None:
        self._target = target
        self._pinned = asyncssh.import_public_key(target.host_key)
        self._key = asyncssh.import_private_key(private_key)
        self._stack = contextlib.AsyncExitStack()
        self._sftp: asyncssh.SFTPClient

    async def __aenter__(self) -> Self:
        with _told(self._target, _line(self._key.convert_to_public())):
            connection = await self._stack.enter_async_context(
                asyncssh.connect(
                    self._target.host,
                    self._target.port,
                    username=self._target.user,
                    client_keys=[self._key],
                    known_hosts=([self._pinned], [], []),
                    server_host_key_algs=[name.decode() for name in self._pinned.sig_algorithms],
                    preferred_auth="publickey",
                    keepalive_interval=15,
                    config=None,
                    agent_path=None,
                    connect_timeout=CONNECT_S,
                    login_timeout=CONNECT_S,
                )
            )
            async with asyncio.timeout(STALL_S):
                self._sftp = await self._stack.enter_async_context(connection.start_sftp_client())
                if self._target.folder:
                    await self._sftp.chdir(self._target.folder)
        return self

    async def __aexit__(self, *error: object) -> None:
        with contextlib.suppress(Exception):
            async with asyncio.timeout(5):
                await self._stack.aclose()

    async def names(self) -> dict[str, int]:
        """See `Place`."""
        found: dict[str, int] = {}
        with _told(self._target):
            async with asyncio.timeout(STALL_S):
                async for one in self._sftp.scandir("."):
                    if len(found) >= MOST_NAMES:
                        raise Failed(
                            f"{self._target.host} has too many files in that folder.", "Give it one of its own."
                        )
                    kind = one.attrs.permissions
                    if isinstance(one.filename, str) and (kind is None or stat.S_ISREG(kind)):
                        found[one.filename] = one.attrs.size or 0
        return found

    async def write(self, name: str, source: int) -> None:
        """See `Place`."""
        with _told(self._target):
            attributes = asyncssh.SFTPAttrs(permissions=0o600)
            async with asyncio.timeout(STALL_S):
                file = await self._sftp.open(name, "xb", attributes)
            try:
                at = 0
                while data := os.pread(source, CHUNK_BYTES, at):
                    async with asyncio.timeout(STALL_S):
                        await file.write(data, at)
                    at += len(data)
                with contextlib.suppress(asyncssh.SFTPOpUnsupported):
                    async with asyncio.timeout(STALL_S):
                        await file.fsync()
            finally:
                with contextlib.suppress(asyncssh.Error, OSError, TimeoutError):
                    async with asyncio.timeout(STALL_S):
                        await file.close()

    async def read(self, name: str, most_bytes: int) -> AsyncIterator[bytes]:
        """See `Place`."""
        with _told(self._target):
            async with asyncio.timeout(STALL_S):
                file = await self._sftp.open(name, "rb")
        at = 0
        while at <= most_bytes:
            with _told(self._target):
                async with asyncio.timeout(STALL_S):
                    data = await file.read(CHUNK_BYTES, at)
            if not data:
                break
            assert isinstance(data, bytes)
            at += len(data)
            yield data
        with contextlib.suppress(asyncssh.Error, OSError, TimeoutError):
            async with asyncio.timeout(STALL_S):
                await file.close()

    async def rename(self, old: str, new: str) -> None:
        """See `Place`."""
        with _told(self._target):
            async with asyncio.timeout(STALL_S):
                await self._sftp.rename(old, new)

    async def remove(self, name: str) -> None:
        """See `Place`."""
        with _told(self._target), contextlib.suppress(asyncssh.SFTPNoSuchFile):
            async with asyncio.timeout(STALL_S):
                await self._sftp.remove(name)


def _line(key: asyncssh.SSHKey) -> str:
    return " ".join(key.export_public_key("openssh").decode().split()[:2])


@contextlib.contextmanager
def _told(target: SftpTarget, own_key: str = "") -> Iterator[None]:
    """Say in our words what went wrong."""
    try:
        yield
    except asyncssh.HostKeyNotVerifiable:
        raise Failed(
            f"{target.host} shows another host key than the one that was pinned, so nothing was sent.",
            "If its key was changed on purpose, set the schedule up again; if not, someone may be intercepting the connection.",
        ) from None
    except asyncssh.KeyExchangeFailed:
        raise Failed(
            f"{target.host} does not show the kind of host key that was pinned, so nothing was sent.",
            "If its key was changed on purpose, set the schedule up again.",
        ) from None
    except asyncssh.PermissionDenied:
        raise Failed(
            f"{target.host} does not let this recorder's key in as {target.user}.",
            f"Add this line to that account's .ssh/authorized_keys there: restrict {own_key} holdshelf",
        ) from None
    except (asyncssh.SFTPNoSpaceOnFilesystem, asyncssh.SFTPQuotaExceeded):
        raise Failed(f"{target.host} has no room for a backup.", "Make room there.") from None
    except asyncssh.SFTPNoSuchFile:
        raise Failed(f"{target.host} has no folder {target.folder!r}.", "Create it there, or mount its disk.") from None
    except asyncssh.SFTPPermissionDenied:
        raise Failed(f"{target.user} may not write to {target.folder!r} on {target.host}.", "Allow it there.") from None
    except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection, asyncssh.ConnectionLost):
        raise Failed(f"{target.host} broke the connection off.", "It is tried again.") from None
    except asyncssh.SFTPError:
        raise Failed(f"{target.host} refused to write or read a file.", "It may be full: see to its disk.") from None
    except asyncssh.Error:
        raise Failed(f"{target.host} does not answer SFTP requests.", "See whether its SSH server runs.") from None
    except TimeoutError:
        raise Failed(
            f"{target.host} does not answer in time.", "Check that it is on and that the network works."
        ) from None
    except (OSError, UnicodeError):
        raise Failed(f"{target.host} cannot be reached.", "See whether it is on, and its SSH server runs.") from None
