"""An older STATE copied back, checked without the service: what the media volume has seen of the log shows how many entries are
missing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from holdshelf_core.access_log import types as log_types
from tests.looking import commissioned, record, seed
from tests.people import PAPER, People
from tests.rig import forked
from tests.service import Service

NS = 10**9


@dataclass
class House:
    """A data folder whose service was stopped, and its STATE of an earlier day."""

    service: Service
    old: Path
    old_entries: int
    entries: int

    @property
    def state(self) -> Path:
        return self.service.data / "state"

    @property
    def media(self) -> Path:
        return self.service.data / "media"

    def put_back(self) -> None:
        shutil.rmtree(self.state)
        shutil.copytree(self.old, self.state)

    @property
    def missing(self) -> str:
        return f"the media volume has seen {self.entries} entries of the access log"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    service = Service(tmp_path / "data", mint=True)
    seed(service.data, commissioned("lobby"))
    record(service.data, ("lobby",), time.time_ns() - 3600 * NS)
    with service:
        people = People(service)
        people.name_director()
        service.stop()
        old = tmp_path / "old"
        shutil.copytree(service.data / "state", old)
        entries = counted(old)
        service.start()
        people.appoint("sam", "Sam Roe", people.client("dora"), "archive", cameras=["lobby"])
        service.stop()
        assert counted(service.data / "state") > entries + 1
        yield House(service, old, entries, counted(service.data / "state"))


def counted(state: Path) -> int:
    lines = (line for path in (state / "access").glob("2*.jsonl") for line in path.read_bytes().splitlines())
    return sum(not line.startswith(b'{"private"') for line in lines)


def holdshelf(*words: object) -> subprocess.CompletedProcess[str]:
    return forked.run([sys.executable, "-m", "holdshelf_tui.cli", *map(str, words)], capture_output=True, text=True)


def test_the_newest_state_is_called_good_and_it_is_said_that_the_volume_was_asked(house: House) -> None:
    whole = f"The access log has all {house.entries} entries that the media volume has seen."
    for done in (
        holdshelf("log", "verify", "--data", house.service.data),
        holdshelf("log", "verify", house.state),
        holdshelf("log", "verify", house.state, "--media", house.media),
        holdshelf("footage", "verify", "--media", house.media, "--state", house.state),
    ):
        assert done.returncode == 0, done.stdout + done.stderr
        assert whole in done.stdout
    # Without a volume there is nothing to ask.
    done = holdshelf("log", "verify", house.old)
    assert (done.returncode, "media" in done.stdout) == (0, False)


def test_an_older_state_put_back_is_found_and_the_missing_entries_are_counted(house: House, tmp_path: Path) -> None:
    house.put_back()
    gone = f"; {house.entries - house.old_entries} are missing."
    for done in (
        holdshelf("log", "verify", "--data", house.service.data),
        holdshelf("log", "verify", house.state),
        holdshelf("log", "verify", house.old, "--media", house.media),
        holdshelf("footage", "verify", "--media", house.media, "--state", house.state),
    ):
        assert done.returncode == 1, done.stdout + done.stderr
        (told,) = [line for line in done.stdout.splitlines() if house.missing in line]
        assert told.startswith("This state is older than the footage: ")
        assert f"here there are {house.old_entries}, the last of " in told
        assert told.endswith(gone)
    found = json.loads(holdshelf("log", "verify", house.state, "--json").stdout)
    assert (len(found["problems"]), found["media"]) == (1, "")
    # Told once more by the service; accepted on the Board's paper, it counts.
    house.service.start()
    house.service.act(log_types.LogAccept(PAPER, "it is all there is"))
    house.service.stop()
    for words in (
        ("log", "verify", house.state),
        ("footage", "verify", "--media", house.media, "--state", house.state),
    ):
        done = holdshelf(*words)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_log_with_as_many_other_entries_is_no_extension_of_what_was_seen(house: House) -> None:
    """The volume was away while a service went on with the older state."""
    house.put_back()
    seen = (house.media / "log-seen").read_bytes()
    (house.media / "log-seen").unlink()
    house.service.start()
    while counted(house.state) <= house.entries:
        house.service.act(log_types.LogVerify())
    house.service.stop()
    (house.media / "log-seen").write_bytes(seen)
    for words in (
        ("log", "verify", house.state),
        ("footage", "verify", "--media", house.media, "--state", house.state),
    ):
        done = holdshelf(*words)
        assert done.returncode == 1, done.stdout + done.stderr
        assert f"but the first {house.entries} entries here are different." in done.stdout


def test_a_record_of_the_volume_that_was_changed_is_a_problem_and_none_is_said(house: House) -> None:
    seen = house.media / "log-seen"
    told = json.loads(seen.read_bytes())
    words = ("footage", "verify", "--media", house.media, "--state", house.state)
    for head in (told["head"].replace(f"\n{house.entries}\n", f"\n{house.entries - 1}\n", 1), "nothing"):
        seen.write_text(json.dumps({**told, "head": head}))
        for done in (holdshelf("log", "verify", house.state), holdshelf(*words)):
            assert done.returncode == 1, done.stdout + done.stderr
            assert "The media volume's record of the access log cannot be read or was changed." in done.stdout
    seen.unlink()
    for done in (holdshelf("log", "verify", house.state), holdshelf(*words)):
        assert done.returncode == 0, done.stdout + done.stderr
        assert "has no record of the access log (`log-seen`)" in done.stdout


def test_a_log_that_follows_a_broken_one_has_what_was_seen_of_that(house: House) -> None:
    path = max((house.state / "access").glob("2*.jsonl"))
    seen = (house.media / "log-seen").read_bytes()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    done = holdshelf("log", "verify", house.state)
    assert done.returncode == 1
    assert house.missing in done.stdout, "that entries are gone, the volume knows, too"
    house.service.start()
    house.service.act(log_types.LogRepair("the disk lost half a file"))
    house.service.stop()
    (house.media / "log-seen").write_bytes(seen)  # as if it was killed before the volume was told
    for words in (
        ("log", "verify", house.state),
        ("footage", "verify", "--media", house.media, "--state", house.state),
    ):
        done = holdshelf(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "names the one that the media volume has seen as the one before it." in done.stdout


def test_a_media_folder_that_does_not_belong_there_is_refused_in_a_sentence(house: House, tmp_path: Path) -> None:
    other = Service(tmp_path / "other")
    for words, said in (
        (("--media", house.media), "--media goes with COPY."),
        ((house.state, "--media", other.data / "media"), "do not belong together"),
        ((house.state, "--media", tmp_path / "nowhere"), "cannot be opened"),
        ((max((house.state / "access").glob("2*.jsonl")), "--media", house.media), "--media goes with a state folder."),
    ):
        done = holdshelf("log", "verify", *words)
        assert done.returncode == 1
        assert said in done.stderr
        assert "Traceback" not in done.stderr


def test_beside_a_running_service_nothing_seems_to_be_missing(house: House) -> None:
    house.service.start()
    for _ in range(3):
        house.service.act(log_types.LogVerify())
        done = holdshelf("footage", "verify", "--media", house.media, "--state", house.state)
        assert done.returncode == 0, done.stdout + done.stderr
