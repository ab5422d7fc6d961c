"""Boxes while they are drawn over time: key points that are set, moved and taken away, and what becomes of them. No screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from holdshelf_core.api.boxes import KeyPoint, MovingBox, Place, place
from holdshelf_core.releases.types import SpanRow

FIRST_PLACE: Place = (4000, 3000, 6000, 7000)
"""Of a new box: the middle of the picture."""
LEAST_NS = 1_000_000
"""A box is there for so long at least."""


@dataclass(slots=True)
class Drawn:
    """One box: where it is at its key points. It is gone before the first one and after ``end_utc_ns``, and stays where the last
    one put it until then."""

    camera: str
    places: dict[int, Place]
    end_utc_ns: int

    @classmethod
    def of(cls, box: MovingBox) -> Drawn:
        """As it was kept: a last point that moves nothing is only its end."""
        places = {p.at_utc_ns: (p.left, p.top, p.right, p.bottom) for p in box.points}
        *before, last = sorted(places)
        if before and places[before[-1]] == places[last]:
            del places[last]
        return cls(box.camera, places, last)

    @property
    def times(self) -> list[int]:
        """Of its key points, in order."""
        return sorted(self.places)

    @property
    def start_utc_ns(self) -> int:
        """The time of its first key point."""
        return min(self.places)

    def kept(self) -> MovingBox:
        """As it is sent."""
        times = self.times
        points = [KeyPoint(at, *self.places[at]) for at in times]
        if self.end_utc_ns > times[-1] or len(points) < 2:
            end = max(self.end_utc_ns, times[-1] + LEAST_NS)
            points.append(KeyPoint(end, *self.places[times[-1]]))
        return MovingBox(self.camera, tuple(points))

    def at(self, at_utc_ns: int) -> Place | None:
        """Where it is; None: it is not there then."""
        return place(self.kept(), at_utc_ns)

    def put(self, at_utc_ns: int, there: Place) -> None:
        """It is there at that time; before its start or after its end it is longer by that."""
        self.places[at_utc_ns] = there
        self.end_utc_ns = max(self.end_utc_ns, at_utc_ns)

    def forget(self, at_utc_ns: int) -> bool:
        """Take a key point away; False: there is none, or it is the only one."""
        if at_utc_ns not in self.places or len(self.places) < 2:
            return False
        del self.places[at_utc_ns]
        return True

    def begin(self, at_utc_ns: int) -> None:
        """It is not there before. Where it was at that time, it begins."""
        there = self.at(at_utc_ns) or self.places[self.start_utc_ns]
        self.places = {at: one for at, one in self.places.items() if at > at_utc_ns} | {at_utc_ns: there}
        self.end_utc_ns = max(self.end_utc_ns, at_utc_ns)

    def finish(self, at_utc_ns: int) -> None:
        """It is not there afterwards."""
        there = self.at(at_utc_ns) or self.places[self.times[-1]]
        self.places = {at: one for at, one in self.places.items() if at < at_utc_ns} | {at_utc_ns: there}
        self.end_utc_ns = at_utc_ns


@dataclass(slots=True)
class Drawing:
    """All boxes of a release, one of them chosen."""

    boxes: list[Drawn] = field(default_factory=list)
    chosen: int = -1

    @classmethod
    def of(cls, boxes: Sequence[MovingBox]) -> Drawing:
        """As they were kept."""
        return cls([Drawn.of(box) for box in boxes], 0 if boxes else -1)

    @property
    def box(self) -> Drawn | None:
        """The chosen box; None when there is none."""
        return self.boxes[self.chosen] if 0 <= self.chosen < len(self.boxes) else None

    def add(self, span: SpanRow, at_utc_ns: int) -> Drawn:
        """Another one, in the middle, from now to the end of that stretch; it is chosen."""
        before = self.box
        there = before.at(at_utc_ns) if before is not None and before.camera == span.camera else None
        box = Drawn(span.camera, {at_utc_ns: there or FIRST_PLACE}, span.end_utc_ns)
        self.boxes.append(box)
        self.chosen = len(self.boxes) - 1
        return box

    def delete(self) -> None:
        """Delete the chosen box, if there is one; the one before it is chosen then."""
        if self.box is not None:
            del self.boxes[self.chosen]
            self.chosen = min(self.chosen, len(self.boxes) - 1)

    def kept(self) -> list[MovingBox]:
        """As they are sent."""
        return [box.kept() for box in self.boxes]

    def seen(self, camera: str, at_utc_ns: int) -> tuple[list[Place], int]:
        """Those of that camera at that time, and which of them is the chosen one (-1: none)."""
        shown: list[Place] = []
        chosen = -1
        for number, box in enumerate(self.boxes):
            there = box.at(at_utc_ns) if box.camera == camera else None
            if there is not None:
                chosen = len(shown) if number == self.chosen else chosen
                shown.append(there)
        return shown, chosen
