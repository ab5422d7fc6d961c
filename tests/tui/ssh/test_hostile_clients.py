"""Clients that mean harm, or are broken: bounded, refused, and nobody else notices; recording least of all."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest

from holdshelf_tui.ssh.limits import UNAUTHENTICATED_PER_ADDRESS
from tests.rig.hang import HANG_S
from tests.service import wait_for
from tests.tui.ssh.door_rig import HOME_SHOWS, DoorHouse
from tests.tui.ssh.forger import FAILURE, SUCCESS, Forger, forge

MB = 1 << 20


def memory_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture(scope="module", autouse=True)
def _recording_never_noticed(house: DoorHouse, camera: str) -> Iterator[None]:
    gaps = len(house.service.gaps(camera))
    before = _recorded(house)
    yield
    assert len(house.service.gaps(camera)) == gaps
    assert house.run("dora", "holds").out == "Nothing is on hold.\n"

    def is_on_time() -> bool:
        now = _recorded(house)
        return abs((now[0] - before[0]) - (now[1] - before[1])) < 4 + now[2] + before[2]

    wait_for("as much is recorded as time has passed", is_on_time)


def _recorded(house: DoorHouse) -> tuple[float, float, float]:
    """(seconds of footage, when it was asked for, how long the answer took)."""
    asked_s = time.monotonic()
    recorded_s = house.service.camera(house.camera).recorded_s
    return recorded_s, asked_s, time.monotonic() - asked_s


class Loiterer(threading.Thread):
    """Says its version, and nothing more; notes when it was hung up on."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._began_s = time.monotonic()
        self._link = socket.create_connection(("127.0.0.1", port), HANG_S)
        self._link.settimeout(HANG_S)
        self.stayed_s = 0.0
        self.was_hung_up_on = False
        self.start()

    def run(self) -> None:
        self._link.sendall(b"SSH-2.0-silent\r\n")
        try:
            while self._link.recv(65536):
                pass
            self.was_hung_up_on = True
        except OSError as error:
            self.was_hung_up_on = not isinstance(error, TimeoutError)
        self.stayed_s = time.monotonic() - self._began_s
        self._link.close()


@pytest.fixture(scope="module")
def loiterer(house: DoorHouse) -> Loiterer:
    return Loiterer(house.port)


@pytest.fixture(autouse=True)
def _the_door_is_the_same(house: DoorHouse) -> Iterator[None]:
    door = house.door_pid()
    yield
    assert house.door_pid() == door, "the door was started again"


# --- inside ---------------------------------------------------------------------------------------------------------------


def test_somebody_loiters_at_the_door(loiterer: Loiterer) -> None:
    """Looked at below, when its time is over; the tests until then do not fill the address's share."""
    assert loiterer.is_alive()


async def test_more_channels_than_two_are_refused_in_words(house: DoorHouse) -> None:
    async with house.hostile("dora") as connection:
        first = await connection.create_process(term_type="xterm", term_size=(80, 24), encoding=None)
        second = await connection.create_process(term_type="xterm", term_size=(80, 24), encoding=None)
        with pytest.raises(asyncssh.ChannelOpenError, match="At most 2 sessions"):
            await connection.create_process("holds")
        for process in (first, second):
            process.close()
            await process.wait_closed()


async def test_a_hostile_environment_reaches_nothing(house: DoorHouse) -> None:
    sent = {
        "LD_PRELOAD": "/tmp/evil.so",
        "PYTHONPATH": "/tmp",
        "PYTHONSTARTUP": "/tmp/x.py",
        "HOLDSHELF_DATA": "/tmp",
        "HOLDSHELF_TOKEN_FD": "0",
        "XDG_RUNTIME_DIR": "/tmp",
        "TMPDIR": "/nowhere",
        "LC_ALL": "x" * 4000,
        "LANG": "de_DE.UTF-8\nX=1",
        "TERM": "\x1b]0;x\x07",
        **{f"LC_{number}": "C" for number in range(300)},
    }
    async with house.hostile("dora") as connection:
        done = await connection.run("holds", env=sent, check=False)
        assert done.stdout == "Nothing is on hold.\n"


@pytest.mark.parametrize("command", ["x" * 20_000, "hold " * 1000, "'", '"\\', "\0", "holds \x1b[31m\u202e"], ids=len)
async def test_oversized_and_broken_commands_are_refused_in_words(house: DoorHouse, command: str) -> None:
    async with house.hostile("dora") as connection:
        done = await connection.run(command, check=False)
        assert done.exit_status in (1, 2)
        said = str(done.stderr)
        assert len(said) < 4000
        assert "\x1b" not in said
        assert "\u202e" not in said


async def test_a_resize_storm_and_impossible_sizes_are_survived(house: DoorHouse) -> None:
    async with house.hostile("dora") as connection:
        process = await connection.create_process(term_type="xterm-256color", term_size=(0, 0), encoding=None)
        await _until(process, HOME_SHOWS)
        for number in range(1500):
            process.change_terminal_size(*[(0, 0), (1, 1), (2**32 - 1, 2**32 - 1), (number % 300, 70)][number % 4])
            if number % 100 == 0:
                await asyncio.sleep(0)
        process.change_terminal_size(90, 25)
        process.stdin.write(b"\x11")
        assert await _ended(process) == 0


async def _until(process: asyncssh.SSHClientProcess[bytes], words: str, seconds: float = HANG_S) -> bytes:
    raw = b""
    async with asyncio.timeout(seconds):
        while words not in re.sub(r"\x1b\[[0-9;?<>=]*[A-Za-z]", "", raw.decode(errors="replace")):
            raw += await process.stdout.read(65536)
    return raw


async def _ended(process: asyncssh.SSHClientProcess[bytes], seconds: float = HANG_S) -> int | None:
    async with asyncio.timeout(seconds):
        while await process.stdout.read(65536):
            pass
        await process.wait_closed()
    return process.exit_status


async def test_a_client_that_stops_reading_fills_nothing_and_others_live(house: DoorHouse) -> None:
    """What is painted and not taken waits in the session's own process: hardly anything is on its way to the client."""
    link = socket.socket()
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    link.connect(("127.0.0.1", house.port))
    door = house.door_pid()
    async with house.hostile("dora", sock=link) as connection:
        process = await connection.create_process(term_type="xterm-256color", term_size=(200, 60), encoding=None)
        await _until(process, HOME_SHOWS)
        (child,) = house.children()
        before = memory_bytes(door)
        connection._transport.pause_reading()
        for number in range(300):  # each paints the whole screen anew
            process.change_terminal_size(150 + number % 50, 40 + number % 20)
            await asyncio.sleep(0.01)
        done = await asyncio.to_thread(house.run, "dora", "holds")
        assert done.code == 0
        assert memory_bytes(door) - before < 4 * MB
        os.kill(child, signal.SIGSTOP)
        connection._transport.resume_reading()
        waiting = 0
        with contextlib.suppress(TimeoutError):
            while part := await asyncio.wait_for(process.stdout.read(65536), 1):
                waiting += len(part)
        os.kill(child, signal.SIGCONT)
        assert waiting < 96 << 10
        connection._transport.abort()


def test_a_client_killed_in_mid_frame_leaves_nothing(house: DoorHouse) -> None:
    with house.terminal("dora", size=(200, 60)) as terminal:
        terminal.until("H")
        terminal.process.kill()
    house.await_no_children()


def test_a_paste_of_a_megabyte_is_bounded_and_others_live(house: DoorHouse) -> None:
    door = house.door_pid()
    with house.terminal("dora") as terminal, house.terminal("dora") as other:
        terminal.until(HOME_SHOWS)
        other.until(HOME_SHOWS)
        before = memory_bytes(door)
        os.set_blocking(terminal.master, False)
        left = memoryview(b"x" * MB)
        for _ in range(5000):  # as often: the door may never take all of it
            if not left:
                break
            with contextlib.suppress(BlockingIOError):
                left = left[os.write(terminal.master, left[:4096]) :]
            terminal.read(0.001)
        assert memory_bytes(door) - before < 4 * MB
        other.raw = b""
        other.type(b"2")
        other.until("hold")
        other.leave()
        terminal.process.send_signal(signal.SIGKILL)
    house.await_no_children()


async def test_keys_exchanged_anew_and_never_finished_hold_up_that_client_alone(house: DoorHouse) -> None:
    door = house.door_pid()
    async with house.hostile("dora") as connection:
        process = await connection.create_process(term_type="xterm-256color", term_size=(200, 60), encoding=None)
        await _until(process, HOME_SHOWS)
        before = memory_bytes(door)
        connection._send_kexinit()
        connection._transport.pause_reading()
        assert (await asyncio.to_thread(house.run, "dora", "holds")).code == 0
        assert memory_bytes(door) - before < 4 * MB
        connection._transport.abort()


async def test_requests_for_forwarding_by_the_hundred_are_refused(house: DoorHouse) -> None:
    async with house.hostile("dora") as connection:
        for port in range(1, 100):
            with pytest.raises(asyncssh.ChannelOpenError, match="forwards nothing"):
                await connection.open_connection("127.0.0.1", port)
        with pytest.raises(asyncssh.ChannelListenError):
            await connection.forward_remote_port("", 0, "127.0.0.1", 22)
        with pytest.raises(asyncssh.ChannelOpenError, match="forwards nothing"):
            await connection.open_unix_connection("/run/x")
        assert (await connection.run("holds", check=False)).exit_status == 0


# --- logging in ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rob(house: DoorHouse) -> Path:
    """The key of somebody who may come in with it, signed as it should be."""
    key = house.new_key("rob", "-t", "rsa", "-b", "3072")
    house.enrol("rob", "Rob")
    house.appoint("rob", "hold")
    assert (
        SUCCESS
        in asyncio.run(forge(house.port, lambda forger: forger.sign("rob", key, algorithm=b"rsa-sha2-256"))).heard
    )
    return key


def _forged(house: DoorHouse, rob: Path, what: str) -> None:
    dora, edda = house.new_key("dora"), house.new_key("forger")
    logins = len(house.log_entries("door.login"))

    def script(forger: Forger) -> None:
        match what:
            case "signature for another name":
                forger.sign("director", dora, for_user="dora")
            case "spoilt signature":
                forger.sign("dora", dora, spoil=True)
            case "unknown key, signed":
                forger.sign("dora", edda)
            case "password":
                forger.password("dora", "dora")
            case "another name while the signature is looked at":
                forger.sign("dora", dora)
                forger.none("chair")
            case "another key's offer while the signature is looked at":
                forger.sign("dora", dora)
                forger.offer("dora", edda)
            case "a channel without logging in":
                forger._auth_complete = True
                forger.send_packet(90, asyncssh.packet.String(b"session"), *[asyncssh.packet.UInt32(9)] * 3)
            case "hundreds of attempts":
                for _ in range(300):
                    forger.none("dora")
            case "endless name":
                forger.none("x" * 30_000)
            case "RSA with SHA-1":
                forger.sign("rob", rob, algorithm=b"ssh-rsa")
            case "unknown message":
                forger.send_packet(49, b"x" * 100)
                forger.none("dora")

    forger = asyncio.run(forge(house.port, script))
    assert SUCCESS not in forger.heard
    assert forger.hung_up or FAILURE in forger.heard
    if "while" in what:
        assert forger.hung_up
    else:
        done = [entry for entry in house.log_entries("door.login")[logins:] if entry["outcome"] == "done"]
        assert done == []


@pytest.mark.parametrize(
    "what",
    [
        "signature for another name",
        "spoilt signature",
        "unknown key, signed",
        "password",
        "another name while the signature is looked at",
        "another key's offer while the signature is looked at",
        "a channel without logging in",
        "hundreds of attempts",
        "endless name",
        "RSA with SHA-1",
        "unknown message",
    ],
)
def test_forged_log_ins_come_to_nothing(house: DoorHouse, rob: Path, what: str) -> None:
    _forged(house, rob, what)


async def test_who_somebody_is_never_changes_after_the_signature(house: DoorHouse) -> None:
    async with house.hostile("dora") as connection:
        for user in (
            b"chair",
            b"dora",
        ):  # after success these are ignored (RFC 4252 section 5.1), as is the name in them
            packet = [asyncssh.packet.String(part) for part in (user, b"ssh-connection", b"none")]
            connection.send_packet(50, *packet)
        assert "Dora Reed (dora)" in str((await connection.run("whoami", check=False)).stdout)


def test_a_client_that_never_logs_in_is_hung_up_on_after_its_grace(loiterer: Loiterer) -> None:
    loiterer.join(HANG_S)
    assert loiterer.was_hung_up_on
    assert loiterer.stayed_s > 15


# --- many, and silent -----------------------------------------------------------------------------------------------------


def test_a_hundred_silent_connections_are_bounded_and_keep_nobody_out(house: DoorHouse) -> None:
    door, log = house.door_pid(), len(house.service.log())
    before = memory_bytes(door)
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(socket.create_connection(("127.0.0.1", house.port), 10)) for _ in range(100)]
        began = time.monotonic()
        assert house.run("dora", "holds").code == 0

        # The others wait, and the door has said nothing to them: a descriptor each.
        states = [_state(one) for one in silent]
        assert states.count("spoken to") <= UNAUTHENTICATED_PER_ADDRESS
        assert states.count("waits") >= 100 - 2 * UNAUTHENTICATED_PER_ADDRESS - 11 * (time.monotonic() - began + 1)
        assert memory_bytes(door) - before < 20 * MB
    told = [line for line in house.service.log()[log:].splitlines() if "came to nothing" in line]
    assert len(told) <= 1, told


def _state(one: socket.socket) -> str:
    one.setblocking(False)
    heard = b""
    try:
        while part := one.recv(4096):
            heard += part
    except BlockingIOError:
        return "spoken to" if heard else "waits"
    except OSError:
        pass
    return "hung up on"


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"SSH-1.0-old\r\n",
        b"SSH-2.0-" + b"x" * 5000 + b"\r\n",
        b"\0" * 100_000,
        b"x" * MB,
        b"SSH-2.0-x\r\n" + b"\xff" * 100_000,
        b"SSH-2.0-x\r\n" + (b"\x00\x00\x00\x0c\x0a\x02" + b"\0" * 10) * 40_000,
    ],
    ids=["http", "ssh-1", "long version", "zeros", "endless line", "huge packet", "packets without end"],
)
def test_garbage_is_hung_up_on(house: DoorHouse, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", house.port), 10) as link:
        link.settimeout(HANG_S)
        with contextlib.suppress(OSError):
            link.sendall(sent)
        heard = b""
        with contextlib.suppress(ConnectionError):
            while part := link.recv(65536):
                heard += part
        assert len(heard) < 20_000
