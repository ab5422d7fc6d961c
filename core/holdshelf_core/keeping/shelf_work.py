"""The slow side of holds: what is done on the shelf of an attached volume, in one thread, resumable at every step.

Shelving what is protected, taking lifted holds off, letting go what has a proved copy, putting footage back that lost its
day. Each step asks the book again right before it acts. Blocks. This module never decides that a hold is lifted: the
state says so, and until names have left the shelf what they name stays protected.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from holdshelf_core.keeping.archive import Receipt, archive
from holdshelf_core.keeping.archive_facts import (
    Copied,
    confirmed,
    copied_of,
    copied_sequences,
    copied_spans,
    read_archives,
    with_archive,
)
from holdshelf_core.keeping.coverage import CoverageSpan, HeldBytes, coverage
from holdshelf_core.keeping.hold_book import HoldBook, lost_hold
from holdshelf_core.keeping.protection import Kept, merged_by_camera
from holdshelf_core.policy.model import Hold, HoldSpan
from holdshelf_storage.footage import Footage
from holdshelf_storage.journal import UNREADABLE, SlimSegment, decode_slim
from holdshelf_storage.ledger import Ledger
from holdshelf_storage.shelf import Shelf, Shelved
from holdshelf_storage.shelf_mend import Mended
from holdshelf_storage.volume import Volume

_LOGGER = logging.getLogger(__name__)

SETTLED_NS = 600 * 1_000_000_000
"""So long after a span's end every segment that touches it has been closed, and its gaps have begun."""
REVIEW_SOON_NS = 7 * 86_400 * 1_000_000_000
LIFTED_REASON = "hold lifted"
ARCHIVED_REASON = "hold archived"


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a hold's shelving got."""

    version: int
    settled: bool
    """Nothing is to come any more: the span is over, each segment linked and hashed, each gap ended."""
    shelved: bool
    """All that was closed when the last pass ran lies on the shelf."""


class ShelfWork:
    """Work on one attached volume, ``look`` first. What changes the shelf is called from one thread; ``write_down``,
    ``archive`` and ``coverage`` may run beside it."""

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
        """Finds the holds that lie on the shelf and tells the book. Before anything is erased. Raises StorageError."""
        found: dict[str, Hold] = {}
        for key, facts in self.shelf.holds().items():
            hold = _decode(facts, key)
            if hold is None:
                now = self._utc_ns()
                spans = tuple(HoldSpan(*span) for span in self.shelf.spans_found(key))
                if not spans and not self._book.is_lifted(key):
                    continue  # a folder that a crash left empty, before hold.json or after it: no hold
                hold = lost_hold(key, spans, now, now + REVIEW_SOON_NS)
                if spans and self._book.current(key) is None:
                    _LOGGER.error("what hold %s is cannot be read from the shelf; what lies there is kept", key)
            found[key] = hold
            self.archives[key] = read_archives(self.shelf.archive_facts(key))
        self._book.found_on_shelf(found)

    def replay(self, may_erase: Callable[..., bool]) -> int:
        """Finishes what the ledger had begun, asking about every segment again. Raises StorageError."""
        return self._ledger.replay(may_erase, self._hold_lock)

    def has_lost_footage(self) -> bool:
        """A quick look, see ``Shelf.has_lost_footage``; lets go of what is counted and is not there. Raises StorageError."""
        self._footage.index.forget_lost()
        return self.shelf.has_lost_footage()

    def mend(self) -> Mended:
        """Puts held footage back that has lost its day. Raises VolumeError."""
        return self.shelf.mend(self.stop)

    # -- shelving -------------------------------------------------------------------------------------------------

    def write_down(self, key: str) -> None:
        """What the hold is, durably on the shelf. Raises StorageError."""
        hold = self._book.to_write(key)
        if hold is not None:
            self.shelf.write_hold(key, encode(hold))
            self._book.put_on_shelf(hold)

    def shelve(self, key: str) -> Shelved:
        """One pass over one hold: writes it down, links what is closed. Raises StorageError: the next pass goes on."""
        hold = self._book.current(key)
        if hold is None or self._book.is_lifted(key):
            return Shelved()
        self.write_down(key)
        # What the book keeps of it, which may be more than the row: a version that was not recorded yet, the shelf's own.
        kept = self._book.protection.kept(key) or Kept(hold.spans)
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
        """Holds in force that a pass may have something to do for."""
        return [hold.id for hold in self._book.in_force() if not self._is_settled(hold)]

    def _is_settled(self, hold: Hold) -> bool:
        standing = self.standing.get(hold.id)
        return standing is not None and standing.settled and standing.version == hold.version

    def recheck(self) -> None:
        """The next passes look at everything again: somebody may have laid hands on the shelf."""
        self.standing.clear()
        self.shelf.recheck()

    # -- letting go -------------------------------------------------------------------------------------------------

    def remove(self, key: str) -> bool:
        """Takes a lifted hold's names off the shelf; only then its footage is not protected any more."""
        if self.shelf.remove(key, LIFTED_REASON, self._utc_ns(), lambda: self._book.is_lifted(key), self._hold_lock):
            self.standing.pop(key, None)
            self.archives.pop(key, None)
            self._book.left_shelf(key)
            return True
        return False

    def let_go_archived(self) -> list[str]:
        """Holds of which the log says that they are archived: what was proved leaves the shelf, then loses protection."""
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
            after = Kept(hold.spans, wanted, copied)
            leaving = {camera: seqs - self._touching(hold.id, camera, after.whole()) for camera, seqs in wanted.items()}
            is_archived = lambda key=hold.id: bool((row := self._book.current(key)) and row.copies)  # noqa: E731
            if self.shelf.let_go(hold.id, leaving, ARCHIVED_REASON, self._utc_ns(), is_archived, self._hold_lock):
                self._book.let_go(hold.id, wanted, copied)
                done.append(hold.id)
        return done

    def _touching(self, key: str, camera: str, spans: tuple[HoldSpan, ...]) -> set[int]:
        """Sequences on a hold's shelf that touch spans which were asked for after the copy was made."""
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
        """Copies a hold and proves the copy. Nothing is let go by it: that waits for the log. Raises HoldshelfError."""
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
        """What spans cover, see ``coverage.coverage``; ``key``: the hold whose archives count. Raises StorageError."""
        archives = self.archives.get(key, [])
        archived = copied_spans(archives)
        return coverage(self._footage, self._ledger, spans, self._utc_ns(), archived=archived)


def encode(hold: Hold) -> bytes:
    """The bytes of hold.json."""
    return msgspec.json.format(msgspec.json.encode({"holdshelf": 1, "hold": hold}), indent=2) + b"\n"


class _Facts(msgspec.Struct):
    hold: Hold


def _decode(facts: bytes | None, key: str) -> Hold | None:
    try:
        hold = msgspec.json.decode(facts or b"", type=_Facts).hold
    except UNREADABLE:
        return None
    return hold if hold.id == key else None
