"""A device with several channels is as many cameras: each offered, named, placed and taken away by itself."""

from __future__ import annotations

import os
import pty
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from holdshelf_core.api.errors import BadRequest, Conflict, HoldshelfError
from holdshelf_core.cameras import flow_types as steps
from holdshelf_core.cameras import types
from tests.core.cameras.test_entry_changes import gaps
from tests.rig import forked
from tests.rig.hang import HANG_S
from tests.rig.onvif_device import OnvifDevice, Profile, running
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service, wait_for

PLACES = ["entrance", "service-desk", "seating", "collections"]


@dataclass
class Rig:
    """A recorder with four inputs, of two streams each."""

    service: Service
    streams: RtspServer
    device: OnvifDevice

    def login(self) -> dict[str, str]:
        return {"username": "admin", "password": self.device.password}

    def flow(self) -> steps.FlowStep:
        begun = self.service.client.read(steps.FlowStart("user", self.device.address))
        return self.service.client.act(steps.FlowTry(begun.flow, **self.login()), timeout_s=HANG_S)


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with RtspServer([Mount(f"in{n}") for n in range(1, 5)]) as streams:
        profiles = [
            profile
            for n in range(1, 5)
            for profile in (
                Profile(f"main{n}", uri=streams.url(f"in{n}"), channel=f"source{n}", name=f"Input {n}"),
                Profile(f"sub{n}", uri=streams.url(f"in{n}"), channel=f"source{n}", width=640, height=360),
            )
        ]
        with (
            Service(tmp_path_factory.mktemp("channels") / "data") as service,
            running(OnvifDevice(profiles=profiles, serial_number="SN-9")) as device,
        ):
            yield Rig(service, streams, device)


def test_four_channels_are_four_cameras_and_one_is_added_again_without_the_others_noticing(rig: Rig) -> None:
    client, service = rig.service.client, rig.service
    step: steps.FlowStep | None = rig.flow()
    ids = []
    for number, place in enumerate(PLACES, 1):
        assert step is not None and step.step == "channel"
        (asked,) = step.fields
        left = [words for _, words in asked.options]
        assert left == [f"channel {n}: Input {n}, H.264 1280×720" for n in range(number, 5)]
        named = client.act(steps.FlowTry(step.flow, profile=f"main{number}"), timeout_s=HANG_S)
        assert named.step == "place"
        name = next(field.value for field in named.fields if field.key == "name")
        assert name == f"Acme Eye 3 {number}"
        added = client.act(types.AddRequest("", name, place, flow=step.flow))
        ids.append(added.id)
        step = added.next
    assert step is None, "the fourth was the last"
    service.await_recording(*ids)
    rows = {row.id: row for row in service.client.status().cameras}
    assert [rows[camera].area_kind for camera in ids] == PLACES
    plays = {name: mount["plays"] for name, mount in rig.streams.stats()["mounts"].items()}
    assert plays == dict.fromkeys(("in1", "in2", "in3", "in4"), 2), "tried once and recorded, each its own"

    with pytest.raises(Conflict, match=f"here already, as '{ids[0]}'"):
        client.act(
            types.AddRequest(rig.device.address, "Again", "seating", profile="sub1", **rig.login()), timeout_s=HANG_S
        )
    with pytest.raises(Conflict, match="here already"):
        rig.flow()

    before = {camera: gaps(service, camera) for camera in ids}
    service.act(types.CameraRemove(ids[1]))
    again = client.act(types.AddRequest(rig.device.address, "Desk", "service-desk", profile="main2", **rig.login()))
    service.await_recording(again.id)
    others = [ids[0], ids[2], ids[3]]
    service.await_recording(*others)
    assert {camera: gaps(service, camera) for camera in others} == {camera: before[camera] for camera in others}
    after = {name: mount["plays"] for name, mount in rig.streams.stats()["mounts"].items()}
    assert after == {**plays, "in2": plays["in2"] + 2}, "the others were not even dialed anew"


def test_without_a_choice_nothing_is_added_and_the_channels_are_named(rig: Rig) -> None:
    with pytest.raises(HoldshelfError, match="has 4 channels") as refused:
        rig.service.client.act(types.AddRequest(rig.device.address, "X", "seating", **rig.login()), timeout_s=HANG_S)
    assert refused.value.field == "profile"
    assert "--profile: main1 (channel 1: Input 1, H.264 1280×720); main2" in refused.value.next_step
    with pytest.raises(BadRequest, match="no stream 'other'"):
        rig.service.client.act(
            types.AddRequest(rig.device.address, "X", "seating", profile="other", **rig.login()), timeout_s=HANG_S
        )


def test_at_a_terminal_one_channel_is_asked_for_after_the_other(
    tmp_path_factory: pytest.TempPathFactory, rig: Rig
) -> None:
    folder = tmp_path_factory.mktemp("asked")
    (folder / "pw").write_text(rig.device.password)
    with Service(folder / "data") as service:
        command = [sys.executable, "-m", "holdshelf_tui.cli", "camera", "add", rig.device.address]
        command += ["--user", "admin", "--password-file", str(folder / "pw"), "--data", str(service.data)]
        keyboard, terminal = pty.openpty()
        os.write(keyboard, b"9\n3\nThird\nseating\ny\n1\nFirst\nentrance\nn\n")
        done = forked.run(command, stdin=terminal, capture_output=True, text=True, timeout=150)
        os.close(terminal)
        os.close(keyboard)
        assert done.returncode == 0, done.stderr
        assert "has 4 channels, each a camera of its own; 4 of them not added yet." in done.stdout
        assert "'9' is not a number on the list." in done.stderr
        assert "Added Third as third." in done.stdout and "Added First as first." in done.stdout
        rows = {row.id: row.area_kind for row in service.client.status().cameras}
        assert rows == {"third": "seating", "first": "entrance"}


def test_each_channel_is_reloaded_reconfigured_and_given_a_password_by_itself(rig: Rig) -> None:
    service, client = rig.service, rig.service.client
    (first, second, *_) = [row.id for row in client.status().cameras]
    service.act(types.CameraReload(first))
    told = client.act(types.CameraCheck(first, "admin", rig.device.password), timeout_s=HANG_S).steps
    assert [(s.name, s.outcome) for s in told] == [("password", "ok"), ("stream", "ok"), ("recording", "ok")]
    told = client.act(steps.CameraReconfigure(first, profile="sub1"), timeout_s=HANG_S).steps
    assert (told[0].name, told[0].outcome, told[0].sentence) == (
        "address",
        "ok",
        "The new stream is correct and was saved.",
    )
    (told_no, *_) = client.act(steps.CameraReconfigure(first, profile="main2"), timeout_s=HANG_S).steps
    assert told_no.outcome == "failed" and "for this channel" in told_no.sentence and "sub1" in told_no.next_step
    same = client.act(types.CameraDetailsAsk(first), timeout_s=HANG_S).told
    assert {p["channel"] for p in same["profiles"]} == {"source1"}
    report = client.read(steps.ReadDiagnostics(camera=second)).told
    assert "source" in str(report["device"]) and "SN-9" not in str(report)
    for secret in ("127.0.0.1", rig.device.password):
        assert secret not in str(report)


def test_a_channel_that_is_gone_is_told_and_no_other_is_recorded_in_its_place(rig: Rig) -> None:
    service, profiles = rig.service, list(rig.device.profiles)
    camera = next(row.id for row in service.client.status().cameras if row.area_kind == "collections")
    rig.device.profiles = [profile for profile in profiles if profile.channel == "source1"]
    service.act(types.CameraReload(camera))
    told = wait_for("the repair", lambda: service.repairs().get(f"onvif_profile:{camera}"))
    assert "channel (source4)" in told.sentence and f"camera remove {camera}" in told.next_step
    service.await_recording(camera)
    assert rig.streams.stats()["mounts"]["in4"]["watched"], "from the stream that is known"
    rig.device.profiles = profiles
    service.act(types.CameraReload(camera))
    wait_for("its end", lambda: f"onvif_profile:{camera}" not in service.repairs())
