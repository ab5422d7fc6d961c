"""One SSH connection: what it may send before it has logged in, how it logs in, and what it may then ask for.

asyncssh does the protocol. Ours is what it leaves open: bounds on everything, a transport that says when it is full, and a log-in
whose signature goes to the service, which says whose it is before the door says yes.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import asyncssh
from asyncssh.packet import PacketDecodeError, SSHPacket, String

from holdshelf_core.api.errors import HoldshelfError, UnknownKey
from holdshelf_core.api.keys import parse_public_key
from holdshelf_tui.ssh import limits
from holdshelf_tui.ssh.host_key import SignedConnection
from holdshelf_tui.ssh.link import Signed
from holdshelf_tui.ssh.session import Channel, DoorSession
from holdshelf_tui.ssh.visit import Identity, Visit

if TYPE_CHECKING:
    from holdshelf_tui.ssh.server import Door

_LOGGER = logging.getLogger(__name__)

MSG_USERAUTH_REQUEST, MSG_CHANNEL_OPEN = 50, 90
MAX_PACKET_BYTES = 40_000  # RFC 4253 § 6.1 wants 35,000; clients send 32 KB of data at a time
WINDOW_BYTES, MAX_DATA_BYTES = 64 << 10, 32 << 10
# What waits here and in the kernel is old by the time it is seen: at 1 Mbit/s, 32 KB are a quarter of a second.
WRITE_HIGH_BYTES, WRITE_LOW_BYTES = 8 << 10, 2 << 10
NOTSENT_LOWAT_BYTES = 8 << 10
_TCP_NOTSENT_LOWAT, _TCP_USER_TIMEOUT = 25, 18
USER_TIMEOUT_MS = 120_000
BUSY = b"Too many log-ins are under way here. Try again in a moment.\r\n"
OFTEN = "This key logs in too often at the same time. Wait a minute, then log in once."
REFUSED_FORWARDING = "Holdshelf forwards nothing: no ports, no sockets, no networks."
_RSA_SIGNATURES = (b"rsa-sha2-256", b"rsa-sha2-512")


class Owner(asyncssh.SSHServer):
    """What asyncssh asks us about a connection. Everything but a session is refused, in words."""

    def __init__(self, connection: DoorConnection) -> None:
        self._connection = connection

    def begin_auth(self, username: str) -> bool:
        """Everybody must log in."""
        return True

    def public_key_auth_supported(self) -> bool:
        """The only way in."""
        return True

    def auth_completed(self) -> None:
        """From here on it is a visit, or a refusal that is told on the channel."""
        self._connection.logged_in()

    def session_requested(self) -> Any:
        """A channel of ours, with our session on it."""
        return self._connection.open_session()

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        """-L, -D, -W, -J."""
        raise _refused()

    def unix_connection_requested(self, dest_path: str) -> bool:
        """-L to a socket."""
        raise _refused()

    def tun_requested(self, unit: int | None) -> bool:
        """Refuse -w."""
        raise _refused()

    def tap_requested(self, unit: int | None) -> bool:
        """Refuse -w with Ethernet frames."""
        raise _refused()


def _refused() -> asyncssh.ChannelOpenError:
    return asyncssh.ChannelOpenError(asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED, REFUSED_FORWARDING)


class DoorConnection(SignedConnection):
    """``door`` knows all others. Until it has a visit it counts as a stranger (``limits.Stranger``)."""

    def __init__(self, loop: asyncio.AbstractEventLoop, options: Any, door: Door) -> None:
        super().__init__(loop, options, door.link)
        self._protocol_factory = lambda: Owner(self)
        self._door = door
        self._max_recv_pktlen = MAX_PACKET_BYTES
        self.network = self.address = ""
        self.known = False
        self.place: limits.Expected | None = None
        """What was kept for it."""
        self.received_bytes = 0
        self.since_s = time.monotonic()
        self.writable = True
        self.visit: Visit | None = None
        self.refusal = ""
        """Why somebody who proved who they are may not come in: told on the channel."""
        self._admitted = False
        self._attempts = 0
        self._checking = False
        self._banners: set[str] = set()
        self._on_writable: set[Callable[[], None]] = set()
        self._sessions: set[DoorSession] = set()

    # --- as a stream ----------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Admitted, or told to come again."""
        assert isinstance(transport, asyncio.Transport)
        peer = transport.get_extra_info("peername") or ("unknown",)
        self.address = str(peer[0])
        self.network = limits.network_of(self.address)
        self.known = self._door.porch.knows(self.network)
        self._raw_transport = transport
        if self.place is not None:
            self._door.strangers.forget(self.place)
        if self._door.stopping or not self._door.strangers.admit(self):
            transport.write(BUSY)
            transport.close()
            self._cancel_login_timer()
            return
        self._admitted = True
        self._door.opened(self)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, NOTSENT_LOWAT_BYTES)
            sock.setsockopt(socket.IPPROTO_TCP, _TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
        transport.set_write_buffer_limits(WRITE_HIGH_BYTES, WRITE_LOW_BYTES)
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None = None) -> None:
        """Gone, from either side."""
        if self._admitted:
            self._admitted = False
            self._door.closed(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes, datatype: Any = None) -> None:
        """Bounded: what a stranger sends altogether, and what anybody sends before it is read."""
        if not self._admitted:
            return
        self.received_bytes += len(data)
        too_much = self.visit is None and self.received_bytes > limits.UNAUTHENTICATED_BYTES_MOST
        if too_much or len(self._inpbuf) + len(data) > limits.UNREAD_BYTES_MOST:
            self.hang_up()
            return
        super().data_received(data, datatype)

    def pause_writing(self) -> None:
        """The client does not take what was sent: nobody sends more, for now."""
        self.writable = False

    def resume_writing(self) -> None:
        """The client takes what was sent: whoever waited may send."""
        self.writable = True
        for tell in tuple(self._on_writable):
            tell()

    @property
    def takes_more(self) -> bool:
        """Whether more may be sent now: not while keys are exchanged anew, either, when packets wait in memory."""
        return self.writable and bool(self._kex_complete)

    def listen_writable(self, tell: Callable[[], None]) -> Callable[[], None]:
        """Be told when ``takes_more`` may have become true; returns the unsubscribe."""
        self._on_writable.add(tell)
        return lambda: self._on_writable.discard(tell)

    def hang_up(self) -> None:
        """Close the connection at once; what was not sent is dropped."""
        self._raw_transport.abort()
        self.connection_lost(None)

    # --- logging in -----------------------------------------------------------------------------------------------

    def process_packet(self, pkttype: int, pktid: int, packet: SSHPacket) -> Any:
        """Counts what asyncssh does not: attempts to log in, and channels."""
        if pkttype == MSG_USERAUTH_REQUEST and not self._auth_complete:
            self._attempts += 1
            if self._checking or self._attempts > limits.AUTH_REQUESTS_MOST:
                # A name that changes while a signature is looked at would make two people of one.
                raise asyncssh.ProtocolError("Too many attempts, or one during another.")
        elif pkttype == MSG_CHANNEL_OPEN and len(self._channels) >= limits.CHANNELS_PER_CONNECTION:
            return self._too_many_channels(packet)
        return super().process_packet(pkttype, pktid, packet)

    def _too_many_channels(self, packet: SSHPacket) -> bool:
        packet.get_string()
        channel = packet.get_uint32()
        words = f"At most {limits.CHANNELS_PER_CONNECTION} sessions go through one connection."
        self.send_channel_open_failure(channel, asyncssh.OPEN_RESOURCE_SHORTAGE, words, "en")
        return True

    async def validate_public_key(self, username: str, key_data: bytes, msg: bytes, signature: bytes) -> bool:
        """Whether that key opens the door for that name. Without ``msg``: whether a signature by it is worth asking for."""
        self._checking = bool(msg)
        try:
            return await self._opens(username, key_data, msg, signature)
        finally:
            self._checking = False

    async def _opens(self, username: str, key_data: bytes, msg: bytes, signature: bytes) -> bool:
        try:
            fingerprint = _fingerprint(key_data)
            if not msg:
                # Of every key alike: public keys are public, and whose is enrolled here is told to its owner alone.
                return True
            if not self._verifies(key_data, msg, signature):
                raise UnknownKey("", "The signature is not this key's.")
        except HoldshelfError as error:
            return self._failed(str(error))
        signed = Signed(self._session_id, msg, signature)
        return await self._come_in(Identity(username, fingerprint, self.address, signed))

    def _verifies(self, key_data: bytes, msg: bytes, signature: bytes) -> bool:
        """So that nobody is paced, and the service asked, for what is no signature. It verifies for itself."""
        try:
            algorithm = SSHPacket(signature).get_string()
            key = asyncssh.public_key.decode_ssh_public_key(key_data)
        except (PacketDecodeError, asyncssh.KeyImportError, ValueError):
            return False
        if key.algorithm == b"ssh-rsa" and algorithm not in _RSA_SIGNATURES:
            return False
        key.set_touch_required(True)
        try:
            return bool(key.verify(String(self._session_id) + msg, signature))
        except (PacketDecodeError, ValueError):
            return False

    async def _come_in(self, who: Identity) -> bool:
        """The signature has verified: from here on it is this name and this key, whatever else is sent."""
        if not await self._door.async_may_ask(who):
            self._say(OFTEN)
            self._hold()
            return False
        try:
            asking = asyncio.ensure_future(self._door.async_visit(who))
            visit, refusal = await asyncio.shield(asking)
        except asyncio.CancelledError:
            asking.add_done_callback(self._door.abandon)
            raise
        except HoldshelfError as error:
            return self._failed(str(error))
        if not self._admitted:
            if visit is not None:
                await visit.async_leave()
            return False
        if visit is None and not self._door.may_be_told(who):
            self._say(refusal)
            self._hold()
            return False
        self.visit, self.refusal = visit, refusal
        if visit is not None:
            visit.on_end = self._visit_ended
            self._door.porch.came_in(self.network)
        return True

    def _failed(self, sentence: str) -> bool:
        self._say(sentence)
        if not self._door.failed(self):
            self._hold()
        return False

    def _hold(self) -> None:
        """No more is done for this one, and its client does not learn that soon: it would be back at once."""
        self._door.porch.hold(self._raw_transport.get_extra_info("socket").fileno())
        self.hang_up()

    def _say(self, sentence: str) -> None:
        """A line that the client shows while it logs in, once each."""
        if sentence and sentence not in self._banners and not self._auth_complete:
            self._banners.add(sentence)
            self.send_auth_banner(f"Holdshelf: {sentence}\r\n")

    def logged_in(self) -> None:
        """It is no stranger any more, if it may come in."""
        if self.refusal:
            # Nobody stays who may not come in: time for one channel, on which it is said.
            asyncio.get_running_loop().call_later(limits.REFUSED_S, self._over)
            return
        self._door.strangers.forget(self)
        self._not_idle_for_long()

    def _not_idle_for_long(self) -> None:
        """A connection without a session (`ssh -N`) is for nothing here."""
        asyncio.get_running_loop().call_later(limits.IDLE_S, self._idle)

    def _idle(self) -> None:
        if not self._sessions:
            self._over()

    # --- sessions -------------------------------------------------------------------------------------------------

    def open_session(self) -> tuple[Channel, DoorSession]:
        """A channel was asked for."""
        session = DoorSession(self, self._door)
        self._sessions.add(session)
        return Channel(self, self._loop, WINDOW_BYTES, MAX_DATA_BYTES), session

    def session_closed(self, session: DoorSession) -> None:
        """One channel is done. A refusal was all there was to say."""
        self._sessions.discard(session)
        self._not_idle_for_long()
        if self.refusal or (self.visit is not None and self.visit.ended):
            self._over()

    def _visit_ended(self, _reason: str) -> None:
        if not self._sessions:
            self._over()

    def _over(self) -> None:
        if self._admitted:
            self.close()


def _fingerprint(key_data: bytes) -> str:
    """Of a key that may log in at all. Raises BadRequest with what is wrong with it."""
    try:
        kind = SSHPacket(key_data).get_string().decode("ascii")
    except (PacketDecodeError, UnicodeDecodeError):
        kind = "unknown"
    return parse_public_key(f"{kind} {base64.b64encode(key_data).decode()}").fingerprint
