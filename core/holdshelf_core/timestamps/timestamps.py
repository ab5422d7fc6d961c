"""Has a time stamp server put its time on the access log's head (RFC 3161): each hour with entries, and for each bundle (ADR 65).

What is stamped is the head as `holdshelf log head` prints it, byte for byte: the three lines, the empty one, the log's signature.
Nothing waits for the server for longer than it says; one that is silent or answers with something else becomes a repair. Who it
is stands in the register's table ``timestamp``; the log tells who set it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Final
from urllib.parse import urlsplit

import msgspec

from holdshelf_core.actions.authorizer import Authorizer
from holdshelf_core.errors import NotFound, Unavailable
from holdshelf_core.times import NS
from holdshelf_core.timestamps import kept
from holdshelf_core.timestamps.kept import Kept
from holdshelf_core.timestamps.reading import BadStamp, read_stamp
from holdshelf_core.timestamps.request import make_request
from holdshelf_core.timestamps.types import Stamp, Stamped, StampFiles, Stamps, StampServer, TimestampView
from holdshelf_core.witnesses import client
from holdshelf_core.witnesses.types import Asked
from holdshelf_storage.access_log.checkpoint import parse_note
from holdshelf_storage.errors import StorageError
from holdshelf_storage.register import Register

_LOGGER = logging.getLogger(__name__)

TABLE: Final = "timestamp"
ROW: Final = "server"
REPAIR: Final = "timestamp"
LATE_S: Final = 1800
"""A server that has not stamped for so long is a repair."""
AGAIN_S: Final = 3600
BUNDLE_S: Final = 15.0
"""For how long a bundle waits for its stamp."""
JOB_S: Final = 90.0
AWAY_S: Final = 300
"""A stamp whose time is further than this from the clock here is refused: one of the two clocks is wrong."""
_HEADERS: Final = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
_OK: Final = 200


class _Refused(Exception):
    """The head is not stamped. `str()` is the end of a sentence that begins with the server's name."""


def server_name(url: str) -> str:
    """Return host and port of an address: what people are told."""
    return urlsplit(url).netloc


class Timestamps:
    """The time stamp server, and what it has stamped. Used on the loop."""

    def __init__(self, authorizer: Authorizer, register: Register) -> None:
        self._authorizer, self._frame, self._register = authorizer, authorizer.frame, register
        self.server: StampServer | None = None
        self._asked = Asked()
        self._asking: asyncio.Task[StampFiles | None] | None = None
        self._known: list[Kept] = []

    async def async_start(self) -> None:
        """Take the server from the register, and what it has stamped from its folder."""
        row = self._register.get(TABLE, ROW)
        if row:
            try:
                self.server = msgspec.convert(row, StampServer)
            except msgspec.ValidationError as error:
                _LOGGER.error("the time stamp server in the register is not understood: %s", error)
        self._known = await asyncio.to_thread(kept.names, self._frame.paths.state)

    async def async_put(self, server: StampServer | None) -> None:
        """Have this server from now on. Raises Unavailable when that cannot be stored."""
        row = msgspec.to_builtins(server) if server is not None else {}
        try:
            await asyncio.to_thread(self._register.put, TABLE, ROW, row)
        except StorageError as error:
            raise Unavailable("The time stamp server could not be stored; nothing was changed.", str(error)) from None
        self.server, self._asked = server, Asked()
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None
        self._frame.repairs.async_delete(REPAIR)

    # --- asking -----------------------------------------------------------------------------------------------

    async def async_look(self) -> str:
        """The job: have the head stamped if there are new entries since an hour ago; a silent server is asked each time."""
        log = self._authorizer.log
        if self.server is None:
            return "no time stamp server"
        if log.problem is not None:
            return "the access log is damaged"
        newest, now_utc_s = self._newest(), self._frame.clock.utc_ns() // NS
        due = newest is None or (newest.entries != log.size and abs(now_utc_s - newest.utc_s) >= AGAIN_S)
        if due or self._asked.ok is False:
            await self.async_stamp(log.head(), JOB_S)
        self._tell()
        view = self.view()
        return f"{view.newest.entries if view.newest is not None else 0} entries are stamped"

    async def async_now(self) -> TimestampView:
        """Have the head of now stamped, and return how the server answered. Raises Unavailable when it was not asked."""
        files = await self.async_stamp(self._authorizer.log.head(), JOB_S)
        if files is None and self._asked.ok is not False:
            raise Unavailable(
                "The current head was not stamped: an earlier question to the server has not ended, or the log is damaged.",
                "Try again in a minute.",
            )
        self._tell()
        return self.view()

    async def async_for_bundle(self, note: str, entry: int) -> Stamps:
        """Return the stamp of a head that was made just now, if it comes soon, and the first kept one that covers ``entry``.

        A server that was silent is not asked.
        """
        earlier = None
        if entry:
            with contextlib.suppress(NotFound, Unavailable):
                earlier = await self.async_files(entry)
        if earlier is not None and earlier.head == note:
            return Stamps(earlier)  # nothing came since
        if earlier is not None and earlier.entries >= parse_note(note).head.size:
            earlier = None  # stamped while the bundle was made: its head is not continued by the bundle's
        return Stamps(None if self._asked.ok is False else await self.async_stamp(note, BUNDLE_S), earlier)

    async def async_stamp(self, note: str, wait_s: float) -> StampFiles | None:
        """Have a head stamped; None when that has not come within ``wait_s``."""
        loop = asyncio.get_running_loop()
        ends_s = loop.time() + wait_s
        while (busy := self._asking) is not None and not busy.done():  # one question at a time
            await asyncio.wait({busy}, timeout=max(0.0, ends_s - loop.time()))
            if not busy.done():
                return None
        server = self.server  # which may have been another one before that wait
        if server is None or self._authorizer.log.problem is not None:
            return None
        asking = self._asking = asyncio.create_task(self._ask(server, note), name="time stamp")
        await asyncio.wait({asking}, timeout=max(0.0, ends_s - loop.time()))
        return asking.result() if asking.done() and not asking.cancelled() else None

    async def _ask(self, server: StampServer, note: str) -> StampFiles | None:
        files, words = None, ""
        try:
            stamp, read = await self._stamp(server, note)
            if server == self.server:
                files = await self._keep(server, note, stamp, read)
        except (_Refused, client.NotAnswered, BadStamp) as error:
            words = f"its time stamp {error}" if isinstance(error, BadStamp) and error.code != "refused" else str(error)
        except StorageError as error:
            words = f"has stamped, and that was not kept: {str(error).rstrip('.')}"
        except Unavailable as error:
            words = f"may have stamped: {error.sentence.rstrip('.')}"
        except Exception:
            _LOGGER.exception("a time stamp could not be asked for")
            words = "was not asked, because of a fault in this program"
        if server != self.server:
            return None
        ok, name = not words, server_name(server.url)
        if self._asked.ok is not ok:
            _LOGGER.log(logging.INFO if ok else logging.WARNING, "time stamps of %s: %s", name, words or "it stamps")
        since_utc_ns = self._asked.since_utc_ns if self._asked.ok is ok else self._frame.clock.utc_ns()
        self._asked = Asked(ok, since_utc_ns, f"{name} {words}." if words else "")
        return files

    async def _stamp(self, server: StampServer, note: str) -> tuple[bytes, Stamp]:
        """Return the stamp of a head, checked. Raises _Refused, NotAnswered, BadStamp, Unavailable."""
        data = note.encode()
        request = make_request(data, server.policy)
        answer = await client.async_post(server.url, request.raw, "a time stamp", _HEADERS)
        if answer.status != _OK:
            raise _Refused(f"does not stamp (it answers {answer.status})")
        read = await asyncio.to_thread(
            read_stamp, answer.body, data, server.ca, nonce=request.nonce, policy=server.policy
        )
        away_s = (read.utc_ns - self._frame.clock.utc_ns()) / NS
        if abs(away_s) > AWAY_S:
            raise _Refused(
                f"says a time that is {abs(away_s):.0f} s {'after' if away_s > 0 else 'before'} this machine's"
            )
        return answer.body, read

    async def _keep(self, server: StampServer, note: str, stamp: bytes, read: Stamp) -> StampFiles:
        head, state = parse_note(note).head, self._frame.paths.state
        await asyncio.to_thread(kept.write, state, server.ca, note, head, stamp, read.utc_ns)
        self._known = await asyncio.to_thread(kept.thin, state)
        return StampFiles(note, stamp, server.ca, head.size, read.utc_ns)

    # --- telling ----------------------------------------------------------------------------------------------

    def view(self) -> TimestampView:
        """Return the server and what it has stamped."""
        return TimestampView(self.server, self._asked, len(self._known), self.newest())

    def newest(self) -> Stamped | None:
        """Return the head with the most entries of this log that the server's authority has stamped; None before the first one,
        and without a server."""
        one = self._newest()
        if one is None or self.server is None:
            return None
        return Stamped(one.entries, one.utc_s * NS, server_name(self.server.url))

    async def async_files(self, entry: int = 0) -> StampFiles:
        """Return the newest stamped head of this log; with ``entry`` the first that covers it. Raises NotFound, Unavailable."""
        own = [one for one in self._own() if one.entries >= entry]
        if not own:
            which = f" that covers entry {entry}" if entry and self._own() else ""
            raise NotFound(
                f"No head{which} is stamped yet.",
                "`holdshelf timestamp show` shows who is asked and what was answered.",
            )
        try:
            return await asyncio.to_thread(kept.read, self._frame.paths.state, own[0] if entry else own[-1])
        except StorageError as error:
            raise Unavailable(str(error)) from None

    def _own(self) -> list[Kept]:
        log = kept.log_part(self._authorizer.log.public_key.origin)
        return [one for one in self._known if one.log == log]

    def _newest(self) -> Kept | None:
        by = kept.authority_of(self.server.ca) if self.server is not None else ""
        return next((one for one in reversed(self._own()) if one.authority == by), None)

    def _tell(self) -> None:
        asked, now_utc_ns = self._asked, self._frame.clock.utc_ns()
        if asked.ok is False and now_utc_ns - asked.since_utc_ns >= LATE_S * NS:
            self._frame.repairs.async_create(
                REPAIR,
                camera_id=None,
                severity="warning",
                sentence=f"{asked.sentence} The access log's head gets no time stamp.",
                next_step="Ask whoever runs it, then run `holdshelf timestamp now`.",
            )
        else:
            self._frame.repairs.async_delete(REPAIR)
