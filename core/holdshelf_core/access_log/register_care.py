"""Compares the register with the access log: at start (``actions.state_store``), each night with every entry; reports the
result.

From time to time an entry `register.root` records a root over all rows, so that the next start replays only what came after it.
"""

from __future__ import annotations

import asyncio
import logging

from holdshelf_core.access_log.older_state import LogSeen
from holdshelf_core.access_log.register_found import log_of, read_register
from holdshelf_core.actions.authorizer import Authorizer
from holdshelf_core.actions.caller import SERVICE
from holdshelf_core.actions.register_check import CAMERA_TABLE, NEXT_STEP, RAW_TABLES, sentence
from holdshelf_core.actions.registry import Change, LogForm
from holdshelf_core.cameras.entries import Entries
from holdshelf_core.cameras.entry_rows import row_of
from holdshelf_core.errors import Unavailable
from holdshelf_core.integration.repairs import RepairRegistry
from holdshelf_storage.access_log.checking import LogReport
from holdshelf_storage.access_log.rows import ROOT_ACTION, Rows
from holdshelf_storage.access_log.verify import verify_log
from holdshelf_storage.backup.backup import applied_seq
from holdshelf_storage.errors import StorageError
from holdshelf_storage.register import Tables

_LOGGER = logging.getLogger(__name__)

REPAIR = "register_differs"
ADOPT_ACTION = "register.adopt"
ROOT_EVERY, ROOT_AT_STOP = 4_096, 1_000
"""Number of entries after which a root is recorded: while the service runs, and when it stops."""


def tell_rebuilt(repairs: RepairRegistry, problem: str, *, rebuilt: bool) -> None:
    """Raise the repair for a register that is not the one last written; ``rebuilt``: from the access log, as far as that goes."""
    anew = (
        "It was rebuilt from what the access log says about people, holds and cameras. Compare them with the papers on "
        "file. For a camera that lost its password: `holdshelf camera check CAMERA --ask-password`. Alerts "
        "must be set up again: `holdshelf alert --help`."
    )
    repairs.async_create(
        "register",
        camera_id=None,
        severity="error",
        sentence=problem or "The register cannot be read.",
        next_step=anew if rebuilt else "Restore STATE from a backup: `holdshelf restore --help`.",
    )


class RegisterCare:
    """Compares the register with the log and records roots. Methods without ``async_`` are for threads."""

    def __init__(self, authorizer: Authorizer, entries: Entries, seen: LogSeen) -> None:
        self.authorizer, self._frame = authorizer, authorizer.frame
        self.entries, self.seen = entries, seen

    async def async_begin(self) -> None:
        """At start: take the settings from setup into a log that has no entry yet, and report rows that differ.

        Once the log has an entry, a setting of which none tells is a difference: somebody else wrote it.
        """
        if self.authorizer.log.size == 0 and self.authorizer.log.problem is None:
            try:
                await self._adopt()
            except Unavailable as error:
                _LOGGER.warning("the settings from setup are not in the access log yet: %s", error)
        self.async_tell()

    def async_tell(self) -> None:
        """Raise the repair for rows that differ; clear it when there are none."""
        house = self.authorizer.store
        if not house.differences:
            self._frame.repairs.async_delete(REPAIR)
            return
        self._frame.repairs.async_create(
            REPAIR,
            camera_id=None,
            severity="error",
            sentence=sentence(house.differences, house.by_log or Rows()),
            next_step=NEXT_STEP,
        )

    def async_watch(self) -> None:
        """Each second: record a root when many entries came since the last one."""
        house = self.authorizer.store
        if self.authorizer.log.size - max(house.root_seq, house.root_tried) >= ROOT_EVERY and not house.stating_root:
            self._frame.async_spawn(self.async_state_root(), "register root")

    async def async_stop(self) -> None:
        """At a clean stop, with the volume still attached: leave little to replay, and write the head to the volume."""
        await asyncio.sleep(0)  # lets a task that was just canceled finish
        if self.authorizer.log.size - self.authorizer.store.root_seq >= ROOT_AT_STOP:
            await self.async_state_root()
        await self.seen.async_write()

    async def async_state_root(self) -> bool:
        """Log an entry with the root over all rows, and write the file from which a replay can begin. Returns False when not
        possible now."""
        gate, house = self.authorizer, self.authorizer.store
        if (
            house.stating_root
            or house.by_log is None
            or house.problem
            or house.differences
            or gate.log.problem is not None
        ):
            return False
        house.stating_root, house.root_tried = True, gate.log.size
        try:
            await self._adopt()
            async with gate.changing:
                told = await asyncio.to_thread(house.root)
                if told is None:
                    return False
                root, rows = told
                form = LogForm(facts={"rows": root})
                seq = await gate.append_in_turn(ROOT_ACTION, SERVICE, "done", form, "service")
                house.apply((), seq)
            # The volume and the register first: neither must be behind the point where a replay begins.
            await self.seen.async_write()
            await asyncio.to_thread(house.flush)
            await asyncio.to_thread(gate.log.write_rows, rows, seq)
            house.root_seq = seq
        except (StorageError, Unavailable) as error:
            _LOGGER.warning("no root over the register was stated: %s", error)
            return False
        finally:
            house.stating_root = False
        return True

    async def _adopt(self) -> None:
        """Log the settings that exist only in the register, from setup or an older version."""
        house, gate = self.authorizer.store, self.authorizer
        if house.by_log is None:
            return
        changes = [
            Change(table, key, row)
            for table in RAW_TABLES
            for key, row in house.stored(table).items()
            if house.by_log.get(table, key) is None
        ]
        changes += [
            Change(CAMERA_TABLE, entry.entry_id, row_of(entry))
            for entry in self.entries.async_all()
            if house.by_log.get(CAMERA_TABLE, entry.entry_id) is None and entry.entry_id in house.state.commissions
        ]
        if changes:
            form = LogForm(facts={"rows": [f"{change.table}/{change.key}" for change in changes][:100]})
            await gate.async_append(ADOPT_ACTION, SERVICE, "done", form, acting_as="service", changes=changes)
            for change in changes:
                house.camera_stored(change.key)

    def check_all(self) -> tuple[LogReport, Tables | None]:
        """Verify every entry of the log and each root in it; also return the register file as read before. For a thread."""
        try:
            tables = read_register(self._frame.paths.state)
        except (OSError, StorageError):
            tables = None  # a lost register is handled at the next start; what is in memory is written again by then
        if tables is not None and log_of(tables) != self.authorizer.log.public_key.origin:
            tables = None  # a new log was begun, and the register is still being written
        mark = applied_seq(tables) if tables is not None else 0
        return verify_log(self._frame.paths.state, stop=self._frame.stop_threads, mark=mark), tables

    def async_check_file(self, report: LogReport, tables: Tables | None) -> None:
        """Compare the register file with the rows that all entries produce; raise or clear the repair."""
        if report.problems or not report.finished or report.rows is None or tables is None:
            return
        if self.authorizer.store.by_log is not None:
            self.authorizer.store.check_file(tables, report.rows)
            self.async_tell()
