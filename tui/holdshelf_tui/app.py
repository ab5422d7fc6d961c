"""The Textual application. So far: the cameras at a glance (used by `holdshelf demo`)."""

from __future__ import annotations

from typing import ClassVar

from textual.app import App
from textual.binding import BindingType

from holdshelf_core.api.client import Client
from holdshelf_tui.screens.cameras import CamerasScreen


class HoldshelfApp(App[None]):
    """``ends_after_s``: leave by itself, for demonstrations."""

    TITLE = "Holdshelf"
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(self, client: Client, *, ends_after_s: float | None = None) -> None:
        super().__init__()
        self._client = client
        self._ends_after_s = ends_after_s

    def on_mount(self) -> None:
        """Show the cameras."""
        self.push_screen(CamerasScreen(self._client))
        if self._ends_after_s is not None:
            self.set_timer(self._ends_after_s, self.exit)
