"""Keys that let an admin log in through the SSH door, for the admin on the machine itself: shown, added, removed (ADR 12)."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult

from holdshelf_core.acts import Done
from holdshelf_core.people.types import AdminKeyAdd, AdminKeyRemove, AdminKeyRow
from holdshelf_tui.screens.dialogs.form import FormDialog, Missing
from holdshelf_tui.screens.dialogs.people_forms import KEY_HINT
from holdshelf_tui.widgets.fields import Choice, FormField, PasteField

ADD = ""


class AdminKeysDialog(FormDialog[Done]):
    """Add one, or remove the one that is chosen."""

    title_words = "The admin's keys"
    does = "Do it"
    doing = "Changing the keys"

    def __init__(self, keys: Sequence[AdminKeyRow]) -> None:
        super().__init__()
        self._keys = keys

    def lead(self) -> str:
        """Say who can log in as the admin now, and what removing a key does."""
        if not self._keys:
            return "No admin can log in through the door. A key added here lets one in as `admin`, without pictures."
        return "Each of these lets an admin in through the door as `admin`, without pictures. A removed key's sessions end."

    def fields(self) -> ComposeResult:
        """Which, and a new one."""
        removed = [(key.fingerprint, f"remove {key.fingerprint}") for key in self._keys]
        yield FormField("Do this", Choice([(ADD, "add the key below"), *removed], id="what", rows=5))
        yield FormField("Public key", PasteField(id="key"), hint=KEY_HINT)

    async def async_submit(self) -> Done:
        """Add the pasted key or remove the chosen one. Raises Missing when none was pasted, HoldshelfError."""
        what = self.query_one("#what", Choice).value
        if what != ADD:
            return await self.link.act(AdminKeyRemove(what))
        key = self.query_one("#key", PasteField).pasted
        if not key:
            raise Missing("key", "Paste the public key.")
        return await self.link.act(AdminKeyAdd(key))
