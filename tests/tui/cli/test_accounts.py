"""Who types `holdshelf` on the machine itself, without saying where its data is: it finds the service that they mean, says so
when there are two, none or one that is not theirs to speak to, and never speaks to whoever put a socket there.

And root, who may do everything, breaks nothing: not with a command of its own accord, nor with one that was advised.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.rig import forked
from tests.rig.accounts import DATA, RUN, Machine
from tests.rig.hang import HANG_S
from tests.service import wait_for
from tests.tui.cli.test_driver import HOLDSHELF, Ran, Terminal, run


class Home:
    """The machine, and `holdshelf` as somebody on it types it."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.sh = machine.sh

    def types(self, account: str, *words: str) -> Ran:
        return run(*words, prefix=self.machine.prefix(account))

    @contextlib.contextmanager
    def serving(self, account: str = "holdshelf", data: str = DATA, runtime: str = RUN) -> Iterator[forked.Popen]:
        """The service, as its unit starts it; without ``runtime`` as somebody does by hand."""
        environment = {"RUNTIME_DIRECTORY": runtime} if runtime else {}
        command = [*self.machine.prefix(account, environment), HOLDSHELF, "serve", "--no-door", "--data", data]
        with forked.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                wait_for(
                    "its socket", lambda: self.has_socket(runtime or f"/tmp/holdshelf-{self.machine.uids[account]}")
                )
                wait_for("it answers", lambda: self.types(account, "status", "--data", data).code == 0)
                yield process
            finally:
                process.terminate()
                process.wait(HANG_S)

    def has_socket(self, folder: str) -> bool:
        """Cheaper to ask again and again than a command."""
        with contextlib.suppress(FileNotFoundError):
            return any(path.is_socket() for path in self.machine.path(folder).iterdir())
        return False

    def owners(self) -> str:
        """Everything below the machine's data folder, and whose it is."""
        return self.sh(f"find {DATA} -printf '%p %u:%g %m\\n' | sort")


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    with Machine("pat", "mallory", "nell", members=("pat", "nell")) as machine:
        made = Home(machine)
        assert made.types("holdshelf", "init").code == 0, "its own account needs no --data either"
        with made.serving():
            for login, name in (("pat", "Pat Moe"), ("nell", "Nell Roe")):
                added = made.types("root", "person", "add", login, "--name", name, "--account", login)
                assert added.code == 0, added.err
            named = made.types("root", "seat", "name", "director", "--person", "pat")
            assert named.code == 0, named.err
        yield made


# --- who means which service -------------------------------------------------------------------------------------


def test_an_account_of_the_machine_finds_its_service_without_being_told_where(home: Home) -> None:
    with home.serving():
        # Known there, and without a right: the policy answers, and not "not set up".
        assert "Nell Roe holds no seat" in home.types("nell", "status").refusal()
        assert home.types("root", "status").code == 0
        assert home.types("pat", "status").out.startswith("Holdshelf ")
        assert "Pat Moe" in home.types("pat", "whoami").out
        with Terminal("tui", prefix=home.machine.prefix("pat")) as terminal:
            terminal.expect("(?s)Pat Moe.*Cameras|Cameras.*Pat Moe")  # whichever is painted first


def test_who_is_not_in_its_group_is_told_whom_to_ask(home: Home) -> None:
    with home.serving():
        for words in (["status"], ["whoami"], ["camera", "list"]):
            refusal = home.types("mallory", *words).refusal()
            assert "does not accept this account" in refusal
            assert "Ask the admin to enroll you" in refusal and "SSH" in refusal
            assert "holdshelf init" not in refusal


def test_a_service_that_is_not_running_is_told_to_each_as_it_helps_them(home: Home) -> None:
    assert "Have it started by the account holdshelf" in home.types("pat", "status").refusal()
    refusal = home.types("root", "status").refusal()
    assert f"No service runs on {DATA}." in refusal
    (advised,) = re.findall(r"`(.*?)`", refusal)
    assert advised == f"runuser -u holdshelf -- holdshelf serve --data {DATA}"
    home.sh("mkdir -p /run/systemd && touch /run/systemd/none")
    assert home.types("root", "status", "--check").code == 3


def test_two_services_are_told_apart_by_data_and_one_that_sleeps_is_not_meant(home: Home) -> None:
    own = "/srv/pat/.local/share/holdshelf"
    assert home.types("pat", "init").out.startswith(own), "one's own is set up where it always was"
    with home.serving():
        assert "Pat Moe" in home.types("pat", "whoami").out, "one's own does not run"
        with home.serving("pat", own, runtime=""):
            refusal = home.types("pat", "whoami").refusal()
            assert f"Services run on {own} and on {DATA}." in refusal
            assert f"`--data {own}` or `--data {DATA}`" in refusal
            assert home.types("pat", "whoami", "--data", DATA).code == 0
            assert home.types("mallory", "status").code == 1, "another's own is not found by anybody else"
    refusal = home.types("pat", "status").refusal()
    assert f"No service runs on {own} or on {DATA}." in refusal and "--data" in refusal
    home.sh(f"rm -r {own}")


def test_a_service_with_its_data_elsewhere_is_found_by_its_socket(home: Home) -> None:
    elsewhere = "/var/lib/elsewhere"
    home.sh(f"install -d -o holdshelf -g holdshelf -m 0700 {elsewhere}")
    assert home.types("holdshelf", "init", "--data", elsewhere).code == 0
    with home.serving(data=elsewhere):
        assert home.types("root", "status").code == 0
        assert "You are logged in as the admin" in home.types("pat", "whoami").refusal(), "nobody is enrolled there"
    home.sh(f"rm -r {elsewhere}")


def test_without_any_service_it_says_that_there_is_none(home: Home) -> None:
    home.sh(f"mv {DATA} {DATA}-away && mv {RUN} {RUN}-away")
    try:
        refusal = home.types("mallory", "status").refusal()
    finally:
        home.sh(f"mv {DATA}-away {DATA} && mv {RUN}-away {RUN}")
    assert "There is no Holdshelf on this machine" in refusal and "use --data" in refusal


# --- who listens there -------------------------------------------------------------------------------------------


LISTEN = (
    "import socket, sys, os; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); os.chmod(sys.argv[1], 0o777); "
    "s.listen(); print('on', flush=True); c, _ = s.accept(); c.settimeout(5); print(c.recv(9), flush=True)"
)


def test_nobody_is_sent_anything_at_a_socket_that_another_account_put_there(home: Home) -> None:
    with home.serving():
        name = home.sh(f"ls {RUN}").strip()
    planted = f"/tmp/holdshelf-{home.machine.uids['holdshelf']}"
    home.sh(f"mkdir -m 0755 {planted}", "mallory")
    home.sh("install -d -o mallory -g mallory -m 0755 /run/mallory")
    for bound, moved in ((f"{planted}/{name}", ""), (f"/run/mallory/{name}", RUN)):
        command = [*home.machine.prefix("mallory"), "python3", "-c", LISTEN, bound]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as listening:
            try:
                assert listening.stdout is not None
                assert listening.stdout.readline() == "on\n"
                if moved:  # by whoever could: the folder is only its owner's
                    home.sh(f"mv {bound} {moved}/")
                refusal = home.types("pat", "status").refusal()
            finally:
                listening.terminate()
            assert listening.stdout.read() in ("", "b''\n"), "not a byte"
        if moved:
            assert "the account mallory listens, and not holdshelf: nothing was sent" in refusal
        else:
            assert "No service" in refusal
    home.sh(f"rm -r {RUN}/{name} {planted} /run/mallory")


# --- root --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ["serve"],
        ["serve", "--no-door", "--data", DATA],
        ["init"],
        ["init", "--budget", "1GB"],
        ["init", "--new-media"],
        ["backup"],
        ["demo", "--data", DATA, "--seconds", "1", "--no-ui"],
    ],
    ids=" ".join,
)
def test_root_writes_in_nobody_elses_data_and_is_told_what_to_type(home: Home, words: list[str]) -> None:
    before = home.owners()
    refusal = home.types("root", *words).refusal()
    assert f"{DATA} belongs to the account holdshelf" in refusal
    (advised,) = re.findall(r"`(.*?)`", refusal)
    assert advised.startswith(f"runuser -u holdshelf -- holdshelf {words[0]}"), advised
    assert advised.count(f"--data {DATA}") == 1
    assert home.owners() == before
    if words in (["init"], ["backup"]):  # what the others are told by the account itself is their own affair
        home.sh(advised)
        assert " root:" not in home.owners()


def test_what_root_may_do_leaves_everything_with_its_owner(home: Home) -> None:
    kept = "/tmp/kept.tar"
    assert home.types("root", "backup", kept).code == 0
    for words in (["status"], ["doctor"], ["log", "verify"], ["log", "head"], ["plan", "--cameras", "2"]):
        home.types("root", *words)
    assert " root:" not in home.owners()
    restored = home.types("root", "restore", kept, "--replace")
    assert restored.code == 0, restored.err
    assert " root:" not in home.owners()
    with home.serving():
        assert home.types("root", "status").code == 0


def test_the_folder_that_a_file_system_makes_for_itself_is_no_fault(home: Home) -> None:
    home.sh(f"mkdir -m 700 {DATA}/media/lost+found")
    try:
        assert "lost+found" not in home.types("root", "doctor").out
        assert "belongs to" not in home.types("root", "status").err
    finally:
        home.sh(f"rmdir {DATA}/media/lost+found")


def test_an_installation_that_root_broke_says_what_mends_it_and_that_mends_it(home: Home) -> None:
    for file in ("register.json", "access/head"):
        home.sh(f"test ! -e {DATA}/state/{file} || chown root:root {DATA}/state/{file}")
    served = home.types("holdshelf", "serve", "--no-door")
    refusal = served.refusal()
    assert "belongs to root, not to holdshelf" in refusal
    (advised,) = re.findall(r"`(.*?)`", refusal)
    assert advised in home.types("root", "status").refusal()
    assert advised in home.types("root", "doctor").out
    home.sh(advised)
    assert " root:" not in home.owners()
    with home.serving():
        assert home.types("root", "status").code == 0
