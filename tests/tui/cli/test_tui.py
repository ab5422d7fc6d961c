"""`holdshelf tui` on a terminal: the screens of this account, and a clean terminal afterwards."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.rig.hang import HANG_S
from tests.service import Service
from tests.tui.slow_terminal import SlowTerminal


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("tui") / "data") as running:
        yield running


def command(service: Service, *more: str) -> list[str]:
    return [sys.executable, "-m", "holdshelf_tui.cli", "tui", "--data", str(service.data), *more]


def test_without_a_terminal_it_says_so(service: Service) -> None:
    done = subprocess.run(command(service), stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=HANG_S)
    assert done.returncode == 1
    assert b"need a terminal" in done.stderr
    assert b"Traceback" not in done.stderr


def test_without_a_service_it_is_a_sentence_on_the_normal_screen(service: Service) -> None:
    with SlowTerminal([*command(service), "--data", "/nonexistent"], bytes_per_s=1e9, delay_s=0) as terminal:
        assert terminal.await_end() == 1
        assert b"is not set up" in terminal.text()
        assert b"\x1b[?1049h" not in terminal.text()


def test_the_screens_come_up_and_the_terminal_is_left_clean(service: Service) -> None:
    with SlowTerminal(
        command(service, "--theme", "contrast"), size=(80, 24), bytes_per_s=1e9, delay_s=0.001
    ) as terminal:
        terminal.await_text(b"Admin of this server")
        again = terminal.press(b"\x0c")  # Ctrl+L: something else may have written there
        terminal.await_text(b"Admin of this server", again)
        terminal.press(b"\x11")
        assert terminal.await_end() == 0
        assert b"\x1b[?1049l" in terminal.text()
        left = terminal.text().split(b"\x1b[?1049h", 1)[1]
        for off in (b"\x1b[?1000l", b"\x1b[?1003l", b"\x1b[?1006l", b"\x1b[?2004l", b"\x1b[?1004l", b"\x1b[?25h"):
            assert off in left, off
        assert b"Traceback" not in left


def test_an_unknown_theme_is_wrong_usage(service: Service) -> None:
    done = subprocess.run(command(service, "--theme", "pink"), capture_output=True, check=False, timeout=HANG_S)
    assert done.returncode == 2
    assert b"contrast" in done.stderr
