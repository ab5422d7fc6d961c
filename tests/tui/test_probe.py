"""How a terminal is asked what it can draw: quickly, without eating a key, and not taken in by a multiplexer."""

from __future__ import annotations

import os
import pty
import struct
import termios
import threading
import time
import tty
from collections.abc import Iterator
from fcntl import ioctl

import pytest

from holdshelf_tui.widgets.graphics import ALL, FEW, HALF, KITTY, NO_COLOURS, SIXEL, SOME
from holdshelf_tui.widgets.probe import PROBE_S, Answers, colours_of, later, probe

XTERM = {"TERM": "xterm-256color"}


class Terminal:
    """The other end of a pseudo-terminal: answers as it is told to, after ``delay_s``."""

    def __init__(self, answer: bytes, *, delay_s: float = 0.0, after: bytes = b"\x1b[c") -> None:
        self.master, self.tty = pty.openpty()
        tty.setraw(self.tty)
        self.asked = b""
        self._answer, self._delay_s, self._after = answer, delay_s, after
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while self._after not in self.asked:
            try:
                self.asked += os.read(self.master, 1024)
            except OSError:
                return
        time.sleep(self._delay_s)
        os.write(self.master, self._answer)

    def close(self) -> None:
        self._thread.join(2)
        os.close(self.master)
        os.close(self.tty)


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    made: list[Terminal] = []
    yield made
    for terminal in made:
        terminal.close()


def ask(terminals: list[Terminal], answer: bytes, environment: dict[str, str] | None = None, delay_s: float = 0.0):  # type: ignore[no-untyped-def]
    terminal = Terminal(answer, delay_s=delay_s)
    terminals.append(terminal)
    return probe(terminal.tty, environment or XTERM)


WINDOWS_TERMINAL = b"\x1b[6;20;10t\x1b[?61;4;6;7;14;21;22;23;24;28;32;42c"
PUTTY = b"\x1b[?6c"
KITTY_ANSWER = b"\x1bP>|kitty(0.35.2)\x1b\\\x1b[6;18;9t\x1b[?62;c"
TMUX = b"\x1bP>|tmux 3.5a\x1b\\\x1b[6;32;16t\x1b[?1;2;4c"
FOOT = b"\x1bP>|foot(1.17.2)\x1b\\\x1b[6;17;8t\x1b[?62;4;22;28c"


def test_windows_terminal_has_sixel_and_all_colours(terminals: list[Terminal]) -> None:
    found = ask(terminals, WINDOWS_TERMINAL)
    assert (found.protocol, found.colours, found.cell_width_px, found.cell_height_px) == (SIXEL, ALL, 10, 20)


def test_putty_has_half_blocks_in_256_colours(terminals: list[Terminal]) -> None:
    found = ask(terminals, PUTTY, {"TERM": "xterm"})
    assert (found.protocol, found.colours) == (HALF, SOME)


def test_kitty_and_foot(terminals: list[Terminal]) -> None:
    kitty = ask(terminals, KITTY_ANSWER, {"TERM": "xterm-kitty"})
    assert (kitty.protocol, kitty.colours, kitty.cell_width_px) == (KITTY, ALL, 9)
    foot = ask(terminals, FOOT, {"TERM": "foot"})
    assert (foot.protocol, foot.colours, foot.cell_height_px) == (SIXEL, ALL, 17)


@pytest.mark.parametrize("term", ["tmux-256color", "screen-256color", "xterm-256color"])
def test_tmux_says_that_it_can_do_sixel_and_is_not_believed(terminals: list[Terminal], term: str) -> None:
    assert ask(terminals, TMUX, {"TERM": term}).protocol == HALF


def test_a_silent_terminal_costs_a_fifth_of_a_second_and_no_more(terminals: list[Terminal]) -> None:
    began = time.monotonic()
    found = ask(terminals, b"", delay_s=0.0)
    assert PROBE_S <= time.monotonic() - began < PROBE_S + 0.3
    assert (found.protocol, found.colours) == (HALF, SOME)


def test_a_terminal_that_answers_is_not_waited_for(terminals: list[Terminal]) -> None:
    began = time.monotonic()
    ask(terminals, WINDOWS_TERMINAL)
    assert time.monotonic() - began < PROBE_S


def test_a_terminal_that_takes_nothing_does_not_hold_it_up() -> None:
    master, end = pty.openpty()
    try:
        tty.setraw(end)
        os.set_blocking(end, False)
        while True:
            try:
                os.write(end, b"x" * 4096)
            except BlockingIOError:
                break
        os.set_blocking(end, True)
        began = time.monotonic()
        assert probe(end, XTERM).protocol == HALF
        assert time.monotonic() - began < PROBE_S + 0.3
    finally:
        os.close(master)
        os.close(end)


def test_keys_typed_meanwhile_are_kept_in_their_order(terminals: list[Terminal]) -> None:
    found = ask(terminals, b"ab\x1b[6;20;10tc\x1b[A\x1b[?61;4;6;32cd")
    assert found.protocol == SIXEL
    rest = found.typed
    if not rest.endswith("d"):  # it came after the last answer: whoever reads on finds it
        rest += os.read(terminals[0].tty, 10).decode()
    assert rest == "abc\x1b[Ad"


def test_the_terminal_is_left_as_it_was(terminals: list[Terminal]) -> None:
    terminal = Terminal(PUTTY)
    terminals.append(terminal)
    before = termios.tcgetattr(terminal.tty)
    probe(terminal.tty, XTERM)
    assert termios.tcgetattr(terminal.tty) == before


def test_a_late_answer_is_no_key(terminals: list[Terminal]) -> None:
    terminal = Terminal(b"x" + WINDOWS_TERMINAL + b"y", delay_s=PROBE_S + 1.0)
    terminals.append(terminal)
    assert probe(terminal.tty, XTERM).typed == ""
    answers, keys = Answers(), ""
    while not keys.endswith("y"):
        keys += answers.feed(os.read(terminal.tty, 7).decode())
    assert keys == "xy"


def test_an_escape_key_is_let_go_when_nothing_follows() -> None:
    answers = Answers()
    assert answers.feed("\x1b") == ""
    assert answers.let_go() == "\x1b"
    assert answers.feed("\x1b[A\x1b[<0;10;5M\x1b[200~text\x1b[201~") == "\x1b[A\x1b[<0;10;5M\x1b[200~text\x1b[201~"


def test_an_endless_answer_holds_nothing_back() -> None:
    answers = Answers()
    assert answers.feed("\x1bP>|" + "a" * 10_000) != ""
    assert not answers.holding


def test_the_kernels_word_on_the_size_of_a_cell(terminals: list[Terminal]) -> None:
    terminal = Terminal(b"\x1b[?62;4c")
    terminals.append(terminal)
    ioctl(terminal.tty, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 80 * 12, 24 * 25))
    found = probe(terminal.tty, XTERM)
    assert (found.cell_width_px, found.cell_height_px) == (12, 25)


@pytest.mark.parametrize("cell", [b"\x1b[6;0;0t", b"\x1b[6;9999;9999t"])
def test_a_lie_about_the_size_of_a_cell_is_not_believed(terminals: list[Terminal], cell: bytes) -> None:
    found = ask(terminals, cell + b"\x1b[?62;4c")
    assert (found.cell_width_px, found.cell_height_px) == (10, 20)


def test_what_is_no_terminal_is_not_asked() -> None:
    read, write = os.pipe()
    try:
        assert probe(read, XTERM).protocol == HALF
    finally:
        os.close(read)
        os.close(write)


@pytest.mark.parametrize(
    ("environment", "colours"),
    [
        ({"TERM": "xterm"}, SOME),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, ALL),
        ({"TERM": "xterm-direct"}, ALL),
        ({"TERM": "linux"}, FEW),
        ({"TERM": "vt100"}, NO_COLOURS),
        ({"TERM": "dumb"}, NO_COLOURS),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, NO_COLOURS),
        ({}, FEW),
    ],
)
def test_colours_by_name(environment: dict[str, str], colours: int) -> None:
    assert colours_of(environment) == colours


def test_an_answer_that_comes_when_the_app_runs_already_is_heeded(terminals: list[Terminal]) -> None:
    terminal = Terminal(WINDOWS_TERMINAL, delay_s=0.15)
    terminals.append(terminal)
    before = probe(terminal.tty, XTERM, timeout_s=0.05)
    assert (before.protocol, before.colours, before.asked) == (HALF, SOME, True)
    answers = Answers()
    while not answers.answered:
        assert answers.feed(os.read(terminal.tty, 1024).decode()) == ""
    after = later(before, answers, terminal.tty, XTERM)
    assert (after.protocol, after.colours, after.asked) == (SIXEL, ALL, False)


def test_a_name_that_came_in_time_still_counts_when_the_rest_is_late(terminals: list[Terminal]) -> None:
    terminal = Terminal(b"\x1bP>|tmux 3.5a\x1b\\")
    terminals.append(terminal)
    before = probe(terminal.tty, XTERM, timeout_s=0.2)
    assert (before.name, before.asked) == ("tmux 3.5a", True)
    answers = Answers()
    answers.feed("\x1b[?62;4c")
    assert later(before, answers, terminal.tty, XTERM).protocol == HALF
