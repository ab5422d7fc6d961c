"""How a terminal is asked what it can draw: quickly, without eating a key, and not taken in by a multiplexer."""

from __future__ import annotations

import os
import pty
import select
import struct
import subprocess
import termios
import threading
import tty
from collections.abc import Iterator
from fcntl import ioctl
from types import SimpleNamespace
from typing import Any

import pytest

from holdshelf_tui.session import probe as probing
from holdshelf_tui.session.answers import Answers
from holdshelf_tui.session.graphics import ALL, FEW, HALF, KITTY, NO_COLORS, SIXEL, SOME, Graphics
from holdshelf_tui.session.probe import PROBE_S, colors_of, keeps_ground_of, later, probe
from holdshelf_tui.session.probe import ask as put_questions
from tests.rig.hang import HANG_S

XTERM = {"TERM": "xterm-256color"}


class Terminal:
    """The other end of a pseudo-terminal: answers as it is told to, once it was asked; ``is_late``: not before `answer`."""

    def __init__(self, answer: bytes, *, is_late: bool = False) -> None:
        self.master, self.tty = pty.openpty()
        tty.setraw(self.tty)
        self.asked = b""
        self._answer, self._may_answer = answer, threading.Event()
        if not is_late:
            self._may_answer.set()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while b"\x1b[c" not in self.asked:
            try:
                self.asked += os.read(self.master, 1024)
            except OSError:
                return
        self._may_answer.wait()
        os.write(self.master, self._answer)

    def answer(self) -> None:
        """Now."""
        self._may_answer.set()

    def close(self) -> None:
        self._may_answer.set()
        self._thread.join(HANG_S)
        os.close(self.master)
        os.close(self.tty)


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    made: list[Terminal] = []
    yield made
    for terminal in made:
        terminal.close()


ANSWERED_S = HANG_S
"""For an answer that comes, however busy the machine is: it is not waited for any longer than it takes."""


def ask(
    terminals: list[Terminal],
    answer: bytes,
    environment: dict[str, str] | None = None,
    *,
    timeout_s: float = ANSWERED_S,
) -> Graphics:
    terminal = Terminal(answer)
    terminals.append(terminal)
    return probe(terminal.tty, environment or XTERM, timeout_s=timeout_s)


@pytest.fixture
def waited_s(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long a terminal is waited for, on a clock of its own: whoever waits for what does not come wakes up at once."""
    waited: list[float] = []

    def select_(*asked: Any) -> tuple[list[int], list[int], list[int]]:
        *descriptors, wait_s = asked
        ready = select.select(*descriptors, 0)
        if not any(ready):
            waited.append(wait_s)
        return ready

    monkeypatch.setattr(probing, "select", SimpleNamespace(select=select_))
    monkeypatch.setattr(probing, "time", SimpleNamespace(monotonic=lambda: sum(waited)))
    return waited


WINDOWS_TERMINAL = b"\x1b[6;20;10t\x1b[?61;4;6;7;14;21;22;23;24;28;32;42c"
PUTTY = b"\x1b[?6c"
KITTY_ANSWER = b"\x1bP>|kitty(0.35.2)\x1b\\\x1b[6;18;9t\x1b[?62;c"
TMUX = b"\x1bP>|tmux 3.5a\x1b\\\x1b[6;32;16t\x1b[?1;2;4c"
FOOT = b"\x1bP>|foot(1.17.2)\x1b\\\x1b[6;17;8t\x1b[?62;4;22;28c"


def test_windows_terminal_has_sixel_and_all_colors(terminals: list[Terminal]) -> None:
    found = ask(terminals, WINDOWS_TERMINAL)
    assert (found.protocol, found.colors, found.cell_width_px, found.cell_height_px) == (SIXEL, ALL, 10, 20)


def test_putty_has_half_blocks_in_256_colors(terminals: list[Terminal]) -> None:
    found = ask(terminals, PUTTY, {"TERM": "xterm"})
    assert (found.protocol, found.colors) == (HALF, SOME)


def test_kitty_and_foot(terminals: list[Terminal]) -> None:
    kitty = ask(terminals, KITTY_ANSWER, {"TERM": "xterm-kitty"})
    assert (kitty.protocol, kitty.colors, kitty.cell_width_px) == (KITTY, ALL, 9)
    foot = ask(terminals, FOOT, {"TERM": "foot"})
    assert (foot.protocol, foot.colors, foot.cell_height_px) == (SIXEL, ALL, 17)


@pytest.mark.parametrize("term", ["tmux-256color", "screen-256color", "xterm-256color"])
def test_tmux_says_that_it_can_do_sixel_and_is_not_believed(terminals: list[Terminal], term: str) -> None:
    assert ask(terminals, TMUX, {"TERM": term}).protocol == HALF


def test_a_silent_terminal_costs_a_fifth_of_a_second_and_no_more(
    terminals: list[Terminal], waited_s: list[float]
) -> None:
    found = ask(terminals, b"", timeout_s=PROBE_S)
    assert (found.protocol, found.colors) == (HALF, SOME)
    assert sum(waited_s) == pytest.approx(PROBE_S) == pytest.approx(0.2)


def test_a_terminal_that_answers_is_not_waited_for(terminals: list[Terminal]) -> None:
    terminal = Terminal(WINDOWS_TERMINAL)
    terminals.append(terminal)
    tty.setraw(terminal.tty)
    put_questions(terminal.tty, "xterm")
    assert select.select([terminal.tty], [], [], ANSWERED_S)[0], "the answer lies there"
    waited: list[float] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            probing,
            "select",
            SimpleNamespace(select=lambda *asked: waited.append(asked[-1]) or select.select(*asked)),
        )
        assert probe(terminal.tty, XTERM, timeout_s=ANSWERED_S, asked=True).protocol == SIXEL
    assert len(waited) == 1, "once it has all answers it does not ask whether there is more"


def test_a_terminal_that_takes_nothing_does_not_hold_it_up(waited_s: list[float]) -> None:
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
        assert probe(end, XTERM).protocol == HALF
        assert sum(waited_s) == pytest.approx(PROBE_S)
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
    probe(terminal.tty, XTERM, timeout_s=ANSWERED_S)
    assert termios.tcgetattr(terminal.tty) == before


def test_a_late_answer_is_no_key(terminals: list[Terminal]) -> None:
    terminal = Terminal(b"x" + WINDOWS_TERMINAL + b"y", is_late=True)
    terminals.append(terminal)
    assert probe(terminal.tty, XTERM).typed == ""
    terminal.answer()
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
    found = probe(terminal.tty, XTERM, timeout_s=ANSWERED_S)
    assert (found.protocol, found.cell_width_px, found.cell_height_px) == (SIXEL, 12, 25)


def test_what_the_terminal_says_of_a_cell_is_exact_and_the_kernels_word_rounded(terminals: list[Terminal]) -> None:
    terminal = Terminal(b"\x1b[6;13;6t\x1b[?62;4c")
    terminals.append(terminal)
    ioctl(terminal.tty, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 80 * 6 + 40, 24 * 13 + 4))  # with a scroll bar
    found = probe(terminal.tty, XTERM, timeout_s=ANSWERED_S)
    assert (found.cell_width_px, found.cell_height_px) == (6, 13)


def test_the_size_of_all_cells_says_that_of_one(terminals: list[Terminal]) -> None:
    terminal = Terminal(b"\x1b[4;312;480t\x1b[?62;4c")
    terminals.append(terminal)
    ioctl(terminal.tty, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    found = probe(terminal.tty, XTERM, timeout_s=ANSWERED_S)
    assert (found.protocol, found.cell_width_px, found.cell_height_px) == (SIXEL, 6, 13)


@pytest.mark.parametrize("answer", [b"\x1b[?62;4c", b"\x1bP>|kitty(0.35.2)\x1b\\\x1b[?62;c"])
def test_where_nobody_knows_a_cells_size_pictures_are_half_blocks(terminals: list[Terminal], answer: bytes) -> None:
    assert ask(terminals, answer).protocol == HALF


def test_letters_of_another_size_are_followed(terminals: list[Terminal]) -> None:
    terminal = Terminal(b"\x1b[6;13;6t\x1b[?62;4c")
    terminals.append(terminal)
    before = probe(terminal.tty, XTERM, timeout_s=ANSWERED_S)
    before.answers.feed("\x1b[6;26;12t")
    after = later(before, terminal.tty, XTERM)
    assert (after.protocol, after.cell_width_px, after.cell_height_px) == (SIXEL, 12, 26)
    assert after != before


@pytest.mark.parametrize("cell", [b"\x1b[6;0;0t", b"\x1b[6;9999;9999t"])
def test_a_lie_about_the_size_of_a_cell_is_not_believed(terminals: list[Terminal], cell: bytes) -> None:
    assert ask(terminals, cell + b"\x1b[?62;4c").protocol == HALF


def test_what_is_no_terminal_is_not_asked() -> None:
    read, write = os.pipe()
    try:
        assert probe(read, XTERM).protocol == HALF
    finally:
        os.close(read)
        os.close(write)


@pytest.mark.parametrize(
    ("environment", "colors"),
    [
        ({"TERM": "xterm"}, SOME),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, ALL),
        ({"TERM": "xterm-direct"}, ALL),
        ({"TERM": "linux"}, FEW),
        ({"TERM": "vt100"}, NO_COLORS),
        ({"TERM": "dumb"}, NO_COLORS),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, NO_COLORS),
        ({}, FEW),
    ],
)
def test_colors_by_name(environment: dict[str, str], colors: int) -> None:
    assert colors_of(environment) == colors


def test_an_answer_that_comes_when_the_app_runs_already_is_heeded(terminals: list[Terminal]) -> None:
    terminal = Terminal(WINDOWS_TERMINAL, is_late=True)
    terminals.append(terminal)
    before = probe(terminal.tty, XTERM, timeout_s=0.05)
    assert (before.protocol, before.colors, before.answers.answered) == (HALF, SOME, False)
    terminal.answer()
    while not before.answers.answered:
        assert before.answers.feed(os.read(terminal.tty, 1024).decode()) == ""
    after = later(before, terminal.tty, XTERM)
    assert (after.protocol, after.colors) == (SIXEL, ALL)


def said_already(answer: bytes) -> Terminal:
    """A terminal whose answer lies there when it is asked: then no machine is too busy for it to be in time."""
    terminal = Terminal(b"")
    os.write(terminal.master, answer)
    return terminal


def test_a_name_that_came_in_time_still_counts_when_the_rest_is_late(terminals: list[Terminal]) -> None:
    terminal = said_already(b"\x1bP>|tmux 3.5a\x1b\\")
    terminals.append(terminal)
    before = probe(terminal.tty, XTERM, timeout_s=0.2)
    assert (before.answers.name, before.answers.answered) == ("tmux 3.5a", False)
    before.answers.feed("\x1b[6;20;10t\x1b[?62;4c")
    assert later(before, terminal.tty, XTERM).protocol == HALF


def test_an_answer_that_came_in_two_halves_is_whole(terminals: list[Terminal]) -> None:
    terminal = said_already(b"\x1b[6;13;6t\x1b[?62;")
    terminals.append(terminal)
    before = probe(terminal.tty, XTERM, timeout_s=0.1)
    assert before.typed == ""
    assert before.answers.feed("4ck") == "k"
    after = later(before, terminal.tty, XTERM)
    assert (after.protocol, after.cell_width_px, after.cell_height_px) == (SIXEL, 6, 13)


def test_a_protocol_that_the_person_chose_is_kept_where_it_can_be_drawn(terminals: list[Terminal]) -> None:
    terminal = Terminal(PUTTY)
    terminals.append(terminal)
    ioctl(terminal.tty, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 800, 480))
    found = probe(terminal.tty, XTERM, wanted=KITTY, timeout_s=ANSWERED_S)
    assert found.protocol == later(found, terminal.tty, XTERM).protocol == KITTY
    assert ask(terminals, PUTTY, XTERM).protocol == HALF


@pytest.mark.parametrize(
    ("term", "name", "keeps"),
    [
        ("xterm-256color", "", True),  # also Windows Terminal, PuTTY, Terminal.app
        ("xterm-256color", "xterm(390)", True),
        ("linux", "", True),
        ("alacritty", "", True),
        ("xterm-kitty", "", False),
        ("xterm-256color", "kitty(0.32)", False),
        ("screen-256color", "", False),
        ("screen-256color", "tmux 3.5a", True),
        ("tmux-256color", "tmux 3.5a", True),
        ("tmux-256color", "", False),
        ("screen-256color-bce", "", True),
        ("xterm-256color", "zellij 0.43.1", False),
        ("xterm-256color", "screen 5.0", False),
        ("vt220", "", False),
        ("eterm-color", "", False),
    ],
)
def test_blanks_are_erased_in_color_only_where_it_is_known_to_work(term: str, name: str, keeps: bool) -> None:
    assert keeps_ground_of(term, name) is keeps


def test_terminfo_says_so_too_of_the_terminals_that_this_machine_knows() -> None:
    """`bce`, by $TERM alone: what it says of a terminal is what was shown to work there."""
    terms = ("xterm-256color", "linux", "rxvt-unicode-256color", "screen-256color", "screen-256color-bce")
    more = ("tmux-256color", "vt220", "ansi", "xterm-kitty", "putty-256color", "alacritty", "foot", "konsole-256color")
    known = 0
    for term in (*terms, *more, "gnome-256color", "vte-256color", "mintty", "wezterm", "st-256color", "eterm-color"):
        told = subprocess.run(["infocmp", "-1", term], capture_output=True, text=True, check=False)
        if told.returncode == 0:
            known += 1
            assert keeps_ground_of(term, "") == ("\tbce," in told.stdout), term
    assert known >= 4


def test_questions_that_were_put_already_are_not_put_again(terminals: list[Terminal]) -> None:
    terminal = Terminal(b"\x1bP>|tmux 3.5a\x1b\\\x1b[?62;4c")
    terminals.append(terminal)
    assert put_questions(terminal.tty, "tmux-256color")
    graphics = probe(terminal.tty, {"TERM": "tmux-256color"}, asked=True, timeout_s=ANSWERED_S)
    assert (graphics.answers.name, graphics.keeps_ground, graphics.answers.answered) == ("tmux 3.5a", True, True)
    assert terminal.asked.count(b"\x1b[c") == 1
    assert not put_questions(terminal.tty, "linux")
