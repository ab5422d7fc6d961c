"""Pictures of the timeline, inside an open look: a few over what is in sight, a larger one of the instant.

They follow the cursor: what it has left is not asked for any more. Where no look reaches, it says so, with one button for what
can be done about it. Pictures of a look that has ended are kept nowhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, Static

from holdshelf_core.api.errors import HoldshelfError, NotFound, Unreachable
from holdshelf_core.api.types_looks import GrantRow, PictureRow, StillAsk, Strip, StripAsk
from holdshelf_tui.latest import Latest
from holdshelf_tui.looks import ARCHIVE, Looks
from holdshelf_tui.screens.dialogs.form import in_words
from holdshelf_tui.screens.timeline_words import exact_clock, look_span, short_missing
from holdshelf_tui.widgets.graphics import HALF
from holdshelf_tui.widgets.picture import Picture
from holdshelf_tui.widgets.thumbnails import Thumbnails
from holdshelf_tui.words import clock, inert
from holdshelf_tui.zoom import MINUTE_NS, View

if TYPE_CHECKING:
    from holdshelf_tui.app import HoldshelfApp

NS = 1_000_000_000
REST_S = 0.15
"""A cursor that has stood for so long has arrived."""
KEPT_STRIPS, KEPT_STILLS = 8, 48
SHORT_LEGEND_PX = 239
"""The widest picture whose legend is the short one: that of a small picture cannot be read anyway."""


@dataclass(frozen=True, slots=True)
class _StripKey:
    """A strip of pictures that is wanted."""

    look: str
    camera: str
    start_utc_ns: int
    end_utc_ns: int
    count: int
    width_px: int

    @property
    def instants(self) -> list[int]:
        """What each of them shows, as the service spreads them."""
        span = self.end_utc_ns - self.start_utc_ns
        return [self.start_utc_ns + span * (2 * n + 1) // (2 * self.count) for n in range(self.count)]


@dataclass(frozen=True, slots=True)
class _StillKey:
    """The larger picture that is wanted."""

    look: str
    camera: str
    at_utc_ns: int
    width_px: int


class TimelinePictures(Vertical):
    """``recorded_within``: the part of a span of a camera that holds recordings, as far as it is known. ``words_at``: what is
    known of an instant.
    """

    DEFAULT_CSS = """
    TimelinePictures { height: 1fr; }
    TimelinePictures #pictures { height: 1fr; }
    TimelinePictures #still { width: 42%; margin-right: 1; }
    TimelinePictures #ask { height: 1fr; align: center middle; }
    TimelinePictures #ask Static { width: auto; max-width: 90%; text-align: center; margin-bottom: 1; }
    TimelinePictures #ask Button { margin: 0; }
    """

    class Changed(Message):
        """Another picture is shown, or none."""

    def __init__(
        self,
        view: View,
        recorded_within: Callable[[str, int, int], tuple[int, int]],
        words_at: Callable[[str, int], str],
    ) -> None:
        super().__init__()
        self._view, self._recorded_within, self._words_at = view, recorded_within, words_at
        self._camera = ""
        self.names: Mapping[str, str] = {}
        """Of cameras, by id."""
        self._strips: dict[_StripKey, Strip] = {}
        self._stills: dict[_StillKey, PictureRow] = {}
        self._shown_still: _StillKey | None = None
        self.want_strip = Latest[_StripKey](self, self._async_strip, rest_s=REST_S)
        self.want_still = Latest[_StillKey](self, self._async_still, rest_s=REST_S)
        # Kept by name: an answer may come when the pane is being taken down already.
        self._ask, self._why = Vertical(id="ask"), Static("", id="why")
        self.button = Button("Look at this time …", id="look", variant="primary", compact=True)
        self._pictures, self._still, self._thumbnails = Horizontal(id="pictures"), Picture(id="still"), Thumbnails()

    def compose(self) -> ComposeResult:
        """An invitation, or pictures."""
        with self._ask:
            yield self._why
            yield self.button
        with self._pictures:
            yield self._still
            yield self._thumbnails

    def on_mount(self) -> None:
        """Follow the looks."""
        self._pictures.display = False
        self._unlisten = self._looks.listen(self._looks_changed)

    def on_unmount(self) -> None:
        """No longer."""
        self._unlisten()

    @property
    def _home(self) -> HoldshelfApp:
        return cast("HoldshelfApp", self.app)

    @property
    def _looks(self) -> Looks:
        return self._home.looks

    @property
    def _covering(self) -> GrantRow | None:
        return self._looks.covering(self._camera, self._view.cursor_utc_ns)

    @property
    def shown(self) -> PictureRow | None:
        """The larger picture, while it is in sight."""
        return self._stills.get(self._shown_still) if self._shown_still is not None and self._pictures.display else None

    def _clock(self, at_utc_ns: int) -> str:
        return exact_clock(at_utc_ns, self._view.level)

    # --- following ----------------------------------------------------------------------------------------------------

    def follow(self, camera: str) -> None:
        """The cursor, the camera or what is known is another: want what there is to be seen now."""
        if camera != self._camera:
            self._camera, self._shown_still = camera, None
        covered = self._covering is not None
        self._pictures.display, self._ask.display = covered, not covered
        if not covered:
            self.want_strip.want(None)
            self.want_still.want(None)
            self._invite()
        elif self._thumbnails.size.area and self._still.size.area:
            self._want_all()
        else:
            self.call_after_refresh(self._want_all)

    @on(Thumbnails.Rearranged)
    def _rearranged(self) -> None:
        self.call_after_refresh(self._want_all)

    def _want_all(self) -> None:
        look, view = self._covering, self._view
        if look is None or not self._thumbnails.size.area or look.start_utc_ns is None or look.end_utc_ns is None:
            return
        # Now moves on, and with it the pictures; not so often that a look at the last minutes is soon used up.
        each_ns = min(MINUTE_NS, (view.end_utc_ns - view.start_utc_ns) // 5)
        last = min(view.end_utc_ns, look.end_utc_ns, time.time_ns() // each_ns * each_ns)
        start, end = self._recorded_within(self._camera, max(view.start_utc_ns, look.start_utc_ns), last)
        if end - start >= NS // 5:
            width_px = self._width_px(self._thumbnails.columns_each, 640)
            key = _StripKey(look.id, self._camera, start, end, self._thumbnails.layout_now.count, width_px)
            self._thumbnails.place(key.instants, view.cursor_utc_ns, self._clock)
            if (known := self._strips.get(key)) is not None:
                self.want_strip.want(None)
                self._show_thumbnails(key, known)
            else:
                self.want_strip.want(key)
        width_px = self._width_px(self._still.size.width, 1280, least=480)
        wanted = _StillKey(look.id, self._camera, view.cursor_utc_ns, width_px)
        if (picture := self._stills.get(wanted)) is not None:
            self.want_still.want(None)
            self._show_still(wanted, picture)
        else:
            self.want_still.want(wanted)

    def _width_px(self, columns: int, most: int, *, least: int = SHORT_LEGEND_PX) -> int:
        """How wide a picture is asked for, for a place of so many cells."""
        graphics = self._home.graphics
        wanted = max(least, 2 * columns) if graphics.protocol == HALF else columns * graphics.cell_width_px
        return max(48, min(most, wanted))

    # --- asking and showing -------------------------------------------------------------------------------------------

    async def _async_strip(self, key: _StripKey) -> None:
        ask = StripAsk(key.look, key.camera, key.count, key.start_utc_ns, key.end_utc_ns, key.width_px)
        try:
            strip = await self._home.link.act("look.strip", ask, Strip)
        except HoldshelfError as error:
            self._refused(key.look, error)
            if self.want_strip.wanted == key:
                self._thumbnails.say(in_words(error))
            return
        _keep(self._strips, key, strip, KEPT_STRIPS)
        self._looks.delivered(key.look, left=strip.pictures_left)
        if self.want_strip.wanted == key:
            self._show_thumbnails(key, strip)

    def _show_thumbnails(self, key: _StripKey, strip: Strip) -> None:
        self._thumbnails.place(key.instants, self._view.cursor_utc_ns, self._clock)
        for thumbnail, row in zip(self._thumbnails.shown, strip.pictures, strict=False):
            if row.jpeg:
                thumbnail.picture.show(row.jpeg)
            else:
                thumbnail.picture.say(short_missing(row.missing))

    async def _async_still(self, key: _StillKey) -> None:
        ask = StillAsk(key.look, key.camera, key.at_utc_ns, key.width_px)
        try:
            row = await self._home.link.act("look.still", ask, PictureRow)
        except HoldshelfError as error:
            self._refused(key.look, error)
            if self.want_still.wanted == key:
                self._shown_still = None
                self._still.say(self._why_nothing(key, error))
                self.post_message(self.Changed())
            return
        _keep(self._stills, key, row, KEPT_STILLS)
        self._looks.delivered(key.look)
        if self.want_still.wanted == key:
            self._show_still(key, row)

    def _why_nothing(self, key: _StillKey, error: HoldshelfError) -> str:
        """Why there is no picture; where the service cannot tell apart whether it was erased, the map may."""
        known = self._words_at(key.camera, key.at_utc_ns) if isinstance(error, NotFound) else ""
        if known and "was not there yet" in error.sentence:
            return f"No picture of {clock(key.at_utc_ns)}: {known}."
        return in_words(error)

    def _show_still(self, key: _StillKey, row: PictureRow) -> None:
        self._shown_still = key
        self._still.show(row.jpeg)
        self.post_message(self.Changed())

    def _refused(self, look: str, error: HoldshelfError) -> None:
        if not isinstance(error, Unreachable):
            self._looks.refused(look, error)

    # --- looks that begin and end -------------------------------------------------------------------------------------

    def _looks_changed(self) -> None:
        """Pictures of a look that has ended are nowhere any more."""
        there = {row.id for row in self._looks.all()}
        gone = ({key.look for key in self._strips} | {key.look for key in self._stills}) - there
        if gone:
            self._strips = {key: value for key, value in self._strips.items() if key.look not in gone}
            self._stills = {key: value for key, value in self._stills.items() if key.look not in gone}
            self._shown_still = None
            self._still.say("")
            self._thumbnails.say("")
        if gone or self._pictures.display != (self._covering is not None):
            self.follow(self._camera)
            self.post_message(self.Changed())

    @property
    def offers_again(self) -> bool:
        """Whether the look that has ended by itself is offered again: Enter opens it."""
        return self._ask.display and self._again is not None

    @property
    def _again(self) -> tuple[GrantRow, str] | None:
        ended = self._looks.ended.get(ARCHIVE)
        return ended if ended is not None and ended[0].kind == "look" and not self._looks.of_mode(ARCHIVE) else None

    def _invite(self) -> None:
        """What stands where the pictures would, and what one button does about it."""
        look, ended, danger = self._looks.of_mode(ARCHIVE), self._again, self._looks.danger
        if look is not None:
            here = self.names.get(self._camera, self._camera)
            cameras = ", ".join(self.names.get(camera, camera) for camera in look.cameras)
            at = clock(self._view.cursor_utc_ns)
            why = f"{here}, {at}, lies outside of your look ({cameras}, {look_span(look)})."
            words = "Widen the look to here …"
        elif ended is not None:
            why, words = f"Your look has ended: {ended[1].rstrip('.')}.", "Open it again (Enter or o)"
        elif danger is not None and danger.start_utc_ns is not None:
            cameras = ", ".join(self.names.get(camera, camera) for camera in danger.cameras)
            since = clock(danger.start_utc_ns, seconds=False)
            why = f"Your look in imminent danger shows {cameras} from {since} on: End goes there. Elsewhere, say why you look."
            words = "Look at this time …"
        else:
            why = "Pictures are shown for a purpose. Move to the time in question, then say why you look."
            words = "Look at this time …"
        self._why.update(Content(inert(why, 400)))
        if str(self.button.label) != words:
            self.button.label = words
            self.button.refresh(layout=True)


def _keep[K, V](kept: dict[K, V], key: K, value: V, most: int) -> None:
    kept[key] = value
    while len(kept) > most:
        kept.pop(next(iter(kept)))
