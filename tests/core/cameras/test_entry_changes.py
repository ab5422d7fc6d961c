"""A camera is added step by step, asked for a password, given another address, set up anew: and others have no gap."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from typer.testing import CliRunner

from holdshelf_core.api import types
from holdshelf_core.api.errors import BadRequest, Conflict, HoldshelfError, NotFound
from holdshelf_core.buffer import types as buffer_types
from holdshelf_core.cameras import flow_types as types_flow
from holdshelf_core.cameras import types as asking
from holdshelf_core.cameras import types as camera_types
from holdshelf_tui.cli.app import app
from tests.core.cameras.test_cameras import entries, log_files
from tests.looking import commissioned, seed
from tests.rig.hang import HANG_S
from tests.rig.onvif_device import OnvifDevice, Profile, running
from tests.rig.rtsp import Mount, RtspServer
from tests.service import DAY_NS, Service, free_port, wait_for

SECRET = "shelf-42"
MAC, SERIAL = "00:1a:2b:3c:4d:5e", "SN-00417"


@dataclass
class Rig:
    """Two streams, and one device that answers at two ports as itself and at a third as another."""

    service: Service
    cameras: RtspServer
    devices: list[OnvifDevice]
    hall: str
    door: str
    front: str


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with RtspServer([Mount("hall"), Mount("door", auth="digest"), Mount("front")]) as cameras:
        uri = cameras.url("front")
        same = [
            OnvifDevice(
                profiles=[Profile("main", uri=uri, name=f"Main {MAC}")], serial_number=SERIAL, model=f"Eye {MAC}"
            )
            for _ in range(2)
        ]
        other = OnvifDevice(profiles=[Profile("main", uri=uri)], serial_number="SN-2")
        with (
            Service(tmp_path_factory.mktemp("changes") / "data") as service,
            running(same[0]),
            running(same[1]),
            running(other),
        ):
            hall = service.add(cameras.url("hall"), "Hall")
            door = service.add(cameras.url("door"), "Door", username="viewer", password=SECRET)
            front = service.add(same[0].address, "Front", username="admin", password=same[0].password)
            service.stop()
            seed(service.data, commissioned(hall, door, front))
            service.start()
            yield Rig(service, cameras, [*same, other], hall, door, front)


def gaps(service: Service, camera: str) -> list[types.GapRow]:
    now = service.client.status().now_utc_ns
    return service.client.read(buffer_types.ReadGaps(camera=camera, start_utc_ns=now - DAY_NS, end_utc_ns=now + DAY_NS))


def reconfigure(rig: Rig, camera: str, address: str, **more: str) -> list[types.CheckStep]:
    asked = types_flow.CameraReconfigure(camera, address, **more)
    return rig.service.client.act(asked, timeout_s=HANG_S).steps


def plays(rig: Rig, mount: str) -> int:
    """How often a stream was begun."""
    return int(rig.cameras.stats()["mounts"][mount]["plays"])


def commission(rig: Rig, camera: str) -> str:
    return rig.service.camera(camera).commission


def test_one_camera_is_reloaded_readdressed_and_given_a_password_while_another_has_no_gap(rig: Rig) -> None:
    service = rig.service
    service.await_recording(rig.hall, rig.door, rig.front)
    before = gaps(service, rig.hall)
    dialed = {name: plays(rig, name) for name in ("hall", "door")}
    for camera in (rig.door, rig.front):
        assert "set up again" in service.act(asking.CameraReload(camera)).sentence
        service.await_recording(camera)
    told = service.client.act(asking.CameraCheck(rig.door, "viewer", SECRET), timeout_s=HANG_S).steps
    assert [(s.name, s.outcome) for s in told] == [("password", "ok"), ("stream", "ok"), ("recording", "ok")]
    assert commission(rig, rig.door) == "approved"
    moved = reconfigure(rig, rig.front, rig.devices[1].address)
    assert [(s.name, s.outcome) for s in moved] == [("address", "ok"), ("stream", "ok"), ("recording", "ok")]
    assert service.camera(rig.front).address == rig.devices[1].address
    assert commission(rig, rig.front) == "approved", "it is the same camera"
    service.await_recording(rig.hall, rig.door, rig.front)
    assert gaps(service, rig.hall) == before
    assert plays(rig, "hall") == dialed["hall"], "not even dialed anew"
    assert plays(rig, "door") >= dialed["door"] + 3, "the one that it was about was, each time"
    (entry,) = entries(service, "camera.reconfigure")
    assert (entry.entry["cameras"], entry.entry["facts"]["what"]) == ([rig.front], "new address")
    public, _ = log_files(service)
    assert str(rig.devices[1].port) not in public and SECRET not in public


def test_a_new_address_is_kept_only_for_the_very_same_camera(rig: Rig) -> None:
    service, before = rig.service, rig.service.camera(rig.front).address
    (other,) = reconfigure(rig, rig.front, rig.devices[2].address)
    assert (other.outcome, other.sentence) == ("failed", "Another device than Front answers there.")
    (kind,) = reconfigure(rig, rig.front, rig.cameras.url("hall"))
    assert "no address of the kind" in kind.sentence
    (taken,) = reconfigure(rig, rig.door, rig.cameras.url("hall"))
    assert taken.sentence == "hall is at that address already."
    (away,) = reconfigure(rig, rig.front, f"http://127.0.0.1:{free_port()}")
    assert away.outcome == "failed" and "The old settings were kept." in away.next_step
    assert service.camera(rig.front).address == before
    assert (commission(rig, rig.front), commission(rig, rig.door)) == ("approved", "approved")
    with pytest.raises(BadRequest):
        reconfigure(rig, rig.front, " ")
    service.await_recording(rig.front, rig.door)


def test_p4_a_stream_at_another_address_is_brought_into_use_anew(rig: Rig) -> None:
    url = rig.cameras.url("door") + "?channel=2"
    steps = reconfigure(rig, rig.door, url)
    assert [(s.name, s.outcome) for s in steps[:2]] == [("address", "ok"), ("use", "warning")]
    assert (rig.service.camera(rig.door).address, commission(rig, rig.door)) == (url, "new")
    rig.service.stop()
    rig.service.start()
    assert (rig.service.camera(rig.door).address, commission(rig, rig.door)) == (url, "new")


def test_a_camera_is_added_in_steps_and_a_wrong_password_is_told_for_its_field(rig: Rig) -> None:
    client = rig.service.client
    pick = client.read(types_flow.FlowStart())
    assert (pick.step, [f.key for f in pick.fields]) == ("pick", ["address"])
    url = f"{rig.cameras.url('door')}?second"
    with pytest.raises(BadRequest, match="does not belong in an address"):
        client.read(types_flow.FlowStart("user", url.replace("://", f"://viewer:{SECRET}@")))
    device = client.read(types_flow.FlowStart("user", url))
    assert (device.step, SECRET in device.lead, [f.key for f in device.fields]) == (
        "device",
        False,
        ["username", "password", "udp", "multicast"],
    )
    early = camera_types.AddRequest("", "Second", "seating", flow=device.flow)
    with pytest.raises(BadRequest, match="not tried yet"):
        client.act(early)
    wrong = types_flow.FlowTry(device.flow, "viewer", "guess")
    with pytest.raises(HoldshelfError, match="refuses this user name or password") as refused:
        client.act(wrong, timeout_s=HANG_S)
    assert refused.value.field == "password"
    place = client.act(types_flow.FlowTry(device.flow, "viewer", SECRET), timeout_s=HANG_S)
    assert (place.step, [f.key for f in place.fields]) == ("place", ["name", "questioned", "area", "note"])
    with pytest.raises(Conflict, match="already named 'Hall'"):
        client.act(camera_types.AddRequest("", "Hall", "seating", flow=device.flow))
    added = client.act(camera_types.AddRequest("", "Second", "seating", flow=device.flow))
    rig.service.await_recording(added.id)
    with pytest.raises(NotFound, match="finished"):
        client.act(camera_types.AddRequest("", "Third", "seating", flow=device.flow))
    rig.service.act(asking.CameraRemove(added.id))
    tried = [e.entry["outcome"] for e in entries(rig.service, "camera.try")]
    assert sorted(tried) == ["done", "done", "failed"]
    assert SECRET not in "".join(log_files(rig.service))


def asks(service: Service, camera: str) -> str:
    return service.camera(camera).asks


def test_a_refused_password_opens_a_flow_that_the_right_one_completes(rig: Rig) -> None:
    service, device = rig.service, rig.devices[1]
    password, device.password = device.password, "changed"
    service.act(asking.CameraReload(rig.front))
    wait_for("the device refuses it", lambda: asks(service, rig.front) == "reauth")
    (step,) = wait_for("a flow for it", lambda: service.client.read(types_flow.ReadFlows()) or None)
    assert (step.kind, step.camera, step.title) == ("reauth", rig.front, "New password for a camera")
    wait_for("a repair", lambda: f"entry:{rig.front}" in service.repairs())
    service.await_recording(rig.front)  # from the stream that is known
    for typed, outcome, asked in (("guess", "failed", "reauth"), ("changed", "ok", "")):
        told = service.client.act(asking.CameraCheck(rig.front, password=typed), timeout_s=HANG_S).steps
        assert (told[0].name, told[0].outcome, asks(service, rig.front)) == ("password", outcome, asked)
    wait_for("the flow's end", lambda: service.client.read(types_flow.ReadFlows()) == [])
    wait_for("the repair's end", lambda: f"entry:{rig.front}" not in service.repairs())
    device.password = password


def test_a_stream_that_refuses_its_password_asks_for_another(rig: Rig) -> None:
    service, port = rig.service, free_port()
    with RtspServer([Mount("gate", auth="digest", password="old-one")], port=port) as cameras:
        gate = service.add(cameras.url("gate"), "Gate", username="viewer", password="old-one")
        service.await_recording(gate)
        assert asks(service, gate) == ""
    with RtspServer([Mount("gate", auth="digest", password="new-one")], port=port):
        wait_for("the stream refuses it", lambda: asks(service, gate) == "reauth")
        asked = asking.CameraCheck(gate, password="new-one")
        told = service.client.act(asked, timeout_s=HANG_S).steps
        assert told[0].outcome == "ok"
        assert asks(service, gate) == ""
        service.await_recording(gate)
    service.remove(gate)


def test_a_renamed_stream_is_recorded_again_soon_after_the_device_tells_it(rig: Rig) -> None:
    service, port = rig.service, free_port()
    with running(OnvifDevice(serial_number="SN-3")) as device:
        with RtspServer([Mount("old")], port=port) as cameras:
            device.profiles = [Profile("main", uri=cameras.url("old"))]
            porch = service.add(device.address, "Porch", username="admin", password=device.password)
            service.await_recording(porch)
        with RtspServer([Mount("new")], port=port) as cameras:
            wait_for("it is not found", lambda: service.camera(porch).reason == "stream not found")
            device.profiles = [Profile("main", uri=cameras.url("new"))]
            # Within 5 s, where the machine is not busy.
            wait_for("it is recorded again", lambda: service.camera(porch).state == "recording")
        service.remove(porch)


def test_the_transport_is_changed_without_adding_the_camera_again(rig: Rig) -> None:
    for transport in ("udp", "tcp"):
        asked = types_flow.CameraReconfigure(rig.hall, transport=transport)
        told = rig.service.client.act(asked, timeout_s=HANG_S).steps
        assert [(s.name, s.outcome) for s in told] == [("address", "ok"), ("stream", "ok"), ("recording", "ok")]
        assert told[0].sentence == "The new transport is correct and was saved."
    assert commission(rig, rig.hall) == "approved", "it is the same stream"
    with pytest.raises(BadRequest, match="is not a transport"):
        rig.service.client.act(types_flow.CameraReconfigure(rig.hall, transport="pigeon"))
    with pytest.raises(BadRequest, match="address is missing"):
        rig.service.client.act(types_flow.CameraReconfigure(rig.hall))


def test_diagnostics_hold_no_secret_no_host_and_no_number_of_the_device(rig: Rig) -> None:
    def told(*words: str) -> str:
        done = CliRunner().invoke(app, ["camera", "diagnostics", *words, "--data", str(rig.service.data)])
        assert done.exit_code == 0, done.output
        return done.output

    asked = types_flow.ReadDiagnostics(camera=rig.front)
    wait_for("the device was asked", lambda: "manufacturer" in str(rig.service.client.read(asked).told))
    for camera in (rig.front, rig.door):
        for text in (told(camera, "--json"), told(camera)):
            for secret in (
                *(SECRET, rig.devices[0].password, "admin", "viewer", "127.0.0.1", MAC, MAC.replace(":", "")),
                *(SERIAL, "rtsp://", "onvif/device_service", str(rig.devices[1].port)),
            ):
                assert secret not in text, (camera, secret, text)
    report = json.loads(told(rig.front, "--json"))["told"]
    assert report["device"]["device"]["manufacturer"] == "Acme"
    assert report["recorder"]["codec"] == "h264"
    assert report["entry"]["state"] == "loaded"
