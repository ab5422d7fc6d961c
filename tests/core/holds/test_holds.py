"""Holds through the real service and its socket: placed, extended, reviewed, lifted with a second person, archived (P16).

Footage is made; what the service does with real disks, floods and crashes is in test_holds_disasters.
"""

from __future__ import annotations

import hashlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdshelf_core.acts import Act
from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import BadRequest, Conflict, NotFound, Refused
from holdshelf_core.holds import types
from holdshelf_core.policy.model import Hold, HoldSpan
from tests.core.holds.acts import entries, place, show
from tests.looking import MINUTE_NS, NS, Recorded, commissioned, record, seed
from tests.people import PAPER, People
from tests.rig.faults import SizedTmpfs
from tests.rig.hang import HANG_S
from tests.service import Service, wait_for

CAMERAS = ("lobby", "desk", "lot")
DAY_NS = 86_400 * NS
OVERDUE, GONE = "H-2025-0001", "H-2025-0002"


def _seeded(made: Recorded) -> list[tuple[str, str, Hold]]:
    """A hold whose review is overdue, and one whose days of grace ended yesterday, over the same footage."""
    now = time.time_ns()
    facts: dict[str, Any] = {"ground": "investigation", "placed_by": "p1", "placed_utc_ns": now - 40 * DAY_NS}
    span = (HoldSpan("lot", made.start_utc_ns, made.end_utc_ns),)
    overdue = Hold(id=OVERDUE, reference="25-1", spans=span, review_utc_ns=now - DAY_NS, **facts)
    over = Hold(
        id=GONE, reference="25-2", spans=span, review_utc_ns=now + DAY_NS, state="grace", lift_by="p1", lift_why="x",
        approved_by="p2", grace_end_utc_ns=now - DAY_NS, version=3, **facts,
    )  # fmt: skip
    return [("holds", OVERDUE, overdue), ("holds", GONE, over)]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Recorded]]:
    data = tmp_path_factory.mktemp("holds") / "data"
    running = Service(data, mint=True)
    made = record(data, CAMERAS)
    seed(data, [*_seeded(made), *commissioned("desk")])
    with running:
        yield running, made


@pytest.fixture(scope="module")
def service(house: tuple[Service, Recorded]) -> Service:
    return house[0]


@pytest.fixture(scope="module")
def made(house: tuple[Service, Recorded]) -> Recorded:
    return house[1]


@pytest.fixture(scope="module")
def people(service: Service) -> People:
    found = People(service)
    director = found.name_director()
    found.name("chair", "carl", "Carl Moss", director)
    return found


@pytest.fixture(scope="module")
def dora(people: People) -> Client:
    return people.client("dora")


@pytest.fixture(scope="module")
def carl(people: People) -> Client:
    return people.client("carl")


def listed(by: Client, *, everything: bool = False) -> types.HoldList:
    return by.act(types.HoldListAsk(everything))


def whole(made: Recorded, camera: str = "lobby") -> types.SpanAsk:
    return types.SpanAsk(camera, made.start_utc_ns, made.end_utc_ns)


def told(row: types.HoldRow) -> list[tuple[str, str, int, int, str]]:
    return [(c.camera, c.kind, c.start_utc_ns, c.end_utc_ns, c.reason) for c in row.coverage]


def shelf(service: Service, hold: str) -> list[Path]:
    return sorted((service.data / "media/shelf" / hold).rglob("*Z.mp4"), key=lambda path: path.name)


# --- placing ---------------------------------------------------------------------------------------------------------


def test_scene_11_a_hold_over_two_cameras_and_a_gap_tells_each_span_to_the_second(
    service: Service, dora: Client, made: Recorded
) -> None:
    start, end = made.start_utc_ns - 30 * NS, made.end_utc_ns
    row = place(dora, types.SpanAsk("lobby", start, end), whole(made, "desk"), reference="26-0417")
    assert told(row) == [
        ("lobby", "gap", start, made.start_utc_ns, "nothing on record"),
        ("lobby", "recorded", made.start_utc_ns, made.gap_utc_ns, ""),
        ("lobby", "gap", made.gap_utc_ns, made.resumed_utc_ns, "camera unreachable"),
        ("lobby", "recorded", made.resumed_utc_ns, end, ""),
        ("desk", "recorded", made.start_utc_ns, made.gap_utc_ns, ""),
        ("desk", "gap", made.gap_utc_ns, made.resumed_utc_ns, "camera unreachable"),
        ("desk", "recorded", made.resumed_utc_ns, end, ""),
    ]
    assert (row.state, row.version, row.queued, row.reference) == ("active", 1, False, "26-0417")
    assert row.held_bytes > 0
    assert (row.review_utc_ns - row.placed_utc_ns) // DAY_NS == 90


def test_p16_no_look_is_needed_and_the_entry_says_what_is_held(service: Service, dora: Client, made: Recorded) -> None:
    row = place(dora, whole(made), reference="26-0500", note="the blue bicycle")
    (entry,) = entries(service, "hold.place", row.id)
    assert (entry["outcome"], entry["seat"], entry["incident"]) == ("done", "director", "26-0500")
    assert entry["facts"]["ground"] == "investigation"
    assert entry["facts"]["spans"][0]["camera"] == "lobby"
    assert "bicycle" not in str(entry), "a person's words are a private part of the entry"
    assert entries(service, "purpose.open") == []


def test_a_held_file_gets_its_second_name_on_the_shelf(service: Service, dora: Client, made: Recorded) -> None:
    row = place(dora, types.SpanAsk("desk", made.start_utc_ns + 5 * NS, made.start_utc_ns + 25 * NS))
    wait_for("it is shelved", lambda: show(dora, row.id).shelved)
    links = shelf(service, row.id)
    assert len(links) == 2
    for link in links:
        assert link.stat().st_nlink >= 2
        assert link.samefile(service.data / "media/footage" / link.relative_to(service.data / "media/shelf" / row.id))
    check = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
    assert subprocess.run(check, cwd=links[0].parent, check=False).returncode == 0


def test_p16_until_lifted_and_what_is_yet_to_come(dora: Client, made: Recorded) -> None:
    later = made.end_utc_ns + 600 * MINUTE_NS
    row = place(dora, types.SpanAsk("lobby", made.resumed_utc_ns), types.SpanAsk("desk", made.resumed_utc_ns, later))
    kinds = [(camera, kind) for camera, kind, *_ in told(row)]
    assert kinds == [
        ("lobby", "recorded"), ("lobby", "gap"),
        ("desk", "recorded"), ("desk", "gap"), ("desk", "future"),
    ]  # fmt: skip
    assert told(row)[-1][3] == later
    assert row.spans[0].end_utc_ns is None


@pytest.mark.parametrize(
    ("more", "error", "words"),
    [
        ({"ground": ""}, Refused, "needs a ground"),
        ({"ground": "curiosity"}, Refused, "ground"),
        ({"reference": ""}, Refused, "case or incident number"),
        ({"camera": "cellar"}, NotFound, "cellar"),
        ({"end": -1}, (BadRequest, Refused), "ends before it starts"),
        ({"end": 2**63 - 1}, BadRequest, "outside the calendar"),
        ({"review_days": 900}, BadRequest, "within 1 to 366 days"),
        ({"spans": 0}, (BadRequest, Refused), "camera|span"),
        ({"spans": 65}, BadRequest, "1 to 64 spans"),
    ],
    ids=[
        "no ground",
        "no such ground",
        "no number",
        "no camera",
        "backwards",
        "after all time",
        "far review",
        "no span",
        "many spans",
    ],
)
def test_p16_what_is_no_hold_is_refused_in_a_sentence(
    dora: Client, made: Recorded, more: dict[str, Any], error: type[Exception], words: str
) -> None:
    before = len(listed(dora).holds)
    end = more.pop("end", made.end_utc_ns)
    end = made.start_utc_ns - 1 if end < 0 else end
    spans = [types.SpanAsk(more.pop("camera", "lobby"), made.start_utc_ns, end)] * more.pop("spans", 1)
    with pytest.raises(error, match=words):
        place(dora, *spans, **more)
    assert len(listed(dora).holds) == before


def test_p11_the_admin_places_no_hold_and_lifts_none_but_sees_what_fills_the_disk(
    service: Service, dora: Client, made: Recorded
) -> None:
    row = place(dora, whole(made))
    acts: tuple[Act[types.HoldRow], ...] = (
        types.HoldPlace("investigation", "1", [whole(made)]),
        types.HoldExtend(row.id, [whole(made, "desk")], "x"),
        types.HoldReview(row.id, "x"),
        types.HoldLift(row.id, "x"),
        types.HoldApprove(row.id),
    )
    for asked in acts:
        with pytest.raises(Refused):
            service.act(asked)
    assert row.id in {one.id for one in listed(service.client).holds}


def test_p11_a_designee_holds_with_that_right_and_lifts_nothing(people: People, dora: Client, made: Recorded) -> None:
    people.appoint("sam", "Sam Roe", dora, "hold")
    people.appoint("ann", "Ann Poe", dora, "archive")
    with pytest.raises(Refused):
        place(people.client("ann"), whole(made))
    sam = people.client("sam")
    row = place(sam, whole(made))
    with pytest.raises(Refused):
        sam.act(types.HoldLift(row.id, "no longer needed"))


def test_p11_a_designee_is_told_of_the_holds_on_the_letters_cameras_and_the_admin_no_notes(
    service: Service, people: People, dora: Client, made: Recorded
) -> None:
    people.appoint("lena", "Lena Fox", dora, "archive", cameras=["desk"])
    here, there = place(dora, whole(made, "desk")), place(dora, whole(made))
    told = {row.id for row in listed(people.client("lena")).holds}
    assert here.id in told
    assert there.id not in told
    noted = types.HoldPlace("violation", "26-9", [whole(made)], note="Jane Doe's bag")
    row = dora.act(noted)
    dora.act(types.HoldLift(row.id, "Jane Doe has it back"))
    assert "Jane" in str(listed(dora))
    assert "Jane" not in str(listed(service.client))
    assert "Jane" not in str(service.act(types.HoldAsk(row.id)))


# --- extending, reviewing --------------------------------------------------------------------------------------------


def test_an_extension_keeps_more_and_never_less(dora: Client, made: Recorded) -> None:
    row = place(dora, types.SpanAsk("lobby", made.start_utc_ns, made.gap_utc_ns))
    asked = types.HoldExtend(row.id, [whole(made, "desk"), row.spans[0]], "seen at the desk too")
    longer = dora.act(asked)
    assert longer.version == 2
    assert longer.spans == [*row.spans, whole(made, "desk")]
    assert longer.held_bytes > row.held_bytes
    with pytest.raises(BadRequest):
        dora.act(types.HoldExtend(row.id, [whole(made, "lot")], " "))


def test_a_review_moves_its_day_and_an_overdue_one_nags_and_deletes_nothing(service: Service, dora: Client) -> None:
    issue = f"hold_review:{OVERDUE}"
    repair = wait_for("the overdue review is a repair", lambda: service.repairs().get(issue))
    assert "25-1" in repair.sentence
    before = show(dora, OVERDUE)
    assert before.overdue
    assert before.held_bytes > 0
    row = dora.act(types.HoldReview(OVERDUE, "trial in March", 120))
    assert not row.overdue
    assert row.version == before.version + 1
    assert (row.review_utc_ns - time.time_ns()) // DAY_NS in (119, 120)


# --- lifting ---------------------------------------------------------------------------------------------------------


def lift(by: Client, hold: str) -> types.HoldRow:
    return by.act(types.HoldLift(hold, "case closed"))


def approve(by: Client, hold: str, **more: Any) -> types.HoldRow:
    return by.act(types.HoldApprove(hold, **more))


def test_p16_a_lift_takes_a_second_person_and_seven_days(
    service: Service, dora: Client, carl: Client, made: Recorded
) -> None:
    row = place(dora, types.SpanAsk("lobby", made.start_utc_ns))
    assert lift(dora, row.id).state == "lifting"
    with pytest.raises(Refused):
        approve(dora, row.id)
    with pytest.raises(Refused):
        lift(dora, row.id)
    before = time.time_ns()
    lifted = approve(carl, row.id)
    after = time.time_ns()
    assert lifted.state == "grace"
    assert lifted.grace_end_utc_ns is not None
    assert before + 7 * DAY_NS <= lifted.grace_end_utc_ns <= after + 7 * DAY_NS
    assert lifted.spans[0].end_utc_ns is not None, "until lifted takes nothing new in"
    assert lifted.held_bytes == row.held_bytes, "nothing of it goes before the grace is over"
    with pytest.raises((Conflict, Refused)):
        approve(carl, row.id)
    assert [e["outcome"] for e in entries(service, "hold.approve", row.id)] == ["refused", "done", "refused"]


def test_p16_a_lift_is_taken_back_before_and_during_the_grace(dora: Client, carl: Client, made: Recorded) -> None:
    row = place(dora, whole(made))
    lift(dora, row.id)
    assert approve(carl, row.id, refuse=True).state == "active"
    lift(dora, row.id)
    approve(carl, row.id)
    back = approve(dora, row.id, refuse=True)
    assert (back.state, back.grace_end_utc_ns, back.lift_why) == ("active", None, "")
    lift(dora, row.id)
    asked = types.HoldExtend(row.id, [whole(made, "desk")], "more was found")
    assert dora.act(asked).state == "active"


def test_scene_9_a_lift_is_approved_on_the_paper_of_a_seat_without_a_key(
    service: Service, dora: Client, made: Recorded
) -> None:
    row = place(dora, whole(made))
    lift(dora, row.id)
    with pytest.raises(Refused):
        approve(dora, row.id, paper_sha256=PAPER, seat="director")
    lifted = approve(dora, row.id, paper_sha256=PAPER, seat="mayor")
    assert lifted.state == "grace"
    (entry,) = [e for e in entries(service, "hold.approve", row.id) if e["outcome"] == "done"]
    assert (entry["facts"]["paper"], entry["facts"]["approved_by"]) == (PAPER, "mayor")


def test_scene_12_of_two_overlapping_holds_one_is_lifted_and_the_footage_stays(
    service: Service, dora: Client, made: Recorded
) -> None:
    wait_for("the grace is over", lambda: entries(service, "hold.lifted", GONE))
    wait_for("its names have left the shelf", lambda: not (service.data / "media/shelf" / GONE).exists())
    (gone,) = [row for row in listed(dora, everything=True).holds if row.id == GONE]
    assert (gone.state, gone.held_bytes) == ("lifted", 0)
    assert GONE not in {row.id for row in listed(dora).holds}
    other = show(dora, OVERDUE)
    assert other.held_bytes > 0
    assert [c.kind for c in other.coverage] == ["recorded", "gap", "recorded"]
    assert len(shelf(service, OVERDUE)) == 12
    with pytest.raises(Refused, match="lifted"):
        dora.act(types.HoldExtend(GONE, [whole(made)], "after all"))


# --- room ------------------------------------------------------------------------------------------------------------


def test_held_bytes_count_each_file_once_and_the_list_says_how_long_room_lasts(
    service: Service, dora: Client, made: Recorded
) -> None:
    place(dora, *(types.SpanAsk(camera, made.start_utc_ns) for camera in CAMERAS))
    one = place(dora, whole(made, "lot"))
    seen = listed(dora)
    files = {path.stat().st_ino: path.stat().st_blocks * 512 for path in (service.data / "media").rglob("*Z.mp4")}
    # By the cameras' averages, in two digits: exact sizes would tell when something moved.
    assert seen.held_bytes == pytest.approx(sum(files.values()), rel=0.06)
    lot = {path.stat().st_ino: path.stat().st_blocks * 512 for path in service.files("lot")}
    assert one.held_bytes == pytest.approx(sum(lot.values()), rel=0.06)
    assert seen.recording_stops_days is not None, "what is held until lifted grows as it did lately"
    assert seen.recording_stops_days > 1


# --- archive ---------------------------------------------------------------------------------------------------------


def archive(by: Client, hold: str, folder: Path | str) -> types.HoldRow:
    return by.act(types.HoldArchive(hold, str(folder)), timeout_s=HANG_S)


def test_p16_a_hold_is_copied_to_another_disk_proved_and_let_go_here(
    service: Service, dora: Client, made: Recorded
) -> None:
    row = place(dora, types.SpanAsk("desk", made.start_utc_ns, made.gap_utc_ns), reference="26-0900")
    with SizedTmpfs(100) as disk:
        done = archive(service.client, row.id, disk.mount_point)
        assert done.archived_to == str(disk.mount_point)
        copy = disk.mount_point / row.id
        check = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
        assert subprocess.run(check, cwd=copy, check=False).returncode == 0
        assert len(list(copy.rglob("*Z.mp4"))) == 6
        (entry,) = entries(service, "hold.archived", row.id)
        assert entry["facts"]["sha256sums"] == hashlib.sha256((copy / "SHA256SUMS").read_bytes()).hexdigest()
        assert entry["facts"]["files"] == 6
        wait_for("its names have left the shelf", lambda: shelf(service, row.id) == [])
        assert len(service.files("desk")) == 12, "the files themselves go by the rolling buffer alone"
        longer = types.HoldExtend(row.id, [whole(made, "desk")], "more")
        dora.act(longer)
        wait_for("what is asked for later is kept here", lambda: len(shelf(service, row.id)) == 12)
        assert show(dora, row.id).archived_to == str(disk.mount_point)


def test_an_archive_has_a_place_on_another_disk_and_room_there(service: Service, dora: Client, made: Recorded) -> None:
    row = place(dora, whole(made, "lot"))
    for folder, words in (
        ("archive", "full path"),
        (service.data / "media", "is inside the media folder"),
        (service.data.parent, "is on the media disk itself"),
        ("/nowhere/at/all", "is not a folder"),
    ):
        with pytest.raises(BadRequest, match=words):
            archive(service.client, row.id, folder)
    with SizedTmpfs(16) as small, pytest.raises(Exception, match="not have enough room"):
        archive(service.client, row.id, small.mount_point)
    assert show(dora, row.id).archived_to == ""
    assert entries(service, "hold.archived", row.id) == []
