"""The fork server on a busy machine: it hangs, or the door ends while it still loads."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from holdshelf_core.processes.ends import ENDS
from tests.rig.hang import HANG_S
from tests.rig.processes import wait_dead


def run(folder: Path, program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A program of this file; its fork server finds its modules beside it."""
    return subprocess.run(
        [sys.executable, folder / program],
        capture_output=True,
        text=True,
        timeout=2 * HANG_S,
        check=False,
        env={**os.environ, "PYTHONPATH": str(folder), **environment},
    )


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
    done = run(tmp_path, "waiting.py")
    assert done.stdout == "answered\n", done.stderr
    assert "Traceback" not in done.stderr


BUSY = """
import os, time
open(os.path.join(os.environ["SERVERS"], str(os.getpid())), "w").close()
while time.process_time() < 3:
    pass
"""

LOADING = """
import asyncio, logging, os
from holdshelf_tui.ssh.children import fork_server

logging.basicConfig()
fork_server.PRELOAD = ["busy_to_load"]
fork_server.COLD_STUCK_S = fork_server.STUCK_S = 0.5

async def main():
    made = fork_server.Children()
    ends = [os.open(os.devnull, os.O_RDWR) for _ in range(3)]
    await made.async_start("command", "/nowhere", *(fork_server.Passed(fd) for fd in ends), {}, ["help"])
    print(len(os.listdir(os.environ["SERVERS"])))
    await made.async_close()

if __name__ == "__main__":
    asyncio.run(main())
"""


def test_a_fork_server_that_loads_is_not_taken_for_one_that_hangs(tmp_path: Path) -> None:
    servers = tmp_path / "servers"
    servers.mkdir()
    (tmp_path / "busy_to_load.py").write_text(BUSY)
    (tmp_path / "loading.py").write_text(LOADING)
    done = run(tmp_path, "loading.py", SERVERS=str(servers))
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")


NEVER = """
import os, time
open(os.path.join(os.environ["SERVERS"], str(os.getpid())), "w").close()
while os.path.exists(os.environ["HOLDS"]):
    time.sleep(0.01)
"""

CLOSING = """
import asyncio, errno, os
from holdshelf_tui.ssh.children import fork_server

fork_server.PRELOAD = ["never_loaded"]

async def main():
    made = fork_server.Children()
    ends = [os.open(os.devnull, os.O_RDWR) for _ in range(3)]
    passed = [fork_server.Passed(fd) for fd in ends]
    asked = [asyncio.create_task(made.async_start("command", "/nowhere", *passed[:3], {}, ["help"]))]
    while not os.listdir(os.environ["SERVERS"]):
        await asyncio.sleep(0.01)
    await made.async_close()
    (error,) = await asyncio.gather(*asked, return_exceptions=True)
    print(type(error).__name__, len(os.listdir(os.environ["SERVERS"])))

if __name__ == "__main__":
    asyncio.run(main())
"""


def test_a_door_ends_while_a_session_is_being_started_and_begins_no_other_fork_server(tmp_path: Path) -> None:
    """It would wait for that one until it has loaded."""
    servers, holds = tmp_path / "servers", tmp_path / "holds"
    servers.mkdir()
    holds.touch()
    (tmp_path / "never_loaded.py").write_text(NEVER)
    (tmp_path / "closing.py").write_text(CLOSING)
    done = run(tmp_path, "closing.py", SERVERS=str(servers), HOLDS=str(holds))
    assert (done.returncode, done.stdout, done.stderr) == (0, "BlockingIOError 1\n", "")


STARVED = """
import os, signal
from pathlib import Path

def queued_s():
    return int(Path("/proc/self/schedstat").read_text().split()[1]) / 1e9

# Two on one processor, of which this one comes last: as on a machine with a load of twenty.
processors = os.sched_getaffinity(0)
os.sched_setaffinity(0, {min(processors)})
loading = os.getpid()
other = os.fork()
if not other:
    while os.getppid() == loading:
        pass
    os._exit(0)
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
while queued_s() < 2 * float(os.environ["ANSWER_S"]):
    pass
# The process that it makes is as any other: that one answers, and nobody knows of it before.
os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
os.sched_setaffinity(0, processors)
os.kill(other, signal.SIGKILL)
os.waitpid(other, 0)
"""

PATIENT = """
import asyncio, os
from holdshelf_tui.ssh.children import fork_server

fork_server.PRELOAD = ["starved"]
fork_server.ANSWER_S = float(os.environ["ANSWER_S"])

async def main():
    made = fork_server.Children()
    ends = [os.open(os.devnull, os.O_RDWR) for _ in range(3)]
    await made.async_start("command", "/nowhere", *(fork_server.Passed(fd) for fd in ends), {}, ["help"])
    print("answered")
    await made.async_close()

if __name__ == "__main__":
    asyncio.run(main())
"""


def test_what_a_busy_machine_makes_a_fork_server_wait_for_a_processor_ends_nobodys_patience(tmp_path: Path) -> None:
    (tmp_path / "starved.py").write_text(STARVED)
    (tmp_path / "patient.py").write_text(PATIENT)
    done = run(tmp_path, "patient.py", ANSWER_S="3")
    assert (done.returncode, done.stdout, done.stderr) == (0, "answered\n", "")


HANGING = """
import asyncio, os
from holdshelf_tui.ssh.children import fork_server

fork_server.PRELOAD = ["never_loaded"]
fork_server.ANSWER_S = 1.0

async def main():
    made = fork_server.Children()
    ends = [os.open(os.devnull, os.O_RDWR) for _ in range(3)]
    try:
        await made.async_start("command", "/nowhere", *(fork_server.Passed(fd) for fd in ends), {}, ["help"])
    except OSError as error:
        print(error.strerror)
    await made.async_close()

if __name__ == "__main__":
    asyncio.run(main())
"""


def test_whoever_waits_for_a_fork_server_that_never_loads_is_told(tmp_path: Path) -> None:
    servers, holds = tmp_path / "servers", tmp_path / "holds"
    servers.mkdir()
    holds.touch()
    (tmp_path / "never_loaded.py").write_text(NEVER)
    (tmp_path / "hanging.py").write_text(HANGING)
    done = run(tmp_path, "hanging.py", SERVERS=str(servers), HOLDS=str(holds))
    assert (done.returncode, done.stdout, done.stderr) == (0, "the fork server does not answer\n", "")


TOO_LATE = """
import asyncio, os, signal, time
from multiprocessing import process
from holdshelf_tui.ssh.children import fork_server

fork_server.PRELOAD = []
opened = os.pidfd_open

def ended_meanwhile(pid, flags=0):
    os.pidfd_open = opened
    os.kill(pid, signal.SIGKILL)
    while os.path.exists(f"/proc/{pid}"):  # until the fork server has reaped it
        time.sleep(0.01)
    return opened(pid, flags)

async def main():
    made = fork_server.Children()
    os.pidfd_open = ended_meanwhile
    ends = [os.open(os.devnull, os.O_RDWR) for _ in range(3)]
    child = await made.async_start("command", "/nowhere", *(fork_server.Passed(fd) for fd in ends), {}, ["help"])
    os.kill(child.pid, 0)
    print("another one came", process._children)
    await made.async_close()

if __name__ == "__main__":
    asyncio.run(main())
"""


def test_one_that_is_killed_before_it_is_known_is_replaced(tmp_path: Path) -> None:
    """As the kernel does when memory is short."""
    (tmp_path / "too_late.py").write_text(TOO_LATE)
    done = run(tmp_path, "too_late.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, "another one came set()\n", "")


KILLED = """
import asyncio, os, signal
from holdshelf_tui.ssh.children import fork_server

fork_server.PRELOAD = ["holdshelf_tui.ssh.scratch", "never_loaded"]

async def main():
    made = fork_server.Children()
    await made.async_warm()
    while not os.listdir(os.environ["SERVERS"]):
        await asyncio.sleep(0.01)
    os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    asyncio.run(main())
"""


def test_a_fork_server_that_still_loads_does_not_outlive_a_door_that_is_killed(tmp_path: Path) -> None:
    servers, holds = tmp_path / "servers", tmp_path / "holds"
    servers.mkdir()
    holds.touch()
    (tmp_path / "never_loaded.py").write_text(NEVER)
    (tmp_path / "killed.py").write_text(KILLED)
    try:
        done = run(tmp_path, "killed.py", SERVERS=str(servers), HOLDS=str(holds))
        assert done.returncode == -signal.SIGKILL, done.stderr
        (server,) = (int(path.name) for path in servers.iterdir())
        assert wait_dead(server)
    finally:
        holds.unlink()


LEAVING = """
import asyncio, os
from multiprocessing import forkserver, resource_tracker
from holdshelf_tui.ssh.children import fork_server

fork_server.PRELOAD = ["never_loaded"]

async def main():
    made = fork_server.Children()
    before = set(os.listdir("/proc/self/fd"))
    ends = [os.open(os.devnull, os.O_RDWR) for _ in range(3)]
    asked = asyncio.create_task(made.async_start("command", "/nowhere", *(fork_server.Passed(fd) for fd in ends), {}, []))
    while not os.listdir(os.environ["SERVERS"]):
        await asyncio.sleep(0.01)
    asked.cancel()
    await asyncio.wait({asked})
    for fd in ends:
        os.close(fd)
    # What has these numbers now is nothing for a child.
    readers, writers = zip(*(os.pipe() for _ in range(8)))
    os.unlink(os.environ["HOLDS"])
    # The next one comes from the same fork server, after that one.
    again = [fork_server.Passed(fd) for fd in (readers[0], writers[0], writers[0])]
    child = await made.async_start("command", "/nowhere", *again, {}, ["help"])
    assert made._living == {child}
    for fd in writers:
        os.close(fd)
    for fd in readers[1:]:
        assert os.read(fd, 1) == b"", "somebody else holds it"
    for fd in readers:
        os.close(fd)
    child.kill()
    await child.exited.wait()
    # Of all that is open now, the fork server's own: its pipe, the tracker's, and what tells its end.
    server, tracker = forkserver._forkserver._forkserver_alive_fd, resource_tracker._resource_tracker._fd
    left = [os.readlink(f"/proc/self/fd/{fd}") for fd in set(fds()) - before - {str(server), str(tracker)}]
    print(left)
    await made.async_close()

def fds():
    listed = os.listdir("/proc/self/fd")
    return [fd for fd in listed if os.path.lexists(f"/proc/self/fd/{fd}")]

if __name__ == "__main__":
    asyncio.run(main())
"""


def test_a_client_that_leaves_while_its_session_starts_leaves_no_process_and_no_descriptor(tmp_path: Path) -> None:
    servers, holds = tmp_path / "servers", tmp_path / "holds"
    servers.mkdir()
    holds.touch()
    (tmp_path / "never_loaded.py").write_text(NEVER)
    (tmp_path / "leaving.py").write_text(LEAVING)
    done = run(tmp_path, "leaving.py", SERVERS=str(servers), HOLDS=str(holds))
    assert (done.returncode, done.stdout, done.stderr) == (0, "['anon_inode:[pidfd]']\n", "")


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
    done = run(tmp_path, "ending.py", BEGUN=str(tmp_path / "begun"))
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
    done = run(tmp_path, "resting.py")
    assert (done.returncode, done.stdout) == (0, "rests\n"), done.stderr
    assert "fork server" not in done.stderr, done.stderr


DYING = """
import asyncio, os
from multiprocessing import forkserver
from holdshelf_tui.ssh.children import fork_server

fork_server.PRELOAD = ["dies"]
servers = os.environ["SERVERS"]

async def main():
    made = fork_server.Children()
    begin, begun = forkserver.ensure_running, []
    forkserver.ensure_running = lambda: (begun.append(1), begin())
    assert not made.is_stuck
    made.warm()
    while not made.is_stuck:
        await asyncio.sleep(0)
    dead = len(os.listdir(servers))
    assert len(begun) == dead
    for _ in range(10):
        await asyncio.sleep(0)
    await asyncio.get_running_loop().run_in_executor(made._asking, int)
    assert len(begun) == dead, "none is begun until somebody comes"
    made.warm()
    while len(os.listdir(servers)) == dead:
        await asyncio.sleep(0.01)
    open(os.path.join(os.environ["WELL"]), "w").close()
    ends = [os.open(os.devnull, os.O_RDWR) for _ in range(3)]
    await made.async_start("command", "/nowhere", *(fork_server.Passed(fd) for fd in ends), {}, ["help"])
    print(dead, made.is_stuck)
    await made.async_close()

if __name__ == "__main__":
    asyncio.run(main())
"""
DIES = """
import os
if not os.path.exists(os.environ["WELL"]):
    open(os.path.join(os.environ["SERVERS"], str(os.getpid())), "w").close()
    os._exit(1)
"""


def test_fork_servers_that_end_one_after_another_are_not_begun_without_end_and_one_that_works_is_well(
    tmp_path: Path,
) -> None:
    servers = tmp_path / "servers"
    servers.mkdir()
    (tmp_path / "dies.py").write_text(DIES)
    (tmp_path / "dying.py").write_text(DYING)
    done = run(tmp_path, "dying.py", SERVERS=str(servers), WELL=str(tmp_path / "well"))
    assert (done.returncode, done.stdout) == (0, f"{ENDS} False\n"), done.stderr
