"""The door's line to the service: who somebody is, and whether they may come in, is asked here and decided there.

The supervisor hands over an end of a new socket pair whenever a service is started. Between two services questions wait a while.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from holdshelf_core.api.errors import HoldshelfError, Unavailable
from holdshelf_core.api.session_types import DoorConfined, Minted
from holdshelf_core.api.ssh.link import DoorLink

_LOGGER = logging.getLogger(__name__)

# Shorter than the time that a client has for its whole log-in.
WAIT_S = 10.0
# Somebody is inside, whose keys are exchanged anew while the service is started again.
REKEY_WAIT_S = 60.0
HELLO_AGAIN_S = 1.0
AWAY = "The recording service is restarting; your screen comes back in a moment."


@dataclass(frozen=True, slots=True)
class Signed:
    """What a client signed, as the service verifies it: id of the SSH session, the request up to its signature, the signature."""

    session: bytes
    request: bytes
    signature: bytes


class ServiceLink:
    """The living link, and the wait for one.

    ``control``: where the supervisor sends each new end; None when it closes is ``on_closed``. ``on_up`` and ``on_away`` are told
    when a service is there and when it is gone; ``on_gone(session, reason)`` when it ended one session.
    """

    def __init__(
        self,
        control: socket.socket,
        *,
        on_up: Callable[[], Awaitable[None]],
        on_away: Callable[[], None],
        on_gone: Callable[[str, str], None],
        on_closed: Callable[[], None],
    ) -> None:
        control.setblocking(False)
        self.confined: DoorConfined | None = None
        """What the door tells each service of the bounds that it is in."""
        self._control = control
        self._on_up, self._on_away, self._on_gone, self._on_closed = on_up, on_away, on_gone, on_closed
        self._link: DoorLink | None = None
        self._up = asyncio.Event()
        self._host_key: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._serving: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Listen for ends of new pairs."""
        asyncio.get_running_loop().add_reader(self._control, self._handed)

    def _handed(self) -> None:
        try:
            raw, fds, _flags, _address = socket.recv_fds(self._control, 64, 4)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            raw, fds = b"", []
        for fd in fds[:-1]:
            socket.close(fd)
        if fds:
            previous = self._serving
            self._serving = asyncio.create_task(self._serve(socket.socket(fileno=fds[-1]), previous), name="link")
        elif not raw:
            asyncio.get_running_loop().remove_reader(self._control)
            self._on_closed()

    async def _serve(self, end: socket.socket, previous: asyncio.Task[None] | None) -> None:
        """One service's life, from its hello until it closes its end."""
        if previous is not None:
            previous.cancel()
            await asyncio.gather(previous, return_exceptions=True)
        link = DoorLink(end, self._on_gone)
        reading = asyncio.create_task(link.async_run(), name="link-read")
        ready: asyncio.Task[None] | None = None
        try:
            if not await self._hello(link, reading):
                return
            self._link = link
            self._up.set()
            ready = asyncio.create_task(self._tell_up(), name="link-up")
            await reading
        finally:
            self._link = None
            was_up = self._up.is_set()
            self._up.clear()
            for task in (reading, ready):
                if task is not None:
                    task.cancel()
            end.close()
            if was_up:
                self._on_away()

    async def _tell_up(self) -> None:
        try:
            await self._on_up()
        except Exception:
            _LOGGER.exception("sessions could not be taken up again")

    async def _hello(self, link: DoorLink, reading: asyncio.Task[None]) -> bool:
        said = ""
        while not reading.done():
            try:
                host_key = await link.async_hello(self.confined)
            except HoldshelfError as error:
                # Still starting, however long that takes; or gone, which the reader sees as well.
                if said != str(error):
                    said = str(error)
                    _LOGGER.info("the service says: %s", said)
                await asyncio.wait({reading}, timeout=HELLO_AGAIN_S)
            else:
                return self._is_the_same(host_key)
        return False

    def _is_the_same(self, host_key: bytes) -> bool:
        if not self._host_key.done():
            self._host_key.set_result(host_key)
        if self._host_key.result() == host_key:
            return True
        _LOGGER.warning("the host key is another one now: the door is started again")
        self._on_closed()
        return False

    async def _living(self, wait_s: float) -> DoorLink:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._up.wait()
        if self._link is None:
            raise Unavailable("The recording service is down; it is being restarted.", "Try again in a moment.")
        return self._link

    async def async_stuck(self, stuck: bool) -> bool:
        """Have the service know whether sessions can be begun. Returns False while there is none."""
        if self._link is None:
            return False
        with contextlib.suppress(HoldshelfError):
            await self._link.async_stuck(stuck)
            return True
        return False

    async def async_host_key(self) -> bytes:
        """The public host key, in wire form, from the first service that is there."""
        return await asyncio.shield(self._host_key)

    async def async_cookie(self) -> bytes:
        """For a connection's first message. Raises HoldshelfError."""
        return await (await self._living(WAIT_S)).async_cookie()

    async def async_sign(self, hash_name: str, exchange: bytes, *, rekey: bool) -> bytes:
        """The host key's signature over a key exchange. Raises HoldshelfError.

        ``rekey``: somebody is inside, and a restart of the service is waited for.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + (REKEY_WAIT_S if rekey else WAIT_S)
        while True:
            link = await self._living(until - loop.time())
            try:
                return await link.async_sign(hash_name, exchange, rekey=rekey)
            except Unavailable:
                if not rekey or loop.time() + HELLO_AGAIN_S > until:
                    raise
                await asyncio.sleep(HELLO_AGAIN_S)

    async def async_mint(self, signed: Signed, source: str) -> Minted:
        """A session at the service, for what a client signed. Raises UnknownKey, Refused, Unavailable, HoldshelfError."""
        link = await self._living(WAIT_S)
        return await link.async_mint(signed.session, signed.request, signed.signature, source)

    async def async_resume(self, ticket: str) -> Minted:
        """The same session, at another service. Raises as ``async_mint`` does."""
        return await (await self._living(0)).async_resume(ticket)

    async def async_end(self, session: str) -> None:
        """Tell that one is over, if there is somebody to tell."""
        if self._link is not None:
            with contextlib.suppress(HoldshelfError):
                await self._link.async_end(session)

    async def async_failed(self, sources: dict[str, int], total: int) -> bool:
        """Have strangers' attempts written down. False: not now."""
        if self._link is None:
            return False
        try:
            await self._link.async_failed(sources, total)
        except HoldshelfError as error:
            _LOGGER.warning("failed log-ins were not written down: %s", error)
            return False
        return True

    async def async_close(self) -> None:
        """Hang up on the service."""
        asyncio.get_running_loop().remove_reader(self._control)
        if self._serving is not None:
            self._serving.cancel()
            await asyncio.gather(self._serving, return_exceptions=True)
        self._control.close()
