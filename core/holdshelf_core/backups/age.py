"""Watches how old the newest backup is, by the access log: each backup is an entry of it, and each one that was verified."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from holdshelf_core import times
from holdshelf_core.actions.authorizer import Authorizer
from holdshelf_core.backups.backups import BACKUP_REPAIR, VERIFIED
from holdshelf_core.backups.newest import Newest
from holdshelf_core.backups.types import BackupMake
from holdshelf_core.times import DAY_NS
from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.anchors.lineage import MEDIA_CHANGES

MOST_DAYS = 35
"""A backup a month, and some days to make it. What is younger than the newest one is lost with the state disk."""
MOST_DAYS_SCHEDULED = 3
"""One a day is made by itself: two that failed in a row may be the target's bad day."""
_MADE = BackupMake.spec.name


class BackupAge:
    """Raises the repair while the newest backup, or the beginning of the log where there is none, is too long ago, or was made
    before the media disk was replaced."""

    def __init__(self, authorizer: Authorizer, is_scheduled: Callable[[], bool] = lambda: False) -> None:
        """``is_scheduled``: whether backups are made by themselves. Then only those count that were verified at their target."""
        self._authorizer, self._frame, self._is_scheduled = authorizer, authorizer.frame, is_scheduled
        self._newest = Newest(_MADE, VERIFIED, *MEDIA_CHANGES)

    async def async_look(self) -> str:
        """The job. Raises StorageError."""
        log, repairs = self._authorizer.log, self._frame.repairs
        if log.problem is not None or not log.size:
            return "the access log cannot be read"
        await self._newest.async_read(log)
        scheduled, newest = self._is_scheduled(), self._newest.seq
        made = newest[VERIFIED] if scheduled else max(newest[_MADE], newest[VERIFIED])
        since_utc_ns = await asyncio.to_thread(_at, log, made or 1)
        days = int((self._frame.clock.utc_ns() - since_utc_ns) / DAY_NS)
        media_changed = bool(made) and self._newest.media_change > made
        if days <= (MOST_DAYS_SCHEDULED if scheduled else MOST_DAYS) and not media_changed:
            repairs.async_delete(BACKUP_REPAIR)
            return f"the newest is {days} days old" if made else "none was made yet"
        sentence = _sentence(days, made=bool(made), scheduled=scheduled, media_changed=media_changed)
        repairs.async_create(
            BACKUP_REPAIR,
            camera_id=None,
            severity="warning",
            sentence=sentence,
            next_step="See why: `holdshelf backup status`."
            if scheduled
            else "Make one: `holdshelf backup FILE`, and keep it on another machine; or `holdshelf backup schedule --help`.",
        )
        return sentence


def _sentence(days: int, *, made: bool, scheduled: bool, media_changed: bool) -> str:
    what = "backup that was verified" if scheduled else "backup"
    if media_changed:
        return f"The newest {what} was made before the media disk was replaced."
    if made:
        return f"The newest {what} was made {days} days ago."
    return f"No backup has been {'verified' if scheduled else 'made'} in the {days} days of this server."


def _at(log: AccessLog, seq: int) -> int:
    return next((times.parse_rfc3339(entry.public["at"]) for entry in log.read_back(seq, seq)), 0)
