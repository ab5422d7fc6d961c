"""A few small pictures spread over the time in sight, each with its time; the one at the cursor is marked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.app import ComposeResult
from textual.containers import Grid, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from holdshelf_tui.text.time_format import clock
from holdshelf_tui.widgets.picture import PictureView
from holdshelf_tui.widgets.picture_layout import COUNTS

MOST = max(COUNTS)


class Thumbnail(Vertical):
    """A picture over its time."""

    DEFAULT_CSS = """
    Thumbnail { padding: 0 1 0 0; }
    Thumbnail PictureView { width: 1fr; height: 1fr; }
    Thumbnail > Static { height: 1; color: $text-muted; text-wrap: nowrap; }
    Thumbnail.near > Static { color: $accent; text-style: bold; }
    """

    class Picked(Message):
        """The picture of this instant was clicked."""

        def __init__(self, at_utc_ns: int) -> None:
            super().__init__()
            self.at_utc_ns = at_utc_ns

    def __init__(self) -> None:
        super().__init__()
        self.picture = PictureView()
        self._caption = Static("")
        self.at_utc_ns: int | None = None

    def compose(self) -> ComposeResult:
        yield self.picture
        yield self._caption

    def put(self, at_utc_ns: int | None, words: str, *, near: bool) -> None:
        """Which instant it is for."""
        self.at_utc_ns = at_utc_ns
        self.set_class(near, "near")
        self._caption.update(Content(f"{'▸' if near else ' '}{words}"), layout=False)

    def on_click(self) -> None:
        """Post `Picked`, where it has an instant."""
        if self.at_utc_ns is not None:
            self.post_message(self.Picked(self.at_utc_ns))


class Thumbnails(Grid):
    """So many of them beside and below one another. A caption stands right below its picture, whatever room is left."""

    DEFAULT_CSS = """
    Thumbnails { width: 1fr; height: 1fr; grid-size: 3 2; grid-gutter: 0; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._thumbnails = [Thumbnail() for _ in range(MOST)]
        self.shown = self._thumbnails[:1]
        """Those that have room."""

    def compose(self) -> ComposeResult:
        """All of them; those that do not fit are not shown."""
        yield from self._thumbnails

    def lay_out(self, across: int, down: int, rows_each: int) -> None:
        """So many, with pictures of so many rows."""
        self.shown = self._thumbnails[: across * down]
        self.styles.grid_size_columns, self.styles.grid_size_rows = across, down
        self.styles.grid_rows = f"{rows_each + 1}"
        for number, thumbnail in enumerate(self._thumbnails):
            thumbnail.display = number < len(self.shown)

    def place(self, instants: Sequence[int], cursor_utc_ns: int, words: Callable[[int], str] = clock) -> None:
        """Which instants they stand for, and how those are written; the one nearest to the cursor is marked."""
        near = min(instants, key=lambda at: abs(at - cursor_utc_ns), default=None)
        for number, thumbnail in enumerate(self.shown):
            at = instants[number] if number < len(instants) else None
            thumbnail.put(at, words(at) if at is not None else "", near=at is not None and at == near)

    def say(self, words: str) -> None:
        """No pictures: words in the first place."""
        for number, thumbnail in enumerate(self._thumbnails):
            thumbnail.picture.say(words if not number else "")
            if not words:
                thumbnail.put(None, "", near=False)
