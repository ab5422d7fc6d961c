"""The control channel of a session's process: a socket pair of JSON lines, whose other end the SSH door holds.

Door to child: {"token": …} first, and again after each restart of the service; {"away": sentence} while the service is gone;
{"end": reason}. Child to door: {"painted": true} when there is something to be seen; {"bye": reason, "code": n}; {"fault":
words} for the door's log. When it closes, the door is gone, and the session with it.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from collections.abc import Callable

from holdshelf_core.service_log import fault_words

TERMINAL_VARIABLE = "HOLDSHELF_TERMINAL"
"""Tells a command that what it prints goes to a terminal (`ssh -t`), though it writes into a pipe. No client may set it."""
MAX_LINE_BYTES = 16 << 10
MAX_FAULT_CHARS = 4000
DOOR_GONE = "The SSH door closed."
# A session that does not end when it was told to is ended by the door; one whose door is gone must do it alone.
LAST_S = 1.0


class Control:
    """The child's end. The callbacks are called from its own thread, one at a time."""

    def __init__(self, fd: int) -> None:
        self._link = socket.socket(fileno=fd)
        self._link.setblocking(True)
        self._lines = self._link.makefile("rb", buffering=0)
        self._lock = threading.Lock()
        self.on_token: Callable[[str], None] = lambda _token: None
        """A new token: speak with it from now on."""
        self.on_away: Callable[[str], None] = lambda _sentence: None
        """The service is gone, and why; a new token follows when it is back."""
        self.on_end: Callable[[str], None] = lambda _reason: None
        """End now; the door says the reason to the person, and ends the process a second later."""

    def first_token(self) -> str:
        """Waits for the token that comes first. Raises SystemExit when the door is gone or says to end."""
        while (told := self._read()) is not None and "end" not in told:
            if "token" in told:
                return str(told["token"])
        raise SystemExit(1)

    def start(self) -> None:
        """Listen in a thread of its own. Set the callbacks before."""
        threading.Thread(target=self._listen, name="control", daemon=True).start()

    def painted(self) -> None:
        """There is something to be seen: whoever sees nothing yet may go first."""
        self._tell(painted=True)

    def bye(self, reason: str = "", code: int = 0) -> None:
        """The session ends by itself."""
        self._tell(bye=reason[:1000], code=code)

    def fault(self, error: BaseException) -> None:
        """Something here is broken: the door's log is told where (`service_log.fault_words`), the person is not."""
        self._tell(fault=fault_words(error)[:MAX_FAULT_CHARS])

    def _tell(self, **message: object) -> None:
        with self._lock, contextlib.suppress(OSError):
            self._link.sendall(json.dumps(message).encode() + b"\n")

    def _listen(self) -> None:
        while True:
            told = self._read()
            if told is None:
                _ends_at_last()
                with contextlib.suppress(Exception):  # the session may be past listening
                    self.on_end(DOOR_GONE)
                return
            with contextlib.suppress(Exception):  # a fault of the screens must not make this deaf
                if "token" in told:
                    self.on_token(str(told["token"]))
                elif "away" in told:
                    self.on_away(str(told["away"]))
                elif "end" in told:
                    self.on_end(str(told["end"]))

    def _read(self) -> dict[str, object] | None:
        try:
            raw = self._lines.readline(MAX_LINE_BYTES)
            told = json.loads(raw) if raw else None
        except (OSError, ValueError):
            return None
        return told if isinstance(told, dict) else None


def _ends_at_last() -> None:
    last = threading.Timer(LAST_S, os._exit, (1,))
    last.daemon = True
    last.start()
