"""RTSP over one TCP (or TLS) connection, video only: the recorder's own client (RFC 2326; ADR 7 has the reasons).

DESCRIBE, SETUP of the one video track, interleaved; PLAY; keepalive; TEARDOWN. Audio is never set up because this code cannot:
only the first H.264 or H.265 track is requested. Answers are limited in size. ``udp`` has the other ways to be sent the pictures.
"""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

import av.video.stream

from holdshelf_core.integration.reasons import (
    MULTICAST_ONLY,
    NO_FRAMES,
    NOT_RECORDABLE,
    STALE_SESSION,
    STREAM_ENDED,
    STREAM_MOVED,
    TRANSPORT_REFUSED,
)
from holdshelf_core.recorder.worker.auth import Credentials, is_stale
from holdshelf_core.recorder.worker.bounds import Budget
from holdshelf_core.recorder.worker.connect import DEFAULT_PORT, connect, hold_to, lost, moved_to, refused
from holdshelf_core.recorder.worker.early import EarlyPackets
from holdshelf_core.recorder.worker.message import (
    MAX_BODY_BYTES,
    MAX_HEAD_BYTES,
    Answer,
    channel_of,
    request_of,
    session_of,
    sign_of,
    ssrc_of,
    take_message,
    without_login,
)
from holdshelf_core.recorder.worker.nal import completed
from holdshelf_core.recorder.worker.order import Order
from holdshelf_core.recorder.worker.rtcp import SenderReports
from holdshelf_core.recorder.worker.rtp import Depacketizer, begins_something
from holdshelf_core.recorder.worker.sdp import Track, base_url, parse_sdp, track_url
from holdshelf_core.recorder.worker.source import (
    OPEN_TIMEOUT_S,
    READ_TIMEOUT_S,
    Hole,
    Picture,
    SourceError,
)
from holdshelf_core.recorder.worker.units import PART_BYTES

_LOGGER = logging.getLogger("holdshelf.worker")

RECEIVE_BYTES = 256 << 10
MAX_TURN_BYTES = 512 << 10  # tens of milliseconds even for the smallest of packets
_LOOK_AGAIN_MS = 50
MAX_UNASKED_BYTES = 16 << 20  # of media, before the answer being waited for
# Between two pictures. A camera that truncates packets loses sync for less time.
MAX_GARBAGE_BYTES = 512 << 10
KEEPALIVE_S, LEAST_KEEPALIVE_S = 25.0, 1.0
# The slices of one picture come back to back: a lost packet is retransmitted within a timeout (200 ms).
SETTLE_S = 0.3
DISOWNED_S = 3.0
GOODBYE_S = 0.5
_GOES = frozenset({"REDIRECT", "TEARDOWN"})
_ANSWERED = frozenset({"OPTIONS", "GET_PARAMETER", "SET_PARAMETER", "ANNOUNCE"})


class _Moved(Exception):
    """The camera redirects to another address for its stream."""


class RtspSource:
    """An open connection with its one video stream (see ``worker.source.Source``)."""

    template: av.video.stream.VideoStream | None = None
    certificate_sha256 = ""  # of the certificate that the camera presented (hex); empty without TLS
    has_more = False
    rest: tuple[int, float] = (-1, 0.0)  # its pictures wait in the connection
    set_up_headers: Mapping[str, str] = {}
    play_headers: Mapping[str, str] = {"Range": "npt=0.000-"}
    depacketizer_type = Depacketizer

    def __init__(
        self, url: str, username: str | None, password: str | None, certificate_sha256: str | None = None
    ) -> None:
        """Connect, up to PLAY; over TLS only if the certificate matches, if one is given.

        Raises SourceError within about twice ``OPEN_TIMEOUT_S``.
        """
        self._url = without_login(url)
        self._credentials = Credentials(username or "", password or "") if username else None
        self._held_to = certificate_sha256
        self._cseq = self._garbage_bytes = 0
        self._session = self._awaited = ""
        self._keepalive_s, self._alive_at = KEEPALIVE_S, 0.0
        self._sender_reports = SenderReports()
        self._pending = b""
        self._early = EarlyPackets()
        self._can_get_parameter = self._refuses_get_parameter = self._disowned = self._renewed = False
        self._deadline = time.monotonic() + 2 * OPEN_TIMEOUT_S
        self._socket = self._open()
        try:
            self._track, base = self._describe_moved()
            self._depacketizer = self._set_up(base)
        except (OSError, ValueError) as error:
            self._socket.close()
            raise lost(error, opening=True) from None
        except SourceError:
            self.close()
            raise
        self._sign = sign_of(self._depacketizer.channel, self._track.payload_type)
        self._begin_reading()
        self.codec = self._track.codec
        self.ticks_per_s = self._track.ticks_per_s
        if self._track.note:
            _LOGGER.info("%s: %s", urlsplit(self._url).hostname, self._track.note)

    @property
    def parameter_sets(self) -> frozenset[bytes]:
        """Return the SDP's parameter sets; those received with or between pictures take precedence."""
        return completed(self._depacketizer.parameter_sets, self._track.parameter_sets, self.codec)

    @property
    def certificate_sei(self) -> bytes:
        """See ``worker.source.Source``."""
        return self._depacketizer.certificate_sei

    @property
    def clock_ahead_ns(self) -> int | None:
        """Return how far the camera's clock is ahead of ours, by its sender reports; None when it sends none."""
        return self._sender_reports.clock_ahead_ns

    # --- the dialogue -----------------------------------------------------------------------------------------

    def _open(self) -> socket.socket:
        parts = urlsplit(self._url)
        opened = connect(parts.scheme, parts.hostname or "", parts.port or DEFAULT_PORT[parts.scheme])
        if isinstance(opened, ssl.SSLSocket):
            self.certificate_sha256 = hold_to(opened, self._held_to)
        self.gather_bytes = opened.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 6
        self._pending = b""
        return opened

    def _reopen(self) -> None:
        self._socket.close()
        self._socket = self._open()

    def _describe_moved(self) -> tuple[Track, str]:
        """Run ``_describe`` at the address that the camera redirects to: once, and only on the same host."""
        try:
            return self._describe()
        except _Moved as moved:
            self._url = moved_to(self._url, str(moved))
        self._reopen()
        try:
            return self._describe()
        except _Moved:
            raise SourceError(STREAM_MOVED, "it sends its viewers on from one address to the next") from None

    def _describe(self) -> tuple[Track, str]:
        # First, as every client does it: some cameras expect it, and it shows which keepalive they support.
        self._send("OPTIONS", self._url, {})
        answer = self._await_answer()
        if answer.status // 100 == 3:
            raise _Moved(answer.headers.get("location", ""))
        self._note(answer)
        answer = self._ask("DESCRIBE", self._url, {"Accept": "application/sdp"})
        said = answer.headers.get("content-base") or answer.headers.get("content-location") or ""
        return parse_sdp(answer.body), base_url(said, self._url)

    def _set_up(self, base: str) -> Depacketizer:
        track = self._track
        try:
            wanted = {"Transport": self._wanted_transport(), **self.set_up_headers}
            answer = self._ask("SETUP", track_url(base, track.control), wanted)
        except SourceError as error:
            if error.reason == TRANSPORT_REFUSED and track.group and "multicast" not in self._wanted_transport():
                raise SourceError(TRANSPORT_REFUSED, MULTICAST_ONLY) from None
            raise
        transport = answer.headers.get("transport", "")
        channel = self._accept(transport)
        self._session, lapses_s = session_of(answer.headers.get("session", ""))
        if lapses_s:
            self._keepalive_s = max(LEAST_KEEPALIVE_S, min(KEEPALIVE_S, lapses_s / 2))
        # Some send media before they answer: that is kept, or the first key frame would be lost.
        self._early.keeps = True
        played = self._ask("PLAY", track.aggregate or base, self.play_headers)
        self._announced = ssrc_of(transport) or ssrc_of(played.headers.get("rtp-info", ""))
        return self.depacketizer_type(
            track.codec,
            track.payload_type,
            channel=channel,
            ticks_per_s=track.ticks_per_s,
            source=self._announced,
            strangers=frozenset(self._early.strangers),
            doubt_markers=True,
        )

    def _wanted_transport(self) -> str:
        """Return the Transport header that SETUP asks for."""
        return "RTP/AVP/TCP;unicast;interleaved=0-1"

    def _accept(self, transport: str) -> int:
        """Check the Transport that SETUP answered; return the channel of the pictures. Raises SourceError."""
        said = transport.lower()
        if "multicast" in said:
            raise SourceError(TRANSPORT_REFUSED, MULTICAST_ONLY)
        if said and "interleaved" not in said:
            raise SourceError(TRANSPORT_REFUSED, "it sends by UDP only")
        return channel_of(transport)

    def _ask(self, method: str, url: str, headers: Mapping[str, str]) -> Answer:
        """Send a request and return its answer; repeat it with credentials when required."""
        challenged = False
        for attempt in range(4):
            try:
                self._send(method, url, headers)
                answer = self._await_answer()
            except ConnectionError:
                if not challenged or self._session:
                    raise
                challenged = False  # some disconnect after they ask for a login
                self._reopen()
                continue
            if answer.status != 401:
                break
            challenge = answer.headers.get("www-authenticate", "")
            # A second rejection is final, unless only the nonce had expired or another algorithm was offered too.
            another = bool(attempt) and not is_stale(challenge)
            if self._credentials is None or not self._credentials.challenge(challenge, another=another):
                break
            challenged = True
        if answer.status // 100 == 3 and method == "DESCRIBE":
            raise _Moved(answer.headers.get("location", ""))
        if answer.status // 100 != 2:
            raise refused(answer)
        if self._credentials is not None:
            self._credentials.renew(answer.headers.get("authentication-info", ""))
        return answer

    def _send(self, method: str, url: str, headers: Mapping[str, str]) -> None:
        self._cseq += 1
        lines = [f"{method} {url} RTSP/1.0", f"CSeq: {self._cseq}", "User-Agent: Holdshelf"]
        if self._session:
            lines.append(f"Session: {self._session}")
        if self._credentials is not None and (authorization := self._credentials.answer(method, url)):
            lines.append(f"Authorization: {authorization}")
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._write("\r\n".join([*lines, "", ""]).encode())

    def _write(self, message: bytes) -> None:
        try:
            self._socket.sendall(message)
        except (BlockingIOError, ssl.SSLWantWriteError):
            raise SourceError(STREAM_ENDED, "the camera does not read what it is sent") from None

    def _await_answer(self) -> Answer:
        """Return the next response. Media before it is kept for the depacketizer once PLAY was sent."""
        buffer, at, received = self._pending, 0, 0
        while True:
            while buffer[at : at + 1] in (b"\r", b"\n"):
                at += 1
            if buffer[at : at + 1] == b"$":
                if len(buffer) - at >= 4 and len(buffer) - at >= (size := 4 + int.from_bytes(buffer[at + 2 : at + 4])):
                    self._early.put(buffer[at : at + size])
                    at += size
                    received += PART_BYTES
                    continue
            elif not begins_something(buffer, at, 0) and (found := buffer.find(b"RTSP/1.", at)) > 0:
                at = found  # a description longer than announced, or the end of an old session's packet
                continue
            elif (taken := take_message(buffer[at : at + MAX_HEAD_BYTES + MAX_BODY_BYTES])) is not None:
                answer, used = taken
                at += used
                if answer is not None:
                    self._pending = buffer[at:]
                    return answer
                self._reply(buffer[at - used : at])
                continue
            if time.monotonic() > self._deadline:
                raise TimeoutError
            more = self._socket.recv(65_536)
            if not more:
                raise ConnectionResetError
            received += len(more)
            if received > MAX_UNASKED_BYTES:
                raise SourceError(NOT_RECORDABLE, "it sends without end and does not answer")
            buffer, at = buffer[at:] + more, 0

    def _reply(self, message: bytes) -> None:
        """Answer a request of the camera. Raises SourceError when it announces its end."""
        method, cseq = request_of(message)
        if method in _GOES:
            raise SourceError(STREAM_ENDED, f"the camera ended the stream ({method})")
        status = "200 OK" if method in _ANSWERED else "501 Not Implemented"
        self._write(f"RTSP/1.0 {status}\r\nCSeq: {cseq}\r\n\r\n".encode())

    # --- media ------------------------------------------------------------------------------------------------

    def _begin_reading(self) -> None:
        self._socket.setblocking(False)
        # A TLS record may be left in the library's buffer when the socket gives less than was asked for.
        self._is_plain = not isinstance(self._socket, ssl.SSLSocket)
        self._buffer = b"".join((*self._early.packets, self._pending))
        self._pending, self._early.packets = b"", []
        self._order = Order()
        self._budget = Budget()
        self._patience_s = 2 * READ_TIMEOUT_S
        self._received_s = time.monotonic()
        self._alive_at = self._received_s + self._keepalive_s

    def read(self, room: memoryview) -> tuple[list[Picture | Hole], SourceError | None]:
        """Take what has arrived, without waiting: pictures and holes in decoding order, and why the connection ended if it did.

        ``room``: what is received lies there meanwhile; one buffer serves all connections. What exceeds ``MAX_TURN_BYTES``
        stays for the next call, so that no camera keeps the others waiting.
        """
        items: list[Picture | Hole] = []
        began_cpu_s = time.thread_time()
        try:
            received = self._take(items, room)
            self._budget.spend(received, time.thread_time() - began_cpu_s)
        except (OSError, ValueError) as error:
            ended = lost(error, opening=False)
            if self._disowned:
                ended = SourceError(STALE_SESSION, "454 Session Not Found")
        except SourceError as error:
            ended = error
        else:
            return items, None
        with contextlib.suppress(SourceError):
            self._finish(items)
        return items, ended

    def _finish(self, items: list[Picture | Hole]) -> None:
        items.extend(self._order.follow(self._depacketizer.flush(), []))

    def pictures(self) -> Iterator[Picture | Hole]:
        """Yield pictures in decoding order; a Hole where some are missing. For a thread of its own; ends only by SourceError."""
        room = memoryview(bytearray(RECEIVE_BYTES))
        while True:
            items, ended = self.read(room)
            began_cpu_s = time.thread_time()
            yield from items
            self.charge(time.thread_time() - began_cpu_s)
            if ended is not None:
                raise ended
            if not self.has_more:
                arrives = select.poll()
                for each in self._sockets():
                    arrives.register(each, select.POLLIN)
                arrives.poll(_LOOK_AGAIN_MS)

    def _sockets(self) -> tuple[socket.socket, ...]:
        return (self._socket,)

    def charge(self, cpu_s: float) -> None:
        """Count what recording its pictures took, as the camera's own. Raises SourceError when it is too much."""
        self._budget.charge(cpu_s)

    def _take(self, items: list[Picture | Hole], room: memoryview) -> int:
        """Receive and parse until nothing more is there. Returns how many bytes were received."""
        depacketizer, order, received, is_drained = self._depacketizer, self._order, 0, False
        now_s = time.monotonic()
        if now_s > self._alive_at:
            self._keep_alive()
        while True:
            self._parse(items)
            if depacketizer.replaced:
                raise SourceError(STREAM_ENDED, "another sender (SSRC) has taken the stream over")
            self.has_more = received >= MAX_TURN_BYTES
            if self.has_more or is_drained:
                return received
            try:
                got = self._socket.recv_into(room)
            except (BlockingIOError, ssl.SSLWantReadError):
                break
            if not got:
                raise SourceError(STREAM_ENDED if order.seen else NO_FRAMES, "the camera closed the stream")
            received += got
            self._received_s = now_s
            is_drained = got < len(room) and self._is_plain
            self._buffer = b"".join((self._buffer, room[:got])) if self._buffer else bytes(room[:got])
        if not received:
            silent_s = now_s - self._received_s
            if depacketizer.waiting and silent_s > SETTLE_S:
                items.extend(order.follow(depacketizer.settle(), []))
            if silent_s > self._patience_s:
                raise TimeoutError
        return received

    def _parse(self, items: list[Picture | Hole]) -> None:
        buffer, position, depacketizer = self._buffer, 0, self._depacketizer
        while True:
            position, units = depacketizer.drain(buffer, position)
            if units:
                self._budget.saw_picture()
                self._garbage_bytes = 0
            if units or depacketizer.holes:
                items.extend(self._order.follow(units, depacketizer.holes))
            if depacketizer.control:
                self._hear(depacketizer.control)
                depacketizer.control = []
            if position >= len(buffer) or (passed := self._pass_other(buffer, position)) == position:
                break
            position = passed
        self._buffer = buffer[position:]

    def _hear(self, control: list[bytes]) -> None:
        """Process RTCP packets. Raises SourceError when the camera says that it ends the stream."""
        for packet in control:
            self._sender_reports.take(packet, self._depacketizer.sender, time.monotonic(), time.time_ns())
        if self._sender_reports.said_goodbye:
            raise SourceError(STREAM_ENDED, "the camera said goodbye (BYE)")

    def _pass_other(self, buffer: bytes, position: int) -> int:
        """Skip what is not a packet: an RTSP message, or garbage. Returns the same position when more data is needed."""
        if position >= len(buffer):
            return position
        if buffer[position] in b"\r\n":
            return position + 1
        if not begins_something(buffer, position, self._depacketizer.channel):
            return self._pass_garbage(buffer, position)
        if buffer[position] == 0x24:
            return position
        taken = take_message(buffer[position : position + MAX_HEAD_BYTES + MAX_BODY_BYTES])
        if taken is None:
            return position
        answer, used = taken
        if answer is None:
            self._reply(buffer[position : position + used])
        else:
            self._note(answer)
        return position + used

    def _pass_garbage(self, buffer: bytes, position: int) -> int:
        """Skip to our next packet or an answer: some cameras truncate a packet when they cannot send it at once."""
        self._depacketizer.tear()
        match = self._sign.search(buffer, position + 1)
        after = match.start() if match else max(position + 1, len(buffer) - 6)
        self._garbage_bytes += after - position
        if self._garbage_bytes > MAX_GARBAGE_BYTES:
            raise SourceError(STREAM_ENDED, "the camera sent what is neither media nor an answer")
        return after

    # --- keepalive --------------------------------------------------------------------------------------------

    def _keep_alive(self) -> None:
        """Send GET_PARAMETER where it is offered and answered, otherwise OPTIONS."""
        self._alive_at = time.monotonic() + self._keepalive_s
        if self._awaited == "GET_PARAMETER":
            self._refuses_get_parameter = True  # offered, but never answered
        offered = self._can_get_parameter and not self._refuses_get_parameter
        self._awaited = "GET_PARAMETER" if offered else "OPTIONS"
        self._send(self._awaited, self._url, {})

    def _note(self, answer: Answer) -> None:
        """Process an answer to a keepalive. OPTIONS tells whether GET_PARAMETER, which some cameras require, may be used."""
        awaited, self._awaited = self._awaited, ""
        if "GET_PARAMETER" in answer.headers.get("public", "").upper():
            self._can_get_parameter = True
        if not self._session or not awaited:
            return
        if answer.status == 401 and self._credentials is not None and not self._renewed:
            # The nonce has expired. Once only: if the password was changed, reconnecting will tell.
            self._renewed = self._credentials.challenge(answer.headers.get("www-authenticate", ""))
            self._alive_at = 0.0
        elif answer.status == 454:
            # Some say so, and keep sending: only silence ends it, and it need not be long.
            self._disowned = True
            self._patience_s = DISOWNED_S
        elif answer.status // 100 == 2:
            self._renewed = self._disowned = False
            self._patience_s = 2 * READ_TIMEOUT_S
        if answer.status >= 400 and awaited == "GET_PARAMETER" and answer.status != 401:
            self._refuses_get_parameter = True
            self._alive_at = 0.0

    def close(self) -> None:
        """Disconnect with TEARDOWN, so that the camera frees the session; waits ``GOODBYE_S`` at most. Never raises."""
        with contextlib.suppress(OSError, ValueError):
            if self._session:
                self._socket.settimeout(GOODBYE_S)
                self._send("TEARDOWN", self._url, {})
                # Wait for the answer: closing with unread data resets the connection, and a camera that never reads the TEARDOWN
                # keeps the session, and so one viewer's slot.
                until, last = time.monotonic() + GOODBYE_S, b""
                while time.monotonic() < until and (more := self._socket.recv(65_536)):
                    if b"RTSP/1." in last[-8:] + more:
                        break
                    last = more
        self._socket.close()
