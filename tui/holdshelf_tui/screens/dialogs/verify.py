"""Verify the access log: every entry, their order and number, and against a head that somebody wrote down before."""

from __future__ import annotations

import re

from textual.app import ComposeResult

from holdshelf_core.api.types_board import LogVerified, LogVerify
from holdshelf_tui.log_head import short_head
from holdshelf_tui.screens.dialogs.form import FormDialog
from holdshelf_tui.screens.dialogs.message import MessageDialog
from holdshelf_tui.widgets.fields import Field, PasteField
from holdshelf_tui.words import counted

VERIFY_TIMEOUT_S = 3600.0
MOST_TOLD = 4


class VerifyDialog(FormDialog[LogVerified]):
    """Nothing typed: the log by itself. A line from paper or mail: that what it knew is still there, unchanged."""

    title_words = "Verify the access log"
    does = "Verify"
    doing = "Reading every entry"

    def lead(self) -> str:
        """What it proves."""
        return (
            "Reads every entry and checks that none was changed, moved or left out. With a line that you wrote down "
            "before, also that nothing up to then was changed since: no copy inside this machine can prove that."
        )

    def fields(self) -> ComposeResult:
        """The older line."""
        yield Field("Older line", PasteField("for example 57:3f2a 91bc 04de 77c1 …, or left out", id="against"))

    async def async_submit(self) -> LogVerified:
        """Verified."""
        asked = LogVerify(self._against())
        return await self.link.act("log.verify", asked, LogVerified, timeout_s=VERIFY_TIMEOUT_S)

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
        told = " ".join(answer.problems[:MOST_TOLD])
        more = f" And {len(answer.problems) - MOST_TOLD} more." if len(answer.problems) > MOST_TOLD else ""
        return MessageDialog(
            "The log is not what was written",
            f"{counted(len(answer.problems), 'problem')}: {told}{more}",
            "Tell the other seats and the admin. The log is kept as it is; nobody changes it now.",
        )
    kept = " It goes on from the line that you kept." if against else ""
    return MessageDialog(
        "The log is whole",
        f"{counted(answer.entries, 'entry').replace('entrys', 'entries')}, each as it was written, none missing.{kept}",
        f"Its line now: {head.short}" if head is not None and head.entries == answer.entries else "",
    )
