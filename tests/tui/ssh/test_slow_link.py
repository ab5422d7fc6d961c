"""Over a line of 1 Mbit/s that is 150 ms there and back: keys are answered while pictures load."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.looking import NS, Recorded
from tests.rig.shown import Shown
from tests.rig.slow_line import SlowLine
from tests.tui.ssh.door_rig import DoorHouse, house_with_footage

LOADING_BYTES = 12_000
STILL_S = 3.0
"""For so long at most, after an answer, it is looked at what is still to come: nothing waits until all of it has come."""
ENOUGH = 3
"""So many keys are to be answered before their pictures have come, of `MOST` that are pressed: a stalled machine answers late."""
MOST = 20
CURSOR = re.compile(r"▲ \w+, \w+ \d+, (\d+:\d\d:\d\d [ap]m)")


@pytest.fixture(scope="module")
def far_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[DoorHouse, Recorded]]:
    with house_with_footage(tmp_path_factory.mktemp("far"), size=(1280, 720), detailed=True) as furnished:
        yield furnished


@pytest.fixture
def line(far_house: tuple[DoorHouse, Recorded]) -> Iterator[SlowLine]:
    with SlowLine(far_house[0].port) as running:
        yield running


def test_a_key_is_answered_while_thumbnails_load_over_a_slow_line(
    far_house: tuple[DoorHouse, Recorded], line: SlowLine, tmp_path: Path
) -> None:
    house, made = far_house
    command = house.ssh("dora", "-tt", "-o", f"UserKnownHostsFile={tmp_path / 'far'}")
    command[command.index("-p") + 1] = str(line.port)
    with Shown([*line.prefix, *command], (240, 70)) as terminal:
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

        took_s: list[float] = []
        loaded: list[int] = []
        for key, level, step_s in ((b"\r", "[Minute]", 1), (b"\x1b", "[Hour]", 60)) * (MOST // 2):
            zoomed_s = terminal.type(key)  # twelve other pictures, and a larger one with each step
            terminal.until(level)
            terminal.until(lambda _cells, since_s=zoomed_s: terminal.bytes_since(since_s) > LOADING_BYTES)
            shown = CURSOR.search(terminal.cells.text())
            assert shown, terminal.cells.text()
            at = dt.datetime.strptime(shown[1] + "+0000", "%I:%M:%S %p%z") + dt.timedelta(seconds=step_s)
            wanted = at.strftime("%-I:%M:%S %p").lower()
            pressed_s = terminal.type(b"\x1b[C")
            seen_s = terminal.until(lambda cells, wanted=wanted: wanted in _cursor(cells.text()))
            took_s.append(seen_s - pressed_s)
            with contextlib.suppress(AssertionError):
                terminal.until(lambda _cells, since_s=seen_s: terminal.bytes_since(since_s) > LOADING_BYTES, STILL_S)
            loaded.append(terminal.bytes_since(seen_s))
            if sum(still > LOADING_BYTES for still in loaded) == ENOUGH:
                break
        terminal.close(b"\x11")
    told = [round(1000 * one) for one in took_s]
    assert sum(still > LOADING_BYTES for still in loaded) == ENOUGH, (
        f"hardly anything was still to come: {loaded} bytes"
    )
    assert statistics.median(took_s) > 0.14, f"the line is not as far as it should be: {told} ms"


def _cursor(text: str) -> str:
    found = CURSOR.search(text)
    return found[1] if found else ""
