"""Papers that are brought to a desk: a photo or scan is sent, its fingerprint taken, its content kept sealed or thrown away.

A paper arrives in pieces and stays in memory until all of it is there: one that the Board has thrown away is never written to a
disk. What a person sent last can be named for some hours in place of its fingerprint.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from holdshelf_core.actions.authorizer import Authorizer
from holdshelf_core.actions.caller import Caller
from holdshelf_core.actions.rate_limit import RateLimit
from holdshelf_core.actions.registry import LogForm
from holdshelf_core.errors import BadRequest, Conflict, NotFound, Unavailable
from holdshelf_core.outbox import scans, types
from holdshelf_core.outbox.outboxes import NO_ROOM, Outboxes
from holdshelf_core.policy.governing import own_board
from holdshelf_core.times import DAY_NS, HOUR_NS, NS
from holdshelf_storage.outbox import outbox as disk
from holdshelf_storage.outbox import papers as sealed

AT_ONCE = 4
"""Papers that are being sent at a time, by all: they are in memory."""
IDLE_NS = 60 * NS
SENT_NS = 12 * HOUR_NS
"""For how long the last one can be named: a day's work."""
MOST_SENT = 200
MOST_SEALED_BYTES = 4 << 30
BURST, PER_S = 20, 1 / 30
"""Rate limit for one person's papers: each is an entry of the log."""


@dataclass(slots=True, eq=False)
class Arriving:
    """A paper that is being sent."""

    caller: Caller
    name: str
    last_boot_ns: int
    content: bytearray = field(default_factory=bytearray)


class Papers:
    """All papers. Methods run on the loop."""

    def __init__(self, authorizer: Authorizer, outboxes: Outboxes, room: Callable[[], int]) -> None:
        """``room`` returns how many bytes may be written to the media disk now; called from a thread."""
        self._authorizer, self._outboxes, self._room = authorizer, outboxes, room
        self._clock = authorizer.frame.clock
        self._arriving: dict[str, Arriving] = {}
        self._sent: dict[str, tuple[types.SentPaper, int]] = {}
        """By person: the last one, and until when on the boot clock it can be named."""
        self._pace = RateLimit(BURST, PER_S)
        authorizer.frame.bus.async_listen("session_ended", lambda e: self._session_ended(e.data["session"]))

    @property
    def _days(self) -> int:
        return self._authorizer.store.state.board.paper_days

    # --- arriving ---------------------------------------------------------------------------------------------------------

    def begin(self, caller: Caller, name: str) -> str:
        """Make room for one; return its handle. An unfinished one of the same person is given up. Raises Conflict."""
        boot_ns = self._clock.boot_ns()
        for handle, one in list(self._arriving.items()):
            if one.caller.person == caller.person or boot_ns - one.last_boot_ns > IDLE_NS:
                del self._arriving[handle]
        if len(self._arriving) >= AT_ONCE:
            raise Conflict(
                f"{AT_ONCE} papers are being sent at this moment, which is the limit.", "Try again in a minute."
            )
        handle = secrets.token_hex(16)
        self._arriving[handle] = Arriving(caller, name, boot_ns)
        return handle

    def piece(self, caller: Caller, handle: str, offset: int, data: bytes) -> int:
        """Add what comes next; return how many bytes are there. Raises NotFound, BadRequest: the paper is given up then."""
        arriving = self._of(caller, handle)
        try:
            if offset != len(arriving.content):
                raise BadRequest("A paper is sent from its beginning to its end.", "Send it again.")
            if offset + len(data) > types.MAX_SCAN_BYTES:
                raise BadRequest(
                    f"The paper is larger than {types.MAX_SCAN_BYTES >> 20} MB.",
                    "Take a smaller picture, or scan it in black and white.",
                )
        except BadRequest:
            del self._arriving[handle]
            raise
        arriving.content += data
        arriving.last_boot_ns = self._clock.boot_ns()
        return len(arriving.content)

    def _of(self, caller: Caller, handle: str) -> Arriving:
        arriving = self._arriving.get(handle)
        if arriving is None or (arriving.caller.person, arriving.caller.session) != (caller.person, caller.session):
            raise NotFound("That paper is no longer being sent.", "Send it again.")
        return arriving

    def _session_ended(self, session: str) -> None:
        for handle in [handle for handle, one in self._arriving.items() if session and one.caller.session == session]:
            del self._arriving[handle]

    async def async_take(
        self, caller: Caller, handle: str, record: Callable[[str, str, int, str], Awaitable[int]], days: int
    ) -> types.SentPaper:
        """Take the one that arrived, once ``record(sha256, kind, bytes, name)`` has logged it; keep it so many days, 0 none.

        Raises NotFound, BadRequest for what is no paper, Conflict, Unavailable, StorageError, and what ``record`` raises: then
        nothing is kept and nothing can be named.
        """
        arriving = self._of(caller, handle)
        del self._arriving[handle]
        person = caller.person
        assert person is not None
        content, name = arriving.content, arriving.name
        end, sha256 = await asyncio.to_thread(lambda: (scans.kind_of(content), hashlib.sha256(content).hexdigest()))
        if wait_s := self._pace.take(person, self._clock.boot_ns()):
            raise Conflict(
                f"You sent {BURST} papers in a short time; each one goes into the access log.",
                f"Try again in {max(1, round(wait_s))} seconds.",
            )
        kind = scans.WORDS[end]
        begun = await self._async_begin_keeping(content) if days else None
        try:
            seq = await record(sha256, kind, len(content), name)
            if begun is not None:
                root_fd, made = begun
                await asyncio.to_thread(sealed.keep, root_fd, made, sha256, end)
        except BaseException:
            if begun is not None:
                await asyncio.to_thread(disk.give_up, *begun)
            raise
        now_utc_ns, boot_ns = self._clock.utc_ns(), self._clock.boot_ns()
        until_utc_ns = now_utc_ns + days * DAY_NS if days else None
        paper = types.SentPaper(sha256, kind, len(content), name, now_utc_ns, seq, until_utc_ns)
        self._sent = {who: one for who, one in self._sent.items() if one[1] > boot_ns and who != person}
        while len(self._sent) >= MOST_SENT:
            del self._sent[next(iter(self._sent))]
        self._sent[person] = (paper, boot_ns + SENT_NS)
        return paper

    async def _async_begin_keeping(self, content: bytearray) -> tuple[int, str]:
        """Write it under a temporary name. Raises Conflict, Unavailable, StorageError."""
        root_fd = self._outboxes.opened().volume.root_fd
        kept = await asyncio.to_thread(sealed.files, root_fd)
        if sum(one.size for one in kept) + len(content) > MOST_SEALED_BYTES:
            raise Conflict(
                f"The papers that are kept fill the {MOST_SEALED_BYTES >> 30} GB that they may have.",
                own_board("The Board can set `paper_days` lower. Until then, type the fingerprint of the scan."),
            )
        if await asyncio.to_thread(self._room) < len(content):
            raise Unavailable(NO_ROOM, "The admin can see how full it is with `holdshelf status`.")
        return root_fd, await asyncio.to_thread(lambda: disk.begin(root_fd, bytes(content)))

    # --- reading ----------------------------------------------------------------------------------------------------------

    def sent(self, person: str) -> types.SentPaper | None:
        """Return the last one that a person sent, while it can be named."""
        found = self._sent.get(person)
        return found[0] if found is not None and found[1] > self._clock.boot_ns() else None

    async def async_sealed(self) -> list[types.SealedPaper]:
        """Return all that are kept, the newest first. Raises Unavailable, StorageError."""
        return [self._row(one) for one in await self._async_files()]

    async def _async_files(self) -> list[sealed.Sealed]:
        return await asyncio.to_thread(sealed.files, self._outboxes.opened().volume.root_fd)

    def _row(self, one: sealed.Sealed) -> types.SealedPaper:
        kind = scans.WORDS.get(one.end, one.end.lstrip(".").upper())
        return types.SealedPaper(one.sha256, kind, one.size, one.kept_ns, one.kept_ns + self._days * DAY_NS)

    async def async_find(self, typed: str) -> sealed.Sealed:
        """Return the sealed paper whose fingerprint begins so. Raises NotFound, BadRequest."""
        clean = typed.strip().lower()
        if len(clean) < 8:
            raise BadRequest("Which paper?", "Give at least the first eight digits of its fingerprint.")
        found = [one for one in await self._async_files() if one.sha256.startswith(clean)]
        if len(found) != 1:
            raise NotFound(
                f"No sealed paper has a fingerprint that begins with {clean[:64]!r}.", "`holdshelf paper list`."
            )
        return found[0]

    async def async_content(self, paper: sealed.Sealed) -> bytes:
        """Return what is sealed. Raises StorageError, also for what is not what it was."""
        return await asyncio.to_thread(sealed.read, self._outboxes.opened().volume.root_fd, paper)

    # --- the end ----------------------------------------------------------------------------------------------------------

    async def async_expire(self) -> str:
        """The job: remove sealed papers whose days are over, each logged first."""
        now = self._authorizer.now()
        if now.doubtful or self._authorizer.store.in_doubt:
            return "waits until the time is settled" if now.doubtful else "waits until rights are known"
        try:
            root_fd = self._outboxes.opened().volume.root_fd
        except Unavailable:
            return "no volume"
        before_ns, gone = now.trusted_utc_ns - self._days * DAY_NS, 0
        for one in await self._async_files():
            if one.kept_ns >= before_ns:
                continue
            facts = {"sha256": one.sha256, "size": one.size, "format": scans.WORDS.get(one.end, "")}
            try:
                await self._authorizer.async_service_entry("paper.expired", LogForm(facts=facts))
            except Unavailable:
                break
            await asyncio.to_thread(sealed.remove, root_fd, one)
            gone += 1
        return f"{gone} paper{'s' if gone != 1 else ''} removed" if gone else "nothing is over its time"
