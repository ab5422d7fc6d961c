"""Bundles as an outbox shows them: files, sizes, checksums. Computed once, as a bundle never changes.

The zip is not stored (``releases.zipping``). It is shown once its checksum is known, which a thread computes after the bundle was
made: a fetch is logged with the file's checksum before its first byte.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from holdshelf_core.actions.state_store import StateStore
from holdshelf_core.errors import HoldshelfError, Unavailable
from holdshelf_core.integration.bus import EventBus
from holdshelf_core.outbox.sources import ByteSource, InFile
from holdshelf_core.policy import model
from holdshelf_core.policy.releases import has_bundle
from holdshelf_core.releases.writing import SUMS, UNLISTED, Parts, read_file
from holdshelf_core.releases.zipping import ZipView
from holdshelf_storage.decoding import decode_json
from holdshelf_storage.errors import StorageError
from holdshelf_storage.outbox import outbox as disk
from holdshelf_storage.outbox.bundles import folder_of, parts_of

if TYPE_CHECKING:
    from holdshelf_core.buffer.store import Opened

_LOGGER = logging.getLogger(__name__)

_MAX_LIST_BYTES = 16 << 20


class ZipSum(msgspec.Struct, frozen=True):
    """MEDIA/outbox/.sums/RELEASE.json. ``made_utc_ns``: when the zipped bundle was made."""

    made_utc_ns: int
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Known:
    """One bundle. ``files``: (bytes, SHA-256) by path."""

    made_utc_ns: int
    files: dict[str, tuple[int, str]]
    zip_size: int


class Bundles:
    """All bundles. Methods run on the loop."""

    def __init__(self, state_store: StateStore, bus: EventBus) -> None:
        self._state_store = state_store
        self._opened: Opened | None = None
        self._known: dict[str, Known] = {}
        self._sums: dict[str, ZipSum] = {}
        self._unreadable: set[str] = set()
        self._stop = threading.Event()
        self._wake = asyncio.Event()
        self._summing: asyncio.Task[None] | None = None
        self._taking: asyncio.Future[ZipSum | None] | None = None
        self._reading = asyncio.Lock()
        bus.async_listen("house_changed", lambda event: self._changed(event.data["tables"]))

    def _changed(self, tables: list[str]) -> None:
        if "releases" in tables:
            self._wake.set()

    def async_attach(self, opened: Opened) -> None:
        """Start using the volume."""
        self._opened, self._stop = opened, threading.Event()
        self._known.clear()
        self._sums.clear()
        self._wake.set()
        self._summing = asyncio.get_running_loop().create_task(self._sum_all(), name="zip sums")

    async def async_detach(self) -> None:
        """Stop using the volume."""
        self._stop.set()
        if self._summing is not None:
            self._summing.cancel()
            await asyncio.gather(self._summing, return_exceptions=True)
        if self._taking is not None:
            # It reads through a descriptor that is about to be closed.
            await asyncio.gather(self._taking, return_exceptions=True)
        self._opened = None

    # --- what is in them ------------------------------------------------------------------------------------------------

    async def async_known(self, row: model.Release) -> Known | None:
        """Return a release's bundle contents; None when unreadable, which is logged in the service's log."""
        assert row.bundle is not None
        opened, bundle = self._opened, row.bundle
        if opened is None:
            return None
        known = self._known.get(row.id)
        if known is not None and known.made_utc_ns == bundle.made_utc_ns:
            return known
        async with self._reading:
            try:
                known = await asyncio.to_thread(_read, opened.volume.root_fd, row.id, bundle)
            except (HoldshelfError, StorageError, msgspec.MsgspecError, ValueError) as error:
                if row.id not in self._unreadable:
                    self._unreadable.add(row.id)
                    _LOGGER.warning("the bundle of %s is in no outbox: %s", row.id, error)
                return None
        self._unreadable.discard(row.id)
        self._known[row.id] = known
        return known

    def zip_sum(self, row: model.Release) -> str:
        """Return the SHA-256 of its zip; '' while unknown."""
        found = self._sums.get(row.id)
        return found.sha256 if found is not None and row.bundle and found.made_utc_ns == row.bundle.made_utc_ns else ""

    def open(self, release: str, path: str, sums_sha256: str) -> ByteSource:
        """Open a file of it, '' for its zip. Blocks. Raises HoldshelfError, StorageError."""
        opened = self._opened
        if opened is None:
            raise Unavailable("The media disk is missing.", "Try again in a moment.")
        root_fd = opened.volume.root_fd
        if not path:
            return ZipView.open(root_fd, release, sums_sha256)
        return InFile(disk.open_below(root_fd, f"{folder_of(release)}/{path}"), path)

    # --- checksums of zips ----------------------------------------------------------------------------------------------

    async def _sum_all(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            opened = self._opened
            state = self._state_store.state
            for row in list(state.releases.values()):
                if opened is None or not has_bundle(row) or self.zip_sum(row):
                    continue
                try:
                    await self._sum(opened, row)
                except (HoldshelfError, StorageError, OSError) as error:
                    _LOGGER.warning("the zip of %s is in no outbox: %s", row.id, error)

    async def _sum(self, opened: Opened, row: model.Release) -> None:
        assert row.bundle is not None
        root_fd, made_utc_ns = opened.volume.root_fd, row.bundle.made_utc_ns
        found = await asyncio.to_thread(_kept_sum, root_fd, row.id, made_utc_ns)
        if found is None:
            work = asyncio.ensure_future(asyncio.to_thread(_take_sum, root_fd, row.id, row.bundle, self._stop))
            self._taking = work
            found = await asyncio.shield(work)
        if found is not None:
            self._sums[row.id] = found

    def forget(self, release: str) -> None:
        """Forget a bundle that was deleted."""
        self._known.pop(release, None)
        self._sums.pop(release, None)


def _read(root_fd: int, release: str, bundle: model.Bundle) -> Known:
    with ZipView.open(root_fd, release, bundle.sums_sha256) as view:
        zip_size = view.size
    parts = decode_json(read_file(root_fd, parts_of(release), _MAX_LIST_BYTES), Parts)
    folder = folder_of(release)
    sums = {}
    for line in read_file(root_fd, f"{folder}/{SUMS}", _MAX_LIST_BYTES).decode().splitlines():
        digest, _, path = line.partition("  ")
        sums[path] = digest
    for path in UNLISTED:
        sums[path] = hashlib.sha256(read_file(root_fd, f"{folder}/{path}", _MAX_LIST_BYTES)).hexdigest()
    return Known(
        bundle.made_utc_ns,
        {part.path: (part.bytes, sums[part.path]) for part in parts.files if part.path in sums},
        zip_size,
    )


def _kept_sum(root_fd: int, release: str, made_utc_ns: int) -> ZipSum | None:
    try:
        found = decode_json(disk.read_sum(root_fd, release) or b"null", ZipSum | None)
    except msgspec.MsgspecError:
        return None
    return found if found is not None and found.made_utc_ns == made_utc_ns else None


def _take_sum(root_fd: int, release: str, bundle: model.Bundle, stop: threading.Event) -> ZipSum | None:
    digest = hashlib.sha256()
    with ZipView.open(root_fd, release, bundle.sums_sha256) as view:
        for block in view.blocks():
            if stop.is_set():
                return None
            digest.update(block)
        found = ZipSum(bundle.made_utc_ns, view.size, digest.hexdigest())
    if stop.is_set():
        return None
    disk.keep_sum(root_fd, release, msgspec.json.encode(found))
    return found
