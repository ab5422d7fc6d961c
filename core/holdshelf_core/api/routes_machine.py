"""Routes that show the machine and what it has recorded. The admin sees all; a person what the policy lets them see."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from aiohttp import web

from holdshelf_core import views, views_rules
from holdshelf_core.api import redact, types
from holdshelf_core.api.exchange import answer, body, caller_of
from holdshelf_core.caller import Caller
from holdshelf_core.doctor import async_examine
from holdshelf_core.errors import BadRequest, Conflict, NotFound, Refused, Unavailable
from holdshelf_storage.footage import Footage
from holdshelf_storage.journal import GapSpan
from holdshelf_storage.verify import verify

if TYPE_CHECKING:
    from holdshelf_core.app import Holdshelf

# A span query answers from journals; more than this is a mistake or an attack on memory.
MAX_ROWS = 200_000
# Answers that read many journals at a time: threads are for recording first.
MAX_READS_AT_ONCE = 2


class MachineRoutes:
    """status, footage, gaps, verify, jobs, doctor, and what is to be read of the rules."""

    def __init__(self, holdshelf: Holdshelf) -> None:
        self._holdshelf = holdshelf
        self._reads = asyncio.Semaphore(MAX_READS_AT_ONCE)
        self._verifying = False

    def routes(self) -> list[web.RouteDef]:
        """To be mounted."""
        return [
            web.get("/status", self._status),
            web.get("/footage", self._footage),
            web.get("/gaps", self._gaps),
            web.post("/verify", self._verify),
            web.get("/jobs", self._jobs),
            web.get("/doctor", self._doctor),
            web.get("/rules/{view}", self._rules),
        ]

    def _check(self, view: str, caller: Caller, camera: str | None = None) -> None:
        """Raises Refused."""
        if self._holdshelf.gate.view_allowed(view, caller, camera):
            return
        if camera is not None:
            raise Refused("P11", "This camera is not among those that you may see.", "Ask the Library Director.")
        raise Refused("P11", "This is not among what you may see.", "Ask the Library Director, or the admin.")

    def _visible(self, view: str, caller: Caller, cameras: list[str]) -> list[str]:
        return [name for name in cameras if self._holdshelf.gate.view_allowed(view, caller, name)]

    # --- the machine ------------------------------------------------------------------------------------------

    async def _status(self, request: web.Request) -> web.Response:
        caller = caller_of(request)
        self._check("status", caller)
        status = await views.async_status(self._holdshelf)
        if caller.admin:
            return answer(status)

        def may_see(camera: str) -> bool:
            return self._holdshelf.gate.view_allowed("status", caller, camera)

        return answer(redact.status_for_person(status, may_see, redact.known_secrets(self._holdshelf)))

    async def _jobs(self, request: web.Request) -> web.Response:
        self._check("jobs", caller_of(request))
        rows = [
            types.JobRow(j.name, j.what, j.every_s, j.next_utc_ns, j.last_utc_ns, j.last_took_s, j.last_result)
            for j in self._holdshelf.jobs.async_all()
        ]
        return answer(rows)

    async def _doctor(self, request: web.Request) -> web.Response:
        self._check("doctor", caller_of(request))
        return answer(types.Checks(await async_examine(self._holdshelf)))

    # --- what is recorded -------------------------------------------------------------------------------------

    def _opened_footage(self) -> Footage:
        opened = self._holdshelf.store.opened
        if opened is None:
            raise Unavailable(self._holdshelf.store.problem or "The media volume is not attached.")
        return opened.footage

    async def _span(self, request: web.Request, view: str) -> tuple[list[str], int, int]:
        """(cameras that the caller may see, start, end). Raises Refused for one that they may not."""
        caller = caller_of(request)
        self._check(view, caller)
        footage = self._opened_footage()
        now_utc_ns = self._holdshelf.clock.utc_ns()
        try:
            start_utc_ns = int(request.query.get("start_utc_ns", now_utc_ns - views.DAY_NS))
            end_utc_ns = int(request.query.get("end_utc_ns", now_utc_ns + views.DAY_NS))
        except ValueError:
            raise BadRequest("A span is given in whole nanoseconds.") from None
        if end_utc_ns <= start_utc_ns:
            raise BadRequest("The span ends before it starts.", "Swap --from and --to.")
        wanted = request.query.get("camera")
        known = await asyncio.to_thread(footage.cameras)
        if wanted is None:
            return self._visible(view, caller, known), start_utc_ns, end_utc_ns
        # A camera that was removed still has footage: its id is enough.
        name = wanted if wanted in known else self._holdshelf.entries.async_get(wanted).entry_id
        self._check(view, caller, name)
        return [name], start_utc_ns, end_utc_ns

    async def _rows(self, cameras: list[str], start_utc_ns: int, end_utc_ns: int, *, gaps: bool) -> list[Any]:
        footage, now_utc_ns = self._opened_footage(), self._holdshelf.clock.utc_ns()

        def read() -> list[Any]:
            rows: list[Any] = []
            for camera in cameras:
                for item in footage.query(camera, start_utc_ns, end_utc_ns):
                    if isinstance(item, GapSpan):
                        if gaps:
                            rows.append(views.gap_row(item, now_utc_ns))
                    elif not gaps:
                        rows.append(views.segment_row(item, str(footage.path_of(camera, item))))
                if len(rows) > MAX_ROWS:
                    raise BadRequest(f"The span holds more than {MAX_ROWS} rows.", "Ask for a shorter one.")
            return rows

        async with self._reads:
            return await asyncio.to_thread(read)

    async def _footage(self, request: web.Request) -> web.Response:
        cameras, start_utc_ns, end_utc_ns = await self._span(request, "footage")
        rows = await self._rows(cameras, start_utc_ns, end_utc_ns, gaps=False)
        for name in cameras:
            camera = self._holdshelf.recorder.cameras.get(name)
            row = views.open_row(camera, start_utc_ns, end_utc_ns, self._holdshelf.clock.utc_ns()) if camera else None
            if row is not None:
                rows.append(row)
        rows.sort(key=lambda row: (row.camera, row.open, row.start_utc_ns))
        if not caller_of(request).admin:
            rows = [redact.segment_for_person(row) for row in rows]
        return answer(rows)

    async def _gaps(self, request: web.Request) -> web.Response:
        rows = await self._rows(*await self._span(request, "gaps"), gaps=True)
        if not caller_of(request).admin:
            secrets = redact.known_secrets(self._holdshelf)
            rows = [redact.gap_for_person(row, secrets) for row in rows]
        return answer(rows)

    async def _verify(self, request: web.Request) -> web.Response:
        self._check("verify", caller_of(request))
        asked = body(request, types.VerifyRequest)
        footage = self._opened_footage()
        camera = asked.camera
        if camera is not None and camera not in await asyncio.to_thread(footage.cameras):
            camera = self._holdshelf.entries.async_get(camera).entry_id
        if self._verifying:
            raise Conflict("Another verification is under way.", "Wait until it is done.")
        stop = self._holdshelf.stop_threads
        span = (camera, asked.start_utc_ns, asked.end_utc_ns)
        self._verifying = True
        try:
            report = await asyncio.to_thread(partial(verify, footage, *span, asked.deep, stop=stop))
        finally:
            self._verifying = False
        if stop.is_set():
            raise Unavailable("The service is stopping; not everything was verified.")
        return answer(types.VerifyReport(report.segments, report.bytes, report.problems))

    # --- the rules --------------------------------------------------------------------------------------------

    async def _rules(self, request: web.Request) -> web.Response:
        name, caller = request.match_info["view"], caller_of(request)
        view = views_rules.VIEWS.get(name)
        if view is None:
            raise NotFound(f"There is nothing named {name[:60]!r} to read.")
        self._check(name, caller)
        return answer(await view.read(self._holdshelf, caller, dict(request.query)))
