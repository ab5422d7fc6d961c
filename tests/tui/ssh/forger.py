"""An SSH client that sends what no honest one does: asyncssh's, with its own mind about how to log in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncssh
from asyncssh.packet import Boolean, Byte, String

REQUEST, FAILURE, SUCCESS, BANNER, DISCONNECT = 50, 51, 52, 53, 1
SERVICE = b"ssh-connection"


class Forger(asyncssh.SSHClientConnection):
    """Runs ``script`` where a client would log in; keeps the types of packets that came (``heard``)."""

    script: Callable[[Forger], None]

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.heard: list[int] = []
        self.hung_up = False
        self.gone = asyncio.Event()

    def try_next_auth(self, *, next_method: bool = True) -> None:
        if not hasattr(self, "_began"):
            self._began = True
            self.script(self)

    def process_packet(self, pkttype: int, pktid: int, packet: Any) -> Any:
        self.heard.append(pkttype)
        if pkttype in (FAILURE, SUCCESS, BANNER):
            return True
        return super().process_packet(pkttype, pktid, packet)

    def connection_lost(self, exc: Exception | None = None) -> None:
        self.gone.set()
        super().connection_lost(exc)

    # --- what it can send ---------------------------------------------------------------------------------------------

    def none(self, user: str) -> None:
        self.send_packet(REQUEST, String(user), String(SERVICE), String(b"none"))

    def password(self, user: str, password: str) -> None:
        self.send_packet(REQUEST, String(user), String(SERVICE), String(b"password"), Boolean(False), String(password))

    def offer(self, user: str, key: Path) -> None:
        public = asyncssh.read_private_key(key)
        parts = self._publickey(user, public, public.algorithm, signed=False)
        self.send_packet(REQUEST, *parts)

    def sign(self, user: str, key: Path, *, for_user: str = "", spoil: bool = False, algorithm: bytes = b"") -> None:
        """A signature; ``for_user``: made for another name than the one that it is sent with."""
        private = asyncssh.read_private_key(key)
        algorithm = algorithm or private.algorithm
        meant = Byte(REQUEST) + b"".join(self._publickey(for_user or user, private, algorithm, signed=True))
        signature = private.sign(String(self._session_id) + meant, algorithm)
        if spoil:
            signature = signature[:-1] + bytes([signature[-1] ^ 1])
        self.send_packet(REQUEST, *self._publickey(user, private, algorithm, signed=True), String(signature))

    def _publickey(self, user: str, key: Any, algorithm: bytes, *, signed: bool) -> list[bytes]:
        return [
            String(user),
            String(SERVICE),
            String(b"publickey"),
            Boolean(signed),
            String(algorithm),
            String(key.public_data),
        ]


async def forge(port: int, script: Callable[[Forger], None], seconds: float = 60.0) -> Forger:
    """Connect, do it, and wait for what comes: until the door hangs up, or says yes, or has said no once for each attempt."""
    loop = asyncio.get_running_loop()
    options = asyncssh.SSHClientConnectionOptions(
        username="x", known_hosts=None, config=[], client_keys=[], agent_path=None, x509_trusted_certs=None
    )
    made: list[Forger] = []

    def connection() -> Forger:
        forger = Forger(loop, options, wait=None)
        forger.script = script
        made.append(forger)
        return forger

    await loop.create_connection(connection, "127.0.0.1", port)
    forger = made[0]
    try:
        async with asyncio.timeout(seconds):
            while not forger.gone.is_set() and not {SUCCESS, FAILURE} & set(forger.heard):
                await asyncio.sleep(0.01)
            # What else was on its way.
            for _ in range(30):
                if forger.gone.is_set():
                    break
                await asyncio.sleep(0.01)
    finally:
        forger.hung_up = forger.gone.is_set()
        if not forger.hung_up:
            forger.abort()
    return forger
