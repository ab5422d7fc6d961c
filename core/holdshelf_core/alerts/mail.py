"""Mail by SMTP: certificates are always checked, replies are bounded, and of what a server says only its code is passed on."""

from __future__ import annotations

import contextlib
import io
import re
import smtplib
import socket
import ssl
import time
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final

from holdshelf_core.alerts.allowed import MAIL_HEADERS, only
from holdshelf_core.alerts.link import Message
from holdshelf_core.alerts.tls import trusting
from holdshelf_core.alerts.types import MailWay
from holdshelf_core.alerts.ways import Undelivered
from holdshelf_core.inert import inert
from holdshelf_core.times import NS

STEP_S: Final = 20.0
"""For each step: connecting, one reply."""
MAX_REPLY_BYTES: Final = 64 << 10
MAX_LINE_BYTES: Final = 4096
_REPLY: Final = re.compile(rb"\d{3}([ \-\r]|$)")
_CODES: Final = re.compile(rb"\s*(\d\.\d{1,3}\.\d{1,3})\b")
_PRIORITY: Final = {"error": "1", "warning": "3", "notice": "5"}


class _TooMuch(smtplib.SMTPException):
    """A reply without end."""


class _Bounded(smtplib.SMTP):
    """An SMTP client that reads a reply within ``STEP_S`` and ``MAX_REPLY_BYTES``, however slowly its bytes come."""

    _unread = b""

    def getreply(self) -> tuple[int, bytes]:
        """Return the code of the reply, and its text. Raises as `smtplib.SMTP.getreply`."""
        if self.file is None:
            # A new connection, or TLS on it: what came before it, in the clear, is no reply.
            self.file, self._unread = io.BytesIO(), b""
        until_s, size = time.monotonic() + STEP_S, 0
        lines: list[bytes] = []
        while True:
            line = self._line(until_s)
            size += len(line)
            if size > MAX_REPLY_BYTES or not _REPLY.match(line):
                self.close()
                raise _TooMuch
            lines.append(line[4:].strip())
            if line[3:4] != b"-":
                return int(line[:3]), b"\n".join(lines)

    def _line(self, until_s: float) -> bytes:
        while b"\n" not in self._unread:
            left_s = until_s - time.monotonic()
            if len(self._unread) > MAX_LINE_BYTES:
                self.close()
                raise _TooMuch
            assert self.sock is not None
            try:
                if left_s <= 0:
                    raise TimeoutError
                self.sock.settimeout(left_s)
                more = self.sock.recv(MAX_LINE_BYTES)
                self.sock.settimeout(STEP_S)
            except TimeoutError:
                self.close()
                raise
            except OSError as error:
                self.close()
                raise smtplib.SMTPServerDisconnected from error
            if not more:
                self.close()
                raise smtplib.SMTPServerDisconnected
            self._unread += more
        line, _, self._unread = self._unread.partition(b"\n")
        return line


class _BoundedTls(_Bounded, smtplib.SMTP_SSL):
    """The same over TLS from the first byte."""


class Mail:
    """The `Transport` of one mail way."""

    def __init__(self, settings: MailWay) -> None:
        self._settings = settings
        self._says = settings.sender.rpartition("@")[2]
        """Its name in the greeting: this machine's own would be more than may leave."""
        self._socket: socket.socket | None = None

    def deliver(self, message: Message) -> str:
        """See `Transport`."""
        settings = self._settings
        where = f"{settings.host}:{settings.port}"
        server: smtplib.SMTP | None = None
        try:
            server = self._connected()
            self._socket = server.sock
            if settings.security == "starttls":
                server.starttls(context=trusting())
                self._socket = server.sock
            if settings.username:
                server.login(settings.username, settings.secret)
            refused = server.send_message(self.mail_of(message), settings.sender, list(settings.to))
            with contextlib.suppress(OSError, smtplib.SMTPException):
                server.quit()  # it has the message, whatever it says now
        except Exception as error:
            told = _told(error, where)
            if told is None:
                raise
            raise told from None
        finally:
            self._socket = None
            if server is not None:
                server.close()
        if not refused:
            return ""
        return f"The mail server {where} takes nothing for {', '.join(sorted(refused))}; the others have it."

    def give_up(self) -> None:
        """See `Transport`: its socket is closed, so that its thread ends."""
        if (sock := self._socket) is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def mail_of(self, message: Message) -> EmailMessage:
        """Return the mail: plain text, marked as sent by a machine, for any relay."""
        settings = self._settings
        mail = EmailMessage()
        mail["From"], mail["To"] = settings.sender, ", ".join(settings.to)
        mail["Subject"] = message.subject
        mail["Date"] = format_datetime(datetime.fromtimestamp(message.made_utc_ns // NS, UTC))
        mail["Message-ID"] = f"<{message.id}@{settings.sender.rpartition('@')[2]}>"
        # No answers of machines (RFC 3834).
        mail["Auto-Submitted"] = "auto-generated"
        mail["X-Priority"] = "5" if message.is_over else _PRIORITY[message.severity]
        # Also for a relay that knows no 8-bit text.
        mail.set_content(message.text, cte="7bit" if message.text.isascii() else "quoted-printable")
        only(mail.keys(), MAIL_HEADERS, "a header")
        return mail

    def _connected(self) -> smtplib.SMTP:
        settings = self._settings
        if settings.security == "tls":
            return _BoundedTls(settings.host, settings.port, self._says, timeout=STEP_S, context=trusting())
        return _Bounded(settings.host, settings.port, self._says, timeout=STEP_S)


def _told(error: Exception, where: str) -> Undelivered | None:
    """Return what a failure means, in our words; None: a fault of ours."""
    server = f"The mail server {where}"
    match error:
        case smtplib.SMTPAuthenticationError():
            return Undelivered(
                f"{server} refuses the login ({_code(error.smtp_code, error.smtp_error)}).", refused=True
            )
        case smtplib.SMTPRecipientsRefused():
            code, said = next(iter(error.recipients.values()))
            return Undelivered(f"{server} refuses the addresses ({_code(code, said)}).", refused=code >= 500)
        case smtplib.SMTPNotSupportedError():
            return Undelivered(f"{server} has no STARTTLS, or no login that is known here.", refused=True)
        case smtplib.SMTPResponseException():
            refused = error.smtp_code >= 500
            return Undelivered(
                f"{server} refuses the message ({_code(error.smtp_code, error.smtp_error)}).", refused=refused
            )
        case _TooMuch():
            return Undelivered(f"{server} does not answer as a mail server.")
        case smtplib.SMTPException():
            return Undelivered(f"{server} broke the conversation off.")
        case ssl.SSLCertVerificationError():
            return Undelivered(f"{server} has a certificate that is not valid for it: {_reason(error)}.", refused=True)
        case ssl.SSLError():
            return Undelivered(
                f"{server} does not speak TLS as it should ({inert(error.reason or 'no reason')[:200]})."
            )
        case TimeoutError():
            return Undelivered(f"{server} does not answer within {STEP_S:.0f} s.")
        case socket.gaierror():
            return Undelivered(f"The name of the mail server {where} is not found.")
        case OSError():
            return Undelivered(f"{server} is not reached: {error.strerror or 'no reason'}.")
    return None


def _code(code: int, said: bytes | str) -> str:
    """Return e.g. '550 5.7.1': the words that follow could be anything."""
    more = _CODES.match(said if isinstance(said, bytes) else said.encode())
    return f"{code} {more[1].decode()}" if more else str(code)


def _reason(error: ssl.SSLCertVerificationError) -> str:
    # OpenSSL's words; a name in them is the one that was asked for.
    return inert(error.verify_message or "it cannot be verified")[:200].rstrip(".")
