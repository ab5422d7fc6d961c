"""A bundle that is being made (P13): how far it is, called off, or left to go on by itself."""

from __future__ import annotations

from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, ProgressBar, Static

from holdshelf_core.api.errors import HoldshelfError
from holdshelf_core.releases.types import ExportRow, ReadExports, ReleaseExportCancel
from holdshelf_tui.session.link import Link
from holdshelf_tui.widgets.text import plain

POLL_S = 0.5
UNDER_WAY = ("queued", "making")


class BundleDialog(ModalScreen[ExportRow]):
    """Ends with how it stands: over, or going on without anybody watching."""

    DEFAULT_CSS = """
    BundleDialog .dialog { width: 66; }
    BundleDialog ProgressBar { width: 100%; margin: 1 0; }
    BundleDialog #bar { width: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave it running", id="leave")]

    def __init__(self, link: Link, row: ExportRow) -> None:
        super().__init__()
        self._link, self._row = link, row

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = plain(f"The bundle of {self._row.release}", 60)
            yield Static(plain("Beginning …", 200), id="step")
            yield ProgressBar(total=None, show_eta=False)
            yield Static(plain("It continues when you leave. If you cancel it, it is discarded.", 200), classes="muted")
            with Horizontal(classes="buttons"):
                yield Button("Cancel it", id="off", compact=True)
                yield Button("Leave it running", variant="primary", id="leave", compact=True)

    def on_mount(self) -> None:
        """Look how far it is."""
        self.query_one("#leave", Button).focus()
        self.set_interval(POLL_S, self._look)
        self._look()

    @work(exclusive=True, group="look")
    async def _look(self) -> None:
        try:
            rows = await self._link.read(ReadExports())
        except HoldshelfError:
            return  # the banner says that the service is away
        found = next((row for row in rows if row.release == self._row.release), None)
        if found is None:
            words = "The service restarted; the bundle was discarded."
            self.dismiss(ExportRow(self._row.release, "failed", 0, 0, words, self._row.by, self._row.by_name))
            return
        self._row = found
        if found.state not in UNDER_WAY:
            self.dismiss(found)
            return
        self.query_one("#step", Static).update(plain(found.step, 200))
        bar = self.query_one(ProgressBar)
        bar.update(total=found.total_bytes or None, progress=found.done_bytes)

    def on_button_pressed(self, pressed: Button.Pressed) -> None:
        """Call it off, or leave."""
        if pressed.button.id == "off":
            pressed.button.disabled = True
            self._call_off()
        else:
            self.action_leave()

    @work(group="off")
    async def _call_off(self) -> None:
        try:
            await self._link.act(ReleaseExportCancel(self._row.release))
        except HoldshelfError as error:
            self.query_one("#step", Static).update(plain(str(error), 300))

    def action_leave(self) -> None:
        """It goes on by itself."""
        self.dismiss(self._row)
