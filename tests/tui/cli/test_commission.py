"""entrance, camera commission, rename, move, retire, capacity: as an admin types them, and as a seat does in a session."""

from __future__ import annotations

import hashlib
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdshelf_core.api.errors import BadRequest
from holdshelf_core.cameras import commission_types as types
from holdshelf_tui.cli.commission import parse_mask, save_still
from tests.people import People
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service
from tests.tui.cli.test_driver import Ran, here, in_session, run


@pytest.fixture(scope="module")
def cameras() -> Iterator[RtspServer]:
    with RtspServer([Mount("door"), Mount("hall")]) as rig:
        yield rig


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("cli-commission") / "data", mint=True) as running:
        yield running


class Seat:
    """The Director in an SSH session: commands run with that session's token, as the door starts them."""

    def __init__(self, service: Service) -> None:
        people = People(service)
        people.name_director()
        self._service = service
        self._token = service.open_session("dora", people.fingerprints["dora"])["token"]

    def raw(self, *words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return in_session(self._token, self._service.data, *words, stdin=stdin)

    def run(self, *words: str) -> Ran:
        done = self.raw(*words)
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture(scope="module")
def seat(service: Service) -> Seat:
    return Seat(service)


@pytest.fixture(scope="module")
def door(service: Service, cameras: RtspServer) -> str:
    words = ["--name", "Door", "--area", "entrance", "--data", service.data]
    added = run("camera", "add", cameras.url("door"), *words)
    assert added.out.startswith("Added Door as door.\n")
    assert "camera commission door" in added.out
    service.await_recording("door")
    return "door"


def test_a_camera_is_brought_into_use_from_the_command_line(service: Service, seat: Seat, door: str) -> None:
    assert "not yet" in run("camera", "list", "--data", service.data).out
    shown = seat.run("camera", "commission", "Door")
    assert shown.code == 0, shown
    assert "Door (door): not in use yet" in shown.out
    assert "missing: No entrance is registered yet." in shown.out

    added = seat.run("entrance", "add", "Main entrance", "--sign", "version 2, 12 x 18 in")
    assert added.out.startswith("Main entrance is e1.")
    bare = seat.run("entrance", "add", "Back door").out
    assert "not described yet" in seat.run("entrance", "attest", "e2", "--legible", "--lit").refusal()
    assert "is attested" in seat.run(*shlex.split(bare[bare.index("`") + 1 : bare.rindex("`")])[1:]).out
    seat.run("entrance", "remove", "e2")
    assert "legible and lit" in seat.run("entrance", "attest", "e1", "--legible").refusal()
    assert "is attested; next check by 2" in seat.run("entrance", "attest", "e1", "--legible", "--lit").out
    listed = seat.run("entrance", "list")
    assert "attested" in listed.out
    assert "Dora Reed" in listed.out

    drawn = seat.run(
        *("camera", "commission", "door", "--mask", "0,0 50,0 50,100 0,100:public screens"),
        *("--mask", "60,60 80,60 70.5,90", "--exterior"),
    )
    assert "Door: 2 masks, version 1; may see beyond library property." in drawn.out
    assert "0,0 50,0 50,100 0,100: public screens" in drawn.out
    assert "60,60 80,60 70.5,90" in drawn.out
    assert "get it with --still" in seat.run("camera", "commission", "door", "--approve").refusal().lower()
    assert "cannot use files on the server" in seat.run("camera", "commission", "door", "--still", "x.jpg").refusal()

    still = seat.raw("camera", "commission", "door", "--still", "-")
    assert still.returncode == 0, still
    assert still.stdout.startswith(b"\xff\xd8\xff")
    sha256 = hashlib.sha256(still.stdout).hexdigest()
    assert f"hash {sha256}".encode() in still.stderr
    approved = seat.run("camera", "commission", "door", "--approve", "--seen", sha256[:16])
    assert approved.out == "Door is now in use.\n"
    assert "yes" in run("camera", "list", "--data", service.data).out
    row = seat.run("camera", "commission", "door", "--json").json()
    assert (row["state"], row["still_sha256"], row["approved_by"]) == ("approved", sha256, "Dora Reed")


def test_the_admin_is_refused_with_the_clause_and_whom_to_ask(
    service: Service, seat: Seat, door: str, tmp_path: Path
) -> None:
    file = tmp_path / "still.jpg"
    refusal = run("camera", "commission", door, "--still", str(file), "--data", service.data).refusal()
    assert "P11" in refusal
    assert "Dora Reed" in refusal
    assert not file.exists()


def test_cameras_are_renamed_moved_and_retired(service: Service, seat: Seat, cameras: RtspServer) -> None:
    data = ["--data", service.data]
    assert run("camera", "add", cameras.url("hall"), "--name", "Hall", "--area", "seating", *data).code == 0
    assert run("camera", "rename", "hall", "Great hall", *data).out == "It is called Great hall now.\n"
    assert "--not-private" in run("camera", "rename", "hall", "Locker hall", *data).refusal()
    moved = run("camera", "move", "hall", "--area", "Service desk", "--why", "the desk was moved", *data)
    assert "Nobody may look until the Director, Chair or Mayor approves it again" in moved.out
    assert "P5" in run("camera", "move", "hall", "--area", "restroom", "--why", "theft", *data).refusal()
    assert "--yes" in seat.run("camera", "retire", "hall", "--why", "not needed").refusal()
    retired = seat.run("camera", "retire", "Great hall", "--why", "not needed", "--yes")
    assert "Great hall is no longer recorded." in retired.out
    assert "retired" in seat.run("camera", "commission", "hall").out
    assert run("camera", "remove", "hall", "--yes", *data).refusal().startswith("There is no camera 'hall'.")


def test_p15_capacity_is_set_from_the_command_line(
    service: Service, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = ["--data", service.data]
    set_ = run("capacity", "set", "--budget", "300MB", "--floor-days", "14", "--why", "the Board decided", *data)
    assert "Footage may use 300.0 MB." in set_.out
    assert "fewer than 14 days" in set_.out
    assert service.client.status().disk.budget_bytes == 300_000_000
    for words, sentence in (
        (["--why", "x"], "Nothing to change"),
        (["--floor-days", "many", "--why", "x"], "not a number of days"),
        (["--budget", "12", "--why", "x"], "too small"),
        (["--budget", "300MB", "--why", "x"], "That is already the setting"),
        (["--budget", "default"], "--why"),
    ):
        assert sentence in here(capsys, monkeypatch, "capacity", "set", *words, *data).refusal()
    back = run("capacity", "set", "--budget", "default", "--floor-days", "none", "--why", "a new disk", "--json", *data)
    assert (back.json()["budget_bytes"], back.json()["floor_days"]) == (None, None)


@pytest.mark.parametrize(
    "text", ["", "0,0 1,1", "0,0 1,1 101,0", "0,0 1,1 a,b", "0,0 1,1 2", "0,0 1,1 -1,0", "0,0 1,1 1e1,0"]
)
def test_a_mask_that_is_none_is_refused_in_words(text: str) -> None:
    with pytest.raises(BadRequest, match="corner"):
        parse_mask(text)


def test_a_still_goes_into_a_new_file_of_its_owner_alone(tmp_path: Path) -> None:
    still = types.StillRow(7, "door", b"\xff\xd8\xffpicture", "0" * 64, 1, 320, 180, True, 1)
    file = tmp_path / "still.jpg"
    save_still(still, str(file))
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (still.jpeg, 0o600)
    link = tmp_path / "link.jpg"
    link.symlink_to(tmp_path / "elsewhere.jpg")
    for target in (file, link, tmp_path / "no" / "folder.jpg"):
        with pytest.raises(BadRequest, match=r"already exists|cannot be written"):
            save_still(still, str(target))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.jpg", "still.jpg"]
