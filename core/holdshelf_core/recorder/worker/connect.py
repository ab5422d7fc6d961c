"""Connections to cameras, plain or TLS, and the reasons for losing one."""

from __future__ import annotations

import errno
import hashlib
import socket
import ssl
from urllib.parse import urljoin, urlsplit

from holdshelf_core.integration.reasons import (
    AUTH_REFUSED,
    CERTIFICATE_CHANGED,
    NO_FRAMES,
    NOT_FOUND,
    SILENT,
    STALE_SESSION,
    STREAM_ENDED,
    STREAM_MOVED,
    TRANSPORT_REFUSED,
    UNREACHABLE,
)
from holdshelf_core.recorder.worker.message import Answer, without_login
from holdshelf_core.recorder.worker.source import OPEN_TIMEOUT_S, SourceError

DEFAULT_PORT = {"rtsp": 554, "rtsps": 322}
RECEIVE_BUFFER_BYTES = 1 << 20  # the kernel grants net.core.rmem_max, 208 KiB by default, and doubles it


def connect(scheme: str, host: str, port: int) -> socket.socket:
    """Return an open connection; over TLS the certificate is not checked here, see ``hold_to``. Raises SourceError."""
    try:
        plain = _open_socket(host, port)
        if scheme != "rtsps":
            return plain
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # Cameras sign their own certificates: the first one seen is pinned (hold_to).
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context.wrap_socket(plain, server_hostname=host)
    except (OSError, ValueError) as error:
        raise lost(error, opening=True, connected=False) from None


def hold_to(connection: ssl.SSLSocket, certificate_sha256: str | None) -> str:
    """Return the certificate's SHA-256. Raises SourceError, having sent nothing, when a different one is expected."""
    shown = hashlib.sha256(connection.getpeercert(binary_form=True) or b"").hexdigest()
    if certificate_sha256 and shown != certificate_sha256:
        connection.close()
        raise SourceError(CERTIFICATE_CHANGED, "it shows another certificate than at first")
    return shown


def _open_socket(host: str, port: int) -> socket.socket:
    """Return a connected socket whose receive buffer is several times what may gather in it. Raises OSError."""
    failed: OSError = ConnectionRefusedError(errno.ECONNREFUSED, "no address")
    for family, kind, protocol, _name, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        plain = socket.socket(family, kind, protocol)
        try:
            # Before connecting, as it determines the window scale. A full buffer would make the camera wait or drop.
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


def moved_to(url: str, location: str) -> str:
    """Return the address that a camera redirects to. Raises SourceError for another host, or one without encryption."""
    there = without_login(urljoin(url, location))
    old, new = urlsplit(url), urlsplit(there)
    shown = f"{new.scheme}://{new.hostname}{new.path}"[:120] if new.hostname else "no address"
    if new.scheme not in DEFAULT_PORT or (new.hostname or "").lower() != (old.hostname or "").lower():
        raise SourceError(STREAM_MOVED, f"it names {shown}, which is another host")
    if old.scheme == "rtsps" and new.scheme != "rtsps":
        raise SourceError(STREAM_MOVED, f"it names {shown}, which is not encrypted")
    return there


def lost(error: Exception, *, opening: bool, connected: bool = True) -> SourceError:
    """Return the error of an attempt (``opening``; ``connected`` already) or of a running stream, as a gap reason."""
    if isinstance(error, TimeoutError):
        if opening:
            return SourceError(UNREACHABLE, SILENT if connected else "no answer in time")
        return SourceError(NO_FRAMES, "the connection is open and nothing comes")
    detail = getattr(error, "strerror", None) or str(error) or type(error).__name__
    if opening:
        return SourceError(UNREACHABLE, str(detail))
    return SourceError(STREAM_ENDED, str(detail))


def refused(answer: Answer) -> SourceError:
    """Return the error of an RTSP answer that is no success, as a gap reason."""
    detail = f"{answer.status} {answer.words}".strip()
    if answer.status in (401, 403):
        return SourceError(AUTH_REFUSED, detail)
    if answer.status == 404:
        return SourceError(NOT_FOUND, detail)
    if answer.status // 100 == 3:
        return SourceError(STREAM_MOVED, detail)
    if answer.status == 461:
        return SourceError(TRANSPORT_REFUSED, detail)
    return SourceError(STALE_SESSION, detail)
