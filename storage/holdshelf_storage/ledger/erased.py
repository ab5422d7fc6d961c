"""Which segments the ledger names as erased, by camera-day. `footage.judge` holds it against the rules of erasing.

Read on demand, continuing where it ended. Only partly erased days are kept in memory: a fully erased day leaves its summary, with
its first and last number. Thread-safe; only reads.
"""

import os
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from holdshelf_storage import layout
from holdshelf_storage.atomic import read_all
from holdshelf_storage.errors import translating
from holdshelf_storage.ledger import lines as ledger_lines
from holdshelf_storage.ledger.lines import Abandon, DayGone, Done, Intent, Unshelve
from holdshelf_storage.ledger.rules import SLACK_NS, Written

_OPEN_INTENTS = 64
"""An intent and its end are always close together."""


_NONE: Mapping[int, str] = {}


class Gone(NamedTuple):
    """A day that the ledger ended: its numbers, and those missing by then."""

    first_seq: int | None
    last_seq: int | None
    missing: frozenset[int]
    line: Written
    named: Mapping[int, Written] | None = None
    """By number, the line that names it; None where no hold ever kept anything of that day."""

    def has(self, seq: int) -> bool:
        """Whether it says that this number was erased."""
        first, last = self.first_seq, self.last_seq
        return first is not None and last is not None and first <= seq <= last and seq not in self.missing


class ErasedDay:
    """The numbers of one camera-day that the ledger names, interrupted intents included, and that break no rule."""

    __slots__ = ("_abandoned", "_named", "against", "ends", "kept", "may_change")

    def __init__(
        self,
        named: Mapping[int, Written],
        ends: tuple[Gone, ...],
        abandoned: frozenset[int],
        kept: frozenset[int] = frozenset(),
        against: Mapping[int, str] = _NONE,
    ) -> None:
        self._named, self.ends, self._abandoned, self.kept, self.against = named, ends, abandoned, kept, against
        self.may_change = False
        """Whether a later anchor may tell more of the lines that name it."""

    @property
    def gone(self) -> Gone | None:
        """The day's last end; None: it has none."""
        return self.ends[-1] if self.ends else None

    @property
    def is_whole(self) -> bool:
        """Whether the ledger says that this day was erased entirely."""
        return bool(self.ends)

    @property
    def names_any(self) -> bool:
        """Whether the ledger names anything of this day as erased."""
        return bool(self._named) or bool(self.ends)

    @property
    def first_ended(self) -> int | None:
        """The lowest number of what its ends name."""
        return min((one.first_seq for one in self.ends if one.first_seq is not None), default=None)

    def __contains__(self, seq: object) -> bool:
        return isinstance(seq, int) and seq not in self.against and (seq in self._abandoned or self.names(seq))

    def names(self, seq: int) -> bool:
        """Whether the ledger says that the rolling buffer erased it, true or not."""
        return seq in self._named or any(one.has(seq) for one in self.ends)

    def line(self, seq: int) -> Written | None:
        """The line that names it; None when it is not known any more."""
        if seq in self._named:
            return self._named[seq]
        ends = [one for one in self.ends if one.has(seq)]
        if any(one.named is None for one in ends):
            return None
        # What came late may lie between the numbers of an end that was written before it was erased.
        named = [one.named[seq] for one in ends if one.named is not None and seq in one.named]
        return named[-1] if named else ends[-1].line if ends else None

    def newest_line(self, seq: int) -> Written | None:
        """The last line that names it, as far as that is known: the day's end, where nothing else is."""
        return self._named.get(seq) or next((one.line for one in reversed(self.ends) if one.has(seq)), None)

    def judged(self, against: Mapping[int, str], *, may_change: bool) -> "ErasedDay":
        """The same without the numbers in `against`, which gives the rule that each breaks."""
        judged = ErasedDay(self._named, self.ends, self._abandoned, self.kept, against)
        judged.may_change = may_change
        return judged


class ErasedIndex:
    """All of them, from the ledger's files."""

    def __init__(self, folder: Path, keep: Callable[[str, str], bool] = lambda _camera, _day: False) -> None:
        """`keep(camera, day)`: whether it must be known of an ended day which line named which number."""
        self._folder = folder
        self._keep = keep
        self._guard = threading.Lock()
        self._read: dict[Path, int] = {}
        self._named: dict[tuple[str, str], dict[int, Written]] = {}
        self._kept: dict[tuple[str, str], set[int]] = {}
        self._gone: dict[tuple[str, str], tuple[Gone, ...]] = {}
        """A day that a clock came back to ends more than once."""
        self._abandoned: dict[str, set[int]] = {}
        self._intents: OrderedDict[str, tuple[Intent, Written]] = OrderedDict()
        self._lines = 0
        self._latest_utc_ns = 0
        self._set_back: list[tuple[int, int]] = []
        """(order, time) of lines written by a clock that had been ahead; both ascending."""

    def keep_lines(self, keep: Callable[[str, str], bool]) -> None:
        """Sets `keep`, and reads everything again by it."""
        with self._guard:
            self._keep = keep
            self._forget()

    def day(self, camera: str, day: str) -> ErasedDay:
        """The ledger's current records of one camera-day. Raises DiskWriteError."""
        with self._guard:
            self._catch_up()
            return ErasedDay(
                dict(self._named.get((camera, day), ())),
                self._gone.get((camera, day), ()),
                frozenset(self._abandoned.get(camera, ())),
                frozenset(self._kept.get((camera, day), ())),
            )

    def is_clear(self, line: Written, now_utc_ns: int) -> bool:
        """Whether nothing shows that the clock by which a line was written was ahead."""
        with self._guard:
            later = bisect_right(self._set_back, (line.order, layout.MAX_TIME_NS))
            earliest = self._set_back[later][1] if later < len(self._set_back) else layout.MAX_TIME_NS
        return line.at_utc_ns <= min(now_utc_ns, earliest) + SLACK_NS

    def _forget(self) -> None:
        for known in (self._read, self._named, self._kept, self._gone, self._abandoned, self._intents, self._set_back):
            known.clear()
        self._lines = self._latest_utc_ns = 0

    def _catch_up(self) -> None:
        with translating(f"{self._folder} could not be listed"):
            sizes = {path: path.stat().st_size for path in sorted(self._folder.glob("*.jsonl"))}
        if any(sizes.get(path, 0) < read for path, read in self._read.items()):
            self._forget()  # a ledger that has become shorter is a different one
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
        offset = begin
        for line in data[:whole].split(b"\n"):
            if line:
                self._line(line, path.name, offset)
            offset += len(line) + 1
        return whole

    def _line(self, line: bytes, month: str, offset: int) -> None:
        entry = ledger_lines.decode(line)
        if entry is None:
            return
        written = Written(month, offset, self._lines, 0)
        self._lines += 1
        if isinstance(entry, Intent | Abandon | DayGone | Unshelve):
            written = self._timed(written._replace(at_utc_ns=entry.at_utc_ns))
        match entry:
            case Intent():
                for part in entry.days:
                    named = self._named.setdefault((part.camera, part.day), {})
                    for seq in part.seqs:
                        named.setdefault(seq, written)
                self._intents[entry.id] = entry, written
                if len(self._intents) > _OPEN_INTENTS:
                    self._intents.popitem(last=False)
            case Done():
                self._done(entry)
            case DayGone():
                self._end(entry, written)
            case Abandon():
                self._abandoned.setdefault(entry.camera, set()).add(entry.seq)
            case _:
                pass

    def _end(self, entry: DayGone, written: Written) -> None:
        """A day has ended. By a clock that came back to it, lines about its next files may have been read before."""
        key = entry.camera, entry.day
        missing = frozenset(seq for seq, _, _ in entry.missing)
        ended = Gone(entry.first_seq, entry.last_seq, missing, written)
        known = self._named.pop(key, {})
        others = {seq: line for seq, line in known.items() if not ended.has(seq)}
        if others:
            self._named[key] = others
        else:
            self._kept.pop(key, None)
        if self._keep(*key):
            ended = ended._replace(named={seq: line for seq, line in known.items() if seq not in others})
        self._gone[key] = (*self._gone.get(key, ()), ended)

    def _done(self, done: Done) -> None:
        intent, written = self._intents.pop(done.id, (None, None))
        for part in intent.days if intent is not None and done.kept else ():
            named, kept = self._named.get((part.camera, part.day), {}), set(part.seqs).intersection(done.kept)
            if kept:
                self._kept.setdefault((part.camera, part.day), set()).update(kept)
            for seq in kept:
                if named.get(seq) == written:  # else another intent erased it, in a month by another clock, read before
                    del named[seq]

    def _timed(self, written: Written) -> Written:
        """Notes a line's time."""
        if written.at_utc_ns < self._latest_utc_ns - SLACK_NS:
            while self._set_back and self._set_back[-1][1] >= written.at_utc_ns:
                self._set_back.pop()
            self._set_back.append((written.order, written.at_utc_ns))
        self._latest_utc_ns = max(self._latest_utc_ns, written.at_utc_ns)
        return written
