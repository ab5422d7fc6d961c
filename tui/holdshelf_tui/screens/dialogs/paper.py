"""The field for a signed paper: its fingerprint (SHA-256) is written down, of the scan that was sent, or as it is typed."""

from __future__ import annotations

import re
from typing import cast

from textual import on, work
from textual.widgets import Button, Input

from holdshelf_core.api.errors import HoldshelfError
from holdshelf_core.outbox.types import ReadPapers
from holdshelf_tui.screens.dialogs.form import Missing, in_words
from holdshelf_tui.session.app import SessionApp
from holdshelf_tui.session.inputs import in_turn
from holdshelf_tui.text.desk import how_to_send, sent_words
from holdshelf_tui.widgets.fields import FormField, TextField

_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)
_TYPED = "type its fingerprint (SHA-256): Windows: Get-FileHash letter.pdf · Mac: shasum -a 256 letter.pdf."
HOW = f"Send the paper's photo or scan to your drop folder and press “The paper I sent”; or {_TYPED}"
HOW_TYPED = f"{_TYPED[0].upper()}{_TYPED[1:]}"
"""For the admin, who has no drop."""


class PaperField(FormField):
    """The fingerprint, and a button that fills it in from the paper that this person sent last."""

    DEFAULT_CSS = """
    PaperField Button.sent { width: auto; min-width: 0; }
    """

    def __init__(self, label: str, field: TextField) -> None:
        super().__init__(label, field, Button(" The paper I sent ", classes="sent", compact=True), hint=HOW)

    def on_mount(self) -> None:
        """The admin brings no paper by the door."""
        if cast(SessionApp, self.app).who.admin:
            self.query_one(Button).display = False
            self.hint(HOW_TYPED)

    @on(Button.Pressed, ".sent")
    def _pressed(self, pressed: Button.Pressed) -> None:
        pressed.stop()
        self._fill()

    @work(exclusive=True, group="sent")
    @in_turn
    async def _fill(self) -> None:
        app = cast(SessionApp, self.app)
        try:
            paper = (await app.link.read(ReadPapers())).sent
        except HoldshelfError as error:
            self.hint(in_words(error), wrong=True)
            return
        if paper is None:
            self.hint(f"You have no paper here. {how_to_send(app.who.reached)}", wrong=True)
            return
        self.hint(f"The paper: {sent_words(paper)}.")
        field = self.query_one(Input)
        field.value = paper.sha256
        field.focus()


def paper_field(label: str = "Fingerprint", *, needed: bool = True, id: str = "paper") -> FormField:
    """A field for it, with how to come by it."""
    hint = "64 letters and digits" if needed else "optional"
    return PaperField(label, TextField("", hint, id=id, most=200))


def sha256_of(typed: str, field: str = "paper", *, needed: bool = True) -> str:
    """As tools print it: with spaces, capitals or the file's name behind it. '' when left out. Raises Missing."""
    clean = typed.strip().lower()
    if not clean:
        if needed:
            raise Missing(field, "The signed paper is missing: its scan's fingerprint goes on record.")
        return ""
    found = _HEX.search(clean) or _HEX.search("".join(clean.split()))
    if found is None:
        raise Missing(
            field,
            "That is not a fingerprint of a scan: a fingerprint has 64 digits and letters (a to f).",
            "Copy it again.",
        )
    return found[0]
