"""The signs at all entrances, on the way to a camera's use (P3): how they stand, and what can be done."""

from __future__ import annotations

from typing import ClassVar, cast

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, OptionList, Static
from textual.widgets.option_list import Option

from holdshelf_core.api.errors import HoldshelfError
from holdshelf_core.cameras.commission_types import EntranceRow, ReadEntrances
from holdshelf_tui.screens.dialogs.entrance import AddEntranceDialog, AttestDialog, WaiveDialog, sign_words
from holdshelf_tui.screens.dialogs.form import in_words
from holdshelf_tui.session.app import SessionApp
from holdshelf_tui.session.inputs import in_turn
from holdshelf_tui.text.words import inert
from holdshelf_tui.widgets.actions import Actions
from holdshelf_tui.widgets.text import plain


def standing(entrances: list[EntranceRow]) -> list[EntranceRow]:
    """Those that are entrances still."""
    return [row for row in entrances if row.removed_utc_ns is None]


class SignsDialog(ModalScreen[None]):
    """Enter on an entrance: its sign was looked at."""

    CSS = """
    SignsDialog .dialog { width: 78; max-width: 100%; padding: 0 1; }
    SignsDialog OptionList { height: auto; max-height: 10; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Back", id="back")]

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[EntranceRow] = []

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = "Signs at the entrances"
            yield Static(
                "Each entrance needs its sign attested, or waived for some days by whoever holds a seat.",
                classes="muted",
            )
            yield OptionList(id="entrances", compact=True)
            yield Static("", id="said")
            yield Actions(
                (
                    ("add", "New entrance"),
                    ("waive", "No sign for now"),
                    ("close", "Back"),
                    ("attest", "Sign looked at"),
                ),
                first="attest",
            )

    def on_mount(self) -> None:
        """Ask how they stand."""
        self.load(first=True)

    @work(exclusive=True, group="load")
    async def load(self, *, first: bool = False) -> None:
        """As they stand now."""
        app = cast(SessionApp, self.app)
        said = self.query_one("#said", Static)
        try:
            self._rows = standing(await app.link.read(ReadEntrances()))
        except HoldshelfError as error:
            said.update(Content(inert(in_words(error), 400)))
            return
        said.update(
            "" if self._rows else "No entrance is registered yet. Register every entrance that the public uses."
        )
        entrances = self.query_one(OptionList)
        at = entrances.highlighted or 0
        entrances.clear_options()
        for row in self._rows:
            entrances.add_option(Option(plain(f"{'✓' if row.ready else '▲'} {row.name}: {sign_words(row)}", 200)))
        actions = self.query_one(Actions)
        actions.allow(attest=bool(self._rows), waive=bool(self._rows))
        actions.shows(waive=app.who.may("entrance.waive"))
        if self._rows:
            unready = next((i for i, row in enumerate(self._rows) if not row.ready), min(at, len(self._rows) - 1))
            entrances.highlighted = unready
            (self.query_one("#act-close") if all(row.ready for row in self._rows) else entrances).focus()
        elif first:
            self.query_one("#act-add", Button).focus()

    @property
    def _chosen(self) -> str:
        at = self.query_one(OptionList).highlighted
        return self._rows[at].id if at is not None and at < len(self._rows) else ""

    @on(OptionList.OptionSelected)
    def _entered(self) -> None:
        self._do("attest")

    @on(Actions.Chosen)
    def _pressed(self, chosen: Actions.Chosen) -> None:
        if chosen.key == "close":
            self.dismiss()
        else:
            self._do(chosen.key)

    @work(group="act")
    @in_turn
    async def _do(self, what: str) -> None:
        form = {
            "attest": lambda: AttestDialog(self._rows, self._chosen),
            "waive": lambda: WaiveDialog(self._rows, self._chosen),
            "add": AddEntranceDialog,
        }[what]()
        if await self.app.push_screen_wait(form) is not None:
            self.load()
