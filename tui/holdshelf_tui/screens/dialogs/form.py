"""A form in front of a screen: what is asked, one act, and what the service says to it. A refused form keeps what was typed."""

from __future__ import annotations

import re
import time
from typing import ClassVar, cast

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Button, Input, OptionList, Static

from holdshelf_core.api.errors import BadRequest, HoldshelfError
from holdshelf_core.policy.numbering import renumbered
from holdshelf_tui.screens.dialogs.confirm import ConfirmDialog
from holdshelf_tui.session.app import SessionApp
from holdshelf_tui.session.inputs import in_turn
from holdshelf_tui.session.link import Link
from holdshelf_tui.text.words import inert
from holdshelf_tui.widgets.fields import Choice, Entered, Picks, Tick, first_field
from holdshelf_tui.widgets.text import plain, set_text

TOLD_AFTER_S = 0.5
SMALLEST_ROWS = 24
"""Of a terminal. Lists grow by what a larger one has more."""
_SENTENCE = re.compile(r"(?<=[.?!])\s+")


def in_words(error: HoldshelfError) -> str:
    """What the service said, without the commands and options that stand for nothing on a screen."""
    return renumbered(" ".join(part for part in (error.sentence, step_on_screen(error)) if part))


def step_on_screen(error: HoldshelfError) -> str:
    """What to do next, without commands and options; '' where it was a command alone."""
    return " ".join(step for step in _SENTENCE.split(error.next_step) if "--" not in step and "`" not in step)


class Missing(BadRequest):
    """Something is missing or wrong in one field: ``field`` is its id."""

    def __init__(self, field: str, sentence: str, next_step: str = "") -> None:
        super().__init__(sentence, next_step)
        self.where = field


class FormDialog[T](ModalScreen[T | None]):
    """Subclasses give ``title``, ``does`` (the button), ``doing``, `fields` and `async_submit`. None: left without doing it.

    Enter in any field does it; Escape leaves, and asks first where something was typed. A refusal is told in the form, which
    stays as it was filled in.
    """

    # Its rules are for whatever form is made of it.
    SCOPED_CSS = False
    CSS = """
    FormDialog .dialog { width: 78; max-width: 100%; padding: 0 1; height: auto; max-height: 100%; }
    FormDialog .dialog > #fields { height: auto; max-height: 15; }
    FormDialog .dialog > #said { height: auto; max-height: 6; }
    FormDialog .dialog .buttons { margin-top: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Back", id="back")]
    title_words = ""
    does = "Do it"
    doing = "Doing it"

    def __init__(self) -> None:
        super().__init__()
        self._busy = self._begun = False
        self._told = self._refusal = ""
        self._refused: dict[str, str] = {}
        """What stood in each field when it was refused."""
        self._takes = False
        self._typed_first: dict[str, str] = {}
        """What stood in its text fields at first."""

    # --- for subclasses -----------------------------------------------------------------------------------------

    def lead(self) -> str:
        """What stands above the fields; '' nothing."""
        return ""

    def fields(self) -> ComposeResult:
        """What is to be filled in."""
        raise NotImplementedError

    async def async_submit(self) -> T:
        """Do it with what is filled in. HoldshelfError is told in the form; `Missing` brings the cursor to its field."""
        raise NotImplementedError

    def opened(self) -> None:
        """It is on the screen, with the cursor in its first field."""

    def done(self, answer: T) -> None:
        """It is done. The default leaves with the answer."""
        self.dismiss(answer)

    @property
    def home(self) -> SessionApp:
        """The app, as ours."""
        return cast(SessionApp, self.app)

    @property
    def link(self) -> Link:
        """The word with the service."""
        return self.home.link

    def text(self, field: str) -> str:
        """What was typed there, without spaces around it."""
        return self.query_one(f"#{field}", Input).value.strip()

    def needed(self, field: str, sentence: str) -> str:
        """What was typed there. Raises Missing."""
        typed = self.text(field)
        if not typed:
            raise Missing(field, sentence)
        return typed

    def tell(self, text: str, *, wrong: bool = False) -> None:
        """In the line above the buttons."""
        self._told = text
        said = self.query_one("#said", Static)
        set_text(said, Content(inert(text, 700)))
        said.set_class(wrong, "wrong")
        said.display = bool(text)

    # --- life -----------------------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """Fields that scroll where they must; the act is always in sight."""
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = plain(self.title_words, 70)
            if lead := self.lead():
                yield Static(plain(lead, 900), id="lead")
            with VerticalScroll(id="fields", can_focus=False):
                yield from self.fields()
            yield Static("", id="said")
            with Horizontal(classes="buttons"):
                yield Button("Back", id="back", compact=True)
                yield Button(f" {self.does} ", id="do", variant="primary", compact=True)

    def on_mount(self) -> None:
        """The cursor stands in the first field."""
        if self._begun:  # Textual calls each class's own handler, also after a subclass has called it
            return
        self._begun = True
        self.query_one("#said").display = False
        self._fit()
        first = first_field(self.query_one("#fields"))
        if first is not None:
            first.focus()
        self.app.call_later(self._takes_keys)  # as `focus` itself is done
        # Not each subclass's own on_mount: Textual calls those of all classes, so that this one would come last.
        self.opened()
        self._typed_first = self._texts()

    def _takes_keys(self) -> None:
        self._takes = True

    @property
    def is_ready(self) -> bool:
        """The cursor stands in a field, and nothing is being done: keys that come meanwhile are for what follows."""
        return self._takes and not self._busy

    def on_resize(self) -> None:
        """As many fields as the screen has room for."""
        self._fit()

    def _fit(self) -> None:
        others = 8 + (3 if self.query("#lead") else 0)
        fields = self.query_one("#fields")
        fields.styles.max_height = max(4, self.size.height - others)
        lists = [widget for widget in fields.query(OptionList).results() if isinstance(widget, Choice | Picks)]
        spare = max(0, self.size.height - SMALLEST_ROWS)
        for widget in lists:
            widget.styles.max_height = widget.rows + spare // len(lists)

    @on(Input.Submitted)
    @on(Entered)
    def _entered(self) -> None:
        self.submit()

    @on(Input.Changed)
    @on(Choice.Changed)
    @on(Picks.Changed)
    @on(Tick.Changed)
    def _filled_in_anew(self) -> None:
        """What was refused is not what stands there any more."""
        if self._refusal and self._filled_in() != self._refused:
            said, self._refusal = self._refusal, ""
            if self._told == said:
                self.tell("")

    def _filled_in(self) -> dict[str, str]:
        kinds = (Input, Choice, Picks, Tick)
        fields = [widget for widget in self.query("#fields *").results(Widget) if isinstance(widget, kinds)]
        return {str(one.id): str(one.selected if isinstance(one, Picks) else one.value) for one in fields}

    def _refuse(self, sentence: str) -> None:
        self.tell(sentence, wrong=True)
        self._refusal, self._refused = sentence, self._filled_in()

    @on(Button.Pressed, "#do")
    def _pressed(self) -> None:
        self.submit()

    @on(Button.Pressed, "#back")
    def action_leave(self) -> None:
        """Leave with None; where something was typed that would be lost, ask first. Nothing while it is being done."""
        if self._busy:
            return
        if any(text.strip() and text != self._typed_first.get(field) for field, text in self._texts().items()):
            self._ask_to_leave()
        else:
            self.dismiss(None)

    def _texts(self) -> dict[str, str]:
        return {str(field.id): field.value for field in self.query("#fields Input").results(Input)}

    @work(exclusive=True, group="leave")
    @in_turn
    async def _ask_to_leave(self) -> None:
        asked = ConfirmDialog(
            "Leave this form?", "What you typed in it is thrown away.", "Throw it away", "Back to the form"
        )
        if await self.app.push_screen_wait(asked):
            self.dismiss(None)

    def submit(self) -> None:
        """Begin `async_submit` in a worker, unless it is under way."""
        if not self._busy:
            self._busy = True
            self._submit()

    @work(exclusive=True, group="submit")
    async def _submit(self) -> None:
        began = time.monotonic()
        timer = self.set_interval(TOLD_AFTER_S, lambda: self.tell(f"{self.doing} … {int(time.monotonic() - began)} s"))
        try:
            answer = await self.async_submit()
        except HoldshelfError as error:
            self._refuse(in_words(error))
            where = error.where if isinstance(error, Missing) else error.field
            for field in self.query(f"#{where}") if where else ():
                field.focus()
            return
        finally:
            timer.stop()
            self._busy = False
        self.done(answer)
