"""What the admin fills in about a camera (P4, P5): renamed, moved, removed. No picture anywhere.

The steps of adding one, of a new password and of a new address are the service's: ``step``.
"""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.widgets import Input

from holdshelf_core.acts import Done
from holdshelf_core.api.areas import questionable_name
from holdshelf_core.api.types import CameraRow
from holdshelf_core.cameras.types import CameraMove, CameraRemove, CameraRename
from holdshelf_tui.screens.dialogs.commission_forms import area_of
from holdshelf_tui.screens.dialogs.form import FormDialog, Missing
from holdshelf_tui.text.words import inert
from holdshelf_tui.widgets.fields import Choice, FormField, TextField, Tick


def secret_field(hint: str) -> TextField:
    """A password: typed, never shown."""
    field = TextField("", hint, id="password", most=256)
    field.password = True
    return field


class QuestionedForm[T](FormDialog[T]):
    """A form with a name. One that sounds like a private place is asked back (P5)."""

    def asked_back(self) -> FormField:
        """The question; there once the name asks for it."""
        field = FormField("", Tick("it sees no private place, whatever its name", id="questioned"), id="asked-back")
        field.display = False
        return field

    @on(Input.Changed, "#name")
    def _named(self, changed: Input.Changed) -> None:
        for field in self.query("#asked-back"):
            field.display = questionable_name(changed.value) is not None

    def questioned(self, name: str) -> bool:
        """Whether it is confirmed. Raises Missing."""
        word = questionable_name(name)
        if word is None:
            return False
        self.query_one("#asked-back").display = True
        if not self.query_one("#questioned", Tick).value:
            raise Missing(
                "questioned",
                f"{word!r} sounds like a private place, where cameras are not allowed (P5).",
                "Check this if the camera sees no private place.",
            )
        return True


class RenameDialog(QuestionedForm[Done]):
    """Call it something else."""

    title_words = "Rename a camera"
    does = "Rename it"
    doing = "Renaming"

    def __init__(self, camera: CameraRow) -> None:
        super().__init__()
        self._camera = camera

    def fields(self) -> ComposeResult:
        yield FormField("Name", TextField(self._camera.name, "what people call it", id="name", most=64))
        yield self.asked_back()

    async def async_submit(self) -> Done:
        """Rename the camera. Raises Missing, HoldshelfError."""
        name = self.needed("name", "What do people call this camera?")
        asked = CameraRename(self._camera.id, name, self.questioned(name))
        return await self.link.act(asked)


class MoveDialog(QuestionedForm[Done]):
    """It looks at another place from now on."""

    title_words = "A camera was moved"
    does = "Record the move"
    doing = "Saving"

    def __init__(self, camera: CameraRow) -> None:
        super().__init__()
        self._camera = camera

    def lead(self) -> str:
        return f"Recording continues. Nobody may look until the {self.link.policy.titles} approves it again."

    def fields(self) -> ComposeResult:
        """Where it is now."""
        yield FormField("Place", Choice(self.link.policy.places, self._camera.area_kind, id="area", rows=6))
        yield FormField("Which one, and why", TextField("", "for another common area", id="note", most=200))
        yield FormField("Name", TextField(self._camera.name, "what people call it", id="name", most=64))
        yield self.asked_back()
        yield FormField("Why", TextField("", "why it was moved", id="why", most=200))

    async def async_submit(self) -> Done:
        """Register the camera's new place, and its new name if it has one. Raises Missing, HoldshelfError."""
        kind, note = area_of(self)
        name = self.needed("name", "What do people call this camera?")
        why = self.needed("why", "Why was it moved? A few words are enough.")
        other = name if name != self._camera.name else ""
        asked = CameraMove(self._camera.id, kind, why, note, other, self.questioned(name) if other else False)
        return await self.link.act(asked)


class RemoveDialog(FormDialog[Done]):
    """Stop recording a camera."""

    title_words = "Remove a camera"
    does = "Remove it"
    doing = "Removing"

    def __init__(self, camera: CameraRow) -> None:
        super().__init__()
        self._camera = camera

    def lead(self) -> str:
        name = inert(self._camera.name, 60)
        return f"{name} is no longer recorded. Its footage stays until it is erased on schedule; nothing is erased now."

    def fields(self) -> ComposeResult:
        yield FormField("Why", TextField("", "goes into the access log", id="why", most=200))

    async def async_submit(self) -> Done:
        """Stop recording the camera, for the reason that was typed. Raises Missing, HoldshelfError."""
        why = self.needed("why", "Why is it removed? A few words are enough.")
        return await self.link.act(CameraRemove(self._camera.id, why))
