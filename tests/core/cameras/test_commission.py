"""Bringing a camera into use, through the real service: signs, masks, still, approval, and what each leaves in the log."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from holdshelf_core.access_log import types as types_board
from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import BadRequest, Conflict, HoldshelfError, NotFound, Refused
from holdshelf_core.cameras import commission_types as types
from holdshelf_core.cameras import types as camera_types
from holdshelf_core.cameras.commission_actions import STILLS_PER_HOUR
from tests.people import People, day
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service

HALF = [types.MaskAsk([(0, 0), (5000, 0), (5000, 10_000), (0, 10_000)], "public screens")]
ATTEST = {"sign": "version 2, 12 x 18 in", "language": "en", "legible": True, "lit": True}


@pytest.fixture(scope="module")
def cameras() -> Iterator[RtspServer]:
    with RtspServer([Mount("door"), Mount("desk"), Mount("hall")]) as rig:
        yield rig


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("commission") / "data", mint=True) as running:
        yield running


@pytest.fixture(scope="module")
def people(service: Service) -> People:
    return People(service)


@pytest.fixture(scope="module")
def director(people: People) -> Client:
    return people.name_director()


@pytest.fixture(scope="module")
def door(service: Service, cameras: RtspServer) -> str:
    camera = service.add(cameras.url("door"), "Door", area="entrance")
    service.await_recording(camera)
    return camera


@pytest.fixture(scope="module")
def attested(director: Client) -> str:
    """The building's one entrance, with its sign up."""
    signs = director.read(types.ReadEntrances())
    if signs:
        return signs[0].id
    row = director.act(types.EntranceAdd("Main entrance"))
    return director.act(types.EntranceAttest(row.id, **ATTEST)).id  # type: ignore[arg-type]


def entries(service: Service, action: str) -> list[types_board.LogEntryRow]:
    return service.act(types_board.LogShow(action=action)).entries


def row(client: Client, camera: str) -> types.CommissionRow:
    return next(r for r in client.read(types.ReadCommissions()) if r.camera == camera)


def edit(client: Client, camera: str, **more: object) -> types.CommissionRow:
    return client.act(types.CommissionEdit(camera, **more))  # type: ignore[arg-type]


def still(client: Client, camera: str, *, masked: bool = True) -> types.StillRow:
    return client.act(types.CommissionStill(camera, masked))


def approve(client: Client, camera: str, sha256: str = "0" * 64) -> types.CommissionRow:
    return client.act(types.CommissionApprove(camera, sha256))


def public_lines(service: Service) -> str:
    """All that the access log would give away without its private texts."""
    lines = []
    for file in sorted((service.data / "state" / "access").glob("*.jsonl")):
        lines += [line for line in file.read_text().splitlines() if "private" not in json.loads(line)]
    return "\n".join(lines)


# --- the way into use ------------------------------------------------------------------------------------------------


def test_p3_p4_p6_a_camera_comes_into_use_step_by_step_and_each_missing_step_is_refused(
    service: Service, director: Client, door: str
) -> None:
    assert service.camera(door).commission == "new"
    assert f"camera commission {door}" in service.repairs()[f"commission:{door}"].next_step
    with pytest.raises(Refused, match="No entrance is registered") as refused:
        approve(director, door)
    assert refused.value.clause == "P3"

    main = director.act(types.EntranceAdd("Main entrance"))
    with pytest.raises(Refused, match="Main entrance"):
        approve(director, door)
    with pytest.raises(BadRequest, match="legible and lit"):
        director.act(types.EntranceAttest(main.id, sign="v2", legible=True))
    checked = director.act(types.EntranceAttest("main ENTRANCE", **ATTEST))  # type: ignore[arg-type]
    assert (checked.state, checked.ready, checked.attested_by) == ("attested", True, "Dora Reed")

    with pytest.raises(Refused, match="no reference still") as refused:
        approve(director, door)
    assert refused.value.clause == "P4"
    shown = still(director, door)
    with pytest.raises(Refused, match="Nobody has drawn Door's masks") as refused:
        approve(director, door, shown.sha256)
    assert refused.value.clause == "P6"

    drawn = edit(director, door, masks=HALF, exterior=True)
    assert (drawn.mask_version, drawn.exterior, drawn.still_sha256) == (1, True, "")
    shown = still(director, door)
    for wrong in ("f" * 64, shown.sha256[:7], ""):
        with pytest.raises(Refused, match="not the newest masked still"):
            approve(director, door, wrong)
    done = approve(director, door, shown.sha256[:12])
    assert (done.state, done.approved_by, done.still_sha256) == ("approved", "Dora Reed", shown.sha256)
    assert done.still_utc_ns == shown.shown_utc_ns
    assert done.lacking == []
    assert service.camera(door).commission == "approved"
    assert f"commission:{door}" not in service.repairs()
    with pytest.raises(Conflict, match="already in use"):
        approve(director, door, shown.sha256)
    said = [e.entry for e in entries(service, "commission.approve")]
    assert [e["outcome"] for e in said] == ["refused"] * 7 + ["done"]
    assert said[-1]["facts"]["still"] == shown.sha256
    assert said[-1]["seat"] == "director"


def test_p6_a_still_is_written_down_before_and_after_and_its_masks_hide_what_they_cover(
    service: Service, director: Client, cameras: RtspServer, attested: str
) -> None:
    desk = service.add(cameras.url("desk"), "Service desk", area="service-desk")
    service.await_recording(desk)
    edit(director, desk, masks=HALF)
    bare, masked = still(director, desk, masked=False), still(director, desk)
    for shown in (bare, masked):
        assert hashlib.sha256(shown.jpeg).hexdigest() == shown.sha256
        opened, closed = (e for e in entries(service, "commission.still") if shown.seq in (e.seq, _opened_by(e)))
        assert opened.seq == shown.seq
        assert closed.entry["facts"]["sha256"] == shown.sha256
    left = [_spread(shown, 0.0, 0.45) for shown in (bare, masked)]
    right = [_spread(shown, 0.55, 1.0) for shown in (bare, masked)]
    assert left[0] > 20 > left[1]
    assert min(right) > 20
    assert row(director, desk).still_sha256 == masked.sha256
    service.act(camera_types.CameraRemove(desk))


def _opened_by(entry: types_board.LogEntryRow) -> int:
    return int(entry.entry.get("facts", {}).get("opened_by", 0))


def _spread(shown: types.StillRow, left: float, right: float) -> int:
    """Difference of the darkest and brightest part in a strip of the picture, well above the legend."""
    picture = Image.open(BytesIO(shown.jpeg)).convert("L")
    width, height = picture.size
    strip = picture.crop((int(left * width), height // 4, int(right * width), height // 2)).reduce(4)
    low, high = strip.getextrema()
    assert isinstance(low, int)
    assert isinstance(high, int)
    return high - low


def test_p6_new_masks_take_a_camera_out_of_use_until_it_is_approved_anew(
    service: Service, director: Client, door: str
) -> None:
    before = row(director, door)
    assert before.state == "approved"
    with pytest.raises(Refused, match="in use, so you need a purpose to look at it"):
        still(director, door, masked=False)
    for change in ({"masks": HALF}, {"exterior": False}):
        with pytest.raises(BadRequest, match="Why this changes"):
            edit(director, door, **change)
    assert edit(director, door, exterior=False, why="the hedge has grown").state == "approved"
    with pytest.raises(BadRequest, match="needs a reason"):
        edit(director, door, masks=[], why="the screens are gone")
    changed = edit(director, door, no_masks_why="the screens are gone", why="the screens are gone")
    assert (changed.state, changed.masks, changed.mask_version) == ("new", [], before.mask_version + 1)
    assert f"commission:{door}" in service.repairs()
    # The reference of the old masks approves nothing any more.
    with pytest.raises(Refused, match="no reference still"):
        approve(director, door, before.still_sha256)
    assert approve(director, door, still(director, door).sha256).state == "approved"


def test_p11_the_admin_is_shown_no_still_and_approves_nothing(service: Service, cameras: RtspServer, door: str) -> None:
    for act in (lambda: still(service.client, door), lambda: edit(service.client, door, exterior=True)):
        with pytest.raises(Refused) as refused:
            act()
        assert refused.value.clause in ("P11", "P6")
    with pytest.raises(Refused):
        approve(service.client, door)


def test_p11_a_designee_commissions_the_cameras_that_the_letter_names(
    service: Service, people: People, director: Client, cameras: RtspServer, door: str, attested: str
) -> None:
    hall = service.add(cameras.url("hall"), "Hall")
    service.await_recording(hall)
    people.appoint("sam", "Sam Roe", director, "commission", cameras=[hall])
    sam = people.client("sam")
    assert edit(sam, hall, no_masks_why="a blank wall").mask_version == 1
    assert approve(sam, hall, still(sam, hall).sha256).approved_by == "Sam Roe"
    with pytest.raises(Refused) as refused:
        edit(sam, door, exterior=False)
    assert refused.value.clause == "P11"
    with pytest.raises(Refused, match="designee"):
        sam.act(types.EntranceWaive(attested, "paint"))
    said = sam.act(camera_types.CameraRetire(hall, "the wall is blank"))
    assert "no longer recorded" in said.sentence
    assert row(director, hall).state == "retired"
    assert [e.entry["seat"] for e in entries(service, "camera.retire")] == ["designee of director"]


def test_p9_stills_are_no_way_to_watch(service: Service, director: Client, cameras: RtspServer) -> None:
    watched = service.add(cameras.url("desk"), "Watched")
    service.await_recording(watched)
    shown = 0
    with pytest.raises(Refused) as refused:
        for _ in range(STILLS_PER_HOUR + 1):
            still(director, watched, masked=False)
            shown += 1
    assert (shown, refused.value.clause) == (STILLS_PER_HOUR, "P9")
    service.act(camera_types.CameraRemove(watched))


# --- signs -----------------------------------------------------------------------------------------------------------


def test_p3_a_sign_lapses_into_a_repair_and_a_waiver_is_a_seats_for_days(
    service: Service, director: Client, door: str, attested: str
) -> None:
    side = director.act(types.EntranceAdd("Side door"))
    with pytest.raises(Conflict, match="already"):
        director.act(types.EntranceAdd("SIDE door"))
    assert "never been attested" in service.repairs()[f"entrance:{side.id}"].sentence
    torn = types.EntranceAttest(side.id, sign="v2", defect="torn")
    assert director.act(torn).state == "defect"
    assert "torn" in service.repairs()[f"entrance:{side.id}"].sentence
    with pytest.raises(Refused) as refused:
        director.act(types.EntranceWaive(side.id, "being printed", 8))
    assert refused.value.clause == "P3"
    with pytest.raises(HoldshelfError, match=r"reason|missing"):
        director.act(types.EntranceWaive(side.id, " "))
    waived = director.act(types.EntranceWaive(side.id, "being printed"))
    assert (waived.state, waived.ready) == ("waived", True)
    assert f"entrance:{side.id}" not in service.repairs()
    for on, words in ((day(2), "in the future"), ("2020-01-01", "so old"), ("soon", "not a date")):
        with pytest.raises(BadRequest, match=words):
            asked = types.EntranceAttest(side.id, sign="v2", legible=True, lit=True, on=on)
            director.act(asked)
    with pytest.raises(BadRequest, match="every 180 days"):
        far = types.EntranceAttest(side.id, legible=True, lit=True, sign="v2", next_check=day(400))
        director.act(far)
    director.act(types.EntranceRemove(side.id, "walled up"))
    with pytest.raises(NotFound):
        director.act(types.EntranceWaive(side.id, "again"))
    assert service.camera(door).state == "recording"
    assert "being printed" not in public_lines(service)
    assert "Side door" not in public_lines(service)


# --- what a restart keeps --------------------------------------------------------------------------------------------


def test_what_was_commissioned_is_there_after_the_register_was_lost(
    service: Service, people: People, director: Client, door: str
) -> None:
    before = row(director, door)
    signs = director.read(types.ReadEntrances())
    service.stop()
    for name in ("register.json", "register.last.json"):
        (service.data / "state" / name).unlink()
    service.start()
    again = people.client("dora")
    assert row(again, door) == before
    assert again.read(types.ReadEntrances()) == signs


def test_stills_leave_nothing_on_the_disk(service: Service, tmp_path: Path) -> None:
    for file in service.data.rglob("*"):
        if file.is_file() and file.name != "reserve":
            assert not file.read_bytes().startswith(b"\xff\xd8\xff"), file
