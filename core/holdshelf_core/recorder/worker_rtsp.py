"""RTSP over one TCP (or TLS) connection, video only: the recorder's own client (RFC 2326; ADR 7 says why).

DESCRIBE, SETUP of the one video track, interleaved; PLAY; keepalive; TEARDOWN. Audio is never set up because nothing
here can: only the first H.264 or H.265 track is asked for. Answers are bounded; what is not understood raises
``NotUnderstoodError``, and the camera is dialled through libavformat instead.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import errno
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import av.video.stream

from holdshelf_core.reasons import (
    AUTH_REFUSED,
    NO_FRAMES,
    NOT_FOUND,
    NOT_RECORDABLE,
    STALE_SESSION,
    STREAM_ENDED,
    UNREACHABLE,
)
from holdshelf_core.recorder.worker_auth import Credentials
from holdshelf_core.recorder.worker_nal import parameter_sets
from holdshelf_core.recorder.worker_rtp import Depacketizer
from holdshelf_core.recorder.worker_source import (
    OPEN_TIMEOUT_S,
    READ_TIMEOUT_S,
    NotUnderstoodError,
    Picture,
    SourceError,
)

RECEIVE_BYTES = 256 << 10
RECEIVE_BUFFER_BYTES = 1 << 20  # the kernel grants net.core.rmem_max, 208 KiB by default, and doubles it
MAX_HEAD_BYTES = 64 << 10
MAX_BODY_BYTES = 256 << 10
_DEFAULT_PORT = {"rtsp": 554, "rtsps": 322}
_CODEC_OF = {"H264": "h264", "H265": "hevc"}
_SPROPS = {"h264": ("sprop-parameter-sets",), "hevc": ("sprop-vps", "sprop-sps", "sprop-pps")}


@dataclass(slots=True)
class Answer:
    """A response: status, reason, headers in lower case, body."""

    status: int
    words: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Track:
    """The video track that the SDP offers."""

    codec: str
    payload_type: int
    ticks_per_s: int
    control: str
    parameter_sets: frozenset[bytes]


class RtspSource:
    """An open connection with its one video stream (see ``worker_source.Source``)."""

    template: av.video.stream.VideoStream | None = None

    def __init__(self, url: str, username: str | None, password: str | None) -> None:
        """Dial, up to PLAY. Raises SourceError within about twice ``OPEN_TIMEOUT_S``."""
        parts = urlsplit(url)
        self._url = url
        self._credentials = Credentials(username or "", password or "") if username else None
        self._cseq = 0
        self._session = ""
        self._keepalive_s = 25.0
        self._pending = b""
        self._can_get_parameter = False
        self._socket = _connect(parts.scheme, parts.hostname or "", parts.port or _DEFAULT_PORT[parts.scheme])
        self.gather_bytes = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 6
        try:
            self._deadline = time.monotonic() + 2 * OPEN_TIMEOUT_S
            self._track, base = self._describe()
            self._set_up(base)
        except (OSError, ValueError) as error:
            self._socket.close()
            raise _lost(error, opening=True) from None
        except SourceError:
            self.close()
            raise
        self.codec = self._track.codec
        self.ticks_per_s = self._track.ticks_per_s
        self.parameter_sets = self._track.parameter_sets
        self._depacketizer = Depacketizer(self.codec, self._track.payload_type)

    # --- the dialogue -----------------------------------------------------------------------------------------

    def _describe(self) -> tuple[Track, str]:
        # First, as every client does it: some cameras count on it, and it tells which keepalive they like.
        self._send("OPTIONS", self._url, {})
        self._note(self._await_answer())
        answer = self._ask("DESCRIBE", self._url, {"Accept": "application/sdp"})
        base = answer.headers.get("content-base") or answer.headers.get("content-location") or self._url
        return parse_sdp(answer.body), base

    def _set_up(self, base: str) -> None:
        control = self._track.control
        track_url = control if "://" in control else f"{base.rstrip('/')}/{control}" if control else base
        answer = self._ask("SETUP", track_url, {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1"})
        if "interleaved" not in answer.headers.get("transport", "interleaved").lower():
            raise NotUnderstoodError(STALE_SESSION, "the camera does not send over the connection itself")
        session, _, options = answer.headers.get("session", "").partition(";")
        self._session = session.strip()
        name, _, value = options.strip().partition("=")
        if name.lower() == "timeout" and value.isdigit():
            self._keepalive_s = max(5.0, min(25.0, int(value) / 2))
        self._ask("PLAY", base, {"Range": "npt=0.000-"})

    def _ask(self, method: str, url: str, headers: dict[str, str]) -> Answer:
        """Send a request and await its answer; once more with credentials when they are asked for."""
        for attempt in range(3):
            self._send(method, url, headers)
            answer = self._await_answer()
            if answer.status != 401:
                break
            challenge = answer.headers.get("www-authenticate", "")
            # A second refusal is final, unless only the nonce had grown old.
            renewed = self._credentials is not None and self._credentials.challenge(challenge)
            if not renewed or (attempt and "stale=true" not in challenge.lower().replace(" ", "").replace('"', "")):
                break
        if answer.status // 100 != 2:
            raise _refused(answer)
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
        """The next response, leaving out media that comes before it (it belongs to no frame that we could place)."""
        buffer = self._pending
        while True:
            if buffer[:1] == b"$":
                if len(buffer) >= 4 and len(buffer) >= (size := 4 + int.from_bytes(buffer[2:4])):
                    buffer = buffer[size:]
                    continue
            elif (taken := take_message(buffer)) is not None:
                answer, used = taken
                self._pending = buffer[used:]
                if answer is not None:
                    return answer
                buffer = self._pending
                continue
            if time.monotonic() > self._deadline:
                raise TimeoutError
            more = self._socket.recv(65_536)
            if not more:
                raise ConnectionResetError
            buffer += more

    # --- media ------------------------------------------------------------------------------------------------

    def pictures(self) -> Iterator[Picture]:
        """See ``worker_source.Source``."""
        self._socket.settimeout(2 * READ_TIMEOUT_S)
        buffer, seen = self._pending, False
        self._pending = b""
        alive_at = time.monotonic() + self._keepalive_s
        # One buffer for the whole session: a fresh one for each read costs the kernel more than the read.
        room = memoryview(bytearray(RECEIVE_BYTES))
        depacketizer = self._depacketizer
        try:
            while True:
                position = 0
                while True:
                    position, units = depacketizer.drain(buffer, position)
                    if depacketizer.reordered:
                        raise NotUnderstoodError(STREAM_ENDED, "frames come out of order (B-frames)")
                    for unit in units:
                        seen = True
                        yield unit
                    if position >= len(buffer) or buffer[position] == 0x24:
                        break  # an unfinished packet: more is needed
                    taken = take_message(buffer[position : position + MAX_HEAD_BYTES + MAX_BODY_BYTES])
                    if taken is None:
                        break
                    self._note(taken[0])
                    position += taken[1]
                if time.monotonic() > alive_at:
                    alive_at = time.monotonic() + self._keepalive_s
                    self._send("GET_PARAMETER" if self._can_get_parameter else "OPTIONS", self._url, {})
                got = self._socket.recv_into(room)
                if not got:
                    raise SourceError(STREAM_ENDED if seen else NO_FRAMES, "the camera closed the stream")
                buffer = b"".join((buffer[position:], room[:got]))
        except (OSError, ValueError) as error:
            raise _lost(error, opening=False) from None

    def _note(self, answer: Answer | None) -> None:
        """An answer to a keepalive. OPTIONS tells whether GET_PARAMETER, which some cameras insist on, may be used."""
        if answer is None:
            return
        if "GET_PARAMETER" in answer.headers.get("public", "").upper():
            self._can_get_parameter = True
        if answer.status == 454 and self._session:
            raise SourceError(STALE_SESSION, "454 Session Not Found")

    def close(self) -> None:
        """See ``worker_source.Source``."""
        with contextlib.suppress(OSError):
            if self._session:
                self._socket.settimeout(0.5)
                self._send("TEARDOWN", self._url, {})
        self._socket.close()


def _connect(scheme: str, host: str, port: int) -> socket.socket:
    try:
        plain = _open_socket(host, port)
        if scheme != "rtsps":
            return plain
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # Cameras sign their own certificates; pinning on first use is issue 5's.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context.wrap_socket(plain, server_hostname=host)
    except (OSError, ValueError) as error:
        raise _lost(error, opening=True) from None


def _open_socket(host: str, port: int) -> socket.socket:
    """A connected socket with a receive buffer several times of what is let gather in it. Raises OSError."""
    failed: OSError = ConnectionRefusedError(errno.ECONNREFUSED, "no address")
    for family, kind, protocol, _name, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        plain = socket.socket(family, kind, protocol)
        try:
            # Before connecting, since it decides the window scale. A full buffer would make the camera wait or drop.
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            plain.settimeout(OPEN_TIMEOUT_S)
            plain.connect(address)
        except OSError as error:
            plain.close()
            failed = error
        else:
            return plain
    raise failed


def take_message(buffer: bytes) -> tuple[Answer | None, int] | None:
    """(response, bytes used) at the start of ``buffer``; None while it is not whole.

    A request from the camera's side (OPTIONS, ANNOUNCE) gives (None, bytes used). Raises NotUnderstoodError.
    """
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        if len(buffer) > MAX_HEAD_BYTES or (len(buffer) >= 8 and not buffer[:8].decode("latin-1").isprintable()):
            raise NotUnderstoodError(STREAM_ENDED, "the camera sent what is neither media nor an answer")
        return None
    first, *lines = buffer[:end].decode("latin-1").split("\r\n")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            key = name.strip().lower()
            headers[key] = (
                f"{headers[key]}, {value.strip()}" if key == "www-authenticate" and key in headers else value.strip()
            )
    length = headers.get("content-length", "0")
    if not length.isdigit() or int(length) > MAX_BODY_BYTES:
        raise NotUnderstoodError(STREAM_ENDED, "the camera announced an answer of absurd length")
    used = end + 4 + int(length)
    if len(buffer) < used:
        return None
    version, _, rest = first.partition(" ")
    if not version.startswith("RTSP/"):
        return None, used
    code, _, words = rest.partition(" ")
    if not code.isdigit():
        raise NotUnderstoodError(STREAM_ENDED, "the camera answered without a status")
    return Answer(int(code), words[:80], headers, buffer[end + 4 : used]), used


def parse_sdp(body: bytes) -> Track:
    """The first H.264 or H.265 track (RFC 8866). Raises SourceError(NOT_RECORDABLE) when there is none."""
    offered: list[str] = []
    lines: list[str] = []
    sections: list[list[str]] = []
    for line in body.decode("utf-8", "replace").replace("\r", "").split("\n"):
        if line.startswith("m="):
            sections.append(lines := [line])
        elif sections:
            lines.append(line)
    for section in sections:
        kind, _port, _profile, *formats = [*section[0][2:].split(" "), "", ""][:20]
        maps = dict(line[9:].split(" ", 1) for line in section if line.startswith("a=rtpmap:") and " " in line)
        for payload in formats:
            encoding, _, clock = maps.get(payload, f"format {payload}/").partition("/")
            if kind == "video" and encoding.upper() in _CODEC_OF and payload.isdigit():
                codec = _CODEC_OF[encoding.upper()]
                rate = clock.split("/")[0]
                control = next((line[10:].strip() for line in section if line.startswith("a=control:")), "")
                sets = _parameter_sets(section, payload, codec)
                return Track(codec, int(payload), int(rate) if rate.isdigit() and int(rate) else 90_000, control, sets)
            if payload and kind:
                offered.append({"26": "mjpeg", "33": "MPEG-TS"}.get(payload, encoding)[:20])
    raise SourceError(
        NOT_RECORDABLE, f"it offers no H.264 or H.265 video (offered: {', '.join(offered[:6]) or 'nothing'})"
    )


def _parameter_sets(section: list[str], payload: str, codec: str) -> frozenset[bytes]:
    """sprop-… of a=fmtp; what is not base64 is left out (a camera's own key frames have the last word)."""
    sets: list[bytes] = []
    for line in section:
        if not line.startswith(f"a=fmtp:{payload} "):
            continue
        for parameter in line.partition(" ")[2].split(";"):
            name, _, value = parameter.strip().partition("=")
            if name.lower() in _SPROPS[codec]:
                for item in value.split(","):
                    with contextlib.suppress(binascii.Error, ValueError):
                        sets.append(base64.b64decode(item))
    return parameter_sets(sets, codec)


def _refused(answer: Answer) -> SourceError:
    detail = f"{answer.status} {answer.words}".strip()
    if answer.status in (401, 403):
        return SourceError(AUTH_REFUSED, detail)
    if answer.status == 404:
        return SourceError(NOT_FOUND, detail)
    if answer.status // 100 == 3:
        return NotUnderstoodError(NOT_FOUND, f"{detail}: the stream has moved")
    if answer.status in (405, 461, 501, 551):
        return NotUnderstoodError(STALE_SESSION, detail)
    return SourceError(STALE_SESSION, detail)


def _lost(error: Exception, *, opening: bool) -> SourceError:
    if isinstance(error, TimeoutError):
        if opening:
            return SourceError(UNREACHABLE, "no answer in time")
        return SourceError(NO_FRAMES, "the connection is open and nothing comes")
    detail = getattr(error, "strerror", None) or str(error) or type(error).__name__
    if opening:
        return SourceError(UNREACHABLE, str(detail))
    return SourceError(STREAM_ENDED, str(detail))
