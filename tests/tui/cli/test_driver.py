"""How the command line's tests drive it: as a script does (`run`) and as a person at a terminal does (`Terminal`).

Must never call the commands' functions: what is tried is `holdshelf` from its entry point, with its exit code and its
words; `here` does so in this process, for what only reads its words.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import msgspec
import pytest
import typer.main

from holdshelf_tui.cli import main
from tests.rig import forked
from tests.rig.hang import HANG_S

commands_of = functools.cache(typer.main.get_command)
"""The tree of all commands: to make it takes longer than most commands, so this process makes it once."""
HOLDSHELF = forked.HOLDSHELF


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Its output as the JSON document that it must be."""
        return msgspec.json.decode(self.out)

    def refusal(self) -> str:
        """The one sentence of a refusal: on stderr, nothing on stdout, no traceback, exit code 1 (or 2: wrong usage)."""
        assert self.code in (1, 2), self
        assert self.out == "", self
        assert self.err.startswith("holdshelf: "), self
        assert self.err.count("\n") == 1, self
        assert self.err.rstrip("\n").isprintable(), self
        assert "because of a bug" not in self.err, self
        assert len(self.err) < 800, self
        return self.err.removeprefix("holdshelf: ").strip()


def run(
    *words: str | Path,
    env: Mapping[str, str] | None = None,
    prefix: Sequence[str] = (),
    timeout_s: float = HANG_S,
    **more: Any,
) -> Ran:
    """Run `holdshelf …` without a terminal. `prefix`: a command to run it under."""
    done = forked.run(
        [*prefix, HOLDSHELF, *map(str, words)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=timeout_s,
        env={**os.environ, **(env or {})},
        **more,
    )
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


def in_session(
    token: str, data: Path, *words: str | Path, env: Mapping[str, str] | None = None, stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """A command with a session's token, as the door starts it: its output as bytes."""
    ours, theirs = os.pipe()
    os.write(theirs, token.encode())
    os.close(theirs)
    try:
        return forked.run(
            [HOLDSHELF, *map(str, words), "--data", str(data)],
            input=stdin,
            capture_output=True,
            env={**os.environ, "HOLDSHELF_TOKEN_FD": str(ours), **(env or {})},
            pass_fds=(ours,),
        )
    finally:
        os.close(ours)


def here(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str | Path) -> Ran:
    """The same as `run`, in this process: for what only reads its words. Milliseconds instead of a third of a second."""
    monkeypatch.setattr(sys, "argv", ["holdshelf", *map(str, words)])
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with pytest.raises(SystemExit) as ended:
        main()
    captured = capsys.readouterr()
    return Ran(ended.value.code if isinstance(ended.value.code, int) else 0, captured.out, captured.err)


def tree(folder: Path) -> dict[str, str]:
    """Everything below a folder by path: mode, and a hash or target. What a refused command must leave as it was."""
    found = {}
    for path in sorted(folder.rglob("*")) if folder.exists() else []:
        mode = oct(path.lstat().st_mode)
        if path.is_symlink():
            found[str(path)] = f"{mode} -> {path.readlink()}"
        elif path.is_file() and path.name != "reserve":  # 64 MB of nothing
            found[str(path)] = f"{mode} {hashlib.sha256(path.read_bytes()).hexdigest()}"
        else:
            found[str(path)] = mode
    return found


class _AtTerminal(forked.Popen):
    has_terminal = True


class Terminal:
    """`holdshelf …` at a terminal of its own; `screen` is all that it wrote, escapes included."""

    def __init__(self, *words: str | Path, env: Mapping[str, str] | None = None, prefix: Sequence[str] = ()) -> None:
        self.screen = ""
        self._seen = 0
        command = [*prefix, HOLDSHELF, *map(str, words)]
        environment = {**os.environ, "TERM": "xterm", **(env or {})}
        self._process: forked.Popen | None = None
        if forked._can_be_forked(command, environment):
            self._fd, end = pty.openpty()
            token = [int(fd) for name, fd in (env or {}).items() if name == "HOLDSHELF_TOKEN_FD"]
            streams: dict[str, Any] = {"stdin": end, "stdout": end, "stderr": end}
            self._process = _AtTerminal(command, **streams, env=environment, start_new_session=True, pass_fds=token)
            os.close(end)
            self.pid = self._process.pid
            return
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], command, environment)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            if self._process is not None:
                self._process.kill()
                self._process.wait()
            else:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
        os.close(self._fd)

    def expect(self, words: str, seconds: float = 60) -> None:
        """Wait until it shows this (a pattern), after what was expected before."""
        deadline = time.monotonic() + seconds
        while (match := re.search(words, self.screen[self._seen :])) is None:
            assert time.monotonic() < deadline, f"no {words!r} after {seconds:g} s in: {self.screen!r}"
            assert self._read(), f"it ended without {words!r}: {self.screen!r}"
        self._seen += match.end()

    def answer(self, question: str, text: str, *, hidden: bool = False) -> None:
        """Wait for a question and type an answer; for a hidden one, once the terminal has stopped to echo."""
        self.expect(question)
        deadline = time.monotonic() + 60
        while hidden and termios.tcgetattr(self._fd)[3] & termios.ECHO:
            assert time.monotonic() < deadline, "the terminal still echoes what is typed"
            time.sleep(0.01)
        os.write(self._fd, f"{text}\n".encode())

    def interrupt(self) -> None:
        """Ctrl+C, once the question is being waited at: Python forgets one that comes between its words and its reading."""
        deadline, before = time.monotonic() + 60, -1
        while (worked := self._worked()) != before:
            assert time.monotonic() < deadline, f"it does not wait: {self.screen!r}"
            before = worked
            time.sleep(0.2)
        os.write(self._fd, b"\x03")

    def _worked(self) -> int:
        """Ticks of processor time so far; less than 0 while it is not asleep."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12]) if fields[0] == "S" else -2 - time.monotonic_ns()

    def end(self, seconds: float = 60) -> int:
        """Wait for its end; returns the exit code."""
        deadline = time.monotonic() + seconds
        while self._read():
            assert time.monotonic() < deadline, f"not ended after {seconds:g} s: {self.screen!r}"
        if self._process is not None:
            return self._process.wait()
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def _read(self) -> bool:
        if not select.select([self._fd], [], [], 0.2)[0]:
            return True
        try:
            data = os.read(self._fd, 65_536)
        except OSError:  # EIO: the last process at this terminal has ended
            return False
        self.screen += data.decode(errors="replace")
        return bool(data)


def test_nobody_is_asked_anything_for_a_service_that_is_not_there() -> None:
    with Terminal("camera", "add", "192.0.2.7", "--data", "/nonexistent") as terminal:
        assert terminal.end() == 1
        assert "is not set up" in terminal.screen
        assert "User name" not in terminal.screen
