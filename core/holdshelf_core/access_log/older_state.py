"""Detects a state older than what was already done: restored from a backup or copied back.

The media volume keeps the highest head of the access log that it has seen. A shorter or different log belongs to an older state:
a removed key may work again, a seat may have a former holder. Code cannot undo that. It is logged and flagged, and only holds can
be placed until the state is accepted with a paper of the Board (``policy.doubt``).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import msgspec

from holdshelf_core.access_log import restore_notice as after_restore
from holdshelf_core.actions.authorizer import Authorizer
from holdshelf_core.actions.media_seen import accepted_before, sentence
from holdshelf_core.actions.registry import LogForm
from holdshelf_core.actions.state_store import put
from holdshelf_core.buffer.store import Store
from holdshelf_core.errors import Unavailable
from holdshelf_core.policy import doubt, model
from holdshelf_core.policy.second import flag_open
from holdshelf_core.times import parse_rfc3339
from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.access_log.log_seen import Mismatch, compare, read_seen, write_seen
from holdshelf_storage.backup.restore import Restored, mark_logged, read_marker
from holdshelf_storage.errors import StorageError

_LOGGER = logging.getLogger(__name__)

REPAIR, NOT_COMPARED = "older_state", "log_not_compared"
COMPARING = "The access log is being compared with what the media volume has seen of it."
SEEN_AFTER_S = 0.5
"""Not at once: whoever waits for the answer to what was logged would wait for this sync, too."""
RETRY_S = 5.0


def newest_utc_ns(log: AccessLog) -> int:
    """Return what the wall clock read at the newest entry; 0 when there is none, or it cannot be read."""
    try:
        return next((parse_rfc3339(entry.public["at"]) for entry in log.read_back(log.size)), 0)
    except (StorageError, ValueError, KeyError, TypeError):
        return 0


class LogSeen:
    """Keeps the head on the volume up to date, and the result of comparing it. Methods run on the loop."""

    def __init__(self, authorizer: Authorizer, store: Store) -> None:
        self._authorizer, self._frame, self._store = authorizer, authorizer.frame, store
        self._changed = asyncio.Event()
        self._writing = asyncio.Lock()
        self._cannot_tell = ""
        """The limit while the last comparison failed; it goes with the next one that does not."""
        self._known = 0
        """Entry count of the head on the volume, as far as written here; 0: unknown."""

    def async_note(self) -> None:
        """Note that an entry is on disk, so that the volume's head gets updated."""
        self._changed.set()

    async def async_run(self) -> None:
        """Until canceled: write the log's head to the volume within a second of each entry."""
        while True:
            await self._changed.wait()
            await asyncio.sleep(SEEN_AFTER_S)
            self._changed.clear()
            await self.async_write()

    async def async_write(self) -> None:
        """Write the log's head to the volume, unless the log is damaged or older than the volume's head."""
        opened, log = self._store.opened, self._authorizer.log
        if opened is None or log.problem is not None or self._authorizer.store.state.limited or not log.size:
            return
        async with self._writing:
            size, head = log.size, log.head()
            if size == self._known:
                return
            try:
                await asyncio.to_thread(write_seen, opened.volume.root_fd, head, self._frame.clock.utc_ns())
                self._known = size
            except (StorageError, OSError) as error:  # the volume may be about to detach
                _LOGGER.warning("the media volume was not told of the access log's head: %s", error)

    @contextlib.asynccontextmanager
    async def comparing(self) -> AsyncIterator[None]:
        """While a volume is attached: allow only holds until it was compared, which happens on exit."""
        self._known = 0
        if self._authorizer.log.problem is None and self._authorizer.store.state.limited in ("", self._cannot_tell):
            self._authorizer.store.async_limit(COMPARING)
        try:
            yield
        finally:
            await self.async_compare()

    async def async_compare(self) -> None:
        """Compare at start and after each reattach: report an older state, or lift the limit."""
        house, log = self._authorizer.store, self._authorizer.log
        found, marker = None, None
        try:
            marker = await asyncio.to_thread(read_marker, self._frame.paths.state)
            if self._store.opened is not None and log.problem is None:
                seen = await asyncio.to_thread(read_seen, self._store.opened.volume.root_fd)
                found = await asyncio.to_thread(compare, seen, log)
        except StorageError as error:
            _LOGGER.error("%s", error)
            if house.state.limited in ("", COMPARING, self._cannot_tell):  # a damaged log stays one
                self._cannot_tell = f"Holdshelf cannot tell whether this state is the newest: {error}"
                house.async_limit(self._cannot_tell)
                self._frame.async_spawn(self._compare_again(), "older state")
            self.async_tell()
            return
        restored = marker if marker is not None and not marker.log_seq else None
        if found is not None and accepted_before(house.state.flags.values(), found):
            found = None
        if doubt.waiting(house.state.flags) or (found is None and restored is None):
            if house.state.limited in ("", COMPARING, self._cannot_tell) or doubt.waiting(house.state.flags):
                house.async_limit("")
        else:
            words = await asyncio.to_thread(sentence, found, log) if found is not None else ""
            note = " ".join(part for part in (after_restore.sentence(restored) if restored else "", words) if part)
            house.async_limit(note)
            if not await self._flag(note, found, restored):
                self._frame.async_spawn(self._flag_later(note, found, restored), "older state")
        self.async_tell()
        await self.async_write()

    async def _compare_again(self) -> None:
        await asyncio.sleep(RETRY_S)
        if self._authorizer.store.state.limited == self._cannot_tell:
            await self.async_compare()

    async def _flag_later(self, note: str, found: Mismatch | None, restored: Restored | None) -> None:
        while not await self._flag(note, found, restored):  # noqa: ASYNC110 - the log's disk does not signal when it recovers
            await asyncio.sleep(RETRY_S)
        self.async_tell()

    async def _flag(self, note: str, found: Mismatch | None, restored: Restored | None) -> bool:
        """Log the finding with the flag that limits people to holds. Returns False when the log cannot be written yet."""
        gate, house = self._authorizer, self._authorizer.store
        kind = doubt.BACKUP_RESTORED if restored else doubt.OLDER_LOG
        facts = {**(after_restore.facts(restored) if restored else {}), **(_facts(found) if found else {})}
        try:
            async with gate.order:
                key = house.next_id("flags", "f")
                seen = found.short if found else ""
                flag = model.Flag(key, kind, 0, "admin", gate.now().utc_ns, 1, note=note, seen=seen)
                form = LogForm(facts=facts, private={"set_aside": restored.set_aside if restored else ""})
                action = "backup.restored" if restored else "log.older"
                seq = await gate.async_service_entry(action, form, [put("flags", key, flag)], ordered=True)
            if restored is not None:
                await asyncio.to_thread(mark_logged, self._frame.paths.state, restored, seq)
        except (StorageError, Unavailable) as error:
            _LOGGER.warning("that this state is older was not written down yet: %s", error)
            return False
        house.async_limit("")  # from here on the flag is the reason
        return True

    async def async_accepted(self) -> None:
        """Write this state's head to the volume after somebody accepted the state."""
        self._authorizer.store.async_limit("")
        self._known = 0
        self.async_tell()
        await self.async_write()

    def async_tell(self) -> None:
        """Raise the repair while the state waits for the Board's paper, and then until a second person has reviewed it."""
        repairs, state = self._frame.repairs, self._authorizer.store.state
        reviews = [f for f in state.flags.values() if f.kind in doubt.KINDS and flag_open(f)]
        if state.limited and state.limited == self._cannot_tell:
            repairs.async_create(
                NOT_COMPARED,
                camera_id=None,
                severity="error",
                sentence=f"{state.limited} Until it can tell, nobody can look, export, lift a hold or appoint. "
                "Holds and recording continue.",
                next_step="Fix the problem named here. Holdshelf tries again every few seconds, so nothing else is needed.",
            )
            return
        repairs.async_delete(NOT_COMPARED)
        if state.limited and state.limited != COMPARING:
            repairs.async_create(
                REPAIR,
                camera_id=None,
                severity="error",
                sentence=f"{state.limited} Nobody can look, export, lift a hold or appoint until it is accepted. "
                "Holds and recording continue.",
                next_step=f"If the newest STATE folder still exists, put it back. {doubt.accept()}",
            )
        elif reviews:
            repairs.async_create(
                REPAIR,
                camera_id=None,
                severity="warning",
                sentence=reviews[-1].note,
                next_step=(
                    f"{after_restore.next_step()} Then the {state.policy.titles(of=state.policy.second('flag.review'))} reviews "
                    f"it: `holdshelf flag review {reviews[-1].id}`."
                ),
            )
        else:
            repairs.async_delete(REPAIR)


def _facts(found: Mismatch) -> dict[str, object]:
    return {"found": found.kind, "missing": found.entries, "seen": found.size, "seen_root": found.root}


def accepted(flag: model.Flag, paper_sha256: str) -> model.Flag:
    """Return the flag of a state accepted with that paper; it still awaits review."""
    return msgspec.structs.replace(flag, paper_sha256=paper_sha256)
