"""The screens at their edges, through a real client: a hostile camera name, windows that jump, a large paste, a fault beside."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import select
import signal
import time
from collections.abc import Iterator

import pytest

from holdshelf_tui.text.time_format import MINUTE_NS, moment
from tests.rig.hang import HANG_S
from tests.rig.shown import ANSWERS, Shown
from tests.service import faults_in
from tests.tui.ssh.door_rig import HOME_SHOWS, LEAVE, DoorHouse, house_with_footage

NASTY = (
    "\x1b]0;taken over\x07\x1b[2J\x1b[31m\u202enoitcirtser\u2066\x9b5m[bold red]$(id)[/][@click=app.quit]Lobby[/]\r\n\t"
)
NAMES = {"lobby": NASTY + "x" * 10_000, "desk": "\ud7ff\U000e0001\u200f[/]", "stacks": "Stacks"}
MB = 1 << 20
SIXEL_ANSWERS = {**ANSWERS, b"\x1b[c": b"\x1b[?62;4c"}
"""A terminal that shows pictures in pixels and does not say how large its letters are: the client alone does."""
PLACED = re.compile(rb'\x1b\[(\d+);(\d+)H\x1bP0;1;0q"1;1;(\d+);(\d+)')


@pytest.fixture(scope="module")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[DoorHouse, str]]:
    """A house, and a time that is recorded. Dora was welcomed before: how quickly a dialog comes and goes is no matter here."""
    with house_with_footage(tmp_path_factory.mktemp("nasty"), cameras=NAMES) as (house, made):
        with Shown(house.ssh("dora", "-tt"), (80, 24)) as first:
            first.until("Welcome to Holdshelf")
            first.type(b"\x1b")
            first.until(lambda cells: "Welcome to Holdshelf" not in cells.text())
            first.close(LEAVE)
        house.await_no_children()
        yield house, f"{moment(made.start_utc_ns + MINUTE_NS // 2):%Y-%m-%d %H:%M:%S}"


@pytest.fixture
def nasty_house(nasty: tuple[DoorHouse, str]) -> DoorHouse:
    """Its door."""
    return nasty[0]


@pytest.fixture
def terminal(nasty_house: DoorHouse) -> Iterator[Shown]:
    """A session past its welcome; it has ended by itself, with a clean exit, and left no process or trace of a fault."""
    before = len(nasty_house.service.log())
    with Shown(nasty_house.ssh("dora", "-tt"), (80, 24)) as shown:
        shown.until(HOME_SHOWS)
        yield shown
        shown.close(LEAVE)
        assert shown.process.returncode == 0
    nasty_house.await_no_children()
    assert faults_in(nasty_house.service.log()[before:]) == []


def test_a_hostile_camera_name_is_only_text_wherever_it_is_shown(terminal: Shown) -> None:
    terminal.type(b"1")
    terminal.until("[@click=app.quit]Lobby[/]")
    terminal.type(b"\x03")  # its id, to the clipboard of whoever sits there
    terminal.until("Copied: ")
    assert b"\x1b]52;c;" in b"".join(data for _, data in terminal.chunks)
    for size in ((80, 24), (160, 48)):
        terminal.resize(*size)
        for number in range(1, 9):
            terminal.type(b"%d" % number)
            terminal.rests()
    terminal.type(b"1")
    terminal.type(b"\t\r")  # its details
    terminal.rests()
    terminal.type(b"\x1b")
    terminal.rests()
    terminal.type(b"H")  # the form of a hold, with a list of cameras
    terminal.until("Review in")
    terminal.rests()
    terminal.type(b"\x1b")
    terminal.until(lambda cells: "Review in" not in cells.text())  # no key comes right behind an Esc
    sent = b"".join(data for _, data in terminal.chunks)
    for hostile in (b"taken over\x07", b"\x1b]0;", b"\x1b[2J\x1b[31m", "\u202e".encode(), "\u2066".encode(), b"\x9b5m"):
        assert hostile not in sent.replace("\u009b".encode(), b"\x9b"), hostile
    assert terminal.process.poll() is None, "a click in a name was obeyed"


def test_windows_that_jump_also_with_no_size_at_all_while_pictures_are_shown(terminal: Shown) -> None:
    terminal.type(b"2")
    terminal.until("need a purpose")
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
    terminal.rests(0.5)
    terminal.cells.feed(b"\x1b[2J")
    terminal.resize(120, 40)
    terminal.until("Time …", 2 * HANG_S)


type Box = tuple[int, int, int, int]


def boxes(shown: Shown, since_s: float) -> list[Box]:
    """(left, top, right, bottom) of each band of a picture that was drawn since then, in pixels of the terminal."""
    sent = b"".join(data for at, data in shown.chunks if at >= since_s)
    wide, high = shown.cell_px
    found: dict[tuple[int, int], Box] = {}
    for row, column, width, height in (map(int, match.groups()) for match in PLACED.finditer(sent)):
        left, top = (column - 1) * wide, (row - 1) * high
        found[column, row] = left, top, left + width, top + height
    return list(found.values())


def widest(found: list[Box]) -> int:
    """How wide the widest of them is, in pixels."""
    return max((right - left for left, _, right, _ in found), default=0)


def places(found: list[Box]) -> int:
    """How many pictures those bands make: bands of one begin at the same column and lie on one another."""
    tops = {(left, top) for left, top, _, _ in found}
    return sum((left, top) not in {(left, bottom) for left, _, _, bottom in found} for left, top in tops)


def test_pictures_in_pixels_fit_the_letters_that_the_client_tells_of_and_follow_them(
    nasty: tuple[DoorHouse, str],
) -> None:
    house, recorded = nasty
    size, cells = (120, 40), [(6, 13), (9, 20)]
    with Shown(house.ssh("dora", "-tt"), size, cell_px=cells[0], answers=SIXEL_ANSWERS) as shown:
        shown.until(HOME_SHOWS)
        shown.type(b"2")
        shown.until("need a purpose")
        shown.type(b"t")
        shown.until("Go to a time")
        shown.type(recorded.encode() + b"\r")
        shown.until("[Hour]")
        shown.type(b"o")
        shown.until("Why are you looking?")
        since_s = shown.type(b"\t26-1\r")
        for cell_px in cells:
            if cell_px != shown.cell_px:
                since_s = time.monotonic()
                shown.resize(*size, cell_px=cell_px)
            shown.until(lambda _, since=since_s: places(boxes(shown, since)) >= 7)  # type: ignore[misc]
            # The larger picture comes by itself, before the small ones or after them.
            shown.until(lambda _, since=since_s, cell=cell_px[0]: widest(boxes(shown, since)) > 20 * cell)  # type: ignore[misc]
            shown.rests(0.5)
            found = boxes(shown, since_s)
            for one, other in itertools.combinations(found, 2):
                assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1], (
                    one,
                    other,
                )
            assert max(right for _, _, right, _ in found) <= size[0] * cell_px[0]
        shown.close(LEAVE)
        assert shown.process.returncode == 0


@pytest.mark.parametrize(
    ("marked", "most_bytes"),
    [
        pytest.param(True, MB, id="as a paste"),
        pytest.param(False, MB // 64, id="as keys"),
        pytest.param(False, MB // 8, id="as many keys", marks=pytest.mark.soak),
    ],
)
def test_a_megabyte_pasted_into_the_timeline_and_its_dialog_ends_nothing(
    terminal: Shown, marked: bool, most_bytes: int
) -> None:
    terminal.type(b"2")
    terminal.until("need a purpose")
    terminal.type(b"t")
    terminal.until("Go to a time")
    keys = ((b"yesterday 3 pm [x] \x1b[A12" if marked else b"x[]n1p2") * (MB // 7))[:most_bytes]
    left = memoryview(b"\x1b[200~" + keys + b"\x1b[201~" if marked else keys + b"2t")
    os.set_blocking(terminal.master, False)
    ends = time.monotonic() + 2 * HANG_S
    while left:
        assert time.monotonic() < ends, f"{len(left)} bytes were not taken"
        with contextlib.suppress(BlockingIOError):
            left = left[os.write(terminal.master, left[:4096]) :]
        while select.select([terminal.master], [], [], 0.001)[0]:
            terminal.read()
    os.set_blocking(terminal.master, True)
    terminal.rests()  # a cursor blinks each half second
    terminal.type(b"\x1b")
    terminal.rests()
    terminal.type(b"\r")  # what was pasted is thrown away
    terminal.rests()  # a cursor blinks each half second
    terminal.resize(100, 30)
    terminal.until(HOME_SHOWS)


def test_a_process_that_crashes_is_told_to_its_person_alone(nasty_house: DoorHouse, terminal: Shown) -> None:
    (first,) = nasty_house.children()
    with Shown(nasty_house.ssh("dora", "-tt"), (80, 24)) as other:
        other.until(HOME_SHOWS)
        (crashing,) = [pid for pid in nasty_house.children() if pid != first]
        os.kill(crashing, signal.SIGSEGV)
        other.until("This session failed because of a bug.")
        while other.read():
            pass
        assert other.process.wait(HANG_S) == 1
    terminal.type(b"4")
    terminal.until("Nothing is on hold")
