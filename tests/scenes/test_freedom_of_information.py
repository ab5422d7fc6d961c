"""Scene 20: somebody asks for the access log under freedom of information, and the Director answers without the admin.

Through the real door with OpenSSH's clients, checked as a stranger would: with the script of docs/access-log.md.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.access_log.lines import time_text
from tests.looking import NS as NS_PER_S
from tests.people import day
from tests.rig.faults import FakeClock
from tests.service import Service, faults_in, wait_for
from tests.tui.ssh.door_rig import DoorHouse
from tests.tui.ssh.outbox_rig import sftp

PAGE = Path(__file__).resolve().parents[2] / "docs" / "access-log.md"
PATRON = "Jane Quimby"
EARLIER = 20_000
"""Entries of the years before."""


def fill(state: Path, count: int) -> None:
    """A log that has been kept for a while; each entry has a patron's name in what is not public."""
    log = AccessLog.open(state)
    begin_ns = time.time_ns() - 3 * 365 * 86_400 * NS_PER_S
    waiting = [
        log.submit(
            {
                "at": time_text(begin_ns + number * 3600 * NS_PER_S),
                "offset_s": 0,
                "action": "look.open",
                "outcome": "done",
                "person": "p1",
                "cameras": ["lobby"],
            },
            {"name": "Dora Reed", "note": f"{PATRON} was at the desk"},
        )
        for number in range(count)
    ]
    assert waiting[-1].result() == count
    log.close()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DoorHouse]:
    folder = tmp_path_factory.mktemp("foia")
    service = Service(folder / "data", door=True, budget_bytes=1 << 30)
    fill(service.data / "state", EARLIER)
    with service:
        made = DoorHouse(service, folder)
        made.name_director()
        made.enrol("carl", "Carl Moss")
        named = made.run("dora", "seat", "name", "chair", "--person", "carl", "--paper", "-", stdin=b"letter")
        assert named.code == 0, named.said
        made.enrol("quimby", PATRON)
        gone = made.run("dora", "person", "remove", "quimby", "--why", f"{PATRON} is a patron, added by mistake")
        assert gone.code == 0, gone.said
        yield made
        assert faults_in(service.log()) == []


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    (text,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    path = tmp_path_factory.mktemp("stranger") / "verify_log.py"
    path.write_text(text)
    return path


def verified(script: Path, *words: object) -> str:
    done = subprocess.run(
        [sys.executable, "-I", str(script), *map(str, words)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def redirected(house: DoorHouse, login: str, line: str, file: Path) -> subprocess.CompletedProcess[bytes]:
    """`ssh -p 8022 director@nvr LINE > FILE`, as it is typed."""
    with file.open("wb") as out:
        return subprocess.run(
            [*house.ssh(login), line], stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE, check=False
        )


def test_scene_20_the_director_answers_in_under_a_minute_and_names_no_patron(
    house: DoorHouse, script: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "head"
    assert redirected(house, "dora", "log head", kept).returncode == 0
    copy = tmp_path / "log.jsonl"
    done = redirected(house, "dora", "log export --public", copy)
    assert (done.returncode, done.stderr) == (0, b"")
    said = verified(script, copy, kept)
    size = int(re.findall(r"Entries 1 to (\d+) are those of the signed head", said)[0])
    assert size > EARLIER
    raw = copy.read_text()
    for private in (PATRON, "Quimby", "Dora", "Carl", "127.0.0.1", '"private":{'):
        assert private not in raw, private
    first, *_ = house.log_entries("log.export")[-1:]
    assert first["person"] == "p1" and first["seat"] == "director"
    assert first["facts"] == {"public": True, "first": 1, "last": "newest"}
    assert first["seq"] <= size, "its own entry was written before its first byte"


def test_the_chair_takes_the_stretch_of_some_days_and_it_verifies_by_itself(
    house: DoorHouse, script: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "part.jsonl"
    since, until = day(-900), day(-890)
    done = redirected(house, "carl", f"log export --public --from {since} --to {until}", copy)
    assert done.returncode == 0, done.stderr
    header, *lines = copy.read_bytes().splitlines()
    told = json.loads(header)
    assert "are those of the signed head" in verified(script, copy)
    days = {json.loads(line)["at"][:10] for line in lines}
    assert 9 * 24 <= len(lines) <= 11 * 24 and len(days) in (10, 11, 12)
    assert (told["first"], told["last"]) == (json.loads(lines[0])["seq"], json.loads(lines[-1])["seq"])
    assert house.log_entries("log.export")[-1]["facts"]["first"] == told["first"]
    nothing = house.run("carl", "log", "export", "--public", "--from", day(-2000), "--to", day(-1990))
    assert nothing.code == 1 and "The access log has no entries for that time." in nothing.err
    nothing = house.run("carl", "log", "export", "--public", "--from", "1999-01-01", "--to", "1999-02-01")
    assert nothing.code == 1 and nothing.out == "" and "is too long ago" in nothing.err


def test_the_copy_with_names_is_a_seats_and_goes_by_the_outbox_too(
    house: DoorHouse, script: Path, tmp_path: Path
) -> None:
    house.enrol("sam", "Sam Roe")
    letter = house.appoint("sam", "hold")
    refused = house.run("sam", "log", "export", "--public")
    assert refused.code == 1 and refused.out == "" and "P21" in refused.err
    laid = house.run("dora", "log", "export", "--outbox")
    assert laid.code == 0, laid.said
    where = laid.out.rpartition(": ")[2].strip()
    assert where.startswith("/prints/") and where.endswith("Access log with names.jsonl"), where
    public = house.run("dora", "log", "export", "--public", "--outbox", "--first", "5", "--last", "9", "--json")
    assert json.loads(public.out)["where"].endswith("public form.jsonl")
    fetched = sftp(house, "dora", f'get "{where}" whole.jsonl', f'get "{json.loads(public.out)["where"]}" five.jsonl')
    assert fetched.code == 0, fetched.said
    assert "Entries 5 to 9 are those" in verified(script, house.folder / "five.jsonl")
    assert "are those of the signed head" in verified(script, house.folder / "whole.jsonl")
    assert PATRON in (house.folder / "whole.jsonl").read_text()
    assert house.log_entries("outbox.fetch")[-1]["facts"]["kind"] == "log"
    assert "ls" not in sftp(house, "carl", "ls -1 prints").err, "nothing of it is in anybody else's"
    both = house.run("dora", "log", "export", "x.jsonl", "--outbox")
    assert both.code == 1 and "not both" in both.err
    file = house.run("dora", "log", "export", "x.jsonl")
    assert file.code == 1 and "cannot use files on the server" in file.err
    assert house.run("dora", "appointment", "end", letter, "--why", "left").code == 0


def test_who_has_no_seat_any_more_finds_no_copy_in_the_outbox(house: DoorHouse) -> None:
    house.enrol("may", "May Lund")
    named = house.run("dora", "seat", "name", "mayor", "--person", "may", "--paper", "-", stdin=b"letter")
    assert named.code == 0, named.said
    assert house.run("may", "log", "export", "--outbox", "--first", "1", "--last", "3").code == 0
    assert "Access log" in house.run("may", "outbox", "list").out
    ended = house.run("dora", "seat", "end", "mayor", "--why", "resigned", "--paper", "-", stdin=b"letter")
    assert ended.code == 0, ended.said
    house.appoint("may", "hold")
    listed = house.run("may", "outbox", "list")
    assert listed.code == 0 and "Access log" not in listed.out
    assert "not found" in sftp(house, "may", "get prints/*.jsonl x").err.lower()


def test_a_long_copy_leaves_the_service_as_small_as_it_was(house: DoorHouse, tmp_path: Path) -> None:
    process = Path(f"/proc/{house.service.service_pid()}")

    def kb(what: str) -> int:
        return int((process / "status").read_text().split(f"{what}:")[1].split()[0])

    (process / "clear_refs").write_text("5")  # from here on, what it has at most is counted anew
    before, copy = kb("VmRSS"), tmp_path / "whole.jsonl"
    assert redirected(house, "dora", "log export", copy).returncode == 0
    assert copy.stat().st_size > 9_000_000
    assert kb("VmHWM") - before < 4_500, "a piece at a time is in memory"


def test_the_time_is_confirmed_over_ssh_by_a_seat(tmp_path: Path) -> None:
    with (
        FakeClock() as fake,
        Service(tmp_path / "data", door=True, budget_bytes=1 << 30, environment=fake.environment({})) as service,
    ):
        house = DoorHouse(service, tmp_path)
        house.name_director()
        fake.step(3 * 3600)
        wait_for("the step is a repair", lambda: "clock_disagreement" in service.repairs())
        assert "3 h 00 min ahead" in house.run("dora", "clock", "show").out
        asked = house.run("dora", "clock", "confirm", "--why", "compared with the town hall")
        assert asked.code == 1 and "3 h 00 min ahead of" in asked.err and "--yes" in asked.err
        done = house.run("dora", "clock", "confirm", "--why", "compared with the town hall", "--yes")
        assert done.code == 0, done.said
        assert "The time is confirmed" in done.out
        assert "clock_disagreement" not in service.repairs()
        (entry,) = house.log_entries("clock.confirm")[-1:]
        assert entry["seat"] == "director"
