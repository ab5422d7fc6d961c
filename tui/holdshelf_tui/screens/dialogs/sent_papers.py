"""Papers that were sent to the desk: one's own last one, those that are kept sealed and until when, and one of them opened."""

from __future__ import annotations

from textual.app import ComposeResult

from holdshelf_core.operations.types import Reached
from holdshelf_core.outbox.types import Delivered, OpenPaper, Papers, ReadPapers
from holdshelf_core.policy.governing import own_board
from holdshelf_tui.screens.dialogs.doing import async_do
from holdshelf_tui.screens.dialogs.form import FormDialog, Missing
from holdshelf_tui.screens.dialogs.message import MessageDialog
from holdshelf_tui.session.app import SessionApp
from holdshelf_tui.text.board import label
from holdshelf_tui.text.desk import how_to_send, kept_words, sealed_words, sent_words, thrown_away
from holdshelf_tui.text.prints import how_to_fetch
from holdshelf_tui.widgets.fields import Choice, FormField, TextField


class SentPapersDialog(FormDialog[Delivered]):
    """Leaves when one was opened. ``reached``: for the line that sends one; ``seat``: whether they may open one."""

    title_words = "Papers sent to the desk"
    does = "Open it"
    doing = "Opening it"

    def __init__(self, papers: Papers, reached: Reached, *, seat: bool) -> None:
        super().__init__()
        self._papers, self._reached, self._seat = papers, reached, seat

    def lead(self) -> str:
        """The last one that they sent themselves, and what becomes of all."""
        sent = self._papers.sent
        if sent is None:
            lines = [f"You have no paper here. {how_to_send(self._reached)}"]
        else:
            lines = [f"Your last one: {sent_words(sent)}. {kept_words(sent)}"]
        if self._papers.sealed:
            lines.append("Opening a sealed one needs a reason, which goes on record. The paper is then in your outbox.")
        elif not self._papers.days:
            lines.append(f"{thrown_away()} ({own_board('People, The Board')}: “{label('paper_days')}”).")
        elif self._seat:
            lines.append("No paper is kept sealed now.")
        return " ".join(lines)

    def fields(self) -> ComposeResult:
        """The sealed ones, the newest first, and why one is opened."""
        if self._papers.sealed:
            choices = [(one.sha256, sealed_words(one)) for one in self._papers.sealed]
            yield FormField("Kept sealed", Choice(choices, id="sealed", rows=8))
            yield FormField("Why", TextField("", "e.g., counsel asks for the warrant", id="why", most=200))

    async def async_submit(self) -> Delivered:
        """Open the chosen one into their outbox. Raises Missing where there is none or no reason, HoldshelfError."""
        if not self._papers.sealed:
            raise Missing("sealed", "There is no sealed paper to open.")
        why = self.needed("why", "Why is it opened? A few words are enough.")
        return await self.link.act(OpenPaper(self.query_one("#sealed", Choice).value, why))


async def async_sent_papers(app: SessionApp) -> None:
    """Show them, open one, and say where it is. To be awaited in a worker."""
    papers = await async_do(app, "Looking for papers", app.link.read(ReadPapers()))
    if papers is None:
        return
    done = await app.push_screen_wait(SentPapersDialog(papers, app.who.reached, seat=app.who.seat))
    if done is not None:
        said = f"It is there as {done.where}. Entry {done.seq} of the access log."
        await app.push_screen_wait(MessageDialog("In your outbox", said, how_to_fetch(app.who.reached)))
