"""Waiting for the service, over a tab or a form: said on screen when it takes long, and what went wrong in a message."""

from __future__ import annotations

from collections.abc import Awaitable

from holdshelf_core.api.errors import HoldshelfError, Refused
from holdshelf_tui.screens.dialogs.form import step_on_screen
from holdshelf_tui.screens.dialogs.message import MessageDialog
from holdshelf_tui.screens.dialogs.progress import ProgressDialog
from holdshelf_tui.session.app import SessionApp

PROGRESS_AFTER_S = 0.5


async def async_do[T](app: SessionApp, what: str, doing: Awaitable[T]) -> T | None:
    """Waits for an act. Over half a second it is said on screen; a refusal is told with its clause. None: it failed.

    ``what``: 'Placing the hold'. To be awaited in a worker, never in a message handler.
    """
    progress = ProgressDialog(what)
    over = False

    def tell() -> None:
        # A timer that has gone off is not taken back by stopping it: the act may be over by now.
        if not over:
            app.push_screen(progress)

    timer = app.set_timer(PROGRESS_AFTER_S, tell)
    try:
        return await doing
    except HoldshelfError as error:
        failed = error
    finally:
        over = True
        timer.stop()
        if progress.is_attached and progress in app.screen_stack:
            progress.dismiss()
    app.forget_typed()
    clause = failed.clause if isinstance(failed, Refused) else ""
    title = "Not allowed" if clause else "That did not work"
    # The admin has a command line beside the screens.
    step = failed.next_step if app.who.admin else step_on_screen(failed)
    await app.push_screen_wait(MessageDialog(title, failed.sentence, step))
    return None
