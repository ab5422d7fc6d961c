"""camera import | export: forty cameras from a file, real streams and real devices, and what is told of lines that are wrong."""

from __future__ import annotations

import contextlib
import csv
import io
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from holdshelf_core.cameras.types import CameraRemove
from holdshelf_tui.cli.camera_bulk import AT_ONCE
from tests.people import People
from tests.rig.hang import HANG_S
from tests.rig.onvif_device import OnvifDevice, Profile, running
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service, wait_for
from tests.tui.cli.test_driver import Ran, in_session, run

MANY, SOME, DEVICES = 40, 12, 3
"""Cameras of `make soak`, of the other tests (more than are tried at once), and how many of them are ONVIF devices."""
BEYOND_S = 5
"""In which one camera more than the bound would be dialed."""
USER, PASSWORD = "viewer", "correct, horse 1"


@dataclass
class Rig:
    """A service without cameras, and forty streams; the first of them are ONVIF devices'."""

    service: Service
    addresses: list[str]
    folder: Path

    def file(self, text: str, name: str = "cameras.csv") -> Path:
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o600)
        return path

    def secrets(self, *lines: str) -> Path:
        return self.file("\n".join(["camera,user,password", *lines]) + "\n", "cameras.secret")

    def rows(self, count: int) -> str:
        named = [f"Camera {n},{address},seating" for n, address in enumerate(self.addresses[:count])]
        return "\n".join(["name,address,area", *named]) + "\n"

    def run(self, *words: str | Path) -> Ran:
        return run("camera", *words, "--data", self.service.data, timeout_s=600)

    def known(self) -> set[str]:
        return {row.id for row in self.service.client.status().cameras}


@pytest.fixture(scope="module")
def cameras() -> Iterator[list[str]]:
    """Addresses of ``MANY``; a stream costs nothing until somebody asks for it."""
    mounts = [Mount(f"in{n}", auth="digest", username=USER, password=PASSWORD) for n in range(MANY)]
    with contextlib.ExitStack() as stack:
        streams = stack.enter_context(RtspServer(mounts))
        bare = [streams.url(f"in{n}").replace(f"{USER}:", "").rpartition("@")[2] for n in range(MANY)]
        urls = [url if url.startswith("rtsp://") else f"rtsp://{url}" for url in bare]
        devices = [
            OnvifDevice(
                username=USER, password=PASSWORD, profiles=[Profile("main", uri=urls[n])], serial_number=f"SN-{n}"
            )
            for n in range(DEVICES)
        ]
        yield [stack.enter_context(running(device)).address for device in devices] + urls[DEVICES:]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("bulk") / "data", mint=True) as running_service:
        yield running_service


@pytest.fixture
def rig(service: Service, cameras: list[str], tmp_path: Path) -> Iterator[Rig]:
    yield Rig(service, cameras, tmp_path)
    for row in service.client.status().cameras:
        service.act(CameraRemove(row.id))


def test_more_cameras_than_are_tried_at_once_are_added_and_a_second_time_none(rig: Rig) -> None:
    assert SOME > AT_ONCE
    _are_added_and_a_second_time_none(rig, SOME)


@pytest.mark.soak
def test_forty_cameras_are_added_within_a_minute_and_a_second_time_none(rig: Rig) -> None:
    _are_added_and_a_second_time_none(rig, MANY)


def _are_added_and_a_second_time_none(rig: Rig, many: int) -> None:
    file, secrets = rig.file(rig.rows(many)), rig.secrets(f'*,{USER},"{PASSWORD}"')
    planned = rig.run("import", file, "--secrets", secrets, "--dry-run")
    assert planned.code == 0 and f"{many} cameras: {many} would be added." in planned.out
    assert PASSWORD not in planned.out and f"with the user name {USER}" in planned.out
    assert not rig.known(), "a dry run adds nothing"

    added = rig.run("import", file, "--secrets", secrets)
    assert added.code == 0, added
    assert f"{many} cameras: {many} added." in added.out
    assert [line.split(":")[0] for line in added.out.splitlines()[:many]] == [f"line {n}" for n in range(2, many + 2)]
    wait_for("all recorded", lambda: all(c.state == "recording" for c in rig.service.client.status().cameras))

    again = rig.run("import", file, "--secrets", secrets, "--json")
    assert again.code == 0
    assert {row["outcome"] for row in again.json()} == {"here already"}
    assert {row["id"] for row in again.json()} == rig.known() and len(rig.known()) == many
    entries = rig.service.log()
    assert PASSWORD not in entries


@pytest.mark.parametrize("form", ["csv", "toml"])
def test_what_is_exported_from_one_server_is_imported_on_another(rig: Rig, form: str) -> None:
    text = rig.rows(3) + f"Men's hall,{rig.addresses[-1]},other\n"
    text = text.replace("address,area\n", "address,area,area_note,not_private\n").replace(
        ",other\n", ',other,"a, ""b""",yes\n'
    )
    secrets = rig.secrets(f'*,{USER},"{PASSWORD}"')
    # One with nothing but its host and port: the integration knows the rest.
    text = text.replace(rig.addresses[0], rig.addresses[0].split("/")[2])
    first = rig.run("import", rig.file(text), "--secrets", secrets)
    assert first.code == 0, first
    assert "here already as camera-0" in rig.run("import", rig.file(text), "--secrets", secrets).out
    file = rig.folder / f"copy.{form}"
    told = rig.run("export", file)
    assert told.code == 0 and "4 cameras" in told.out
    copy = file.read_text()
    assert USER not in copy and PASSWORD not in copy
    before = {(c["name"], c["address"], c["area_note"], c["questioned"]) for c in rig.run("export", "--json").json()}

    for camera in rig.known():
        rig.service.act(CameraRemove(camera))
    assert rig.run("import", file, "--secrets", secrets).code == 0
    after = {(c["name"], c["address"], c["area_note"], c["questioned"]) for c in rig.run("export", "--json").json()}
    assert after == before and len(after) == 4
    shown = rig.run("export", *(["--toml"] if form == "toml" else []))
    assert sorted(shown.out.split("\n")) == sorted(copy.split("\n"))
    assert "exists" in rig.run("export", file).refusal()


def test_lines_that_fail_are_told_with_their_reason_and_the_others_are_added(rig: Rig) -> None:
    good, other = rig.addresses[-1], rig.addresses[-2]
    lines = [
        "name,address,area,area_note,transport,profile,not_private",
        f"Good,{good},seating,,,,",
        "Typo,192.0.2.7,entrace,,,,",
        "Men's room,192.0.2.8,seating,,,,",
        "Closet,192.0.2.9,restroom,,,,",
        "Other,192.0.2.10,other,,,,",
        "Silent,rtsp://127.0.0.1:9/x,seating,,,,",
        "Carried,192.0.2.11,seating,,pigeon,,",
        "Inside,rtsp://me:word@192.0.2.12/x,seating,,,,",
        f"Good,{other},seating,,,,",
        f"Locked out,{rig.addresses[-3]},seating,,,,",
        f"Twice,{good},seating,,,,",
        "Nowhere,junk,seating,,,,",
    ]
    file = rig.file("\n".join(lines) + "\n")
    secrets = rig.secrets(f'Good,{USER},"{PASSWORD}"', f"LOCKED  out,{USER},wrong")
    dry = rig.run("import", file, "--secrets", secrets, "--dry-run", "--json")
    assert dry.code == 1
    planned = {row["line"]: row for row in dry.json()}
    assert {line for line, row in planned.items() if row["outcome"] == "would be added"} == {2, 7, 11}

    told = rig.run("import", file, "--secrets", secrets, "--json")
    assert told.code == 1 and "11 of 12 cameras were not added" in told.err
    rows = {row["line"]: row for row in told.json()}
    assert rows[2]["outcome"] == "added" and rig.known() == {"good"}
    wrong = {
        3: ("area", "Did you mean 'entrance'?"),
        4: ("not_private", "write yes in the column not_private"),
        5: ("area", "Nobody can override this"),
        6: ("area_note", "the column area_note"),
        7: ("address", "127.0.0.1"),
        8: ("transport", "Use tcp, udp or multicast"),
        9: ("address", "secrets file (--secrets). Leave it out."),
        10: ("name", "Line 2 has the same name"),
        11: ("secrets", ""),
        12: ("address", "Line 2 has the same address"),
        13: ("address", "neither a discovered camera nor an address"),
    }
    for line, (column, words) in wrong.items():
        problem = rows[line]["problems"][0]
        assert problem["column"] == column, rows[line]
        assert words in f"{problem['sentence']} {problem['instead']}", rows[line]
        if line not in (7, 11):
            assert planned[line]["problems"][0]["column"] == column
    assert not any("--area" in str(row) or "--not-private" in str(row) for row in rows.values())
    attempts = run("log", "show", "--action", "camera.add", "--json", "--data", rig.service.data).json()
    assert any(row["entry"]["outcome"] == "refused" for row in attempts["entries"]), (
        "a private place is refused and written down"
    )


def test_secrets_of_a_camera_that_is_not_in_the_file_are_noticed(rig: Rig) -> None:
    file = rig.file(rig.rows(1))
    told = rig.run("import", file, "--secrets", rig.secrets("Camera O,viewer,x"), "--dry-run")
    assert told.code == 0
    assert "line 2: no camera of" in told.err and "Did you mean 'Camera 0'?" in told.err
    open_to_all = rig.secrets("*,viewer,hidden-word")
    open_to_all.chmod(0o644)
    refused = rig.run("import", file, "--secrets", open_to_all).refusal()
    assert "chmod 600" in refused and "hidden-word" not in refused
    twice = rig.secrets("*,viewer,x", "*,viewer,y")
    assert "the same camera as in line 2" in rig.run("import", file, "--secrets", twice).refusal()
    assert not rig.known()


class Held:
    """A machine of cameras that answers none of them before ``wanted`` wait at once. ``most``: so many did."""

    def __init__(self, wanted: int) -> None:
        self.most = 0
        self._wanted, self._answers = wanted, False
        self._waiting: set[socket.socket] = set()
        self._changed = threading.Condition()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._accept, self._answer)]
        for thread in self._threads:
            thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._hold, args=(connection,), daemon=True).start()

    def _hold(self, connection: socket.socket) -> None:
        with connection:
            with self._changed:
                if self._answers:
                    return
                self._waiting.add(connection)
                self.most = max(self.most, len(self._waiting))
                self._changed.notify_all()
            with contextlib.suppress(OSError):
                while connection.recv(4096):  # until it gives up, or is answered
                    pass
            with self._changed:
                self._waiting.discard(connection)

    def _answer(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._answers or self.most >= self._wanted, HANG_S)
            # One more would come at once: nothing keeps it, where there is no bound.
            self._changed.wait_for(lambda: self._answers or self.most > self._wanted, BEYOND_S)
            self._answers = True
            for connection in self._waiting:
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with self._changed:
            self._answers = True
            self._changed.notify_all()
        self._socket.shutdown(socket.SHUT_RDWR)  # this ends accept(), which close() does not
        for thread in self._threads:
            thread.join()
        self._socket.close()


def test_several_cameras_are_tried_at_once_and_not_all_of_them(rig: Rig) -> None:
    with contextlib.closing(Held(AT_ONCE)) as held:
        lines = "".join(f"Camera {n},rtsp://127.0.0.1:{held.port}/{n},seating\n" for n in range(2 * AT_ONCE))
        told = rig.run("import", rig.file("name,address,area\n" + lines), "--json")
    assert told.code == 1
    assert 1 < held.most <= AT_ONCE
    assert [row["line"] for row in told.json()] == list(range(2, 2 * AT_ONCE + 2)), "in the order of the file"


def test_only_the_admin_imports_and_a_session_uses_no_file_of_the_server(rig: Rig) -> None:
    people = People(rig.service)
    people.name_director()
    token = rig.service.open_session("dora", people.fingerprints["dora"])["token"]
    for words in (["import", "/etc/hostname"], ["export", "/tmp/cameras.csv"]):
        told = in_session(token, rig.service.data, "camera", *words).stderr.decode()
        assert "Over SSH you cannot use files on the server" in told
    token = rig.service.open_session("dora", people.fingerprints["dora"])["token"]
    assert "Only the admin" in in_session(token, rig.service.data, "camera", "export").stderr.decode()


def test_an_export_is_a_table_that_a_spreadsheet_reads(rig: Rig) -> None:
    assert list(csv.DictReader(io.StringIO(rig.run("export").out))) == []
    assert rig.run("export").out.strip() == "name,address,area,area_note,transport,profile,not_private"
