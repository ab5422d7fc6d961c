"""Reads what the access log says of holds and of the ledger (`ledger.rules`): in the open log as it grows, or from its files.

Every entry about a hold has the hold's whole row among its changes, and every root over footage the sizes of the ledger's files.
Nothing is proven here: whoever needs that verifies the log beside it. A hold with copies elsewhere may let go of what they have,
and which that is the log does not say: from then on it decides nothing. Only reads.
"""

import contextlib
import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from holdshelf_storage import layout
from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.access_log.checkpoint import parse_note
from holdshelf_storage.access_log.files import Search, list_months, read_pairs_back, to_entry
from holdshelf_storage.access_log.lines import Entry, time_ns
from holdshelf_storage.access_log.start import ACCESS, HEAD, read_small
from holdshelf_storage.anchors import anchors
from holdshelf_storage.errors import BadEntry, StorageError, translating
from holdshelf_storage.ledger.rules import LogFacts
from holdshelf_storage.volume.journal import UNREADABLE

TABLE, LIFTED = "holds", "lifted"
_HOLD = b'"action":"hold.'
_OTHERS = (b'"action":"footage.root"', b'"action":"log.repair"')
"""The entry that begins a log after a damaged one has every row."""

type Protects = Callable[[str, int, int], bool]


class _Span(msgspec.Struct):
    camera: str
    start_utc_ns: int
    end_utc_ns: int | None


class _Hold(msgspec.Struct):
    spans: list[_Span]
    state: str = ""
    copies: list[str] = []


class _Change(msgspec.Struct):
    table: str
    key: str
    row: msgspec.Raw = msgspec.Raw(b"null")


_changes: msgspec.json.Decoder[list[_Change]] = msgspec.json.Decoder(list[_Change])
_hold: msgspec.json.Decoder[_Hold | None] = msgspec.json.Decoder(_Hold | None)
_log = logging.getLogger(__name__)


class FactsReader:
    """What an open log says, by the last durable entry. Thread-safe."""

    def __init__(self, log: AccessLog, protects: Protects) -> None:
        """`protects(camera, start, end)`: whether a hold keeps that by now, even one whose entry waits."""
        self._log, self._protects = log, protects
        self._guard = threading.Lock()
        self._facts: LogFacts | None = None
        self._read_to = 0
        self._key = ""

    def __call__(self) -> LogFacts | None:
        """The facts; None while the log is damaged or cannot be read."""
        log = self._log
        with self._guard:
            if log.problem is not None:
                return None
            size, key = log.size, str(log.public_key)
            if self._facts is None or key != self._key or size < self._read_to:
                self._facts, self._key, self._read_to = LogFacts(self._protects), key, 0
            if size > self._read_to:
                try:
                    # The last one first: that way, what nobody wants is not parsed.
                    found = list(log.read_back(self._read_to + 1, size, _is_wanted, _may_be_wanted))
                    _tell(self._facts, reversed(found))
                except (StorageError, OSError) as error:
                    self._facts = None
                    _log.warning("the ledger cannot be held against the access log: %s", error)
                    return None
                self._read_to = size
            return self._facts


def read_facts(state: Path) -> LogFacts:
    """What the log in STATE's files says by now, as far as its head is signed. Raises StorageError, BadHead.

    What a running service writes into the ledger from now on is not judged by it.
    """
    facts = LogFacts()
    with translating(f"{state / 'ledger'} could not be listed"):
        facts.ledger_bytes = {path.name: path.stat().st_size for path in (state / "ledger").glob("*.jsonl")}
    folder = state / ACCESS
    with translating(f"{folder} could not be opened"):
        dir_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    with contextlib.ExitStack() as undo:
        undo.callback(os.close, dir_fd)
        size = parse_note(read_small(dir_fd, HEAD).decode(errors="replace")).head.size
        # There may be more entries: where those end that are asked for is looked up.
        pairs = read_pairs_back(dir_fd, list_months(dir_fd), 1, size, size + 1, Search(_may_be_wanted)) if size else ()
        found = [to_entry(pair, may_lack=True) for pair in pairs if _is_wanted(pair.content)]
    _tell(facts, reversed(found))
    return facts


def _may_be_wanted(data: bytes) -> bool:
    return _HOLD in data or any(word in data for word in _OTHERS)


def _is_wanted(content: Mapping[str, Any]) -> bool:
    action = str(content.get("action"))
    return action.startswith("hold.") or action in {anchors.ACTION, "log.repair"}


def _tell(facts: LogFacts, entries: Iterable[Entry]) -> None:
    for entry in entries:
        at_utc_ns = time_ns(str(entry.public["at"]))
        if entry.public.get("action") == anchors.ACTION:
            with contextlib.suppress(BadEntry):  # one that cannot be read anchors nothing
                batch = anchors.batch_of(entry)
                if batch is not None:
                    facts.anchored(entry.seq, at_utc_ns, [(one.name, one.bytes) for one in batch.papers.ledger])
            continue
        for key, row in _rows(entry):
            facts.hold(entry.seq, at_utc_ns, key, _spans(row))


def _rows(entry: Entry) -> Iterator[tuple[str, _Hold | None]]:
    """The rows of holds that an entry wrote. Raises BadEntry when they are lost, or not as this version knows them."""
    text = (entry.private or {}).get("changes")
    if text is None:
        if "changes" in entry.public.get("commit", ()):
            raise BadEntry(f"What entry {entry.seq} of the access log changed is lost.")
        return
    try:
        for change in _changes.decode(text):
            if change.table == TABLE:
                yield change.key, _hold.decode(change.row)
    except UNREADABLE:
        raise BadEntry(f"What entry {entry.seq} of the access log changed cannot be read.") from None


def _spans(row: _Hold | None) -> dict[str, list[tuple[int, int]]]:
    """What a version of a hold keeps for certain, by camera."""
    found: dict[str, list[tuple[int, int]]] = {}
    if row is None or row.state == LIFTED or row.copies:
        return found
    for span in row.spans:
        end = layout.MAX_TIME_NS if span.end_utc_ns is None else span.end_utc_ns
        if end > span.start_utc_ns:
            found.setdefault(span.camera, []).append((span.start_utc_ns, end))
    return found
