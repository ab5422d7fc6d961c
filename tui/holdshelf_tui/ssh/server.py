"""The door itself: listens, knows everybody who is inside, and goes on when the service behind it does not."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import signal
import socket
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import asyncssh
from asyncssh.encryption import get_encryption_algs
from asyncssh.kex import get_kex_algs
from asyncssh.mac import get_mac_algs

from holdshelf_core.api.basics import VERSION
from holdshelf_core.api.errors import Conflict, HoldshelfError, Unavailable, UnknownKey
from holdshelf_core.api.rate_limit import RateLimit
from holdshelf_tui.ssh import algorithms, limits
from holdshelf_tui.ssh.children.fork_server import Children
from holdshelf_tui.ssh.confined import confine
from holdshelf_tui.ssh.connection import DoorConnection
from holdshelf_tui.ssh.host_key import HostKey
from holdshelf_tui.ssh.link import ServiceLink
from holdshelf_tui.ssh.porch import Porch
from holdshelf_tui.ssh.visit import Identity, Visit
from holdshelf_tui.text.time_format import NS

_LOGGER = logging.getLogger(__name__)

TELL_EVERY_S = 5.0
ENROLLED_MOST = 1024
STOPPING = "Holdshelf is being stopped. Log in again later."
STOP_S, LAST_S = 2.5, 8


@dataclass(frozen=True, slots=True)
class Settings:
    """``address`` '': all of them."""

    data: str
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
        self.porch: Porch
        """From where on it listens."""
        self._enrolled: dict[str, None] = {}
        """Fingerprints that the service knew, the latest last."""
        self._keys = RateLimit(limits.KEY_AT_ONCE, limits.KEY_PER_S)
        self._waiting: Counter[str] = Counter()
        self._refusals = RateLimit(limits.REFUSALS_AT_ONCE, limits.REFUSALS_PER_S)
        self._failures = RateLimit(limits.FAILURES_AT_ONCE, limits.FAILURES_PER_S)
        self._told_stuck = False
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
        listening = _listen(self._settings.address, self._settings.port)
        self.link.confined = confine()
        self.link.start()
        options = await self._options()
        if options is None:
            listening.close()
            await self._async_close()
            return
        self.porch = Porch(listening, lambda link, network: self._admit(link, network, options), self.strangers.room)
        self.porch.open()
        _LOGGER.info("the SSH door listens on port %d", listening.getsockname()[1])
        telling = loop.create_task(self._tell_failures(), name="failures")
        try:
            await self._stop.wait()
        finally:
            self.stopping = True
            self.porch.close()
            telling.cancel()
            await self._async_close()

    async def _options(self) -> Any:
        """Of every connection, once a service has told the host key; None when the door is to end before that."""
        host_key = asyncio.ensure_future(self.link.async_host_key())
        stopping = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait({host_key, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if host_key.done():
            return _options(host_key.result())
        host_key.cancel()
        return None

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

    def _admit(self, link: socket.socket, network: str, options: Any) -> None:
        """Its turn in the porch has come: from here on the door speaks SSH with it."""
        self.children.warm()
        place = self.strangers.expect(network, known=self.porch.knows(network))
        self._spawn(self._meet(link, place, options), "meet")

    async def _meet(self, link: socket.socket, place: limits.Expected, options: Any) -> None:
        loop = asyncio.get_running_loop()

        def made() -> DoorConnection:
            connection = DoorConnection(loop, options, self)
            connection.place = place
            return connection

        try:
            await loop.connect_accepted_socket(made, link)
        except OSError:
            link.close()  # gone meanwhile
        finally:
            self.strangers.forget(place)

    def opened(self, connection: DoorConnection) -> None:
        """Count one more connection."""
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

    def failed(self, connection: DoorConnection) -> bool:
        """A key was shown that does not open the door. Whether that is worth an answer now, or this address has to wait."""
        self.failures.count(connection.network)
        return not self._failures.take(connection.network, _now_ns())

    async def async_may_ask(self, who: Identity) -> bool:
        """Whether that key, which has signed, is no faster than a person or a script.

        A script that logs in one time after the other is slowed to the pace of its key. Only log-ins beside others are refused.
        """
        fingerprint = who.fingerprint
        wait_s = self._keys.take(fingerprint, _now_ns())
        if not wait_s:
            return True
        if self._waiting[fingerprint] < limits.KEY_WAITING_MOST:
            self._waiting[fingerprint] += 1
            try:
                while wait_s:
                    await asyncio.sleep(wait_s)
                    wait_s = self._keys.take(fingerprint, _now_ns())
            finally:
                self._waiting[fingerprint] -= 1
                self._waiting += Counter()  # a count of zero is no entry
            return True
        if fingerprint in self._enrolled:
            self.porch.proved(limits.network_of(who.source), fingerprint)
        return False

    def _is_enrolled(self, who: Identity) -> None:
        """The service knows that key, whatever else it says."""
        self._enrolled.pop(who.fingerprint, None)
        self._enrolled[who.fingerprint] = None
        while len(self._enrolled) > ENROLLED_MOST:
            del self._enrolled[next(iter(self._enrolled))]
        self.porch.proved(limits.network_of(who.source), who.fingerprint)

    async def _tell_failures(self) -> None:
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            self.failures.tell()
            due = self.failures.take_for_log()
            if due is not None:
                await self.link.async_failed(*due)
            await self._tell_stuck()

    async def _tell_stuck(self) -> None:
        """To each service anew: it knows of nothing when it starts."""
        if self.children.is_stuck or self._told_stuck:
            stuck = self.children.is_stuck
            if await self.link.async_stuck(stuck):
                self._told_stuck = stuck

    # --- visits -----------------------------------------------------------------------------------------------------

    async def async_visit(self, who: Identity) -> tuple[Visit | None, str]:
        """For a signature that has verified: a visit, or the sentence why not. Raises UnknownKey, Unavailable."""
        same = sum(visit.identity.fingerprint == who.fingerprint for visit in self._visits)
        if same >= limits.SESSIONS_PER_PERSON:
            # Not asked of the service: each log-in is in the access log for ever.
            self._is_enrolled(who)
            return None, _have_enough(same)
        try:
            minted = await self.link.async_mint(who.signed, who.source)
        except (UnknownKey, Unavailable):
            raise
        except HoldshelfError as error:
            self._is_enrolled(who)
            return None, str(error)
        self._is_enrolled(who)
        enough = self._too_many(minted.person)
        if enough:
            await self.link.async_end(minted.session)
            return None, enough
        visit = Visit(who, minted, self.link)
        self._visits.add(visit)
        self._nobody.clear()
        return visit, ""

    def _too_many(self, person: str) -> str:
        """Why that person may not come in once more, in a sentence; '' when they may."""
        mine = sum(visit.person == person for visit in self._visits)
        if mine >= limits.SESSIONS_PER_PERSON:
            return _have_enough(mine)
        if len(self._visits) >= limits.VISITS_MOST - (limits.KEPT_FREE if mine else 0):
            return f"{len(self._visits)} log-ins are open, which is the limit. Try again later."
        return ""

    def more_sessions(self, visit: Visit) -> bool:
        """Whether one more process may run for that visit: the last ones are for people for whom none runs."""
        busy = any(other.busy for other in self._visits if other.person == visit.person)
        return self.running < limits.SESSIONS_MOST - (limits.KEPT_FREE if busy else 0)

    def may_be_told(self, who: Identity) -> bool:
        """Whether a refusal of that key is worth a channel; a key that is refused again and again has to wait."""
        return not self._refusals.take(who.fingerprint, _now_ns())

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


def _now_ns() -> int:
    return int(time.monotonic() * NS)


def _have_enough(mine: int) -> str:
    return f"You have {mine} sessions open, which is the limit for one person. Close one, then log in again."


def _options(host_key: bytes) -> Any:
    return asyncssh.SSHServerConnectionOptions(
        server_factory=asyncssh.SSHServer,
        server_host_keys=[HostKey(host_key)],
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
            backlog=limits.BACKLOG,
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
