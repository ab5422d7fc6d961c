"""One entry of the access log, all of it; and the filter of the list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from holdshelf_core.access_log.types import LogEntryRow, LogShow
from holdshelf_core.acts import Done
from holdshelf_core.people.types import FlagReview, FlagRow
from holdshelf_tui.screens.dialogs.form import FormDialog
from holdshelf_tui.screens.dialogs.paper import paper_field, sha256_of
from holdshelf_tui.screens.dialogs.since_until import SinceUntilForm, since_until_words
from holdshelf_tui.text.flags import flag_words
from holdshelf_tui.text.log import FAMILIES, Names, at, details, raw, refused, sentence
from holdshelf_tui.text.time_format import when
from holdshelf_tui.text.words import inert
from holdshelf_tui.widgets import key_table
from holdshelf_tui.widgets.fields import Choice, FormField, TextField, Tick
from holdshelf_tui.widgets.text import plain

MOST_ENTRIES = 200
MOST_RAW_CHARS = 8_000
ON_SCREEN, PAPER = "screen", "paper"
"""How a flagged act was reviewed."""
LOOKS = "looks"
"""Value of the family that is no beginning of an action's name: whatever shows footage (`LogShow.looks`)."""


class EntryDialog(ModalScreen[None]):
    """Read only: nobody changes what the log says. In a sentence, field by field, and as the line that lies in the log."""

    CSS = """
    EntryDialog .dialog { width: 78; max-width: 100%; padding: 0 1; }
    EntryDialog VerticalScroll { height: auto; max-height: 14; margin: 1 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Close", id="close"),
        Binding("enter", "dismiss", "Close", show=False),
        Binding(key_table.RAW, "raw", "Raw line", id="raw", tooltip="The line as it stands in the log, and back"),
    ]

    def __init__(self, row: LogEntryRow, names: Names) -> None:
        super().__init__()
        self._row, self._names = row, names
        self._is_raw = False

    def compose(self) -> ComposeResult:
        """A sentence, then field by field."""
        row = self._row
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = f"Entry {row.seq} of the access log"
            yield Static(plain(f"{when(at(row), seconds=True)}: {sentence(row, self._names)}", 900))
            with VerticalScroll():
                yield Static(self._rest(), id="rest")
            with Horizontal(classes="buttons"):
                yield Button(self._turned(), id="raw", compact=True)
                yield Button("Close", variant="primary", id="close", compact=True)

    def _rest(self) -> Content:
        if self._is_raw:
            return Content(inert(raw(self._row), MOST_RAW_CHARS))
        told = details(self._row, self._names)
        return Content("\n".join(f"{inert(label, 18):<19}{inert(text, 400)}" for label, text in told))

    def _turned(self) -> str:
        return f"{'In words' if self._is_raw else 'Raw line'} ({key_table.sign(key_table.RAW)})"

    def action_raw(self) -> None:
        """The line of the log, or the fields again."""
        self._is_raw = not self._is_raw
        self.query_one("#rest", Static).update(self._rest())
        self.query_one("#raw", Button).label = self._turned()
        self.query_one(VerticalScroll).scroll_home(animate=False)

    def on_mount(self) -> None:
        """Arrows scroll it, Enter or Escape closes."""
        self.query_one(VerticalScroll).focus()

    def on_button_pressed(self, pressed: Button.Pressed) -> None:
        """Read, or turned over."""
        if pressed.button.id == "raw":
            self.action_raw()
        else:
            self.dismiss()


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which entries: as the service is asked, as a person reads it, and what is left out here."""

    asked: LogShow
    words: str
    only_refused: bool = False

    def keeps(self, row: LogEntryRow) -> bool:
        """Whether an entry that the service found is shown."""
        return not self.only_refused or refused(row)


EVERYTHING = LogFilter(LogShow(most=MOST_ENTRIES), "")


class FilterDialog(SinceUntilForm[LogFilter]):
    """By person, camera, act and time."""

    title_words = "Which entries"
    does = "Show them"
    doing = "Reading"

    def __init__(self, people: Sequence[tuple[str, str]], cameras: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._people, self._cameras = people, cameras

    def fields(self) -> ComposeResult:
        """All may stay as they are."""
        yield FormField(
            "Act", Choice((FAMILIES[0], (LOOKS, "looks: whatever shows footage"), *FAMILIES[1:]), id="act", rows=5)
        )
        yield FormField("Person", Choice([("", "everybody"), *self._people], id="person", rows=4))
        yield FormField("Camera", Choice([("", "all cameras"), *self._cameras], id="camera", rows=4))
        yield from self.time_fields("from the start")
        yield FormField("", Tick("only what was refused", id="refused"))

    async def async_submit(self) -> LogFilter:
        """As it is asked."""
        act, person, camera = (self.query_one(f"#{name}", Choice) for name in ("act", "person", "camera"))
        since, until = await self.async_since_until()
        only = self.query_one("#refused", Tick).value
        words = [choice.words for choice in (act, person, camera) if choice.value]
        words += [span] if (span := since_until_words(since, until)) else []
        words += ["refused"] if only else []
        asked = LogShow(
            person=person.value,
            camera=camera.value,
            action="" if act.value == LOOKS else act.value,
            looks=act.value == LOOKS,
            since_utc_ns=since,
            until_utc_ns=until,
            most=MOST_ENTRIES,
        )
        return LogFilter(asked, ", ".join(words), only)


class FlagDialog(FormDialog[Done]):
    """Say that a flagged act of somebody else was looked at."""

    title_words = "Review an act"
    does = "Record the review"
    doing = "Recording the review"

    def __init__(self, flag: FlagRow, *, own: bool) -> None:
        """``own``: they did it, gained by it or have reviewed it, so that only somebody else's paper counts."""
        super().__init__()
        self._flag, self._own = flag, own

    def lead(self) -> str:
        """What was done, by whom, and how many look at it."""
        flag = self._flag
        done = f"{len(flag.reviewed_by)} of {flag.needs} reviews are done." if flag.needs > 1 else ""
        note = f" Noted: {flag.note}." if flag.note else ""
        return f"{flag.name}, {when(flag.at_utc_ns)}: {flag_words(flag.kind)} (entry {flag.log_seq} of the log).{note} {done}"

    def fields(self) -> ComposeResult:
        """What was found; who looked at it."""
        yield FormField("Finding", TextField("", "e.g., “It was a real emergency”", id="note", most=500))
        choices = [] if self._own else [(ON_SCREEN, "I have reviewed it")]
        yield FormField("Reviewed", Choice([*choices, (PAPER, "another seat has, on a signed paper")], id="word"))
        policy = self.link.policy
        yield FormField(
            "Signed by", Choice(policy.signers("flag.review"), policy.for_the_board, id="seat"), id="seat-row"
        )
        paper = paper_field()
        paper.id = "paper-row"
        yield paper

    def opened(self) -> None:
        """What a paper needs is asked for only then."""
        super().opened()
        self._show()

    @on(Choice.Changed, "#word")
    def _show(self) -> None:
        by_paper = self.query_one("#word", Choice).value == PAPER
        self.query_one("#seat-row").display = by_paper
        self.query_one("#paper-row").display = by_paper

    async def async_submit(self) -> Done:
        """Enter what the review of the flag found, and by which paper. Raises Missing, HoldshelfError."""
        note = self.needed("note", "What did the review find? A few words are enough.")
        if self.query_one("#word", Choice).value == PAPER:
            seat = self.query_one("#seat", Choice).value
            return await self.link.act(FlagReview(self._flag.id, note, sha256_of(self.text("paper")), seat))
        return await self.link.act(FlagReview(self._flag.id, note))
