"""Which cameras stand side by side. A camera that is new to the look is added to it: one confirm, one line on record (P12)."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult

from holdshelf_core.api.types import CameraRow
from holdshelf_core.looks.types import MOST_SIDE_BY_SIDE, GrantRow
from holdshelf_tui.screens.dialogs.form import FormDialog, Missing
from holdshelf_tui.widgets.fields import FormField, Picks


class SideBySideDialog(FormDialog[tuple[str, ...]]):
    """``cameras``: that this person may look at this way. Leaves with two to four of them, all part of the look; or None."""

    title_words = "Cameras side by side"
    does = "Show them"
    doing = "Adding them to the look"

    def __init__(self, look: GrantRow, cameras: Sequence[CameraRow], picked: Sequence[str]) -> None:
        super().__init__()
        self._look = look
        self._cameras = choice_of(look, cameras)
        self._picked = list(picked)

    def lead(self) -> str:
        """What a tick does."""
        same = "The same time of up to four cameras. "
        if self._look.kind != "look":
            return same + "Your look shows only the cameras it was opened for."
        return same + (
            "One that is not part of your look yet is added to it, for the same purpose. That goes on record. If this is "
            "about something else, close the look and open another one."
        )

    def fields(self) -> ComposeResult:
        """The cameras that may be looked at; those outside of the look say that choosing them adds them."""
        choices = [
            (camera.id, camera.name if camera.id in self._look.cameras else f"{camera.name} (adds it to the look)")
            for camera in self._cameras
        ]
        yield FormField(
            "Cameras", Picks(choices, self._picked, id="cameras", rows=10), hint="Press Space to check one."
        )

    async def async_submit(self) -> tuple[str, ...]:
        """The look is widened, and that is written down, before anything of a new camera is asked for."""
        cameras = self.query_one("#cameras", Picks).selected
        if not 2 <= len(cameras) <= MOST_SIDE_BY_SIDE:
            raise Missing("cameras", "Check two, three or four cameras with Space.")
        new = [camera for camera in cameras if camera not in self._look.cameras]
        if new:
            await self.home.looks.async_widen(self._look.id, new)
        return tuple(cameras)


def choice_of(look: GrantRow, cameras: Sequence[CameraRow]) -> list[CameraRow]:
    """Cameras that can stand side by side in this look: one that cannot be widened has its own alone."""
    return [camera for camera in cameras if look.kind == "look" or camera.id in look.cameras]
