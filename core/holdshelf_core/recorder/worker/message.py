"""RTSP messages (RFC 2326): parsed whole from a buffer, with limits, and as leniently as cameras require."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from holdshelf_core.integration.reasons import STREAM_ENDED
from holdshelf_core.recorder.worker.source import SourceError

MAX_HEAD_BYTES = 64 << 10
MAX_BODY_BYTES = 256 << 10
_INTERLEAVED = re.compile(r"interleaved\s*=\s*([0-9]{1,3})", re.IGNORECASE)
_PORTS = r"(?:^|;)\s*{}\s*=\s*([0-9]{{1,5}})(?:\s*-\s*([0-9]{{1,5}}))?"
_VALUE = r"(?:^|;)\s*{}\s*=\s*\"?([^;,\"\s]{{1,80}})"
_SSRC = re.compile(r"ssrc\s*=\s*(?:0x)?([0-9a-f]{1,8})\s*(?:[;,]|$)", re.IGNORECASE)
_TIMEOUT = re.compile(r"timeout\s*=\s*\"?([0-9]{1,6})", re.IGNORECASE)


@dataclass(slots=True)
class Answer:
    """A response: status, reason, headers in lower case, body."""

    status: int
    words: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def take_message(buffer: bytes) -> tuple[Answer | None, int] | None:
    """Return (response, bytes used) at the start of ``buffer``; None while it is incomplete.

    A request from the camera (OPTIONS, ANNOUNCE) gives (None, bytes used). Raises SourceError for invalid data.
    """
    end, body_at = _end_of_head(buffer)
    if end < 0:
        if len(buffer) > MAX_HEAD_BYTES or (len(buffer) >= 8 and not buffer[:8].decode("latin-1").isprintable()):
            raise SourceError(STREAM_ENDED, "the camera sent what is neither media nor an answer")
        return None
    first, *lines = re.split(r"\r?\n", buffer[:end].decode("latin-1"))
    headers: dict[str, str] = {}
    key = ""
    for line in lines:
        if line[:1] in (" ", "\t"):  # folded; some cameras put a line of one space between headers
            if key and line.strip():
                headers[key] += f" {line.strip()}"
            continue
        name, colon, value = line.partition(":")
        if colon:
            key = name.strip().lower()
            more = key == "www-authenticate" and key in headers
            headers[key] = f"{headers[key]}, {value.strip()}" if more else value.strip()
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit() and len(length) < 10) or int(length) > MAX_BODY_BYTES:
        raise SourceError(STREAM_ENDED, "the camera announced an answer of absurd length")
    used = body_at + int(length)
    if len(buffer) < used:
        return None
    version, *rest = first.split(None, 2)[:3] or [""]
    if not version.startswith("RTSP/"):
        return None, used
    code, words = [*rest, "", ""][:2]
    if not (code.isascii() and code.isdigit() and len(code) < 5):
        raise SourceError(STREAM_ENDED, "the camera answered without a status")
    return Answer(int(code), words[:80], headers, buffer[body_at:used]), used


def _end_of_head(buffer: bytes) -> tuple[int, int]:
    """Return where the head ends and the body begins; -1 while incomplete. Some end their lines with LF alone."""
    end, bare = buffer.find(b"\r\n\r\n", 0, MAX_HEAD_BYTES + 4), buffer.find(b"\n\n", 0, MAX_HEAD_BYTES + 4)
    if bare >= 0 and not 0 <= end < bare:
        return bare, bare + 2
    return end, end + 4


def request_of(message: bytes) -> tuple[str, str]:
    """Return (method, CSeq) of a request that the camera sent."""
    method = message.split(b" ", 1)[0].decode("latin-1")[:20]
    match = re.search(rb"^cseq\s*:\s*([0-9]{1,10})", message, re.IGNORECASE | re.MULTILINE)
    return method, match[1].decode() if match else "0"


def session_of(header: str) -> tuple[str, int]:
    """Return (identifier, seconds until it expires or 0) of a Session header, however it is spaced."""
    identifier, _, options = header.partition(";")
    match = _TIMEOUT.search(options)
    return identifier.strip(), int(match[1]) if match else 0


def channel_of(transport: str) -> int:
    """Return the channel on which the camera will send RTP; 0, the one requested, when it states none or an invalid one."""
    match = _INTERLEAVED.search(transport)
    return int(match[1]) if match and int(match[1]) <= 255 else 0


def ports_of(transport: str, name: str) -> tuple[int, int]:
    """Return the ports (RTP, RTCP) that a Transport header gives under this name; zeros when it gives none."""
    match = re.search(_PORTS.format(re.escape(name)), transport, re.IGNORECASE)
    rtp = int(match[1]) if match else 0
    rtcp = int(match[2]) if match and match[2] else rtp + 1
    return (rtp, rtcp) if 0 < rtp < 65_536 and 0 < rtcp < 65_536 else (0, 0)


def value_of(transport: str, name: str) -> str:
    """Return a parameter of a Transport header; empty when it is not there."""
    match = re.search(_VALUE.format(re.escape(name)), transport, re.IGNORECASE)
    return match[1] if match else ""


def ssrc_of(header: str) -> bytes | None:
    """Return the SSRC that a Transport or RTP-Info header announces."""
    match = _SSRC.search(header)
    return int(match[1], 16).to_bytes(4) if match else None


def sign_of(channel: int, payload_type: int) -> re.Pattern[bytes]:
    """Return the pattern with which a packet of the stream, or an answer, begins."""
    kinds = b"".join(re.escape(bytes((kind,))) for kind in (payload_type & 0x7F, payload_type | 0x80))
    return re.compile(rb"\$%b..[\x80-\xbf][%b]|RTSP/1\.[0-9] " % (re.escape(bytes((channel,))), kinds), re.DOTALL)


def without_login(url: str) -> str:
    """Return an address without the user name and password in it."""
    netloc = urlsplit(url).netloc
    return url.replace(netloc, netloc.rpartition("@")[2], 1) if "@" in netloc else url
