"""What the Board decides: a setting, the adopted text of the policy, how the statute is treated (P11, P13, P20)."""

from __future__ import annotations

import hashlib
import time

import msgspec
from textual import events, on
from textual.app import ComposeResult
from textual.widgets import TextArea

from holdshelf_core.acts import Done
from holdshelf_core.api.errors import BadRequest
from holdshelf_core.people.board_types import (
    AdoptedRow,
    BoardSet,
    BoardSetting,
    PolicyAdopt,
    ReadPolicyLint,
)
from holdshelf_tui.screens.dialogs.confirm import ConfirmDialog
from holdshelf_tui.screens.dialogs.form import FormDialog, Missing
from holdshelf_tui.screens.dialogs.paper import paper_field, sha256_of
from holdshelf_tui.screens.dialogs.sheet import SheetDialog
from holdshelf_tui.text.board import STATUTES, linted_words, range_words, setting_words
from holdshelf_tui.text.time_span import typed_day
from holdshelf_tui.text.words import counted, inert
from holdshelf_tui.widgets.fields import Choice, FormField, TextField

MOST_CHARS = 200_000
YES, NO = "yes", "no"


class BoardSetDialog(FormDialog[Done]):
    """One setting: its new value, why, and the Board's minutes where it becomes looser."""

    does = "Set it"
    doing = "Setting it"
    title_words = "A setting of the Board"

    def __init__(self, setting: BoardSetting) -> None:
        super().__init__()
        self._setting = setting

    def lead(self) -> str:
        """What it is and how it stands."""
        row = self._setting
        now = f"{row.what[:1].upper()}{row.what[1:]}. Now: {setting_words(row.key, row.value)}."
        if isinstance(row.value, str):
            return now
        policy = self.link.policy
        return (
            f"{now} The {policy.titles} may make it stricter. To make it looser, the {policy.board_words} says so, or the "
            "Board's signed paper."
        )

    def fields(self) -> ComposeResult:
        """The new value by the kind of the setting, the reason, and the fingerprint of signed minutes."""
        row = self._setting
        if isinstance(row.value, bool):
            yield FormField("New value", Choice([(YES, YES), (NO, NO)], YES if row.value else NO, id="value", rows=2))
        elif row.choices:
            yield FormField("New value", Choice([(one, one) for one in row.choices], str(row.value), id="value"))
        else:
            yield FormField("New value", TextField(str(row.value), range_words(row), id="value", most=120))
        yield FormField("Why", TextField("", "e.g., Board meeting of November 10", id="why", most=200))
        yield paper_field("Minutes", needed=False)

    async def async_submit(self) -> Done:
        """Set the value. Raises Missing without a reason, HoldshelfError where it takes more than this seat."""
        field = self.query_one("#value")
        value = field.value if isinstance(field, Choice) else self.text("value")
        why = self.needed("why", "Why does it change? A few words are enough.")
        paper = sha256_of(self.text("paper"), needed=False)
        return await self.link.act(BoardSet(self._setting.key, value, why, paper))


class TextPasteArea(TextArea):
    """A text of many lines, to be pasted as it is; Tab leaves it."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, tab_behavior="focus", soft_wrap=False, compact=True)

    async def _on_paste(self, event: events.Paste) -> None:
        event.stop()  # the screen would hand it on a second time
        # Cut before Textual's own handler, which comes next, keeps it: what is longer is no policy.
        event.text = event.text[: MOST_CHARS + 1]


class AdoptDialog(FormDialog[AdoptedRow]):
    """The library's own text, verbatim. ``before``: what is in force."""

    title_words = "Adopt the policy"
    does = "Adopt it"
    doing = "Adopting it"
    CSS = """
    AdoptDialog TextArea { height: 6; background: $panel; border: none; padding: 0; }
    AdoptDialog #signature { height: 2; }
    """

    def __init__(self, before: AdoptedRow) -> None:
        super().__init__()
        self._before = before

    def lead(self) -> str:
        """What becomes of it."""
        return (
            "Paste the text that the Board adopted, whole. From now on it is printed word for word, with its SHA-256."
        )

    def fields(self) -> ComposeResult:
        """Text, version, day, statute, paper."""
        yield FormField("Text", TextPasteArea(id="text"), hint="Nothing is pasted yet.", id="text-row")
        yield FormField("Version", TextField("", "the library's name for it, e.g., 2026-1", id="version", most=40))
        yield FormField("Adopted on", TextField("", "the day of the meeting, e.g., 3/10/2026", id="on", most=40))
        yield statute_field(self._before.statute)
        yield paper_field("Minutes", needed=False)
        yield FormField(
            "Policy file",
            TextPasteArea(id="file"),
            hint="Only where what it means changes, too: the whole policy file.",
        )
        yield FormField(
            "Signature",
            TextPasteArea(id="signature"),
            hint="Of the policy file, by its own: from `ssh-keygen -Y sign`, where it is not you who speaks for the Board.",
        )

    def opened(self) -> None:
        """The text is what comes first."""
        self.query_one("#text", TextPasteArea).focus()

    @on(TextArea.Changed, "#text")
    def _pasted(self, changed: TextArea.Changed) -> None:
        text = changed.text_area.text
        lines = text.count("\n") + 1
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        words = f"{counted(lines, 'line')}, SHA-256 {sha256[:16]}…" if text.strip() else "Nothing is pasted yet."
        self.query_one("#text-row", FormField).hint(words)

    async def async_submit(self) -> AdoptedRow:
        """Adopt the pasted text and return it as it is in force. Raises Missing, HoldshelfError."""
        text = self.query_one("#text", TextPasteArea).text
        if not text.strip():
            raise Missing("text", "Paste the adopted text.")
        if len(text) > MOST_CHARS:
            raise Missing(
                "text",
                "That is longer than any policy.",
                "At the server: `holdshelf policy adopt FILE --version NAME --adopted-on 2026-03-10`.",
            )
        version = self.needed("version", "What does the library call this version?")
        typed = self.needed("on", "On which day was it adopted?")
        try:
            day = typed_day(typed, time.time_ns())
        except BadRequest as error:
            raise Missing("on", error.sentence, error.next_step) from None
        statute = self.query_one("#statute", Choice).value
        paper = sha256_of(self.text("paper"), needed=False)
        file = self.query_one("#file", TextPasteArea).text
        if file.strip() and not await self._async_agreed(file):
            raise Missing("file", "Nothing was adopted.", "Take the policy file out, or adopt what it changes.")
        signed = self.query_one("#signature", TextPasteArea).text.strip()
        asked = PolicyAdopt(text, version, day, statute, paper, file if file.strip() else "")
        return await self.link.act(msgspec.structs.replace(asked, signature=f"{signed}\n" if signed else ""))

    async def _async_agreed(self, file: str) -> bool:
        """What the file makes looser and stricter is read first. Raises Missing for one with a mistake."""
        found = await self.link.read(ReadPolicyLint(file))
        if found.mistakes:
            more = f"There are {len(found.mistakes)} mistakes. " if len(found.mistakes) > 1 else ""
            raise Missing("file", found.mistakes[0], f"{more}`holdshelf policy lint FILE` tells all of them.")
        await self.app.push_screen_wait(SheetDialog("What the policy file changes", linted_words(found)))
        count = f"{counted(len(found.looser), 'rule is', 'rules are')} looser than today, "
        count += f"{counted(len(found.stricter), 'rule is', 'rules are')} stricter."
        asked = ConfirmDialog("Adopt the policy file", f"{inert(found.library, 80)}: {count}", "Adopt it")
        agreed: bool = await self.app.push_screen_wait(asked)
        return agreed


class StatuteDialog(FormDialog[AdoptedRow]):
    """How the statute is treated, under the same text."""

    title_words = "The confidentiality statute"
    does = "Set it"
    doing = "Setting it"

    def __init__(self, before: AdoptedRow) -> None:
        super().__init__()
        self._before = before

    def lead(self) -> str:
        """Say what the statute asks for, and who may treat it as advice."""
        return (
            "The statute asks for a court order or the person's written permission where the policy alone would let footage "
            "out. The policy's text stays as it is. To treat the statute as advice is "
            f"for the {self.link.policy.board_words}, or the Board's signed paper."
        )

    def fields(self) -> ComposeResult:
        """Which, and the paper."""
        yield statute_field(self._before.statute)
        yield paper_field("Minutes", needed=False)

    async def async_submit(self) -> AdoptedRow:
        """Adopt the same text with the other setting. Raises Missing when nothing was changed, HoldshelfError."""
        row, statute = self._before, self.query_one("#statute", Choice).value
        if statute == row.statute:
            raise Missing("statute", "Nothing has changed yet.")
        paper = sha256_of(self.text("paper"), needed=False)
        return await self.link.act(PolicyAdopt(row.text, row.version, row.adopted_on, statute, paper))


def statute_field(chosen: str) -> FormField:
    """The choice between enforcing the statute and treating it as advice; ``chosen``: what is in force."""
    return FormField("The statute is", Choice(STATUTES, chosen, id="statute", rows=2))


def adopted_words(row: AdoptedRow) -> tuple[str, str]:
    """What was done, and what to look at."""
    said = f"Version {row.version}, adopted on {row.adopted_on}, is in force. SHA-256 {row.sha256}."
    return said, f"▲ {row.warning}" if row.warning else ""
