"""One entry of the access log, all of it; and the filter of the list."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from holdshelf_core.api.errors import BadRequest
from holdshelf_core.api.types_board import LogEntryRow, LogShow
from holdshelf_core.api.types_people import Done, FlagReview, FlagRow
from holdshelf_tui.duties import flag_words
from holdshelf_tui.log_words import FAMILIES, act_words, at, details, refused, who_words
from holdshelf_tui.screens.dialogs.form import FormDialog, Missing
from holdshelf_tui.widgets.fields import Choice, Field, TextField, Tick
from holdshelf_tui.words import Content, inert, plain, when
from holdshelf_tui.words_time import async_parse

MOST_ENTRIES = 200


class EntryDialog(ModalScreen[None]):
    """Read only: nobody changes what the log says."""

    CSS = """
    EntryDialog .dialog { width: 78; max-width: 100%; padding: 0 1; }
    EntryDialog VerticalScroll { height: auto; max-height: 14; margin: 1 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Close", id="close"),
        Binding("enter", "dismiss", "Close", show=False),
    ]

    def __init__(self, row: LogEntryRow, names: Mapping[str, str], cameras: Mapping[str, str]) -> None:
        super().__init__()
        self._row, self._names, self._cameras = row, names, cameras

    def compose(self) -> ComposeResult:
        """A sentence, then field by field."""
        row = self._row
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = f"Entry {row.seq} of the access log"
            act = act_words(row.entry)
            outcome = " - and was refused" if refused(row) else ""
            yield Static(plain(f"{when(at(row), seconds=True)}: {who_words(row, self._names)} {act}{outcome}.", 300))
            with VerticalScroll():
                lines = [f"{inert(label, 18):<19}{inert(text, 400)}" for label, text in details(row, self._cameras)]
                yield Static(Content("\n".join(lines)))
            with Horizontal(classes="buttons"):
                yield Button("Close", variant="primary", id="close", compact=True)

    def on_mount(self) -> None:
        """Arrows scroll it, Enter or Escape closes."""
        self.query_one(VerticalScroll).focus()

    def on_button_pressed(self) -> None:
        """Read."""
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


class FilterDialog(FormDialog[LogFilter]):
    """By person, camera, act and time."""

    title_words = "Which entries"
    does = "Show them"
    doing = "Reading"

    def __init__(self, people: Sequence[tuple[str, str]], cameras: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._people, self._cameras = people, cameras

    def fields(self) -> ComposeResult:
        """All may stay as they are."""
        yield Field("Act", Choice(FAMILIES, id="act", rows=5))
        yield Field("Person", Choice([("", "everybody"), *self._people], id="person", rows=4))
        yield Field("Camera", Choice([("", "all cameras"), *self._cameras], id="camera", rows=4))
        yield Field("Since", TextField("", "for example: yesterday 3 pm, or left out", id="since", most=80))
        yield Field("Until", TextField("", "left out: now", id="until", most=80))
        yield Field("", Tick("only what was refused", id="refused"))

    async def _async_time(self, field: str) -> int | None:
        typed = self.text(field)
        if not typed:
            return None
        try:
            return (await async_parse(typed, time.time_ns())).utc_ns[0]
        except BadRequest as error:
            raise Missing(field, error.sentence, error.next_step) from None

    async def async_submit(self) -> LogFilter:
        """As it is asked."""
        act, person, camera = (self.query_one(f"#{name}", Choice) for name in ("act", "person", "camera"))
        since, until = await self._async_time("since"), await self._async_time("until")
        only = self.query_one("#refused", Tick).value
        words = [choice.words for choice in (act, person, camera) if choice.value]
        words += [f"since {when(since)}"] if since is not None else []
        words += [f"until {when(until)}"] if until is not None else []
        words += ["refused"] if only else []
        asked = LogShow(
            person=person.value,
            camera=camera.value,
            action=act.value,
            since_utc_ns=since,
            until_utc_ns=until,
            most=MOST_ENTRIES,
        )
        return LogFilter(asked, ", ".join(words), only)


class FlagDialog(FormDialog[Done]):
    """Say that a flagged act of somebody else was looked at."""

    title_words = "Look at it afterwards"
    does = "I have looked at it"
    doing = "Writing the review down"

    def __init__(self, flag: FlagRow) -> None:
        super().__init__()
        self._flag = flag

    def lead(self) -> str:
        """What was done, by whom, and how many look at it."""
        flag = self._flag
        done = f"{len(flag.reviewed_by)} of {flag.needs} reviews are done." if flag.needs > 1 else ""
        note = f" Noted: {flag.note}." if flag.note else ""
        return f"{flag.name}, {when(flag.at_utc_ns)}: {flag_words(flag.kind)} (entry {flag.log_seq} of the log).{note} {done}"

    def fields(self) -> ComposeResult:
        """What was found."""
        yield Field("Found", TextField("", "for example: it was an emergency indeed", id="note", most=500))

    async def async_submit(self) -> Done:
        """Reviewed."""
        note = self.needed("note", "What did you find? A few words are enough.")
        return await self.link.act("flag.review", FlagReview(self._flag.id, note), Done)
