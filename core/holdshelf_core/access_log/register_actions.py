"""Actions on the register as a view of the log: compare with the log, correct from the log, accept an older state."""

from __future__ import annotations

import asyncio
import contextlib

from holdshelf_core.access_log import types
from holdshelf_core.access_log.check import async_check
from holdshelf_core.access_log.older_state import accepted
from holdshelf_core.access_log.register_care import RegisterCare
from holdshelf_core.access_log.register_found import difference_row
from holdshelf_core.actions import common
from holdshelf_core.actions.call import Call
from holdshelf_core.actions.register_check import CAMERA_TABLE, row_words
from holdshelf_core.actions.registry import LogForm, handles
from holdshelf_core.actions.state_store import put
from holdshelf_core.errors import Conflict, NotFound, Unavailable
from holdshelf_core.policy import doubt
from holdshelf_core.policy.case import Scope
from holdshelf_storage.access_log.rows import Rows
from holdshelf_storage.backup.restore import settle_marker
from holdshelf_storage.errors import StorageError


class RegisterActs:
    """Actions on the register as a view of the access log."""

    def __init__(self, care: RegisterCare) -> None:
        self._care = care

    @handles(types.RegisterCheck)
    async def check(self, call: Call[types.RegisterCheck]) -> types.RegisterChecked:
        house = call.authorizer.store
        private = call.authorizer.decide(call.caller, "log.see", Scope(private=True)).allowed
        if call.authorizer.log.problem is None:
            await call.record()
        else:
            call.unrecorded("the register beside a damaged log")
        try:
            report = await async_check(self._care)
        except StorageError as error:
            raise Unavailable("The access log cannot be read.", str(error)) from None
        rows = house.by_log or Rows()
        shown = [difference_row(one, rows, private=private) for one in house.differences]
        return types.RegisterChecked(report.entries, shown, sorted(call.state.suspended), report.problems)

    @handles(types.RegisterSettle)
    async def settle(self, call: Call[types.RegisterSettle]) -> types.RegisterSettled:
        why = common.words(call.request.why, "Why the register is set right", needed=True)
        house, entries = call.authorizer.store, self._care.entries
        if not house.differences or house.by_log is None:
            raise Conflict("The register matches the access log; there is nothing to settle.")
        words = [row_words(one, house.by_log) for one in house.differences]
        named = [f"{one.table}/{one.key}" for one in house.differences]
        extra = [one.key for one in house.differences if one.table == CAMERA_TABLE and one.by_log is None]
        changes = house.settling()
        seq = await call.record(
            changes, facts={"rows": named[:100]}, private={"why": why, "rows": ", ".join(words)[:4000]}
        )
        house.settled(changes, seq)
        for camera in extra:
            try:
                await entries.async_remove(entries.async_get(camera))
            except (NotFound, StorageError):
                continue  # the register drops it anyway, a moment later
        with contextlib.suppress(StorageError):  # written in the background as soon as possible
            await asyncio.to_thread(house.flush)
        self._care.async_tell()
        return types.RegisterSettled(seq, words)

    @handles(
        types.LogAccept,
        scope=lambda q, _s: Scope(paper_sha256=q.paper_sha256),
        log=lambda q: LogForm(facts={"paper": q.paper_sha256[:64]}),
    )
    async def accept(self, call: Call[types.LogAccept]) -> types.LogAccepted:
        why = common.words(call.request.why, "Why this is the state to continue with", needed=True)
        paper = common.paper(call.request.paper_sha256, "Accepting an older state")
        flag = doubt.waiting(call.state.flags)
        if flag is None:
            if call.state.limited:
                raise Conflict("The access log has not recorded this problem yet.", "Try again in a few seconds.")
            raise Conflict("This is the newest state on record; there is nothing to accept.")
        facts = {"kind": flag.kind, "of": flag.log_seq, "seen": flag.seen, "paper": paper}
        changes = [put("flags", flag.id, accepted(flag, paper))]
        seq = await call.record(changes, subject=flag.id, facts=facts, private={"why": why})
        await self._care.seen.async_accepted()
        with contextlib.suppress(
            StorageError
        ):  # the log has the record; the marker only keeps what was known about the backup
            await asyncio.to_thread(settle_marker, call.frame.paths.state)
        return types.LogAccepted(seq, flag.id, flag.note)
