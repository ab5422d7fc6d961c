"""What the tabs offer for holds kept in an off-site store: how it does, whether all is there, what other branches hold."""

from __future__ import annotations

from holdshelf_core.holds.types import HoldRow
from holdshelf_core.offsite.types import CountyRow, OffsiteList, OffsiteRow, OffsiteVerify, ReadCounty, ReadOffsite
from holdshelf_tui.screens.dialogs.message import MessageDialog
from holdshelf_tui.screens.dialogs.sheet import SheetDialog
from holdshelf_tui.screens.pane import Pane
from holdshelf_tui.text.offsite import NONE, branch_lines, status_lines, verified_lines

FULL = "Asked for size, checksum and hold of each object. To read each back whole: `holdshelf offsite verify --full`."


async def async_elsewhere(pane: Pane) -> None:
    """Where holds are kept as well, and what waits to get there. To be awaited in a worker."""
    asked = await pane.async_do("Asking for its state", _async_row(pane))
    if asked is None:
        return
    (row,) = asked
    if row is None:
        await pane.app.push_screen_wait(MessageDialog("Kept elsewhere", NONE))
        return
    how = "Set up and stopped by command: `holdshelf offsite --help`."
    await pane.app.push_screen_wait(SheetDialog("Kept elsewhere", "\n".join(status_lines(row)), how))


async def _async_row(pane: Pane) -> tuple[OffsiteRow | None]:
    return (await pane.link.read(ReadOffsite()),)


async def async_verify(pane: Pane) -> None:
    """Ask the store for each object. To be awaited in a worker."""
    found = await pane.async_do("Asking the store for each object", pane.link.act(OffsiteVerify()))
    if found is not None:
        lines = verified_lines(found, full=False)
        await pane.app.push_screen_wait(SheetDialog("Is all of it there?", "\n".join(lines), FULL))


async def async_county(pane: Pane) -> CountyRow | None:
    """This recorder's part in the county's list; None for those who may not see it, too."""
    return await pane.link.read(ReadCounty()) if pane.who.may_read(ReadCounty) else None


async def async_branches(pane: Pane, hold: HoldRow | None) -> None:
    """What each branch holds. To be awaited in a worker. ``hold``: the one under the cursor, whose case is named first."""
    found = await pane.async_do("Asking what each branch holds", pane.link.act(OffsiteList()))
    if found is None:
        return
    lines = branch_lines(found)
    same = [
        row.branch
        for row in found.branches
        if hold is not None and not row.ours and any(one.reference == hold.reference for one in row.holds)
    ]
    if hold is not None and same:
        lines = [f"Also for no. {hold.reference}: {', '.join(same)}", "", *lines]
    how = f"! marks a branch whose list is old or cannot be read. Entry {found.seq} of the access log."
    await pane.app.push_screen_wait(SheetDialog("What the branches hold", "\n".join(lines), how))
