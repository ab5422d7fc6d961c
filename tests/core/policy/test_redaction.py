"""Boxes over other people: where one is at a time, never smaller than drawn; and which are refused, however hostile."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from holdshelf_core.policy.model import KeyPoint, MovingBox, Span
from holdshelf_core.policy.redaction import FULL, MAX_BOXES, MAX_POINTS, boxes_problem, place

NS = 1_000_000_000
T0 = 1_790_000_000 * NS
GIVEN = [Span("lobby", T0, T0 + 60 * NS)]


def box(*points: tuple[float, int, int, int, int], camera: str = "lobby") -> MovingBox:
    return MovingBox(camera, tuple(KeyPoint(T0 + round(at * NS), *sides) for at, *sides in points))


def test_a_box_is_there_from_its_first_key_point_to_its_last_and_moves_evenly_between() -> None:
    moving = box((10, 0, 100, 1000, 1100), (20, 5000, 100, 6000, 1100), (30, 5000, 2000, 9000, 9000))
    assert place(moving, T0 + 10 * NS - 1) is None
    assert place(moving, T0 + 10 * NS) == (0, 100, 1000, 1100)
    assert place(moving, T0 + 15 * NS) == (2500, 100, 3500, 1100)
    assert place(moving, T0 + 20 * NS) == (5000, 100, 6000, 1100)
    assert place(moving, T0 + 25 * NS) == (5000, 1050, 7500, 5050)
    assert place(moving, T0 + 30 * NS) == (5000, 2000, 9000, 9000)
    assert place(moving, T0 + 30 * NS + 1) is None


def test_what_is_rounded_is_rounded_outwards_and_by_less_than_one() -> None:
    chance = random.Random(22)
    for _ in range(300):
        first, last = (
            (*sorted(chance.sample(range(FULL + 1), 2)), *sorted(chance.sample(range(FULL + 1), 2))) for _ in "ab"
        )
        one, other = ((left, top, right, bottom) for left, right, top, bottom in (first, last))
        moving = MovingBox("lobby", (KeyPoint(T0, *one), KeyPoint(T0 + 7 * NS, *other)))
        since = chance.randrange(7 * NS)
        exact = [Fraction(a) + Fraction((b - a) * since, 7 * NS) for a, b in zip(one, other, strict=True)]
        found = place(moving, T0 + since)
        assert found is not None
        left, top, right, bottom = (there - wanted for there, wanted in zip(found, exact, strict=True))
        assert -1 < left <= 0 and -1 < top <= 0 and 0 <= right < 1 and 0 <= bottom < 1
        assert 0 <= found[0] < found[2] <= FULL


@pytest.mark.parametrize(
    ("boxes", "words"),
    [
        ([box((1, 0, 0, 9, 9))], "has no end"),
        ([MovingBox("lobby", ())], "has no end"),
        ([box((1, 0, 0, 9, 9), (2, 5, 0, 5, 9))], "no area within the picture at its key point 2"),
        ([box((1, -1, 0, 9, 9), (2, 0, 0, 9, 9))], "no area"),
        ([box((1, 0, 0, 9, 9), (2, 0, 0, FULL + 1, 9))], "no area"),
        ([box((2, 0, 0, 9, 9), (1, 0, 0, 9, 9))], "key points 1 and 2 in the wrong order"),
        ([box((1, 0, 0, 9, 9), (1, 0, 0, 9, 9))], "wrong order"),
        ([box((1, 0, 0, 9, 9), (2, 0, 0, 9, 9), camera="desk")], "outside the cameras and times"),
        ([box((60, 0, 0, 9, 9), (61, 0, 0, 9, 9))], "outside the cameras and times"),
        ([box((-9, 0, 0, 9, 9), (-1, 0, 0, 9, 9))], "outside the cameras and times"),
        ([MovingBox("lobby", (KeyPoint(T0, 0, 0, 9, 9), KeyPoint(1 << 80, 0, 0, 9, 9)))], "no time that is ever"),
        ([MovingBox("lobby", (KeyPoint(-5, 0, 0, 9, 9), KeyPoint(T0, 0, 0, 9, 9)))], "no time that is ever"),
        ([box((1, 0, 0, 9, 9), (2, 0, 0, 9, 9))] * (MAX_BOXES + 1), f"At most {MAX_BOXES} boxes"),
        ([MovingBox("lobby", tuple(KeyPoint(T0 + n, 0, 0, 9, 9) for n in range(MAX_POINTS + 1)))], f"{MAX_POINTS} key"),
    ],
)
def test_hostile_boxes_are_refused_in_a_sentence(boxes: list[MovingBox], words: str) -> None:
    assert words in boxes_problem(boxes, GIVEN)


def test_boxes_that_begin_before_what_is_given_or_end_after_it_may_be_drawn() -> None:
    assert boxes_problem([box((-5, 0, 0, 9, 9), (65, 0, 0, 9, 9))], GIVEN) == ""
    assert boxes_problem([box((1, 0, 0, 9, 9), (2, 0, 0, 9, 9), camera="desk")]) == "", "of a preview: over any footage"
