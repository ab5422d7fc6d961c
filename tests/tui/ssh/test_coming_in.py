"""Through the door with the real OpenSSH client: the screens, commands, the terminal afterwards, and everything refused."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time

import pytest

from holdshelf_core.api.ssh import host_key
from holdshelf_core.people import types
from holdshelf_tui.ssh.limits import KEY_AT_ONCE, KEY_PER_S
from tests.people import PAPER
from tests.rig.hang import HANG_S
from tests.service import HOST, free_port
from tests.tui.ssh.door_rig import HOME_SHOWS, DoorHouse


def test_the_screens_come_up_and_the_terminal_is_left_clean(house: DoorHouse) -> None:
    with house.tmux("dora") as terminal:
        terminal.start()
        assert "Dora Reed" in terminal.until(HOME_SHOWS)
        assert terminal.modes()["alternate_on"] == "1"
        terminal.type("C-q")
        terminal.assert_clean()


@pytest.mark.parametrize("victim", ["child", "door"])
def test_a_session_that_dies_leaves_the_terminal_clean_or_says_that_the_line_broke(
    house: DoorHouse, victim: str
) -> None:
    with house.tmux("dora") as terminal:
        terminal.start()
        terminal.until(HOME_SHOWS)
        (child,) = house.children()
        if victim == "child":
            os.kill(child, signal.SIGKILL)
            terminal.until("failed because of a bug")
            terminal.assert_clean()
        else:  # nobody is there to clean up; the client tells
            house.kill_door()
            # Where the cursor stood near the edge, what ssh says first is cut there.
            terminal.until("Connection to 127.0.0.1 closed.")


def test_a_seats_name_is_its_holder_and_each_command_is_answered_as_on_the_machine(
    house: DoorHouse, camera: str
) -> None:
    (row,) = json.loads(house.run("director", "cameras", "--json", key="dora").out)
    assert (row["id"], row["name"]) == (camera, "Lobby")
    assert json.loads(house.run("dora", "holds", "--json").out)["holds"] == []
    assert house.run("dora", "status").out.startswith("Holdshelf ")
    assert "security camera policy" in house.run("dora", "print", "policy").out.lower()
    assert "hold place" in house.run("dora", "help").out
    assert "Access log, to write down and keep elsewhere: " in house.run("dora", "today").out
    assert "--incident" in house.run("dora", "hold", "place", "--help").out


def test_exit_codes_and_standard_error_come_through(house: DoorHouse) -> None:
    wrong = house.run("dora", "hold", "show", "H-1999-0001")
    assert (wrong.code, wrong.out) == (1, "")
    assert "holdshelf: There is no hold" in wrong.err
    assert house.run("dora", "hold", "place").code == 2


def test_with_a_terminal_a_command_ends_its_lines_as_terminals_want(house: DoorHouse) -> None:
    assert house.run("dora", "holds", options=["-tt"]).out == "Nothing is on hold.\r\n"


def test_standard_input_reaches_a_command_and_a_paper_is_hashed_from_it(house: DoorHouse) -> None:
    house.new_key("ines")
    done = house.run(
        "dora", "person", "add", "ines", "--name", "Ines", "--key", "-", stdin=house.public("ines").encode()
    )
    assert "is enrolled" in done.out, done.said
    assert house.appoint("ines", "hold").startswith("a")


def test_the_log_is_verified_and_help_names_what_one_types(house: DoorHouse) -> None:
    assert "0 problems" in house.run("dora", "log", "verify").out
    assert "0 problems" in house.run("dora", "holdshelf", "log", "verify").out
    helped = house.run("dora", "hold", "place", "--help").out
    ssh = f"ssh -p {house.port} dora@{HOST}"
    assert f"Usage: {ssh} hold place" in helped and f"Example: {ssh} hold place" in " ".join(helped.split())
    assert "holdshelf " not in helped
    assert "--data" not in helped
    assert f"See `{ssh} hold place --help`." in house.run("dora", "hold", "place", "--nonsense").err
    assert f"See `{ssh} hold show`" in house.run("dora", "hold", "approve", "H-1999-0001").err.replace("list`", "show`")
    assert ssh in house.run("dora", "help").out and "PORT" not in house.run("dora", "help").out
    assert f"sftp -P {house.port} dora@{HOST}" in house.run("dora", "outbox").out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["serve"], "There is no command 'serve' here"),
        (["holdshelf", "serve"], "There is no command 'serve' here"),
        (["camera", "add", "rtsp://192.0.2.1/"], "cannot be used over SSH"),
        (["hold", "archive", "H-1", "--to", "/tmp"], "cannot be used over SSH"),
        (["log", "export", "/tmp/log"], "Over SSH you cannot use files on the server"),
        (["log", "verify", "/tmp/log"], "send a file on standard input"),
        (["hold", "plcae"], "There is no command 'hold plcae'. `hold --help` lists them."),
        (["look", "still", "--camera", "x", "--at", "14:00", "-o", "/tmp/x.jpg"], "names a file on the server"),
        (["look", "still", "--camera", "x", "--at", "14:00", "-o/tmp/x.jpg"], "names a file on the server"),
        (["person", "add", "x", "--name=X", "--key=/etc/passwd"], "names a file on the server"),
        (["policy", "adopt", "/etc/passwd", "--version=1", "--adopted-on=2026-01-01"], "send a file on standard input"),
        (["status", "--data", "/"], "names a file on the server"),
        (["/bin/sh", "-c", "id"], "There is no shell here"),
        (["scp", "-t", "/tmp"], "Files are not copied"),
        (["rsync", "--server"], "Files are not copied"),
        (["holds;id"], "There is no command 'holds;id' here"),
        (["$(id)"], "There is no command"),
    ],
)
def test_what_is_no_persons_command_is_refused_in_words(house: DoorHouse, words: list[str], sentence: str) -> None:
    done = house.run("dora", *words)
    assert (done.code, done.out) == (1, "")
    assert sentence in done.err


def test_without_a_terminal_the_screens_say_what_they_need(house: DoorHouse) -> None:
    done = house.run("dora", options=["-T"])
    assert (done.code, done.out) == (1, "")
    assert "need a terminal" in done.err
    assert "cannot show the screens" in house.run("dora", options=["-tt"], env={"TERM": "dumb"}).said


@pytest.mark.parametrize("name", ["netconf", "SFTP", "sftp-server", "x" * 300])
def test_other_subsystems_than_sftp_are_refused_in_words(house: DoorHouse, name: str) -> None:
    done = house.run("dora", name, options=["-s"])
    assert done.code == 1
    assert "no such subsystem" in done.err


def test_scp_brings_nothing_here_by_either_of_its_protocols(house: DoorHouse) -> None:
    options = house.ssh("dora")[1:-1]
    options[options.index("-p")] = "-P"
    done = subprocess.run(
        ["scp", *options, "/etc/hostname", "dora@127.0.0.1:/tmp/x"],
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )
    assert done.returncode != 0
    assert "/tmp/x" in done.stderr
    old = subprocess.run(
        ["scp", "-O", *options, "/etc/hostname", "dora@127.0.0.1:/tmp/x"],
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )
    assert old.returncode != 0
    assert "Files are not copied" in old.stderr


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["-R", "0:127.0.0.1:9"], "remote port forwarding failed"),
        (["-R", "/tmp/holdshelf-test.sock:127.0.0.1:9"], "remote port forwarding failed"),
        (["-W", "127.0.0.1:22"], "Holdshelf forwards nothing"),
        (["-w", "any:any"], "Holdshelf forwards nothing"),
    ],
)
def test_forwarding_is_refused(house: DoorHouse, options: list[str], sentence: str) -> None:
    words = [] if options[0] == "-W" else ["holds"]
    done = house.run("dora", *words, options=[*options, "-o", "ExitOnForwardFailure=yes"])
    assert done.code != 0
    if options[0] == "-w" and sentence not in done.err:  # without a tun device the client gives up by itself
        pytest.skip(f"this machine has no tun: {done.err}")
    assert sentence in done.err
    assert "Nothing is on hold" not in done.out


async def test_a_script_that_logs_in_one_time_after_the_other_is_slowed_and_never_refused(house: DoorHouse) -> None:
    began, times = time.monotonic(), KEY_AT_ONCE + 12
    for _ in range(times):  # without a session each, to be faster than the key's pace
        async with house.hostile("dora") as connection:
            assert not connection.is_closed()
    assert time.monotonic() - began > (times - KEY_AT_ONCE) / KEY_PER_S - 1


@pytest.mark.parametrize("flag", ["-L", "-D"])
def test_a_forwarded_port_leads_nowhere(house: DoorHouse, flag: str) -> None:
    port = free_port()
    target = f"{port}:127.0.0.1:{house.port}" if flag == "-L" else str(port)
    with house.terminal("dora", flag, f"127.0.0.1:{target}", "-v") as terminal:
        terminal.until(HOME_SHOWS)
        with socket.create_connection(("127.0.0.1", port), HANG_S) as through:
            if flag == "-D":  # SOCKS 5: no authentication, connect to 127.0.0.1:port
                through.sendall(b"\x05\x01\x00")
                assert through.recv(2) == b"\x05\x00"
                through.sendall(b"\x05\x01\x00\x01\x7f\x00\x00\x01" + house.port.to_bytes(2, "big"))
            through.settimeout(HANG_S)
            heard = b""
            while part := through.recv(100):
                heard += part
        assert b"SSH-" not in heard
        assert terminal.process.poll() is None
        terminal.leave()


def test_agent_and_x11_are_not_forwarded(house: DoorHouse) -> None:
    done = house.run("dora", "holds", options=["-A", "-v"])
    assert done.code == 0
    done = house.run("dora", "holds", options=["-Y", "-v"], env={"DISPLAY": ":99"})
    assert "X11 forwarding request failed" in done.err or "untrusted" in done.err or "xauth" in done.err


@pytest.mark.parametrize("method", ["password", "keyboard-interactive", "hostbased", "gssapi-with-mic", "none"])
def test_only_keys_open_the_door(house: DoorHouse, method: str) -> None:
    done = house.run("dora", "holds", options=["-o", f"PreferredAuthentications={method}", "-o", "BatchMode=no"])
    assert done.code == 255
    assert "Permission denied (publickey)" in done.err


def test_an_unknown_key_and_a_wrong_one_are_told_so_and_the_former_is_not_in_the_log(house: DoorHouse) -> None:
    before = len(house.log_entries("door.login"))
    stranger = house.run("dora", "holds", key="stranger")
    assert stranger.code == 255
    assert "This key is not enrolled here (P11). Ask the Library Director to enroll you." in stranger.err
    house.enrol("edda", "Edda")
    assert len(house.log_entries("door.login")) == before
    wrong = house.run("dora", "holds", key="edda")
    assert wrong.code == 255
    assert "This key does not belong to 'dora' (P11)." in wrong.err
    assert house.log_entries("door.login")[-1]["outcome"] == "refused"


def test_keys_of_kinds_that_are_not_taken_are_told_so(house: DoorHouse) -> None:
    house.new_key("small", "-t", "rsa", "-b", "2048")
    house.new_key("curve", "-t", "ecdsa")
    assert "2048 bits" in house.run("dora", "holds", key="small").err
    assert "not accepted" in house.run("dora", "holds", key="curve").err


def test_an_rsa_key_logs_in_with_sha_2(house: DoorHouse) -> None:
    house.new_key("rita", "-t", "rsa", "-b", "3072")
    house.enrol("rita", "Rita")
    house.appoint("rita", "hold")
    assert house.run("rita", "holds").code == 0
    refused = house.run("rita", "holds", options=["-o", "PubkeyAcceptedAlgorithms=ssh-rsa"])
    assert refused.code == 255


def test_scene_1_a_person_without_a_right_reads_why_on_the_channel(house: DoorHouse) -> None:
    house.enrol("gone", "Gregor")
    appointment = house.appoint("gone", "hold")
    dora = house.run("dora", "appointment", "end", appointment, "--why", "left")
    assert dora.code == 0, dora.said
    done = house.run("gone", "holds")
    assert done.code == 1
    assert "ended on" in done.err
    assert "Director" in done.err
    with house.terminal("gone") as terminal:
        assert terminal.await_end() == 1
        assert "ended on" in terminal.text()


def test_six_sessions_of_one_person_are_one_too_many(house: DoorHouse) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(house.terminal("dora")).until(HOME_SHOWS)
        refused = house.run("dora", "holds")
        assert refused.code == 1
        assert "You have 5 sessions open" in refused.err


def test_the_printed_fingerprint_is_the_host_keys(house: DoorHouse) -> None:
    scan = subprocess.run(
        ["ssh-keyscan", "-p", str(house.port), "-t", "ed25519", "127.0.0.1"], capture_output=True, text=True, check=True
    )
    listed = subprocess.run(["ssh-keygen", "-lf", "-"], input=scan.stdout, capture_output=True, text=True, check=True)
    assert listed.stdout.split()[1] == host_key.fingerprint(house.service.data)
    assert host_key.host_key_path(house.service.data).stat().st_mode & 0o777 == 0o600


def test_a_lost_pc_ends_its_sessions(house: DoorHouse) -> None:
    house.enrol("lena", "Lena")
    house.appoint("lena", "hold")
    with house.terminal("lena") as terminal:
        terminal.until(HOME_SHOWS)
        asked = types.PersonKey("lena", house.public("lena-new"), replace=True, paper_sha256=PAPER)
        house.client().act(asked)
        assert terminal.await_end() == 1
        assert "The key of this session is not one of yours any more." in terminal.text()
    assert house.run("lena", "holds").code == 255
    assert house.run("lena", "holds", key="lena-new").code == 0
