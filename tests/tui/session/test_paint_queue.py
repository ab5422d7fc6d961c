"""A slow line stays usable while pictures load: what is not painted yet is not on its way yet, and a key is answered at once."""

from __future__ import annotations

import re
import sys
import time

import pytest

from tests.service import wait_for
from tests.tui.slow_terminal import SlowTerminal

MOST_UNSEEN = 32 << 10
BYTES_EACH = 24
"""What a cell of so busy a picture costs, about."""
ASKED = b"\x1b[5n"


def noisy(protocol: str) -> list[str]:
    return [sys.executable, "-m", "tests.tui.noisy_app", protocol]


@pytest.mark.parametrize("protocol", ["half-block", "sixel", "kitty"])
def test_over_1_mbit_and_150_ms_a_key_is_answered_before_the_pictures_that_wait(protocol: str) -> None:
    with SlowTerminal(noisy(protocol), bytes_per_s=125_000, delay_s=0.075) as terminal:
        began = terminal.await_text(b"key 0")
        wait_for("pictures come", lambda: len(terminal.text()) > 16_000)
        before = []

        def loaded_bytes() -> int:
            return sum(len(data) for at, data in terminal.seen if at >= began)

        for number in range(1, 1000):
            pressed = terminal.press(b"x")
            echoed = terminal.await_shown(f"key {number} ", pressed)
            before.append(sum(len(data) for at, data in terminal.seen if pressed <= at <= echoed))
            if number >= 8 and loaded_bytes() > 60_000:
                break
        else:
            raise AssertionError("nothing was loading meanwhile")
        # What was on its way, and as much again, which a busy machine lets go between the key and its answer.
        assert max(before) <= 2 * MOST_UNSEEN, f"a key waits for {before} bytes"


def test_no_more_than_32_kb_are_on_their_way_to_a_terminal_that_does_not_take_them() -> None:
    """No answer comes at first, so until then all that was written is unseen."""

    def painted() -> int:
        return sum(terminal.text().count(sign.encode()) for sign in "▀▄█")

    patient = [*noisy("half-block"), "600"]
    with SlowTerminal(patient, bytes_per_s=1e9, delay_s=0.0, answers=False) as terminal:
        terminal.await_text(ASKED)
        wait_for("some pictures", lambda: painted() > 50)
        terminal.await_quiet(0.5)
        unanswered = painted()
        assert unanswered * BYTES_EACH <= MOST_UNSEEN, unanswered
        terminal.answers = True
        terminal.press(b"\x1b[0n" * terminal.text().count(ASKED))
        wait_for("it goes on when the answers come", lambda: painted() > 1.5 * unanswered)


def test_a_terminal_that_never_answers_gets_its_pictures_and_one_whose_answers_were_lost_is_asked_again() -> None:
    with (
        SlowTerminal(noisy("half-block"), bytes_per_s=1e9, delay_s=0.0, answers=False) as silent,
        SlowTerminal(noisy("half-block"), bytes_per_s=1e9, delay_s=0.0, answers=False) as forgetful,
    ):
        for terminal in (silent, forgetful):
            terminal.await_text(b"key 0")
        ends = time.monotonic() + 100
        forgetful.await_quiet()  # until it waits for answers
        asked = forgetful.text().count(ASKED)
        forgetful.answers = True
        while len(silent.text()) < 90_000:
            assert time.monotonic() < ends, len(silent.text())
            time.sleep(0.05)
        while (again := forgetful.text().count(ASKED) - asked) < 8:  # at some of each picture, not just now and then
            assert time.monotonic() < ends, f"asked {asked} times, then {again} times"
            forgetful.press(b"n")
            time.sleep(0.25)


def test_what_is_out_of_date_is_not_painted() -> None:
    """Four times other pictures within a moment cost hardly more than twice."""

    def cost(presses: int) -> int:
        with SlowTerminal(noisy("half-block"), bytes_per_s=250_000, delay_s=0.02) as terminal:
            terminal.await_text(b"key 0")
            pressed = terminal.press(b"n" * presses)
            terminal.await_shown(f"key {presses} ", pressed if presses else 0.0)
            terminal.await_quiet()
            return len(terminal.text())

    assert cost(4) < 2.6 * cost(0)


def test_pixels_stand_where_their_cells_are_and_nothing_stays_behind() -> None:
    """On the terminal as it is, whatever the environment tells of another: a shell or a test runner may have left it there."""
    other = {"COLUMNS": "160", "LINES": "48"}
    with SlowTerminal(noisy("kitty"), size=(80, 24), bytes_per_s=1e9, delay_s=0.001, environment=other) as terminal:
        terminal.await_text(b"key 0")
        place = re.compile(rb"\x1b\[(\d+);(\d+)H\x1b_Ga=T,f=100,C=1,q=2,i=(\d+)")
        wait_for("twelve pictures", lambda: len(set(place.findall(terminal.text()))) >= 12)
        terminal.await_quiet(0.7)
        placed = place.findall(terminal.text())
        assert len({number for _row, _column, number in placed}) >= 12
        assert {int(column) for _row, column, _number in placed} == {1, 21, 41, 61}
        assert all(2 <= int(row) <= 24 for row, _column, _number in placed)
        terminal.press(b"q")
        assert terminal.await_end() == 0
        deleted = set(re.findall(rb"a=d,d=I,i=(\d+)", terminal.text()))
        assert {number for _row, _column, number in placed} <= deleted
