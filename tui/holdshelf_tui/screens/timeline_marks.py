"""The in and out marks of the timeline, and what is done with the span between them: hold, share, release."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual import work

from holdshelf_core.holds.types import HoldRow, SpanAsk
from holdshelf_tui.screens.side_by_side import SplitPane
from holdshelf_tui.session.inputs import in_turn
from holdshelf_tui.session.looks import ARCHIVE
from holdshelf_tui.session.zoom import View
from holdshelf_tui.text.time_format import MINUTE_NS
from holdshelf_tui.widgets.timeline_strip import Marks

if TYPE_CHECKING:
    from holdshelf_tui.screens.home import HomeScreen


class MarkedPane(SplitPane):
    """What a pane with a cursor, a camera and marks does with them. Its forms are filled from the marks."""

    view: View
    marks: Marks

    def marks_changed(self) -> None:
        """A mark was set, moved or removed."""

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

    def marked(self, cameras: tuple[str, ...] = ()) -> list[SpanAsk]:
        """The span between both marks, of these cameras or of the one in front; [] while there are not two."""
        start, end = self.marks.start_utc_ns, self.marks.end_utc_ns
        if start is None or end is None or end <= start:
            return []
        return [SpanAsk(camera, start, end) for camera in cameras or (self.camera,)]

    def begin_at(self, utc_ns: int) -> None:
        """It started there; when it ended is not known yet."""
        self.marks = Marks(utc_ns)
        self.marks_changed()

    def show_buttons(self) -> None:
        """What may be done with a span has a button."""
        for button, right in (("hold", "hold"), ("share", "share"), ("release", "release"), ("sheet", "share")):
            self.query_one(f"#{button}").display = right in self.who.rights

    async def async_other_rights(self) -> None:
        """What may be done with a span, too."""
        self.show_buttons()
        await super().async_other_rights()

    @property
    def _number(self) -> str:
        """Of the look under the cursor, or of the newest one."""
        look = self.home.looks.covering(self.camera, self.view.cursor_utc_ns)
        return (look.incident if look is not None else "") or self.home.looks.number

    @work(exclusive=True, group="marked")
    @in_turn
    async def action_hold(self) -> None:
        """The hold form, over all cameras that stand side by side; without both marks the time is typed."""
        await self.async_hold()

    @property
    def has_looked(self) -> bool:
        """Whether a look at recordings is open."""
        return self.home.looks.of_mode(ARCHIVE) is not None

    async def async_hold(self, *, in_front: bool = True) -> HoldRow | None:
        """The same, and the hold; ``in_front``: the cameras in sight are meant. To be awaited in a worker."""
        if "hold" not in self.who.rights or not self.cameras:
            return None
        from holdshelf_tui.screens.dialogs.hold import HoldDialog  # noqa: PLC0415 - only who holds needs it

        form = HoldDialog(
            self.marked(self.beside),
            self.cameras,
            self._number,
            start_utc_ns=self.marks.start_utc_ns,
            picked=(self.beside or (self.camera,)) if in_front else (),
        )
        hold = await self.app.push_screen_wait(form)
        if hold is not None:
            self.marks = Marks()
            self.held()
        return hold

    @work(exclusive=True, group="marked")
    @in_turn
    async def action_share(self) -> None:
        """The share form; without both marks the minute before the cursor."""
        if "share" not in self.who.rights or not self.cameras:
            return
        from holdshelf_tui.screens.dialogs.share import ShareDialog, async_others  # noqa: PLC0415 - only who shares

        at = self.view.cursor_utc_ns
        spans = self.marked() or [SpanAsk(self.camera, at - MINUTE_NS, at)]
        done = await self.app.push_screen_wait(ShareDialog(spans, self.cameras, await async_others(self.home)))
        if done is not None:
            self.notify(f"{done.id} is shared.", timeout=4)

    @work(exclusive=True, group="marked")
    @in_turn
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
