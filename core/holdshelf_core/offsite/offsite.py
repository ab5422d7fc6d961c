"""The off-site store, as the service knows it: kept in the register, served by the worker process (ADR 59).

Its settings stand in the register's table ``offsite``, the secret and the key of the names sealed as cameras' passwords are.
What a store does or fails to do never reaches recording, holds or the log: nothing here waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import os
import secrets
from pathlib import Path
from typing import Final

import msgspec

from holdshelf_core.actions.authorizer import Authorizer
from holdshelf_core.actions.registry import LogForm
from holdshelf_core.api.types import CheckStep
from holdshelf_core.errors import Unavailable
from holdshelf_core.holds.holds import Holds
from holdshelf_core.integration.bus import Event
from holdshelf_core.offsite import link
from holdshelf_core.offsite.process import KeeperProcess, async_look, check_installed
from holdshelf_core.offsite.types import (
    DOCTOR_STEP,
    BranchHold,
    BranchRow,
    BranchSpan,
    Health,
    OffsiteRow,
    Place,
)
from holdshelf_core.policy.model import Hold
from holdshelf_core.policy.state import State
from holdshelf_core.times import NS, local_words
from holdshelf_storage.atomic import make_dir
from holdshelf_storage.errors import SecretLost, StorageError
from holdshelf_storage.layout import SHELF
from holdshelf_storage.register import Register

_LOGGER = logging.getLogger(__name__)

TABLE: Final = "offsite"
KEY: Final = "store"
FOLDER: Final = "offsite"
REPAIR: Final = "offsite_store"
EVERY_S: Final = 20.0
FAILS_S: Final = 600
"""A store that has failed for so long is a repair."""
NAME_KEY_BYTES: Final = 32
MOST_INDEX_BYTES: Final = 1 << 20
"""Of a branch's index. One that would be larger names no cameras and times, and at most ``MOST_BARE_ROWS`` holds."""
MOST_BARE_ROWS: Final = 4000


class Offsite:
    """The bucket, and the process that has holds and heads there. Used on the loop."""

    def __init__(self, authorizer: Authorizer, register: Register, holds: Holds) -> None:
        self._authorizer, self._frame, self._register, self._holds = authorizer, authorizer.frame, register, holds
        self._folder = self._frame.paths.state / FOLDER
        self._worker = KeeperProcess(self._tell, self._removed)
        self._changing = asyncio.Lock()
        self._media: Path | None = None
        self._name_key = ""
        self._lost = False
        self._logging: set[str] = set()
        self._logged: set[str] = set()
        """Lifted holds of which the log has it that they are gone from the store."""
        self._hour = ""
        self._head_size = 0
        self.place: Place | None = None
        """With its secret."""

    @property
    def worker_pid(self) -> int | None:
        """Of the worker, while it runs."""
        return self._worker.pid

    @property
    def row(self) -> OffsiteRow | None:
        """The store and how it does, without its secrets."""
        return None if self.place is None else OffsiteRow(self.place.without_secrets(), self.health)

    @property
    def health(self) -> Health:
        """How the store does."""
        if self._lost:
            return Health(False, 0, "Its secret is no longer known. Give it again: `holdshelf offsite setup`.")
        health = self._worker.health
        if since_utc_ns := self._worker.failing_since_utc_ns:
            sentence = self._worker.ends_sentence
            health = msgspec.structs.replace(health, ok=False, since_utc_ns=since_utc_ns, sentence=sentence)
        return health

    def words(self) -> str:
        """How it does, in a sentence or two; '' where no store is set up."""
        health = self.health
        failing = f" {health.sentence}" if health.ok is False else " Outside its hours." if health.paused else ""
        return f"{waiting_words(health)}{failing}" if self.place is not None else ""

    # -- start and stop -----------------------------------------------------------------------------------------------

    async def async_start(self) -> None:
        """Take the settings from the register, and begin."""
        row = self._register.get(TABLE, KEY)
        if row is not None:
            self._take(dict(row))
        self._frame.bus.async_listen("house_changed", self._note)
        self._frame.async_spawn(self._async_watch(), "offsite")
        await self._async_use()

    async def async_attach(self, media: Path) -> None:
        """The media disk is there."""
        self._media = media
        await self._async_use()

    async def async_detach(self) -> None:
        """Let go of the media disk."""
        self._media = None
        await self._worker.async_stop()

    async_stop = async_detach

    # -- what acts do -------------------------------------------------------------------------------------------------

    async def async_look(self, place: Place, *, new_county: bool = False) -> str:
        """Return what is wrong with this bucket; '' nothing. Raises Unavailable."""
        await asyncio.to_thread(_make, self._folder)
        return await async_look(link.Setup(str(self._folder), "", place, "00", new_county))

    async def async_put(self, place: Place) -> None:
        """Keep the settings and use them. Raises Unavailable when they cannot be stored."""
        known = self.place
        same = known is not None and (known.url, known.bucket, known.prefix) == (place.url, place.bucket, place.prefix)
        name_key = self._name_key if same and self._name_key else secrets.token_hex(NAME_KEY_BYTES)
        row = msgspec.to_builtins(place.without_secrets())
        try:
            row["secret_sealed"] = self._register.encrypt(place.secret)
            row["county_key_sealed"] = self._register.encrypt(place.county_key)
            row["name_key_sealed"] = self._register.encrypt(name_key)
            await asyncio.to_thread(self._register.put, TABLE, KEY, row)
        except StorageError as error:
            raise Unavailable("The store's settings could not be saved, so it is not used.", str(error)) from None
        if known is not None and not same:
            await self._worker.async_stop()
            await asyncio.to_thread(_clear, self._folder)
        self.place, self._name_key, self._lost = place, name_key, False
        await self._async_use()

    async def async_remove(self) -> None:
        """Forget the store; what is there stays there. Raises Unavailable."""
        try:
            await asyncio.to_thread(self._register.remove, TABLE, KEY)
        except StorageError as error:
            raise Unavailable("The store's settings could not be removed.", str(error)) from None
        self.place, self._name_key, self._lost = None, "", False
        await self._async_use()
        await asyncio.to_thread(_clear, self._folder)
        self._worker.health = Health()
        self._tell()

    async def async_verify(self, *, full: bool) -> link.Verified:
        """Ask the store for each object. Raises Unavailable."""
        return await self._worker.async_verify(full=full)

    async def async_bad(self, verify: int, after: int) -> link.NamedBad:
        """Return the next bad objects of the verification of this number. Raises Unavailable."""
        return await self._worker.async_bad(verify, after)

    async def async_list(self) -> tuple[list[BranchRow], str]:
        """Return (each branch in the bucket, why the store could not be asked to the end). Raises Unavailable."""
        return await self._worker.async_list()

    def _note(self, event: Event) -> None:
        """Holds have changed: tell the worker."""
        if self.place is not None and "holds" in event.data["tables"]:
            self._want()

    def steps(self) -> list[CheckStep]:
        """Return what `doctor` says of it."""
        place, health = self.place, self.health
        if place is None:
            return []
        name = DOCTOR_STEP
        if health.ok is False:
            return [
                CheckStep(name, "failed", f"{place.target}: {health.sentence}", "Fix it; nothing waits for it here.")
            ]
        words = waiting_words(health)
        return [CheckStep(name, "ok" if health.ok else "skipped", f"{place.target}: {words}")]

    # -- how ----------------------------------------------------------------------------------------------------------

    def _take(self, row: dict[str, object]) -> None:
        secret, name_key = row.pop("secret_sealed", ""), row.pop("name_key_sealed", "")
        county_key = row.pop("county_key_sealed", "")
        row.pop("key", None)
        try:
            place = msgspec.convert(row, Place)
        except msgspec.ValidationError as error:
            _LOGGER.error("the store in the register is not understood: %s", error)
            return
        try:
            opened = {"secret": self._register.decrypt(str(secret))}
            if county_key:
                opened["county_key"] = self._register.decrypt(str(county_key))
            place = msgspec.structs.replace(place, **opened)
            self._name_key = self._register.decrypt(str(name_key))
        except SecretLost:
            self._lost = True
        self.place = place

    async def _async_use(self) -> None:
        async with self._changing:
            setup = None
            if self.place is not None and self._media is not None and not self._lost:
                try:
                    check_installed()
                    await asyncio.to_thread(_make, self._folder, self._media / SHELF)
                except Unavailable as error:
                    self._worker.health = Health(False, self._frame.clock.utc_ns(), str(error))
                else:
                    shelf = str(self._media / SHELF)
                    setup = link.Setup(str(self._folder), shelf, self.place, self._name_key)
                    self._want()
            await self._worker.async_use(setup)

    def _want(self) -> None:
        in_force, lifted = self._holds.standing()
        self._logged.difference_update(in_force)
        head = ""
        with contextlib.suppress(StorageError):
            head = self._authorizer.log.head() if self._authorizer.log.problem is None else ""
        self._worker.want(link.Wanted(in_force, lifted, head, self._rows()))

    def _rows(self) -> tuple[BranchHold, ...]:
        """What the other branches are told of holds here, where there are any."""
        if self.place is None or not self.place.branch:
            return ()
        state = self._authorizer.store.state
        holds = sorted(self._holds.book.in_force(), key=lambda hold: (hold.placed_utc_ns, hold.id))
        rows = [_index_row(hold, state) for hold in holds]
        if len(msgspec.json.encode(rows)) > MOST_INDEX_BYTES:
            rows = [msgspec.structs.replace(row, spans=()) for row in rows][-MOST_BARE_ROWS:]
        return tuple(rows)

    def _keep_head(self) -> None:
        """Once an hour in which the log has grown, as each day does on which somebody logs in."""
        log = self._authorizer.log
        hour = dt.datetime.fromtimestamp(self._frame.clock.utc_ns() // NS, dt.UTC).strftime("%Y-%m-%dT%HZ")
        if log.problem is not None or hour == self._hour or log.size == self._head_size:
            return
        size = log.size
        if self._worker.tell(link.KeepHead(f"{hour}-{size:012d}", log.head())):
            self._hour, self._head_size = hour, size

    async def _async_watch(self) -> None:
        while True:
            if self.place is not None and not self._lost:
                self._want()
                self._keep_head()
            self._tell()
            await asyncio.sleep(EVERY_S)

    def _removed(self, message: link.Removed) -> None:
        if message.hold not in self._logging and self.place is not None:
            self._logging.add(message.hold)
            self._frame.async_spawn(self._log_removed(message), f"offsite-{message.hold[:40]}")

    async def _log_removed(self, message: link.Removed) -> None:
        try:
            _in_force, lifted = self._holds.standing()
            if message.hold in lifted and message.hold not in self._logged and message.objects:
                form = LogForm(subject=message.hold, facts={"objects": message.objects})
                await self._authorizer.async_service_entry("offsite.removed", form)
                self._logged.add(message.hold)
            self._worker.tell(link.Logged(message.hold))
        except Unavailable:
            pass  # the worker says it again
        finally:
            self._logging.discard(message.hold)

    def _tell(self) -> None:
        """Have a store that has failed for long as a repair, and no other."""
        health, place = self.health, self.place
        fails = place is not None and health.ok is False
        # One that began in a time to come, by a clock that was set since, has failed for nobody knows how long.
        if place is None or not fails or 0 <= self._frame.clock.utc_ns() - health.since_utc_ns < FAILS_S * NS:
            self._frame.repairs.async_delete(REPAIR)
            return
        what = "Holds are not kept elsewhere." if health.waiting else "The off-site store is not working correctly."
        step = (
            "Ask whoever runs the store to restore it. What is on hold here is not lost. "
            "`holdshelf offsite verify` names each."
            if health.gone
            else "Nothing is lost: it is on hold here, and is sent once the store works again. See `holdshelf offsite status`."
        )
        self._frame.repairs.async_create(
            REPAIR, camera_id=None, severity="warning", sentence=what + f" {health.sentence}", next_step=step
        )


def waiting_words(health: Health) -> str:
    """'3 of 412 segments wait since …', 'All of 412 segments on hold are there.'"""
    if health.ok is None and not health.held:
        return "Not tried yet."
    if health.waiting:
        return f"{health.waiting} of {health.held} segments wait since {local_words(health.waiting_since_utc_ns)}."
    more = f" {health.heads_waiting} heads of the log wait." if health.heads_waiting else ""
    if health.lost:
        more += f" {health.lost} objects that were there are lost."
    return f"All {health.held} segments on hold are there.{more}" if health.held else f"Nothing is on hold.{more}"


def _index_row(hold: Hold, state: State) -> BranchHold:
    spans = tuple(BranchSpan(state.camera_words(one.camera), one.start_utc_ns, one.end_utc_ns) for one in hold.spans)
    return BranchHold(hold.id, hold.reference, hold.ground, hold.state, hold.placed_utc_ns, spans)


def _make(*folders: Path) -> None:
    for folder in folders:
        try:
            make_dir(folder)
        except StorageError as error:
            raise Unavailable(f"{folder.name} could not be made: {error}") from None


def _clear(folder: Path) -> None:
    """Forget what another bucket had. Blocks."""
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(folder):  # noqa: PTH208 - names alone
            with contextlib.suppress(OSError):
                (folder / name).unlink()
