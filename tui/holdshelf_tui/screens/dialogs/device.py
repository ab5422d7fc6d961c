"""What the admin does at a camera itself: what it tells, its sound, clock and own masks, and set up anew. No picture."""

from __future__ import annotations

from collections.abc import Mapping

from textual.app import ComposeResult

from holdshelf_core.acts import Act, Done
from holdshelf_core.cameras.types import (
    CameraDetailsAsk,
    CameraPutMasks,
    CameraReload,
    CameraSetTime,
    CameraSoundOff,
)
from holdshelf_tui.screens.dialogs.form import FormDialog
from holdshelf_tui.text.cameras import told_lines
from holdshelf_tui.widgets.fields import Choice, FormField

DETAILS = "details"
ACTS: Mapping[str, tuple[str, type[CameraPutMasks | CameraReload | CameraSetTime | CameraSoundOff]]] = {
    "sound": ("switch its sound off (sound is never recorded)", CameraSoundOff),
    "time": ("set its clock to this server's", CameraSetTime),
    "masks": ("have the camera apply the masks itself: what is under them is not recorded", CameraPutMasks),
    "reload": ("disconnect and set it up again; other cameras keep recording", CameraReload),
}
CHOICES = (
    (DETAILS, "show its details: make, clock, streams, sound"),
    *((k, w) for k, (w, _) in ACTS.items()),
)


class DeviceDialog(FormDialog[tuple[str, str]]):
    """Leaves with a title and what the camera said or did, in lines."""

    title_words = "At the camera itself"
    does = "Do it"
    doing = "Asking the camera"

    def __init__(self, camera: str, name: str) -> None:
        super().__init__()
        self._camera, self._name = camera, name

    def lead(self) -> str:
        """Name the camera, and say that it is asked now."""
        return f"{self._name}. The camera is asked now; it may not offer all of this."

    def fields(self) -> ComposeResult:
        """What is to be asked of the camera or done at it."""
        yield FormField("Do this", Choice(CHOICES, id="what", rows=5))

    async def async_submit(self) -> tuple[str, str]:
        """Return a title and what the camera told or what was done. Raises HoldshelfError."""
        what = self.query_one("#what", Choice).value
        if what == DETAILS:
            told = await self.link.act(CameraDetailsAsk(self._camera))
            return f"What {self._name} reports", "\n".join(told_lines(told.told))
        asked: Act[Done] = ACTS[what][1](self._camera)
        done = await self.link.act(asked)
        return "Done", f"{done.sentence} Entry {done.seq} of the access log."
