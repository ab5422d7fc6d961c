"""Backups that are made by themselves: on this machine first, then at the target, verified from what that gives back (ADR 63).

    log entry → DATA/backups/scheduled/NAME.tar → target's .NAME.tar.part → read back, restored into a scratch folder, compared
              → renamed to NAME.tar, those not to be kept deleted → register → log entry `backup.verified`

So nothing has a final name at the target that was not verified, and a target that is away, full, slow or lying costs a try, not a
backup: the one on this machine waits for the next try.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from tzlocal import get_localzone

from holdshelf_core.actions.authorizer import Authorizer
from holdshelf_core.actions.registry import LogForm
from holdshelf_core.api.types import CheckStep
from holdshelf_core.backups import keys, link, schedule
from holdshelf_core.backups.carry import Carriers, Refused, time_for
from holdshelf_core.backups.newest import Newest
from holdshelf_core.backups.types import (
    AnyTarget,
    BackupsRow,
    BackupState,
    FolderTarget,
    KeptBackup,
    Scheduled,
    SftpTarget,
)
from holdshelf_core.errors import Conflict, Unavailable
from holdshelf_core.times import HOUR_NS, NS, local_words
from holdshelf_storage.anchors.lineage import MEDIA_CHANGES
from holdshelf_storage.atomic import make_dir
from holdshelf_storage.backup.backup import BACKUPS, backup
from holdshelf_storage.backup.restore import rehearse
from holdshelf_storage.errors import StorageError
from holdshelf_storage.register import Register

_LOGGER = logging.getLogger(__name__)

TABLE: Final = "backups"
KEY: Final = "schedule"
FOLDER: Final = "scheduled"
REPAIR: Final = "backup_target"
BACKUP_REPAIR: Final = "backup_old"
VERIFIED: Final = "backup.verified"
TRIES_TOLD: Final = 2
"""Failed tries in a row that become a repair."""
REUSED_NS: Final = 20 * HOUR_NS
"""A backup that waits on this machine is taken to the target for so long; then a new one is made."""


@dataclass(frozen=True, slots=True)
class _Made:
    file: Path
    made_utc_ns: int
    bytes: int
    sha256: str
    entries: int


class Backups:
    """The schedule, and the work. Used on the loop."""

    def __init__(self, authorizer: Authorizer, register: Register) -> None:
        self._authorizer, self._frame, self._register = authorizer, authorizer.frame, register
        self._folder = self._frame.paths.data / BACKUPS / FOLDER
        self._carriers, self._busy, self._changing = Carriers(), asyncio.Lock(), asyncio.Lock()
        self._media_changes = Newest(*MEDIA_CHANGES)
        self._waiting: _Made | None = None
        self._next_try_boot_ns = 0
        self._state = BackupState()
        self.scheduled: Scheduled | None = _scheduled(register)

    @property
    def recorder(self) -> str:
        """Return eight hex digits, of the access log: the same after a restore."""
        return hashlib.sha256(self._authorizer.log.public_key.origin.encode()).hexdigest()[:8]

    def row(self) -> BackupsRow | None:
        """Return the schedule and how it does."""
        if self.scheduled is None:
            return None
        target, now_utc_ns = self.scheduled.target, self._frame.clock.utc_ns()
        waiting = str(self._waiting.file) if self._waiting is not None else ""
        return BackupsRow(
            target.words,
            keys.fingerprint(target.host_key) if isinstance(target, SftpTarget) else "",
            self.scheduled.at,
            schedule.next_due_utc_ns(now_utc_ns, self.scheduled.at, get_localzone()),
            self.scheduled.kept[::-1],
            msgspec.structs.replace(self._state, running=self._busy.locked(), waiting=waiting),
        )

    def words(self) -> str:
        """Return how it does, in a sentence or two; '' where no schedule is set up."""
        row = self.row()
        if row is None:
            return ""
        last = f"Verified {local_words(row.kept[0].made_utc_ns)} at {row.target}." if row.kept else "None was made yet."
        if row.state.ok is False:
            return f"{last} It has kept failing since {local_words(row.state.since_utc_ns)}: {row.state.sentence}"
        return last

    def steps(self) -> list[CheckStep]:
        """Return what `doctor` says of it."""
        if self.scheduled is None:
            return []
        failing = self._state.ok is False
        outcome = "failed" if failing else "ok" if self.scheduled.kept else "skipped"
        return [
            CheckStep(
                "scheduled backups", outcome, f"Backups: {self.words()}", self._state.next_step if failing else ""
            )
        ]

    def async_stop(self) -> None:
        """End the one that is being made, if any: its target may take hours."""
        self._carriers.async_stop()

    # -- what acts do -------------------------------------------------------------------------------------------------

    async def async_host_key(self, target: SftpTarget) -> str:
        """Return the host key that a server shows. Raises Refused, Unavailable."""
        return (await self._carriers.async_do(await self._async_task(target, link.AskHostKey()))).host_key

    async def async_prepare(self, target: AnyTarget) -> bool:
        """Try the target, and mark it as this recorder's. Returns whether it is on the disk of the state. Raises Refused,
        Unavailable."""
        return (await self._carriers.async_do(await self._async_task(target, link.Prepare()))).same_disk

    async def async_put(self, scheduled: Scheduled | None) -> None:
        """Keep this schedule, or none, from now on. Raises Unavailable when it cannot be stored."""
        known = self.scheduled
        if scheduled is not None and known is not None and _same_place(known.target, scheduled.target):
            scheduled = msgspec.structs.replace(scheduled, kept=known.kept)
        async with self._changing:
            await self._async_store(scheduled)
        self._state, self._next_try_boot_ns = BackupState(), 0
        self._frame.repairs.async_delete(REPAIR)

    async def async_make(self) -> KeptBackup:
        """Make one, take it to the target, verify it there. Raises Refused, Unavailable, Conflict."""
        if self.scheduled is None:
            raise Conflict("No schedule of backups is set up.", "`holdshelf backup schedule --help`")
        if self._busy.locked():
            raise Conflict("A backup is being made.", "See `holdshelf backup status`.")
        async with self._busy:
            try:
                kept = await self._async_make(self.scheduled)
            except Refused as refused:
                self._fail(refused.fault)
                raise
            except (StorageError, Unavailable, OSError) as error:
                if not self._frame.stop_threads.is_set():
                    self._fail(link.Fault(str(error)))
                raise Unavailable(str(error)) from None
        self._well()
        return kept

    # -- the job ------------------------------------------------------------------------------------------------------

    async def async_look(self) -> str:
        """The job: make one when it is due."""
        scheduled = self.scheduled
        if scheduled is None:
            return "no schedule is set up"
        now_utc_ns = self._frame.clock.utc_ns()
        made = [one.made_utc_ns for one in scheduled.kept]
        due = schedule.is_due(made, now_utc_ns, scheduled.at, get_localzone()) or await self._async_is_other_media()
        if due and not self._busy.locked() and self._frame.clock.boot_ns() >= self._next_try_boot_ns:
            # It may take longer than until the next look.
            self._frame.async_spawn(self._async_try(), "scheduled backup")
            return "one is being made"
        failing = "failed: " if self._state.ok is False else ""
        return f"{failing}{self.words()}"

    async def _async_try(self) -> None:
        with contextlib.suppress(Refused, Unavailable, Conflict):
            await self.async_make()

    async def _async_is_other_media(self) -> bool:
        """Whether the media disk was replaced since the last one was made: it belongs to the disk that has gone."""
        log, kept = self._authorizer.log, self.scheduled.kept if self.scheduled is not None else ()
        if log.problem is not None or not kept:
            return False
        await self._media_changes.async_read(log)
        is_other = self._media_changes.media_change > kept[-1].entries
        waiting = self._waiting
        if is_other and waiting is not None and waiting.entries < self._media_changes.media_change:
            self._waiting, self._next_try_boot_ns = None, 0
        return is_other

    # -- how ----------------------------------------------------------------------------------------------------------

    async def _async_make(self, scheduled: Scheduled) -> KeptBackup:
        await asyncio.to_thread(make_dir, self._folder.parent)
        await asyncio.to_thread(make_dir, self._folder)
        made = await self._async_local(scheduled)
        name, back = made.file.name, self._folder / f"{made.file.name}.back"
        most_s = time_for(made.bytes)
        put = link.Put(name, str(made.file), str(back))
        await self._carriers.async_do(await self._async_task(scheduled.target, put), most_s)
        problems = await asyncio.to_thread(self._rehearse, back, made, scheduled.target)
        if problems:
            self._waiting = None  # the next try is to find them mended
            raise Refused(
                link.Fault(
                    f"A restore would refuse this backup: {' '.join(problems)[:300]}",
                    f"It is at {made.file}. Repair the state: `holdshelf log verify`.",
                )
            )
        kept = KeptBackup(name, made.made_utc_ns, made.bytes, made.sha256, made.entries)
        await self._async_settle(scheduled, kept)
        form = LogForm(
            facts={"bytes": made.bytes, "archive": made.sha256},
            private={"target": scheduled.target.words, "file": name},
        )
        await self._authorizer.async_service_entry(VERIFIED, form)
        self._waiting = None
        await asyncio.to_thread(_clear, self._folder, "")
        return kept

    async def _async_local(self, scheduled: Scheduled) -> _Made:
        """Return a backup on this machine: the one that waits, or a new one."""
        now_utc_ns, waiting = self._frame.clock.utc_ns(), self._waiting
        if waiting is not None and 0 <= now_utc_ns - waiting.made_utc_ns < REUSED_NS and waiting.file.exists():
            return waiting
        if self._authorizer.log.problem is not None:
            raise Unavailable("The access log is damaged, so no automatic backup is made.", "`holdshelf log verify`")
        file = self._folder / schedule.file_name(self.recorder, now_utc_ns)
        form = LogForm(private={"file": str(file), "target": scheduled.target.words})
        seq = await self._authorizer.async_service_entry("backup.make", form)
        await asyncio.to_thread(self._authorizer.store.flush)
        made = await asyncio.to_thread(
            backup, self._frame.paths.state, file, now_utc_ns, self._frame.stop_threads, promised=seq
        )
        self._waiting = _Made(file, now_utc_ns, made.bytes, made.sha256, made.entries)
        await asyncio.to_thread(_clear, self._folder, file.name)  # one that waited longer
        return self._waiting

    def _rehearse(self, back: Path, made: _Made, target: AnyTarget) -> list[str]:
        """Restore what the target gave back. Blocks."""
        with back.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != made.sha256:
                words = f"{target.words} returned something different from what was sent."
                raise Refused(link.Fault(words, "Do not trust that target."))
        return rehearse(back, self._folder, sha256=made.sha256, stop=self._frame.stop_threads)

    async def _async_settle(self, scheduled: Scheduled, new: KeptBackup) -> None:
        """Give it its name there, and delete what need not be kept. What is deleted stands in the register: we made it."""
        known = tuple(one for one in scheduled.kept if one.name != new.name)
        keep = schedule.to_keep([one.made_utc_ns for one in (*known, new)], self._frame.clock.utc_ns())
        remove = tuple(one.name for one in known if one.made_utc_ns not in keep)
        task = await self._async_task(scheduled.target, link.Settle(new.name, new.bytes, remove))
        there = (await self._carriers.async_do(task)).names
        left = tuple(one for one in (*known, new) if there.get(one.name) == one.bytes)
        gone = len(known) + 1 - len(left) - sum(name not in there for name in remove)
        if gone:
            _LOGGER.warning("%d backups that were kept at the target are gone or have changed", gone)
        async with self._changing:
            now = self.scheduled
            if now is not None and _same_place(now.target, scheduled.target):
                await self._async_store(msgspec.structs.replace(now, kept=left))

    async def _async_task(
        self, target: AnyTarget, work: link.AskHostKey | link.Prepare | link.Put | link.Settle
    ) -> link.Task:
        key = ""
        if isinstance(target, SftpTarget):
            key = await asyncio.to_thread(keys.private_key, self._frame.paths.state)
        try:
            await asyncio.to_thread(make_dir, self._folder.parent)
            await asyncio.to_thread(make_dir, self._folder)
        except StorageError as error:
            raise Unavailable(str(error)) from None
        return link.Task(str(self._folder), self.recorder, target, key, work)

    async def _async_store(self, scheduled: Scheduled | None) -> None:
        try:
            if scheduled is None:
                await asyncio.to_thread(self._register.remove, TABLE, KEY)
            else:
                await asyncio.to_thread(self._register.put, TABLE, KEY, msgspec.to_builtins(scheduled))
        except StorageError as error:
            raise Unavailable("The schedule of backups could not be stored.", str(error)) from None
        self.scheduled = scheduled

    def _well(self) -> None:
        if self._state.ok is False:
            _LOGGER.info("backups reach their target again")
        self._state, self._next_try_boot_ns = BackupState(ok=True), 0
        self._frame.repairs.async_delete(REPAIR)
        # Not an hour later, when the job looks: whoever is called for it would be kept waiting.
        self._frame.repairs.async_delete(BACKUP_REPAIR)

    def _fail(self, fault: link.Fault) -> None:
        before, now_utc_ns = self._state, self._frame.clock.utc_ns()
        tries, first = before.tries + 1, before.ok is not False
        wait_s = schedule.again_s(tries)
        self._next_try_boot_ns = self._frame.clock.boot_ns() + wait_s * NS
        since_utc_ns = now_utc_ns if first else before.since_utc_ns
        next_try_utc_ns = now_utc_ns + wait_s * NS
        self._state = BackupState(False, fault.sentence, fault.next_step, since_utc_ns, tries, next_try_utc_ns)
        if first:
            _LOGGER.warning("a backup was not taken to its target: %s", fault.sentence)
        if tries >= TRIES_TOLD and self.scheduled is not None:
            self._frame.repairs.async_create(
                REPAIR,
                camera_id=None,
                severity="warning",
                sentence=f"Backups do not reach their target. {without_place(fault.sentence, self.scheduled.target)}",
                next_step="`holdshelf backup status` says more, and `holdshelf backup now` tries again.",
            )


def without_place(sentence: str, target: AnyTarget) -> str:
    """Return the sentence as somebody may read it who is not to know hosts and paths."""
    names = (target.path,) if isinstance(target, FolderTarget) else (target.words, target.host, target.folder)
    for name in names:
        sentence = sentence.replace(name, "the target") if name else sentence
    return sentence[:1].upper() + sentence[1:]


def _scheduled(register: Register) -> Scheduled | None:
    row = register.get(TABLE, KEY)
    if row is None:
        return None
    try:
        return msgspec.convert({name: value for name, value in row.items() if name != "key"}, Scheduled)
    except msgspec.ValidationError as error:
        _LOGGER.error("the schedule of backups in the register is not understood: %s", error)
        return None


def _same_place(one: AnyTarget, other: AnyTarget) -> bool:
    return one.words == other.words


def _clear(folder: Path, but: str) -> None:
    """Delete the files that tries left in this folder, which is ours alone. Blocks."""
    for name in os.listdir(folder):  # noqa: PTH208 - names alone
        if name != but:
            with contextlib.suppress(OSError):
                (folder / name).unlink()
