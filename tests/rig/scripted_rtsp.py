"""An RTSP server on loopback that says what a test scripts: for the quirks of cameras, which no well-kept server has.

    with ScriptedRtsp(media=packets) as server:
        RtspSource(server.url, None, None)

It answers as a plain camera does, unless `answers` has something else for a method; after PLAY it sends `media` and then
hangs up, or goes on answering with `stay=True`. `requests` holds what it was asked.
"""

from __future__ import annotations

import base64
import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Self

PAYLOAD_TYPE = 96


def length_prefixed(nals: Iterable[bytes]) -> bytes:
    """NAL units as an MP4 sample (ISO/IEC 14496-15 § 5.3.2, four-byte lengths)."""
    return b"".join(part for nal in nals for part in (len(nal).to_bytes(4), nal))


class RtpSender:
    """Makes interleaved RTP packets as a camera does."""

    def __init__(self, seq: int = 65_530, stamp: int = 2**32 - 5000, ssrc: int = 7, channel: int = 0) -> None:
        self.seq, self.stamp, self.ssrc, self.channel = seq, stamp, ssrc, channel
        self.payload_type = PAYLOAD_TYPE

    def packet(
        self, payload: bytes, *, marker: bool = False, flags: int = 0x80, head: bytes = b"", tail: bytes = b""
    ) -> bytes:
        kind = (0x80 if marker else 0) | self.payload_type
        rtp = struct.pack(">BBHII", flags, kind, self.seq, self.stamp, self.ssrc)
        self.seq = (self.seq + 1) & 0xFFFF
        data = rtp + head + payload + tail
        return b"$" + bytes((self.channel,)) + struct.pack(">H", len(data)) + data

    def fragments(self, nal: bytes, size: int = 1000, *, marker: bool = True) -> list[bytes]:
        """FU-A of an H.264 NAL unit."""
        body, parts = nal[1:], []
        for at in range(0, len(body), size):
            last = at + size >= len(body)
            fu = bytes(((nal[0] & 0xE0) | 28, (0x80 if not at else 0) | (0x40 if last else 0) | nal[0] & 0x1F))
            parts.append(self.packet(fu + body[at : at + size], marker=marker and last))
        return parts

    def fragments5(self, nal: bytes, size: int = 1000, *, marker: bool = True) -> list[bytes]:
        """FU of an H.265 NAL unit."""
        body, parts, kind = nal[2:], [], nal[0] >> 1 & 0x3F
        for at in range(0, len(body), size):
            last = at + size >= len(body)
            fu = bytes(((nal[0] & 0x81) | 49 << 1, nal[1], (0x80 if not at else 0) | (0x40 if last else 0) | kind))
            parts.append(self.packet(fu + body[at : at + size], marker=marker and last))
        return parts

    def picture(self, nals: Iterable[bytes], *, hevc: bool = False, marker: bool = True) -> list[bytes]:
        """One access unit: small NAL units alone, large ones in fragments, the marker on the last packet."""
        units = list(nals)
        parts: list[bytes] = []
        for number, nal in enumerate(units):
            last = marker and number == len(units) - 1
            if len(nal) <= 1200:
                parts.append(self.packet(nal, marker=last))
            else:
                parts += (self.fragments5 if hevc else self.fragments)(nal, marker=last)
        return parts

    def next(self, ticks: int = 6000) -> None:
        self.stamp = (self.stamp + ticks) % 2**32


def sdp(*media: str, sets: Iterable[bytes] = (), codec: str = "H264", fmtp: str = "packetization-mode=1") -> str:
    """A description: those media lines, or one video track."""
    if not media:
        sprops = ""
        if sets:
            encoded = [base64.b64encode(nal).decode() for nal in sets]
            names = ["sprop-parameter-sets"] if codec == "H264" else ["sprop-vps", "sprop-sps", "sprop-pps"]
            values = [",".join(encoded)] if codec == "H264" else encoded
            sprops = "".join(f";{name}={value}" for name, value in zip(names, values, strict=True))
        media = (
            f"m=video 0 RTP/AVP {PAYLOAD_TYPE}\r\na=rtpmap:{PAYLOAD_TYPE} {codec}/90000\r\n"
            f"a=fmtp:{PAYLOAD_TYPE} {fmtp}{sprops}\r\na=control:track1\r\n",
        )
    return "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=control:*\r\n" + "".join(media)


@dataclass
class Request:
    """One request as it came."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    number: int = 0
    """How many of this method came before, over all connections."""


Answer = str | bytes | Callable[[Request], str | bytes | None]


def reply(request: Request, *headers: str, status: str = "200 OK", body: str | bytes = b"") -> bytes:
    """An answer as it goes over the wire."""
    data = body.encode() if isinstance(body, str) else body
    lines = [f"RTSP/1.0 {status}", f"CSeq: {request.headers.get('cseq', '0')}", *headers]
    if data:
        lines.append(f"Content-Length: {len(data)}")
    return "\r\n".join([*lines, "", ""]).encode() + data


class ScriptedRtsp:
    """`answers` maps a method to a status ("404 Not Found"), to bytes, or to a function of the request; a function that
    gives None has the connection closed. `media` are bytes to send, or seconds to wait."""

    def __init__(
        self,
        *,
        description: str | bytes | None = None,
        media: Iterable[bytes | float] = (),
        answers: dict[str, Answer] | None = None,
        before: bytes = b"",
        session: str = "12345678",
        transport: str = "RTP/AVP/TCP;unicast;interleaved=0-1",
        public: str = "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN",
        base: str | None = None,
        stay: bool = False,
    ) -> None:
        self.requests: list[Request] = []
        self.replies: list[bytes] = []
        """What the client answered to requests of the server's."""
        self.done = threading.Event()
        self._description = sdp() if description is None else description
        self._media = media
        self._answers = answers or {}
        self._before = before
        self._session, self._transport, self._public, self._base = session, transport, public, base
        self._stay = stay
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._clients: list[socket.socket] = []
        self.port: int = self._listener.getsockname()[1]

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/stream"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_exc: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for client in self._clients:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)

    def asked(self, method: str) -> list[Request]:
        """The requests of one method."""
        return [request for request in self.requests if request.method == method]

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._clients.append(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), client, client.makefile("rb") as stream:
            if self._before:
                client.sendall(self._before)
            while (request := self._read(stream)) is not None:
                said = self._answer(request)
                if said is None:
                    return
                with self._lock:
                    client.sendall(said)
                if request.method == "PLAY" and b"RTSP/1.0 200" in said:
                    threading.Thread(target=self._play, args=(client,), daemon=True).start()

    def _read(self, stream: socket.SocketIO) -> Request | None:
        while True:
            line = stream.readline().decode("latin-1")
            if not line:
                return None
            headers: dict[str, str] = {}
            while header := stream.readline().decode("latin-1").strip():
                name, _, value = header.partition(":")
                headers[name.lower()] = value.strip()
            if line.startswith("RTSP/"):
                self.replies.append(line.encode())
                continue
            method, url, _version = line.split(" ")
            request = Request(method, url, headers, len(self.asked(method)))
            self.requests.append(request)
            return request

    def _answer(self, request: Request) -> bytes | None:
        scripted = self._answers.get(request.method)
        if callable(scripted):
            said = scripted(request)
            if said is None:
                return None
            scripted = said or None
        if isinstance(scripted, bytes):
            return scripted
        if isinstance(scripted, str):
            return reply(request, status=scripted)
        if request.method == "OPTIONS":
            return reply(request, f"Public: {self._public}")
        if request.method == "DESCRIBE":
            base = [] if self._base is None else [f"Content-Base: {self._base}"]
            return reply(request, "Content-Type: application/sdp", *base, body=self._description)
        if request.method == "SETUP":
            return reply(request, f"Session: {self._session}", f"Transport: {self._transport}")
        return reply(request, f"Session: {self._session}")

    def _play(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            for item in self._media:
                if isinstance(item, bytes):
                    with self._lock:
                        client.sendall(item)
                else:
                    time.sleep(item)
            self.done.set()
            if not self._stay:
                client.shutdown(socket.SHUT_WR)
