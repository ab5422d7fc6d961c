"""Who vouches for the access log's head: a witness's address and key, how many have to sign, a time stamp server."""

from __future__ import annotations

from textual.app import ComposeResult

from holdshelf_core.timestamps.types import TimestampDone, TimestampSet
from holdshelf_core.witnesses.types import WitnessAdd, WitnessDone, WitnessPolicy
from holdshelf_tui.screens.dialogs.board_forms import TextPasteArea
from holdshelf_tui.screens.dialogs.form import FormDialog, Missing
from holdshelf_tui.widgets.fields import FormField, TextField


class WitnessDialog(FormDialog[WitnessDone]):
    """Asks for somebody who countersigns the access log's head; leaves with what was written down, or None."""

    title_words = "Add a witness"
    does = "Add it"
    doing = "Adding it"

    def lead(self) -> str:
        """Where the key comes from."""
        return "Get the key from its keeper on paper or by voice: a message could be forged. docs/witness.md"

    def fields(self) -> ComposeResult:
        """Where it answers, and the key that its signatures are checked with."""
        yield FormField("Address", TextField("", "e.g., http://elm.example:8041", id="url", most=300))
        yield FormField("Its key", TextField("", "NAME+DIGITS+LETTERS, one line", id="key", most=600))

    async def async_submit(self) -> WitnessDone:
        """Add it. Raises Missing, HoldshelfError."""
        url, key = self.needed("url", "What is its address?"), self.needed("key", "What is its public key?")
        return await self.link.act(WitnessAdd(url, key))


class NeededDialog(FormDialog[WitnessDone]):
    """How many witnesses have to sign."""

    title_words = "How many have to sign"
    does = "Set it"
    doing = "Setting it"

    def __init__(self, needed: int, of: int) -> None:
        super().__init__()
        self._needed, self._of = needed, of

    def fields(self) -> ComposeResult:
        """How many of the witnesses must have signed before a head counts."""
        yield FormField("How many", TextField(str(self._needed), f"of {self._of}", id="needed", most=2))

    async def async_submit(self) -> WitnessDone:
        """Set it. Raises Missing, HoldshelfError."""
        try:
            needed = int(self.text("needed"))
        except ValueError:
            raise Missing("needed", "How many?", f"Type a number from 1 to {self._of}.") from None
        return await self.link.act(WitnessPolicy(needed))


class StampsDialog(FormDialog[TimestampDone]):
    """A time stamp server."""

    title_words = "Timestamps on the access log's head"
    does = "Set it"
    doing = "Setting it"
    CSS = """
    StampsDialog TextArea { height: 6; background: $panel; border: none; padding: 0; }
    """

    def lead(self) -> str:
        """Whose root it is."""
        return (
            "The root certificate of the server's authority, from its own website: open it in an editor, copy all of it, and "
            "paste it here. Compare its SHA-256, which is shown then, with what the authority publishes. docs/witness.md"
        )

    def fields(self) -> ComposeResult:
        """Where the server answers, whom it is trusted by, and by which policy it is to stamp."""
        yield FormField("Address", TextField("", "e.g., https://tsa.example/tsr", id="url", most=300))
        yield FormField("Root", TextPasteArea(id="ca"))
        yield FormField("Policy", TextField("", "e.g., 1.2.3.4; blank: the server's own choice", id="policy", most=100))

    async def async_submit(self) -> TimestampDone:
        """Set it. Raises Missing, HoldshelfError."""
        url = self.needed("url", "What is its address?")
        ca = self.query_one("#ca", TextPasteArea).text
        if not ca.strip():
            raise Missing("ca", "Which authority does it come from?", "Paste its root certificate (PEM).")
        return await self.link.act(TimestampSet(url, ca, self.text("policy")))
