"""Acts on backups: one into a file, the schedule, one now; and the read of how scheduled ones do. The admin's alone."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import msgspec

from holdshelf_core.actions.call import Call, Reading
from holdshelf_core.actions.registry import LogForm, handles
from holdshelf_core.backups import keys, schedule, targets, types
from holdshelf_core.backups import offline as backup_offline
from holdshelf_core.backups.backups import Backups
from holdshelf_core.backups.carry import Refused
from holdshelf_core.errors import BadRequest, Conflict, Unavailable
from holdshelf_core.times import local_words
from holdshelf_storage.errors import StorageError


class BackupActs:
    """Handlers of these acts."""

    def __init__(self, backups: Backups) -> None:
        self._backups = backups

    @handles(types.BackupSchedule)
    async def schedule(self, call: Call[types.BackupSchedule]) -> types.BackupScheduled:
        asked = call.request
        target = targets.parsed(asked.target)
        if not schedule.is_time_of_day(asked.at):
            raise BadRequest(f"{asked.at[:20]!r} is not a time of day.", "Give it as 02:30.")
        try:
            if isinstance(target, types.SftpTarget):
                target = await self._pinned(target, asked.fingerprint.strip())
            same_disk = await self._backups.async_prepare(target)
        except Refused as refused:
            raise Conflict(refused.fault.sentence, f"{refused.fault.next_step} Nothing was changed.".strip()) from None
        seq = await call.record(facts={"at": asked.at}, private={"target": target.words})
        await self._backups.async_put(types.Scheduled(target, asked.at))
        warning = (
            f"{target.words} is on the disk of the state: a copy there is lost together with it." if same_disk else ""
        )
        words = f"A backup is made each day at {asked.at} and taken to {target.words}; the first one in a minute"
        return types.BackupScheduled(seq, words, warning)

    async def _pinned(self, target: types.SftpTarget, fingerprint: str) -> types.SftpTarget:
        """Return the target with its host key, once a person has said that it is the right one."""
        shown = await self._backups.async_host_key(target)
        known = self._backups.scheduled.target if self._backups.scheduled is not None else None
        is_pinned = isinstance(known, types.SftpTarget) and (known.host, known.port) == (target.host, target.port)
        if fingerprint != keys.fingerprint(shown) and not (
            not fingerprint and is_pinned and isinstance(known, types.SftpTarget) and known.host_key == shown
        ):
            raise Conflict(
                f"{target.host} shows the host key {keys.fingerprint(shown)}"
                + (f", not {fingerprint[:60]}." if fingerprint else "."),
                "Compare it with what `ssh-keygen -lf` says of /etc/ssh/ssh_host_ed25519_key.pub on that machine itself; "
                f"if it is the same, add `--fingerprint {keys.fingerprint(shown)}`.",
            )
        return msgspec.structs.replace(target, host_key=shown)

    @handles(types.BackupStop)
    async def stop(self, call: Call[types.BackupStop]) -> types.BackupScheduled:
        scheduled = self._backups.scheduled
        if scheduled is None:
            raise Conflict("No schedule of backups is set up.")
        seq = await call.record(private={"target": scheduled.target.words})
        await self._backups.async_put(None)
        words = f"No more automatic backups are made; what is at {scheduled.target.words} stays"
        return types.BackupScheduled(seq, words)

    @handles(types.BackupNow)
    async def now(self, call: Call[types.BackupNow]) -> types.BackupScheduled:
        scheduled = self._backups.scheduled
        if scheduled is None:
            raise Conflict("No schedule of backups is set up.", "`holdshelf backup schedule --help`")
        seq = await call.record(private={"target": scheduled.target.words})
        try:
            kept = await self._backups.async_make()
        except Refused as refused:
            raise Unavailable(refused.fault.sentence, refused.fault.next_step) from None
        words = (
            f"The backup of {local_words(kept.made_utc_ns)} is at {scheduled.target.words} and was verified from there"
        )
        return types.BackupScheduled(seq, words)

    @handles(types.ReadBackups)
    async def row(self, _asked: Reading[types.ReadBackups]) -> types.BackupsRow | None:
        """Return the schedule and how it does."""
        return self._backups.row()


@handles(types.BackupMake, log=lambda q: LogForm(private={"file": q.file[:400]}))
async def _backup(call: Call[types.BackupMake]) -> types.BackupDone:
    path = Path(call.request.file)
    if not path.is_absolute() or "\0" in call.request.file:
        raise BadRequest("Give the backup file by its full path.", "Give /path/to/file.tar.")
    logged = True
    if call.authorizer.log.problem is None:
        await call.record()
    else:
        # A damaged log is copied as it is, before it is repaired.
        call.unrecorded("backup of a damaged log")
        logged = False
    try:
        await asyncio.to_thread(call.authorizer.store.flush)
    except StorageError as error:
        raise Unavailable("The register cannot be written, so no backup was made.", str(error)) from None
    frame = call.frame
    make = partial(
        backup_offline.make, frame.paths.data, path, logged=logged, promised=call.seq, stop=frame.stop_threads
    )
    return await asyncio.to_thread(make)
