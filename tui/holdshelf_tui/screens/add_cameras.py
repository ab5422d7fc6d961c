"""Add cameras, for the admin: look for them or name one by its address, then its steps: try it, name it, place it. No picture."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import ClassVar

import msgspec
from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input, Label

from holdshelf_core.api.errors import HoldshelfError
from holdshelf_core.cameras.flow_types import FlowStart, FlowStep
from holdshelf_core.cameras.types import AddedRow, DiscoveredRow, DiscoverRequest
from holdshelf_tui.screens.actions_pane import ActionDescription, PaneAction
from holdshelf_tui.screens.dialogs.message import MessageDialog
from holdshelf_tui.screens.dialogs.step import Answer, StepDialog
from holdshelf_tui.screens.list_pane import ListPane, RowAction
from holdshelf_tui.text.cameras import added_words
from holdshelf_tui.text.words import counted
from holdshelf_tui.widgets import key_table
from holdshelf_tui.widgets.fields import TextField
from holdshelf_tui.widgets.listing import Columns

WAIT_S = 4.0
TICK_S = 0.25
_BAR_CELLS = 20


class AddCamerasPane(ListPane[DiscoveredRow]):
    """What answered; Enter on one asks its name, place and password."""

    DEFAULT_CSS = """
    AddCamerasPane #where { height: 1; }
    AddCamerasPane #where Label { width: 18; color: $text-muted; }
    AddCamerasPane #at { width: 1fr; background: $panel; }
    AddCamerasPane DataTable { margin-top: 1; }
    """
    title = "Add cameras"
    short = "Add"
    key = "add"
    table_id = "found"
    COLUMNS: ClassVar = {
        "": Columns(
            {"Name": (18, 40), "Model": (14, 40), "Address": (22, 60), "Here as": (12, 24)},
            first=("Address", "Name", "Model"),
        )
    }

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._looked = False

    def compose(self) -> ComposeResult:
        """State, where to look, what answered, buttons."""
        yield from self.top("")
        with Horizontal(id="where"):
            yield Label("Look only at")
            yield TextField("", "blank: the whole network; or hosts, separated by commas", id="at", most=500)
        yield self.table
        yield self.buttons

    def on_mount(self) -> None:
        """Nothing was found yet."""
        self.show()

    def shown(self) -> None:
        """The first thing to do has the cursor."""
        super().shown()
        self.query_one("#found" if self.rows else "#act-discover").focus()

    async def async_load(self) -> None:
        """Nothing is asked of the network before somebody says so."""
        if not self._looked:
            self.say("Find the cameras on this network, or add one by its address.")

    def cells(self, row: DiscoveredRow) -> Sequence[str]:
        """Its name, model and address, and what it is called here."""
        return (row.name, row.hardware, row.address, added_words(row, "not added"))

    # --- looking --------------------------------------------------------------------------------------------------

    @on(Input.Submitted, "#at")
    def _where_entered(self) -> None:
        self.action_do("discover")

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
            found = await self.link.read(asked, timeout_s=WAIT_S + 30)
        except HoldshelfError as error:
            self.say(str(error), wrong=True)
            return
        finally:
            timer.stop()
        self._looked = True
        self.lists[""] = {row.id: row for row in found}
        self.show()
        new = sum(row.added_as is None for row in found)
        if not found:
            self.say("No camera answered. Type its host above and look again, or add it by its address.")
        else:
            self.say(f"{counted(len(found), 'camera')} answered, {new} not added yet. Enter adds one.")
            self.table.focus()

    # --- adding ---------------------------------------------------------------------------------------------------

    async def _async_add(self, found: DiscoveredRow) -> None:
        if found.added_as is None:
            await self._async_steps(found)
        else:
            self.say(f"{found.name} was already added, as {found.added_as}.")

    async def _async_steps(self, found: DiscoveredRow | None) -> None:
        started = self.link.read(FlowStart("user", found.id if found is not None else ""))
        answer: Answer | None = await self.async_do("Getting the questions", started)
        while answer is not None:
            while isinstance(answer, FlowStep):
                answer = await self.app.push_screen_wait(StepDialog(answer))
            if not isinstance(answer, AddedRow):
                return
            if found is not None:
                found = _with(found, answer)
                self.rows[found.id] = found
                self.show()
            await self._async_say_added(answer)
            # A device with several channels: the next one, until Escape.
            answer = answer.next

    async def _async_say_added(self, added: AddedRow) -> None:
        notes = " ".join(f"▲ {warning}" for warning in added.warnings)
        said = (
            f"{added.name} is added as {added.id}: its stream plays, and it is recorded. Nobody may look before a seat, "
            "or a designee for it, has brought it into use."
        )
        await self.app.push_screen_wait(MessageDialog("Added", said, notes))

    ACTIONS: ClassVar[Sequence[ActionDescription[AddCamerasPane, DiscoveredRow]]] = (
        PaneAction("discover", "Look for cameras", "Ask the network which cameras there are", key=key_table.ANEW,
            run=lambda self: self._discover()),
        RowAction("add", "Add this one …", "Its name, place and password are asked", enters=True, run=_async_add),
        PaneAction("address", "Add by address …", "Add one by its address", key=key_table.ADDRESS, short="By address",
            run=lambda self: self._async_steps(None)),
    )  # fmt: skip


def _with(found: DiscoveredRow, added: AddedRow) -> DiscoveredRow:
    """The device, now that this is a camera of it."""
    ids = [*found.partly, added.id]
    if added.next is not None:
        return msgspec.structs.replace(found, partly=ids)
    return msgspec.structs.replace(found, added_as=", ".join(ids), partly=[])
