"""The part of the doctor's tab that says who is told when something is wrong, and what can be done to it."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from holdshelf_core.alerts.types import (
    AlertDone,
    AlertRemove,
    AlertTest,
    AnyWay,
    AppriseWay,
    HeartbeatWay,
    MailWay,
    MqttWay,
    ReadAlertHistory,
    WayRow,
)
from holdshelf_tui.screens.dialogs.alert import AppriseDialog, HeartbeatDialog, KindDialog, MailDialog, MqttDialog
from holdshelf_tui.screens.dialogs.confirm import ConfirmDialog
from holdshelf_tui.screens.dialogs.message import MessageDialog
from holdshelf_tui.screens.dialogs.sheet import SheetDialog
from holdshelf_tui.screens.pane import Pane
from holdshelf_tui.text.alerts import health_words, sent_words, state_words, target_words, told_words, whom_words
from holdshelf_tui.text.cameras import MARKS
from holdshelf_tui.text.time_format import when
from holdshelf_tui.text.words import inert

NOBODY = "Nobody gets an alert when something is wrong."


def way_cells(row: WayRow) -> Sequence[str | Content]:
    """Mark, name, where it goes, how it does."""
    outcome = {True: "ok", False: "failed", None: "skipped"}[row.health.ok]
    mark = Content(MARKS.get(outcome, "-"))
    color = {"ok": "$text-success", "failed": "$text-error"}.get(outcome)
    where = (row.way.name, target_words(row.way), whom_words(row.way))
    return (mark.stylize(color) if color else mark, *where, state_words(row.health))


def way_details(row: WayRow) -> list[str]:
    """What it is told, and how it does."""
    return [f"{row.way.name}: {health_words(row.health)}", *told_words(row.way)]


async def async_add(pane: Pane) -> None:
    """A new way, of the kind that is chosen. To be awaited in a worker."""
    kind: str | None = await pane.app.push_screen_wait(KindDialog())
    if kind is not None:
        dialogs = {"mail": MailDialog, "apprise": AppriseDialog, "mqtt": MqttDialog, "heartbeat": HeartbeatDialog}
        await _async_told(pane, await pane.app.push_screen_wait(dialogs[kind]()))


async def async_change(pane: Pane, row: WayRow) -> None:
    """Another server, other rules. To be awaited in a worker."""
    await _async_told(pane, await pane.app.push_screen_wait(_dialog_of(row.way)))


def _dialog_of(way: AnyWay) -> MailDialog | AppriseDialog | MqttDialog | HeartbeatDialog:
    match way:
        case MailWay():
            return MailDialog(way)
        case AppriseWay():
            return AppriseDialog(way)
        case MqttWay():
            return MqttDialog(way)
        case HeartbeatWay():
            return HeartbeatDialog(way)


async def async_test(pane: Pane, row: WayRow) -> None:
    """A test message now, and what came of it. To be awaited in a worker."""
    done = await pane.async_do("Sending a test message", pane.link.act(AlertTest(row.way.name)))
    if done is not None:
        pane.load_soon()
        await pane.app.push_screen_wait(MessageDialog("Delivered" if done.ok else "Not delivered", done.sentence))


async def async_remove(pane: Pane, row: WayRow) -> None:
    """After a question. To be awaited in a worker."""
    name = inert(row.way.name, 40)
    asked = ConfirmDialog(f"Remove {name}?", "Messages that wait to be sent by it are dropped.", "Remove it")
    if await pane.app.push_screen_wait(asked):
        done = await pane.async_do("Removing it", pane.link.act(AlertRemove(row.way.name)))
        if done is not None:
            await _async_told(pane, done)


async def async_history(pane: Pane) -> None:
    """What was sent. To be awaited in a worker."""
    rows = await pane.async_do("Asking what was sent", pane.link.read(ReadAlertHistory()))
    if rows is None:
        return
    lines = [f"{when(row.at_utc_ns)}  {row.way}  {sent_words(row)}\n    {inert(row.subject, 200)}" for row in rows]
    await pane.app.push_screen_wait(SheetDialog("What was sent", "\n".join(lines) or "Nothing was sent yet."))


async def _async_told(pane: Pane, done: AlertDone | None) -> None:
    if done is not None:
        pane.load_soon()
        await pane.app.push_screen_wait(MessageDialog("Done", f"{done.sentence}. Entry {done.seq} of the access log."))
