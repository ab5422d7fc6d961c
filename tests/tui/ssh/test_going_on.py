"""What ends beside a session and what ends it: the service, the fork server, the door, the supervisor, a right."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import os
import pwd
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import Unavailable
from holdshelf_core.operations import offline
from holdshelf_core.people import types
from holdshelf_tui.ssh.server import STOPPING
from tests.people import PAPER
from tests.rig.hang import HANG_S
from tests.rig.processes import kill9, living, members, stopped, wait_dead
from tests.service import Service, faults_in, free_port, wait_for
from tests.tui.ssh.door_rig import HOME_SHOWS, DoorHouse, Terminal, door_house


def shows_again(terminal: Terminal, words: str = HOME_SHOWS) -> None:
    """It is alive: another size is painted from what the service answers."""
    terminal.raw = b""
    terminal.resize(97 + len(words) % 7, 28)
    terminal.until(words)


def test_revoked_while_inside_the_session_ends_with_the_reason_on_a_clean_terminal(house: DoorHouse) -> None:
    house.enrol("rex", "Rex")
    appointment = house.appoint("rex", "hold")
    with house.tmux("rex") as terminal, house.terminal("dora") as other:
        terminal.start()
        terminal.until(HOME_SHOWS)
        other.until(HOME_SHOWS)
        assert house.run("dora", "appointment", "end", appointment, "--why", "left").code == 0
        shown = terminal.until("ended on")
        assert "Holdshelf: " in shown
        terminal.assert_clean()
        shows_again(other)
        other.leave()


def test_who_sees_something_yields_to_who_sees_nothing_yet(house: DoorHouse) -> None:
    with house.terminal("dora") as terminal:
        terminal.until(HOME_SHOWS)
        (child,) = house.children()
        door = os.getpriority(os.PRIO_PROCESS, house.door_pid())
        wait_for("it is less urgent", lambda: os.getpriority(os.PRIO_PROCESS, child) > door)
        terminal.leave()


def test_two_sessions_cross_and_neither_is_the_other(house: DoorHouse) -> None:
    house.enrol("vera", "Vera")
    house.appoint("vera", "hold")
    with house.terminal("dora") as one, house.terminal("vera") as two:
        one.until("Dora Reed")
        two.until("Vera")
        assert "Vera" not in one.text()
        assert "Dora" not in two.text()
        one.leave()
        shows_again(two)
        two.leave()


def test_a_killed_service_comes_back_and_the_session_goes_on(house: DoorHouse, camera: str) -> None:
    with house.terminal("dora") as terminal:
        terminal.until(HOME_SHOWS)
        children = house.children()
        terminal.raw = b""
        with stopped([house.service.pid]):  # the supervisor: no new service comes before it is seen that there is none
            house.service.kill_service()
            terminal.until("restarting")
        house.service.await_answer()
        wait_for(
            "the session is known again", lambda: house.log_entries("door.login")[-1].get("facts", {}).get("resumed")
        )
        house.service.await_recording(camera)
        shows_again(terminal)
        assert house.children() == children
        assert terminal.leave() == 0


def test_a_service_that_stops_in_order_says_nobody_out_either(house: DoorHouse) -> None:
    with house.terminal("dora") as terminal:
        terminal.until(HOME_SHOWS)
        # By another way than through the supervisor, it would mean the end of all; a crash in order is a code above 0.
        os.kill(house.service.service_pid(), signal.SIGABRT)
        house.service.await_answer()
        shows_again(terminal)
        assert terminal.leave() == 0


def test_who_may_come_in_no_more_when_the_service_is_back_is_told_so(house: DoorHouse) -> None:
    house.enrol("nora", "Nora")
    house.appoint("nora", "hold")
    with house.terminal("nora") as terminal:
        terminal.until(HOME_SHOWS)
        door = house.door_pid()
        os.kill(door, signal.SIGSTOP)  # it asks for its sessions only when the key is void there
        try:
            house.service.kill_service()
            wait_for("another service", lambda: _answers(house.service.client))
            void = types.PersonKey("nora", remove=house.fingerprint("nora"), paper_sha256=PAPER)
            house.client().act(void)
        finally:
            os.kill(door, signal.SIGCONT)
        assert terminal.await_end() == 1
        assert "This key is not enrolled here" in terminal.text()


def _answers(client: Client) -> bool:
    with contextlib.suppress(Unavailable):
        return client.status().pid > 0
    return False


def test_a_killed_fork_server_is_replaced_and_its_sessions_live_on(house: DoorHouse) -> None:
    with house.terminal("dora") as terminal:
        terminal.until(HOME_SHOWS)
        server = house.fork_server()
        os.kill(server, signal.SIGKILL)
        assert house.run("dora", "holds").out == "Nothing is on hold.\n"
        shows_again(terminal)
        with house.terminal("dora") as another:
            another.until(HOME_SHOWS)
            another.leave()
        assert terminal.leave() == 0


def test_a_fork_server_that_hangs_is_replaced_while_somebody_waits(house: DoorHouse) -> None:
    assert house.run("dora", "holds").code == 0, "somebody has come, so there is one"
    server = house.fork_server()
    os.kill(server, signal.SIGSTOP)
    assert house.run("dora", "holds").out == "Nothing is on hold.\n"
    assert house.fork_server() != server


async def test_a_killed_door_comes_back_alone_and_its_sessions_are_over_everywhere(
    house: DoorHouse, camera: str
) -> None:
    service, gaps = house.service.service_pid(), len(house.service.gaps(camera))
    with house.terminal("dora") as terminal:
        terminal.until(HOME_SHOWS)
        for _ in range(3):  # eight sessions a person are the service's bound: none may be left over
            async with contextlib.AsyncExitStack() as stack:
                for _ in range(4):
                    await stack.enter_async_context(house.hostile("dora"))
                await asyncio.to_thread(house.kill_door)
        assert terminal.await_end() == 255
    assert house.run("dora", "holds").code == 0
    assert house.service.service_pid() == service
    assert len(house.service.gaps(camera)) == gaps
    wait_for("it is told", lambda: "door_ends" in house.service.repairs())


# --- the supervisor -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory, house: DoorHouse) -> Path:
    """A folder for a second house; the first one stays as it is."""
    del house
    return tmp_path_factory.mktemp("other")


def test_when_it_is_killed_nothing_lives_on(other: Path) -> None:
    with door_house(other / "b") as house, house.terminal("dora") as terminal:
        terminal.until(HOME_SHOWS)
        family = [pid for pid, _ in house.processes()]
        house.service.kill()
        wait_for("all processes ended", lambda: not living(family))
        assert terminal.await_end() != 0


def test_a_service_killed_before_it_was_ever_ready_is_started_again(other: Path) -> None:
    service = Service(other / "first" / "data", door=True, budget_bytes=1 << 30)
    try:
        service.start(wait=False)
        killed: list[int] = []

        def begun() -> int | None:
            return next((pid for pid in members(service.pid, "--no-door") if pid not in killed), None)

        for _ in range(2):
            killed.append(wait_for("the service begins", begun))
            kill9(killed[-1])
        service.await_answer()
        assert service.service_pid() not in killed
        assert "the service ended (137); starting it again" in service.log()
    finally:
        service.close()


def test_a_service_that_cannot_start_ends_the_supervisor_with_its_sentence_once(other: Path) -> None:
    service = Service(other / "never" / "data", door=True, budget_bytes=1 << 30)
    volume = service.data / "state" / "volume.json"
    volume.write_text(volume.read_text().replace('"format":1', '"format":99'))
    service.start(wait=False)
    assert service.process is not None
    assert service.process.wait(HANG_S) == 1
    assert service.log().count("holdshelf: ") == 1, service.log()


def test_a_port_in_use_is_said_as_a_repair_and_recording_goes_on(other: Path) -> None:
    service = Service(other / "c" / "data")

    def told() -> str:
        return " ".join(repair.sentence for repair in service.client.status().repairs)

    with socket.create_server(("127.0.0.1", 0)) as taken:
        service.door_port = taken.getsockname()[1]
        with service:
            wait_for("it says so", lambda: "another program does" in service.log())
            assert "Give another with --door-port." in service.log()
            wait_for("a repair", lambda: "The SSH door is closed" in told())
            taken.close()
            wait_for("it opens by itself", lambda: "The SSH door is closed" not in told())


def test_a_client_whose_session_is_being_started_when_all_is_stopped_hears_why(other: Path) -> None:
    with door_house(other / "stopped") as house:
        assert house.run("dora", "holds").code == 0, "there is a fork server"
        server, steps = house.fork_server(), other / "steps"
        os.kill(server, signal.SIGSTOP)
        steps.touch()
        with concurrent.futures.ThreadPoolExecutor() as clients:
            waits = clients.submit(house.run, "dora", "holds", options=("-vv", "-E", str(steps)))
            wait_for("its session is being started", lambda: "exec request accepted" in steps.read_text())
            assert house.service.stop() == 0
            ran = waits.result(HANG_S)
        assert (ran.code, ran.out) == (1, "")
        assert f"Holdshelf: {STOPPING}" in ran.said
        assert "was killed" not in house.service.log()
        assert wait_dead(server)


@pytest.mark.skipif(os.geteuid() != 0 and "CI" not in os.environ, reason="only root may become another user")
def test_the_door_as_another_account_works_and_may_read_nothing_of_the_service(other: Path) -> None:
    """And at last, told to stop, it says so to everybody, and leaves no process."""
    with Service(other / "d" / "data", door=True, door_user="daemon", budget_bytes=1 << 30) as service:
        house = DoorHouse(service, other / "d")
        house.name_director()
        assert house.run("dora", "holds").out == "Nothing is on hold.\n"
        with house.terminal("dora") as terminal:
            terminal.until(HOME_SHOWS)
            account = pwd.getpwnam("daemon")
            for pid in (house.door_pid(), house.fork_server(), *house.children()):
                status = Path(f"/proc/{pid}/status").read_text()
                assert f"Uid:\t{account.pw_uid}\t{account.pw_uid}\t{account.pw_uid}" in status
                assert "CapPrm:\t0000000000000000" in status
                assert "NoNewPrivs:\t1" in status
            groups = f"--groups={os.getegid()}"
            looking = ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", groups]
            for what in ("state", "media", "state/keys/door-host-key"):
                looked = subprocess.run([*looking, "ls", service.data / what], capture_output=True, check=False)
                assert b"Permission denied" in looked.stderr
            service.kill_service()
            service.await_answer()
            shows_again(terminal)
            assert terminal.leave() == 0
        with house.tmux("dora") as emulator:
            emulator.start()
            emulator.until(HOME_SHOWS)
            family = [pid for pid, _ in house.processes()]
            assert service.stop() == 0
            emulator.until("Holdshelf is being stopped")
            emulator.assert_clean()
            wait_for("all processes ended", lambda: not living(family))


@pytest.mark.skipif(os.geteuid() != 0 and "CI" not in os.environ, reason="only root may become another user")
def test_a_door_whose_account_may_not_enter_the_installation_says_which_folder_is_shut(tmp_path: Path) -> None:
    """And the service records meanwhile."""
    # Not below pytest's own folder, which is shut to other accounts already.
    with tempfile.TemporaryDirectory(prefix="hs-shut-") as open_to_all:
        Path(open_to_all).chmod(0o755)
        shut = Path(open_to_all, "shut")
        _is_told(shut, tmp_path)


def _is_told(shut: Path, folder: Path) -> None:
    (shut / "bin").mkdir(parents=True, mode=0o755)
    python, venv = shut / "bin" / "python", Path(sys.prefix)
    python.symlink_to(Path(sys.executable).resolve())
    (shut / "pyvenv.cfg").write_text((venv / "pyvenv.cfg").read_text())
    (shut / "lib").symlink_to(venv / "lib")
    shut.chmod(0o700)
    offline.init(folder / "data", media=None, budget_bytes=1 << 30, floor_days=None)
    command = [python, "-m", "holdshelf_tui.cli", "serve", "--data", folder / "data"]
    command += ["--door-port", str(free_port()), "--door-address", "127.0.0.1", "--door-user", "daemon"]
    log = folder / "log"
    with (
        log.open("wb") as said,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said) as process,
    ):
        try:
            sentence = f"the account daemon may not enter {shut}, where Holdshelf is installed; install it where"
            wait_for("the sentence", lambda: sentence in log.read_text())
            wait_for("the service answers", lambda: _answers(Client(folder / "data")))
        finally:
            process.terminate()
    assert faults_in(log.read_text()) == []
