"""The current contents of a person's outbox: their bundles, papers, stills, and a README. Nothing of other people is in it.

A bundle belongs to whoever requested the release, approved it or had its bundle made, as long as they may make one
(`release.export`); a still, to its owner as long as they might view that camera at that time. A path is only looked up in this
list and never resolved on disk.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from holdshelf_core import times
from holdshelf_core.actions.authorizer import Authorizer
from holdshelf_core.actions.caller import Caller
from holdshelf_core.errors import Unavailable
from holdshelf_core.looks.grants import BREAK_GLASS, LIVE
from holdshelf_core.outbox.bundles import Bundles
from holdshelf_core.outbox.names import LOG
from holdshelf_core.outbox.readme import readme_text
from holdshelf_core.outbox.sources import ByteSource, InFile, InMemory
from holdshelf_core.outbox.types import OutboxRow
from holdshelf_core.policy import model
from holdshelf_core.policy.case import Decision, Scope
from holdshelf_core.policy.releases import has_bundle
from holdshelf_core.times import DAY_NS
from holdshelf_storage.decoding import decode_json
from holdshelf_storage.outbox import outbox as disk

if TYPE_CHECKING:
    from holdshelf_core.buffer.store import Opened

README = "/README.txt"
BUNDLES = "/bundles"
NO_DISK = "The media disk is missing, so nothing can be fetched."


class About(msgspec.Struct, frozen=True):
    """Stored with a still: what it shows and why it was viewed. ``kind``, ``mode``: of the look (``looks.grants``)."""

    camera: str
    shown_utc_ns: int
    purpose: str
    incident: str
    kind: str
    mode: str
    seq: int


class AboutLog(msgspec.Struct, frozen=True):
    """Stored with a copy of the access log."""

    private: bool
    """Includes names and notes."""
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Item:
    """One file that may be fetched. ``sha256`` '': computed when it is opened."""

    path: str
    kind: str
    size: int
    modified_utc_ns: int
    until_utc_ns: int | None
    open: Callable[[], ByteSource]
    """Returns the opened source. Blocks. Raises HoldshelfError, StorageError."""
    sha256: str = ""
    release: str = ""
    about: About | None = None
    log: AboutLog | None = None

    def row(self) -> OutboxRow:
        """Return the item as clients see it."""
        return OutboxRow(self.path, self.size, self.modified_utc_ns, self.kind, self.until_utc_ns)


@dataclass(frozen=True, slots=True)
class Tree:
    """All items by path. ``files``: papers and stills on the disk; ``preparing``: releases whose zip is not ready."""

    items: dict[str, Item]
    files: list[disk.OutboxFile]
    preparing: tuple[str, ...]


class Contents:
    """Builds the contents. Methods run on the loop."""

    def __init__(self, authorizer: Authorizer, bundles: Bundles) -> None:
        self._authorizer, self._bundles = authorizer, bundles

    def days_ns(self) -> int:
        """Return how long files are kept."""
        return self._authorizer.store.state.board.outbox_days * DAY_NS

    # --- whose ------------------------------------------------------------------------------------------------------------

    def decide(self, caller: Caller, item: Item) -> Decision:
        """Return whether this caller may have that item now."""
        if item.release:
            return self._authorizer.decide(caller, "release.export", Scope(target=item.release))
        if item.about is not None:
            return self._decide_still(caller, item.about)
        if item.log is not None:
            return self._authorizer.decide(caller, "log.export", Scope(private=item.log.private))
        return self._authorizer.decide(caller, "outbox", Scope())

    def _decide_still(self, caller: Caller, about: About) -> Decision:
        # A break-glass look had no purpose, and its minutes are over: what remains is the right behind it.
        in_danger = about.kind == BREAK_GLASS
        is_live = about.mode == LIVE or in_danger
        scope = Scope(
            cameras=(about.camera,),
            start_utc_ns=None if is_live else about.shown_utc_ns,
            end_utc_ns=None if is_live else about.shown_utc_ns + times.NS,
            purpose=self._authorizer.store.state.policy.any_purpose if in_danger else about.purpose,
            incident=about.incident,
        )
        return self._authorizer.decide(caller, "look.live" if is_live else "look.archive", scope)

    def is_theirs(self, caller: Caller, row: model.Release) -> bool:
        """Return whether that release's bundle is in this caller's outbox."""
        if not has_bundle(row) or caller.person is None or row.bundle is None:
            return False
        if caller.person not in (row.requested_by, row.approved_by, row.bundle.made_by):
            return False
        return self._authorizer.decide(caller, "release.export", Scope(target=row.id)).allowed

    # --- what -------------------------------------------------------------------------------------------------------------

    async def async_tree(self, caller: Caller, opened: Opened | None) -> Tree:
        """Return all of one person's items. Raises Unavailable, StorageError."""
        if opened is None:
            raise Unavailable(NO_DISK, "Try again in a moment. The admin can see the cause with `holdshelf status`.")
        assert caller.person is not None
        root_fd = opened.volume.root_fd
        items: dict[str, Item] = {}
        preparing = []
        for row in list(self._authorizer.store.state.releases.values()):
            if not self.is_theirs(caller, row):
                continue
            for item in await self._of_bundle(row):
                items[item.path] = item
            if not self._bundles.zip_sum(row):
                preparing.append(row.id)
        files = await asyncio.to_thread(disk.files, root_fd, caller.person)
        for file in files:
            one = await self._of_file(caller, root_fd, file)
            if one is not None:
                items[one.path] = one
        state = self._authorizer.store.state
        text = readme_text(
            state.board.library or "Library",
            state.name_of(caller.person),
            state.board.outbox_days,
            [item.row() for item in items.values()],
            preparing,
        ).encode()
        newest = max((item.modified_utc_ns for item in items.values()), default=self._authorizer.frame.started_utc_ns)
        items[README] = Item(
            README,
            "readme",
            len(text),
            newest,
            None,
            lambda: InMemory(text),
            hashlib.sha256(text).hexdigest(),
        )
        return Tree(items, files, tuple(preparing))

    async def _of_bundle(self, row: model.Release) -> list[Item]:
        known = await self._bundles.async_known(row)
        if known is None or row.bundle is None:
            return []
        bundles, sums_sha256 = self._bundles, row.bundle.sums_sha256
        until_utc_ns = row.bundle.made_utc_ns + self.days_ns()

        def item(path: str, size: int, sha256: str, within: str) -> Item:
            def opens() -> ByteSource:
                return bundles.open(row.id, within, sums_sha256)

            return Item(path, "bundle", size, known.made_utc_ns, until_utc_ns, opens, sha256, row.id)

        found = [item(f"{BUNDLES}/{row.id}/{path}", size, sha256, path) for path, (size, sha256) in known.files.items()]
        if zip_sum := self._bundles.zip_sum(row):
            found.append(item(f"{BUNDLES}/{row.id}.zip", known.zip_size, zip_sum, ""))
        return found

    async def _of_file(self, caller: Caller, root_fd: int, file: disk.OutboxFile) -> Item | None:
        about = log = None
        if file.name.endswith(LOG):
            # People who may not export one now do not find stills here that they exported when they might.
            raw = await asyncio.to_thread(disk.about, root_fd, file.person, file.folder, file.name)
            try:
                log = msgspec.json.decode(raw, type=AboutLog)
            except msgspec.MsgspecError:
                return None
            if not self._authorizer.decide(caller, "log.export", Scope(private=log.private)).allowed:
                return None
        if file.folder == disk.STILLS:
            raw = await asyncio.to_thread(disk.about, root_fd, file.person, file.folder, file.name)
            try:
                about = decode_json(raw, About)
            except msgspec.MsgspecError:
                return None  # a picture of unknown content is shown to nobody
            if not self._decide_still(caller, about).allowed:
                return None

        def opens() -> ByteSource:
            return InFile(disk.open_file(root_fd, file.person, file.folder, file.name), file.name)

        kind = "still" if about is not None else "log" if log is not None else "print"
        until_utc_ns = file.modified_ns + self.days_ns()
        return Item(
            f"/{file.folder}/{file.name}", kind, file.size, file.modified_ns, until_utc_ns, opens, about=about, log=log
        )
