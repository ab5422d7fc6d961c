"""The one prompt before the first picture (P12): why, which incident, which cameras, what time. And what imminent danger opens.

What it opens is written down before anything is shown. A refusal is told in the form, which stays as it was filled in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.widgets import Button

from holdshelf_core.api.types import CameraRow
from holdshelf_core.holds.types import SpanAsk
from holdshelf_core.looks.types import BreakGlass, GrantRow, PurposeOpen, PurposeRow
from holdshelf_tui.screens.dialogs.form import FormDialog, Missing
from holdshelf_tui.screens.dialogs.span_form import SpanForm
from holdshelf_tui.session.inputs import in_turn
from holdshelf_tui.text.time_format import MINUTE_NS
from holdshelf_tui.widgets.fields import Choice, FormField, Picks, TextField

AROUND_NS = 15 * MINUTE_NS
INCIDENT_HINT = "number of the report, e.g., 26-114; never a name"
DANGER = "Imminent danger …"
BREAK_GLASS_LEAD = (
    "For danger to someone, right now. You can look at once: live, and at the last few minutes. It ends automatically, "
    "goes on record, and others must review it."
)


class _Asks(FormDialog[GrantRow]):
    """What both prompts ask for alike, and the way out for an emergency."""

    purposes: Sequence[PurposeRow]
    before: GrantRow | None
    _cameras: list[CameraRow]

    def purpose_fields(self) -> ComposeResult:
        """Why, and which incident."""
        chosen = self.before.purpose if self.before is not None else ""
        yield FormField("Purpose", Choice([(row.id, row.words) for row in self.purposes], chosen, id="purpose", rows=8))
        number = self.before.incident if self.before is not None else ""
        yield FormField("Incident", TextField(number, INCIDENT_HINT, id="incident", most=60))
        roles = dict.fromkeys(role for row in self.purposes for role in row.consults)
        if roles:
            choices = [(role, self.link.policy.role_words.get(role, role)) for role in roles]
            yield FormField("Consulted", Picks(choices, id="consulted", rows=3), hint="Where the purpose asks for it.")

    @property
    def consulted(self) -> list[str]:
        """Roles that were consulted, by the word of whoever looks."""
        return self.query_one("#consulted", Picks).selected if self.query("#consulted") else []

    def offer_danger(self) -> None:
        """A way out beside the ordinary one."""
        button = Button(f" {DANGER} ", id="danger", variant="error", compact=True, tooltip=BREAK_GLASS_LEAD)
        self.query_one(".buttons").mount(button, before=0)

    @on(Button.Pressed, "#danger")
    def _in_danger(self) -> None:
        self._break_glass()

    @work(exclusive=True, group="danger")
    @in_turn
    async def _break_glass(self) -> None:
        row = await self.app.push_screen_wait(
            BreakGlassDialog(self._cameras, self.query_one("#cameras", Picks).selected)
        )
        if row is not None:
            self.dismiss(row)


class PurposeDialog(_Asks, SpanForm[GrantRow]):
    """Recordings: leaves with the open look, or None. ``before``: the last look, whose purpose is offered again.

    ``danger``: whether a look in imminent danger is offered beside it (who may look live).
    """

    title_words = "Why are you looking?"
    does = "Look"
    doing = "Opening the look"
    until_lifted: ClassVar[bool] = False

    def __init__(
        self,
        purposes: Sequence[PurposeRow],
        cameras: Sequence[CameraRow],
        camera: str,
        around_utc_ns: tuple[int, int],
        *,
        before: GrantRow | None = None,
        danger: bool = True,
    ) -> None:
        super().__init__([SpanAsk(camera, *around_utc_ns)], cameras)
        self.purposes, self.before, self._danger = purposes, before, danger

    def fields(self) -> ComposeResult:
        """Why, which incident, which cameras, from when to when."""
        yield from self.purpose_fields()
        yield from self.span_fields()

    def on_mount(self) -> None:
        """The way out for an emergency stands beside the ordinary one."""
        if self._danger:
            self.offer_danger()

    async def async_submit(self) -> GrantRow:
        """Opened, and written down."""
        spans = await self.async_spans()
        asked = PurposeOpen(
            [span.camera for span in spans],
            self.query_one("#purpose", Choice).value,
            self.text("incident"),
            start_utc_ns=spans[0].start_utc_ns,
            end_utc_ns=spans[0].end_utc_ns,
            consulted=self.consulted,
        )
        return await self.home.looks.async_open(asked)


class LivePurposeDialog(_Asks):
    """Asks why they look live."""

    title_words = "Why are you looking live?"
    does = "Look live"
    doing = "Opening the look"

    def __init__(
        self,
        purposes: Sequence[PurposeRow],
        cameras: Sequence[CameraRow],
        camera: str,
        *,
        before: GrantRow | None = None,
    ) -> None:
        super().__init__()
        self.purposes, self.before, self._cameras, self._camera = purposes, before, list(cameras), camera

    def lead(self) -> str:
        return "Live pictures end automatically, and when you leave the tab."

    def fields(self) -> ComposeResult:
        """Why, which incident, which cameras."""
        yield from self.purpose_fields()
        choices = [(camera.id, camera.name) for camera in self._cameras]
        yield FormField(
            "Cameras", Picks(choices, {self._camera}, id="cameras", rows=4), hint="Press Space to check one."
        )

    def on_mount(self) -> None:
        """The way out for an emergency stands beside the ordinary one."""
        self.offer_danger()

    async def async_submit(self) -> GrantRow:
        """Opened, and written down."""
        asked = PurposeOpen(
            _picked(self),
            self.query_one("#purpose", Choice).value,
            self.text("incident"),
            mode="live",
            consulted=self.consulted,
        )
        return await self.home.looks.async_open(asked)


class BreakGlassDialog(FormDialog[GrantRow]):
    """A look at once, in imminent danger."""

    title_words = "Imminent danger"
    does = "Look now"
    doing = "Opening the look"

    def __init__(self, cameras: Sequence[CameraRow], picked: Sequence[str]) -> None:
        super().__init__()
        self._cameras = list(cameras)
        self._first = [row.id for row in cameras if row.id in picked or len(cameras) == 1]

    def lead(self) -> str:
        return BREAK_GLASS_LEAD

    def fields(self) -> ComposeResult:
        """What the danger is, and where."""
        yield FormField("The danger", TextField("", "in a few words, e.g., a child is missing", id="why", most=300))
        choices = [(camera.id, camera.name) for camera in self._cameras]
        yield FormField("Cameras", Picks(choices, self._first, id="cameras", rows=6), hint="Press Space to check one.")
        yield FormField(
            "Incident", TextField("", "number of the report, if there is one already", id="incident", most=60)
        )

    async def async_submit(self) -> GrantRow:
        """Opened, written down, and flagged for review."""
        why = self.needed("why", "Say in a few words what the danger is.")
        return await self.home.looks.async_open(BreakGlass(_picked(self), why, self.text("incident")))


def _picked(form: FormDialog[GrantRow]) -> list[str]:
    cameras = form.query_one("#cameras", Picks).selected
    if not cameras:
        raise Missing("cameras", "Which camera? Check at least one with Space.")
    return cameras
