"""The installation's outboxes: attached with the media disk, filled, fetched from, and emptied on expiry.

Papers and stills count toward a limit per person; bundles are the library's and count like any file on the disk. Expiry uses
trusted time, and pauses while the clocks disagree.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import msgspec

from holdshelf_core import times
from holdshelf_core.actions.authorizer import Authorizer
from holdshelf_core.actions.caller import Caller
from holdshelf_core.actions.registry import LogForm
from holdshelf_core.actions.state_store import put
from holdshelf_core.errors import Conflict, NotFound, Unavailable
from holdshelf_core.outbox.bundles import Bundles
from holdshelf_core.outbox.contents import NO_DISK, Contents
from holdshelf_core.outbox.fetches import Fetches
from holdshelf_core.outbox.names import name_of
from holdshelf_core.outbox.types import OutboxTree
from holdshelf_core.policy.listing import counted
from holdshelf_core.policy.releases import has_bundle
from holdshelf_storage.errors import StorageError
from holdshelf_storage.outbox import bundles as bundle_files
from holdshelf_storage.outbox import outbox as disk

if TYPE_CHECKING:
    from holdshelf_core.buffer.store import Opened

_LOGGER = logging.getLogger(__name__)

MOST_BYTES, MOST_FILES = 250_000_000, 300
"""Limit for one person's papers and stills: some hundred full-size stills. This is not for collecting pictures (P2)."""
FULL_REPAIR = "outbox_full"
NO_ROOM = "The media disk does not have enough room."


class Outboxes:
    """All outboxes. Methods run on the loop."""

    def __init__(self, authorizer: Authorizer, room: Callable[[], int]) -> None:
        """``room`` returns how many bytes may be written to the media disk now; called from a thread."""
        self._authorizer, self._room = authorizer, room
        self._clock, self._repairs = authorizer.frame.clock, authorizer.frame.repairs
        self._opened: Opened | None = None
        self._order = asyncio.Lock()
        self._full: dict[str, str] = {}
        """People whose outbox had no room for something, with their names."""
        self.bundles = Bundles(authorizer.store, authorizer.frame.bus)
        self.contents = Contents(authorizer, self.bundles)
        self.fetches = Fetches(authorizer, self.contents)

    # --- start and stop -------------------------------------------------------------------------------------------------

    async def async_attach(self, opened: Opened) -> None:
        """Start using the volume: delete incomplete deliveries."""
        gone = 0
        try:
            gone = await asyncio.to_thread(disk.clear, opened.volume.root_fd)
        except StorageError as error:
            _LOGGER.warning("%s", error)
        else:
            if gone:
                _LOGGER.info("%d files that were not whole are cleared from the outboxes", gone)
        self._opened = opened
        self.bundles.async_attach(opened)

    async def async_detach(self, why: str = "The media disk is gone.") -> None:
        """Stop using the volume: end all fetches from it."""
        await self.fetches.async_stop(why)
        await self.bundles.async_detach()
        self._opened = None

    def opened(self) -> Opened:
        """Return the volume. Raises Unavailable."""
        if self._opened is None:
            raise Unavailable(NO_DISK, "Try again in a moment. The admin can see the cause with `holdshelf status`.")
        return self._opened

    # --- reading ----------------------------------------------------------------------------------------------------------

    async def async_tree(self, caller: Caller, seq: int = 0) -> OutboxTree:
        """Return everything that this person may fetch. Raises Unavailable, StorageError."""
        tree = await self.contents.async_tree(caller, self._opened)
        return OutboxTree(
            sorted((item.row() for item in tree.items.values()), key=lambda row: row.path),
            sum(file.size for file in tree.files),
            MOST_BYTES,
            MOST_FILES,
            self._authorizer.store.state.board.outbox_days,
            tree.preparing,
            seq,
        )

    # --- putting in -------------------------------------------------------------------------------------------------------

    async def async_put(
        self,
        person: str,
        folder: str,
        stem: str,
        end: str,
        data: bytes,
        record: Callable[[str, str], Awaitable[int]],
        about: Callable[[], bytes] = bytes,
    ) -> tuple[int, str]:
        """Put a file in an outbox, once ``record(sha256, name)`` has logged it; return (entry, path).

        Raises Conflict when the outbox is full, Unavailable, StorageError, and what ``record`` raises: then nothing is stored.
        """
        root_fd = self.opened().volume.root_fd
        sha256 = await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest())
        async with self._order:
            files = await asyncio.to_thread(disk.files, root_fd, person)
            self._check_room(person, files, len(data))
            if await asyncio.to_thread(self._room) < len(data):
                raise Unavailable(NO_ROOM, "The admin can see how full it is with `holdshelf status`.")
            taken = {file.name.casefold() for file in files if file.folder == folder}
            name = name_of(times.local_day(self._clock.utc_ns()), stem, end, taken)
            made = await asyncio.to_thread(disk.begin, root_fd, data)
            try:
                seq = await record(sha256, name)
                await asyncio.to_thread(disk.place, root_fd, made, person, folder, name, about())
            except BaseException:
                await asyncio.to_thread(disk.give_up, root_fd, made)
                raise
        return seq, f"/{folder}/{name}"

    async def async_put_filled(
        self,
        person: str,
        folder: str,
        stem: str,
        end: str,
        fill: Callable[[Callable[[bytes], object]], object],
        record: Callable[[str, str, int], Awaitable[int]],
        about: bytes,
    ) -> tuple[int, str]:
        """Like ``async_put``, for content too large for memory: ``fill(write)`` writes it in a thread, while others deliver.

        ``record(sha256, name, bytes)``. Raises as ``async_put``, and what ``fill`` raises.
        """
        opened = self.opened()
        root_fd = opened.volume.root_fd
        files = await asyncio.to_thread(disk.files, root_fd, person)
        self._check_room(person, files, 1)
        left = MOST_BYTES - sum(file.size for file in files)
        room = await asyncio.to_thread(self._room)

        def bounded(write: Callable[[bytes], object]) -> None:
            written = 0

            def put(part: bytes) -> None:
                nonlocal written
                written += len(part)
                if written > left:
                    raise Conflict(
                        f"It is larger than the {left // 1_000_000} MB that your outbox has room for.",
                        "Take it in parts, or directly to your own PC: `ssh … log export --public > log.jsonl`.",
                    )
                if written > room:
                    raise Unavailable(NO_ROOM, "The admin can see how full it is with `holdshelf status`.")
                write(part)

            fill(put)

        begun = await asyncio.to_thread(disk.begin_filled, root_fd, bounded)
        try:
            async with self._order:
                if self._opened is not opened:
                    raise Unavailable(NO_DISK, "Try again in a moment.")
                files = await asyncio.to_thread(disk.files, root_fd, person)
                self._check_room(person, files, begun.size)
                taken = {file.name.casefold() for file in files if file.folder == folder}
                name = name_of(times.local_day(self._clock.utc_ns()), stem, end, taken)
                seq = await record(begun.sha256, name, begun.size)
                await asyncio.to_thread(disk.place, root_fd, begun.name, person, folder, name, about)
        except BaseException:
            if self._opened is opened:  # otherwise it is cleared when the disk is back
                await asyncio.to_thread(disk.give_up, root_fd, begun.name)
            raise
        return seq, f"/{folder}/{name}"

    def _check_room(self, person: str, files: list[disk.OutboxFile], size: int) -> None:
        used = sum(file.size for file in files)
        if used + size <= MOST_BYTES and len(files) < MOST_FILES:
            return
        self._full[person] = self._authorizer.store.state.name_of(person)
        self._tell_full()
        raise Conflict(
            f"Your outbox is full: {counted(len(files), 'file')}, {used // 1_000_000} of {MOST_BYTES // 1_000_000} MB.",
            'Fetch what you need, then `holdshelf outbox remove "/prints/…"` or `--all`.',
        )

    def _tell_full(self) -> None:
        if not self._full:
            self._repairs.async_delete(FULL_REPAIR)
            return
        names = ", ".join(sorted(self._full.values()))
        days = self._authorizer.store.state.board.outbox_days
        self._repairs.async_create(
            FULL_REPAIR,
            camera_id=None,
            severity="notice",
            sentence=f"There was no room in the outbox of {names}.",
            next_step=(
                "Its owner can remove fetched files: `holdshelf outbox remove`. They "
                f"are deleted automatically after {days} days."
            ),
        )

    # --- taking out -------------------------------------------------------------------------------------------------------

    async def async_remove(self, person: str, paths: list[str]) -> int:
        """Remove papers and stills of one person, after the entry is on disk; return how many. Raises NotFound, StorageError."""
        root_fd = self.opened().volume.root_fd
        gone = 0
        async with self._order:
            for path in paths:
                folder, _, name = path.strip("/").partition("/")
                try:
                    gone += await asyncio.to_thread(disk.remove, root_fd, person, folder, name)
                except ValueError:
                    raise NotFound(f"{path[:80]!r} is not in your outbox.", "`holdshelf outbox list`.") from None
        if gone:
            self._full.pop(person, None)
            self._tell_full()
        return gone

    async def async_expire(self) -> str:
        """The job: remove expired files, bundles too, each logged first; and outboxes of people who left."""
        opened, now = self._opened, self._authorizer.now()
        if opened is None:
            return "no volume"
        if now.doubtful or self._authorizer.store.in_doubt:
            return "waits until the time is settled" if now.doubtful else "waits until rights are known"
        before_ns = now.trusted_utc_ns - self.contents.days_ns()
        files = await self._expire_files(opened, before_ns)
        made = await self._expire_bundles(opened, before_ns)
        return (
            f"{counted(files, 'file')} and {counted(made, 'bundle')} removed"
            if files or made
            else "nothing is over its time"
        )

    async def _expire_files(self, opened: Opened, before_ns: int) -> int:
        root_fd, gone = opened.volume.root_fd, 0
        for person in await asyncio.to_thread(disk.persons, root_fd):
            row = self._authorizer.store.state.people.get(person)
            files = await asyncio.to_thread(disk.files, root_fd, person)
            left = row is None or row.left_utc_ns is not None
            old = [file for file in files if left or file.modified_ns < before_ns]
            if old:
                form = LogForm(
                    subject=person,
                    facts={
                        "files": len(old),
                        "bytes": sum(file.size for file in old),
                        "why": "left" if left else "time",
                    },
                    private={"names": "\n".join(f"/{file.folder}/{file.name}" for file in old)[:8000]},
                )
                try:
                    await self._authorizer.async_service_entry("outbox.expired", form)
                except Unavailable:
                    return gone
                gone += await self.async_remove(person, [f"/{file.folder}/{file.name}" for file in old])
            if left:
                await asyncio.to_thread(disk.remove_person, root_fd, person)
        return gone

    async def _expire_bundles(self, opened: Opened, before_ns: int) -> int:
        gate, gone = self._authorizer, 0
        for key in [row.id for row in gate.store.state.releases.values() if has_bundle(row)]:
            async with gate.order:
                row = gate.store.state.releases[key]
                bundle = row.bundle
                if (
                    bundle is None
                    or not has_bundle(row)
                    or bundle.made_utc_ns >= before_ns
                    or self.fetches.is_fetched(key)
                ):
                    continue
                removed = msgspec.structs.replace(bundle, removed_utc_ns=gate.now().utc_ns)
                row = msgspec.structs.replace(row, bundle=removed, version=row.version + 1)
                form = LogForm(
                    subject=key,
                    incident=row.reference,
                    facts={"files": bundle.files, "bytes": bundle.bytes, "sha256sums": bundle.sums_sha256},
                )
                try:
                    await gate.async_service_entry(
                        "release.bundle_removed", form, [put("releases", key, row)], ordered=True
                    )
                except Unavailable:
                    return gone
            self.bundles.forget(key)
            names = [path.removeprefix(f"{bundle_files.BUNDLES}/") for path in _paths(key)]
            await asyncio.to_thread(bundle_files.discard, opened.volume.root_fd, *names)
            await asyncio.to_thread(disk.forget_sum, opened.volume.root_fd, key)
            gone += 1
        return gone


def _paths(release: str) -> tuple[str, str]:
    return bundle_files.folder_of(release), bundle_files.parts_of(release)
