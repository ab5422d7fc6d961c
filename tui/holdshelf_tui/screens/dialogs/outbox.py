"""One's own outbox: what lies ready to be fetched and until when, how it is fetched, and a paper taken away early."""

from __future__ import annotations

from textual.app import ComposeResult

from holdshelf_core.acts import Done
from holdshelf_core.outbox.types import OutboxRemove, OutboxTree
from holdshelf_tui.screens.dialogs.form import FormDialog, Missing
from holdshelf_tui.text.prints import folded
from holdshelf_tui.text.time_format import date_words
from holdshelf_tui.text.words import size
from holdshelf_tui.widgets.fields import Choice, FormField, Tick

BUNDLE = "bundle"


class OutboxDialog(FormDialog[Done]):
    """Leaves when something was removed. ``how``: how it is fetched."""

    title_words = "My outbox"
    does = "Remove it"
    doing = "Removing it"

    def __init__(self, tree: OutboxTree, how: str) -> None:
        super().__init__()
        self._tree, self._how = tree, how
        self._rows = {row.path: row for row in folded([row for row in tree.rows if row.kind != "readme"])}

    def lead(self) -> str:
        """How much there is, and how it is fetched."""
        tree = self._tree
        if not self._rows:
            return f"Your outbox is empty. What you put there stays for {tree.days} days."
        used = f"{size(tree.used_bytes)} of {size(tree.most_bytes)}"
        return f"Papers and stills: {used}. {self._how}"

    def fields(self) -> ComposeResult:
        """The files that are ready, with size and last day, and a tick to take the chosen one away."""
        choices = [
            (path, f"{path}  ({size(row.size)}{self._until(row.until_utc_ns)})") for path, row in self._rows.items()
        ]
        if choices:
            yield FormField("Ready for you", Choice(choices, id="path", rows=8))
            yield FormField("", Tick("remove it now", id="sure"))

    def _until(self, until_utc_ns: int | None) -> str:
        return f", until {date_words(until_utc_ns)}" if until_utc_ns is not None else ""

    async def async_submit(self) -> Done:
        """Remove the chosen file. Raises Missing when it cannot be or the tick is not set, HoldshelfError."""
        if not self._rows:
            raise Missing("path", "There is nothing to remove.")
        row = self._rows[self.query_one("#path", Choice).value]
        if row.kind == BUNDLE:
            raise Missing("path", "A bundle cannot be removed early: it is removed automatically when its time is up.")
        if not self.query_one("#sure", Tick).value:
            raise Missing("sure", "Check “remove it now”, or go back.")
        return await self.link.act(OutboxRemove(row.path))
