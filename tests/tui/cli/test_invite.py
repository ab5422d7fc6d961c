"""`person invite`: the card's own commands make a key that is accepted and log its owner in."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdshelf_core.api.ssh import host_key
from holdshelf_tui.papers.invitation import Invitation, invitation_card
from tests.tui.cli.test_driver import run
from tests.tui.ssh.door_rig import DoorHouse, Terminal, Tmux, door_house


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DoorHouse]:
    with door_house(tmp_path_factory.mktemp("invite")) as running:
        yield running


def to_type(card: str, first: str) -> str:
    """The line that stands alone in the card and begins with that word."""
    (line,) = [line.strip() for line in card.splitlines() if line.strip().startswith(first)]
    return line


def test_a_key_made_by_the_cards_own_commands_logs_in(house: DoorHouse, tmp_path: Path) -> None:
    data, home = house.service.data, tmp_path / "home"
    home.mkdir()
    done = run("person", "invite", "nina", "--host", "127.0.0.1", "--port", str(house.port), "--data", data)
    assert done.code == 0
    assert "nobody is enrolled as nina yet" in done.err
    card = done.out
    assert host_key.fingerprint(data) in card
    assert "Library Director, Dora Reed" in " ".join(card.split()), "whom to call"
    assert "person replace-key nina" in " ".join(card.split())

    in_home = ["env", f"HOME={home}", "sh", "-c"]
    with Terminal([*in_home, to_type(card, "ssh-keygen")], (80, 24)) as terminal:
        terminal.until("passphrase")
        terminal.type(b"\r")
        terminal.until("again")
        terminal.type(b"\r")
        assert terminal.await_end() == 0, terminal.text()
    public = home / "holdshelf-key.pub"
    added = run("person", "add", "nina", "--name", "Nina Poe", "--key", public, "--data", data)
    assert added.code == 0, added.err
    house.appoint("nina", "hold")

    # ssh finds its own folder by the account, not by $HOME.
    login = to_type(card, 'ssh -i "$HOME')
    login = login.replace("ssh ", f"ssh -F none -o IdentityAgent=none -o UserKnownHostsFile={home}/known ", 1)
    with Tmux(f"invite-{os.getpid()}", [*in_home, login], (100, 30)) as terminal:
        terminal.start()
        asked = terminal.until("continue connecting")
        fingerprint = re.findall(r"SHA256:[A-Za-z0-9+/]{43}", asked)[0]
        assert fingerprint in card, "what ssh shows is what the card says"
        terminal.type("yes", "Enter")
        terminal.until("Nina Poe")
        terminal.until("Welcome")
        terminal.type("Enter", "C-q")
        terminal.until("closed.")  # what runs ssh here is called `sh`, as the shell is
        terminal.assert_clean()


def test_what_puttygen_saves_as_the_public_key_is_accepted(house: DoorHouse, tmp_path: Path) -> None:
    made = house.new_key("putty")
    saved = subprocess.run(["ssh-keygen", "-e", "-m", "RFC4716", "-f", made], capture_output=True, check=True)
    file = tmp_path / "holdshelf-key.pub"
    file.write_bytes(saved.stdout.replace(b"\n", b"\r\n"))
    assert run("person", "add", "putty", "--name", "Pia", "--key", file, "--data", house.service.data).code == 0


def test_a_person_prints_it_over_ssh_and_for_somebody_enrolled_it_bears_the_name(
    house: DoorHouse, tmp_path: Path
) -> None:
    printed = house.run("dora", "person", "invite", "dora", "--host", "nvr.library.example", "--call", "Pat, 555-0100")
    assert printed.code == 0, printed.said
    assert "nobody is enrolled" not in printed.err
    assert "For Dora Reed, login dora" in printed.out
    assert "a lost PC: Pat, 555-0100" in " ".join(printed.out.split())
    assert host_key.fingerprint(house.service.data) in printed.out
    assert "names a file on the server" in house.run("dora", "person", "invite", "dora", "--file", "/tmp/x").err
    file = tmp_path / "card.txt"
    assert run("person", "invite", "dora", "--file", file, "--data", house.service.data).code == 0
    assert file.read_text().startswith("====")
    assert "exists" in run("person", "invite", "dora", "--file", file, "--data", house.service.data).err


@pytest.mark.parametrize(
    "words", [("Nina Poe",), ("../x",), ("nina", "--host", "a b"), ("nina", "--host", "-oProxyCommand=x")]
)
def test_what_could_not_be_typed_as_it_stands_is_refused(house: DoorHouse, words: tuple[str, ...]) -> None:
    assert run("person", "invite", *words, "--data", house.service.data).code == 1


def test_the_card_is_one_page_whoever_it_is_for() -> None:
    card = invitation_card(
        Invitation(
            "a" * 32, "N" * 80, "h" * 60 + ".example", 65535, "SHA256:" + "x" * 43, "L" * 80, "c" * 120, "2026-11-25"
        )
    )
    lines = card.splitlines()
    assert len(lines) <= 66
    typed = ("ssh ", "ssh-keygen", "chmod")
    assert [line for line in lines if len(line) > 80 and not line.strip().startswith(typed)] == []
    for line in lines:
        if line.strip().startswith(typed):
            assert shlex.split(line.replace("\\", "/"))
