"""The slow part of holds: work on the shelf of an attached volume, in one thread, resumable at every step.

Shelves what is protected, removes lifted holds, releases what has a verified copy, and restores held footage that is missing from
its day. Each step checks the book again right before it acts. Blocks. This module never decides that a hold is lifted: the state
says so, and footage stays protected until its links have left the shelf.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from holdshelf_core.buffer.averages import merged_by_camera
from holdshelf_core.holds.archive import Receipt, archive
from holdshelf_core.holds.archive_facts import (
    Copied,
    confirmed,
    copied_of,
    copied_sequences,
    copied_spans,
    read_archives,
    with_archive,
)
from holdshelf_core.holds.book import HoldBook, lost_hold
from holdshelf_core.holds.coverage import CoverageSpan, HeldBytes, coverage
from holdshelf_core.holds.protection import HeldSpans
from holdshelf_core.policy.model import Hold, HoldSpan
from holdshelf_core.times import DAY_NS, MINUTE_NS
from holdshelf_storage.decoding import decode_json
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.shelf.mend import Mended
from holdshelf_storage.shelf.shelf import Shelf, Shelved
from holdshelf_storage.volume.journal import UNREADABLE, SlimSegment, decode_slim
from holdshelf_storage.volume.volume import Volume

_LOGGER = logging.getLogger(__name__)

SETTLED_NS = 10 * MINUTE_NS
"""This long after a span's end, every segment that touches it has been closed, and its gaps have begun."""
REVIEW_SOON_NS = 7 * DAY_NS
LIFTED_REASON = "hold lifted"
ARCHIVED_REASON = "hold archived"


@dataclass(frozen=True, slots=True)
class Standing:
    """A hold's shelving progress."""

    version: int
    settled: bool
    """Nothing more will come: the span is over, each segment linked and hashed, each gap ended."""
    shelved: bool
    """Everything that was closed when the last pass ran is on the shelf."""


class ShelfWork:
    """Work on one attached volume; call ``look`` first. Methods that change the shelf are called from one thread;
    ``write_down``, ``archive`` and ``coverage`` may run in parallel."""

    def __init__(
        self,
        volume: Volume,
        ledger: Ledger,
        footage: Footage,
        book: HoldBook,
        hold_lock: threading.Lock,
        utc_ns: Callable[[], int],
    ) -> None:
        self.shelf = Shelf(volume, ledger, footage)
        self.held_bytes = HeldBytes(footage)
        self.stop = threading.Event()
        self.standing: dict[str, Standing] = {}
        self.archives: dict[str, list[Copied]] = {}
        self._volume = volume
        self._ledger = ledger
        self._footage = footage
        self._book = book
        self._hold_lock = hold_lock
        self._utc_ns = utc_ns

    # -- at start -------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Find the holds on the shelf and add them to the book, before anything is erased. Raises StorageError."""
        found: dict[str, Hold] = {}
        for key, facts in self.shelf.holds().items():
            hold = _decode(facts, key)
            if hold is None:
                now = self._utc_ns()
                spans = tuple(HoldSpan(*span) for span in self.shelf.spans_found(key))
                if not spans and not self._book.is_lifted(key):
                    continue  # a folder that a crash left empty, before or after hold.json: not a hold
                hold = lost_hold(key, spans, now, now + REVIEW_SOON_NS)
                if spans and self._book.current(key) is None:
                    _LOGGER.error("what hold %s is cannot be read from the shelf; what lies there is kept", key)
            found[key] = hold
            self.archives[key] = read_archives(self.shelf.archive_facts(key))
        self._book.found_on_shelf(found)

    def replay(self, may_erase: Callable[..., bool]) -> int:
        """Finish what the ledger had begun, checking every segment again. Raises StorageError."""
        return self._ledger.replay(may_erase, self._hold_lock)

    def has_lost_footage(self) -> bool:
        """Quick check, see ``Shelf.has_lost_footage``; stops counting footage that is not there. Raises StorageError."""
        self._footage.index.forget_lost()
        return self.shelf.has_lost_footage()

    def mend(self) -> Mended:
        """Restore held footage that is missing from its day. Raises VolumeError."""
        return self.shelf.mend(self.stop)

    # -- shelving -------------------------------------------------------------------------------------------------

    def write_down(self, key: str) -> None:
        """Write the hold's file durably on the shelf. Raises StorageError."""
        hold = self._book.to_write(key)
        if hold is not None:
            self.shelf.write_hold(key, encode(hold))
            self._book.put_on_shelf(hold)

    def shelve(self, key: str) -> Shelved:
        """Make one pass over one hold: write its file, link closed segments. Raises StorageError; the next pass continues."""
        hold = self._book.current(key)
        if hold is None or self._book.is_lifted(key):
            return Shelved()
        self.write_down(key)
        # What the book keeps of it, which may exceed the row: a version not recorded yet, or the shelf's own.
        kept = self._book.protection.kept(key) or HeldSpans(hold.spans)
        spans = kept.spans
        result = self.shelf.shelve(key, kept.whole(), stop=self.stop)
        if kept.partly() and not result.stopped:
            rest = self.shelf.shelve(key, kept.partly(), let_go=kept.let_go, stop=self.stop)
            result.pending += rest.pending
            result.open_gaps += rest.open_gaps
            result.stopped = rest.stopped
        over = all(span.end_utc_ns is not None and span.end_utc_ns + SETTLED_NS < self._utc_ns() for span in spans)
        shelved = not result.stopped and result.pending == 0
        self.standing[key] = Standing(hold.version, shelved and over and result.open_gaps == 0, shelved)
        return result

    def wants_shelving(self) -> list[str]:
        """Return holds in force that may need another pass."""
        return [hold.id for hold in self._book.in_force() if not self._is_settled(hold)]

    def _is_settled(self, hold: Hold) -> bool:
        standing = self.standing.get(hold.id)
        return standing is not None and standing.settled and standing.version == hold.version

    def recheck(self) -> None:
        """Have the next passes check everything again, as somebody may have tampered with the shelf."""
        self.standing.clear()
        self.shelf.recheck()

    # -- letting go -------------------------------------------------------------------------------------------------

    def remove(self, key: str) -> bool:
        """Remove a lifted hold's links from the shelf; only then its protection ends."""
        if self.shelf.remove(key, LIFTED_REASON, self._utc_ns(), lambda: self._book.is_lifted(key), self._hold_lock):
            self.standing.pop(key, None)
            self.archives.pop(key, None)
            self._book.left_shelf(key)
            return True
        return False

    def let_go_archived(self) -> list[str]:
        """For holds that the log says are archived: remove what was verified from the shelf, then end its protection."""
        done = []
        for hold in self._book.in_force():
            archives = self.archives.get(hold.id)
            if not archives or not hold.copies or self.stop.is_set():
                continue
            data, changed = confirmed(archives, hold.copies)
            if changed:
                self.shelf.write_archive_facts(hold.id, data)
                archives = self.archives[hold.id] = read_archives(data)
            wanted = copied_sequences(archives)
            if not wanted or wanted == self._book.let_go_of(hold.id):
                continue
            copied = copied_of(archives)
            after = HeldSpans(hold.spans, wanted, copied)
            leaving = {camera: seqs - self._touching(hold.id, camera, after.whole()) for camera, seqs in wanted.items()}
            is_archived = lambda key=hold.id: bool((row := self._book.current(key)) and row.copies)  # noqa: E731
            if self.shelf.let_go(hold.id, leaving, ARCHIVED_REASON, self._utc_ns(), is_archived, self._hold_lock):
                self._book.let_go(hold.id, wanted, copied)
                done.append(hold.id)
        return done

    def _touching(self, key: str, camera: str, spans: tuple[HoldSpan, ...]) -> set[int]:
        """Return sequence numbers on a hold's shelf that touch spans added after the copy was made."""
        mine = merged_by_camera(spans).get(camera, [])
        if not mine:
            return set()
        return {
            line.seq
            for day in self.shelf.index.days(key, camera)
            for line in decode_slim(self.shelf.index.read_journal(key, camera, day))
            if isinstance(line, SlimSegment)
            and any(line.start_utc_ns < e and line.start_utc_ns + max(1, line.duration_ns) > s for s, e in mine)
        }

    def archive(self, key: str, folder: Path) -> Receipt:
        """Copy a hold and verify the copy. Nothing is released by this: that waits for the log. Raises HoldshelfError."""
        hold = self._book.current(key)
        assert hold is not None
        kept = self._book.protection.kept(key)
        spans = kept.spans if kept is not None else hold.spans
        result, copied = archive(self.shelf, self._volume, key, encode(hold), spans, folder, self._utc_ns(), self.stop)
        data = with_archive(self.archives.get(key, []), copied)
        self.shelf.write_archive_facts(key, data)
        self.archives[key] = read_archives(data)
        return result

    # -- asking -----------------------------------------------------------------------------------------------------

    def coverage(self, spans: tuple[HoldSpan, ...], key: str = "") -> list[CoverageSpan]:
        """Return what spans cover, see ``coverage.coverage``; ``key``: the hold whose archives count. Raises StorageError."""
        archives = self.archives.get(key, [])
        archived = copied_spans(archives)
        return coverage(self._footage, self._ledger, spans, self._utc_ns(), archived=archived)


def encode(hold: Hold) -> bytes:
    """Return the bytes of hold.json."""
    return msgspec.json.format(msgspec.json.encode({"holdshelf": 1, "hold": hold}), indent=2) + b"\n"


class _Facts(msgspec.Struct):
    hold: Hold


def _decode(facts: bytes | None, key: str) -> Hold | None:
    try:
        hold = decode_json(facts or b"", _Facts).hold
    except UNREADABLE:
        return None
    return hold if hold.id == key else None
