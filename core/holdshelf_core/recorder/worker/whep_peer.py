"""One peer connection's ICE and DTLS, through aiortc; its encrypted media bypasses aiortc and goes to the camera's own thread.

aiortc's media path costs about ten times ours: a task switch, an exception and five objects per packet, and a jitter buffer that
damages large frames (ADR 17). So aiortc is used only as a transport library (its ORTC classes): it finds the path and negotiates
the keys. Then the camera's thread reads the socket, many datagrams per call; STUN and DTLS are passed back to aiortc's loop. One
loop, in its own thread, serves all cameras of a worker.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import queue
import select
import socket
import threading
from collections.abc import Coroutine
from typing import Any

from aiortc import RTCCertificate, RTCDtlsTransport, RTCIceGatherer, RTCIceServer, RTCIceTransport
from aiortc.rtcdtlstransport import SRTP_PROFILES, RTCDtlsFingerprint, RTCDtlsParameters
from aiortc.rtcicetransport import RTCIceParameters
from aiortc.sdp import candidate_from_sdp, candidate_to_sdp
from OpenSSL import SSL

from holdshelf_core.integration.reasons import MEDIA_UNREACHABLE
from holdshelf_core.recorder.worker.datagrams import capacity_packets, count_drops
from holdshelf_core.recorder.worker.source import SourceError
from holdshelf_core.recorder.worker.whep_http import IceServer
from holdshelf_core.recorder.worker.whep_sdp import Transport, usable_address

CONNECT_TIMEOUT_S = 8.0
RECEIVE_BUFFER_BYTES = 4 << 20  # the kernel grants net.core.rmem_max, 208 KiB by default, and doubles it
MAX_EARLY = 8192
MAX_UNDER_WAY = 64
_SLOTS, _SLOT_BYTES = 64, 2048
_MOST_AT_ONCE = 1024
_MSG_DONTWAIT = 0x40


class _Iovec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Header(ctypes.Structure):
    """struct msghdr (recvmsg(2)), with its own padding first."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint),
        ("iovec", ctypes.POINTER(_Iovec)),
        ("iovec_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Message(ctypes.Structure):
    """struct mmsghdr (recvmmsg(2))."""

    _fields_ = (("header", _Header), ("received", ctypes.c_uint))


_recvmmsg = ctypes.CDLL(None, use_errno=True).recvmmsg
_recvmmsg.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p)
_recvmmsg.restype = ctypes.c_int


class Loop:
    """aiortc's event loop, in a thread that all WHEP cameras of this process share."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self._run, name="whep", daemon=True).start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def run[T](self, work: Coroutine[Any, Any, T], timeout_s: float) -> T:
        """Run a coroutine there and return its result. Raises what it raises, TimeoutError."""
        future = asyncio.run_coroutine_threadsafe(work, self.loop)
        try:
            return future.result(timeout_s)
        except TimeoutError:
            future.cancel()
            raise


class Lane:
    """Source of a connection's datagrams for the camera's thread: the socket itself, or aiortc's loop (a relay)."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._early: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._socket: socket.socket | None = None
        self._hand_back: Any = None
        self._under_way = 0
        self._poll = select.poll()
        self.capacity_packets = 0
        self._drops = 0

    def deliver(self, datagram: bytes) -> None:
        """On the loop: deliver media received before the socket was taken over, by a relay or by another path."""
        if self._early.qsize() < MAX_EARLY:
            self._early.put(datagram)

    def take_over(self, protocol: Any) -> None:
        """On the loop: from now on only ``read`` reads the nominated socket."""
        transport = protocol.transport
        inner = transport.get_extra_info("socket")
        if protocol.local_candidate.type == "relay" or inner is None or not hasattr(transport, "pause_reading"):
            return
        # Our own descriptor: aiortc may close its one any time, and the number must not be another file's then.
        own = socket.socket(fileno=os.dup(inner.fileno()))
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        self.capacity_packets = capacity_packets(own)
        self._poll.register(own, select.POLLIN)
        self._hand_back = protocol.datagram_received
        self._room = bytearray(_SLOTS * _SLOT_BYTES)
        base = ctypes.addressof(ctypes.c_char.from_buffer(self._room))
        self._names = (ctypes.c_char * (32 * _SLOTS))()
        names = ctypes.addressof(self._names)
        self._iovecs = (_Iovec * _SLOTS)(*(_Iovec(base + n * _SLOT_BYTES, _SLOT_BYTES) for n in range(_SLOTS)))
        self._messages = (_Message * _SLOTS)()
        for number, message in enumerate(self._messages):
            header = message.header
            header.name, header.name_length = names + 32 * number, 32
            header.iovec, header.iovec_count = ctypes.pointer(self._iovecs[number]), 1
        self._view = memoryview(self._room)
        self._drops = count_drops(own)
        transport.pause_reading()
        self._socket = own

    def read(self, wait_s: float) -> list[bytes]:
        """Return SRTP and SRTCP datagrams in order of arrival; waits for the first. May be empty."""
        if self._socket is None:
            found: list[bytes] = []
            with contextlib.suppress(queue.Empty):
                found.append(self._early.get(timeout=wait_s))
                while len(found) < _MOST_AT_ONCE:
                    found.append(self._early.get_nowait())
            return found
        found = []
        with contextlib.suppress(queue.Empty):
            while True:
                found.append(self._early.get_nowait())
        if not found and not self._poll.poll(wait_s * 1000):
            return found
        self._read_socket(self._socket.fileno(), found)
        return found

    def _read_socket(self, fd: int, found: list[bytes]) -> None:
        messages, view = self._messages, self._view
        while len(found) < _MOST_AT_ONCE:
            count = _recvmmsg(fd, ctypes.byref(messages), _SLOTS, _MSG_DONTWAIT, None)
            if count <= 0:
                return  # nothing more; an error (port unreachable) shows up as silence
            for number in range(count):
                message = messages[number]
                at = number * _SLOT_BYTES
                datagram = view[at : at + message.received].tobytes()
                if datagram and 127 < datagram[0] < 192:
                    found.append(datagram)
                elif datagram and self._under_way < MAX_UNDER_WAY:
                    address = _address(ctypes.string_at(ctypes.addressof(self._names) + 32 * number, 32))
                    self._under_way += 1
                    self._loop.call_soon_threadsafe(self._take_back, datagram, address)
                message.header.name_length = 32
            if count < _SLOTS:
                return

    def _take_back(self, datagram: bytes, address: tuple[str, int]) -> None:
        """On the loop: process STUN or DTLS. A flood of it is dropped before this (``_under_way`` may be off by one:
        harmless)."""
        self._under_way -= 1
        self._hand_back(datagram, address)

    def overflowed(self) -> bool:
        """Return whether the kernel dropped datagrams since the last call, for lack of room in the socket."""
        if self._socket is None:
            return False
        drops, before = count_drops(self._socket), self._drops
        self._drops = drops
        return drops != before

    def close(self) -> None:
        """Close it, called by the camera's thread when it stops reading."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _address(name: bytes) -> tuple[str, int]:
    """Return a sockaddr_in or sockaddr_in6 in asyncio's form."""
    port = int.from_bytes(name[2:4])
    if int.from_bytes(name[:2], "little") == socket.AF_INET:
        return socket.inet_ntop(socket.AF_INET, name[4:8]), port
    return socket.inet_ntop(socket.AF_INET6, name[8:24]), port


class Peer:
    """Our end of one connection. Coroutines run on the loop."""

    def __init__(self, loop: Loop, ice_servers: tuple[IceServer, ...], *, near: bool) -> None:
        self._loop = loop.loop
        self._near = near
        self._asked_servers = ice_servers
        self.lane = Lane(loop.loop)
        self.over = ""
        """Why the connection has ended, in words; '' while it has not."""
        self._gatherer: RTCIceGatherer | None = None
        self._ice: RTCIceTransport | None = None
        self._dtls: RTCDtlsTransport | None = None

    async def gather(self) -> Transport:
        """Return our side of the connection. Takes up to 5 s when a STUN or TURN server is silent."""
        servers = [
            RTCIceServer(url, server.username or None, server.credential or None)
            for server in self._asked_servers
            if (url := await numeric_server(server.url, near=self._near))
        ]
        self._gatherer = RTCIceGatherer(servers)
        connection = self._gatherer._connection
        connection.ice_controlling = True  # the offerer controls (RFC 8445 § 6.1.1)
        self._ice = RTCIceTransport(self._gatherer)
        self._dtls = RTCDtlsTransport(self._ice, [RTCCertificate.generateCertificate()])
        deliver, handle = self.lane.deliver, connection.data_received

        def sort(data: bytes, component: int) -> None:
            if data and 127 < data[0] < 192:
                deliver(data)
            else:
                handle(data, component)

        connection.data_received = sort  # type: ignore[method-assign]
        await self._gatherer.gather()
        mine = self._gatherer.getLocalParameters()
        prints = self._dtls.getLocalParameters().fingerprints
        return Transport(
            mine.usernameFragment or "",
            mine.password or "",
            tuple(candidate_to_sdp(candidate) for candidate in self._gatherer.getLocalCandidates()),
            tuple((one.algorithm, one.value) for one in prints),
        )

    async def connect(self, theirs: Transport) -> None:
        """Run ICE, then DTLS. Raises SourceError."""
        ice, dtls = self._ice, self._dtls
        assert ice is not None
        assert dtls is not None
        if theirs.setup == "passive":
            dtls._set_role("client")
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                for text in theirs.candidates:
                    await ice.addRemoteCandidate(candidate_from_sdp(text))
                await ice.addRemoteCandidate(None)
                await ice.start(RTCIceParameters(theirs.username, theirs.password, theirs.lite))
                if ice.state != "completed":
                    raise SourceError(MEDIA_UNREACHABLE, "it answers, but no path for its video was found (ICE)")
                prints = [RTCDtlsFingerprint(kind, value) for kind, value in theirs.fingerprints]
                await dtls.start(RTCDtlsParameters(prints))
        except TimeoutError:
            step = "no path for its video was found (ICE)" if ice.state != "completed" else "no keys were agreed (DTLS)"
            raise SourceError(MEDIA_UNREACHABLE, f"it answers, but {step} in time") from None
        except (ConnectionError, ValueError) as error:
            raise SourceError(MEDIA_UNREACHABLE, f"it answers, but its connection failed: {error}") from None
        if dtls.state != "connected":
            raise SourceError(MEDIA_UNREACHABLE, "it answers, but its keys are not those that it announced (DTLS)")
        dtls.on("statechange", self._changed)
        ice.on("statechange", self._changed)
        self.lane.take_over(ice._connection._nominated[1].protocol)

    def _changed(self) -> None:
        if self._dtls is not None and self._dtls.state in ("closed", "failed"):
            self.over = self.over or "the peer closed the connection"
        if self._ice is not None and self._ice.state in ("closed", "failed"):
            self.over = self.over or "the peer no longer answers"

    def unprotect(self, datagram: bytes) -> bytes:
        """Return a decrypted RTP packet. Raises pylibsrtp.Error, ValueError."""
        assert self._dtls is not None
        data: bytes = self._dtls._rx_srtp.unprotect(datagram)
        return data

    def unprotect_rtcp(self, datagram: bytes) -> bytes:
        """Return decrypted RTCP packets. Raises pylibsrtp.Error, ValueError."""
        assert self._dtls is not None
        data: bytes = self._dtls._rx_srtp.unprotect_rtcp(datagram)
        return data

    def send_rtcp(self, packet: bytes) -> None:
        """Send a packet, called from the camera's thread. Never raises."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._send, packet)

    def _send(self, packet: bytes) -> None:
        asyncio.ensure_future(self._send_quietly(packet))  # noqa: RUF006 - one datagram, done within this turn

    async def _send_quietly(self, packet: bytes) -> None:
        with contextlib.suppress(ConnectionError, OSError, ValueError):
            if self._dtls is not None:
                await self._dtls._send_rtp(packet)

    async def close(self) -> None:
        """Close DTLS and release everything. Never raises."""
        for part in (self._dtls, self._ice):
            if part is not None:
                with contextlib.suppress(ConnectionError, OSError, TimeoutError):
                    async with asyncio.timeout(1.0):
                        await part.stop()
        if self._ice is None and self._gatherer is not None:
            with contextlib.suppress(ConnectionError, OSError):
                await self._gatherer._connection.close()


async def numeric_server(url: str, *, near: bool) -> str:
    """Return a STUN or TURN server's URL with its host as a number: a confined process cannot resolve it as aioice does.

    '' when it is unknown, this machine itself, IPv6 (unsupported by aiortc), or over TLS (its CA certificates are in files).
    """
    scheme, _, rest = url.partition(":")
    address, question, query = rest.partition("?")
    host, _, port = address.partition(":")
    if scheme not in ("stun", "turn") or not host or (port and not port.isdigit()):
        return ""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, family=socket.AF_INET, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError):
        return ""
    numbers = [str(entry[4][0]) for entry in found]
    if not numbers or not all(usable_address(number, near=near) for number in numbers):
        return ""
    return f"{scheme}:{numbers[0]}" + (f":{port}" if port else "") + question + query


def rehearse() -> None:
    """Run the start of a DTLS handshake on both ends, so that the libraries load what they load late."""
    with asyncio.Runner() as runner:
        runner.run(_rehearse())


async def _rehearse() -> None:
    gatherer = RTCIceGatherer([])
    RTCDtlsTransport(RTCIceTransport(gatherer), [certificate := RTCCertificate.generateCertificate()])
    SSL.Connection(certificate._create_ssl_context(SRTP_PROFILES))
    await gatherer.gather()
    await gatherer._connection.close()
