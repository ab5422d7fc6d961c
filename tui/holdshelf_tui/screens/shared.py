"""What was shared with this person (P14): one span of one camera each, view only, until its last day."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Button, Static

from holdshelf_core.api.errors import HoldshelfError, Unreachable
from holdshelf_core.api.types import ReadStatus
from holdshelf_core.looks.types import (
    GrantRow,
    ShareOpen,
    ShareStill,
    ShareStrip,
)
from holdshelf_core.people.types import ReadShared, ShareRow
from holdshelf_tui.screens.actions_pane import ActionDescription, PaneAction
from holdshelf_tui.screens.camera_choice import names
from holdshelf_tui.screens.dialogs.form import in_words
from holdshelf_tui.screens.list_pane import ListPane, RowAction
from holdshelf_tui.session.inputs import in_turn
from holdshelf_tui.session.latest import Latest
from holdshelf_tui.text.people import last_day
from holdshelf_tui.text.time_format import NS, clock, day, told_clock
from holdshelf_tui.text.words import inert
from holdshelf_tui.widgets import key_table
from holdshelf_tui.widgets.listing import Columns
from holdshelf_tui.widgets.looks_line import LooksLine
from holdshelf_tui.widgets.still_and_strip import StillAndStrip
from holdshelf_tui.widgets.thumbnails import Thumbnail

STEPS = 60
"""Into so many steps the arrows cut a share."""


class SharedPane(ListPane[ShareRow]):
    """The list; Enter views one, arrows go through it, Escape goes back to the list."""

    DEFAULT_CSS = """
    SharedPane DataTable { height: auto; max-height: 40%; }
    SharedPane #words { height: 1; color: $text-muted; }
    SharedPane Actions { margin-top: 0; }
    """
    title = "Shared with me"
    key = "shared"
    table_id = "shares"
    hears: ClassVar[frozenset[str]] = frozenset(("house_changed",))
    COLUMNS: ClassVar = {
        "": Columns({"Camera": (16, 40), "From": (27, 27), "To": (8, 8), "Until": (12, 12)}, first=("Camera",),
            whole=("From", "To", "Until"), by={
            "From": lambda row: row.start_utc_ns, "To": lambda row: row.end_utc_ns,
            "Until": lambda row: row.expires_utc_ns}),
    }  # fmt: skip

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._names: dict[str, str] = {}
        self._look: GrantRow | None = None
        self._at_utc_ns = 0
        # Kept by name: an answer may come when the pane is being taken down already.
        self._words, self._pictures = Static("", id="words"), StillAndStrip(id="pictures")
        self._picture, self._thumbnails = self._pictures.still, self._pictures.thumbnails
        self._looks_line = LooksLine()
        self._still = Latest[tuple[str, int]](self, self._async_still, rest_s=0.15)

    def compose(self) -> ComposeResult:
        """List, pictures, what can be done."""
        yield from self.top(self.asking)
        yield self.table
        yield self._words
        yield self._pictures
        yield self._looks_line
        yield self.buttons

    def on_mount(self) -> None:
        """Nothing is viewed yet."""
        self._unlisten = self.home.looks.listen(self._looks_changed)
        self._pictures.display = False

    def on_unmount(self) -> None:
        """Hear of no more looks."""
        self._unlisten()

    def hidden(self) -> None:
        """Another tab is in front."""
        super().hidden()
        self._close()

    @property
    def shares(self) -> list[ShareRow]:
        """What is shared now."""
        return list(self.rows.values())

    async def async_load(self) -> None:
        """What is shared now."""
        status = await self.link.read(ReadStatus())
        self._names = names(status.cameras)
        self._looks_line.names = self._names
        rows = await self.link.read(ReadShared())
        self.lists[""] = {row.id: row for row in rows if row.state == "active"}
        self.show()

    def summary(self) -> str:
        """That there is nothing; else the list says it."""
        return "" if self.shares else f"Nothing is shared with you now. Ask the {self.link.policy.first}."

    def cells(self, row: ShareRow) -> Sequence[str]:
        """Camera, from, to, until when."""
        return (
            self._names.get(row.camera, row.camera),
            f"{day(row.start_utc_ns)}, {told_clock(row.start_utc_ns, seconds=False)}",
            told_clock(row.end_utc_ns, seconds=False),
            last_day(row.expires_utc_ns),
        )

    # --- viewing ------------------------------------------------------------------------------------------------------

    async def _async_view(self, share: ShareRow) -> None:
        self._look = await self.async_do("Opening it", self.home.looks.async_open(ShareOpen(share.id)))
        if self._look is None:
            return
        self._pictures.display = True
        self.allow()
        self.query_one("#act-later", Button).focus()  # the list would take the arrows
        self._at_utc_ns = share.start_utc_ns
        self.call_after_refresh(self._fetch)

    @work(exclusive=True, group="strip")
    async def _fetch(self) -> None:
        look, thumbnails = self._look, self._thumbnails
        if look is None or look.start_utc_ns is None or look.end_utc_ns is None:
            return
        self._go(self._at_utc_ns)
        self._pictures.front(look.cameras[0])
        board = self._pictures.board
        if board is None:
            return  # it comes with the room
        ask = ShareStrip(look.id, look.cameras[0], board.count, max_width=self._pictures.small_px)
        try:
            strip = await self.link.act(ask)
        except HoldshelfError as error:
            thumbnails.say(in_words(error))
            self._refused(look, error)
            return
        self.home.looks.delivered(look.id, left=strip.pictures_left)
        if self._look is not look:
            return
        if (first := next((row for row in strip.pictures if row.jpeg), None)) is not None:
            self._pictures.came(small=(first.width, first.height))
        thumbnails.place([row.at_utc_ns for row in strip.pictures], self._at_utc_ns)
        for thumbnail, row in zip(thumbnails.shown, strip.pictures, strict=False):
            if row.jpeg:
                thumbnail.picture.show(row.jpeg)
            else:
                thumbnail.picture.say("no picture")

    @on(StillAndStrip.Rearranged)
    def _rearranged(self) -> None:
        if self._look is not None:
            self._fetch()

    @on(Thumbnail.Picked)
    def _picked(self, picked: Thumbnail.Picked) -> None:
        self._go(picked.at_utc_ns)

    def action_step(self, by: int) -> None:
        """Move the instant that is shown by so many of the look's steps; below 0 back."""
        look = self._look
        if look is not None and look.start_utc_ns is not None and look.end_utc_ns is not None:
            step = max(NS, (look.end_utc_ns - look.start_utc_ns) // STEPS)
            self._go(self._at_utc_ns + by * step)

    def _go(self, utc_ns: int) -> None:
        look = self._look
        if look is None or look.start_utc_ns is None or look.end_utc_ns is None:
            return
        self._at_utc_ns = max(look.start_utc_ns, min(utc_ns, look.end_utc_ns - 1))
        words = f"▲ {day(self._at_utc_ns)}, {clock(self._at_utc_ns)} · view only"
        self._words.update(Content(inert(words, 200)), layout=False)
        self._still.want((look.id, self._at_utc_ns))

    async def _async_still(self, key: tuple[str, int]) -> None:
        look, picture = self._look, self._picture
        if look is None or look.id != key[0]:
            return
        try:
            row = await self.link.act(ShareStill(look.id, look.cameras[0], key[1], self._pictures.still_px))
        except HoldshelfError as error:
            picture.say(in_words(error))
            self._refused(look, error)
            return
        self.home.looks.delivered(look.id)
        if self._still.wanted == key:
            self._pictures.came(still=(row.width, row.height))
            picture.show(row.jpeg)

    def _refused(self, look: GrantRow, error: HoldshelfError) -> None:
        if not isinstance(error, Unreachable):
            self.home.looks.refused(look.id, error)

    def _looks_changed(self) -> None:
        if self._look is not None and self.home.looks.get(self._look.id) is None:
            self._look = None
            self._still.want(None)
            self._pictures.display = False
            self._picture.say("")
            self._thumbnails.say("")
            self._words.update("")
            self.allow()
            if self._shown and self.screen.is_active:
                self.table.focus()

    @work(exclusive=True, group="close")
    @in_turn
    async def _close(self) -> None:
        if self._look is not None:
            await self.home.looks.async_close(self._look.id)

    ACTIONS: ClassVar[Sequence[ActionDescription[SharedPane, ShareRow]]] = (
        RowAction("view", "View", "See what was shared, view only", enters=True,
            can=lambda self, _: self._look is None, only="One is open: close it first.", run=_async_view),
        PaneAction("earlier", "« Earlier", "The picture before", key=f"{key_table.EARLIER},left", short="Earlier",
            can=lambda self: self._look is not None, only="View one first.", run=lambda self: self.action_step(-1)),
        PaneAction("later", "Later »", "The next picture", key=f"{key_table.LATER},right", short="Later",
            can=lambda self: self._look is not None, only="View one first.", run=lambda self: self.action_step(1)),
        PaneAction("close", "Close", "Close what was shared, back to the list", key=f"{key_table.CLOSE},escape",
            can=lambda self: self._look is not None, only="View one first.", run=lambda self: self._close()),
    )  # fmt: skip
