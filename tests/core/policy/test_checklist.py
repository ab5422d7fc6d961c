"""The checklist's rules: what a code names, what a tick and a defect change, and what falls due."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdshelf_core.errors import BadRequest, NotFound
from holdshelf_core.policy import checklist as rules
from holdshelf_core.policy import schema
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.model import Adopted, Check, Commission, Entrance, Seen
from holdshelf_core.policy.state import CameraFacts, State
from holdshelf_core.policy.tables import Policy
from holdshelf_core.policy_file.first import first_policy
from holdshelf_core.times import DAY_NS

NOW_NS = 1_795_000_000 * 10**9
NOW = Now(NOW_NS, NOW_NS)


def house(*cameras: str, **more: object) -> State:
    return State(
        policy=first_policy(),
        entrances={"e1": Entrance("e1", "Main", "text 1.en"), "e2": Entrance("e2", "Gone", removed_utc_ns=1)},
        cameras={camera: CameraFacts(camera, camera.title(), "seating") for camera in ("lobby", *cameras)},
        **more,  # type: ignore[arg-type]
    )


def entries(*codes: str, state: State | None = None, points_needed: bool = True) -> list[rules.Entry]:
    return rules.entries_of(state or house(), codes, points_needed=points_needed)


# --- codes --------------------------------------------------------------------------------------------------------


def test_each_printed_code_names_its_point_again() -> None:
    state = house("e7", "house", "e1")
    for kind, ids in (("entrance", ["e1"]), ("camera", ["lobby", "e7", "house", "e1"]), ("house", [""])):
        for id_ in ids:
            for point in rules.points_of(state.policy, kind):
                value = {"ft": "=25", "words": "=x", "": ""}[point.value]
                (entry,) = entries(f"{rules.subject_code(kind, id_)}.{point.id}{value}", state=state)
                assert (entry.kind, entry.id) == (kind, id_ or point.id)
                assert list(entry.points) == [point.id]


def test_codes_are_read_as_people_write_them() -> None:
    one, two = entries(" E1.Present ", "LOBBY.neighbours,walk-test", "e1.legible = 25 ft")
    assert (one.key, dict(one.points)) == ("entrance:e1", {"present": "", "legible": "25 ft"})
    assert (two.key, dict(two.points)) == ("camera:lobby", {"neighbors": "", "walk-test": ""})
    (all_,) = entries("lobby.all")
    assert list(all_.points) == [point.id for point in rules.CAMERA_POINTS]
    (sign,) = entries("e1.all", "e1.legible=12'")
    assert list(sign.points) == ["present", "unobstructed", "lit", "legible"]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("attic.area", "no entrance or camera 'attic'"),
        ("e2.present", "There is no entrance 'e2'"),
        ("e9.present", "There is no entrance 'e9'"),
        ("lobby.present", "lobby has no item 'present'"),
        ("lobby", "does not name an item to check"),
        ("house", "does not name an item to check"),
        ("house.all", "one by one"),
        ("e1.legible", "needs a number of feet"),
        ("e1.legible=far", "a number of feet"),
        ("e1.legible=0", "a number of feet"),
        ("e1.version", "needs its words"),
        ("lobby.area=yes", "takes no value"),
        ("e1.version,language=en", "A value belongs to one item"),
        ("", "not a checklist code"),
        (".", "not a checklist code"),
    ],
)
def test_a_code_that_names_nothing_is_refused_in_words(code: str, words: str) -> None:
    with pytest.raises((BadRequest, NotFound), match=words):
        entries(code)


@given(st.lists(st.text(max_size=30), max_size=5))
def test_no_typed_text_is_taken_for_anything_but_a_known_point(codes: list[str]) -> None:
    try:
        found = entries(*codes)
    except (BadRequest, NotFound):
        return
    for entry in found:
        assert set(entry.points) <= {point.id for point in rules.points_of(first_policy(), entry.kind)}
        assert entry.id in {"e1", "lobby", *first_policy().checks}


# --- signs --------------------------------------------------------------------------------------------------------


def walked(entrance: Entrance, check: Check, *codes: str, at: int = NOW_NS, **word: object) -> tuple[Entrance, Check]:
    (entry,) = entries(*codes, points_needed=False)
    said = rules.Word("p1", at, **word)  # type: ignore[arg-type]
    fresh = rules.entered(rules.in_step(check, entrance), entry, said)
    return rules.entrance_after(entrance, fresh, entry, said, 180, NOW), fresh


MAIN = Entrance("e1", "Main", "text 1.en", waived_by="p2", waived_until_utc_ns=NOW_NS + 1, waived_why="printer")
NEW = Check("entrance:e1")


def test_p3_a_sign_is_attested_by_its_four_points_and_by_no_fewer() -> None:
    for codes in (["e1.all"], ["e1.present", "e1.lit", "e1.legible=20"], ["e1.version=2"]):
        row, _ = walked(MAIN, NEW, *codes)
        assert row.attested_utc_ns is None and row.waived_by == "p2"
    row, _ = walked(MAIN, NEW, "e1.all", "e1.legible=20", "e1.version=2.en", "e1.language=English", checker="Sam")
    assert (row.attested_by, row.attested_utc_ns, row.next_check_utc_ns) == ("p1", NOW_NS, NOW_NS + 180 * DAY_NS)
    assert (row.sign, row.language, row.checker, row.waived_by) == ("2.en", "English", "Sam", "")


def test_p3_a_sign_looked_at_in_two_goes_counts_from_the_first() -> None:
    row, check = walked(MAIN, NEW, "e1.present,unobstructed", "e1.legible=20", at=NOW_NS - 10 * DAY_NS)
    row, check = walked(row, check, "e1.lit")
    assert row.attested_utc_ns == NOW_NS - 10 * DAY_NS
    row, check = walked(row, check, "e1.present")
    assert row.attested_utc_ns == NOW_NS - 10 * DAY_NS  # the rest was not looked at again
    old, _ = walked(MAIN, NEW, "e1.all", "e1.legible=20", at=NOW_NS - 180 * DAY_NS)
    assert old.attested_utc_ns is None


def test_p3_what_hangs_there_must_be_known() -> None:
    nameless = msgspec.structs.replace(MAIN, sign="")
    with pytest.raises(BadRequest, match=r"The sign at Main is not described") as refused:
        walked(nameless, NEW, "e1.all", "e1.legible=20")
    assert "e1.version=" in refused.value.next_step
    assert walked(nameless, NEW, "e1.present")[0].attested_utc_ns is None


def test_p3_a_defect_unattests_the_sign_until_it_is_mended_and_looked_at_again() -> None:
    row, check = walked(MAIN, NEW, "e1.all", "e1.legible=20", at=NOW_NS - 5 * DAY_NS)
    row, check = walked(row, check, "e1.lit", defect="the lamp is out", at=NOW_NS - 2 * DAY_NS)
    assert (row.attested_utc_ns, row.next_check_utc_ns, row.defect) == (None, None, "lit: the lamp is out")
    assert (check.points, check.defect_by) == ({}, "p1")
    row, check = walked(row, check, "e1", defect="torn", at=NOW_NS - 2 * DAY_NS)
    assert row.defect == check.defect == "lit: the lamp is out; torn"  # no defect hides another
    row, check = walked(row, check, "e1.all", "e1.legible=20", at=NOW_NS - DAY_NS)
    assert row.attested_utc_ns is None  # nobody said that it was mended
    row, check = walked(row, check, "e1", mended_utc_ns=NOW_NS)
    assert (row.defect, row.attested_utc_ns) == ("", NOW_NS - DAY_NS)
    assert (check.defect, check.mended) == ("", "lit: the lamp is out; torn")
    assert (check.mended_by, check.mended_utc_ns) == ("p1", NOW_NS)


def test_p3_a_defect_said_in_another_way_takes_the_older_ticks_back_too() -> None:
    _, check = walked(MAIN, NEW, "e1.all", "e1.legible=20")
    torn = msgspec.structs.replace(MAIN, defect="torn", attested_utc_ns=None)
    row, check = walked(torn, check, "e1.lit", mended_utc_ns=NOW_NS)
    assert (row.defect, row.attested_utc_ns, check.mended) == ("", None, "torn")
    assert list(check.points) == ["lit"]
    whole = msgspec.structs.replace(MAIN, attested_utc_ns=NOW_NS)
    assert rules.in_step(msgspec.structs.replace(check, defect="torn"), whole).defect == ""


def test_an_older_word_never_replaces_a_newer_one() -> None:
    (entry,) = entries("lobby.area")
    row = rules.entered(Check("camera:lobby"), entry, rules.Word("p1", NOW_NS))
    row = rules.entered(row, entry, rules.Word("p2", NOW_NS - DAY_NS))
    assert row.points["area"] == Seen(NOW_NS, "p1")


def test_p3_what_was_entered_by_mistake_is_taken_back_and_the_sign_is_not_attested_by_it() -> None:
    row, check = walked(MAIN, NEW, "e1.all", "e1.legible=20", "e1.version=2.en")
    same, _ = walked(row, check, "e1.version=2.en", takes_back=True)
    assert same == row  # no sign is attested by its version
    row, check = walked(row, check, "e1.lit", takes_back=True)
    assert (row.attested_by, row.attested_utc_ns, row.next_check_utc_ns, row.defect) == ("", None, None, "")
    assert "lit" not in check.points and "present" in check.points
    (without_value,) = rules.entries_of(house(), ["e1.legible"], points_needed=True, values_needed=False)
    assert list(without_value.points) == ["legible"]


def test_p18_a_point_of_the_house_that_is_right_again_needs_no_other_word() -> None:
    (entry,) = entries("house.website")
    wrong = rules.entered(Check(entry.key), entry, rules.Word("p1", NOW_NS - DAY_NS, defect="an old text"))
    assert (wrong.points, wrong.defect) == ({}, "an old text")
    right = rules.entered(wrong, entry, rules.Word("p1", NOW_NS))
    assert (right.defect, right.mended, list(right.points)) == ("", "an old text", ["website"])


# --- what falls due -----------------------------------------------------------------------------------------------


def due(state: State, kind: str, id_: str = "", at: int = NOW_NS) -> list[str]:
    return [point.id for point in rules.due_points(state, kind, id_, Now(at, at))]


def test_p4_a_camera_is_walked_past_a_year_after_its_approval_and_after_each_walk() -> None:
    assert due(house(), "camera", "lobby") == []  # new: it waits for its approval, which is another repair
    approved = {"lobby": Commission("lobby", state="approved", approved_by="p1", approved_utc_ns=NOW_NS)}
    state = house(commissions=approved)
    assert due(state, "camera", "lobby", NOW_NS + 365 * DAY_NS - 1) == []
    assert len(due(state, "camera", "lobby", NOW_NS + 365 * DAY_NS)) == len(rules.CAMERA_POINTS)
    seen = {"camera:lobby": Check("camera:lobby", {"area": Seen(NOW_NS + 300 * DAY_NS, "p1")})}
    later = house(commissions=approved, checks=seen)
    assert "area" not in due(later, "camera", "lobby", NOW_NS + 400 * DAY_NS)
    assert "masks" in due(later, "camera", "lobby", NOW_NS + 400 * DAY_NS)


def test_p4_a_camera_that_was_moved_and_approved_anew_has_its_walk_behind_it() -> None:
    """Ticks of before say nothing of the new place; those of the very day do."""
    old, new = Seen(NOW_NS - 10 * DAY_NS, "p1"), Seen(NOW_NS - DAY_NS // 2, "p1")
    state = house(
        commissions={"lobby": Commission("lobby", state="approved", approved_by="p1", approved_utc_ns=NOW_NS)},
        checks={"camera:lobby": Check("camera:lobby", {"area": old, "masks": new})},
    )
    assert rules.seen_of(state, "camera", "lobby", "area") is None
    assert rules.seen_of(state, "camera", "lobby", "masks") == new
    assert rules.point_due_utc_ns(state, "camera", "lobby", "area") == NOW_NS + 365 * DAY_NS
    assert rules.seen_of(house(checks=state.checks), "camera", "lobby", "area") == old


def test_p1_p18_the_house_has_a_month_to_post_and_file_and_the_board_a_year_to_review() -> None:
    assert due(house(), "house") == []  # no policy is adopted yet
    state = house(adopted=Adopted("1", "2026-01-01", "a" * 64, installed_utc_ns=NOW_NS))
    assert due(state, "house", at=NOW_NS + 29 * DAY_NS) == []
    month = due(state, "house", at=NOW_NS + 30 * DAY_NS)
    assert "website" in month and "copies" in month and "board-review" not in month
    assert "board-review" in due(state, "house", at=NOW_NS + 365 * DAY_NS)
    posted = {"house:website": Check("house:website", {"website": Seen(NOW_NS, "p1")})}
    state = house(adopted=state.adopted, checks=posted)
    assert "website" not in due(state, "house", at=NOW_NS + 91 * DAY_NS)
    assert "website" in due(state, "house", at=NOW_NS + 92 * DAY_NS)


def test_p18_what_was_said_of_one_text_says_nothing_of_the_next() -> None:
    points = ("website", "copies", "staff-notice", "counsel")
    checks = {f"house:{p}": Check(f"house:{p}", {p: Seen(NOW_NS - DAY_NS, "p1")}) for p in points}
    before = house(checks=checks, adopted=Adopted("1", "2026-01-01", "a" * 64, installed_utc_ns=NOW_NS - 2 * DAY_NS))
    assert all(rules.seen_of(before, "house", point, point) for point in points)
    anew = house(checks=checks, adopted=Adopted("2", "2026-06-01", "b" * 64, installed_utc_ns=NOW_NS))
    assert [point for point in points if rules.seen_of(anew, "house", point, point)] == ["counsel"]
    assert "website" in due(anew, "house", at=NOW_NS + 30 * DAY_NS)
    assert "website" not in due(anew, "house", at=NOW_NS + 29 * DAY_NS)


def test_the_policys_checks_are_the_points_of_the_building_each_with_its_own_time() -> None:
    policy = Policy(
        msgspec.structs.replace(
            first_policy().file,
            check=(
                schema.Check(key="review", words={"en": "the policy was looked at again"}, every="3 years", by="mayor"),
                schema.Check(key="audit", words={"en": "looks were audited"}, by_adoption=True),
            ),
        )
    )
    adopted = Adopted("1", "2026-01-01", "", installed_utc_ns=NOW_NS)
    state = replace(house(adopted=adopted), policy=policy)
    assert [point.id for point in rules.points_of(policy, "house")] == ["review", "audit"]
    assert due(state, "house", "", NOW_NS + 30 * DAY_NS) == ["review"]
    assert due(state, "house", "", NOW_NS + 365 * DAY_NS) == ["review", "audit"]
    seen = {"house:review": Check("house:review", {"review": Seen(NOW_NS, "p1")})}
    later = replace(state, checks=seen)
    assert due(later, "house", "", NOW_NS + 3 * 365 * DAY_NS - 1) == ["audit"]
    assert "review" in due(later, "house", "", NOW_NS + 3 * 365 * DAY_NS)
    (entry,) = entries("house.review", state=state)
    assert entry.key == "house:review"
    with pytest.raises(BadRequest, match="has no item 'website'") as refused:
        entries("house.website", state=state)
    assert refused.value.next_step == "Known: review, audit."
    none = replace(state, policy=Policy(msgspec.structs.replace(policy.file, check=())))
    with pytest.raises(BadRequest) as refused:
        entries("house.review", state=none)
    assert "none in the policy in force" in refused.value.next_step


def test_who_does_a_check_is_named_where_that_is_not_whoever_enters_it() -> None:
    board = schema.Role(key="board", words={"en": "Library Board"}, on_paper=True)
    file = msgspec.structs.replace(
        first_policy().file,
        role=(*first_policy().file.role, board),
        check=(
            schema.Check(key="review", words={"en": "reviewed"}, by="board"),
            schema.Check(key="audit", words={"en": "audited"}, by="director"),
        ),
    )
    assert [point.by for point in rules.points_of(Policy(file), "house")] == ["Library Board", ""]


@pytest.mark.parametrize(
    ("typed", "found"), [("8", "8 m"), ("8 m", "8 m"), ("8 metres", "8 m"), ("25 ft", ""), ("far", "")]
)
def test_where_the_policy_has_meters_a_distance_is_in_meters(typed: str, found: str) -> None:
    file = first_policy().file
    metric = msgspec.structs.replace(file, library=msgspec.structs.replace(file.library, length="m"))
    state = replace(house(), policy=Policy(metric))
    if found:
        (entry,) = entries(f"e1.legible={typed}", state=state)
        assert dict(entry.points) == {"legible": found}
    else:
        with pytest.raises(BadRequest, match="a number of meters"):
            entries(f"e1.legible={typed}", state=state)
