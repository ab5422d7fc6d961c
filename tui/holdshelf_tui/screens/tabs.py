"""Which tabs are whose. What a tab shows is still the service's to allow."""

from __future__ import annotations

from holdshelf_tui.link import Who
from holdshelf_tui.screens.cameras import CamerasPane
from holdshelf_tui.screens.pane import Pane


def panes_for(who: Who) -> dict[str, type[Pane]]:
    """Tabs by key, in their order."""
    panes: dict[str, type[Pane]] = {"cameras": CamerasPane}
    return panes
