"""Which tabs are whose. What a tab shows is still the service's to allow."""

from __future__ import annotations

from holdshelf_tui.screens.add_cameras import AddCamerasPane
from holdshelf_tui.screens.cameras import CamerasPane
from holdshelf_tui.screens.doctor import DoctorPane
from holdshelf_tui.screens.holds import HoldsPane
from holdshelf_tui.screens.live import LivePane
from holdshelf_tui.screens.log import LogPane
from holdshelf_tui.screens.pane import Pane
from holdshelf_tui.screens.papers import PapersPane
from holdshelf_tui.screens.people import PeoplePane
from holdshelf_tui.screens.releases import ReleasesPane
from holdshelf_tui.screens.screen_wall import ScreenPane
from holdshelf_tui.screens.shared import SharedPane
from holdshelf_tui.screens.start import StartPane
from holdshelf_tui.screens.storage import StoragePane
from holdshelf_tui.screens.timeline import TimelinePane
from holdshelf_tui.session.link import Who


def panes_for(who: Who) -> dict[str, type[Pane]]:
    """Tabs by key, in their order; their numbers begin with 0."""
    if "screen" in who.rights:
        return {"screen": ScreenPane}
    panes: dict[str, type[Pane]] = {"start": StartPane, "cameras": CamerasPane}
    if who.admin:
        panes |= {"add": AddCamerasPane, "storage": StoragePane, "doctor": DoctorPane}
    if "archive" in who.rights:
        panes["timeline"] = TimelinePane
    if "live" in who.rights:
        panes["live"] = LivePane
    if not who.seat and not who.admin:
        panes["shared"] = SharedPane
    if who.admin or who.may("hold.see"):
        panes["holds"] = HoldsPane
    if who.may("release.see"):
        panes["releases"] = ReleasesPane
    panes["people"] = PeoplePane
    if who.admin or who.may("log.see"):
        panes["log"] = LogPane
    panes["papers"] = PapersPane
    return panes
