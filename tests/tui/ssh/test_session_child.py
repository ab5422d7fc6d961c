"""A session's own process: what it may do, and what becomes of a fault in it. Forked here as the fork server forks it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import select
import socket
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import Unavailable
from holdshelf_tui.session.link import Link
from tests.rig.hang import HANG_S
from tests.tui.ssh.door_rig import DoorHouse

CHILD = """
import os, socket, sys
from holdshelf_tui.ssh.children import screens as session_child
from textual.app import App

class Broken(App):
    def __init__(self, client, **named):
        super().__init__()
        self.link = type("Link", (), {"renew": staticmethod(lambda token: None)})
    def on_mount(self):
        secret = "do-not-show-this"
        raise RuntimeError("broken on purpose")
    def end(self, reason):
        self.exit(reason)

session_child.HoldshelfApp = Broken
session_child.run("/nowhere", int(sys.argv[1]), int(sys.argv[2]), "xterm", {"LANG": "C.UTF-8"}, (80, 24))
"""

LEFT = """
import sys
from holdshelf_tui.ssh.children import screens as session_child
from holdshelf_tui.app import HoldshelfApp

async def late(self):
    self.end("The key of this session is not one of yours any more.")
    raise RuntimeError("cannot schedule new futures after shutdown")

HoldshelfApp.begin = lambda self: self.run_worker(late(self))
session_child.run("/nowhere", int(sys.argv[1]), int(sys.argv[2]), "xterm", {"LANG": "C.UTF-8"}, (80, 24))
"""

RIGHTS = """
import os, sys, socket, resource
from holdshelf_tui.ssh.children.limits import give_up_rights
os.environ["LD_PRELOAD"] = "/x"
give_up_rights({"LANG": "C.UTF-8"})
assert dict(os.environ) == {"LANG": "C.UTF-8"}
import wave  # not loaded yet: modules can still be
def refused(do):
    try:
        do()
    except OSError as error:
        return type(error).__name__
    return "allowed"
print(refused(lambda: open(sys.argv[1])))
print(refused(lambda: open(sys.argv[1] + ".new", "w")))
print(refused(lambda: os.unlink(sys.argv[1])))
print(refused(lambda: os.execv("/bin/true", ["true"])))
print(refused(lambda: socket.create_connection(("127.0.0.1", int(sys.argv[2])), 2)))
print(refused(lambda: os.kill(int(sys.argv[3]), 0)))
link = socket.socket(socket.AF_UNIX)
link.connect(sys.argv[4])
print("connected")
"""

FORBIDDEN = """
import asyncio, ctypes, mmap, os, platform, socket, struct, subprocess, sys, threading, tty, termios
from holdshelf_tui.ssh.children.limits import give_up_rights
libc = ctypes.CDLL(None, use_errno=True)
give_up_rights({"LANG": "C.UTF-8"})
arm = platform.machine() == "aarch64"

def call(x86, arm64, *arguments):
    libc.syscall.restype = ctypes.c_long
    return libc.syscall(ctypes.c_long(arm64 if arm else x86), *(ctypes.c_long(given) for given in arguments))

def sock(family, kind, protocol=0):
    return lambda: socket.socket(family, kind, protocol).close()

def checked(done):
    if done == -1:
        raise OSError(ctypes.get_errno(), "")

CLONE_NEWUSER = 0x10000000
tries = {
    "UDP": sock(socket.AF_INET, socket.SOCK_DGRAM),
    "UDP over IPv6": sock(socket.AF_INET6, socket.SOCK_DGRAM),
    "TCP": sock(socket.AF_INET, socket.SOCK_STREAM),
    "MPTCP": sock(socket.AF_INET, socket.SOCK_STREAM, 262),
    "ICMP": sock(socket.AF_INET, socket.SOCK_DGRAM, 1),
    "raw": sock(socket.AF_INET, socket.SOCK_RAW, 1),
    "packet": sock(socket.AF_PACKET, socket.SOCK_RAW),
    "netlink": sock(socket.AF_NETLINK, socket.SOCK_RAW),
    "vsock": sock(40, socket.SOCK_STREAM),
    "kernel crypto": sock(38, socket.SOCK_SEQPACKET),
    "Bluetooth": sock(31, socket.SOCK_RAW),
    "Unix datagram": sock(socket.AF_UNIX, socket.SOCK_DGRAM),
    "Unix packets": sock(socket.AF_UNIX, socket.SOCK_SEQPACKET),
    "Unix datagram pair": lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM),
    "listening": lambda: socket.socket(socket.AF_UNIX).bind(b"\\0holdshelf-test"),
    "fork": lambda: os.fork() or os._exit(0),
    "forkpty": lambda: os.forkpty()[0] or os._exit(0),
    "posix_spawn": lambda: os.posix_spawn("/bin/true", ["true"], {}),
    "subprocess": lambda: subprocess.run(["/bin/true"]),
    "exec": lambda: os.execv("/bin/true", ["true"]),
    "user namespace": lambda: checked(call(272, 97, CLONE_NEWUSER)),
    "clone into a user namespace": lambda: checked(call(56, 220, CLONE_NEWUSER | 17, 0, 0, 0, 0)),
    "clone3": lambda: checked(call(435, 435, 0, 0)),
    "ptrace": lambda: checked(call(101, 117, 0, 0, 0, 0)),
    "another's memory": lambda: checked(call(310, 270, os.getppid(), 0, 0, 0, 0, 0)),
    "signal": lambda: os.kill(os.getppid(), 0),
    "limits of another": lambda: checked(call(302, 261, os.getppid(), 7, 0, 0)),
    "mount": lambda: checked(call(165, 40, 0, 0, 0, 0, 0)),
    "BPF": lambda: checked(call(321, 280, 0, 0, 0)),
    "io_uring": lambda: checked(call(425, 425, 1, 0)),
    "userfaultfd": lambda: checked(call(323, 282, 0)),
    "perf": lambda: checked(call(298, 241, 0, 0, 0, 0, 0)),
    "keys": lambda: checked(call(250, 219, 0, 0, 0, 0, 0)),
    "file in memory": lambda: os.memfd_create("x"),
    "own code in memory": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC),
    "memory made code": lambda: checked(call(10, 226, page, 4096, 5)),
    "typing for somebody": lambda: __import__("fcntl").ioctl(slave, 0x5412, b"x"),
    "removing": lambda: os.unlink(sys.argv[1]),
    "making a folder": lambda: os.mkdir(sys.argv[1] + ".d"),
    "changing rights": lambda: os.chmod(sys.argv[1], 0o777),
    "changing times": lambda: os.utime(sys.argv[1]),
}
memory = mmap.mmap(-1, 4096)
page = ctypes.addressof(ctypes.c_char.from_buffer(memory))
master, slave = int(sys.argv[2]), int(sys.argv[3])
for name, do in tries.items():
    try:
        do()
    except OSError:
        continue
    print("allowed:", name)
# What the screens need goes on.
done = []
threads = [threading.Thread(target=done.append, args=(number,)) for number in range(20)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
tty.setraw(slave)
asyncio.run(asyncio.sleep(0.01))
import xml.parsers.expat, decimal, wave
os.write(1, b"threads %d, terminal %s\\n" % (len(done), b"x".join(str(n).encode() for n in os.get_terminal_size(slave))))
"""


def played(script: str) -> tuple[bytes, list[dict[str, str]]]:
    """(what the terminal showed, what the door was told) of a session of that script, until it says goodbye."""
    ours, theirs = socket.socketpair()
    master, slave = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(slave), str(theirs.fileno())], pass_fds=(slave, theirs.fileno())
    )
    os.close(slave)
    theirs.close()
    ours.sendall(b'{"token": "t"}\n')
    shown, told, deadline = b"", b"", time.monotonic() + 60
    while b'"bye"' not in told:
        assert time.monotonic() < deadline
        for ready in select.select([master, ours], [], [], 0.2)[0]:
            if ready is ours:
                told += ours.recv(65536)
            else:
                with contextlib.suppress(OSError):
                    shown += os.read(master, 65536)
    process.wait(HANG_S)
    os.close(master)
    return shown, [json.loads(line) for line in told.splitlines()]


def test_a_fault_ends_that_session_in_a_sentence_and_only_the_door_learns_what_it_was() -> None:
    shown, (fault, bye) = played(CHILD)
    assert fault["fault"].startswith("RuntimeError at <string>:")
    assert "broken on purpose" not in fault["fault"], "what it says may be somebody's words"
    assert "do-not-show-this" not in fault["fault"]
    assert (bye["code"], bye["bye"].startswith("This session failed because of a bug.")) == (1, True)
    assert b"broken on purpose" not in shown
    assert b"Traceback" not in shown


def test_what_fails_while_a_session_is_being_left_is_no_fault_and_its_reason_is_told() -> None:
    """An answer that comes too late finds no link and no screen any more: seen when a key was replaced on a busy machine."""
    _, told = played(LEFT)
    assert told == [{"bye": "The key of this session is not one of yours any more.", "code": 0}]


async def test_a_link_that_was_closed_refuses_in_a_sentence(tmp_path: Path) -> None:
    link = Link(Client(tmp_path, token="t"))
    link.close()
    with pytest.raises(Unavailable, match="session is over"):
        await link.status()


def test_a_process_of_a_session_may_read_the_program_and_reach_the_service_and_nothing_else(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("footage")
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as service:
        path = str(tmp_path / "s")
        service.bind(path)
        service.listen()
        port = str(tcp.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-c", RIGHTS, secret, port, str(os.getpid()), path],
            capture_output=True,
            text=True,
            timeout=HANG_S,
            check=False,
        )
    assert done.stderr == ""
    assert done.stdout.split("\n")[:-1] == ["PermissionError"] * 6 + ["connected"]
    assert secret.read_text() == "footage"


def test_a_process_of_a_session_has_no_network_no_fork_and_no_namespace_and_still_shows_screens(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("footage")
    master, slave = os.openpty()
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("4H", 30, 100, 0, 0))
    done = subprocess.run(
        [sys.executable, "-c", FORBIDDEN, secret, str(master), str(slave)],
        pass_fds=(master, slave),
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )
    os.close(master)
    os.close(slave)
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["threads 20, terminal 100x30"]


async def test_each_kind_of_session_is_under_the_filter(house: DoorHouse) -> None:
    def confined(pid: int) -> bool:
        told = dict(
            line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
        )
        return (told["Seccomp"], told["NoNewPrivs"]) == ("2", "1")

    async with house.hostile("dora") as connection:
        screens = await connection.create_process(term_type="xterm-256color", term_size=(80, 24), encoding=None)
        assert await screens.stdout.read(1)
        files = await connection.create_process(subsystem="sftp", encoding=None)
        files.stdin.write(b"\0\0\0\5\1\0\0\0\3")
        assert await files.stdout.read(1)
        children = house.children()
        assert [confined(pid) for pid in children] == [True, True]
    async with house.hostile("dora") as connection:
        command = await connection.create_process("policy adopt - --version=1 --adopted-on=2026-01-01", encoding=None)
        async with asyncio.timeout(HANG_S):
            while not [pid for pid in house.children() if pid not in children and confined(pid)]:
                await asyncio.sleep(0.02)
        command.close()
