"""The timeline, where somebody finds the minute in question: the strip of a camera's past, and its pictures inside an open look.

The strip needs no purpose, for it shows none. Pictures follow the cursor: a few over what is in sight, a larger one of the
instant. Moving and zooming inside a look never asks; past it one confirm widens it.
"""

from __future__ import annotations

import time
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Button, Select, Static, Tabs

from holdshelf_core.api.errors import HoldshelfError, Unreachable
from holdshelf_core.api.session_types import EventRow
from holdshelf_core.api.types import CameraRow, ReadStatus
from holdshelf_core.looks.types import GrantRow, LookStill, PurposeRow, ReadPurposes
from holdshelf_core.outbox.types import FULL_WIDTH, OutboxStill
from holdshelf_tui.screens.camera_choice import names, offered
from holdshelf_tui.screens.dialogs.confirm import ConfirmDialog
from holdshelf_tui.screens.dialogs.form import in_words
from holdshelf_tui.screens.dialogs.go_to import GoToDialog
from holdshelf_tui.screens.dialogs.purpose import AROUND_NS, PurposeDialog
from holdshelf_tui.screens.dialogs.still_sheet import async_still_sheet
from holdshelf_tui.screens.full_size import NO_PICTURE, async_full_size
from holdshelf_tui.screens.timeline_keys import SPAN_BUTTONS, TIMELINE_KEYS
from holdshelf_tui.screens.timeline_pictures import TimelinePictures
from holdshelf_tui.screens.timeline_together import TogetherPane, TogetherPictures
from holdshelf_tui.screens.timeline_words import (
    exact_clock,
    from_to,
    level_words,
    mark_words,
    no_movement_words,
    short_day,
)
from holdshelf_tui.session.activity import ActivityMap
from holdshelf_tui.session.inputs import in_turn
from holdshelf_tui.session.latest import Latest
from holdshelf_tui.session.looks import ARCHIVE
from holdshelf_tui.session.zoom import LEVELS, View
from holdshelf_tui.text.time_format import NS
from holdshelf_tui.text.words import inert
from holdshelf_tui.widgets.looks_line import LooksLine
from holdshelf_tui.widgets.text import plain
from holdshelf_tui.widgets.thumbnails import Thumbnail
from holdshelf_tui.widgets.timeline_strip import (
    LEGEND,
    LEGEND_MISSING,
    LEGEND_RECOVERED,
    LEGEND_TOLD,
    Marks,
    TimelineStrip,
)

NEWEST_NS = 2 * NS
"""Of the last seconds not every picture is on disk yet."""
MINUTE_LEVEL = 2
NO_SHEET = "There is no picture here to print. Show one first: o asks why you look."
NOT_YET = "Its picture is not here yet. Try again in a moment."
TALL = 24
"""Rows of the pane from which on the strip has a row more and the signs are explained."""


class TimelinePane(TogetherPane):
    """Camera, strip, pictures, and what can be done with the marked span."""

    DEFAULT_CSS = """
    TimelinePane #bar { height: 1; }
    TimelinePane #camera { width: 20; }
    TimelinePane #level { width: 1fr; text-align: center; color: $text-muted; }
    TimelinePane Button { margin-left: 1; min-width: 4; padding: 0; }
    TimelinePane TimelineStrip { height: 4; }
    TimelinePane.tall TimelineStrip { height: 5; }
    TimelinePane.low TimelineStrip { height: 1; }
    TimelinePane #words { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    TimelinePane #legend { height: 1; color: $text-muted; display: none; }
    TimelinePane.tall #legend { display: block; }
    TimelinePane Button:disabled { border: none !important; text-style: dim; }
    TimelinePane #looks-row, TimelinePane #actions { height: 1; }
    TimelinePane LooksLine { width: 1fr; }
    TimelinePane #actions Button { margin: 0 1 0 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = TIMELINE_KEYS
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
        self._options: list[tuple[str, str]] = []
        self._want_activity = Latest[tuple[str, int, int, int]](self, self._async_activity, rest_s=0.05)
        # Kept by name: an answer may come when the pane is being taken down already.
        self._select = Select[str]([], id="camera", compact=True, prompt="Camera")
        self._level = Static("", id="level")
        self._out = Button("- Out", id="out", compact=True, tooltip="See a longer time (Esc)")
        self._in = Button("+ In", id="in", compact=True, tooltip="See a shorter time (Enter)")
        self._strip = TimelineStrip(self.view, id="strip")
        self._words = Static("", id="words")
        self._pictures = TimelinePictures(self.view, self._recorded_within, self._words_at)
        self._dangers: set[str] = set()
        """Looks in imminent danger whose last minutes were gone to."""
        self._looks_line = LooksLine()
        self._full_size = Button("Outbox", id="full-size", compact=True, tooltip="Full size, to my outbox (f)")
        self._close_button = Button("Close", id="close-look", compact=True, tooltip="End the look that is open (x)")

    def compose(self) -> ComposeResult:
        """From the camera down to what can be done."""
        yield Static("Asking …", classes="state")
        with Horizontal(id="bar"):
            yield self._select
            yield self._level
            yield self._out
            yield self._in
            yield Button("Time …", id="time", compact=True, tooltip="Go to a time in plain words (t)")
            yield self._full_size
        yield self._strip
        yield self._words
        yield Static(LEGEND, id="legend", markup=False)
        yield self._pictures
        with Horizontal(id="looks-row"):
            yield self._looks_line
            yield self._split
        with Horizontal(id="actions"):
            for id, (words, _, tooltip) in SPAN_BUTTONS.items():
                yield Button(words, id=id, compact=True, tooltip=tooltip)
            yield self._close_button

    def on_mount(self) -> None:
        """Nothing is shown before it is known who sits here and what there is."""
        self._map = ActivityMap(self.link)
        self.show_buttons()

    def _recorded_within(self, camera: str, start_utc_ns: int, end_utc_ns: int) -> tuple[int, int]:
        return self._map.recorded_within(camera, start_utc_ns, end_utc_ns)

    def _words_at(self, camera: str, at_utc_ns: int) -> str:
        return self._map.words_at(camera, at_utc_ns)

    def on_resize(self) -> None:
        """A taller pane has room for more."""
        self.set_class(self.size.height >= TALL, "tall")
        self.call_after_refresh(self._sync)

    def shown(self) -> None:
        """In front: the arrows are the strip's, unless somebody is still walking along the tabs."""
        super().shown()
        self.call_after_refresh(self._take_keys)
        self._go_to_danger()
        self._sync()

    def _take_keys(self) -> None:
        if self.is_attached and not isinstance(self.screen.focused, Tabs):
            self._strip.focus()

    # --- loading ----------------------------------------------------------------------------------------------------

    async def async_load(self) -> None:
        """Cameras, pick-list, activity of what is in sight."""
        status = await self.link.read(ReadStatus())
        if not self._purposes:
            self._purposes = await self.link.read(ReadPurposes())
            self.home.looks.purposes = {row.id: row.words for row in self._purposes}
        # Only now, and in one go with the camera in sight: a look may be asked for from here on.
        self.cameras = offered(self.who, status.cameras, "archive")
        self._names = self._looks_line.names = self._pictures.names = names(status.cameras)
        self._looks_line.show_looks()
        self._map.know(status.cameras, counted=status.disk.counted)
        if not self.cameras:
            self.say("There is no camera in use that you may look at. In Cameras, “Bring into use” approves one.")
            return
        self.say("")
        self._offer_cameras()
        self._go_to_danger()
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
        if not self.is_mounted:
            return  # nothing is shown yet that could be out of date
        if row.type == "house_changed" and "holds" in row.data.get("tables", ()):
            self._map.forget()
            self.load_soon()
        if row.type in self.hears:
            self._map.changed(str(row.data.get("camera", "")))
        super().heard(row)

    # --- what is in sight ---------------------------------------------------------------------------------------------

    def _sync(self) -> None:
        """Everything follows the cursor: strip, words, pictures."""
        if not self.cameras or not self.camera or not self.is_attached:
            return
        view = self.view
        self._want_activity.want((self.camera, view.start_utc_ns, view.end_utc_ns, view.level), anew=self._is_now)
        self._pictures.follow(self.camera)
        self._show_strip()
        self._show_words()

    @property
    def _is_now(self) -> bool:
        return self.view.end_utc_ns > time.time_ns() - 120 * NS

    @property
    def _fine(self) -> bool:
        return self.view.level > 0

    async def _async_activity(self, key: tuple[str, int, int, int]) -> None:
        camera, start, end, level = key
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
            self._pictures.follow(self.camera)

    def _show_strip(self) -> None:
        strip = self._strip
        look = self._look
        span = None
        if look is not None and look.start_utc_ns is not None and look.end_utc_ns is not None:
            span = look.start_utc_ns, look.end_utc_ns
        view = self.view
        columns = self._map.columns(self.camera, view.start_utc_ns, view.end_utc_ns, strip.width, fine=self._fine)
        strip.show(columns, self.marks, span)
        legend = LEGEND_TOLD if any(column.told for column in columns) else LEGEND
        if any(column.recovered for column in columns):
            legend = LEGEND_RECOVERED
        if any(column.missing for column in columns):
            legend = LEGEND_MISSING
        self.query_one("#legend", Static).update(legend)

    def _show_words(self) -> None:
        view, at = self.view, self.view.cursor_utc_ns
        words = [f"▲ {short_day(at)}, {exact_clock(at, view.level)}"]
        if (what := self._map.words_at(self.camera, at)) != "":
            words.append(what)
        still = self._pictures.shown
        if still is not None and still.jpeg:
            words.append(f"log entry {still.log_seq}" + (", damaged" if still.damaged else ""))
        if self.marks != Marks():
            words.append(f"marked {mark_words(self.marks.start_utc_ns)} – {mark_words(self.marks.end_utc_ns)}")
        self._words.update(Content(inert(" · ".join(words), 300)), layout=False)
        self._level.update(Content(level_words(view.level)), layout=False)
        self.fit_split()
        self._close_button.disabled = self._look is None
        self._full_size.disabled = self._pictures.shown is None
        self._out.disabled = view.level == 0
        self._in.disabled = view.level == len(LEVELS) - 1

    @property
    def _look(self) -> GrantRow | None:
        """The look that shows what the cursor is on; else one that is open anyway."""
        looks = self.home.looks
        return looks.covering(self.camera, self.view.cursor_utc_ns) or looks.of_mode(ARCHIVE)

    @on(TimelinePictures.Changed)
    @on(TogetherPictures.Changed)
    def _picture_changed(self) -> None:
        self._show_strip()
        self._show_words()

    # --- moving -------------------------------------------------------------------------------------------------------

    @on(TimelineStrip.Moved)
    def _moved(self) -> None:
        self._sync()

    @on(Thumbnail.Picked)
    def _picked(self, picked: Thumbnail.Picked) -> None:
        self._go(picked.at_utc_ns)

    def action_into(self) -> None:
        """Nearer; where a look has ended by itself, open it again."""
        if self._pictures.offers_again:
            self.action_look()
        else:
            self.action_zoom(1)

    def action_zoom(self, by: int) -> None:
        """Show a shorter span with a positive ``by``, a longer one with a negative."""
        if self.view.zoom(by):
            self._sync()

    def action_camera(self, by: int) -> None:
        """The next one, at the same time; of those that stand side by side, while they do."""
        if self.cameras:
            ids = list(self.beside) or [camera.id for camera in self.cameras]
            self._select.value = ids[(ids.index(self.camera) + by) % len(ids)]

    def choose(self, key: str) -> None:
        """That camera, from elsewhere: now, or once the cameras are known."""
        if not self.cameras:
            self.camera = key
        elif key in {camera.id for camera in self.cameras}:
            self._select.value = key

    @on(Select.Changed, "#camera")
    def _camera_chosen(self, changed: Select.Changed) -> None:
        if isinstance(changed.value, str) and changed.value != self.camera:
            self.camera = changed.value
            self._sync()
            self._strip.focus()

    def _go(self, utc_ns: int, *, level: int | None = None) -> None:
        self.view.go(utc_ns, time.time_ns(), level=level)
        self._sync()

    @work(exclusive=True, group="go")
    @in_turn
    async def action_go_to(self) -> None:
        """To a time in plain words."""
        await self.async_go_to()

    async def async_go_to(self) -> int | None:
        """The same, and the time; at least an hour's detail. To be awaited in a worker."""
        at = await self.app.push_screen_wait(GoToDialog())
        if at is not None:
            self._go(at, level=max(1, self.view.level))
        self._strip.focus()
        return at

    @work(exclusive=True, group="activity")
    @in_turn
    async def action_activity(self, by: int) -> None:
        """To where something begins to move, after the cursor or before it."""
        if not self.cameras:
            return
        cursor = self.view.cursor_utc_ns
        at = await self.async_do(
            "Finding when something moved", self._map.async_onset(self.camera, cursor, forward=by > 0)
        )
        if at is None:
            self.notify(no_movement_words(cursor, forward=by > 0), timeout=4)
            return
        self._go(at, level=max(1, self.view.level))

    # --- looking ------------------------------------------------------------------------------------------------------

    @work(exclusive=True, group="look")
    @in_turn
    async def action_look(self) -> None:
        """Open a look, widen it to the cursor, or open it again: whichever is due."""
        if not self.cameras or self._covering is not None:
            return
        await self._async_look()
        self._sync()
        self._strip.focus()

    async def _async_look(self) -> GrantRow | None:
        looks, at = self.home.looks, self.view.cursor_utc_ns
        look, ended = looks.of_mode(ARCHIVE), looks.ended.get(ARCHIVE)
        if look is not None and look.kind == "look":
            await self._async_widen(look, at)
        elif ended is not None and ended[0].kind == "look":
            await self.async_do("Opening the look again", looks.async_again(ARCHIVE))
        else:
            before = ended[0] if ended is not None else None
            around = (at - AROUND_NS, min(at + AROUND_NS, time.time_ns()))
            danger = self.who.may_look_live
            await self.app.push_screen_wait(
                PurposeDialog(self._purposes, self.cameras, self.camera, around, before=before, danger=danger)
            )
        self._go_to_danger()
        return self._covering

    def _go_to_danger(self) -> None:
        """A look in imminent danger is seen at once: the newest of the last minutes, of a camera that it names."""
        look = self.home.looks.danger
        if look is None or look.id in self._dangers or not self.cameras or not self._shown:
            return
        self._dangers.add(look.id)
        offered_there = [camera.id for camera in self.cameras if camera.id in look.cameras]
        if offered_there and self.camera not in offered_there:
            self.camera = self._select.value = offered_there[0]
        self.view.go(time.time_ns() - NEWEST_NS, time.time_ns(), level=MINUTE_LEVEL)

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
                f"Under the same purpose you would see {said}, {from_to(start, end)}.",
                "Widen it",
                more="This goes on record. If this is about something else, close the look and open another one.",
            )
        )
        if answer:
            await self.async_do("Widening the look", self.home.looks.async_widen(look.id, [self.camera], start, end))

    @work(exclusive=True, group="look")
    @in_turn
    async def action_close_look(self) -> None:
        """End the look that is open here."""
        look = self._look
        if look is not None:
            await self.home.looks.async_close(look.id)

    @work(exclusive=True, group="full size")
    @in_turn
    async def action_full_size(self) -> None:
        """The larger picture that is in sight, to one's outbox."""
        look, row = self._look, self._pictures.shown
        if look is None or row is None:
            self.notify(NO_PICTURE, severity="warning")
            return
        await async_full_size(self, OutboxStill(look.id, row.camera, row.at_utc_ns, FULL_WIDTH))

    @work(exclusive=True, group="full size")
    @in_turn
    async def action_still_sheet(self) -> None:
        """The larger picture that is in sight, on paper for somebody who has no key."""
        look, row = self._look, self._pictures.shown
        if look is None or row is None:
            self.notify(NOT_YET if self._covering is not None else NO_SHEET, severity="warning")
            return
        ask = LookStill(look.id, row.camera, row.at_utc_ns, FULL_WIDTH)
        await async_still_sheet(self.home, ask, self._names.get(row.camera, row.camera))

    # --- marks --------------------------------------------------------------------------------------------------------

    def marks_changed(self) -> None:
        """Show the marks on the strip and in words."""
        self._show_strip()
        self._show_words()

    def held(self) -> None:
        """The strip shows it."""
        self._map.forget()
        self._want_activity.want(
            (self.camera, self.view.start_utc_ns, self.view.end_utc_ns, self.view.level), anew=True
        )
        self._sync()

    @on(Button.Pressed)
    async def _pressed(self, pressed: Button.Pressed) -> None:
        actions = {
            "in": "zoom(1)",
            "out": "zoom(-1)",
            "time": "go_to",
            "look": "look",
            "full-size": "full_size",
            "close-look": "close_look",
            "split": "together",
            **{id: action for id, (_, action, _) in SPAN_BUTTONS.items()},
        }
        if (action := actions.get(pressed.button.id or "")) is not None:
            pressed.stop()
            await self.run_action(action)
