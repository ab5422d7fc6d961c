"""Code put into each kind of worker after it confined itself: what it tries is refused, and what its work needs is not.

The worker's own `main` runs, in a process of the test's; only what would serve its socket is replaced, by code that a
hostile camera might have smuggled in. It tries each act from a thread of its own, as a camera's thread would.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from holdshelf_core.operations import types
from holdshelf_core.operations.doctor import confinement_step
from holdshelf_core.processes.confinement import landlock_abi
from holdshelf_core.processes.confinement_filter import (
    ALLOW,
    MACHINES,
    NO_SUCH_CALL,
    REFUSE,
    Machine,
    Work,
    filter_program,
)
from tests.core import inside
from tests.core.inside import TRIES
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service

INTRUDER = """
import asyncio, ctypes, encodings.idna, fcntl, io, json, mmap, os, resource, select, socket, struct, sys, threading
from holdshelf_core.recorder.worker.ports import join, open_pair
kind, folder, held_fd, port, answer_fd, layer = *sys.argv[1:3], *map(int, sys.argv[3:6]), sys.argv[6]
answer = socket.socket(fileno=answer_fd)
unix = folder + "/service.sock"

@TRIES@
def unix_stream():
    with socket.socket(socket.AF_UNIX) as one:
        one.connect(unix)

def unix_by_pair(type):
    def act():
        one, other = socket.socketpair(socket.AF_UNIX, type)
        with one, other:
            one.connect(unix)
    return act

def dial():
    socket.create_connection(("127.0.0.1", port), 5).close()

def listen():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen()

def datagram():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        one.sendto(b"x", ("127.0.0.1", port))

def take_pictures():
    with socket.create_connection(("127.0.0.1", port)) as control:
        pair = open_pair(control)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.sendto(b"x", pair.rtp.getsockname())
        ready = select.poll()
        ready.register(pair.rtp, select.POLLIN)
        assert ready.poll(5000)
        assert pair.rtp.recvfrom_into(bytearray(9))[0] == 1
        pair.close()
        for group in ("239.255.77.1", "232.77.0.1"):
            join(control, group, (20_000, 20_001), "1", frozenset()).close()

def far():
    os.lseek(held_fd, 5 << 30, os.SEEK_SET)
    try:
        os.write(held_fd, b"x")
    finally:
        os.lseek(held_fd, 0, os.SEEK_END)

def loop():
    async def nothing():
        await asyncio.sleep(0)
    asyncio.run(nothing())

acts = {
    "start a thread": thread,
    "dial a camera": dial,
    "send a datagram": datagram,
    "take pictures by UDP": take_pictures,
    "write a segment": lambda: os.write(held_fd, b"footage"),
    "flush a segment": lambda: os.fdatasync(held_fd),
    "run an event loop": loop,
    "ask for own addresses": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).close(),
    "write a file beyond its bound": far,
    "open /etc/passwd": lambda: os.open("/etc/passwd", os.O_RDONLY),
    "open a file": lambda: os.open(folder + "/secret", os.O_RDONLY),
    "make a file": lambda: os.open(folder + "/new", os.O_CREAT | os.O_WRONLY),
    "make a file without a name": lambda: os.open(folder, os.O_TMPFILE | os.O_WRONLY),
    "make a folder": lambda: os.mkdir(folder + "/newer"),
    "remove a file": lambda: os.unlink(folder + "/secret"),
    "link a file": lambda: os.link(folder + "/secret", folder + "/linked"),
    "look into a folder": lambda: os.listdir(folder),
    "leave for another folder": lambda: os.chdir(folder),
    "shorten an open file": lambda: os.ftruncate(held_fd, 0),
    "change a mode": lambda: os.chmod(folder + "/secret", 0o777),
    "run a program": lambda: os.execv("/bin/true", ["true"]),
    "fork": fork,
    "connect to the service's socket": unix_stream,
    "connect to it by a datagram pair": unix_by_pair(socket.SOCK_DGRAM),
    "connect to it by a stream pair": unix_by_pair(socket.SOCK_STREAM),
    "listen": listen,
    "open a raw socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).close(),
    "open a ping socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 1).close(),
    "open a packet socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close(),
    "speak MPTCP": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262).close(),
    "speak to the kernel about audit": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9).close(),
    "signal its parent": lambda: os.kill(os.getppid(), 0),
    "trace its parent": raw(numbered(101, 117), 16, os.getppid(), 0, 0),
    "read its parent's memory": raw(numbered(310, 270), os.getppid(), 0, 0, 0, 0, 0),
    "open its parent's memory": lambda: os.open(f"/proc/{os.getppid()}/mem", os.O_RDONLY),
    "take its parent's descriptor": raw(numbered(438, 438), held_fd, 0, 0),
    "mount": raw(numbered(165, 40), b"none", folder.encode(), b"tmpfs", 0, 0),
    "make a namespace": raw(numbered(272, 97), 0x10000000),
    "load a BPF program": raw(numbered(321, 280), 0, 0, 0),
    "open an io_uring": raw(numbered(425, 425), 4, 0),
    "make a file of memory": lambda: os.memfd_create("x"),
    "catch page faults": raw(numbered(323, 282), 0),
    "use a keyring": raw(numbered(250, 219), 0, -3, 0),
    "count performance events": raw(numbered(298, 241), 0, 0, 0, 0, 0),
    "map executable memory": executable,
    "type into a terminal": lambda: fcntl.ioctl(held_fd, 0x5412, b"x"),
    "raise a limit": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1 << 20, 1 << 20)),
    "dump memory to a core file": lambda: resource.setrlimit(resource.RLIMIT_CORE, (1, 1)),
    "become another": lambda: os.setuid(1),
    "set the clock": raw(numbered(227, 112), 0, 0),
    "take all memory": lambda: bytearray(6 << 30),
}

def intrude():
    answer.sendall(json.dumps(try_all(acts)).encode())

def intruded(*_arguments):
    one = threading.Thread(target=intrude)
    one.start()
    one.join()
    os._exit(0)

class Intruded:
    def __init__(self, *_arguments): pass
    run = intruded

from holdshelf_core.processes import confinement
if layer == "Landlock":
    confinement._allow_only = lambda work: False
if layer == "seccomp":
    confinement._forbid_paths = lambda **_: 0
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
if kind == "picture":
    from holdshelf_core.looks.worker import main as module
    module.PictureWorker = Intruded
    sys.argv = ["worker", str(ours.fileno()), "5"]
elif kind == "probe":
    from holdshelf_core.recorder.worker import probe as module
    module.probe = intruded
    sys.stdin = io.StringIO('{"url": "rtsp://127.0.0.1:1/", "username": "", "password": "", "transport": "tcp"}')
else:
    from holdshelf_core.recorder.worker import main as module
    module.Worker = Intruded
    sys.argv = ["worker", str(ours.fileno()), "-", kind]
module.main()
""".replace("@TRIES@", TRIES)
WORKS = {
    "start a thread",
    "dial a camera",
    "send a datagram",
    "take pictures by UDP",
    "write a segment",
    "flush a segment",
}
MAY = {
    "picture": {"start a thread"},
    "probe": WORKS,
    "rtsp": WORKS,
    "replay": WORKS,
    "whep": WORKS | {"run an event loop", "ask for own addresses"},
}


def intrude(kind: str, folder: Path, layer: str = "all") -> dict[str, int | str]:
    """errno by act, from inside a worker of that kind; ``layer``: with this one alone (limits are always on)."""
    folder.chmod(0o777)
    (folder / "secret").write_text("secret")
    (folder / "secret").chmod(0o666)
    ours, theirs = socket.socketpair()
    with (
        ours,
        theirs,
        (folder / "held").open("w+b") as held,
        socket.create_server(("127.0.0.1", 0)) as camera,
        socket.socket(socket.AF_UNIX) as service,
    ):
        service.bind(str(folder / "service.sock"))
        os.chmod(folder / "service.sock", 0o777)
        service.listen()
        arguments = [kind, str(folder), str(held.fileno()), str(camera.getsockname()[1]), str(theirs.fileno())]
        arguments.append(layer)
        child = subprocess.run(
            [sys.executable, "-P", "-c", INTRUDER, *arguments],
            pass_fds=(held.fileno(), theirs.fileno()),
            capture_output=True,
            timeout=150,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert child.returncode == 0, child.stderr.decode()
        theirs.close()
        raw = b""
        while more := ours.recv(65_536):
            raw += more
        told: dict[str, int | str] = json.loads(raw)
        assert layer == "Landlock" or not was_reached(service)
    assert sorted(path.name for path in folder.iterdir()) == ["held", "secret", "service.sock"]
    assert (folder / "secret").read_text() == "secret"
    return told


def was_reached(service: socket.socket) -> bool:
    """Somebody connected to the service's socket."""
    service.setblocking(False)
    try:
        service.accept()
    except BlockingIOError:
        return False
    return True


@pytest.mark.parametrize("kind", MAY)
def test_injected_code_can_do_the_workers_work_and_nothing_else(tmp_path: Path, kind: str) -> None:
    told = intrude(kind, tmp_path)
    assert {act for act, code in told.items() if code == 0} == MAY[kind]
    assert (tmp_path / "held").read_bytes() == (b"" if kind == "picture" else b"footage")
    refusals = {errno.EPERM, errno.EACCES, errno.ENOMEM, errno.EFBIG, errno.EISCONN}
    assert {act: code for act, code in told.items() if code != 0 and code not in refusals} == {}


PATHS = {
    *("open /etc/passwd", "open a file", "make a file", "make a file without a name", "make a folder", "remove a file"),
    *("link a file", "look into a folder", "run a program", "signal its parent", "trace its parent", "listen"),
    *("open its parent's memory", "read its parent's memory", "mount"),
}


@pytest.mark.skipif(
    landlock_abi() < 6 and "CI" not in os.environ, reason="this kernel's Landlock does not know signals and ports"
)
def test_landlock_alone_keeps_a_recorder_from_every_path(tmp_path: Path) -> None:
    told = intrude("rtsp", tmp_path, "Landlock")
    assert {act for act in PATHS if told[act] == 0} == set()


def test_seccomp_alone_keeps_a_recorder_to_its_work(tmp_path: Path) -> None:
    told = intrude("rtsp", tmp_path, "seccomp")
    assert {act for act, code in told.items() if code == 0} == WORKS


# --- the filter, for both machines --------------------------------------------------------------------------------------


def decide(machine: Machine, work: Work, nr: int, arguments: tuple[int, ...] = ()) -> int:
    return inside.decide(filter_program(machine, work), machine.audit_arch, nr, arguments)


CLOEXEC, NONBLOCK = 0o2000000, 0o4000


@pytest.mark.parametrize("work", [Work.RECORDING, Work.PEERING])
@pytest.mark.parametrize("name", MACHINES)
def test_a_recorders_filter_allows_what_is_listed_and_nothing_else(name: str, work: Work) -> None:
    machine = MACHINES[name]
    special = {machine.mmap, machine.mprotect, machine.clone, machine.ioctl, machine.socket, machine.socketpair}
    for nr in range(600):
        if nr == machine.clone3:
            assert decide(machine, work, nr) == NO_SUCH_CALL
        elif nr not in special:
            assert decide(machine, work, nr) == (ALLOW if nr in machine.calls(work) else REFUSE), nr
    openat = {"x86_64": 257, "aarch64": 56}[name]
    assert decide(machine, work, openat) == REFUSE
    sockets = {
        (2, 1, 6): ALLOW,
        (10, 1 | CLOEXEC | NONBLOCK, 0): ALLOW,
        (2, 2 | CLOEXEC, 17): ALLOW,
        (1, 1, 0): REFUSE,
        (2, 3, 1): REFUSE,
        (2, 2, 1): REFUSE,
        (2, 5, 0): REFUSE,
        (2, 1, 262): REFUSE,
        (17, 3, 0): REFUSE,
        (16, 3, 0): ALLOW if work is Work.PEERING else REFUSE,
        (16, 3 | CLOEXEC, 0): ALLOW if work is Work.PEERING else REFUSE,
        (16, 3, 9): REFUSE,
    }
    assert {given: decide(machine, work, machine.socket, given) for given in sockets} == sockets
    pairs = {(1, 1 | CLOEXEC, 0): ALLOW if work is Work.PEERING else REFUSE, (1, 2, 0): REFUSE, (1, 5, 0): REFUSE}
    assert {given: decide(machine, work, machine.socketpair, given) for given in pairs} == pairs
    ioctls = {(3, 0x5421): ALLOW, (3, 0x541B): ALLOW, (3, 0x5412): REFUSE, (3, 0x8933): REFUSE}
    assert {given: decide(machine, work, machine.ioctl, given) for given in ioctls} == ioctls
    assert decide(machine, work, machine.mmap, (0, 4096, 7)) == REFUSE
    assert decide(machine, work, machine.clone, (17,)) == REFUSE


@pytest.mark.parametrize("name", MACHINES)
def test_a_sessions_filter_allows_stream_sockets_threads_and_code_from_files_and_nothing_else(name: str) -> None:
    machine = MACHINES[name]
    special = {machine.mmap, machine.mprotect, machine.clone, machine.ioctl, machine.socket, machine.socketpair}
    for nr in range(600):
        if nr == machine.clone3:
            assert decide(machine, Work.SESSION, nr) == NO_SUCH_CALL
        elif nr not in special:
            assert decide(machine, Work.SESSION, nr) == (ALLOW if nr in machine.calls(Work.SESSION) else REFUSE), nr
    for call in (machine.socket, machine.socketpair):
        allowed = {
            (family, kind)
            for family in range(64)
            for kind in range(16)
            for flags in (0, CLOEXEC | NONBLOCK)
            if decide(machine, Work.SESSION, call, (family, kind | flags, 0)) == ALLOW
        }
        assert allowed == {(1, 1)}
    assert decide(machine, Work.SESSION, machine.socket, (1, 1, 262)) == REFUSE
    private, anonymous = 2, 0x22
    maps = {
        (0, 4096, 3, anonymous): ALLOW,
        (0, 4096, 5, private): ALLOW,
        (0, 4096, 7, private): REFUSE,
        (0, 4096, 5, anonymous): REFUSE,
        (0, 4096, 7, anonymous): REFUSE,
    }
    assert {given: decide(machine, Work.SESSION, machine.mmap, given) for given in maps} == maps
    assert decide(machine, Work.SESSION, machine.mprotect, (0, 4096, 5)) == REFUSE
    assert decide(machine, Work.SESSION, machine.clone, (0x10000000 | 17,)) == REFUSE
    assert decide(machine, Work.SESSION, machine.clone, (0x3D0F00,)) == ALLOW
    ioctls = {(0, 0x5401): ALLOW, (0, 0x5413): ALLOW, (0, 0x5412): REFUSE, (0, 0x5422): REFUSE, (0, 0x8933): REFUSE}
    assert {given: decide(machine, Work.SESSION, machine.ioctl, given) for given in ioctls} == ioctls


# --- the service --------------------------------------------------------------------------------------------------------


def test_the_services_recorder_is_confined_and_finds_a_camera_by_its_name(service: Service) -> None:
    with RtspServer([Mount("door")]) as server:
        camera = service.add(server.url("door").replace("127.0.0.1", "localhost"), "Door")
        service.await_recording(camera)
        (pid,) = service.worker_pids()
        status = Path(f"/proc/{pid}/status").read_text()
        assert "Seccomp:\t2" in status
        assert "NoNewPrivs:\t1" in status
        assert "CapEff:\t0000000000000000" in status
        limits = {
            line[:25].strip(): line[26:].split()[:2] for line in Path(f"/proc/{pid}/limits").read_text().splitlines()
        }
        assert limits["Max core file size"] == ["0", "0"]
        assert int(limits["Max open files"][1]) <= 4096
        assert int(limits["Max address space"][1]) < 5 << 30
        held = set()
        for fd in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                held.add(os.readlink(f"/proc/{pid}/fd/{fd}"))
        media = str((service.data / "media").resolve())
        files = {name for name in held if name.startswith("/") and name not in ("/dev/null", str(service.log_path))}
        assert {name for name in files if not name.startswith(media)} == set()
        steps = {step.name: step for step in service.client.read(types.ReadDoctor()).steps}
        assert steps["recorder confinement"].outcome == "ok"


@pytest.mark.parametrize(
    ("abi", "seccomp", "what"), [(0, True, "no Landlock"), (5, False, "no seccomp"), (0, False, "neither")]
)
def test_doctor_says_what_the_kernel_lacks(abi: int, seccomp: bool, what: str) -> None:
    step = confinement_step("recorder", abi, seccomp=seccomp)
    assert (step.outcome, what in step.sentence, bool(step.next_step)) == ("warning", True, True)
    assert confinement_step("recorder", 4, seccomp=True).outcome == "ok"
