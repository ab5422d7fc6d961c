"""Files being fetched: each is logged before its first byte, and the right is checked for each chunk.

This module sends the bytes in chunks and counts them. A fetch ends with an entry that says how many bytes were sent; without one,
the log can only say "unknown, at most the whole file". It must never send a byte of a file whose entry is not on disk.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from holdshelf_core.actions.authorizer import Authorizer
from holdshelf_core.actions.caller import Caller
from holdshelf_core.actions.rate_limit import RateLimit
from holdshelf_core.actions.registry import LogForm
from holdshelf_core.errors import BadRequest, Conflict, HoldshelfError, NotFound, Refused, Unavailable
from holdshelf_core.frame import async_settled
from holdshelf_core.outbox.contents import Contents, Item
from holdshelf_core.outbox.sources import ByteSource
from holdshelf_core.outbox.types import MAX_READ_BYTES
from holdshelf_core.times import NS

_LOGGER = logging.getLogger(__name__)

FETCH, CLOSE = "outbox.fetch", "outbox.close"
PER_SESSION, IN_ALL = 16, 128
IDLE_NS = 600 * NS
RETRY_NS = 5 * NS
MAX_WAITING_CLOSES = 1_000
BURST, PER_S = 1_000, 0.5
"""Rate limit for one person's fetches: a burst that covers several bundles as folders, then this many per second."""


@dataclass(slots=True, eq=False)
class Fetch:
    """A file that a client is fetching, from opening to closing."""

    handle: str
    caller: Caller
    acting_as: str
    item: Item
    source: ByteSource
    sha256: str
    seq: int
    last_boot_ns: int
    delivered: int = 0
    reading: int = 0
    ended: str = ""
    """Why it ended, once it has; then nothing more is read."""


def form_of(item: Item, sha256: str) -> LogForm:
    """Return an entry's log form for a file. Its name may be any text, so it is private."""
    about = item.about
    return LogForm(
        cameras=(about.camera,) if about is not None else (),
        start_utc_ns=about.shown_utc_ns if about is not None else None,
        purpose=about.purpose if about is not None else "",
        incident=about.incident if about is not None else "",
        subject=item.release,
        facts={"kind": item.kind, "size": item.size, "sha256": sha256},
        private={"file": item.path},
    )


def _same(one: Caller, other: Caller) -> bool:
    return one.person == other.person and one.via == other.via and one.session == other.session


class Fetches:
    """All fetches. Methods run on the loop."""

    def __init__(self, authorizer: Authorizer, contents: Contents) -> None:
        self._authorizer, self._contents = authorizer, contents
        self._clock = authorizer.frame.clock
        self._open: dict[str, Fetch] = {}
        self._waiting: list[tuple[Caller, str, LogForm]] = []
        self._retry_boot_ns = 0
        self._pace = RateLimit(BURST, PER_S)
        self._reading = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._tasks: set[asyncio.Task[None]] = set()
        authorizer.frame.bus.async_listen(
            "session_ended", lambda e: self._session_ended(e.data["session"], e.data["why"])
        )

    def check_free(self, caller: Caller) -> None:
        """Raise Conflict when this session, or everyone together, has too many."""
        if sum(_same(one.caller, caller) for one in self._open.values()) >= PER_SESSION:
            raise Conflict(f"You can fetch at most {PER_SESSION} files at a time.", "Close one first.")
        if len(self._open) >= IN_ALL:
            raise Conflict(f"This server allows at most {IN_ALL} fetches at a time.", "Try again in a moment.")

    def take_turn(self, caller: Caller) -> None:
        """Count one more file. Raises Conflict when this person began too many recently."""
        wait_s = self._pace.take(caller.who, self._clock.boot_ns())
        if wait_s:
            raise Conflict(
                f"You fetched {BURST} files in a short time; each one goes into the access log.",
                f"Try again in {max(1, round(wait_s))} seconds; a bundle's zip is one file.",
            )

    def begin(self, caller: Caller, acting_as: str, item: Item, source: ByteSource, sha256: str, seq: int) -> Fetch:
        """Start a fetch whose entry is on disk, so that it can be read."""
        handle = secrets.token_hex(16)
        fetch = Fetch(handle, caller, acting_as, item, source, sha256, seq, self._clock.boot_ns())
        self._open[handle] = fetch
        return fetch

    def under_way(self) -> frozenset[int]:
        """Return the entries of all fetches in progress."""
        return frozenset(fetch.seq for fetch in self._open.values())

    def is_fetched(self, release: str) -> bool:
        """Return whether anything of that release's bundle is being fetched."""
        return any(one.item.release == release for one in self._open.values())

    # --- reading ----------------------------------------------------------------------------------------------------------

    async def async_read(self, caller: Caller, handle: str, offset: int, length: int) -> bytes:
        """Return a chunk; b'' beyond the end. Raises Refused, NotFound, Unavailable, StorageError."""
        fetch = self._of(caller, handle)
        if offset < 0 or not 0 < length <= MAX_READ_BYTES:
            raise BadRequest(f"A piece has 1 to {MAX_READ_BYTES} bytes.")
        self._check(fetch)
        fetch.last_boot_ns = self._clock.boot_ns()
        fetch.reading += 1
        self._reading += 1
        self._quiet.clear()
        try:
            data = await asyncio.to_thread(fetch.source.read, offset, length)
            # Reading took a moment, in which the right may have ended.
            self._check(fetch)
            fetch.delivered += len(data)
            return data
        finally:
            fetch.reading -= 1
            self._reading -= 1
            if not self._reading:
                self._quiet.set()
            if fetch.ended and not fetch.reading:
                self._over(fetch)

    def _of(self, caller: Caller, handle: str) -> Fetch:
        fetch = self._open.get(handle)
        if fetch is None or not _same(fetch.caller, caller):
            raise NotFound("That file is no longer being fetched.", "Fetch it again.")
        return fetch

    def _check(self, fetch: Fetch) -> None:
        """Check the right. Raises Refused, Unavailable; the fetch has ended then."""
        if fetch.ended:
            raise Refused("", fetch.ended)
        log = self._authorizer.log
        if log.problem is not None or log.unwritable is not None:
            # Nobody gets anything while nothing can be logged, even though this fetch was logged before.
            self._end(fetch, "The access log cannot be written.")
            raise Unavailable("The access log cannot be written, so nothing can be fetched.", "Recording continues.")
        if why := self._why_not(fetch):
            self._end(fetch, why)
            raise Refused("", why)

    def _why_not(self, fetch: Fetch) -> str:
        caller, release = fetch.caller, fetch.item.release
        if release:
            row = self._authorizer.store.state.releases.get(release)
            if row is None or not self._contents.is_theirs(caller, row):
                decision = self._contents.decide(caller, fetch.item)
                return decision.sentence if not decision.allowed else f"The bundle of {release} no longer exists."
        decision = self._contents.decide(caller, fetch.item)
        return "" if decision.allowed else decision.sentence

    # --- the end ----------------------------------------------------------------------------------------------------------

    def close(self, caller: Caller, handle: str) -> int:
        """End a fetch at the client's request; return how many bytes were sent. Raises NotFound."""
        fetch = self._of(caller, handle)
        self._end(fetch, "closed")
        return fetch.delivered

    async def async_watch(self) -> None:
        """Each second: end fetches no longer allowed or read, and write entries that could not be written before."""
        boot_ns = self._clock.boot_ns()
        for fetch in list(self._open.values()):
            if why := self._why_not(fetch):
                self._end(fetch, why)
            elif boot_ns - fetch.last_boot_ns > IDLE_NS:
                self._end(fetch, "The download was idle for ten minutes.")
        if self._waiting and boot_ns >= self._retry_boot_ns:
            self._retry_boot_ns = boot_ns + RETRY_NS
            waiting, self._waiting = self._waiting, []
            for item in waiting:
                await self._write(*item)

    def _session_ended(self, session: str, why: str) -> None:
        for fetch in list(self._open.values()):
            if fetch.caller.via == "ssh" and fetch.caller.session == session:
                self._end(fetch, why)

    async def async_stop(self, why: str = "The service stopped.") -> None:
        """End all fetches and log that."""
        for fetch in list(self._open.values()):
            self._end(fetch, why)
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                # A thread reads through a descriptor that is closed next.
                await self._quiet.wait()
                await async_settled(self._tasks)

    def _end(self, fetch: Fetch, why: str) -> None:
        if fetch.ended:
            return
        fetch.ended = why
        self._open.pop(fetch.handle, None)
        if not fetch.reading:
            self._over(fetch)

    def _over(self, fetch: Fetch) -> None:
        fetch.source.close()
        facts = {"fetch": fetch.seq, "bytes": fetch.delivered, "why": _short(fetch.ended)}
        form = LogForm(subject=fetch.item.release, facts=facts)
        task = asyncio.create_task(self._write(fetch.caller, fetch.acting_as, form))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _write(self, caller: Caller, acting_as: str, form: LogForm) -> None:
        try:
            await self._authorizer.async_append(CLOSE, caller, "done", form, acting_as=acting_as)
        except Unavailable:
            if len(self._waiting) < MAX_WAITING_CLOSES:
                self._waiting.append((caller, acting_as, form))
            else:
                _LOGGER.warning("the end of a fetch is not written down; it reads as unknown")
        except HoldshelfError as error:
            _LOGGER.error("the end of a fetch is not written down: %s", error)


def _short(why: str) -> str:
    return why.rstrip(".").partition(" (P")[0][:120]


def fetched_words(opened: Mapping[str, Any], closed: Mapping[str, Any] | None) -> str:
    """Return how much of a file was sent, for a reader of the log: from its two public entries, ``closed`` None when there is
    none."""
    size = int(opened.get("facts", {}).get("size", 0))
    if closed is None:
        return f"unknown, at most {size} bytes"
    given = int(closed.get("facts", {}).get("bytes", 0))
    return "all of it" if given >= size else f"{given} of {size} bytes"
