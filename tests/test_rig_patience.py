"""A deadline that a busy machine does not run down, and an idle one does."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.rig.processes import Patience

pytestmark = pytest.mark.alone  # it measures time, and one test takes a processor with six processes
SECONDS = 1.0
SPIN = "import os, sys\nos.sched_setaffinity(0, {int(sys.argv[1])})\nprint('ready', flush=True)\nwhile True: pass"
WAIT = "import sys\nprint('ready', flush=True)\nsys.stdin.read()"


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[str]]]:
    found: list[subprocess.Popen[str]] = []
    yield found
    for process in found:
        process.kill()
        process.communicate()


def start(started: list[subprocess.Popen[str]], script: str) -> int:
    command = [sys.executable, "-c", script, str(min(os.sched_getaffinity(0)))]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    started.append(process)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process.pid


def over_after_s(patience: Patience) -> float:
    while not patience.is_over():
        time.sleep(0.01)
    return patience.passed_s


def test_a_process_that_waits_for_something_is_late_on_any_machine(started: list[subprocess.Popen[str]]) -> None:
    waiting = start(started, WAIT)
    taken = []
    while not taken or (taken[-1] >= 2 * SECONDS and len(taken) < 5):  # who looks at it may have to wait himself
        taken.append(over_after_s(Patience(lambda: [waiting], SECONDS)))
    assert SECONDS < min(taken) < 2 * SECONDS


def test_a_process_that_gets_no_processor_has_more_time_and_not_for_ever(started: list[subprocess.Popen[str]]) -> None:
    watched, *_ = [start(started, SPIN) for _ in range(6)]
    assert over_after_s(Patience(lambda: [watched], SECONDS)) >= 3 * SECONDS
