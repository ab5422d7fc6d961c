"""Tables that fill the line they have, keep their cursor where it was, and fit in 80 columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from textual.content import Content
from textual.widgets import DataTable

from holdshelf_tui.words import plain

_SCROLLBAR = 4


def widths(columns: int, least: Mapping[str, int], most: Mapping[str, int], first: Iterable[str]) -> dict[str, int]:
    """Column widths between ``least`` and ``most``; what is to spare goes to ``first``, in that order."""
    found = dict(least)
    spare = columns - _SCROLLBAR - sum(found.values()) - len(found)
    for title in first:
        more = max(0, min(spare, most[title] - found[title]))
        found[title] += more
        spare -= more
    return found


def fill(
    table: DataTable[Content],
    columns: Mapping[str, int],
    rows: Mapping[str, Sequence[str | Content]],
    *,
    at: str = "",
) -> None:
    """Show these rows, by key; text is made inert and cut to its column. The cursor stays on its row, or goes to ``at``."""
    key, line = at if at in rows else row_key(table), table.cursor_row
    table.clear(columns=True)
    for title, width in columns.items():
        table.add_column(title, width=width + 1, key=title)
    for name, cells in rows.items():
        shown = [
            _cut(cell, width) if isinstance(cell, Content) else plain(cell, width)
            for cell, width in zip(cells, columns.values(), strict=True)
        ]
        table.add_row(*shown, key=name)
    if rows:
        table.move_cursor(row=table.get_row_index(key) if key in rows else min(line, len(rows) - 1), animate=False)


def _cut(cell: Content, width: int) -> Content:
    if cell.cell_length <= width:
        return cell
    while cell.plain and cell.cell_length >= width:  # characters may be two cells wide
        cell = cell[:-1]
    return Content.assemble(cell, "…")


def row_key(table: DataTable[Content]) -> str:
    """The key of the row under the cursor; '' when there is none."""
    if not table.row_count or not 0 <= table.cursor_row < table.row_count:
        return ""
    return str(table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value or "")
