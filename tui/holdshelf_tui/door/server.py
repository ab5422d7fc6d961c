"""The door itself: listens, knows everybody who is inside, and goes on when the service behind it does not."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import signal
import socket
from dataclasses import dataclass
from typing import Any

import asyncssh
from asyncssh.encryption import get_encryption_algs
from asyncssh.kex import get_kex_algs
from asyncssh.mac import get_mac_algs

from holdshelf_core.api.basics import VERSION
from holdshelf_core.api.errors import Conflict, HoldshelfError, Refused, Unavailable, UnknownKey
from holdshelf_tui.door import algorithms, limits
from holdshelf_tui.door.children import Children
from holdshelf_tui.door.connection import DoorConnection
from holdshelf_tui.door.link import ServiceLink
from holdshelf_tui.door.visit import Identity, Visit

_LOGGER = logging.getLogger(__name__)

BACKLOG = 128
TELL_EVERY_S = 5.0
STOPPING = "Holdshelf is being stopped. Log in again later."
STOP_S, LAST_S = 2.5, 8


@dataclass(frozen=True, slots=True)
class Settings:
    """``address`` '': all of them. ``host_key``: PEM, as it lies on disk."""

    data: str
    host_key: bytes
    port: int
    address: str = ""


class Door:
    """One door. ``async_run`` returns when it was told to stop, or when the supervisor has gone."""

    def __init__(self, settings: Settings, control: socket.socket) -> None:
        self._settings = settings
        self.data = settings.data
        self.children = Children()
        self.strangers = limits.Strangers()
        self.failures = limits.Failures(lambda words: _LOGGER.warning("%s", words))
        self.running = 0
        """Processes of sessions."""
        self.stopping = False
        self._connections: set[DoorConnection] = set()
        self._visits: set[Visit] = set()
        self._nobody = asyncio.Event()
        self._nobody.set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._stop = asyncio.Event()
        self.link = ServiceLink(
            control,
            on_up=self._service_back,
            on_away=self._service_away,
            on_gone=self._session_gone,
            on_closed=self.stop,
        )

    # --- life -----------------------------------------------------------------------------------------------------

    async def async_run(self) -> None:
        """Serve. Raises Conflict, Unavailable when it cannot listen."""
        loop = asyncio.get_running_loop()
        options = _options(self._settings.host_key)
        listening = _listen(self._settings.address, self._settings.port)

        self.link.start()
        await self.children.async_warm()
        server = await loop.create_server(lambda: DoorConnection(loop, options, self), sock=listening, backlog=BACKLOG)
        _LOGGER.info("the SSH door listens on port %d", listening.getsockname()[1])
        telling = loop.create_task(self._tell_failures(), name="failures")
        try:
            await self._stop.wait()
        finally:
            self.stopping = True
            server.close()
            telling.cancel()
            await self._async_close()

    def stop(self) -> None:
        """Have ``async_run`` end."""
        self._stop.set()

    async def _async_close(self) -> None:
        for visit in tuple(self._visits):
            visit.end(STOPPING)
        # A loop that hangs from here on, or a child that nobody may end, does not keep the supervisor waiting.
        signal.alarm(LAST_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                await self._nobody.wait()
        for connection in tuple(self._connections):
            connection.hang_up()
        with contextlib.suppress(TimeoutError):
            await self.children.async_close()
        await self.link.async_close()
        for task in tuple(self._tasks):
            task.cancel()

    def _spawn(self, coro: Any, name: str) -> None:
        task = asyncio.get_running_loop().create_task(coro, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOGGER.error("%s failed", task.get_name(), exc_info=error)

    # --- connections ------------------------------------------------------------------------------------------------

    def opened(self, connection: DoorConnection) -> None:
        """One more."""
        self._connections.add(connection)
        self.strangers.connections = len(self._connections)

    def closed(self, connection: DoorConnection) -> None:
        """One fewer; a stranger's that never logged in counts as a failure once it had tried."""
        self._connections.discard(connection)
        self.strangers.connections = len(self._connections)
        self.strangers.forget(connection)
        visit = connection.visit
        if visit is not None:
            self._leave(visit)
        elif not connection.refusal:
            self.failures.count(connection.network)

    def failed(self, connection: DoorConnection) -> None:
        """A key was shown that does not open the door."""
        self.failures.count(connection.network)

    async def _tell_failures(self) -> None:
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            self.failures.tell()
            due = self.failures.take_for_log()
            if due is not None:
                await self.link.async_failed(*due)

    # --- visits -----------------------------------------------------------------------------------------------------

    async def async_visit(self, who: Identity) -> tuple[Visit | None, str]:
        """For a signature that has verified: a visit, or the sentence why not. Raises UnknownKey, Unavailable."""
        try:
            minted = await self.link.async_mint(who.login, who.fingerprint, who.source)
        except (UnknownKey, Unavailable):
            raise
        except Refused as refusal:
            return None, str(refusal)
        except HoldshelfError as error:
            return None, str(error)
        mine = sum(visit.person == minted.person for visit in self._visits)
        if mine >= limits.SESSIONS_PER_PERSON:
            await self.link.async_end(minted.session)
            return None, (
                f"You have {mine} sessions open, which is the most one person may have. Close one, then log in again."
            )
        visit = Visit(who, minted, self.link)
        self._visits.add(visit)
        self._nobody.clear()
        return visit, ""

    def abandon(self, done: asyncio.Future[tuple[Visit | None, str]]) -> None:
        """The client had gone before the answer came."""
        if done.cancelled() or done.exception() is not None:
            return
        visit, _ = done.result()
        if visit is not None:
            self._leave(visit)

    def _leave(self, visit: Visit) -> None:
        self._visits.discard(visit)
        if not self._visits:
            self._nobody.set()
        self._spawn(visit.async_leave(), "leave")

    def _session_gone(self, session: str, reason: str) -> None:
        for visit in tuple(self._visits):
            if visit.session == session:
                visit.end(reason or "The session has ended.")

    def _service_away(self) -> None:
        for visit in tuple(self._visits):
            visit.away()

    async def _service_back(self) -> None:
        await asyncio.gather(*(visit.async_resume() for visit in tuple(self._visits)))


def _options(host_key: bytes) -> Any:
    return asyncssh.SSHServerConnectionOptions(
        server_factory=asyncssh.SSHServer,
        server_host_keys=[asyncssh.import_private_key(host_key)],
        server_version=f"Holdshelf_{VERSION}",
        config=[],
        x509_trusted_certs=None,
        kex_algs=algorithms.known(algorithms.KEX, get_kex_algs()),
        encryption_algs=algorithms.known(algorithms.CIPHERS, get_encryption_algs()),
        mac_algs=algorithms.known(algorithms.MACS, get_mac_algs()),
        signature_algs=list(algorithms.SIGNATURES),
        compression_algs=["none"],
        public_key_auth=True,
        password_auth=False,
        kbdint_auth=False,
        host_based_auth=False,
        gss_host=None,
        allow_pty=True,
        line_editor=False,
        agent_forwarding=False,
        x11_forwarding=False,
        encoding=None,
        login_timeout=limits.LOGIN_GRACE_S,
        keepalive_interval=limits.KEEPALIVE_S,
        keepalive_count_max=limits.KEEPALIVE_COUNT,
    )


def _listen(address: str, port: int) -> socket.socket:
    """A listening socket; for all addresses one that takes IPv4 and IPv6. Raises Conflict, Unavailable."""
    family = socket.AF_INET6 if ":" in address or (not address and socket.has_dualstack_ipv6()) else socket.AF_INET
    try:
        return socket.create_server(
            (address, port),
            family=family,
            backlog=BACKLOG,
            dualstack_ipv6=not address and family == socket.AF_INET6,
        )
    except socket.gaierror:
        raise Unavailable(f"The SSH door cannot listen at {address!r}.", "Give an address of this machine.") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Conflict(
                f"The SSH door cannot listen on port {port}: another program does.", "Give another with --door-port."
            ) from None
        raise Unavailable(
            f"The SSH door cannot listen on port {port} of {address or 'this machine'}: {error.strerror}."
        ) from None
