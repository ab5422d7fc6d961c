"""Sizes, margins and greys of a PDF, in points. The only place that holds a measure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

type Page = Literal["letter", "a4"]

PAGES: dict[Page, tuple[float, float]] = {"letter": (612.0, 792.0), "a4": (595.28, 841.89)}
BLACK = 0
GREY = 85
"""Of what is beside the matter: dark enough for a copier."""
PALE = 150
"""Of thin rules."""
LEAST_BODY = 9.0
BODY = 10.5
LARGE_BODY = 18.0


@dataclass(frozen=True)
class Style:
    """Sizes of letters and white. ``scale`` is what a paper was shrunk or grown by to fit its page."""

    width: float
    height: float
    side: float
    top: float
    bottom: float
    """Below it stands the running foot alone."""
    body: float
    small: float
    typed: float
    table: float
    lead: float
    title: float
    library: float
    heading: float
    subheading: float
    foot: float
    running: float
    legend: float
    gap: float
    """White between two blocks."""
    pitch: float
    """From one line for writing to the next."""
    box: float
    """A box to tick, each way."""
    least: float = 7.4
    """Nothing but the running lines is smaller, a checksum that is to stand in one line among it."""
    leading: float = 1.38

    @property
    def measure(self) -> float:
        """The width of a line of text."""
        return self.width - 2 * self.side


def style(page: Page, *, large: bool, scale: float = 1.0) -> Style:
    """``large``: for eyes that need it, nothing below 18 points but the running foot."""
    width, height = PAGES[page]
    if large:
        least = LARGE_BODY
        return Style(
            width, height, side=54, top=50, bottom=74, body=least, small=least, typed=least, table=least, lead=22, title=30,
            library=20, heading=24, subheading=21, foot=least, running=11, legend=least, least=least, gap=14, pitch=38, box=17,
        )  # fmt: skip
    return Style(
        width,
        height,
        side=64,
        top=54,
        bottom=61,
        body=BODY * scale,
        small=max(8.5, 8.8 * scale),
        typed=9.5 * scale,
        table=max(8.5, 9.5 * scale),
        lead=13 * scale,
        title=22 * scale,
        library=11.5 * scale,
        heading=14 * scale,
        subheading=11.5 * scale,
        foot=8,
        running=7.5,
        legend=8.5,
        gap=7.5 * scale,
        pitch=25 * scale,
        box=9.5 * scale,
    )


def scales(*, one_page: bool, dense: bool = False) -> tuple[float, ...]:
    """In which order sizes are tried. A paper that is meant for one page may also be set larger, to fill it."""
    least = LEAST_BODY / BODY
    if dense:
        return (least,)
    return (
        (1.15, 1.1, 1.05, 1.0, 0.97, 0.94, 0.91, 0.88, least)
        if one_page
        else (1.0, 0.98, 0.965, 0.95, 0.935, 0.92, 0.91)
    )
