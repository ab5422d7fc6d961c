"""Where automatic backups go, and when: for the admin."""

from __future__ import annotations

from textual.app import ComposeResult

from holdshelf_core.backups.types import DEFAULT_AT, BackupSchedule, BackupScheduled, BackupsRow
from holdshelf_tui.screens.dialogs.form import FormDialog
from holdshelf_tui.text.backups import status_lines
from holdshelf_tui.widgets.fields import FormField, TextField


class BackupDialog(FormDialog[BackupScheduled]):
    """A folder, or an SFTP server's, and a time of day. ``row`` None: none is set up."""

    title_words = "Back up each day"
    does = "Set it"
    doing = "Trying to write there"

    def __init__(self, row: BackupsRow | None) -> None:
        super().__init__()
        self._row = row

    def lead(self) -> str:
        """How it does, and who can read what is there."""
        last = "\n".join(status_lines(self._row)[:4]) if self._row is not None else ""
        return f"{last}\nWhoever can read the backups has this recorder's keys: docs/backup.md.".strip()

    def fields(self) -> ComposeResult:
        """Target, time, and the server's fingerprint."""
        row = self._row
        target = TextField(row.target if row else "", "a folder, or sftp://USER@HOST/FOLDER", id="target", most=400)
        yield FormField("To", target)
        yield FormField("At", TextField(row.at if row else DEFAULT_AT, "local time", id="at", most=5))
        pinned = TextField("", "SHA256:…; blank: as before, or a folder", id="fingerprint", most=100)
        yield FormField("Host key", pinned)

    async def async_submit(self) -> BackupScheduled:
        """Set it. Raises Missing, HoldshelfError."""
        target, at = self.needed("target", "Where do they go?"), self.needed("at", "At what time?")
        return await self.link.act(BackupSchedule(target, at, self.text("fingerprint")))
