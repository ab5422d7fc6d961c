"""Looking, through the real service and its socket: the purpose, what it lets out, and what is written down first."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from holdshelf_core.access_log.types import LogShow
from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import BadRequest, NotFound, Refused, Unavailable
from holdshelf_core.holds.types import HoldPlace, SpanAsk
from holdshelf_core.looks import types
from holdshelf_core.people import types as types_people
from holdshelf_core.people.board_types import BoardSet
from tests.core.looks.looks_rig import CAMERAS, TIMES, entries, look, refused, still
from tests.looking import HEIGHT, MINUTE_NS, NS, Recorded, pixels
from tests.people import PAPER, People
from tests.rig.hang import HANG_S
from tests.service import Service, wait_for

# --- the purpose ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("purpose", "clause"),
    [("", "P12"), ("general monitoring", "P1"), ("what was she reading", "P6"), ("because I can", "P12")],
)
def test_p12_no_look_without_a_purpose_from_the_list(
    service: Service, director: Client, made: Recorded, purpose: str, clause: str
) -> None:
    with refused(clause, "purpose"):
        look(director, made, purpose=purpose)
    last = entries(service, "purpose.open")[-1]
    assert (last["outcome"], last["clause"], last.get("purpose")) == ("refused", clause, None)


def test_p12_what_was_typed_as_a_purpose_stays_out_of_the_public_log(
    service: Service, director: Client, made: Recorded
) -> None:
    with refused("P12", "not on the list"):
        look(director, made, purpose="ask about Zebedee Quux")
    (row,) = service.act(LogShow(action="purpose.open", most=1)).entries
    assert "Quux" not in json.dumps(row.entry)


def test_p21_an_incident_number_is_no_name(director: Client, made: Recorded) -> None:
    with refused("P21", "incident number"):
        look(director, made, incident="John Smith")


def test_p2_a_time_opens_a_quarter_of_an_hour_on_either_side(director: Client, made: Recorded) -> None:
    at = made.start_utc_ns + MINUTE_NS
    row = director.act(types.PurposeOpen(["lobby"], "crime", "26-1", at_utc_ns=at))
    assert (row.start_utc_ns, row.end_utc_ns) == (at - 15 * MINUTE_NS, at + 15 * MINUTE_NS)


def test_p2_one_purpose_has_few_cameras_and_hours(director: Client, made: Recorded) -> None:
    with refused("P2", "at most 4 cameras"):
        look(director, made, *CAMERAS)
    with refused("P2", "at most 24 hours"):
        look(director, made, start=made.start_utc_ns - 25 * 60 * MINUTE_NS)


def test_what_has_not_happened_yet_is_no_recording(director: Client, made: Recorded) -> None:
    row = look(director, made, end=made.end_utc_ns + 600 * MINUTE_NS)
    assert row.end_utc_ns is not None
    assert row.end_utc_ns < made.end_utc_ns + 120 * MINUTE_NS, "cut at now: what comes is live, and live ends by itself"
    with pytest.raises(BadRequest, match="not come yet"):
        look(director, made, start=made.end_utc_ns + 600 * MINUTE_NS, end=made.end_utc_ns + 601 * MINUTE_NS)


def test_p4_a_camera_that_nobody_approved_shows_nothing(service: Service, director: Client, made: Recorded) -> None:
    service_rows = director.read(types.ReadLooks())
    with pytest.raises(Refused):
        look(director, made, "attic")
    assert director.read(types.ReadLooks()) == service_rows


def test_p11_the_admin_is_shown_no_picture(service: Service, director: Client, made: Recorded) -> None:
    with refused("P11", "may not see pictures"):
        look(service.client, made)
    grant = look(director, made)
    with refused("P11", "may not see pictures"):
        still(service.client, grant, made.start_utc_ns)
    with refused("P11", "may not see pictures"):
        service.act(types.BreakGlass(["lobby"], "fire"))
    with refused("P11", "admin"):
        asked = types.ActivityAsk("lobby", made.start_utc_ns, made.end_utc_ns)
        service.act(asked)


# --- pictures -------------------------------------------------------------------------------------------------------------


def test_p6_a_still_has_masks_and_legend_burned_in(service: Service, director: Client, made: Recorded) -> None:
    grant = look(director, made, "desk", incident="26-114")
    at = made.start_utc_ns + 12 * NS
    picture = still(director, grant, at, "desk")
    assert at - NS < picture.shown_utc_ns <= at
    assert picture.mask_version == 3
    assert picture.height > HEIGHT, "the legend stands below, and hides nothing"
    shown = pixels(picture.jpeg)
    left, right = shown[40:200, 20:120], shown[40:200, 200:300]
    assert left.max() < 40 or left.std() < 5
    assert abs(float(left.mean()) - float(right.mean())) > 25
    assert shown[HEIGHT + 2 :].std() > 5, "something is written there"
    opened = entries(service, "look.open", "desk")[-1]
    assert opened["seq"] == picture.log_seq
    assert (opened["subject"], opened["purpose"], opened["incident"]) == (grant.id, "violation", "26-114")


def test_a_still_comes_over_http_too(director: Client, made: Recorded) -> None:
    grant = look(director, made)
    jpeg, headers = director.picture("still", grant=grant.id, camera="lobby", at_utc_ns=made.start_utc_ns + NS)
    assert jpeg.startswith(b"\xff\xd8")
    assert headers["cache-control"] == "no-store"
    assert int(headers["holdshelf-log-seq"]) > grant.seq
    with pytest.raises(BadRequest):
        director.picture("still", grant=grant.id, camera="lobby", at_utc_ns="now")
    with pytest.raises(NotFound):
        director.picture("wall", grant=grant.id)


def test_p12_zooming_inside_never_asks_and_makes_no_entry_each_time(
    service: Service, director: Client, made: Recorded
) -> None:
    grant = look(director, made)
    seqs = {still(director, grant, made.start_utc_ns + number * NS).log_seq for number in range(20)}
    assert len(seqs) == 1
    director.act(types.PurposeClose(grant.id))
    closed = next(e for e in entries(service, "look.close") if e["facts"]["lease"] in seqs)
    assert closed["facts"]["pictures"] == 20
    assert 18_500 <= closed["facts"]["footage_ms"] <= 19_500
    assert closed["facts"]["mask_versions"] == [1]


def test_a_lease_lets_out_64_pictures_and_a_strip_is_one_lease(
    service: Service, director: Client, made: Recorded
) -> None:
    grant = look(director, made)
    first = still(director, grant, made.start_utc_ns + NS).log_seq
    strip = director.act(types.LookStrip(grant.id, "lobby", 64, max_width=160))
    shown = [row for row in strip.pictures if row.jpeg]
    missing = [row for row in strip.pictures if not row.jpeg]
    (second,) = {row.log_seq for row in shown}
    assert second > first
    assert len(shown) == len(
        [row for row in strip.pictures if not made.gap_utc_ns <= row.at_utc_ns < made.resumed_utc_ns]
    )
    assert {"camera unreachable" in row.missing for row in missing} == {True}
    closes = {e["facts"]["lease"]: e["facts"]["pictures"] for e in entries(service, "look.close")}
    assert closes[first] == 1
    director.act(types.PurposeClose(grant.id))
    closes = {e["facts"]["lease"]: e["facts"]["pictures"] for e in entries(service, "look.close")}
    assert closes[second] == len(shown), "a place in a gap is no picture"
    assert all(row.shown_utc_ns >= made.start_utc_ns for row in shown)


def test_what_was_asked_for_and_not_shown_is_not_counted(director: Client, made: Recorded) -> None:
    grant = look(director, made)
    first = still(director, grant, made.start_utc_ns + NS).log_seq
    with pytest.raises(NotFound):
        still(director, grant, made.gap_utc_ns + NS)
    asked = types.LookStrip(grant.id, "lobby", 63, made.start_utc_ns, made.gap_utc_ns, 48)
    strip = director.act(asked)
    assert {row.log_seq for row in strip.pictures} == {first}
    assert strip.pictures_left == 2000 - 64


def test_a_thumbnail_never_shows_a_key_frame_from_before_the_look(director: Client, made: Recorded) -> None:
    # One key frame in four minutes, as cameras that save bytes send it; the look begins after it.
    start = made.start_utc_ns + 100 * NS
    grant = look(director, made, "porch", start=start, end=made.start_utc_ns + 4 * MINUTE_NS)
    strip = director.act(types.LookStrip(grant.id, "porch", 4, max_width=160))
    assert [row.at_utc_ns - NS < row.shown_utc_ns <= row.at_utc_ns for row in strip.pictures] == [True] * 4
    wide = look(director, made, "porch", end=made.start_utc_ns + 4 * MINUTE_NS)
    strip = director.act(types.LookStrip(wide.id, "porch", 4, max_width=160))
    assert {row.shown_utc_ns for row in strip.pictures} == {made.start_utc_ns}, "inside the look the key frame will do"


def test_outside_of_a_look_is_refused_with_how_to_widen(service: Service, director: Client, made: Recorded) -> None:
    grant = look(director, made, end=made.gap_utc_ns)
    before = still(director, grant, made.start_utc_ns + NS).log_seq
    with pytest.raises(Refused) as later:
        still(director, grant, made.resumed_utc_ns + NS)
    assert (later.value.clause, "look widen" in str(later.value)) == ("P12", True)
    with refused("P12", "widen"):
        still(director, grant, made.start_utc_ns + NS, "desk")
    assert entries(service, "look.still")[-1]["outcome"] == "refused"
    wider = director.act(types.PurposeWiden(grant.id, ["desk"], end_utc_ns=made.end_utc_ns))
    assert wider.widenings == 1
    after = still(director, wider, made.resumed_utc_ns + NS).log_seq
    assert after > before, "what was written down before covers only the old span"
    ends = {entry["seq"]: entry["end"] for entry in entries(service, "look.open")}
    assert ends[before] < ends[after] == entries(service, "purpose.widen")[-1]["end"]
    assert still(director, wider, made.start_utc_ns + NS, "desk").jpeg


def test_a_picture_where_nothing_was_recorded_names_the_gap(director: Client, made: Recorded) -> None:
    grant = look(director, made)
    with pytest.raises(NotFound, match="camera unreachable"):
        still(director, grant, made.gap_utc_ns + 30 * NS)
    assert director.read(types.ReadLooks())[0].pictures == 0


def test_p2_a_look_shows_so_many_pictures_and_then_asks_again(director: Client, made: Recorded) -> None:
    grant = look(director, made, end=made.start_utc_ns + MINUTE_NS)
    for _ in range(31):
        director.act(types.LookStrip(grant.id, "lobby", 64, max_width=48))
    with refused("P2", "at most 2000"):
        director.act(types.LookStrip(grant.id, "lobby", 64, max_width=48))
    with pytest.raises(BadRequest, match="1 to 64"):
        director.act(types.LookStrip(grant.id, "lobby", 65))


# --- whose look -----------------------------------------------------------------------------------------------------------


def test_a_look_is_one_persons_in_one_session(
    service: Service, people: People, director: Client, made: Recorded
) -> None:
    grant = look(director, made)
    said = set()
    for other, asked in (
        (people.client("carl"), grant.id),
        (people.client("dora"), grant.id),
        (director, "L-2026-999999"),
    ):
        with pytest.raises(Refused, match="no such look of yours") as told:
            other.act(types.LookStill(asked, "lobby", made.start_utc_ns))
        said.add((told.value.clause, str(told.value)))
        assert entries(service, "look.still")[-1]["outcome"] == "refused"
    assert [clause for clause, _ in said] == ["P12"], "whether there is such a look is told to nobody but whose it is"
    assert [row.id for row in people.client("dora").read(types.ReadLooks())] == [grant.id]
    assert people.client("carl").read(types.ReadLooks()) == []


def test_a_look_ends_with_its_session(service: Service, people: People, made: Recorded) -> None:
    session = service.open_session("carl", people.fingerprints["carl"])
    client = Client(service.data, token=session["token"])
    grant = look(client, made)
    still(client, grant, made.start_utc_ns)
    service.end_session(session["session"])
    closed = wait_for(
        "its end is written down",
        lambda: [e for e in entries(service, "purpose.close") if e["subject"] == grant.id],
    )
    assert closed[0]["facts"]["by"] == "service"
    pictures = wait_for(
        "what it delivered is written down",
        lambda: [e["facts"]["pictures"] for e in entries(service, "look.close") if e["subject"] == grant.id],
    )
    assert pictures == [1]


def test_scene_2_revoked_while_looking(service: Service, people: People, director: Client, made: Recorded) -> None:
    letter = people.appoint("sam", "Sam Roe", director, "archive")
    sam = people.client("sam")
    grant = look(sam, made)
    assert still(sam, grant, made.start_utc_ns).jpeg
    director.act(types_people.AppointmentEnd(letter, "left the team"))
    with pytest.raises(Exception, match=r"ended|session"):
        still(sam, grant, made.start_utc_ns)
    wait_for(
        "the look is over",
        lambda: [e for e in entries(service, "purpose.close") if e["subject"] == grant.id],
    )


def _picture_workers(service: Service) -> list[int]:
    children = Path(f"/proc/{service.pid}/task/{service.pid}/children").read_text().split()
    return [int(pid) for pid in children if b"looks.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_scene_2_a_picture_under_way_when_the_right_ends_does_not_leave(
    service: Service, people: People, director: Client, made: Recorded
) -> None:
    for _ in range(5):  # a picture is given up after five seconds, and the machine may be busy
        letter = people.appoint("kim", "Kim Ash", director, "archive")
        kim = people.client("kim")
        grant = look(kim, made)
        assert still(kim, grant, made.start_utc_ns).jpeg
        stopped = _picture_workers(service)
        assert stopped
        try:
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            with ThreadPoolExecutor(1) as pool:
                under_way = pool.submit(still, kim, grant, made.start_utc_ns + 30 * NS)
                wait_for("the file is open", lambda asked=under_way: asked.done() or _reads_footage(service))
                director.act(types_people.AppointmentEnd(letter, "left the team"))
                for pid in stopped:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGCONT)
                with pytest.raises((Refused, Unavailable), match=r"ended|took too long") as told:
                    under_way.result(HANG_S)
        finally:
            for pid in stopped:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
        if isinstance(told.value, Refused):
            break
    assert isinstance(told.value, Refused)
    closed = wait_for(
        "what it delivered is written down",
        lambda: [e["facts"]["pictures"] for e in entries(service, "look.close") if e["subject"] == grant.id],
    )
    assert closed == [1]


def _reads_footage(service: Service) -> bool:
    for fd in Path(f"/proc/{service.pid}/fd").iterdir():
        with contextlib.suppress(OSError):  # it was closed this moment
            if os.readlink(fd).endswith(".mp4"):
                return True
    return False


def test_p11_a_letter_names_cameras(people: People, director: Client, made: Recorded) -> None:
    people.appoint("ann", "Ann Lee", director, "archive", cameras=["lobby"])
    ann = people.client("ann")
    assert still(ann, look(ann, made), made.start_utc_ns).jpeg
    with refused("P11", "letter"):
        look(ann, made, "desk")
    with refused("P11", "live"):
        ann.act(types.PurposeOpen(["lobby"], "crime", "26-9", mode="live"))


def test_p12_four_cameras_of_one_look_have_each_an_entry_and_masks_of_its_own(
    service: Service, director: Client, made: Recorded
) -> None:
    """As a screen asks for them: the same instant of all, at once."""
    cameras = ("lobby", "desk", "stacks", "door")
    grant, at = look(director, made, *cameras), made.start_utc_ns + 12 * NS
    with ThreadPoolExecutor(len(cameras)) as pool:
        rows = list(pool.map(lambda camera: still(director, grant, at, camera), cameras))
    assert {row.shown_utc_ns for row in rows} == {at}
    opened = {e["seq"]: e["cameras"] for e in entries(service, "look.open") if e["subject"] == grant.id}
    assert [opened[row.log_seq] for row in rows] == [[camera] for camera in cameras], "an entry each"
    assert [row.mask_version for row in rows] == [1, 3, 1, 1]
    for row in rows:
        shown = pixels(row.jpeg)
        apart = abs(float(shown[40:200, 20:120].mean()) - float(shown[40:200, 200:300].mean()))
        assert (apart > 25) == (row.camera == "desk"), "the desk's mask is the desk's alone"


def test_p11_a_camera_beyond_the_letter_is_not_added_to_a_look(
    people: People, director: Client, made: Recorded
) -> None:
    people.appoint("amy", "Amy Orr", director, "archive", cameras=["lobby", "stacks"])
    amy = people.client("amy")
    grant = look(amy, made)
    with refused("P11", "letter"):
        amy.act(types.PurposeWiden(grant.id, ["stacks", "desk"]))
    (same,) = amy.read(types.ReadLooks())
    assert (same.cameras, same.widenings) == (["lobby"], 0), "wholly or not at all"
    for camera in ("stacks", "desk"):
        with refused("P12", "not part of the look"):
            still(amy, grant, made.start_utc_ns, camera)
    wider = amy.act(types.PurposeWiden(grant.id, ["stacks"]))
    assert still(amy, wider, made.start_utc_ns, "stacks").jpeg


def test_scene_16_who_wanders_is_asked_again_each_time_and_flagged(
    service: Service, people: People, director: Client, made: Recorded
) -> None:
    people.appoint("wim", "Wim Day", director, "archive")
    wim = people.client("wim")
    grant = look(wim, made, incident="26-200")
    for camera in ("desk", "stacks", "door"):
        with refused("P12", "widen"):
            still(wim, grant, made.start_utc_ns, camera)
        grant = wim.act(types.PurposeWiden(grant.id, [camera]))
        assert still(wim, grant, made.start_utc_ns, camera).jpeg
    with refused("P2", "at most 4 cameras"):
        wim.act(types.PurposeWiden(grant.id, ["lot"]))
    flags = [f for f in director.read(types_people.ReadFlags()) if f.kind == "wandering"]
    assert [(f.name, f.needs, f.open) for f in flags] == [("Wim Day", 1, True)]
    assert flags[0].log_seq == entries(service, "purpose.widen")[-2]["seq"]
    # Opening the same purpose anew for each camera is the same wandering.
    for camera in ("lobby", "desk", "stacks", "door"):
        last = look(wim, made, camera, incident="26-201")
    assert last.widenings == 3
    assert last.flag


def test_scene_16_cameras_that_are_named_at_once_are_one_question_and_others_afterwards_are_more(
    people: People, director: Client, made: Recorded
) -> None:
    people.appoint("wyn", "Wyn Fay", director, "archive")
    wyn = people.client("wyn")
    four = look(wyn, made, "lobby", "desk", "stacks", "door", incident="26-210")
    assert (four.widenings, four.flag) == (0, "")
    wyn.act(types.PurposeClose(four.id))
    one = look(wyn, made, "lobby", incident="26-211")
    one = wyn.act(types.PurposeWiden(one.id, ["desk", "stacks", "door"]))
    assert (one.widenings, one.flag) == (1, "")
    wyn.act(types.PurposeClose(one.id))
    # Four others for the same incident are gone on to, whatever stands side by side.
    wandered = [look(wyn, made, camera, "lot", incident="26-211") for camera in ("desk", "stacks")]
    assert [(row.widenings, bool(row.flag)) for row in wandered] == [(2, False), (3, True)]


def test_scene_17_break_glass_is_at_once_boxed_and_flagged(
    service: Service, people: People, director: Client, made: Recorded
) -> None:
    row = director.act(types.BreakGlass(["attic"], "smoke in the attic"))
    assert row.kind == "break_glass"
    assert 14.9 * MINUTE_NS <= row.ends_utc_ns - row.opened_utc_ns <= 15 * MINUTE_NS
    assert still(director, row, TIMES[1].end_utc_ns - NS, "attic").jpeg
    with refused("P12", "outside"):
        still(director, row, made.start_utc_ns, "attic")
    with refused("P12", "list of purposes"):
        director.act(types.PurposeWiden(row.id, ["lobby"]))
    flag = next(f for f in director.read(types_people.ReadFlags()) if f.kind == "break_glass")
    assert (flag.needs, flag.log_seq, flag.open) == (2, row.seq, True)
    with refused("P12", "danger"):
        director.act(types.BreakGlass(["attic"], ""))
    for login in ("carl", "may"):
        people.client(login).act(types_people.FlagReview(flag.id, "there was smoke"))
    flag = next(f for f in director.read(types_people.ReadFlags()) if f.id == flag.id)
    assert not flag.open


def test_p14_no_unseen_character_hides_a_word_from_the_purposes(
    people: People, director: Client, made: Recorded
) -> None:
    people.enrol("quin", "Quin Low", director)
    hidden = "to moni\u200btor staff attend\u200bance"
    asked = types_people.ShareMake(
        "lobby", made.start_utc_ns, made.gap_utc_ns, hidden, person="quin", confidentiality=True
    )
    with refused("P1", "not a purpose"):
        director.act(asked)


def test_p14_a_share_shows_its_span_only_and_each_view_is_written_down(
    service: Service, people: People, director: Client, made: Recorded
) -> None:
    people.enrol("pat", "Pat Low", director)
    asked = types_people.ShareMake(
        "lobby", made.start_utc_ns, made.gap_utc_ns, "crime", person="pat", confidentiality=True
    )
    share = director.act(asked).id
    pat = people.client("pat")
    grant = pat.act(types.ShareOpen(share))
    assert (grant.kind, grant.cameras) == ("share", ["lobby"])
    picture = still(pat, grant, made.start_utc_ns + 5 * NS)
    opened = entries(service, "look.open")[-1]
    assert (opened["seq"], opened["seat"], opened["facts"]["share"]) == (picture.log_seq, "share", share)
    jpeg, _ = pat.picture("still", grant=grant.id, camera="lobby", at_utc_ns=made.start_utc_ns)
    assert jpeg
    with refused("P14", "outside"):
        still(pat, grant, made.resumed_utc_ns + NS)
    with refused("P14", "not part"):
        still(pat, grant, made.start_utc_ns, "desk")
    with pytest.raises(Refused):
        look(pat, made)
    with pytest.raises(Refused):
        pat.act(types.PurposeWiden(grant.id, ["desk"]))
    director.act(types_people.ShareEnd(share, "no longer needed"))
    with pytest.raises(Exception, match=r"expired|ended|session"):
        still(pat, grant, made.start_utc_ns)


# --- what is held ---------------------------------------------------------------------------------------------------------


def test_what_is_held_shows_from_the_shelf_when_its_file_is_lost(
    service: Service, data: Path, director: Client, made: Recorded
) -> None:
    span = SpanAsk("lot", made.start_utc_ns, made.gap_utc_ns)
    hold = director.act(HoldPlace("investigation", "26-77", [span]))
    shelf = data / "media" / "shelf" / hold.id
    wait_for("all of it is on the shelf", lambda: len(list(shelf.rglob("*.mp4"))) == 6)
    for file in (data / "media" / "footage" / "lot").glob("[0-9]*/*.mp4"):
        file.unlink()
    grant = look(director, made, "lot")
    assert still(director, grant, made.start_utc_ns + 50 * NS, "lot").jpeg
    with pytest.raises(NotFound, match="is missing: it was not erased on schedule"):
        still(director, grant, made.resumed_utc_ns + 50 * NS, "lot")
    asked = types.ActivityAsk("lot", made.start_utc_ns, made.end_utc_ns, 30)
    row = director.act(asked)
    assert [(r.start_utc_ns, r.end_utc_ns) for r in row.recorded] == [(made.start_utc_ns, made.gap_utc_ns)]
    assert [m.kind for m in row.missing] == ["gap", "missing"]
    assert [(h.hold, h.end_utc_ns) for h in row.held] == [(hold.id, made.gap_utc_ns)]


# --- a setting of the Board ---------------------------------------------------------------------------------------------------


def test_a_setting_of_the_board_counts_at_once(people: People, director: Client, made: Recorded) -> None:
    chair = people.client("carl")
    chair.act(BoardSet("cameras_per_purpose", "1", "strict", PAPER))
    try:
        with refused("P2", "at most 1 camera"):
            look(director, made, "lobby", "desk")
    finally:
        chair.act(BoardSet("cameras_per_purpose", "4", "as before", PAPER))


# --- what must hold of the log ----------------------------------------------------------------------------------------------


def test_no_look_was_closed_twice_and_every_close_has_its_open(service: Service) -> None:
    """Over everything that the tests above did."""
    opened = {e["seq"]: e for e in entries(service, "look.open")}
    closed = [e["facts"]["lease"] for e in entries(service, "look.close")]
    assert len(closed) == len(set(closed))
    for entry in entries(service, "look.close"):
        assert entry["facts"]["lease"] < entry["seq"]
        assert entry["facts"]["pictures"] <= 64
        if entry["facts"]["lease"] in opened:
            assert opened[entry["facts"]["lease"]]["cameras"] == entry["cameras"]
