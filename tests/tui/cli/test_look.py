"""`holdshelf look` from an account of this machine that is a person: each command is a process of its own."""

from __future__ import annotations

import itertools
import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from holdshelf_core.policy import model
from tests.looking import NS, Recorded, commissioned, record, seed
from tests.rig.hang import HANG_S
from tests.service import Service

ACCOUNT = "games"
pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 and "CI" not in os.environ, reason="only root may become another user"
)

type Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """As /tmp: where every account may go."""
    made = Path(tempfile.mkdtemp(prefix="hs-"))
    made.chmod(0o1777)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def home(folder: Path) -> Path:
    """The account's own folder."""
    made = folder / "home"
    made.mkdir()
    os.chown(made, pwd.getpwnam(ACCOUNT).pw_uid, -1)
    return made


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[Service]:
    with pytest.MonkeyPatch.context() as patch:
        # The socket lies where both accounts look for it, in a folder that its group may enter.
        patch.delenv("XDG_RUNTIME_DIR", raising=False)
        patch.setenv("TMPDIR", str(folder))
        patch.setattr(tempfile, "tempdir", str(folder))
        (folder / f"holdshelf-{os.getuid()}").mkdir(mode=0o750)
        made = Service(folder / "data")
        made.data.chmod(0o711)
        person = model.Person("p1", "dora", "Dora Reed", account=ACCOUNT)
        seat = model.Seat("s1", "director", "p1", 0, None)
        seed(made.data, [*commissioned("lobby", "desk"), ("people", "p1", person), ("seats", "s1", seat)])
        RECORDED.append(record(made.data, ["lobby"]))
        record(made.data, ["desk"], RECORDED[-1].resumed_utc_ns)  # not there yet when the lobby's begins
        with made:
            yield made


RECORDED: list[Recorded] = []


@pytest.fixture
def run(service: Service, home: Path) -> Run:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "holdshelf_tui.cli", "look", *arguments, "--data", str(service.data)],
            user=pwd.getpwnam(ACCOUNT).pw_uid,
            group=os.getgid(),
            extra_groups=[],
            cwd=home,
            env={**os.environ, "HOME": str(home)},
            capture_output=True,
            text=True,
            timeout=HANG_S,
            check=False,
        )

    return run


def typed(utc_ns: int) -> str:
    return datetime.fromtimestamp(utc_ns // NS, UTC).isoformat(" ")


def test_a_look_goes_from_the_prompt_to_a_file_of_ones_own(run: Run, home: Path) -> None:
    made = RECORDED[-1]
    opened = run(
        "open", "--purpose", "violation", "--incident", "26-114", "--camera", "lobby", "--json",
        "--from", typed(made.start_utc_ns), "--to", typed(made.gap_utc_ns), "--note", "ask Zebedee Quux about it",
    )  # fmt: skip
    assert opened.returncode == 0, opened.stderr
    look = json.loads(opened.stdout)
    assert "Zebedee Quux" in look["warning"], "names of patrons are warned about (P21)"
    assert look["id"] in run("list").stdout
    at = typed(made.start_utc_ns + 30 * NS)
    told = run("still", look["id"], "--camera", "lobby", "--at", at, "-o", "still.jpg")
    assert told.returncode == 0, told.stderr
    assert "log entry" in told.stdout
    file = home / "still.jpg"
    assert file.read_bytes().startswith(b"\xff\xd8")
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.stat().st_uid == pwd.getpwnam(ACCOUNT).pw_uid
    again = run("still", look["id"], "--camera", "lobby", "--at", at, "-o", "still.jpg")
    assert (again.returncode, "already" in again.stderr) == (1, True)
    strip = run("strip", look["id"], "--camera", "lobby", "--count", "3", "-o", "strip", "--json")
    assert [Path(row["file"]).name for row in json.loads(strip.stdout)] == ["01.jpg", "02.jpg", "03.jpg"]
    assert sorted(path.name for path in (home / "strip").iterdir()) == ["01.jpg", "02.jpg", "03.jpg"]
    outside = typed(made.resumed_utc_ns + 5 * NS)
    refused = run("still", look["id"], "--camera", "lobby", "--at", outside, "-o", "outside.jpg")
    assert (refused.returncode, "P12" in refused.stderr) == (1, True)
    option = refused.stderr.split("look widen ")[1].split("`")[0].split("'")
    widened = run("widen", look["id"], "--to", option[1])
    assert widened.returncode == 0, widened.stderr
    assert run("still", look["id"], "--camera", "lobby", "--at", outside, "-o", "inside.jpg").returncode == 0
    assert "closed" in run("close", look["id"]).stdout
    assert run("still", look["id"], "--camera", "lobby", "--at", at, "-o", "late.jpg").returncode == 1
    assert not (home / "late.jpg").exists()


def test_one_instant_of_several_cameras_is_a_file_each_and_why_one_has_none(run: Run, home: Path) -> None:
    made = RECORDED[-1]
    why = ("--purpose", "violation", "--incident", "26-115", "--camera", "lobby", "--camera", "desk")
    for name, at, files in (
        ("both", made.resumed_utc_ns + 5 * NS, ["desk.jpg", "lobby.jpg"]),
        ("one", made.start_utc_ns + 5 * NS, ["lobby.jpg"]),
    ):
        told = run("still", *why, "--at", typed(at), "-o", name)
        assert told.returncode == 0, told.stderr
        assert sorted(path.name for path in (home / name).iterdir()) == files
        assert ("There is no recording" in told.stdout) == (name == "one")
    assert not json.loads(run("list", "--json").stdout), "the look that it opened is closed again"


def test_movements_are_told_as_text(run: Run) -> None:
    """In each file of twenty seconds something moves in the second half."""
    made = RECORDED[-1]
    span = ("--from", typed(made.start_utc_ns // NS * NS), "--to", typed(made.gap_utc_ns))
    first, *lines = run("activity", "--camera", "lobby", "--moves", *span).stdout.splitlines()
    assert first.startswith("6 movements from ") and "within" not in first
    begun = [datetime.fromisoformat(f"{line.split()[0]} {line.split()[1]}") for line in lines]
    assert [(later - before).seconds for before, later in itertools.pairwise(begun)] == [20] * 5


def test_a_share_that_is_not_ones_own_is_refused(run: Run) -> None:
    refused = run("open", "--share", "V-2026-0001")
    assert refused.returncode == 1
    assert "P14" in refused.stderr


def test_an_emergency_says_what_it_is(run: Run) -> None:
    refused = run("open", "--break-glass", "--camera", "lobby")
    assert (refused.returncode, "danger" in refused.stderr) == (1, True)
    opened = run("open", "--break-glass", "--camera", "lobby", "--note", "smoke")
    assert "others who hold a seat must review this look" in opened.stdout
    assert "live until" in opened.stdout
