"""How soon others are answered beside floods of log-ins and connections, and beside clients that are slow or silent.

The peer of a log-in is `ssh … true` through the machine's own sshd beside the same flood, which goes at the door alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench.parts.promised import Promise, promised, timed
from bench.parts.rows import Row
from bench.parts.sshd import Sshd, running_sshd
from holdshelf_core.api.address import serve_path
from tests.core.api.test_attacks import _FLOOD as FLOOD
from tests.rig.hang import HANG_S
from tests.rig.shown import Shown
from tests.service import Service
from tests.tui.ssh.door_rig import HOME_SHOWS, LEAVE, DoorHouse, Terminal, door_house, recording
from tests.tui.ssh.test_flood import besieged

LOGIN_BAR_S = 2.0
"""Of the Director past 160 hostile clients (docs/door.md)."""
OTHERS_BAR_S = 5.0
"""Of a command or a key of somebody else."""
STATUS_BAR_S = 2.0
"""No document has a limit of it; whoever is answered later than the Director comes in is kept out."""
MB = 1 << 20
IDLE = 200
SILENT = 100


def status_rows(folder: Path, turns: int, connections: int) -> list[Row]:
    """Of the service alone, whose socket other accounts of the machine may flood."""
    with Service(folder / "data") as service:
        return [
            promised(
                f"`status` (API) while {connections:,} connections are opened",
                STATUS_BAR_S,
                lambda row: _flood(service, row, connections),
            ),
            promised(
                f"`status` (API) beside {IDLE} connections that say nothing, or half of it",
                STATUS_BAR_S,
                lambda row: _idle(service, row),
                turns=turns,
            ),
        ]


def login_rows(folder: Path, turns: int) -> list[Row]:
    """Of the door: beside one client that is slow, and past 160 of somebody who has a key."""
    with door_house(folder) as house, recording(house):
        slow: dict[str, Callable[[DoorHouse, Promise], None]] = {
            f"a command beside {SILENT} clients that log in and say nothing": _silent,
            "a command beside a client that stops reading": _stops_reading,
            "a command beside a client that never finishes a key exchange": _never_finishes,
            "a key on another screen beside a megabyte that is pasted": _pasted,
        }
        with Shown(
            house.ssh("dora", "-tt"), (100, 30)
        ) as first:  # what is shown at the first log-in only is behind them
            first.until("F2")
            first.rests()
            first.close(LEAVE)
        found = []
        for what, measure in slow.items():
            found.append(promised(what, OTHERS_BAR_S, lambda row, measure=measure: measure(house, row), turns=turns))
            house.await_no_children()
        house.enrol("erin", "Erin")
        house.enrol("dan", "Dan")
        house.appoint("dan", "hold")
        with running_sshd(folder / "sshd", house.public("dora"), "true") as sshd:
            for login, right in (("erin", "without a right"), ("dan", "with a right")):
                for hasty in (False, True):
                    found += _besieged(house, sshd, login, hasty=hasty, right=right, turns=turns)
    return found


def _besieged(house: DoorHouse, sshd: Sshd, login: str, *, hasty: bool, right: str, turns: int) -> list[Row]:
    """The Director's log-in, and in the same flood the status."""
    status: list[float] = []
    who = f"160 clients {right} who {'come and go' if hasty else 'stay'}"

    async def measure(row: Promise) -> None:
        began_s = time.monotonic()
        async with besieged(house, login, hasty=hasty) as counts:
            while len(row.ours) < 4 * turns or time.monotonic() < began_s + 4:
                for address in ("127.0.0.1", "127.0.0.9"):
                    with timed(row.ours):
                        done = await asyncio.to_thread(house.run, "dora", "holds", options=["-b", address])
                    if done.code:
                        raise AssertionError(done.said)
                with timed(row.peers):
                    await asyncio.to_thread(
                        subprocess.run, sshd.client(house.new_key("dora")), check=True, capture_output=True
                    )
                with timed(status):
                    await asyncio.to_thread(house.client().status)
            row.detail["log-ins of the clients, done and failed"] = list(counts)

    return [
        promised(f"the Director's log-in past {who}", LOGIN_BAR_S, lambda row: asyncio.run(measure(row))),
        promised(f"  `status` (API) beside {who}", STATUS_BAR_S, lambda row: row.ours.extend(status)),
    ]


def _flood(service: Service, row: Promise, connections: int) -> None:
    """It opens as many as it may at a time, a third of which have begun to ask."""
    words = FLOOD.replace("10_000", str(connections))
    command = [sys.executable, "-c", words, str(serve_path(service.data))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as flood:
        try:
            if flood.stdout is None:
                raise AssertionError("no pipe")
            os.set_blocking(flood.stdout.fileno(), False)
            while len(row.ours) < 5 or not flood.stdout.read():
                with timed(row.ours):
                    service.client.status()
                if flood.poll() is not None:
                    raise AssertionError("the flood ended")
        finally:
            flood.kill()
    row.detail["asked"] = len(row.ours)


def _idle(service: Service, row: Promise) -> None:
    with contextlib.ExitStack() as stack:
        for number in range(IDLE):
            link = stack.enter_context(socket.socket(socket.AF_UNIX))
            link.connect(str(serve_path(service.data)))
            if number % 2:
                link.sendall(b"POST /cameras HTTP/1.1\r\nContent-Length: 60000\r\n\r\n{")
        with timed(row.ours):
            service.client.status()


def _command(house: DoorHouse, row: Promise) -> None:
    with timed(row.ours):
        done = house.run("dora", "holds")
    if done.code:
        raise AssertionError(done.said)


def _silent(house: DoorHouse, row: Promise) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(SILENT):
            stack.enter_context(socket.create_connection(("127.0.0.1", house.port), HANG_S))
        _command(house, row)


def _stops_reading(house: DoorHouse, row: Promise) -> None:
    """What is painted for it and not taken waits in its own process."""

    async def measure() -> None:
        link = socket.socket()
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        link.connect(("127.0.0.1", house.port))
        async with house.hostile("dora", sock=link) as connection:
            process = await connection.create_process(term_type="xterm-256color", term_size=(200, 60), encoding=None)
            await process.stdout.read(1)
            connection._transport.pause_reading()
            for number in range(300):  # each paints the whole screen anew
                process.change_terminal_size(150 + number % 50, 40 + number % 20)
                await asyncio.sleep(0.01)
            await asyncio.to_thread(_command, house, row)
            connection._transport.abort()

    asyncio.run(measure())


def _never_finishes(house: DoorHouse, row: Promise) -> None:
    async def measure() -> None:
        async with house.hostile("dora") as connection:
            process = await connection.create_process(term_type="xterm-256color", term_size=(200, 60), encoding=None)
            await process.stdout.read(1)
            connection._send_kexinit()
            connection._transport.pause_reading()
            await asyncio.to_thread(_command, house, row)
            connection._transport.abort()

    asyncio.run(measure())


def _pasted(house: DoorHouse, row: Promise) -> None:
    with house.terminal("dora") as terminal, Shown(house.ssh("dora", "-tt"), (100, 30)) as other:
        terminal.until(HOME_SHOWS)
        other.until("F2")
        other.rests()
        _paste(terminal)
        before = other.cells.text()
        pressed_s = other.type(b"2")
        row.ours.append(other.until(lambda cells: cells.text() != before) - pressed_s)
        other.close(LEAVE)
        terminal.process.send_signal(signal.SIGKILL)
    house.await_no_children()


def _paste(terminal: Terminal) -> None:
    """As much of it as the door takes."""
    os.set_blocking(terminal.master, False)
    left = memoryview(b"x" * MB)
    for _ in range(5000):
        if not left:
            break
        with contextlib.suppress(BlockingIOError):
            left = left[os.write(terminal.master, left[:4096]) :]
        terminal.read(0.001)
