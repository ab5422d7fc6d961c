"""Bundles being made: one at a time, canceled when the right behind them ends, with nothing left of an unfinished one.

A bundle counts once an entry says so: files on the disk without one are deleted when the volume is attached. Bundles are made in
a thread (``bundle``); everything here runs on the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass, field

import msgspec

from holdshelf_core.actions.authorizer import Authorizer
from holdshelf_core.actions.caller import Caller
from holdshelf_core.actions.registry import LogForm
from holdshelf_core.actions.state_store import put
from holdshelf_core.buffer.anchoring import Anchoring
from holdshelf_core.buffer.store import Opened
from holdshelf_core.errors import Conflict, HoldshelfError, Unavailable
from holdshelf_core.holds.coverage import BEING_RECORDED, RECOVERED
from holdshelf_core.holds.holds import Holds
from holdshelf_core.policy import listing, model
from holdshelf_core.policy.case import Scope
from holdshelf_core.policy.releases import EXPORTED, answer_utc_ns, has_bundle, may_make_bundle
from holdshelf_core.releases import bundle, types
from holdshelf_core.releases.clips import Missing
from holdshelf_core.releases.derive import Cancelled
from holdshelf_core.releases.facts import Facts, Made
from holdshelf_core.releases.proofs import NotAsAnchored
from holdshelf_core.releases.signing_keys import KeyRing
from holdshelf_core.timestamps.timestamps import BUNDLE_S, Timestamps
from holdshelf_core.timestamps.types import Stamps
from holdshelf_core.witnesses.witnesses import PAPER_S, Witnesses
from holdshelf_storage.anchors.book import AnchorBook
from holdshelf_storage.errors import StorageError
from holdshelf_storage.outbox import bundles

_LOGGER = logging.getLogger(__name__)

MAX_WAITING = 16
OPEN_WAIT_S = 180.0
"""A footage file is closed after a minute plus the group of pictures that it ends with."""
_OPEN_POLL_S = 1.0
NOT_YET = "not recorded yet when this bundle was made"
NOT_ANCHORED_REPAIR = "bundle_not_as_anchored"
_PERMISSION = "release.export"
_OVER = ("done", "failed", "cancelled")


@dataclass(slots=True)
class BundleBuild:
    """One bundle build, or how it ended."""

    release: str
    caller: Caller
    acting_as: str
    state: str = "queued"
    step: str = "waits for the one before it"
    done_bytes: int = 0
    total_bytes: int = 0
    stop: threading.Event = field(default_factory=threading.Event)
    off: asyncio.Event = field(default_factory=asyncio.Event)
    """The same flag, for the loop."""
    why: str = ""
    """Why it was canceled."""
    task: asyncio.Task[None] | None = None


class BundleBuilds:
    """The last build of each release."""

    def __init__(
        self,
        authorizer: Authorizer,
        holds: Holds,
        anchoring: Anchoring,
        witnesses: Witnesses,
        timestamps: Timestamps,
        spare_bytes: Callable[[], int],
    ) -> None:
        """``spare_bytes`` returns how many bytes of the media disk a bundle may use now; called from a thread."""
        self._authorizer, self._frame = authorizer, authorizer.frame
        self._holds, self._anchoring = holds, anchoring
        self._witnesses, self._timestamps = witnesses, timestamps
        self._spare_bytes = spare_bytes
        self._builds: dict[str, BundleBuild] = {}
        self._turn = asyncio.Lock()
        self._opened: Opened | None = None
        self._uncleared = False
        """Unfinished bundles may be on the volume."""

    # --- start and stop ----------------------------------------------------------------------------------------------

    def async_attach(self, opened: Opened) -> None:
        """Start using the volume. Unfinished bundles on it are deleted once the state is not in doubt."""
        self._opened, self._uncleared = opened, True

    async def async_clear(self) -> None:
        """Delete unfinished bundles; not while the state is in doubt, as what is unknown now may be known again."""
        async with self._turn:
            await self._clear()

    async def _clear(self) -> None:
        """Delete them while none is being made."""
        store, opened = self._authorizer.store, self._opened
        if opened is None or store.in_doubt or not self._uncleared:
            return
        self._uncleared = False
        kept = [row.id for row in store.state.releases.values() if has_bundle(row)]
        try:
            gone = await asyncio.to_thread(bundles.clear, opened.volume.root_fd, kept)
        except StorageError as error:
            _LOGGER.warning("%s", error)
        else:
            if gone:
                _LOGGER.info("bundles that were not finished are cleared: %s", ", ".join(gone))

    async def async_detach(self, why: str = "the media disk is let go of") -> None:
        """Stop using the volume, or the service: cancel all builds and wait until they have ended."""
        running = [one for one in self._builds.values() if one.state not in _OVER]
        for one in running:
            self._call_off(one, why)
        await asyncio.gather(*(one.task for one in running if one.task is not None), return_exceptions=True)
        self._opened = None
        async with self._turn:
            pass  # what is being deleted is deleted

    def async_watch(self) -> None:
        """Each second: cancel builds without a valid right, or refused by a seat meanwhile; and delete what could not be
        deleted while the state was in doubt."""
        if self._uncleared and not self._authorizer.store.in_doubt and not self._turn.locked():
            self._frame.async_spawn(self.async_clear(), "unfinished bundles")
        for one in self._builds.values():
            if one.state not in _OVER and not one.stop.is_set() and (why := self._why_not(one)):
                self._call_off(one, why)

    def _why_not(self, one: BundleBuild) -> str:
        row = self._authorizer.store.state.releases.get(one.release)
        if row is None or not may_make_bundle(row):
            return f"{one.release} is not approved any more"
        decision = self._authorizer.decide(one.caller, _PERMISSION, Scope(target=one.release))
        return "" if decision.allowed else "the requester's right ended"

    # --- asking -----------------------------------------------------------------------------------------------

    def opened(self) -> Opened:
        """Return the volume. Raises Unavailable."""
        if self._opened is None:
            raise Unavailable("The media disk is missing, so no bundle can be made or read.", "See `holdshelf status`.")
        return self._opened

    def is_under_way(self, release: str) -> bool:
        """Return whether its bundle is being made, or waits to be."""
        one = self._builds.get(release)
        return one is not None and one.state not in _OVER

    def check_free(self, release: str) -> None:
        """Raise Conflict when its bundle is being made, or too many wait."""
        if self.is_under_way(release):
            raise Conflict(
                f"The bundle of {release} is already being made.",
                f"Wait for it, or cancel it: `holdshelf release export {release} --cancel`.",
            )
        if sum(other.state not in _OVER for other in self._builds.values()) >= MAX_WAITING:
            raise Conflict("Too many bundles are waiting to be made.", "Try again when one is done.")

    def begin(self, caller: Caller, acting_as: str, facts: Facts) -> BundleBuild:
        """Start a build whose entry is in the log."""
        one = BundleBuild(facts.release, caller, acting_as)
        self._builds[facts.release] = one
        one.task = asyncio.get_running_loop().create_task(self._make(one, facts), name=f"export-{facts.release}")
        return one

    def cancel(self, release: str, who: str) -> BundleBuild:
        """Cancel a build. Raises Conflict when none is in progress."""
        one = self._builds.get(release)
        if one is None or one.state in _OVER:
            raise Conflict(
                f"No bundle of {release} is being made.", f"See where it stands: `holdshelf release show {release}`."
            )
        self._call_off(one, f"{who} called it off")
        return one

    def _call_off(self, one: BundleBuild, why: str) -> None:
        one.why = one.why or why
        one.stop.set()
        one.off.set()

    def rows(self) -> list[types.ExportRow]:
        """Return all builds for clients."""
        state = self._authorizer.store.state
        return [
            types.ExportRow(
                one.release,
                one.state,
                one.done_bytes,
                one.total_bytes,
                one.step,
                one.caller.who,
                state.name_of(one.caller.who),
            )
            for one in self._builds.values()
        ]

    # --- making -----------------------------------------------------------------------------------------------

    async def _make(self, one: BundleBuild, facts: Facts) -> None:
        try:
            await self._wait_for_turn(one)
            try:
                await self._clear()
                told = await self._missing(one, facts)
                book = await self._anchored(one)
                made = await self._in_thread(one, facts, told, book)
                await self._count(one, made)
            finally:
                self._turn.release()
        except Cancelled:
            await self._ended(one, "cancelled", f"Not made: {one.why or 'it was called off'}.")
        except NotAsAnchored as error:
            self._frame.repairs.async_create(
                NOT_ANCHORED_REPAIR,
                camera_id=None,
                severity="error",
                sentence=error.sentence,
                next_step=error.next_step,
            )
            await self._ended(one, "failed", str(error))
        except (HoldshelfError, StorageError) as error:
            await self._ended(one, "failed", str(error))
        except Exception as error:
            _LOGGER.exception("the bundle of %s failed", one.release)
            await self._ended(one, "failed", f"The service failed at this ({type(error).__name__}); its log says more.")

    async def _wait_for_turn(self, one: BundleBuild) -> None:
        """Wait until the previous one is done, or this one is canceled. Raises Cancelled."""
        turn = asyncio.ensure_future(self._turn.acquire())
        off = asyncio.ensure_future(one.off.wait())
        try:
            await asyncio.wait({turn, off}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            off.cancel()
        if turn.done():
            return
        turn.cancel()
        # It may have arrived at that very moment.
        await asyncio.wait({turn})
        if not turn.cancelled():
            self._turn.release()
        raise Cancelled("Canceled.")

    async def _missing(self, one: BundleBuild, facts: Facts) -> list[Missing]:
        """Return gaps and erased parts, to the second, before anything is read. Raises Cancelled.

        Waits for requested footage in the file being written: it is closed within a minute or so.
        """
        spans = [model.HoldSpan(s.camera, s.start_utc_ns, s.end_utc_ns) for s in facts.given]
        began_ns, deadline_s = self._authorizer.now().utc_ns, time.monotonic() + OPEN_WAIT_S
        while True:
            if one.stop.is_set():
                raise Cancelled("Canceled.")
            parts = await self._holds.async_coverage(spans)
            writing = [p for p in parts if p.reason == BEING_RECORDED and p.start_utc_ns < began_ns]
            if not writing or time.monotonic() > deadline_s:
                break
            one.step = "waits for the minute that is being recorded"
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(one.off.wait(), _OPEN_POLL_S)
        return [
            Missing(
                part.camera,
                part.kind if part.kind in ("erased", "missing") else "gap",
                part.start_utc_ns,
                part.end_utc_ns,
                NOT_YET if part.kind == "future" else part.reason or part.kind,
            )
            for part in parts
            if part.kind != "recorded" or part.reason not in ("", RECOVERED)
        ]

    async def _anchored(self, one: BundleBuild) -> AnchorBook:
        """Return what the access log proves about the footage, including what was closed just now. Raises HoldshelfError,
        StorageError."""
        if one.stop.is_set():
            raise Cancelled("Canceled.")
        one.step = "has the recordings anchored in the access log"
        # A file truncated by a fault is anchored with its checksum.
        await asyncio.to_thread(self.opened().footage.hash_pending, one.stop)
        await self._anchoring.async_anchor()
        return await self._anchoring.async_book()

    async def _in_thread(self, one: BundleBuild, facts: Facts, told: list[Missing], book: AnchorBook) -> Made:
        if one.stop.is_set():
            raise Cancelled("Canceled.")
        opened, loop = self.opened(), asyncio.get_running_loop()
        one.state, one.step = "making", "looking the recordings up"

        def progress(done: int, total: int, step: str) -> None:
            one.done_bytes, one.total_bytes, one.step = done, total, step

        def countersigned(note: str) -> str:
            asked = asyncio.run_coroutine_threadsafe(self._witnesses.async_countersign(note), loop)
            try:
                return asked.result(3 * PAPER_S)[0]
            except (TimeoutError, CancelledError):  # the loop has ended
                return note

        def stamped(note: str, entry: int) -> Stamps:
            asked = asyncio.run_coroutine_threadsafe(self._timestamps.async_for_bundle(note, entry), loop)
            try:
                return asked.result(3 * BUNDLE_S)
            except (TimeoutError, CancelledError):
                return Stamps()

        def make() -> Made:
            key = KeyRing.ensure(self._frame.paths.state / "keys", facts.made_utc_ns).current
            order = bundle.Order(
                facts,
                opened.footage,
                self._authorizer.log,
                key,
                told,
                self._spare_bytes,
                one.stop,
                progress,
                book,
                countersigned,
                stamped,
            )
            return bundle.make(order)

        return await asyncio.to_thread(make)

    async def _count(self, one: BundleBuild, made: Made) -> None:
        """Record the complete bundle in an entry and the register; if that fails, delete it."""
        authorizer = self._authorizer
        try:
            async with authorizer.order:
                if one.stop.is_set() or (why := self._why_not(one)):
                    one.why = one.why or why
                    raise Cancelled("Canceled.")
                row = authorizer.store.state.releases[one.release]
                counted = model.Bundle(
                    **msgspec.structs.asdict(made), made_by=one.caller.who, made_utc_ns=authorizer.now().utc_ns
                )
                first_utc_ns = answer_utc_ns(row) or counted.made_utc_ns
                row = msgspec.structs.replace(
                    row, state=EXPORTED, bundle=counted, given_utc_ns=first_utc_ns, version=row.version + 1
                )
                form = LogForm(
                    cameras=tuple(sorted({span.camera for span in row.given})),
                    incident=row.reference,
                    subject=row.id,
                    facts={
                        "kind": made.kind,
                        "files": made.files,
                        "bytes": made.bytes,
                        "videos": made.videos,
                        "missing": made.missing,
                        "sha256sums": made.sums_sha256,
                        "key": made.fingerprint,
                    },
                )
                await authorizer.async_append(
                    "release.exported",
                    one.caller,
                    "done",
                    form,
                    acting_as=one.acting_as,
                    changes=[put("releases", row.id, row)],
                )
        except BaseException:
            await self._remove(one.release)
            raise
        self._frame.repairs.async_delete(NOT_ANCHORED_REPAIR)
        one.state, one.step, one.done_bytes = "done", listing.counted(made.files, "file"), one.total_bytes
        self._tell()

    async def _remove(self, release: str) -> None:
        opened = self._opened
        if opened is not None:
            kept = [row.id for row in self._authorizer.store.state.releases.values() if has_bundle(row)]
            try:
                await asyncio.to_thread(bundles.clear, opened.volume.root_fd, kept)
            except StorageError as error:
                _LOGGER.warning("the bundle of %s could not be removed: %s", release, error)

    async def _ended(self, one: BundleBuild, state: str, sentence: str) -> None:
        form = LogForm(subject=one.release, facts={"ended": state}, private={"why": sentence})
        try:
            await self._authorizer.async_append(
                "release.not_exported", one.caller, "failed", form, acting_as=one.acting_as
            )
        except HoldshelfError as error:
            _LOGGER.warning("%s", error)
        finally:  # and not before: whoever sees that it is over finds its entry
            one.state, one.step = state, sentence
        self._tell()

    def _tell(self) -> None:
        self._frame.bus.async_fire("house_changed", {"tables": ["releases"]})
