"""A security camera at a wall, drawn for this project: two colors, no line thinner than a fiftieth of it, in points of a PDF.

In the manner of ISO 7010: a full shape on a full ground, to be known from as far as it can be seen.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fpdf import FPDF

type Color = tuple[int, int, int]
type Point = tuple[float, float]

WIDTH, HEIGHT = 100.0, 78.0
"""Of the drawing, in its own units."""
_TILT = math.radians(-20)
"""It looks down, to the left."""
_HINGE = (44.0, 33.0)


def camera(pdf: FPDF, x: float, y: float, height: float, color: Color, ground: Color) -> None:
    """The camera, its top left at (x, y); ``ground`` is what it stands on, for the gaps in it."""
    unit = height / HEIGHT

    def fill(points: list[Point], of: Color, *, tilted: bool = True) -> None:
        shown = [_tilted(point) for point in points] if tilted else points
        pdf.set_fill_color(*of)
        pdf.polygon([(x + px * unit, y + py * unit) for px, py in shown], style="F")

    # The wall and the arm first: the body stands in front of them.
    fill(_rounded(92, 26, 8, 52, 2.5), color, tilted=False)
    fill([(48, 36), (60, 36), (60, 47), (93, 47), (93, 58), (48, 58)], color, tilted=False)
    fill(_disc(54, 52, 8.5), color, tilted=False)
    # Its body, with a gap round it where it covers the arm.
    fill(_rounded(-36, -16, 76, 34, 6), ground)
    fill(_rounded(-33, -9.5, 70, 25, 3.5), color)
    # The hood, longer than the body, and the gap below it.
    fill(_rounded(-44, -19, 86, 7.5, 3.5), color)
    # What it looks with.
    fill([(-43, -7), (-35.5, -9), (-35.5, 14), (-43, 12)], color)
    fill(_disc(-17, 3, 6.5), ground)
    fill(_disc(-17, 3, 3), color)


def _tilted(point: Point) -> Point:
    x, y = point
    return (
        _HINGE[0] + x * math.cos(_TILT) - y * math.sin(_TILT),
        _HINGE[1] + x * math.sin(_TILT) + y * math.cos(_TILT),
    )


def _disc(x: float, y: float, radius: float, steps: int = 96) -> list[Point]:
    turns = (2 * math.pi * step / steps for step in range(steps))
    return [(x + radius * math.cos(turn), y + radius * math.sin(turn)) for turn in turns]


def _rounded(x: float, y: float, width: float, height: float, radius: float, steps: int = 24) -> list[Point]:
    """A rectangle with rounded corners, its top left at (x, y)."""
    corners = (
        (x + width - radius, y + height - radius),
        (x + radius, y + height - radius),
        (x + radius, y + radius),
        (x + width - radius, y + radius),
    )
    return [
        (cx + radius * math.cos(turn), cy + radius * math.sin(turn))
        for quarter, (cx, cy) in enumerate(corners)
        for turn in (math.pi / 2 * (quarter + step / steps) for step in range(steps + 1))
    ]


def panel(pdf: FPDF, x: float, y: float, width: float, height: float, radius: float, color: Color) -> None:
    """A full ground with rounded corners."""
    pdf.set_fill_color(*color)
    pdf.polygon(_rounded(x, y, width, height, radius), style="F")
