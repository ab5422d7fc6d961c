"""The door as it is installed, people with keys of their own, and their OpenSSH clients: plain, on a pseudo-terminal, in tmux."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import shlex
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import asyncssh

from holdshelf_core.api.client import Client
from holdshelf_core.people import types
from tests.looking import Recorded, commissioned, record, seed
from tests.people import PAPER, day
from tests.rig.hang import HANG_S
from tests.rig.rtsp import Mount, RtspServer
from tests.rig.shown import Cells
from tests.service import Service, wait_for
from tests.tui.stage import CAMERAS, entry

DOOR = "holdshelf_tui.ssh "
LEAVE = b"\x11"
"""Ctrl+Q."""
HOME_SHOWS = "1 Cameras"
LISTENS = "0A"
"""A socket's state in /proc/net/tcp."""


@dataclass(frozen=True, slots=True)
class Ran:
    """A client that has ended."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        return self.out + self.err


class DoorHouse:
    """A service with its door; ``dora`` is the Director."""

    def __init__(self, service: Service, folder: Path) -> None:
        self.service = service
        self.folder = folder
        self.port = service.door_port
        self.camera = ""
        self._sessions = 0

    # --- people -----------------------------------------------------------------------------------------------------

    def new_key(self, name: str, *kind: str) -> Path:
        """A key pair made by ssh-keygen; the private key's path."""
        path = self.folder / name
        if not path.exists():
            subprocess.run(["ssh-keygen", "-q", *(kind or ("-t", "ed25519")), "-N", "", "-f", path], check=True)
        return path

    def public(self, name: str) -> str:
        return self.new_key(name).with_suffix(".pub").read_text()

    def fingerprint(self, name: str) -> str:
        listed = subprocess.run(
            ["ssh-keygen", "-l", "-f", self.new_key(name)], capture_output=True, text=True, check=True
        )
        return listed.stdout.split()[1]

    def name_director(self) -> None:
        asked = types.SeatName("director", "dora", "Dora Reed", self.public("dora"), paper_sha256=PAPER)
        self.service.client.act(asked)

    def enrol(self, login: str, name: str) -> str:
        asked = types.PersonAdd(login, name, self.public(login))
        return self.service.client.act(asked).id

    def appoint(self, login: str, *rights: str) -> str:
        """A designee of the Director, who gives the letter over SSH, with its scan on standard input."""
        words = ["appointment", "make", login, *(f"--right={right}" for right in rights), "--until", day(30)]
        done = self.run("dora", *words, "--paper", "-", stdin=b"a signed letter")
        assert done.code == 0, done.said
        return re.findall(r"Appointed: (\S+)\.", done.out)[0]

    # --- clients ----------------------------------------------------------------------------------------------------

    def ssh(self, login: str, *options: str, key: str = "") -> list[str]:
        """The command line of a client that is nobody's: no configuration, no agent, no questions."""
        return [
            "ssh",
            *("-F", "none", "-p", str(self.port), "-i", str(self.new_key(key or login))),
            *("-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "BatchMode=yes"),
            *("-o", "StrictHostKeyChecking=accept-new", "-o", f"UserKnownHostsFile={self.folder / 'known_hosts'}"),
            *("-o", "LogLevel=INFO", "-o", "ConnectTimeout=60"),
            *options,
            f"{login}@127.0.0.1",
        ]

    def run(
        self,
        login: str,
        *words: str,
        options: Sequence[str] = (),
        key: str = "",
        stdin: bytes = b"",
        env: dict[str, str] | None = None,
        seconds: float = HANG_S,
    ) -> Ran:
        """One command over SSH."""
        line = [" ".join(shlex.quote(word) for word in words)] if words else []
        done = subprocess.run(
            [*self.ssh(login, *options, key=key), *line],
            input=stdin,
            capture_output=True,
            timeout=seconds,
            check=False,
            env={**os.environ, "LC_ALL": "C.UTF-8", **(env or {})},
        )
        return Ran(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))

    def terminal(self, login: str, *options: str, key: str = "", size: tuple[int, int] = (100, 30)) -> Terminal:
        """A client on a pseudo-terminal of ours."""
        return Terminal(self.ssh(login, "-tt", *options, key=key), size)

    def tmux(self, login: str, *, key: str = "", size: tuple[int, int] = (100, 30)) -> Tmux:
        """A client in tmux, started from a shell there."""
        self._sessions += 1
        return Tmux(f"door-{os.getpid()}-{self._sessions}", self.ssh(login, key=key), size)

    def hostile(self, login: str, key: str = "", **more: Any) -> Any:
        """asyncssh as a client that OpenSSH would not be: to be used with `async with`."""
        return asyncssh.connect(
            "127.0.0.1",
            self.port,
            username=login,
            known_hosts=None,
            config=[],
            agent_path=None,
            **{"client_keys": [str(self.new_key(key or login))], **more},
        )

    # --- what is going on -------------------------------------------------------------------------------------------

    def client(self) -> Client:
        return self.service.client

    def door_pid(self) -> int:
        """The door's process, a child of the supervisor."""
        return self.pid_of(DOOR)

    def kill_door(self) -> None:
        """SIGKILL, and wait for the next one."""
        killed = self.door_pid()
        os.kill(killed, signal.SIGKILL)
        wait_for("another door", lambda: any(DOOR in line and p != killed for p, line in self.processes()))
        self.service.await_answer()

    def pid_of(self, words: str) -> int:
        found = [pid for pid, line in self.processes() if words in line]
        assert found, f"no process {words}"
        return found[0]

    def processes(self) -> list[tuple[int, str]]:
        """(pid, command line) of everything below the supervisor."""
        family, grew = {self.service.pid}, True
        lines: dict[int, str] = {}
        while grew:
            grew = False
            for folder in Path("/proc").iterdir():
                if not folder.name.isdigit():
                    continue
                with contextlib.suppress(OSError, ValueError, IndexError):
                    parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                    pid = int(folder.name)
                    if parent in family and pid not in lines:
                        lines[pid] = (folder / "cmdline").read_text().replace("\0", " ")
                        family.add(pid)
                        grew = True
        return sorted(lines.items())

    def children(self) -> list[int]:
        """Processes of sessions: forked from the fork server, with its command line, each in a session of its own.

        Not told apart by their numbers: those begin anew after pid_max.
        """
        return [pid for pid, leads in self._forked() if leads]

    def fork_server(self) -> int:
        """What they are forked from."""
        return next(pid for pid, leads in self._forked() if not leads)

    def _forked(self) -> Iterator[tuple[int, bool]]:
        for pid, line in self.processes():
            with contextlib.suppress(ProcessLookupError):
                if "forkserver" in line:
                    yield pid, os.getsid(pid) == pid

    def await_no_children(self) -> None:
        wait_for("no session's process is left", lambda: not self.children())

    def await_no_connections(self) -> None:
        """The door has let go of each: whoever was logged in by it is so no longer."""
        wait_for("no connection is left", lambda: not self._has_connections())

    def _has_connections(self) -> bool:
        """/proc/net/tcp: second column own address, fourth state, tenth socket (0: nobody has it any more)."""
        here = f":{self.port:04X}"
        rows = [
            line.split() for table in ("tcp", "tcp6") for line in Path("/proc/net", table).read_text().splitlines()[1:]
        ]
        return any(row[1].endswith(here) and row[3] != LISTENS and row[9] != "0" for row in rows)

    def log_entries(self, action: str) -> list[dict[str, Any]]:
        from holdshelf_core.access_log import types as board  # noqa: PLC0415

        asked = board.LogShow(action=action, most=200)
        return [row.entry for row in self.client().act(asked, timeout_s=HANG_S).entries]


class Terminal:
    """A client on a pseudo-terminal: what came is kept raw, and as the screen that it makes."""

    def __init__(self, command: Sequence[str], size: tuple[int, int]) -> None:
        self.master, slave = os.openpty()
        self._set_size(*size)
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"},
        )
        os.close(slave)
        self.raw = b""
        self._cells = Cells(*size)

    def read(self, seconds: float = 0.1) -> bytes:
        """What came within that time at most."""
        ready, _, _ = select.select([self.master], [], [], seconds)
        if not ready:
            return b""
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return b""
        self.raw += data
        self._cells.feed(data)
        return data

    def until(self, words: str, seconds: float = HANG_S) -> float:
        """Read until that is on the screen (as text, whatever the colors); how long it took."""
        began = time.monotonic()
        while words not in self.text():
            assert time.monotonic() - began < seconds, f"{words!r} did not come: {self.text()[-2000:]!r}"
            self.read()
        return time.monotonic() - began

    def text(self) -> str:
        """All that came, as text; behind it the screen as it is now."""
        came = re.sub(r"\x1b\[\d*C", " ", self.raw.decode(errors="replace"))
        return re.sub(r"\x1b\[[0-9;?<>=]*[A-Za-z]|\x1b[()][AB0]|\x1b[=>\\]", "", came) + "\n" + self._cells.text()

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def _set_size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def resize(self, columns: int, rows: int) -> None:
        """Another window; what was on it is gone."""
        self._set_size(columns, rows)
        self._cells = Cells(columns, rows)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGWINCH)

    def await_end(self, seconds: float = HANG_S) -> int:
        """Read on until the client has ended; its exit code."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"the client did not end: {self.text()[-1000:]!r}"
            self.read()
        while self.read():
            pass
        return self.process.returncode

    def leave(self) -> int:
        self.type(LEAVE)
        code = self.await_end()
        if code:
            print(self.text()[-1000:])
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


class Tmux:
    """A client in a real terminal emulator: its screen, and the modes that it was left in."""

    def __init__(self, name: str, command: Sequence[str], size: tuple[int, int]) -> None:
        self._name = name
        self.line = shlex.join(command)
        self._do("-f", "/dev/null", "new-session", "-d", "-x", str(size[0]), "-y", str(size[1]), "sh")

    def _do(self, *words: str) -> str:
        done = subprocess.run(["tmux", "-L", self._name, *words], capture_output=True, text=True, check=True)
        return done.stdout

    def type(self, *keys: str) -> None:
        """Keys by tmux's names."""
        self._do("send-keys", *keys)

    def say(self, text: str) -> None:
        """Characters as they are."""
        self._do("send-keys", "-l", "--", text)

    def paste(self, text: str) -> None:
        """From the clipboard, marked as such where the program asked for that."""
        self._do("set-buffer", "--", text)
        self._do("paste-buffer", "-p")

    def start(self, before: str = "") -> None:
        self.say(f"{before}{self.line}")
        self.type("Enter")

    def screen(self, *, colors: bool = False) -> str:
        return self._do("capture-pane", "-p", *(["-e"] if colors else []))

    def until(self, words: str, seconds: float = HANG_S) -> str:
        def shown() -> str | None:
            now = self.screen()
            return now if words in now else None

        return wait_for(f"{words!r} on the screen:\n{self.screen()}", shown, seconds)

    def modes(self) -> dict[str, str]:
        """Which of the modes that a full-screen program uses are on."""
        names = ("alternate_on", "mouse_any_flag", "mouse_sgr_flag", "keypad_cursor_flag", "cursor_flag", "wrap_flag")
        told = self._do("display-message", "-p", " ".join(f"#{{{name}}}" for name in names)).split()
        return dict(zip(names, told, strict=True))

    def assert_clean(self) -> None:
        """As a shell expects it, with its prompt at the beginning of a line."""
        clean = {"alternate_on": "0", "mouse_any_flag": "0", "mouse_sgr_flag": "0", "keypad_cursor_flag": "0"}
        # Keys typed before would be the client's.
        wait_for("the client has ended", lambda: self._do("display-message", "-p", "#{pane_current_command}") == "sh\n")
        wait_for(
            f"a clean terminal: {self.modes()}", lambda: self.modes() == {**clean, "cursor_flag": "1", "wrap_flag": "1"}
        )
        # What is typed now is echoed once, and no mark of a paste or of the focus comes with it.
        self.say("echo c''lean-$((40+2))")
        self.type("Enter")
        self.until("clean-42")

    def close(self) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            self._do("kill-server")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


@contextlib.contextmanager
def door_house(folder: Path) -> Iterator[DoorHouse]:
    """A running one, with its Director and nothing to record."""
    with Service(folder / "data", door=True, budget_bytes=1 << 30) as service:
        house = DoorHouse(service, folder)
        house.name_director()
        yield house


@contextlib.contextmanager
def house_with_footage(
    folder: Path, *, cameras: dict[str, str] | None = None, **look: Any
) -> Iterator[tuple[DoorHouse, Recorded]]:
    """One whose cameras answer to nobody, with footage of an hour ago (see `tests.looking.record`, which takes ``look``)."""
    named = cameras or CAMERAS
    service = Service(folder / "data", door=True, budget_bytes=1 << 30)
    seed(service.data, [*commissioned(*named), *(entry(camera, name) for camera, name in named.items())])
    made = record(service.data, list(named), **look)
    with service:
        house = DoorHouse(service, folder)
        house.name_director()
        yield house, made


@contextlib.contextmanager
def recording(house: DoorHouse) -> Iterator[DoorHouse]:
    """With a camera that is being recorded."""
    with RtspServer([Mount("lobby", media="h264_100k")]) as camera:
        house.camera = house.service.add(camera.url("lobby"), "Lobby")
        house.service.await_recording(house.camera)
        yield house
