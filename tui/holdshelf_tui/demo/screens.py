"""The demo's own terminal: the Director's SSH client in the foreground, and the terminal as it was, however that ends."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import termios
from types import TracebackType
from typing import Any, Self

from holdshelf_tui.demo.keys import DIRECTOR, Keys

END_S = 8.0
OPTIONS = (
    *("-F", "none", "-tt", "-e", "none", "-o", "IdentityAgent=none", "-o", "LogLevel=ERROR"),
    *("-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes"),
)


class Screens:
    """Entered before the service is started: the service ends first, tells the client so, and the client then ends by itself."""

    def __init__(self, keys: Keys, port: int) -> None:
        self._command = keys.ssh(DIRECTOR, port, *OPTIONS)
        self._client: subprocess.Popen[bytes] | None = None
        self._modes: list[Any] | None = None

    @property
    def can_connect(self) -> bool:
        """Whether there is a client."""
        return shutil.which("ssh") is not None

    def show(self, seconds: float | None) -> None:
        """Until the person leaves, or for so long; what is still open then ends with the service."""
        with contextlib.suppress(termios.error):
            self._modes = termios.tcgetattr(sys.stdin.fileno())
        self._client = subprocess.Popen(self._command)
        with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            self._client.wait(seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._client is None:
            return
        try:
            self._client.wait(END_S)
        except subprocess.TimeoutExpired:
            self._client.kill()
            self._client.wait()
        if self._modes is not None:
            with contextlib.suppress(termios.error):
                termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, self._modes)
