"""The strip of a timeline: how much moved, what is missing, what is on hold, the marks, now, and the cursor. No picture.

Every state has its sign, so that nothing is said by color alone:  ▁▅█ something moved · ╱ not recorded · ░ erased on schedule ·
✗ missing · ≈ recovered from the camera · ■ on hold · ◆ told by the camera · ┃ now · [ ] marks · ▲ cursor.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from holdshelf_tui.session.activity import Column
from holdshelf_tui.session.zoom import View
from holdshelf_tui.text.time_format import clock, moment
from holdshelf_tui.widgets.text import muted

BARS = " ▁▂▃▄▅▆▇█"
GAP, ERASED, HELD, NOW, CURSOR, UNKNOWN, RECORDED, TOLD = "╱", "░", "■", "┃", "▲", "·", "─", "◆"
RECOVERED = "≈"
"""Recorded by the camera itself while it could not be reached, and fetched since."""
MISSING = "✗"
"""Recorded, gone, and not erased on schedule."""
LEGEND = f"▂▅█ movement  {GAP} not recorded  {ERASED} erased on schedule  {HELD} on hold  {NOW} now  [ ] marks"
LEGEND_TOLD = (
    f"▂▅█ moved {GAP} not recorded {ERASED} erased on schedule {HELD} on hold {TOLD} camera said {NOW} now [ ]"
)
"""Where the camera told of something in sight."""
LEGEND_MISSING = (
    f"▂▅█ moved {GAP} not recorded {ERASED} erased {MISSING} missing {HELD} on hold {TOLD} camera said {NOW} now"
)
"""Where something is missing in sight."""
LEGEND_RECOVERED = (
    f"▂▅█ moved {GAP} not recorded {RECOVERED} from the camera {ERASED} erased {HELD} on hold {NOW} now [ ]"
)
"""Where something in sight was recovered from the camera."""
FLOOR, CEILING = 60, 200
"""Of the logarithmic scale: about 600 bytes a second are the lowest bar, three megabytes the highest."""


@dataclass(frozen=True, slots=True)
class Marks:
    """In and out, where they are set."""

    start_utc_ns: int | None = None
    end_utc_ns: int | None = None


class TimelineStrip(Widget, can_focus=True):
    """Five rows, four, or one. Arrows move the cursor; what that means for the pictures is the pane's."""

    DEFAULT_CSS = """
    TimelineStrip { height: 5; width: 1fr; }
    TimelineStrip:focus { background: $surface; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1)", "Earlier", key_display="←", id="strip.earlier", tooltip="Move the cursor back"),
        Binding("right", "move(1)", "Later", key_display="→", id="strip.later", tooltip="Move the cursor forward"),
        Binding("shift+left,pageup", "page(-1)", "Page back", show=False, id="strip.page_back"),
        Binding("shift+right,pagedown", "page(1)", "Page forward", show=False, id="strip.page_on"),
        Binding("ctrl+left", "move(-5)", "Far back", show=False, id="strip.far_back"),
        Binding("ctrl+right", "move(5)", "Far forward", show=False, id="strip.far_on"),
        Binding("home", "edge(-1)", "Start", show=False, id="strip.start"),
        Binding("end", "edge(1)", "End", show=False, id="strip.end"),
    ]

    class Moved(Message):
        """The cursor is elsewhere."""

    def __init__(self, view: View, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.view = view
        self.columns: list[Column] = []
        self.marks = Marks()
        self.look_span: tuple[int, int] | None = None
        """What an open look covers of this camera; underlined."""

    @property
    def width(self) -> int:
        """How many columns it has; at least 1."""
        return max(1, self.size.width)

    def show(self, columns: list[Column], marks: Marks, look_span: tuple[int, int] | None) -> None:
        """What is known now."""
        self.columns, self.marks, self.look_span = columns, marks, look_span
        self.refresh()

    # --- keys and mouse -----------------------------------------------------------------------------------------

    def action_move(self, steps: int) -> None:
        """The cursor by so many steps."""
        self.view.move(steps, time.time_ns())
        self._moved()

    def action_page(self, pages: int) -> None:
        """The view by so many of its widths."""
        self.view.page(pages, time.time_ns())
        self._moved()

    def action_edge(self, side: int) -> None:
        """To the start or the end of what is in sight."""
        self.view.point(0.0 if side < 0 else 1.0 - 1e-9, time.time_ns())
        self._moved()

    def on_click(self, click: events.Click) -> None:
        """The cursor where it was clicked."""
        self.view.point((click.x + 0.5) / self.width, time.time_ns())
        self._moved()

    def on_mouse_scroll_down(self, _event: events.MouseScrollDown) -> None:
        """The cursor one step on."""
        self.action_move(1)

    def on_mouse_scroll_up(self, _event: events.MouseScrollUp) -> None:
        """The cursor one step back."""
        self.action_move(-1)

    def _moved(self) -> None:
        self.refresh()
        self.post_message(self.Moved())

    # --- drawing --------------------------------------------------------------------------------------------------

    def render(self) -> Content:
        """As many rows as there are."""
        width = self.width
        columns = self.columns if len(self.columns) == width else [Column()] * width
        cursor = self.view.column(self.view.cursor_utc_ns, width)
        now = self.view.column(time.time_ns(), width)
        bars = self._bars(columns, cursor, now, high=self.size.height >= 5)
        if self.size.height == 1:
            return self._marked(bars[0])
        rows = [self._labels(width), *bars, self._states(columns, cursor), self._pointer(columns, cursor, now)]
        return Content("\n").join(rows)

    def _marked(self, bars: Content) -> Content:
        """The bars alone, with the marks among them."""
        text = list(bars.plain)
        for at, sign in ((self.marks.start_utc_ns, "["), (self.marks.end_utc_ns, "]")):
            if at is not None and 0 <= (column := self.view.column(at, len(text))) < len(text):
                text[column] = sign
        return Content("".join(text), spans=list(bars.spans))

    def _labels(self, width: int) -> Content:
        line = [" "] * width
        free = 0
        for column, at in self.view.ticks(width):
            text = _tick_words(at, self.view.level)
            if column >= free and column + len(text) <= width:
                line[column : column + len(text)] = text
                free = column + len(text) + 1
        return muted(Content("".join(line)), self.app)

    def _bars(self, columns: list[Column], cursor: int, now: int, *, high: bool) -> list[Content]:
        """One row of bars, or two, of which the upper one goes on where the lower one is full."""
        upper, lower = [], []
        most = 16 if high else 8
        for column in columns:
            if column.future:
                pair = (" ", " ")
            elif not column.known:
                pair = (" ", UNKNOWN)
            elif column.recorded:
                height = (column.level - FLOOR) * most // (CEILING - FLOOR) if column.level else 0
                height = max(1, min(most, height)) if column.level else 0
                pair = (BARS[max(0, height - 8)], BARS[min(8, height)])
            elif column.missing or column.gap:
                pair = (MISSING, MISSING) if column.missing else (GAP, GAP)
            elif column.erased:
                pair = (" ", ERASED)
            else:
                pair = (" ", " ")
            upper.append(pair[0])
            lower.append(pair[1])
        lines = [upper, lower] if high else [lower]
        if 0 <= now < len(columns) and not columns[now].future:
            lines[0][now] = NOW
        rows = []
        for row in lines:
            content = Content("".join(row)).stylize("$accent")
            for start, end in _runs([(column.gap or column.missing) and not column.recorded for column in columns]):
                content = content.stylize("$text-error", start, end)
            for start, end in _runs([column.erased and not column.recorded for column in columns]):
                content = muted(content, self.app, start, end)
            if 0 <= cursor < len(row):
                content = content.stylize("reverse", cursor, cursor + 1)
            rows.append(content)
        return rows

    def _states(self, columns: list[Column], cursor: int) -> Content:
        signs = []
        for column in columns:
            if column.missing:
                signs.append(MISSING)
            elif column.held:
                signs.append(HELD)
            elif column.gap:
                signs.append(GAP)
            elif column.recovered:
                signs.append(RECOVERED)
            elif column.erased:
                signs.append(ERASED)
            else:
                signs.append(RECORDED if column.recorded else " ")
        content = muted(Content("".join(signs)), self.app)
        for start, end in _runs([column.held and not column.missing for column in columns]):
            content = content.stylize("$text-success", start, end)
        for start, end in _runs([column.missing or (column.gap and not column.held) for column in columns]):
            content = content.stylize("$text-error", start, end)
        return content.stylize("reverse", cursor, cursor + 1) if 0 <= cursor < len(signs) else content

    def _pointer(self, columns: list[Column], cursor: int, now: int) -> Content:
        width = len(columns)
        line = [" "] * width
        if self.look_span is not None:
            first = max(0, self.view.column(self.look_span[0], width))
            last = min(width - 1, self.view.column(self.look_span[1] - 1, width))
            for column in range(first, last + 1):
                line[column] = "═"
        line = [TOLD if column.told else sign for sign, column in zip(line, columns, strict=True)]
        for at, sign in ((self.marks.start_utc_ns, "["), (self.marks.end_utc_ns, "]")):
            if at is not None and 0 <= (column := self.view.column(at, width)) < width:
                line[column] = sign
        if 0 <= now < width:
            line[now] = NOW
        content = Content("".join(line)).stylize("$text-warning")
        if 0 <= cursor < width:
            mark = line[cursor] if line[cursor] in "[]" else CURSOR
            head = content[:cursor]
            content = head + Content(mark).stylize("bold $accent") + content[cursor + 1 :]
        return content


def _tick_words(at: int, level: int) -> str:
    local = moment(at)
    if level == 0:
        hour = local.strftime("%I").lstrip("0")
        return f"{hour} {'am' if local.hour < 12 else 'pm'}"
    return (
        clock(at, seconds=level > 1).removesuffix(" am").removesuffix(" pm") if level > 1 else clock(at, seconds=False)
    )


def _runs(flags: list[bool]) -> list[tuple[int, int]]:
    """(first, after the last) of each run that is set."""
    runs, start = [], None
    for number, flag in enumerate([*flags, False]):
        if flag and start is None:
            start = number
        elif not flag and start is not None:
            runs.append((start, number))
            start = None
    return runs
