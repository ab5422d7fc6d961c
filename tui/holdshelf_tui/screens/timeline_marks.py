"""The in and out marks of the timeline, and what is done with the span between them: hold, share, release."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual import work

from holdshelf_core.api.types import CameraRow
from holdshelf_core.api.types_holds import SpanAsk
from holdshelf_tui.screens.pane import Pane
from holdshelf_tui.widgets.timeline_strip import Marks
from holdshelf_tui.zoom import NS, View

if TYPE_CHECKING:
    from holdshelf_tui.screens.home import HomeScreen


class MarkedPane(Pane):
    """What a pane with a cursor, a camera and marks does with them. Its forms are filled from the marks."""

    view: View
    camera: str
    cameras: list[CameraRow]
    marks: Marks

    def marks_changed(self) -> None:
        """They are elsewhere."""

    def held(self) -> None:
        """Something was put on hold."""

    def action_mark(self, side: int) -> None:
        """In or out at the cursor; pressed there again, it is taken away. Marks that cross are swapped."""
        at, marks = self.view.cursor_utc_ns, self.marks
        if side < 0:
            marks = Marks(None if marks.start_utc_ns == at else at, marks.end_utc_ns)
        else:
            marks = Marks(marks.start_utc_ns, None if marks.end_utc_ns == at else at)
        if marks.start_utc_ns is not None and marks.end_utc_ns is not None and marks.end_utc_ns < marks.start_utc_ns:
            marks = Marks(marks.end_utc_ns, marks.start_utc_ns)
        self.marks = marks
        self.marks_changed()

    def marked(self) -> list[SpanAsk]:
        """The span between both marks; [] while there are not two."""
        start, end = self.marks.start_utc_ns, self.marks.end_utc_ns
        if start is None or end is None or end <= start:
            return []
        return [SpanAsk(self.camera, start, end)]

    @work(exclusive=True, group="marked")
    async def action_hold(self) -> None:
        """The hold form; without both marks the time is typed."""
        if "hold" not in self.who.rights or not self.cameras:
            return
        from holdshelf_tui.screens.dialogs.hold import HoldDialog  # noqa: PLC0415 - only who holds needs it

        if await self.app.push_screen_wait(HoldDialog(self.marked(), self.cameras)) is not None:
            self.marks = Marks()
            self.held()

    @work(exclusive=True, group="marked")
    async def action_share(self) -> None:
        """The share form; without both marks the minute before the cursor."""
        if "share" not in self.who.rights or not self.cameras:
            return
        from holdshelf_tui.screens.dialogs.share import ShareDialog  # noqa: PLC0415 - only who shares needs it

        at = self.view.cursor_utc_ns
        done = await self.app.push_screen_wait(
            ShareDialog(self.marked() or [SpanAsk(self.camera, at - 60 * NS, at)], self.cameras)
        )
        if done is not None:
            self.notify(f"{done.id} is shared.", timeout=4)

    @work(exclusive=True, group="marked")
    async def action_release(self) -> None:
        """The form of a request from outside; what becomes of it is shown where releases are."""
        if "release" not in self.who.rights or not self.cameras:
            return
        from holdshelf_tui.screens.dialogs.release_forms import RequestDialog  # noqa: PLC0415 - seldom needed
        from holdshelf_tui.screens.releases import ReleasesPane  # noqa: PLC0415

        outcome = await self.app.push_screen_wait(RequestDialog(self.marked(), self.cameras))
        if outcome is None:
            return
        pane = await cast("HomeScreen", self.screen).go("releases")
        if isinstance(pane, ReleasesPane):
            await pane.async_tell(outcome)
