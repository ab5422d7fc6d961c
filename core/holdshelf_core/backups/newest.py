"""The newest entry of some actions in the access log, found again without reading what was read before."""

from __future__ import annotations

import asyncio

from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.anchors.lineage import MEDIA_CHANGES


class Newest:
    """By action, the number of its newest entry; 0: none."""

    def __init__(self, *actions: str) -> None:
        self.seq = dict.fromkeys(actions, 0)
        self._read_to = 0

    async def async_read(self, log: AccessLog) -> None:
        """Read what is new in the log. Raises StorageError."""
        await asyncio.to_thread(self._read, log)

    def _read(self, log: AccessLog) -> None:
        size = log.size
        for action in self.seq:
            for seq in log.numbers_of((action,), self._read_to + 1)[-1:]:
                self.seq[action] = seq
        self._read_to = size

    @property
    def media_change(self) -> int:
        """Return the newest of `MEDIA_CHANGES`: a backup made before it belongs to a media disk that is not there any more."""
        return max(self.seq[action] for action in MEDIA_CHANGES)
