"""One step of adding or changing a camera, as the service says it: its fields, its words, and the act that answers it."""

from __future__ import annotations

from collections.abc import Mapping

from textual.app import ComposeResult
from textual.widget import Widget
from textual.widgets import Input

from holdshelf_core.api.errors import BadRequest
from holdshelf_core.api.types import Checks
from holdshelf_core.cameras.flow_types import (
    CameraReconfigure,
    CameraReplace,
    FlowFieldRow,
    FlowStart,
    FlowStep,
    FlowTry,
)
from holdshelf_core.cameras.types import AddedRow, AddRequest, CameraCheck
from holdshelf_tui.screens.dialogs.camera_forms import QuestionedForm, secret_field
from holdshelf_tui.screens.dialogs.form import Missing
from holdshelf_tui.text.words import inert
from holdshelf_tui.widgets.fields import Choice, FormField, TextField, Tick

_MOST = {"address": 500, "name": 64, "note": 200}

type Answer = FlowStep | AddedRow | Checks
"""The next step; or the camera, added; or how the camera took what is new."""


class StepDialog(QuestionedForm[Answer]):
    """A wrong answer is told in the form, with the cursor on what is to be corrected."""

    def __init__(self, step: FlowStep) -> None:
        super().__init__()
        self._step = step
        self.title_words, self.does, self.doing = step.title, step.does, step.doing

    def lead(self) -> str:
        """Which camera, and what is done with what is filled in."""
        return inert(self._step.lead, 300)

    def fields(self) -> ComposeResult:
        """What the service asks."""
        for row in self._step.fields:
            yield self.asked_back() if row.key == "questioned" else FormField(row.label, _field(row))

    async def async_submit(self) -> Answer:
        """Send it. Raises Missing for what cannot be left out."""
        for row in self._step.fields:
            if row.needed and not self._value(row):
                raise Missing(row.key, row.ask)
        match self._step.step:
            case "pick":
                return await self.link.read(FlowStart("user", self.text("address")))
            case "device":
                return await self._try()
            case "channel":
                return await self.link.act(FlowTry(self._step.flow, profile=self._values()["profile"]))
            case "place":
                return await self._add()
            case "reauth":
                return await self._new_login()
            case "replace":
                return await self._replaced()
        return await self._new_address()

    def _value(self, row: FlowFieldRow) -> str:
        widget: Widget = self.query_one(f"#{row.key}")
        if isinstance(widget, Choice):
            return widget.value
        if isinstance(widget, Tick):
            return "yes" if widget.value else ""
        assert isinstance(widget, Input)
        return widget.value if row.kind == "secret" else widget.value.strip()

    def _values(self) -> dict[str, str]:
        return {row.key: self._value(row) for row in self._step.fields}

    async def _try(self) -> FlowStep:
        typed = self._values()
        transport = _transport(typed)
        asked = FlowTry(self._step.flow, typed["username"] or None, typed["password"] or None, transport)
        return await self.link.act(asked)

    async def _add(self) -> AddedRow:
        typed = self._values()
        questioned = self.questioned(typed["name"])
        if typed["area"] in self.link.policy.explained and not typed["note"]:
            raise Missing("note", next(row.ask for row in self._step.fields if row.key == "note"))
        asked = AddRequest("", typed["name"], typed["area"], typed["note"], questioned=questioned, flow=self._step.flow)
        return await self.link.act(asked)

    async def _new_login(self) -> Checks:
        typed = self._values()
        if not (typed["username"] or typed["password"]):
            raise Missing("password", next(row.ask for row in self._step.fields if row.key == "password"))
        asked = CameraCheck(str(self._step.camera), typed["username"] or None, typed["password"] or None)
        checks = await self.link.act(asked)
        return _kept(checks, "password")

    async def _new_address(self) -> Checks:
        typed = self._values()
        login = (typed["username"] or None, typed["password"] or None)
        before = _transport({row.key: row.value for row in self._step.fields})
        transport = _transport(typed) if _transport(typed) != before else None
        asked = CameraReconfigure(str(self._step.camera), typed["address"], *login, transport=transport)
        checks = await self.link.act(asked)
        return _kept(checks, "address")

    async def _replaced(self) -> Checks:
        typed = self._values()
        asked = CameraReplace(
            str(self._step.camera),
            typed["why"],
            typed["address"],
            typed["username"] or None,
            typed["password"] or None,
            _transport(typed),
            typed["profile"],
        )
        return await self.link.act(asked)


def _transport(values: Mapping[str, str]) -> str:
    """The transport that the ticks of a form stand for: tcp, udp or multicast."""
    return "multicast" if values.get("multicast") else "udp" if values.get("udp") else "tcp"


def _kept(checks: Checks, what: str) -> Checks:
    """The checks, when what is new was kept. Raises BadRequest."""
    wrong = next((step for step in checks.steps if step.name == what and step.outcome == "failed"), None)
    if wrong is not None:
        error = BadRequest(wrong.sentence, wrong.next_step)
        error.field = what
        raise error
    return checks


def _field(row: FlowFieldRow) -> Widget:
    if row.kind == "secret":
        return secret_field(row.hint)
    if row.kind == "tick":
        return Tick(row.hint, row.value == "yes", id=row.key)
    if row.kind == "choice":
        return Choice([("", row.hint), *row.options], row.value, id=row.key, rows=6)
    return TextField(row.value, row.hint, id=row.key, most=_MOST.get(row.key, 128))
