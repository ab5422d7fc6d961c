"""Tables that fill the line they have, keep their cursor where it was, and fit in 80 columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.cells import cell_len
from textual.content import Content
from textual.widgets import DataTable

from holdshelf_tui.widgets.beside import Beside
from holdshelf_tui.widgets.text import plain

_SCROLLBAR = 2
_NARROWEST = 8
"""What a column keeps that gives way to one that is never cut."""


class Rows(DataTable[Content]):
    """A list of lines, never wider than the screen: left and right are free for what stands beside it."""

    def action_cursor_left(self) -> None:
        """To the list before this one."""
        self.post_message(Beside(-1))

    def action_cursor_right(self) -> None:
        """To the list after this one."""
        self.post_message(Beside(1))


@dataclass(frozen=True)
class Columns:
    """``widths``: by title, the least and the most; ``first``: which ones get what is to spare, in that order. ``whole``: those
    that hold a day, a time or a number, which is never cut: half a date is another date.

    What would be cut goes before what is merely roomy: a column that needs less than its least gives the rest to one whose cells
    are longer.

    ``by``: what a row is sorted by in a column of figures or times, the largest first; other columns by what they say.
    """

    widths: Mapping[str, tuple[int, int]]
    first: Sequence[str]
    whole: Sequence[str] = ()
    by: Mapping[str, Callable[[Any], float]] = field(default_factory=dict)

    def fitted(self, columns: int, rows: Collection[Sequence[str | Content]] = ()) -> dict[str, int]:
        """The width of each, in a line of so many columns that shows these rows."""
        found = {title: least for title, (least, _) in self.widths.items()}
        least_of_all = sum(found.values())
        for at, title in enumerate(self.widths):
            if title in self.whole:
                found[title] = max([found[title], *(_length(cells[at]) for cells in rows)])
        grown = sum(found.values()) - least_of_all
        spare = columns - _SCROLLBAR - sum(found.values()) - len(found)
        while spare < 0 and grown > 0:
            widest = max((title for title in found if title not in self.whole), key=found.__getitem__, default="")
            if not widest or found[widest] <= _NARROWEST:
                break
            found[widest] -= 1
            spare += 1
            grown -= 1
        if rows:
            spare = self._uncut(found, spare, rows)
        for title in self.first:
            more = max(0, min(spare, self.widths[title][1] - found[title]))
            found[title] += more
            spare -= more
        return found

    def _uncut(self, found: dict[str, int], spare: int, rows: Collection[Sequence[str | Content]]) -> int:
        """Widen in place what these rows would have cut, from what is to spare and from what others do not need.

        Returns what is still to spare.
        """
        needs = {
            title: max(cell_len(title), *(_length(cells[at]) for cells in rows)) for at, title in enumerate(self.widths)
        }
        for title in (*self.first, *(title for title in self.widths if title not in self.first)):
            lacks = min(needs[title], self.widths[title][1]) - found[title]
            taken = max(0, min(lacks, spare))
            spare -= taken
            for other, needed in needs.items():
                given = max(0, min(lacks - taken, found[other] - needed))
                found[other] -= given
                taken += given
            found[title] += taken
        return spare


def _length(cell: str | Content) -> int:
    return cell_len(cell) if isinstance(cell, str) else cell.cell_length


@dataclass(frozen=True, slots=True)
class Order:
    """By which column a list is sorted, and whether the other way round than it is at first; '' as its pane gives it."""

    title: str = ""
    turned: bool = False

    def sorts(self, columns: Columns) -> str:
        """The sign at the column's head: ▲ the least first, ▼ the most."""
        return "▼" if (self.title in columns.by) is not self.turned else "▲"

    def sorted(
        self, columns: Columns, rows: Mapping[str, Any], cells: Mapping[str, Sequence[str | Content]]
    ) -> list[str]:
        """The keys of the rows in that order; among equal ones their own stays. ``cells``: of each row, by key."""
        if not self.title or self.title not in columns.widths:
            return list(rows)
        number, by = list(columns.widths).index(self.title), columns.by.get(self.title)
        keys: dict[str, Any] = {
            key: by(row) if by is not None else _natural(cells[key][number]) for key, row in rows.items()
        }
        return sorted(rows, key=lambda key: keys[key], reverse=self.sorts(columns) == "▼")


def _natural(cell: str | Content) -> list[tuple[int, int, str]]:
    """'Room 9' before 'Room 10'."""
    text = cell.plain if isinstance(cell, Content) else cell
    parts = re.split(r"(\d+)", text.casefold())
    return [(1, int(part[:18]), "") if part.isdecimal() else (0, 0, part) for part in parts if part]


def fill(
    table: DataTable[Content],
    columns: Mapping[str, int],
    rows: Mapping[str, Sequence[str | Content]],
    *,
    at: str = "",
    signs: Mapping[str, str] | None = None,
) -> None:
    """Show these rows, by key; text is made inert and cut to its column. The cursor stays on its row, or goes to ``at``.

    ``signs``: what stands at the head of a column behind its title.

    Where the rows are the same ones as before, only what differs in them is drawn again.
    """
    key, line = at if at in rows else row_key(table), table.cursor_row
    last = list(columns)[-1]
    cut = {
        name: [
            _cut(cell, width + (title == last))  # nothing stands behind the last one
            for cell, (title, width) in zip(cells, columns.items(), strict=True)
        ]
        for name, cells in rows.items()
    }
    drawn = {str(column.key.value): column.width - 1 for column in table.ordered_columns}
    heads = {title: f"{title[:width]}{(signs or {}).get(title, '')}" for title, width in columns.items()}
    shown_heads = [column.label.plain for column in table.ordered_columns]
    if (
        drawn == columns
        and shown_heads == list(heads.values())
        and [str(row.key.value) for row in table.ordered_rows] == list(rows)
    ):
        for name, shown in cut.items():
            for title, cell in zip(columns, shown, strict=True):
                if table.get_cell(name, title) != cell:
                    table.update_cell(name, title, cell)
        if row_key(table) == key:
            return  # who scrolled away from the cursor stays there
    else:
        table.clear(columns=True)
        for title, width in columns.items():
            table.add_column(heads[title], width=width + 1, key=title)
        for name, shown in cut.items():
            table.add_row(*shown, key=name)
    if rows:
        table.move_cursor(row=table.get_row_index(key) if key in rows else min(line, len(rows) - 1), animate=False)


def _cut(cell: str | Content, width: int) -> Content:
    """Where little is lost by it, at the end of a word."""
    whole = cell if isinstance(cell, Content) else plain(cell, max(1, len(cell)))
    if whole.cell_length <= width:
        return whole
    shown = whole
    while shown.plain and shown.cell_length >= width:  # characters may be two cells wide
        shown = shown[:-1]
    room = shown.plain[:-1] if shown.cell_length == width - 1 else shown.plain  # for the space before the dots
    last = len(room) if whole.plain[len(room)].isspace() else room.rfind(" ")
    if 3 * last >= 2 * width:
        return Content.assemble(shown[:last], " …")
    return Content.assemble(shown, "…")


def row_key(table: DataTable[Content]) -> str:
    """The key of the row under the cursor; '' when there is none."""
    if not table.row_count or not 0 <= table.cursor_row < table.row_count:
        return ""
    return str(table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value or "")
