"""What a process of the service writes to the system's journal when something of ours fails."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from holdshelf_core.service_log import FAULT
from tests.service import faults_in

ROOT = Path(__file__).parents[2]
SCRIPT = """
import asyncio, gc, logging, sys, threading
from holdshelf_core import service_log
service_log.configure(verbose="--verbose" in sys.argv)
log = logging.getLogger("test")

def inner():
    {}["Jane Roe"]

def failing():
    try:
        inner()
    except KeyError:
        open("/Jane Roe")

class Unclean:
    def __del__(self):
        failing()

async def task_that_nobody_awaits():
    task = asyncio.create_task(asyncio.to_thread(failing))
    await asyncio.wait([task])

log.info("a camera says: %s", "one\\ntwo\\x1b[2J")
try:
    failing()
except OSError:
    log.exception("what was tried\\nand more")
thread = threading.Thread(target=failing, name="worker")
thread.start()
thread.join()
Unclean()
asyncio.run(task_that_nobody_awaits())
gc.collect()
failing()
"""


def written(*options: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", SCRIPT, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    return done.stderr.splitlines()


def test_a_fault_is_one_line_with_its_places_and_none_of_its_words() -> None:
    first, *faults = written()
    assert first.endswith(r"INFO test: a camera says: one two [2J")
    assert len(faults) == 5, faults
    places = re.escape(
        "FileNotFoundError (No such file or directory) at <string>:14 in failing, <string>:26 in <module>; "
        "after KeyError at <string>:8 in inner, <string>:12 in failing]"
    )
    assert re.fullmatch(rf"[\d-]+ [\d:,]+ ERROR test: what was tried {re.escape(FAULT)}{places}", faults[0])
    for line, told in zip(
        faults[1:],
        ("the thread worker failed", "could not be cleaned up", "never retrieved", "this process failed"),
        strict=True,
    ):
        assert told in line
        assert "KeyError at <string>:8 in inner" in line
    assert not any("Jane" in line or "Traceback" in line for line in faults)
    assert faults_in("\n".join(faults)) == faults


def test_a_developer_is_given_the_tracebacks() -> None:
    lines = written("--verbose")
    assert sum(line.startswith("Traceback") for line in lines) >= 5
    assert sum(FAULT in line for line in lines) == 5


def test_each_process_that_logs_does_it_so_and_tests_look_for_that() -> None:
    """The demo's cameras are no process of the service."""
    own = [path for room in ("core", "onvif", "storage", "tui") for path in (ROOT / room).rglob("*.py")]
    sets_up = {path.name for path in own if re.search(r"basicConfig\(|StreamHandler\(", path.read_text())}
    assert sets_up == {"service_log.py", "camera_process.py"}
    blind = re.compile(r'"Traceback" not in .*\.log\(\)')
    assert [path.name for path in (ROOT / "tests").rglob("*.py") if blind.search(path.read_text())] == []


@pytest.mark.parametrize("marked", [True, False])
def test_in_the_journal_each_line_has_the_priority_of_its_level(tmp_path: Path, marked: bool) -> None:
    with (tmp_path / "stream").open("wb") as stream:
        known = os.fstat(stream.fileno())
        named = f"{known.st_dev}:{known.st_ino if marked else 1}"
        environment = {**os.environ, "JOURNAL_STREAM": named}
        command = [sys.executable, "-c", SCRIPT, "--verbose"]
        subprocess.run(command, stderr=stream, env=environment, check=False)
    lines = (tmp_path / "stream").read_text().splitlines()
    if not marked:
        assert lines[-1] and not any(line.startswith("<") for line in lines), "stderr was redirected to a file"
        return
    first = {
        word: {line[:3] for line in lines if f" {word}" in f" {line[3:]}"} for word in ("INFO", "ERROR", "CRITICAL")
    }
    assert first == {"INFO": {"<6>"}, "ERROR": {"<3>"}, "CRITICAL": {"<2>"}}
    assert {line[:3] for line in lines} == {"<7>", "<6>", "<3>", "<2>"}, "each line of a traceback has it, too"
