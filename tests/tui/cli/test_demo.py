"""`holdshelf demo` as a first user meets it: ends by itself, again on the same data, killed, and with its screens."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.hang import HANG_S
from tests.rig.processes import living, processes_with_files_in, tree
from tests.service import faults_in, wait_for
from tests.tui.cli.test_driver import HOLDSHELF, here, run


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A demo of one camera that goes on until it is ended; it is recording when a test gets it."""
    # The files of its cameras' processes are found by this: they inherit the folder they were started in.
    home = tmp_path / "started-here"
    home.mkdir()
    process = subprocess.Popen(
        [HOLDSHELF, "demo", "--cameras", "1", "--past", "0", "--data", str(tmp_path / "data")],
        cwd=home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        process_group=0,
    )
    with process:
        try:
            wait_for("the demo records", lambda: _recording(tmp_path / "data"), 90, every=0.3)
            yield process
        finally:  # Popen waits for a process that nobody ends
            process.kill()
            for pid in left_of(tmp_path):
                os.kill(pid, signal.SIGKILL)


def _recording(data: Path) -> bool:
    return any(file.stat().st_size > 10_000 for file in (data / "media" / "footage").glob("*/open/*.mp4"))


def left_of(folder: Path) -> list[int]:
    """Processes that still stand in, or hold a file of, the test's folder."""
    return [pid for pid in processes_with_files_in(folder) if pid != os.getpid()]


def nothing_is_left_of(folder: Path) -> None:
    """What notices the demo's end by a pipe that closes is gone a moment later."""
    wait_for("nothing is left running", lambda: left_of(folder) == [])


def test_a_demo_that_is_interrupted_leaves_whole_files_and_one_on_the_same_data_goes_on_and_ends_by_itself(
    demo: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    data = tmp_path / "data"
    assert len(tree(demo.pid)) >= 4, "itself, a camera, the service, its worker"
    demo.send_signal(signal.SIGINT)
    out = demo.communicate(timeout=HANG_S)[0].decode()
    assert demo.returncode in (0, 130), out
    assert faults_in(out) == []
    nothing_is_left_of(tmp_path)
    assert list((data / "media" / "footage").glob("*/open/*")) == []
    first = list((data / "media" / "footage").glob("front-entrance/2*/*.mp4"))
    assert first

    done = run("demo", "--seconds", "3", "--data", data, "--json")
    assert (done.code, done.err) == (0, "")
    cameras = done.json()["cameras"]
    assert [camera["id"] for camera in cameras] == ["front-entrance", "reading-room"]
    for camera in cameras:
        assert set(camera) >= {"id", "name", "recorded_seconds", "gaps", "segments", "bytes", "audio_tracks"}
        assert camera["audio_tracks"] == 0
        assert camera["segments"] >= 1
        assert camera["recorded_seconds"] > 0
        assert camera["bytes"] > 10_000
    nothing_is_left_of(tmp_path)
    assert cameras[0]["segments"] > len(first), "what was recorded the first time is still there"
    assert all(file.exists() for file in first)
    # A demo's data is data like any other.
    assert run("doctor", "--json", "--data", data).json()["steps"][-1]["name"] == "service"


def test_a_demo_that_is_killed_leaves_nothing_running(demo: subprocess.Popen[bytes], tmp_path: Path) -> None:
    started = [member.pid for member in tree(demo.pid)]
    demo.kill()
    demo.wait()

    def gone() -> bool:
        return not living(started) and left_of(tmp_path) == []

    wait_for("every process that it started is gone", gone)


def test_a_demo_without_data_that_is_told_to_end_leaves_no_folder_and_nothing_running(tmp_path: Path) -> None:
    with subprocess.Popen(
        [HOLDSHELF, "demo", "--cameras", "1", "--past", "1"],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        process_group=0,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    ) as process:
        try:
            (made,) = wait_for("its folder", lambda: [path for path in tmp_path.iterdir() if "demo" in path.name])
            wait_for("the demo records", lambda: _recording(made), every=0.3)
            process.send_signal(signal.SIGTERM)
            out = process.communicate(timeout=HANG_S)[0].decode()
        finally:
            process.kill()
    assert process.returncode in (0, 130), out
    assert faults_in(out) == []
    assert "Drawing the last 1 minute" in out
    nothing_is_left_of(tmp_path)
    assert [path.name for path in tmp_path.iterdir() if "demo" in path.name] == []


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "1e9"])
def test_a_demo_of_no_length_is_refused_before_anything_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, seconds: str
) -> None:
    refused = here(capsys, monkeypatch, "demo", "--seconds", seconds, "--data", tmp_path / "d")
    assert "--seconds takes 1 to 86400" in refused.refusal()
    assert list(tmp_path.iterdir()) == []


def test_the_directors_screens_come_up_are_left_cleanly_and_nothing_is_left_running(tmp_path: Path) -> None:
    tmux = ["tmux", "-L", f"holdshelf-{uuid.uuid4().hex[:8]}"]
    # pytest's readline has set COLUMNS and LINES, which would be believed rather than the terminal.
    command = f"env -u COLUMNS -u LINES '{HOLDSHELF}' demo --cameras 1 --past 1 --data '{tmp_path / 'data'}'"

    def do(*words: str) -> str:
        return subprocess.run([*tmux, *words], capture_output=True, text=True, check=True).stdout

    def screen() -> str:
        return do("capture-pane", "-p", "-J")  # lines that the terminal broke, whole

    do("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", "sh")
    try:
        do("send-keys", "-l", f"{command}; echo ended: $?")
        do("send-keys", "Enter")
        wait_for("the welcome of a first log-in", lambda: "Welcome to Holdshelf" in screen(), 60, every=0.3)
        do("send-keys", "Enter")
        row = r"Front entrance +● recording +\d+ min \d+ s +0\.0 "
        wait_for("the first question", lambda: "What do you need?" in screen(), 60, every=0.3)
        do("send-keys", "1")
        words = ("Dora Reed, Library Director", "1 of 1 cameras recording", "2 Timeline")

        def cameras() -> bool:
            shown = screen()
            return re.search(row, shown) is not None and all(one in shown for one in words)

        wait_for("the cameras", cameras, every=0.3)
        assert do("display-message", "-p", "#{alternate_on}") == "1\n"
        do("send-keys", "C-q")
        wait_for("the demo's end", lambda: "ended: 0" in screen(), every=0.2)
        left = do("capture-pane", "-p", "-J", "-S", "-")  # with what has scrolled away
        assert "demo-keys/director -p" in left, "how to come in is still there to be read"
        assert "To try: in Timeline press t," in left and "| puts the cameras side by side. [ and ] mark" in left
        assert "0 tracks of sound" in left
        modes = "#{alternate_on} #{mouse_any_flag} #{mouse_sgr_flag} #{keypad_cursor_flag} #{cursor_flag}"
        assert do("display-message", "-p", modes) == "0 0 0 0 1\n"
        do("send-keys", "-l", "echo c''lean-$((40+2))")
        do("send-keys", "Enter")
        wait_for("a shell that echoes", lambda: "clean-42" in screen())
        do("send-keys", "-l", "exit")
        do("send-keys", "Enter")

        def ended() -> bool:  # tmux's server ends with its only window
            return subprocess.run([*tmux, "ls"], capture_output=True, check=False).returncode != 0

        wait_for("the shell's end", ended)
        nothing_is_left_of(tmp_path)
    finally:
        subprocess.run([*tmux, "kill-server"], capture_output=True, check=False)
        for pid in left_of(tmp_path):
            os.kill(pid, signal.SIGKILL)
    journal = next((tmp_path / "data" / "media" / "footage").glob("*/2*/journal.jsonl"))
    assert all(json.loads(line) for line in journal.read_text().splitlines())


def test_a_port_that_is_taken_is_said_before_anything_is_made(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("demo", "--no-ui", "--door-port", str(port), "--data", tmp_path / "d")
    assert "Give another with --door-port" in done.refusal()
    assert list(tmp_path.iterdir()) == []
