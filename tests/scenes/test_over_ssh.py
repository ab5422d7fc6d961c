"""Scenes 7, 9 and 18 from a desk with nothing but OpenSSH: the whole way of a release, and the policy for whoever asks."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdshelf_core.api import types_board
from holdshelf_tui.cli.render import local
from tests.looking import NS, Recorded
from tests.people import day
from tests.tui.door.door_rig import DoorHouse, Ran, house_with_footage
from tests.tui.test_cli_driver import run

ADOPTED = "Camera policy of the library.\n\nP1. Cameras are there for safety.\n\nThe Library disclaims all liability.\n"
WANTED = "P1. Cameras are there for safety."


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[DoorHouse, Recorded]]:
    with house_with_footage(tmp_path_factory.mktemp("ssh"), cameras={"lobby": "Front entrance"}) as (house, made):
        adopted = types_board.PolicyAdopt(ADOPTED, "7", "2026-03-10")
        house.client().act("policy.adopt", adopted, types_board.AdoptedRow)
        house.enrol("carl", "Carl Moss")
        named = house.run("dora", "seat", "name", "chair", "--person", "carl", "--paper", "-", stdin=b"letter")
        assert named.code == 0, named.said
        yield house, made


def one_line(text: str) -> str:
    return " ".join(text.split())


def well(ran: Ran) -> str:
    assert ran.code == 0, ran.said
    return one_line(ran.out)


def raw(house: DoorHouse, words: str) -> bytes:
    """What comes byte by byte, as `> file` keeps it."""
    done = subprocess.run([*house.ssh("dora"), words], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def read(pdf: bytes, folder: Path) -> str:
    """The letters of a PDF, by another's eyes."""
    (folder / "read.pdf").write_bytes(pdf)
    done = subprocess.run(["pdftotext", folder / "read.pdf", "-"], capture_output=True, text=True, check=True)
    return one_line(done.stdout)


def test_scene_7_and_9_a_release_from_request_to_receipt_over_ssh(
    desk: tuple[DoorHouse, Recorded], tmp_path: Path
) -> None:
    house, made = desk
    start, end = (local(made.start_utc_ns + at * NS) for at in (0, 20))
    asked = [
        *("release", "request", "--basis", "active-investigation", "--reference", "26-0417", "--paper", "-"),
        *("--issuer", "Chief Roe", "--docket", "26-0417", "--agency", "Prospect Police", "--officer", "badge 12"),
        *("--camera", "lobby", "--from", start, "--to", end, "--scope", f"lobby,{start},{end}"),
    ]
    stopped = house.run("dora", *asked, "--sheet", "-", stdin=b"scan of the letter")
    assert stopped.code == 1
    release = stopped.err.removeprefix("holdshelf: ").split()[0]
    assert "Counsel's route" in stopped.err and f"release again {release}" in stopped.err
    sheet = one_line(stopped.out)
    assert f"Request {release}, no. 26-0417" in sheet and "this could not be released" in sheet
    assert "Over SSH nothing is written" in house.run("dora", *asked, "--sheet", "x.pdf", stdin=b"scan").err

    assert "is placed for" in well(house.run("dora", "release", "hold", release))
    opinion = ["counsel", "record", "--paper", "-", "--basis", "active-investigation", "--until", day(30)]
    well(house.run("dora", *opinion, stdin=b"scan of the opinion"))
    again = well(house.run("dora", "release", "again", release))
    assert "awaits a second person" in again and "without a court's order" in again
    assert "Nobody approves" in house.run("dora", "release", "approve", release).err
    well(house.run("carl", "release", "approve", release))
    assert f"release receipt {release}" in well(house.run("dora", "release", "export", release))
    receipt = read(raw(house, f"print receipt {release} --as pdf"), tmp_path)
    assert f"Receipt for release {release}" in receipt and "SHA256:" in receipt
    form = well(house.run("dora", "print", "release", release))
    for words in ("Approved by: Carl Moss", hashlib.sha256(b"scan of the letter").hexdigest(), "Caution on record:"):
        assert words in form
    assert "The Library disclaims all liability." in form


def test_scene_18_a_patron_asks_for_the_policy_one_command_and_nobody_asked_who(
    desk: tuple[DoorHouse, Recorded], tmp_path: Path
) -> None:
    house, _made = desk
    before = len(house.log_entries("print.facts"))
    assert WANTED in well(house.run("dora", "print", "policy"))
    large = raw(house, "print policy --as pdf --large")
    assert WANTED in read(large, tmp_path)
    here = run("print", "policy", "--data", house.service.data)
    assert here.code == 0 and WANTED in here.out
    told = house.log_entries("print.facts")[before:]
    assert [entry["facts"] for entry in told] == [{"paper": "policy"}] * 3, "which paper, and nothing of who wanted it"
    assert not any({"purpose", "incident", "subject", "cameras"} & set(entry) for entry in told)

    house.service.stop()  # the last of this house
    for more, name in (((), "policy.txt"), (("--large",), "policy.pdf")):
        file = tmp_path / name
        printed = run("print", "policy", *more, "--file", file, "--data", house.service.data)
        assert printed.code == 0, printed.err
        text = read(file.read_bytes(), tmp_path) if more else file.read_text()
        assert WANTED in text
        assert "while the service was not running" in one_line(text)
