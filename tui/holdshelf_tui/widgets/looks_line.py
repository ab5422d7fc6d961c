"""One line that says which looks are open here: that somebody looks is never out of sight."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, cast

from textual.content import Content
from textual.widgets import Static

from holdshelf_core.api.types_looks import GrantRow
from holdshelf_tui.words import clock, counted, inert

if TYPE_CHECKING:
    from holdshelf_tui.app import HoldshelfApp

IMMINENT_DANGER = "imminent danger"


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
        """Follow them."""
        self._unlisten = cast("HoldshelfApp", self.app).looks.listen(self.show_looks)
        self.show_looks()

    def on_unmount(self) -> None:
        """No longer."""
        if self._unlisten is not None:
            self._unlisten()

    def show_looks(self) -> None:
        """As it is now."""
        looks = cast("HoldshelfApp", self.app).looks
        rows = looks.all()
        self.set_class(bool(rows), "open")
        if not rows:
            text = "No look is open."
        else:
            text = "● " + "  ● ".join(look_words(row, self.names, looks.purposes) for row in reversed(rows))
        self.update(Content(inert(text, 500)), layout=False)


def look_words(row: GrantRow, names: Mapping[str, str], purposes: Mapping[str, str]) -> str:
    """'26-114 · Front entrance · 1:50 pm–2:20 pm · 1,988 pictures left · until 9:40 pm · possible crime …'."""
    cameras = [names.get(camera, camera) for camera in row.cameras]
    parts = ["Shared with you" if row.kind == "share" else row.incident]
    if row.kind == "break_glass":
        parts.append(IMMINENT_DANGER)
    parts.append(cameras[0] if len(cameras) == 1 else counted(len(cameras), "camera"))
    if row.mode == "live":
        parts.append("live")
    elif row.start_utc_ns is not None and row.end_utc_ns is not None:
        parts.append(f"{clock(row.start_utc_ns, seconds=False)}–{clock(row.end_utc_ns, seconds=False)}")
    parts += [f"{row.pictures_left:,} pictures left", f"until {clock(row.ends_utc_ns, seconds=False)}"]
    if row.kind == "look":
        parts.append(purposes.get(row.purpose, row.purpose))
    return " · ".join(filter(None, parts))
