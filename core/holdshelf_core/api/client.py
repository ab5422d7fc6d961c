"""The client's end of the local socket. Synchronous: the command line asks one thing and prints it.

Every failure comes out as HoldshelfError with the service's own sentence.
"""

from __future__ import annotations

import http.client
import os
import shlex
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec

from holdshelf_core.api import types
from holdshelf_core.api.address import candidate_paths
from holdshelf_core.errors import BadRequest, HoldshelfError, NotPermitted, Unavailable

MAX_ANSWER_BYTES = 256 << 20
MAX_PATH_CHARS = 8000


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("holdshelf", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Client:
    """Speaks to the service that runs on a data folder."""

    def __init__(self, data: Path, *, timeout_s: float = 30.0) -> None:
        self._data = data
        self._timeout_s = timeout_s

    def get[T](self, path: str, answer: type[T], *, timeout_s: float | None = None, **query: Any) -> T:
        """GET, decoded. Raises HoldshelfError."""
        asked = {k: v for k, v in query.items() if v is not None}
        return self._ask("GET", path + ("?" + urlencode(asked) if asked else ""), None, answer, timeout_s)

    def post[T](self, path: str, body: msgspec.Struct | None, answer: type[T], *, timeout_s: float | None = None) -> T:
        """POST, decoded. Raises HoldshelfError."""
        return self._ask("POST", path, body, answer, timeout_s)

    def delete(self, path: str) -> None:
        """DELETE. Raises HoldshelfError."""
        self._ask("DELETE", path, None, dict[str, Any], None)

    def status(self) -> types.Status:
        """Everything at one glance."""
        return self.get("/status", types.Status)

    def _ask[T](
        self, method: str, path: str, body: msgspec.Struct | None, answer: type[T], timeout_s: float | None
    ) -> T:
        if len(path) > MAX_PATH_CHARS:  # HTTP would hang up on it half-way
            raise BadRequest("The request is too long for the service.", "Give a shorter name or time.")
        connection = self._connect(timeout_s or self._timeout_s)
        try:
            payload = msgspec.json.encode(body) if body is not None else None
            connection.request(method, path, payload, {"Content-Type": "application/json"} if payload else {})
            response = connection.getresponse()
            raw = response.read(MAX_ANSWER_BYTES)
        except TimeoutError:
            raise Unavailable("The service did not answer in time.", "Look at its log, then try again.") from None
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(f"The service broke off ({error or type(error).__name__}).", "Look at its log.") from None
        finally:
            connection.close()
        try:
            if response.status >= 400:
                refusal = msgspec.json.decode(raw, type=types.ErrorBody)
                error_out = HoldshelfError(refusal.sentence, refusal.next_step)
                error_out.status = response.status
                raise error_out
            return msgspec.json.decode(raw, type=answer)
        except msgspec.MsgspecError:
            raise Unavailable(
                "The service answered in a form this command does not know.", "Are both of the same version?"
            ) from None

    def _connect(self, timeout_s: float) -> _UnixConnection:
        refused: OSError | None = None
        for path in candidate_paths(self._data):
            connection = _UnixConnection(path, timeout_s)
            try:
                connection.connect()
            except FileNotFoundError:
                continue
            except OSError as error:
                refused = error
                continue
            return connection
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
            raise Unavailable(
                f"{self._data} is not set up.", f"Run `holdshelf init --data {shown}`, or give --data."
            ) from None
        except OSError:
            pass
        if not os.access(state, os.X_OK):
            raise Unavailable(
                f"No service answers on {self._data}, and this account may not look into it.",
                "Run the command as the service's user or root, or join its group.",
            )
        raise Unavailable(
            f"No service runs on {self._data}.", f"Start it: `holdshelf serve --data {shown}` (or its systemd unit)."
        )
