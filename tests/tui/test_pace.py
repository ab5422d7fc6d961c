"""A slow line stays usable while pictures load: what is not painted yet is not on its way yet, and a key is answered at once."""

from __future__ import annotations

import re
import statistics
import sys
import time

import pytest

from tests.tui.slow_terminal import SlowTerminal

MOST_UNSEEN = 32 << 10
BYTES_EACH = 24
"""What a cell of so busy a picture costs, about."""
ASKED = b"\x1b[5n"


def noisy(protocol: str) -> list[str]:
    return [sys.executable, "-m", "tests.tui.noisy_app", protocol]


@pytest.mark.parametrize("protocol", ["half-block", "sixel", "kitty"])
def test_over_1_mbit_and_150_ms_a_key_is_answered_within_half_a_second(protocol: str) -> None:
    with SlowTerminal(noisy(protocol), bytes_per_s=125_000, delay_s=0.075) as terminal:
        began = terminal.await_text(b"key 0")
        time.sleep(0.3)
        echoes = []
        for number in range(1, 9):
            pressed = terminal.press(b"x")
            echoes.append(terminal.await_text(f"key {number} ".encode(), pressed) - pressed)
        loading = sum(len(data) for at, data in terminal.seen if at >= began)
        assert loading > 60_000, "nothing was loading meanwhile"
        # Deadlines are asserted at twice their value.
        assert statistics.median(echoes) <= 0.5, echoes
        assert max(echoes) <= 1.0, echoes


def test_no_more_than_32_kb_are_on_their_way_to_a_terminal_that_does_not_take_them() -> None:
    """Its answers come after two seconds, so until then all that was written is unseen."""
    with SlowTerminal(noisy("half-block"), bytes_per_s=1e9, delay_s=1.0) as terminal:
        first = terminal.await_text(b"key 0")
        time.sleep(0.5)
        unanswered = b"".join(data for at, data in terminal.seen if at < first + 1.0)
        painted = sum(unanswered.count(sign.encode()) for sign in "▀▄█")
        assert painted > 50
        assert painted * BYTES_EACH <= MOST_UNSEEN, painted
        time.sleep(1.5)
        later = terminal.text()
        assert sum(later.count(sign.encode()) for sign in "▀▄█") > 1.5 * painted, "it went on when the answers came"


def test_a_terminal_that_never_answers_gets_its_pictures_and_one_whose_answers_were_lost_is_asked_again() -> None:
    with (
        SlowTerminal(noisy("half-block"), bytes_per_s=1e9, delay_s=0.0, answers=False) as silent,
        SlowTerminal(noisy("half-block"), bytes_per_s=1e9, delay_s=0.0, answers=False) as forgetful,
    ):
        for terminal in (silent, forgetful):
            terminal.await_text(b"key 0")
        ends = time.monotonic() + 30
        asked = -1
        while forgetful.text().count(ASKED) != asked:  # until it waits for answers
            asked = forgetful.text().count(ASKED)
            time.sleep(0.5)
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
            for number in range(1, presses + 1):
                pressed = terminal.press(b"n")
                terminal.await_text(f"key {number} ".encode(), pressed)
            quiet = time.monotonic()
            length = len(terminal.text())
            while time.monotonic() - quiet < 0.5:
                time.sleep(0.05)
                if len(terminal.text()) != length:
                    quiet, length = time.monotonic(), len(terminal.text())
            return length

    assert cost(4) < 2.6 * cost(0)


def test_pixels_stand_where_their_cells_are_and_nothing_stays_behind() -> None:
    """On the terminal as it is, whatever the environment tells of another: a shell or a test runner may have left it there."""
    other = {"COLUMNS": "160", "LINES": "48"}
    with SlowTerminal(noisy("kitty"), size=(80, 24), bytes_per_s=1e9, delay_s=0.001, environment=other) as terminal:
        terminal.await_text(b"key 0")
        place = re.compile(rb"\x1b\[(\d+);(\d+)H\x1b_Ga=T,f=100,C=1,q=2,i=(\d+)")
        quiet_s, length = time.monotonic(), -1
        while time.monotonic() - quiet_s < 0.7 or len(set(place.findall(terminal.text()))) < 12:
            assert time.monotonic() - quiet_s < 20, place.findall(terminal.text())
            if len(terminal.text()) != length:
                quiet_s, length = time.monotonic(), len(terminal.text())
            time.sleep(0.05)
        placed = place.findall(terminal.text())
        assert len({number for _row, _column, number in placed}) >= 12
        assert {int(column) for _row, column, _number in placed} == {1, 21, 41, 61}
        assert all(2 <= int(row) <= 24 for row, _column, _number in placed)
        terminal.press(b"q")
        assert terminal.process.wait(10) == 0
        deadline_s = time.monotonic() + 5
        while b"\x1b[?1049l" not in terminal.text() and time.monotonic() < deadline_s:
            time.sleep(0.02)
        deleted = set(re.findall(rb"a=d,d=I,i=(\d+)", terminal.text()))
        assert {number for _row, _column, number in placed} <= deleted
