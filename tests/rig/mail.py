"""Mail servers: a real one with STARTTLS and a login (aiosmtpd), and ones that hang, talk without end, or answer no SMTP."""

from __future__ import annotations

import contextlib
import email
import email.policy
import socket
import ssl
import threading
from email.message import EmailMessage
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from tests.rig.hang import HANG_S
from tests.rig.rtsp import self_signed

HOST = "127.0.0.1"


def certificate(folder: Path, address: str = HOST) -> Path:
    """A certificate for that address, with its key; whoever trusts it must be told its path (SSL_CERT_FILE)."""
    path = folder / f"mail-{address}.pem"
    path.write_bytes(self_signed(address))
    return path


class MailServer:
    """Takes mail on a port of its own. ``refused``: the address that it answers 550 to; '*' every one."""

    def __init__(self, *, pem: Path | None = None, login: tuple[str, str] | None = None, refused: str = "") -> None:
        self.mails: list[EmailMessage] = []
        self.senders: list[tuple[str, list[str], bool]] = []
        """Of each mail its envelope, and whether it came over TLS."""
        self._came = threading.Condition()
        self._login, self._refused = login, refused
        self._tls = None
        if pem is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(pem)
        self.port = 0
        self._controller: Controller | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def start(self) -> None:
        """At the port that it had before, if it had one."""
        if not self.port:
            with socket.create_server((HOST, 0)) as free:
                self.port = free.getsockname()[1]
        more: dict[str, Any] = {"ready_timeout": 60}
        if self._tls is not None:
            more |= {"tls_context": self._tls, "require_starttls": True}
        if self._login is not None:
            more |= {"authenticator": self._check, "auth_required": True}
        self._controller = Controller(self, HOST, self.port, **more)
        self._controller.start()

    def stop(self) -> None:
        """Hang up: connections are refused until it is started again."""
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    def await_mail(self, words: str, seconds: float = 60.0) -> EmailMessage:
        """The first mail with these words in its subject."""
        with self._came:
            assert self._came.wait_for(lambda: any(words in str(one["subject"]) for one in self.mails), seconds), (
                f"no mail about {words!r} within {seconds:g} s: {self.subjects()}"
            )
        return next(one for one in self.mails if words in str(one["subject"]))

    def subjects(self) -> list[str]:
        """Of all mails, in the order in which they came."""
        return [str(one["subject"]) for one in self.mails]

    def _check(self, _server: SMTP, _session: object, _envelope: object, mechanism: str, data: object) -> AuthResult:
        given = (data.login.decode(), data.password.decode()) if isinstance(data, LoginPassword) else None
        return AuthResult(success=given == self._login and mechanism in ("PLAIN", "LOGIN"))

    async def handle_RCPT(self, _server: SMTP, _session: Any, envelope: Any, address: str, _options: object) -> str:
        """As aiosmtpd calls it."""
        if self._refused in ("*", address):
            return "550 5.7.1 Not here, says Dora at 192.0.2.7"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, session: Any, envelope: Any) -> str:
        """As aiosmtpd calls it."""
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(mail, EmailMessage)
        with self._came:
            self.senders.append((envelope.mail_from, envelope.rcpt_tos, session.ssl is not None))
            self.mails.append(mail)
            self._came.notify_all()
        return "250 OK"


class Listener:
    """Accepts connections and says the same to each: nothing (it hangs), or ``says`` over and over, up to so many bytes."""

    def __init__(self, says: bytes = b"", total_bytes: int = 0) -> None:
        self._says, self._total = says, total_bytes
        self._server = socket.create_server((HOST, 0))
        self.port: int = self._server.getsockname()[1]
        self.calls = threading.Semaphore(0)
        """One more for each connection."""
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, name="listener")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self._open.append(connection)
            self.calls.release()
            connection.settimeout(HANG_S)
            with contextlib.suppress(OSError):
                for _ in range(self._total // max(1, len(self._says))):
                    connection.sendall(self._says)
