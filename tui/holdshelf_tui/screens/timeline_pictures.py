"""Pictures of the timeline, inside an open look: a few over what is in sight, a larger one of the instant.

They follow the cursor: what it has left is not asked for any more. Where no look reaches, it says so, with one button for what
can be done about it. Pictures of a look that has ended are kept nowhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, Static

from holdshelf_core.api.errors import HoldshelfError, NotFound, Unreachable
from holdshelf_core.looks.types import GrantRow, LookStill, LookStrip, PictureRow, Strip
from holdshelf_tui.screens.dialogs.form import in_words
from holdshelf_tui.screens.timeline_together import TogetherPictures
from holdshelf_tui.screens.timeline_words import exact_clock, look_span, short_missing
from holdshelf_tui.session.app import SessionApp
from holdshelf_tui.session.latest import Latest
from holdshelf_tui.session.looks import ARCHIVE, Looks
from holdshelf_tui.session.zoom import View
from holdshelf_tui.text.time_format import MINUTE_NS, NS, clock
from holdshelf_tui.text.words import inert
from holdshelf_tui.widgets.side_by_side import in_sight
from holdshelf_tui.widgets.still_and_strip import StillAndStrip

REST_S = 0.15
"""A cursor that has stood for so long has arrived."""
KEPT_STRIPS, KEPT_STILLS = 8, 48


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


class TimelinePictures(Vertical):
    """``recorded_within``: the part of a span of a camera that holds recordings, as far as it is known. ``words_at``: what is
    known of an instant.
    """

    DEFAULT_CSS = """
    TimelinePictures { height: 1fr; }
    TimelinePictures #ask { height: 1fr; align: center middle; }
    TimelinePictures #ask Static { width: auto; max-width: 90%; margin-bottom: 1; }
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
        self._stills: dict[LookStill, PictureRow] = {}
        self._shown_still: LookStill | None = None
        self.want_strip = Latest[_StripKey](self, self._async_strip, rest_s=REST_S)
        self.want_still = Latest[LookStill](self, self._async_still, rest_s=REST_S)
        # Kept by name: an answer may come when the pane is being taken down already.
        self._ask, self._why = Vertical(id="ask"), Static("", id="why")
        self.button = Button(
            "Look at this time …", id="look", variant="primary", compact=True, tooltip="Say why, and see pictures (o)"
        )
        self._pictures = StillAndStrip(id="pictures")
        self._still, self._thumbnails = self._pictures.still, self._pictures.thumbnails
        self.together: tuple[str, ...] = ()
        """Cameras that were chosen to stand side by side; () for one at a time."""
        self._beside = TogetherPictures(self._clock, REST_S)

    def compose(self) -> ComposeResult:
        """An invitation, or pictures."""
        with self._ask:
            yield self._why
            yield self.button
        yield self._pictures
        yield self._beside

    def on_mount(self) -> None:
        self._pictures.display = self._beside.display = False
        self._unlisten = self._looks.listen(self._looks_changed)

    def on_unmount(self) -> None:
        """Hear of no more looks."""
        self._unlisten()

    @property
    def _home(self) -> SessionApp:
        return cast(SessionApp, self.app)

    @property
    def _looks(self) -> Looks:
        return self._home.looks

    @property
    def _covering(self) -> GrantRow | None:
        return self._looks.covering(self._camera, self._view.cursor_utc_ns)

    @property
    def beside(self) -> tuple[str, ...]:
        """Cameras that stand side by side at the cursor, the one in front among them; () for one alone."""
        look = self._covering
        return in_sight([c for c in self.together if look is not None and c in look.cameras], self._camera)

    @property
    def shown(self) -> PictureRow | None:
        """The larger picture, or that of the camera in front, while it is in sight."""
        if self._beside.display:
            return self._beside.row_of(self._camera)
        return self._stills.get(self._shown_still) if self._shown_still is not None and self._pictures.display else None

    def _clock(self, at_utc_ns: int) -> str:
        return exact_clock(at_utc_ns, self._view.level)

    # --- following ----------------------------------------------------------------------------------------------------

    def follow(self, camera: str) -> None:
        """The cursor, the camera or what is known is another: want what there is to be seen now."""
        if camera != self._camera:
            self._camera, self._shown_still = camera, None
        self._pictures.front(camera)
        look, beside = self._covering, self.beside
        if beside and self._pictures.display:
            self._forget_shown()
        self._ask.display, self._beside.display = look is None, bool(beside)
        self._pictures.display = look is not None and not beside
        if look is None or beside:
            self.want_strip.want(None)
            self.want_still.want(None)
        if look is not None and beside:
            self._beside.follow(look, beside, camera, self._view.cursor_utc_ns, self.names)
            return
        self._beside.leave()
        if look is None:
            self._invite()
        elif self._pictures.board is not None:
            self._want_all()
        else:
            self.call_after_refresh(self._want_all)

    @on(StillAndStrip.Rearranged)
    def _rearranged(self) -> None:
        self.call_after_refresh(self._want_all)

    def _want_all(self) -> None:
        look, view, board = self._covering, self._view, self._pictures.board
        if look is None or look.start_utc_ns is None or look.end_utc_ns is None:
            return
        if not self._pictures.display or board is None:
            return
        # Now moves on, and with it the pictures; not so often that a look at the last minutes is soon used up.
        each_ns = min(MINUTE_NS, (view.end_utc_ns - view.start_utc_ns) // 5)
        last = min(view.end_utc_ns, look.end_utc_ns, time.time_ns() // each_ns * each_ns)
        start, end = self._recorded_within(self._camera, max(view.start_utc_ns, look.start_utc_ns), last)
        if end - start >= NS // 5:
            key = _StripKey(look.id, self._camera, start, end, board.count, self._pictures.small_px)
            self._thumbnails.place(key.instants, view.cursor_utc_ns, self._clock)
            if (known := self._strips.get(key)) is not None:
                self.want_strip.want(None)
                self._show_thumbnails(key, known)
            else:
                self.want_strip.want(key)
        wanted = LookStill(look.id, self._camera, view.cursor_utc_ns, self._pictures.still_px)
        if (picture := self._stills.get(wanted)) is not None:
            self.want_still.want(None)
            self._show_still(wanted, picture)
        else:
            self.want_still.want(wanted)

    # --- asking and showing -------------------------------------------------------------------------------------------

    async def _async_strip(self, key: _StripKey) -> None:
        ask = LookStrip(key.look, key.camera, key.count, key.start_utc_ns, key.end_utc_ns, key.width_px)
        try:
            strip = await self._home.link.act(ask)
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
        if (first := next((row for row in strip.pictures if row.jpeg), None)) is not None:
            self._pictures.came(small=(first.width, first.height))
        for thumbnail, row in zip(self._thumbnails.shown, strip.pictures, strict=False):
            if row.jpeg:
                thumbnail.picture.show(row.jpeg)
            else:
                thumbnail.picture.say(short_missing(row.missing))

    async def _async_still(self, ask: LookStill) -> None:
        try:
            row = await self._home.link.act(ask)
        except HoldshelfError as error:
            self._refused(ask.grant, error)
            if self.want_still.wanted == ask:
                self._shown_still = None
                self._still.say(self._why_nothing(ask, error))
                self.post_message(self.Changed())
            return
        _keep(self._stills, ask, row, KEPT_STILLS)
        self._looks.delivered(ask.grant)
        if self.want_still.wanted == ask:
            self._show_still(ask, row)

    def _why_nothing(self, ask: LookStill, error: HoldshelfError) -> str:
        """Why there is no picture; where the service cannot tell apart whether it was erased, the map may."""
        known = self._words_at(ask.camera, ask.at_utc_ns) if isinstance(error, NotFound) else ""
        if known and "was not there yet" in error.sentence:
            return f"No picture of {clock(ask.at_utc_ns)}: {known}."
        return in_words(error)

    def _show_still(self, ask: LookStill, row: PictureRow) -> None:
        self._shown_still = ask
        self._pictures.came(still=(row.width, row.height))
        self._still.show(row.jpeg)
        self.post_message(self.Changed())

    def _refused(self, look: str, error: HoldshelfError) -> None:
        if not isinstance(error, Unreachable):
            self._looks.refused(look, error)

    # --- looks that begin and end -------------------------------------------------------------------------------------

    def _looks_changed(self) -> None:
        """Pictures of a look that has ended are nowhere any more."""
        there = {row.id for row in self._looks.all()}
        left = self._beside.keep_only(there)
        gone = ({key.look for key in self._strips} | {ask.grant for ask in self._stills}) - there
        if gone:
            self._strips = {key: value for key, value in self._strips.items() if key.look not in gone}
            self._stills = {ask: row for ask, row in self._stills.items() if ask.grant not in gone}
            self._forget_shown()
        if gone or left or self._ask.display != (self._covering is None):
            self.follow(self._camera)
            self.post_message(self.Changed())

    def _forget_shown(self) -> None:
        """Nothing is in sight of the pictures of one camera."""
        self._shown_still = None
        self._still.say("")
        self._thumbnails.say("")

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
            why = f"{here}, {at}, is outside your look ({cameras}, {look_span(look)})."
            words = "Widen the look to here …"
        elif ended is not None:
            why, words = f"Your look has ended: {ended[1].rstrip('.')}.", "Open it again (Enter or o)"
        elif danger is not None and danger.start_utc_ns is not None:
            cameras = ", ".join(self.names.get(camera, camera) for camera in danger.cameras)
            since = clock(danger.start_utc_ns, seconds=False)
            why = (
                f"Your look in imminent danger shows {cameras} from {since} on; the End key "
                "goes there. Elsewhere, say why you are looking."
            )
            words = "Look at this time …"
        else:
            why = "Pictures need a purpose. Move to the time in question, then say why you are looking."
            words = "Look at this time …"
        self._why.update(Content(inert(why, 400)))
        if str(self.button.label) != words:
            self.button.label = words
            self.button.refresh(layout=True)


def _keep[K, V](kept: dict[K, V], key: K, value: V, most: int) -> None:
    kept[key] = value
    while len(kept) > most:
        kept.pop(next(iter(kept)))
