"""Bundles that are being made: one at a time, called off with the right behind it, and nothing left of one that was not finished.

A bundle counts from the entry on that says so: what lies on the disk without one is cleared when the volume is attached.
Making happens in a thread (``releasing.bundle``); everything here runs on the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from holdshelf_core.actions import LogForm
from holdshelf_core.api import types_releases as types
from holdshelf_core.caller import Caller
from holdshelf_core.errors import Conflict, HoldshelfError, Unavailable
from holdshelf_core.house import put
from holdshelf_core.keeping.coverage import BEING_RECORDED
from holdshelf_core.policy import model
from holdshelf_core.policy.case import Scope
from holdshelf_core.policy.releases import EXPORTED, has_bundle, may_make_bundle
from holdshelf_core.releasing import bundle
from holdshelf_core.releasing.clips import Missing
from holdshelf_core.releasing.derive import Cancelled
from holdshelf_core.releasing.facts import Facts, Made
from holdshelf_core.releasing.signing_keys import KeyRing
from holdshelf_core.store import Opened
from holdshelf_storage import bundles
from holdshelf_storage.errors import StorageError

if TYPE_CHECKING:
    from holdshelf_core.app import Holdshelf

_LOGGER = logging.getLogger(__name__)

MAX_WAITING = 16
OPEN_WAIT_S = 180.0
"""A file of footage is closed after a minute and the group of pictures that it ends with."""
_OPEN_POLL_S = 1.0
NOT_YET = "not recorded yet when this bundle was made"
_PERMISSION = "release.export"
_OVER = ("done", "failed", "cancelled")


@dataclass(slots=True)
class Export:
    """One bundle under way, or how it ended."""

    release: str
    caller: Caller
    acting_as: str
    state: str = "queued"
    step: str = "waits for the one before it"
    done_bytes: int = 0
    total_bytes: int = 0
    stop: threading.Event = field(default_factory=threading.Event)
    off: asyncio.Event = field(default_factory=asyncio.Event)
    """The same, for the loop."""
    why: str = ""
    """Why it was called off."""
    task: asyncio.Task[None] | None = None


class Exports:
    """All of them, the last of each release."""

    def __init__(self, holdshelf: Holdshelf, room: Callable[[], int]) -> None:
        """``room``: how many bytes of the media disk a bundle may take now, asked from a thread."""
        self._holdshelf = holdshelf
        self._room = room
        self._exports: dict[str, Export] = {}
        self._turn = asyncio.Lock()
        self._opened: Opened | None = None

    # --- life -------------------------------------------------------------------------------------------------

    async def async_attach(self, opened: Opened) -> None:
        """The volume is here: what was left half made goes."""
        self._opened = opened
        releases = self._holdshelf.house.state.releases
        kept = [row.id for row in releases.values() if has_bundle(row)]
        if self._holdshelf.house.problem:
            return  # what is not known now may be known again
        try:
            gone = await asyncio.to_thread(bundles.clear, opened.volume.root_fd, kept)
        except StorageError as error:
            _LOGGER.warning("%s", error)
        else:
            if gone:
                _LOGGER.info("bundles that were not finished are cleared: %s", ", ".join(gone))

    async def async_detach(self, why: str = "the media disk is let go of") -> None:
        """The volume goes, or the service ends: everything under way is called off, and over when this returns."""
        running = [one for one in self._exports.values() if one.state not in _OVER]
        for one in running:
            self._call_off(one, why)
        await asyncio.gather(*(one.task for one in running if one.task is not None), return_exceptions=True)
        self._opened = None

    def async_watch(self) -> None:
        """Each second: what nobody with a right asks for any more, or a seat has refused meanwhile, is called off."""
        for one in self._exports.values():
            if one.state not in _OVER and not one.stop.is_set() and (why := self._why_not(one)):
                self._call_off(one, why)

    def _why_not(self, one: Export) -> str:
        row = self._holdshelf.house.state.releases.get(one.release)
        if row is None or not may_make_bundle(row):
            return f"{one.release} is not approved any more"
        decision = self._holdshelf.gate.decide(one.caller, _PERMISSION, Scope(target=one.release))
        return "" if decision.allowed else "the right of who asked for it ended"

    # --- asking -----------------------------------------------------------------------------------------------

    def opened(self) -> Opened:
        """The volume. Raises Unavailable."""
        if self._opened is None:
            raise Unavailable(
                "The media disk is not there, so no bundle can be made or read.", "See `holdshelf status`."
            )
        return self._opened

    def check_free(self, release: str) -> None:
        """Raises Conflict when one is being made of it, or too many wait."""
        one = self._exports.get(release)
        if one is not None and one.state not in _OVER:
            raise Conflict(
                f"The bundle of {release} is being made already.", f"See `holdshelf release export {release}`."
            )
        if sum(other.state not in _OVER for other in self._exports.values()) >= MAX_WAITING:
            raise Conflict("Too many bundles wait to be made.", "Try again when one is done.")

    def begin(self, caller: Caller, acting_as: str, facts: Facts) -> Export:
        """Have it made. Its entry is in the log."""
        one = Export(facts.release, caller, acting_as)
        self._exports[facts.release] = one
        one.task = asyncio.get_running_loop().create_task(self._make(one, facts), name=f"export-{facts.release}")
        return one

    def cancel(self, release: str, who: str) -> Export:
        """Call it off. Raises Conflict when none is being made."""
        one = self._exports.get(release)
        if one is None or one.state in _OVER:
            raise Conflict(f"No bundle of {release} is being made.", "See `holdshelf release list`.")
        self._call_off(one, f"{who} called it off")
        return one

    def _call_off(self, one: Export, why: str) -> None:
        one.why = one.why or why
        one.stop.set()
        one.off.set()

    def rows(self) -> list[types.ExportRow]:
        """All, for clients."""
        state = self._holdshelf.house.state
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
            for one in self._exports.values()
        ]

    # --- making -----------------------------------------------------------------------------------------------

    async def _make(self, one: Export, facts: Facts) -> None:
        try:
            await self._wait_for_turn(one)
            try:
                told = await self._missing(one, facts)
                made = await self._in_thread(one, facts, told)
                await self._count(one, made)
            finally:
                self._turn.release()
        except Cancelled:
            await self._ended(one, "cancelled", f"Not made: {one.why or 'it was called off'}.")
        except (HoldshelfError, StorageError) as error:
            await self._ended(one, "failed", str(error))
        except Exception as error:
            _LOGGER.exception("the bundle of %s failed", one.release)
            await self._ended(one, "failed", f"The service failed at this ({type(error).__name__}); its log says more.")

    async def _wait_for_turn(self, one: Export) -> None:
        """Until the one before it is over, or this one is called off. Raises Cancelled."""
        turn = asyncio.ensure_future(self._turn.acquire())
        off = asyncio.ensure_future(one.off.wait())
        try:
            await asyncio.wait({turn, off}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            off.cancel()
        if turn.done():
            return
        turn.cancel()
        # It may have come in the very moment.
        await asyncio.wait({turn})
        if not turn.cancelled():
            self._turn.release()
        raise Cancelled("Called off.")

    async def _missing(self, one: Export, facts: Facts) -> list[Missing]:
        """Gaps and what is erased, to the second, before anything is read. Raises Cancelled.

        What was asked for and lies in the file that is being written is waited for: it is closed within a minute or so.
        """
        spans = [model.HoldSpan(s.camera, s.start_utc_ns, s.end_utc_ns) for s in facts.given]
        began_ns, deadline_s = self._holdshelf.gate.now().utc_ns, time.monotonic() + OPEN_WAIT_S
        while True:
            if one.stop.is_set():
                raise Cancelled("Called off.")
            parts = await self._holdshelf.holds.async_coverage(spans)
            writing = [p for p in parts if p.reason == BEING_RECORDED and p.start_utc_ns < began_ns]
            if not writing or time.monotonic() > deadline_s:
                break
            one.step = "waits for the minute that is being recorded"
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(one.off.wait(), _OPEN_POLL_S)
        return [
            Missing(
                part.camera,
                "erased" if part.kind == "erased" else "gap",
                part.start_utc_ns,
                part.end_utc_ns,
                NOT_YET if part.kind == "future" else part.reason or part.kind,
            )
            for part in parts
            if part.kind != "recorded" or part.reason
        ]

    async def _in_thread(self, one: Export, facts: Facts, told: list[Missing]) -> Made:
        if one.stop.is_set():
            raise Cancelled("Called off.")
        opened = self.opened()
        one.state, one.step = "making", "looking the recordings up"

        def progress(done: int, total: int, step: str) -> None:
            one.done_bytes, one.total_bytes, one.step = done, total, step

        def make() -> Made:
            key = KeyRing.ensure(self._holdshelf.paths.state / "keys", facts.made_utc_ns).current
            order = bundle.Order(
                facts, opened.footage, self._holdshelf.gate.log, key, told, self._room, one.stop, progress
            )
            return bundle.make(order)

        return await asyncio.to_thread(make)

    async def _count(self, one: Export, made: Made) -> None:
        """It is whole: the entry that says so, and the register. Otherwise it goes."""
        gate = self._holdshelf.gate
        try:
            async with gate.order:
                if one.stop.is_set() or (why := self._why_not(one)):
                    one.why = one.why or why
                    raise Cancelled("Called off.")
                row = gate.house.state.releases[one.release]
                counted = model.Bundle(
                    **msgspec.structs.asdict(made), made_by=one.caller.who, made_utc_ns=gate.now().utc_ns
                )
                row = msgspec.structs.replace(row, state=EXPORTED, bundle=counted, version=row.version + 1)
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
                await gate.async_append(
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
        one.state, one.step, one.done_bytes = "done", f"{made.files} files", one.total_bytes
        self._tell()

    async def _remove(self, release: str) -> None:
        opened = self._opened
        if opened is not None:
            kept = [row.id for row in self._holdshelf.house.state.releases.values() if has_bundle(row)]
            try:
                await asyncio.to_thread(bundles.clear, opened.volume.root_fd, kept)
            except StorageError as error:
                _LOGGER.warning("the bundle of %s could not be removed: %s", release, error)

    async def _ended(self, one: Export, state: str, sentence: str) -> None:
        one.state, one.step = state, sentence
        form = LogForm(subject=one.release, facts={"ended": state}, private={"why": sentence})
        try:
            await self._holdshelf.gate.async_append(
                "release.not_exported", one.caller, "failed", form, acting_as=one.acting_as
            )
        except HoldshelfError as error:
            _LOGGER.warning("%s", error)
        self._tell()

    def _tell(self) -> None:
        self._holdshelf.bus.async_fire("house_changed", {"tables": ["releases"]})
