"""The outboxes of a house: attached with the media disk, filled, fetched from, and emptied when their time is over.

Prints and stills count against a bound of each person; bundles are the library's and count as any file on the disk
does. What goes by itself goes by trusted time, and not at all while the clocks disagree.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import msgspec

from holdshelf_core import times
from holdshelf_core.actions import LogForm
from holdshelf_core.api.types_outbox import OutboxTree
from holdshelf_core.caller import Caller
from holdshelf_core.errors import Conflict, NotFound, Unavailable
from holdshelf_core.house import put
from holdshelf_core.outbox.bundles import Bundles
from holdshelf_core.outbox.contents import NO_DISK, Contents
from holdshelf_core.outbox.fetches import Fetches
from holdshelf_core.outbox.names import name_of
from holdshelf_core.policy.releases import has_bundle
from holdshelf_storage import bundles as bundle_files
from holdshelf_storage import outbox as disk
from holdshelf_storage.errors import StorageError

if TYPE_CHECKING:
    from holdshelf_core.app import Holdshelf
    from holdshelf_core.store import Opened

_LOGGER = logging.getLogger(__name__)

MOST_BYTES, MOST_FILES = 250_000_000, 300
"""Of one person's prints and stills: some hundred stills in full size. Nobody collects pictures here (P2)."""
FULL_REPAIR = "outbox_full"


class Outboxes:
    """All of them. Methods run on the loop."""

    def __init__(self, holdshelf: Holdshelf, room: Callable[[], int]) -> None:
        """``room``: how many bytes may be written to the media disk now, asked from a thread."""
        self._holdshelf = holdshelf
        self._room = room
        self._opened: Opened | None = None
        self._order = asyncio.Lock()
        self._full: dict[str, str] = {}
        """Whose outbox had no room for something, and their names."""
        self.bundles = Bundles(holdshelf)
        self.contents = Contents(holdshelf, self.bundles)
        self.fetches = Fetches(holdshelf, self.contents)

    # --- life -------------------------------------------------------------------------------------------------------------

    async def async_attach(self, opened: Opened) -> None:
        """The volume is here: what was left half delivered goes."""
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

    async def async_detach(self, why: str = "The media disk is not there any more.") -> None:
        """The volume goes: nothing is fetched from it any more."""
        await self.fetches.async_stop(why)
        await self.bundles.async_detach()
        self._opened = None

    def opened(self) -> Opened:
        """The volume. Raises Unavailable."""
        if self._opened is None:
            raise Unavailable(NO_DISK, "Try again in a moment; the admin sees why in `holdshelf status`.")
        return self._opened

    # --- reading ----------------------------------------------------------------------------------------------------------

    async def async_tree(self, caller: Caller, seq: int = 0) -> OutboxTree:
        """All that this person may fetch. Raises Unavailable, StorageError."""
        tree = await self.contents.async_tree(caller, self._opened)
        return OutboxTree(
            sorted((item.row() for item in tree.items.values()), key=lambda row: row.path),
            sum(file.size for file in tree.lying),
            MOST_BYTES,
            MOST_FILES,
            self._holdshelf.house.state.board.outbox_days,
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
        """Puts a file there, once ``record(sha256, name)`` has written that down; (entry, path).

        Raises Conflict when the outbox is full, Unavailable, StorageError, and what ``record`` raises: then nothing is there.
        """
        root_fd = self.opened().volume.root_fd
        sha256 = await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest())
        async with self._order:
            lying = await asyncio.to_thread(disk.files, root_fd, person)
            self._check_room(person, lying, len(data))
            if await asyncio.to_thread(self._room) < len(data):
                raise Unavailable(
                    "The media disk has no room for this.", "The admin sees how full it is in `holdshelf status`."
                )
            taken = {file.name.casefold() for file in lying if file.folder == folder}
            name = name_of(times.local_day(self._holdshelf.clock.utc_ns()), stem, end, taken)
            made = await asyncio.to_thread(disk.begin, root_fd, data)
            try:
                seq = await record(sha256, name)
                await asyncio.to_thread(disk.place, root_fd, made, person, folder, name, about())
            except BaseException:
                await asyncio.to_thread(disk.give_up, root_fd, made)
                raise
        return seq, f"/{folder}/{name}"

    def _check_room(self, person: str, lying: list[disk.Lying], size: int) -> None:
        used = sum(file.size for file in lying)
        if used + size <= MOST_BYTES and len(lying) < MOST_FILES:
            return
        self._full[person] = self._holdshelf.house.state.name_of(person)
        self._tell_full()
        raise Conflict(
            f"Your outbox is full: {len(lying)} files, {used // 1_000_000} of {MOST_BYTES // 1_000_000} MB.",
            'Fetch what you need, then `holdshelf outbox remove "/prints/…"` or `--all`.',
        )

    def _tell_full(self) -> None:
        if not self._full:
            self._holdshelf.repairs.async_delete(FULL_REPAIR)
            return
        names = ", ".join(sorted(self._full.values()))
        days = self._holdshelf.house.state.board.outbox_days
        self._holdshelf.repairs.async_create(
            FULL_REPAIR,
            camera_id=None,
            severity="notice",
            sentence=f"There was no room in an outbox: {names}.",
            next_step=f"Whose it is removes what was fetched: `holdshelf outbox remove`. It goes by itself after {days} days.",
        )

    # --- taking out -------------------------------------------------------------------------------------------------------

    async def async_remove(self, person: str, paths: list[str]) -> int:
        """Papers and stills of one person go, by an entry that is on disk; how many went. Raises NotFound, StorageError."""
        root_fd = self.opened().volume.root_fd
        gone = 0
        async with self._order:
            for path in paths:
                folder, _, name = path.strip("/").partition("/")
                try:
                    gone += await asyncio.to_thread(disk.remove, root_fd, person, folder, name)
                except ValueError:
                    raise NotFound(f"There is no {path[:80]!r} in your outbox.", "`holdshelf outbox list`.") from None
        if gone:
            self._full.pop(person, None)
            self._tell_full()
        return gone

    async def async_expire(self) -> str:
        """The job: what lay its days goes, bundles too, each written down first; outboxes of people who left."""
        opened, now = self._opened, self._holdshelf.gate.now()
        if opened is None:
            return "no volume"
        if now.doubtful or self._holdshelf.house.problem:
            return "waits until the time is settled" if now.doubtful else "waits until rights are known"
        before_ns = now.trusted_utc_ns - self.contents.days_ns()
        files = await self._expire_files(opened, before_ns)
        made = await self._expire_bundles(opened, before_ns)
        return f"{files} files and {made} bundles removed" if files or made else "nothing is over its time"

    async def _expire_files(self, opened: Opened, before_ns: int) -> int:
        root_fd, gone = opened.volume.root_fd, 0
        for person in await asyncio.to_thread(disk.persons, root_fd):
            row = self._holdshelf.house.state.people.get(person)
            lying = await asyncio.to_thread(disk.files, root_fd, person)
            left = row is None or row.left_utc_ns is not None
            old = [file for file in lying if left or file.modified_ns < before_ns]
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
                    await self._holdshelf.gate.async_service_entry("outbox.expired", form)
                except Unavailable:
                    return gone
                gone += await self.async_remove(person, [f"/{file.folder}/{file.name}" for file in old])
            if left:
                await asyncio.to_thread(disk.remove_person, root_fd, person)
        return gone

    async def _expire_bundles(self, opened: Opened, before_ns: int) -> int:
        gate, gone = self._holdshelf.gate, 0
        for key in [row.id for row in gate.house.state.releases.values() if has_bundle(row)]:
            async with gate.order:
                row = gate.house.state.releases[key]
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
