"""Another device takes a camera's place: name, place, masks and recordings stay, and its picture is approved anew (P4, P6)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from typer.testing import CliRunner

from holdshelf_core.api.errors import HoldshelfError
from holdshelf_core.buffer.types import ReadFootage
from holdshelf_core.cameras import flow_types as steps
from holdshelf_core.cameras import types
from holdshelf_core.cameras.commission_types import CommissionRow, ReadCommissions
from holdshelf_core.policy.model import Mask
from holdshelf_tui.cli.app import app
from tests.core.cameras.test_cameras import entries
from tests.looking import commissioned, seed
from tests.rig.hang import HANG_S
from tests.rig.onvif_device import OnvifDevice, Profile, running
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service, wait_for

MASK = Mask(points=((0, 0), (5000, 0), (0, 5000)), why="a screen")


@dataclass
class Rig:
    service: Service
    streams: RtspServer
    old: OnvifDevice
    new: OnvifDevice


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with RtspServer([Mount("hall"), Mount("front"), Mount("fresh")]) as streams:
        old = OnvifDevice(profiles=[Profile("main", uri=streams.url("front"))], serial_number="SN-1")
        new = OnvifDevice(profiles=[Profile("main", uri=streams.url("fresh"))], serial_number="SN-2", model="Eye 4")
        with Service(tmp_path_factory.mktemp("replace") / "data") as service, running(old), running(new):
            service.add(streams.url("hall"), "Hall")
            front = service.add(old.address, "Front", "entrance", username="admin", password=old.password)
            service.await_recording(front)
            service.stop()
            seed(service.data, commissioned(front, masks=(MASK,)))
            service.start()
            service.await_recording(front)
            yield Rig(service, streams, old, new)


def commission(service: Service) -> CommissionRow:
    return next(row for row in service.client.read(ReadCommissions()) if row.camera == "front")


def replace(rig: Rig, address: str = "", **more: str) -> list[tuple[str, str]]:
    asked = steps.CameraReplace("front", "struck by lightning", address, **more)
    return [(step.name, step.outcome) for step in rig.service.client.act(asked, timeout_s=HANG_S).steps]


def test_what_does_not_play_or_is_another_camera_or_is_the_same_replaces_nothing(rig: Rig) -> None:
    login = {"username": "admin", "password": rig.old.password}
    for address, words in (
        (rig.old.address, "The device there is Front itself."),
        (rig.streams.url("hall"), "hall is at that address already."),
        (rig.streams.url("fresh") + "-gone", "has no stream at this address"),
    ):
        with pytest.raises(HoldshelfError, match=words):
            replace(rig, address, **(login if address.startswith("http") else {}))
    assert (commission(rig.service).state, rig.service.camera("front").address) == ("approved", rig.old.address)
    assert [entry.entry["outcome"] for entry in entries(rig.service, "camera.replace")] == ["failed"] * 3


def test_a_replaced_camera_keeps_what_is_its_own_and_nobody_looks_before_it_is_approved(rig: Rig) -> None:
    service = rig.service
    before, recorded = service.camera("front"), service.client.read(ReadFootage(camera="front"))
    found = replace(rig, rig.new.address, username="admin", password=rig.new.password)
    assert found == [("device", "ok"), ("use", "warning"), ("stream", "ok"), ("recording", "ok")]
    after = service.camera("front")
    assert (after.name, after.area_kind, after.added_utc_ns) == ("Front", "entrance", before.added_utc_ns)
    assert after.address == rig.new.address
    row = commission(service)
    assert (row.state, row.masks[0].why, row.still_sha256) == ("new", "a screen", "")
    assert "Take it first" in str(row.lacking) or "still" in str(row.lacking)
    kept = {segment.seq for segment in service.client.read(ReadFootage(camera="front"))}
    assert {segment.seq for segment in recorded if not segment.open} <= kept
    mounts = ("fresh", "front")
    wait_for(
        "the new one is watched, and the old one is not",
        lambda: [bool(rig.streams.stats()["mounts"][name]["watched"]) for name in mounts] == [True, False],
    )
    entry = entries(service, "camera.replace")[-1].entry
    assert (entry["cameras"], entry["outcome"]) == (["front"], "done")
    service.stop()
    service.start()
    service.await_recording("front")
    assert (service.camera("front").address, commission(service).state) == (rig.new.address, "new")


def test_another_device_at_the_same_address_is_a_repair_whose_advice_works(rig: Rig) -> None:
    service = rig.service
    rig.new.serial_number = "SN-3"
    service.act(types.CameraReload("front"))
    told = wait_for("the repair", lambda: service.repairs().get("onvif_identity:front"))
    assert "`holdshelf camera replace front`" in told.next_step
    (folder := service.data.parent / "pw").write_text(rig.new.password)
    words = ["camera", "replace", "front", "--why", "swapped", "--user", "admin", "--password-file", str(folder)]
    done = CliRunner().invoke(app, [*words, "--data", str(service.data)])
    assert done.exit_code == 0, done.output
    assert "Front is now Acme Eye 4." in done.output and "holdshelf camera commission front" in done.output
    service.await_recording("front")
    wait_for("the repair's end", lambda: "onvif_identity:front" not in service.repairs())
    assert "commission:front" in service.repairs()


def test_a_bare_stream_may_take_the_place_of_a_device_and_one_of_its_own_address(rig: Rig) -> None:
    url = rig.streams.url("front")
    for _ in range(2):
        assert replace(rig, url)[0] == ("device", "ok")
        assert rig.service.camera("front").integration == "stream"
    rig.service.await_recording("front")
