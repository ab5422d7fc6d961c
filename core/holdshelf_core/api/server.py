"""The local API: aiohttp on a Unix socket, for local processes and for sessions over SSH.

One error boundary: every failure below becomes one sentence with a status, never a traceback. The caller is identified before a
byte of the body is read; bodies, connections and times are limited (``limits``). It must never do anything for anyone without
asking the authorizer.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from holdshelf_core.actions.caller import Caller
from holdshelf_core.acts import Read
from holdshelf_core.api import limits, types
from holdshelf_core.api.acting import Acting
from holdshelf_core.api.address import serve_path
from holdshelf_core.api.events import Streams, sse_response
from holdshelf_core.api.exchange import BODY, CALLER, answer, body, caller_of, from_query, json_bytes
from holdshelf_core.api.identity import Identity, NotAuthenticated
from holdshelf_core.api.ports import Authorizer, Logins, PictureSource
from holdshelf_core.api.session_types import DoorConfined
from holdshelf_core.api.ssh.host_key import HOST_KEY_REPAIR
from holdshelf_core.api.ssh.host_signer import HostSigner
from holdshelf_core.api.ssh.mint import MintSocket
from holdshelf_core.api.ssh.session_slots import SessionSlots
from holdshelf_core.api.tokens import Session, Tokens
from holdshelf_core.errors import HoldshelfError, NotFound, NotPermitted, Unavailable
from holdshelf_core.frame import STOPPING, Frame
from holdshelf_core.policy.numbering import renumbered
from holdshelf_core.processes.ends import Ends
from holdshelf_storage.errors import StorageError

_LOGGER = logging.getLogger(__name__)

MAX_BODY_BYTES = 64 << 10
# The library's own policy text is sent by an action.
MAX_ACTION_BODY_BYTES = 256 << 10
# A paper to print: 8 MB, encoded as JSON.
PAPER_PATH, MAX_PAPER_BODY_BYTES = "/actions/print.deliver", 12 << 20
PAPERS_AT_ONCE = 2
WATCH_S = 1.0
LAST_WORDS_S = 2.0
ACTS_END_S = 5.0
"""For acts that are under way when the service stops; then they are cut off."""
DOOR_REPAIR = "door_closed"
DOOR_BACK_S = 8.0
"""A door that ended is back by then if it can start."""

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _TooLarge(HoldshelfError):
    status = 413


class ApiServer:
    """Serves the local socket.

    ``routes``: for answers that are not JSON. ``pictures``: source of pictures of open looks; None shows none to anyone.
    ``mint_fd``: the SSH server's socket, None without one; ``sessions_fd``: memory in which sessions survive a restart.
    """

    def __init__(
        self,
        frame: Frame,
        authorizer: Authorizer,
        logins: Logins,
        routes: Sequence[web.RouteDef] = (),
        *,
        pictures: PictureSource | None = None,
        mint_fd: int | None = None,
        sessions_fd: int | None = None,
    ) -> None:
        self._frame, self._authorizer, self._logins = frame, authorizer, logins
        self._routes = routes
        self._pictures = pictures
        self._mint_fd, self._sessions_fd = mint_fd, sessions_fd
        self.tokens = Tokens(frame.clock.utc_ns)
        self._identity = Identity(
            self.tokens,
            self._logins.person_by_account,
            socket_gid=os.getgid(),
            door=mint_fd is not None,
        )
        self.door_confined: DoorConfined | None = None
        """Confinement of the SSH server as it reported; None while it is not running."""
        self._lines = limits.Lines(limits.raise_descriptor_limit())
        self._streams = Streams(
            frame.bus, lambda caller, camera: self._authorizer.may_read(types.ReadStatus, caller, camera)
        )
        self._runner: web.AppRunner | None = None
        self._server: asyncio.AbstractServer | None = None
        self._path: Path | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._acting = Acting()
        self._rights_changed = asyncio.Event()
        self._door_late: asyncio.TimerHandle | None = None
        self._door_ends = Ends()
        self._mint: MintSocket | None = None

    # --- start and stop ----------------------------------------------------------------------------------------------

    async def async_start(self) -> None:
        """Start listening. Raises Unavailable."""
        app = web.Application(client_max_size=MAX_ACTION_BODY_BYTES, middlewares=[self._guard])
        app.add_routes(self._routes)
        app.add_routes([self._route_of(read) for read in self._authorizer.registry.reads])
        app.add_routes(
            [
                web.post("/actions/{name}", self._act),
                web.get("/pictures/{what:.+}", self._picture),
                web.get("/events", self._events),
            ]
        )
        self._path = serve_path(self._frame.paths.data)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=LAST_WORDS_S,  # aiohttp waits for it twice
            keepalive_timeout=limits.HEADER_TIMEOUT_S,
            lingering_time=2.0,
            max_line_size=limits.MAX_LINE_BYTES,
            max_field_size=limits.MAX_LINE_BYTES,
            max_headers=limits.MAX_HEADERS,
            read_bufsize=16 << 10,
            # Nobody compresses to a local socket, and a zip bomb would expand here.
            auto_decompress=False,
        )
        await self._runner.setup()
        make_http = self._runner.server
        assert make_http is not None
        # A socket left by a killed service is dead: the volume's lock already proves that this is the only one.
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        listening = socket.socket(socket.AF_UNIX)
        try:
            # Not by the umask: that would be every thread's, and be looser for what they write meanwhile.
            listening.bind(str(self._path))
            self._path.chmod(0o660)
            self._server = await asyncio.get_running_loop().create_unix_server(
                lambda: limits.Bounded(self._lines, make_http), sock=listening, backlog=limits.BACKLOG
            )
        except OSError as error:
            listening.close()
            raise Unavailable(f"The local socket {self._path} cannot be opened: {error.strerror or error}.") from None
        self._identity.socket_gid = self._path.stat().st_gid
        self.tokens.async_listen(self._session_ended)
        self._frame.bus.async_listen("house_changed", lambda _event: self._rights_changed.set())
        self._tasks.append(asyncio.create_task(self._watch(), name="rights"))
        if self._mint_fd is not None:
            mint = self._mint = MintSocket(
                self._mint_fd,
                self.tokens,
                self._logins,
                HostSigner(self._frame.paths.data),
                SessionSlots(self._sessions_fd),
                self._door_is,
                lambda is_open: self._door_opens(is_open, mint.confined),
            )
            self._tasks.append(asyncio.create_task(mint.async_run(), name="mint"))

    async def async_stop(self) -> None:
        """End all sessions and streams, stop listening."""
        if self._door_late is not None:
            self._door_late.cancel()
        self._streams.async_stop(STOPPING)
        # The door first: it is not told that its sessions ended, but finds the socket closed and resumes them later.
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.tokens.revoke_all(STOPPING)
        if self._server is not None:
            self._server.close()
        await self._acting.async_stop(ACTS_END_S)
        await asyncio.sleep(0)  # lets the last messages be written
        if self._runner is not None:
            await self._runner.cleanup()
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()

    def _door_is(self, uid: int) -> None:
        self._identity.door_uid = uid
        self._lines.door_uid = uid

    @property
    def door_fails(self) -> bool:
        """Whether one SSH door after another opens and ends; one that does not even open has a repair of its own."""
        is_told = any(one.issue_id == DOOR_REPAIR for one in self._frame.repairs.async_all())
        return self._door_ends.failing_since_utc_ns > 0 and not is_told

    @property
    def sessions_fail(self) -> bool:
        """Whether the SSH door says that it cannot begin sessions."""
        return self._mint is not None and self._mint.sessions_fail

    def _door_opens(self, is_open: bool, confined: DoorConfined | None) -> None:
        """Note that the SSH door started or ended. A killed one is back soon; one that cannot listen needs a person."""
        self.door_confined = confined if is_open else None
        if is_open:
            self._door_ends.began()
            self._frame.repairs.async_delete(DOOR_REPAIR)
            self._frame.repairs.async_delete(HOST_KEY_REPAIR)
            if self._door_late is not None:
                self._door_late.cancel()
                self._door_late = None
            return
        self._door_ends.ended()
        if self._door_late is None:  # it may retry repeatedly
            self._door_late = asyncio.get_running_loop().call_later(DOOR_BACK_S, self._door_is_closed)

    def _door_is_closed(self) -> None:
        self._frame.repairs.async_create(
            DOOR_REPAIR,
            camera_id=None,
            severity="error",
            sentence="The SSH door is closed: nobody can log in over the network. Recording continues.",
            next_step="The service's log says why (`journalctl -u holdshelf`): usually another program at its port. "
            "The door opens by itself once it can.",
        )

    def _session_ended(self, session: Session) -> None:
        data = {"person": session.person, "session": session.id, "why": session.ended}
        self._frame.bus.async_fire("session_ended", data)
        # Gives its stream time to send the reason; then nothing in flight is delivered.
        asyncio.get_running_loop().call_later(LAST_WORDS_S, self._lines.hang_up_session, session.id)

    # --- rights -----------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """Each second, and at once when the state changed: disconnect everyone whose right has ended."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WATCH_S):
                    await self._rights_changed.wait()
            self._rights_changed.clear()
            try:
                await self.tokens.async_check_all(self._session_over)
                await self._streams.async_check_all(self._why_not)
            except Exception:  # each question handles its own errors where it is asked
                _LOGGER.exception("rights could not be looked at")

    async def _session_over(self, session: Session) -> str:
        if session.caller.admin:
            known = self._logins.knows_admin_key(session.fingerprint)
            return "" if known else "The key of this session is not an admin's any more."
        if not self._logins.knows_key(session.person, session.fingerprint):
            return "The key of this session is not one of yours any more."
        return await self._authorizer.async_may_speak(session.caller) or ""

    async def _why_not(self, caller: Caller) -> str:
        """Return why this caller may not continue; '' when they may."""
        if caller.via == "ssh":
            session = self.tokens.get(caller.session)
            return await self._session_over(session) if session is not None else "The session has ended."
        if caller.person is not None:
            return await self._authorizer.async_may_speak(caller) or ""
        try:
            await self._identity.async_still_admin(caller.uid)
        except NotPermitted as error:
            return error.sentence
        return ""

    # --- one request ------------------------------------------------------------------------------------------

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            line = self._lines.of(request.transport)
            with self._lines.at_work(line):
                caller = await self._identity.async_caller(request)
                if line is not None and caller.via == "ssh":
                    line.session = caller.session
                await self._check_standing(request, caller)
                request[CALLER] = caller
                if request.path == PAPER_PATH:
                    # A few at a time: each uses as much memory as all other requests together. And one per person, so that a slow
                    # sender or a hanging printer blocks nobody else.
                    async with self._lines.turn(f"paper {caller.who}", 1), self._lines.turn("papers", PAPERS_AT_ONCE):
                        request[BODY] = await self._read(request)
                        return await handler(request)
                request[BODY] = await self._read(request)
                if request.path == "/events":
                    return await handler(request)
                async with self._lines.turn(_turn_of(caller)):
                    return await handler(request)
        except HoldshelfError as error:
            return _refusal(error)
        except StorageError as error:
            return answer(types.ErrorBody(str(error)), 503)
        except msgspec.MsgspecError as error:
            return answer(types.ErrorBody(f"The request is not understood: {error}."), 400)
        except web.HTTPException as error:
            return answer(types.ErrorBody(f"The service has no {request.method} {request.path[:80]}."), error.status)
        except Exception:
            _LOGGER.exception("%s %s failed", request.method, request.path)
            return answer(types.ErrorBody("The service failed at this.", "Its log says more."), 500)

    async def _check_standing(self, request: web.Request, caller: Caller) -> None:
        if caller.person is None and caller.via != "ssh":
            return
        if caller.via == "ssh":
            reason = await self._why_not(caller)
            if reason:
                self.tokens.revoke(caller.session, reason)
                raise NotAuthenticated(reason, "Log in again.")
        elif not request.path.startswith(
            "/actions/"
        ):  # an action is refused, and the refusal logged, by the authorizer
            reason = await self._why_not(caller)
            if reason:
                raise NotPermitted(reason)

    async def _read(self, request: web.Request) -> bytes:
        """Read the body, limited in size and time. Raises HoldshelfError."""
        most_bytes = MAX_ACTION_BODY_BYTES if request.path.startswith("/actions/") else MAX_BODY_BYTES
        if request.path == PAPER_PATH:
            most_bytes = MAX_PAPER_BODY_BYTES
        parts: list[bytes] = []
        size = 0
        if (request.content_length or 0) > most_bytes:
            raise _TooLarge(f"A request has at most {most_bytes} bytes.")
        try:
            async with asyncio.timeout(limits.BODY_TIMEOUT_S):
                while part := await request.content.readany():
                    size += len(part)
                    if size > most_bytes:
                        raise _TooLarge(f"A request has at most {most_bytes} bytes.")
                    parts.append(part)
        except TimeoutError:
            raise Unavailable("The request took too long to arrive.", "Send it again.") from None
        except ConnectionError:
            raise Unavailable("The connection was closed.") from None
        return b"".join(parts)

    # --- actions, pictures, events -------------------------------------------------------------------------------

    async def _act(self, request: web.Request) -> web.Response:
        # Completes even if the client disconnects: what was logged must happen.
        name = request.match_info["name"]
        with self._acting.one(name):
            return json_bytes(await self._authorizer.async_act(name, caller_of(request), request[BODY]))

    def _route_of(self, kind: type[Read[Any]]) -> web.RouteDef:
        spec = kind.spec

        async def read(request: web.Request) -> web.Response:
            caller = caller_of(request)
            self._authorizer.check_may_read(kind, caller)  # first: else its form would leak
            asked = body(request, kind) if spec.method == "POST" else from_query(request, kind)
            return answer(await self._authorizer.async_read(asked, caller))

        return web.route(spec.method, spec.path, read)

    async def _picture(self, request: web.Request) -> web.Response:
        caller = caller_of(request)
        if self._pictures is None:
            raise NotFound("There are no pictures here.")
        picture = await self._pictures.async_picture(request.match_info["what"], caller, dict(request.query))
        # Decoding takes a moment, in which the right may have ended.
        if reason := await self._why_not(caller):
            raise NotPermitted(reason)
        return web.Response(
            body=picture.body,
            content_type=picture.content_type,
            headers={**picture.headers, "Cache-Control": "no-store"},
        )

    async def _events(self, request: web.Request) -> web.StreamResponse:
        caller = caller_of(request)
        line = self._lines.of(request.transport)
        transport = request.transport
        stream = self._streams.async_open(caller)
        session = self.tokens.get(caller.session) if caller.via == "ssh" else None
        if session is not None:
            session.closers.add(stream.end)
        if line is not None:
            line.on_lost.add(stream.hang_up)
        response = sse_response()
        try:
            await response.prepare(request)
            await stream.async_serve(response, lambda: transport.abort() if transport is not None else None)
        finally:
            self._streams.async_close(stream)
            if session is not None:
                session.closers.discard(stream.end)
            if line is not None:
                line.on_lost.discard(stream.hang_up)
        return response


def _turn_of(caller: Caller) -> str:
    return caller.session if caller.via == "ssh" else f"uid {caller.uid}"


def _refusal(error: HoldshelfError) -> web.Response:
    clause, who = getattr(error, "clause", ""), getattr(error, "who", "")
    sentence, step = renumbered(error.sentence), renumbered(error.next_step)
    return answer(types.ErrorBody(sentence, step, error.field, clause, who), error.status)
