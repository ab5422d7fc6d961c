"""The timeline, where somebody finds the minute in question: the strip of a camera's past, and its pictures inside an open look.

The strip needs no purpose, for it shows none. Pictures follow the cursor: a few over what is in sight, a larger one of the
instant. Moving and zooming inside a look never asks; past it one confirm widens it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Select, Static, Tabs

from holdshelf_core.api.errors import HoldshelfError, Unreachable
from holdshelf_core.api.types import CameraRow, Status
from holdshelf_core.api.types_holds import SpanAsk
from holdshelf_core.api.types_looks import GrantRow, PictureRow, PurposeRow, StillAsk, Strip, StripAsk
from holdshelf_core.api.types_session import EventRow
from holdshelf_tui.activity import ActivityMap
from holdshelf_tui.latest import Latest
from holdshelf_tui.looks import ARCHIVE
from holdshelf_tui.screens.camera_choice import names, offered
from holdshelf_tui.screens.dialogs.confirm import ConfirmDialog
from holdshelf_tui.screens.dialogs.form import in_words
from holdshelf_tui.screens.dialogs.go_to import GoToDialog
from holdshelf_tui.screens.dialogs.purpose import AROUND_NS, PurposeDialog
from holdshelf_tui.screens.pane import Pane
from holdshelf_tui.widgets.graphics import HALF
from holdshelf_tui.widgets.looks_line import LooksLine
from holdshelf_tui.widgets.picture import Picture
from holdshelf_tui.widgets.thumbnails import Thumbnail, Thumbnails
from holdshelf_tui.widgets.timeline_strip import LEGEND, Marks, TimelineStrip
from holdshelf_tui.words import clock, day, inert, plain
from holdshelf_tui.zoom import LEVELS, View

NS = 1_000_000_000
REST_S = 0.15
"""A cursor that has stood for so long has arrived."""
TALL = 24
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


class TimelinePane(Pane):
    """Camera, strip, pictures, and what can be done with the marked span."""

    DEFAULT_CSS = """
    TimelinePane #bar { height: 1; }
    TimelinePane #camera { width: 28; }
    TimelinePane #level { width: 1fr; text-align: center; color: $text-muted; }
    TimelinePane Button { margin-left: 1; min-width: 4; padding: 0; }
    TimelinePane TimelineStrip { height: 4; }
    TimelinePane.tall TimelineStrip { height: 5; }
    TimelinePane #words { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    TimelinePane #legend { height: 1; color: $text-muted; display: none; }
    TimelinePane.tall #legend { display: block; }
    TimelinePane #pictures { height: 1fr; }
    TimelinePane #still { width: 42%; margin-right: 1; }
    TimelinePane #ask { height: 1fr; align: center middle; }
    TimelinePane #ask Static { width: auto; max-width: 90%; text-align: center; margin-bottom: 1; }
    TimelinePane #ask Button { margin: 0; }
    TimelinePane #actions { height: 1; }
    TimelinePane #actions Button { margin: 0 1 0 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "zoom(1)", "Zoom in", id="timeline.in", tooltip="See a shorter time, in more detail"),
        Binding("escape", "zoom(-1)", "Zoom out", id="timeline.out", tooltip="See a longer time"),
        Binding("plus,equals_sign", "zoom(1)", "Zoom in", show=False, id="timeline.plus"),
        Binding("minus", "zoom(-1)", "Zoom out", show=False, id="timeline.minus"),
        Binding("t", "go_to", "Time", id="timeline.time", tooltip="Go to a time in plain words"),
        Binding(
            "left_square_bracket",
            "mark(-1)",
            "Start",
            key_display="[",
            id="timeline.mark_in",
            tooltip="Mark where it starts",
        ),
        Binding(
            "right_square_bracket",
            "mark(1)",
            "End",
            key_display="]",
            id="timeline.mark_out",
            tooltip="Mark where it ends",
        ),
        Binding("h", "hold", "Hold", id="timeline.hold", tooltip="Keep the marked span"),
        Binding("o", "look", "Look", show=False, id="timeline.look", tooltip="Open a look at this time"),
        Binding(
            "n", "activity(1)", "Next movement", show=False, id="timeline.next", tooltip="To where something moves next"
        ),
        Binding(
            "p",
            "activity(-1)",
            "Movement before",
            show=False,
            id="timeline.previous",
            tooltip="To where something moved before",
        ),
        Binding(
            "c",
            "camera(1)",
            "Next camera",
            show=False,
            id="timeline.camera",
            tooltip="The same time at the next camera",
        ),
        Binding("s", "share", "Share", show=False, id="timeline.share", tooltip="Share the marked span, view only"),
        Binding(
            "x",
            "close_look",
            "Close the look",
            show=False,
            id="timeline.close",
            tooltip="End the look that is open here",
        ),
    ]
    title = "Timeline"
    every_s = 5.0
    hears: ClassVar[frozenset[str]] = frozenset(("gap_began", "gap_ended"))

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.cameras: list[CameraRow] = []
        self.camera = ""
        self.view = View(time.time_ns())
        self.marks = Marks()
        self._purposes: list[PurposeRow] = []
        self._names: dict[str, str] = {}
        self._strips: dict[_StripKey, Strip] = {}
        self._stills: dict[_StillKey, PictureRow] = {}
        self._shown_still: _StillKey | None = None
        self._map: ActivityMap | None = None
        self._options: list[tuple[str, str]] = []
        self._want_activity = Latest[tuple[str, int, int, int]](self, self._async_activity, rest_s=0.05)
        self._want_strip = Latest[_StripKey](self, self._async_strip, rest_s=REST_S)
        self._want_still = Latest[_StillKey](self, self._async_still, rest_s=REST_S)
        # Kept by name: an answer may come when the pane is being taken down already.
        self._select = Select[str]([], id="camera", compact=True, prompt="Camera")
        self._level = Static("", id="level")
        self._out = Button("- Out", id="out", compact=True, tooltip="See a longer time (Esc)")
        self._in = Button("+ In", id="in", compact=True, tooltip="See a shorter time (Enter)")
        self._strip = TimelineStrip(self.view, id="strip")
        self._words = Static("", id="words")
        self._ask, self._why = Vertical(id="ask"), Static("", id="why")
        self._look_button = Button("Look at this time …", id="look", variant="primary", compact=True)
        self._pictures, self._still, self._thumbnails = Horizontal(id="pictures"), Picture(id="still"), Thumbnails()
        self._looks_line = LooksLine()
        self._close_button = Button(
            "Close look", id="close-look", compact=True, tooltip="End the look that is open here (x)"
        )

    def compose(self) -> ComposeResult:
        """From the camera down to what can be done."""
        yield Static("Asking …", classes="state")
        with Horizontal(id="bar"):
            yield self._select
            yield self._level
            yield self._out
            yield self._in
            yield Button("Time …", id="time", compact=True, tooltip="Go to a time in plain words (t)")
        yield self._strip
        yield self._words
        yield Static(LEGEND, id="legend", markup=False)
        with self._ask:
            yield self._why
            yield self._look_button
        with self._pictures:
            yield self._still
            yield self._thumbnails
        yield self._looks_line
        with Horizontal(id="actions"):
            yield Button("« Moved", id="before", compact=True, tooltip="To where something moved before (p)")
            yield Button("Moved »", id="next", compact=True, tooltip="To where something moves next (n)")
            yield Button("[ Start", id="mark-in", compact=True, tooltip="Mark where it starts ([)")
            yield Button("End ]", id="mark-out", compact=True, tooltip="Mark where it ends (])")
            yield Button("Hold …", id="hold", compact=True, tooltip="Keep the marked span (h)")
            yield Button("Share …", id="share", compact=True, tooltip="Share the marked span, view only (s)")
            yield self._close_button

    def on_mount(self) -> None:
        """Nothing is shown before it is known who sits here and what there is."""
        self._map = ActivityMap(self.link)
        self._pictures.display = False
        self.query_one("#hold").display = "hold" in self.who.rights
        self.query_one("#share").display = "share" in self.who.rights
        self._unlisten = self.home.looks.listen(self._looks_changed)

    def on_unmount(self) -> None:
        """No longer."""
        self._unlisten()

    def on_resize(self) -> None:
        """A taller pane has room for more."""
        self.set_class(self.size.height >= TALL, "tall")
        self.call_after_refresh(self._sync)

    def shown(self) -> None:
        """In front: the arrows are the strip's, unless somebody is still walking along the tabs."""
        super().shown()
        self.call_after_refresh(self._take_keys)
        self._sync()

    def _take_keys(self) -> None:
        if self.is_attached and not isinstance(self.screen.focused, Tabs):
            self._strip.focus()

    # --- loading ----------------------------------------------------------------------------------------------------

    async def async_load(self) -> None:
        """Cameras, pick-list, activity of what is in sight."""
        status = await self.link.get("/status", Status)
        self.cameras = offered(self.who, status.cameras, "archive")
        self._names = names(status.cameras)
        self._looks_line.names = self._names
        if not self._purposes:
            self._purposes = await self.link.get("/rules/purposes", list[PurposeRow])
            self.home.looks.purposes = {row.id: row.words for row in self._purposes}
            self._looks_line.show_looks()
        if not self.cameras:
            self.say("No camera is in use that you may look at. A camera is approved for use under Commission.")
            return
        self.say("")
        self._offer_cameras()
        self._sync()

    def _offer_cameras(self) -> None:
        select = self._select
        options = [(plain(camera.name, 30), camera.id) for camera in self.cameras]
        if self.camera not in {camera.id for camera in self.cameras}:
            self.camera = self.cameras[0].id
        texts = [(str(words), key) for words, key in options]
        if texts != self._options:
            self._options = texts
            with select.prevent(Select.Changed):
                select.set_options(options)
                select.value = self.camera

    def came_back(self) -> None:
        """A look may have died with the service: say so, rather than at the next picture."""
        super().came_back()
        self._check_looks()

    @work(exclusive=True, group="check")
    async def _check_looks(self) -> None:
        try:
            await self.home.looks.async_refresh()
        except HoldshelfError:
            return

    def heard(self, row: EventRow) -> None:
        """A hold or a gap changes the strip."""
        if row.type == "house_changed" and "holds" in row.data.get("tables", ()) and self._map is not None:
            self._map.forget()
            self.load_soon()
        super().heard(row)

    # --- what is in sight ---------------------------------------------------------------------------------------------

    def _sync(self) -> None:
        """Everything follows the cursor: strip, words, pictures."""
        if not self.cameras or not self.is_attached:
            return
        view = self.view
        self._want_activity.want((self.camera, view.start_utc_ns, view.end_utc_ns, view.level), anew=self._is_now)
        self._show_strip()
        self._show_words()
        self._want_pictures()

    @property
    def _is_now(self) -> bool:
        return self.view.end_utc_ns > time.time_ns() - 120 * NS

    @property
    def _fine(self) -> bool:
        return self.view.level > 0

    async def _async_activity(self, key: tuple[str, int, int, int]) -> None:
        camera, start, end, level = key
        assert self._map is not None
        try:
            new = await self._map.async_ensure(camera, start, end, fine=level > 0)
        except Unreachable:
            return
        except HoldshelfError as error:
            self.say(in_words(error), wrong=True)
            return
        if new:
            self._show_strip()
            self._show_words()
            self._want_pictures()

    def _show_strip(self) -> None:
        strip = self._strip
        look = self._look
        span = None
        if look is not None and look.start_utc_ns is not None and look.end_utc_ns is not None:
            span = look.start_utc_ns, look.end_utc_ns
        assert self._map is not None
        view = self.view
        columns = self._map.columns(self.camera, view.start_utc_ns, view.end_utc_ns, strip.width, fine=self._fine)
        strip.show(columns, self.marks, span)

    def _show_words(self) -> None:
        assert self._map is not None
        view, at = self.view, self.view.cursor_utc_ns
        words = [f"▲ {_short_day(at)}, {self._clock(at)}"]
        if (what := self._map.words_at(self.camera, at)) != "":
            words.append(what)
        still = self._stills.get(self._shown_still) if self._shown_still is not None else None
        if still is not None and still.jpeg and self._pictures.display:
            words.append(f"log entry {still.log_seq}" + (", damaged" if still.damaged else ""))
        if self.marks != Marks():
            words.append(f"marked {_mark(self.marks.start_utc_ns)} – {_mark(self.marks.end_utc_ns)}")
        self._words.update(Content(inert(" · ".join(words), 300)), layout=False)
        self._level.update(Content(_levels(view.level)), layout=False)
        self._out.disabled = view.level == 0
        self._in.disabled = view.level == len(LEVELS) - 1

    def _clock(self, at_utc_ns: int) -> str:
        """A time of day as exact as what is in sight."""
        words = clock(at_utc_ns, seconds=self.view.level > 0)
        return (
            words if self.view.level < len(LEVELS) - 1 else f"{words[:-3]}.{at_utc_ns // (NS // 10) % 10}{words[-3:]}"
        )

    @property
    def _look(self) -> GrantRow | None:
        """The look that shows what the cursor is on; else one that is open anyway."""
        looks = self.home.looks
        return looks.covering(self.camera, self.view.cursor_utc_ns) or looks.of_mode(ARCHIVE)

    # --- pictures -----------------------------------------------------------------------------------------------------

    def _want_pictures(self) -> None:
        look = self.home.looks.covering(self.camera, self.view.cursor_utc_ns)
        self._pictures.display = look is not None
        self._ask.display = look is None
        self._close_button.disabled = self._look is None
        if look is None:
            self._want_strip.want(None)
            self._want_still.want(None)
            self._invite()
            return
        thumbnails, still = self._thumbnails, self._still
        if not thumbnails.size.area or not still.size.area:
            self.call_after_refresh(self._sync_pictures)
            return
        self._sync_pictures()

    def _sync_pictures(self) -> None:
        look = self.home.looks.covering(self.camera, self.view.cursor_utc_ns)
        thumbnails, still = self._thumbnails, self._still
        if look is None or not thumbnails.size.area or look.start_utc_ns is None or look.end_utc_ns is None:
            return
        now, view = time.time_ns(), self.view
        assert self._map is not None
        start, end = self._map.recorded_within(
            self.camera, max(view.start_utc_ns, look.start_utc_ns), min(view.end_utc_ns, look.end_utc_ns, now)
        )
        if end - start >= NS // 5:
            count = thumbnails.layout_now.count
            key = _StripKey(look.id, self.camera, start, end, count, self._width_px(thumbnails.columns_each, 640))
            thumbnails.place(key.instants, view.cursor_utc_ns, self._clock)
            if (known := self._strips.get(key)) is not None:
                self._want_strip.want(None)
                self._show_thumbnails(key, known)
            else:
                self._want_strip.want(key)
        wanted = _StillKey(look.id, self.camera, view.cursor_utc_ns, self._width_px(still.size.width, 1280, least=480))
        if (picture := self._stills.get(wanted)) is not None:
            self._want_still.want(None)
            self._show_still(wanted, picture)
        else:
            self._want_still.want(wanted)

    def _width_px(self, columns: int, most: int, *, least: int = SHORT_LEGEND_PX) -> int:
        """How wide a picture is asked for, for a place of so many cells."""
        graphics = self.home.graphics
        wanted = max(least, 2 * columns) if graphics.protocol == HALF else columns * graphics.cell_width_px
        return max(48, min(most, wanted))

    async def _async_strip(self, key: _StripKey) -> None:
        ask = StripAsk(key.look, key.camera, key.count, key.start_utc_ns, key.end_utc_ns, key.width_px)
        try:
            strip = await self.link.act("look.strip", ask, Strip)
        except HoldshelfError as error:
            self._refused(key.look, error)
            if self._want_strip.wanted == key:
                self._thumbnails.say(in_words(error))
            return
        _keep(self._strips, key, strip, KEPT_STRIPS)
        self.home.looks.delivered(key.look, left=strip.pictures_left)
        if self._want_strip.wanted == key:
            self._show_thumbnails(key, strip)

    def _show_thumbnails(self, key: _StripKey, strip: Strip) -> None:
        thumbnails = self._thumbnails
        thumbnails.place(key.instants, self.view.cursor_utc_ns, self._clock)
        for thumbnail, row in zip(thumbnails.shown, strip.pictures, strict=False):
            if row.jpeg:
                thumbnail.picture.show(row.jpeg)
            else:
                thumbnail.picture.say(_short(row.missing))

    async def _async_still(self, key: _StillKey) -> None:
        try:
            row = await self.link.act(
                "look.still", StillAsk(key.look, key.camera, key.at_utc_ns, key.width_px), PictureRow
            )
        except HoldshelfError as error:
            self._refused(key.look, error)
            if self._want_still.wanted == key:
                self._shown_still = None
                self._still.say(in_words(error))
                self._show_words()
            return
        _keep(self._stills, key, row, KEPT_STILLS)
        self.home.looks.delivered(key.look)
        if self._want_still.wanted == key:
            self._show_still(key, row)

    def _show_still(self, key: _StillKey, row: PictureRow) -> None:
        self._shown_still = key
        self._still.show(row.jpeg)
        self._show_words()

    def _refused(self, look: str, error: HoldshelfError) -> None:
        if not isinstance(error, Unreachable):
            self.home.looks.refused(look, error)

    def _looks_changed(self) -> None:
        """Pictures of a look that has ended are nowhere any more."""
        there = {row.id for row in self.home.looks.all()}
        if gone := ({key.look for key in self._strips} | {key.look for key in self._stills}) - there:
            self._strips = {key: value for key, value in self._strips.items() if key.look not in gone}
            self._stills = {key: value for key, value in self._stills.items() if key.look not in gone}
            self._shown_still = None
            self._still.say("")
            self._thumbnails.say("")
            self._sync()
            if ARCHIVE in self.home.looks.ended and self._shown:
                self.call_after_refresh(self._look_button.focus)  # one Enter opens it again
        elif self._pictures.display != (self.home.looks.covering(self.camera, self.view.cursor_utc_ns) is not None):
            self._sync()

    def _invite(self) -> None:
        """What stands where the pictures would, and what one button does about it."""
        looks = self.home.looks
        look, ended = looks.of_mode(ARCHIVE), looks.ended.get(ARCHIVE)
        if look is not None:
            here = self._names.get(self.camera, self.camera)
            span = _span_words(look)
            cameras = ", ".join(self._names.get(camera, camera) for camera in look.cameras)
            why = f"{here}, {clock(self.view.cursor_utc_ns)}, lies outside of your look ({cameras}, {span})."
            button = "Widen the look to here …"
        elif ended is not None and ended[0].kind == "look":
            why = f"Your look has ended: {ended[1].rstrip('.')}."
            button = "Open it again"
        else:
            why = "Pictures are shown for a purpose. Move to the time in question, then say why you look."
            button = "Look at this time …"
        self._why.update(Content(inert(why, 400)))
        if str(self._look_button.label) != button:
            self._look_button.label = button
            self._look_button.refresh(layout=True)

    # --- moving -------------------------------------------------------------------------------------------------------

    @on(TimelineStrip.Moved)
    def _moved(self) -> None:
        self._sync()

    @on(Thumbnail.Picked)
    def _picked(self, picked: Thumbnail.Picked) -> None:
        self._go(picked.at_utc_ns)

    @on(Thumbnails.Rearranged)
    def _rearranged(self) -> None:
        self.call_after_refresh(self._sync)

    def action_zoom(self, by: int) -> None:
        """Nearer or farther."""
        if self.view.zoom(by):
            self._sync()

    def action_camera(self, by: int) -> None:
        """The next one, at the same time."""
        if self.cameras:
            ids = [camera.id for camera in self.cameras]
            self._select.value = ids[(ids.index(self.camera) + by) % len(ids)]

    @on(Select.Changed, "#camera")
    def _camera_chosen(self, changed: Select.Changed) -> None:
        if isinstance(changed.value, str) and changed.value != self.camera:
            self.camera = changed.value
            self._shown_still = None
            self._sync()
            self._strip.focus()

    def _go(self, utc_ns: int, *, level: int | None = None) -> None:
        self.view.go(utc_ns, time.time_ns(), level=level)
        self._sync()

    @work(exclusive=True, group="go")
    async def action_go_to(self) -> None:
        """To a time in plain words; at least an hour's detail."""
        at = await self.app.push_screen_wait(GoToDialog())
        if at is not None:
            self._go(at, level=max(1, self.view.level))
        self._strip.focus()

    @work(exclusive=True, group="activity")
    async def action_activity(self, by: int) -> None:
        """To where something begins to move, after the cursor or before it."""
        if self._map is None or not self.cameras:
            return
        at = await self.async_do(
            "Looking when something moved", self._map.async_onset(self.camera, self.view.cursor_utc_ns, forward=by > 0)
        )
        if at is None:
            where = "after" if by > 0 else "before"
            self.notify(f"Nothing that moves was found within a week {where} this time.", timeout=4)
            return
        self._go(at, level=max(1, self.view.level))

    # --- looking ------------------------------------------------------------------------------------------------------

    @work(exclusive=True, group="look")
    async def action_look(self) -> None:
        """Open a look, widen it to the cursor, or open it again: whichever is due."""
        if not self.cameras:
            return
        looks, at = self.home.looks, self.view.cursor_utc_ns
        if looks.covering(self.camera, at) is not None:
            return
        look, ended = looks.of_mode(ARCHIVE), looks.ended.get(ARCHIVE)
        if look is not None and look.kind == "look":
            await self._async_widen(look, at)
        elif ended is not None and ended[0].kind == "look":
            await self.async_do("Opening the look again", looks.async_again(ARCHIVE))
        else:
            before = ended[0] if ended is not None else None
            around = (at - AROUND_NS, min(at + AROUND_NS, time.time_ns()))
            danger = self.who.seat or "live" in self.who.rights
            await self.app.push_screen_wait(
                PurposeDialog(self._purposes, self.cameras, self.camera, around, before=before, danger=danger)
            )
        self._sync()
        self._strip.focus()

    async def _async_widen(self, look: GrantRow, at: int) -> None:
        start = min(look.start_utc_ns or at, at - AROUND_NS)
        end = max(look.end_utc_ns or at, min(at + AROUND_NS, time.time_ns()))
        if look.start_utc_ns is not None and look.end_utc_ns is not None and look.start_utc_ns <= at < look.end_utc_ns:
            start, end = look.start_utc_ns, look.end_utc_ns
        cameras = list(dict.fromkeys((*look.cameras, self.camera)))
        said = ", ".join(self._names.get(camera, camera) for camera in cameras)
        answer = await self.app.push_screen_wait(
            ConfirmDialog(
                "Widen the look",
                f"Under the same purpose you would see {said}, {_from_to(start, end)}.",
                "Widen it",
                more="It is written down. If this is about something else, close the look and open another one.",
            )
        )
        if answer:
            await self.async_do("Widening the look", self.home.looks.async_widen(look.id, self.camera, start, end))

    @work(exclusive=True, group="look")
    async def action_close_look(self) -> None:
        """End the look that is open here."""
        look = self._look
        if look is not None:
            await self.home.looks.async_close(look.id)

    # --- marks --------------------------------------------------------------------------------------------------------

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
        self._show_strip()
        self._show_words()

    def _marked(self) -> list[SpanAsk]:
        start, end = self.marks.start_utc_ns, self.marks.end_utc_ns
        if start is None or end is None or end <= start:
            return []
        return [SpanAsk(self.camera, start, end)]

    @work(exclusive=True, group="hold")
    async def action_hold(self) -> None:
        """The hold form, filled from the marks; without both of them the time is typed."""
        if "hold" not in self.who.rights or not self.cameras:
            return
        from holdshelf_tui.screens.dialogs.hold import HoldDialog  # noqa: PLC0415 - only who holds needs it

        hold = await self.app.push_screen_wait(HoldDialog(self._marked(), self.cameras))
        if hold is not None:
            self.marks = Marks()
            if self._map is not None:
                self._map.forget()
            self._want_activity.want(
                (self.camera, self.view.start_utc_ns, self.view.end_utc_ns, self.view.level), anew=True
            )
            self._sync()

    @work(exclusive=True, group="hold")
    async def action_share(self) -> None:
        """The share form, filled from the marks."""
        if "share" not in self.who.rights or not self.cameras:
            return
        from holdshelf_tui.screens.dialogs.share import ShareDialog  # noqa: PLC0415 - only who shares needs it

        marked = self._marked() or [SpanAsk(self.camera, self.view.cursor_utc_ns - 60 * NS, self.view.cursor_utc_ns)]
        done = await self.app.push_screen_wait(ShareDialog(marked, self.cameras))
        if done is not None:
            self.notify(f"{done.id} is shared.", timeout=4)

    @on(Button.Pressed)
    async def _pressed(self, pressed: Button.Pressed) -> None:
        actions = {
            "in": "zoom(1)",
            "out": "zoom(-1)",
            "time": "go_to",
            "look": "look",
            "next": "activity(1)",
            "before": "activity(-1)",
            "mark-in": "mark(-1)",
            "mark-out": "mark(1)",
            "hold": "hold",
            "share": "share",
            "close-look": "close_look",
        }
        if (action := actions.get(pressed.button.id or "")) is not None:
            pressed.stop()
            await self.run_action(action)


def _keep[K, V](kept: dict[K, V], key: K, value: V, most: int) -> None:
    kept[key] = value
    while len(kept) > most:
        kept.pop(next(iter(kept)))


def _mark(at_utc_ns: int | None) -> str:
    return "…" if at_utc_ns is None else clock(at_utc_ns)


def _levels(level: int) -> str:
    """'Day [Hour] Minute Second'."""
    return " ".join(f"[{one.name}]" if number == level else one.name for number, one in enumerate(LEVELS))


def _short(missing: str) -> str:
    """Why there is no picture, in a thumbnail's few words."""
    if "Nothing was recorded" in missing and ":" in missing:
        return missing.rsplit(":", 1)[1].strip().rstrip(".")
    if "erased on schedule" in missing and "not there yet" not in missing:
        return "erased on schedule"
    return "no picture"


def _short_day(utc_ns: int) -> str:
    """Without the year where it is this one: the reason for a gap needs the room."""
    words = day(utc_ns)
    return words[:-6] if words[-4:] == day(time.time_ns())[-4:] else words


def _span_words(look: GrantRow) -> str:
    if look.start_utc_ns is None or look.end_utc_ns is None:
        return "live"
    return _from_to(look.start_utc_ns, look.end_utc_ns)


def _from_to(start_utc_ns: int, end_utc_ns: int) -> str:
    until = clock(end_utc_ns, seconds=False)
    if day(start_utc_ns) != day(end_utc_ns):
        until = f"{day(end_utc_ns)}, {until}"
    return f"{day(start_utc_ns)}, {clock(start_utc_ns, seconds=False)} to {until}"
