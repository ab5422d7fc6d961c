"""Place a hold (P16): ground, number, cameras, time. One Enter places it, and then it says what was found of it.

No look is needed: nothing is shown, so nobody is asked why they look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from holdshelf_core.api.errors import HoldshelfError
from holdshelf_core.api.types import CameraRow
from holdshelf_core.holds.types import HoldExtend, HoldPlace, HoldRow, ReadAlsoHeld, SpanAsk
from holdshelf_core.policy.governing import own_board
from holdshelf_tui.screens.dialogs.form import Missing
from holdshelf_tui.screens.dialogs.span_form import SpanForm
from holdshelf_tui.text.holds import (
    KIND_SIGNS,
    KIND_WORDS,
    also_words,
    camera_names,
    exact,
    found,
    ground_choices,
    review_words,
)
from holdshelf_tui.text.words import inert, size, span
from holdshelf_tui.widgets.fields import Choice, FormField, TextField
from holdshelf_tui.widgets.text import plain


def review_days(form: SpanForm[HoldRow], field: str) -> int | None:
    """Days until the review; None: as the Board set it. Raises Missing."""
    typed = form.text(field).removesuffix("days").removesuffix("day").strip()
    if not typed:
        return None
    if not typed.isdecimal():
        raise Missing(field, "In how many days must it be reviewed?", "Type a number, e.g., 30, or leave it out.")
    return int(typed)


class HoldDialog(SpanForm[HoldRow]):
    """``spans``: from the in and out marks, [] to type them. Leaves with the hold, over what was found of it.

    ``reference``: a number that is known already. ``picked``: cameras that are ticked where there is no span. ``tells``: say
    what was found of it; else who opened it does.
    """

    title_words = "Place a hold"
    does = "Place the hold"
    doing = "Placing the hold"

    def __init__(
        self,
        spans: Sequence[SpanAsk],
        cameras: Sequence[CameraRow],
        reference: str = "",
        *,
        start_utc_ns: int | None = None,
        picked: Sequence[str] = (),
        tells: bool = True,
    ) -> None:
        super().__init__(spans, cameras, start_utc_ns, picked)
        self._reference = reference
        self._tells = tells
        self._told_of: list[str] = []
        """Holds over the same footage that were told of before Enter was pressed again."""

    def fields(self) -> ComposeResult:
        """Ground, number, cameras, time; review and note may be left out."""
        yield FormField("Ground", Choice(ground_choices(self.link.policy.grounds), id="ground"))
        yield FormField(
            "Number",
            TextField(self._reference, "case or incident number, e.g., 26-1234", id="reference", most=60),
        )
        yield from self.span_fields()
        yield FormField("Review in", TextField("", own_board("days; blank: as the Board set it"), id="review", most=10))
        yield FormField("Note", TextField("", "optional; never a patron's name", id="note", most=500))

    def opened(self) -> None:
        """With marks, only the number is missing."""
        super().opened()
        if self._given:
            self.query_one("#reference").focus()

    async def async_submit(self) -> HoldRow:
        """Placed: from now on nothing of it is erased."""
        reference = self.needed("reference", "The hold needs its case or incident number.")
        spans = await self.async_spans()
        await self._async_tell_of_others(spans)
        asked = HoldPlace(
            self.query_one("#ground", Choice).value, reference, spans, review_days(self, "review"), self.text("note")
        )
        return await self.link.act(asked)

    async def _async_tell_of_others(self, spans: list[SpanAsk]) -> None:
        """Say once who keeps all of it already. Raises Missing; what cannot be asked now keeps nobody from a hold."""
        try:
            also = [one for one in await self.link.read(ReadAlsoHeld(spans)) if one.whole]
        except HoldshelfError:
            return
        held = [one.hold for one in also]
        if also and held != self._told_of:
            self._told_of = held
            raise Missing("reference", also_words(also), "Press Enter to place yours, too, or Esc to cancel.")

    def done(self, answer: HoldRow) -> None:
        """Say what was found, in front of where it came from."""
        app, cameras = self.app, self._cameras
        self.dismiss(answer)
        if self._tells:
            app.push_screen(FoundDialog(answer, camera_names(cameras), placed=True))


class ExtendDialog(SpanForm[HoldRow]):
    """Keep more under the same hold: other cameras, a longer time. A lift that is under way is taken back by it."""

    title_words = "Keep more under this hold"
    does = "Keep more"
    doing = "Extending the hold"

    def __init__(self, hold: HoldRow, cameras: Sequence[CameraRow]) -> None:
        super().__init__([], cameras)
        self._hold = hold

    def lead(self) -> str:
        """Which hold, and what becomes of a lift."""
        lead = f"{self._hold.id}, no. {self._hold.reference}. What it already keeps stays as it is."
        if self._hold.state != "active":
            lead += " This cancels its lift, which would have to be requested again."
        return lead

    def fields(self) -> ComposeResult:
        yield from self.span_fields()
        yield FormField("Why", TextField("", "why more is kept; never a patron's name", id="why", most=500))

    async def async_submit(self) -> HoldRow:
        """Add what was typed to the hold; return it as it is then. Raises Missing, HoldshelfError."""
        spans = await self.async_spans()
        why = self.needed("why", "Why is more kept? A few words are enough.")
        return await self.link.act(HoldExtend(self._hold.id, spans, why))

    def done(self, answer: HoldRow) -> None:
        """Say what is kept now."""
        app, cameras = self.app, self._cameras
        self.dismiss(answer)
        app.push_screen(FoundDialog(answer, camera_names(cameras)))


class FoundDialog(ModalScreen[None]):
    """A hold and what it covers, to the second: kept, gaps with their reason, what was already erased."""

    CSS = """
    FoundDialog .dialog { width: 78; max-width: 100%; padding: 0 1; }
    FoundDialog #parts { height: auto; max-height: 9; margin-top: 1; }
    FoundDialog .dialog Static { height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Close", id="close")]

    def __init__(self, hold: HoldRow, names: Mapping[str, str], *, placed: bool = False) -> None:
        super().__init__()
        self._hold, self._names, self._placed = hold, names, placed

    def compose(self) -> ComposeResult:
        """The number first: it goes into the incident's report."""
        hold = self._hold
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = plain(f"Hold {hold.id}", 60)
            if self._placed:
                yield Static(
                    plain(f"{hold.id} is placed. None of its footage is erased from now on.", 200), classes="well"
                )
            yield Static(plain(f"For {hold.ground}, no. {hold.reference}; placed by {who_placed(hold)}.", 300))
            if hold.queued:
                yield Static(
                    "! The access log cannot be written now. The footage is still kept; the entry follows.",
                    classes="warns",
                )
            if hold.also:
                yield Static(plain(f"▲ {also_words(hold.also)}", 700), classes="warns")
            yield Static(plain(" ".join(found(hold)), 900))
            with VerticalScroll(id="parts"):
                yield Static(Content("\n".join(coverage_lines(hold, self._names))))
            yield Static(plain(self._rest(), 400), classes="muted")
            with Horizontal(classes="buttons"):
                yield Button("Close", variant="primary", id="close", compact=True)

    def _rest(self) -> str:
        hold = self._hold
        held = f"{size(hold.held_bytes)} held" + ("" if hold.shelved else ", being set aside")
        rest = f"{held}. Next review: {review_words(hold)}."
        if hold.note:
            rest += f" Note: {hold.note}"
        if hold.lift_why and hold.state in ("lifting", "grace", "lifted"):
            rest += f" Reason for the lift: {hold.lift_why}"
        if hold.archived_to:
            rest += f" A copy is at {hold.archived_to}."
        return rest

    def on_mount(self) -> None:
        """Enter closes; arrows scroll a long list."""
        self.query_one("#close", Button).focus()

    def on_button_pressed(self) -> None:
        self.dismiss()


def who_placed(hold: HoldRow) -> str:
    """The name of who placed it; the id of one who has no name here."""
    return hold.placed_by_name or hold.placed_by


def coverage_lines(hold: HoldRow, names: Mapping[str, str]) -> list[str]:
    """A line for each stretch, under its camera: sign, times, what became of it."""
    lines: list[str] = []
    camera = ""
    for part in hold.coverage:
        if part.camera != camera:
            camera = part.camera
            lines.append(inert(names.get(camera, camera), 70))
        length = span(max(0, part.end_utc_ns - part.start_utc_ns) / 1e9)
        words = KIND_WORDS.get(part.kind, part.kind)
        if part.kind == "gap" and part.reason:
            words = f"{words}: {part.reason}"
        elif part.kind == "erased":
            words = f"{words} (erased on schedule)"
        elif part.kind == "missing":
            words = f"{words} (not erased on schedule)"
        lines.append(
            inert(
                f"  {KIND_SIGNS.get(part.kind, '?')} {exact(part.start_utc_ns, part.end_utc_ns)}, {length}: {words}",
                160,
            )
        )
    return lines or ["  Nothing is recorded in it yet."]
