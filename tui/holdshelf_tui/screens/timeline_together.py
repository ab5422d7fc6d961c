"""The same instant of up to four cameras of one look, side by side: what is asked for and shown, and how a pane comes to it.

Each picture is asked for by itself, so each camera's is under an entry of its own in the access log before it comes. What one
of them has not got (a gap, erased) stands in its place; the others show theirs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from textual import work
from textual.message import Message

from holdshelf_core.api.errors import HoldshelfError, Unreachable
from holdshelf_core.looks.types import GrantRow, LookStill, PictureRow
from holdshelf_tui.screens.side_by_side import ONE_CAMERA, width_px
from holdshelf_tui.screens.timeline_marks import MarkedPane
from holdshelf_tui.screens.timeline_words import beside_missing
from holdshelf_tui.session.app import SessionApp
from holdshelf_tui.session.inputs import in_turn
from holdshelf_tui.session.latest import Latest
from holdshelf_tui.widgets.side_by_side import SideBySide
from holdshelf_tui.widgets.timeline_strip import TimelineStrip

if TYPE_CHECKING:
    from holdshelf_tui.screens.timeline_pictures import TimelinePictures

KEPT_BYTES = 2 << 20
"""Of pictures: dozens of steps of half blocks (about 10 kB a picture), half a dozen of four that are 960 pixels wide."""


@dataclass(frozen=True, slots=True)
class _Instant:
    """What is wanted: one time, of these cameras."""

    look: str
    cameras: tuple[str, ...]
    at_utc_ns: int
    width_px: int

    def ask(self, camera: str) -> LookStill:
        """The question for one of them."""
        return LookStill(self.look, camera, self.at_utc_ns, self.width_px)


class TogetherPictures(SideBySide):
    """``words``: how a time is written. Pictures of some steps are kept, within `KEPT_BYTES`; none of a look that has ended."""

    class Changed(Message):
        """Another picture is shown, or none."""

    def __init__(self, words: Callable[[int], str], rest_s: float) -> None:
        super().__init__(id="together")
        self._words = words
        self._kept: dict[LookStill, PictureRow] = {}
        self._kept_bytes = 0
        self._look = ""
        self._at_utc_ns = 0
        self._wanted: _Instant | None = None
        self.want = Latest[_Instant](self, self._async_ask, rest_s=rest_s)

    @property
    def _home(self) -> SessionApp:
        return cast(SessionApp, self.app)

    # --- what is wanted -----------------------------------------------------------------------------------------------

    def follow(
        self, look: GrantRow, cameras: tuple[str, ...], front: str, at_utc_ns: int, names: Mapping[str, str]
    ) -> None:
        """That instant of these cameras of that look."""
        self._look, self._at_utc_ns = look.id, at_utc_ns
        self.place(cameras, names, front)
        if self.size.area and self.display:
            self._want_all()
        else:
            self.call_after_refresh(self._want_all)

    def leave(self) -> None:
        """Nothing is wanted, and nothing shown."""
        if self._look:
            self._look, self._wanted = "", None
            self.want.want(None)
            self.clear()

    def on_resize(self) -> None:
        """Pictures as wide as their places are now."""
        self._want_all()

    def _want_all(self) -> None:
        if not self._look or not self.size.area:
            return
        wide = width_px(self._home.graphics, self.columns_each)
        now = _Instant(self._look, tuple(cell.camera for cell in self.shown), self._at_utc_ns, wide)
        known = {camera: self._kept.get(now.ask(camera)) for camera in now.cameras}
        for camera, row in known.items():
            if row is not None:
                self._show(camera, row)
        # Back at a time where one of them has nothing, that is asked for once more: its place says something else by now.
        moved, self._wanted = now != self._wanted, now
        self.want.want(None if all(known.values()) else now, anew=moved)

    def row_of(self, camera: str) -> PictureRow | None:
        """The picture that is in sight for that camera."""
        cell = self.of(camera)
        if not self.display or not self._look or cell is None or not cell.picture.has_picture:
            return None
        return next(
            (row for ask, row in self._kept.items() if (ask.grant, ask.camera, ask.at_utc_ns) == self._key(camera)),
            None,
        )

    def _key(self, camera: str) -> tuple[str, str, int]:
        return self._look, camera, self._at_utc_ns

    # --- asking and showing -------------------------------------------------------------------------------------------

    async def _async_ask(self, now: _Instant) -> None:
        missing = [camera for camera in now.cameras if now.ask(camera) not in self._kept]
        for camera in missing:
            if (cell := self.of(camera)) is not None:
                cell.wait()
        await asyncio.gather(*(self._async_one(now, camera) for camera in missing))

    async def _async_one(self, now: _Instant, camera: str) -> None:
        try:
            row = await self._home.link.act(now.ask(camera))
        except HoldshelfError as error:
            self._failed(now, camera, error)
            return
        if self._home.looks.get(now.look) is None:
            return  # closed while it was on its way
        self._keep(now.ask(camera), row)
        self._home.looks.delivered(now.look)
        if self.want.wanted == now:
            self._show(camera, row)

    def _failed(self, now: _Instant, camera: str, error: HoldshelfError) -> None:
        cell = self.of(camera)
        away = isinstance(error, Unreachable)
        if not away and self._home.looks.refused(now.look, error):
            return  # it has ended, for all of them
        if cell is None or self.want.wanted != now:
            return
        if away:
            cell.wait(over=True)  # what is shown stays, with its time
        else:
            cell.say(beside_missing(error), self._words(now.at_utc_ns))
        self.post_message(self.Changed())

    def _show(self, camera: str, row: PictureRow) -> None:
        if (cell := self.of(camera)) is not None:
            cell.show(row.jpeg, self._words(row.shown_utc_ns))
            self.post_message(self.Changed())

    # --- what is kept -------------------------------------------------------------------------------------------------

    def _keep(self, ask: LookStill, row: PictureRow) -> None:
        before = self._kept.pop(ask, None)
        self._kept[ask] = row
        self._kept_bytes += len(row.jpeg) - (len(before.jpeg) if before is not None else 0)
        while self._kept_bytes > KEPT_BYTES and len(self._kept) > 1:
            self._kept_bytes -= len(self._kept.pop(next(iter(self._kept))).jpeg)

    def keep_only(self, looks: set[str]) -> bool:
        """Nothing of other looks is kept or shown; whether there was anything."""
        gone = [ask for ask in self._kept if ask.grant not in looks]
        for ask in gone:
            self._kept_bytes -= len(self._kept.pop(ask).jpeg)
        if self._look and self._look not in looks:
            self.leave()
            return True
        return bool(gone)


class TogetherPane(MarkedPane):
    """A pane with a cursor and pictures, which can show several cameras at it."""

    _pictures: TimelinePictures
    _strip: TimelineStrip
    _was_covered = False

    @property
    def beside(self) -> tuple[str, ...]:
        """Cameras that stand side by side now; () for one camera alone."""
        return self._pictures.beside

    def _sync(self) -> None:
        """Everything follows the cursor."""
        raise NotImplementedError

    async def _async_look(self) -> GrantRow | None:
        """The look that shows what the cursor is on, opened or widened where it must be; None: it was not."""
        raise NotImplementedError

    @property
    def _covering(self) -> GrantRow | None:
        return self.home.looks.covering(self.camera, self.view.cursor_utc_ns)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Where a look shows pictures already, none is opened: the last line has room for other keys."""
        if action == "still_sheet":
            return "share" in self.who.rights
        return action != "look" or self._covering is None

    @work(exclusive=True, group="look")
    @in_turn
    async def action_together(self) -> None:
        """Several cameras of one look side by side, or one again."""
        pictures = self._pictures
        if self.beside:
            pictures.together = ()
        elif len(self.cameras) < 2:
            self.notify(ONE_CAMERA, severity="warning")
            return
        else:
            looked = self._covering
            look = looked or await self._async_look()
            if look is None:
                return
            chosen = self.looked_at(look)
            if looked is not None or not chosen:  # who has just named them is not asked again
                chosen = await self.async_choose(look, chosen or (self.camera,))
            if chosen:
                pictures.together = chosen
                if self.camera not in chosen:
                    self._select.value = chosen[0]
        self._sync()
        self._strip.focus()

    def fit_split(self) -> None:
        """The last line follows, too."""
        super().fit_split()
        self._split.disabled = len(self.cameras) < 2
        if (covered := self._covering is not None) != self._was_covered:
            self._was_covered = covered
            self.refresh_bindings()
