"""Reads about recorded footage: stretches, gaps, and verification of the files."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Any

from holdshelf_core.actions import common
from holdshelf_core.actions.call import Reading
from holdshelf_core.actions.common import KnownCameras
from holdshelf_core.actions.registry import handles
from holdshelf_core.api import redact
from holdshelf_core.api.types import GapRow
from holdshelf_core.buffer import rows as span_rows
from holdshelf_core.buffer import types
from holdshelf_core.buffer.anchoring import Anchoring
from holdshelf_core.buffer.offline import verify_report
from holdshelf_core.buffer.store import Opened, Store
from holdshelf_core.errors import BadRequest, Conflict, HoldshelfError, Unavailable
from holdshelf_core.recorder.recorder import Recorder
from holdshelf_core.times import DAY_NS
from holdshelf_storage.anchors.book import AnchorBook
from holdshelf_storage.errors import StorageError
from holdshelf_storage.footage.verify import verify
from holdshelf_storage.volume.journal import GapSpan

_LOGGER = logging.getLogger(__name__)

# A span query answers from journals; more than this is a mistake or an attack on memory.
MAX_ROWS = 200_000
# Answers that read many journals at a time. Recording comes first for threads.
MAX_READS_AT_ONCE = 2


class FootageReads:
    """Reads of footage, a few at a time."""

    def __init__(self, cameras: KnownCameras, recorder: Recorder, store: Store, anchoring: Anchoring) -> None:
        self._cameras, self._recorder, self._store, self._anchoring = cameras, recorder, store, anchoring
        self._reads = asyncio.Semaphore(MAX_READS_AT_ONCE)
        self._verifying = False

    def _opened(self) -> Opened:
        if self._store.opened is None:
            raise Unavailable(self._store.problem or "The media volume is not attached.")
        return self._store.opened

    async def _span(self, asked: Reading[types.ReadFootage] | Reading[types.ReadGaps]) -> tuple[list[str], int, int]:
        """Return (cameras that the caller may see, start, end). Raises Refused for one that they may not."""
        gate, kind, caller, q = asked.authorizer, type(asked.request), asked.caller, asked.request
        self._opened()
        now_utc_ns = asked.frame.clock.utc_ns()
        start_utc_ns = now_utc_ns - DAY_NS if q.start_utc_ns is None else q.start_utc_ns
        end_utc_ns = now_utc_ns + DAY_NS if q.end_utc_ns is None else q.end_utc_ns
        common.check_span(start_utc_ns, end_utc_ns)
        wanted = q.camera
        known = await asyncio.to_thread(self._cameras.known_footage_cameras)
        if wanted is None:
            return [name for name in known if gate.may_read(kind, caller, name)], start_utc_ns, end_utc_ns
        # Checked before the lookup: a camera they may not see is reported like one that does not exist.
        gate.check_may_read(kind, caller, wanted)
        # A removed camera still has footage, so its id is enough.
        name = wanted if wanted in known else self._cameras.async_get(wanted).entry_id
        gate.check_may_read(kind, caller, name)
        return [name], start_utc_ns, end_utc_ns

    async def _rows(
        self, cameras: list[str], start_utc_ns: int, end_utc_ns: int, now_utc_ns: int, *, gaps: bool
    ) -> list[Any]:
        opened = self._opened()
        footage, ledger = opened.footage, opened.ledger

        def read() -> list[Any]:
            rows: list[Any] = []
            for camera in cameras:
                if gaps:
                    rows += span_rows.gone_gap_rows(ledger, camera, start_utc_ns, end_utc_ns)
                for item in footage.query(camera, start_utc_ns, end_utc_ns):
                    if isinstance(item, GapSpan):
                        if gaps:
                            rows.append(span_rows.gap_row(item, now_utc_ns))
                    elif not gaps:
                        rows.append(span_rows.segment_row(item, str(footage.path_of(camera, item))))
                if len(rows) > MAX_ROWS:
                    raise BadRequest(f"The span holds more than {MAX_ROWS} rows.", "Ask for a shorter span.")
            return rows

        async with self._reads:
            return await asyncio.to_thread(read)

    @handles(types.ReadFootage)
    async def footage(self, asked: Reading[types.ReadFootage]) -> list[types.SegmentRow]:
        """Return recorded segments and the one being written."""
        cameras, start_utc_ns, end_utc_ns = await self._span(asked)
        now_utc_ns = asked.frame.clock.utc_ns()
        rows = await self._rows(cameras, start_utc_ns, end_utc_ns, now_utc_ns, gaps=False)
        for name in cameras:
            camera = self._recorder.cameras.get(name)
            row = span_rows.open_row(camera, start_utc_ns, end_utc_ns, now_utc_ns) if camera else None
            if row is not None:
                rows.append(row)
        rows.sort(key=lambda row: (row.camera, row.open, row.start_utc_ns))
        if not asked.caller.admin:
            rows = [span_rows.segment_for_person(row) for row in rows]
        return rows

    @handles(types.ReadGaps)
    async def gaps(self, asked: Reading[types.ReadGaps]) -> list[GapRow]:
        """Return the stretches without footage."""
        span = await self._span(asked)
        rows = await self._rows(*span, asked.frame.clock.utc_ns(), gaps=True)
        if not asked.caller.admin:
            secrets = redact.known_secrets(asked.frame.paths, self._cameras.async_all())
            rows = [redact.gap_for_person(row, secrets) for row in rows]
        return rows

    @handles(types.VerifyRequest)
    async def verify(self, asking: Reading[types.VerifyRequest]) -> types.VerifyReport:
        """Verify the files against the journals, and the journals against the access log."""
        asked = asking.request
        footage = self._opened().footage
        camera = asked.camera
        if camera is not None and camera not in await asyncio.to_thread(self._cameras.known_footage_cameras):
            camera = self._cameras.async_get(camera).entry_id
        if self._verifying:
            raise Conflict("Another verification is under way.", "Wait until it is done.")
        stop = asking.frame.stop_threads
        span = (camera, asked.start_utc_ns, asked.end_utc_ns)
        self._verifying = True
        try:
            book, problems = await self._anchors()
            work = partial(verify, footage, *span, asked.deep, signatures=asked.deep, book=book, stop=stop)
            report = await asyncio.to_thread(work)
        finally:
            self._verifying = False
        if stop.is_set():
            raise Unavailable("The service is stopping; not everything was verified.")
        # What cannot be proven does not count as good.
        report.problems[:0] = problems
        return verify_report(report, [])

    async def _anchors(self) -> tuple[AnchorBook | None, list[str]]:
        """Return what the access log anchored, or why nothing can be compared with it, which is a problem itself."""
        try:
            await self._anchoring.async_anchor()
        except (HoldshelfError, StorageError) as error:
            _LOGGER.warning("nothing new could be anchored: %s", error)
        try:
            return await self._anchoring.async_book(), []
        except (HoldshelfError, StorageError) as error:
            return None, [f"Nothing could be compared with the access log: {error}"]
