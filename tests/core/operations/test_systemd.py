"""What systemd is told of a loop that lives: at half of what it allows, and nothing where it does not watch."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from holdshelf_core.operations import systemd


@pytest.mark.parametrize(("allowed", "told"), [("60000000", [0.0, 30.0, 60.0, 90.0]), ("", []), ("no", [])])
def test_the_watchdog_hears_at_half_of_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, allowed: str, told: list[float]
) -> None:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(str(tmp_path / "notify"))
    listener.setblocking(False)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", allowed)
    now = [1_000.0]
    monkeypatch.setattr(systemd.time, "monotonic", lambda: now[0])
    watchdog, heard = systemd.Watchdog(), []
    for second in range(100):
        now[0] = 1_000.0 + second
        watchdog.async_alive()
        try:
            assert listener.recv(100) == b"WATCHDOG=1"
            heard.append(float(second))
        except BlockingIOError:
            continue
    listener.close()
    assert heard == told
