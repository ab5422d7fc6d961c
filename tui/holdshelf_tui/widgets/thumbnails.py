"""A few small pictures spread over the time in sight, each with its time; the one at the cursor is marked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Grid, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from holdshelf_tui.widgets.picture import Picture
from holdshelf_tui.words import clock

MOST = 12
FEWEST = 6
LEAST_COLUMNS, LEAST_ROWS = 12, 5
SHAPE = 1.25
"""A picture's width by its height, with its legend."""


@dataclass(frozen=True, slots=True)
class Layout:
    """So many beside one another, and below one another."""

    across: int
    down: int

    @property
    def count(self) -> int:
        """How many pictures that is."""
        return self.across * self.down


def best_layout(columns: int, rows: int) -> Layout:
    """The arrangement in which as many as fit, at most twelve, are largest."""
    best, largest = Layout(1, 1), 0.0
    for count in (MOST, 8, FEWEST, 4, 3, 2):
        for across in range(1, count + 1):
            if count % across:
                continue
            width, height = columns // across - 1, rows // (count // across) - 1
            if width < LEAST_COLUMNS or height < LEAST_ROWS - 1:
                continue
            area = min(width / SHAPE, 2.0 * height)
            if area > largest:
                best, largest = Layout(across, count // across), area
        if largest:
            return best
    return best


class Thumbnail(Vertical):
    """A picture over its time."""

    DEFAULT_CSS = """
    Thumbnail { padding: 0 1 0 0; }
    Thumbnail > Static { height: 1; color: $text-muted; text-wrap: nowrap; }
    Thumbnail.near > Static { color: $accent; text-style: bold; }
    """

    class Picked(Message):
        """It was clicked."""

        def __init__(self, at_utc_ns: int) -> None:
            super().__init__()
            self.at_utc_ns = at_utc_ns

    def __init__(self) -> None:
        super().__init__()
        self.picture = Picture()
        self._caption = Static("")
        self.at_utc_ns: int | None = None

    def compose(self) -> ComposeResult:
        """Picture, time."""
        yield self.picture
        yield self._caption

    def put(self, at_utc_ns: int | None, words: str, *, near: bool) -> None:
        """Which instant it is for."""
        self.at_utc_ns = at_utc_ns
        self.set_class(near, "near")
        self._caption.update(Content(f"{'▸' if near else ' '}{words}"), layout=False)

    def on_click(self) -> None:
        """Go there."""
        if self.at_utc_ns is not None:
            self.post_message(self.Picked(self.at_utc_ns))


class Thumbnails(Grid):
    """As many as fit."""

    DEFAULT_CSS = """
    Thumbnails { width: 1fr; height: 1fr; grid-size: 3 2; grid-gutter: 0; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._thumbnails = [Thumbnail() for _ in range(MOST)]
        self.layout_now = Layout(3, 2)

    def compose(self) -> ComposeResult:
        """All of them; those that do not fit are not shown."""
        yield from self._thumbnails

    class Rearranged(Message):
        """Another number of pictures fits now."""

    def on_resize(self) -> None:
        """Find the best arrangement."""
        found = best_layout(self.size.width, self.size.height)
        if found != self.layout_now or self._thumbnails[-1].display != (found.count == MOST):
            self.layout_now = found
            self.styles.grid_size_columns, self.styles.grid_size_rows = found.across, found.down
            for number, thumbnail in enumerate(self._thumbnails):
                thumbnail.display = number < found.count
            self.post_message(self.Rearranged())

    @property
    def shown(self) -> list[Thumbnail]:
        """Those that fit."""
        return self._thumbnails[: self.layout_now.count]

    @property
    def columns_each(self) -> int:
        """How wide one is, in cells."""
        return max(1, self.size.width // self.layout_now.across - 1)

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
