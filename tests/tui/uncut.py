"""What a screen is to say, held against what of it is to be seen: nothing a person reads may be cut."""

from __future__ import annotations

import contextlib
import re
from typing import Any

from rich.cells import cell_len
from textual.geometry import Region
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Button, Checkbox, DataTable, Footer, Input, OptionList, Static, Tab

from tests.tui.stage import cut, screen_text, until

CUT_ON_PURPOSE = {"DataTable": "a list has a line for each row; the lines below it, or Enter, give the whole text"}
"""Cut between words, at least, and never within a time, a number or a head (`Columns.whole`)."""
_MENDED_S = 5.0
"""What is laid out later than it is shown is whole by then."""
_ASKS = ("Asking …", "Reading …", "Looking …", "Beginning …")
_LONG = 24
"""A word that is longer has no place where it could be broken better: a fingerprint, an address, a path."""
_READ = "Static, Label, Button, Checkbox, Tab, Input, OptionList, DataTable"


async def nothing_cut(pilot: Pilot[Any], name: str, *sizes: tuple[int, int]) -> None:
    """Fails where something is cut on the screen in front, once everything has come; at ``sizes``, too, and then as before."""
    before = pilot.app.size
    found = await still_cut(pilot, name)
    for size in sizes:
        await pilot.resize_terminal(*size)
        found += await still_cut(pilot, f"{name} at {size[0]}×{size[1]}")
    if sizes:
        await pilot.resize_terminal(*before)
    assert not found, "\n".join(found)


async def still_cut(pilot: Pilot[Any], name: str) -> list[str]:
    """What is cut when everything has come."""
    await until(pilot, f"{name} is there", lambda: not any(words in screen_text(pilot) for words in _ASKS))
    with contextlib.suppress(AssertionError):  # what is cut is told by the caller
        await until(pilot, name, lambda: not cuts(pilot), _MENDED_S)
    return [f"{name}: {one}" for one in cuts(pilot)]


def cuts(pilot: Pilot[Any]) -> list[str]:
    """All that is cut on the screen in front, each with where it is."""
    screen = pilot.app.screen
    found = [f"too small: {text!r}" for text in cut(pilot)]
    for widget in screen.query(_READ).results(Widget):
        if widget.is_attached and widget.is_on_screen and all(node.display for node in widget.ancestors_with_self):
            found += [f"{_called(widget)}: {words}" for words in (*_narrow(widget), *_hidden(screen, widget))]
    for line in screen.query(Footer).results(Footer):
        if line.display and line.max_scroll_x:
            found.append(f"{_called(line)}: keys stand past its end")
    return found


def _called(widget: Widget) -> str:
    return f"{type(widget).__name__}#{widget.id or '-'}"


def _narrow(widget: Widget) -> list[str]:
    room = widget.content_size.width
    if isinstance(widget, DataTable):
        return _in_table(widget)
    if isinstance(widget, OptionList):
        prompts = [str(option.prompt) for option in widget.options]
        return [f"broken word in {one!r}" for one in prompts if _breaks(one, widget.scrollable_content_region.width)]
    if isinstance(widget, Input):
        words = str(widget.placeholder)
        return [f"its hint is cut: {words!r} in {room}"] if not widget.value and cell_len(words) > room else []
    if isinstance(widget, Tab | Checkbox):
        words = widget.label.plain
        return [f"{words!r} in {room}"] if cell_len(words) > room else []
    if isinstance(widget, Static) and not isinstance(widget, Button):
        words = str(widget.content)
        return [f"broken word in {words!r}"] if _breaks(words, room) else []
    return []


def _breaks(text: str, room: int) -> bool:
    return room > 0 and any(room < cell_len(word) <= _LONG for word in text.split())


def _in_table(table: DataTable[Any]) -> list[str]:
    """Cells and heads that end within a word, and columns past the right end."""
    found = []
    for column in table.ordered_columns:
        head = column.label.plain.rstrip("▲▼")
        if (whole := str(column.key.value)) != head:
            found.append(f"head {whole!r} reads {head!r}")
    for row in table.rows:
        for title, cell in zip(table.columns, table.get_row(row), strict=True):
            text = getattr(cell, "plain", str(cell))
            if re.search(r"[^\s…]…$", text) and 3 * text.rfind(" ") >= 2 * len(text):
                found.append(f"{title.value}: {text!r} ends within a word")
    if table.max_scroll_x:
        found.append(f"{table.max_scroll_x} cells of it stand past its right end")
    return found


def _hidden(screen: Screen[Any], widget: Widget) -> list[str]:
    """Parts that another widget's edge hides and that no scrolling brings."""
    if not widget.region.area:
        return []
    seen, whole = _seen(widget, screen), widget.region
    if _scrolls(widget):
        return []
    lacks = []
    if seen.width < whole.width:
        lacks.append(f"{whole.width - seen.width} columns are past an edge")
    if seen.height < whole.height:
        lacks.append(f"{whole.height - seen.height} lines are past an edge")
    return lacks


def _seen(widget: Widget, screen: Screen[Any]) -> Region:
    region = widget.region.intersection(screen.region)
    for parent in widget.ancestors:
        if isinstance(parent, Widget) and parent is not screen and parent.visible:  # what is hidden has no region
            region = region.intersection(parent.content_region)
    return region


def _scrolls(widget: Widget) -> bool:
    """By something around it that says with a bar that there is more."""
    return any(isinstance(one, Widget) and one.max_scroll_y and one.show_vertical_scrollbar for one in widget.ancestors)
