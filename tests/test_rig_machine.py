"""The rig's clocks, networks and processes are what a test sets them to, and touch nothing else of this machine."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from tests.rig.faults import FakeClock
from tests.rig.hang import HANG_S
from tests.rig.netns import NetNamespace
from tests.rig.parts import RigError
from tests.rig.processes import kill9_member, members, processes_with_files_in, tree, wait_dead
from tests.rig.rtsp import Mount, RtspServer
from tests.rig_lines import python, said


def test_the_wall_clock_steps_under_a_running_process_and_no_other_clock_does() -> None:
    script = (
        "import sys, time\n"
        "for _ in sys.stdin:\n"
        " print(time.time(), time.monotonic(), time.clock_gettime(time.CLOCK_BOOTTIME), flush=True)\n"
    )
    with FakeClock() as clock, python(script, env=clock.environment(), bufsize=1) as process:
        assert process.stdin is not None
        for step_s in (0, 3600, -7200, 365 * 86400):
            clock.step(step_s)
            before = time.time() + clock.offset_s, time.monotonic(), time.clock_gettime(time.CLOCK_BOOTTIME)
            process.stdin.write("\n")
            told = tuple(float(word) for word in said(process).split())
            after = clock.utc_ns() / 1e9, time.monotonic(), time.clock_gettime(time.CLOCK_BOOTTIME)
            for earliest, at, latest in zip(before, told, after, strict=True):
                assert earliest - 0.01 <= at <= latest + 0.01
        process.stdin.close()


def test_waits_last_as_long_under_a_stepped_clock() -> None:
    script = (
        "import asyncio, select, threading, time, multiprocessing, sys\n"
        "lock = threading.Lock(); lock.acquire()\n"
        "shared = multiprocessing.Lock(); shared.acquire()\n"
        "def boot(): return time.clock_gettime(time.CLOCK_BOOTTIME)\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "for wait in (lambda: threading.Event().wait(.2), lambda: lock.acquire(timeout=.2), lambda: time.sleep(.2),\n"
        "             lambda: asyncio.run(asyncio.sleep(.2)), lambda: select.select([], [], [], .2),\n"
        "             lambda: shared.acquire(timeout=.2)):\n"
        "    begin = boot(); wait(); print(boot() - begin)\n"
    )
    with FakeClock() as clock:
        process = python(script, env=clock.environment())
        assert said(process) == "ready"
        clock.step(-86400)
        waited, _ = process.communicate("\n", timeout=2 * HANG_S)
    assert len(lasted := [float(line) for line in waited.split()]) == 6
    assert all(one > 0.19 for one in lasted), lasted


def test_a_network_namespace_carries_multicast_and_is_cut_off_from_this_machine() -> None:
    group = ("239.255.255.250", 3702)
    with NetNamespace(addresses=["10.77.0.1/24"]) as inside:
        with inside.entered():
            listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with listener, sender:
            listener.bind(("", group[1]))
            membership = socket.inet_aton(group[0]) + socket.inet_aton("127.0.0.1")
            listener.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
            listener.settimeout(HANG_S)
            sender.sendto(b"probe", group)
            assert listener.recv(100) == b"probe"
        addresses = inside.run(["ip", "-o", "-4", "addr"]).stdout
        assert "10.77.0.1" in addresses
        assert len(addresses.splitlines()) == 2
        with RtspServer([Mount("door")], prefix=inside.prefix) as server:
            probe = ["ffprobe", "-v", "error", "-show_entries", "stream=width", "-of", "csv=p=0", server.url("door")]
            assert inside.run(probe).stdout.strip() == "320"
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", server.port("door")), timeout=HANG_S)


def test_a_member_of_a_process_tree_is_killed_by_its_role_and_the_others_live(tmp_path: Path) -> None:
    script = (
        "import subprocess, sys\n"
        "each = [subprocess.Popen([sys.executable, '-c', 'import sys; sys.stdin.read()', role],\n"
        "        stdin=subprocess.PIPE, stdout=open(role, 'w')) for role in ('worker-1', 'worker-2')]\n"
        "print('ready', flush=True); sys.stdin.read()\n"
    )
    with python(script, "service", cwd=tmp_path) as process:
        assert said(process) == "ready"
        workers = members(process.pid, r"worker-\d$")
        assert len(workers) == 2
        assert processes_with_files_in(tmp_path) == sorted([process.pid, *workers])
        assert kill9_member(process.pid, r"worker-2$") == workers[1]
        assert [member.pid for member in tree(process.pid)] == [process.pid, workers[0]]
        with pytest.raises(RigError, match="matches 'worker-2"):
            kill9_member(process.pid, r"worker-2$")
        kill9_member(process.pid, "service$")
        assert wait_dead(workers[0])  # its pipe ended
    assert processes_with_files_in(tmp_path) == []
