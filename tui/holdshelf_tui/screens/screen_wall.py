"""What a screen of the policy shows: live pictures of its cameras, up to four at a time, until its end each day.

It begins by itself when somebody brings the screen up, and after its end only when somebody presses Begin: none is left running
over night.
"""

from __future__ import annotations

import asyncio
import time
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Button, Static

from holdshelf_core.api.errors import HoldshelfError, NotFound, Refused, Unreachable
from holdshelf_core.api.types import ReadStatus
from holdshelf_core.looks.types import MOST_SIDE_BY_SIDE, GrantRow, ShareLive, ShareOpen
from holdshelf_core.people.types import ReadShared, ShareRow
from holdshelf_tui.screens.camera_choice import names
from holdshelf_tui.screens.dialogs.form import in_words
from holdshelf_tui.screens.pane import Pane
from holdshelf_tui.screens.side_by_side import width_px
from holdshelf_tui.session.inputs import in_turn
from holdshelf_tui.text.time_format import clock
from holdshelf_tui.text.words import counted, inert
from holdshelf_tui.widgets import key_table
from holdshelf_tui.widgets.side_by_side import SideBySide

PACE_S = 1.0
"""Of each camera that is shown, about a picture a second."""
PAGE_S = 10.0
"""More cameras than there is room for take turns."""
STALE_S = 30.0
NO_SCREEN = "This screen has no pictures now: nothing is shared with it."


class ScreenPane(Pane):
    """The cameras of the one screen that this holder is."""

    DEFAULT_CSS = """
    ScreenPane #words { height: 1; color: $text-muted; }
    ScreenPane #pictures { height: 1fr; }
    ScreenPane #ask { height: 1fr; align: center middle; }
    ScreenPane #ask Static { width: auto; max-width: 90%; margin-bottom: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            key_table.LOOK, "begin", "Begin", id="screen.begin", tooltip="Show the live pictures, until today's end"
        ),
        Binding(key_table.CLOSE, "stop", "Stop", id="screen.stop", tooltip="Show nothing until somebody begins again"),
    ]
    can_focus = True
    title = "Screen"
    every_s = 1.0
    hears: ClassVar[frozenset[str]] = frozenset(("house_changed",))

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._share: ShareRow | None = None
        self._look: GrantRow | None = None
        self._names: dict[str, str] = {}
        self._newest: dict[str, int] = {}
        self._page: tuple[str, ...] = ()
        self._paged_s = self._loaded_s = 0.0
        self._turn = 0
        self._begun = False
        """It has begun by itself once."""
        self._words, self._why = Static("", id="words"), Static("", id="why")
        self._ask, self._pictures = Vertical(id="ask"), SideBySide(id="pictures")
        self._button = Button("Begin", id="begin", variant="primary", compact=True, tooltip="Show them (o)")

    def compose(self) -> ComposeResult:
        """What it is, the pictures, or why there are none."""
        yield Static("Asking …", classes="state")
        yield self._words
        with self._ask:
            yield self._why
            yield self._button
        yield self._pictures

    def on_mount(self) -> None:
        """Nothing is shown yet."""
        self._unlisten = self.home.looks.listen(self._looks_changed)
        self._pictures.display = self._ask.display = False

    def on_unmount(self) -> None:
        """Hear of no more looks."""
        self._unlisten()

    def shown(self) -> None:
        """It is in front: its keys work."""
        super().shown()
        self.call_after_refresh(self._take_keys)

    def _take_keys(self) -> None:
        if self.is_attached and self._shown:
            (self._button if self._ask.display else self).focus()

    async def async_load(self) -> None:
        """What this screen is, now and then; which cameras it shows, each second."""
        if time.monotonic() - self._loaded_s > STALE_S or self._share is None:
            rows = await self.link.read(ReadShared())
            self._share = next((row for row in rows if row.kind == "live" and row.state == "active"), None)
            self._names = names((await self.link.read(ReadStatus())).cameras)
            self._loaded_s = time.monotonic()
        self.say("")
        if self._share is not None and not self._begun:
            self._begun = True
            self.action_begin()
        self._sync()

    @work(exclusive=True, group="begin")
    @in_turn
    async def action_begin(self) -> None:
        """Show the live pictures, until the screen's end today."""
        if self._share is None or self._look is not None:
            return
        self._look = await self.async_do("Beginning", self.home.looks.async_open(ShareOpen(self._share.id)))
        self._page, self._paged_s = (), 0.0
        self._sync()

    @work(exclusive=True, group="stop")
    @in_turn
    async def action_stop(self) -> None:
        """Show nothing until somebody begins again."""
        if self._look is not None:
            await self.home.looks.async_close(self._look.id)

    @on(Button.Pressed, "#begin")
    def _pressed(self) -> None:
        self.action_begin()

    def _looks_changed(self) -> None:
        if self._look is not None and self.home.looks.get(self._look.id) is None:
            self._look = None
            self._newest.clear()
            self._pictures.clear()
        self._sync()

    def _sync(self) -> None:
        look = self._look
        if self._ask.display == (look is not None):
            self.call_after_refresh(self._take_keys)
        self._ask.display, self._pictures.display = look is None, look is not None
        if look is None:
            ended = next((why for row, why in self.home.looks.ended.values() if row.kind == "share"), "")
            why = f"The screen has ended: {ended.rstrip('.')}." if ended else "The screen shows nothing now."
            if self._share is None:
                why = f"{NO_SCREEN} Ask the {self.link.policy.first}."
            self._why.update(Content(inert(why, 300)))
            self._words.update("")
            self._button.disabled = self._share is None
            return
        self._turn_page(look)
        told = f"Live · {counted(len(look.cameras), 'camera')} · until {clock(look.ends_utc_ns, seconds=False)}"
        self._words.update(Content(told), layout=False)
        if self._shown and not any(worker.group == "poll" and worker.is_running for worker in self.workers):
            self.run_worker(self._async_poll(), group="poll")

    def _turn_page(self, look: GrantRow) -> None:
        now_s, cameras = time.monotonic(), list(look.cameras)
        if self._page and (len(cameras) <= MOST_SIDE_BY_SIDE or now_s - self._paged_s < PAGE_S):
            return
        at = cameras.index(self._page[-1]) + 1 if self._page else 0
        page = tuple(cameras[at : at + MOST_SIDE_BY_SIDE]) or tuple(cameras[:MOST_SIDE_BY_SIDE])
        self._paged_s = now_s
        if page != self._page:
            self._page = page
            self._newest.clear()
            self._pictures.place(page, self._names, "")

    async def _async_poll(self) -> None:
        while self._shown and (look := self._look) is not None:
            began = time.monotonic()
            if self.screen.is_active and not self.link.away and self._page:
                await self._async_next(look)
            pause_s = PACE_S / max(1, len(self._page))
            await asyncio.sleep(max(0.01, pause_s - (time.monotonic() - began)))

    async def _async_next(self, look: GrantRow) -> None:
        self._turn += 1
        camera = self._page[self._turn % len(self._page)]
        wide = width_px(self.home.graphics, self._pictures.columns_each)
        try:
            row = await self.link.act(ShareLive(look.id, camera, wide, self._newest.get(camera)))
        except Unreachable:
            return
        except (Refused, NotFound) as error:
            if not self.home.looks.refused(look.id, error):
                self._tell(camera, in_words(error) if isinstance(error, Refused) else error.sentence)
            return
        except HoldshelfError as error:
            self._tell(camera, in_words(error))
            return
        cell = self._pictures.of(camera)
        if self._look is look and row.jpeg and cell is not None:
            self._newest[camera] = row.shown_utc_ns
            self.home.looks.delivered(look.id)
            cell.show(row.jpeg, clock(row.shown_utc_ns))

    def _tell(self, camera: str, words: str) -> None:
        if (cell := self._pictures.of(camera)) is not None:
            self._newest.pop(camera, None)
            cell.say(words, "")
