"""Boxes that are drawn over other people in released footage: which may be drawn, and where one is at a time.

Pure. Coordinates are in 0…FULL of the picture's width and height; a box is rounded outwards, so that it never hides less than was
drawn.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from holdshelf_core.policy.model import KeyPoint, MovingBox, Span
from holdshelf_storage.units import DAY_NS

FULL = 10_000
MAX_BOXES = 64
MAX_POINTS = 1_500
"""Of all boxes of a release together: bounds what a worker gets in one message."""

_NEVER_NS = 1 << 63

type Place = tuple[int, int, int, int]
"""Left, top, right, bottom."""


def place(box: MovingBox, at_utc_ns: int) -> Place | None:
    """Return where the box is at that time; None: it is not there then."""
    points = box.points
    if not points or not points[0].at_utc_ns <= at_utc_ns <= points[-1].at_utc_ns:
        return None
    index = bisect_right(points, at_utc_ns, key=_at)
    before = points[index - 1]
    if before.at_utc_ns == at_utc_ns:
        return before.left, before.top, before.right, before.bottom
    after = points[index]
    since, whole = at_utc_ns - before.at_utc_ns, after.at_utc_ns - before.at_utc_ns
    return (
        before.left + (after.left - before.left) * since // whole,
        before.top + (after.top - before.top) * since // whole,
        before.right - (before.right - after.right) * since // whole,
        before.bottom - (before.bottom - after.bottom) * since // whole,
    )


def _at(point: KeyPoint) -> int:
    return point.at_utc_ns


def boxes_problem(boxes: Sequence[MovingBox], given: Sequence[Span] | None = None) -> str:
    """Return why these boxes cannot be drawn over that footage, in a sentence; '' when they can. ``given`` None: over any."""
    points = sum(len(box.points) for box in boxes)
    if len(boxes) > MAX_BOXES or points > MAX_POINTS:
        return (
            f"At most {MAX_BOXES} boxes with {MAX_POINTS} key points together can be drawn over one release; these are "
            f"{len(boxes)} with {points}."
        )
    for number, box in enumerate(boxes, 1):
        if problem := _box_problem(box, given):
            return f"Box {number} {problem}."
    return ""


def _box_problem(box: MovingBox, given: Sequence[Span] | None) -> str:
    points = box.points
    if len(points) < 2:
        return "has no end: it takes a first key point and a last one"
    for number, point in enumerate(points, 1):
        if not (0 <= point.left < point.right <= FULL and 0 <= point.top < point.bottom <= FULL):
            return f"has no area within the picture at its key point {number}"
        if number > 1 and point.at_utc_ns <= points[number - 2].at_utc_ns:
            return f"has its key points {number - 1} and {number} in the wrong order"
    first, last = points[0].at_utc_ns, points[-1].at_utc_ns
    if not 0 <= first < last < _NEVER_NS:
        return "lies in no time that is ever recorded"
    if given is not None and not any(
        span.camera == box.camera
        and span.start_utc_ns - DAY_NS <= first < span.end_utc_ns
        and span.start_utc_ns <= last < span.end_utc_ns + DAY_NS
        for span in given
    ):
        return "lies outside the cameras and times of this release"
    return ""
