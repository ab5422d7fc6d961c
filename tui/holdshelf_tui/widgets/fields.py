"""What forms are filled in with: one row each, its label beside it, and Enter in any of them means "do it".

Everything is one character high, so that a whole form stands on 24 lines. The field that has the cursor is marked by its
label (▸), not by color alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Checkbox, Input, Label, OptionList, Static
from textual.widgets.option_list import Option

from holdshelf_tui.widgets.text import plain, set_text

MOST_CHARS = 4_000
MOST_PASTE_CHARS = 16_000
_LINE_END = "⏎"


class Entered(Message):
    """Enter was pressed in a field that is no text: the form is to be done."""


# In a line of text Down and Up have nothing to do: they lead to the next field and back, as in the lists between them.
_TO_OTHER_FIELDS: list[BindingType] = [
    Binding("down", "app.focus_next", "Next field", show=False),
    Binding("up", "app.focus_previous", "Field before", show=False),
]


class TextField(Input):
    """A line of text."""

    BINDINGS: ClassVar[list[BindingType]] = _TO_OTHER_FIELDS

    def __init__(self, value: str = "", hint: str = "", *, id: str, most: int = MOST_CHARS) -> None:
        super().__init__(value, placeholder=hint, id=id, compact=True, max_length=most, select_on_focus=False)


class Finder(TextField):
    """Words that a list is searched for. Enter goes into the list, Escape takes the words away."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "all", "All of them", id="finder.all", tooltip="All lines again"),
        Binding("down", "into", "Into the list", show=False),
    ]

    @dataclass
    class Left(Message):
        """The cursor goes to the list; ``keeps``: which goes on showing only what was found."""

        keeps: bool

    def __init__(self) -> None:
        super().__init__("", "words; Enter: into the list, Esc: all of it again", id="finder", most=200)

    async def action_submit(self) -> None:
        """Into what was found."""
        self.post_message(self.Left(keeps=True))

    def action_into(self) -> None:
        """Into what was found, by the key that goes down."""
        self.post_message(self.Left(keeps=True))

    def action_all(self) -> None:
        """All of them again."""
        self.post_message(self.Left(keeps=False))


class PasteField(Input):
    """What is pasted, of one line or of several, whose line ends are shown as ⏎: a public key, a signed head."""

    BINDINGS: ClassVar[list[BindingType]] = _TO_OTHER_FIELDS

    def __init__(self, hint: str = "paste the public key here", *, id: str) -> None:
        super().__init__(placeholder=hint, id=id, compact=True, max_length=MOST_PASTE_CHARS)

    def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        lines = event.text[:MOST_PASTE_CHARS].strip().splitlines()
        self.insert_text_at_cursor(_LINE_END.join(line.strip() for line in lines))

    @property
    def pasted(self) -> str:
        """As it was pasted."""
        return self.value.replace(_LINE_END, "\n").strip()


class Tick(Checkbox):
    """Yes or no: Space changes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "toggle_button", "Tick", show=False),
        Binding("enter", "enter_form", "Done", show=False),
    ]

    def __init__(self, words: str, value: bool = False, *, id: str) -> None:
        super().__init__(plain(words, 120), value, id=id, compact=True)

    @property
    def _button(self) -> Content:
        # A cross that is there or not: Textual's own differs by color alone.
        return Content.styled("[x]" if self.value else "[ ]", self.get_visual_style("toggle--label"))

    def action_enter_form(self) -> None:
        """The form is to be done."""
        self.post_message(Entered())


class Choice(OptionList):
    """One of several, by the arrows alone: what the cursor is on is chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "enter_form", "Done", show=False)]

    @dataclass
    class Changed(Message):
        """Another one was chosen."""

        choice: Choice
        value: str

        @property
        def control(self) -> Choice:
            """The widget that posted it."""
            return self.choice

    def __init__(
        self, choices: Sequence[tuple[str, str]], chosen: str | None = None, *, id: str, rows: int = 6
    ) -> None:
        """``choices``: (value, words). ``chosen`` None: the first. ``rows``: its height, in lines, on the smallest terminal."""
        self._choices = list(choices)
        super().__init__(*(Option(self._prompt(i, -1)) for i in range(len(self._choices))), id=id, compact=True)
        self.rows = self.styles.max_height = rows
        values = [value for value, _ in self._choices]
        if values:
            self.highlighted = values.index(chosen) if chosen in values else 0

    def _prompt(self, index: int, chosen: int) -> Content:
        return Content.assemble("● " if index == chosen else "○ ", plain(self._choices[index][1], 120))

    @property
    def value(self) -> str:
        """What is chosen; '' when there is nothing to choose from."""
        return self._choices[self.highlighted][0] if self.highlighted is not None and self._choices else ""

    @property
    def words(self) -> str:
        """What is chosen, as it reads."""
        return self._choices[self.highlighted][1] if self.highlighted is not None and self._choices else ""

    def action_cursor_down(self) -> None:
        """Never from the last to the first: who goes on pressing means the last."""
        if self.highlighted is not None and self.highlighted < self.option_count - 1:
            super().action_cursor_down()

    def action_cursor_up(self) -> None:
        """Never from the first to the last."""
        if self.highlighted:
            super().action_cursor_up()

    def watch_highlighted(self, highlighted: int | None) -> None:
        """Mark it by its sign, too."""
        super().watch_highlighted(highlighted)
        for index in range(min(self.option_count, len(self._choices))):
            self.replace_option_prompt_at_index(index, self._prompt(index, -1 if highlighted is None else highlighted))
        if self.is_mounted:
            self.post_message(self.Changed(self, self.value))

    def action_enter_form(self) -> None:
        """The form is to be done."""
        self.post_message(Entered())


class Picks(OptionList):
    """Several of many: Space ticks what the cursor is on."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "enter_form", "Done", show=False),
        Binding("space", "select", "Tick", show=False),
    ]

    @dataclass
    class Changed(Message):
        """Something was ticked or unticked."""

        picks: Picks

        @property
        def control(self) -> Picks:
            """The widget that posted it."""
            return self.picks

    def __init__(
        self, choices: Sequence[tuple[str, str]], picked: Iterable[str] = (), *, id: str, rows: int = 6
    ) -> None:
        """``choices``: (value, words). ``rows``: its height, in lines, on the smallest terminal."""
        self._choices = list(choices)
        self._picked = set(picked)
        super().__init__(*(Option(self._prompt(i)) for i in range(len(self._choices))), id=id, compact=True)
        self.rows = self.styles.max_height = rows
        if self._choices:
            self.highlighted = 0

    def _prompt(self, index: int) -> Content:
        value, words = self._choices[index]
        return Content.assemble("[x] " if value in self._picked else "[ ] ", plain(words, 120))

    @property
    def selected(self) -> list[str]:
        """What is ticked, in the order in which it stands there."""
        return [value for value, _ in self._choices if value in self._picked]

    def on_option_list_option_selected(self, selected: OptionList.OptionSelected) -> None:
        """Tick or untick it."""
        selected.stop()
        self._picked ^= {self._choices[selected.option_index][0]}
        self.replace_option_prompt_at_index(selected.option_index, self._prompt(selected.option_index))
        self.post_message(self.Changed(self))

    def action_enter_form(self) -> None:
        """The form is to be done."""
        self.post_message(Entered())


class FormField(Horizontal):
    """A label and what it is the label of; ``hint`` stands under it."""

    DEFAULT_CSS = """
    FormField { height: auto; }
    /* Without a rule of its own Textual does not look at a field's labels anew when the cursor moves on. */
    FormField:focus-within { height: auto; }
    FormField > Label { width: 17; color: $text-muted; }
    FormField > Label.mark { width: 2; color: $accent; visibility: hidden; }
    FormField:focus-within > Label.mark { visibility: visible; }
    FormField:focus-within > Label { color: $foreground; text-style: bold; }
    FormField > Vertical { height: auto; width: 1fr; }
    FormField Input { background: $panel; }
    FormField Input:focus { background: $panel-lighten-1; }
    FormField OptionList { height: auto; background: $surface; padding: 0; border: none; }
    FormField Checkbox { background: $surface; padding: 0; }
    FormField Static.hint { color: $text-muted; height: auto; }
    """

    def __init__(self, label: str, *fields: Widget, hint: str | Content = "", id: str | None = None) -> None:
        super().__init__(id=id)
        self._label, self._fields, self._hint = label, fields, hint

    def compose(self) -> ComposeResult:
        """Mark, label, fields, hint."""
        yield Label("▸", classes="mark")
        yield Label(plain(self._label, 40))
        with Vertical():
            yield from self._fields
            hint = Static(self._hint if isinstance(self._hint, Content) else plain(self._hint, 400), classes="hint")
            hint.display = bool(self._hint)
            yield hint

    def hint(self, text: str, *, wrong: bool = False) -> None:
        """Say something else under it."""
        for hint in self.query(".hint").results(Static):
            set_text(hint, plain(text, 400))
            hint.set_class(wrong, "wrong")
            hint.display = bool(text)


def first_field(container: Widget) -> Widget | None:
    """The first thing that can be filled in."""
    kinds: tuple[type[Any], ...] = (Input, OptionList, Checkbox)
    return next((w for w in container.query("*").results(Widget) if isinstance(w, kinds) and w.focusable), None)
