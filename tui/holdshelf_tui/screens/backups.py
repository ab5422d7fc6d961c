"""What the doctor's tab offers for backups that are made by themselves."""

from __future__ import annotations

from holdshelf_core.backups.types import BackupNow, BackupScheduled, BackupsRow, BackupStop, ReadBackups
from holdshelf_tui.screens.dialogs.backup import BackupDialog
from holdshelf_tui.screens.dialogs.confirm import ConfirmDialog
from holdshelf_tui.screens.dialogs.message import MessageDialog
from holdshelf_tui.screens.pane import Pane


async def async_schedule(pane: Pane) -> None:
    """Where they go, and when. To be awaited in a worker."""
    row = await pane.async_do("Asking for the schedule", _async_row(pane))
    if row is not None:
        done: BackupScheduled | None = await pane.app.push_screen_wait(BackupDialog(row[0]))
        await _async_told(pane, done)


async def _async_row(pane: Pane) -> tuple[BackupsRow | None]:
    return (await pane.link.read(ReadBackups()),)


async def async_now(pane: Pane) -> None:
    """One at once. To be awaited in a worker."""
    await _async_told(
        pane, await pane.async_do("Making a backup, and verifying it where it goes", pane.link.act(BackupNow()))
    )


async def async_end(pane: Pane) -> None:
    """After a question. To be awaited in a worker."""
    asked = ConfirmDialog(
        "Make no more backups?", "Existing backups stay. To make one by command: `holdshelf backup FILE`.", "Make none"
    )
    if await pane.app.push_screen_wait(asked):
        await _async_told(pane, await pane.async_do("Ending it", pane.link.act(BackupStop())))


async def _async_told(pane: Pane, done: BackupScheduled | None) -> None:
    if done is not None:
        pane.load_soon()
        said = f"{done.sentence}. Entry {done.seq} of the access log."
        await pane.app.push_screen_wait(MessageDialog("Done", said, done.warning))
