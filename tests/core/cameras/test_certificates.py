"""A camera that signs its certificate itself is held to the one that it showed first."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdshelf_core.cameras import types as asking
from tests.core.cameras.test_cameras import add
from tests.onvif.test_client import self_signed
from tests.rig.hang import HANG_S
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service, wait_for

CHANGED = "certificate changed"


class Impostor:
    """Takes a camera's port with a certificate of its own, and notes what it is sent."""

    def __init__(self, port: int, folder: Path) -> None:
        self._context = self_signed(folder)
        self._listening = socket.create_server(("127.0.0.1", port))
        self.received = b""
        self.handshakes = 0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while True:
            try:
                plain, _ = self._listening.accept()
            except OSError:
                return
            plain.settimeout(HANG_S)
            with contextlib.suppress(OSError), self._context.wrap_socket(plain, server_side=True) as connection:
                self.handshakes += 1
                while data := connection.recv(4096):
                    self.received += data

    def __enter__(self) -> Impostor:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(HANG_S)


@pytest.fixture
def cameras() -> Iterator[RtspServer]:
    with RtspServer([Mount("door", username="viewer", password="shelf-42")], tls=True) as server:
        yield server


def test_an_rtsps_camera_with_another_certificate_is_sent_nothing_until_a_person_accepts_it(
    tmp_path: Path, cameras: RtspServer
) -> None:
    with Service(tmp_path / "data") as service:
        door = add(service, cameras.url("door"), "Door", username="viewer", password="shelf-42").id
        service.await_recording(door)
        port = cameras.port("door")
        cameras.stop()
        with Impostor(port, tmp_path) as impostor:
            row = wait_for(
                "the change is noticed",
                lambda: next((c for c in service.client.status().cameras if c.reason == CHANGED), None),
            )
            assert row.id == door
            asked = asking.CameraCheck(door)
            checks = service.client.act(asked, timeout_s=HANG_S)
            assert "The certificate of 127.0.0.1 changed." in next(
                s.sentence for s in checks.steps if s.name == "stream"
            )
            tried = asking.CameraCheck(door, password="shelf-42")
            service.client.act(tried, timeout_s=HANG_S)
            assert impostor.handshakes > 2
            assert impostor.received == b""
        repair = wait_for(
            "a repair with a next step",
            lambda: next(
                (r for r in service.client.status().repairs if r.camera == door and "certificate" in r.sentence), None
            ),
        )
        assert f"camera check {door} --accept-certificate" in repair.next_step
        cameras.certificate_path.unlink()
        cameras.start()
        accepted = asking.CameraCheck(door, accept_certificate=True)
        checks = service.client.act(accepted, timeout_s=HANG_S)
        assert [(s.name, s.outcome) for s in checks.steps][:2] == [("certificate", "ok"), ("stream", "ok")]
        service.await_recording(door)
