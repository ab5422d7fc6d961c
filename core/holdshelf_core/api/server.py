"""The local API: aiohttp on a Unix socket, for processes of this machine whose account the kernel vouches for.

One boundary: whatever goes wrong below comes out as one sentence with a status; no traceback leaves it.
Request bodies are bounded. The full API (tokens, events, pictures) comes with the rules.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
from aiohttp import web

from holdshelf_core import views
from holdshelf_core.api import types
from holdshelf_core.api.address import serve_path
from holdshelf_core.api.identity import check_admin, peer_of
from holdshelf_core.doctor import async_examine
from holdshelf_core.errors import BadRequest, HoldshelfError, Unavailable
from holdshelf_core.integration.errors import FlowError
from holdshelf_core.integration.models import EntryDraft, StreamSource
from holdshelf_core.recorder.probe import async_probe_stream
from holdshelf_storage.errors import StorageError
from holdshelf_storage.footage import Footage
from holdshelf_storage.journal import GapSpan
from holdshelf_storage.verify import verify

if TYPE_CHECKING:
    from holdshelf_core.app import Holdshelf

_LOGGER = logging.getLogger(__name__)

MAX_BODY_BYTES = 64 << 10
# A camera whose stream plays is recorded within a dial and a group of pictures.
RECORDING_WAIT_S = 10.0
# A span query answers from journals; more than this is a mistake or an attack on memory.
MAX_ROWS = 200_000

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _json(answer: object, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(answer), status=status, content_type="application/json")


class ApiServer:
    """Serves one ``Holdshelf``."""

    def __init__(self, holdshelf: Holdshelf) -> None:
        self._holdshelf = holdshelf
        self._runner: web.AppRunner | None = None
        self._path: Path | None = None
        self._gid = os.getgid()

    async def async_start(self) -> None:
        """Listen. Raises Unavailable."""
        app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[self._guard])
        app.add_routes(
            [
                web.get("/status", self._status),
                web.post("/discover", self._discover),
                web.post("/cameras", self._add),
                web.delete("/cameras/{camera}", self._remove),
                web.post("/cameras/{camera}/check", self._check),
                web.get("/footage", self._footage),
                web.get("/gaps", self._gaps),
                web.post("/verify", self._verify),
                web.get("/jobs", self._jobs),
                web.get("/doctor", self._doctor),
            ]
        )
        self._path = serve_path(self._holdshelf.paths.data)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await self._runner.setup()
        # A socket left by a killed service is dead: the volume's lock already says that we are the only one.
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        old_umask = os.umask(0o117)
        try:
            await web.UnixSite(self._runner, str(self._path)).start()
        except OSError as error:
            raise Unavailable(f"The local socket {self._path} cannot be opened: {error.strerror}.") from None
        finally:
            os.umask(old_umask)
        self._gid = self._path.stat().st_gid

    async def async_stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            transport = request.transport
            if transport is None:
                raise Unavailable("The connection is gone.")
            check_admin(peer_of(transport.get_extra_info("socket")), self._gid)
            return await handler(request)
        except HoldshelfError as error:
            field = error.field if isinstance(error, FlowError) else ""
            return _json(types.ErrorBody(error.sentence, error.next_step, field), error.status)
        except StorageError as error:
            return _json(types.ErrorBody(str(error)), 503)
        except msgspec.MsgspecError as error:
            return _json(types.ErrorBody(f"The request is not understood: {error}."), 400)
        except web.HTTPRequestEntityTooLarge:
            return _json(types.ErrorBody(f"A request has at most {MAX_BODY_BYTES} bytes."), 413)
        except web.HTTPException as error:
            return _json(types.ErrorBody(f"The service has no {request.method} {request.path[:80]}."), error.status)
        except Exception:
            _LOGGER.exception("%s %s failed", request.method, request.path)
            return _json(types.ErrorBody("The service failed at this.", "Its log says more."), 500)

    async def _body[T](self, request: web.Request, kind: type[T]) -> T:
        return msgspec.json.decode(await request.read(), type=kind)

    # --- handlers ---------------------------------------------------------------------------------------------

    async def _status(self, _request: web.Request) -> web.Response:
        return _json(await views.async_status(self._holdshelf))

    async def _discover(self, request: web.Request) -> web.Response:
        asked = await self._body(request, types.DiscoverRequest)
        if not 0.1 <= asked.timeout_s <= 30:
            raise BadRequest("Discovery waits between 0.1 and 30 seconds.", "Give another --timeout.")
        entries = self._holdshelf.entries
        found = await entries.async_discover(asked.addresses, asked.timeout_s)
        rows = [
            types.DiscoveredRow(
                c.unique_id, c.domain, c.name, c.address, c.hardware, c.location, entries.async_added_as(c.unique_id)
            )
            for c in found
        ]
        return _json(rows)

    async def _add(self, request: web.Request) -> web.Response:
        asked = await self._body(request, types.AddRequest)
        entries = self._holdshelf.entries
        entries.async_check(asked.name, asked.area_kind, asked.area_note, asked.transport, asked.questioned)
        draft = await entries.async_draft(asked.target, asked.username, asked.password)
        draft = await self._play(draft, asked.transport)
        entry = await entries.async_add(
            draft,
            name=asked.name,
            area_kind=asked.area_kind,
            area_note=asked.area_note,
        )
        return _json(types.AddedRow(entry.entry_id, entry.title, list(draft.warnings)), 201)

    async def _play(self, draft: EntryDraft, transport: str) -> EntryDraft:
        """Nothing is added that does not play: the stream is tried up to its first key frame."""
        stream = {**draft.data["stream"], "transport": transport}
        source = StreamSource.from_dict(stream, draft.data.get("password"))
        probed = await async_probe_stream(source, urlsplit(source.url).hostname or "the camera")
        stream.update(codec=probed.codec, width=probed.width, height=probed.height)
        return EntryDraft(draft.domain, draft.unique_id, draft.title, {**draft.data, "stream": stream}, draft.warnings)

    async def _remove(self, request: web.Request) -> web.Response:
        entries = self._holdshelf.entries
        await entries.async_remove(entries.async_get(request.match_info["camera"]))
        return _json({})

    async def _check(self, request: web.Request) -> web.Response:
        asked = await self._body(request, types.CheckRequest)
        entries = self._holdshelf.entries
        entry = entries.async_get(request.match_info["camera"])
        steps: list[types.CheckStep] = []
        try:
            if asked.password is not None or asked.username is not None:
                transport = str(entry.data["stream"].get("transport", "tcp"))
                await entries.async_reauth(
                    entry, asked.username, asked.password, lambda draft: self._play(draft, transport)
                )
                what = "password" if asked.password is not None else "user name"
                steps.append(types.CheckStep("password", "ok", f"The new {what} is right and is kept."))
            elif entry.domain != "stream":
                draft = await entries.async_draft(
                    entry.data["address"], entry.data.get("username"), entry.data.get("password")
                )
                steps.append(types.CheckStep("device", "ok", f"{entry.title} answers and accepts its password."))
                steps.extend(types.CheckStep("device", "warning", warning) for warning in draft.warnings)
        except HoldshelfError as error:
            given = asked.password is not None or asked.username is not None
            step = f"{error.next_step} What was known before is kept.".strip() if given else error.next_step
            steps.append(types.CheckStep("password" if given else "device", "failed", error.sentence, step))
        moved = entries.async_found_at(entry)
        if moved is not None:
            step = f"If it was moved there, run `holdshelf camera check {entry.entry_id} --ask-password`."
            steps.append(types.CheckStep("address", "warning", f"{entry.title} answers at {moved} now.", step))
        try:
            source = StreamSource.from_dict(entry.data["stream"], entry.data.get("password"))
            probed = await async_probe_stream(source, urlsplit(source.url).hostname or "the camera")
            words = f"Its stream plays: {probed.codec}, {probed.width}x{probed.height}."
            steps.append(types.CheckStep("stream", "ok", words))
        except HoldshelfError as error:
            steps.append(types.CheckStep("stream", "failed", error.sentence, error.next_step))
        steps.append(await self._recording(entry.entry_id, wait=steps[-1].outcome == "ok"))
        return _json(types.Checks(steps))

    async def _recording(self, camera_id: str, *, wait: bool) -> types.CheckStep:
        """Whether it is recorded; a stream that plays is given a moment, for the recorder may just be dialling it."""
        camera = self._holdshelf.recorder.cameras.get(camera_id)
        changed = asyncio.Event()
        unsubscribe = self._holdshelf.bus.async_listen("camera_state", lambda _event: changed.set())
        try:
            async with asyncio.timeout(RECORDING_WAIT_S if wait else 0):
                while camera is not None and camera.state != "recording":
                    changed.clear()
                    await changed.wait()
        except TimeoutError:
            pass
        finally:
            unsubscribe()
        if camera is not None and camera.state == "recording":
            return types.CheckStep("recording", "ok", "It is being recorded.")
        reason = camera.reason if camera else "not known to the recorder"
        return types.CheckStep("recording", "failed", f"It is not being recorded: {reason}.")

    def _opened_footage(self) -> Footage:
        opened = self._holdshelf.store.opened
        if opened is None:
            raise Unavailable(self._holdshelf.store.problem or "The media volume is not attached.")
        return opened.footage

    async def _span(self, request: web.Request) -> tuple[list[str], int, int]:
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
            return known, start_utc_ns, end_utc_ns
        # A camera that was removed still has footage: its id is enough.
        name = wanted if wanted in known else self._holdshelf.entries.async_get(wanted).entry_id
        return [name], start_utc_ns, end_utc_ns

    async def _rows(self, request: web.Request, *, gaps: bool) -> list[Any]:
        cameras, start_utc_ns, end_utc_ns = await self._span(request)
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

        return await asyncio.to_thread(read)

    async def _footage(self, request: web.Request) -> web.Response:
        rows = await self._rows(request, gaps=False)
        cameras, start_utc_ns, end_utc_ns = await self._span(request)
        for name in cameras:
            camera = self._holdshelf.recorder.cameras.get(name)
            row = views.open_row(camera, start_utc_ns, end_utc_ns, self._holdshelf.clock.utc_ns()) if camera else None
            if row is not None:
                rows.append(row)
        rows.sort(key=lambda row: (row.camera, row.open, row.start_utc_ns))
        return _json(rows)

    async def _gaps(self, request: web.Request) -> web.Response:
        return _json(await self._rows(request, gaps=True))

    async def _verify(self, request: web.Request) -> web.Response:
        asked = await self._body(request, types.VerifyRequest)
        footage = self._opened_footage()
        camera = asked.camera
        if camera is not None and camera not in await asyncio.to_thread(footage.cameras):
            camera = self._holdshelf.entries.async_get(camera).entry_id
        stop = self._holdshelf.stop_threads
        span = (camera, asked.start_utc_ns, asked.end_utc_ns)
        report = await asyncio.to_thread(partial(verify, footage, *span, asked.deep, stop=stop))
        if stop.is_set():
            raise Unavailable("The service is stopping; not everything was verified.")
        return _json(types.VerifyReport(report.segments, report.bytes, report.problems))

    async def _jobs(self, _request: web.Request) -> web.Response:
        rows = [
            types.JobRow(j.name, j.what, j.every_s, j.next_utc_ns, j.last_utc_ns, j.last_took_s, j.last_result)
            for j in self._holdshelf.jobs.async_all()
        ]
        return _json(rows)

    async def _doctor(self, _request: web.Request) -> web.Response:
        return _json(types.Checks(await async_examine(self._holdshelf)))
