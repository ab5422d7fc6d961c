"""What was shared with this person (P14): one span of one camera each, view only, until its last day."""

from __future__ import annotations

from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Button, DataTable, Static, Tabs

from holdshelf_core.api.errors import HoldshelfError, Unreachable
from holdshelf_core.api.types import Status
from holdshelf_core.api.types_looks import GrantRow, PictureRow, ShareOpen, StillAsk, Strip, StripAsk
from holdshelf_core.api.types_people import ShareRow
from holdshelf_tui.latest import Latest
from holdshelf_tui.screens.camera_choice import names
from holdshelf_tui.screens.dialogs.form import in_words
from holdshelf_tui.screens.pane import Pane
from holdshelf_tui.widgets.looks_line import LooksLine
from holdshelf_tui.widgets.picture import Picture
from holdshelf_tui.widgets.thumbnails import Thumbnail, Thumbnails
from holdshelf_tui.words import clock, day, inert, plain, when

NS = 1_000_000_000
STRIP_PX, STILL_PX = 239, 640
STEPS = 60
"""Into so many steps the arrows cut a share."""


class SharedPane(Pane):
    """The list; Enter views one, arrows go through it, Escape goes back to the list."""

    DEFAULT_CSS = """
    SharedPane DataTable { height: auto; max-height: 40%; }
    SharedPane #words { height: 1; color: $text-muted; }
    SharedPane #pictures { height: 1fr; }
    SharedPane #still { width: 42%; margin-right: 1; }
    SharedPane #actions { height: 1; }
    SharedPane #actions Button { margin-right: 1; min-width: 4; padding: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "step(-1)", "Earlier", key_display="←", id="shared.earlier"),
        Binding("right", "step(1)", "Later", key_display="→", id="shared.later"),
        Binding("escape", "close_share", "Close", id="shared.close"),
    ]
    title = "Shared with me"
    hears: ClassVar[frozenset[str]] = frozenset(("house_changed",))

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.shares: list[ShareRow] = []
        self._names: dict[str, str] = {}
        self._look: GrantRow | None = None
        self._at_utc_ns = 0
        # Kept by name: an answer may come when the pane is being taken down already.
        self._table = DataTable[Content](id="shares", cursor_type="row", cell_padding=1)
        self._words, self._pictures = Static("", id="words"), Horizontal(id="pictures")
        self._picture, self._thumbnails, self._looks_line = Picture(id="still"), Thumbnails(), LooksLine()
        self._buttons = {
            "view": Button("View", id="view", variant="primary", compact=True),
            "earlier": Button("« Earlier", id="earlier", compact=True),
            "later": Button("Later »", id="later", compact=True),
            "close-share": Button("Close", id="close-share", compact=True),
        }
        self._still = Latest[tuple[str, int]](self, self._async_still, rest_s=0.15)

    def compose(self) -> ComposeResult:
        """List, pictures, what can be done."""
        yield Static("Asking …", classes="state")
        yield self._table
        yield self._words
        with self._pictures:
            yield self._picture
            yield self._thumbnails
        yield self._looks_line
        with Horizontal(id="actions"):
            yield from self._buttons.values()

    def on_mount(self) -> None:
        """Columns first, so that nothing jumps."""
        table = self._table
        for title, width in (("Camera", 22), ("From", 26), ("To", 12), ("Until", 14)):
            table.add_column(title, width=width, key=title)
        self._unlisten = self.home.looks.listen(self._looks_changed)
        self._pictures.display = False
        self._allow()

    def on_unmount(self) -> None:
        """No longer."""
        self._unlisten()

    def shown(self) -> None:
        """In front."""
        super().shown()
        self.call_after_refresh(self._take_keys)

    def _take_keys(self) -> None:
        if self.is_attached and not isinstance(self.screen.focused, Tabs):
            self._table.focus()

    def hidden(self) -> None:
        """Another tab is in front."""
        super().hidden()
        self.action_close_share()

    async def async_load(self) -> None:
        """What is shared now."""
        status = await self.link.get("/status", Status)
        self._names = names(status.cameras)
        self._looks_line.names = self._names
        rows = await self.link.get("/rules/shared", list[ShareRow])
        self.shares = [row for row in rows if row.state == "active"]
        table = self._table
        before = table.cursor_row
        table.clear()
        for row in self.shares:
            table.add_row(
                plain(self._names.get(row.camera, row.camera), 22),
                Content(f"{day(row.start_utc_ns)}, {clock(row.start_utc_ns, seconds=False)}"),
                Content(clock(row.end_utc_ns, seconds=False)),
                Content(when(row.expires_utc_ns).rsplit(",", 1)[0]),
                key=row.id,
            )
        table.move_cursor(row=min(before, max(0, len(self.shares) - 1)))
        self.say("" if self.shares else "Nothing is shared with you now. Ask the Library Director.")
        self._allow()

    def _allow(self) -> None:
        viewing = self._look is not None
        self._buttons["view"].disabled = not self.shares or viewing
        for name in ("earlier", "later", "close-share"):
            self._buttons[name].disabled = not viewing

    # --- viewing ------------------------------------------------------------------------------------------------------

    @on(DataTable.RowSelected)
    def _chosen(self, _selected: DataTable.RowSelected) -> None:
        self.action_view()

    @work(exclusive=True, group="view")
    async def action_view(self) -> None:
        """View what the cursor is on."""
        table = self._table
        if not self.shares or table.cursor_row >= len(self.shares):
            return
        if self._look is not None:
            await self.home.looks.async_close(self._look.id)
        share = self.shares[table.cursor_row]
        self._look = await self.async_do("Opening it", self.home.looks.async_open(ShareOpen(share.id)))
        if self._look is None:
            return
        self._pictures.display = True
        self._allow()
        self._at_utc_ns = share.start_utc_ns
        self.call_after_refresh(self._fetch)

    @work(exclusive=True, group="strip")
    async def _fetch(self) -> None:
        look, thumbnails = self._look, self._thumbnails
        if look is None or look.start_utc_ns is None or look.end_utc_ns is None:
            return
        self._go(self._at_utc_ns)
        count = thumbnails.layout_now.count
        try:
            strip = await self.link.act(
                "share.strip", StripAsk(look.id, look.cameras[0], count, max_width=STRIP_PX), Strip
            )
        except HoldshelfError as error:
            thumbnails.say(in_words(error))
            self._refused(look, error)
            return
        self.home.looks.delivered(look.id, left=strip.pictures_left)
        if self._look is not look:
            return
        thumbnails.place([row.at_utc_ns for row in strip.pictures], self._at_utc_ns)
        for thumbnail, row in zip(thumbnails.shown, strip.pictures, strict=False):
            if row.jpeg:
                thumbnail.picture.show(row.jpeg)
            else:
                thumbnail.picture.say("no picture")

    @on(Thumbnails.Rearranged)
    def _rearranged(self) -> None:
        if self._look is not None:
            self._fetch()

    @on(Thumbnail.Picked)
    def _picked(self, picked: Thumbnail.Picked) -> None:
        self._go(picked.at_utc_ns)

    def action_step(self, by: int) -> None:
        """On or back."""
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
            row = await self.link.act("share.still", StillAsk(look.id, look.cameras[0], key[1], STILL_PX), PictureRow)
        except HoldshelfError as error:
            picture.say(in_words(error))
            self._refused(look, error)
            return
        self.home.looks.delivered(look.id)
        if self._still.wanted == key:
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
            self._allow()

    @work(exclusive=True, group="close")
    async def action_close_share(self) -> None:
        """Back to the list."""
        if self._look is not None:
            await self.home.looks.async_close(self._look.id)
        self._table.focus()

    @on(Button.Pressed)
    async def _pressed(self, pressed: Button.Pressed) -> None:
        acts = {
            "view": "view",
            "earlier": "step(-1)",
            "later": "step(1)",
            "close-share": "close_share",
        }
        if (act := acts.get(pressed.button.id or "")) is not None:
            pressed.stop()
            await self.run_action(act)
