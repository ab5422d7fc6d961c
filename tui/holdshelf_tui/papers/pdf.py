"""A paper as PDF: its blocks as data for the template ``paper.typ``, in letters of the size that suits its pages.

The same facts give the same bytes. Words of people and cameras are set as letters, never as markup.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from io import BytesIO
from typing import Literal

from holdshelf_core.api.errors import Conflict
from holdshelf_core.policy.listing import unbroken
from holdshelf_tui.papers import document as d
from holdshelf_tui.papers import text
from holdshelf_tui.papers.catalogs import Words
from holdshelf_tui.papers.catalogs import words as catalog
from holdshelf_tui.papers.letters import ABOUT_INSTEAD, INSTEAD, settable
from holdshelf_tui.papers.typeset import UNDATED, Typesetter, forget

type Page = Literal["letter", "a4"]
type _Block = dict[str, object]

MOST_PAGES = 400
_LONG = 3
"""Pages beyond which no size is tried to save one."""
_LEAST = 9 / 10.5
"""Of the size of letters, what is still readable."""
_SCALES = (1.0, 0.98, 0.965, 0.95, 0.935, 0.92, 0.91)
_ONE_PAGE_SCALES = (1.15, 1.1, 1.05, 1.0, 0.97, 0.94, 0.91, 0.88, _LEAST)
"""A paper that is meant for one page may also be set larger, to fill it."""
_SHORT_LETTERS = 60


def render(document: d.Document, *, page: Page = "letter", large: bool = False) -> bytes:
    """PDF bytes. ``large``: 18 points and more, for eyes that need it. Raises Conflict for more than MOST_PAGES pages."""
    say = catalog(document.language)
    data, said = json.dumps(_data(document, say)), json.dumps(_said(say))

    @cache
    def setting(scale: float) -> Typesetter:
        return Typesetter("paper.typ", data, page=page, said=said, large="yes" if large else "no", scale=str(scale))

    @cache
    def pages(scale: float) -> int:
        return setting(scale).pages()

    try:
        scale = 1.0 if large else _scale(pages, document)
        if pages(scale) > MOST_PAGES:
            raise Conflict(
                f"This paper would have {pages(scale)} pages, more than {MOST_PAGES}.", "Print it as text instead."
            )
        return setting(scale).pdf(_printed(document.printed_at))
    finally:
        forget()


def _scale(pages: Callable[[float], int], document: d.Document) -> float:
    """The largest letters in which the paper takes as few pages as it can."""
    if document.dense and not document.one_page:
        return _LEAST
    scales = _ONE_PAGE_SCALES if document.one_page else _SCALES
    if not document.one_page and (pages(scales[0]) == 1 or pages(scales[0]) > _LONG):
        return scales[0]
    fewest = pages(scales[-1])
    at = bisect_left(scales, True, key=lambda scale: pages(scale) <= fewest)
    return scales[min(at, len(scales) - 1)]


def _printed(printed_at: str) -> datetime:
    """'2026-11-24 14:00 -05:00'; a fixed day where none is known."""
    try:
        found = datetime.fromisoformat(re.sub(r" (?=[+-]\d\d:\d\d$)", "", printed_at))
    except ValueError:
        return UNDATED
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


# --- the document as data ---------------------------------------------------------------------------------------------


def _said(say: Words) -> dict[str, str]:
    """What the template says by itself."""
    return {
        "ticked": say("checked:"),
        "to_tick": say("to check:"),
        "blank": say("blank, to be written by hand"),
        "page": say("page {page} of {pages}"),
        "library": say("Library"),
    }


def _data(document: d.Document, say: Words) -> dict[str, object]:
    blocks = _Blocks()
    library, running = _say(document.library), _say(document.foot.running)
    data: dict[str, object] = {
        "title": _say(document.title) or "Paper",
        "library": library,
        "author": library or say("Library"),
        "language": say.language,
        "legend": document.legend if document.confidential else "",
        "caveats": [_say(caveat) for caveat in document.caveats],
        "running": running,
        "blocks": blocks.all(document.blocks),
        "foot": [[_say(label), _say(value)] for label, value in document.foot.rows],
    }
    if INSTEAD in json.dumps(data, ensure_ascii=False):
        data["foot"] = [*data["foot"], [say("Letters"), say(ABOUT_INSTEAD)]]  # type: ignore[misc]
    return data


def _say(words: str, most: int = d.MOST_LETTERS) -> str:
    """One line, inert, in letters that the type has; ``most`` where what holds them is not cut by the end of a page."""
    return unbroken(settable(text.clean(words, most)))


class _Blocks:
    """Blocks as the template takes them: a dictionary each, with its kind."""

    def __init__(self) -> None:
        self._has_section = False

    def all(self, blocks: Iterable[d.Block]) -> list[_Block]:
        """Points that follow one another become one list."""
        out: list[_Block] = []
        points: list[d.Item] = []
        for block in blocks:
            if points and not (isinstance(block, d.Item) and (block.box is None) == (points[0].box is None)):
                out.append(_items(points))
                points = []
            if isinstance(block, d.Item):
                points.append(block)
            elif made := self.one(block):
                out.append(made)
        return [*out, _items(points)] if points else out

    def one(self, block: d.Block) -> _Block | None:  # noqa: PLR0912 (one kind of block a case)
        """None: nothing of it is seen."""
        match block:
            case d.Heading(words, level):
                # a screen reader is told of no section within a section that does not exist
                outline, said = level if self._has_section else 1, _say(words)
                self._has_section |= bool(said)
                return {"kind": "heading", "words": said, "level": level, "outline": outline}
            case d.Para(words, style, language):
                return {"kind": "para", "words": _say(words), "style": style, "language": language}
            case d.Facts(rows):
                shown = [[_say(label), _say(value)] for label, value in rows if value.strip()]
                return {"kind": "facts", "rows": shown} if shown else None
            case d.Boxes(boxes):
                return (
                    {"kind": "boxes", "boxes": [[_say(words, 160), ticked] for words, ticked in boxes]}
                    if boxes
                    else None
                )
            case d.Fields(fields):
                shown_fields = [
                    {"label": _say(field.label, 160), "columns": field.columns, "value": _say(field.value, 160)}
                    for field in fields
                ]
                return {"kind": "fields", "fields": shown_fields} if fields else None
            case d.Checks(checks):
                return {"kind": "checks", "rows": [_check(check) for check in checks]} if checks else None
            case d.Mono(lines):
                typed = [settable(line.expandtabs(4)[: d.MOST_LETTERS].rstrip(), mono=True) for line in lines]
                return {"kind": "mono", "lines": typed} if typed else None
            case d.Table():
                return _table(block)
            case d.Verbatim(words, language=language):
                return {"kind": "verbatim", "lines": _verbatim(words), "language": language}
            case d.Bars():
                return {"kind": "bars", **_bars(block)}
            case d.Plots(columns):
                return {
                    "kind": "plots",
                    "columns": [[_panel(panel) for panel in column] for column in columns if column],
                    "charts": [_bars(bars) for bars in block.bars()],
                }
            case d.Picture():
                return {"kind": "picture", **_picture(block)}
            case d.Pictures(pictures, columns):
                shown_pictures = [_picture(picture) for picture in pictures]
                return {"kind": "pictures", "columns": columns, "pictures": shown_pictures} if pictures else None
            case d.Keep(blocks):
                inside = self.all(block for block in blocks if not isinstance(block, d.NewPage))
                return {"kind": "keep", "blocks": inside} if inside else None
            case d.NewPage():
                return {"kind": "newpage"}
            case _:
                return None


def _items(points: Sequence[d.Item]) -> _Block:
    rows = [{"words": _say(p.words), "box": p.box, "notes": [_say(note) for note in p.notes]} for p in points]
    return {"kind": "items", "items": rows}


def _check(check: d.Check) -> _Block:
    code = settable(text.clean(check.code, 60), mono=True)
    return {"words": _say(check.words, 100), "code": code, "known": _say(check.known, 140), "due": check.due}


def _table(table: d.Table) -> _Block:
    head = [_say(cell, 40) for cell in table.head]
    rows = [[_say(cell) for cell in row] for row in table.rows]
    return {"kind": "table", "head": head, "rows": rows, "shares": list(table.shares)}


def _bars(bars: d.Bars) -> _Block:
    title = bars.title + (f" ({bars.unit})" if bars.unit else "")
    return _panel(d.Panel(title, bars.rows, most=bars.most))


def _panel(panel: d.Panel) -> _Block:
    rows = [(_say(label, 80), value, _say(words, 60)) for label, value, words in panel.rows]
    title, note = _say(panel.title, 200), _say(panel.note, 200)
    mark = (panel.mark[0], _say(panel.mark[1], 80)) if panel.mark is not None else None
    told = "; ".join(f"{label}: {words}" for label, _, words in rows)
    heads = ", ".join(part for part in (title, note, mark[1] if mark else "") if part)
    return {
        "title": title,
        "note": note,
        "rows": rows,
        "most": panel.most,
        "notches": list(panel.notches),
        "mark": mark,
        "framed": panel.framed,
        "alt": f"Bar chart: {heads}. {told}.",
    }


def _verbatim(words: str) -> list[_Block]:
    """Its lines with text: how far in, behind which bullet or number, how much white above, in empty lines."""
    lines = text.trimmed(words)
    out: list[_Block] = []
    white = 0.0
    for number, line in enumerate(lines):
        if not line:
            white += 0.5
            continue
        begin = text.begin_of(line)
        alone = _stands_alone(lines, number)
        out.append(
            {
                "indent": len(begin) - len(begin.lstrip(" ")),
                "begin": settable(begin.strip()),
                "kind": re.sub(r"[A-Za-z]", "a", re.sub(r"\d+", "0", begin.rstrip())),
                "words": settable(line[len(begin) :]),
                "white": white * 1.8 if alone else white,
                "alone": alone,
            }
        )
        white = 0.0
    return out


def _stands_alone(lines: Sequence[str], number: int) -> bool:
    """A short line between empty ones stays with what follows: where a page ends, nothing else."""
    alone = (number == 0 or not lines[number - 1]) and number + 1 < len(lines) and not lines[number + 1]
    return alone and len(lines[number]) <= _SHORT_LETTERS


def _picture(picture: d.Picture) -> _Block:
    size = _size_of(picture.jpeg)
    return {
        "words": _say(picture.words) or "A picture",
        "size": size,
        "jpeg": list(picture.jpeg) if size else [],
    }


def _size_of(jpeg: bytes) -> tuple[int, int] | None:
    """None for what is no JPEG."""
    from PIL import Image  # noqa: PLC0415 (few papers hold a picture)

    try:
        with Image.open(BytesIO(jpeg), formats=("JPEG",)) as image:
            return image.size
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
