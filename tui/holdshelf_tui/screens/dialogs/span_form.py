"""A form that asks for cameras and a stretch of time, and says as it is typed how it is understood."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.css.query import NoMatches
from textual.widgets import Checkbox, Input

from holdshelf_core.api.errors import BadRequest
from holdshelf_core.api.types import CameraRow
from holdshelf_core.holds.types import SpanAsk
from holdshelf_tui.screens.dialogs.form import FormDialog, Missing
from holdshelf_tui.text.time_format import moment
from holdshelf_tui.text.time_off_loop import async_end, async_start
from holdshelf_tui.text.time_span import told_span
from holdshelf_tui.widgets.fields import FormField, Picks, TextField, Tick

TIME_HINT = "e.g., 2:00 pm · yesterday 3:15 pm"
END_HINT = "e.g., 2:30 pm · 20 min"


def typed_as(utc_ns: int) -> str:
    """A moment as these fields take it, to the second."""
    return moment(utc_ns).strftime("%Y-%m-%d %H:%M:%S")


class SpanForm[T](FormDialog[T]):
    """``spans``: what the marks say, '' to be typed. What is left as it was given keeps its exact times.

    ``until_lifted``: whether it may go on without an end.
    """

    until_lifted: ClassVar[bool] = True

    def __init__(
        self,
        spans: Sequence[SpanAsk],
        cameras: Sequence[CameraRow],
        start_utc_ns: int | None = None,
        picked: Sequence[str] = (),
    ) -> None:
        """``start_utc_ns``: where it starts, if that alone is known; ``picked``: cameras that are meant, if no span is known."""
        super().__init__()
        self._given = list(spans)
        self._cameras = list(cameras)
        self._first_picked = set(picked)
        start, end = self._edges()
        begins = start or start_utc_ns
        self._first_texts = (typed_as(begins) if begins else "", typed_as(end) if end else "")

    def _edges(self) -> tuple[int | None, int | None]:
        if not self._given:
            return None, None
        ends = [span.end_utc_ns for span in self._given]
        return (
            min(span.start_utc_ns for span in self._given),
            None if None in ends else max(end for end in ends if end is not None),
        )

    def span_fields(self) -> ComposeResult:
        picked = {span.camera for span in self._given} or self._first_picked
        if not picked and len(self._cameras) == 1:
            picked = {self._cameras[0].id}
        choices = [(camera.id, camera.name) for camera in self._cameras]
        open_end = bool(self._given) and self._first_texts[1] == ""
        more = "Press Space to check one." if len(choices) > 1 else ""
        yield FormField("Cameras", Picks(choices, picked, id="cameras", rows=4), hint=more)
        yield FormField("From", TextField(self._first_texts[0], TIME_HINT, id="from", most=80))
        to = FormField("To", TextField(self._first_texts[1], END_HINT, id="to", most=80), id="to-row")
        yield to
        if self.until_lifted:
            yield FormField("", Tick("keep on until the hold is lifted", open_end, id="until"))

    def opened(self) -> None:
        """Say how the marks read."""
        super().opened()
        self._echo()

    @on(Input.Changed, "#from")
    @on(Input.Changed, "#to")
    @on(Checkbox.Changed, "#until")
    def _typed(self) -> None:
        self._echo()

    @work(exclusive=True, group="echo")
    async def _echo(self) -> None:
        try:
            words = told_span(*await self._async_times()) if self.text("from") else ""
        except BadRequest:
            words = ""
        except NoMatches:
            return  # left meanwhile
        for field in self.query("#to-row").results(FormField):
            field.hint(words)

    @property
    def goes_on(self) -> bool:
        """Whether it has no end."""
        return self.until_lifted and self.query_one("#until", Tick).value

    async def _async_times(self) -> tuple[int, int | None]:
        now_utc_ns = time.time_ns()
        begins = self.needed("from", "From when? Type the day and the time.")
        given_start, given_end = self._edges()
        try:
            # What the marks gave is exact; its text is only to the second.
            unchanged = given_start is not None and begins == self._first_texts[0]
            start_utc_ns = (
                given_start
                if unchanged and given_start is not None
                else await async_start(begins, now_utc_ns, future=True)
            )
        except BadRequest as error:
            raise Missing("from", error.sentence, error.next_step) from None
        if self.goes_on:
            return start_utc_ns, None
        ends = self.text("to")
        if not ends:
            more = ", or check that it lasts until lifted" if self.until_lifted else ""
            raise Missing("to", f"Until when? Type a time or a length{more}.")
        try:
            unchanged = given_end is not None and ends == self._first_texts[1]
            end_utc_ns = (
                given_end if unchanged and given_end is not None else await async_end(ends, start_utc_ns, now_utc_ns)
            )
        except BadRequest as error:
            raise Missing("to", error.sentence, error.next_step) from None
        if end_utc_ns <= start_utc_ns:
            raise Missing("to", "It ends before it starts.", "Swap the two times.")
        return start_utc_ns, end_utc_ns

    async def async_spans(self) -> list[SpanAsk]:
        """What is filled in. Raises Missing."""
        cameras = self.query_one("#cameras", Picks).selected
        if not cameras:
            raise Missing("cameras", "Which camera? Check at least one with Space.")
        start_utc_ns, end_utc_ns = await self._async_times()
        untouched = (
            (self.text("from"), "" if self.goes_on else self.text("to")) == self._first_texts
            and {span.camera for span in self._given} == set(cameras)
            and bool(self._given)
        )
        if untouched:
            return self._given
        return [SpanAsk(camera, start_utc_ns, end_utc_ns) for camera in cameras]
