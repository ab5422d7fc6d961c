"""What must not be erased is answered for every single segment, at any moment, from any thread."""

from __future__ import annotations

import threading

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdshelf_core.holds.protection import UNKNOWN_LENGTH_NS, HeldSpans, Protection
from holdshelf_core.policy.model import HoldSpan
from holdshelf_storage import layout
from holdshelf_storage.volume.days import SegmentRef
from tests.storage.footage.footage_files import NOON, NS

DAY = "2026-11-24"
DAY_NS = 86_400 * NS
START = layout.day_start_ns(DAY)


def ref(start: int, end: int, seq: int = 1, camera: str = "front") -> SegmentRef:
    return SegmentRef(camera, layout.day_of(start), seq, layout.segment_name(seq, start), 4096, start, end)


def kept(*spans: tuple[int, int | None], camera: str = "front") -> HeldSpans:
    return HeldSpans(tuple(HoldSpan(camera, start, end) for start, end in spans))


def protection(**holds: HeldSpans) -> Protection:
    made = Protection()
    made.tell(holds)
    return made


def test_everything_is_protected_until_the_holds_are_known_and_when_they_are_forgotten() -> None:
    made = Protection()
    assert made.protects(ref(NOON, NOON + NS))
    assert made.covers_day("front", DAY)
    made.tell({})
    assert not made.protects(ref(NOON, NOON + NS))
    assert not made.covers_day("front", DAY)
    made.forget()
    assert made.protects(ref(NOON, NOON + NS))


@pytest.mark.parametrize(
    ("start", "end", "is_kept"),
    [
        (-10, 0, False),
        (-10, 1, True),
        (0, 60, True),
        (59, 70, True),
        (60, 70, False),
        (-10, 100, True),
    ],
    ids=["ends where it begins", "reaches in", "within", "begins inside", "begins where it ends", "around it"],
)
def test_p16_a_span_keeps_what_touches_it_and_nothing_else(start: int, end: int, is_kept: bool) -> None:
    made = protection(one=kept((NOON, NOON + 60)))
    assert made.protects(ref(NOON + start, NOON + end)) is is_kept
    assert not made.protects(ref(NOON + start, NOON + end, camera="back"))


def test_p16_until_lifted_keeps_all_that_comes() -> None:
    made = protection(one=kept((NOON, None)))
    assert made.protects(ref(NOON + 10_000 * DAY_NS, NOON + 10_000 * DAY_NS + 1))
    assert not made.protects(ref(NOON - 10, NOON))


def test_a_file_whose_length_nobody_knows_is_taken_for_longer_than_any() -> None:
    made = protection(one=kept((NOON, NOON + NS)))
    assert made.protects(ref(NOON - UNKNOWN_LENGTH_NS + 1, NOON - UNKNOWN_LENGTH_NS + 1))
    assert not made.protects(ref(NOON - UNKNOWN_LENGTH_NS, NOON - UNKNOWN_LENGTH_NS))
    # Seen in the campaign: one picture, written while a kill came, was kept by a hold that began seconds after it.
    one_picture = msgspec.structs.replace(ref(NOON - 1, NOON - 1), boot="b")
    assert not made.protects(one_picture)
    assert made.protects(msgspec.structs.replace(one_picture, start_utc_ns=NOON, end_utc_ns=NOON))
    assert made.protects(ref(NOON, NOON - 5 * NS)), "the clock was set back within it"


def test_scene_12_of_two_overlapping_holds_one_goes_and_the_others_footage_stays() -> None:
    made = protection(one=kept((NOON, NOON + 60)), two=kept((NOON + 30, NOON + 90)))
    made.change({"one": None})
    assert made.protects(ref(NOON + 30, NOON + 60))
    assert not made.protects(ref(NOON, NOON + 30))
    made.change({"two": None})
    assert not made.protects(ref(NOON + 30, NOON + 60))
    assert made.cameras() == []


def test_a_day_is_skipped_only_when_every_moment_of_it_is_held() -> None:
    half = START + DAY_NS // 2
    assert protection(one=kept((START, START + DAY_NS))).covers_day("front", DAY)
    assert protection(one=kept((START, half)), two=kept((half, None))).covers_day("front", DAY)
    assert not protection(one=kept((START, half)), two=kept((half + 1, None))).covers_day("front", DAY)
    assert not protection(one=kept((START + 1, None))).covers_day("front", DAY)
    assert not protection(one=kept((START, START + DAY_NS))).covers_day("back", DAY)


def test_what_has_a_copy_elsewhere_is_let_go_and_what_was_asked_for_later_is_not() -> None:
    spans = (HoldSpan("front", NOON, None),)
    copied = HeldSpans(spans, {"front": {1, 2}}, spans)
    made = protection(one=copied)
    assert not made.protects(ref(NOON, NOON + 3, seq=1))
    assert made.protects(ref(NOON + 6, NOON + 9, seq=3))
    assert made.lets_go("front")
    assert not made.covers_day("front", "2026-11-25"), "a day with copied ones in it must be looked at"
    # The same hold, extended over the copied time: what is asked for now has to stay whatever was copied before.
    made.change({"one": HeldSpans((*spans, HoldSpan("front", NOON - 5, NOON + 5)), {"front": {1, 2}}, spans)})
    assert made.protects(ref(NOON, NOON + 3, seq=1))
    # So does another hold of it.
    made.tell({"one": copied, "two": kept((NOON, NOON + 1))})
    assert made.protects(ref(NOON, NOON + 3, seq=1))


def test_an_open_end_that_a_lift_closed_still_belongs_to_the_copy() -> None:
    copied = (HoldSpan("front", NOON, None),)
    made = protection(one=HeldSpans((HoldSpan("front", NOON, NOON + 60),), {"front": {1}}, copied))
    assert not made.protects(ref(NOON, NOON + 3, seq=1))


def test_the_sweeper_is_told_only_when_something_may_go() -> None:
    made = protection(one=kept((NOON, NOON + 60)))
    before = made.released
    made.change({"one": kept((NOON, NOON + 60), (NOON + 90, NOON + 95))})
    made.change({"two": kept((NOON, None))})
    made.change({"two": kept((NOON, None))})
    assert made.released == before
    made.change({"one": kept((NOON, NOON + 60))})
    assert made.released == before + 1
    made.tell({"one": kept((NOON, NOON + 60))})
    assert made.released == before + 2


_span = st.tuples(st.integers(0, 40), st.one_of(st.none(), st.integers(1, 12)))
_holds = st.dictionaries(st.sampled_from("abcd"), st.lists(_span, min_size=1, max_size=3), max_size=4)


@settings(max_examples=300, deadline=None)
@given(first=_holds, then=_holds, start=st.integers(-3, 45), length=st.integers(1, 9))
def test_any_holds_protect_exactly_what_touches_one_of_their_spans(
    first: dict[str, list[tuple[int, int | None]]],
    then: dict[str, list[tuple[int, int | None]]],
    start: int,
    length: int,
) -> None:
    def spans(holds: dict[str, list[tuple[int, int | None]]]) -> dict[str, HeldSpans]:
        return {
            key: kept(*((NOON + begin, None if long is None else NOON + begin + long) for begin, long in own))
            for key, own in holds.items()
        }

    made = protection(**spans(first))
    made.change({**dict.fromkeys(first), **spans(then)})
    wanted = any(
        start < (10**9 if long is None else begin + long) and start + length > begin
        for own in then.values()
        for begin, long in own
    )
    assert made.protects(ref(NOON + start, NOON + start + length)) is wanted


def test_a_hold_never_blinks_while_others_come_and_go() -> None:
    made = protection(steady=kept((NOON, NOON + 60)))
    held, over = ref(NOON + 10, NOON + 20), threading.Event()
    missed: list[int] = []

    def ask() -> None:
        while not over.is_set():
            if not made.protects(held):
                missed.append(1)

    asking = threading.Thread(target=ask)
    asking.start()
    for number in range(2_000):
        made.change({"other": kept((NOON + number % 50, None)) if number % 2 else None})
    over.set()
    asking.join()
    assert missed == []
