"""Drawing what is hidden (P6), over the bare picture: masks are seen at once, named, taken back, and kept in one act."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, cast

from textual import on, work
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Button, OptionList, Static
from textual.widgets.option_list import Option

from holdshelf_core.cameras.commission_types import CommissionEdit, CommissionRow, MaskAsk, StillRow
from holdshelf_tui.screens.dialogs.commission_forms import NoMasksDialog, ReasonDialog
from holdshelf_tui.screens.told import async_told
from holdshelf_tui.session.app import SessionApp
from holdshelf_tui.session.inputs import in_turn
from holdshelf_tui.text.words import counted, inert
from holdshelf_tui.widgets.mask_canvas import MaskCanvas
from holdshelf_tui.widgets.text import plain

if TYPE_CHECKING:
    from holdshelf_tui.session.link import Link


class DrawingScreen(Screen[None]):
    """A screen with a `MaskCanvas`, a list of masks and their buttons. Subclasses give the three methods at its end."""

    def __init__(self, camera: str) -> None:
        super().__init__()
        self.camera = camera
        self.masks: list[MaskAsk] = []
        """As drawn; not kept yet while ``unkept``."""
        self.unkept = False
        self.bare: StillRow | None = None
        self.masked: StillRow | None = None
        """The stills of this visit: without masks, to draw by; and as it would be approved."""
        self.drawing = False
        self._busy = False
        self._shown: StillRow | None = None

    @property
    def home(self) -> SessionApp:
        """The app, as ours."""
        return cast(SessionApp, self.app)

    @property
    def link(self) -> Link:
        """The word with the service."""
        return self.home.link

    @property
    def canvas(self) -> MaskCanvas:
        """The picture, and what is drawn over it."""
        return self.query_one(MaskCanvas)

    # --- asking ---------------------------------------------------------------------------------------------------

    def say(self, text: str, *, wrong: bool = False) -> None:
        """In the line for it."""
        said = self.query_one("#said", Static)
        said.update(Content(inert(text, 400)))
        said.set_class(wrong, "wrong")
        said.display = bool(text)

    async def _async_told[T](self, what: str, doing: Awaitable[T]) -> T | None:
        """See `async_told`; when it went well, nothing is said any more."""
        answer = await async_told(self, lambda text, wrong: self.say(text, wrong=wrong), what, "drawing is", doing)
        if answer is not None:
            self.say("")
        return answer

    # --- showing ----------------------------------------------------------------------------------------------------

    def _show_masks(self, at: int | None = None) -> None:
        masks = self.query_one("#masks", OptionList)
        at = masks.highlighted if at is None else at
        masks.clear_options()
        masks.add_options(
            [
                Option(plain(f"{number} {mask.why or 'without a reason'}", 60))
                for number, mask in enumerate(self.masks, 1)
            ]
        )
        if self.masks:
            masks.highlighted = min(max(at or 0, 0), len(self.masks) - 1)
        for button in ("delete", "keep"):
            self.query_one(f"#{button}", Button).disabled = not (self.masks and (button == "delete" or self.unkept))
        self._overlay()

    def _overlay(self) -> None:
        """Over the bare picture only: in the masked one they are burned in."""
        shown = self.masks if self.bare is not None and self._shows_bare else []
        at = self.query_one("#masks", OptionList).highlighted if self.drawing else None
        self.canvas.show_masks([mask.points for mask in shown], -1 if at is None else at)

    @property
    def _shows_bare(self) -> bool:
        return self._shown is not None and self._shown is self.bare

    def _show_still(self, still: StillRow) -> None:
        self._shown = still
        self.canvas.show_still(still.jpeg, still.height, still.picture_height)
        self._overlay()

    # --- drawing --------------------------------------------------------------------------------------------------

    @on(MaskCanvas.Changed)
    def _canvas_changed(self) -> None:
        self._hint()

    @on(MaskCanvas.Drawn)
    def _drawn(self, drawn: MaskCanvas.Drawn) -> None:
        self._give_reason(-1, list(drawn.points))

    @work(group="act")
    @in_turn
    async def _give_reason(self, number: int, points: list[tuple[int, int]] | None = None) -> None:
        """To a new mask; or another one to one in the list."""
        before = "" if points is not None else self.masks[number].why
        if points is not None:
            # Seen at once, before it is named.
            self.canvas.show_masks([*(mask.points for mask in self.masks), points], len(self.masks))
        why = await self.app.push_screen_wait(ReasonDialog(before))
        if why is not None and points is not None:
            self.masks.append(MaskAsk(points, why))
            number = len(self.masks) - 1
        elif why is not None:
            self.masks[number] = MaskAsk(list(self.masks[number].points), why)
        self.unkept = self.unkept or why is not None
        self._show_masks(number)
        self._hint()

    @on(MaskCanvas.TakenBack)
    def _taken_back(self) -> None:
        self._delete(len(self.masks) - 1)

    @on(Button.Pressed, "#delete")
    def action_delete(self) -> None:
        """The mask that is chosen in the list."""
        self._delete(self.query_one("#masks", OptionList).highlighted)

    def _delete(self, number: int | None) -> None:
        if self.drawing and number is not None and 0 <= number < len(self.masks):
            del self.masks[number]
            self.unkept = True
            self._show_masks(number)
            self._hint()

    @on(Button.Pressed, "#shape")
    def _shape(self) -> None:
        self.canvas.action_shape()
        self.canvas.focus()

    @on(Button.Pressed, "#keep")
    def action_keep(self) -> None:
        """Keep what is drawn."""
        if self.drawing and not self._busy:
            self._keep()

    @work(group="act")
    @in_turn
    async def _keep(self) -> None:
        if not self.masks:
            await self._async_nothing()
            return
        self._busy = True
        try:
            asked = CommissionEdit(self.camera, list(self.masks))
            row = await self._async_told("Saving the masks", self.link.act(asked))
        finally:
            self._busy = False
        if row is not None:
            self._kept(row)
            self.say(f"{counted(len(row.masks), 'mask')} kept: hidden from now on.")

    def _kept(self, row: CommissionRow) -> None:
        self.unkept, self.masked = False, None
        self._take(row)
        self._draw(False)

    @on(Button.Pressed, "#nothing")
    @work(group="act")
    @in_turn
    async def action_nothing(self) -> None:
        """Say that nothing has to be hidden."""
        await self._async_nothing()

    async def _async_nothing(self) -> None:
        row = await self.app.push_screen_wait(NoMasksDialog(self.camera))
        if row is not None:
            self._kept(row)

    # --- what the steps are told ------------------------------------------------------------------------------------

    def _draw(self, on: bool) -> None:
        """Begin or end drawing."""
        raise NotImplementedError

    def _hint(self) -> None:
        """Say what can be done now."""
        raise NotImplementedError

    def _take(self, row: CommissionRow) -> None:
        """The camera's commissioning as it is now."""
        raise NotImplementedError
