"""The checklist's ticks entered back (P3 to P8, P18): which entrance, camera or the house, then a form of its boxes."""

from __future__ import annotations

import time
from typing import ClassVar, cast

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from holdshelf_core.api.errors import BadRequest, HoldshelfError
from holdshelf_core.cameras.checklist_types import (
    LENGTHS,
    ChecklistEnter,
    ChecklistEntered,
    PointRow,
    ReadChecklist,
    SubjectRow,
)
from holdshelf_tui.screens.dialogs.form import FormDialog, Missing, in_words
from holdshelf_tui.session.app import SessionApp
from holdshelf_tui.session.inputs import in_turn
from holdshelf_tui.text.time_format import date_words
from holdshelf_tui.text.time_span import typed_day
from holdshelf_tui.text.words import inert
from holdshelf_tui.widgets.actions import Actions
from holdshelf_tui.widgets.fields import FormField, Picks, TextField, Tick
from holdshelf_tui.widgets.text import plain

ALL = "all"
_EXAMPLES = {"ft": 25, "m": 8}
_VALUES = {"version": "at the foot of the sign", "language": "e.g., English"}
_LABELS = {"legible": "Legible from", "version": "Text version", "language": "Language"}


def subject_words(row: SubjectRow) -> str:
    """'▲ Front door (lobby): 3 points are due', '✓ Main entrance (e1): attested'."""
    name = row.name if row.kind == "house" else f"{row.name} ({row.code})"
    due = sum(point.due for point in row.points)
    if row.defect:
        said = f"defect: {row.defect}"
    elif row.kind == "entrance":
        said = row.state
    elif due:
        said = "1 point is due" if due == 1 else f"{due} points are due"
    else:
        seen = [point.seen_utc_ns for point in row.points if point.seen_utc_ns is not None]
        said = f"last walk {date_words(max(seen))}" if seen else "nothing is due"
    return f"{'▲' if row.due else '✓'} {name}: {said}"


def point_words(point: PointRow) -> str:
    """'walk test: no title can be read · Nov 20, 2026, Pat Doe'; 'policy reviewed (Library Board) · DUE · never'."""
    words = f"{point.words} ({point.who})" if point.who else point.words
    if point.defect:
        return f"{words} · DEFECT: {point.defect}"
    seen = f"{date_words(point.seen_utc_ns)}, {point.checker or point.by}" if point.seen_utc_ns is not None else "never"
    return f"{words} · {'DUE · ' if point.due else ''}{seen}"


class TicksDialog(FormDialog[ChecklistEntered]):
    """One form of the checklist: what was seen, or what is wrong. ``checker`` and ``on``: as they stood in the last one."""

    does = "Record it"
    doing = "Saving"

    def __init__(self, row: SubjectRow, checker: str = "", on: str = "") -> None:
        super().__init__()
        self._row = row
        self.carried = checker, on
        """(checker, day) as they were typed here, for the next form."""
        self.title_words = row.name if row.kind == "house" else f"{row.name} ({row.code})"

    def fields(self) -> ComposeResult:
        """Boxes, what is written beside them, a defect, when, by whom."""
        row = self._row
        boxes = [(point.id, point_words(point)) for point in row.points if not point.value]
        if row.kind != "house":
            boxes.append((ALL, "all of these"))
        yield FormField("Seen", Picks(boxes, id="points", rows=len(boxes)))
        for point in row.points:
            if point.value:
                yield FormField(_LABELS[point.id], TextField("", self._hint(point), id=point.id, most=200))
        if row.defect and row.kind != "house":
            yield FormField("Fixed on", TextField("", f"a day; it was: {row.defect}", id="mended", most=40))
        else:
            hint = (
                "for the one item that is checked"
                if row.kind == "house"
                else "what is wrong; listed as a repair until fixed"
            )
            yield FormField("Or a defect", TextField("", hint, id="defect", most=200))
        yield FormField("Looked at on", TextField(self.carried[1], "a day; blank: today", id="on", most=40))
        if any(point.seen_utc_ns is not None for point in row.points):
            yield FormField("By mistake", Tick("what I check here was entered by mistake", id="back_again"))
        yield FormField("By", TextField(self.carried[0], "blank: by you", id="checker", most=80))

    @staticmethod
    def _hint(point: PointRow) -> str:
        if point.found:
            return f"last time {point.found}"
        is_length = point.value in LENGTHS
        return f"{LENGTHS[point.value]}, e.g., {_EXAMPLES[point.value]}" if is_length else _VALUES[point.id]

    def _day(self, field: str) -> str:
        typed = self.text(field) if self.query(f"#{field}") else ""
        if not typed:
            return ""
        try:
            return typed_day(typed, time.time_ns())
        except BadRequest as error:
            raise Missing(field, error.sentence, error.next_step) from None

    async def async_submit(self) -> ChecklistEntered:
        """Enter what was seen, a defect or its repair; return the last entry made. Raises Missing, HoldshelfError."""
        row = self._row
        picked = self.query_one("#points", Picks).selected
        codes = [f"{row.code}.{point}" for point in picked]
        codes += [f"{p.code}={typed}" for p in row.points if p.value and (typed := self.text(p.id))]
        defect = self.text("defect") if self.query("#defect") else ""
        mended = self._day("mended")
        if not codes and not defect and not mended:
            raise Missing("points", "Check what was seen with the space bar, or say what is wrong.")
        if row.kind == "house" and defect and len(picked) != 1:
            raise Missing("points", "Check the one item that has the defect.")
        take_back = bool(self.query("#back_again")) and self.query_one("#back_again", Tick).value
        self.carried = self.text("checker"), self.text("on")
        checker, on = self.text("checker"), self._day("on")
        if defect and row.kind != "house":
            # First the defect, which takes every tick back; then what was seen to be right beside it.
            done = await self._enter(ChecklistEnter([row.code], checker, on, defect))
            return await self._enter(ChecklistEnter(codes, checker, on)) if codes else done
        return await self._enter(ChecklistEnter(codes or [row.code], checker, on, defect, mended, take_back))

    async def _enter(self, asked: ChecklistEnter) -> ChecklistEntered:
        return await self.link.act(asked)


class ChecklistDialog(ModalScreen[bool]):
    """All forms of the checklist; Enter opens one, and leads to the next. Answers whether anything was entered."""

    CSS = """
    ChecklistDialog .dialog { width: 78; max-width: 100%; max-height: 100%; padding: 0 1; }
    ChecklistDialog OptionList { height: auto; max-height: 14; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Back", id="back")]

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[SubjectRow] = []
        self._entered = False
        self._checker = self._on = ""

    def compose(self) -> ComposeResult:
        """What there is to walk past, and buttons."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Checklist: what to check"
            yield Static("▲ is due. Enter opens a form, then goes on to the next.", classes="muted")
            yield OptionList(id="subjects", compact=True)
            yield Static("", id="said")
            yield Actions((("close", "Back"), ("enter", "Enter checkmarks")), first="enter")

    def on_mount(self) -> None:
        """Ask how it stands."""
        self.load()

    @work(exclusive=True, group="load")
    async def load(self, after: str = "") -> None:
        """As it stands now; the cursor on the one behind ``after``, else on the first that waits."""
        app = cast(SessionApp, self.app)
        try:
            rows = await app.link.read(ReadChecklist())
        except HoldshelfError as error:
            self._say(in_words(error))
            return
        # What the checklist asks of the house is the seats' to say.
        self._rows = [row for row in rows if row.kind != "house" or app.who.seat]
        subjects = self.query_one(OptionList)
        subjects.clear_options()
        for row in self._rows:
            subjects.add_option(Option(plain(subject_words(row), 200)))
        self.query_one(Actions).allow(enter=bool(self._rows))
        if not self._rows:
            self._say("No entrance and no camera is registered yet.")
            return
        keys = [f"{row.kind}:{row.id}" for row in self._rows]
        waits = next((at for at, row in enumerate(self._rows) if row.due), 0)
        subjects.highlighted = min(keys.index(after) + 1, len(keys) - 1) if after in keys else waits
        subjects.focus()

    def _say(self, words: str) -> None:
        self.query_one("#said", Static).update(Content(inert(words, 500)))

    def action_leave(self) -> None:
        """Leave with what was entered."""
        self.dismiss(self._entered)

    @on(OptionList.OptionSelected)
    def _opened(self) -> None:
        self._open()

    @on(Actions.Chosen)
    def _pressed(self, chosen: Actions.Chosen) -> None:
        if chosen.key == "close":
            self.action_leave()
        else:
            self._open()

    @work(group="act")
    @in_turn
    async def _open(self) -> None:
        at = self.query_one(OptionList).highlighted
        if at is None or at >= len(self._rows):
            return
        row = self._rows[at]
        form = TicksDialog(row, self._checker, self._on)
        done = await self.app.push_screen_wait(form)
        if done is None:
            return
        self._entered = True
        self._checker, self._on = form.carried
        self._say(" ".join(done.sentences))
        # On to the next at once: Enter, pressed before the list is there anew, opens no form a second time.
        self.query_one(OptionList).highlighted = min(at + 1, len(self._rows) - 1)
        self.load(after=f"{row.kind}:{row.id}")
