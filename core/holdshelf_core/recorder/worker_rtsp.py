"""RTSP over one TCP (or TLS) connection, video only: the recorder's own client (RFC 2326; ADR 7 says why).

DESCRIBE, SETUP of the one video track, interleaved; PLAY; keepalive; TEARDOWN. Audio is never set up because nothing
here can: only the first H.264 or H.265 track is asked for. Answers are bounded. What a server does not offer in our way
raises ``NotUnderstoodError``, and the camera is dialled through libavformat instead.
"""

from __future__ import annotations

import contextlib
import logging
import re
import socket
import ssl
import time
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

import av.video.stream

from holdshelf_core.reasons import (
    AUTH_REFUSED,
    FRAMES_LOST,
    NO_FRAMES,
    NOT_FOUND,
    NOT_RECORDABLE,
    STALE_SESSION,
    STREAM_ENDED,
    STREAM_MOVED,
    TRANSPORT_REFUSED,
)
from holdshelf_core.recorder.worker_auth import Credentials, is_stale
from holdshelf_core.recorder.worker_bounds import Budget
from holdshelf_core.recorder.worker_connect import connect, hold_to, lost
from holdshelf_core.recorder.worker_message import (
    MAX_BODY_BYTES,
    MAX_HEAD_BYTES,
    Answer,
    channel_of,
    request_of,
    session_of,
    ssrc_of,
    take_message,
)
from holdshelf_core.recorder.worker_nal import completed
from holdshelf_core.recorder.worker_rtp import Depacketizer, begins_something
from holdshelf_core.recorder.worker_sdp import Track, base_url, parse_sdp, track_url
from holdshelf_core.recorder.worker_source import (
    OPEN_TIMEOUT_S,
    READ_TIMEOUT_S,
    Hole,
    NotUnderstoodError,
    Picture,
    SourceError,
)
from holdshelf_core.recorder.worker_units import PART_BYTES

_LOGGER = logging.getLogger("holdshelf.worker")

RECEIVE_BYTES = 256 << 10
MAX_EARLY_BYTES = 4 << 20
MAX_UNASKED_BYTES = 16 << 20  # of media, before an answer that is waited for
MAX_STRANGERS = 16
# Between two pictures. A camera that cuts packets short loses its place for less.
MAX_GARBAGE_BYTES = 512 << 10
KEEPALIVE_S, LEAST_KEEPALIVE_S = 25.0, 1.0
# The slices of one picture come back to back: a lost packet is sent again within a retransmission timeout (200 ms).
SETTLE_S = 0.3
DISOWNED_S = 3.0
GOODBYE_S = 0.5
KEY_WAIT_S = 45.0  # cameras that save on key frames send one in 10 s to 20 s
_DEFAULT_PORT = {"rtsp": 554, "rtsps": 322}
_GOES = frozenset({"REDIRECT", "TEARDOWN"})
_ANSWERED = frozenset({"OPTIONS", "GET_PARAMETER", "SET_PARAMETER", "ANNOUNCE"})


class _Moved(Exception):
    """The camera names another address for its stream."""


class RtspSource:
    """An open connection with its one video stream (see ``worker_source.Source``)."""

    template: av.video.stream.VideoStream | None = None

    certificate_sha256 = ""
    """Of the certificate that the camera showed (hex); empty without TLS."""

    def __init__(
        self, url: str, username: str | None, password: str | None, certificate_sha256: str | None = None
    ) -> None:
        """Dial, up to PLAY; over TLS only past that certificate, if one is given.

        Raises SourceError within about twice ``OPEN_TIMEOUT_S``.
        """
        self._url = _without_login(url)
        self._credentials = Credentials(username or "", password or "") if username else None
        self._held_to = certificate_sha256
        self._cseq = 0
        self._session = ""
        self._keepalive_s = KEEPALIVE_S
        self._alive_at = 0.0
        self._pending = b""
        self._early: list[bytes] | None = None
        self._early_bytes = 0
        self._strangers: set[bytes] | None = set()
        self._can_get_parameter = self._refuses_get_parameter = self._disowned = self._renewed = False
        self._awaited = ""
        self._garbage_bytes = 0
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
        self._sign = _sign_of(self._depacketizer.channel, self._track.payload_type)
        self.codec = self._track.codec
        self.ticks_per_s = self._track.ticks_per_s
        if self._track.note:
            _LOGGER.info("%s: %s", urlsplit(self._url).hostname, self._track.note)

    @property
    def parameter_sets(self) -> frozenset[bytes]:
        """What the SDP gives; each kind that came with the pictures, or between them, counts for more."""
        return completed(self._depacketizer.parameter_sets, self._track.parameter_sets, self.codec)

    # --- the dialogue -----------------------------------------------------------------------------------------

    def _open(self) -> socket.socket:
        parts = urlsplit(self._url)
        opened = connect(parts.scheme, parts.hostname or "", parts.port or _DEFAULT_PORT[parts.scheme])
        if isinstance(opened, ssl.SSLSocket):
            self.certificate_sha256 = hold_to(opened, self._held_to)
        self.gather_bytes = opened.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 6
        self._pending = b""
        return opened

    def _reopen(self) -> None:
        self._socket.close()
        self._socket = self._open()

    def _describe_moved(self) -> tuple[Track, str]:
        """``_describe``, at the address to which the camera sends us: once, and at the same host only."""
        try:
            return self._describe()
        except _Moved as moved:
            self._url = self._moved_to(str(moved))
        self._reopen()
        try:
            return self._describe()
        except _Moved:
            raise SourceError(STREAM_MOVED, "it sends its viewers on from one address to the next") from None

    def _moved_to(self, location: str) -> str:
        there = _without_login(urljoin(self._url, location))
        old, new = urlsplit(self._url), urlsplit(there)
        shown = f"{new.scheme}://{new.hostname}{new.path}"[:120] if new.hostname else "no address"
        if new.scheme not in _DEFAULT_PORT or (new.hostname or "").lower() != (old.hostname or "").lower():
            raise SourceError(STREAM_MOVED, f"it names {shown}, which is another host")
        if old.scheme == "rtsps" and new.scheme != "rtsps":
            raise SourceError(STREAM_MOVED, f"it names {shown}, which is not encrypted")
        return there

    def _describe(self) -> tuple[Track, str]:
        # First, as every client does it: some cameras count on it, and it tells which keepalive they like.
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
            answer = self._ask(
                "SETUP", track_url(base, track.control), {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1"}
            )
        except NotUnderstoodError:
            if track.multicast:
                raise SourceError(TRANSPORT_REFUSED, "it sends by multicast only") from None
            raise
        transport = answer.headers.get("transport", "interleaved")
        if "multicast" in transport.lower():
            raise SourceError(TRANSPORT_REFUSED, "it sends by multicast only")
        if "interleaved" not in transport.lower():
            raise NotUnderstoodError(TRANSPORT_REFUSED, "it does not send over the connection itself")
        strangers, self._strangers = frozenset(self._strangers or ()), None
        self._session, lapses_s = session_of(answer.headers.get("session", ""))
        if lapses_s:
            self._keepalive_s = max(LEAST_KEEPALIVE_S, min(KEEPALIVE_S, lapses_s / 2))
        # Some send before they answer: that is kept, or the first key frame would be lost.
        self._early = []
        played = self._ask("PLAY", track.aggregate or base, {"Range": "npt=0.000-"})
        return Depacketizer(
            track.codec,
            track.payload_type,
            channel=channel_of(transport),
            ticks_per_s=track.ticks_per_s,
            source=ssrc_of(transport) or ssrc_of(played.headers.get("rtp-info", "")),
            strangers=strangers,
            doubt_markers=True,
        )

    def _ask(self, method: str, url: str, headers: dict[str, str]) -> Answer:
        """Send a request and await its answer; again with credentials when they are asked for."""
        challenged = False
        for attempt in range(4):
            try:
                self._send(method, url, headers)
                answer = self._await_answer()
            except ConnectionError:
                if not challenged or self._session:
                    raise
                challenged = False  # some hang up after they asked for a login
                self._reopen()
                continue
            if answer.status != 401:
                break
            challenge = answer.headers.get("www-authenticate", "")
            # A second refusal is final, unless only the nonce had grown old or another algorithm was offered too.
            another = bool(attempt) and not is_stale(challenge)
            if self._credentials is None or not self._credentials.challenge(challenge, another=another):
                break
            challenged = True
        if answer.status // 100 == 3 and method == "DESCRIBE":
            raise _Moved(answer.headers.get("location", ""))
        if answer.status // 100 != 2:
            raise _refused(answer)
        if self._credentials is not None:
            self._credentials.renew(answer.headers.get("authentication-info", ""))
        return answer

    def _send(self, method: str, url: str, headers: dict[str, str]) -> None:
        self._cseq += 1
        lines = [f"{method} {url} RTSP/1.0", f"CSeq: {self._cseq}", "User-Agent: Holdshelf"]
        if self._session:
            lines.append(f"Session: {self._session}")
        if self._credentials is not None and (authorization := self._credentials.answer(method, url)):
            lines.append(f"Authorization: {authorization}")
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())

    def _await_answer(self) -> Answer:
        """The next response. Media before it is put aside for the depacketizer once PLAY was asked for."""
        buffer, at, received = self._pending, 0, 0
        while True:
            while buffer[at : at + 1] in (b"\r", b"\n"):
                at += 1
            if buffer[at : at + 1] == b"$":
                if len(buffer) - at >= 4 and len(buffer) - at >= (size := 4 + int.from_bytes(buffer[at + 2 : at + 4])):
                    self._put_aside(buffer[at : at + size])
                    at += size
                    received += PART_BYTES
                    continue
            elif not begins_something(buffer, at, 0) and (found := buffer.find(b"RTSP/1.", at)) > 0:
                at = found  # a description that was longer than was said, or the end of an old session's packet
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

    def _put_aside(self, packet: bytes) -> None:
        if self._early is not None:
            self._early_bytes += len(packet) + PART_BYTES
            if self._early_bytes <= MAX_EARLY_BYTES:
                self._early.append(packet)
        elif self._strangers is not None and len(self._strangers) < MAX_STRANGERS and len(packet) >= 16:
            # live555 of before 2017 goes on sending an old session's packets on a new connection.
            self._strangers.add(packet[12:16])

    def _reply(self, message: bytes) -> None:
        """To a request of the camera's. Raises SourceError when it says that it is going."""
        method, cseq = request_of(message)
        if method in _GOES:
            raise SourceError(STREAM_ENDED, f"the camera ended the stream ({method})")
        status = "200 OK" if method in _ANSWERED else "501 Not Implemented"
        self._socket.sendall(f"RTSP/1.0 {status}\r\nCSeq: {cseq}\r\n\r\n".encode())

    # --- media ------------------------------------------------------------------------------------------------

    def pictures(self) -> Iterator[Picture | Hole]:
        """See ``worker_source.Source``; a Hole stands where pictures are missing."""
        self._socket.settimeout(2 * READ_TIMEOUT_S)
        buffer = b"".join((*(self._early or ()), self._pending))
        self._pending, self._early = b"", None
        self._alive_at = time.monotonic() + self._keepalive_s
        # One buffer for the whole session: a fresh one for each read costs the kernel more than the read.
        room = memoryview(bytearray(RECEIVE_BYTES))
        depacketizer = self._depacketizer
        order = _Order()
        budget = Budget()
        try:
            while True:
                position = 0
                while True:
                    position, units = depacketizer.drain(buffer, position)
                    if units:
                        budget.saw_picture()
                        self._garbage_bytes = 0
                    if units or depacketizer.holes:
                        yield from order.follow(units, depacketizer.holes)
                    passed = self._pass_other(buffer, position)
                    if passed == position:
                        break
                    position = passed
                if depacketizer.replaced:
                    raise SourceError(STREAM_ENDED, "another sender (SSRC) has taken the stream over")
                if time.monotonic() > self._alive_at:
                    self._keep_alive()
                got = self._receive(room)
                if got is None:
                    buffer = buffer[position:]
                    yield from order.follow(depacketizer.settle(), [])
                    continue
                if not got:
                    raise SourceError(STREAM_ENDED if order.seen else NO_FRAMES, "the camera closed the stream")
                budget.spend(got)
                buffer = b"".join((buffer[position:], room[:got]))
        except (OSError, ValueError) as error:
            yield from order.follow(depacketizer.flush(), [])
            if self._disowned:
                raise SourceError(STALE_SESSION, "454 Session Not Found") from None
            raise lost(error, opening=False) from None
        except SourceError:
            yield from order.follow(depacketizer.flush(), [])
            raise

    def _receive(self, room: memoryview) -> int | None:
        """How many bytes came; None when a picture waits to be settled and nothing came for a moment."""
        if not self._depacketizer.waiting:
            return self._socket.recv_into(room)
        patience_s = self._socket.gettimeout()
        self._socket.settimeout(SETTLE_S)
        try:
            return self._socket.recv_into(room)
        except TimeoutError:
            return None
        finally:
            self._socket.settimeout(patience_s)

    def _pass_other(self, buffer: bytes, position: int) -> int:
        """Past what is no packet: an RTSP message, or garbage. The position itself when more is needed to tell."""
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
        """Some cameras cut a packet short when they cannot send it at once: on to the next that is ours, or an answer."""
        self._depacketizer.tear()
        match = self._sign.search(buffer, position + 1)
        after = match.start() if match else max(position + 1, len(buffer) - 6)
        self._garbage_bytes += after - position
        if self._garbage_bytes > MAX_GARBAGE_BYTES:
            raise SourceError(STREAM_ENDED, "the camera sent what is neither media nor an answer")
        return after

    # --- keepalive --------------------------------------------------------------------------------------------

    def _keep_alive(self) -> None:
        """By GET_PARAMETER where it is offered and answered, else by OPTIONS."""
        self._alive_at = time.monotonic() + self._keepalive_s
        if self._awaited == "GET_PARAMETER":
            self._refuses_get_parameter = True  # offered, and never answered
        offered = self._can_get_parameter and not self._refuses_get_parameter
        self._awaited = "GET_PARAMETER" if offered else "OPTIONS"
        self._send(self._awaited, self._url, {})

    def _note(self, answer: Answer) -> None:
        """An answer to a keepalive. OPTIONS tells whether GET_PARAMETER, which some cameras insist on, may be used."""
        awaited, self._awaited = self._awaited, ""
        if "GET_PARAMETER" in answer.headers.get("public", "").upper():
            self._can_get_parameter = True
        if not self._session or not awaited:
            return
        if answer.status == 401 and self._credentials is not None and not self._renewed:
            # The nonce has grown old. Once: if the password was changed, dialling anew will tell.
            self._renewed = self._credentials.challenge(answer.headers.get("www-authenticate", ""))
            self._alive_at = 0.0
        elif answer.status == 454:
            # Some say so, and go on sending: only silence ends it, and it need not be long.
            self._disowned = True
            self._socket.settimeout(DISOWNED_S)
        elif answer.status // 100 == 2:
            self._renewed = self._disowned = False
            self._socket.settimeout(2 * READ_TIMEOUT_S)
        if answer.status >= 400 and awaited == "GET_PARAMETER" and answer.status != 401:
            self._refuses_get_parameter = True
            self._alive_at = 0.0

    def close(self) -> None:
        """See ``worker_source.Source``."""
        with contextlib.suppress(OSError, ValueError):
            if self._session:
                self._socket.settimeout(GOODBYE_S)
                self._send("TEARDOWN", self._url, {})
                # Until it is answered: closing with unread data resets the connection, and a camera that never reads
                # the TEARDOWN keeps the session, and one viewer's place.
                until, last = time.monotonic() + GOODBYE_S, b""
                while time.monotonic() < until and (more := self._socket.recv(65_536)):
                    if b"RTSP/1." in last[-8:] + more:
                        break
                    last = more
        self._socket.close()


class _Order:
    """Pictures and holes: after a loss nothing counts before the next key frame, since it would build on what is missing."""

    def __init__(self) -> None:
        self.seen = False
        self._waits_since_s = 0.0
        self._key_due_s: float | None = time.monotonic() + KEY_WAIT_S

    def follow(self, units: list[Picture], holes: list[int]) -> Iterator[Picture | Hole]:
        """``holes``: before which of the units something is missing. Raises SourceError when no key frame comes."""
        for number, unit in enumerate(units):
            if number in holes:
                yield from self._lose()
            if self._waits_since_s and not unit.is_key:
                continue
            self._waits_since_s = 0.0
            self.seen = True
            if unit.is_key:
                self._key_due_s = None
            yield unit
        if holes and holes[-1] >= len(units):
            yield from self._lose()
        if self._waits_since_s and time.monotonic() - self._waits_since_s > 3 * READ_TIMEOUT_S:
            raise SourceError(FRAMES_LOST, "pictures were lost, and no key frame has come since")
        if self._key_due_s is not None and time.monotonic() > self._key_due_s:
            raise SourceError(NO_FRAMES, "pictures come, but never a key frame; set a key frame interval at the camera")

    def _lose(self) -> Iterator[Hole]:
        if self.seen and not self._waits_since_s:
            self._waits_since_s = time.monotonic()
            yield Hole(lasting=False)


def _sign_of(channel: int, payload_type: int) -> re.Pattern[bytes]:
    """What a packet of the stream, or an answer, begins with."""
    kinds = b"".join(re.escape(bytes((kind,))) for kind in (payload_type & 0x7F, payload_type | 0x80))
    return re.compile(rb"\$%b..[\x80-\xbf][%b]|RTSP/1\.[0-9] " % (re.escape(bytes((channel,))), kinds), re.DOTALL)


def _without_login(url: str) -> str:
    netloc = urlsplit(url).netloc
    return url.replace(netloc, netloc.rpartition("@")[2], 1) if "@" in netloc else url


def _refused(answer: Answer) -> SourceError:
    detail = f"{answer.status} {answer.words}".strip()
    if answer.status in (401, 403):
        return SourceError(AUTH_REFUSED, detail)
    if answer.status == 404:
        return SourceError(NOT_FOUND, detail)
    if answer.status // 100 == 3:
        return SourceError(STREAM_MOVED, detail)
    if answer.status == 461:
        return NotUnderstoodError(TRANSPORT_REFUSED, detail)
    if answer.status in (405, 501, 551):
        return NotUnderstoodError(STALE_SESSION, detail)
    return SourceError(STALE_SESSION, detail)
