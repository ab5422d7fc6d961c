"""A picture of an open look in full size to one's outbox: what is on the screen is made of character cells and
identifies nobody.
"""

from __future__ import annotations

from holdshelf_core.outbox.types import OutboxLive, OutboxStill
from holdshelf_tui.screens.dialogs.message import MessageDialog
from holdshelf_tui.screens.pane import Pane
from holdshelf_tui.text.prints import how_to_fetch
from holdshelf_tui.text.words import inert

NO_PICTURE = "There is no picture here to put into your outbox."


async def async_full_size(pane: Pane, ask: OutboxStill | OutboxLive) -> None:
    """Has the service make it and put it there; says where, or why not. To be awaited in a worker."""
    done = await pane.async_do("Putting it into your outbox", pane.link.act(ask))
    if done is not None:
        said = f"{inert(done.where, 200)} is ready. Entry {done.seq} of the access log."
        await pane.app.push_screen_wait(MessageDialog("In your outbox", said, how_to_fetch(pane.who.reached)))
