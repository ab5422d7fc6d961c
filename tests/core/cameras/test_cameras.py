"""Cameras come, move and go as acts: each with its entry, names and addresses unseen in it, private places refused to all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdshelf_core.access_log import types as types_board
from holdshelf_core.api.errors import BadRequest, Conflict, NotFound, Refused
from holdshelf_core.buffer import types as buffer_types
from holdshelf_core.cameras import types
from holdshelf_core.cameras import types as camera_types
from tests.people import People
from tests.rig.hang import HANG_S
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service, wait_for
from tests.streams import furnish


@pytest.fixture(scope="module")
def cameras() -> Iterator[RtspServer]:
    with RtspServer([Mount("door"), Mount("hall"), Mount("lock", auth="digest")]) as rig:
        yield rig


@pytest.fixture(scope="module")
def _of_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("cameras") / "data") as running:
        yield running


@pytest.fixture
def service(_of_all: Service) -> Iterator[Service]:
    """Without a camera; its log may tell of other tests'."""
    yield _of_all
    for row in _of_all.client.status().cameras:
        _of_all.remove(row.id)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Service]:
    """A service that is this test's alone, and has not started."""
    made = Service(tmp_path / "data", mint=True)
    yield made
    made.__exit__()


def add(service: Service, target: str, name: str, area: str = "seating", **more: object) -> types.AddedRow:
    asked = types.AddRequest(target, name, area, **more)  # type: ignore[arg-type]
    return service.client.act(asked, timeout_s=HANG_S)


def entries(service: Service, action: str) -> list[types_board.LogEntryRow]:
    return service.act(types_board.LogShow(action=action)).entries


def log_files(service: Service) -> tuple[str, str]:
    """(public lines, private lines)."""
    lines = [
        line
        for file in sorted((service.data / "state" / "access").glob("*.jsonl"))
        for line in file.read_text().splitlines()
    ]
    private = [line for line in lines if "private" in json.loads(line)]
    return "\n".join(line for line in lines if line not in private), "\n".join(private)


def test_p4_placement_move_and_retirement_are_on_record_and_names_only_as_commitments(
    service: Service, cameras: RtspServer
) -> None:
    added = add(service, cameras.url("lock"), "Kärntner Saal", username="viewer", password="shelf-42")
    service.await_recording(added.id)
    service.act(camera_types.CameraRename(added.id, "Salzburger Saal"))
    assert service.camera(added.id).name == "Salzburger Saal"
    service.act(camera_types.CameraMove("Salzburger Saal", "collections", "shelves were moved"))
    assert service.camera(added.id).area_kind == "collections"
    service.act(camera_types.CameraRemove(added.id, "sold"))
    assert service.client.status().cameras == []
    for action, facts in (
        ("camera.add", {"area_kind": "seating", "integration": "stream"}),
        ("camera.move", {"area_kind": "collections", "area_before": "seating"}),
        ("camera.remove", {"area_kind": "collections", "integration": "stream"}),
    ):
        (entry,) = [one for one in entries(service, action) if one.entry["cameras"] == [added.id]]
        assert entry.entry["facts"] == facts
        assert (entry.entry["person"], entry.entry["outcome"]) == ("admin", "done")
    public, private = log_files(service)
    assert "Salzburger" in private
    for secret in ("Saal", "127.0.0.1", "shelves were moved", "sold"):
        assert secret not in public
    assert "shelf-42" not in public + private


def test_p5_a_private_place_is_refused_to_everybody_and_the_attempt_is_on_record(
    service: Service, cameras: RtspServer
) -> None:
    before = {action: len(entries(service, action)) for action in ("camera.add", "camera.move")}
    for area in ("restroom", "Bathroom 2"):
        with pytest.raises(Refused, match="Nobody can override") as refused:
            add(service, "rtsp://viewer:secret-1@192.0.2.7/a?password=secret-2", "Corner", area)
        assert refused.value.clause == "P5"
    with pytest.raises(BadRequest, match="sounds like a private area"):
        add(service, cameras.url("door"), "Restroom door")
    door = add(service, cameras.url("door"), "Restroom corridor", questioned=True).id
    with pytest.raises(Refused):
        service.act(camera_types.CameraMove(door, "staff-lounge", "a break-in"))
    with pytest.raises(BadRequest, match="sounds like a private area"):
        service.act(camera_types.CameraRename(door, "Staff lounge"))
    attempts = [e.entry for e in entries(service, "camera.add")[before["camera.add"] :]]
    assert [(e["outcome"], e.get("clause")) for e in attempts] == [("refused", "P5"), ("refused", "P5"), ("done", None)]
    assert [e.get("facts", {}).get("area_kind") for e in attempts] == ["restroom", None, "seating"]
    assert attempts[2]["facts"]["confirmed_not_private"] is True
    assert [e.entry["clause"] for e in entries(service, "camera.move")[before["camera.move"] :]] == ["P5"]
    assert "secret-" not in "".join(log_files(service))
    assert service.camera(door).area_kind == "seating"


def test_a_name_is_one_cameras_and_an_id_is_never_given_again(service: Service, cameras: RtspServer) -> None:
    first = add(service, cameras.url("door"), "Front").id
    with pytest.raises(Conflict, match="already named 'Front'"):
        add(service, cameras.url("hall"), " FRONT ")
    second = add(service, cameras.url("hall"), "Side").id
    with pytest.raises(Conflict, match="already named 'Front'"):
        service.act(camera_types.CameraRename(second, "front"))
    service.act(camera_types.CameraRename(first, "FRONT"))
    service.act(camera_types.CameraRemove(first))
    assert add(service, cameras.url("door"), "Front").id == "front-2"
    with pytest.raises(NotFound):
        service.act(camera_types.CameraRemove("nosuch"))


def test_p11_a_seat_looks_at_cameras_and_manages_none(own: Service, cameras: RtspServer) -> None:
    service = own
    service.start()
    director = People(service).name_director()
    asked = types.AddRequest(cameras.url("door"), "Door", "entrance")
    with pytest.raises(Refused, match="Only the admin"):
        director.act(asked)
    with pytest.raises(Refused, match="Only the admin"):
        director.act(buffer_types.CapacitySet("more", budget_bytes=1 << 30))
    assert [e.entry["outcome"] for e in entries(service, "camera.add")] == ["refused"]


def test_a_check_is_on_record_and_keeps_only_a_right_password(service: Service, cameras: RtspServer) -> None:
    lock = add(service, cameras.url("lock"), "Lock", username="viewer", password="shelf-42").id
    service.await_recording(lock)

    def check(**given: str) -> dict[str, str]:
        checks = service.client.act(camera_types.CameraCheck(lock, **given), timeout_s=HANG_S)
        return {step.name: step.outcome for step in checks.steps}

    assert check() == {"stream": "ok", "recording": "ok"}
    assert check(password="wrong") == {"password": "failed", "stream": "ok", "recording": "ok"}
    assert check(password="shelf-42") == {"password": "ok", "stream": "ok", "recording": "ok"}
    said = [e.entry for e in entries(service, "camera.check")]
    assert [(e["outcome"], e["facts"]["what"]) for e in said] == [
        ("done", "tried"),
        ("failed", "new password"),
        ("done", "new password"),
    ]
    assert "shelf-42" not in "".join(log_files(service))


def test_a_lost_register_is_rebuilt_with_its_cameras_waiting_for_their_passwords(
    own: Service, cameras: RtspServer
) -> None:
    service = own
    service.start()
    lock = add(service, cameras.url("lock"), "Lock", username="viewer", password="shelf-42").id
    door = add(service, cameras.url("door"), "Door").id
    gone = add(service, cameras.url("hall"), "Hall").id
    service.act(camera_types.CameraRename(door, "Front door"))
    service.act(camera_types.CameraMove(door, "entrance", "it was put over the door"))
    service.act(camera_types.CameraRemove(gone))
    service.act(buffer_types.CapacitySet("a small disk", budget_bytes=300 << 20, floor_days=3))
    service.stop()
    for name in ("register.json", "register.last.json", "keys/register.key"):
        (service.data / "state" / name).unlink()
    service.start()
    rows = {row.id: row for row in service.client.status().cameras}
    assert sorted(rows) == sorted([lock, door])
    assert (rows[door].name, rows[door].area_kind, rows[lock].entry_state) == ("Front door", "entrance", "reauth")
    assert service.client.status().disk.budget_bytes == 300 << 20
    service.await_recording(door)
    asked = camera_types.CameraCheck(lock, password="shelf-42")
    service.client.act(asked, timeout_s=HANG_S)
    service.await_recording(lock)


def test_a_change_that_a_crash_kept_from_the_register_is_there_after_it(own: Service, cameras: RtspServer) -> None:
    service = own
    (door,) = furnish(own.data, {"door": cameras.url("door")})
    service.start()
    service.await_recording(door)
    register = (service.data / "state" / "register.json").read_bytes()
    service.act(camera_types.CameraRename(door, "Front"))
    service.kill()
    # As if the power had gone between the entry and the register.
    (service.data / "state" / "register.json").write_bytes(register)
    service.start()
    assert service.camera(door).name == "Front"
    service.await_recording(door)


def test_a_password_inside_an_address_is_sealed_like_any_other(service: Service, cameras: RtspServer) -> None:
    with pytest.raises(BadRequest, match="does not belong in an address"):
        add(service, cameras.url("door") + "?user=viewer&password=shelf%2042x", "Door")
    camera = add(service, cameras.url("door") + "?user=viewer&password={password}", "Door", password="shelf 42x").id
    service.await_recording(camera)
    assert service.camera(camera).address.endswith("?user=viewer&password={password}")
    state = service.data / "state"
    for file in state.rglob("*"):
        if file.is_file() and file.name != "reserve":
            assert b"42x" not in file.read_bytes(), file
    assert "42x" not in service.log()
    service.stop()
    service.start()
    service.await_recording(camera)


def test_p15_capacity_is_set_while_recording_goes_on_and_is_on_record(own: Service, cameras: RtspServer) -> None:
    service = own
    (door,) = furnish(own.data, {"door": cameras.url("door")})
    service.start()
    service.await_recording(door)

    def set_(why: str = "as the Board decided", **more: object) -> buffer_types.CapacityRow:
        return service.act(buffer_types.CapacitySet(why, **more))  # type: ignore[arg-type]

    default = service.client.status().disk.budget_bytes
    assert set_(budget_bytes=300 << 20).in_force_bytes == 300 << 20
    assert service.client.status().disk.budget_bytes == 300 << 20
    assert set_(floor_days=14).floor_days == 14
    for wrong in (
        {},
        {"budget_bytes": 1},
        {"budget_bytes": 1 << 60},
        {"floor_days": -1},
        {"floor_days": 14},
        {"why": " "},
    ):
        with pytest.raises(BadRequest):
            set_(**wrong)
    service.stop()
    service.start()
    assert service.client.status().disk.budget_bytes == 300 << 20
    row = set_(default_budget=True, no_floor=True)
    assert (row.budget_bytes, row.floor_days, row.in_force_bytes) == (None, None, default)
    facts = [e.entry["facts"] for e in entries(service, "capacity.set")]
    assert [f["budget"] for f in facts] == ["314572800 bytes", "314572800 bytes", "90% of the volume"]
    assert facts[1]["floor_days_before"] == "none"
    wait_for("recording", lambda: service.camera(door).state == "recording")
