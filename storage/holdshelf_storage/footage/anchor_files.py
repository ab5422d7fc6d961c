"""Finds settled anchors: of days that the ledger erased entirely, with nothing on hold.

A batch's list is kept as long as any of its lines may be queried, then removed. Never touches footage.
"""

import contextlib
import logging
import os

import msgspec

from holdshelf_storage import layout
from holdshelf_storage.anchors import anchors
from holdshelf_storage.anchors.anchors import Batch
from holdshelf_storage.errors import StorageError
from holdshelf_storage.footage.footage import Footage

_EVERY_NS = 20 * 3600 * layout.NS
_log = logging.getLogger(__name__)


class Unsettled:
    """Determines which camera-days may still be queried. Use for one pass: it caches results."""

    def __init__(self, footage: Footage) -> None:
        self._footage = footage
        self._known: dict[tuple[str, str], bool] = {}
        self._days: dict[str, set[str]] = {}

    def wants(self, camera: str, day: str) -> bool:
        """Whether anything of it exists, is held, or is gone without a ledger entry. Raises StorageError."""
        found = self._known.get((camera, day))
        if found is None:
            found = self._known[camera, day] = self._look(camera, day)
        return found

    def _look(self, camera: str, day: str) -> bool:
        if camera not in self._days:
            self._days[camera] = set(self._footage.days(camera))
        if day in self._days[camera] or self._footage.shelved.holds_of(camera, day):
            return True
        named = self._footage.ledger.erased.day(camera, day)
        if not named.is_whole or any(one.missing for one in named.ends):
            return True
        return self._footage.missing.judge.doubts(camera, day, named)

    def trimmed(self, batch: Batch) -> Batch:
        """Return a batch without its settled parts."""
        journals = batch.papers.journals
        kept = [one for one in journals if (of := anchors.camera_day(one.path)) is None or self.wants(*of)]
        if len(kept) == len(journals):
            return batch
        papers = msgspec.structs.replace(batch.papers, journals=kept)
        return msgspec.structs.replace(batch, papers=papers, is_whole=False)


class BatchFiles:
    """The lists below MEDIA/anchors."""

    def __init__(self) -> None:
        self._of: dict[str, frozenset[tuple[str, str]]] = {}
        self._looked_utc_ns: int | None = None

    def let_go(self, footage: Footage, now_utc_ns: int) -> int:
        """Removes settled lists, once a day; returns how many. Raises StorageError."""
        if self._looked_utc_ns is not None and 0 <= now_utc_ns - self._looked_utc_ns < _EVERY_NS:
            return 0
        self._looked_utc_ns = now_utc_ns
        unsettled, gone = Unsettled(footage), 0
        root_fd = footage.folders.volume.root_fd
        for root in list(anchors.batch_files(footage.folders)):
            if root not in self._of:
                try:
                    leaves = anchors.read_batch(root_fd, root) or []
                except StorageError as error:
                    _log.error("%s", error)
                    continue  # what cannot be read may still be queried
                paths = {leaf.partition(b" ")[0].decode("utf-8", "replace") for leaf in leaves}
                self._of[root] = frozenset(of for path in paths if (of := anchors.camera_day(path)) is not None)
            if not any(unsettled.wants(*of) for of in self._of[root]):
                with contextlib.suppress(OSError):
                    os.unlink(anchors.batch_path(root), dir_fd=root_fd)
                    gone += 1
                self._of.pop(root, None)
        return gone
