"""Add cameras, for the admin: look for them or name one by its address, then its steps: try it, name it, place it. No picture."""

from __future__ import annotations

import time
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import DataTable, Input, Label, Static

from holdshelf_core.api.errors import HoldshelfError
from holdshelf_core.api.types import AddedRow, DiscoveredRow, DiscoverRequest
from holdshelf_core.api.types_flow import FlowStart, FlowStep
from holdshelf_tui.screens.dialogs.form import in_words
from holdshelf_tui.screens.dialogs.message import MessageDialog
from holdshelf_tui.screens.dialogs.step import Answer, StepDialog
from holdshelf_tui.screens.pane import Pane
from holdshelf_tui.widgets.actions import Actions
from holdshelf_tui.widgets.fields import TextField
from holdshelf_tui.widgets.listing import fill, row_key, widths
from holdshelf_tui.words import counted

WAIT_S = 4.0
TICK_S = 0.25
_BAR_CELLS = 20
_LEAST = {"Name": 18, "Model": 14, "Address": 22, "Here as": 12}
_MOST = {"Name": 40, "Model": 40, "Address": 60, "Here as": 24}


class AddCamerasPane(Pane):
    """What answered; Enter on one asks its name, place and password."""

    DEFAULT_CSS = """
    AddCamerasPane #where { height: 1; }
    AddCamerasPane #where Label { width: 18; color: $text-muted; }
    AddCamerasPane #at { width: 1fr; background: $panel; }
    AddCamerasPane DataTable { height: 1fr; min-height: 4; margin-top: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "l", "discover", "Look for cameras", id="add.discover", tooltip="Ask the network which cameras there are"
        ),
        Binding("a", "by_address", "By address", id="add.address", tooltip="Add one by its address"),
    ]
    title = "Add cameras"
    short = "Add"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._found: dict[str, DiscoveredRow] = {}
        self._looked = False

    def compose(self) -> ComposeResult:
        """State, where to look, what answered, buttons."""
        yield Static("", classes="state")
        with Horizontal(id="where"):
            yield Label("Look only at")
            yield TextField("", "left out: the whole network; or hosts, with commas", id="at", most=500)
        yield DataTable(id="found", cursor_type="row", zebra_stripes=True, cell_padding=0)
        yield Actions((("discover", "Look for cameras"), ("add", "Add this one …"), ("address", "Add by address …")))

    def on_mount(self) -> None:
        """Nothing was found yet."""
        super().on_mount()
        self._show()

    def shown(self) -> None:
        """The first thing to do has the cursor."""
        super().shown()
        self.query_one("#found" if self._found else "#act-discover").focus()

    def on_resize(self) -> None:
        """Share out the new width."""
        self._show()

    async def async_load(self) -> None:
        """Nothing is asked of the network before somebody says so."""
        if not self._looked:
            self.say("Look for the cameras on this network, or add one by its address.")

    def _show(self) -> None:
        rows = {
            row.id: (row.name, row.hardware, row.address, row.added_as or "not added") for row in self._found.values()
        }
        fill(self.query_one(DataTable), widths(self.size.width, _LEAST, _MOST, ("Address", "Name", "Model")), rows)
        self.query_one(Actions).allow(add=bool(rows))

    # --- looking --------------------------------------------------------------------------------------------------

    @on(Input.Submitted, "#at")
    def _where_entered(self) -> None:
        self.action_discover()

    def action_discover(self) -> None:
        """Look now."""
        self._discover()

    @work(exclusive=True, group="discover")
    async def _discover(self) -> None:
        typed = self.query_one("#at", Input).value.replace(",", " ").split()
        began = time.monotonic()

        def progress() -> None:
            part = min(1.0, (time.monotonic() - began) / WAIT_S)
            bar = "█" * round(part * _BAR_CELLS)
            self.say(f"Looking for cameras  {bar:░<{_BAR_CELLS}}  {int(time.monotonic() - began)} of {WAIT_S:.0f} s")

        progress()
        timer = self.set_interval(TICK_S, progress)
        try:
            asked = DiscoverRequest(typed or None, WAIT_S)
            found = await self.link.post("/discover", asked, list[DiscoveredRow], timeout_s=WAIT_S + 30)
        except HoldshelfError as error:
            self.say(str(error), wrong=True)
            return
        finally:
            timer.stop()
        self._looked = True
        self._found = {row.id: row for row in found}
        self._show()
        new = sum(row.added_as is None for row in found)
        if not found:
            self.say("No camera answered. Type its host above and look again, or add it by its address.")
        else:
            self.say(f"{counted(len(found), 'camera')} answered, {new} not added yet. Enter adds one.")
            self.query_one(DataTable).focus()

    # --- adding ---------------------------------------------------------------------------------------------------

    @on(Actions.Chosen)
    def _pressed(self, chosen: Actions.Chosen) -> None:
        if chosen.key == "discover":
            self.action_discover()
        elif chosen.key == "address":
            self.action_by_address()
        else:
            self._entered()

    @on(DataTable.RowSelected)
    def _entered(self) -> None:
        found = self._found.get(row_key(self.query_one(DataTable)))
        if found is not None and found.added_as is None:
            self._add(found)
        elif found is not None:
            self.say(f"{found.name} is here already, as {found.added_as}.")

    def action_by_address(self) -> None:
        """One that does not answer, or no ONVIF camera at all."""
        self._add(None)

    @work(group="act")
    async def _add(self, found: DiscoveredRow | None) -> None:
        try:
            answer: Answer | None = await self.link.post(
                "/flow", FlowStart("user", found.id if found is not None else ""), FlowStep
            )
        except HoldshelfError as error:
            self.say(in_words(error), wrong=True)
            return
        while isinstance(answer, FlowStep):
            answer = await self.app.push_screen_wait(StepDialog(answer))
        if not isinstance(answer, AddedRow):
            return
        added = answer
        if found is not None:
            self._found[found.id] = DiscoveredRow(
                found.id, found.integration, found.name, found.address, found.hardware, found.location, added.id
            )
            self._show()
        notes = " ".join(f"▲ {warning}" for warning in added.warnings)
        said = (
            f"{added.name} is added as {added.id}: its stream plays, and it is recorded. Nobody may look before a seat, "
            "or a designee for it, has brought it into use."
        )
        await self.app.push_screen_wait(MessageDialog("Added", said, notes))
