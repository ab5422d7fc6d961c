"""Verify the access log: every entry, their order and number, and against a head that somebody wrote down before."""

from __future__ import annotations

import re
from collections.abc import Sequence

from textual.app import ComposeResult

from holdshelf_core.access_log.types import LogVerified, LogVerify
from holdshelf_tui.screens.dialogs.form import FormDialog
from holdshelf_tui.screens.dialogs.message import MessageDialog
from holdshelf_tui.session.log_head import short_head
from holdshelf_tui.text.witnesses import witnessed_words
from holdshelf_tui.text.words import counted
from holdshelf_tui.widgets.fields import FormField, PasteField

MOST_TOLD = 4


class VerifyDialog(FormDialog[LogVerified]):
    """Nothing typed: the log by itself. A line from paper or mail: that what it knew is still there, unchanged."""

    title_words = "Verify the access log"
    does = "Verify"
    doing = "Reading every entry"

    def lead(self) -> str:
        return (
            "Reads every entry and checks that none was changed, moved or left out. With a line that you wrote down "
            "earlier, it also checks that nothing before it was changed since; no copy on this machine can prove that."
        )

    def fields(self) -> ComposeResult:
        yield FormField("Older line", PasteField("e.g., 57:3f2a 91bc 04de 77c1 …; optional", id="against"))

    async def async_submit(self) -> LogVerified:
        """Verify the log, against the older line if one was pasted. Raises Missing, HoldshelfError."""
        asked = LogVerify(self._against())
        return await self.link.act(asked)

    def _against(self) -> str:
        typed = self.query_one("#against", PasteField).pasted
        # People put a space behind a colon.
        return typed if "\n" in typed else re.sub(r":\s+", ":", typed)

    def done(self, answer: LogVerified) -> None:
        """Say what was found."""
        app, against = self.app, self._against()
        self.dismiss(answer)
        app.push_screen(verified_message(answer, against=bool(against)))


def verified_message(answer: LogVerified, *, against: bool) -> MessageDialog:
    """What was found, in words."""
    head = short_head(answer.head)
    if answer.problems:
        return MessageDialog(
            "The log does not match what was written",
            f"{counted(len(answer.problems), 'problem')}: {_told(answer.problems)}",
            "Tell whoever holds a seat, and the admin. Leave the log as it is; nobody may change it now.",
        )
    kept = " ".join([" It continues from the line that you kept." if against else "", *witnessed_words(answer)])
    whole = f"{counted(answer.entries, 'entry', 'entries')}, each as it was written, none missing.{kept}"
    if differ := [*answer.policies, *answer.register]:
        return MessageDialog(
            "The log is whole, but something differs",
            f"{whole} {_told(differ)}",
            "Tell whoever decides about footage, and the admin.",
        )
    now = f"Its line now: {head.short}" if head is not None and head.entries == answer.entries else ""
    return MessageDialog("The log is intact", whole, now)


def _told(sentences: Sequence[str]) -> str:
    more = f" And {len(sentences) - MOST_TOLD} more." if len(sentences) > MOST_TOLD else ""
    return " ".join(sentences[:MOST_TOLD]) + more
