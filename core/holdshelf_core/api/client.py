"""The client's end of the local socket. Synchronous: a command or a screen's worker asks one thing and waits for it.

Every failure comes out as HoldshelfError with the service's own sentence. A process that was given a session's token
speaks with it or not at all: it must never be taken for the local account that it happens to run as.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import shlex
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlencode

import msgspec

from holdshelf_core.api import types
from holdshelf_core.api.address import candidate_paths
from holdshelf_core.api.errors import (
    BadRequest,
    Conflict,
    HoldshelfError,
    NotFound,
    NotPermitted,
    Unavailable,
    Unreachable,
    refused_there,
)
from holdshelf_core.api.types_session import EventRow

MAX_ANSWER_BYTES = 256 << 20
MAX_PICTURE_BYTES = 32 << 20
MAX_PATH_CHARS = 8000
MAX_EVENT_LINE_BYTES = 1 << 20
MAX_TOKEN_BYTES = 512
TOKEN_VARIABLE = "HOLDSHELF_TOKEN_FD"  # noqa: S105 - the name of a variable
# The service sends a heartbeat every 15 s: after three of them without a word it is gone.
EVENTS_TIMEOUT_S = 45.0

_TIMEVAL = struct.Struct("@ll")

_KINDS: dict[int, type[HoldshelfError]] = {
    400: BadRequest,
    401: NotPermitted,
    403: NotPermitted,
    404: NotFound,
    409: Conflict,
    503: Unavailable,
}


class _Inherited:
    """The token that this process was started with, read once: nobody else may find it in the descriptor later."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._token: str | None = None

    def token(self) -> str | None:
        """None: this process was given none. Raises NotPermitted when it was given one that cannot be read."""
        with self._lock:
            named = os.environ.get(TOKEN_VARIABLE)
            if named is None or self._token is not None:
                return self._token
            try:
                with open(int(named), "rb") as pipe:
                    token = pipe.read(MAX_TOKEN_BYTES).strip().decode("ascii")
            except (OSError, ValueError, OverflowError):
                token = ""
            if not token:
                # The variable stays, so that each later client fails in the same way.
                raise NotPermitted("This session's token cannot be read.", "Log in again.")
            self._token = token
            del os.environ[TOKEN_VARIABLE]
            return token


_INHERITED = _Inherited()


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("holdshelf", timeout=timeout_s)
        self.timeout: float = timeout_s
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # When many connect at once, only a blocking socket waits for its turn: another is turned away at once (EAGAIN).
        seconds, fraction = divmod(self.timeout, 1)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _TIMEVAL.pack(int(seconds), int(fraction * 1e6)))
        self.sock.connect(str(self._path))
        self.sock.settimeout(self.timeout)
        self.link = self.sock
        """Stays here when http.client lets go of it: an answer without an end is read on."""


class Client:
    """Speaks to the service that runs on a data folder, as this process's account or with a session's token.

    ``token`` None: the one that this process inherited (HOLDSHELF_TOKEN_FD), if any. Raises NotPermitted when that
    cannot be read. Safe to use from several threads: each request has its own connection.
    """

    def __init__(self, data: Path, *, token: str | None = None, timeout_s: float = 30.0) -> None:
        self._data = data
        self._timeout_s = timeout_s
        self._token = token if token is not None else _INHERITED.token()

    @property
    def in_session(self) -> bool:
        """Whether somebody asks in a session of the door: then no file of this machine is theirs."""
        return self._token is not None

    def renew(self, token: str) -> None:
        """Go on with another token: the service was restarted, and the door opened the same session there."""
        self._token = token

    # --- asking -----------------------------------------------------------------------------------------------

    def get[T](self, path: str, answer: type[T], *, timeout_s: float | None = None, **query: Any) -> T:
        """GET, decoded. Raises HoldshelfError."""
        return self._ask("GET", _with_query(path, query), None, answer, timeout_s)

    def post[T](self, path: str, body: msgspec.Struct | None, answer: type[T], *, timeout_s: float | None = None) -> T:
        """POST, decoded. Raises HoldshelfError."""
        return self._ask("POST", path, body, answer, timeout_s)

    def delete(self, path: str) -> None:
        """DELETE. Raises HoldshelfError."""
        self._ask("DELETE", path, None, dict[str, Any], None)

    def act[T](self, name: str, body: msgspec.Struct | None, answer: type[T], *, timeout_s: float | None = None) -> T:
        """Do the action of that name. Raises HoldshelfError; Refused (with its clause) when the policy says no."""
        return self._ask("POST", f"/actions/{quote(name, safe='')}", body, answer, timeout_s)

    def picture(self, path: str, *, timeout_s: float | None = None, **query: Any) -> tuple[bytes, dict[str, str]]:
        """GET /pictures/PATH: the JPEG's bytes and the answer's headers (names in lower case). Raises HoldshelfError."""
        where = _with_query(f"/pictures/{quote(path.strip('/'), safe='/')}", query)
        raw, headers = self._exchange("GET", where, None, timeout_s, MAX_PICTURE_BYTES)
        if not headers.get("content-type", "").startswith("image/"):
            raise Unavailable("The service answered with something that is no picture.", "Look at its log.")
        return raw, headers

    def raw(self, path: str, most_bytes: int, *, timeout_s: float | None = None, **query: Any) -> bytes:
        """GET, the bytes as they come. Raises HoldshelfError."""
        return self._exchange("GET", _with_query(path, query), None, timeout_s, most_bytes)[0]

    def events(self, *, timeout_s: float = EVENTS_TIMEOUT_S) -> Events:
        """What happens from now on, as it happens. Raises HoldshelfError; close it, or use it as a context."""
        return Events(*self._open("GET", "/events", None, timeout_s))

    def status(self) -> types.Status:
        """Everything at one glance."""
        return self.get("/status", types.Status)

    # --- how --------------------------------------------------------------------------------------------------

    def _ask[T](
        self, method: str, path: str, body: msgspec.Struct | None, answer: type[T], timeout_s: float | None
    ) -> T:
        raw, _headers = self._exchange(method, path, body, timeout_s, MAX_ANSWER_BYTES)
        try:
            return msgspec.json.decode(raw, type=answer)
        except msgspec.MsgspecError:
            raise _other_version() from None

    def _exchange(
        self, method: str, path: str, body: msgspec.Struct | None, timeout_s: float | None, most_bytes: int
    ) -> tuple[bytes, dict[str, str]]:
        connection, response = self._open(method, path, body, timeout_s or self._timeout_s)
        try:
            with _told_in_words():
                raw = response.read(most_bytes)
            return raw, {name.lower(): value for name, value in response.getheaders()}
        finally:
            connection.close()

    def _open(
        self, method: str, path: str, body: msgspec.Struct | None, timeout_s: float
    ) -> tuple[_UnixConnection, http.client.HTTPResponse]:
        """A connection whose answer begins well: a refusal is raised here."""
        if len(path) > MAX_PATH_CHARS:  # HTTP would hang up on it half-way
            raise BadRequest("The request is too long for the service.", "Give a shorter name or time.")
        headers = {"Authorization": f"Bearer {self._token}"} if self._token is not None else {}
        payload = msgspec.json.encode(body) if body is not None else None
        if payload:
            headers["Content-Type"] = "application/json"
        connection = self._connect(timeout_s)
        try:
            with _told_in_words():
                # A service that refuses an account hangs up before it has read the body: its answer lies there all the same.
                with contextlib.suppress(BrokenPipeError):
                    connection.request(method, path, payload, headers)
                response = connection.getresponse()
                if response.status < 400:
                    return connection, response
                raw = response.read(MAX_ANSWER_BYTES)
            raise _refusal(response.status, raw)
        except BaseException:
            connection.close()
            raise

    def _connect(self, timeout_s: float) -> _UnixConnection:
        refused: OSError | None = None
        for path in candidate_paths(self._data):
            connection = _UnixConnection(path, timeout_s)
            try:
                connection.connect()
            except FileNotFoundError:
                continue
            except OSError as error:
                connection.close()
                refused = error
                continue
            return connection
        if isinstance(refused, BlockingIOError):
            raise Unreachable("The service has too many connections waiting.", "Try again in a moment.")
        if isinstance(refused, PermissionError):
            raise NotPermitted(
                f"This account may not speak to a service on {self._data}.",
                "Run the command as the service's user or root, or join its group.",
            )
        shown = shlex.quote(str(self._data))
        state = self._data / "state"
        try:
            state.stat()
        except (FileNotFoundError, NotADirectoryError):
            raise Unreachable(
                f"{self._data} is not set up.", f"Run `holdshelf init --data {shown}`, or give --data."
            ) from None
        except OSError:
            pass
        if not os.access(state, os.X_OK):
            raise Unreachable(
                f"No service answers on {self._data}, and this account may not look into it.",
                "Run the command as the service's user or root, or join its group.",
            )
        raise Unreachable(
            f"No service runs on {self._data}.", f"Start it: `holdshelf serve --data {shown}` (or its systemd unit)."
        )


class Events:
    """An open stream of events: iterate over it. The last one is ``end`` or ``lagged``, with the reason in its data.

    ``close`` may be called from another thread; the iteration then ends. Raises Unreachable when the service is gone.
    """

    def __init__(self, connection: _UnixConnection, response: http.client.HTTPResponse) -> None:
        self._connection = connection
        self._response = response
        self._socket = connection.link
        self._closed = False

    def __iter__(self) -> Iterator[EventRow]:
        data = ""
        while True:
            try:
                line = self._response.readline(MAX_EVENT_LINE_BYTES).decode(errors="replace")
            except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
                if self._closed:
                    return
                raise Unreachable("The service broke off.", str(error) or "Look at its log.") from None
            if not line:
                if self._closed:
                    return
                raise Unreachable("The service broke off.", "Look at its log.")
            if line.startswith("data:"):
                data += line[5:].strip()
            elif line in ("\n", "\r\n") and data:
                try:
                    event = msgspec.json.decode(data, type=EventRow)
                except msgspec.MsgspecError:
                    raise _other_version() from None
                data = ""
                yield event
                if event.type in ("end", "lagged"):
                    return

    def close(self) -> None:
        """Hang up."""
        self._closed = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


def _with_query(path: str, query: dict[str, Any]) -> str:
    asked = {k: v for k, v in query.items() if v is not None}
    return path + ("?" + urlencode(asked) if asked else "")


@contextlib.contextmanager
def _told_in_words() -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        raise Unreachable("The service did not answer in time.", "Look at its log, then try again.") from None
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(f"The service broke off ({error or type(error).__name__}).", "Look at its log.") from None


def _other_version() -> Unavailable:
    return Unavailable("The service answered in a form this command does not know.", "Are both of the same version?")


def _refusal(status: int, raw: bytes) -> HoldshelfError:
    """The service's refusal as the error it was there."""
    try:
        body = msgspec.json.decode(raw, type=types.ErrorBody)
    except msgspec.MsgspecError:
        return _other_version()
    error: HoldshelfError
    if body.clause:
        error = refused_there(body.clause, body.sentence, body.next_step, body.who_can_help)
    else:
        error = _KINDS.get(status, HoldshelfError)(body.sentence, body.next_step)
    error.status, error.field = status, body.field
    return error
