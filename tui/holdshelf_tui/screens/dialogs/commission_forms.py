"""What is filled in while a camera is brought into use (P3 to P8): place, reasons, approval; and its retirement."""

from __future__ import annotations

from textual.app import ComposeResult

from holdshelf_core.acts import Done
from holdshelf_core.api.areas import questionable_name
from holdshelf_core.cameras.commission_types import CommissionApprove, CommissionEdit, CommissionRow, StillRow
from holdshelf_core.cameras.types import CameraRetire
from holdshelf_tui.screens.dialogs.form import FormDialog, Missing
from holdshelf_tui.screens.dialogs.paper import paper_field, sha256_of
from holdshelf_tui.text.time_format import clock
from holdshelf_tui.text.words import inert
from holdshelf_tui.widgets.fields import Choice, FormField, Picks, TextField, Tick


def area_of[T](form: FormDialog[T]) -> tuple[str, str]:
    """(kind, note) as filled in. Raises Missing."""
    kind, note = form.query_one("#area", Choice).value, form.text("note")
    if not kind:
        raise Missing("area", "What kind of place is it? The policy lists these (P4).")
    if kind in form.link.policy.explained and not note:
        raise Missing("note", "Which place is it, and why does it need a camera?")
    return kind, note


class PlaceDialog(FormDialog[CommissionRow]):
    """The kind of place that it looks at (P4), and whether it may see beyond library property (P8)."""

    title_words = "What the camera looks at"
    does = "Save it"
    doing = "Saving"

    def __init__(self, row: CommissionRow) -> None:
        super().__init__()
        self._row = row

    def lead(self) -> str:
        """What another place means, once it is in use."""
        if self._row.state == "approved":
            return "It is in use. Changing the kind of place takes it out of use until it is approved again."
        return ""

    def fields(self) -> ComposeResult:
        row = self._row
        yield FormField("Place", Choice(self.link.policy.places, row.area_kind, id="area", rows=9))
        yield FormField("Which one, and why", TextField(row.area_note, "for another common area", id="note", most=200))
        yield FormField("Outside", Tick("it may see beyond library property", row.exterior, id="exterior"))
        if row.state == "approved":
            yield FormField("Why it changes", TextField("", "a few words", id="why", most=200))

    async def async_submit(self) -> CommissionRow:
        """Register the kind of place, and whether it sees beyond the library's property. Raises Missing, HoldshelfError."""
        kind, note = area_of(self)
        why = self.needed("why", "Why does this change? A few words are enough.") if self.query("#why") else ""
        exterior = self.query_one("#exterior", Tick).value
        same = (kind, note) == (self._row.area_kind, self._row.area_note)
        asked = CommissionEdit(
            self._row.camera,
            exterior=exterior,
            area_kind="" if same else kind,
            area_note="" if same else note,
            why=why,
        )
        return await self.link.act(asked)


class ReasonDialog(FormDialog[str]):
    """What a mask hides."""

    title_words = "What does this hide?"
    does = "Hide it"

    def __init__(self, why: str = "") -> None:
        super().__init__()
        self._why = why

    def fields(self) -> ComposeResult:
        yield FormField("It hides", TextField(self._why, "e.g., public screens", id="why", most=80))

    async def async_submit(self) -> str:
        """Nothing is written down yet."""
        return self.needed("why", "What does it hide? A word or two is enough.")


class NoMasksDialog(FormDialog[CommissionRow]):
    """There is nothing to hide, and why (P6)."""

    title_words = "There is nothing to hide"
    does = "Nothing to hide"
    doing = "Saving"

    def __init__(self, camera: str) -> None:
        super().__init__()
        self._camera = camera

    def fields(self) -> ComposeResult:
        yield FormField("Why", TextField("", "e.g., a blank wall and a door, no screen", id="why", most=200))

    async def async_submit(self) -> CommissionRow:
        """All masks are gone, with that reason."""
        why = self.needed("why", "Why is there nothing to hide? A few words are enough.")
        asked = CommissionEdit(self._camera, [], no_masks_why=why)
        return await self.link.act(asked)


class ReopenDialog(FormDialog[CommissionRow]):
    """Take a camera out of use, to change what is hidden or to aim it anew."""

    title_words = "Take it out of use to change it"
    does = "Take it out of use"
    doing = "Taking it out of use"

    def __init__(self, row: CommissionRow) -> None:
        super().__init__()
        self._row = row

    def lead(self) -> str:
        return (
            "Nobody may look at it until it is approved again. Recording continues, and what is hidden now stays hidden "
            "until you change it."
        )

    def fields(self) -> ComposeResult:
        yield FormField("Why", TextField("", "e.g., the desk was moved", id="why", most=200))

    async def async_submit(self) -> CommissionRow:
        """The same masks, to be approved anew."""
        why = self.needed("why", "Why does this change? A few words are enough.")
        no_masks_why = "" if self._row.masks else self._row.no_masks_why or why
        asked = CommissionEdit(self._row.camera, list(self._row.masks), no_masks_why, why=why)
        return await self.link.act(asked)


class ApproveDialog(FormDialog[CommissionRow]):
    """Approve it for use, by the very picture that was looked at."""

    title_words = "Approve it for use"
    does = "Approve it"
    doing = "Approving"

    def __init__(self, row: CommissionRow, still: StillRow) -> None:
        super().__init__()
        self._row, self._still = row, still

    def lead(self) -> str:
        """Which picture, and what to think of."""
        name, at = inert(self._row.name, 60), clock(self._still.shown_utc_ns)
        cautions = " ".join(f"▲ {sentence}" for sentence in self._row.cautions)
        seen = (
            f"{name}, by the picture of {at} that you looked at ({self._still.sha256[:16]}). The picture is not saved."
        )
        return f"{seen} {cautions}".strip()

    def fields(self) -> ComposeResult:
        """What the approver says."""
        yield FormField("You say", Tick("it shows what it should, and nothing else", id="looked"))
        if word := questionable_name(self._row.name):
            words = f"it sees no private place, though its name says {word!r}"
            yield FormField("", Tick(words, id="not_private"))
        if self.link.policy.consents:
            yield FormField("Consent of", Choice(self.link.policy.consents, id="seat", rows=3))
            yield paper_field("Signed paper", needed=False)
        if self.link.policy.consults:
            yield FormField("Consulted", Picks(self.link.policy.consults, id="consulted", rows=3))

    async def async_submit(self) -> CommissionRow:
        """In use from then on."""
        if not self.query_one("#looked", Tick).value:
            raise Missing("looked", "Check it, or go back and change what is hidden.")
        not_private = bool(self.query("#not_private")) and self.query_one("#not_private", Tick).value
        if self.query("#not_private") and not not_private:
            raise Missing("not_private", "No camera may see a private place (P5). Check this if the camera sees none.")
        paper = sha256_of(self.text("paper"), needed=False) if self.query("#paper") else ""
        asked = CommissionApprove(
            self._row.camera,
            self._still.sha256,
            not_private,
            paper,
            self.query_one("#seat", Choice).value if paper else "",
            self.query_one("#consulted", Picks).selected if self.query("#consulted") else [],
        )
        return await self.link.act(asked)


class RetireDialog(FormDialog[Done]):
    """Take a camera out of use for good."""

    title_words = "Retire a camera"
    does = "Retire it"
    doing = "Retiring it"

    def __init__(self, camera: str, name: str) -> None:
        super().__init__()
        self._camera, self._called = camera, name

    def lead(self) -> str:
        return (
            f"{inert(self._called, 60)} is no longer recorded. Its footage is kept until it is erased on schedule, "
            "and you can look at it as before."
        )

    def fields(self) -> ComposeResult:
        yield FormField("Why", TextField("", "e.g., the desk was moved", id="why", most=200))

    async def async_submit(self) -> Done:
        """Retire the camera, for the reason that was typed. Raises Missing, HoldshelfError."""
        why = self.needed("why", "Why is it retired? A few words are enough.")
        return await self.link.act(CameraRetire(self._camera, why))
