"""A door that somebody has taken over: what its own bounds refuse it, and what it is still for."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdshelf_core.api.errors import HoldshelfError
from holdshelf_core.processes.confinement import landlock_abi
from holdshelf_tui.ssh import host_key
from tests.rig.hang import HANG_S
from tests.rig.parts import need_root
from tests.service import Service, faults_in, wait_for
from tests.tui.ssh.door_rig import HOME_SHOWS, DoorHouse

_INSIDE = """
import ctypes, json, os, pty, pwd, signal, socket, subprocess, sys
data, parent, account, listening = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
if account:
    entry = pwd.getpwnam(account)
    os.setgroups([]); os.setgid(entry.pw_gid); os.setuid(entry.pw_uid)
from holdshelf_tui.ssh.confined import confine
tcp = socket.create_server(("127.0.0.1", 0))
done = confine()
libc = ctypes.CDLL(None, use_errno=True)

def call(*arguments):
    if libc.syscall(*arguments) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

def flags(): call(56 if os.uname().machine == "x86_64" else 220, 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0)

def fork():
    if os.fork() == 0:
        os._exit(0)
    os.wait()

tried = {
    "read the host key": lambda: open(f"{data}/state/keys/door-host-key").read(),
    "list the state": lambda: os.listdir(f"{data}/state"),
    "list the footage": lambda: os.listdir(f"{data}/media"),
    "write beside it": lambda: open(f"{data}.x", "w"),
    "make a file in /tmp": lambda: open("/tmp/holdshelf-door-was-here", "w"),
    "read another process": lambda: open(f"/proc/{parent}/environ").read(),
    "ptrace": lambda: call(101 if os.uname().machine == "x86_64" else 117, 16, parent, 0, 0),
    "signal another process": lambda: os.kill(parent, 0) or os.kill(parent, signal.SIGCONT),
    "a shell": lambda: subprocess.run(["/bin/sh", "-c", "true"]),
    "another program": lambda: subprocess.run(["/usr/bin/id"]),
    "dial": lambda: socket.create_connection(("127.0.0.1", tcp.getsockname()[1]), 2),
    "listen at another port": lambda: socket.create_server(("127.0.0.1", 0)),
    "UDP": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
    "UDP over IPv6": lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM),
    "MPTCP": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262),
    "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0),
    "vsock": lambda: socket.socket(40, socket.SOCK_STREAM),
    "packets": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
    "Unix datagrams": lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM),
    "a pair of datagram sockets": lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM),
    "a user namespace": lambda: call(272 if os.uname().machine == "x86_64" else 97, 0x10000000),
    "a process in a user namespace": flags,
    "io_uring": lambda: call(425, 1, 0),
    "bpf": lambda: call(321 if os.uname().machine == "x86_64" else 280, 0, 0, 0),
    "type into the terminal": lambda: __import__("fcntl").ioctl(pty.openpty()[1], 0x5412, b"x"),
    # what it is for
    "accept": lambda: tcp.setblocking(False) or tcp.getsockname(),
    "fork": fork,
    "a terminal": lambda: os.write(pty.openpty()[1], b"x"),
    "Python again": lambda: subprocess.run([sys.executable, "-c", "pass"], check=True),
    "a Unix stream pair": lambda: socket.socketpair(),
    "a pair that keeps messages apart": lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET),
    "the service's socket": lambda: socket.socket(socket.AF_UNIX).connect(listening),
    "a module that is not loaded yet": lambda: __import__("tarfile"),
}
told = {}
for name, attempt in tried.items():
    try:
        attempt()
        told[name] = ""
    except OSError as error:
        told[name] = os.strerror(error.errno) if error.errno else str(error)
print(json.dumps({"landlock": done.landlock_abi, "seccomp": done.seccomp, "told": told}))
"""
IS_FOR = 8
"""So many of them, at the end, are what the door needs."""
BY_LANDLOCK_6 = {"signal another process"}


@pytest.fixture
def data() -> Iterator[Path]:
    """A data folder that every account could look into, were it not for the door's bounds."""
    with tempfile.TemporaryDirectory(prefix="hs-taken-") as folder:
        path = Path(folder) / "data"
        for below in ("state/keys", "media"):
            (path / below).mkdir(parents=True)
        (path / "state/keys/door-host-key").write_text("a key")
        subprocess.run(["chmod", "-R", "a+rwX", folder], check=True)
        yield path


@pytest.mark.parametrize("account", ["", "daemon"])
def test_a_taken_over_door_reads_starts_and_dials_nothing_and_can_do_its_work(data: Path, account: str) -> None:
    if account:
        need_root("Becoming another account")
    with socket.socket(socket.AF_UNIX) as listening:
        path = f"{data.parent}/s"
        listening.bind(path)
        listening.listen()
        Path(path).chmod(0o777)
        asked = [sys.executable, "-c", _INSIDE, str(data), str(os.getpid()), account, path]
        done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=HANG_S, cwd="/")
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert answer["seccomp"]
    assert answer["landlock"] == landlock_abi()
    told = list(answer["told"].items())
    if answer["landlock"]:
        refused = {name: said for name, said in told[:-IS_FOR] if answer["landlock"] >= 6 or name not in BY_LANDLOCK_6}
        assert [name for name, said in refused.items() if not said] == []
        assert set(refused.values()) <= {"Permission denied", "Operation not permitted"}, refused
    assert dict(told[-IS_FOR:]) == dict.fromkeys(answer["told"].keys() - dict(told[:-IS_FOR]).keys(), "")


def test_the_door_its_fork_server_and_its_sessions_are_confined_and_doctor_says_so(house: DoorHouse) -> None:
    with house.terminal("dora") as terminal:
        terminal.until(HOME_SHOWS)
        for pid in (house.door_pid(), house.fork_server(), *house.children()):
            status = Path(f"/proc/{pid}/status").read_text()
            assert "Seccomp:\t2" in status
            assert "NoNewPrivs:\t1" in status
        assert terminal.leave() == 0
    done = subprocess.run(
        [sys.executable, "-m", "holdshelf_tui.cli", "doctor", "--data", str(house.service.data)],
        capture_output=True,
        text=True,
        check=False,
        timeout=HANG_S,
    )
    assert "The SSH door runs as the service's own account" in done.stdout, done.stdout


def test_the_door_holds_no_private_key(house: DoorHouse) -> None:
    """Neither open nor in its memory."""
    key = (house.service.data / "state/keys/door-host-key").read_bytes()
    secret = key.splitlines()[1][-40:]
    pid = house.door_pid()
    opened = []
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile: somebody has left
            opened.append(os.readlink(fd))
    assert not [path for path in opened if "keys" in path or "sessions" in path]
    if os.geteuid() == 0:
        assert secret not in _memory(pid)


RELAY = "127.0.0.77"


@contextlib.contextmanager
def relay_to(port: int) -> Iterator[int]:
    """A port that passes on whatever comes, from an address of its own."""

    def serve(listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listening.accept()
                door = socket.create_connection(("127.0.0.1", port), source_address=(RELAY, 0))
                threading.Thread(target=_pass_on, args=(client, door), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = threading.Thread(target=serve, args=(listening,), daemon=True)
        serving.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        serving.join()


def _pass_on(client: socket.socket, door: socket.socket) -> None:
    with client, door, contextlib.suppress(OSError):
        while True:
            for end, other in ((client, door), (door, client)):
                if end in select.select([client, door], [], [])[0]:
                    if not (part := end.recv(65536)):
                        return
                    other.sendall(part)


def test_whoever_is_lured_to_a_relay_logs_in_here_and_the_log_has_the_relays_address(house: DoorHouse) -> None:
    """The host key is this door's, so nothing tells the client."""
    with relay_to(house.port) as port:
        lured = copy.copy(house)
        lured.port = port
        assert lured.run("dora", "holds").out == "Nothing is on hold.\n"
    shown = house.run("dora", "log", "show", "--action", "door.login", "--json")
    entries = json.loads(shown.out)["entries"]
    assert [row["texts"]["source"] for row in entries[-2:]] == [RELAY, "127.0.0.1"]


def _memory(pid: int) -> bytes:
    """What the process can write to, as far as it may be read."""
    found = []
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights = line.split()[:2]
            start, end = (int(part, 16) for part in span.split("-"))
            if rights.startswith("rw") and end - start < 64 << 20:
                memory.seek(start)
                with contextlib.suppress(OSError):  # given back meanwhile
                    found.append(memory.read(end - start))
    return b"".join(found)


def test_asyncssh_has_what_the_door_relies_on() -> None:
    """Its own names, which a release may change: then `host_key.py` and the bounds in pyproject.toml are to be looked at."""
    missing = host_key.missing_names()
    assert not missing, f"asyncssh lacks {', '.join(missing)}, by which the door has its key exchanges signed"


# --- keys exchanged anew ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [("-t", "ed25519"), ("-t", "rsa", "-b", "3072")], ids=["ed25519", "rsa"])
def test_openssh_comes_in_and_exchanges_keys_again_and_again(
    house: DoorHouse, kind: tuple[str, ...], tmp_path: Path
) -> None:
    login = f"rekey-{kind[1]}"
    house.new_key(login, *kind)
    house.enrol(login, "Rae Key")
    house.appoint(login, "hold")
    told = tmp_path / "client.log"
    with house.terminal(login, "-o", "RekeyLimit=1K", "-v", "-E", str(told)) as terminal:
        terminal.until(HOME_SHOWS)
        for columns in (96, 104, 96, 104):
            terminal.raw = b""
            terminal.resize(columns, 28)
            terminal.until(HOME_SHOWS)
        assert terminal.leave() == 0
    assert told.read_text().count("SSH2_MSG_NEWKEYS received") >= 4


def test_keys_are_exchanged_anew_over_a_restart_of_the_service(house: DoorHouse) -> None:
    with house.terminal("dora", "-o", "RekeyLimit=1K") as terminal:
        terminal.until(HOME_SHOWS)
        house.service.kill_service()
        # What is painted meanwhile wants new keys, and so a signature, before there is anybody to make it.
        terminal.resize(104, 32)
        house.service.await_answer()
        wait_for(
            "the session is known again", lambda: house.log_entries("door.login")[-1].get("facts", {}).get("resumed")
        )
        terminal.raw = b""
        terminal.resize(96, 28)
        terminal.until(HOME_SHOWS)
        assert terminal.leave() == 0


def test_while_the_service_does_not_answer_the_door_meets_others_and_who_waits_comes_in(house: DoorHouse) -> None:
    service = house.service.service_pid()
    os.kill(service, signal.SIGSTOP)
    try:
        waiting = subprocess.Popen([*house.ssh("dora"), "holds"], stdout=subprocess.PIPE, text=True)
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", house.port), HANG_S) as link:
                assert link.recv(64).startswith(b"SSH-2.0-Holdshelf")
        assert waiting.poll() is None
    finally:
        os.kill(service, signal.SIGCONT)
    assert waiting.communicate(timeout=HANG_S)[0] == "Nothing is on hold.\n"
    assert waiting.returncode == 0


def test_a_client_that_lists_algorithms_without_end_is_hung_up_on(house: DoorHouse) -> None:
    names = ",".join(f"curve25519-sha256-{number}@example.org" for number in range(400)).encode()
    payload = b"\x14" + b"\0" * 16 + b"".join(len(part).to_bytes(4, "big") + part for part in _lists(names)) + b"\0" * 5
    padding = 8 - (5 + len(payload)) % 8 + 8
    packet = (1 + len(payload) + padding).to_bytes(4, "big") + bytes([padding]) + payload + b"\0" * padding
    with socket.create_connection(("127.0.0.1", house.port), HANG_S) as link:
        link.sendall(b"SSH-2.0-Long\r\n" + packet)
        heard = b""
        while more := link.recv(65536):
            heard += more
    assert b"list of algorithms is too long" in heard
    assert house.run("dora", "holds").code == 0


def _lists(kex: bytes) -> list[bytes]:
    """What a client speaks, with that list of key exchanges at first."""
    ciphers, macs = b"aes256-gcm@openssh.com", b"hmac-sha2-256-etm@openssh.com"
    return [b"curve25519-sha256," + kex, b"ssh-ed25519", ciphers, ciphers, macs, macs, b"none", b"none", b"", b""]


def test_a_host_key_that_is_damaged_closes_the_door_until_it_is_mended(tmp_path: Path) -> None:
    service = Service(tmp_path / "data", door=True)
    with service:
        house = DoorHouse(service, tmp_path)
        house.name_director()
        path = service.data / "state/keys/door-host-key"
        good = path.read_bytes()
        path.write_bytes(b"damaged")
        service.kill_service()
        said = wait_for("it is said", lambda: _repair(service))
        assert "is damaged" in said
        path.write_bytes(good)
        wait_for("it is mended", lambda: _repair(service) == "")
        service.await_answer()
        assert house.run("dora", "holds").code == 0
        assert faults_in(service.log()) == []


def _repair(service: Service) -> str | None:
    """What is said of the host key: '' nothing, None when no service answers."""
    try:
        found = service.repairs().get("door_host_key")
    except HoldshelfError:
        return None
    return found.sentence if found is not None else ""


@pytest.mark.parametrize("account", ["", "daemon"])
def test_a_door_that_ends_leaves_no_folder_and_no_traceback(tmp_path: Path, scratch: Path, account: str) -> None:
    if account:
        for folder in (tmp_path, *tmp_path.parents):
            if folder.owner() == "root" and folder != Path("/"):
                folder.chmod(folder.stat().st_mode | 0o055)
    service = Service(tmp_path / "data", door=True, door_user=account)
    with service:
        wait_for("the door listens", lambda: "the SSH door listens" in service.log_path.read_text())
        wait_for("it has a folder of its own while it runs", lambda: list(scratch.glob("pymp-*")))
    assert faults_in(service.log_path.read_text()) == []
    assert not list(scratch.glob("pymp-*"))


@pytest.fixture
def scratch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where this service and its door put what is temporary, and no other door of this machine."""
    with tempfile.TemporaryDirectory(prefix="hs-scratch-") as folder:
        Path(folder).chmod(0o1777)
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)
