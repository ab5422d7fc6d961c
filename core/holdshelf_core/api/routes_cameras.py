"""Routes that manage cameras: the admin's."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiohttp import web

from holdshelf_core.api import types
from holdshelf_core.api.exchange import answer, body, caller_of, only_admin
from holdshelf_core.errors import BadRequest, HoldshelfError
from holdshelf_core.integration.models import EntryDraft, StreamSource
from holdshelf_core.recorder.probe import async_probe_stream

if TYPE_CHECKING:
    from holdshelf_core.app import Holdshelf

# A camera whose stream plays is recorded within a dial and a group of pictures.
RECORDING_WAIT_S = 10.0


class CameraRoutes:
    """discover, add, remove, check."""

    def __init__(self, holdshelf: Holdshelf) -> None:
        self._holdshelf = holdshelf

    def routes(self) -> list[web.RouteDef]:
        """To be mounted."""
        return [
            web.post("/discover", self._discover),
            web.post("/cameras", self._add),
            web.delete("/cameras/{camera}", self._remove),
            web.post("/cameras/{camera}/check", self._check),
        ]

    async def _discover(self, request: web.Request) -> web.Response:
        only_admin(caller_of(request))
        asked = body(request, types.DiscoverRequest)
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
        return answer(rows)

    async def _add(self, request: web.Request) -> web.Response:
        only_admin(caller_of(request))
        asked = body(request, types.AddRequest)
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
        return answer(types.AddedRow(entry.entry_id, entry.title, list(draft.warnings)), 201)

    async def _play(self, draft: EntryDraft, transport: str) -> EntryDraft:
        """Nothing is added that does not play: the stream is tried up to its first key frame."""
        stream = {**draft.data["stream"], "transport": transport}
        source = StreamSource.from_dict(stream, draft.data.get("password"))
        probed = await async_probe_stream(source, urlsplit(source.url).hostname or "the camera")
        stream.update(codec=probed.codec, width=probed.width, height=probed.height)
        return EntryDraft(draft.domain, draft.unique_id, draft.title, {**draft.data, "stream": stream}, draft.warnings)

    async def _remove(self, request: web.Request) -> web.Response:
        only_admin(caller_of(request))
        entries = self._holdshelf.entries
        await entries.async_remove(entries.async_get(request.match_info["camera"]))
        return answer({})

    async def _check(self, request: web.Request) -> web.Response:
        only_admin(caller_of(request))
        asked = body(request, types.CheckRequest)
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
        return answer(types.Checks(steps))

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
