"""The part of the doctor's tab that says who vouches for the access log's head, and what can be done about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content

from holdshelf_core.timestamps.types import ReadTimestamp, TimestampDone, TimestampNow, TimestampRemove
from holdshelf_core.witnesses.types import (
    Asked,
    ReadWitnesses,
    WitnessAsk,
    WitnessDone,
    WitnessRemove,
)
from holdshelf_tui.screens.dialogs.confirm import ConfirmDialog
from holdshelf_tui.screens.dialogs.message import MessageDialog
from holdshelf_tui.screens.dialogs.vouching import NeededDialog, StampsDialog, WitnessDialog
from holdshelf_tui.screens.pane import Pane
from holdshelf_tui.session.link import Link
from holdshelf_tui.text.cameras import MARKS
from holdshelf_tui.text.time_format import when
from holdshelf_tui.text.timestamps import fingerprint_words
from holdshelf_tui.text.words import counted, inert

NOBODY = "Nobody else vouches for the access log's head."


@dataclass(frozen=True)
class Voucher:
    """A witness, or the time stamp server."""

    name: str
    url: str
    asked: Asked
    entries: int
    at_utc_ns: int | None
    certificates: tuple[str, ...] = ()
    """Of a time stamp server."""
    policy: str = ""
    is_witness: bool = True


async def async_vouchers(link: Link) -> dict[str, Voucher]:
    """Everybody, by a key for the list."""
    witnesses, stamps = await link.read(ReadWitnesses()), await link.read(ReadTimestamp())
    found = {
        f"witness {row.witness.name}": Voucher(
            row.witness.name, row.witness.url, row.asked, row.entries, row.signed_utc_ns
        )
        for row in witnesses.rows
    }
    if stamps.server is not None:
        newest = stamps.newest
        entries, at_utc_ns = (newest.entries, newest.utc_ns) if newest is not None else (0, None)
        found["time stamps"] = Voucher(
            "time stamps",
            stamps.server.url,
            stamps.asked,
            entries,
            at_utc_ns,
            stamps.server.certificates,
            stamps.server.policy,
            is_witness=False,
        )
    return found


def voucher_cells(row: Voucher) -> Sequence[str | Content]:
    """Mark, who, where, up to which entry, when."""
    outcome = {True: "ok", False: "failed", None: "skipped"}[row.asked.ok]
    mark = Content(MARKS.get(outcome, "-"))
    color = {"ok": "$text-success", "failed": "$text-error"}.get(outcome)
    up_to = f"entry {row.entries}" if row.entries else "nothing yet"
    return (mark.stylize(color) if color else mark, row.name, row.url, up_to, when(row.at_utc_ns))


def voucher_details(row: Voucher) -> list[str]:
    """What it has vouched for, and how it answered last."""
    did = "countersigned" if row.is_witness else "stamped"
    many = counted(row.entries, "entry", "entries")
    done = f"Has {did} {many}, {when(row.at_utc_ns, seconds=True)}." if row.entries else f"Has {did} nothing yet."
    policy = [f"By policy {row.policy}."] if row.policy else []
    return [
        done,
        *([row.asked.sentence] if row.asked.sentence else []),
        *fingerprint_words(row.certificates),
        *policy,
    ]


async def async_add_witness(pane: Pane) -> None:
    """Somebody who countersigns. To be awaited in a worker."""
    done: WitnessDone | None = await pane.app.push_screen_wait(WitnessDialog())
    await _async_told(pane, done)


async def async_set_stamps(pane: Pane) -> None:
    """A time stamp server. To be awaited in a worker."""
    done: TimestampDone | None = await pane.app.push_screen_wait(StampsDialog())
    await _async_told(pane, done)


async def async_needed(pane: Pane, _row: Voucher) -> None:
    """How many witnesses have to sign. To be awaited in a worker."""
    view = await pane.async_do("Asking who signs", pane.link.read(ReadWitnesses()))
    if view is not None:
        done: WitnessDone | None = await pane.app.push_screen_wait(NeededDialog(view.needed, len(view.rows)))
        await _async_told(pane, done)


async def async_ask(pane: Pane) -> None:
    """All of them, now. To be awaited in a worker."""
    found = await pane.async_do("Asking who vouches", async_vouchers(pane.link))
    if found is None:
        return
    rows, said = found.values(), []
    if any(row.is_witness for row in rows):
        view = await pane.async_do("Asking the witnesses", pane.link.act(WitnessAsk()))
        if view is None:
            return
        said.append(
            f"{view.needed} of {counted(len(view.rows), 'witness', 'witnesses')} signed {view.entries} entries."
        )
        said += [row.asked.sentence for row in view.rows if row.asked.sentence]
    if any(not row.is_witness for row in rows):
        stamps = await pane.async_do("Asking for a time stamp", pane.link.act(TimestampNow()))
        if stamps is None:
            return
        newest = stamps.newest
        said.append(stamps.asked.sentence or f"Stamped up to entry {newest.entries if newest is not None else 0}.")
    pane.load_soon()
    await pane.app.push_screen_wait(MessageDialog("Asked", inert(" ".join(said), 900) or NOBODY))


async def async_remove(pane: Pane, row: Voucher) -> None:
    """After a question. To be awaited in a worker."""
    name = inert(row.name, 60)
    what = "What it signed stays valid." if row.is_witness else "What it stamped stays valid, and stays here."
    if await pane.app.push_screen_wait(ConfirmDialog(f"Stop asking {name}?", what, "Remove it")):
        act = pane.link.act(WitnessRemove(row.name)) if row.is_witness else pane.link.act(TimestampRemove())
        await _async_told(pane, await pane.async_do("Removing it", act))


async def _async_told(pane: Pane, done: WitnessDone | TimestampDone | None) -> None:
    if done is not None:
        pane.load_soon()
        more = fingerprint_words(done.certificates) if isinstance(done, TimestampDone) else []
        said = f"{done.sentence}. Entry {done.seq} of the access log."
        await pane.app.push_screen_wait(MessageDialog("Done", said, "\n".join(more)))
