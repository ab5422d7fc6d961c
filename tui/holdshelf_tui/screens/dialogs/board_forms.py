"""What the Board decides: a setting, the adopted text of the policy, how the statute is treated (P11, P13, P20)."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence

import msgspec
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import TextArea

from holdshelf_core.acts import Done
from holdshelf_core.api.errors import BadRequest
from holdshelf_core.people.board_types import (
    AdoptedRow,
    BoardSet,
    BoardSetting,
    PolicyAdopt,
    PolicyLinted,
    ReadPolicyLint,
    ReadPolicyText,
)
from holdshelf_core.policy.governing import own_board
from holdshelf_core.policy.listing import listed
from holdshelf_tui.papers.catalogs import named
from holdshelf_tui.papers.text import folded
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
NO_TEXT = "Nothing is pasted yet."
NO_FILE = "Only if its meaning changes, too: the whole policy file."


class BoardSetDialog(FormDialog[Done]):
    """One setting: its new value, why, and the Board's minutes where it becomes looser."""

    does = "Set it"
    doing = "Setting it"
    title_words = "A setting of the Board"

    def __init__(self, setting: BoardSetting) -> None:
        super().__init__()
        self._setting = setting
        self.title_words = own_board(self.title_words)

    def lead(self) -> str:
        """What it is and how it stands."""
        row = self._setting
        now = f"{row.what[:1].upper()}{row.what[1:]}. Now: {setting_words(row.key, row.value)}."
        if isinstance(row.value, str):
            return now
        policy = self.link.policy
        return (
            f"{now} The {policy.titles} may make it stricter. Making it looser needs the {policy.board_words}, or "
            f"{own_board("the Board's signed paper.")}"
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
        yield FormField("Why", TextField("", own_board("e.g., Board meeting of November 10"), id="why", most=200))
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


def _pasted_words(text: str) -> str:
    """What was pasted, to be compared with what was sent; '' for nothing."""
    if not text.strip():
        return ""
    return f"{counted(text.count('\n') + 1, 'line')}, SHA-256 {hashlib.sha256(text.encode()).hexdigest()[:16]}…"


class AdoptDialog(FormDialog[AdoptedRow]):
    """The library's own text, verbatim. ``before``: what is in force."""

    title_words = "Adopt the policy"
    does = "Adopt it"
    doing = "Adopting it"
    CSS = """
    AdoptDialog #texts { height: auto; }
    AdoptDialog TextArea { height: 6; background: $panel; border: none; padding: 0; }
    AdoptDialog #signature { height: 2; }
    """

    def __init__(self, before: AdoptedRow) -> None:
        super().__init__()
        self._before = before
        self._languages: tuple[str, ...] = ()
        """In which the text is asked for, the policy's first one first."""

    def lead(self) -> str:
        """What becomes of it."""
        return (
            f"{own_board('Paste the text that the Board adopted, whole.')} From now on it is printed word for word, with its "
            "SHA-256."
        )

    def fields(self) -> ComposeResult:
        """The text in each language of the policy, version, day, statute, paper, file."""
        self._languages = tuple(self.link.policy.languages)
        with Vertical(id="texts"):
            yield FormField("Text", TextPasteArea(id="text"), hint=self._hint_of("text"), id="text-row")
            for language in self._languages[1:]:
                yield self._text_field(language)
        yield FormField("Version", TextField("", "the library's name for it, e.g., 2026-1", id="version", most=40))
        yield FormField("Adopted on", TextField("", "the day of the meeting, e.g., 3/10/2026", id="on", most=40))
        yield statute_field(self._before.statute)
        yield paper_field("Minutes", needed=False)
        yield FormField("Policy file", TextPasteArea(id="file"), hint=NO_FILE, id="file-row")
        yield FormField(
            "Signature",
            TextPasteArea(id="signature"),
            hint="The policy file's signature from `ssh-keygen -Y sign`, if someone else "
            f"{own_board('speaks for the Board.')}",
        )

    def opened(self) -> None:
        """The text is what comes first."""
        self.query_one("#text", TextPasteArea).focus()

    def _texts(self) -> dict[str, str]:
        """What is pasted is not thrown away without a question, either."""
        return super()._texts() | self._areas()

    def _filled_in(self) -> dict[str, str]:
        return super()._filled_in() | self._areas()

    def _areas(self) -> dict[str, str]:
        return {str(area.id): area.text for area in self.query(TextPasteArea).results(TextPasteArea)}

    @on(TextArea.Changed)
    def _pasted(self, changed: TextArea.Changed) -> None:
        self._tell_pasted(changed.text_area)
        self._filled_in_anew()

    def _tell_pasted(self, area: TextArea) -> None:
        for row in self.query(f"#{area.id}-row").results(FormField):
            row.hint(self._hint_of(str(area.id), area.text))

    def _hint_of(self, field: str, text: str = "") -> str:
        """What stands under a text: how much of it is here, to be compared with what was sent."""
        told = _pasted_words(text) or (NO_FILE if field == "file" else NO_TEXT)
        if field == "file" or len(self._languages) < 2:
            return told
        return f"In {named(field.removeprefix('text-') if field != 'text' else self._languages[0])}: {told}"

    def _text_field(self, language: str) -> FormField:
        field = f"text-{language}"
        return FormField(f"Text in {language}", TextPasteArea(id=field), hint=self._hint_of(field), id=f"{field}-row")

    async def _async_ask_in(self, languages: Sequence[str]) -> None:
        """Have a field for the text in each of these languages, and none in another. What is pasted in the others stays."""
        if tuple(languages) == self._languages or not languages:
            return
        self._languages = tuple(languages)
        texts, wanted = self.query_one("#texts", Vertical), [f"text-{language}-row" for language in languages[1:]]
        for row in texts.query(FormField).results(FormField):
            if row.id not in ("text-row", *wanted):
                await row.remove()
        for at, language in enumerate(languages[1:]):
            if not texts.query(f"#text-{language}-row"):
                await texts.mount(self._text_field(language), after=at)
        for area in texts.query(TextPasteArea).results(TextPasteArea):
            self._tell_pasted(area)
        self.call_after_refresh(self._show_focused)

    def _show_focused(self) -> None:
        """A field that has just come has no place yet when the cursor is brought to it."""
        if self.focused is not None:
            self.focused.scroll_visible(animate=False)

    async def async_submit(self) -> AdoptedRow:
        """Adopt the pasted text and return it as it is in force. Raises Missing, HoldshelfError."""
        file = self.query_one("#file", TextPasteArea).text
        found = await self._async_linted(file) if file.strip() else None
        await self._async_ask_in(found.languages if found is not None else self.link.policy.languages)
        text, *others = [self._pasted_text(language) for language in self._languages or ("",)]
        version = self.needed("version", "What does the library call this version?")
        typed = self.needed("on", "On which day was it adopted?")
        try:
            day = typed_day(typed, time.time_ns())
        except BadRequest as error:
            raise Missing("on", error.sentence, error.next_step) from None
        statute = self.query_one("#statute", Choice).value
        paper = sha256_of(self.text("paper"), needed=False)
        if found is not None and not await self._async_agreed(found):
            raise Missing("file", "Nothing was adopted.", "Take the policy file out, or adopt what it changes.")
        signed = self.query_one("#signature", TextPasteArea).text.strip()
        texts = dict(zip(self._languages[1:], others, strict=True))
        asked = PolicyAdopt(text, version, day, statute, paper, file if found is not None else "", texts)
        return await self.link.act(msgspec.structs.replace(asked, signature=f"{signed}\n" if signed else ""))

    def _pasted_text(self, language: str) -> str:
        """The text in one of the policy's languages. Raises Missing."""
        field = "text" if language == "".join(self._languages[:1]) else f"text-{language}"
        text = self.query_one(f"#{field}", TextPasteArea).text
        if not text.strip():
            if len(self._languages) < 2:
                raise Missing(field, "Paste the adopted text.")
            all_of_them = listed([named(one) for one in self._languages])
            raise Missing(field, f"The policy is in {all_of_them}. Paste the adopted text in {named(language)}.")
        if len(text) > MOST_CHARS:
            raise Missing(
                field,
                "That is longer than any policy.",
                "At the server: `holdshelf policy adopt FILE --version NAME --adopted-on 2026-03-10`.",
            )
        return text

    async def _async_linted(self, file: str) -> PolicyLinted:
        """What is found in the file. Raises Missing for one with a mistake."""
        found = await self.link.read(ReadPolicyLint(file))
        if found.mistakes:
            more = f"There are {len(found.mistakes)} mistakes. " if len(found.mistakes) > 1 else ""
            raise Missing("file", found.mistakes[0], f"{more}`holdshelf policy lint FILE` tells all of them.")
        return found

    async def _async_agreed(self, found: PolicyLinted) -> bool:
        """What the file makes looser and stricter is read first."""
        await self.app.push_screen_wait(SheetDialog("What the policy file changes", folded(linted_words(found))))
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
            "out. The policy's text stays as it is. Treating the statute as advice needs "
            f"the {self.link.policy.board_words}, or {own_board("the Board's signed paper.")}"
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
        others = {
            language: (await self.link.read(ReadPolicyText(sha256))).text for language, sha256 in row.sums.items()
        }
        first = self.link.policy.languages[:1]
        texts = {language: text for language, text in others.items() if language not in first}
        asked = PolicyAdopt(row.text, row.version, row.adopted_on, statute, paper)
        return await self.link.act(msgspec.structs.replace(asked, texts=texts))


def statute_field(chosen: str) -> FormField:
    """The choice between enforcing the statute and treating it as advice; ``chosen``: what is in force."""
    return FormField("The statute is", Choice(STATUTES, chosen, id="statute", rows=2))
