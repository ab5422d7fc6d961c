"""Copies on another disk: a hold archived, a released bundle on a stick at the server; and the key that signs bundles."""

from __future__ import annotations

from textual.app import ComposeResult

from holdshelf_core.holds.types import HoldArchive, HoldRow
from holdshelf_core.releases.types import ReleaseKeyRenew, ReleaseKeys, ReleaseRow, ReleaseWrite, Written
from holdshelf_tui.screens.dialogs.form import FormDialog
from holdshelf_tui.text.time_format import when
from holdshelf_tui.widgets.fields import FormField, TextField, Tick


class ArchiveDialog(FormDialog[HoldRow]):
    """Copy a hold to another disk, verified, so that its room here can be freed."""

    title_words = "Archive a hold"
    does = "Copy and verify"
    doing = "Copying"

    def __init__(self, hold: HoldRow) -> None:
        super().__init__()
        self._hold = hold

    def lead(self) -> str:
        """Which hold, and where to."""
        return f"{self._hold.id}, no. {self._hold.reference}: to another disk of the server. Every byte of the copy is checked."

    def fields(self) -> ComposeResult:
        """The folder at the server that the copy goes to."""
        yield FormField("Folder", TextField("", "on the server, e.g., /mnt/archive", id="folder", most=400))

    async def async_submit(self) -> HoldRow:
        """Copied, and read back."""
        folder = self.needed("folder", "Onto which disk? Type the folder where it is mounted on the server.")
        return await self.link.act(HoldArchive(self._hold.id, folder))


class StickDialog(FormDialog[Written]):
    """Copy a released bundle to a USB stick at the server, and check it."""

    title_words = "Copy to USB"
    does = "Copy and check"
    doing = "Copying"

    def __init__(self, release: ReleaseRow) -> None:
        super().__init__()
        self._release = release

    def lead(self) -> str:
        """Name the release, and say where its stick is put in."""
        return (
            f"The bundle of {self._release.id}. Plug the USB stick into the server; the admin says where it is mounted."
        )

    def fields(self) -> ComposeResult:
        """Where to, in which form."""
        yield FormField("Folder", TextField("", "on the server, e.g., /media/stick", id="folder", most=400))
        yield FormField("", Tick("as one zip file", id="zipped"))

    async def async_submit(self) -> Written:
        """Copied, and read back."""
        folder = self.needed("folder", "Where is the stick mounted?")
        return await self.link.act(ReleaseWrite(self._release.id, folder, self.query_one("#zipped", Tick).value))


class SigningKeyDialog(FormDialog[ReleaseKeys]):
    """The key that bundles are signed with, as receipts name it; and a new one, for a reason."""

    title_words = "The signing key"
    does = "Make a new key"
    doing = "Making a key"

    def __init__(self, keys: ReleaseKeys) -> None:
        super().__init__()
        self._keys = keys

    def lead(self) -> str:
        """Say which key bundles are signed with now, if there is one, and that old signatures stay valid."""
        now = next((row for row in self._keys.keys if row.until_utc_ns is None), None)
        if now is None:
            return "There is no signing key yet: it is made with the first bundle."
        signs = f"Bundles are signed with {now.fingerprint}, since {when(now.since_utc_ns)}."
        return f"{signs} What was signed so far stays valid after a new one is made."

    def fields(self) -> ComposeResult:
        """Why there is a new one."""
        yield FormField("Why a new one", TextField("", "e.g., the server was replaced", id="why", most=200))

    async def async_submit(self) -> ReleaseKeys:
        """Make a new signing key and return all of them. Raises Missing without a reason, HoldshelfError."""
        why = self.needed("why", "Why is a new key needed? A few words are enough.")
        return await self.link.act(ReleaseKeyRenew(why))
