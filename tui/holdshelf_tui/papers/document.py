"""What a paper says, as blocks, before anybody knows whether it becomes text, PDF or HTML. Plain data.

A paper's module makes a `Document` from facts; `text`, `pdf` and `html` lay one out. No block holds a width, a font or a
color: those are the renderers'. Words that people, cameras and devices wrote may stand in any block: each renderer makes
them inert.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from holdshelf_tui.papers.catalogs import noted

LEGEND = noted("Confidential library record (P21): for the person it was given to; do not pass it on.")
"""Stands at the top of each page of a paper that says what only some may know."""
MOST_LETTERS = 20_000
"""Of the words in one place of a block: what is longer is a mistake or an attack, and is cut. A `Verbatim` is never cut."""

type Style = Literal["body", "small", "lead", "caveat", "quote"]


@dataclass(frozen=True)
class Heading:
    """A section's title; ``level`` 1 (a rule above it) or 2 (within a section)."""

    words: str
    level: int = 1


@dataclass(frozen=True)
class Para:
    """A paragraph. ``lead``: larger, the paper's main sentence; ``caveat``: must be seen; ``quote``: another's words."""

    words: str
    style: Style = "body"
    language: str = ""
    """Of these words, where it is not the paper's: a screen reader changes its voice."""


@dataclass(frozen=True)
class Facts:
    """Labels and values beside them, aligned; a row without a value is left out."""

    rows: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Item:
    """A point of a list. ``box`` None: a bullet; False: an empty box to tick; True: ticked. ``notes`` stand below it."""

    words: str
    box: bool | None = None
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Boxes:
    """Boxes to tick, beside one another as far as they fit: (words, ticked)."""

    boxes: Sequence[tuple[str, bool]]


@dataclass(frozen=True)
class Field:
    """Something to be written by hand: ``columns`` of the page's 80 for the line. ``value``: what is known already."""

    label: str
    columns: int
    value: str = ""


@dataclass(frozen=True)
class Fields:
    """Fields beside one another as far as they fit."""

    fields: Sequence[Field]


@dataclass(frozen=True)
class Check:
    """A box that is ticked on foot and entered back. ``code`` is what is typed then; ``known``: what the record has of it."""

    words: str
    code: str
    known: str = ""
    due: bool = False
    """It is time to look at it again: said in ``known`` too, never by type alone."""


@dataclass(frozen=True)
class Checks:
    """Boxes below one another in columns: the box and its words, its code, what is known. None is ever ticked in print."""

    rows: Sequence[Check]


@dataclass(frozen=True)
class Mono:
    """Lines in a typewriter's letters, never folded at spaces: checksums, commands."""

    lines: Sequence[str]


@dataclass(frozen=True)
class Table:
    """A table; the head is repeated on each page. ``shares``: of the width, one a column; default: by what stands in them."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    shares: Sequence[int] = ()


@dataclass(frozen=True)
class Verbatim:
    """A text that somebody else wrote, word for word: its own lines, folded and otherwise untouched.

    ``sha256`` of its UTF-8 bytes, ``version`` and ``adopted_on`` where it is a policy: HTML carries them with the text.
    """

    text: str
    sha256: str = ""
    version: str = ""
    adopted_on: str = ""
    language: str = ""
    """Of the text, where it is not the paper's."""


@dataclass(frozen=True)
class Bars:
    """A bar chart lying on its side: (label, value, words beside the bar). ``most``: the axis' end; None: the largest value."""

    title: str
    rows: Sequence[tuple[str, float, str]]
    most: float | None = None
    unit: str = ""


@dataclass(frozen=True)
class Panel:
    """One plot of a page of them, its bars lying on their sides: rows as in `Bars`. Its axis begins at nothing."""

    title: str
    rows: Sequence[tuple[str, float, str]]
    note: str = ""
    """What the bars are, in a few words below the title."""
    most: float | None = None
    notches: Sequence[float | None] = ()
    """A second value of each row, marked on its bar; () none."""
    mark: tuple[float, str] | None = None
    """A value to compare with, and its name: a line across all bars."""
    framed: bool = False
    """The whole axis is drawn as an empty bar: what is missing of it shows."""


@dataclass(frozen=True)
class Plots:
    """Plots beside one another, in columns of panels below one another. Where there are only letters: bar charts."""

    columns: Sequence[Sequence[Panel]]

    def bars(self) -> list[Bars]:
        """The same as bar charts, column by column; notches stand in brackets, the mark in the title."""
        return [_as_bars(panel) for column in self.columns for panel in column]


def _as_bars(panel: Panel) -> Bars:
    title = ": ".join(part for part in (panel.title, panel.note) if part)
    if panel.mark is not None:
        title += f" ({panel.mark[1]})"
    notches = [*panel.notches, *[None] * (len(panel.rows) - len(panel.notches))]
    rows = tuple(
        (label, value, words if notch is None else f"{words} ({notch:.1f})")
        for (label, value, words), notch in zip(panel.rows, notches, strict=True)
    )
    return Bars(title, rows, panel.most)


@dataclass(frozen=True)
class Picture:
    """A picture with its legend burned in (JPEG bytes). Where there are only letters, ``words`` stand for it."""

    jpeg: bytes
    words: str


@dataclass(frozen=True)
class Pictures:
    """Pictures beside and below one another, small, each with its words under it."""

    pictures: Sequence[Picture]
    columns: int = 3


@dataclass(frozen=True)
class Keep:
    """Blocks that stay on one page where they fit on one."""

    blocks: Sequence[Block]


@dataclass(frozen=True)
class NewPage:
    """The next block begins a page."""


type Block = (
    Heading
    | Para
    | Facts
    | Item
    | Boxes
    | Fields
    | Checks
    | Mono
    | Table
    | Verbatim
    | Bars
    | Plots
    | Picture
    | Pictures
    | Keep
    | NewPage
)


@dataclass(frozen=True)
class Foot:
    """The bottom of each paper: whom to ask (P19), where the policy is (P18), its version and hash, the log's checkpoint.

    Lines of (label, value), in this order, a value '' to be written by hand; and one line that stands on every page of a PDF.
    """

    rows: Sequence[tuple[str, str]]
    running: str
    """'Example Town Library · policy 3 (9f86d081…) · log 1,204:ab12 …', at the foot of every page."""


@dataclass(frozen=True)
class Document:
    """A whole paper."""

    library: str
    title: str
    blocks: Sequence[Block]
    foot: Foot
    caveats: Sequence[str] = ()
    """Sentences that must stand at the top: what could not be read, what this is not."""
    confidential: bool = False
    """It carries ``legend`` at the top of each page: confidential, not for handing on."""
    legend: str = LEGEND
    one_page: bool = False
    """It is set smaller, down to a readable least, before it takes a second page."""
    dense: bool = False
    """Many forms of one kind: set as small as is still readable, so that a walk takes few pages."""
    language: str = "en"
    printed_at: str = ""
    """'2026-11-24 14:00 -05:00': a PDF's date, so that equal facts give equal bytes. '' where the clock is not known."""
