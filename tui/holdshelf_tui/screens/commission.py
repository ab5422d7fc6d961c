"""Bringing a camera into use (P3 to P8), step by step: signs, place, aim, what is hidden, the masked picture, approval.

A picture is asked for by an Enter, never by opening the screen: each is written down. Nothing drawn is lost while the service
is away. The picture that is approved is the one that was looked at here, by its hash.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, OptionList, Static
from textual.widgets.option_list import Option

from holdshelf_core.cameras.commission_types import (
    CommissionRow,
    CommissionStill,
    EntranceRow,
    ReadCommissions,
    ReadEntrances,
    StillRow,
)
from holdshelf_tui.screens.commission_drawing import DrawingScreen
from holdshelf_tui.screens.commission_steps import APPROVE, LOOK, MASKS, SIGNS, STEPS, Way, drawing_hint
from holdshelf_tui.screens.dialogs.commission_forms import (
    ApproveDialog,
    PlaceDialog,
    ReopenDialog,
)
from holdshelf_tui.screens.dialogs.confirm import ConfirmDialog
from holdshelf_tui.screens.dialogs.message import MessageDialog
from holdshelf_tui.screens.dialogs.signs import SignsDialog, standing
from holdshelf_tui.session.inputs import in_turn
from holdshelf_tui.text.cameras import use_word
from holdshelf_tui.text.time_format import clock
from holdshelf_tui.text.words import inert
from holdshelf_tui.widgets import key_table
from holdshelf_tui.widgets.keys_line import KeysLine
from holdshelf_tui.widgets.mask_canvas import MaskCanvas
from holdshelf_tui.widgets.text import plain


class CommissionScreen(DrawingScreen):
    """Two manners: the steps, and drawing. ``camera``: its id; ``name``: what people call it."""

    DEFAULT_CSS = """
    CommissionScreen #head { height: 1; background: $panel; padding: 0 1; }
    CommissionScreen #title { width: 1fr; height: 1; text-style: bold; }
    CommissionScreen #state { width: auto; color: $text-muted; }
    CommissionScreen #said { height: auto; max-height: 3; padding: 0 1; }
    CommissionScreen #body { height: 1fr; padding: 0 1; }
    CommissionScreen #side { width: 29; margin-left: 1; }
    CommissionScreen #part { height: 1; text-style: bold; color: $accent; }
    CommissionScreen OptionList { height: auto; max-height: 8; background: $background; border: none; padding: 0; }
    CommissionScreen #about { height: 1fr; margin-top: 1; }
    CommissionScreen #hint { height: auto; color: $text-muted; }
    CommissionScreen .acts { height: auto; }
    CommissionScreen .acts Button { width: 100%; }
    """
    TITLE = "Bring a camera into use"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="commission.back", tooltip="To the steps, or to the cameras"),
        Binding(
            f"{key_table.END},delete",
            "delete",
            "Delete",
            id="commission.delete",
            tooltip="The mask that is chosen in the list",
        ),
        Binding(key_table.SAVE, "keep", "Save", id="commission.keep", tooltip="Save what is drawn"),
        Binding(
            key_table.NOTHING,
            "nothing",
            "Nothing to hide",
            show=False,
            id="commission.nothing",
            tooltip="The camera has nothing that must be hidden",
        ),
    ]

    def __init__(self, camera: str, name: str) -> None:
        super().__init__(camera)
        self._called = inert(name, 60)
        self.row: CommissionRow | None = None
        self._entrances: list[EntranceRow] = []

    def compose(self) -> ComposeResult:
        """Head, what happened, picture, steps or masks."""
        with Horizontal(id="head"):
            yield Static(plain(f"Bring into use: {self._called}", 100), id="title")
            yield Static("", id="state")
        yield Static("", id="said")
        with Horizontal(id="body"):
            yield MaskCanvas("No picture requested yet.", id="canvas")
            with Vertical(id="side"):
                yield Static("", id="part")
                yield OptionList(id="steps", compact=True)
                yield OptionList(id="masks", compact=True)
                with VerticalScroll(id="about", can_focus=False):
                    yield Static("", id="hint")
                with Vertical(id="step-acts", classes="acts"):
                    yield Button(
                        "Do this step", id="do", variant="primary", compact=True, tooltip="The chosen step (Enter)"
                    )
                    yield Button("Back to the cameras", id="leave", compact=True, tooltip="Leave (Esc)")
                with Vertical(id="mask-acts", classes="acts"):
                    yield Button("Save the masks", id="keep", variant="primary", compact=True, tooltip="Save (S)")
                    yield Button("Nothing to hide …", id="nothing", compact=True, tooltip="No masks (U)")
                    yield Button("Delete this mask", id="delete", compact=True, tooltip="The chosen one (d)")
                    yield Button("Draw a shape", id="shape", compact=True, tooltip="Rectangle or shape (P)")
                    yield Button("Back to the steps", id="steps-again", compact=True, tooltip="Back (Esc)")
        yield KeysLine()

    def on_mount(self) -> None:
        """How it stands; the cursor on the first step that is left."""
        self.query_one("#said").display = False
        self._show_manner()
        self._reload(first=True)

    # --- asking ---------------------------------------------------------------------------------------------------

    @work(exclusive=True, group="load")
    async def _reload(self, *, first: bool = False) -> None:
        await self._async_load()
        if first and self.row is not None:
            self._to(self.next_step)

    async def _async_load(self) -> None:
        """The row and the signs. What is drawn and not kept yet stays."""
        rows = await self._async_told("Asking", self.link.read(ReadCommissions()))
        entrances = await self._async_told("Asking", self.link.read(ReadEntrances())) if rows else None
        if rows is None or entrances is None:
            return
        self._entrances = standing(entrances)
        row = next((row for row in rows if row.camera == self.camera), None)
        if row is None:
            self.say(f"{self._called} no longer exists.", wrong=True)
            return
        self._take(row)

    def _take(self, row: CommissionRow) -> None:
        self.row = row
        if not self.unkept:
            self.masks = list(row.masks)
        if self.masked is not None and self.masked.sha256 != row.still_sha256:
            self.masked = None
        self.query_one("#state", Static).update(use_word(row.state))
        self._show()

    # --- showing --------------------------------------------------------------------------------------------------

    @property
    def way(self) -> Way | None:
        """How far it has come, once that is known."""
        if self.row is None:
            return None
        return Way(self.row, self._entrances, self.unkept, self.bare is not None, self.masked is not None)

    def _done(self, step: str) -> bool:
        return self.way is not None and self.way.done(step)

    @property
    def next_step(self) -> str:
        """The first one that is left."""
        return self.way.next_step if self.way is not None else SIGNS

    @property
    def step(self) -> str:
        """The one under the cursor."""
        at = self.query_one("#steps", OptionList).highlighted
        return list(STEPS)[at or 0]

    def _to(self, step: str) -> None:
        """The cursor on that step."""
        steps = self.query_one("#steps", OptionList)
        steps.highlighted = list(STEPS).index(step)
        if not self.drawing:
            steps.focus()
        self._hint()

    def _show(self) -> None:
        steps = self.query_one("#steps", OptionList)
        at = steps.highlighted
        steps.clear_options()
        steps.add_options([Option(words) for words in (self.way.titles() if self.way is not None else ())])
        steps.highlighted = at or 0
        self._show_masks()
        self._hint()
        self.refresh_bindings()

    def _show_manner(self) -> None:
        for wanted, drawing in (("#steps", False), ("#step-acts", False), ("#masks", True), ("#mask-acts", True)):
            self.query_one(wanted).display = self.drawing is drawing
        self.query_one("#part", Static).update("What is hidden" if self.drawing else "What is left to do")
        self.canvas.draw(self.drawing)
        self.canvas.can_focus = self.drawing
        self.refresh_bindings()

    def _hint(self) -> None:
        canvas, way = self.canvas, self.way
        if self.drawing:
            words = drawing_hint(len(canvas.corners), shape=canvas.shape, unkept=self.unkept)
        else:
            words = way.hint(self.step) if way is not None else ["Asking …"]
        self.query_one("#hint", Static).update(Content("\n".join(inert(line, 300) for line in words)))
        self.query_one("#shape", Button).label = "Draw a rectangle" if canvas.shape else "Draw a shape"
        button = self.query_one("#do", Button)
        button.disabled = self.row is None

    # --- doing ----------------------------------------------------------------------------------------------------

    @on(OptionList.OptionHighlighted, "#steps")
    def _moved(self) -> None:
        self._hint()

    @on(OptionList.OptionHighlighted, "#masks")
    def _mask_chosen(self) -> None:
        self._overlay()

    @on(OptionList.OptionSelected, "#steps")
    @on(Button.Pressed, "#do")
    def _entered(self) -> None:
        if not self._busy and self.row is not None:
            self._do(self.step)

    @on(OptionList.OptionSelected, "#masks")
    def _mask_entered(self, selected: OptionList.OptionSelected) -> None:
        self._give_reason(selected.option_index)

    @work(group="act")
    @in_turn
    async def _do(self, step: str) -> None:
        self._busy = True
        try:
            await getattr(self, f"_async_{step}")()
        finally:
            self._busy = False

    async def _async_signs(self) -> None:
        await self.app.push_screen_wait(SignsDialog())
        await self._async_load()
        self._to(self.next_step if self._done(SIGNS) else SIGNS)

    async def _async_place(self) -> None:
        assert self.row is not None
        row = await self.app.push_screen_wait(PlaceDialog(self.row))
        if row is not None:
            self._take(row)
            self._to(self.next_step)

    async def _async_still(self, *, masked: bool) -> StillRow | None:
        asked = CommissionStill(self.camera, masked)
        what = "Getting the camera's picture"
        still = await self._async_told(what, self.link.act(asked))
        if still is not None:
            self._show_still(still)
            kind = "as everyone will see it" if masked else "with nothing hidden"
            self.say(f"{clock(still.shown_utc_ns)}, {kind}. Entry {still.seq} of the access log.")
        return still

    async def _async_aim(self) -> None:
        still = await self._async_still(masked=False)
        if still is not None:
            self.bare = still
            self._show()

    async def _async_masks(self) -> None:
        assert self.row is not None
        if self.row.state == "approved":
            row = await self.app.push_screen_wait(ReopenDialog(self.row))
            if row is None:
                return
            self._take(row)
        if self.bare is None:
            self.bare = await self._async_still(masked=False)
            if self.bare is None:
                return
        self._show_still(self.bare)
        self._draw(True)

    async def _async_look(self) -> None:
        if self.unkept:
            self.say("First save what you drew: step 4, then S.", wrong=True)
            self._to(MASKS)
            return
        still = await self._async_still(masked=True)
        if still is None:
            return
        said = self.query_one("#said", Static).content
        self.masked = still
        await self._async_load()
        self.say(str(said))
        self._to(APPROVE if self.next_step == APPROVE else LOOK)

    async def _async_approve(self) -> None:
        row = self.row
        assert row is not None
        if row.state == "approved":
            self.say(f"{self._called} is already in use.")
            return
        if self.masked is None or self.unkept:
            await self._async_look()
            return
        done = await self.app.push_screen_wait(ApproveDialog(row, self.masked))
        if done is None:
            await self._async_load()
            return
        self._take(done)
        await self.app.push_screen_wait(MessageDialog("In use", f"{self._called} is now in use."))
        self.dismiss()

    def _draw(self, on: bool) -> None:
        self.drawing = on
        self._show_manner()
        self._show_masks()
        self._hint()
        if on:
            self.canvas.focus()
        else:
            self._to(self.next_step if self._done(MASKS) else MASKS)

    # --- leaving --------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys of drawing are there while something is drawn."""
        return self.drawing if action in ("delete", "keep", "nothing") else True

    @on(Button.Pressed, "#leave")
    @on(Button.Pressed, "#steps-again")
    def action_back(self) -> None:
        """From drawing to the steps, from there to the cameras."""
        if not self.drawing:
            self._leave()
        elif self.canvas.corners:
            self.canvas.action_take_back()
        else:
            self._draw(False)

    @work(exclusive=True, group="leave")
    @in_turn
    async def _leave(self) -> None:
        if self.unkept:
            asked = ConfirmDialog(
                "Not saved yet", "What you drew is not saved yet. Leave without saving?", "Leave without saving"
            )
            if not await self.app.push_screen_wait(asked):
                return
        await asyncio.sleep(0)
        self.dismiss()
