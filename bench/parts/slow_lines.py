"""How soon a key is answered over a line of 1 Mbit/s that is 150 ms there and back, while pictures load.

Half a second is promised as a rule, so the median is judged; the slowest stands in the detail. The peer is the echo of the
kernel's terminal behind sshd, over the same line, on which nothing else goes.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import time
from pathlib import Path

from bench.parts.promised import Promise, promised
from bench.parts.rows import Row
from bench.parts.sshd import running_sshd
from tests.looking import NS, Recorded
from tests.rig.shown import Shown
from tests.rig.slow_line import SlowLine
from tests.service import wait_for
from tests.tui.session.test_paint_queue import noisy
from tests.tui.slow_terminal import SlowTerminal
from tests.tui.ssh.door_rig import LEAVE, DoorHouse, house_with_footage
from tests.tui.ssh.test_slow_link import CURSOR, LOADING_BYTES, STILL_S

ECHO_BAR_S = 0.5
PROTOCOLS = ("half-block", "sixel", "kitty")
LARGE = (240, 70)
READY = "/bin/sh -c 'echo ready; exec cat'"
NOISY_KEYS = 8
"""So many, before the pictures have all come."""


def rows(folder: Path, turns: int) -> list[Row]:
    """By ssh through the door; and of each kind of pictures, of noise, without one."""
    with house_with_footage(folder, size=(1280, 720), detailed=True) as (house, made):
        found = [
            promised(
                "a key while thumbnails load, by ssh over 1 Mbit/s and 150 ms",
                ECHO_BAR_S,
                lambda row: _through_the_door(house, made, row, 2 * turns),
                middle=True,
            )
        ]
    return found + [
        promised(
            f"a key while pictures of noise load ({protocol}), over 1 Mbit/s and 150 ms",
            ECHO_BAR_S,
            lambda row, protocol=protocol: _noisy(row, protocol, turns),
            middle=True,
        )
        for protocol in PROTOCOLS
    ]


def _over(line: SlowLine, command: list[str], known_hosts: Path) -> list[str]:
    """A client's command through the line, whose server has a name of its own there."""
    command = list(command)
    command[command.index("-p") + 1] = str(line.port)
    known = next(at for at, word in enumerate(command) if word.startswith("UserKnownHostsFile="))
    command[known] = f"UserKnownHostsFile={known_hosts}"
    return [*line.prefix, *command]


def _through_the_door(house: DoorHouse, made: Recorded, row: Promise, keys: int) -> None:
    """A step of the cursor, each time among twelve other pictures that have not come yet."""
    known_hosts = house.folder / "far"
    with SlowLine(house.port) as line, Shown(_over(line, house.ssh("dora", "-tt"), known_hosts), LARGE) as terminal:
        terminal.until("Welcome to Holdshelf")  # a first log-in
        terminal.type(b"\x1b")
        terminal.until(lambda cells: "Welcome to Holdshelf" not in cells.text())
        terminal.type(b"2")
        terminal.until("need a purpose")
        terminal.type(b"t")
        terminal.until("Go to a time")
        at = dt.datetime.fromtimestamp(made.start_utc_ns // NS + 40).astimezone()
        terminal.type(at.strftime("%Y-%m-%d %H:%M:%S").encode() + b"\r")
        terminal.until("[Hour]")
        terminal.type(b"o")
        terminal.until("Why are you looking?")
        terminal.type(b"\r")
        terminal.until(" · until ")
        still: list[int] = []
        for key, level, step_s in ((b"\r", "[Minute]", 1), (b"\x1b", "[Hour]", 60)) * (4 * keys):
            zoomed_s = terminal.type(key)
            terminal.until(level)
            terminal.until(lambda _cells, since_s=zoomed_s: terminal.bytes_since(since_s) > LOADING_BYTES)
            wanted = _moved(terminal.cells.text(), step_s)
            pressed_s = terminal.type(b"\x1b[C")
            seen_s = terminal.until(lambda cells, wanted=wanted: wanted in _cursor(cells.text()))
            with contextlib.suppress(AssertionError):
                terminal.until(lambda _cells, since_s=seen_s: terminal.bytes_since(since_s) > LOADING_BYTES, STILL_S)
            if terminal.bytes_since(seen_s) > LOADING_BYTES:  # else nothing was loading any more
                row.ours.append(seen_s - pressed_s)
                still.append(terminal.bytes_since(seen_s))
            if len(row.ours) == keys:
                break
        terminal.close(LEAVE)
    row.detail["bytes still to come"] = still
    with running_sshd(house.folder / "sshd", house.public("dora"), READY) as sshd, SlowLine(sshd.port) as line:
        command = _over(line, sshd.client(house.new_key("dora"), "-tt"), known_hosts.with_name("peer"))
        with Shown(command, LARGE) as peer:
            peer.until("ready")
            for number in range(keys):
                pressed_s = peer.type(f"<{number}>".encode())
                row.peers.append(peer.until(f"<{number}>") - pressed_s)


def _cursor(text: str) -> str:
    found = CURSOR.search(text)
    return found[1] if found else ""


def _moved(text: str, step_s: int) -> str:
    """The time under the cursor after a step."""
    at = dt.datetime.strptime(_cursor(text) + "+0000", "%I:%M:%S %p%z") + dt.timedelta(seconds=step_s)
    return at.strftime("%-I:%M:%S %p").lower()


def _noisy(row: Promise, protocol: str, turns: int) -> None:
    """Each key is answered in a line of words; pictures load all the time."""
    loaded = []
    for _ in range(turns):
        with SlowTerminal(noisy(protocol), bytes_per_s=125_000, delay_s=0.075) as terminal:
            began_s = terminal.await_text(b"key 0")
            wait_for("pictures come", lambda terminal=terminal: len(terminal.text()) > 16_000)
            for number in range(1, NOISY_KEYS + 1):
                pressed_s = terminal.press(b"x")
                row.ours.append(terminal.await_shown(f"key {number} ", pressed_s) - pressed_s)
            loaded.append(round(len(terminal.text(began_s)) / (time.monotonic() - began_s)))
    row.detail["bytes a second meanwhile"] = loaded
