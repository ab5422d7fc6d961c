"""The screens at their edges, through a real client: a hostile camera name, windows that jump, a large paste, a fault beside."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Iterator

import pytest

from tests.rig.shown import Shown
from tests.tui.door.door_rig import HOME_SHOWS, LEAVE, DoorHouse, house_with_footage

NASTY = (
    "\x1b]0;taken over\x07\x1b[2J\x1b[31m\u202enoitcirtser\u2066\x9b5m[bold red]$(id)[/][@click=app.quit]Lobby[/]\r\n\t"
)
NAMES = {"lobby": NASTY + "x" * 10_000, "desk": "\ud7ff\U000e0001\u200f[/]", "stacks": "Stacks"}
MB = 1 << 20


@pytest.fixture(scope="module")
def nasty_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DoorHouse]:
    with house_with_footage(tmp_path_factory.mktemp("nasty"), cameras=NAMES) as (house, _):
        yield house


@pytest.fixture
def terminal(nasty_house: DoorHouse) -> Iterator[Shown]:
    """A session past its welcome; it has ended by itself, with a clean exit, and left no process or trace of a fault."""
    before = len(nasty_house.service.log())
    with Shown(nasty_house.ssh("dora", "-tt"), (80, 24)) as shown:
        shown.until("F2")
        shown.quiet()
        shown.type(b"\x1b")
        shown.quiet()
        yield shown
        shown.close(LEAVE)
        assert shown.process.returncode == 0
    nasty_house.await_no_children()
    assert "Traceback" not in nasty_house.service.log()[before:]


def test_a_hostile_camera_name_is_only_text_wherever_it_is_shown(terminal: Shown) -> None:
    terminal.until("[@click=app.quit]Lobby[/]")
    for size in ((80, 24), (160, 48)):
        terminal.resize(*size)
        for number in range(1, 9):
            terminal.type(b"%d" % number)
            terminal.quiet()
    terminal.type(b"1")
    terminal.type(b"\t\r")  # its details
    terminal.quiet()
    terminal.type(b"\x1b")
    terminal.quiet()
    terminal.type(b"H")  # the form of a hold, with a list of cameras
    terminal.until("hold")
    terminal.quiet()
    terminal.type(b"\x1b")
    terminal.quiet()
    sent = b"".join(data for _, data in terminal.chunks)
    for hostile in (b"taken over\x07", b"\x1b]0;", b"\x1b[2J\x1b[31m", "\u202e".encode(), "\u2066".encode(), b"\x9b5m"):
        assert hostile not in sent.replace("\u009b".encode(), b"\x9b"), hostile
    assert terminal.process.poll() is None, "a click in a name was obeyed"


def test_windows_that_jump_also_with_no_size_at_all_while_pictures_are_shown(terminal: Shown) -> None:
    terminal.type(b"2")
    terminal.until("for a purpose")
    sizes = [(0, 0), (1, 1), (160, 48), (80, 24), (20, 5), (250, 80), (3, 100), (65535, 1)]
    for number in range(240):
        terminal._set_size(*sizes[number % len(sizes)])
        with contextlib.suppress(ProcessLookupError):
            os.killpg(terminal.process.pid, signal.SIGWINCH)
        if number % 10 == 0:
            terminal.type(b"\x1b[C")
        while select.select([terminal.master], [], [], 0.005)[0]:
            assert os.read(terminal.master, 65536)
    terminal.resize(100, 30)
    terminal.quiet(0.5)
    terminal.cells.feed(b"\x1b[2J")
    terminal.resize(120, 40)
    terminal.until("Time …", 120)


@pytest.mark.parametrize("marked", [True, False], ids=["as a paste", "as keys"])
def test_a_megabyte_pasted_into_the_timeline_and_its_dialog_ends_nothing(terminal: Shown, marked: bool) -> None:
    terminal.type(b"2")
    terminal.until("for a purpose")
    terminal.type(b"t")
    terminal.until("Go to a time")
    keys = (b"yesterday 3 pm [x] \x1b[A12" if marked else b"x[]n1p2") * (MB // 24)
    left = memoryview(b"\x1b[200~" + keys + b"\x1b[201~" if marked else keys[: MB // 8] + b"2t")
    os.set_blocking(terminal.master, False)
    ends = time.monotonic() + 60
    while left:
        assert time.monotonic() < ends, f"{len(left)} bytes were not taken"
        with contextlib.suppress(BlockingIOError):
            left = left[os.write(terminal.master, left[:4096]) :]
        while select.select([terminal.master], [], [], 0.001)[0]:
            terminal.read()
    os.set_blocking(terminal.master, True)
    terminal.quiet(0.4, 60)  # a cursor blinks each half second
    terminal.type(b"\x1b\x1b")
    terminal.quiet(0.4, 60)  # a cursor blinks each half second
    terminal.resize(100, 30)
    terminal.until(HOME_SHOWS)


def test_a_process_that_crashes_is_told_to_its_person_alone(nasty_house: DoorHouse, terminal: Shown) -> None:
    (first,) = nasty_house.children()
    with Shown(nasty_house.ssh("dora", "-tt"), (80, 24)) as other:
        other.until(HOME_SHOWS)
        (crashing,) = [pid for pid in nasty_house.children() if pid != first]
        os.kill(crashing, signal.SIGSEGV)
        other.until("This session failed by a fault of its own.", 20)
        while other.read():
            pass
        assert other.process.wait(20) == 1
    terminal.type(b"4")
    terminal.until("Nothing is on hold", 20)
