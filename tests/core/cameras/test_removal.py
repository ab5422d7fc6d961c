"""A camera that is removed is gone, whatever else goes on with it: nothing that was begun before brings it back."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from holdshelf_core.cameras.flow_types import CameraReconfigure
from holdshelf_core.cameras.types import CameraReload, CameraRemove, CameraRename
from holdshelf_core.errors import HoldshelfError, NotFound
from holdshelf_core.operations.types import ReadDoctor
from tests.core.cameras.test_cameras import entries
from tests.rig.hang import HANG_S
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service, faults_in, wait_for

MEANWHILE = "Hall was removed meanwhile, so nothing of it was changed."


class LateLine:
    """A port before a camera: who dials it waits until it is let through."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._open = threading.Event()
        self.came = threading.Event()
        self._listens = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listens.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def let_through(self) -> None:
        self._open.set()

    def close(self) -> None:
        self._open.set()
        self._listens.shutdown(socket.SHUT_RDWR)  # or who accepts waits on
        self._listens.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self._listens.accept()[0],), daemon=True).start()

    def _serve(self, caller: socket.socket) -> None:
        self.came.set()
        self._open.wait()
        with caller, suppress(OSError), socket.create_connection(("127.0.0.1", self._to)) as camera:
            back = threading.Thread(target=_pump, args=(camera, caller), daemon=True)
            back.start()
            _pump(caller, camera)
            back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@pytest.fixture(scope="module")
def cameras() -> Iterator[RtspServer]:
    with RtspServer([Mount("hall"), Mount("door")]) as server:
        yield server


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with Service(tmp_path / "data") as running:
        yield running


@pytest.fixture
def line(cameras: RtspServer) -> Iterator[LateLine]:
    made = LateLine(cameras.port("hall"))
    yield made
    made.close()


def removed(service: Service, camera: str) -> str:
    try:
        return service.act(CameraRemove(camera)).sentence
    except NotFound as error:
        return error.sentence


def plays(cameras: RtspServer, mount: str) -> int:
    return int(cameras.stats()["mounts"][mount]["plays"])


def test_three_who_remove_a_camera_at_once_are_all_answered_and_one_has_done_it(
    service: Service, cameras: RtspServer
) -> None:
    """Seen: the second waited without end for the first one's turn to come."""
    camera = service.add(cameras.url("hall"), "Hall")
    service.await_recording(camera)
    with ThreadPoolExecutor(3) as three:
        said = sorted(three.map(lambda _: removed(service, camera), range(3)))
    assert said[0] == "Hall is no longer recorded."
    assert set(said[1:]) <= {MEANWHILE, f"There is no camera {camera!r}."}
    assert [row.entry["outcome"] for row in entries(service, "camera.remove")].count("done") == 1, "one has done it"
    assert service.client.status().cameras == []
    assert faults_in(service.log()) == []


def test_a_camera_that_is_removed_while_its_new_address_is_tried_does_not_come_back(
    service: Service, cameras: RtspServer, line: LateLine
) -> None:
    """Seen: the new address was stored after the removal, and the camera was recorded again."""
    camera, other = service.add(cameras.url("hall"), "Hall"), service.add(cameras.url("door"), "Door")
    service.await_recording(camera, other)
    address = cameras.url("hall").replace(f":{cameras.port('hall')}/", f":{line.port}/")
    with ThreadPoolExecutor(1) as one:
        trying = one.submit(service.client.act, CameraReconfigure(camera, address), timeout_s=90)
        assert line.came.wait(HANG_S)
        assert removed(service, camera) == "Hall is no longer recorded."
        before = plays(cameras, "hall")
        line.let_through()
        (step,) = trying.result(90).steps
    assert (step.outcome, step.sentence) == ("failed", MEANWHILE)
    wait_for("it was let go of", lambda: cameras.stats()["clients"] == 1)
    service.stop()
    service.start()
    service.await_recording(other)
    assert [row.id for row in service.client.status().cameras] == [other]
    assert plays(cameras, "hall") <= before + 1, "once to try it"
    assert not [row for row in service.repairs().values() if "register" in row.issue_id]
    assert faults_in(service.log()) == []


def test_whatever_is_done_with_a_camera_while_it_is_removed_does_not_bring_it_back(
    service: Service, cameras: RtspServer
) -> None:
    def tried(act: CameraReload | CameraRename) -> None:
        with suppress(HoldshelfError):
            service.act(act)

    for turn in range(4):
        camera = service.add(cameras.url("hall"), f"Hall {turn}")
        service.await_recording(camera)
        with ThreadPoolExecutor(6) as many:
            for at in range(3):
                many.submit(tried, CameraReload(camera))
                many.submit(tried, CameraRename(camera, f"Corridor {turn} {at}"))
            many.submit(removed, service, camera)
        assert service.client.status().cameras == []
        wait_for("it was let go of", lambda: cameras.stats()["clients"] == 0)
    assert service.client.read(ReadDoctor()) is not None
    assert faults_in(service.log()) == []
