"""Live pictures (P9): for a purpose, one camera at a time, ended by themselves, and never left running behind another tab."""

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
from holdshelf_core.api.types import CameraRow, Status
from holdshelf_core.api.types_looks import GrantRow, LiveAsk, PictureRow, PurposeRow
from holdshelf_core.api.types_outbox import FULL_WIDTH
from holdshelf_tui.looks import LIVE
from holdshelf_tui.screens.camera_choice import names, offered
from holdshelf_tui.screens.dialogs.form import in_words
from holdshelf_tui.screens.dialogs.purpose import LivePurposeDialog
from holdshelf_tui.screens.full_size import NO_PICTURE, async_full_size
from holdshelf_tui.screens.pane import Pane
from holdshelf_tui.widgets.graphics import HALF
from holdshelf_tui.widgets.looks_line import LooksLine
from holdshelf_tui.widgets.picture import Picture
from holdshelf_tui.words import clock, inert, plain

if TYPE_CHECKING:
    from holdshelf_tui.screens.home import HomeScreen

NS = 1_000_000_000
STEP_S = 0.25
"""At most four pictures a second."""
PAUSE_S = 1.0
"""After an answer without a picture."""
STALE_S = 10.0


class LivePane(Pane):
    """One picture, as new as there is."""

    DEFAULT_CSS = """
    LivePane #bar { height: 1; }
    LivePane #camera { width: 22; }
    LivePane #left { width: 1fr; padding: 0 1; }
    LivePane Button { margin-left: 1; min-width: 4; padding: 0; }
    LivePane #picture { height: 1fr; }
    LivePane #ask { height: 1fr; align: center middle; }
    LivePane #ask Static { width: auto; max-width: 90%; text-align: center; margin-bottom: 1; }
    LivePane #ask Button { margin: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "look", "Look", id="live.look", tooltip="Look live, or go on looking"),
        Binding("c", "camera(1)", "Next camera", id="live.camera", tooltip="Another camera of the same look"),
        Binding("f", "full_size", "Full size", show=False, id="live.full", tooltip="The newest picture to my outbox"),
        Binding("x", "close_look", "Stop", id="live.close", tooltip="End the look"),
    ]
    title = "Live"
    every_s = 1.0

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.cameras: list[CameraRow] = []
        self.camera = ""
        self._purposes: list[PurposeRow] = []
        self._names: dict[str, str] = {}
        self._shown_utc_ns = 0
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
        self._look_button = Button("Look live …", id="look", variant="primary", compact=True)
        self._picture, self._looks_line = Picture(id="picture"), LooksLine()

    def compose(self) -> ComposeResult:
        """Camera, how long still, picture."""
        yield Static("Asking …", classes="state")
        with Horizontal(id="bar"):
            yield self._select
            yield self._left
            yield self._full
            yield self._stop
        with self._ask:
            yield self._why
            yield self._look_button
        yield self._picture
        yield self._looks_line

    def on_mount(self) -> None:
        """Nothing is shown yet."""
        self._unlisten = self.home.looks.listen(self._looks_changed)
        self._picture.display = False

    def on_unmount(self) -> None:
        """No longer."""
        self._unlisten()

    # --- in front or not ----------------------------------------------------------------------------------------------

    def shown(self) -> None:
        """In front."""
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
            self.notify("Your live look has ended, as its tab was left.", timeout=4)

    async def async_load(self) -> None:
        """Cameras and pick-list, now and then; the minutes left, each second."""
        if not self._purposes:
            self._purposes = await self.link.get("/rules/purposes", list[PurposeRow])
            self.home.looks.purposes = {row.id: row.words for row in self._purposes}
        if time.monotonic() - self._loaded_s > STALE_S or not self.cameras:
            status = await self.link.get("/status", Status)
            self.cameras = offered(self.who, status.cameras, "live")
            self._names = names(status.cameras)
            self._looks_line.names = self._names
            self._looks_line.show_looks()
            self._loaded_s = time.monotonic()
        if not self.cameras:
            self.say("No camera is in use that you may look at live.")
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

    def _looks_changed(self) -> None:
        if self._look is None:
            self._shown_utc_ns = 0
            self._picture.say("")
        if self.cameras:
            self._offer_cameras()
        self._sync()

    def _sync(self) -> None:
        look = self._look
        running = look is not None and not self._over and self._live_left_s(look) > 0
        if running == self._ask.display and self._shown:
            # What had the keys is about to go: the other button takes them.
            self.call_after_refresh(self._take_keys)
        self._picture.display = running
        self._ask.display = not running
        self._stop.disabled = self._full.disabled = look is None
        left = self._left
        if running and look is not None:
            seconds = int(self._live_left_s(look))
            shown = f"{clock(self._shown_utc_ns)} · " if self._shown_utc_ns else ""
            left.update(Content(f"{shown}ends by itself in {seconds // 60}:{seconds % 60:02}"), layout=False)
            if self._shown and self.camera in look.cameras:  # not before the cameras are known
                self._poll()
            return
        left.update("", layout=False)
        self._invite(look)

    @property
    def _has_timeline(self) -> bool:
        return cast("HomeScreen", self.screen).has("timeline")

    def _invite(self, look: GrantRow | None) -> None:
        ended = self.home.looks.ended.get(LIVE)
        if look is not None:
            why = self._over or "The live view has ended by itself, as it always does after some minutes."
            label = "Go on looking"
        elif ended is not None:
            why, label = f"Your live look has ended: {ended[1].rstrip('.')}.", "Look live …"
        else:
            why, label = "Live pictures are shown for a purpose, and end by themselves.", "Look live …"
        self._why.update(Content(inert(why, 300)))
        if str(self._look_button.label) != label:
            self._look_button.label = label
            self._look_button.refresh(layout=True)

    @work(exclusive=True, group="look")
    async def action_look(self) -> None:
        """Open one, or go on with the one that ended by itself."""
        if not self.cameras:
            return
        look = self._look
        if look is not None and (self._over or self._live_left_s(look) <= 0):
            if await self.async_do("Going on", self.home.looks.async_renew(look.id)) is None:
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
    async def action_close_look(self) -> None:
        """End it."""
        look = self._look
        if look is not None:
            await self.home.looks.async_close(look.id)
        self._over = ""

    @work(exclusive=True, group="full size")
    async def action_full_size(self) -> None:
        """The newest picture, to one's outbox."""
        look = self._look
        if look is None:
            self.notify(NO_PICTURE, severity="warning")
            return
        await async_full_size(self, LiveAsk(look.id, self.camera, FULL_WIDTH))

    def action_camera(self, by: int) -> None:
        """Another one of the same look."""
        look = self._look
        there = [camera.id for camera in self.cameras if look is None or camera.id in look.cameras]
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
            self.camera, self._shown_utc_ns = changed.value, 0
            self._picture.say("")

    @on(Button.Pressed, "#look")
    def _pressed_look(self) -> None:
        self.action_look()

    @on(Button.Pressed, "#full-size")
    def _pressed_full(self) -> None:
        self.action_full_size()

    @on(Button.Pressed, "#stop")
    def _pressed_stop(self) -> None:
        self.action_close_look()

    # --- pictures -----------------------------------------------------------------------------------------------------

    def _poll(self) -> None:
        if not any(worker.group == "poll" and worker.is_running for worker in self.workers):
            self.run_worker(self._async_poll(), group="poll")

    async def _async_poll(self) -> None:
        """While it is in front, and nothing stands before it: the next picture when the last one is painted."""
        picture = self._picture
        while self._shown and (look := self._look) is not None and self._live_left_s(look) > 0 and not self._over:
            began = time.monotonic()
            pause_s = STEP_S
            if self.screen.is_active and not self.link.away:
                pause_s = await self._async_next(look, picture)
            await asyncio.sleep(max(0.01, pause_s - (time.monotonic() - began)))
        self._sync()

    async def _async_next(self, look: GrantRow, picture: Picture) -> float:
        graphics, camera = self.home.graphics, self.camera
        width = picture.size.width
        wanted = max(480, 2 * width) if graphics.protocol == HALF else width * graphics.cell_width_px
        ask = LiveAsk(look.id, camera, max(48, min(1280, wanted)), self._shown_utc_ns or None)
        try:
            row = await self.link.act("look.live", ask, PictureRow)
        except Unreachable:
            return PAUSE_S
        except Refused as error:
            if not self.home.looks.refused(look.id, error):
                self._over = in_words(error)
            return PAUSE_S
        except NotFound as error:
            if not self.home.looks.refused(look.id, error):
                picture.say(error.sentence)
            return PAUSE_S
        except HoldshelfError as error:
            picture.say(in_words(error))
            return PAUSE_S
        if camera != self.camera or self._look is None:
            return STEP_S
        if row.jpeg:
            self._shown_utc_ns = row.shown_utc_ns
            picture.show(row.jpeg)
            self.home.looks.delivered(look.id)
            await self._async_painted(picture)
        return STEP_S

    async def _async_painted(self, picture: Picture) -> None:
        """Over a slow line, fewer pictures."""
        try:
            async with asyncio.timeout(5.0):
                await picture.painted.wait()
        except TimeoutError:
            return
