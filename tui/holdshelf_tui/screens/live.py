"""Live pictures (P9): for a purpose, of up to four cameras, ended by themselves, never left running behind another tab."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, ClassVar, cast

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Select, Static, Tabs

from holdshelf_core.api.errors import HoldshelfError, NotFound, Refused, Unreachable
from holdshelf_core.api.types import CameraRow, ReadStatus
from holdshelf_core.looks.types import GrantRow, LookLive, PurposeRow, ReadPurposes
from holdshelf_core.outbox.types import FULL_WIDTH, OutboxLive
from holdshelf_tui.screens.camera_choice import names, offered
from holdshelf_tui.screens.dialogs.form import in_words
from holdshelf_tui.screens.dialogs.purpose import LivePurposeDialog
from holdshelf_tui.screens.full_size import NO_PICTURE, async_full_size
from holdshelf_tui.screens.side_by_side import SplitPane, width_px
from holdshelf_tui.session.inputs import in_turn
from holdshelf_tui.session.looks import LIVE
from holdshelf_tui.text.time_format import NS, clock
from holdshelf_tui.text.words import inert
from holdshelf_tui.widgets import key_table
from holdshelf_tui.widgets.looks_line import LooksLine
from holdshelf_tui.widgets.picture import PictureView
from holdshelf_tui.widgets.picture_layout import STILL_PX
from holdshelf_tui.widgets.side_by_side import SideBySide, in_sight
from holdshelf_tui.widgets.still_and_strip import LEAST_STILL_PX
from holdshelf_tui.widgets.text import plain

if TYPE_CHECKING:
    from holdshelf_tui.screens.home import HomeScreen

STEP_S = 0.25
"""At most four pictures a second, of one camera or of four in turn."""
PAUSE_S = 1.0
"""After an answer without a picture."""
STALE_S = 10.0


class LivePane(SplitPane):
    """As new a picture as there is: of one camera, or of each that stands beside it."""

    DEFAULT_CSS = """
    LivePane #bar { height: 1; }
    LivePane #camera { width: 22; }
    LivePane #left { width: 1fr; padding: 0 1; }
    LivePane Button { margin-left: 1; min-width: 4; padding: 0; }
    LivePane #picture { height: 1fr; }
    LivePane #ask { height: 1fr; align: center middle; }
    LivePane #ask Static { width: auto; max-width: 90%; margin-bottom: 1; }
    LivePane #ask Button { margin: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key_table.LOOK, "look", "Look", id="live.look", tooltip="Look live, or keep looking"),
        Binding(
            key_table.CAMERA, "camera(1)", "Next camera", id="live.camera", tooltip="Another camera of the same look"
        ),
        Binding(
            key_table.OUTBOX,
            "full_size",
            "Full size",
            show=False,
            id="live.full",
            tooltip="The newest picture to my outbox",
        ),
        Binding(key_table.CLOSE, "close_look", "Stop", id="live.close", tooltip="End the look"),
        Binding(
            key_table.SPLIT,
            "together",
            "Split",
            key_display=key_table.sign(key_table.SPLIT),
            id="live.together",
            tooltip="Up to four cameras side by side, or one again",
        ),
    ]
    title = "Live"
    every_s = 1.0

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.cameras: list[CameraRow] = []
        self.camera = ""
        self._purposes: list[PurposeRow] = []
        self._names: dict[str, str] = {}
        self._newest: dict[str, int] = {}
        """Of each camera, which time the picture shows that is on the screen, UTC ns."""
        self._turn = 0
        self._chosen: tuple[str, ...] | None = None
        """Cameras of the look that stand side by side; () for one alone; None: all that there is room for."""
        self._over = ""
        self._loaded_s = 0.0
        self._options: list[tuple[str, str]] = []
        # Kept by name: an answer may come when the pane is being taken down already.
        self._select = Select[str]([], id="camera", compact=True, prompt="Camera")
        self._left, self._why, self._ask = Static("", id="left"), Static("", id="why"), Vertical(id="ask")
        self._full = Button(
            "Outbox", id="full-size", compact=True, tooltip="The newest picture, full size, to my outbox (f)"
        )
        self._stop = Button("Stop", id="stop", compact=True, tooltip="End the look (x)")
        self._look_button = Button(
            "Look live …", id="look", variant="primary", compact=True, tooltip="Say why, and look live (o)"
        )
        self._picture, self._looks_line = PictureView(id="picture"), LooksLine()
        self._pictures = SideBySide(id="pictures")

    def compose(self) -> ComposeResult:
        """Camera, how long still, picture."""
        yield Static("Asking …", classes="state")
        with Horizontal(id="bar"):
            yield self._select
            yield self._left
            yield self._split
            yield self._full
            yield self._stop
        with self._ask:
            yield self._why
            yield self._look_button
        yield self._picture
        yield self._pictures
        yield self._looks_line

    def on_mount(self) -> None:
        """Nothing is shown yet."""
        self._unlisten = self.home.looks.listen(self._looks_changed)
        self._picture.display = self._pictures.display = False

    def on_unmount(self) -> None:
        """Hear of no more looks."""
        self._unlisten()

    # --- in front or not ----------------------------------------------------------------------------------------------

    def shown(self) -> None:
        """It is in front: pictures follow, and its keys work."""
        super().shown()
        self._sync()
        self.call_after_refresh(self._take_keys)

    def _take_keys(self) -> None:
        if self.is_attached and not isinstance(self.screen.focused, Tabs):
            (self._look_button if self._ask.display else self._stop).focus()

    def hidden(self) -> None:
        """Another tab is in front: nobody leaves live pictures running. One in imminent danger shows more than this tab."""
        super().hidden()
        look = self._look
        if look is not None and look.kind != "break_glass":
            self.action_close_look()
            self.notify("Your live look ended because you left its tab.", timeout=4)

    async def async_load(self) -> None:
        """Cameras and pick-list, now and then; the minutes left, each second."""
        if not self._purposes:
            self._purposes = await self.link.read(ReadPurposes())
            self.home.looks.purposes = {row.id: row.words for row in self._purposes}
        if time.monotonic() - self._loaded_s > STALE_S or not self.cameras:
            status = await self.link.read(ReadStatus())
            self.cameras = offered(self.who, status.cameras, "live")
            self._names = names(status.cameras)
            self._looks_line.names = self._names
            self._looks_line.show_looks()
            self._loaded_s = time.monotonic()
        if not self.cameras:
            self.say("There is no camera in use that you may look at live.")
            self._ask.display = False
            return
        self.say("")
        if self.camera not in {camera.id for camera in self.cameras}:
            self.camera = self.cameras[0].id
        self._offer_cameras()
        self._sync()

    def _offer_cameras(self) -> None:
        look = self._look
        there = [camera for camera in self.cameras if look is None or camera.id in look.cameras]
        if there and self.camera not in {camera.id for camera in there}:
            self.camera = there[0].id
        options = [(plain(camera.name, 26), camera.id) for camera in there]
        texts = [(str(words), key) for words, key in options]
        if texts != self._options:
            self._options = texts
            select = self._select
            with select.prevent(Select.Changed):
                select.set_options(options)
                select.value = self.camera

    # --- the look -----------------------------------------------------------------------------------------------------

    @property
    def _look(self) -> GrantRow | None:
        return self.home.looks.of_mode(LIVE)

    def _live_left_s(self, look: GrantRow) -> float:
        return ((look.live_until_utc_ns or 0) - time.time_ns()) / NS

    @property
    def _shown_utc_ns(self) -> int:
        return self._newest.get(self.camera, 0)

    @property
    def _live_look(self) -> GrantRow | None:
        """The look, while live pictures of it may come."""
        look = self._look
        return look if look is not None and not self._over and self._live_left_s(look) > 0 else None

    @property
    def beside(self) -> tuple[str, ...]:
        """Cameras of the look that stand side by side; () for one alone."""
        look = self._live_look
        if look is None or self._chosen is None:
            return self.looked_at(look) if look is not None else ()
        return in_sight([camera for camera in look.cameras if camera in self._chosen], self.camera)

    def _looks_changed(self) -> None:
        if self._look is None:
            self._chosen = None
            self._show_nothing()
        if self.cameras:
            self._offer_cameras()
        self._sync()

    def _sync(self) -> None:
        look, running = self._look, self._live_look is not None
        if running == self._ask.display and self._shown:
            # What had the keys is about to go: the other button takes them.
            self.call_after_refresh(self._take_keys)
        beside = self.beside
        self._picture.display, self._pictures.display = running and not beside, bool(beside)
        self._pictures.place(beside, self._names, self.camera)
        if beside:
            self._picture.say("")
        self.fit_split()
        self._ask.display = not running
        self._split.disabled = not running
        self._stop.disabled = self._full.disabled = look is None
        left = self._left
        if running and look is not None:
            seconds = int(self._live_left_s(look))
            shown = f"{clock(self._shown_utc_ns)} · " if self._shown_utc_ns else ""
            minutes, hours = seconds // 60, seconds // 3600
            until = f"{hours}:{minutes % 60:02}" if hours else f"{minutes}"
            left.update(Content(f"{shown}ends in {until}:{seconds % 60:02}"), layout=False)
            if self._shown and self.camera in look.cameras:  # not before the cameras are known
                self._poll()
            return
        left.update("", layout=False)
        self._invite(look)

    def _show_nothing(self) -> None:
        """No picture of any camera."""
        self._newest.clear()
        self._picture.say("")
        self._pictures.clear()

    @property
    def _has_timeline(self) -> bool:
        return cast("HomeScreen", self.screen).has("timeline")

    def _invite(self, look: GrantRow | None) -> None:
        ended = self.home.looks.ended.get(LIVE)
        if look is not None:
            why = self._over or "The live view ended automatically, as it always does after a few minutes."
            label = "Keep looking"
        elif ended is not None:
            why, label = f"Your live look has ended: {ended[1].rstrip('.')}.", "Look live …"
        else:
            why, label = "Live pictures need a purpose and end automatically.", "Look live …"
        self._why.update(Content(inert(why, 300)))
        if str(self._look_button.label) != label:
            self._look_button.label = label
            self._look_button.refresh(layout=True)

    @work(exclusive=True, group="look")
    @in_turn
    async def action_look(self) -> None:
        """Open one, or go on with the one that ended by itself."""
        if not self.cameras:
            return
        look = self._look
        if look is not None and (self._over or self._live_left_s(look) <= 0):
            if await self.async_do("Continuing the look", self.home.looks.async_renew(look.id)) is None:
                # Confirmed too often in a row: its purpose is asked for again.
                await self.home.looks.async_close(look.id)
            self._over = ""
        elif look is None:
            ended = self.home.looks.ended.get(LIVE)
            before = ended[0] if ended is not None else None
            await self.app.push_screen_wait(LivePurposeDialog(self._purposes, self.cameras, self.camera, before=before))
            self._over = ""
            if (opened := self._look) is not None and opened.kind == "break_glass" and self._has_timeline:
                self.notify("The last minutes are in Timeline; this look stays open there.", timeout=6)
        self._looks_changed()

    @work(exclusive=True, group="close")
    @in_turn
    async def action_close_look(self) -> None:
        """End the open live look."""
        look = self._look
        if look is not None:
            await self.home.looks.async_close(look.id)
        self._over = ""

    @work(exclusive=True, group="full size")
    @in_turn
    async def action_full_size(self) -> None:
        """The newest picture, to one's outbox."""
        look = self._look
        if look is None:
            self.notify(NO_PICTURE, severity="warning")
            return
        await async_full_size(self, OutboxLive(look.id, self.camera, FULL_WIDTH))

    @work(exclusive=True, group="look")
    @in_turn
    async def action_together(self) -> None:
        """Several cameras of the look side by side, or one again."""
        look = self._live_look
        if look is None:
            return
        if self.beside:
            self._chosen = ()
        else:
            chosen = await self.async_choose(look, self.looked_at(look) or (self.camera,))
            if not chosen:
                return
            self._chosen = chosen
            if self.camera not in chosen:
                self._select.value = chosen[0]
        self._newest.clear()
        self._looks_changed()

    def action_camera(self, by: int) -> None:
        """Another one of the same look; of those that stand side by side, while they do."""
        look = self._look
        there = list(self.beside) or [c.id for c in self.cameras if look is None or c.id in look.cameras]
        if there:
            self._select.value = there[(there.index(self.camera) + by) % len(there)]

    def choose(self, key: str) -> None:
        """That camera, from elsewhere: now, or once the cameras are known. An open look stays on its own cameras."""
        look = self._look
        if not self.cameras:
            self.camera = key
        elif key in {camera.id for camera in self.cameras} and (look is None or key in look.cameras):
            self.query_one("#camera", Select).value = key

    @on(Select.Changed, "#camera")
    def _camera_chosen(self, changed: Select.Changed) -> None:
        if isinstance(changed.value, str) and changed.value != self.camera:
            self.camera = changed.value
            if not self.beside:
                self._newest.clear()
                self._picture.say("")
            self._sync()

    @on(Button.Pressed, "#look")
    def _pressed_look(self) -> None:
        self.action_look()

    @on(Button.Pressed, "#full-size")
    def _pressed_full(self) -> None:
        self.action_full_size()

    @on(Button.Pressed, "#split")
    def _pressed_split(self) -> None:
        self.action_together()

    @on(Button.Pressed, "#stop")
    def _pressed_stop(self) -> None:
        self.action_close_look()

    # --- pictures -----------------------------------------------------------------------------------------------------

    def _poll(self) -> None:
        if not any(worker.group == "poll" and worker.is_running for worker in self.workers):
            self.run_worker(self._async_poll(), group="poll")

    async def _async_poll(self) -> None:
        """While it is in front, and nothing stands before it: the next picture when the last one is painted."""
        while self._shown and (look := self._live_look) is not None:
            began = time.monotonic()
            pause_s = STEP_S
            if self.screen.is_active and not self.link.away:
                pause_s = await self._async_next(look)
            await asyncio.sleep(max(0.01, pause_s - (time.monotonic() - began)))
        self._sync()

    async def _async_next(self, look: GrantRow) -> float:
        """The next picture of the camera whose turn it is. Returns how long to wait before the one after it, s."""
        beside = self.beside
        self._turn += 1
        camera = beside[self._turn % len(beside)] if beside else self.camera
        if beside:
            wide = width_px(self.home.graphics, self._pictures.columns_each)
        else:
            wide = self.home.graphics.picture_px(self._picture.size.width, STILL_PX, least=LEAST_STILL_PX)
        pause_s = PAUSE_S / max(1, len(beside))  # that one of them has none does not hold up the others
        try:
            row = await self.link.act(LookLive(look.id, camera, wide, self._newest.get(camera)))
        except Unreachable:
            return PAUSE_S
        except Refused as error:
            if not self.home.looks.refused(look.id, error):
                self._over = in_words(error)
            return PAUSE_S
        except NotFound as error:
            if not self.home.looks.refused(look.id, error):
                self._say(camera, error.sentence)
            return pause_s
        except HoldshelfError as error:
            self._say(camera, in_words(error))
            return pause_s
        if self._look is None or beside != self.beside or (not beside and camera != self.camera):
            return STEP_S
        if row.jpeg:
            self._newest[camera] = row.shown_utc_ns
            self.home.looks.delivered(look.id)
            cell = self._pictures.of(camera) if beside else None
            picture = cell.picture if cell is not None else self._picture
            if cell is not None:
                cell.show(row.jpeg, clock(row.shown_utc_ns))
            else:
                picture.show(row.jpeg)
            await self._async_painted(picture)
        return STEP_S

    def _say(self, camera: str, words: str) -> None:
        """In a camera's place: why there is no picture of it."""
        cell = self._pictures.of(camera)
        self._newest.pop(camera, None)
        if cell is not None:
            cell.say(words, "")
        elif camera == self.camera:
            self._picture.say(words)

    async def _async_painted(self, picture: PictureView) -> None:
        """Over a slow line, fewer pictures."""
        try:
            async with asyncio.timeout(5.0):
                await picture.painted.wait()
        except TimeoutError:
            return
