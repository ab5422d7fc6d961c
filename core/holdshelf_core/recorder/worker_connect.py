"""Connections to cameras, plain or TLS, and what it means when one is lost."""

from __future__ import annotations

import errno
import hashlib
import socket
import ssl

from holdshelf_core.reasons import CERTIFICATE_CHANGED, NO_FRAMES, STREAM_ENDED, UNREACHABLE
from holdshelf_core.recorder.worker_source import OPEN_TIMEOUT_S, SourceError

RECEIVE_BUFFER_BYTES = 1 << 20  # the kernel grants net.core.rmem_max, 208 KiB by default, and doubles it


def connect(scheme: str, host: str, port: int) -> socket.socket:
    """An open connection; over TLS whoever it is, see ``hold_to``. Raises SourceError."""
    try:
        plain = _open_socket(host, port)
        if scheme != "rtsps":
            return plain
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # Cameras sign their own certificates: the one that was seen first is held to (hold_to).
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context.wrap_socket(plain, server_hostname=host)
    except (OSError, ValueError) as error:
        raise lost(error, opening=True) from None


def hold_to(connection: ssl.SSLSocket, certificate_sha256: str | None) -> str:
    """The certificate's SHA-256. Raises SourceError, having sent nothing, when another one is expected."""
    shown = hashlib.sha256(connection.getpeercert(binary_form=True) or b"").hexdigest()
    if certificate_sha256 and shown != certificate_sha256:
        connection.close()
        raise SourceError(CERTIFICATE_CHANGED, "it shows another certificate than at first")
    return shown


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


def lost(error: Exception, *, opening: bool) -> SourceError:
    """The error of a dial (``opening``) or of a running stream, as a reason."""
    if isinstance(error, TimeoutError):
        if opening:
            return SourceError(UNREACHABLE, "no answer in time")
        return SourceError(NO_FRAMES, "the connection is open and nothing comes")
    detail = getattr(error, "strerror", None) or str(error) or type(error).__name__
    if opening:
        return SourceError(UNREACHABLE, str(detail))
    return SourceError(STREAM_ENDED, str(detail))
