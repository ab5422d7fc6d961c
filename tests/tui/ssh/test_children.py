"""The fork server on a busy machine: it hangs, or the door ends while it still loads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SLOW = """
import os, time
time.sleep(float(os.environ.get("SLOW_S", "0")))
"""

WAITING = """
import asyncio, os, signal, sys, time
from multiprocessing import forkserver
from holdshelf_tui.ssh.children import fork_server

fork_server.PRELOAD = ["slow_to_load"]
fork_server.STUCK_S = 1.0

async def ask(made):
    ends = [os.open(os.devnull, os.O_RDWR) for _ in range(3)]
    child = await made.async_start("command", "/nowhere", *(fork_server.Passed(fd) for fd in ends), {}, ["help"])
    return child.pid

async def main():
    made = fork_server.Children()
    await made.async_warm()
    await ask(made)
    first = forkserver._forkserver._forkserver_pid
    os.environ["SLOW_S"] = "9"  # the next one has a busy machine
    os.kill(first, signal.SIGSTOP)
    asked = [asyncio.create_task(ask(made))]
    # Others come while the next one loads: their patience is not to be its end.
    for _ in range(3):
        await asyncio.sleep(1.5)
        asked.append(asyncio.create_task(ask(made)))
    pids = await asyncio.gather(*asked)
    assert len(set(pids)) == 4, pids
    assert forkserver._forkserver._forkserver_pid != first
    print("answered")
    await made.async_close()

if __name__ == "__main__":
    asyncio.run(main())
    sys.stdout.flush()
    os._exit(0)
"""


def test_whoever_waits_for_a_fork_server_that_hangs_is_answered_by_the_next_one_however_slowly_it_loads(
    tmp_path: Path,
) -> None:
    (tmp_path / "slow_to_load.py").write_text(SLOW)
    (tmp_path / "waiting.py").write_text(WAITING)
    done = subprocess.run(
        [sys.executable, tmp_path / "waiting.py"],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},  # the fork server's, too
    )
    assert done.stdout == "answered\n", done.stderr
    assert "Traceback" not in done.stderr


STILL_LOADING = """
import os, tempfile, time
open(os.environ["BEGUN"], "w").close()
while os.path.isdir(os.environ["THEIRS"]):
    time.sleep(0.001)
tempfile.NamedTemporaryFile(dir=os.environ["THEIRS"])  # as libraries do while they are imported
"""

ENDING = """
import asyncio, os, sys
from multiprocessing import util
from holdshelf_tui.ssh.children import fork_server

fork_server.PRELOAD = ["still_loading"]

async def main():
    os.environ["THEIRS"] = util.get_temp_dir()
    made = fork_server.Children()
    await made.async_warm()
    while not os.path.exists(os.environ["BEGUN"]):
        await asyncio.sleep(0.01)
    await made.async_close()

if __name__ == "__main__":
    asyncio.run(main())
"""


def test_a_fork_server_that_still_loads_ends_with_its_door_and_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "still_loading.py").write_text(STILL_LOADING)
    (tmp_path / "ending.py").write_text(ENDING)
    done = subprocess.run(
        [sys.executable, tmp_path / "ending.py"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "BEGUN": str(tmp_path / "begun"), "PYTHONPATH": str(tmp_path)},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


RESTING = """
import asyncio, logging, os, sys, time
from multiprocessing import forkserver
from holdshelf_tui.ssh.children import fork_server

logging.basicConfig()
fork_server.PRELOAD = []
fork_server.REST_S = 600

def server():
    return forkserver._forkserver._forkserver_pid

async def until(what, probe):
    ends = time.monotonic() + 60
    while not probe():
        assert time.monotonic() < ends, what
        await asyncio.sleep(0.02)

async def main():
    made = fork_server.Children()
    assert server() is None
    for _ in range(2):
        made.warm()
        made.warm()
        await until("one is there", server)
        pid = server()
        ends = [os.open(os.devnull, os.O_RDWR) for _ in range(3)]
        child = await made.async_start("command", "/nowhere", *(fork_server.Passed(fd) for fd in ends), {}, ["help"])
        assert server() == pid, "it was asked for twice and started once"
        fork_server.REST_S = 0.5
        child.kill()  # it waits for its token
        await child.exited.wait()
        await until("it rests", lambda: server() is None and not os.path.exists(f"/proc/{pid}"))
        fork_server.REST_S = 600
    print("rests")
    await made.async_close()

if __name__ == "__main__":
    asyncio.run(main())
"""


def test_the_fork_server_is_there_while_somebody_comes_and_rests_afterwards_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "resting.py").write_text(RESTING)
    done = subprocess.run(
        [sys.executable, tmp_path / "resting.py"], capture_output=True, text=True, timeout=100, check=False
    )
    assert (done.returncode, done.stdout) == (0, "rests\n"), done.stderr
    assert "fork server" not in done.stderr, done.stderr
