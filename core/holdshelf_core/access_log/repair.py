"""Continuing after damage to the access log: the damaged log is set aside, and a new one begins with all that is known.

Its first entry names the previous log and holds every row: people's decisions, the settings, and the cameras as configured. A
register lost later is rebuilt from it as from any other entry. Of camera passwords the log records only that they exist: they
stay sealed in the register. What the log proved when the service started applies at once; a register that no log proved waits for
the Board's paper (``policy.doubt``).
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from holdshelf_core.actions.authorizer import LOG_REPAIR, STATE_REPAIR
from holdshelf_core.actions.call import Call
from holdshelf_core.actions.register_check import CAMERA_TABLE, RAW_TABLES
from holdshelf_core.actions.registry import Change, LogForm
from holdshelf_core.actions.state_store import StateStore, put, row_changes, row_of
from holdshelf_core.cameras.entries import Entries
from holdshelf_core.cameras.entry_rows import row_of as entry_row_of
from holdshelf_core.errors import Conflict, Unavailable
from holdshelf_core.policy import doubt, model
from holdshelf_storage.access_log.rows import Rows
from holdshelf_storage.errors import StorageError

UNPROVEN = (
    "The access log was damaged when the service started, so people, seats, letters and holds are those of the register, "
    "which nothing proves."
)


def _snapshot(house: StateStore, entries: Entries) -> list[Change]:
    rows = [Change(table, key, row_of(row)) for table, rows in house.rows.items() for key, row in rows.items()]
    rows += [Change(CAMERA_TABLE, e.entry_id, entry_row_of(e)) for e in entries.async_all()]
    for table in RAW_TABLES:
        rows += [Change(table, key, row) for key, row in house.stored(table).items()]
    return rows


async def async_continue_log(call: Call[Any], entries: Entries, why: str) -> None:
    """Begin the log that follows a damaged one. The caller holds ``order`` (a changing action).

    Raises Conflict when the log is intact, Unavailable when a new one cannot be begun.
    """
    gate = call.authorizer
    house, log = gate.store, gate.log
    problem = log.problem
    if problem is None and not house.problem:
        raise Conflict("The access log is intact; there is nothing to repair.", "See `holdshelf log verify`.")
    flags = call.flags()
    if house.by_log is None:
        # Nothing proves that the register matches the log: somebody may have changed both.
        key = f"f{1 + max((int(flag.key[1:]) for flag in flags), default=int(house.next_id('flags', 'f')[1:]) - 1)}"
        flag = model.Flag(key, doubt.UNPROVEN, 0, call.caller.who, call.now.utc_ns, 1, note=UNPROVEN)
        flags.append(put("flags", key, flag))
    snapshot = [*_snapshot(house, entries), *flags]
    form = LogForm(facts={"problem": str(problem or house.problem)[:300]}, private={"why": why})
    if problem is None:
        # The log itself can be written; it only lacks what the register holds.
        house.problem = ""
        call.seq = await gate.async_append(
            call.action.name, call.caller, "done", form, acting_as=call.decision.acting_as, changes=snapshot
        )
        house.restart_at(log, call.seq, await asyncio.to_thread(log.rows))
        call.frame.repairs.async_delete(STATE_REPAIR)
        return
    public, private = gate.entry_of(call.action.name, call.caller, "done", form, call.decision.acting_as)
    private["changes"] = msgspec.json.encode(snapshot).decode()
    async with gate.changing:
        try:
            call.seq = await asyncio.to_thread(log.continue_after, str(problem), public, private)
        except StorageError as error:
            raise Unavailable("The new log could not be started.", str(error)) from None
        house.apply(flags, call.seq)
        rows = Rows()
        rows.apply(row_changes(snapshot), call.seq)
        house.restart_at(log, call.seq, rows)
    call.frame.repairs.async_delete(LOG_REPAIR)
    call.frame.repairs.async_delete(STATE_REPAIR)
    gate.async_tell_changed({"flags", "holds"})
