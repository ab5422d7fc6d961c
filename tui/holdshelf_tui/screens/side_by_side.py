"""A pane that can show several cameras of one look side by side: the choice of them, its button, and the room it takes."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.widgets import Button, Select

from holdshelf_core.api.types import CameraRow
from holdshelf_core.looks.types import GrantRow
from holdshelf_tui.screens.dialogs.side_by_side import SideBySideDialog, choice_of
from holdshelf_tui.screens.pane import Pane
from holdshelf_tui.session.graphics import SHORT_LEGEND_PX, Graphics
from holdshelf_tui.widgets.side_by_side import Beside, in_sight

LOW_ROWS = 36
"""A terminal of fewer rows gives its head and its row of tabs to pictures that stand side by side."""
MOST_PX = 960
"""How wide one of four is asked for at most."""
ONE_CAMERA = "You may look at one camera here. Side by side needs two."
_TO_SPLIT, _TO_ONE = "Split", "One"


def width_px(graphics: Graphics, columns: int) -> int:
    """How wide one of several pictures is asked for, for a place of so many cells."""
    return graphics.picture_px(columns, MOST_PX, least=SHORT_LEGEND_PX)


class SplitPane(Pane):
    """Subclasses give ``_select`` (the camera in front) and `beside`, and bind `action_together`."""

    cameras: list[CameraRow]
    camera: str
    _select: Select[str]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._split = Button(
            _TO_SPLIT, id="split", compact=True, tooltip="Up to four cameras side by side, or one again (|)"
        )

    @property
    def beside(self) -> tuple[str, ...]:
        """Cameras that stand side by side now, the one in front among them; () for one alone."""
        raise NotImplementedError

    def looked_at(self, look: GrantRow) -> tuple[str, ...]:
        """Which of a look's cameras can stand side by side at once; () for fewer than two."""
        there = [row.id for row in choice_of(look, self.cameras) if row.id in look.cameras]
        return in_sight(there, self.camera)

    async def async_choose(self, look: GrantRow, picked: Sequence[str]) -> tuple[str, ...]:
        """Ask which; () when they were left as they were. To be awaited in a worker."""
        if len(choice_of(look, self.cameras)) < 2:
            self.notify(ONE_CAMERA, severity="warning")
            return ()
        return await self.app.push_screen_wait(SideBySideDialog(look, self.cameras, picked)) or ()

    def fit_split(self) -> None:
        """On a low terminal pictures that stand side by side need the rows of the head. The button leads back."""
        together = bool(self.beside)
        low = together and self.app.size.height < LOW_ROWS
        self.set_class(low, "low")
        if self._shown:
            self.screen.set_class(low, "wide")
        words = _TO_ONE if together else _TO_SPLIT
        if str(self._split.label) != words:
            self._split.label = words
            self._split.refresh(layout=True)

    def hidden(self) -> None:
        """Another tab is in front, which has a head and tabs."""
        super().hidden()
        self.screen.remove_class("wide")

    @on(Beside.Picked)
    def _brought_to_front(self, picked: Beside.Picked) -> None:
        self._select.value = picked.camera
