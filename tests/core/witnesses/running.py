"""A witness as it is run: its own process, started by the command and asked over HTTP."""

from __future__ import annotations

import http.client
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from typer.testing import CliRunner

from holdshelf_core.witnesses import protocol
from holdshelf_tui.cli.app import app
from tests.rig.hang import HANG_S

HOLDSHELF = (sys.executable, "-m", "holdshelf_tui.cli")


class Running(NamedTuple):
    """``said``: its first line."""

    process: subprocess.Popen[str]
    port: int
    said: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def post(self, body: bytes, path: str = "/add-checkpoint") -> tuple[int, str, str]:
        """(status, body, media type)"""
        return self._ask("POST", path, body)

    def get(self, path: str) -> tuple[int, str, str]:
        return self._ask("GET", path, None)

    def submit(self, old: int, proof: list[bytes], note: str) -> tuple[int, str, str]:
        return self.post(protocol.encode(protocol.Submission(old, tuple(proof), note)))

    def _ask(self, method: str, path: str, body: bytes | None) -> tuple[int, str, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=HANG_S)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), answer.headers.get("Content-Type", "")
        finally:
            connection.close()


def said(*words: object, code: int = 0) -> str:
    """What a command of ours says; it must end with this code."""
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == code, done.output
    return done.stdout


@contextmanager
def running(folder: Path, port: int = 0) -> Iterator[Running]:
    """A witness on this folder, killed at the end."""
    command = [*HOLDSHELF, "witness", "serve", "--data", str(folder), "--listen", f"127.0.0.1:{port}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None and process.stderr is not None
        line = process.stdout.readline()
        found = re.search(r"127\.0\.0\.1:(\d+)", line)
        assert found, line + process.stderr.read()
        yield Running(process, int(found[1]), line)
    finally:
        process.kill()
        process.communicate()
