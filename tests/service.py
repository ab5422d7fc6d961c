"""The real service as a process, for tests: `with Service(tmp_path / "data") as service: service.add(url, "Door")`.

Everything goes through the command line's own client and socket. Deadlines are twice what the design asks for.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from holdshelf_core.api import local, types
from holdshelf_core.api.client import Client
from holdshelf_core.api.door_link import make_pair
from holdshelf_core.api.errors import HoldshelfError, Unavailable

DAY_NS = 86_400 * 1_000_000_000


def wait_for[T](what: str, probe: Callable[[], T | None], seconds: float = 30.0, every: float = 0.05) -> T:
    """Asks until there is an answer that is not None or False; fails with `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer is not None and answer is not False:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds:g} s still not: {what}")
        time.sleep(every)


def free_port() -> int:
    """A TCP port that nobody listens at just now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


class Service:
    """`holdshelf serve` on a data folder. `kill` is SIGKILL, `stop` is SIGTERM; `start` may follow either.

    ``mint``: this process holds the SSH door's end of the socket on which sessions are opened (`as_person`).
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
        door: bool = False,
        door_user: str = "",
    ) -> None:
        self.data = data
        self.door_port = free_port() if door else 0
        self.door_user = door_user
        self.mint = mint
        self.door: socket.socket | None = None
        self.gone: dict[str, str] = {}
        """Sessions that the service ended by itself, with its reason, as far as `ask_mint` and `await_gone` read them."""
        self.client = Client(data, timeout_s=20)
        self.environment = dict(environment or {})
        self.log_path = data.with_name(data.name + ".log")
        self.process: subprocess.Popen[bytes] | None = None
        local.init(data, media=media, budget_bytes=budget_bytes, floor_days=None)

    def start(self, *, wait: bool = True) -> None:
        command = [sys.executable, "-m", "holdshelf_tui.cli", "serve", "--data", str(self.data)]
        theirs: socket.socket | None = None
        if self.door_port:
            command += ["--door-port", str(self.door_port), "--door-address", "127.0.0.1"]
            command += ["--door-user", self.door_user] if self.door_user else []
        else:
            command += ["--no-door"]
        if self.mint:
            self.close_door()
            self.door, theirs = make_pair()
            self.door.settimeout(20)
            command += ["--mint-fd", str(theirs.fileno())]
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
                process_group=0,
                pass_fds=(theirs.fileno(),) if theirs else (),
            )
        if theirs is not None:
            theirs.close()
        if wait:
            self.await_answer()

    def await_answer(self, seconds: float = 30.0) -> None:
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

    def stop(self, seconds: float = 20.0) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def __enter__(self) -> Self:
        self.start()
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

    def _read_door(self) -> dict[str, Any]:
        assert self.door is not None
        raw = self.door.recv(65536)
        assert raw, "the service closed the door's socket"
        answer: dict[str, Any] = json.loads(raw)
        if "gone" in answer:
            self.gone[answer["gone"]] = answer["reason"]
        return answer

    def open_session(self, login: str, fingerprint: str, source: str = "192.0.2.7") -> dict[str, Any]:
        """{token, session, person, name}, as for a key that the door has checked. Fails with the sentence of a refusal."""
        answer = self.ask_mint(mint={"login": login, "fingerprint": fingerprint, "source": source})
        if "refused" in answer:
            raise HoldshelfError(answer["refused"], answer["next_step"])
        return answer

    def as_person(self, login: str, fingerprint: str, source: str = "192.0.2.7") -> Client:
        """A client with a new session of that person. Raises HoldshelfError when the log-in is refused."""
        return Client(self.data, token=self.open_session(login, fingerprint, source)["token"], timeout_s=20)

    def end_session(self, session: str) -> None:
        self.ask_mint(end=session)

    def await_gone(self, session: str, seconds: float = 10.0) -> str:
        """The reason for which the service ended a session."""
        assert self.door is not None
        self.door.settimeout(seconds)
        try:
            while session not in self.gone:
                self._read_door()
        finally:
            self.door.settimeout(20)
        return self.gone[session]

    def close_door(self) -> None:
        if self.door is not None:
            self.door.close()
            self.door = None

    # --- asking ------------------------------------------------------------------------------------------------

    def act[T](self, name: str, body: Any = None, answer: type[T] = dict) -> T:  # type: ignore[assignment]
        """Does an action as the admin."""
        return self.client.act(name, body, answer)

    def add(self, target: str, name: str, area: str = "seating", **more: object) -> str:
        """Adds a camera; returns its id."""
        request = types.AddRequest(target, name, area, **more)  # type: ignore[arg-type]
        return self.client.act("camera.add", request, types.AddedRow, timeout_s=60).id

    def camera(self, camera: str) -> types.CameraRow:
        return next(row for row in self.client.status().cameras if row.id == camera)

    def await_recording(self, *cameras: str, seconds: float = 20.0) -> None:
        def recording() -> bool:
            rows = {row.id: row for row in self.client.status().cameras}
            return all(rows[c].state == "recording" and rows[c].bytes_per_s > 0 for c in cameras)

        wait_for(f"{', '.join(cameras)} recording", recording, seconds)

    def segments(self, camera: str | None = None) -> list[types.SegmentRow]:
        """Finished segments."""
        now = time.time_ns()
        rows = self.client.get(
            "/footage",
            list[types.SegmentRow],
            camera=camera,
            start_utc_ns=now - 800 * DAY_NS,
            end_utc_ns=now + 800 * DAY_NS,
        )
        return [row for row in rows if not row.open]

    def gaps(self, camera: str | None = None) -> list[types.GapRow]:
        now = time.time_ns()
        return self.client.get(
            "/gaps", list[types.GapRow], camera=camera, start_utc_ns=now - 800 * DAY_NS, end_utc_ns=now + 800 * DAY_NS
        )

    def verify(self, *, deep: bool = True) -> types.VerifyReport:
        return self.client.post("/verify", types.VerifyRequest(deep=deep), types.VerifyReport, timeout_s=120)

    def files(self, camera: str) -> list[Path]:
        """The closed files of a camera, by sequence."""
        return sorted((self.data / "media" / "footage" / camera).glob("[0-9]*/*.mp4"), key=lambda p: p.name)

    def repairs(self) -> dict[str, types.RepairRow]:
        return {row.issue_id: row for row in self.client.status().repairs}


__all__ = ["HoldshelfError", "Service", "wait_for"]
