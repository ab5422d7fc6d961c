"""The real service as a process, for tests: `with Service(tmp_path / "data") as service: service.add(url, "Door")`.

Everything goes through the command line's own client and socket. Deadlines are twice what the design asks for.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from holdshelf_core.api import local, types
from holdshelf_core.api.client import Client
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


class Service:
    """`holdshelf serve` on a data folder. `kill` is SIGKILL, `stop` is SIGTERM; `start` may follow either."""

    def __init__(
        self,
        data: Path,
        *,
        media: Path | None = None,
        budget_bytes: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.data = data
        self.client = Client(data, timeout_s=20)
        self.environment = dict(environment or {})
        self.log_path = data.with_name(data.name + ".log")
        self.process: subprocess.Popen[bytes] | None = None
        local.init(data, media=media, budget_bytes=budget_bytes, floor_days=None)

    def start(self, *, wait: bool = True) -> None:
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "holdshelf_tui.cli", "serve", "--data", str(self.data)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
                process_group=0,
            )
        if wait:
            self.await_answer()

    def await_answer(self, seconds: float = 15.0) -> None:
        def answers() -> bool:
            assert self.process is not None
            if self.process.poll() is not None:
                raise AssertionError(f"the service ended: {self.log()[-2000:]}")
            try:
                return self.client.status().pid == self.process.pid
            except Unavailable:
                return False

        wait_for("the service answers", answers, seconds)

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
        with contextlib.suppress(ProcessLookupError):
            self.close()

    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    # --- asking ------------------------------------------------------------------------------------------------

    def add(self, target: str, name: str, area: str = "seating", **more: object) -> str:
        """Adds a camera; returns its id."""
        request = types.AddRequest(target, name, area, **more)  # type: ignore[arg-type]
        return self.client.post("/cameras", request, types.AddedRow, timeout_s=60).id

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
