"""camera stills | approve: many cameras brought into use in one go, and none of them without its own still."""

from __future__ import annotations

import csv
import hashlib
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service
from tests.tui.cli.test_commission import Seat
from tests.tui.cli.test_driver import Ran, run

NAMES = ["Door", "Hall", "Desk", "Showers hall"]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with (
        RtspServer([Mount(f"in{n}") for n in range(len(NAMES))]) as rig,
        Service(tmp_path_factory.mktemp("group") / "data", mint=True) as running,
    ):
        for n, name in enumerate(NAMES):
            running.add(rig.url(f"in{n}"), name, questioned=True)
        running.await_recording("door", "hall", "desk", "showers-hall")
        yield running


@pytest.fixture(scope="module")
def seat(service: Service) -> Seat:
    found = Seat(service)
    found.run("entrance", "add", "Main entrance", "--sign", "version 2, 12 x 18 in")
    assert found.run("entrance", "attest", "e1", "--legible", "--lit").code == 0
    return found


def rows_in(text: str) -> dict[str, dict[str, str]]:
    return {row["camera"]: row for row in csv.DictReader(io.StringIO(text))}


def files_of(raw: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]


def approve(seat: Seat, rows: dict[str, dict[str, str]], *more: str) -> Ran:
    """The list, ticked, as a person sends it."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(next(iter(rows.values()))))
    writer.writeheader()
    writer.writerows(rows.values())
    done = seat.raw("camera", "approve", "-", *more, stdin=out.getvalue().encode())
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


def states(seat: Seat) -> dict[str, str]:
    return {name: seat.run("camera", "commission", name, "--json").json()["state"] for name in NAMES}


def test_only_what_somebody_looked_at_is_approved_and_by_its_own_still(service: Service, seat: Seat) -> None:
    taken = seat.raw("camera", "stills", "-", "--no-masks", "nothing to read in sight")
    assert taken.returncode == 0, taken.stderr
    files = files_of(taken.stdout)
    rows = rows_in(files["cameras.csv"].decode())
    assert set(rows) == {"door", "hall", "desk", "showers-hall"}
    assert set(files) == {"cameras.csv", *(f"{camera}.jpg" for camera in rows)}
    for camera, row in rows.items():
        assert row["hash"] == hashlib.sha256(files[f"{camera}.jpg"]).hexdigest() and row["looked"] == ""

    untouched = approve(seat, rows)
    assert untouched.code == 0 and untouched.out.count("left: nobody wrote yes") == len(rows)
    assert set(states(seat).values()) == {"new"}

    rows["door"]["looked"] = rows["hall"]["looked"] = rows["showers-hall"]["looked"] = "yes"
    rows["hall"]["hash"] = rows["door"]["hash"]
    told = approve(seat, rows)
    assert told.code == 1
    assert "door: in use" in told.out
    assert "not the newest masked still of Hall (P4)" in told.out
    assert "write yes in the column not_private" in told.out
    assert states(seat) == {"Door": "approved", "Hall": "new", "Desk": "new", "Showers hall": "new"}

    log = [row["entry"] for row in run("log", "show", "--json", "--data", service.data).json()["entries"]]
    stills = [entry for entry in log if entry["action"] == "commission.still"]
    approved = [entry for entry in log if entry["action"] == "commission.approve" and entry["outcome"] == "done"]
    assert len(stills) == len(rows), "each still is an entry of its own"
    assert [entry["cameras"] for entry in approved] == [["door"]], "and each approval"


def test_a_new_still_takes_the_place_of_an_old_list(seat: Seat) -> None:
    first = rows_in(
        files_of(seat.raw("camera", "stills", "-", "--camera", "Desk", "--no-masks", "none").stdout)[
            "cameras.csv"
        ].decode()
    )
    second = rows_in(files_of(seat.raw("camera", "stills", "-", "--camera", "desk").stdout)["cameras.csv"].decode())
    first["desk"]["looked"] = second["desk"]["looked"] = "yes"
    assert "not the newest masked still" in approve(seat, first).out
    assert approve(seat, second, "--json").json() == [{"camera": "desk", "outcome": "in use", "problem": ""}]


def test_the_admin_is_shown_no_still(service: Service, tmp_path: Path) -> None:
    folder = tmp_path / "stills"
    told = run("camera", "stills", folder, "--data", service.data)
    assert told.code == 1 and "No still was made of" in told.err
    assert [file.name for file in folder.iterdir()] == ["cameras.csv"]
    assert "already exists" in run("camera", "stills", folder, "--data", service.data).refusal()


def test_a_session_uses_no_folder_of_the_server(seat: Seat) -> None:
    assert "Over SSH you cannot use files" in seat.run("camera", "stills", "/tmp/stills").refusal()
    assert "Over SSH you cannot use files" in seat.run("camera", "approve", "/tmp/cameras.csv").refusal()
    unknown = seat.run("camera", "stills", "-", "--camera", "Doorr")
    assert "Did you mean 'door'?" in unknown.err
