"""Which holds there are is the union of state, acts under way and shelf; only what the state lifted is ever let go."""

from __future__ import annotations

import msgspec
import pytest

from holdshelf_core.holds.book import HoldBook, lost_hold
from holdshelf_core.policy.instants import DISAGREEMENT_NS, Now
from holdshelf_core.policy.model import Hold, HoldSpan
from holdshelf_storage.volume.days import SegmentRef
from tests.core.holds.conftest import HOLD, hold
from tests.storage.footage.footage_files import NOON, NS

FRONT, BACK = HoldSpan("front", NOON, NOON + 60 * NS), HoldSpan("back", NOON, None)


def keeps(book: HoldBook, camera: str, seconds: int = 0) -> bool:
    at = NOON + seconds * NS
    return book.protection.protects(SegmentRef(camera, "2026-11-24", 1, "x", 4096, at, at + NS))


def book(rows: dict[str, Hold] | None = None, shelf: dict[str, Hold] | None = None) -> HoldBook:
    made = HoldBook()
    made.apply(rows or {})
    made.found_on_shelf(shelf or {})
    return made


def later(one: Hold, *spans: HoldSpan, **more: object) -> Hold:
    return msgspec.structs.replace(one, spans=spans or one.spans, version=one.version + 1, **more)  # type: ignore[arg-type]


# --- acts under way --------------------------------------------------------------------------------------------------


def test_p16_a_hold_is_kept_from_the_moment_it_is_asked_for_and_no_longer_when_it_is_refused() -> None:
    made = book()
    asked = hold(FRONT)
    made.ask(asked)
    assert keeps(made, "front")
    made.unask(HOLD, None)
    assert not keeps(made, "front")
    made.ask(asked)
    made.apply({HOLD: asked})
    made.unask(HOLD, asked)
    assert keeps(made, "front"), "recorded by now"


def test_p16_a_refused_extension_leaves_what_was_kept_before() -> None:
    row = hold(FRONT)
    made = book({HOLD: row})
    made.ask(later(row, FRONT, BACK))
    assert keeps(made, "front")
    assert keeps(made, "back")
    made.unask(HOLD, row)
    assert keeps(made, "front")
    assert not keeps(made, "back")


def test_while_an_act_is_under_way_both_what_was_and_what_will_be_is_kept() -> None:
    row = hold(FRONT, BACK)
    made = book({HOLD: row})
    made.ask(later(row, FRONT, state="grace"))
    assert keeps(made, "back")
    made.apply({HOLD: later(row, FRONT, state="grace")})
    assert not keeps(made, "back")


def test_a_hold_asked_for_before_the_state_is_read_is_kept_when_it_is() -> None:
    made = HoldBook()
    made.ask(hold(FRONT))
    assert keeps(made, "yard"), "nothing is known yet"
    made.apply({})
    assert keeps(made, "front")
    assert not keeps(made, "yard")


# --- lifting ---------------------------------------------------------------------------------------------------------


def test_p16_what_is_lifted_stays_protected_until_its_names_have_left_the_shelf() -> None:
    row = hold(FRONT)
    made = book({HOLD: row}, {HOLD: row})
    made.apply({HOLD: later(row, state="lifted")})
    assert made.to_remove() == [HOLD]
    assert keeps(made, "front")
    made.left_shelf(HOLD)
    assert made.to_remove() == []
    assert not keeps(made, "front")


def test_what_was_kept_until_lifted_takes_in_nothing_while_its_names_leave_the_shelf() -> None:
    row = hold(BACK)
    ended = HoldSpan("back", NOON, NOON + 60 * NS)
    made = book({HOLD: later(row, ended, state="lifted")}, {HOLD: row})
    assert keeps(made, "back")
    assert not keeps(made, "back", 60)


def test_p16_the_grace_ends_by_both_clocks_and_not_while_they_disagree() -> None:
    end = NOON + 100 * NS
    made = book({HOLD: hold(FRONT, state="grace", grace_end_utc_ns=end)})
    assert made.due(Now(end - 1, end)) == []
    assert made.due(Now(end, end - 1)) == []
    assert made.due(Now(end + DISAGREEMENT_NS + 1, end)) == []
    assert made.due(Now(end, end + DISAGREEMENT_NS + 1)) == []
    (row,) = made.due(Now(end, end + 5))
    assert (row.state, row.lifted_utc_ns, row.version) == ("lifted", end, 2)
    made.ask(later(row, state="active"))
    assert made.due(Now(end, end)) == [], "somebody takes it back this moment"


def test_what_the_shelf_says_of_a_lift_is_not_believed() -> None:
    for state in ("lifting", "grace", "lifted"):
        made = book({}, {HOLD: hold(FRONT, state=state, version=4, grace_end_utc_ns=1)})
        assert made.to_remove() == []
        assert keeps(made, "front")
        (row,) = made.to_unite()
        assert (row.state, row.grace_end_utc_ns, row.version) == ("active", None, 5)


# --- the shelf knows more ---------------------------------------------------------------------------------------------


def test_a_hold_that_only_the_shelf_knows_is_kept_and_comes_back() -> None:
    made = book({}, {HOLD: hold(FRONT)})
    assert keeps(made, "front")
    (row,) = made.to_unite()
    made.apply({HOLD: row})
    assert made.to_unite() == []
    assert keeps(made, "front")


def test_an_extension_that_only_the_shelf_knows_is_kept_and_comes_back() -> None:
    row = hold(FRONT)
    made = book({HOLD: row}, {HOLD: later(row, FRONT, BACK)})
    assert keeps(made, "back", 10_000)
    (united,) = made.to_unite()
    assert set(united.spans) == {FRONT, BACK}
    assert united.version == 3
    made.apply({HOLD: united})
    assert made.to_unite() == []
    assert keeps(made, "back", 10_000)


@pytest.mark.parametrize(
    "shelved",
    [
        hold(FRONT, version=9),
        hold(HoldSpan("front", NOON + NS, NOON + 2 * NS), version=9),
        hold(FRONT, BACK, version=1),
    ],
    ids=["a later version of the same", "a part of it", "an older version"],
)
def test_a_shelf_that_knows_nothing_more_changes_nothing(shelved: Hold) -> None:
    made = book({HOLD: hold(FRONT, version=2)}, {HOLD: shelved})
    assert made.to_unite() == []
    assert not keeps(made, "back")
    assert made.to_write(HOLD) == hold(FRONT, version=2)


def test_what_only_the_shelf_knows_is_never_written_over_while_the_log_cannot_be_written() -> None:
    row = hold(FRONT)
    made = book({HOLD: row}, {HOLD: later(row, FRONT, BACK)})
    written = made.to_write(HOLD)
    assert written is not None
    assert set(written.spans) == {FRONT, BACK}
    made.put_on_shelf(written)
    assert made.to_write(HOLD) == written, "no new version each minute"
    # Meanwhile somebody extends it, twice: the versions of state and shelf meet.
    yard = HoldSpan("yard", NOON, NOON + NS)
    for version in (2, 3):
        row = hold(FRONT, yard, version=version)
        made.ask(row)
        made.apply({HOLD: row})
    assert keeps(made, "back", 10_000)
    written = made.to_write(HOLD)
    assert written is not None
    assert set(written.spans) == {FRONT, BACK, yard}
    assert book({HOLD: row}, {HOLD: written}).to_unite()[0].spans == (FRONT, yard, BACK)
    (united,) = made.to_unite()
    made.apply({HOLD: united})
    made.put_on_shelf(united)
    assert made.to_unite() == []
    assert keeps(made, "back", 10_000)


def test_an_act_before_the_log_has_what_the_shelf_knows_leaves_none_of_it_out() -> None:
    row = hold(FRONT)
    made = book({HOLD: row}, {HOLD: later(row, FRONT, BACK)})
    begun = made.to_write(HOLD)
    assert begun is not None
    yard = HoldSpan("yard", NOON, NOON + NS)
    longer = later(begun, *begun.spans, yard)
    made.apply({HOLD: longer})
    assert made.to_unite() == []
    assert all(keeps(made, camera) for camera in ("front", "back", "yard"))
    # And after a crash before that is written down on the shelf.
    assert keeps(book({HOLD: longer}, {HOLD: later(row, FRONT, BACK)}), "back")


@pytest.mark.parametrize("state", ["lifting", "grace"])
def test_p16_a_lift_that_only_the_shelf_knows_to_be_taken_back_is_taken_back(state: str) -> None:
    """Extended by nothing new while the log could not be written, and a crash before it could."""
    row = hold(FRONT, state=state, version=3, grace_end_utc_ns=NOON if state == "grace" else None)
    made = book({HOLD: row}, {HOLD: later(row, state="active", grace_end_utc_ns=None)})
    assert made.due(Now(NOON + NS, NOON + NS)) == []
    written = made.to_write(HOLD)
    assert written is not None
    assert written.state == "active"
    made.apply({HOLD: row, "H-2026-0009": hold(BACK, key="H-2026-0009")})  # another act comes first
    (united,) = made.to_unite()
    assert (united.state, united.version, united.grace_end_utc_ns) == ("active", 5, None)
    made.apply({HOLD: united})
    assert made.to_unite() == []


def test_two_holds_of_one_number_are_both_kept() -> None:
    """The state is an older copy, gave a number again while the disk was away, and then the disk comes with the other."""
    new, old = hold(FRONT, reference="26-2"), hold(BACK, reference="26-1", placed_utc_ns=NOON - NS)
    made = book({HOLD: new}, {HOLD: old})
    assert keeps(made, "front")
    assert keeps(made, "back")
    written = made.to_write(HOLD)
    (united,) = made.to_unite()
    assert written is not None
    assert set(united.spans) == set(written.spans) == {FRONT, BACK}
    assert "investigation, no. 26-1" in united.note
    made.apply({HOLD: united})
    assert made.to_unite() == []


@pytest.mark.parametrize("span", [BACK, FRONT], ids=["other footage", "the same footage"])
def test_a_lifted_hold_does_not_take_another_of_its_number_with_it(span: HoldSpan) -> None:
    lifted, old = hold(FRONT, state="lifted", version=5), hold(span, placed_utc_ns=NOON - NS)
    made = book({HOLD: lifted}, {HOLD: old})
    assert made.to_remove() == []
    assert keeps(made, span.camera)
    assert made.to_write(HOLD) == old
    (united,) = made.to_unite()
    assert (united.spans, united.state, united.version) == ((span,), "active", 6)
    made.apply({HOLD: united})
    assert made.to_remove() == []
    assert keeps(made, span.camera)


def test_a_number_that_anything_knows_is_known() -> None:
    made = book({"H-2026-0001": hold(FRONT)}, {"H-2026-0007": hold(BACK, key="H-2026-0007")})
    made.ask(hold(FRONT, key="H-2026-0009"))
    assert made.known() == {"H-2026-0001", "H-2026-0007", "H-2026-0009"}


def test_a_shelf_whose_file_is_lost_is_kept_under_a_word_that_a_person_sees() -> None:
    made = book({}, {HOLD: lost_hold(HOLD, (FRONT,), NOON, NOON + NS)})
    assert keeps(made, "front")
    (row,) = made.to_unite()
    assert (row.reference, row.placed_by, row.version) == ("found on the shelf", "service", 1)
    known = book({HOLD: hold(FRONT, BACK)}, {HOLD: lost_hold(HOLD, (FRONT,), NOON, NOON + NS)})
    assert known.to_unite() == []
    assert known.to_write(HOLD) == hold(FRONT, BACK)
