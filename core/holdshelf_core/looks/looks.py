"""Open looks and their pictures: none without a grant, a lease on disk, and a right that is valid at that moment.

The right is checked before a picture is made and again after decoding, before its bytes are sent; each second every open look is
checked too, so that none outlives its right, its session or its time. This module must never return a picture that it has not
counted, and never keep one.
"""

from __future__ import annotations

import asyncio
import logging
from array import array
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

from holdshelf_core.actions.authorizer import Authorizer
from holdshelf_core.actions.caller import Caller
from holdshelf_core.actions.registry import LogForm
from holdshelf_core.errors import Conflict, HoldshelfError, NotFound, Refused, Unavailable
from holdshelf_core.frame import async_settled
from holdshelf_core.looks.grants import ARCHIVE, BREAK_GLASS, LIVE, PICTURES_PER_GRANT, SHARE, Grant, holder_of
from holdshelf_core.looks.leases import CLOSE, OPEN, Lease
from holdshelf_core.looks.maps_seen import MapsSeen
from holdshelf_core.looks.pictures import Pictures
from holdshelf_core.policy.case import NO_LOOK
from holdshelf_core.policy.model import Span
from holdshelf_core.policy.rules import Decision, Scope, as_quoted
from holdshelf_core.times import NS

_LOGGER = logging.getLogger(__name__)

REMEMBERED = 1_000
"""Ended looks whose reason can still be reported."""
MAX_WAITING_CLOSES = 1_000
REQUESTS_AT_ONCE = 8
RETRY_NS = 5 * NS
ENDED_EVENT, OPENED_EVENT = "look_ended", "look_opened"


class Looks:
    """All open looks. Methods run on the loop."""

    def __init__(self, authorizer: Authorizer, pictures: Pictures) -> None:
        self._authorizer, self._pictures = authorizer, pictures
        self._clock, self._bus = authorizer.frame.clock, authorizer.frame.bus
        self._open: dict[str, Grant] = {}
        self._opening: list[Grant] = []
        self._ended: OrderedDict[str, Grant] = OrderedDict()
        self._busy: dict[str, int] = {}
        self.live_ns: dict[str, int] = {}
        """Live time of each person since the service started; the log has all of it."""
        self.maps = MapsSeen()
        """Which map views (of movement) have been logged already."""
        self._waiting: list[tuple[str, Caller, LogForm, str]] = []
        self._retry_boot_ns = 0
        self._unclosed: set[int] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._bus.async_listen("session_ended", lambda e: self.async_session_ended(e.data["session"], e.data["why"]))

    # --- finding ----------------------------------------------------------------------------------------------

    def all(self) -> list[Grant]:
        """Return the open looks, oldest first."""
        return list(self._open.values())

    def of(self, caller: Caller) -> list[Grant]:
        """Return the open looks of this person in this session."""
        return [g for g in self._open.values() if g.person == caller.person and g.holder == holder_of(caller)]

    def count_of(self, person: str) -> int:
        """Return how many looks a person has open, with those whose entry is being written."""
        return sum(grant.person == person for grant in (*self._open.values(), *self._opening))

    def recent_of(self, person: str, since_boot_ns: int) -> list[Grant]:
        """Return a person's looks opened since then, including ended ones and those whose entry is being written, to detect
        excessive browsing."""
        return [
            g
            for g in (*self._ended.values(), *self._open.values(), *self._opening)
            if g.person == person and g.opened_boot_ns >= since_boot_ns
        ]

    def seen(self, person: str, spans: Iterable[Span]) -> int:
        """Return how many recorded pictures of these spans a person was shown, as far as looks are remembered."""
        return sum(
            span.start_utc_ns <= at < span.end_utc_ns
            for span in spans
            for grant in (*self._ended.values(), *self._open.values())
            if grant.person == person
            for at in grant.shown.get(span.camera, ())
        )

    def find(self, grant_id: str, caller: Caller) -> Grant | None:
        """Return this caller's look of that id, open or recently ended; None for anybody else's."""
        grant = self._open.get(grant_id) or self._ended.get(grant_id)
        if grant is None or grant.person != caller.person or grant.holder != holder_of(caller):
            return None
        return grant

    def own(self, grant_id: str, caller: Caller) -> Grant | None:
        """Return this person's look of that id, in any session, open or recently ended."""
        grant = self._open.get(grant_id) or self._ended.get(grant_id)
        return grant if grant is not None and grant.person == caller.person else None

    def peek(self, grant_id: str) -> Grant:
        """Return the look of that id, whoever's, open or ended, to ask the policy about the caller. Raises NotFound."""
        grant = self._open.get(grant_id) or self._ended.get(grant_id)
        if grant is None:
            raise NotFound(f"There is no look {grant_id[:24]!r}.", "A look ends when its session or the service ends.")
        return grant

    def get(self, grant_id: str, caller: Caller) -> Grant:
        """Return an open look of this caller. Raises Refused, which says why it ended."""
        grant = self.find(grant_id, caller)
        if grant is None:
            said = as_quoted(self._authorizer.store.state.policy, NO_LOOK)
            raise Refused(said.clause, said.sentence, said.who_can_help)
        if not grant.closed and self._clock.boot_ns() >= grant.ends_boot_ns:
            self._end(grant, "its time was over")
        if grant.closed:
            raise Refused("P12", f"The look {grant.id} has ended: {grant.closed}.", "Open a new one with its purpose.")
        return grant

    def under_way(self) -> frozenset[int]:
        """Return the entries of all leases whose closing entry is still to be written."""
        return frozenset(self._unclosed)

    # --- life of a look ---------------------------------------------------------------------------------------

    @contextmanager
    def opening(self, grant: Grant) -> Iterator[None]:
        """Count a look while its entry is being written."""
        self._opening.append(grant)
        try:
            yield
        finally:
            self._opening.remove(grant)

    def async_add(self, grant: Grant) -> None:
        """Add a look whose entry is on disk."""
        self._open[grant.id] = grant
        self._pictures.warm()
        self._tell(OPENED_EVENT, grant, "")

    def async_widened(self, grant: Grant) -> None:
        """Note that its cameras or span changed: leases logged before cover only the old ones."""
        for lease in list(grant.leases.values()):
            self._finish(grant, lease, "widened")

    async def async_close(self, grant: Grant, why: str) -> None:
        """End a look for a reason that is already logged; its leases' closing entries are written now."""
        self._end(grant, why, write=False)
        await async_settled(self._tasks)

    def async_session_ended(self, session: str, why: str) -> None:
        """End the looks of an SSH session that is gone."""
        self.maps.forget(session)
        for grant in list(self._open.values()):
            if grant.holder == session:
                self._end(grant, why.rstrip(".") or "the session ended")

    async def async_watch(self) -> None:
        """Each second: end looks that must not go on, close finished leases, write entries that the log could not accept
        before."""
        boot_ns = self._clock.boot_ns()
        for grant in list(self._open.values()):
            decision = self.decide(grant, grant.caller, grant.cameras, live=grant.mode == LIVE)
            if not decision.allowed:
                self._end(grant, f"{decision.reason or decision.sentence}".rstrip("."))
            elif boot_ns >= grant.ends_boot_ns:
                self._end(grant, "its time was over")
            else:
                for lease in list(grant.leases.values()):
                    live_over = lease.live and not grant.is_live_now(boot_ns)
                    if live_over or boot_ns >= lease.ends_boot_ns:
                        self._finish(grant, lease, "live view ended by itself" if live_over else "its time was over")
        if self._waiting and boot_ns >= self._retry_boot_ns:
            self._retry_boot_ns = boot_ns + RETRY_NS
            waiting, self._waiting = self._waiting, []
            for item in waiting:
                await self._write(*item)

    async def async_stop(self) -> None:
        """At shutdown: end every look and log what was delivered."""
        for grant in list(self._open.values()):
            self._end(grant, "the service stopped")
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                await async_settled(self._tasks)

    def _end(self, grant: Grant, why: str, *, write: bool = True) -> None:
        if grant.closed:
            return
        grant.closed = why
        self._open.pop(grant.id, None)
        self._ended[grant.id] = grant
        while len(self._ended) > REMEMBERED:
            self._ended.popitem(last=False)
        for lease in list(grant.leases.values()):
            self._finish(grant, lease, why)
        for camera in grant.cameras:
            self._pictures.forget_viewer(viewer_of(grant, camera))
        if write:
            form = LogForm(
                cameras=grant.cameras,
                mode=grant.mode,
                purpose=grant.purpose,
                incident=grant.incident,
                subject=grant.id,
                facts={"why": why, "pictures": grant.delivered, "by": "service"},
            )
            self._later("purpose.close", grant.caller, form, grant.acting_as)
        self._tell(ENDED_EVENT, grant, why)

    def _tell(self, event: str, grant: Grant, why: str) -> None:
        data = {
            "look": grant.id,
            "person": grant.person,
            "session": grant.caller.session,
            "mode": grant.mode,
            "why": why,
        }
        self._bus.async_fire(event, data)

    # --- the right ----------------------------------------------------------------------------------------------

    def scope(self, grant: Grant, cameras: tuple[str, ...], *, live: bool) -> Scope:
        """Return the policy scope for a picture of this look."""
        return Scope(
            cameras=cameras,
            start_utc_ns=None if live else grant.start_utc_ns,
            end_utc_ns=None if live else grant.end_utc_ns,
            purpose=grant.purpose,
            incident=grant.incident,
            break_glass=grant.kind == BREAK_GLASS,
            target=grant.share,
        )

    def decide(self, grant: Grant, caller: Caller, cameras: tuple[str, ...], *, live: bool) -> Decision:
        """Return whether pictures of this look may be sent now."""
        permission = "share.view" if grant.kind == SHARE else "look.live" if live else "look.archive"
        return self._authorizer.decide(caller, permission, self.scope(grant, cameras, live=live))

    def check(self, grant: Grant, caller: Caller, camera: str, *, live: bool) -> None:
        """Check the right a last time before bytes are sent. Raises Refused."""
        if grant.closed:
            raise Refused("P12", f"The look {grant.id} has ended: {grant.closed}.", "Open a new one with its purpose.")
        decision = self.decide(grant, caller, (camera,), live=live)
        if not decision.allowed:
            raise Refused(decision.clause, decision.sentence, decision.who_can_help)
        if live and not grant.is_live_now(self._clock.boot_ns()):
            self.refuse_live(grant)

    def refuse_live(self, grant: Grant) -> NoReturn:
        """Refuse live pictures until they are confirmed again (P9). Always raises Refused."""
        minutes = self._authorizer.store.state.board.live_minutes
        raise Refused(
            "P9",
            f"The live view {grant.id} ended automatically after {minutes} minutes.",
            f"To keep looking: `holdshelf look renew {grant.id}`.",
        )

    # --- pictures -----------------------------------------------------------------------------------------------

    async def async_deliver[T](
        self,
        grant: Grant,
        caller: Caller,
        camera: str,
        pictures: int,
        live: bool,
        make: Callable[[Lease], Awaitable[T]],
        shown: Callable[[T], Sequence[tuple[int, int]]],
    ) -> tuple[Lease, T]:
        """Take a lease, make the pictures, check again, count. ``shown``: (time shown, mask version) of each picture in the
        answer.

        Raises Refused, Conflict, Unavailable; then nothing is sent.
        """
        self.check(grant, caller, camera, live=live)
        if self._busy.get(grant.person, 0) >= REQUESTS_AT_ONCE:
            raise Conflict("You have requested too many pictures at once.", "Wait for them to arrive, then ask again.")
        if pictures > grant.pictures_left:
            raise Refused(
                "P2",
                f"The look {grant.id} has shown {grant.pictures} pictures, and one look shows at most {PICTURES_PER_GRANT}.",
                "Open a new one with its purpose.",
            )
        self._busy[grant.person] = self._busy.get(grant.person, 0) + 1
        grant.pictures += pictures
        unused = pictures
        try:
            lease = await self._lease(grant, caller, camera, pictures, live)
            lease.in_flight += 1
            try:
                answer = await make(lease)
                self.check(grant, caller, camera, live=live)
                for shown_utc_ns, mask_version in shown(answer):
                    self._count(grant, lease, shown_utc_ns, mask_version)
                    unused -= 1
            finally:
                lease.taken -= unused
                lease.in_flight -= 1
                if lease.closing and not lease.in_flight:
                    self._write_close(grant, lease)
            return lease, answer
        finally:
            grant.pictures -= unused
            self._busy[grant.person] -= 1
            if not self._busy[grant.person]:
                del self._busy[grant.person]

    def _count(self, grant: Grant, lease: Lease, shown_utc_ns: int, mask_version: int) -> None:
        live_ns = lease.count(shown_utc_ns, mask_version, self._clock.boot_ns())
        grant.delivered += 1
        if not lease.live:
            grant.shown.setdefault(lease.camera, array("q")).append(shown_utc_ns)
        grant.live_ns += live_ns
        if live_ns:
            self.live_ns[grant.person] = self.live_ns.get(grant.person, 0) + live_ns

    # --- leases -------------------------------------------------------------------------------------------------

    async def _lease(self, grant: Grant, caller: Caller, camera: str, pictures: int, live: bool) -> Lease:
        """Return a lease on disk with room for that many pictures, which are taken from it. Raises Unavailable."""
        async with grant.lock:
            log = self._authorizer.log
            if log.problem is not None or log.unwritable is not None:
                # An earlier lease would cover the next pictures; but nobody may view while nothing can be logged.
                for open_lease in list(grant.leases.values()):
                    self._finish(grant, open_lease, "the access log could not be written")
            lease = grant.leases.get((camera, live))
            if lease is not None:
                clock = self._clock
                if lease.has_room(pictures, clock.boot_ns(), clock.utc_ns()):
                    lease.taken += pictures
                    return lease
                self._finish(grant, lease, "used up" if lease.covers_now(clock.utc_ns()) else "the clock was set")
            lease = await self._open_lease(grant, caller, camera, live)
            if grant.closed:
                lease.closing = grant.closed
                self._write_close(grant, lease)
                raise Refused(
                    "P12", f"The look {grant.id} has ended: {grant.closed}.", "Open a new one with its purpose."
                )
            grant.leases[camera, live] = lease
            lease.taken += pictures
            return lease

    async def _open_lease(self, grant: Grant, caller: Caller, camera: str, live: bool) -> Lease:
        boot_ns, now_utc_ns = self._clock.boot_ns(), self._clock.utc_ns()
        most, lasts_s = grant.lease
        live_utc_ns = (now_utc_ns, now_utc_ns + lasts_s * NS) if live else None
        start_utc_ns, end_utc_ns = live_utc_ns or (grant.start_utc_ns, grant.end_utc_ns)
        form = LogForm(
            cameras=(camera,),
            start_utc_ns=start_utc_ns,
            end_utc_ns=end_utc_ns,
            mode=LIVE if live else ARCHIVE,
            purpose=grant.purpose,
            incident=grant.incident,
            subject=grant.id,
            facts={"most_pictures": most, "most_s": lasts_s, "kind": grant.kind, "share": grant.share},
        )
        seq = await self._authorizer.async_append(OPEN, caller, "done", form, acting_as=grant.acting_as)
        self._unclosed.add(seq)
        return Lease(seq, caller, camera, most, boot_ns + lasts_s * NS, live, live_utc_ns=live_utc_ns)

    def _finish(self, grant: Grant, lease: Lease, why: str) -> None:
        """Take nothing more from this lease; its closing entry follows when requests in progress are done."""
        if grant.leases.get((lease.camera, lease.live)) is lease:
            del grant.leases[lease.camera, lease.live]
        if lease.closing:
            return
        lease.closing = why
        if not lease.in_flight:
            self._write_close(grant, lease)

    def _write_close(self, grant: Grant, lease: Lease) -> None:
        form = LogForm(
            cameras=(lease.camera,),
            start_utc_ns=lease.first_utc_ns,
            end_utc_ns=lease.last_utc_ns,
            mode=LIVE if lease.live else ARCHIVE,
            purpose=grant.purpose,
            incident=grant.incident,
            subject=grant.id,
            facts=lease.facts(),
        )
        self._later(CLOSE, lease.caller, form, grant.acting_as)

    def _later(self, action: str, caller: Caller, form: LogForm, acting_as: str) -> None:
        task = asyncio.create_task(self._write(action, caller, form, acting_as))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _write(self, action: str, caller: Caller, form: LogForm, acting_as: str) -> None:
        try:
            await self._authorizer.async_append(action, caller, "done", form, acting_as=acting_as)
        except Unavailable:
            if len(self._waiting) < MAX_WAITING_CLOSES:
                self._waiting.append((action, caller, form, acting_as))
                return
            _LOGGER.warning("%s of %s is not written down; it reads as unknown", action, form.subject)
        except HoldshelfError as error:
            _LOGGER.error("%s of %s is not written down: %s", action, form.subject, error)
        if action == CLOSE:
            self._unclosed.discard(form.facts["lease"])


def viewer_of(grant: Grant, camera: str) -> str:
    """Return the picture workers' name for one look at one camera."""
    return f"{grant.id}:{camera}"
