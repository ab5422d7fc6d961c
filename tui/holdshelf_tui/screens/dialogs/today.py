"""Today: what waits for you, who you are here, and the access log's head, to be written down or compared.

Opened with F2, and by itself at a person's first log-in through the door, as the short welcome.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, OptionList, Static
from textual.widgets.option_list import Option

from holdshelf_core.access_log.types import LogHead
from holdshelf_core.people.types import LoginsRow
from holdshelf_core.policy.listing import listed
from holdshelf_tui.session.link import RIGHTS, Who
from holdshelf_tui.session.log_head import short_head
from holdshelf_tui.session.waiting import Duty
from holdshelf_tui.text.people import last_login_words
from holdshelf_tui.text.time_format import when
from holdshelf_tui.text.witnesses import newest_words
from holdshelf_tui.text.words import inert
from holdshelf_tui.widgets import key_table
from holdshelf_tui.widgets.clipboard import copy
from holdshelf_tui.widgets.text import plain

RIGHT_WORDS = {
    "live": "look at live pictures",
    "archive": "look at recordings",
    "hold": "place holds",
    "share": "share a recording",
    "release": "request releases",
    "commission": "commission cameras",
}
ACT_WORDS = {
    "hold.lift": "have holds lifted",
    "release.approve": "decide on releases",
    "appointment.make": "appoint designees",
}
COMPARE = "compare"
MOST_SHARED = 4


def may_words(who: Who) -> str:
    """What they can do here, in a sentence."""
    if who.person is None:
        return "You look after the machine: cameras, capacity, keys, the log. You may not see pictures."
    if all(map(who.may, (*RIGHTS.values(), *ACT_WORDS))):
        return (
            "You look at recordings for a reason, place and lift holds, share, decide on releases, and appoint designees. "
            "Each look is recorded first."
        )
    granted = [words for right, words in RIGHT_WORDS.items() if right in who.rights]
    granted += [words for act, words in ACT_WORDS.items() if who.may(act)]
    if granted:
        return f"Your {'role' if who.seat else 'letter'} lets you {listed(granted)}. Each look is recorded first."
    if who.seat:
        return "Your role shows you no pictures. What you do is recorded."
    return "You look at what is shared with you, until it expires. Each look is recorded."


class TodayDialog(ModalScreen[Duty | str | None]):
    """Leaves with the duty that was chosen, ``compare``, or None."""

    CSS = """
    TodayDialog .dialog { width: 78; max-width: 100%; padding: 0 1; }
    TodayDialog .dialog Static { height: auto; }
    TodayDialog .part { margin-top: 1; text-style: bold; }
    TodayDialog OptionList { height: auto; max-height: 5; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Close", id="close"),
        Binding(
            key_table.COPY, "copy", "Copy", id="today.copy", tooltip="The head of the access log, to the clipboard"
        ),
    ]

    def __init__(
        self,
        who: Who,
        duties: Sequence[Duty],
        head: LogHead | None,
        logins: LoginsRow | None,
        *,
        at_utc_ns: int,
        first: bool = False,
        shared: Sequence[str] = (),
    ) -> None:
        """``at_utc_ns``: when the head was asked for. ``shared``: what is shared with them, a line each."""
        super().__init__()
        self._shared = list(shared)
        self._at_utc_ns = at_utc_ns
        self._who, self._duties, self._head, self._logins, self._first = who, list(duties), head, logins, first
        short = short_head(head.head) if head is not None else None
        self._short = short.short if short is not None else ""

    def compose(self) -> ComposeResult:
        """Who, what waits, the head, how to leave."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Welcome to Holdshelf" if self._first else "Today"
            yield Static(plain(f"You are here as {self._who.words}.", 200))
            yield Static(plain(may_words(self._who), 400))
            if self._shared:
                yield Static("Shared with you:", classes="part")
                shown = [f"  {line}" for line in self._shared[:MOST_SHARED]]
                if len(self._shared) > MOST_SHARED:
                    shown.append(f"  and {len(self._shared) - MOST_SHARED} more, in the tab Shared with me")
                yield Static(Content("\n".join(inert(line, 140) for line in shown)), id="shared")
            if self._first:
                yield Static(
                    plain(
                        "Tab and the arrow keys move, Enter selects, Esc goes back. Each screen lists its keys on its last "
                        "line; F1 explains them. Ctrl+Q closes your looks and leaves.",
                        400,
                    ),
                    classes="muted",
                )
            elif before := last_login_words(self._logins):
                yield Static(plain(before, 300), classes="muted")
            yield Static(self._waiting(), classes="part")
            if self._duties:
                yield OptionList(*(Option(plain(duty.words, 140)) for duty in self._duties), id="duties", compact=True)
            yield from self._log()
            with Horizontal(classes="buttons"):
                if self._short:
                    yield Button("Copy the head", id="copy", compact=True)
                if self._head is not None:
                    yield Button("Compare with an older one", id="compare", compact=True)
                yield Button("Start" if self._first else "Close", variant="primary", id="close", compact=True)

    def _waiting(self) -> Content:
        if not self._duties:
            return Content("Nothing is waiting for you.")
        return Content(f"Waiting for you ({len(self._duties)}); Enter goes there:")

    def _log(self) -> ComposeResult:
        if self._head is not None and self._head.problem:
            yield Static(plain(f"! The access log: {self._head.problem}", 300), classes="wrong")
        elif self._short:
            at = when(self._at_utc_ns)
            yield Static(f"Access log at {at}, to write down and keep elsewhere:", classes="part")
            yield Static(Content(f"  {inert(self._short, 80)}"))
            yield Static("Whoever keeps this line can prove later that nothing before it was changed.", classes="muted")
            if self._head is not None and (signed := newest_words(self._head)):
                yield Static(plain(signed, 300), classes="muted")

    def on_mount(self) -> None:
        """Enter goes to the first thing that waits; with nothing, it closes."""
        if self._duties and not self._first:
            self.query_one(OptionList).focus()
        else:
            self.query_one("#close", Button).focus()

    @on(OptionList.OptionSelected)
    def _go(self, selected: OptionList.OptionSelected) -> None:
        self.dismiss(self._duties[selected.option_index])

    @on(Button.Pressed, "#close")
    def _close(self) -> None:
        self.dismiss(None)

    @on(Button.Pressed, "#copy")
    def action_copy(self) -> None:
        """The head, or what is selected with the mouse."""
        if self._short:
            copy(self.app, self.get_selected_text() or self._short)

    @on(Button.Pressed, "#compare")
    def _compare(self) -> None:
        self.dismiss(COMPARE)
