"""Key exchanges whose signature comes from the service: the door has the public half of its host key, and no more.

asyncssh signs inside the key exchange, at once, with a key of its own. Here the exchange waits for the answer instead, as it
waits for a log-in: what the client sends meanwhile stays unread, and nobody else is kept waiting. A connection's first message
waits for a cookie of the service's, which makes the exchange a new one (ADR 0026). Most names of asyncssh's that are used here
begin with an underscore: a test tells which one is missing when a release of it changes them.
"""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import asyncssh
from asyncssh import kex_dh
from asyncssh.packet import Byte, PacketDecodeError, SSHPacket, String

from holdshelf_core.api.errors import HoldshelfError
from holdshelf_tui.ssh.link import ServiceLink

ALGORITHM = b"ssh-ed25519"
MSG_KEXINIT, MSG_KEX_INIT = 20, 30
COOKIE_BYTES = 16
MAX_CLIENT_KEXINIT_BYTES = 6_000
"""Clients send about 1.5 KB; the whole exchange has to fit into one question to the service."""


class HostKey(asyncssh.SSHKeyPair):
    """The public half, as asyncssh wants it. ``public``: in wire form."""

    _key_type = "service"

    def __init__(self, public: bytes) -> None:
        super().__init__(ALGORITHM, ALGORITHM, (ALGORITHM,), (ALGORITHM,), public, None)

    def sign(self, data: bytes) -> bytes:
        """Nobody has asked the service: a connection asks by itself."""
        raise asyncssh.KeyExchangeFailed("The host key is not here.")


class SignedConnection(asyncssh.SSHServerConnection):
    """A connection whose key exchanges the service signs."""

    def __init__(self, loop: asyncio.AbstractEventLoop, options: Any, service: ServiceLink) -> None:
        super().__init__(loop, options)
        self._service = service
        self._first_message: asyncio.Task[None] | None = None

    def send_packet(self, pkttype: int, *args: bytes, handler: Any = None) -> None:
        """As asyncssh does, but that the connection's first message waits for its cookie."""
        if pkttype == MSG_KEXINIT and not self._session_id:
            self._first_message = asyncio.ensure_future(self._send_first(b"".join(args), handler))
            self.create_task(self._first_message)
            return
        super().send_packet(pkttype, *args, handler=handler)

    async def _send_first(self, message: bytes, handler: Any) -> None:
        try:
            cookie = await self._service.async_cookie()
        except HoldshelfError as error:
            raise _not_now(error) from None
        message = cookie + message[COOKIE_BYTES:]
        self._server_kexinit = Byte(MSG_KEXINIT) + message
        super().send_packet(MSG_KEXINIT, message, handler=handler)

    async def _answer_kexinit(self, pkttype: int, pktid: int, packet: SSHPacket) -> None:
        """The client's first message: whatever exchange it comes to is one that the service signs."""
        await super()._process_kexinit(pkttype, pktid, packet)
        if len(self._client_kexinit) > MAX_CLIENT_KEXINIT_BYTES:
            raise asyncssh.ProtocolError("The list of algorithms is too long.")
        self._kex.__class__ = _signed(type(self._kex))

    async def sign_exchange(self, hash_name: str, exchange: bytes) -> bytes:
        """The service's signature. Raises KeyExchangeFailed."""
        try:
            return await self._service.async_sign(hash_name, exchange, rekey=bool(self._session_id))
        except HoldshelfError as error:
            raise _not_now(error) from None

    async def first_message_sent(self) -> None:
        """Wait until it is: the exchange's hash is over it."""
        if self._first_message is not None:
            await asyncio.wait({self._first_message})
            if self._first_message.cancelled() or self._first_message.exception() is not None:
                raise asyncssh.KeyExchangeFailed("The connection is over.")

    _packet_handlers = {  # noqa: RUF012 - asyncssh's own form
        **asyncssh.SSHServerConnection._packet_handlers,
        MSG_KEXINIT: _answer_kexinit,
    }


class _Signed:
    """What is put in front of a class of asyncssh's that does one kind of key exchange."""

    def process_packet(self: Any, pkttype: int, pktid: int, packet: SSHPacket) -> Any:
        if pkttype == MSG_KEX_INIT:
            return self._answer_signed(packet)
        return super().process_packet(pkttype, pktid, packet)  # type: ignore[misc]

    async def _answer_signed(self: Any, packet: SSHPacket) -> None:
        connection: SignedConnection = self._conn
        try:
            self._parse_client_key(packet)
            packet.check_end()
        except PacketDecodeError as error:
            raise asyncssh.ProtocolError(str(error)) from None
        await connection.first_message_sent()
        host_key = connection.get_server_host_key()
        if host_key is None:
            raise asyncssh.KeyExchangeFailed("No host key was chosen.")
        public = host_key.public_data
        shared = self._compute_server_shared()
        keys = self._format_client_key() + self._format_server_key()
        exchange = connection.get_hash_prefix() + String(public) + keys + shared
        hashed = self._hash_alg(exchange)
        signature = await connection.sign_exchange(hashed.name, exchange)
        self._send_reply(public, signature)
        connection.send_newkeys(shared, hashed.digest())


_CLASSES: dict[type, type] = {}


def _signed(kind: type) -> type:
    if kind not in _CLASSES:
        _CLASSES[kind] = type(f"Signed{kind.__name__}", (_Signed, kind), {})
    return _CLASSES[kind]


_CONNECTION_NAMES = ("_packet_handlers", "_process_kexinit", "get_hash_prefix", "get_server_host_key", "send_newkeys")
_EXCHANGE_NAMES = (
    "_parse_client_key",
    "_compute_server_shared",
    "_format_client_key",
    "_format_server_key",
    "_send_reply",
)
_SET_NAMES = ("_session_id", "_server_kexinit", "_client_kexinit", "_kex")


def missing_names() -> list[str]:
    """Names of asyncssh's that this module uses and the installed one does not have."""
    known = {name for names in (_CONNECTION_NAMES, _EXCHANGE_NAMES) for name in names}
    kinds = [asyncssh.SSHServerConnection, kex_dh._KexDHBase]
    set_there = inspect.getsource(asyncssh.connection.SSHConnection.__init__)
    missing = sorted(name for name in known if not any(hasattr(kind, name) for kind in kinds))
    return missing + [name for name in _SET_NAMES if f"self.{name}" not in set_there]


def _not_now(error: HoldshelfError) -> asyncssh.KeyExchangeFailed:
    return asyncssh.KeyExchangeFailed(f"Holdshelf: {error}")
