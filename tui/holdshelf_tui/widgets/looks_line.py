"""One line that says which looks are open here: that somebody looks is never out of sight."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from rich.cells import cell_len
from textual.content import Content
from textual.widgets import Static

from holdshelf_core.looks.types import GrantRow
from holdshelf_tui.session.app import SessionApp
from holdshelf_tui.text.time_format import clock
from holdshelf_tui.text.words import counted, inert

IMMINENT_DANGER = "imminent danger"
LEAST_PARTS = 2
"""Of a look, however narrow the line is."""


class LooksLine(Static):
    """``names``: of cameras, by id."""

    DEFAULT_CSS = """
    LooksLine { height: 1; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis; }
    LooksLine.open { color: $text-warning; }
    """

    def __init__(self, *, id: str = "looks") -> None:
        super().__init__("", id=id)
        self.names: Mapping[str, str] = {}
        self._unlisten: Callable[[], None] | None = None

    def on_mount(self) -> None:
        """Show the open looks, and follow them."""
        self._unlisten = cast(SessionApp, self.app).looks.listen(self.show_looks)
        self.show_looks()

    def on_unmount(self) -> None:
        """Hear of no more looks."""
        if self._unlisten is not None:
            self._unlisten()

    def show_looks(self) -> None:
        """As it is now."""
        looks = cast(SessionApp, self.app).looks
        rows = looks.all()
        self.set_class(bool(rows), "open")
        if not rows:
            text = "No look is open."
        else:
            of_each = [look_parts(row, self.names, looks.purposes) for row in reversed(rows)]
            text = _fitted(of_each, self.content_size.width)
        self.update(Content(inert(text, 500)), layout=False)

    def on_resize(self) -> None:
        """As much as has room."""
        self.show_looks()


def _fitted(of_each: list[list[str]], columns: int) -> str:
    """All looks, without the last parts of each that have no room: a part is there whole or not at all."""
    for least in range(max(map(len, of_each)), LEAST_PARTS, -1):
        text = "● " + "  ● ".join(" · ".join(parts[:least]) for parts in of_each)
        if cell_len(text) <= columns:
            return text
    return "● " + "  ● ".join(" · ".join(parts[:LEAST_PARTS]) for parts in of_each)


def look_parts(row: GrantRow, names: Mapping[str, str], purposes: Mapping[str, str]) -> list[str]:
    """'26-114', 'Front entrance', '1:50 pm–2:20 pm', 'until 9:40 pm', '1,988 pictures left', 'possible crime …'."""
    cameras = [names.get(camera, camera) for camera in row.cameras]
    parts = ["Shared with you" if row.kind == "share" else row.incident]
    if row.kind == "break_glass":
        parts.append(IMMINENT_DANGER)
    parts.append(cameras[0] if len(cameras) == 1 else counted(len(cameras), "camera"))
    if row.mode == "live":
        parts.append("live")
    elif row.start_utc_ns is not None and row.end_utc_ns is not None:
        parts.append(f"{clock(row.start_utc_ns, seconds=False)}–{clock(row.end_utc_ns, seconds=False)}")
    parts += [f"until {clock(row.ends_utc_ns, seconds=False)}", f"{row.pictures_left:,} pictures left"]
    if row.kind == "look":
        parts.append(purposes.get(row.purpose, row.purpose))
    return list(filter(None, parts))
