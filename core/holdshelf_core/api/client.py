"""The client end of the local socket. Synchronous: a command or a screen's worker sends one request and waits.

Every failure is raised as HoldshelfError with the service's own sentence. A process that was given a session token uses it or
fails: it must never be taken for the local account that it happens to run as.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import shlex
import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn, Self
from urllib.parse import quote, urlencode

import msgspec

from holdshelf_core.acts import Act, Read, answer_of
from holdshelf_core.api import types
from holdshelf_core.api.address import SYSTEM_FOLDER, Place, candidates, places
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
from holdshelf_core.api.ownership import name_of, not_usable, owner_of, start_advice
from holdshelf_core.api.session_types import EventRow
from holdshelf_core.paths import default_data
from holdshelf_storage.decoding import decode_json

MAX_ANSWER_BYTES = 256 << 20
MAX_PICTURE_BYTES = 32 << 20
PIECE_BYTES = 256 << 10
MAX_PATH_CHARS = 8000
MAX_EVENT_LINE_BYTES = 1 << 20
MAX_TOKEN_BYTES = 512
TOKEN_VARIABLE = "HOLDSHELF_TOKEN_FD"  # noqa: S105 - the name of a variable
# The service sends a heartbeat every 15 s: after three missed ones it counts as gone.
EVENTS_TIMEOUT_S = 45.0

_TIMEVAL = struct.Struct("@ll")
_UCRED = struct.Struct("3i")

_KINDS: dict[int, type[HoldshelfError]] = {
    400: BadRequest,
    401: NotPermitted,
    403: NotPermitted,
    404: NotFound,
    409: Conflict,
    503: Unavailable,
}


class _Inherited:
    """The token that this process was started with, read once so that nobody else finds it in the descriptor later."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._token: str | None = None

    def token(self) -> str | None:
        """Return the token; None if this process was given none. Raises NotPermitted when it was given one that cannot be
        read."""
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
                # The variable stays set, so that each later client fails in the same way.
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
        # When many connect at once, a blocking socket waits for its turn; a nonblocking one fails at once (EAGAIN).
        seconds, fraction = divmod(self.timeout, 1)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _TIMEVAL.pack(int(seconds), int(fraction * 1e6)))
        self.sock.connect(str(self._path))
        self.sock.settimeout(self.timeout)
        self.link = self.sock
        """Kept when http.client drops it: an answer without an end is still being read."""


class Client:
    """Connects to the service of a data folder, as this process's account or with a session token.

    ``data`` None: the folder that this account means (`address.places`), determined at the first request. ``token`` None: the one
    that this process inherited (HOLDSHELF_TOKEN_FD), if any. Raises NotPermitted when that cannot be read. ``timeout_s``: of each
    request that names no other. Thread-safe: each request has its own connection.
    """

    def __init__(self, data: Path | None, *, token: str | None = None, timeout_s: float = 30.0) -> None:
        self._data = data
        self._place: Place | None = None
        self.timeout_s = timeout_s
        self._token = token if token is not None else _INHERITED.token()

    @property
    def in_session(self) -> bool:
        """Return whether this is a session over SSH, whose user has no access to local files."""
        return self._token is not None

    def renew(self, token: str) -> None:
        """Switch to a new token: the service was restarted, and the SSH door resumed the session there."""
        self._token = token

    # --- asking -----------------------------------------------------------------------------------------------

    def get[T](self, path: str, answer: type[T], *, timeout_s: float | None = None, **query: Any) -> T:
        """Send a GET and decode the answer. Raises HoldshelfError."""
        return self._ask("GET", _with_query(path, query), None, answer, timeout_s)

    def post[T](self, path: str, body: object, answer: type[T], *, timeout_s: float | None = None) -> T:
        """Send a POST and decode the answer. Raises HoldshelfError."""
        return self._ask("POST", path, body, answer, timeout_s)

    def act[A](self, request: Act[A], *, timeout_s: float | None = None) -> A:
        """Run an action. Raises HoldshelfError; Refused (with its clause) when the policy refuses."""
        spec = request.spec
        path = f"/actions/{quote(spec.name, safe='')}"
        return self._ask("POST", path, request, answer_of(type(request)), timeout_s or spec.timeout_s)

    def read[A](self, request: Read[A], *, timeout_s: float | None = None) -> A:
        """Make a read. Raises HoldshelfError."""
        spec, answer = request.spec, answer_of(type(request))
        if spec.method == "POST":
            return self._ask("POST", spec.path, request, answer, timeout_s or spec.timeout_s)
        path = _with_query(spec.path, msgspec.structs.asdict(request))
        return self._ask("GET", path, None, answer, timeout_s or spec.timeout_s)

    def picture(self, path: str, *, timeout_s: float | None = None, **query: Any) -> tuple[bytes, dict[str, str]]:
        """GET /pictures/PATH: return the JPEG's bytes and the answer's headers (names in lower case). Raises HoldshelfError."""
        where = _with_query(f"/pictures/{quote(path.strip('/'), safe='/')}", query)
        raw, headers = self._exchange("GET", where, None, timeout_s, MAX_PICTURE_BYTES)
        if not headers.get("content-type", "").startswith("image/"):
            raise Unavailable("The service's answer is not a picture.", "Check its log.")
        return raw, headers

    def raw(self, path: str, most_bytes: int, *, timeout_s: float | None = None, **query: Any) -> bytes:
        """Send a GET and return the raw bytes. Raises HoldshelfError."""
        return self._exchange("GET", _with_query(path, query), None, timeout_s, most_bytes)[0]

    def send[T](self, path: str, raw: bytes, answer: type[T], *, timeout_s: float | None = None, **query: Any) -> T:
        """Send a POST of raw bytes and decode the answer. Raises HoldshelfError."""
        return self._ask("POST", _with_query(path, query), raw, answer, timeout_s)

    def stream(self, path: str, body: msgspec.Struct, *, timeout_s: float) -> Iterator[bytes]:
        """Send a POST and yield the answer in chunks; ``timeout_s`` applies between two chunks. Raises HoldshelfError."""
        connection, response = self._open("POST", path, body, timeout_s)
        try:
            while True:
                with _told_in_words():
                    part = response.read(PIECE_BYTES)
                if not part:
                    return
                yield part
        finally:
            connection.close()

    def events(self, *, timeout_s: float = EVENTS_TIMEOUT_S) -> Events:
        """Open the stream of events from now on. Raises HoldshelfError; close it, or use it as a context manager."""
        return Events(*self._open("GET", "/events", None, timeout_s))

    def status(self) -> types.Status:
        """Return the status of the whole service."""
        return self.read(types.ReadStatus())

    # --- how --------------------------------------------------------------------------------------------------

    def _ask[T](self, method: str, path: str, body: object, answer: type[T], timeout_s: float | None) -> T:
        raw, _headers = self._exchange(method, path, body, timeout_s, MAX_ANSWER_BYTES)
        try:
            return decode_json(raw, answer)
        except msgspec.MsgspecError:
            raise _other_version() from None

    def _exchange(
        self, method: str, path: str, body: object, timeout_s: float | None, most_bytes: int
    ) -> tuple[bytes, dict[str, str]]:
        connection, response = self._open(method, path, body, timeout_s or self.timeout_s)
        try:
            with _told_in_words():
                raw = response.read(most_bytes)
            return raw, {name.lower(): value for name, value in response.getheaders()}
        finally:
            connection.close()

    def _open(
        self, method: str, path: str, body: object, timeout_s: float
    ) -> tuple[_UnixConnection, http.client.HTTPResponse]:
        """Open a connection whose answer starts successfully; a refusal is raised here."""
        if len(path) > MAX_PATH_CHARS:  # HTTP would break off in the middle of it
            raise BadRequest("The request is too long for the service.", "Give a shorter name or time.")
        headers = {"Authorization": f"Bearer {self._token}"} if self._token is not None else {}
        payload = body if isinstance(body, bytes) else msgspec.json.encode(body) if body is not None else None
        if payload:
            headers["Content-Type"] = "application/octet-stream" if payload is body else "application/json"
        connection = self._connect(timeout_s)
        try:
            with _told_in_words():
                # A service that refuses an account hangs up before reading the body, but its answer can still be read.
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

    @property
    def data(self) -> Path | None:
        """Return the data folder of the service; None: unknown, as the service was found by its socket."""
        if self._data is not None:
            return self._data
        return self._place.data if self._place is not None else None

    def _connect(self, timeout_s: float) -> _UnixConnection:
        if self._data is not None:
            tried = _Tried(candidates(self._data), timeout_s)
            return tried.connection or tried.refuse(self._data)
        if self._place is not None:
            tried = _Tried(self._place.sockets, timeout_s)
            return tried.connection or tried.refuse(self._place.data or Path(self._place.words))
        return self._find(timeout_s)

    def _find(self, timeout_s: float) -> _UnixConnection:
        """Connect to the one service that this account may mean. Later requests use the same one, whatever starts meanwhile."""
        tried = [(place, _Tried(place.sockets, timeout_s)) for place in places()]
        answering = [(place, one.connection) for place, one in tried if one.connection is not None]
        if len(answering) > 1:
            for _, connection in answering:
                connection.close()
            words = " and on ".join(place.words for place, _ in answering)
            folders = " or ".join(f"`--data {shlex.quote(str(p.data))}`" for p, _ in answering if p.data is not None)
            raise Conflict(f"Services run on {words}.", f"Choose one: {folders or '`--data DIR`'}.")
        if answering:
            self._place, connection = answering[0]
            return connection
        for place, one in tried:
            if isinstance(one.refused, NotPermitted):
                raise one.refused
            if isinstance(one.refused, PermissionError):
                raise NotPermitted(
                    f"The recorder of this machine ({place.words}) does not accept this account.",
                    "Ask the admin to enroll you and add this account to the recorder's group; or log in over SSH, port 8022.",
                )
        if len(tried) == 1:
            place, one = tried[0]
            one.refuse(place.data or Path(place.words))
        if tried:
            folders = " or on ".join(place.words for place, _ in tried)
            raise Unreachable(
                f"No service runs on {folders}.",
                "Choose one with --data; the command then tells you how to start it.",
            )
        raise Unreachable(
            f"There is no Holdshelf on this machine: {default_data()} is not set up, and no service listens in {SYSTEM_FOLDER}.",
            "If its data is elsewhere, use --data DIR. To set one up: `holdshelf init`.",
        )


class _Tried:
    """Connects to the first of these sockets where the required account listens."""

    def __init__(self, sockets: Mapping[Path, int], timeout_s: float) -> None:
        self.connection: _UnixConnection | None = None
        self.refused: OSError | NotPermitted | None = None
        for path, uid in sockets.items():
            connection = _UnixConnection(path, timeout_s)
            try:
                connection.connect()
                # The path may be right and the listener wrong: nothing is sent before its account is checked.
                if (listening := _listener(connection.link)) not in (uid, 0):
                    raise NotPermitted(
                        f"At {path} the account {name_of(listening)} listens, and not {name_of(uid)}: nothing was sent.",
                        "Tell the admin of this server.",
                    )
            except FileNotFoundError:
                continue
            except (OSError, NotPermitted) as error:
                connection.close()
                self.refused = error
                continue
            self.connection = connection
            return

    def refuse(self, data: Path) -> NoReturn:
        """Raise HoldshelfError that says why nobody answers for that folder, and what to do."""
        if isinstance(self.refused, NotPermitted):
            raise self.refused
        if isinstance(self.refused, BlockingIOError):
            raise Unreachable("The service has too many connections waiting.", "Try again in a moment.")
        if isinstance(self.refused, PermissionError):
            raise NotPermitted(
                f"This account may not connect to the service on {data}.",
                "Run the command as the service's user or root, or join its group.",
            )
        state = data / "state"
        try:
            state.stat()
        except (FileNotFoundError, NotADirectoryError):
            raise Unreachable(
                f"{data} is not set up.", f"Run `holdshelf init --data {shlex.quote(str(data))}`, or give --data."
            ) from None
        except OSError:
            pass
        if not os.access(state, os.X_OK):
            raise Unreachable(
                f"No service answers on {data}, and this account may not read that folder.",
                start_advice(data)
                if owner_of(data) is not None
                else "Run the command as the service's user or root, or join its group.",
            )
        if os.geteuid() == 0 and (owner := owner_of(data)) and (amiss := not_usable(data, owner)):
            raise Unreachable(f"No service runs on {data}. {amiss[0]}", amiss[1])
        raise Unreachable(f"No service runs on {data}.", start_advice(data))


def _listener(link: socket.socket) -> int:
    """Return the account of the process that listens at the other end (unix(7), SO_PEERCRED)."""
    raw = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    uid: int = _UCRED.unpack(raw)[1]
    return uid


class Events:
    """An open stream of events; iterate over it. The last one is ``end`` or ``lagged``, with the reason in its data.

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
                raise Unreachable("The service closed the connection.", str(error) or "Check its log.") from None
            if not line:
                if self._closed:
                    return
                raise Unreachable("The service closed the connection.", "Check its log.")
            if line.startswith("data:"):
                data += line[5:].strip()
            elif line in ("\n", "\r\n") and data:
                try:
                    event = decode_json(data, EventRow)
                except msgspec.MsgspecError:
                    raise _other_version() from None
                data = ""
                yield event
                if event.type in ("end", "lagged"):
                    return

    def close(self) -> None:
        """Close the connection. A reader that waits on another thread ends."""
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
        raise Unreachable("The service did not answer in time.", "Check its log, then try again.") from None
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(
            f"The service closed the connection ({error or type(error).__name__}).", "Check its log."
        ) from None


def _other_version() -> Unavailable:
    return Unavailable(
        "This command does not understand the service's answer.",
        "Check that both have the same version.",
    )


def _refusal(status: int, raw: bytes) -> HoldshelfError:
    """Return the error that the service raised, rebuilt from its answer."""
    try:
        body = decode_json(raw, types.ErrorBody)
    except msgspec.MsgspecError:
        return _other_version()
    error: HoldshelfError
    if body.clause:
        error = refused_there(body.clause, body.sentence, body.next_step, body.who_can_help)
    else:
        error = _KINDS.get(status, HoldshelfError)(body.sentence, body.next_step)
    error.status, error.field = status, body.field
    return error
