"""What a confined process can still do: read what it holds, compute, answer. Tried from inside, one act after another."""

from __future__ import annotations

import errno
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from holdshelf_core.looks.pictures import Burn, OpenPicture, Pictures
from holdshelf_core.processes import confinement
from holdshelf_core.processes.confinement import landlock_abi
from holdshelf_core.processes.confinement_filter import MACHINES, Machine, filter_program
from tests.core import inside
from tests.core.inside import TRIES
from tests.core.looks.clips import T0
from tests.rig.hang import HANG_S
from tests.service import wait_for

NOBODY = 65_534

# Every act is tried and its errno noted; 0: it succeeded. Run by a child that lets go of everything but what this names.
ACTS = """
import ctypes, json, mmap, os, resource, socket, sys, threading
mode, folder, uid = sys.argv[1], sys.argv[2], int(sys.argv[3])
held = os.open(folder + "/held", os.O_RDWR)
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
answer = socket.socket(fileno=int(sys.argv[4]))
@TRIES@
from holdshelf_core.processes import confinement
if uid:
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
if mode == "landlock":
    confinement._allow_only = lambda work: False
if mode == "seccomp":
    confinement._forbid_paths = lambda **_: 0
confinement.confine(more_memory_bytes=256 << 20, open_files=16)

def connect():
    with socket.socket(socket.AF_INET) as one:
        one.connect(("127.0.0.1", 9))

acts = {
    "read an open file": lambda: os.pread(held, 4, 0),
    "answer": lambda: (ours.send(b"x"), theirs.recv(9)),
    "start a thread": thread,
    "take some memory": lambda: bytearray(1 << 20),
    "take all memory": lambda: bytearray(1 << 30),
    "open a file": lambda: os.open(folder + "/held", os.O_RDONLY),
    "make a file": lambda: os.open(folder + "/new", os.O_CREAT | os.O_WRONLY),
    "write an open file": lambda: os.write(held, b"changed"),
    "shorten an open file": lambda: os.ftruncate(held, 0),
    "remove a file": lambda: os.unlink(folder + "/held"),
    "rename a file": lambda: os.rename(folder + "/held", folder + "/gone"),
    "look into a folder": lambda: os.listdir(folder),
    "open a socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close(),
    "connect": connect,
    "open a Unix socket": lambda: socket.socket(socket.AF_UNIX).close(),
    "run a program": lambda: os.execv("/bin/true", ["true"]),
    "fork": fork,
    "signal its parent": lambda: os.kill(os.getppid(), 0),
    "trace its parent": raw(numbered(101, 117), 16, os.getppid(), 0, 0),
    "change a mode": lambda: os.chmod(folder + "/held", 0o777),
    "map executable memory": executable,
    "read another's memory": lambda: os.open(f"/proc/{os.getppid()}/mem", os.O_RDONLY),
    "raise a limit": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)),
    "become another": lambda: os.setuid(1),
    "make a namespace": raw(numbered(272, 97), 0x10000000),
    "dump memory to a core file": lambda: resource.setrlimit(resource.RLIMIT_CORE, (1, 1)),
}
answer.send(json.dumps(try_all(acts)).encode())  # stdout cannot be written any more
os._exit(0)
""".replace("@TRIES@", TRIES)
ALLOWED = {"read an open file", "answer", "start a thread", "take some memory"}
LANDLOCK = {
    *("open a file", "make a file", "remove a file", "rename a file", "look into a folder", "connect", "run a program"),
    *("read another's memory", "signal its parent", "trace its parent"),
}
"""What Landlock (ABI 6) refuses by itself; it knows nothing of modes, datagrams, forks."""


def try_acts(tmp_path: Path, mode: str, uid: int) -> dict[str, int]:
    """errno by act, from inside a process with this layer alone (limits are always on), or with all (``all``)."""
    (tmp_path / "held").write_bytes(b"held")
    (tmp_path / "held").chmod(0o666)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        child = subprocess.run(
            [sys.executable, "-c", ACTS, mode, str(tmp_path), str(uid), str(theirs.fileno())],
            pass_fds=(theirs.fileno(),),
            capture_output=True,
            timeout=2 * HANG_S,
            check=False,
        )
        assert child.returncode == 0, child.stderr.decode()
        told: dict[str, int] = json.loads(ours.recv(100_000))
    assert mode == "landlock" or (tmp_path / "held").read_bytes() == b"held"
    assert [path.name for path in tmp_path.iterdir()] == ["held"]
    return told


USERS = [0, NOBODY] if os.geteuid() == 0 else [0]


@pytest.mark.parametrize("uid", USERS, ids=lambda uid: "a plain user" if uid else "who runs the tests")
def test_a_confined_process_reads_what_it_holds_and_can_do_nothing_else(tmp_path: Path, uid: int) -> None:
    told = try_acts(tmp_path, "all", uid)
    assert {act for act, code in told.items() if code == 0} == ALLOWED
    assert set(told.values()) <= {0, errno.EPERM, errno.EACCES, errno.ENOMEM}


@pytest.mark.skipif(
    landlock_abi() < 6 and "CI" not in os.environ, reason="this kernel's Landlock does not know signals and ports"
)
def test_landlock_holds_by_itself(tmp_path: Path) -> None:
    told = try_acts(tmp_path, "landlock", 0)
    assert {act for act in LANDLOCK if told[act] == 0} == set()
    assert told["write an open file"] == errno.EFBIG  # the limit on what it may write is a layer of its own


def test_seccomp_holds_by_itself(tmp_path: Path) -> None:
    told = try_acts(tmp_path, "seccomp", 0)
    assert {act for act, code in told.items() if code == 0} == ALLOWED


def test_a_process_with_a_second_thread_is_not_taken_for_confined() -> None:
    script = (
        "import threading, time; from holdshelf_core.processes.confinement import confine\n"
        "threading.Thread(target=time.sleep, args=(5,), daemon=True).start()\n"
        "confine(more_memory_bytes=1 << 28, open_files=16)"
    )
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=2 * HANG_S, check=False)
    assert child.returncode == 1
    assert b"several threads cannot be confined" in child.stderr


def decide(machine: Machine, nr: int, arguments: tuple[int, ...] = (), arch: int | None = None) -> int:
    return inside.decide(filter_program(machine), machine.audit_arch if arch is None else arch, nr, arguments)


@pytest.mark.parametrize("name", MACHINES)
def test_the_filter_allows_what_is_listed_and_nothing_else(name: str) -> None:
    machine = MACHINES[name]
    allow, refuse = 0x7FFF0000, 0x00050000 | errno.EPERM
    special = {machine.mmap, machine.mprotect, machine.clone, machine.clone3}
    for nr in range(600):
        if nr not in special:
            assert decide(machine, nr) == (allow if nr in machine.allowed else refuse)
    for nr in (machine.mmap, machine.mprotect):
        assert decide(machine, nr, (0, 4096, 3)) == allow
        assert decide(machine, nr, (0, 4096, 7)) == decide(machine, nr, (0, 4096, 4)) == refuse
    assert decide(machine, machine.clone, (0x3D0F00,)) == allow  # pthread_create's flags
    assert decide(machine, machine.clone, (17,)) == refuse  # fork's
    assert decide(machine, machine.clone3) == 0x00050000 | errno.ENOSYS
    assert decide(machine, 0, arch=0x40000003) == 0x80000000  # 32-bit x86: killed
    assert decide(machine, 0x40000000) == refuse  # x32


def test_both_lists_of_system_calls_name_the_same_calls() -> None:
    headers = Path("/usr/include/asm-generic/unistd.h")
    if not headers.exists():
        pytest.skip("the kernel's headers are not installed")
    assert len(MACHINES["x86_64"].allowed) == len(MACHINES["aarch64"].allowed)
    names: dict[int, str] = {}
    for line in headers.read_text().splitlines():
        match = re.fullmatch(r"#define (?:__NR3264|__NR)_(\w+) (\d+)", line)
        if match:
            names.setdefault(int(match[2]), match[1])
    assert " ".join(names[nr] for nr in MACHINES["aarch64"].allowed) == (
        "read close fstat lseek pread64 sendto recvfrom sendmsg recvmsg munmap brk mremap madvise rt_sigaction "
        "rt_sigprocmask rt_sigreturn sigaltstack futex sched_yield set_tid_address set_robust_list rseq membarrier "
        "restart_syscall getpid gettid sched_getaffinity getrusage gettimeofday clock_gettime clock_getres clock_nanosleep "
        "setitimer getrandom exit exit_group"
    )


def held_by(pid: int) -> list[str]:
    return sorted(os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd"))


async def test_the_picture_worker_is_confined_and_holds_no_file_but_its_job(
    pictures: Pictures, segment: OpenPicture, burn: Burn
) -> None:
    await pictures.async_still([segment], T0, burn)
    ready = await pictures.async_confinement()
    assert ready is not None
    assert (ready.landlock_abi > 0, ready.seccomp) == (landlock_abi() > 0, True)
    for pid in pictures.pids():
        status = Path(f"/proc/{pid}/status").read_text()
        assert "Seccomp:\t2" in status
        assert "NoNewPrivs:\t1" in status
        wait_for("the job's descriptor to be closed", lambda pid=pid: len(held_by(pid)) == 4)
        held = held_by(pid)
        assert held[:3] == ["/dev/null"] * 3
        assert held[3].startswith("socket:")
        limits = Path(f"/proc/{pid}/limits").read_text()
        assert [line.split()[3:5] for line in limits.splitlines() if line.startswith("Max file size")] == [["0", "0"]]


def test_a_kernel_without_landlock_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    class OldKernel:
        def syscall(self, *_: object) -> int:
            return -1

    monkeypatch.setattr(confinement, "_libc", OldKernel())
    assert landlock_abi() == 0
    assert confinement._forbid_paths() == 0
