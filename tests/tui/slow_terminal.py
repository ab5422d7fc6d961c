"""A terminal at the end of a slow line, for tests: a pseudo-terminal whose output arrives at a rate and with a delay.

It answers what a terminal answers (who it is, whether it is there), in the order of what it was sent. Times are monotonic.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from fcntl import ioctl
from pathlib import Path
from struct import pack
from termios import TIOCSWINSZ
from typing import Self

from tests.rig.hang import HANG_S
from tests.rig.processes import Patience
from tests.rig.shown import Cells

_ASKED = re.compile(rb"\x1b\[5n|\x1b\[c")


class SlowTerminal:
    """Runs a program on it. ``bytes_per_s`` and ``delay_s`` (one way) are the line's."""

    def __init__(
        self,
        command: list[str],
        *,
        size: tuple[int, int] = (160, 48),
        bytes_per_s: float = 125_000.0,
        delay_s: float = 0.075,
        environment: Mapping[str, str] | None = None,
        answers: bool = True,
    ) -> None:
        self._bytes_per_s, self._delay_s, self.answers = bytes_per_s, delay_s, answers
        self._size = size
        self.master, end = pty.openpty()
        ioctl(end, TIOCSWINSZ, pack("HHHH", size[1], size[0], 0, 0))
        self.process = subprocess.Popen(
            command,
            stdin=end,
            stdout=end,
            stderr=end,
            env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **(environment or {})},
            cwd=Path(__file__).parent.parent.parent,
            start_new_session=True,
        )
        os.close(end)
        self.seen: list[tuple[float, bytes]] = []
        """(when it was there, what)."""
        self._lock = threading.Lock()
        self._due: list[tuple[float, bytes]] = []
        self._closed = threading.Event()
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._read, self._type)]
        for thread in self._threads:
            thread.start()

    def _read(self) -> None:
        """At the line's rate: what is not read waits in the pseudo-terminal, as it would in the door."""
        free, unasked = time.monotonic(), b""
        while not self._closed.is_set():
            try:
                data = os.read(self.master, 2048)
            except OSError:
                return
            if not data:
                return
            now = time.monotonic()
            free = max(free, now) + len(data) / self._bytes_per_s
            time.sleep(max(0.0, free - now))
            arrives = free + self._delay_s
            with self._lock:
                self.seen.append((arrives, data))
                # A question may come in two pieces.
                text, end = unasked + data, 0
                for asked in _ASKED.finditer(text):
                    end = asked.end()
                    if self.answers:
                        answer = b"\x1b[0n" if asked[0].endswith(b"n") else b"\x1b[?6c"
                        self._due.append((arrives + self._delay_s, answer))
                unasked = text[max(end, len(text) - 3) :]

    def _type(self) -> None:
        while not self._closed.is_set():
            with self._lock:
                now = time.monotonic()
                due = [data for at, data in self._due if at <= now]
                self._due = [item for item in self._due if item[0] > now]
            for data in due:
                try:
                    os.write(self.master, data)
                except OSError:
                    return
            time.sleep(0.002)

    def press(self, keys: bytes) -> float:
        """Keys, which arrive after the line's delay. Returns when they were pressed."""
        now = time.monotonic()
        with self._lock:
            self._due.append((now + self._delay_s, keys))
        return now

    def text(self, since: float = 0.0) -> bytes:
        """All that was there since."""
        with self._lock:
            return b"".join(data for at, data in self.seen if at >= since)

    def await_text(self, words: bytes, since: float = 0.0, seconds: float = HANG_S) -> float:
        """When these bytes were there for the first time since; fails with what was there instead."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            # Asked before what was seen is looked at: what it wrote last is read after its end.
            ended = self.process.poll() is not None and not self._threads[0].is_alive()
            with self._lock:
                seen = [item for item in self.seen if item[0] >= since]
            so_far = b""
            for at, data in seen:
                so_far += data
                if words in so_far:
                    time.sleep(max(0.0, at - time.monotonic()))
                    return at
            if ended:
                raise AssertionError(f"it ended ({self.process.returncode}): {self.text()[-2000:]!r}")
            time.sleep(0.02)
        raise AssertionError(f"after {seconds:g} s still not {words!r}: {self.text(since)[-3000:]!r}")

    def await_shown(self, words: str, since: float = 0.0, seconds: float = HANG_S) -> float:
        """When the screen showed these words for the first time since; fails with what it showed instead."""
        ends = time.monotonic() + seconds
        cells, fed = Cells(*self._size), 0
        while time.monotonic() < ends:
            with self._lock:
                seen = self.seen[fed:]
            fed += len(seen)
            for at, data in seen:
                cells.feed(data)
                if at >= since and words in cells.text():
                    time.sleep(max(0.0, at - time.monotonic()))
                    return at
            time.sleep(0.02)
        raise AssertionError(f"after {seconds:g} s still not {words!r}:\n{cells.text()}")

    def await_end(self, seconds: float = HANG_S) -> int:
        """Its exit code, once it has ended and all that it wrote has been read."""
        code = self.process.wait(seconds)
        self._threads[0].join(seconds)
        return code

    def await_quiet(self, quiet_s: float = 0.5, seconds: float = HANG_S) -> None:
        """Until nothing has come for so long, in which the program was not kept waiting for a processor."""
        ends, length = time.monotonic() + seconds, -1
        quiet = Patience(lambda: [self.process.pid], quiet_s)
        while length != len(self.text()) or not quiet.is_over():
            assert time.monotonic() < ends, f"after {seconds:g} s it still writes"
            if length != len(self.text()):
                length, quiet = len(self.text()), Patience(lambda: [self.process.pid], quiet_s)
            time.sleep(0.05)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._closed.set()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(HANG_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        os.close(self.master)


def app_command(data: Path, token: str, *, protocol: str = "half-block") -> list[str]:
    """The app of a session on the terminal that the command gets."""
    code = (
        "import sys; from pathlib import Path; from holdshelf_core.api.client import Client;"
        "from holdshelf_tui.app import HoldshelfApp; from holdshelf_tui.session.graphics import Graphics;"
        f"HoldshelfApp(Client(Path({str(data)!r}), token={token!r}), graphics=Graphics({protocol!r})).run()"
    )
    return [sys.executable, "-c", code]
