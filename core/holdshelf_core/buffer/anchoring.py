"""Anchoring: each hour, and before an export, the access log gets a root over the new journal lines (docs/adr/0022).

Nothing here delays recording: lines are read once they are on disk, in a thread, under the lock that one append takes. A batch
that cannot be written (a full disk, a damaged log) is skipped, and the next one includes its lines. Of a volume that the log does
not lead to, nothing is anchored or proven. Also checks, each minute, for footage that is missing without having been erased.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Sequence

from holdshelf_core.actions.authorizer import Authorizer
from holdshelf_core.actions.registry import LogForm
from holdshelf_core.buffer.store import Opened, Store
from holdshelf_core.errors import HoldshelfError, Unavailable
from holdshelf_core.policy.listing import counted
from holdshelf_core.times import local_time_words
from holdshelf_storage.anchors import anchors
from holdshelf_storage.anchors.book import AnchorBook
from holdshelf_storage.anchors.facts import FactsReader
from holdshelf_storage.anchors.lineage import Lineage
from holdshelf_storage.anchors.log import batches_in, proven_batches
from holdshelf_storage.errors import LogBroken, StorageError
from holdshelf_storage.footage import anchor_files
from holdshelf_storage.footage.media_change import waiting_change
from holdshelf_storage.footage.missing import MissingSegment
from holdshelf_storage.volume.days import SegmentRef

_LOGGER = logging.getLogger(__name__)

MISSING_REPAIR = "footage_missing"
VOLUME_REPAIR = "volume_unknown"
SETTLE_VOLUME = (
    "See `The access log does not lead to the media volume` in docs/operate.md; tell those who decide about footage."
)
COMING = "That entry is written as soon as the access log can be; if this stays, restart the service."
LAST_WAIT_S = 20.0
"""At a clean stop."""


class Anchoring:
    """Anchors footage and looks for missing files. Methods run on the loop; what reads the disk runs in threads."""

    def __init__(self, authorizer: Authorizer, store: Store, may_erase: Callable[[SegmentRef], bool]) -> None:
        """``may_erase``: as the rolling buffer asks it. What it refuses says nothing about the order of erasing."""
        self._authorizer, self._frame, self._store = authorizer, authorizer.frame, store

        def protects(camera: str, start_utc_ns: int, end_utc_ns: int) -> bool:
            return not may_erase(SegmentRef(camera, "", 0, "", 0, start_utc_ns, end_utc_ns))

        store.facts = FactsReader(authorizer.log, protects)
        self._lock = asyncio.Lock()
        self._reading = threading.Lock()
        self._known: anchors.Known | None = None
        self._lineage = Lineage()
        self._log_key = ""
        self._read_to = 0
        self._files = anchor_files.BatchFiles()

    # --- anchoring --------------------------------------------------------------------------------------------

    async def async_anchor(self) -> str:
        """Anchor all that is new. Raises Unavailable (also for a volume that the log does not lead to), StorageError; the next
        call then includes it."""
        async with self._lock:
            opened, log = self._store.opened, self._authorizer.log
            if opened is None:
                return "no volume"
            if log.problem is not None:
                raise Unavailable("The access log is damaged, so nothing is anchored in it.", str(log.problem))
            await self._check_volume(opened)
            segments = lines = 0
            while (taken := await asyncio.to_thread(self._take, opened)) is not None:
                form = LogForm(facts=taken.facts(), private={anchors.TEXT: taken.text()})
                await self._authorizer.async_service_entry(anchors.ACTION, form)
                segments, lines = segments + taken.segments, lines + len(taken.leaves)
            gone = await asyncio.to_thread(self._let_go, opened)
        await self.async_look_for_missing(with_log=True)
        let_go = f", {gone} lists of erased footage let go" if gone else ""
        return f"{counted(segments, 'file')} anchored{let_go}" if lines else f"nothing new{let_go}"

    async def async_last(self) -> None:
        """At a clean stop, after recording ended: anchor what was closed last. Never keeps the service from ending."""
        try:
            await asyncio.wait_for(self.async_anchor(), LAST_WAIT_S)
        except (TimeoutError, HoldshelfError, StorageError) as error:
            _LOGGER.warning("the last hour is not anchored, and will be after the next start: %s", error)

    async def _check_volume(self, opened: Opened) -> None:
        """Raise or clear the repair for a volume that the log does not lead to. Raises Unavailable for such a one, StorageError.

        The caller holds the lock.
        """
        try:
            await asyncio.to_thread(self._read_on, opened)
        except LogBroken as error:
            self._authorizer.async_distrust_log(str(error))  # no reason to wait for the night, which reads all of it
            raise
        volume = opened.volume.identity.volume
        unknown = self._lineage.problem(volume)
        if not unknown:
            self._frame.repairs.async_delete(VOLUME_REPAIR)
            return
        change = None
        with contextlib.suppress(StorageError):  # unreadable: then no entry will come of it
            change = await asyncio.to_thread(waiting_change, self._frame.paths.state, volume)
        step = SETTLE_VOLUME if change is None else COMING
        self._frame.repairs.async_create(
            VOLUME_REPAIR,
            camera_id=None,
            severity="error" if change is None else "warning",
            sentence=f"The access log does not lead to this media volume, so nothing on it can be proven or anchored: {unknown}",
            next_step=step,
        )
        raise Unavailable(unknown, step)

    def _read_on(self, opened: Opened) -> anchors.Known:
        """Read what the log says of this volume since the last call. Raises StorageError; the next call goes on from there."""
        log, volume = self._authorizer.log, opened.volume.identity.volume
        key = str(log.public_key)
        with self._reading:  # the thread of a job that was cancelled reads to its end
            if self._known is None or self._known.volume != volume or self._log_key != key:
                self._known, self._lineage, self._log_key, self._read_to = anchors.Known(volume), Lineage(), key, 0
            size = log.size
            for batch in batches_in(log, self._read_to + 1, self._lineage):
                self._known.add(batch)
                self._read_to = batch.seq
            self._read_to = size
            return self._known

    def _take(self, opened: Opened) -> anchors.Taken | None:
        """Take the next batch, with its file on disk."""
        log, volume, known = self._authorizer.log, opened.volume, self._read_on(opened)

        def anchored(path: str) -> Sequence[bytes] | None:
            # A journal is shorter than before: somebody changed it, and only the full list shows which lines are new.
            found, problems = AnchorBook(opened.footage.folders, known.volume, batches_in(log)).lines(path)
            return None if problems else [one.line for one in found]

        taken = anchors.take(opened.footage.folders, opened.ledger, known, anchored)
        if taken is not None:
            anchors.write_batch(volume.root_fd, taken)
        return taken

    def _let_go(self, opened: Opened) -> int:
        return self._files.let_go(opened.footage, self._frame.clock.utc_ns())

    # --- proving ----------------------------------------------------------------------------------------------

    async def async_book(self) -> AnchorBook:
        """Read all anchors of the log. Raises Unavailable (also for a volume that the log does not lead to), StorageError."""
        opened = self._store.opened
        if opened is None:
            raise Unavailable("The media disk is missing.", "See `holdshelf status`.")
        return await asyncio.to_thread(self._book, opened)

    def _book(self, opened: Opened) -> AnchorBook:
        """Only unsettled days: a day that the ledger erased entirely needs no proof."""
        volume, lineage = opened.volume.identity.volume, Lineage()
        batches = proven_batches(self._authorizer.log, anchor_files.Unsettled(opened.footage).trimmed, lineage)
        if unknown := lineage.problem(volume):
            raise Unavailable(unknown, SETTLE_VOLUME)
        return AnchorBook(opened.footage.folders, volume, batches)

    # --- missing ----------------------------------------------------------------------------------------------

    async def async_look_for_missing(self, *, with_log: bool = False) -> str:
        """Raise or clear the repair for footage that is missing without having been erased. ``with_log``: also check what only
        the log knows about."""
        opened = self._store.opened
        if opened is None:
            return "no volume"
        if not with_log and self._authorizer.log.problem is None:
            with contextlib.suppress(Unavailable, StorageError):  # a repair tells it, of the volume or of the log
                async with self._lock:
                    await self._check_volume(opened)
        stop = self._frame.stop_threads
        found = await asyncio.to_thread(self._look, opened, stop, with_log=with_log)
        if found:
            found = await asyncio.to_thread(self._of_use, opened, found)
        if found:
            self._tell(found)
        else:
            self._frame.repairs.async_delete(MISSING_REPAIR)
        return (
            "1 file is missing"
            if len(found) == 1
            else f"{len(found)} files are missing"
            if found
            else "nothing is missing"
        )

    def _look(self, opened: Opened, stop: threading.Event, *, with_log: bool) -> list[MissingSegment]:
        missing, book = opened.footage.missing, None
        if with_log and self._authorizer.log.problem is None and missing.may_have_lost(self._known):
            book = self._book(opened)
        elif with_log:
            missing.forget_lost()
        return missing.look(book, stop)

    def _of_use(self, opened: Opened, found: list[MissingSegment]) -> list[MissingSegment]:
        """Return what is not of an age at which it would have been erased by now, unless a hold keeps it."""
        first, facts = _first_number(opened), self._store.facts()

        def is_held(one: MissingSegment) -> bool:
            held = () if facts is None else facts.touching(one.camera, one.start_utc_ns, one.end_utc_ns)
            return any(span.until_seq is None for span in held)

        return [one for one in found if first is None or one.seq >= first or one.against or is_held(one)]

    def _tell(self, found: list[MissingSegment]) -> None:
        one = next((row for row in found if row.against), found[0])  # somebody made it look erased
        known = self._authorizer.store.state.cameras.get(one.camera)
        title = known.name if known is not None else one.camera
        many = "A file of footage is" if len(found) == 1 else f"{len(found)} files of footage are"
        self._frame.repairs.async_create(
            MISSING_REPAIR,
            camera_id=one.camera if len({row.camera for row in found}) == 1 else None,
            severity="error",
            sentence=f"{many} missing, and {'was' if len(found) == 1 else 'were'} not erased on schedule. The first: {title}, "
            f"{local_time_words(one.start_utc_ns)} to {local_time_words(one.end_utc_ns)} ({one.path})"
            f"{f', which {one.against}' if one.against else ''}.",
            next_step="Find out who removed them. `holdshelf footage verify` lists them all.",
        )


def _first_number(opened: Opened) -> int | None:
    """Return the lowest sequence number on the volume."""
    first = next(iter(opened.footage.oldest()), None)
    return first.seq if first is not None else None
