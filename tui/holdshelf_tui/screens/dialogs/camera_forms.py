"""What the admin fills in about a camera (P4, P5): added, another password, renamed, moved, removed. No picture anywhere."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.widgets import Input

from holdshelf_core.api.areas import questionable_name
from holdshelf_core.api.errors import BadRequest
from holdshelf_core.api.types import AddedRow, AddRequest, CameraRow, Checks, DiscoveredRow
from holdshelf_core.api.types_commission import CameraCheck, CameraMove, CameraRemove, CameraRename
from holdshelf_core.api.types_people import Done
from holdshelf_tui.screens.dialogs.commission_forms import AREAS, area_of
from holdshelf_tui.screens.dialogs.form import FormDialog, Missing
from holdshelf_tui.widgets.fields import Choice, Field, TextField, Tick
from holdshelf_tui.words import inert

DIAL_TIMEOUT_S = 90.0


def secret_field(hint: str) -> TextField:
    """A password: typed, never shown."""
    field = TextField("", hint, id="password", most=256)
    field.password = True
    return field


class QuestionedForm[T](FormDialog[T]):
    """A form with a name. One that sounds like a private place is asked back (P5)."""

    def asked_back(self) -> Field:
        """The question; there once the name asks for it."""
        field = Field("", Tick("it sees no private place, whatever its name", id="questioned"), id="asked-back")
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
                f"{word!r} sounds like a private place, where no camera may be (P5).",
                "Tick it if this camera sees none.",
            )
        return True


class AddCameraDialog(QuestionedForm[AddedRow]):
    """Add a camera that answered, or one by its address. Nothing is added whose stream does not play."""

    title_words = "Add a camera"
    does = "Try it and add it"
    doing = "Trying the camera"

    def __init__(self, found: DiscoveredRow | None = None, *, username: str = "admin") -> None:
        super().__init__()
        self._found, self._username = found, username

    def lead(self) -> str:
        """Which one."""
        found = self._found
        if found is None:
            return "An ONVIF address (http://…/onvif/device_service, or a host), or an rtsp:// address."
        return inert(f"{found.name}  {found.hardware}  {found.address}", 140)

    def fields(self) -> ComposeResult:
        """Address, name, place, credentials."""
        found = self._found
        if found is None:
            yield Field("Address", TextField("", "rtsp://host/stream, or the camera's host", id="address", most=500))
        yield Field("Name", TextField(found.name if found else "", "what people call it", id="name", most=64))
        yield self.asked_back()
        yield Field("Place", Choice([("", "choose one …"), *AREAS], id="area", rows=4))
        yield Field("Which, and why", TextField("", "for another common area", id="note", most=200))
        yield Field(
            "User on camera", TextField(self._username if found else "", "left out: none", id="username", most=128)
        )
        yield Field("Password", secret_field("left out: none"))
        if found is None:
            yield Field("Transport", Tick("UDP, where TCP does not work", id="udp"))

    async def async_submit(self) -> AddedRow:
        """Dialled, tried up to its first picture, and added."""
        target = self._found.id if self._found else self.needed("address", "What is the camera's address?")
        name = self.needed("name", "What do people call this camera?")
        questioned = self.questioned(name)
        kind, note = area_of(self)  # type: ignore[arg-type]
        password = self.query_one("#password", Input).value
        udp = bool(self.query("#udp")) and self.query_one("#udp", Tick).value
        asked = AddRequest(
            target,
            name,
            kind,
            note,
            self.text("username") or None,
            password or None,
            "udp" if udp else "tcp",
            questioned,
        )
        return await self.link.act("camera.add", asked, AddedRow, timeout_s=DIAL_TIMEOUT_S)


class CredentialsDialog(FormDialog[Checks]):
    """Another password, or user name. Kept only when it is right."""

    title_words = "New password for a camera"
    does = "Try it"
    doing = "Trying the camera"

    def __init__(self, camera: CameraRow) -> None:
        super().__init__()
        self._camera = camera

    def lead(self) -> str:
        """Which one."""
        return f"{inert(self._camera.name, 60)}: tried at once, and kept only if it is right."

    def fields(self) -> ComposeResult:
        """Both."""
        yield Field("User on camera", TextField("", "left out: as before", id="username", most=128))
        yield Field("Password", secret_field("left out: as before"))

    async def async_submit(self) -> Checks:
        """Tried; wrong ones are told in the form."""
        username, password = self.text("username") or None, self.query_one("#password", Input).value or None
        if username is None and password is None:
            raise Missing("password", "Type the new password, the new user name, or both.")
        asked = CameraCheck(self._camera.id, username, password)
        checks = await self.link.act("camera.check", asked, Checks, timeout_s=DIAL_TIMEOUT_S)
        wrong = next((step for step in checks.steps if step.name == "password" and step.outcome == "failed"), None)
        if wrong is not None:
            raise BadRequest(wrong.sentence, wrong.next_step)
        return checks


class RenameDialog(QuestionedForm[Done]):
    """Call it something else."""

    title_words = "Rename a camera"
    does = "Rename it"
    doing = "Renaming"

    def __init__(self, camera: CameraRow) -> None:
        super().__init__()
        self._camera = camera

    def fields(self) -> ComposeResult:
        """The name."""
        yield Field("Name", TextField(self._camera.name, "what people call it", id="name", most=64))
        yield self.asked_back()

    async def async_submit(self) -> Done:
        """Renamed."""
        name = self.needed("name", "What do people call this camera?")
        asked = CameraRename(self._camera.id, name, self.questioned(name))
        return await self.link.act("camera.rename", asked, Done)


class MoveDialog(QuestionedForm[Done]):
    """It looks at another place from now on."""

    title_words = "A camera was moved"
    does = "It was moved"
    doing = "Writing it down"

    def __init__(self, camera: CameraRow) -> None:
        super().__init__()
        self._camera = camera

    def lead(self) -> str:
        """What it means."""
        return "Recording goes on. Nobody looks before a seat has brought it into use anew."

    def fields(self) -> ComposeResult:
        """Where it is now."""
        yield Field("Place", Choice(AREAS, self._camera.area_kind, id="area", rows=6))
        yield Field("Which, and why", TextField("", "for another common area", id="note", most=200))
        yield Field("Name", TextField(self._camera.name, "what people call it", id="name", most=64))
        yield self.asked_back()
        yield Field("Why", TextField("", "why it was moved", id="why", most=200))

    async def async_submit(self) -> Done:
        """Placed anew."""
        kind, note = area_of(self)  # type: ignore[arg-type]
        name = self.needed("name", "What do people call this camera?")
        why = self.needed("why", "Why was it moved? A few words are enough.")
        other = name if name != self._camera.name else ""
        asked = CameraMove(self._camera.id, kind, why, note, other, self.questioned(name) if other else False)
        return await self.link.act("camera.move", asked, Done)


class RemoveDialog(FormDialog[Done]):
    """Stop recording a camera."""

    title_words = "Remove a camera"
    does = "Remove it"
    doing = "Removing"

    def __init__(self, camera: CameraRow) -> None:
        super().__init__()
        self._camera = camera

    def lead(self) -> str:
        """What it means."""
        name = inert(self._camera.name, 60)
        return f"{name} is no longer recorded. What it recorded stays until it is erased on schedule; nothing is erased now."

    def fields(self) -> ComposeResult:
        """Why."""
        yield Field("Why", TextField("", "goes into the access log", id="why", most=200))

    async def async_submit(self) -> Done:
        """Removed."""
        why = self.needed("why", "Why is it removed? A few words are enough.")
        return await self.link.act("camera.remove", CameraRemove(self._camera.id, why), Done)
