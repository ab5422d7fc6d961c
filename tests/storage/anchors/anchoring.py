"""Anchoring without a service: batches taken from a volume and written into a real access log."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.access_log.lines import time_text
from holdshelf_storage.anchors import anchors
from holdshelf_storage.anchors.book import AnchorBook
from holdshelf_storage.anchors.log import batches_in, proven_batches, read_batches
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.volume.volume import Volume


def anchor(volume: Volume, footage: Footage, *, at_utc_ns: int = 1_800_000_000 * 10**9) -> int:
    """Takes what is new and has it in the log of `volume`, which nobody has open; how many batches that were."""
    log = AccessLog.open(volume.state)
    try:
        return anchor_into(log, volume, footage, at_utc_ns)
    finally:
        log.close()


def anchor_into(log: AccessLog, volume: Volume, footage: Footage, at_utc_ns: int = 1_800_000_000 * 10**9) -> int:
    """The same, in a log that is open."""
    known = anchors.Known(volume.identity.volume)
    for batch in batches_in(log):
        known.add(batch)
    made = 0
    while (taken := anchors.take(footage.folders, footage.ledger, known, _anchored(log, volume, footage))) is not None:
        anchors.write_batch(volume.root_fd, taken)
        public = {"at": time_text(at_utc_ns), "action": anchors.ACTION, "outcome": "done", "facts": taken.facts()}
        seq = log.append(public, {anchors.TEXT: taken.text()})
        found = anchors.batch_of(next(log.read(seq, seq)))
        assert found is not None
        known.add(found)
        made += 1
    return made


def _anchored(log: AccessLog, volume: Volume, footage: Footage) -> Callable[[str], list[bytes] | None]:
    def lines(path: str) -> list[bytes] | None:
        found, problems = AnchorBook(footage.folders, volume.identity.volume, batches_in(log)).lines(path)
        return None if problems else [one.line for one in found]

    return lines


def anchored_book(log: AccessLog, volume: Volume, footage: Footage) -> AnchorBook:
    """Everything there is anchored, and what the log proves then."""
    anchor_into(log, volume, footage)
    return AnchorBook(footage.folders, volume.identity.volume, proven_batches(log))


def book_of(state: Path, volume: Volume, footage: Footage) -> AnchorBook:
    """What the log on disk proves."""
    return AnchorBook(footage.folders, volume.identity.volume, read_batches(state)[0])
