"""Which segments the ledger erased, by camera-day: distinguishes a *missing* file from one erased on schedule.

Read on demand, continuing where it ended. Only partly erased days are kept in memory: a fully erased day leaves its summary, with
its first and last number. Thread-safe; only reads.
"""

import os
import threading
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

from holdshelf_storage.atomic import read_all
from holdshelf_storage.errors import translating
from holdshelf_storage.ledger import lines as ledger_lines
from holdshelf_storage.ledger.lines import Abandon, DayGone, Done, Intent

_OPEN_INTENTS = 64
"""An intent and its end are always close together."""


class Gone(NamedTuple):
    """A day that the ledger ended: its numbers, and those missing by then."""

    first_seq: int | None
    last_seq: int | None
    missing: frozenset[int]


class ErasedDay:
    """The numbers of one camera-day that the ledger names, interrupted intents included."""

    __slots__ = ("_abandoned", "_named", "gone")

    def __init__(self, named: frozenset[int], gone: Gone | None, abandoned: frozenset[int]) -> None:
        self._named, self.gone, self._abandoned = named, gone, abandoned

    @property
    def is_whole(self) -> bool:
        """Whether the ledger says that this day was erased entirely."""
        return self.gone is not None

    def __contains__(self, seq: object) -> bool:
        if not isinstance(seq, int):
            return False
        if seq in self._named or seq in self._abandoned:
            return True
        gone = self.gone
        if gone is None or gone.first_seq is None or gone.last_seq is None:
            return False
        return gone.first_seq <= seq <= gone.last_seq and seq not in gone.missing


class ErasedIndex:
    """All of them, from the ledger's files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._guard = threading.Lock()
        self._read: dict[Path, int] = {}
        self._named: dict[tuple[str, str], set[int]] = {}
        self._gone: dict[tuple[str, str], Gone] = {}
        self._abandoned: dict[str, set[int]] = {}
        self._intents: OrderedDict[str, Intent] = OrderedDict()

    def day(self, camera: str, day: str) -> ErasedDay:
        """The ledger's current records of one camera-day. Raises DiskWriteError."""
        with self._guard:
            self._catch_up()
            return ErasedDay(
                frozenset(self._named.get((camera, day), ())),
                self._gone.get((camera, day)),
                frozenset(self._abandoned.get(camera, ())),
            )

    def _catch_up(self) -> None:
        with translating(f"{self._folder} could not be listed"):
            sizes = {path: path.stat().st_size for path in sorted(self._folder.glob("*.jsonl"))}
        if any(sizes.get(path, 0) < read for path, read in self._read.items()):
            # A ledger that has become shorter is a different one.
            for known in (self._read, self._named, self._gone, self._abandoned, self._intents):
                known.clear()
        for path, size in sizes.items():
            begin = self._read.get(path, 0)
            if size > begin:
                self._read[path] = begin + self._take(path, begin)

    def _take(self, path: Path, begin: int) -> int:
        """Processes the lines after `begin`; returns their bytes."""
        with translating(f"{path} could not be read"):
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                if begin:
                    size = os.fstat(fd).st_size
                    data = os.pread(fd, size - begin, begin)
                else:
                    data = read_all(fd)
            finally:
                os.close(fd)
        whole = data.rfind(b"\n") + 1
        for line in data[:whole].split(b"\n"):
            if line:
                self._line(line)
        return whole

    def _line(self, line: bytes) -> None:
        match ledger_lines.decode(line):
            case Intent() as intent:
                for part in intent.days:
                    self._named.setdefault((part.camera, part.day), set()).update(part.seqs)
                self._intents[intent.id] = intent
                if len(self._intents) > _OPEN_INTENTS:
                    self._intents.popitem(last=False)
            case Done() as done:
                named = self._intents.pop(done.id, None)
                if named is not None and done.kept:
                    for part in named.days:
                        self._named.get((part.camera, part.day), set()).difference_update(done.kept)
            case DayGone() as gone:
                self._named.pop((gone.camera, gone.day), None)
                missing = frozenset(seq for seq, _, _ in gone.missing)
                self._gone[gone.camera, gone.day] = Gone(gone.first_seq, gone.last_seq, missing)
            case Abandon() as abandon:
                self._abandoned.setdefault(abandon.camera, set()).add(abandon.seq)
            case _:
                pass
