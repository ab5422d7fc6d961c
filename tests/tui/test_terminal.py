"""From `ssh director@…` to a placed hold, in tmux with the real OpenSSH client, against the demo as a script starts it.

Pictures are judged by what the terminal shows: the demo's pictures carry camera and second in their colors, and are
read back from the half blocks on the captured screen.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from holdshelf_tui.demo.keys import Keys
from holdshelf_tui.demo.picture import Reading
from tests.rig.hang import HANG_S
from tests.service import free_port, wait_for
from tests.tui.cells import pixels, read_shelf
from tests.tui.cli.test_driver import HOLDSHELF
from tests.tui.ssh.door_rig import HOME_SHOWS, Tmux

WIDE = (500, 110)
"""So that a thumbnail has three pixels and more for each of the twenty colors."""
CAPTION = re.compile(r"\d{1,2}:\d\d:\d\d [ap]m")
_STYLE = re.compile(r"\x1b\[[\d;:]*m|\x1b\(.|[\x0e\x0f]")
PAST_MINUTES = 25


class DemoHouse:
    """A demo without a screen, in a folder that was new."""

    def __init__(self, data: Path, port: int) -> None:
        self.keys = Keys(data)
        self.port = port
        self._terminals = 0

    def ssh(self, login: str) -> list[str]:
        options = ("-F", "none", "-o", "IdentityAgent=none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes")
        return self.keys.ssh(login, self.port, *options)

    def run(self, login: str, command: str) -> subprocess.CompletedProcess[str]:
        done = [*self.ssh(login), command]
        return subprocess.run(
            done, capture_output=True, text=True, timeout=HANG_S, check=False, stdin=subprocess.DEVNULL
        )

    @contextlib.contextmanager
    def terminal(self, login: str, size: tuple[int, int]) -> Iterator[Tmux]:
        """A client in tmux, at its first screen."""
        self._terminals += 1
        with Tmux(f"terminal-{os.getpid()}-{self._terminals}", self.ssh(login), size) as terminal:
            terminal.start()
            terminal.until(HOME_SHOWS)
            terminal.until("F2 Today")
            yield terminal


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoHouse]:
    folder, port = tmp_path_factory.mktemp("demo"), free_port()
    command = [HOLDSHELF, "demo", "--no-ui", "--door-port", str(port), "--seconds", "600", "--past", str(PAST_MINUTES)]
    out = folder / "out"
    with out.open("wb") as file:
        process = subprocess.Popen(
            [*command, "--data", folder / "data"], stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT
        )
    try:

        def ready() -> bool:
            assert process.poll() is None, out.read_text()
            return "Ready." in out.read_text()

        wait_for("the demo is ready", ready, 120, every=0.2)
        house = DemoHouse(folder / "data", port)
        assert house.keys.ssh_line("director", port) in out.read_text()
        yield house
    finally:
        process.terminate()
        process.wait(HANG_S)


def welcomed(terminal: Tmux) -> None:
    """What is shown at the first log-in is read, and closed."""
    terminal.until("Welcome")
    terminal.type("Enter")
    wait_for("the welcome is closed", lambda: "Welcome" not in terminal.screen())


def shown(terminal: Tmux) -> str:
    """The screen with its colors."""
    return terminal._do("capture-pane", "-p", "-e")


def fills(terminal: Tmux, field: str, text: str) -> None:
    """Into the field that has the cursor, and Enter."""
    terminal.until(f"▸ {field}")
    terminal._do("send-keys", "-l", text)
    terminal.until(text)
    terminal.type("Enter")


def thumbnails(terminal: Tmux) -> dict[str, Reading]:
    """What the small pictures of the second row show, by the time that stands below each."""
    captured = shown(terminal)  # captions and pictures of one moment
    lines = _STYLE.sub("", captured).split("\n")
    rows = [row for row, line in enumerate(lines) if len(CAPTION.findall(line)) >= 3]
    if len(rows) < 2:
        return {}
    image = pixels(captured)
    captions = list(CAPTION.finditer(lines[rows[1]]))
    apart = captions[1].start() - captions[0].start()
    found = {}
    for caption in captions:
        left = caption.start() - 1
        read = read_shelf(image[2 * (rows[0] + 1) : 2 * rows[1], left : left + apart - 1])
        if read is not None:
            found[caption[0]] = read
    return found


def two_at_least(terminal: Tmux) -> dict[str, Reading] | None:
    """Two instants or more."""
    found = thumbnails(terminal)
    return found if len({read.utc_second for read in found.values()}) >= 2 else None


def live(terminal: Tmux) -> Reading | None:
    """What the one picture on the screen shows."""
    return read_shelf(pixels(shown(terminal)))


def at_second(caption: str) -> int:
    """UTC second of a caption: today's, or yesterday's just after midnight."""
    now = datetime.now().astimezone()
    clock = datetime.strptime(caption.upper(), "%I:%M:%S %p")  # noqa: DTZ007 - local, below
    at = now.replace(hour=clock.hour, minute=clock.minute, second=clock.second, microsecond=0)
    second = int(at.timestamp())
    return second if second <= now.timestamp() + 1 else second - 86_400


def test_from_log_in_to_a_hold_and_back_to_a_clean_terminal(demo: DemoHouse) -> None:
    with demo.terminal("director", WIDE) as terminal:
        welcomed(terminal)
        terminal.type("2")
        terminal.until("Look at this time")
        terminal.type("t")
        terminal.until("Go to a time")
        typed_s = time.time()
        fills(terminal, "Time", "8 minutes ago")
        terminal.until("[Hour]")
        read_s = time.time()

        terminal.type("o")
        terminal.until("Why are you looking?")
        terminal.until("▸ Purpose")
        terminal.type("Tab")
        fills(terminal, "Incident", "26-114")

        seen = wait_for("pictures at two instants", lambda: two_at_least(terminal), 60, 0.5)
        for caption, read in seen.items():
            assert read.camera == 1
            assert abs(read.utc_second - at_second(caption)) <= 1, (caption, read)
        terminal.until("26-114 · Front entrance")

        terminal.type("[", "Right", "Right", "]")
        terminal.until("marked")
        terminal.type("h")
        terminal.until("Place a hold")
        terminal.until("▸ Number")
        terminal.type("Enter")  # the look's number stands there already
        number = re.findall(r"H-\d{4}-\d{4}", terminal.until("is placed"))[0]

        held = json.loads(demo.run("director", "holds --json").stdout)["holds"]
        assert [(hold["id"], hold["reference"], hold["placed_by_name"]) for hold in held] == [
            (number, "26-114", "Dora Reed")
        ]
        (span,) = held[0]["spans"]
        assert span["camera"] == "front-entrance"
        assert typed_s - 1 <= span["start_utc_ns"] / 1e9 + 8 * 60 <= read_s + 1
        assert "camera policy" in demo.run("director", "print policy").stdout.lower()

        terminal.type("Enter", "C-q")
        terminal.assert_clean()


def test_a_revoked_appointment_stops_the_pictures_and_says_why_on_a_clean_terminal(demo: DemoHouse) -> None:
    letters = json.loads(demo.run("director", "appointment list --json").stdout)
    (letter,) = [row["id"] for row in letters if row["state"] == "active"]
    with demo.terminal("designee", (110, 60)) as terminal:
        welcomed(terminal)
        asked_s = time.time()
        terminal.type("3")
        terminal.until("Look live")
        terminal.type("o")
        terminal.until("Why are you looking live?")
        terminal.until("▸ Purpose")
        terminal.type("Tab")
        fills(terminal, "Incident", "26-115")
        first = wait_for(
            "a live picture", lambda: (now := live(terminal)) and now.utc_second >= asked_s and now, every=0.2
        )
        assert first.camera == 2
        wait_for("it moves on", lambda: (now := live(terminal)) and now.utc_second > first.utc_second, every=0.2)

        done = demo.run("director", f"appointment end {letter} --why 'no longer needed'")
        assert done.returncode == 0, done.stderr
        wait_for("the pictures are gone", lambda: terminal.modes()["alternate_on"] == "0", every=0.2)
        ended = re.compile(r"appointment .*ended|ended .*appointment")
        wait_for("the reason", lambda: ended.search(" ".join(terminal.screen().split())))
        terminal.assert_clean()
    refused = demo.run("designee", "cameras")
    assert refused.returncode != 0
    assert "ended" in refused.stderr
