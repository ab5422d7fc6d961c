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

from holdshelf_core.api.types_board import LogHead
from holdshelf_core.api.types_session import LoginsRow
from holdshelf_tui.duties import Duty
from holdshelf_tui.link import Who
from holdshelf_tui.log_head import short_head
from holdshelf_tui.words import inert, plain, when

RIGHT_WORDS = {
    "live": "look at live pictures",
    "archive": "look at recordings",
    "hold": "place holds",
    "share": "share a recording",
    "release": "request releases",
    "commission": "commission cameras",
}
COMPARE = "compare"


def may_words(who: Who) -> str:
    """What they can do here, in a sentence."""
    if who.person is None:
        return "You look after the machine: cameras, capacity, keys, the log. No picture is shown to you."
    if who.seat:
        return (
            "You look at recordings for a reason, place and lift holds, share, decide on releases, and appoint designees. "
            "Each look is written down first."
        )
    if who.rights:
        listed = [words for right, words in RIGHT_WORDS.items() if right in who.rights]
        return f"Your letter lets you {_and(listed)}. Each look is written down first."
    return "You look at what was shared with you, until it expires. Each look is written down."


def _and(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def last_login_words(logins: LoginsRow | None) -> str:
    """When they were here before; '' when it is not known."""
    if logins is None or logins.before is None:
        return ""
    source = f" from {logins.before.source}" if logins.before.source else ""
    whom = "the Library Director, or whoever looks after this machine"
    return f"You were here before on {when(logins.before.at_utc_ns)}{source}. Not you? Tell {whom}."


class TodayDialog(ModalScreen[Duty | str | None]):
    """Leaves with the duty that was chosen, ``compare``, or None."""

    CSS = """
    TodayDialog .dialog { width: 78; max-width: 100%; padding: 0 1; }
    TodayDialog .dialog Static { height: auto; }
    TodayDialog .part { margin-top: 1; text-style: bold; }
    TodayDialog OptionList { height: auto; max-height: 5; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Close", id="close")]

    def __init__(
        self,
        who: Who,
        duties: Sequence[Duty],
        head: LogHead | None,
        logins: LoginsRow | None,
        *,
        at_utc_ns: int,
        first: bool = False,
    ) -> None:
        """``at_utc_ns``: when the head was asked for."""
        super().__init__()
        self._at_utc_ns = at_utc_ns
        self._who, self._duties, self._head, self._logins, self._first = who, list(duties), head, logins, first

    def compose(self) -> ComposeResult:
        """Who, what waits, the head, how to leave."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Welcome to Holdshelf" if self._first else "Today"
            yield Static(plain(f"You are here as {self._who.words}.", 200))
            yield Static(plain(may_words(self._who), 400))
            if self._first:
                yield Static(
                    plain(
                        "Tab and the arrows move, Enter does, Esc goes back. The keys of each screen stand in its last "
                        "line, F1 explains them. Ctrl+Q leaves and closes what you opened.",
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
                if self._head is not None:
                    yield Button("Compare with an older one", id="compare", compact=True)
                yield Button("Start" if self._first else "Close", variant="primary", id="close", compact=True)

    def _waiting(self) -> Content:
        if not self._duties:
            return Content("Nothing waits for you.")
        return Content(f"Waiting for you ({len(self._duties)}); Enter goes there:")

    def _log(self) -> ComposeResult:
        head = short_head(self._head.head) if self._head is not None else None
        if self._head is not None and self._head.problem:
            yield Static(plain(f"! The access log: {self._head.problem}", 300), classes="wrong")
        elif head is not None:
            at = when(self._at_utc_ns)
            yield Static(f"The access log at {at}, to write down and keep elsewhere:", classes="part")
            yield Static(Content(f"  {inert(head.short, 80)}"))
            yield Static("Whoever keeps this line can prove later that nothing before it was changed.", classes="muted")

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

    @on(Button.Pressed, "#compare")
    def _compare(self) -> None:
        self.dismiss(COMPARE)
