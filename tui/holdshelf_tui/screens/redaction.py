"""Masks over other people in a release, drawn over time by keys alone: over its stills, box by box, key point by key point.

Each still is a picture of a look, which is written down before it is shown: a legal paper, with the release's number. The preview
is the service's own picture with the boxes burned in, as they leave. Nothing drawn is lost while the service is away.
"""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import suppress
from typing import ClassVar, cast

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Button, OptionList, Static
from textual.widgets.option_list import Option

from holdshelf_core.api.boxes import MovingBox
from holdshelf_core.api.errors import HoldshelfError, Unavailable
from holdshelf_core.looks.types import GrantRow, LookStill, PictureRow, PurposeOpen
from holdshelf_core.releases.types import ReleaseOthers, ReleaseRow
from holdshelf_tui.screens.dialogs.confirm import ConfirmDialog
from holdshelf_tui.screens.redaction_boxes import Drawing, Drawn
from holdshelf_tui.screens.told import async_told
from holdshelf_tui.session.app import SessionApp
from holdshelf_tui.session.inputs import in_turn
from holdshelf_tui.session.latest import Latest
from holdshelf_tui.text.sheets import LEGAL_PAPER
from holdshelf_tui.text.time_format import NS, moment, told_clock
from holdshelf_tui.text.words import inert
from holdshelf_tui.widgets import key_table
from holdshelf_tui.widgets.box_canvas import BoxCanvas
from holdshelf_tui.widgets.keys_line import KeysLine
from holdshelf_tui.widgets.text import plain

STEPS_NS = (NS, 10 * NS, NS // 5)
_FAR = 10
_REST_S = 0.08
_WIDTH = 960
"""Pixels of a still: it is shown in character cells."""


class RedactionScreen(Screen[ReleaseRow | None]):
    """Leaves with the release as it is answered then; None: nothing was kept. ``names``: of cameras, by id."""

    DEFAULT_CSS = """
    RedactionScreen #head { height: 1; background: $panel; padding: 0 1; }
    RedactionScreen #title { width: 1fr; height: 1; text-style: bold; }
    RedactionScreen #state { width: auto; color: $text-muted; }
    RedactionScreen #said { height: auto; min-height: 1; max-height: 3; padding: 0 1; }
    RedactionScreen #body { height: 1fr; padding: 0 1; }
    RedactionScreen #side { width: 29; margin-left: 1; }
    RedactionScreen .part { height: 1; text-style: bold; color: $accent; }
    RedactionScreen OptionList { height: auto; background: $background; border: none; padding: 0; }
    RedactionScreen #boxes { max-height: 4; }
    RedactionScreen #points { max-height: 6; }
    RedactionScreen #hint { height: 1fr; color: $text-muted; margin-top: 1; }
    RedactionScreen #acts { height: auto; }
    RedactionScreen #acts Button { width: 100%; }
    """
    TITLE = "Masks over other people"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key_table.LATER, "step(1)", "On", key_display=">", id="redact.on", tooltip="A step forward in time"),
        Binding(
            key_table.EARLIER, "step(-1)", "Back", key_display="<", id="redact.back", tooltip="A step back in time"
        ),
        Binding("pagedown", f"step({_FAR})", "Far on", show=False, id="redact.far_on", tooltip="Ten steps on"),
        Binding("pageup", f"step(-{_FAR})", "Far back", show=False, id="redact.far_back", tooltip="Ten steps back"),
        Binding(
            *(key_table.NEARER, "stride", "Step"),
            show=False,
            id="redact.stride",
            tooltip="Steps of 1, 10 or a fifth of a second",
        ),
        Binding(key_table.NEW, "add", "New box", id="redact.add", tooltip="A box over somebody, from here on"),
        Binding(
            key_table.NEXT_BOX, "next_box", "Next box", show=False, id="redact.next", tooltip="Choose the next box"
        ),
        Binding(key_table.START, "begin", "Begins", show=False, id="redact.begin", tooltip="The box begins here"),
        Binding(key_table.STOP, "finish", "Ends", id="redact.end", tooltip="The box ends here"),
        Binding("backspace", "forget", "Take back", show=False, id="redact.forget", tooltip="This key point"),
        Binding(
            f"{key_table.END},delete", "delete", "Delete", show=False, id="redact.delete", tooltip="The chosen box"
        ),
        Binding(
            key_table.CAMERA, "stretch", "Camera", show=False, id="redact.stretch", tooltip="The next camera or stretch"
        ),
        Binding(
            key_table.LOOK, "preview", "Preview", id="redact.preview", tooltip="This picture as it will be released"
        ),
        Binding(key_table.SAVE, "keep", "Save", id="redact.keep", tooltip="Save the boxes"),
        Binding("escape", "back", "Leave", id="redact.leave", tooltip="Back to the releases"),
    ]

    def __init__(self, row: ReleaseRow, names: dict[str, str]) -> None:
        super().__init__()
        self.row, self._names = row, names
        self.drawing = Drawing.of(row.others.boxes if row.others is not None else ())
        self.unkept = False
        self.span_number = 0
        self.asked_utc_ns = self.at_utc_ns = row.given[0].start_utc_ns
        """Where the steps stand; and when the frame in front was shown, at or before that: there key points are set."""
        self._is_coming = True
        """The picture of now is not there yet: nothing is drawn on another one."""
        self._stride = 0
        self._opened: list[str] = []
        self._leaves = False
        """It is being left: a picture that is still on its way opens no look any more."""
        self._busy = self._previewed = False
        self._latest: Latest[tuple[str, int, bool]] | None = None

    def compose(self) -> ComposeResult:
        """Head, what happened, the still, boxes and key points."""
        with Horizontal(id="head"):
            yield Static("", id="title")
            yield Static("", id="state")
        yield Static("", id="said")
        with Horizontal(id="body"):
            yield BoxCanvas("Getting the picture …", id="canvas")
            with Vertical(id="side"):
                yield Static("Boxes over other people", classes="part")
                yield OptionList(id="boxes", compact=True)
                yield Static("", id="points-head", classes="part")
                yield OptionList(id="points", compact=True)
                yield Static("", id="hint")
                with Vertical(id="acts"):
                    yield Button("New box", id="add", compact=True)
                    yield Button("Preview as released", id="preview", compact=True)
                    yield Button("Save the boxes", id="keep", variant="primary", compact=True)
        yield KeysLine()

    def on_mount(self) -> None:
        """The first picture of the first stretch."""
        self._latest = Latest(self.canvas, self._async_picture, rest_s=_REST_S)
        self.canvas.focus()
        self._show()
        self._want()

    @property
    def home(self) -> SessionApp:
        """The app, as ours."""
        return cast(SessionApp, self.app)

    @property
    def canvas(self) -> BoxCanvas:
        """The picture, and the boxes over it."""
        return self.query_one(BoxCanvas)

    @property
    def camera(self) -> str:
        """Whose pictures are in front."""
        return self.row.given[self.span_number].camera

    def say(self, text: str, *, wrong: bool = False) -> None:
        """In the line for it."""
        said = self.query_one("#said", Static)
        said.update(Content(inert(text, 300)))
        said.set_class(wrong, "wrong")

    # --- pictures -------------------------------------------------------------------------------------------------

    def _want(self, *, preview: bool = False) -> None:
        """The picture of now."""
        self._previewed = preview
        if self._latest is not None:
            self._latest.want((self.camera, self.asked_utc_ns, preview), anew=True)

    async def _async_look(self, camera: str, at_utc_ns: int) -> GrantRow:
        """The open look that covers it, or one for this stretch. Raises HoldshelfError."""
        looks = self.home.looks
        if self._leaves:
            raise Unavailable("You are leaving the boxes.")
        if (covering := looks.covering(camera, at_utc_ns)) is not None:
            return covering
        span = self.row.given[self.span_number]
        number = self.row.reference or self.row.id
        purpose = self.home.link.policy.purpose_like(LEGAL_PAPER)
        asked = PurposeOpen([camera], purpose, number, start_utc_ns=span.start_utc_ns, end_utc_ns=span.end_utc_ns)
        look = await looks.async_open(asked)
        self._opened.append(look.id)
        if self._leaves:
            await looks.async_close(look.id)
            raise Unavailable("You are leaving the boxes.")
        self.say(f"A look for a legal paper, no. {number}. Entry {look.seq} of the access log.")
        return look

    async def _async_picture(self, wanted: tuple[str, int, bool]) -> None:
        camera, at_utc_ns, preview = wanted
        boxes = self.drawing.kept() if preview else []
        picture = await self._async_told("Getting the picture", self._async_still(camera, at_utc_ns, boxes))
        if self._leaves or (self.camera, self.asked_utc_ns, self._previewed) != wanted:
            return
        self._is_coming = False
        if picture is None:
            self.canvas.say("There is no picture of this moment.")
            return
        self.at_utc_ns = picture.shown_utc_ns
        self.canvas.show_still(picture.jpeg, picture.height, picture.picture_height)
        self._show()

    async def _async_still(self, camera: str, at_utc_ns: int, boxes: list[MovingBox]) -> PictureRow:
        look = await self._async_look(camera, at_utc_ns)
        asked = LookStill(look.id, camera, at_utc_ns, _WIDTH, tuple(boxes))
        try:
            picture = await self.home.link.act(asked)
        except HoldshelfError as error:
            self.home.looks.refused(look.id, error)
            raise
        self.home.looks.delivered(look.id)
        return picture

    async def _async_told[T](self, what: str, doing: Awaitable[T]) -> T | None:
        """See `async_told`; when it went well, what it said is taken away, and nothing else."""

        def say(text: str, wrong: bool) -> None:
            if not self._leaves:
                self.say(text, wrong=wrong)

        answer = await async_told(self, say, what, "boxes are", doing)
        if answer is not None and not self._leaves:
            said = self.query_one("#said", Static)
            if " … " in str(said.content) or said.has_class("wrong"):
                self.say("")
        return answer

    # --- showing --------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        """Lists, head and hint as they are now."""
        row, box = self.row, self.drawing.box
        many = f", {self.span_number + 1} of {len(row.given)}" if len(row.given) > 1 else ""
        name = self._names.get(self.camera, self.camera)
        self.query_one("#title", Static).update(plain(f"Others in {row.id}: {name}{many}", 70))
        self.query_one("#state", Static).update(plain(_tenths(self.at_utc_ns), 30))
        boxes = self.query_one("#boxes", OptionList)
        boxes.clear_options()
        boxes.add_options([Option(plain(self._box_words(number), 40)) for number in range(len(self.drawing.boxes))])
        boxes.highlighted = self.drawing.chosen if box is not None else None
        points = self.query_one("#points", OptionList)
        points.clear_options()
        times = box.times if box is not None else []
        points.add_options([Option(plain(self._point_words(at), 40)) for at in times])
        points.highlighted = times.index(self.at_utc_ns) if self.at_utc_ns in times else None
        words = f"Key points of box {self.drawing.chosen + 1}" if box is not None else ""
        self.query_one("#points-head", Static).update(words)
        self.query_one("#hint", Static).update(Content("\n".join(self._hint())))
        for name, off in (("preview", box is None), ("keep", not self.unkept)):
            self.query_one(f"#{name}", Button).disabled = off
        self._overlay()

    def _box_words(self, number: int) -> str:
        box = self.drawing.boxes[number]
        camera = "" if box.camera == self.camera else f" {self._names.get(box.camera, box.camera)}"
        start = told_clock(box.start_utc_ns).partition(" ")[0]
        return f"{number + 1} {start}–{told_clock(box.end_utc_ns)}{camera}"

    def _point_words(self, at_utc_ns: int) -> str:
        box = self.drawing.box
        assert box is not None
        left, top, right, bottom = (side // 100 for side in box.places[at_utc_ns])
        return f"{_tenths(at_utc_ns).partition(' ')[0]}  {left},{top}–{right},{bottom}%"

    def _hint(self) -> list[str]:
        step = {NS: "1 s", 10 * NS: "10 s"}.get(STEPS_NS[self._stride], "0.2 s")
        box = self.drawing.box
        if box is None:
            return ["i draws a box over somebody.", f"> and < step {step} in time."]
        if box.camera == self.camera and box.at(self.at_utc_ns) is not None:
            first = f"Arrows {'size' if self.canvas.sizes else 'move'} it: a key point."
        else:
            first = "It is not here now."
        unkept = ["▲ Not saved yet: S."] if self.unkept else []
        return [first, f"> < step {step}; ] ends it here.", *unkept]

    def _overlay(self) -> None:
        """Not over a preview: there they are burned in."""
        shown, chosen = self.drawing.seen(self.camera, self.at_utc_ns) if not self._previewed else ([], -1)
        self.canvas.show_boxes(shown, chosen)

    def _changed(self) -> None:
        self.unkept = True
        if self._previewed:
            self._is_coming = True
            self._want()
        self._show()

    # --- keys: time ------------------------------------------------------------------------------------------------

    def _go(self, at_utc_ns: int, *, elsewhere: bool = False) -> None:
        """To that time, within the stretch. ``elsewhere``: the stretch is another one."""
        span = self.row.given[self.span_number]
        before, self.asked_utc_ns = self.asked_utc_ns, min(max(at_utc_ns, span.start_utc_ns), span.end_utc_ns - 1)
        if elsewhere or before != self.asked_utc_ns or self._previewed:
            self.at_utc_ns, self._is_coming = self.asked_utc_ns, True
            self._want()
        self._show()

    def action_step(self, steps: int) -> None:
        """So many steps on, or back, within the stretch; always on the same grid of times."""
        start, stride = self.row.given[self.span_number].start_utc_ns, STEPS_NS[self._stride]
        since = self.asked_utc_ns - start
        whole = -(-since // stride) if steps < 0 else since // stride
        self._go(start + (whole + steps) * stride)

    def action_stride(self) -> None:
        """Steps of another length."""
        self._stride = (self._stride + 1) % len(STEPS_NS)
        self._show()

    def action_stretch(self) -> None:
        """The next camera or stretch."""
        if len(self.row.given) < 2:
            self.say("This release has one camera and one stretch.")
            return
        self.span_number = (self.span_number + 1) % len(self.row.given)
        self._go(self.row.given[self.span_number].start_utc_ns, elsewhere=True)

    # --- keys: boxes -----------------------------------------------------------------------------------------------

    @on(BoxCanvas.Pushed)
    def _pushed(self, pushed: BoxCanvas.Pushed) -> None:
        box = self._box_here()
        if box is not None:
            box.put(self.at_utc_ns, pushed.place)
            self._changed()
        else:
            self._overlay()

    @on(BoxCanvas.Changed)
    def _arrows_changed(self) -> None:
        self._show()

    @on(Button.Pressed, "#add")
    def action_add(self) -> None:
        """A box from here to the end of the stretch."""
        if self._is_coming:
            self.say("Wait for the picture of this moment.")
            return
        self.drawing.add(self.row.given[self.span_number], self.at_utc_ns)
        self.canvas.focus()
        self._changed()

    def action_next_box(self) -> None:
        """Choose the next one, and go where it is."""
        if self.drawing.boxes:
            self._choose((self.drawing.chosen + 1) % len(self.drawing.boxes))

    def _box_here(self) -> Drawn | None:
        """The chosen box, where it can be drawn now: over the picture of this moment, of its camera."""
        if self._is_coming:
            self.say("Wait for the picture of this moment.")
            return None
        box = self.drawing.box
        return box if box is not None and box.camera == self.camera else None

    def _choose(self, number: int) -> None:
        self.drawing.chosen = number
        box = self.drawing.box
        if box is None:
            return
        if box.camera != self.camera or box.at(self.at_utc_ns) is None:
            spans = self.row.given
            of_it = [at for at, span in enumerate(spans) if span.camera == box.camera]
            inside = [at for at in of_it if spans[at].start_utc_ns <= box.end_utc_ns]
            self.span_number = inside[-1] if inside else of_it[0] if of_it else self.span_number
            self._go(box.start_utc_ns, elsewhere=True)
        self._show()

    @on(OptionList.OptionSelected, "#boxes")
    def _box_chosen(self, selected: OptionList.OptionSelected) -> None:
        self._choose(selected.option_index)
        self.canvas.focus()

    @on(OptionList.OptionSelected, "#points")
    def _point_chosen(self, selected: OptionList.OptionSelected) -> None:
        box = self.drawing.box
        if box is not None and box.camera == self.camera:
            self._go(box.times[selected.option_index])
            self.canvas.focus()

    def action_begin(self) -> None:
        """The chosen box is not there before now."""
        if (box := self._box_here()) is not None:
            box.begin(self.at_utc_ns)
            self._changed()

    def action_finish(self) -> None:
        """The chosen box is not there after now."""
        if (box := self._box_here()) is not None and self.at_utc_ns >= box.start_utc_ns:
            box.finish(self.at_utc_ns)
            self._changed()

    def action_forget(self) -> None:
        """The key point of now."""
        box = self.drawing.box
        if box is not None and box.forget(self.at_utc_ns):
            self._changed()
        elif box is not None:
            self.say("There is no key point here, or it is the only one: d deletes the box.")

    def action_delete(self) -> None:
        """Delete the chosen box with all its key points."""
        if self.drawing.box is not None:
            self.drawing.delete()
            self._changed()

    # --- preview, keep, leave ---------------------------------------------------------------------------------------

    @on(Button.Pressed, "#preview")
    def action_preview(self) -> None:
        """This picture as it leaves: the service burns the boxes in. Again, or any step: back to drawing."""
        if self._previewed:
            self._want()
        elif self.drawing.boxes:
            self._want(preview=True)
            self.say("As it will be released. o or a step in time goes back to drawing.")
        self._overlay()

    @on(Button.Pressed, "#keep")
    @work(group="act")
    @in_turn
    async def action_keep(self) -> None:
        """Said and kept in one act: others are seen, and this is drawn over them."""
        if self._busy or not self.unkept:
            return
        if not self.drawing.boxes:
            self.say(
                "No box is drawn. Leave, and say instead that nobody else is seen, or why no mask is needed.",
                wrong=True,
            )
            return
        self._busy = True
        try:
            asked = ReleaseOthers(self.row.id, True, self.drawing.kept())
            row = await self._async_told("Saving the boxes", self.home.link.act(asked))
        finally:
            self._busy = False
        if row is not None:
            self.unkept = False
            await self._async_close_looks()
            self.dismiss(row)

    @work(exclusive=True, group="leave")
    @in_turn
    async def action_back(self) -> None:
        """Leave for the releases; asks first when boxes are not saved, and ends the looks that it opened."""
        if self._busy:
            return
        if self.unkept:
            words = f"Boxes: {len(self.drawing.boxes)} drawn, and not saved yet. Leave without saving?"
            asked = ConfirmDialog("Not saved yet", words, "Leave without saving")
            if not await self.app.push_screen_wait(asked):
                return
        await self._async_close_looks()
        self.dismiss(None)

    async def _async_close_looks(self) -> None:
        self._leaves = True
        for look in self._opened:
            with suppress(HoldshelfError):
                await self.home.looks.async_close(look)


def _tenths(utc_ns: int) -> str:
    """'2:05:07.2 pm': a box moves within a second."""
    clock, _, half = told_clock(utc_ns).partition(" ")
    return f"{clock}.{moment(utc_ns).microsecond // 100_000} {half}".strip()
