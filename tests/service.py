"""The real service as a process, for tests: `with Service(tmp_path / "data") as service: service.add(url, "Door")`.

Everything goes through the command line's own client and socket. Deadlines are for a machine that is busy with other things:
what has to happen within a time is measured where that is told, with `tests.rig.processes.patience`.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote, urlsplit, urlunsplit

from holdshelf_core.acts import Act
from holdshelf_core.api import types
from holdshelf_core.api.client import Client
from holdshelf_core.api.door_name import DEFAULT_DOOR_PORT, DOOR_VARIABLE
from holdshelf_core.api.errors import HoldshelfError, Unavailable
from holdshelf_core.api.ssh.link import make_pair
from holdshelf_core.buffer import types as buffer_types
from holdshelf_core.cameras import types as camera_types
from holdshelf_core.cameras.types import CameraRemove
from holdshelf_core.operations import offline
from holdshelf_core.service_log import FAULT
from holdshelf_storage import layout
from tests import keys
from tests.exchange import b64, exchange, session_of
from tests.rig import forked
from tests.rig.hang import HANG_S

HOST = "library-cameras"
"""By which name people reach the door: what screens and papers print names no machine of ours."""
NS = 1_000_000_000
DAY_NS = 86_400 * NS


def faults_in(log: str) -> list[str]:
    """What a service's log, or any program's output, tells of faults of ours."""
    return [line for line in log.splitlines() if FAULT in line or "Traceback" in line]


def wait_for[T](what: str, probe: Callable[[], T | None], seconds: float = HANG_S, every: float = 0.05) -> T:
    """Asks until there is an answer that is not empty: no None, no False, no list without rows; fails with `what` after
    `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds:g} s still not: {what}")
        time.sleep(every)


def free_port() -> int:
    """A TCP port that nobody listens at just now, and that the kernel gives nobody who asks for any: it may be bound later."""
    while True:
        port = secrets.choice(_PORTS)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


_PORTS = range(12_000, 32_000)
"""Below those that the kernel takes for itself (net.ipv4.ip_local_port_range)."""


class Service:
    """`holdshelf serve` on a data folder. `kill` is SIGKILL, `stop` is SIGTERM; `start` may follow either.

    ``mint``: this process holds the SSH door's end of the socket on which sessions are opened (`as_person`);
    ``sessions_fd``: memory that keeps living sessions for the next start.
    ``door``: as it is installed, with the supervisor and the SSH door at ``door_port``; `pid` is the supervisor's then,
    and `kill_service` kills the service alone, which comes back.
    """

    def __init__(
        self,
        data: Path,
        *,
        media: Path | None = None,
        budget_bytes: int | None = None,
        environment: Mapping[str, str] | None = None,
        mint: bool = False,
        sessions_fd: int | None = None,
        door: bool = False,
        door_user: str = "",
    ) -> None:
        self.data = data
        self.media = media or data / "media"
        self.door_port = free_port() if door else 0
        self.door_user = door_user
        self.mint = mint
        self.sessions_fd = sessions_fd
        self.door: socket.socket | None = None
        self.gone: dict[str, str] = {}
        """Sessions that the service ended by itself, with its reason, as far as `ask_mint` and `await_gone` read them."""
        self.client = Client(data, timeout_s=HANG_S)
        self.environment = {DOOR_VARIABLE: f"{DEFAULT_DOOR_PORT} {HOST}", **(environment or {})}
        self.log_path = data.with_name(data.name + ".log")
        self.process: subprocess.Popen[bytes] | None = None
        offline.init(data, media=media, budget_bytes=budget_bytes, floor_days=None)

    def start(self, *, wait: bool = True) -> None:
        command = [sys.executable, "-m", "holdshelf_tui.cli", "serve", "--data", str(self.data)]
        theirs: socket.socket | None = None
        if self.door_port:
            command += ["--door-port", str(self.door_port), "--door-address", "127.0.0.1", "--door-name", HOST]
            command += ["--door-user", self.door_user] if self.door_user else []
        else:
            command += ["--no-door"]
        if self.mint:
            self.close_door()
            self.door, theirs = make_pair()
            self._host_key = b""
            self.door.settimeout(HANG_S)
            command += ["--mint-fd", str(theirs.fileno())]
            command += ["--sessions-fd", str(self.sessions_fd)] if self.sessions_fd is not None else []
        with self.log_path.open("ab") as log:
            self.process = forked.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
                process_group=0,
                pass_fds=()
                if theirs is None
                else tuple(fd for fd in (theirs.fileno(), self.sessions_fd) if fd is not None),
            )
        if theirs is not None:
            theirs.close()
        if wait:
            self.await_answer()

    def await_answer(self, seconds: float = HANG_S) -> None:
        def answers() -> bool:
            assert self.process is not None
            if self.process.poll() is not None:
                raise AssertionError(f"the service ended: {self.log()[-2000:]}")
            try:
                answering = self.client.status().pid
            except Unavailable:
                return False
            if self.door_port:
                return self._door_listens()
            return answering == self.process.pid

        wait_for("the service answers", answers, seconds)

    def _door_listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.door_port), 1).close()
        except OSError:
            return False
        return True

    def service_pid(self) -> int:
        """Of the service proper, behind a supervisor too."""
        return self.client.status().pid

    def kill_service(self) -> None:
        """SIGKILL of the service proper alone, behind the supervisor's back."""
        os.kill(self.service_pid(), signal.SIGKILL)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def worker_pids(self) -> list[int]:
        return self.client.status().worker_pids

    def kill(self) -> None:
        """SIGKILL of the service alone; its workers notice."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self, seconds: float = HANG_S) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(HANG_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close_door()
        with contextlib.suppress(ProcessLookupError):
            self.close()

    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    # --- the SSH door's end -------------------------------------------------------------------------------------

    def ask_mint(self, **message: object) -> dict[str, Any]:
        """Sends one message as the door does; returns the answer to it."""
        assert self.door is not None, "Service(..., mint=True)"
        self._asked += 1
        self.door.send(json.dumps({**message, "id": self._asked}).encode())
        while True:
            answer = self._read_door()
            if answer.get("id") == self._asked:
                return answer

    _asked = 0
    _host_key = b""

    def _read_door(self) -> dict[str, Any]:
        assert self.door is not None
        raw = self.door.recv(65536)
        assert raw, "the service closed the door's socket"
        answer: dict[str, Any] = json.loads(raw)
        if "gone" in answer:
            self.gone[answer["gone"]] = answer["reason"]
        return answer

    def open_session(self, login: str, fingerprint: str, source: str = "192.0.2.7") -> dict[str, Any]:
        """{token, session, person, name}, for a signature by that key. Fails with the sentence of a refusal."""
        answer = self.ask_login(login, fingerprint, source)
        if "refused" in answer:
            raise HoldshelfError(answer["refused"], answer["next_step"])
        return answer

    def ask_login(self, login: str, fingerprint: str, source: str = "192.0.2.7") -> dict[str, Any]:
        """The answer to a signature by that key, in an SSH session of its own; a refusal, too."""
        session = self.begin_ssh_session()
        request, signature = keys.sign_login(keys.private(fingerprint), session, login)
        asked = {"session": b64(session), "request": b64(request), "signature": b64(signature), "source": source}
        return self.ask_mint(mint=asked)

    def begin_ssh_session(self) -> bytes:
        """A key exchange that the service signed for this door; the SSH session's id."""
        if not self._host_key:
            self._host_key = base64.b64decode(self.ask_mint(hello={})["hello"]["host_key"])
        cookie = base64.b64decode(self.ask_mint(cookie={})["cookie"])
        exchanged = exchange(self._host_key, cookie)
        signed = self.ask_mint(sign={"hash": "sha256", "exchange": b64(exchanged)})
        assert "signature" in signed, signed
        return session_of(exchanged)

    def as_person(self, login: str, fingerprint: str, source: str = "192.0.2.7") -> Client:
        """A client with a new session of that person. Raises HoldshelfError when the log-in is refused."""
        return Client(self.data, token=self.open_session(login, fingerprint, source)["token"], timeout_s=HANG_S)

    def end_session(self, session: str) -> None:
        self.ask_mint(end=session)

    def await_gone(self, session: str, seconds: float = HANG_S) -> str:
        """The reason for which the service ended a session."""
        assert self.door is not None
        self.door.settimeout(seconds)
        try:
            while session not in self.gone:
                self._read_door()
        finally:
            self.door.settimeout(HANG_S)
        return self.gone[session]

    def close_door(self) -> None:
        if self.door is not None:
            self.door.close()
            self.door = None

    # --- asking ------------------------------------------------------------------------------------------------

    def act[A](self, request: Act[A]) -> A:
        """Does what is asked for, as the admin."""
        return self.client.act(request)

    def remove(self, camera: str) -> None:
        """Takes a camera away; its footage stays."""
        self.act(CameraRemove(camera))

    def add(self, target: str, name: str, area: str = "seating", **more: object) -> str:
        """Adds a camera; returns its id. A login in the address is given beside it, as a person must."""
        parts = urlsplit(target)
        if parts.username is not None:
            target = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
            token = parts.password is None and parts.scheme.startswith("whep")
            login = {
                "username": None if token else parts.username,
                "password": parts.username if token else parts.password,
            }
            more = {name: unquote(word) for name, word in login.items() if word} | more
        request = camera_types.AddRequest(target, name, area, **more)  # type: ignore[arg-type]
        return self.client.act(request, timeout_s=HANG_S).id

    def camera(self, camera: str) -> types.CameraRow:
        return next(row for row in self.client.status().cameras if row.id == camera)

    def await_recording(self, *cameras: str, seconds: float = HANG_S) -> None:
        def recording() -> bool:
            rows = {row.id: row for row in self.client.status().cameras}
            # "recording" is said once the camera answers; its first pictures are on the disk a second later.
            return all(rows[c].state == "recording" and self._has_pictures(c) for c in cameras)

        try:
            wait_for(f"{', '.join(cameras)} recording", recording, seconds)
        except AssertionError as error:
            rows = [row for row in self.client.status().cameras if row.id in cameras]
            told = "\n".join(f"{row.id} at {row.address}: {row.state}, {row.reason}, {row.detail}" for row in rows)
            raise AssertionError(f"{error}\n{told}\n{self.log()[-3000:]}") from None

    def _has_pictures(self, camera: str) -> bool:
        """The file that is being written has some."""
        for row in self.open_files(camera):
            try:
                with (self.media / layout.open_path(camera, row.seq)).open("rb") as file:
                    return b"moof" in file.read(1 << 16)
            except FileNotFoundError:  # it was closed this moment
                return False
        return False

    def written_bytes(self, camera: str) -> int:
        """What lies on the disk of a camera, the file that is being written included."""
        return sum(path.stat().st_size for path in (self.media / layout.FOOTAGE / camera).rglob("*.mp4"))

    def segments(self, camera: str | None = None) -> list[buffer_types.SegmentRow]:
        """Finished segments."""
        now = time.time_ns()
        return [row for row in self._footage(camera, now - 800 * DAY_NS, now + 800 * DAY_NS) if not row.open]

    def open_files(self, camera: str) -> list[buffer_types.SegmentRow]:
        """What of that camera is being written."""
        now = time.time_ns()
        return [row for row in self._footage(camera, now - 120 * NS, now + 120 * NS) if row.open]

    def _footage(self, camera: str | None, start_utc_ns: int, end_utc_ns: int) -> list[buffer_types.SegmentRow]:
        span = {"start_utc_ns": start_utc_ns, "end_utc_ns": end_utc_ns}
        return self.client.read(buffer_types.ReadFootage(camera=camera, **span))

    def gaps(self, camera: str | None = None) -> list[types.GapRow]:
        now = time.time_ns()
        return self.client.read(
            buffer_types.ReadGaps(camera=camera, start_utc_ns=now - 800 * DAY_NS, end_utc_ns=now + 800 * DAY_NS)
        )

    def verify(self, *, deep: bool = True) -> buffer_types.VerifyReport:
        return self.client.read(buffer_types.VerifyRequest(deep=deep), timeout_s=120)

    def files(self, camera: str) -> list[Path]:
        """The closed files of a camera, by sequence."""
        return sorted((self.data / "media" / "footage" / camera).glob("[0-9]*/*.mp4"), key=lambda p: p.name)

    def repairs(self) -> dict[str, types.RepairRow]:
        return {row.issue_id: row for row in self.client.status().repairs}


__all__ = ["HoldshelfError", "Service", "wait_for"]
