"""An admin who comes by the door: off by default, the same admin as on the machine, and gone with the key (ADR 0012)."""

from __future__ import annotations

import json
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdshelf_core.api.errors import HoldshelfError
from holdshelf_core.people import types
from tests.tui.cli.test_driver import run
from tests.tui.ssh.door_rig import HOME_SHOWS, DoorHouse, Ran


def admin_key(house: DoorHouse, *words: str) -> Ran:
    """As the admin of the machine."""
    done = run("door", "admin-key", *words, "--data", house.service.data)
    return Ran(done.code, done.out, done.err)


@pytest.fixture
def admin(house: DoorHouse) -> Iterator[str]:
    """A key that lets an admin in while the test lasts; its fingerprint."""
    added = admin_key(house, "add", str(house.new_key("it").with_suffix(".pub")))
    assert added.code == 0, added.said
    yield house.fingerprint("it")
    admin_key(house, "remove", house.fingerprint("it"))


def keys_file(house: DoorHouse) -> Path:
    return house.service.data / "state" / "keys" / "admin_keys"


def test_there_is_no_admin_at_the_door_unless_one_is_made(house: DoorHouse) -> None:
    assert "No admin can log in through the door" in admin_key(house, "list").out
    assert "not enrolled here" in house.run("admin", "status", key="it").said
    assert "does not belong to 'admin'" in house.run("admin", "status", key="dora").said


def test_the_admin_comes_in_is_written_down_and_sees_what_the_admin_sees(house: DoorHouse, admin: str) -> None:
    assert stat.S_IMODE(keys_file(house).stat().st_mode) == 0o600
    assert keys_file(house).read_text().split()[1] in house.public("it")
    assert admin in admin_key(house, "list").out
    assert house.run("admin", "status", key="it").out.startswith("Holdshelf ")
    assert json.loads(house.run("admin", "people", "--json", key="it").out)[0]["login"] == "dora"
    entry = house.log_entries("door.login")[-1]
    assert (entry["person"], entry["seat"], entry["via"]) == ("admin", "admin", "ssh")
    with house.terminal("admin", key="it") as terminal:
        terminal.until(HOME_SHOWS)
        terminal.until("Admin of this server")
        assert "Timeline" not in terminal.text()
        assert terminal.leave() == 0


def test_p11_the_admin_is_shown_no_picture_through_the_door_either(house: DoorHouse, admin: str, camera: str) -> None:
    span = ("--from", "1h ago", "--to", "1m ago")
    for words in (
        ("look", "open", "--camera", camera, "--purpose", "crime", "--incident", "26-1", *span),
        ("camera", "commission", camera, "--still", "-"),
    ):
        done = house.run("admin", *words, key="it")
        assert (done.code, done.out) == (1, ""), done.said
        assert "P11" in done.err
    refused = [entry for entry in house.log_entries("commission.still") if entry["person"] == "admin"]
    assert [entry["outcome"] for entry in refused] == ["refused"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("coverage",), "the last 7 days and today"),
        (("doctor",), "The wall clock agrees"),
        (("jobs",), "sweep"),
        (("alert", "list"), "Nobody gets an alert"),
        (("alert", "history"), "Nothing"),
        (("witness", "list"), "Nobody countersigns"),
        (("timestamp", "show"), "Nobody stamps"),
        (("backup", "status"), "There are no automatic backups"),
        (("register", "check"), "0 rows of the register did not match"),
        (("footage", "verify"), "0 problems"),
        (("offsite", "status"), "Holds are kept on this server alone"),
        (("camera", "details", "CAMERA"), "by its stream address only"),
        (("camera", "check", "CAMERA"), "It is being recorded"),
        (("camera", "discover", "--at", "127.0.0.1:9"), "No camera"),
        (("capacity", "set", "--floor-days", "3", "--why", "tried"), "3 days"),
    ],
    ids=lambda one: "-".join(one[:2]) if isinstance(one, tuple) else "",
)
def test_what_the_machine_and_its_cameras_need_is_a_command_over_ssh_too(
    house: DoorHouse, admin: str, camera: str, words: tuple[str, ...], said: str
) -> None:
    done = house.run("admin", *(camera if word == "CAMERA" else word for word in words), key="it")
    assert said in done.said, done.said
    assert done.code == 0 or done.err.startswith("holdshelf: "), done.said
    assert house.run("admin", words[0], words[1] if len(words) > 1 else "--help", "--help", key="it").code == 0


def test_a_key_makes_no_other_key(house: DoorHouse, admin: str) -> None:
    assert "There is no command 'door' here" in house.run("admin", "door", "admin-key", "list", key="it").err
    assert "There is no command 'door' here" in house.run("dora", "door", "admin-key", "list").err


def test_a_key_is_a_persons_or_the_admins_never_both(house: DoorHouse, admin: str) -> None:
    assert "is Dora Reed's" in admin_key(house, "add", str(house.new_key("dora").with_suffix(".pub"))).err
    asked = types.PersonAdd("pat", "Pat", house.public("it"))
    with pytest.raises(HoldshelfError, match="belongs to the admin"):
        house.client().act(asked)
    assert "already belongs to an admin" in admin_key(house, "add", str(house.new_key("it").with_suffix(".pub"))).err
    assert "Log in as 'admin'" in house.run("dora", "status", key="it").said
    private = admin_key(house, "add", str(house.new_key("it")))
    assert "private key" in private.err


def test_removing_the_key_ends_its_sessions(house: DoorHouse, admin: str) -> None:
    with house.terminal("admin", key="it") as terminal:
        terminal.until(HOME_SHOWS)
        assert admin_key(house, "remove", admin).code == 0
        terminal.await_end()
        assert "not an admin's any more" in terminal.text()
    assert "not enrolled here" in house.run("admin", "status", key="it").said
    assert "No admin has the key" in admin_key(house, "remove", admin).err
    assert keys_file(house).read_text() == ""


def test_a_session_of_the_admin_goes_on_when_the_service_is_restarted(
    house: DoorHouse, admin: str, camera: str
) -> None:
    with house.terminal("admin", key="it") as terminal:
        terminal.until(HOME_SHOWS)
        house.service.kill_service()
        house.service.await_answer()
        house.service.await_recording(camera)
        assert house.run("admin", "status", key="it").code == 0, "the key was read from its file"
        assert terminal.process.poll() is None
        assert terminal.leave() == 0


def test_ssh_keygen_reads_the_file(house: DoorHouse, admin: str) -> None:
    listed = subprocess.run(["ssh-keygen", "-l", "-f", keys_file(house)], capture_output=True, text=True, check=True)
    assert admin in listed.stdout
