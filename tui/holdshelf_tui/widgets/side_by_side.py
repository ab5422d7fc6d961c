"""Up to four cameras side by side: a picture each, over its name and time; the one in front is marked by a sign, too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual.app import ComposeResult
from textual.containers import Grid, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from holdshelf_core.looks.types import MOST_SIDE_BY_SIDE as MOST
from holdshelf_tui.text.words import columns, inert
from holdshelf_tui.widgets.picture import PictureView


class Beside(Vertical):
    """One camera of several: its picture over its name and the time that the picture shows."""

    DEFAULT_CSS = """
    Beside { padding: 0 1 0 0; }
    Beside > Static { height: 1; color: $text-muted; text-wrap: nowrap; }
    Beside.front > Static { color: $accent; text-style: bold; }
    """

    class Picked(Message):
        """Its camera is to come to the front."""

        def __init__(self, camera: str) -> None:
            super().__init__()
            self.camera = camera

    def __init__(self) -> None:
        super().__init__()
        self.picture = PictureView()
        self.camera = ""
        self._shown_name = self._time = ""
        self._waits = False
        self._caption = Static("")

    def compose(self) -> ComposeResult:
        """The picture, and below it the line with camera and time."""
        yield self.picture
        yield self._caption

    def stand_for(self, camera: str, name: str, *, front: bool) -> None:
        """Which camera it is for; '' none. Nothing of another camera stays."""
        if camera != self.camera:
            self.camera = camera
            self.clear()
        self._shown_name = name
        self.set_class(front, "front")
        self._show_caption()

    def clear(self) -> None:
        """No picture, no words, no time."""
        self.picture.say("")
        self._time, self._waits = "", False
        self._show_caption()

    def show(self, jpeg: bytes, time_words: str) -> None:
        """A picture, and which time it shows."""
        self._time, self._waits = time_words, False
        self.picture.show(jpeg)
        self._show_caption()

    def say(self, words: str, time_words: str) -> None:
        """Why there is no picture of that time."""
        self._time, self._waits = time_words, False
        self.picture.say(words)
        self._show_caption()

    def wait(self, *, over: bool = False) -> None:
        """Another picture is asked for; what is shown is of the time in the caption until it comes. ``over``: it does not."""
        self._waits = not over
        self._show_caption()

    def on_resize(self) -> None:
        """As much of the name as fits beside the time."""
        self._show_caption()

    def on_click(self) -> None:
        """Ask for its camera to come to the front."""
        if self.camera:
            self.post_message(self.Picked(self.camera))

    def _show_caption(self) -> None:
        sign = "▸" if self.has_class("front") else " "
        rest = (f" · {self._time}" if self._time else "") + (" …" if self._waits else "")
        room = max(4, (self.size.width or 38) - 2 - columns(rest))  # a time is never cut
        words = f"{sign}{inert(self._shown_name, room)}{rest}" if self.camera else ""
        if words != self.caption:
            self._caption.update(Content(words), layout=False)

    @property
    def caption(self) -> str:
        """What stands below the picture."""
        return str(self._caption.content)


class SideBySide(Grid):
    """Two beside each other; three and four in two rows."""

    DEFAULT_CSS = """
    SideBySide { width: 1fr; height: 1fr; grid-size: 2 2; grid-gutter: 0; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._cells = [Beside() for _ in range(MOST)]

    def compose(self) -> ComposeResult:
        """All of them; those that are not needed are not shown."""
        yield from self._cells

    def place(self, cameras: Sequence[str], names: Mapping[str, str], front: str) -> None:
        """At most four cameras, in this order."""
        rows = 1 if len(cameras) <= 2 else 2
        if self.styles.grid_size_rows != rows:
            self.styles.grid_size_rows = rows
        for number, cell in enumerate(self._cells):
            camera = cameras[number] if number < len(cameras) else ""
            cell.display = bool(camera)
            cell.stand_for(camera, names.get(camera, camera), front=bool(camera) and camera == front)

    def of(self, camera: str) -> Beside | None:
        """Where that camera is; None when it is not among them."""
        return next((cell for cell in self._cells if cell.camera and cell.camera == camera), None)

    @property
    def shown(self) -> list[Beside]:
        """Those that stand for a camera."""
        return [cell for cell in self._cells if cell.camera]

    @property
    def columns_each(self) -> int:
        """How wide a picture may be, in cells."""
        return max(1, self.size.width // 2 - 1)

    def clear(self) -> None:
        """Nothing of any camera."""
        self.place((), {}, "")


def in_sight(cameras: Sequence[str], front: str) -> tuple[str, ...]:
    """Which of a look's cameras stand side by side: at most four, the one in front among them. () for fewer than two."""
    if len(cameras) < 2 or front not in cameras:
        return ()
    first = list(cameras[:MOST])
    return tuple(first if front in first else [*first[:-1], front])
