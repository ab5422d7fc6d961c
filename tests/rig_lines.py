"""Python processes that the tests of the rig talk to by lines, and how they wait for what one does."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from tests.rig.hang import HANG_S


def python(script: str, *words: str, **more: Any) -> subprocess.Popen[str]:
    """A Python process that is talked to by lines."""
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", script, *words], stdin=pipe, stdout=pipe, text=True, **more)


def said(process: subprocess.Popen[str]) -> str:
    """The next line that a process says."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def until(condition: Callable[[], bool], wait_s: float = HANG_S) -> None:
    """Polls another process's state, which nothing here can wait on."""
    deadline = time.monotonic() + wait_s
    while not condition():
        assert time.monotonic() < deadline, "the condition never came true"
        time.sleep(0.02)
